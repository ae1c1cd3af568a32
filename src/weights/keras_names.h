/* What Keras calls the values of a layer, over the years. Private to src/weights and its tests.
 *
 * 1. Keras 2 and 3 name them "conv1/kernel:0" or "conv1/kernel"; nested models "Conv1/kernel:0" inside their own group.
 * 2. Keras 1 names them "conv1_W:0", "conv1_b_1:0", "bn_running_std:0": a number at the end keeps names apart, and
 *    running_std holds a variance.
 * 3. Keras 3's .weights.h5 numbers them: "layers/conv2d_1/vars/0". The layers' groups are named after their classes,
 *    counted; the values come in the order in which the class makes them.
 * The name in common is "LAYER/LEAF", LEAF one of kernel, depthwise_kernel, pointwise_kernel, bias, gamma, beta,
 * moving_mean, moving_variance, mean, variance, count, alpha; LAYER is a path of names where models are nested. */
#ifndef THAW_SRC_WEIGHTS_KERAS_NAMES_H
#define THAW_SRC_WEIGHTS_KERAS_NAMES_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "thaw/base/macros.h"

/* The leaf that ends a name of the first or second kind, or NULL. Static storage. */
const char *keras_leaf(const char *name) THAW_NONNULL;

/* The leaf of value `index` of the `count` that a layer of that class has; config (may be NULL) is the layer's. NULL
 * where that is not known. Static storage. */
const char *keras_leaf_at(const char *class_name, const json_t *config, size_t count, size_t index)
    THAW_NONNULL_ARGS(1);

/* The class whose layers' groups are named so ("conv2d_3": Conv2D), or NULL. Static storage. */
const char *keras_class_of_group(const char *group) THAW_NONNULL;

/* The layers of a model_config or config.json, those of nested models in their place. */
struct keras_layer {
    char *path;             /* "conv1"; "mobilenetv2/Conv1" in a nested model */
    char *group;            /* where a .weights.h5 has it, without "layers/": "functional/conv2d_2" */
    const char *class_name; /* borrowed from the outline's JSON, as is config */
    const json_t *config;   /* an object */
    size_t order;           /* in the configuration */
};
struct keras_outline {
    json_t *root;
    struct keras_layer *layer;           /* sorted by path */
    const struct keras_layer **by_group; /* the same, sorted by group */
    size_t layers;
};
/* False where the text is no such configuration; the outline is empty then. Finish it either way. */
bool keras_outline_read(struct keras_outline *outline, const char *text) THAW_NONNULL;
void keras_outline_finish(struct keras_outline *outline) THAW_NONNULL;
/* By path or by group; NULL where there is none. */
const struct keras_layer *keras_outline_find(const struct keras_outline *outline, const char *path) THAW_NONNULL;
const struct keras_layer *keras_outline_find_group(const struct keras_outline *outline, const char *group) THAW_NONNULL;
/* The layers inside a nested model: the index of the first, and how many; 0 where it is none. */
size_t keras_outline_inside(const struct keras_outline *outline, const char *model, size_t *first) THAW_NONNULL;

#endif
