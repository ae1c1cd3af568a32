/* PyTorch's layers as nodes, called as the layers are. Attributes are those of the modules of torch.nn. Called by torch.c. */
#include "config.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "thaw/base/macros.h"
#include "tnet.h"

enum { WINDOW_MAX = 1 << 12, CHANNELS_MAX = 1 << 20, LAYERS_MAX = 1024 };

bool tnet_refuse(struct tnet *net, const struct tnet_layer *layer, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return error_set(net->error, ERROR_WEIGHTS, "layer %.64s (%.80s): %s", layer->name, layer->class_name, text);
}

/* --- attributes: what is not there keeps the value that it has --- */

static bool take_int(struct tnet *net, const struct tnet_layer *layer, const char *key, int low, int *to)
{
    const json_t *value = json_object_get(layer->json, key);
    json_int_t number = json_integer_value(value);
    if (!value || json_is_null(value))
        return true;
    if (!json_is_integer(value) || number < low || number > CHANNELS_MAX)
        return tnet_refuse(net, layer, "its %s is no whole number from %d to %d", key, low, CHANNELS_MAX);
    *to = (int)number;
    return true;
}

/* One number for both sides, or a pair: height, width; None keeps a side as it is. */
static bool take_pair(struct tnet *net, const struct tnet_layer *layer, const char *key, int low, int to[2])
{
    const json_t *value = json_object_get(layer->json, key);
    if (!value || json_is_null(value))
        return true;
    for (size_t i = 0; i < 2; i++) {
        const json_t *item = json_is_array(value) ? json_array_get(value, i) : value;
        json_int_t number = json_integer_value(item);
        if (json_is_null(item))
            continue;
        if (!json_is_integer(item) || number < low || number > WINDOW_MAX)
            return tnet_refuse(net, layer, "its %s is not one or two whole numbers from %d to %d", key, low,
                               WINDOW_MAX);
        to[i] = (int)number;
    }
    return true;
}

static double real(const struct tnet_layer *layer, const char *key, double absent)
{
    const json_t *value = json_object_get(layer->json, key);
    return json_is_number(value) ? json_number_value(value) : absent;
}

static bool is_true(const struct tnet_layer *layer, const char *key, bool absent)
{
    const json_t *value = json_object_get(layer->json, key);
    return json_is_boolean(value) ? json_is_true(value) : absent;
}

static bool is_text(const struct tnet_layer *layer, const char *key, const char *text)
{
    const char *value = json_string_value(json_object_get(layer->json, key));
    return value && strcmp(value, text) == 0;
}

/* --- nodes --- */

static struct shape4 shape_now(const struct tnet *net)
{
    return net->graph->node[net->x].shape;
}

static bool add(struct tnet *net, const struct tnet_layer *layer, enum op_kind kind, const struct op_attrs *attrs)
{
    net->x = graph_add(net->graph, layer->name, kind, attrs, 1, &net->x);
    return true;
}

void tnet_add_node(struct tnet *net, const struct tnet_layer *layer, const char *part, enum op_kind kind,
                   const struct op_attrs *attrs, int inputs, const int *input)
{
    char name[GRAPH_NAME_MAX + 16];
    snprintf(name, sizeof name, "%s.%s", layer->name, part);
    net->x = graph_add(net->graph, name, kind, attrs, inputs, input);
}

static bool add_plain(struct tnet *net, const struct tnet_layer *layer, enum op_kind kind)
{
    struct op_attrs attrs = op_attrs_default();
    return add(net, layer, kind, &attrs);
}

/* Stages are the sizes of the maps, "32x32", and the classifier behind them. */
static void begin_stage(struct tnet *net, int height, int width)
{
    char name[32] = "classifier";
    int64_t pixels = (int64_t)height * width;
    if (net->smallest && 2 * pixels > net->smallest)
        return;
    if (pixels > 1)
        snprintf(name, sizeof name, "%dx%d", height, width);
    net->smallest = pixels;
    graph_begin_stage(net->graph, name);
}

static bool check_map(struct tnet *net, const struct tnet_layer *layer)
{
    return !net->flat || tnet_refuse(net, layer, "it reads maps, and stands behind a Flatten");
}

