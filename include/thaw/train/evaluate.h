/* How good a model is on labelled images: every image once, in the order of the data, in the evaluation view of the
 * model's own preprocessing. */
#ifndef THAW_TRAIN_EVALUATE_H
#define THAW_TRAIN_EVALUATE_H

#include "thaw/data/dataset.h"
#include "thaw/data/loader.h"
#include "thaw/network/graph.h"

struct evaluation_request {
    const struct graph *graph;     /* with values; has as many classes as labels may stand for */
    const struct dataset *dataset; /* its labels are numbers of the graph's outputs */
    bool split[DATASET_PARTS];     /* which are judged; an empty one is skipped */
    int batch;                     /* images a pass, >= 1 */
    int threads;                   /* 0: all cores */
    /* Either may be NULL. tell: batches of the split done, and how many it has; false: stop. each: a batch's logits
     * (n, classes), borrowed. Both on the caller's thread. */
    bool (*tell)(void *context, int done, int all);
    void (*each)(void *context, enum dataset_split split, const struct batch *batch, const float *logits);
    void *context;
};

struct evaluation {
    double loss;                        /* cross-entropy, mean over the images */
    uint64_t images, correct, correct5; /* that were read; whose class came first, among the first five */
    uint64_t unreadable;                /* of the same splits: set aside on opening, or found now */
    double seconds;
};

/* false: ERROR_DATA: not one image could be read, or one was lost on the way; ERROR_STOPPED: by tell; ERROR_FAILED: no memory for the plan. */
bool evaluate(const struct evaluation_request *request, struct evaluation *evaluation,
              struct error *error) THAW_NONNULL THAW_MUST_CHECK;

#endif
