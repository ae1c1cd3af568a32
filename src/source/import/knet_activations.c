/* Activations of Keras: layers of their own, and the last part of others. Called by keras.c and knet_layers.c. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "knet.h"
#include "thaw/base/macros.h"

/* By the name in a configuration; what differs between versions of Keras is in make_attrs. */
static const struct activation {
    const char *name;
    enum op_kind kind;
} activations[] = {
    {"relu", OP_RELU},
    {"relu6", OP_RELU6},
    {"sigmoid", OP_SIGMOID},
    {"tanh", OP_TANH},
    {"silu", OP_SILU},
    {"swish", OP_SILU},
    {"hard_sigmoid", OP_HARD_SIGMOID},
    {"hard_swish", OP_HARD_SWISH},
    {"hard_silu", OP_HARD_SWISH},
    {"leaky_relu", OP_LEAKY_RELU},
    {"gelu", OP_GELU},
};

/* hard_sigmoid was 0.2 x + 0.5 until Keras 3 made it x / 6 + 0.5. */
static struct op_attrs make_attrs(const struct knet *net, enum op_kind kind)
{
    struct op_attrs attrs = op_attrs_default();
    if (kind == OP_HARD_SIGMOID) {
        attrs.alpha = net->version < 3 ? 0.2f : 1.0f / 6;
        attrs.beta = 0.5f;
    } else if (kind == OP_LEAKY_RELU) {
        attrs.alpha = 0.2f;
    }
    return attrs;
}

/* The node that a pending activation will be. */
static bool leave_pending(struct knet *net, const struct knet_call *call, const char *part, enum knet_pending pending,
                          const struct knet_value *from, struct knet_value *out)
{
    char name[2 * GRAPH_NAME_MAX];
    int length = snprintf(name, sizeof name, "%s%s%s", call->name, part ? "." : "", part ? part : "");
    if (length >= GRAPH_NAME_MAX)
        return knet_refuse(net, call, "its name is longer than %d characters", GRAPH_NAME_MAX - 1);
    *out = *from;
    out->pending = pending;
    memcpy(out->name, name, (size_t)length + 1);
    return true;
}

/* A layer in the place of an activation's name: {"class_name": "LeakyReLU", "config": {...}}. */
static bool activate_by_layer(struct knet *net, const struct knet_call *call, bool part, const json_t *layer,
                              const struct knet_value *from, struct knet_value *out)
{
    char name[2 * GRAPH_NAME_MAX];
    const char *class_name = json_string_value(json_object_get(layer, "class_name"));
    const json_t *config = json_object_get(layer, "config");
    static const struct {
        const char *class_name;
        knet_convert convert;
    } layers[] = {{"ReLU", knet_relu}, {"LeakyReLU", knet_leaky_relu}, {"Softmax", knet_softmax}};
    for (size_t i = 0; class_name && i < THAW_LENGTH(layers); i++) {
        if (strcmp(class_name, layers[i].class_name) != 0)
            continue;
        struct knet_value value = *from;
        snprintf(name, sizeof name, "%s%s%s", call->name, part ? "." : "", part ? class_name : "");
        struct knet_call inner = {
            .name = name, .class_name = class_name, .config = config, .operands = 1, .operand = {{.value = &value}}};
        return layers[i].convert(net, &inner, out);
    }
    return knet_refuse(net, call, "its activation %.60s is not known", class_name ? class_name : "(not a name)");
}

/* The name of an activation, which newer files wrap: {"class_name": "function", "config": "relu"}. */
static const char *activation_name(const json_t *activation)
{
    if (json_is_object(activation)) {
        const char *class_name = json_string_value(json_object_get(activation, "class_name"));
        const json_t *config = json_object_get(activation, "config");
        if (json_is_string(config))
            return json_string_value(config);
        for (size_t i = 0; class_name && i < THAW_LENGTH(activations); i++)
            if (strcmp(class_name, activations[i].name) == 0)
                return class_name;
        return NULL;
    }
    return json_string_value(activation);
}

