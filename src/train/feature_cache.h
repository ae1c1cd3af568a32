/* Frozen features: what crosses the frontier, kept per image and view, so that the frozen half of the network runs once
 * for each and not once an epoch; in a file that all runs share (feature_file.h, feature_store.h), or in memory.
 *
 * What is kept is a function of the key alone: images in the part's order, FEATURE_BLOCK of them in every call of the
 * frozen half, an unreadable one a black picture in its place. So it makes no difference to any bit who filled it, when,
 * from images or from features of an earlier cut; only float32 ones are gone on from. The key has every file's stamp, so
 * images that changed since they were listed are not to be kept under it. */
#ifndef THAW_TRAIN_FEATURE_CACHE_H
#define THAW_TRAIN_FEATURE_CACHE_H

#include "thaw/compile/plan.h"
#include "thaw/data/loader.h"
#include "thaw/tensor/tensor.h"

struct feature_cache_options {
    const struct graph *graph;   /* borrowed, as all the rest; values below the frontier do not move meanwhile */
    const struct freeze *freeze; /* copied */
    const struct dataset_images *images;
    struct loader_options loader; /* preprocessing, augmentation, views, seed; `views` 0 with augmentation: no cache */
    enum tensor_type type;        /* TENSOR_F32 or TENSOR_F16 */
    size_t disk, memory;          /* budgets, bytes: of all files together; of one part where no file can be had */
    const struct kernel_table *kernels; /* as the plan that trains has them */
    bool no_winograd;
    struct team *team;
};

struct feature_cache;

/* How many views of each image would be kept, and the bytes of them all (NULL: not wanted). 0: none, as
 * feature_cache_create says. */
int feature_cache_would_keep(const struct feature_cache_options *options, size_t *bytes, struct error *error)
    THAW_NONNULL_ARGS(1, 3);
/* How the images are read that they are computed from, and how the plan of the frozen half is made that does it. */
struct loader_options feature_cache_loading(const struct feature_cache_options *options) THAW_NONNULL;
struct plan_options feature_cache_plan(const struct feature_cache_options *options) THAW_NONNULL;
/* Features of one part of the data. NULL with error->kind NONE: nothing is frozen, or every epoch has fresh views;
 * ERROR_FAILED: they would take more than the budgets. Touches neither disk nor images. */
struct feature_cache *feature_cache_create(const struct feature_cache_options *options,
                                           struct error *error) THAW_NONNULL;
void feature_cache_destroy(struct feature_cache *features);
int feature_cache_views(const struct feature_cache *features) THAW_NONNULL;
size_t feature_cache_bytes(const struct feature_cache *features) THAW_NONNULL; /* of memory and files open now */

/* How a fill gets on; called on the trainer's thread. */
struct feature_cache_watch {
    void *context;
    bool (*go_on)(void *context, size_t done, size_t all); /* images; false: stop here */
    /* false: stop here, as what is lost or changed must. */
    bool (*unreadable)(void *context, const struct loader_bad *bad);
    void (*warn)(void *context, const char *sentence);
};
/* What a fill came to. */
struct feature_cache_fill {
    size_t images, computed; /* all; of them not found */
    size_t bytes;            /* of the view */
    const char *from;        /* node behind which it went on; NULL: from images */
    bool in_memory;          /* no file */
};
/* Makes a view complete, views counted from 1: what a file has is taken, the rest is computed. A file that cannot be had
 * or written is a warning, and memory takes its place. *frozen: the plan of the frozen half, made where it is NULL and
 * wanted; the caller destroys it, behind the fills of all parts of the data. false: stopped by go_on or unreadable (kind
 * NONE; what was done stays), or ERROR_FAILED: no memory. */
bool feature_cache_fill(struct feature_cache *features, int view, const struct feature_cache_watch *watch,
                        struct plan **frozen, struct feature_cache_fill *fill,
                        struct error *error) THAW_NONNULL THAW_MUST_CHECK;
bool feature_cache_ready(const struct feature_cache *features, int view) THAW_NONNULL;
/* Of a view that is ready: an image that could not be read has no features. */
bool feature_cache_has(const struct feature_cache *features, int view, uint32_t index) THAW_NONNULL;
/* Puts a batch's values where exec_thawed of `plan` reads them. false: the file lost them; feature_cache_drop. */
bool feature_cache_load(const struct feature_cache *features, int view, struct plan *plan,
                        const struct batch *batch) THAW_NONNULL THAW_MUST_CHECK;
/* Lets go of a view, which is not ready any more: it is filled again. */
void feature_cache_drop(struct feature_cache *features, int view) THAW_NONNULL;

#endif
