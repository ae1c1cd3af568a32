/* Reading a run's predictions. */
#ifndef THAW_SESSION_RESULTS_H
#define THAW_SESSION_RESULTS_H

#include <stddef.h>

#include "thaw/base/error.h"

struct results_read {
    int classes;
    char **class_name;   /* [classes], the caller's */
    unsigned *confusion; /* [classes][classes], rows true, columns predicted; the caller's */
    size_t images, correct;
    int epoch; /* of the evaluation */
};

/* From a file of the run directory. One that is missing, or whose labels are out of range, is ERROR_FAILED and gives
 * nothing. */
bool results_read(struct results_read *read, const char *run, const char *name,
                  struct error *error) THAW_NONNULL THAW_MUST_CHECK;
void results_read_finish(struct results_read *read) THAW_NONNULL;

#endif
