/* Layers of Keras that have weights or windows, and the table of all classes. Called by keras.c. Sources: the classes'
 * get_config in Keras 1.2, 2.x and 3.x; padding "same" as TensorFlow computes it: the output is ceil(input / stride),
 * what is missing is split with the odd pixel at the bottom and right. */
#include "config.h"

#include <string.h>

#include "knet.h"
#include "thaw/base/macros.h"

enum { SIDE_MAX = 1 << 16, CHANNELS_MAX = 1 << 20 };

/* --- windows --- */

static void pad_same(int input, int kernel, int stride, int dilation, int *before, int *after)
{
    int output = (input + stride - 1) / stride;
    int64_t total = (int64_t)(output - 1) * stride + (int64_t)(kernel - 1) * dilation + 1 - input;
    *before = total > 0 ? (int)(total / 2) : 0;
    *after = total > 0 ? (int)(total - total / 2) : 0;
}

/* Paddings for the window already in attrs. */
static bool read_padding(struct knet *net, const struct knet_call *call, const struct knet_value *in,
                         struct op_attrs *attrs)
{
    const char *padding = knet_text(call, "padding", "border_mode");
    struct shape4 shape = knet_shape(net, in);
    if (!padding || strcmp(padding, "valid") == 0)
        return true;
    if (strcmp(padding, "same") != 0)
        return knet_refuse(net, call, "its padding %.40s is not known", padding);
    pad_same(shape.h, attrs->kernel_h, attrs->stride_h, attrs->dilation_h, &attrs->pad_top, &attrs->pad_bottom);
    pad_same(shape.w, attrs->kernel_w, attrs->stride_w, attrs->dilation_w, &attrs->pad_left, &attrs->pad_right);
    return true;
}

/* Kernel, strides, dilations and padding of a convolution. */
static bool read_window(struct knet *net, const struct knet_call *call, const struct knet_value *in,
                        struct op_attrs *attrs)
{
    int kernel[2] = {0, 0}, stride[2] = {1, 1}, dilation[2] = {1, 1};
    if (!knet_check_format(net, call) || !knet_pair(net, call, "kernel_size", NULL, 1, SIDE_MAX, kernel) ||
        !knet_int(net, call, "nb_row", NULL, 1, SIDE_MAX, &kernel[0]) ||
        !knet_int(net, call, "nb_col", NULL, 1, SIDE_MAX, &kernel[1]) ||
        !knet_pair(net, call, "strides", "subsample", 1, SIDE_MAX, stride) ||
        !knet_pair(net, call, "dilation_rate", NULL, 1, SIDE_MAX, dilation))
        return false;
    if (kernel[0] < 1 || kernel[1] < 1)
        return knet_refuse(net, call, "it has no kernel_size");
    attrs->kernel_h = kernel[0];
    attrs->kernel_w = kernel[1];
    attrs->stride_h = stride[0];
    attrs->stride_w = stride[1];
    attrs->dilation_h = dilation[0];
    attrs->dilation_w = dilation[1];
    return read_padding(net, call, in, attrs);
}

/* --- convolutions --- */

static bool finish_conv(struct knet *net, const struct knet_call *call, const char *part, const struct op_attrs *attrs,
                        const struct knet_value *in, struct knet_value *out)
{
    struct knet_value conv = *in;
    return knet_add(net, call, part, OP_CONV, attrs, 1, &in->node, &conv) &&
           knet_activate(net, call, true, json_object_get(call->config, "activation"), &conv, out);
}

static bool knet_conv(struct knet *net, const struct knet_call *call, struct knet_value *out)
{
    struct knet_value *in = knet_input(net, call);
    struct op_attrs attrs = op_attrs_default();
    attrs.bias = true;
    if (!in || !read_window(net, call, in, &attrs) ||
        !knet_int(net, call, "filters", "nb_filter", 1, CHANNELS_MAX, &attrs.out_channels) ||
        !knet_int(net, call, "groups", NULL, 1, CHANNELS_MAX, &attrs.groups) ||
        !knet_bool(net, call, "use_bias", "bias", &attrs.bias))
        return false;
    if (attrs.out_channels < 1)
        return knet_refuse(net, call, "it has no filters");
    return finish_conv(net, call, NULL, &attrs, in, out);
}

