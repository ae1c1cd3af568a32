/* How a run stands, in the one set of words that lists, screens, reports and JSON use. */
#ifndef THAW_RUN_RUN_STATE_H
#define THAW_RUN_RUN_STATE_H

#include "thaw/run/event.h"

struct rundir_summary;

/* "finished", "stopped", "stopped early", "interrupted" or "failed". */
const char *run_done_word(enum event_done how);
/* The same of a run that need not have ended: "running" or "paused" where a process trains in it, "broken off" where none
 * does and no end is recorded. */
const char *run_state_word(const struct rundir_summary *run);

#endif
