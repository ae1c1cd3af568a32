/* What the files of the Runs screen share: screen_runs.c lists and opens runs, screen_runs_keep.c does other things to them,
 * screen_runs_look.c draws one of them. */
#ifndef THAW_UI_SCREEN_RUNS_H
#define THAW_UI_SCREEN_RUNS_H

#include "component_table.h"

/* The session reads its runs anew on each call, so the screen keeps a copy for as long as it is looked at. */
struct run {
    char path[512], name[64], model[64], data[256], state[32], tags[128], note[256], parent[160], damage[240];
    double started, seconds, best, last, trainable, frozen;
    int done, epochs;
    bool trains, passes; /* passes: the filter */
};

struct runs {
    struct component_table table;
    struct run *run;
    size_t count;
    bool trash;       /* the deleted ones are listed */
    double read_at;   /* clock_monotonic, when it was asked for last */
    unsigned news;    /* which of the session's lists this is a copy of */
    bool awaited;     /* somebody asked to see it, who has not */
    bool stale;       /* a run has moved since */
    bool trained;     /* one trained at the last change */
    char marked[512]; /* path; "": none */
    char asked[512];  /* path of the run that a question is about */
};

/* screen_runs.c */
void runs_refresh(void *state, struct ui *ui); /* has the list read anew */
/* What could not be done to a run is said; the list is read anew, for the run may be gone. */
void runs_fail(struct runs *runs, struct ui *ui, const struct error *error);
const struct run *runs_selected(const struct runs *runs); /* NULL: none */

/* screen_runs_keep.c */
void runs_resume(const struct command_call *call);
void runs_fork(const struct command_call *call);
void runs_replay(const struct command_call *call);
void runs_rename(const struct command_call *call);
void runs_tag(const struct command_call *call);
void runs_note(const struct command_call *call);
void runs_delete(const struct command_call *call);
void runs_restore(const struct command_call *call);
void runs_show_trash(const struct command_call *call);

/* Settings and curves of a run of the list; marked: the run that it is compared with, or NULL. Its events are read behind the
 * user's back. */
void runs_draw_look(struct ui *ui, struct canvas *canvas, struct rect area, const char *path, const char *marked);

#endif