/* One group a channel, depth_multiplier outputs each. */
static bool read_depthwise(struct knet *net, const struct knet_call *call, const struct knet_value *in,
                           struct op_attrs *attrs)
{
    int multiplier = 1, channels = knet_shape(net, in).c;
    if (!read_window(net, call, in, attrs) || !knet_int(net, call, "depth_multiplier", NULL, 1, 1024, &multiplier))
        return false;
    if (channels > CHANNELS_MAX / multiplier)
        return knet_refuse(net, call, "it would have %d times %d channels", multiplier, channels);
    attrs->groups = channels;
    attrs->out_channels = channels * multiplier;
    return true;
}

static bool knet_depthwise(struct knet *net, const struct knet_call *call, struct knet_value *out)
{
    struct knet_value *in = knet_input(net, call);
    struct op_attrs attrs = op_attrs_default();
    attrs.bias = true;
    return in && read_depthwise(net, call, in, &attrs) && knet_bool(net, call, "use_bias", "bias", &attrs.bias) &&
           finish_conv(net, call, NULL, &attrs, in, out);
}

static bool knet_separable(struct knet *net, const struct knet_call *call, struct knet_value *out)
{
    struct knet_value *in = knet_input(net, call), depthwise;
    struct op_attrs first = op_attrs_default(), second = op_attrs_default();
    second.kernel_h = second.kernel_w = 1;
    second.bias = true;
    if (!in || !read_depthwise(net, call, in, &first) ||
        !knet_int(net, call, "filters", "nb_filter", 1, CHANNELS_MAX, &second.out_channels) ||
        !knet_bool(net, call, "use_bias", "bias", &second.bias))
        return false;
    if (second.out_channels < 1)
        return knet_refuse(net, call, "it has no filters");
    depthwise = *in;
    return knet_add(net, call, "depthwise", OP_CONV, &first, 1, &in->node, &depthwise) &&
           finish_conv(net, call, "pointwise", &second, &depthwise, out);
}

/* --- others with weights --- */

/* Of a map each pixel goes through the same layer: a 1x1 convolution. */
static bool knet_dense(struct knet *net, const struct knet_call *call, struct knet_value *out)
{
    struct knet_value *in = knet_input(net, call), linear;
    struct op_attrs attrs = op_attrs_default();
    attrs.bias = true;
    if (!in || !knet_int(net, call, "units", "output_dim", 1, CHANNELS_MAX, &attrs.out_channels) ||
        !knet_bool(net, call, "use_bias", "bias", &attrs.bias))
        return false;
    struct shape4 shape = knet_shape(net, in);
    bool pixel = shape.h == 1 && shape.w == 1;
    if (attrs.out_channels < 1)
        return knet_refuse(net, call, "it has no units");
    attrs.kernel_h = attrs.kernel_w = pixel ? 0 : 1;
    linear = *in;
    return knet_add(net, call, NULL, pixel ? OP_LINEAR : OP_CONV, &attrs, 1, &in->node, &linear) &&
           knet_activate(net, call, true, json_object_get(call->config, "activation"), &linear, out);
}

/* Whether an axis, or a list of one, is the channels'. */
static bool is_channels(const json_t *axis, const struct knet_value *in)
{
    if (json_is_array(axis) && json_array_size(axis) == 1)
        axis = json_array_get(axis, 0);
    json_int_t number = json_integer_value(axis);
    return !axis || (json_is_integer(axis) && (number == -1 || number == (in->flat ? 1 : 3)));
}