/* kernel_size, stride, dilation and a padding in numbers. stride[] is what it is where the file says none. */
static bool take_window(struct tnet *net, const struct tnet_layer *layer, bool own_stride, struct op_attrs *attrs)
{
    int kernel[2] = {0, 0}, padding[2] = {0, 0}, dilation[2] = {1, 1};
    if (!check_map(net, layer) || !take_pair(net, layer, "kernel_size", 1, kernel))
        return false;
    int stride[2] = {own_stride ? 1 : kernel[0], own_stride ? 1 : kernel[1]};
    bool words = json_is_string(json_object_get(layer->json, "padding"));
    if (!take_pair(net, layer, "stride", 1, stride) || !take_pair(net, layer, "dilation", 1, dilation) ||
        (!words && !take_pair(net, layer, "padding", 0, padding)))
        return false;
    if (kernel[0] < 1 || kernel[1] < 1)
        return tnet_refuse(net, layer, "it has no kernel_size");
    attrs->kernel_h = kernel[0];
    attrs->kernel_w = kernel[1];
    attrs->stride_h = stride[0];
    attrs->stride_w = stride[1];
    attrs->dilation_h = dilation[0];
    attrs->dilation_w = dilation[1];
    attrs->pad_top = attrs->pad_bottom = padding[0];
    attrs->pad_left = attrs->pad_right = padding[1];
    return true;
}

/* padding="same": the smaller half goes before. */
static void pad_same(struct op_attrs *attrs)
{
    int high = attrs->dilation_h * (attrs->kernel_h - 1), wide = attrs->dilation_w * (attrs->kernel_w - 1);
    attrs->pad_top = high / 2;
    attrs->pad_bottom = high - high / 2;
    attrs->pad_left = wide / 2;
    attrs->pad_right = wide - wide / 2;
}

/* Where a stage begins is known once the output's size is: the node goes into the stage that begins before it. */
static bool add_window(struct tnet *net, const struct tnet_layer *layer, enum op_kind kind,
                       const struct op_attrs *attrs)
{
    struct shape4 in = shape_now(net), out;
    struct error unused = {0};
    if (op_get(kind)->shape(attrs, 1, &in, &out, &unused))
        begin_stage(net, out.h, out.w);
    return add(net, layer, kind, attrs);
}

/* --- layers with weights --- */

static bool convert_conv(struct tnet *net, const struct tnet_layer *layer)
{
    struct op_attrs attrs = op_attrs_default();
    int channels = 0;
    attrs.bias = is_true(layer, "bias", false);
    if (!take_window(net, layer, true, &attrs) || !take_int(net, layer, "in_channels", 1, &channels) ||
        !take_int(net, layer, "out_channels", 1, &attrs.out_channels) ||
        !take_int(net, layer, "groups", 1, &attrs.groups))
        return false;
    if (!is_text(layer, "padding_mode", "zeros") && json_object_get(layer->json, "padding_mode"))
        return tnet_refuse(net, layer, "only padding with zeros is known");
    if (is_text(layer, "padding", "same"))
        pad_same(&attrs);
    if (channels != shape_now(net).c || attrs.out_channels < 1)
        return tnet_refuse(net, layer, "it reads %d channels, and %d come to it", channels, shape_now(net).c);
    return add_window(net, layer, OP_CONV, &attrs);
}

static bool convert_linear(struct tnet *net, const struct tnet_layer *layer)
{
    struct op_attrs attrs = op_attrs_default();
    int features = 0;
    attrs.bias = is_true(layer, "bias", false);
    if (!take_int(net, layer, "in_features", 1, &features) ||
        !take_int(net, layer, "out_features", 1, &attrs.out_channels))
        return false;
    if (!net->flat)
        return tnet_refuse(net, layer, "it stands behind a map: a linear layer is known behind a Flatten");
    if (features != shape_now(net).c || attrs.out_channels < 1)
        return tnet_refuse(net, layer, "it reads %d values, and %d come to it", features, shape_now(net).c);
    begin_stage(net, 1, 1);
    return add(net, layer, OP_LINEAR, &attrs);
}

/* A momentum of None averages all batches: as slow as can be said. */
static bool convert_batch_norm(struct tnet *net, const struct tnet_layer *layer)
{
    struct op_attrs attrs = op_attrs_default();
    double eps = real(layer, "eps", 1e-5), momentum = real(layer, "momentum", 0.01);
    int features = 0;
    if (!is_true(layer, "track_running_stats", true))
        return tnet_refuse(net, layer, "one that keeps no running statistics is not known");
    if (!(eps > 0 && eps < 1e3 && momentum >= 0 && momentum <= 1))
        return tnet_refuse(net, layer, "an eps of %g and a momentum of %g are not possible", eps, momentum);
    if (!take_int(net, layer, "num_features", 1, &features))
        return false;
    if (features != shape_now(net).c)
        return tnet_refuse(net, layer, "it has %d features, and %d come to it", features, shape_now(net).c);
    attrs.eps = (float)eps;
    attrs.momentum = (float)momentum;
    attrs.no_scale = attrs.no_shift = !is_true(layer, "affine", true);
    return add(net, layer, OP_BATCH_NORM, &attrs);
}

