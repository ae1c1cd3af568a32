/* The fields of every event kind, as a table: what event_json.c writes, reads and HACKING.md documents. */
#ifndef THAW_RUN_EVENT_FIELDS_H
#define THAW_RUN_EVENT_FIELDS_H

#include "thaw/run/event.h"

enum event_field_type {
    EVENT_FIELD_INT,
    EVENT_FIELD_U64,
    EVENT_FIELD_DOUBLE,
    EVENT_FIELD_SECONDS, /* double: finite, not negative, less than 1e12 */
    EVENT_FIELD_BOOL,
    EVENT_FIELD_TEXT,        /* char[size] */
    EVENT_FIELD_HASH,        /* struct hash, as 32 hex digits */
    EVENT_FIELD_HOW,         /* enum event_done, by name */
    EVENT_FIELD_PHASE,       /* enum event_phase, by name */
    EVENT_FIELD_LONG,        /* char *, owned; NULL: the key is left out */
    EVENT_FIELD_METRICS,     /* struct metrics: {"accuracy":0.9} */
    EVENT_FIELD_DEFINITIONS, /* struct metric_definitions: a list of objects */
    EVENT_FIELD_LAYERS,      /* struct event_layer *, owned, with an int count behind it */
    EVENT_FIELD_RATIOS,      /* float *, owned, with an int count behind it */
};

struct event_field {
    const char *name; /* the JSON key */
    enum event_field_type type;
    size_t offset, size; /* into struct event */
};

/* The fields that every kind has, behind "kind". */
const struct event_field *event_fields_common(size_t *count) THAW_NONNULL;
/* The fields of one kind. */
const struct event_field *event_fields(enum event_kind kind, size_t *count) THAW_NONNULL;
/* The number behind a LAYERS or RATIOS pointer. */
int *event_count_of(struct event *event, const struct event_field *field) THAW_NONNULL;

#endif
