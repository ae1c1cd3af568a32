/* Images whose label is likely wrong, told by a model that others have trained and by the data themselves: confident learning
 * (Northcutt, Jiang and Chuang 2021, "Confident Learning: Estimating Uncertainty in Dataset Labels"). */
#ifndef THAW_TRAIN_MISLABELS_H
#define THAW_TRAIN_MISLABELS_H

#include "thaw/data/dataset.h"
#include "thaw/network/graph.h"

struct mislabels_request {
    const struct graph *graph; /* with values; what lies before its head is used, the head is not */
    const struct dataset *dataset;
    size_t cache; /* bytes of frozen features that files may keep, as data.cache_disk */
    int threads;  /* 0: all cores */
    /* May be NULL; images of a part whose features are there, and all; false: stop. On the caller's thread. */
    bool (*tell)(void *context, size_t done, size_t all);
    void *context;
};

struct mislabel {
    const struct dataset_item *item; /* borrowed */
    enum dataset_split split;
    int guess;          /* the class that it is taken for */
    float own, guessed; /* out-of-fold probabilities of its label and of the guess */
};
struct mislabels {
    struct mislabel *mislabel; /* the most suspicious first: by guessed - own */
    size_t count, images;      /* images: with features */
};

/* Frozen features of all parts, kept where runs keep theirs, standardised; a linear softmax layer learns each of MISLABEL_FOLDS
 * stratified folds from the others, so that each image has probabilities from a layer that has not seen its label. A class's
 * threshold is what its images give it on average; an image is suspicious where another class comes first and passes that
 * class's threshold, and its own label stays below its own. Deterministic. Finish the result.
 * ERROR_DATA: a class has fewer than two images, or not one image could be read; ERROR_STOPPED; ERROR_FAILED: no memory. */
enum { MISLABEL_FOLDS = 5 };
bool mislabels_find(const struct mislabels_request *request, struct mislabels *found,
                    struct error *error) THAW_NONNULL THAW_MUST_CHECK;
void mislabels_finish(struct mislabels *found) THAW_NONNULL;

#endif