/* --- pools --- */

static bool convert_pool(struct tnet *net, const struct tnet_layer *layer, enum op_kind kind)
{
    struct op_attrs attrs = op_attrs_default();
    if (!take_window(net, layer, false, &attrs))
        return false;
    attrs.ceil_mode = is_true(layer, "ceil_mode", false);
    attrs.count_padding = kind == OP_AVG_POOL && is_true(layer, "count_include_pad", true);
    if (attrs.dilation_h > 1 || attrs.dilation_w > 1 || is_true(layer, "return_indices", false) ||
        json_is_integer(json_object_get(layer->json, "divisor_override")))
        return tnet_refuse(net, layer, "dilation, return_indices and divisor_override are not known");
    return add_window(net, layer, kind, &attrs);
}

static bool convert_max_pool(struct tnet *net, const struct tnet_layer *layer)
{
    return convert_pool(net, layer, OP_MAX_POOL);
}

static bool convert_avg_pool(struct tnet *net, const struct tnet_layer *layer)
{
    return convert_pool(net, layer, OP_AVG_POOL);
}

/* To one pixel, or to a size that divides the map's: then its windows are all alike. */
static bool convert_adaptive(struct tnet *net, const struct tnet_layer *layer, enum op_kind kind)
{
    struct op_attrs attrs = op_attrs_default();
    struct shape4 in = shape_now(net);
    int size[2] = {in.h, in.w};
    if (!check_map(net, layer) || !take_pair(net, layer, "output_size", 1, size))
        return false;
    if (in.h % size[0] || in.w % size[1])
        return tnet_refuse(net, layer, "it makes %dx%d of %dx%d: windows of different sizes are not known", size[0],
                           size[1], in.h, in.w);
    net->adaptive = true;
    attrs.kernel_h = attrs.stride_h = in.h / size[0];
    attrs.kernel_w = attrs.stride_w = in.w / size[1];
    if (attrs.kernel_h == 1 && attrs.kernel_w == 1)
        return true;
    return kind == OP_AVG_POOL && size[0] == 1 && size[1] == 1 ? add_plain(net, layer, OP_GLOBAL_AVG_POOL)
                                                               : add(net, layer, kind, &attrs);
}

static bool convert_adaptive_avg(struct tnet *net, const struct tnet_layer *layer)
{
    return convert_adaptive(net, layer, OP_AVG_POOL);
}

static bool convert_adaptive_max(struct tnet *net, const struct tnet_layer *layer)
{
    return convert_adaptive(net, layer, OP_MAX_POOL);
}

/* --- without weights --- */

static bool convert_flatten(struct tnet *net, const struct tnet_layer *layer)
{
    struct op_attrs attrs = op_attrs_default();
    struct shape4 in = shape_now(net);
    if (real(layer, "start_dim", 1) != 1 || real(layer, "end_dim", -1) != -1)
        return tnet_refuse(net, layer, "only all dimensions of an image are flattened");
    net->flat = true;
    if (in.h == 1 && in.w == 1)
        return true;
    net->fixed = !net->adaptive;
    attrs.flatten_chw = true;
    return add(net, layer, OP_FLATTEN, &attrs);
}

static bool convert_dropout(struct tnet *net, const struct tnet_layer *layer)
{
    struct op_attrs attrs = op_attrs_default();
    double rate = real(layer, "p", 0.5);
    if (!(rate >= 0 && rate < 1))
        return tnet_refuse(net, layer, "a rate of %g is not possible", rate);
    attrs.rate = (float)rate;
    return rate == 0 || add(net, layer, OP_DROPOUT, &attrs);
}

static bool convert_nothing(struct tnet *net, const struct tnet_layer *layer)
{
    (void)net;
    (void)layer;
    return true;
}

static bool leave_out(struct tnet *net, const struct tnet_layer *layer, const char *what)
{
    graph_add_note(net->graph, "the %s at its end, %s, is left out: training wants logits", what, layer->name);
    return true;
}

static bool convert_softmax(struct tnet *net, const struct tnet_layer *layer)
{
    double dim = real(layer, "dim", 1);
    if (!layer->last || (dim != 1 && dim != -1))
        return tnet_refuse(net, layer, "it is known at the end only, over the classes");
    return leave_out(net, layer, "softmax");
}

