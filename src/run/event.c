/* Event kinds and their fields, as tables. A new field is one row here and one member in struct event; a new kind is
 * one enum value, one struct and one row of `kind_table`. event_json.c walks the tables both ways.
 * What the fields mean (units: seconds, accuracies 0..1):
 *   run          version, program, model, data; classes; images of both parts; epochs, steps an epoch; learnable values;
 *                memory of a step, layers computed again for it and their share of the multiply-adds
 *   step         loss and learning rate of this step; images and correct ones among them; speed
 *   epoch        mean loss and accuracy over the epoch's training images, seconds of training
 *   eval         loss, top-1, top-5 over the validation part, seconds, whether it is the best so far
 *   lr           base learning rate before and after
 *   thaw         which patterns, frozen or thawed, by hand or by schedule, learnable values after it
 *   features     of which part; images, those computed now, behind which layer, bytes kept, only in memory, seconds
 *   freeze-proof tensors compared, one digest over all, whether all held, the first that moved
 *   checkpoint   file and whether it is the best; warning: a sentence; pause: paused or continued
 *   fork         the checkpoint a resumed run went on from; done: how it ended, best epoch, last validation loss */
#include "config.h"

#include "event_fields.h"

#define FIELD(json, kind, member)                                                                                      \
    {                                                                                                                  \
        json, kind, offsetof(struct event, member), sizeof(((struct event *)0)->member)                                \
    }

static const struct event_field common_fields[] = {
    FIELD("time", EVENT_FIELD_DOUBLE, time),
    FIELD("elapsed", EVENT_FIELD_DOUBLE, elapsed),
    FIELD("epoch", EVENT_FIELD_INT, epoch),
    FIELD("step", EVENT_FIELD_U64, step),
};
static const struct event_field run_fields[] = {
    FIELD("version", EVENT_FIELD_INT, u.run.version),
    FIELD("program", EVENT_FIELD_TEXT, u.run.program),
    FIELD("model", EVENT_FIELD_TEXT, u.run.model),
    FIELD("data", EVENT_FIELD_TEXT, u.run.data),
    FIELD("classes", EVENT_FIELD_INT, u.run.classes),
    FIELD("train_images", EVENT_FIELD_INT, u.run.train_images),
    FIELD("val_images", EVENT_FIELD_INT, u.run.val_images),
    FIELD("epochs", EVENT_FIELD_INT, u.run.epochs),
    FIELD("steps_per_epoch", EVENT_FIELD_INT, u.run.steps_per_epoch),
    FIELD("params_trainable", EVENT_FIELD_U64, u.run.params_trainable),
    FIELD("params_frozen", EVENT_FIELD_U64, u.run.params_frozen),
    FIELD("seed", EVENT_FIELD_U64, u.run.seed),
    FIELD("memory", EVENT_FIELD_U64, u.run.memory),
    FIELD("recomputed", EVENT_FIELD_INT, u.run.recomputed),
    FIELD("recomputed_share", EVENT_FIELD_DOUBLE, u.run.recomputed_share),
    FIELD("weights", EVENT_FIELD_TEXT, u.run.weights),
};
static const struct event_field step_fields[] = {
    FIELD("loss", EVENT_FIELD_DOUBLE, u.step_.loss),
    FIELD("lr", EVENT_FIELD_DOUBLE, u.step_.lr),
    FIELD("images_per_second", EVENT_FIELD_DOUBLE, u.step_.images_per_second),
    FIELD("images", EVENT_FIELD_INT, u.step_.images),
    FIELD("correct", EVENT_FIELD_INT, u.step_.correct),
};
static const struct event_field epoch_fields[] = {
    FIELD("loss", EVENT_FIELD_DOUBLE, u.epoch_.loss),
    FIELD("accuracy", EVENT_FIELD_DOUBLE, u.epoch_.accuracy),
    FIELD("seconds", EVENT_FIELD_DOUBLE, u.epoch_.seconds),
};
static const struct event_field eval_fields[] = {
    FIELD("loss", EVENT_FIELD_DOUBLE, u.eval.loss), FIELD("accuracy", EVENT_FIELD_DOUBLE, u.eval.accuracy),
    FIELD("top5", EVENT_FIELD_DOUBLE, u.eval.top5), FIELD("seconds", EVENT_FIELD_DOUBLE, u.eval.seconds),
    FIELD("best", EVENT_FIELD_BOOL, u.eval.best),
};
static const struct event_field lr_fields[] = {
    FIELD("from", EVENT_FIELD_DOUBLE, u.lr.from),
    FIELD("to", EVENT_FIELD_DOUBLE, u.lr.to),
};
static const struct event_field thaw_fields[] = {
    FIELD("layers", EVENT_FIELD_TEXT, u.thaw.layers),
    FIELD("frozen", EVENT_FIELD_BOOL, u.thaw.frozen),
    FIELD("by_hand", EVENT_FIELD_BOOL, u.thaw.by_hand),
    FIELD("params_trainable", EVENT_FIELD_U64, u.thaw.params_trainable),
    FIELD("params_frozen", EVENT_FIELD_U64, u.thaw.params_frozen),
};
static const struct event_field features_fields[] = {
    FIELD("validation", EVENT_FIELD_BOOL, u.features.validation), FIELD("images", EVENT_FIELD_INT, u.features.images),
    FIELD("computed", EVENT_FIELD_INT, u.features.computed),      FIELD("from", EVENT_FIELD_TEXT, u.features.from),
    FIELD("in_memory", EVENT_FIELD_BOOL, u.features.in_memory),   FIELD("bytes", EVENT_FIELD_U64, u.features.bytes),
    FIELD("seconds", EVENT_FIELD_DOUBLE, u.features.seconds),
};
static const struct event_field proof_fields[] = {
    FIELD("tensors", EVENT_FIELD_INT, u.proof.tensors),
    FIELD("digest", EVENT_FIELD_HASH, u.proof.digest),
    FIELD("held", EVENT_FIELD_BOOL, u.proof.held),
    FIELD("moved", EVENT_FIELD_TEXT, u.proof.moved),
};
static const struct event_field checkpoint_fields[] = {
    FIELD("file", EVENT_FIELD_TEXT, u.checkpoint.file),
    FIELD("best", EVENT_FIELD_BOOL, u.checkpoint.best),
};
static const struct event_field warning_fields[] = {
    FIELD("text", EVENT_FIELD_TEXT, u.warning.text),
};
static const struct event_field pause_fields[] = {
    FIELD("paused", EVENT_FIELD_BOOL, u.pause.paused),
};
static const struct event_field fork_fields[] = {
    FIELD("from", EVENT_FIELD_TEXT, u.fork.from),
};
static const struct event_field done_fields[] = {
    FIELD("how", EVENT_FIELD_HOW, u.done.how),
    FIELD("best_accuracy", EVENT_FIELD_DOUBLE, u.done.best_accuracy),
    FIELD("best_epoch", EVENT_FIELD_INT, u.done.best_epoch),
    FIELD("val_loss", EVENT_FIELD_DOUBLE, u.done.val_loss),
    FIELD("seconds", EVENT_FIELD_DOUBLE, u.done.seconds),
    FIELD("text", EVENT_FIELD_TEXT, u.done.text),
};

