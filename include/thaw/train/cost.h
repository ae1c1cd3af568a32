/* What a run takes, in bytes and in seconds, before it begins: from a dry plan, what was measured of the kernels, and the
 * speed of this machine. The trainer's first event tells the same bytes by the same function. */
#ifndef THAW_TRAIN_COST_H
#define THAW_TRAIN_COST_H

#include "thaw/compile/speed.h"
#include "thaw/data/dataset.h"
#include "thaw/data/pace.h"
#include "thaw/train/experiment.h"

struct train_bytes {
    size_t weights;        /* the network's values */
    size_t moments;        /* the optimiser's state */
    struct plan_cost plan; /* of a training step */
    size_t batches;        /* of images that are read ahead */
    size_t features;       /* kept in memory, where they have no file */
    size_t filling;        /* only while features are computed: the frozen half's plan, and its images */
    size_t all;            /* at the time of the most */
};

struct train_seconds {
    bool known;      /* else the rest is 0 */
    double first;    /* the first epoch, behind all that is computed ahead of it */
    int firsts;      /* so many epochs begin with computing features */
    double later;    /* an epoch behind those */
    double training; /* of `later`: training images; the rest is validation and what is saved */
    int unknown;     /* jobs of kernels not measured yet: they count as if machines did their best */
};

struct train_cost {
    struct train_bytes bytes;
    struct train_seconds seconds;
    size_t kept;          /* bytes of features on the disk or in memory, all views; 0: none are kept */
    struct error refused; /* of kind NONE: a run could have this plan */
};

/* All borrowed. */
struct train_cost_request {
    const struct experiment *experiment;
    const struct graph *graph; /* sealed is enough */
    const struct freeze *freeze;
    const struct dataset *dataset;      /* NULL: none chosen */
    int threads;                        /* 0: one for each core */
    const struct kernel_table *kernels; /* as the run would open it */
    /* for the seconds; NULL: they are not wanted or not known */
    const struct speed *speed;
    const struct data_pace *pace; /* [DATASET_SPLITS] */
};
/* false: the batch cannot be, or nothing would be left to train (ERROR_USAGE). */
bool train_cost(struct train_cost *cost, const struct train_cost_request *request,
                struct error *error) THAW_NONNULL THAW_MUST_CHECK;

/* How the images of a part would be read, for data_pace_measure. */
struct loader_options train_cost_loading(const struct train_cost_request *request,
                                         enum dataset_split split) THAW_NONNULL;

#endif
