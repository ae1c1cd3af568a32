/* What a run compiles and keeps under a freeze plan, and how it reads its images: decided here alone, for the run itself
 * and for what is told of its cost before it begins. */
#ifndef THAW_TRAIN_SCHEME_H
#define THAW_TRAIN_SCHEME_H

#include "feature_cache.h"
#include "thaw/train/experiment.h"

/* All borrowed. */
struct scheme_request {
    const struct experiment *experiment;
    const struct graph *graph;
    const struct freeze *freeze;
    const struct dataset *dataset;      /* NULL: none is known, and nothing is kept of it */
    const struct kernel_table *kernels; /* NULL: the built-in rule */
    struct team *team;                  /* NULL: nothing will be run */
    int threads;                        /* where there is no team; 0: one for each core */
    bool uncached[DATASET_SPLITS];      /* features could not be had */
};

struct scheme {
    struct feature_cache_options features[DATASET_SPLITS];
    int views[DATASET_SPLITS];        /* of each image whose features are kept; 0: none are */
    size_t kept[DATASET_SPLITS];      /* bytes of them */
    struct error why[DATASET_SPLITS]; /* they are not kept, where it is to be said */
    struct plan_options plan; /* of a training step: the thawed half alone where no image goes through the other */
};

/* Whether there is anything to train; ERROR_USAGE. */
bool scheme_trains(const struct freeze *freeze, const struct graph *graph,
                   struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* How a run reads a part's images where it has no features of them; the freeze plan is not looked at. */
struct loader_options scheme_loading(const struct scheme_request *request, enum dataset_split split) THAW_NONNULL;
void scheme_make(struct scheme *scheme, const struct scheme_request *request) THAW_NONNULL;

#endif