static bool knet_batch_norm(struct knet *net, const struct knet_call *call, struct knet_value *out)
{
    struct knet_value *in = knet_input(net, call);
    struct op_attrs attrs = op_attrs_default();
    bool scale = true, shift = true, other = false;
    double eps = 1e-3, momentum = 0.99;
    if (!in || !knet_bool(net, call, "scale", NULL, &scale) || !knet_bool(net, call, "center", NULL, &shift) ||
        !knet_bool(net, call, "renorm", NULL, &other) || !knet_real(net, call, "epsilon", NULL, &eps) ||
        !knet_real(net, call, "momentum", NULL, &momentum))
        return false;
    if (!is_channels(json_object_get(call->config, "axis"), in))
        return knet_refuse(net, call, "it normalises another axis than the channels");
    if (other)
        return knet_refuse(net, call, "batch renormalisation is not known");
    if (!(eps > 0 && eps < 1e3 && momentum >= 0 && momentum <= 1))
        return knet_refuse(net, call, "an epsilon of %g and a momentum of %g are not possible", eps, momentum);
    *out = *in;
    attrs.eps = (float)eps;
    attrs.momentum = (float)(1 - momentum); /* Keras states the old value's share */
    attrs.no_scale = !scale;
    attrs.no_shift = !shift;
    return knet_add(net, call, NULL, OP_BATCH_NORM, &attrs, 1, &in->node, out);
}

static bool knet_layer_norm(struct knet *net, const struct knet_call *call, struct knet_value *out)
{
    struct knet_value *in = knet_input(net, call);
    struct op_attrs attrs = op_attrs_default();
    bool scale = true, shift = true;
    double eps = 1e-3;
    if (!in || !knet_bool(net, call, "scale", NULL, &scale) || !knet_bool(net, call, "center", NULL, &shift) ||
        !knet_real(net, call, "epsilon", NULL, &eps))
        return false;
    if (!scale || !shift || !(eps > 0 && eps < 1e3) || !is_channels(json_object_get(call->config, "axis"), in))
        return knet_refuse(net, call, "only normalisation over the channels, with gamma and beta, is known");
    *out = *in;
    attrs.eps = (float)eps;
    return knet_add(net, call, NULL, OP_LAYER_NORM, &attrs, 1, &in->node, out);
}

static bool knet_layer_scale(struct knet *net, const struct knet_call *call, struct knet_value *out)
{
    struct knet_value *in = knet_input(net, call);
    if (!in)
        return false;
    *out = *in;
    return knet_add_unary(net, call, NULL, OP_AFFINE, in->node, out);
}

/* --- pools --- */

static bool add_pool(struct knet *net, const struct knet_call *call, enum op_kind kind, struct knet_value *out)
{
    struct knet_value *in = knet_input(net, call);
    struct op_attrs attrs = op_attrs_default();
    int size[2] = {2, 2};
    if (!in || !knet_check_format(net, call) || !knet_pair(net, call, "pool_size", NULL, 1, SIDE_MAX, size))
        return false;
    int stride[2] = {size[0], size[1]};
    if (!knet_pair(net, call, "strides", NULL, 1, SIDE_MAX, stride))
        return false;
    attrs.kernel_h = size[0];
    attrs.kernel_w = size[1];
    attrs.stride_h = stride[0];
    attrs.stride_w = stride[1];
    *out = *in;
    return read_padding(net, call, in, &attrs) && knet_add(net, call, NULL, kind, &attrs, 1, &in->node, out);
}

static bool knet_max_pool(struct knet *net, const struct knet_call *call, struct knet_value *out)
{
    return add_pool(net, call, OP_MAX_POOL, out);
}

/* Padding does not count in TensorFlow's averages. */
static bool knet_average_pool(struct knet *net, const struct knet_call *call, struct knet_value *out)
{
    return add_pool(net, call, OP_AVG_POOL, out);
}

static bool finish_global(struct knet *net, const struct knet_call *call, struct knet_value *out)
{
    bool keep = false;
    if (!knet_bool(net, call, "keepdims", NULL, &keep))
        return false;
    out->flat = !keep;
    return true;
}

static bool knet_global_average(struct knet *net, const struct knet_call *call, struct knet_value *out)
{
    struct knet_value *in = knet_input(net, call);
    return in && knet_check_format(net, call) && knet_add_unary(net, call, NULL, OP_GLOBAL_AVG_POOL, in->node, out) &&
           finish_global(net, call, out);
}

