/* The engine of a run: a process that trains on its background thread and, on its main thread, serves whoever watches and
 * steers through sockets in the run directory. A workbench starts engines and links to them; it may come and go. */
#ifndef THAW_ENGINE_ENGINE_H
#define THAW_ENGINE_ENGINE_H

#include "thaw/run/link.h"
#include "thaw/train/trainer.h"

/* What is to be trained. */
struct engine_request {
    const struct experiment *experiment;
    const char *resume;     /* run directory to go on with, or NULL: a new one */
    const char *fork;       /* run directory whose checkpoint a new run begins from, or NULL ... */
    const char *checkpoint; /* ... and which one, as fork's trainer option takes it; NULL: the last */
    int epochs;             /* of a run that goes on: so many in all; 0: as it was */
    bool share;             /* the user's group may watch */
};

/* --- in this process --- */

/* A run in this process, with its link. Destroying the link stops and saves the run. */
struct link *engine_run_here(const struct engine_request *request, struct error *error) THAW_NONNULL THAW_MUST_CHECK;

/* What the main thread of an engine does besides serving; any may be NULL. */
struct engine_host {
    /* Its first event is written: what could be wrong with its model and data is known, and the doors are open. */
    void (*ready)(void *context, const char *run);
    /* An event of the run, in order; and ten times a second while it trains, with NULL. */
    void (*tell)(void *context, const struct event *event);
    void *context;
};
/* Trains to the end, serving. Blocks INT, TERM, HUP and USR1 for the whole process and takes them itself: INT interrupts,
 * TERM stops, HUP and USR1 save and go on; a second INT or TERM ends the process where the first has not, at once.
 * Returns how the trainer ended; *run gets the run's directory, which the caller frees. ERROR_NONE kinds of ends are told
 * by the events. false: it could not begin, or failed. */
bool engine_serve(const struct engine_request *request, const struct engine_host *host, char **run,
                  struct error *error) THAW_NONNULL THAW_MUST_CHECK;

/* --- in a process of its own --- */

/* Starts `program` ("/proc/self/exe") as an engine in a session of its own and returns a link that is LINK_STARTING
 * until the run is there, or LINK_FAILED with the sentence why not. Does not wait. */
struct link *engine_start(const char *program, const struct engine_request *request,
                          struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* Waits for what engine_start began, at most so many seconds. Returns the run's directory, which the caller frees. */
char *engine_wait_started(struct link *link, double seconds, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* What the started program does: reads the request that engine_start put together from descriptor 0, reports on descriptor
 * 1, and serves. Returns the exit code. */
int engine_main(void);

#endif
