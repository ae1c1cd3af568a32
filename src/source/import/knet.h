/* A Keras configuration on its way to a graph. Private to src/source/import/keras*.c.
 *
 * keras.c walks the configuration (a Sequential model, a Functional one, models inside them) in its order; each call of
 * a layer becomes nodes through one converter a class (knet_layers.c, knet_joins.c, knet_activations.c). Nodes are
 * called as the layers are, "MODEL/LAYER" inside a model; what else a layer needs behind a dot ("conv1.relu",
 * "sep.depthwise"). Keras is NHWC as we are, so that no layout changes. */
#ifndef THAW_SRC_SOURCE_IMPORT_KNET_H
#define THAW_SRC_SOURCE_IMPORT_KNET_H

#include <jansson.h>

#include "importer.h"

enum { KNET_OPERANDS_MAX = 64, KNET_DEPTH_MAX = 16, KNET_CALLS_MAX = 10000 };

/* An activation that a layer ends in and that is built when something reads it: at the end of the network it is left
 * out, since training wants logits. */
enum knet_pending { KNET_OPEN, KNET_SOFTMAX, KNET_SIGMOID };

struct knet_value {
    int node;
    bool flat; /* Keras sees (n, c), not (n, 1, 1, c) */
    enum knet_pending pending;
    char name[GRAPH_NAME_MAX]; /* of the pending activation */
};

struct knet {
    const struct weights *weights;
    struct graph *graph;
    struct error *error; /* the first fault; set means stop */
    int version;         /* of Keras: 1, 2, 3 */
    int calls;
    int64_t smallest; /* pixels of the stage's first map */
};

/* What a layer is called with: values of other layers, and numbers where it is an arithmetic operation. */
struct knet_operand {
    struct knet_value *value; /* or NULL */
    const json_t *number;     /* a number or nested lists of them */
};

/* One call of a layer. */
struct knet_call {
    const char *name, *class_name; /* the name is the node's: with the models around it */
    const json_t *config;
    int operands;
    struct knet_operand operand[KNET_OPERANDS_MAX];
};

typedef bool (*knet_convert)(struct knet *net, const struct knet_call *call, struct knet_value *out);

/* The converter of a class, or NULL (knet_layers.c). */
knet_convert knet_find_convert(const char *class_name) THAW_NONNULL;

/* --- knet_nodes.c --- */

/* ERROR_WEIGHTS about a layer: "layer conv1 (Conv2D): ...". Returns false; the first one stays. */
bool knet_refuse(struct knet *net, const struct knet_call *call, const char *format, ...) THAW_NONNULL
    THAW_PRINTF(3, 4);

/* Adds a node "NAME" or, part not NULL, "NAME.part"; begins a stage where the maps have become smaller. */
bool knet_add(struct knet *net, const struct knet_call *call, const char *part, enum op_kind kind,
              const struct op_attrs *attrs, int inputs, const int *input, struct knet_value *out)
    THAW_NONNULL_ARGS(1, 2, 5, 7, 8) THAW_MUST_CHECK;
bool knet_add_unary(struct knet *net, const struct knet_call *call, const char *part, enum op_kind kind, int input,
                    struct knet_value *out) THAW_NONNULL_ARGS(1, 2, 6) THAW_MUST_CHECK;
/* y = scale[c] * x + shift[c], which never learns. */
bool knet_add_constant(struct knet *net, const struct knet_call *call, int input, const float *scale,
                       const float *shift, struct knet_value *out) THAW_NONNULL THAW_MUST_CHECK;
/* The shape of a value. */
struct shape4 knet_shape(const struct knet *net, const struct knet_value *value) THAW_NONNULL;
/* The one value a layer reads; NULL with an error where there are none or several. Pending activations are built. */
struct knet_value *knet_input(struct knet *net, const struct knet_call *call) THAW_NONNULL THAW_MUST_CHECK;
/* Builds what is pending. */
bool knet_settle(struct knet *net, const struct knet_call *call, struct knet_value *value) THAW_NONNULL THAW_MUST_CHECK;

/* Members of a configuration, by their name or, alias not NULL, by the one they had in Keras 1. A missing one (or null)
 * leaves *value; one of another kind or beyond the bounds is an error. */
