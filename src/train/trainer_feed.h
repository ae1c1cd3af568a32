/* Where a trainer's batches come from: the loader, or the features that are kept. Part of trainer_private.h. */
#ifndef THAW_TRAIN_TRAINER_FEED_H
#define THAW_TRAIN_TRAINER_FEED_H

#include "feature_cache.h"
#include "thaw/data/loader.h"

struct trainer;

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
    bool changes_told;
    bool lost; /* the run fails for want of images that it had: its state is as good as behind a stop */
};

/* --- trainer_batches.c --- */
/* Starts an epoch's batches, behind making features complete where they are kept. false: a stop came in between, or the
 * run fails. */
bool trainer_begin(struct trainer *trainer, enum dataset_split split, int epoch, int first) THAW_NONNULL;
/* The next batch, NULL at the end; `input` is NULL where features stand for it. Give it back with trainer_release. */
struct batch *trainer_next(struct trainer *trainer, enum dataset_split split) THAW_NONNULL;
/* Has the features of a batch where the thawed half reads them, if there are any. false: they were lost, and will be made
 * again by trainer_begin, at this batch or from the first on. */
bool trainer_load(struct trainer *trainer, enum dataset_split split,
                  const struct batch *batch) THAW_NONNULL THAW_MUST_CHECK;
void trainer_release(struct trainer *trainer, enum dataset_split split, struct batch *batch) THAW_NONNULL;
/* Warns of images that the loader could not read. false: some were lost, and the run fails: what it gave since is not to
 * be trained on. */
bool trainer_report_bad(struct trainer *trainer, enum dataset_split split) THAW_NONNULL THAW_MUST_CHECK;
/* At the end of an epoch: false where not one image of it could be read; the run fails. */
bool trainer_check_read(struct trainer *trainer) THAW_NONNULL THAW_MUST_CHECK;
void trainer_feed_finish(struct trainer_feed *feed) THAW_NONNULL;

#endif