static bool convert_sigmoid(struct tnet *net, const struct tnet_layer *layer)
{
    return layer->last ? leave_out(net, layer, "sigmoid") : add_plain(net, layer, OP_SIGMOID);
}

static bool convert_leaky_relu(struct tnet *net, const struct tnet_layer *layer)
{
    struct op_attrs attrs = op_attrs_default();
    double slope = real(layer, "negative_slope", 0.01);
    if (!(slope >= 0 && slope < 1e3))
        return tnet_refuse(net, layer, "a slope of %g is not known", slope);
    attrs.alpha = (float)slope;
    return add(net, layer, OP_LEAKY_RELU, &attrs);
}

static bool convert_gelu(struct tnet *net, const struct tnet_layer *layer)
{
    if (json_object_get(layer->json, "approximate") && !is_text(layer, "approximate", "none"))
        return tnet_refuse(net, layer, "its approximation by tanh is not known");
    return add_plain(net, layer, OP_GELU);
}

static bool convert_relu(struct tnet *net, const struct tnet_layer *layer)
{
    return add_plain(net, layer, OP_RELU);
}

static bool convert_relu6(struct tnet *net, const struct tnet_layer *layer)
{
    return add_plain(net, layer, OP_RELU6);
}

static bool convert_silu(struct tnet *net, const struct tnet_layer *layer)
{
    return add_plain(net, layer, OP_SILU);
}

static bool convert_hard_swish(struct tnet *net, const struct tnet_layer *layer)
{
    return add_plain(net, layer, OP_HARD_SWISH);
}

static bool convert_tanh(struct tnet *net, const struct tnet_layer *layer)
{
    return add_plain(net, layer, OP_TANH);
}

/* --- the table --- */

/* Classes of torch.nn, and with their modules those of other libraries. */
static const struct {
    const char *class_name;
    tnet_convert convert;
} converters[] = {
    {"Conv2d", convert_conv},
    {"Linear", convert_linear},
    {"BatchNorm2d", convert_batch_norm},
    {"BatchNorm1d", convert_batch_norm},
    {"MaxPool2d", convert_max_pool},
    {"AvgPool2d", convert_avg_pool},
    {"AdaptiveAvgPool2d", convert_adaptive_avg},
    {"AdaptiveMaxPool2d", convert_adaptive_max},
    {"Flatten", convert_flatten},
    {"Dropout", convert_dropout},
    {"Dropout2d", convert_dropout},
    {"Identity", convert_nothing},
    {"ReLU", convert_relu},
    {"ReLU6", convert_relu6},
    {"LeakyReLU", convert_leaky_relu},
    {"Sigmoid", convert_sigmoid},
    {"SiLU", convert_silu},
    {"Hardswish", convert_hard_swish},
    {"GELU", convert_gelu},
    {"Tanh", convert_tanh},
    {"fastai.layers.Flatten", convert_flatten},
    {"fastai.layers.AdaptiveConcatPool2d", tnet_concat_pool},
    {"torchvision.models.resnet.BasicBlock", tnet_basic_block},
    {"torchvision.models.resnet.Bottleneck", tnet_bottleneck},
    {"torchvision.models.mobilenetv2.InvertedResidual", tnet_inverted_residual},
    {"Softmax", convert_softmax},
    {"LogSoftmax", convert_softmax},
};

tnet_convert tnet_find_convert(const char *class_name)
{
    for (size_t i = 0; i < THAW_LENGTH(converters); i++)
        if (strcmp(converters[i].class_name, class_name) == 0)
            return converters[i].convert;
    return NULL;
}

bool tnet_add_layer(struct tnet *net, const json_t *json, bool last)
{
    struct tnet_layer layer = {.json = json, .last = last};
    layer.name = json_string_value(json_object_get(json, "name"));
    layer.class_name = json_string_value(json_object_get(json, "class"));
    if (!layer.name || !layer.class_name || strlen(layer.name) >= GRAPH_NAME_MAX)
        return error_set(net->error, ERROR_WEIGHTS, "one of its layers has no name of at most %d bytes",
                         GRAPH_NAME_MAX - 1);
    if (++net->layers > LAYERS_MAX)
        return error_set(net->error, ERROR_WEIGHTS, "its network has more than %d layers", LAYERS_MAX);
    tnet_convert convert = tnet_find_convert(layer.class_name);
    if (!convert)
        return tnet_refuse(net, &layer, "it is not known");
    if (!convert(net, &layer))
        return false;
    return net->graph->build_error.kind == ERROR_NONE || tnet_refuse(net, &layer, "%s", net->graph->build_error.text);
}
