/* The loader: decodes, augments and normalises ahead of the trainer on its own threads, and hands over batches in an
 * order that depends on (seed, epoch) only. An image that turns out unreadable is set aside once, reported, and its
 * place taken by none: the batch is one image shorter. So is one that was lost, which is another matter: batches without
 * it depend on when that happened. */
#ifndef THAW_DATA_LOADER_H
#define THAW_DATA_LOADER_H

#include <stdint.h>

#include "thaw/data/augment.h"
#include "thaw/data/dataset.h"
#include "thaw/tensor/preprocess.h"

struct loader_options {
    struct preprocess preprocess;
    int batch;
    bool shuffle;
    enum augment augment; /* a pure function of (seed, epoch, index) */
    int views;            /* augmented views an image: epochs take them in turn; 0: a fresh one every epoch */
    uint64_t seed;
    int threads;        /* decoding threads, >= 1 */
    size_t cache_bytes; /* keep decoded images up to this many bytes; 0: none. The same batches either way */
    bool fast;          /* as in struct view_request */
};

struct batch {
    float *input;    /* (n, height, width, channels) */
    int *label;      /* [n] */
    uint32_t *index; /* [n], into the images' items */
    int n;
};

/* The order of an epoch: order[items] becomes a permutation, by (shuffle, seed, epoch) only. Batch b is places
 * [b * batch, (b + 1) * batch) of it, without the unreadable images. */
void loader_order(const struct loader_options *options, int epoch, uint32_t *order, size_t items) THAW_NONNULL;

struct loader;
/* Borrows the images, which must not change meanwhile; refuses none. One caller at a time. */
struct loader *loader_create(const struct dataset_images *images, const struct loader_options *options,
                             struct error *error) THAW_NONNULL THAW_MUST_CHECK;
void loader_destroy(struct loader *loader);
int loader_batches(const struct loader *loader) THAW_NONNULL; /* an epoch */
/* Starts (or restarts) an epoch at a batch, dropping what was prefetched. epoch >= 1. */
void loader_begin(struct loader *loader, int epoch, int first_batch) THAW_NONNULL;
/* The next batch, or NULL at the end of the epoch (and before the first loader_begin). Give it back with
 * loader_release, a new epoch or not. n may be 0 (all unreadable). */
struct batch *loader_next(struct loader *loader) THAW_NONNULL;
void loader_release(struct loader *loader, struct batch *batch) THAW_NONNULL;
/* UNREADABLE: its file is the one that was there when the dataset was opened, and no whole image. LOST: that file cannot
 * be read any more, or was rewritten and is no whole image now. CHANGED: rewritten, but used as it is now. */
enum loader_fault { LOADER_UNREADABLE, LOADER_LOST, LOADER_CHANGED };
/* What was found since the last call (borrowed until the next), once for each image. */
struct loader_bad {
    uint32_t index;
    enum loader_fault fault;
    char reason[160];
};
size_t loader_take_bad(struct loader *loader, const struct loader_bad **bad) THAW_NONNULL;
/* Bytes that a loader takes for batches filled ahead. */
size_t loader_batch_bytes(const struct loader_options *options) THAW_NONNULL;

#endif
