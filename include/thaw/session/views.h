/* Session: views. The runs that are looked at: live, recorded, replayed, on this machine or another, each a story fed by a
 * link. One of them is shown; all calls without a number mean that one. Part of thaw/session/session.h; rules as there. */
#ifndef THAW_SESSION_VIEWS_H
#define THAW_SESSION_VIEWS_H

#include <stdbool.h>
#include <stddef.h>

#include "thaw/run/story.h"

struct session;

/* Where the shown run stands. */
enum session_phase {
    SESSION_IDLE,     /* none is shown */
    SESSION_STARTING, /* its engine is being started, or its host called */
    SESSION_PREPARING,
    SESSION_FEATURES, /* computing what the frozen part gives */
    SESSION_RUNNING,
    SESSION_PAUSED,
    SESSION_VALIDATING,
    SESSION_FINISHED, /* here on it has ended */
    SESSION_STOPPED,
    SESSION_EARLY,
    SESSION_INTERRUPTED,
    SESSION_FAILED,
    SESSION_BROKEN_OFF,
    SESSION_PHASES
};
bool session_phase_is_live(enum session_phase phase); /* starting .. validating */

struct session_status {
    enum session_phase phase;
    const char *words;                              /* "training", "stopped early" */
    char run[512], host[128], model[64], data[256]; /* host "": this machine */
    int epoch, epochs, epochs_done, batch, batches;
    int val_images;                  /* 0: none, so that nothing is judged */
    int val_judged, val_judged_most; /* images of the last evaluation, and of any */
    uint64_t step;
    double lr, loss, accuracy; /* of the running epoch so far; figures are the run's first metric, -1: none yet */
    double val_loss, val_accuracy, best_accuracy, best_loss;
    int best_epoch;
    double images_per_second, elapsed, remaining; /* remaining -1: not known */
    bool remaining_least;                         /* it is at least that: what thaws to come cost is not known */
    double trainable, frozen;
    size_t features_done, features_all; /* images whose frozen part is known, while it is computed ahead; else 0 */
    bool features_kept;                 /* steps begin behind the frozen part */
    bool proof_held;                    /* last proof of freeze */
    int proof_tensors;                  /* 0: none taken yet */
    bool writes;                        /* it can be steered from here */
    bool replay;                        /* a recorded run, played */
    double speed;                       /* of a replay; 0: paused */
    char line[256];                     /* "": the line is good; else what is wrong with it */
    struct error error;                 /* FAILED */
};
void session_status(struct session *session, struct session_status *status) THAW_NONNULL;

/* --- which runs are looked at --- */
struct session_view {
    char name[128];   /* last part of its directory, with its host before it; "" while that is not known */
    char attach[640]; /* what `thaw attach` takes for it */
    enum session_phase phase;
    const char *words;
    int epoch, epochs;
    bool here;   /* it trains in this process: looking away stops it */
    bool replay; /* a recorded run, played */
};
size_t session_views(struct session *session) THAW_NONNULL;
void session_view(struct session *session, size_t view, struct session_view *found) THAW_NONNULL;
long session_shown_view(const struct session *session) THAW_NONNULL; /* -1: none */
void session_show_view(struct session *session, size_t view) THAW_NONNULL;
/* Looks away; the run goes on, but one in this process is stopped and saved. */
void session_close_view(struct session *session, size_t view) THAW_NONNULL;
/* Whether leaving stops a run: one that trains in this process. */
bool session_leaving_stops(struct session *session) THAW_NONNULL;

