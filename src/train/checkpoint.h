/* Checkpoints: everything a run needs to go on to the same bits, in one safetensors file written atomically.
 *
 * Tensors (float32, native layout; shapes as struct graph_param has them):
 *   values.NAME        every parameter and running statistic that moves or has moved in this run
 *   SLOT.NAME          optimiser moments of what moves now ("momentum", "exp_avg", "exp_avg_sq")
 * Metadata "thaw.checkpoint": one JSON object with the fields of struct checkpoint, "settings" (experiment_text), "fixed" (freeze marks by node),
 * "changes" (what undo takes back), "recorded" and "recorded_last" (commands to be done again), "updates" and "warmups" (optimiser steps by parameter, done and of its warm-up). Doubles are C hexadecimal text, so that
 * they come back to the bit. Dropout masks, order and augmentation are pure functions of (seed, epoch, step), so there is
 * no generator state to keep. Everything else a run stands on comes again from its base weights file, which `base_hash`
 * must still match. "thaw.digest" (weights.h) is a
 * digest of the whole file, without which no file of version 3 is read. Files of versions 1 and 2 are. */
#ifndef THAW_TRAIN_CHECKPOINT_H
#define THAW_TRAIN_CHECKPOINT_H

#include "data_digest.h"
#include "recorded.h"
#include "schedule.h"
#include "task.h"
#include "thaw/train/optim.h"
#include "thaw/weights/weights.h"

enum { CHECKPOINT_VERSION = 3, CHECKPOINT_DIGESTS = 3 /* the first with a digest */, CHECKPOINT_PATH = 512 };

struct checkpoint {
    int version; /* of the file it was read from */
    /* the cursor: `batch` batches of `epoch` (1..) are done */
    int epoch, batch;
    uint64_t step;  /* optimiser steps done */
    int thaws_done; /* [thaw] lines applied */
    int epochs;     /* so many in all, as it stands; 0: as the experiment says */
    /* the running epoch so far */
    struct task_sums sums;
    double epoch_seconds, elapsed;
    /* the run so far; best: of the task's first metric, NAN: none yet */
    struct schedule_base lr;
    double val_loss, best;
    int best_epoch, stale; /* stale: evaluations since the best */
    uint64_t mark;         /* rundir_mark just before its event */
    /* what it was made with */
    uint64_t seed;
    int images_batch; /* experiment's train.batch */
    int batches;      /* of an epoch; 0: not known */
    char parent[CHECKPOINT_PATH];
    struct hash classes_hash; /* of their names; {0,0}: not known */
    char arch[64], base_path[CHECKPOINT_PATH];
    struct hash base_hash, data_hash; /* of the weights file ({0,0}: none) and of the list of training images */
    struct data_digest data;          /* of all images */
};

/* Changes of the freeze plan that can be taken back, the oldest first. */
enum { PLAN_CHANGES_MAX = 32 };
struct plan_changes {
    struct plan_change {
        struct freeze *before; /* owned */
        double lr_from, lr_to; /* base learning rate before it and behind it */
    } change[PLAN_CHANGES_MAX];
    int count;
};
/* Takes the plan over; the oldest change goes where there is no room. */
void plan_changes_push(struct plan_changes *changes, struct plan_change change) THAW_NONNULL;
void plan_changes_finish(struct plan_changes *changes) THAW_NONNULL;

/* What a checkpoint is taken of, beside its fields; borrowed. */
struct checkpoint_of {
    const struct graph *graph;
    const struct freeze *freeze;
    struct optim *optim;
    const bool *touched; /* [graph->params], has moved in this run */
    const struct plan_changes *changes;
    const struct recorded_commands *recorded; /* that are still to be done again */
    const char *settings;                     /* experiment_text of the run's experiment.ini */
};
bool checkpoint_write(const char *path, const struct checkpoint *checkpoint, const struct checkpoint_of *of,
                      struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* The same as bytes, to be written to `path` later; the caller frees them. */
char *checkpoint_bytes(size_t *size, const char *path, const struct checkpoint *checkpoint,
                       const struct checkpoint_of *of, struct error *error) THAW_NONNULL THAW_MUST_CHECK;

struct checkpoint_file;
/* Opens one, checks its digest and reads its fields, each within its bounds. ERROR_DATA, here and below: it is missing or
 * damaged; ERROR_WEIGHTS: not a checkpoint, or of another architecture; ERROR_FAILED: of a newer version. */
struct checkpoint_file *checkpoint_open(const char *path, const struct graph *graph, struct checkpoint *checkpoint,
                                        struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* The same of a file that is open, which it takes over. */
struct checkpoint_file *checkpoint_take(struct weights *weights, const struct graph *graph,
                                        struct checkpoint *checkpoint,
                                        struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* false, ERROR_FAILED: a sound checkpoint of a newer version. */
bool checkpoint_refuse_newer(const char *path, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
void checkpoint_close(struct checkpoint_file *file);
/* Values into the graph; touched may be NULL. A failure leaves the graph as it was. */
bool checkpoint_values(const struct checkpoint_file *file, struct graph *graph, bool *touched, struct error *error)
    THAW_NONNULL_ARGS(1, 2, 4) THAW_MUST_CHECK;
/* experiment_text of what it was trained with; borrowed. NULL: before version 3. */
const char *checkpoint_settings(const struct checkpoint_file *file) THAW_NONNULL;
/* Whether it has values of a parameter: it moves or has moved. */
bool checkpoint_has(const struct checkpoint_file *file, const struct graph *graph, int param) THAW_NONNULL;
/* Freeze marks, then (behind optim_follow) the optimiser's state. */
bool checkpoint_freeze(const struct checkpoint_file *file, struct freeze *freeze,
                       struct error *error) THAW_NONNULL THAW_MUST_CHECK;
bool checkpoint_optim(const struct checkpoint_file *file, const struct graph *graph, struct optim *optim,
                      struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* The commands that are still to be done again. */
bool checkpoint_recorded(const struct checkpoint_file *file, struct recorded_commands *recorded,
                         struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* What undo takes back. */
bool checkpoint_changes(const struct checkpoint_file *file, const struct graph *graph, struct plan_changes *changes,
                        struct error *error) THAW_NONNULL THAW_MUST_CHECK;

#endif
