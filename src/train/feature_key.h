/* The key of kept features: all that decides their bits, as text of one line a thing. Its digest names the file, its text
 * stands in it, so that two keys of one digest are told apart. */
#ifndef THAW_TRAIN_FEATURE_KEY_H
#define THAW_TRAIN_FEATURE_KEY_H

#include "thaw/base/hash.h"
#include "thaw/compile/kernel_table.h"
#include "thaw/data/loader.h"
#include "thaw/tensor/tensor.h"

/* The first word of a line. */
#define FEATURE_KEY_MODEL  "model"
#define FEATURE_KEY_IMAGES "images"
#define FEATURE_KEY_VIEW   "view"

/* What every key of one part of the data has in common; frontiers differ in the rest. */
struct feature_key {
    const struct graph *graph;
    struct hash *prefix; /* [nodes + 1] of the nodes before it and their values */
    /* of the plan that fills; NULL: kernels by the built-in rule */
    const struct kernel_table *kernels;
    bool no_winograd;
    char *rest; /* lines on images, preprocessing and machine */
};

/* Digests the graph's nodes with their values and the kernels that the table gives them, up to `frontier`, and the images
 * with their sizes and times. Sets all but kernels and no_winograd, which it reads. */
void feature_key_init(struct feature_key *key, const struct graph *graph, int frontier,
                      const struct dataset_images *images, const struct loader_options *loader) THAW_NONNULL;
void feature_key_finish(struct feature_key *key) THAW_NONNULL;
/* The text for a cut at most at the frontier, a view (counted from 1) and a type of element; caller frees. */
char *feature_key_text(const struct feature_key *key, int cut, int view, const struct loader_options *loader,
                       enum tensor_type type) THAW_NONNULL;
/* What stands behind a line's first word; "" without such a line; caller frees. */
char *feature_key_line(const char *text, const char *word) THAW_NONNULL;

#endif
