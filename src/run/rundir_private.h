/* What rundir.c and rundir_read.c share: the names inside a run directory and the look at its lock. */
#ifndef THAW_RUN_RUNDIR_PRIVATE_H
#define THAW_RUN_RUNDIR_PRIVATE_H

#include "thaw/run/rundir.h"

#define RUNDIR_EVENTS      "events.jsonl"
#define RUNDIR_LOCK        "lock"
#define RUNDIR_CHECKPOINTS "checkpoints"

/* The process number in an open lock file; 0: none. */
long rundir_lock_holder(int lock);

#endif
