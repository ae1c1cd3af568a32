/* Reading a run's predictions.json. */
#ifndef THAW_SESSION_RESULTS_H
#define THAW_SESSION_RESULTS_H

#include <stddef.h>

#include "thaw/base/error.h"
#include "thaw/session/views.h"

struct results_read {
    int classes, epoch;
    char **class_name;                   /* [classes], the caller's */
    struct session_confusion *confusion; /* as in struct session_results; the caller's */
    size_t *row;                         /* [classes + 1]; the caller's */
    struct session_judged *judged;       /* [images], the surest first; the caller's, with all paths in one text */
    char *paths;
    size_t images, correct;
};

/* From <run>/predictions.json, or with best from predictions-best.json. A file that is missing, or whose labels are out of range, is ERROR_FAILED and gives
 * nothing. */
bool results_read(struct results_read *read, const char *run, bool best,
                  struct error *error) THAW_NONNULL THAW_MUST_CHECK;

/* Frees what was read, and leaves nothing. */
void results_drop(struct results_read *read) THAW_NONNULL;

#endif
