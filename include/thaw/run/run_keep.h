/* Order among runs: other names, and a trash that they come back from. A run in which a process trains is never moved: its
 * lock says so, and is held while another is. Paths given are run directories; those returned are the caller's to free. */
#ifndef THAW_RUN_RUN_KEEP_H
#define THAW_RUN_RUN_KEEP_H

#include <stddef.h>
#include <stdint.h>

#include "thaw/base/error.h"

/* The folder beside the runs. Its name begins with a dot, so that no list of runs shows it. */
#define RUN_TRASH ".trash"

/* Gives the directory another name behind its time stamp; returns the new path. Nothing in a run depends on its name, but
 * see run_heirs.
 * ERROR_USAGE for a name that no directory should have, and where there is such a run already. */
char *run_rename(const char *path, const char *name, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* Moves the directory into the trash beside it; returns the new path. */
char *run_delete(const char *path, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* Moves a run of the trash, found by run_find in run_trash, back beside it; returns the new path. */
char *run_restore(const char *path, struct error *error) THAW_NONNULL THAW_MUST_CHECK;

/* Names of the runs beside it that began from its model, "a, b", which cannot go on once it is elsewhere; NULL:
 * none. Caller frees. */
char *run_heirs(const char *path) THAW_NONNULL;

/* The trash of a folder of runs, whether there is one or not. */
char *run_trash(const char *runs) THAW_NONNULL;
/* How many things are in it, and their bytes. */
bool run_trash_count(const char *runs, size_t *count, uint64_t *bytes,
                     struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* Removes them for good; what cannot be removed stays, and is the fault told. *count, *bytes: what went. */
bool run_trash_empty(const char *runs, size_t *count, uint64_t *bytes,
                     struct error *error) THAW_NONNULL THAW_MUST_CHECK;

#endif
