/* The session's inside, shared by the session_*.c files only. */
#ifndef THAW_SESSION_PRIVATE_H
#define THAW_SESSION_PRIVATE_H

#include <pthread.h>

#include "draft_private.h"
#include "thaw/base/job.h"
#include "thaw/run/rundir.h"
#include "thaw/shelf/load.h"
#include "view_private.h"

enum { SESSION_COMPARED = 15 };

/* An image's time being measured; the job reads all of it and writes what is behind the line. */
struct session_timing {
    struct job *job; /* NULL: nothing is measured */
    char name[64], weights[512];
    int side, threads;
    /* --- */
    char arch[64], input[REMEMBER_INPUT];
    double seconds;
};

struct session {
    /* places */
    char *samples, *runs_folder, *models_folder;
    int threads;

    int wake[2];  /* a pipe; other threads write a byte */
    int waits;    /* an epoll set: the pipe and the views' links */
    char *engine; /* NULL: runs train in this process */

    /* session_open.c */
    struct session_opening *opening; /* NULL: nothing is being opened */
    struct error opening_fault;      /* of kind NONE: it was opened */
    struct error why_instead;        /* of kind NONE: it was the one to begin with */
    struct error why_none;           /* of kind NONE: one was opened */
    bool opening_news;               /* since the last pump */

    /* session_models_shown.c */
    struct query *filter; /* NULL: all */
    enum session_model_column sort;
    bool sort_reverse, shown_known;
    size_t *shown; /* [shown_count] and as much again to sort in */
    size_t shown_count;
    struct session_difference difference[SESSION_COMPARED];

    /* session_pull.c */
    struct session_pull *pull;
    struct fetch **fetch; /* of each pull; NULL once it has ended */
    size_t pulls;
    bool offline;
    struct session_timing timing;

    unsigned results; /* so many were read */

    struct draft *draft; /* never NULL; changes as a whole when an experiment has been opened */

    /* session_views.c */
    struct view *view[VIEWS_MAX];
    size_t views;
    long shown_view; /* -1: none */
    uint64_t shows;  /* how often one was shown */
    enum session_subject subject;
    bool was_live; /* what views_follow saw last */
    const struct view *was_shown;
    struct session_notice notice[VIEW_NOTICES];
    int notices;

    /* session_cost.c */
    bool measures;
    struct costs *costs; /* NULL: nobody has asked yet */

    /* session_look.c */
    struct session_looks *looks; /* NULL: nobody has looked yet */

    /* session_running.c */
    struct session_search *search; /* NULL: not begun */

    /* session_runs.c */
    struct run_list *run_list[2]; /* those of the folder, and of its trash; NULL: never asked for */
};

void session_wake(int descriptor); /* the front end: there is something for session_pump */

/* session_open.c */
bool opening_create(struct session *session, const struct session_options *options, struct error *error);
bool opening_settle(struct session *session, struct error *error); /* false: still going on, though it was waited for */
size_t opening_pump(struct session *session);                      /* the number of changes */
void opening_finish(struct session *session);

/* session_cost.c */
size_t cost_pump(struct session *session); /* the number of changes */
void cost_rest(struct session *session);   /* a run begins: nothing more is measured beside it */
void cost_finish(struct session *session);

/* session_look.c */
size_t look_pump(struct session *session); /* the number of changes */
void look_finish(struct session *session);

/* session_results.c */
size_t results_pump(struct session *session); /* the number of changes */

/* session_listing.c */
void listing_finish(struct draft *draft);
bool listing_add_file(struct session *session, const char *path);  /* false: not recognised */
bool listing_open_file(struct session *session, const char *path); /* the same, and it is listed ever after */
/* Row of what can be chosen; -1: none. weights "": from scratch. */
long listing_find(const struct session *session, const char *arch, const char *weights);
bool listing_add_arch(struct session *session, const char *name); /* false: not known to the zoo */

/* session_models_shown.c */
void view_finish(struct session *session);

/* session_pull.c */
size_t pull_pump(struct session *session); /* the number of changes */
void pull_finish(struct session *session);

/* session_models.c */
void models_finish(struct draft *draft);
/* Another network was chosen than in the experiment before: what was set for that one goes with it. Returns true. */
bool models_changed(struct session *session, const struct experiment *before);
bool models_choose(struct session *session, const char *arch, const char *weights, struct error *error);

/* session_layers.c */
/* The graph changed: rows again. The plan and its undo stay where the graph before, NULL for none, had the same layers. */
void layers_reset(struct session *session, const struct graph *before);
void layers_mark(struct session *session); /* the freeze plan changed: marks again */
bool layers_from_experiment(struct session *session, struct error *error);
/* A folder or a file that was opened; name: "data", "experiments". The last first, those that are gone left out; the
 * caller frees each path. */
void recent_add(const char *name, const char *path);
size_t recent_read(const char *name, char *path[RECENT_MAX]);
void recent_finish(struct draft *draft);
void data_remember(const struct session *session); /* the chosen data */
/* Whether [freeze] of the experiment says what is marked; then the words of the two: "trunk" stays "trunk". */
bool layers_are_named(const struct session *session);
bool layers_to_experiment(struct session *session, struct error *error);
void layers_forget_undos(struct draft *draft);
void layers_finish(struct draft *draft);

/* session_data.c */
bool data_choose(struct session *session, const char *path, struct error *error);
void data_finish(struct draft *draft);

/* session_keep.c */
void fork_finish(struct draft *draft);
/* The draft's fork has begun, from the parent that the run's first event names: the next run is none. */
void fork_began(struct session *session, const char *parent);
/* A run's directory may have been moved or deleted since it was listed: ERROR_FAILED, which says so. */
bool run_is_there(const char *path, struct error *error);

/* session_experiment.c */
void experiment_rows_finish(struct draft *draft);
/* Other data were chosen than those at this path: a run's name that an experiment made of those goes. */
void experiment_data_changed(struct session *session, const char *before);

/* session_running.c */
size_t running_pump(struct session *session); /* the number of changes */
void running_finish(struct session *session);

/* session_runs.c */
void runs_finish(struct session *session);
size_t runs_pump(struct session *session); /* the number of changes */

#endif
