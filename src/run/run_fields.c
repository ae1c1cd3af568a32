/* The table of what a summary says. Called by run_cache.c and by lists that tell all of it. */
#include "config.h"

#include "thaw/run/run_fields.h"

#include "thaw/run/rundir.h"

#define FIELD(type, member)                                                                                            \
    {                                                                                                                  \
#member, type, offsetof(struct rundir_summary, member), sizeof(((struct rundir_summary *)0)->member)           \
    }
static const struct run_field fields[] = {
    FIELD(RUN_FIELD_TEXT, model),
    FIELD(RUN_FIELD_TEXT, program),
    FIELD(RUN_FIELD_STRING, data),
    FIELD(RUN_FIELD_STRING, weights),
    FIELD(RUN_FIELD_STRING, parent),
    FIELD(RUN_FIELD_STRING, fault),
    FIELD(RUN_FIELD_STRING, damage),
    FIELD(RUN_FIELD_DOUBLE, started),
    FIELD(RUN_FIELD_DOUBLE, updated),
    FIELD(RUN_FIELD_DOUBLE, seconds),
    FIELD(RUN_FIELD_INT, epochs_done),
    FIELD(RUN_FIELD_INT, epochs),
    FIELD(RUN_FIELD_INT, resumed),
    FIELD(RUN_FIELD_U64, step),
    FIELD(RUN_FIELD_U64, seed),
    FIELD(RUN_FIELD_INT, classes),
    FIELD(RUN_FIELD_INT, train_images),
    FIELD(RUN_FIELD_INT, val_images),
    FIELD(RUN_FIELD_TEXT, metric),
    FIELD(RUN_FIELD_DOUBLE, best_accuracy),
    FIELD(RUN_FIELD_DOUBLE, last_accuracy),
    FIELD(RUN_FIELD_INT, best_epoch),
    FIELD(RUN_FIELD_DOUBLE, train_loss),
    FIELD(RUN_FIELD_DOUBLE, val_loss),
    FIELD(RUN_FIELD_U64, params_trainable),
    FIELD(RUN_FIELD_U64, params_frozen),
    FIELD(RUN_FIELD_BOOL, done),
    FIELD(RUN_FIELD_BOOL, paused),
    FIELD(RUN_FIELD_BOOL, newer),
    FIELD(RUN_FIELD_HOW, how),
};
_Static_assert(sizeof(enum event_done) == sizeof(int), "it is read and written as an int");

const struct run_field *run_fields(size_t *count)
{
    *count = THAW_LENGTH(fields);
    return fields;
}
