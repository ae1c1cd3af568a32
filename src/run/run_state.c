/* The words for how runs stand. Called by whatever tells of runs: verbs, the session's list, the screens. */
#include "config.h"

#include "thaw/run/run_state.h"

#include "thaw/run/rundir.h"

static const char *const words[] = {
    [EVENT_DONE_FINISHED] = "finished",       [EVENT_DONE_STOPPED] = "stopped", [EVENT_DONE_EARLY] = "stopped early",
    [EVENT_DONE_INTERRUPTED] = "interrupted", [EVENT_DONE_FAILED] = "failed",
};

const char *run_done_word(enum event_done how)
{
    return (size_t)how < THAW_LENGTH(words) ? words[how] : words[EVENT_DONE_FAILED];
}

const char *run_state_word(const struct rundir_summary *run)
{
    if (run->active)
        return run->paused ? "paused" : "running";
    if (run->newer)
        return "newer";
    if (run->damage[0])
        return "damaged";
    return run->done ? run_done_word(run->how) : "broken off";
}
