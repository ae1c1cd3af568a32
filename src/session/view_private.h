/* Views, shared by the session_*.c files only: a run that is looked at, its rows of layers, its status. */
#ifndef THAW_SESSION_VIEW_PRIVATE_H
#define THAW_SESSION_VIEW_PRIVATE_H

#include <sys/types.h>
#include <time.h>

#include "results.h"
#include "thaw/run/link.h"
#include "thaw/session/session.h"
#include "thaw/train/experiment.h"

enum { VIEWS_MAX = 16, VIEW_ASKED = 64, VIEW_NOTICES = 32 };
enum { VIEW_RATE = 900 }; /* bytes a second of events over a line to another machine */

struct view_asked {
    uint64_t id;
    char *words;
};
/* The line to another machine, as seen from here. */
struct view_line {
    enum link_state state;
    double told, offset, least; /* time of the last event by its clock; how much later it came by ours, and at least */
    double gap, came;           /* usual seconds between two events; clock_monotonic, when the last came */
};
/* From a thaw of the schedule to the next one. */
struct view_stage {
    int epoch; /* at whose beginning it comes */
    double first, later;
    int firsts; /* so many epochs take `first` seconds, the others `later` */
    bool least; /* they take at least that: not all of their kernels were measured */
};
struct view_stamp {
    off_t size;
    struct timespec time;
};
/* A run that is looked at. */
struct view {
    struct link *link;
    bool here;      /* it trains in this process */
    char *resumes;  /* the directory of the run that is to go on, until it does; NULL: none */
    bool begins;    /* a new run, started from here */
    bool forks;     /* as the draft does, until its first event says that it has */
    uint64_t shown; /* session->shows, when it was shown last */
    struct view_line line;
    struct view_stage stage[EXPERIMENT_THAWS]; /* of a run that was started from here, as far as known */
    int stages_known;
    bool damage_told;        /* what of its events cannot be read */
    struct view_stamp stamp; /* of the file of its events, when it had ended */
    struct story story;
    struct view_asked asked[VIEW_ASKED]; /* commands that wait for their answers */
    int askeds;
    /* session_run_layers.c */
    struct session_layer *layer; /* NULL: not built */
    int *layer_row;              /* row of the story; -1 for a stage's */
    size_t layers;
    int stages;
    /* session_results.c */
    struct results_read read; /* what `results` are of */
    struct session_results results;
    struct view_reading *reading; /* NULL: nothing is being read */
    bool last_results;            /* rather than the best ones */
    bool results_known;           /* results are those of the story's last evaluation */
};

/* session_layers.c, for both kinds of rows */
struct view *view_subject(const struct session *session); /* whose layers are told; NULL: the next run's */
struct session_layer layers_row(const struct event_layer *layer, int stage);                        /* without marks */
void layers_add_to_stage(struct session_layer *stage, const struct session_layer *row, int inside); /* so many by now */
struct session_layer *layers_begin_stage(struct session_layer *row);               /* without marks; returns it */
void layers_fill_marks(struct session_layer *row, unsigned marks, unsigned fixed); /* enum freeze_mark bits */
void layers_join_stage(struct session_layer *stage, const struct session_layer *row);

/* session_run_layers.c */
size_t run_layers(struct view *view, const struct session_layer **layers);
void run_layers_counts(struct view *view, struct session_freeze_counts *counts);
bool run_layers_toggle(struct session *session, size_t row, unsigned marks, struct error *error);
bool run_layers_upto(struct session *session, size_t row, struct error *error);
bool run_layers_match(struct session *session, const char *patterns, bool frozen, struct error *error);
bool run_layers_undo(struct session *session, struct error *error);
void run_layers_finish(struct view *view); /* the story's layers are others */

/* session_cost.c: what the next run takes behind each thaw of its schedule; returns how many, 0: that is not known */
int cost_stages(struct session *session, struct view_stage stage[EXPERIMENT_THAWS]);

/* session_status.c */
enum session_phase view_phase(const struct view *view);
const char *view_words(const struct view *view);
void results_forget(struct view *view);

/* session_views_kept.c */
/* A new view in the place of view `at`, or (-1) behind the last, and shows it. Ended ones go only where there is no room. */
struct view *views_place(struct session *session, struct link *link, long at);
void views_drop(struct session *session, size_t at);
long views_find(const struct session *session, const char *host, const char *run); /* no replay; -1: none */
bool view_is_fresh(const struct view *view); /* false: it has failed, or another process went on with what has ended */
void view_line_words(const struct view *view, char *words, size_t room); /* what is wrong with its line; "": nothing */
/* Of a run on this machine, not of a replay; NULL: it is not looked at. */
struct view *view_of(const struct session *session, const char *run);
size_t views_pump(struct session *session); /* the number of changes */
void views_finish(struct session *session);

/* session_views.c */
struct view *view_shown(const struct session *session); /* NULL: none */
void view_notice(struct session *session, bool good, const char *format, ...) THAW_PRINTF(3, 4);
/* To the shown run. words: what its answer is told with; NULL: the command's own. */
bool view_post(struct session *session, const struct run_command *command, const char *words, struct error *error);
void views_follow(struct session *session); /* another one is shown, or it began or ended */

#endif
