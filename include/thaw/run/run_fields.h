/* What a run's summary says, member by member: one row a member that comes from its events serves the kept summaries and
 * the JSON of lists. */
#ifndef THAW_RUN_RUN_FIELDS_H
#define THAW_RUN_RUN_FIELDS_H

#include <stddef.h>

enum run_field_type {
    RUN_FIELD_TEXT,   /* char [size] */
    RUN_FIELD_STRING, /* char *, the summary's */
    RUN_FIELD_DOUBLE, /* below 0 or no number: not known */
    RUN_FIELD_INT,    /* below 0: not known */
    RUN_FIELD_U64,
    RUN_FIELD_BOOL,
    RUN_FIELD_HOW, /* enum event_done */
};
struct run_field {
    const char *name; /* the member's */
    enum run_field_type type;
    size_t offset, size; /* in struct rundir_summary */
};
const struct run_field *run_fields(size_t *count);

#endif
