/* The trainer: one background thread that runs an experiment. Commands go in and take effect at the next batch; events
 * come out through a sink; snapshots are copied out under a lock. Its only upward call is the sink. */
#ifndef THAW_TRAIN_TRAINER_H
#define THAW_TRAIN_TRAINER_H

#include "thaw/data/dataset.h"
#include "thaw/network/freeze.h"
#include "thaw/run/event.h"
#include "thaw/source/bind.h"
#include "thaw/train/experiment.h"

enum trainer_phase {
    TRAINER_PREPARING, /* reading weights and data, building the plan */
    TRAINER_RUNNING,
    TRAINER_PAUSED,
    TRAINER_VALIDATING,
    TRAINER_DONE,
    TRAINER_FAILED,
    TRAINER_PHASES
};

struct trainer_status {
    enum trainer_phase phase;
    int epoch, epochs;  /* epoch 1.. */
    int batch, batches; /* of this epoch, done / all */
    uint64_t step;
    double lr, loss, accuracy;     /* of the running epoch so far; accuracy 0..1 */
    double val_loss, val_accuracy; /* last evaluation; -1: none yet */
    double best_accuracy;
    int best_epoch;
    double images_per_second;
    double elapsed, remaining; /* seconds; remaining -1: not known yet */
    size_t plan_bytes;
    size_t features_done, features_all; /* images, while what the frozen part gives is computed ahead; else 0 */
    char run_path[512];
    struct error error; /* phase FAILED */
};

/* Results of the last evaluation: one row an image of the validation part. */
struct trainer_predictions {
    int classes;
    size_t images;
    int *label, *predicted; /* [images] */
    float *probability;     /* [images], of the predicted class */
    uint32_t *index;        /* [images], into the validation part */
};

struct trainer;

/* Copies the experiment; opens the run directory (a new one, or with resume_path that run's, continuing from its last
 * checkpoint). Heavy work happens on the thread. The sink is called on the trainer's thread, after the event has been
 * appended to events.jsonl. */
struct trainer *trainer_create(const struct experiment *experiment, const char *resume_path,
                               const struct event_sink *sink, struct error *error)
    THAW_NONNULL_ARGS(1, 3, 4) THAW_MUST_CHECK;
bool trainer_start(struct trainer *trainer, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
void trainer_join(struct trainer *trainer) THAW_NONNULL;
void trainer_destroy(struct trainer *trainer); /* stops and joins first */

enum trainer_command_kind {
    TRAINER_PAUSE,
    TRAINER_CONTINUE,
    TRAINER_STOP,      /* finish the batch, evaluate nothing more, save, end */
    TRAINER_INTERRUPT, /* the same, recorded as interrupted */
    TRAINER_SAVE,      /* a checkpoint now */
    TRAINER_SET_LR,    /* value: the new base learning rate */
    TRAINER_FREEZE,    /* layers: patterns */
    TRAINER_THAW,      /* layers: patterns; value: learning-rate factor, 1 for the same */
};
struct trainer_command {
    enum trainer_command_kind kind;
    double value;
    char layers[EVENT_TEXT_MAX];
};
/* Never blocks on training. TRAINER_STOP also ends a pause. */
void trainer_post(struct trainer *trainer, const struct trainer_command *command) THAW_NONNULL;
void trainer_status(struct trainer *trainer, struct trainer_status *status) THAW_NONNULL;
void trainer_predictions_finish(struct trainer_predictions *predictions) THAW_NONNULL;
/* One update/weight ratio (RMS of the last update over RMS of the weights) a node of the graph; -1 where nothing moved.
 * Returns how many were written. */
int trainer_layer_updates(struct trainer *trainer, float *ratio, int room) THAW_NONNULL;

#endif
