/* Operators with weights or windows: convolution, batch norm, Gemm, MatMul, pools. Called through onnx_convert.c. */
#include "config.h"

#include <string.h>

#include "onnx_convert.h"
#include "thaw/base/mem.h"

/* --- windows --- */

enum { SIDES = 4, WINDOW_MAX = 1 << 16 };

static struct value *image_input(struct net *net, const struct onnx_node *node)
{
    struct value *value = net_map(net, node, 0);
    if (value && value->layout != LAYOUT_IMAGE) {
        net_refuse(net, node, "its input is no image in the order n, c, h, w");
        return NULL;
    }
    return value;
}

/* A list of `count` integers of one sign's range, or what stands in *to where the attribute is left out. */
static bool read_list(struct net *net, const struct onnx_node *node, const char *name, int count, int least, int *to)
{
    const struct onnx_attribute *found = net_attribute(node, name);
    if (!found)
        return true;
    bool good = found->kind == ONNX_INTS && found->count == (size_t)count;
    for (int i = 0; good && i < count; i++) {
        good = found->integers[i] >= least && found->integers[i] <= WINDOW_MAX;
        to[i] = good ? (int)found->integers[i] : 0;
    }
    return good || net_refuse(net, node, "its %s is no list of %d sizes", name, count);
}

/* SAME: as many outputs as inputs over the stride, the odd pixel of padding at the end (UPPER) or the start. */
static void pad_same(int in, int kernel, int stride, int dilation, bool upper, int *before, int *after)
{
    int out = (in + stride - 1) / stride;
    int64_t total = (int64_t)(out - 1) * stride + (int64_t)(kernel - 1) * dilation + 1 - in;
    int padding = total > 0 && total <= WINDOW_MAX ? (int)total : 0;
    *before = upper ? padding / 2 : padding - padding / 2;
    *after = padding - *before;
}

/* kernel: given, or out of kernel_shape. */
static bool read_window(struct net *net, const struct onnx_node *node, struct shape4 in, struct op_attrs *attrs)
{
    int kernel[2] = {attrs->kernel_h, attrs->kernel_w}, stride[2] = {1, 1}, dilation[2] = {1, 1}, pads[SIDES] = {0};
    if (!read_list(net, node, "kernel_shape", 2, 1, kernel) || !read_list(net, node, "strides", 2, 1, stride) ||
        !read_list(net, node, "dilations", 2, 1, dilation) || !read_list(net, node, "pads", SIDES, 0, pads))
        return false;
    if (attrs->kernel_h && (kernel[0] != attrs->kernel_h || kernel[1] != attrs->kernel_w))
        return net_refuse(net, node, "its kernel_shape is not its weight's");
    if (kernel[0] < 1)
        return net_refuse(net, node, "its kernel_shape is missing");
    attrs->kernel_h = kernel[0];
    attrs->kernel_w = kernel[1];
    attrs->stride_h = stride[0];
    attrs->stride_w = stride[1];
    attrs->dilation_h = dilation[0];
    attrs->dilation_w = dilation[1];
    const char *automatic = net_text(node, "auto_pad", "NOTSET");
    bool upper = strcmp(automatic, "SAME_UPPER") == 0, lower = strcmp(automatic, "SAME_LOWER") == 0;
    if (upper || lower) {
        pad_same(in.h, kernel[0], stride[0], dilation[0], upper, &pads[0], &pads[2]);
        pad_same(in.w, kernel[1], stride[1], dilation[1], upper, &pads[1], &pads[3]);
    } else if (strcmp(automatic, "VALID") == 0) {
        memset(pads, 0, sizeof pads);
    } else if (strcmp(automatic, "NOTSET") != 0 && automatic[0]) {
        return net_refuse(net, node, "its auto_pad is none that ONNX has");
    }
    attrs->pad_top = pads[0];
    attrs->pad_left = pads[1];
    attrs->pad_bottom = pads[2];
    attrs->pad_right = pads[3];
    return true;
}

/* --- convolution --- */

/* A tensor of the file as it is: weights are read from there, not computed. */
static const struct onnx_tensor *weight_tensor(struct net *net, const struct onnx_node *node, size_t input, int rank,
                                               struct constant **constant)
{
    *constant = net_constant(net, node, input);
    if (!*constant)
        return NULL;
    if ((*constant)->tensor && (*constant)->shape.rank == rank)
        return (*constant)->tensor;
    net_refuse(net, node, "its input %zu is %s", input,
               (*constant)->tensor ? "a tensor of another rank than is known here" : "computed, not a tensor");
    return NULL;
}

/* A vector of `count` values, or one value for all of them; the array is the net's. */
static double *vector(struct net *net, const struct onnx_node *node, size_t input, int count)
{
    struct constant *constant = net_constant(net, node, input);
    if (!constant)
        return NULL;
    int64_t have = shape_count(&constant->shape);
    if (have != count && have != 1) {
        net_refuse(net, node, "its input %zu has %lld values for %d channels", input, (long long)have, count);
        return NULL;
    }
    const double *from = constant_values(net, node, constant);
    double *to = from ? net_room(net, (size_t)count, sizeof *to) : NULL;
    for (int i = 0; to && i < count; i++)
        to[i] = from[have == 1 ? 0 : i];
    return to;
}

