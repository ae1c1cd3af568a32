/* What the calls of a Functional model's layers read, and what they gave. Private to src/source/import/keras.c. */
#ifndef THAW_SRC_SOURCE_IMPORT_KNET_CALLS_H
#define THAW_SRC_SOURCE_IMPORT_KNET_CALLS_H

#include "knet.h"

/* What a layer is called in its model; "" where it does not say. */
const char *knet_layer_name(const json_t *layer) THAW_NONNULL;

struct knet_calls {
    json_t *by_name; /* for each layer the indices of what its calls gave, in order */
    json_t *several; /* the names of those that are called several times */
    struct knet_value **value;
    size_t values;
    size_t *done; /* [layers]: how many of its calls are built */
};
void knet_calls_init(struct knet_calls *calls, const json_t *layers) THAW_NONNULL_ARGS(1);
void knet_calls_finish(struct knet_calls *calls) THAW_NONNULL;

/* What the next call of a layer gave; copied. */
void knet_keep_value(struct knet_calls *calls, const char *layer, const struct knet_value *value) THAW_NONNULL;

enum knet_ready {
    KNET_READY,
    KNET_WAITS, /* for a layer that is not built yet */
    KNET_FAULT  /* an error is set */
};
/* Fills the operands of one entry of inbound_nodes. The forms:
 *   Keras 1, 2  [["conv1", 0, 0, {keywords}], ...]: layer, call, output; ["_CONSTANT_VALUE", -1, number, {keywords}]
 *   Keras 3     {"args": [{"class_name": "__keras_tensor__", "config": {"keras_history": ["conv1", 0, 0]}}, ...],
 *               "kwargs": {...}}, lists of them, and numbers among them
 * Of keywords x, y, x1 and x2 are operands. Calls of models may count from 1, their own building being the first: the
 * number of the call matters only of layers that are called several times. */
enum knet_ready knet_read_call(struct knet *net, const struct knet_calls *calls, const json_t *inbound,
                               struct knet_call *call) THAW_NONNULL_ARGS(1, 2, 4);

/* Of input_layers or output_layers: [["conv1", 0, 0]] or ["conv1", 0, 0]; NULL where there are several, or none. */
const char *knet_only_name(const json_t *list);
struct knet_value *knet_only_value(const struct knet_calls *calls, const json_t *list) THAW_NONNULL_ARGS(1);

#endif
