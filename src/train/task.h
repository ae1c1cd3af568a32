/* A task: how the network's output is held against what the data says, and which figures that gives. One row each;
 * classification is the first, later ones put another head on the same trunk. Nothing outside a task's file knows its
 * figures but by the names of its definitions. */
#ifndef THAW_TRAIN_TASK_H
#define THAW_TRAIN_TASK_H

#include "thaw/data/loader.h"
#include "thaw/run/metrics.h"
#include "thaw/train/experiment.h"

enum { TASK_SUMS = 4 };

/* Running sums over images; what an epoch's mean loss and figures are made of. Adding two up gives that of both. */
struct task_sums {
    double loss; /* mean loss of a batch times its images, added up */
    uint64_t images;
    double of[TASK_SUMS]; /* the task's own; whole numbers stay exact up to 2^53 */
};

/* Results of an evaluation: one row an image of the validation part. */
struct task_predictions {
    int classes, epoch; /* epoch: of the evaluation */
    size_t images;
    int *label, *predicted; /* [images] */
    float *probability;     /* [images], of the predicted class */
    uint32_t *index;        /* [images], into the validation part */
};

struct task {
    const char *name;
    struct metric_definitions metrics; /* the first one decides which model is the best */
    /* What the task needs of experiment and data; destroy takes it. */
    void *(*create)(const struct experiment *experiment, const struct dataset *dataset);
    void (*destroy)(void *state);
    /* Loss and sums of a batch, added to *sums; output (n, classes). gradient NULL: not wanted. Returns the batch's
     * mean loss. */
    double (*measure)(void *state, const float *output, const struct batch *batch, float *gradient,
                      struct task_sums *sums);
    /* The figures that sums over one image or more come to, all that are defined. */
    void (*figures)(const struct task_sums *sums, struct metrics *metrics);
    /* Appends a batch's rows to what Results shows; the arrays have room for all images of the part. */
    void (*predict)(void *state, const float *output, const struct batch *batch, struct task_predictions *predictions);
};

extern const struct task task_classify;

#endif