static bool has_input(const struct onnx_node *node, size_t index)
{
    return index < node->inputs && node->input[index][0] != '\0';
}

/* A bias: the tensor itself where it is one, so that nothing is computed. */
static bool set_vector(struct net *net, const struct onnx_node *node, size_t input, int draft, int slot, int count)
{
    struct constant *constant = net_constant(net, node, input);
    if (!constant)
        return false;
    struct source *source = &net->draft[draft].source[slot];
    if (constant->tensor && shape_count(&constant->shape) == count)
        source->tensor = constant->tensor;
    else
        source->value = vector(net, node, input, count);
    return source->tensor || source->value;
}

static const char *tensor_name(const struct onnx_node *node, size_t input)
{
    return node->input[input];
}

bool convert_conv(struct net *net, const struct onnx_node *node)
{
    struct constant *weight;
    struct value *value = image_input(net, node);
    const struct onnx_tensor *tensor = value ? weight_tensor(net, node, 1, 4, &weight) : NULL;
    if (!tensor)
        return false;
    const struct shape *shape = &weight->shape;
    struct shape4 in = net->draft[value->draft].shape;
    int64_t groups = net_integer(node, "group", 1);
    for (int i = 0; i < 4; i++) {
        if (shape->dim[i] < 1 || shape->dim[i] > WINDOW_MAX * 16)
            return net_refuse(net, node, "its weight has a dimension of %lld", (long long)shape->dim[i]);
    }
    if (groups < 1 || groups > in.c || shape->dim[1] * groups != in.c)
        return net_refuse(net, node, "its weight is for %lld channels in %lld groups, its input has %d",
                          (long long)shape->dim[1], (long long)groups, in.c);
    struct op_attrs attrs = op_attrs_default();
    attrs.kernel_h = (int)shape->dim[2];
    attrs.kernel_w = (int)shape->dim[3];
    attrs.out_channels = (int)shape->dim[0];
    attrs.groups = (int)groups;
    attrs.bias = has_input(node, 2);
    if (!read_window(net, node, in, &attrs))
        return false;
    int draft = draft_add(net, node, OP_CONV, &attrs, 1, &value->draft);
    if (draft < 0)
        return false;
    net->draft[draft].source[0].tensor = tensor;
    net->draft[draft].weight = tensor_name(node, 1);
    if (attrs.bias && !set_vector(net, node, 2, draft, 1, attrs.out_channels))
        return false;
    return net_define_map(net, node, draft, net_map(net, node, 0));
}

bool convert_batch_norm(struct net *net, const struct onnx_node *node)
{
    struct value *value = net_map(net, node, 0);
    if (!value)
        return false;
    if (value_axis(value, 1) != 'c')
        return net_refuse(net, node, "the second axis of its input is not the channels");
    struct op_attrs attrs = op_attrs_default();
    attrs.eps = (float)net_real(node, "epsilon", 1e-5);
    attrs.momentum = (float)(1 - net_real(node, "momentum", 0.9)); /* ONNX's is the share of the old value */
    if (!(attrs.eps >= 0 && attrs.eps < 1) || !(attrs.momentum >= 0 && attrs.momentum <= 1))
        return net_refuse(net, node, "its epsilon or momentum cannot be");
    int draft = draft_add(net, node, OP_BATCH_NORM, &attrs, 1, &value->draft);
    if (draft < 0)
        return false;
    net->draft[draft].weight = has_input(node, 1) ? tensor_name(node, 1) : NULL;
    for (int slot = 0; slot < 4; slot++) {
        if (!set_vector(net, node, (size_t)slot + 1, draft, slot, net->draft[draft].shape.c))
            return false;
    }
    return net_define_map(net, node, draft, net_map(net, node, 0));
}

/* --- matrices --- */

/* A linear layer, or a 1x1 convolution where every pixel has one; `turned`: the tensor is (in, out). */
static int add_linear(struct net *net, const struct onnx_node *node, const struct value *value, bool turned, bool bias)
{
    struct constant *weight;
    const struct onnx_tensor *tensor = weight_tensor(net, node, 1, 2, &weight);
    if (!tensor)
        return -1;
    struct shape4 in = net->draft[value->draft].shape;
    int64_t rows = weight->shape.dim[turned ? 0 : 1], columns = weight->shape.dim[turned ? 1 : 0];
    if (rows != in.c || columns < 1 || columns > INT32_MAX) {
        net_refuse(net, node, "its matrix is for %lld values, its input has %d", (long long)rows, in.c);
        return -1;
    }
    struct op_attrs attrs = op_attrs_default();
    attrs.out_channels = (int)columns;
    attrs.bias = bias;
    attrs.kernel_h = attrs.kernel_w = value->layout == LAYOUT_PIXELS;
    int draft = draft_add(net, node, value->layout == LAYOUT_PIXELS ? OP_CONV : OP_LINEAR, &attrs, 1, &value->draft);
    if (draft < 0)
        return -1;
    net->draft[draft].source[0].tensor = tensor;
    net->draft[draft].source[0].turned = turned != weight->turned;
    net->draft[draft].weight = tensor->name[0] ? tensor->name : tensor_name(node, 1);
    return draft;
}