struct kind_row {
    const char *name;
    const struct event_field *field;
    size_t fields;
};
#define KIND(name, table)                                                                                              \
    {                                                                                                                  \
        name, table, THAW_LENGTH(table)                                                                                \
    }
static const struct kind_row kind_table[] = {
    [EVENT_RUN] = KIND("run", run_fields),
    [EVENT_STEP] = KIND("step", step_fields),
    [EVENT_EPOCH] = KIND("epoch", epoch_fields),
    [EVENT_EVAL] = KIND("eval", eval_fields),
    [EVENT_LR] = KIND("lr", lr_fields),
    [EVENT_THAW] = KIND("thaw", thaw_fields),
    [EVENT_FEATURES] = KIND("features", features_fields),
    [EVENT_FREEZE_PROOF] = KIND("freeze-proof", proof_fields),
    [EVENT_CHECKPOINT] = KIND("checkpoint", checkpoint_fields),
    [EVENT_WARNING] = KIND("warning", warning_fields),
    [EVENT_PAUSE] = KIND("pause", pause_fields),
    [EVENT_FORK] = KIND("fork", fork_fields),
    [EVENT_DONE] = KIND("done", done_fields),
};
_Static_assert(THAW_LENGTH(kind_table) == EVENT_KINDS, "a row for each event kind");

static const char *const done_names[] = {
    [EVENT_DONE_FINISHED] = "finished",       [EVENT_DONE_STOPPED] = "stopped", [EVENT_DONE_EARLY] = "early",
    [EVENT_DONE_INTERRUPTED] = "interrupted", [EVENT_DONE_FAILED] = "failed",
};

const char *event_kind_name(enum event_kind kind)
{
    return kind_table[kind].name;
}

const char *event_done_name(enum event_done how)
{
    return (size_t)how < THAW_LENGTH(done_names) ? done_names[how] : NULL;
}

const struct event_field *event_fields_common(size_t *count)
{
    *count = THAW_LENGTH(common_fields);
    return common_fields;
}

const struct event_field *event_fields(enum event_kind kind, size_t *count)
{
    *count = kind_table[kind].fields;
    return kind_table[kind].field;
}
