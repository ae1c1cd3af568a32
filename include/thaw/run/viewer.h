/* The serving end of the protocol: one viewer of a run. Reads the run's file, so that a slow one costs no memory and is
 * never waited for, and sends what the viewer asked for; takes its commands. One caller thread, which polls. */
#ifndef THAW_RUN_VIEWER_H
#define THAW_RUN_VIEWER_H

#include "thaw/run/command.h"

struct viewer;
struct viewer_options {
    const char *run; /* the run's directory */
    int in, out;     /* descriptors; the viewer's own from here on, set not to block */
    bool writes;     /* commands that write are taken */
    const char *by;  /* who it is, where its commands do not say */
    double patience; /* seconds; 0: VIEWER_PATIENCE */
    /* A command that passed all checks; its answer is to be given by viewer_answer, once. Commands that may not pass are
     * answered by the viewer itself. */
    void (*command)(void *context, struct viewer *viewer, const struct run_command *command);
    void *context;
};
/* Greets. NULL: the run's file cannot be read, or there is no memory; the descriptors are closed. */
struct viewer *viewer_create(const struct viewer_options *options, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
void viewer_destroy(struct viewer *viewer); /* takes NULL */

/* What to poll for it: commands, but not while it takes no answers, and room for what is to be sent. */
enum { VIEWER_FDS = 2 };
struct pollfd;
void viewer_poll(const struct viewer *viewer, struct pollfd *fds) THAW_NONNULL; /* [VIEWER_FDS] */
/* Reads commands, sends what there is. false: it is gone, or took nothing for as long as it has patience: destroy it. */
bool viewer_serve(struct viewer *viewer) THAW_NONNULL;
enum { VIEWER_PATIENCE = 60 };
void viewer_answer(struct viewer *viewer, const struct run_answer *answer) THAW_NONNULL;
/* The run has ended: it is sent what is left and "bye", then let go. */
void viewer_end(struct viewer *viewer) THAW_NONNULL;

#endif
