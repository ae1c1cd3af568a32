/* A task: how the network's output is held against what the data says. One row each; classification is the first, later
 * ones put another head on the same trunk. */
#ifndef THAW_TRAIN_TASK_H
#define THAW_TRAIN_TASK_H

#include "thaw/train/trainer.h"

/* Running sums over images; what an epoch's mean loss and accuracy are made of. */
struct task_sums {
    double loss; /* mean loss of a batch times its images, added up */
    uint64_t images, correct, correct5;
};

struct task {
    const char *name;
    /* What the task needs of experiment and data; destroy takes it. */
    void *(*create)(const struct experiment *experiment, const struct dataset *dataset);
    void (*destroy)(void *state);
    /* Loss and metrics of a batch, added to *sums; output (n, classes). gradient NULL: not wanted. Returns the batch's
     * mean loss. */
    double (*measure)(void *state, const float *output, const struct batch *batch, float *gradient,
                      struct task_sums *sums);
    /* Appends a batch's rows to what Results shows; the arrays have room for all images of the part. */
    void (*predict)(void *state, const float *output, const struct batch *batch,
                    struct trainer_predictions *predictions);
};

extern const struct task task_classify;

#endif
