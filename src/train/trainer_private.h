/* The inside of a trainer, shared by trainer.c (the door), trainer_prepare.c, trainer_loop.c and trainer_save.c; tests
 * look in to move what must not move. Everything is the trainer thread's own but what stands below `mutex`. */
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

#define TRAINER_LAST    "checkpoints/last.safetensors"
#define TRAINER_BEST    "checkpoints/best.safetensors"
#define TRAINER_KERNELS "kernels"

enum { TRAINER_COMMANDS = 1024 };

/* What is done beside the training takes at most one part in so many of the time, however short the epochs are: what is
 * not due at the end of one is put off to the next, and never beyond the end of the run. */
enum { TRAINER_PACE = 20 };
struct trainer_pace {
    double began, took; /* when it was last done, and how long that took, seconds */
    bool owed;          /* put off */
};

/* One part of the data on its way to the network. */
struct trainer_feed {
    struct loader_options loading;
    int batches;
    struct feature_cache *features; /* NULL: not kept */
    struct error why;               /* they are not, where it is to be said */
    bool uncached;                  /* they could not be, under this freeze plan */
    int view;                       /* of the features in use */
    struct loader *loader;          /* NULL: the batches are those in `order` */
    uint32_t *order;                /* [items] of the epoch */
    struct batch listed;            /* without inputs */
    int next;                       /* batch of `order` */
    bool *told;                     /* [items], unreadable and said so; NULL: none */
};

struct trainer {
    struct experiment experiment;
    struct event_sink sink;
    struct rundir *rundir;
    struct log *log;
    bool resuming, began; /* began: the first event is written */

    struct dataset *dataset;
    struct graph *graph;
    struct freeze *freeze;
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
    float *logits_gradient;             /* (batch, classes) */
    float **gradient;                   /* [params], of the plan; NULL where none */
    bool *touched;                      /* [params], moves or has moved */
    bool replanned;                     /* since the batches were begun */
    size_t features_done, features_all; /* images, while features are computed; else 0 */
    char match[EVENT_TEXT_MAX];         /* how the pretrained weights matched */
    bool statistics_fixed;              /* batch-norm statistics of thawed layers */

    struct trainer_pace proving, saving, telling; /* proof of freeze; checkpoints; predictions.json */
    char *best_held;                              /* the best checkpoint, not written yet; NULL: none */
    size_t best_bytes;
    int predicted_epoch; /* of `predictions` */

    struct checkpoint at;     /* the cursor and all that a checkpoint holds */
    int event_epoch;          /* what events are filed under: the epoch that runs, or just ended */
    double ticked;            /* clock_monotonic up to which at.elapsed counts */
    double rate, val_seconds; /* images a second, smoothed; of the last evaluation */
    double fill_seconds;      /* of the last view of training images whose features were computed */
    double lr;                /* of the last step */
    enum event_done how;      /* why it ends */
    bool paused, ending;      /* ending: a stop was asked for */
    struct error failure;     /* kind != NONE: the run fails */

    struct queue *commands; /* struct trainer_command *, allocated */
    struct trainer_command *pending;
    size_t pendings;

    pthread_t thread;
    bool started, joined;
    atomic_bool abandoned; /* by trainer_destroy; holds even where the queue is full */

    pthread_mutex_t mutex;
    struct trainer_status status;
    struct trainer_predictions predictions;
    float *ratio; /* [ratios] */
    int ratios;
};

/* --- trainer.c --- */
/* Appends to events.jsonl, then calls the sink. false: it could not be appended; the run fails. */
bool trainer_emit(struct trainer *trainer, struct event *event) THAW_NONNULL;
/* A warning event and a line in the log. */
void trainer_warn(struct trainer *trainer, const char *format, ...) THAW_NONNULL_ARGS(1, 2) THAW_PRINTF(2, 3);
/* Brings at.elapsed up to now, or (counting false) leaves the time since the last call out. */
void trainer_tick(struct trainer *trainer, bool counting) THAW_NONNULL;
/* Copies cursor, means and speed to the status. */
void trainer_publish(struct trainer *trainer, enum trainer_phase phase) THAW_NONNULL;
/* Takes what is in the queue: stops at once to `ending`, the rest to `pending`. wait: sleeps until something comes. */
void trainer_collect(struct trainer *trainer, bool wait) THAW_NONNULL;

/* Whether it is its turn again. */
bool trainer_is_due(const struct trainer_pace *pace) THAW_NONNULL;
void trainer_pace_begin(struct trainer_pace *pace) THAW_NONNULL;
void trainer_pace_end(struct trainer_pace *pace) THAW_NONNULL;

/* --- trainer_prepare.c --- */
bool trainer_prepare(struct trainer *trainer, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* Compiles for a freeze plan and takes it over; on failure all is as before and `freeze` stays the caller's. */
bool trainer_replan(struct trainer *trainer, struct freeze *freeze, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* The proof of freeze as an event. */
void trainer_prove(struct trainer *trainer) THAW_NONNULL;

/* --- trainer_batches.c --- */
/* Starts an epoch's batches, behind making features complete where they are kept. false: a stop came in between, or the
 * run fails. */
bool trainer_begin(struct trainer *trainer, enum dataset_split split, int epoch, int first) THAW_NONNULL;
/* The next batch, NULL at the end; `input` is NULL where features stand for it. Give it back with trainer_release. */
struct batch *trainer_next(struct trainer *trainer, enum dataset_split split) THAW_NONNULL;
void trainer_release(struct trainer *trainer, enum dataset_split split, struct batch *batch) THAW_NONNULL;
/* Warns of images that the loader could not read. */
void trainer_report_bad(struct trainer *trainer, enum dataset_split split) THAW_NONNULL;
void trainer_feed_finish(struct trainer_feed *feed) THAW_NONNULL;

/* --- trainer_loop.c --- */
void trainer_loop(struct trainer *trainer) THAW_NONNULL;

/* --- trainer_save.c --- */
/* Writes the last checkpoint, and a best one that was held before it, with their events; a failure is a warning. */
void trainer_save(struct trainer *trainer) THAW_NONNULL;
/* Takes the state as it is as the best: writes it `now`, right before a last one, or holds it until the next of them. */
void trainer_keep_best(struct trainer *trainer, bool now) THAW_NONNULL;
/* predictions.json: what Results shows of a reopened run; a failure is a warning. */
void trainer_save_predictions(struct trainer *trainer) THAW_NONNULL;
/* model.safetensors: the best model, or where there is none the last, for eval, predict and other programs. */
void trainer_export(struct trainer *trainer) THAW_NONNULL;

#endif
