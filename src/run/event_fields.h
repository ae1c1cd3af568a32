/* The fields of every event kind, as a table: what event_json.c writes, reads and HACKING.md documents. */
#ifndef THAW_RUN_EVENT_FIELDS_H
#define THAW_RUN_EVENT_FIELDS_H

#include "thaw/run/event.h"

enum event_field_type {
    EVENT_FIELD_INT,
    EVENT_FIELD_U64,
    EVENT_FIELD_DOUBLE,
    EVENT_FIELD_BOOL,
    EVENT_FIELD_TEXT, /* char[size] */
    EVENT_FIELD_HASH, /* struct hash, as 32 hex digits */
    EVENT_FIELD_HOW,  /* enum event_done, by name */
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
/* "finished"; NULL past the end. */
const char *event_done_name(enum event_done how);

#endif