bool convert_gemm(struct net *net, const struct onnx_node *node)
{
    struct value *value = net_map(net, node, 0);
    if (!value)
        return false;
    if (value->layout != LAYOUT_ROW || net_integer(node, "transA", 0) != 0)
        return net_refuse(net, node, "its first input is no row of values for each image");
    double alpha = net_real(node, "alpha", 1), beta = net_real(node, "beta", 1);
    bool bias = has_input(node, 2) && beta != 0;
    int draft = add_linear(net, node, value, net_integer(node, "transB", 0) == 0, bias);
    if (draft < 0 || (bias && !set_vector(net, node, 2, draft, 1, net->draft[draft].attrs.out_channels)))
        return false;
    net->draft[draft].source[0].factor = alpha;
    net->draft[draft].source[1].factor = beta;
    return net_define_map(net, node, draft, net_map(net, node, 0));
}

bool convert_matmul(struct net *net, const struct onnx_node *node)
{
    struct value *value = net_map(net, node, 0);
    if (!value)
        return false;
    if (value->layout != LAYOUT_ROW && value->layout != LAYOUT_PIXELS)
        return net_refuse(net, node, "its first input is no row of values for each image");
    int draft = add_linear(net, node, value, true, false);
    return net_define_map(net, node, draft, net_map(net, node, 0));
}

/* --- pools --- */

bool convert_pool(struct net *net, const struct onnx_node *node)
{
    struct value *value = image_input(net, node);
    if (!value)
        return false;
    struct shape4 in = net->draft[value->draft].shape;
    struct op_attrs attrs = op_attrs_default();
    bool average = strcmp(node->op, "AveragePool") == 0;
    if (!read_window(net, node, in, &attrs))
        return false;
    if (node->outputs > 1 && node->output[1][0])
        return net_refuse(net, node, "its second output, where each maximum was, is not known");
    attrs.ceil_mode = net_integer(node, "ceil_mode", 0) != 0;
    attrs.count_padding = average && net_integer(node, "count_include_pad", 0) != 0;
    bool whole = attrs.kernel_h == in.h && attrs.kernel_w == in.w && attrs.pad_top + attrs.pad_bottom == 0 &&
                 attrs.pad_left + attrs.pad_right == 0;
    int draft = average && whole
                    ? draft_add_unary(net, node, OP_GLOBAL_AVG_POOL, value->draft) /* so that other sizes do, too */
                    : draft_add(net, node, average ? OP_AVG_POOL : OP_MAX_POOL, &attrs, 1, &value->draft);
    return net_define_map(net, node, draft, net_map(net, node, 0));
}

bool convert_global_pool(struct net *net, const struct onnx_node *node)
{
    struct value *value = image_input(net, node);
    if (!value)
        return false;
    struct op_attrs attrs = op_attrs_default();
    attrs.kernel_h = net->draft[value->draft].shape.h;
    attrs.kernel_w = net->draft[value->draft].shape.w;
    int kind = strcmp(node->op, "GlobalMaxPool") == 0 ? OP_MAX_POOL : OP_GLOBAL_AVG_POOL;
    if (kind == OP_GLOBAL_AVG_POOL)
        attrs = op_attrs_default();
    int draft = draft_add(net, node, kind, &attrs, 1, &value->draft);
    return net_define_map(net, node, draft, net_map(net, node, 0));
}

/* The mean over height and width; another mean is none of ours. */
bool convert_reduce_mean(struct net *net, const struct onnx_node *node)
{
    const int64_t *axes;
    int count;
    struct value *value = net_map(net, node, 0);
    if (!value || !net_integers(net, node, 1, "axes", &axes, &count))
        return false;
    bool over_h = false, over_w = false, other = count < 0;
    for (int i = 0; i < count; i++) {
        char axis = value_axis(value, axes[i]);
        bool both = value->layout == LAYOUT_LINES && (axes[i] == 2 || axes[i] == -1);
        over_h |= axis == 'h' || both;
        over_w |= axis == 'w' || both;
        other |= axis != 'h' && axis != 'w' && !both;
    }
    if (other || !over_h || !over_w || value->layout == LAYOUT_PLANE || value->layout == LAYOUT_GROUPS)
        return net_refuse(net, node, "only the mean over height and width is known");
    struct value like = *value;
    if (net_integer(node, "keepdims", 1) == 0)
        like.layout = LAYOUT_ROW;
    return net_define_map(net, node, draft_add_unary(net, node, OP_GLOBAL_AVG_POOL, value->draft), &like);
}