bool knet_int(struct knet *net, const struct knet_call *call, const char *key, const char *alias, int least, int most,
              int *value) THAW_NONNULL_ARGS(1, 2, 3, 7) THAW_MUST_CHECK;
bool knet_bool(struct knet *net, const struct knet_call *call, const char *key, const char *alias, bool *value)
    THAW_NONNULL_ARGS(1, 2, 3, 5) THAW_MUST_CHECK;
bool knet_real(struct knet *net, const struct knet_call *call, const char *key, const char *alias, double *value)
    THAW_NONNULL_ARGS(1, 2, 3, 5) THAW_MUST_CHECK;
/* One number for both or a list of two. */
bool knet_pair(struct knet *net, const struct knet_call *call, const char *key, const char *alias, int least, int most,
               int value[2]) THAW_NONNULL_ARGS(1, 2, 3, 7) THAW_MUST_CHECK;
/* NULL where it is missing or no text. */
const char *knet_text(const struct knet_call *call, const char *key, const char *alias) THAW_NONNULL_ARGS(1, 2);
/* One value a channel out of a number or of nested lists that hold one or one a channel. */
bool knet_channels(struct knet *net, const struct knet_call *call, const char *what, const json_t *numbers,
                   int channels, float *values) THAW_NONNULL_ARGS(1, 2, 3, 6) THAW_MUST_CHECK;
/* Refuses data_format channels_first. */
bool knet_check_format(struct knet *net, const struct knet_call *call) THAW_NONNULL THAW_MUST_CHECK;

/* --- knet_activations.c --- */

/* The activation that a member or an activation layer names, behind `from`. part NULL: the node is called as the layer,
 * else as the layer and the activation. */
bool knet_activate(struct knet *net, const struct knet_call *call, bool part, const json_t *activation,
                   const struct knet_value *from, struct knet_value *out) THAW_NONNULL_ARGS(1, 2, 5, 6) THAW_MUST_CHECK;
bool knet_activation(struct knet *net, const struct knet_call *call, struct knet_value *out) THAW_NONNULL;
bool knet_relu(struct knet *net, const struct knet_call *call, struct knet_value *out) THAW_NONNULL;
bool knet_leaky_relu(struct knet *net, const struct knet_call *call, struct knet_value *out) THAW_NONNULL;
bool knet_relu6(struct knet *net, const struct knet_call *call, struct knet_value *out) THAW_NONNULL;
bool knet_softmax(struct knet *net, const struct knet_call *call, struct knet_value *out) THAW_NONNULL;

/* --- knet_joins.c --- */

/* Layers, operations of Keras 3 and tf functions alike: values with values, or one value with numbers. */
bool knet_add_values(struct knet *net, const struct knet_call *call, struct knet_value *out) THAW_NONNULL;
bool knet_subtract(struct knet *net, const struct knet_call *call, struct knet_value *out) THAW_NONNULL;
bool knet_multiply(struct knet *net, const struct knet_call *call, struct knet_value *out) THAW_NONNULL;
bool knet_divide(struct knet *net, const struct knet_call *call, struct knet_value *out) THAW_NONNULL;
bool knet_concatenate(struct knet *net, const struct knet_call *call, struct knet_value *out) THAW_NONNULL;
bool knet_flatten(struct knet *net, const struct knet_call *call, struct knet_value *out) THAW_NONNULL;
bool knet_reshape(struct knet *net, const struct knet_call *call, struct knet_value *out) THAW_NONNULL;
bool knet_permute(struct knet *net, const struct knet_call *call, struct knet_value *out) THAW_NONNULL;
bool knet_zero_padding(struct knet *net, const struct knet_call *call, struct knet_value *out) THAW_NONNULL;
bool knet_cropping(struct knet *net, const struct knet_call *call, struct knet_value *out) THAW_NONNULL;
bool knet_rescaling(struct knet *net, const struct knet_call *call, struct knet_value *out) THAW_NONNULL;
bool knet_normalization(struct knet *net, const struct knet_call *call, struct knet_value *out) THAW_NONNULL;
bool knet_nothing(struct knet *net, const struct knet_call *call, struct knet_value *out) THAW_NONNULL;

#endif