/* Starts the next run and shows it. ERROR_USAGE: one trains in this process already, or a model or data is missing. */
bool session_start(struct session *session, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* Goes on with a run that has stopped or was broken off; epochs: so many in all, 0: as it was. */
bool session_resume(struct session *session, const char *run, int epochs,
                    struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* Looks at a run that is there, live or recorded: a directory, a name below the runs' folder, or HOST:RUN. One that is
 * looked at already is shown. */
bool session_open_run(struct session *session, const char *run, bool read_only,
                      struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* Plays a recorded run at `speed` times its own pace. */
bool session_replay(struct session *session, const char *run, double speed,
                    struct error *error) THAW_NONNULL THAW_MUST_CHECK;
void session_replay_speed(struct session *session, double speed) THAW_NONNULL; /* 0: paused */
void session_replay_seek(struct session *session, int epoch) THAW_NONNULL;

/* Runs that train on this machine, or are paused, and are not looked at, the newest first. A session with engines looks for
 * them at its first pump; one that has ended since is left out, but where the others stand is as it was then. Valid until
 * called again. */
struct session_running {
    char run[512], name[128]; /* directory; last part of it */
    int epoch, epochs;
    bool paused;
};
size_t session_running(struct session *session, const struct session_running **running) THAW_NONNULL;
/* Looks for them again: what takes an instant is known at once, else with a later pump. */
void session_look_for_running(struct session *session) THAW_NONNULL;

/* --- steering --- */
/* Gives the shown run a command, as run/command.h parses it: "lr 0.002", "stop epoch". ERROR_USAGE: it is no command;
 * ERROR_FAILED: it cannot be sent. What comes of it comes as a notice. */
bool session_tell(struct session *session, const char *words, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* An answer to a command, or what changed about a line. */
struct session_notice {
    bool good;
    char text[700];
};
/* The next one, from the oldest; false: none is left. */
bool session_take_notice(struct session *session, struct session_notice *notice) THAW_NONNULL;

/* --- what is drawn of the shown run --- */
enum session_curve {
    SESSION_TRAIN_LOSS,     /* a point a step */
    SESSION_VAL_LOSS,       /* a point an epoch */
    SESSION_TRAIN_ACCURACY, /* a point a step: the first metric */
    SESSION_VAL_ACCURACY,
    SESSION_LR,
    SESSION_CURVES
};
/* Valid until the next session_pump. */
size_t session_curve(const struct session *session, enum session_curve curve,
                     const struct story_point **points) THAW_NONNULL;
/* Marks on the plot: thaws, changes of lr, pauses, warnings, notes. Valid until the next session_pump. */
size_t session_notes(const struct session *session, const struct story_note **notes) THAW_NONNULL;
/* What its schedule thaws, made and to come. Valid until the next session_pump. */
size_t session_thaws(const struct session *session, const struct story_thaw **thaws) THAW_NONNULL;

/* Results of an evaluation; NULL: none yet, or the run is on another machine. Valid until the next session_pump. */
struct session_confusion {
    int truth, predicted;
    unsigned count; /* of images, at least 1 */
};
struct session_judged {
    const char *path; /* of the image, whole; of one of many in a file with its number */
    int truth, predicted;
    double confidence; /* probability of the predicted class */
};
struct session_results {
    int classes;
    const char *const *class_name;
    const struct session_confusion *confusion; /* [row[classes]]: by truth, then by what it was taken for */
    const size_t *row;                         /* [classes + 1]: where those of a true class begin, and the last end */
    size_t images, correct;
    const struct session_judged *judged; /* [images], the surest first */
    int epoch;
    bool best;        /* of the best evaluation, whose model is exported; else of the last one */
    unsigned version; /* as long as it is the same, all else is */
};
/* Whether they are of the best evaluation (so at first) or of the last one; where the best ones were not kept, of the
 * last. */
void session_results_of(struct session *session, bool best) THAW_NONNULL;
const struct session_results *session_results(struct session *session) THAW_NONNULL;
/* Others are being read behind the caller's back: session_pump tells when they are there. */
bool session_results_pending(const struct session *session) THAW_NONNULL;

/* An image of results, by its path: whole, at most 512 pixels a side, 8-bit RGB; caller frees *rgb with mem_free. One that is
 * no file of its own is found in the chosen data. */
bool session_picture(struct session *session, const char *path, int *width, int *height, uint8_t **rgb,
                     struct error *error) THAW_NONNULL THAW_MUST_CHECK;

#endif