static bool knet_global_max(struct knet *net, const struct knet_call *call, struct knet_value *out)
{
    struct knet_value *in = knet_input(net, call);
    struct op_attrs attrs = op_attrs_default();
    if (!in || !knet_check_format(net, call))
        return false;
    attrs.kernel_h = attrs.stride_h = knet_shape(net, in).h;
    attrs.kernel_w = attrs.stride_w = knet_shape(net, in).w;
    return knet_add(net, call, NULL, OP_MAX_POOL, &attrs, 1, &in->node, out) && finish_global(net, call, out);
}

static bool knet_dropout(struct knet *net, const struct knet_call *call, struct knet_value *out)
{
    struct knet_value *in = knet_input(net, call);
    struct op_attrs attrs = op_attrs_default();
    double rate = 0;
    if (!in || !knet_real(net, call, "rate", "p", &rate))
        return false;
    if (!(rate >= 0 && rate < 1))
        return knet_refuse(net, call, "a rate of %g is not possible", rate);
    *out = *in;
    attrs.rate = (float)rate;
    return rate == 0 || knet_add(net, call, NULL, OP_DROPOUT, &attrs, 1, &in->node, out);
}

/* --- the table --- */

/* Classes of layers; operations of Keras 3 that have a class of their own ("Subtract" of keras.ops); tf functions of
 * Keras 2 by their names. */
static const struct {
    const char *class_name;
    knet_convert convert;
} converters[] = {
    {"Conv2D", knet_conv},
    {"Convolution2D", knet_conv},
    {"DepthwiseConv2D", knet_depthwise},
    {"SeparableConv2D", knet_separable},
    {"SeparableConvolution2D", knet_separable},
    {"Dense", knet_dense},
    {"BatchNormalization", knet_batch_norm},
    {"BatchNormalizationV1", knet_batch_norm},
    {"SyncBatchNormalization", knet_batch_norm},
    {"LayerNormalization", knet_layer_norm},
    {"LayerScale", knet_layer_scale}, /* of keras.applications' ConvNeXt */
    {"MaxPooling2D", knet_max_pool},
    {"AveragePooling2D", knet_average_pool},
    {"GlobalAveragePooling2D", knet_global_average},
    {"GlobalMaxPooling2D", knet_global_max},
    {"Activation", knet_activation},
    {"ReLU", knet_relu},
    {"LeakyReLU", knet_leaky_relu},
    {"Softmax", knet_softmax},
    {"Dropout", knet_dropout},
    {"SpatialDropout2D", knet_dropout},
    {"Add", knet_add_values},
    {"Subtract", knet_subtract},
    {"Multiply", knet_multiply},
    {"Divide", knet_divide},
    {"TrueDivide", knet_divide},
    {"Concatenate", knet_concatenate},
    {"Flatten", knet_flatten},
    {"Reshape", knet_reshape},
    {"Permute", knet_permute},
    {"ZeroPadding2D", knet_zero_padding},
    {"Cropping2D", knet_cropping},
    {"CenterCrop", knet_centre_crop},
    {"RandomCrop", knet_centre_crop},
    {"Rescaling", knet_rescaling},
    {"Normalization", knet_normalization},
    {"Identity", knet_nothing},
    {"ActivityRegularization", knet_nothing},
    {"GaussianNoise", knet_nothing},
    {"GaussianDropout", knet_nothing},
    {"AlphaDropout", knet_nothing},
    {"Relu", knet_relu},
    {"Relu6", knet_relu6},
    {"math.add", knet_add_values},
    {"__operators__.add", knet_add_values},
    {"math.subtract", knet_subtract},
    {"math.multiply", knet_multiply},
    {"math.truediv", knet_divide},
    {"math.divide", knet_divide},
    {"nn.relu", knet_relu},
    {"nn.relu6", knet_relu6},
};

knet_convert knet_find_convert(const char *class_name)
{
    static const char random[] = "Random"; /* RandomFlip and the like change images while Keras trains */
    for (size_t i = 0; i < THAW_LENGTH(converters); i++)
        if (strcmp(converters[i].class_name, class_name) == 0)
            return converters[i].convert;
    return strncmp(class_name, random, sizeof random - 1) == 0 ? knet_nothing : NULL;
}
