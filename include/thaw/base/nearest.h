/* The nearest valid name, for errors that say what was probably meant. */
#ifndef THAW_BASE_NEAREST_H
#define THAW_BASE_NEAREST_H

#include "thaw/base/macros.h"

/* Levenshtein's distance: the fewest bytes to insert, delete or replace. Counts at most 64 bytes of each. */
int nearest_distance(const char *a, const char *b) THAW_NONNULL;

#endif
