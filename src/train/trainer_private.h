/* The inside of a trainer, shared by trainer.c (the door) and trainer_*.c; tests look in to move what must not move.
 * Everything is the trainer thread's own but what stands below `mutex`. */
#ifndef THAW_TRAIN_TRAINER_PRIVATE_H
#define THAW_TRAIN_TRAINER_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "checkpoint.h"
#include "feature_cache.h"
#include "reducer.h"
#include "task.h"
#include "thaw/base/log.h"
#include "thaw/base/queue.h"
#include "thaw/compile/exec.h"
#include "thaw/run/rundir.h"
#include "thaw/train/optim.h"
#include "thaw/train/trainer.h"
#include "trainer_feed.h"
#include "trainer_save.h"

#define TRAINER_LAST    "checkpoints/last.safetensors"
#define TRAINER_BEST    "checkpoints/best.safetensors"
#define TRAINER_KERNELS "kernels"
#define TRAINER_PARENT  "parent" /* of a fork: its run directory, the checkpoint; a line each */

enum { TRAINER_COMMANDS = 1024 };

/* What is done beside the training takes at most one part in so many of the time, however short the epochs are: what is
 * not due at the end of one is put off to the next, and never beyond the end of the run. */
enum { TRAINER_PACE = 20 };
struct trainer_pace {
    double began, took; /* when it was last done, and how long that took, seconds */
    bool owed;          /* put off */
};

/* What it is busy with. Said only where it lasts, and what follows it then, too. */
struct trainer_phase {
    enum event_phase now, told;
    double began, said; /* clock_monotonic */
};

struct trainer {
    struct experiment experiment;
    char *settings; /* its text as the run has it, before anything changed */
    struct event_sink sink;
    struct rundir *rundir;
    struct log *log;
    bool resuming;
    char *fork, *checkpoint;  /* where it begins from; NULL: from the weights */
    int extended;             /* to so many epochs where it goes on; 0: not */
    bool began, speaking;     /* there is a first event; one of this process */
    bool holds_first;         /* it begins with a checkpoint of its own */
    char from[64];            /* the file that it goes on from */
    char *stand_in;           /* the run's own model, in place of weights that are gone; NULL: they are there */
    char *passed_over;        /* a warning about what it goes on from; NULL: none */
    struct run_damage damage; /* of the events that it goes on with */
    struct recorded_commands recorded;       /* to be done again */
    const struct recorded_command *repeated; /* that is done again now, or NULL */

    struct dataset *dataset;
    struct hash split; /* of the list of validation images that were split off */
    struct graph *graph;
    struct freeze *freeze;
    struct plan_changes changes; /* of it, for undo */
    struct freeze_proof *proof;
    struct team *team;
    struct kernel_table *kernels; /* NULL: the built-in rule */
    struct plan *plan;
    struct optim *optim;
    const struct reducer *reducer;
    struct reducer_part *reduced; /* [params], the gradients there are */
    size_t reduceds;
    const struct task *task;
    void *task_state;
    struct trainer_feed feed[DATASET_SPLITS];
    float *logits_gradient;     /* (batch, classes) */
    float **gradient;           /* [params], of the plan; NULL where none */
    bool *touched;              /* [params], moves or has moved */
    bool replanned;             /* since the batches were begun */
    char match[EVENT_TEXT_MAX]; /* how the pretrained weights matched */
    bool statistics_fixed;      /* batch-norm statistics of thawed layers */

    struct trainer_phase phase;
    int *row_node; /* [rows], of the rows of layers in events */
    int rows;
    float *node_ratio, *row_ratio; /* [nodes], [rows]: update over weights */
    double updates_said;           /* clock_monotonic */

    struct trainer_pace proving, saving, telling; /* proof of freeze; checkpoints; predictions.json */
    struct error unsaved[TRAINER_FILES];          /* kind != NONE: it could not be written the last time */
    char *best_held;                              /* the best checkpoint, not written yet; NULL: none */
    size_t best_bytes;
    struct task_predictions predictions, best_predictions; /* of the last evaluation; of the best, not written yet */
    int best_told;                                         /* epoch of predictions-best.json */

    struct checkpoint at; /* the cursor and all that a checkpoint holds */
    int event_epoch;      /* what events are filed under: the epoch that runs, or just ended */
    double ticked;        /* clock_monotonic up to which at.elapsed counts */
    double val_seconds;   /* of the last evaluation */
    enum event_done how;  /* why it ends */
    bool ending;          /* a stop was asked for, and its time has come */
    bool stop_behind;     /* the epoch that runs is to be the last */
    double stop_time;     /* seconds since 1970; 0: none */
    bool paused;
    uint64_t pause_behind; /* a pause comes behind this step; 0: none */
    struct error failure;  /* kind != NONE: the run fails */
    bool unheard;          /* because an event could not be kept: the state itself is whole */
    struct event untold;   /* that event, where it is of a step, which nobody makes again; else of another kind */
    uint64_t told_to;      /* rundir_mark that goes with the cursor while the events of an epoch's end come; else 0 */