bool knet_activate(struct knet *net, const struct knet_call *call, bool part, const json_t *activation,
                   const struct knet_value *from, struct knet_value *out)
{
    const char *name = activation_name(activation);
    *out = *from;
    if (json_is_null(activation) || !activation || (name && strcmp(name, "linear") == 0))
        return true;
    if (!name)
        return activate_by_layer(net, call, part, activation, from, out);
    const char *own = part ? name : NULL; /* "conv1.relu" */
    if (strcmp(name, "softmax") == 0 || strcmp(name, "log_softmax") == 0)
        return leave_pending(net, call, own, KNET_SOFTMAX, from, out);
    if (strcmp(name, "sigmoid") == 0)
        return leave_pending(net, call, own, KNET_SIGMOID, from, out);
    for (size_t i = 0; i < THAW_LENGTH(activations); i++) {
        if (strcmp(name, activations[i].name) != 0)
            continue;
        struct op_attrs attrs = make_attrs(net, activations[i].kind);
        return knet_add(net, call, own, activations[i].kind, &attrs, 1, &from->node, out);
    }
    return knet_refuse(net, call, "its activation %.60s is not known", name);
}

bool knet_activation(struct knet *net, const struct knet_call *call, struct knet_value *out)
{
    struct knet_value *in = knet_input(net, call);
    return in && knet_activate(net, call, false, json_object_get(call->config, "activation"), in, out);
}

static bool add_clip(struct knet *net, const struct knet_call *call, double most, int input, struct knet_value *out)
{
    struct op_attrs attrs = op_attrs_default();
    attrs.low = 0;
    attrs.high = (float)most;
    return knet_add(net, call, NULL, OP_CLIP, &attrs, 1, &input, out);
}

bool knet_relu(struct knet *net, const struct knet_call *call, struct knet_value *out)
{
    struct knet_value *in = knet_input(net, call);
    double most = -1, slope = 0, threshold = 0;
    if (!in || !knet_real(net, call, "max_value", NULL, &most) ||
        !knet_real(net, call, "negative_slope", NULL, &slope) || !knet_real(net, call, "threshold", NULL, &threshold))
        return false;
    if (threshold != 0 || slope < 0 || (slope > 0 && most >= 0))
        return knet_refuse(net, call, "a threshold of %g, a slope of %g and a limit of %g are not known together",
                           threshold, slope, most);
    *out = *in;
    if (slope > 0) {
        struct op_attrs attrs = op_attrs_default();
        attrs.alpha = (float)slope;
        return knet_add(net, call, NULL, OP_LEAKY_RELU, &attrs, 1, &in->node, out);
    }
    if (most >= 0 && most != 6)
        return add_clip(net, call, most, in->node, out);
    return knet_add_unary(net, call, NULL, most == 6 ? OP_RELU6 : OP_RELU, in->node, out);
}

bool knet_relu6(struct knet *net, const struct knet_call *call, struct knet_value *out)
{
    struct knet_value *in = knet_input(net, call);
    if (!in)
        return false;
    *out = *in;
    return knet_add_unary(net, call, NULL, OP_RELU6, in->node, out);
}

bool knet_leaky_relu(struct knet *net, const struct knet_call *call, struct knet_value *out)
{
    struct knet_value *in = knet_input(net, call);
    struct op_attrs attrs = op_attrs_default();
    double slope = 0.3;
    if (!in || !knet_real(net, call, "negative_slope", "alpha", &slope))
        return false;
    if (slope < 0)
        return knet_refuse(net, call, "a slope of %g is not known", slope);
    *out = *in;
    attrs.alpha = (float)slope;
    return knet_add(net, call, NULL, OP_LEAKY_RELU, &attrs, 1, &in->node, out);
}

bool knet_softmax(struct knet *net, const struct knet_call *call, struct knet_value *out)
{
    struct knet_value *in = knet_input(net, call);
    return in && leave_pending(net, call, NULL, KNET_SOFTMAX, in, out);
}
