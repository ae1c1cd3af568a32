/* What users put on their runs: tags and a note, kept in labels.json in the run directory. They change nothing of a run,
 * and may be put on one that trains. */
#ifndef THAW_RUN_RUN_LABELS_H
#define THAW_RUN_RUN_LABELS_H

#include <stddef.h>

#include "thaw/base/error.h"

enum { RUN_TAGS_MAX = 32, RUN_TAG_MAX = 64, RUN_NOTE_MAX = 4000 }; /* the last two: bytes */

struct run_labels {
    char **tag; /* in the order they were given */
    size_t tags;
    char *all;  /* the tags in one: "a, b" */
    char *note; /* "": none */
};
/* Empty where the run has none. A file that holds something else is a fault, and empty too. Finish it either way. */
bool run_labels_read(struct run_labels *labels, const char *path, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
void run_labels_finish(struct run_labels *labels) THAW_NONNULL;

/* Adds each word as a tag, and takes off those that begin with a minus; all of them or, with ERROR_USAGE, none. */
bool run_tag(const char *path, const char *const *words, size_t count,
             struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* Puts a note in the place of the one there is; "": none. */
bool run_note(const char *path, const char *text, struct error *error) THAW_NONNULL THAW_MUST_CHECK;

#endif
