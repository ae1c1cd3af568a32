/* What rundir.c and rundir_read.c share: the names inside a run directory and the look at its lock. */
#ifndef THAW_RUN_RUNDIR_PRIVATE_H
#define THAW_RUN_RUNDIR_PRIVATE_H

#include "thaw/run/rundir.h"

#define RUNDIR_EVENTS      "events.jsonl"
#define RUNDIR_LOCK        "lock"
#define RUNDIR_CHECKPOINTS "checkpoints"

/* The process number in an open lock file; 0: none. */
long rundir_lock_holder(int lock);

/* Takes the lock of a run in which nobody trains, without a word of who holds it; close it to let go. -1: somebody has it,
 * or it cannot be locked. */
int rundir_hold(const char *path, struct error *error) THAW_NONNULL THAW_MUST_CHECK;

/* A name as part of a path: no slashes, no leading dot, nothing a shell or an INI file stumbles over; caller frees. */
char *rundir_clean_name(const char *name) THAW_NONNULL;

#endif
