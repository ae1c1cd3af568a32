/* The session: the ONLY door for any front end. Commands in, value snapshots and events out. A front end never holds a
 * tensor, a graph or a trainer. Not thread-safe: one caller thread; work that takes long runs behind it, and
 * session_wake_fd becomes readable when there is something new.
 *
 * Snapshots are copies or are valid until the next session_* call that changes their subject, as said at each. */
#ifndef THAW_SESSION_SESSION_H
#define THAW_SESSION_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "thaw/base/error.h"
#include "thaw/session/models.h"
#include "thaw/session/runs.h"
#include "thaw/session/views.h"

/* Draws the sample world and tells how far it is; called on another thread. */
typedef bool (*session_make_samples)(const char *folder, void (*tell)(void *context, int done, int all), void *context,
                                     struct error *error);
struct session_options {
    const char *samples;    /* folder made by `thaw samples`; NULL: the data home's */
    const char *runs;       /* where runs go; NULL: the data home's */
    const char *models;     /* folder of weights files, pulled ones too; NULL: the data home's */
    int threads;            /* 0: all cores */
    bool offline;           /* no downloads */
    const char *experiment; /* to begin with, opened behind the caller's back from the first pump on; NULL: none */
    session_make_samples make_samples; /* before that; NULL: the sample world is there */
    const char *instead;               /* experiment that is opened where the other cannot be; NULL: none */
    bool may_lack;                     /* where neither can be opened, none is, and that is no fault */
    const char *engine;                /* program that runs are started in, "/proc/self/exe"; NULL: in this process */
    bool measures;                     /* in the background, what session_cost wants to know of this machine */
};
struct session *session_create(const struct session_options *options, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* A run in this process is stopped and saved; all others go on. */
void session_destroy(struct session *session);

/* --- wake-ups and events --- */
int session_wake_fd(const struct session *session) THAW_NONNULL; /* poll for reading beside the keyboard */
/* Takes in what happened since the last call; returns how many events came. Call when the descriptor is readable. */
size_t session_pump(struct session *session) THAW_NONNULL;

/* "opening indian-transfer.ini", until the experiment to begin with is open; then NULL. No model and no data is chosen
 * before; a call that needs them waits a second, then says that they are still being opened. Valid until called again. */
const char *session_opening(const struct session *session) THAW_NONNULL;
const struct error *session_opening_fault(const struct session *session) THAW_NONNULL; /* NULL: none */
/* Why the experiment to begin with was not opened, where the one instead was; NULL: it was. */
const struct error *session_opened_instead(const struct session *session) THAW_NONNULL;
/* Why none was opened, where one may lack; NULL: one was. */
const struct error *session_opened_none(const struct session *session) THAW_NONNULL;

/* --- layers and their freeze state: of the next run, or of the run that is shown --- */
enum session_subject { SESSION_NEXT_RUN, SESSION_SHOWN_RUN };
/* SHOWN_RUN from the moment that a run trains until it ends, else NEXT_RUN; until the front end says otherwise. */
enum session_subject session_subject(const struct session *session) THAW_NONNULL;
void session_set_subject(struct session *session, enum session_subject subject) THAW_NONNULL;
enum session_mark { SESSION_MARK_NONE, SESSION_MARK_FROZEN, SESSION_MARK_THAWED, SESSION_MARK_PARTLY };
struct session_layer {
    char name[64];  /* stage ("layer1") or node ("layer1.0.conv1") */
    char kind[24];  /* "conv 3x3 /2", "batch norm", "linear"; stages: "5 layers" */
    char shape[32]; /* of the output: "56x56x64" */
    bool is_stage;  /* rows of a stage follow it */
    bool in_head;
    int stage;                                              /* index among stages */
    double params, macs, activation_bytes;                  /* macs and bytes for one image; stages: sums */
    enum session_mark weights, affine, statistics, dropout; /* NONE: the layer has no such thing */
    enum session_mark all;                                  /* over the four */
    float update_ratio; /* last update over weights, while training; -1: not moving */
};
/* Stages and their layers in execution order. Valid until the freeze plan or the model changes. */
size_t session_layers(const struct session *session, const struct session_layer **layers) THAW_NONNULL;
struct session_freeze_counts {
    double trainable, frozen; /* learnable values */
    int layers_trainable, layers_frozen;
    double macs_forward, macs_backward; /* an image, with this freeze plan */
};
void session_freeze_counts(const struct session *session, struct session_freeze_counts *counts) THAW_NONNULL;
/* What the next run would take on this machine with its freeze plan, settings and data; of the shown run its memory. */
struct session_cost {
    double bytes;        /* of memory, decoded images apart; 0: not known */
    double first, later; /* seconds of the first epoch and of those behind it; 0: not known */
    int firsts;          /* so many epochs are like the first: each computes features of its own */
    bool measuring;      /* more is to come: the machine is being measured, or a plan searched, in the background */
    char refused[ERROR_TEXT_MAX]; /* why it could not be had; "": it could */
};
void session_cost(struct session *session, struct session_cost *cost) THAW_NONNULL;
enum session_marks {
    SESSION_WEIGHTS = 1,
    SESSION_AFFINE = 2,
    SESSION_STATISTICS = 4,
    SESSION_DROPOUT = 8,
    SESSION_ALL = 15
};
/* Freezes a row that is not fully frozen, thaws one that is. All four calls act on the subject: the next run's plan changes
 * at once, the shown run's is asked for (views.h) and shows when the run has changed it. */
bool session_toggle_freeze(struct session *session, size_t row, unsigned marks,
                           struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* Freezes all up to and including the row, thaws the rest ("the cut"). */
bool session_freeze_upto(struct session *session, size_t row, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
bool session_freeze_match(struct session *session, const char *patterns, bool frozen,
                          struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* ERROR_USAGE: nothing to undo. */
bool session_undo_freeze(struct session *session, struct error *error) THAW_NONNULL THAW_MUST_CHECK;

/* --- data --- */
struct session_class {
    const char *name;
    size_t train, val;
};
struct session_bad {
    const char *path, *reason;
};
struct session_data {
    const char *path;
    const struct session_class *class_row;
    int classes;
    size_t train, val;
    const struct session_bad *bad;
    size_t bad_count;
    bool own_validation;
    size_t test;        /* images that are kept apart */
    const char *layout; /* how the data lie, in words */
    char *const *note;  /* sentences: what is odd in them */
    size_t notes;
};
/* NULL: none chosen. Valid until other data is chosen. */
const struct session_data *session_data(const struct session *session) THAW_NONNULL;
/* path: also with settings behind it that say how the data lie, "signs data.layout=folders"; those of other data go. */
bool session_choose_data(struct session *session, const char *path, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* Places to start from: the samples, recently used folders. Valid until data is chosen. */
size_t session_data_places(const struct session *session, const char *const **paths) THAW_NONNULL;
/* An image of the chosen data as the network sees it, 8-bit RGB; caller frees *rgb with mem_free. */
bool session_preview(struct session *session, bool val, int label, size_t number, int *width, int *height,
                     uint8_t **rgb, char *path, size_t path_room, struct error *error) THAW_NONNULL THAW_MUST_CHECK;

/* The first image of the chosen data, whole, and as the chosen model gets it: its size, its crop, its channels in the order
 * in which they are fed. 8-bit RGB both. Finish it, also after a failure. */
struct session_input {
    int width, height, input_width, input_height; /* pixels */
    uint8_t *picture, *input;
    char path[512];
    char words[96];    /* what becomes of pixels, as model.preprocess says it */
    float least, most; /* values of the input that they can be */
};
bool session_input(const struct session *session, struct session_input *input,
                   struct error *error) THAW_NONNULL THAW_MUST_CHECK;
void session_input_finish(struct session_input *input) THAW_NONNULL;

/* --- the experiment: the settings of the next run --- */
struct session_setting {
    char key[48]; /* "train.lr" */
    const char *value;
    const char *values, *help;
    bool choice; /* the value is a word of `values`, "sgd | nesterov | adamw" */
    bool path;   /* of a file or a folder */
};
/* The rows are the session's; they stay where they are, and tell what is so now, until another experiment is opened; a
 * value that is the same stays, too. */
size_t session_settings(const struct session *session, const struct session_setting **settings) THAW_NONNULL;
bool session_set(struct session *session, const char *assignment, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* Replaces everything by a file's experiment: model, freeze plan, data, settings. */
bool session_load_experiment(struct session *session, const char *path,
                             struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* The other way round. ERROR_USAGE: there is no model or no data yet. */
bool session_save_experiment(struct session *session, const char *path,
                             struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* Experiment files that front ends loaded, the last first, kept from one start to the next: session_remember_experiment
 * says that one was. Valid until called again. */
size_t session_recent_experiments(const struct session *session, const char *const **paths) THAW_NONNULL;
void session_remember_experiment(const char *path) THAW_NONNULL;

#endif