    struct queue *commands; /* struct run_command *, allocated */
    struct run_command *pending;
    size_t pendings;

    pthread_t thread;
    bool started, joined;
    atomic_bool abandoned; /* by trainer_destroy */
    atomic_bool closed;    /* commands are refused from now on */

    pthread_mutex_t mutex;
    struct trainer_status status;
};

/* --- trainer_tell.c --- */
/* Appends to events.jsonl, then calls the sink. false: it could not be appended; the run fails. */
bool trainer_emit(struct trainer *trainer, struct event *event) THAW_NONNULL;
/* A warning event and a line in the log. */
void trainer_warn(struct trainer *trainer, const char *format, ...) THAW_NONNULL_ARGS(1, 2) THAW_PRINTF(2, 3);
/* Brings at.elapsed up to now, or (counting false) leaves the time since the last call out. */
void trainer_tick(struct trainer *trainer, bool counting) THAW_NONNULL;
/* The first events of a run, or of going on with one. */
bool trainer_tell_begin(struct trainer *trainer) THAW_NONNULL;
/* It is busy with something else from now on. */
void trainer_enter(struct trainer *trainer, enum event_phase phase) THAW_NONNULL;
/* To be called now and then while it is: says so once it has lasted, and how far it is. Images; 0 of 0: not counted. */
void trainer_linger(struct trainer *trainer, size_t done, size_t all) THAW_NONNULL;
/* Which layers learn, where that was not said for a while. */
void trainer_tell_updates(struct trainer *trainer) THAW_NONNULL;
/* The last event. */
void trainer_tell_done(struct trainer *trainer) THAW_NONNULL;

/* --- trainer_command.c --- */
/* Takes what is in the queue: stops are seen to at once, the rest goes to `pending`. wait: sleeps until something
 * comes, or until it is time to stop. */
void trainer_collect(struct trainer *trainer, bool wait) THAW_NONNULL;
/* Does again what was recorded of this place. */
void trainer_repeat(struct trainer *trainer) THAW_NONNULL;
/* Does what is pending. */
void trainer_obey_pending(struct trainer *trainer) THAW_NONNULL;
/* Takes commands, does them, and stays here while paused. false: the run ends. */
bool trainer_obey(struct trainer *trainer) THAW_NONNULL;
/* Refuses whatever waits, and all that comes from now on. */
void trainer_close_commands(struct trainer *trainer) THAW_NONNULL;
/* Another number of epochs for a run that goes on. */
void trainer_extend(struct trainer *trainer, int epochs) THAW_NONNULL;
/* The event of a command: right before what it does, or as refused. */
void trainer_tell_command(struct trainer *trainer, const struct run_command *command, bool done,
                          const char *sentence) THAW_NONNULL;
/* The thaw of a [thaw] line; where it cannot be made, a warning says so. */
void trainer_scheduled_thaw(struct trainer *trainer, const struct experiment_thaw *thaw) THAW_NONNULL;
/* The learning rate of the next step. */
double trainer_lr(const struct trainer *trainer) THAW_NONNULL;

/* --- trainer_loop.c --- */
/* Whether it is its turn again. */
bool trainer_is_due(const struct trainer_pace *pace) THAW_NONNULL;
void trainer_pace_begin(struct trainer_pace *pace) THAW_NONNULL;
void trainer_pace_end(struct trainer_pace *pace) THAW_NONNULL;
void trainer_loop(struct trainer *trainer) THAW_NONNULL;
/* It has come to the end of the patience of train.early_stop. */
bool trainer_is_stale(const struct trainer *trainer) THAW_NONNULL;

/* --- trainer_prepare.c --- */
bool trainer_prepare(struct trainer *trainer, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* Compiles for a freeze plan and takes it over; on failure all is as before and `freeze` stays the caller's. */
bool trainer_replan(struct trainer *trainer, struct freeze *freeze, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* Steps over which layers that are thawed in the run come to the whole learning rate. */
uint64_t trainer_thaw_warmup(const struct trainer *trainer) THAW_NONNULL;
void trainer_prove(struct trainer *trainer) THAW_NONNULL;          /* the proof of freeze as an event */
size_t trainer_memory(const struct trainer *trainer) THAW_NONNULL; /* bytes it takes, as train_cost tells beforehand */

#endif
