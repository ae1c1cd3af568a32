/* Runs by name: what a user calls a run, and the directory that is meant. */
#ifndef THAW_RUN_RUN_FIND_H
#define THAW_RUN_RUN_FIND_H

#include <stdbool.h>
#include <stddef.h>

#include "thaw/base/error.h"

/* Where runs are kept: `given` with a leading ~/ resolved, or NULL: in the data home; caller frees. Not made. */
char *run_folder(const char *given);

/* Whether this directory holds a run. */
bool run_is(const char *path) THAW_NONNULL;

/* How many runs of the folder `name` can mean: as a path that holds one, as "last" for the one that began last, or, at the
 * first of these that fits any, as the whole name, as the name behind its time stamp, as a part of the name (upper and
 * lower case alike). */
size_t run_matches(const char *runs, const char *name) THAW_NONNULL;
/* The directory of the one it means; caller frees. NULL where there is none or are several: ERROR_USAGE, with the runs
 * that it can be or that are near. */
char *run_find(const char *runs, const char *name, struct error *error) THAW_NONNULL THAW_MUST_CHECK;

/* The same for who speaks to a run: of several that the name can mean, the only one that trains. */
char *run_find_live(const char *runs, const char *name, struct error *error) THAW_NONNULL THAW_MUST_CHECK;

/* "20261123-101500-": how far a run's name begins with a time stamp, bytes; 0: not at all. */
size_t run_stamp(const char *name) THAW_NONNULL;

#endif
