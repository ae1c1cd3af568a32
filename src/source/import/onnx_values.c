/* The values between ONNX nodes, by name: constants and maps. Called by all converters. */
#include "config.h"

#include <math.h>
#include <string.h>

#include "onnx_net.h"
#include "thaw/base/hash.h"
#include "thaw/base/mem.h"

/* Constants that are computed with are shapes, paddings and channel vectors. */
enum { COMPUTED_MAX = 1 << 16 };

/* --- names --- */

static size_t slot_of(const struct net *net, const char *name)
{
    size_t at = (size_t)hash_bytes(name, strlen(name), (struct hash){0, 0}).low & (net->slots - 1);
    while (net->slot[at] && strcmp(net->value[net->slot[at] - 1].name, name) != 0)
        at = (at + 1) & (net->slots - 1);
    return at;
}

struct value *net_find(const struct net *net, const char *name)
{
    if (net->slots == 0)
        return NULL;
    int number = net->slot[slot_of(net, name)];
    return number ? &net->value[number - 1] : NULL;
}

static void grow_slots(struct net *net)
{
    mem_free(net->slot);
    net->slots = net->slots ? 2 * net->slots : 256;
    net->slot = mem_array(net->slots, sizeof *net->slot);
    for (size_t i = 0; i < net->values; i++)
        net->slot[slot_of(net, net->value[i].name)] = (int)i + 1;
}

bool net_define_name(struct net *net, const char *name, struct value value)
{
    if (2 * (net->values + 1) > net->slots)
        grow_slots(net);
    size_t at = slot_of(net, name);
    if (net->slot[at])
        return false;
    if (net->values == net->values_room) {
        net->values_room = net->values_room ? 2 * net->values_room : 128;
        net->value = mem_grow(net->value, net->values_room, sizeof *net->value);
    }
    value.name = name;
    net->value[net->values++] = value;
    net->slot[at] = (int)net->values;
    return true;
}

bool net_define(struct net *net, const struct onnx_node *node, size_t output, struct value value)
{
    if (output >= node->outputs || node->output[output][0] == '\0')
        return true; /* nobody wants it */
    if (net_define_name(net, node->output[output], value))
        return true;
    return net_refuse(net, node, "its output has the name of another value");
}

bool net_define_constant(struct net *net, const struct onnx_node *node, struct constant *constant)
{
    return constant && net_define(net, node, 0, (struct value){.constant = constant});
}

bool net_define_map(struct net *net, const struct onnx_node *node, int draft, const struct value *like)
{
    struct value value = {.draft = draft, .layout = like->layout, .groups = like->groups};
    return draft >= 0 && net_define(net, node, 0, value);
}

/* --- inputs of a node --- */

struct value *net_input(struct net *net, const struct onnx_node *node, size_t index)
{
    if (index >= node->inputs || node->input[index][0] == '\0')
        return NULL;
    struct value *value = net_find(net, node->input[index]);
    char quote[GRAPH_NAME_MAX];
    if (!value)
        net_refuse(net, node, "it reads \"%s\", which nothing before it makes",
                   import_text(quote, sizeof quote, node->input[index]));
    return value;
}

struct value *net_map(struct net *net, const struct onnx_node *node, size_t index)
{
    struct value *value = net_input(net, node, index);
    if (!value) {
        if (net->error->kind == ERROR_NONE)
            net_refuse(net, node, "its input %zu is missing", index);
        return NULL;
    }
    if (value->constant) {
        net_refuse(net, node, "its input %zu does not depend on the image", index);
        return NULL;
    }
    if (value->closed) {
        net_refuse(net, value->closed, "softmax is only known at the end of a network, and %s follows", node->op);
        return NULL;
    }
    return value;
}

struct constant *net_constant(struct net *net, const struct onnx_node *node, size_t index)
{
    struct value *value = net_input(net, node, index);
    if (value && value->constant)
        return value->constant;
    if (net->error->kind == ERROR_NONE)
        net_refuse(net, node, "its input %zu is %s", index,
                   value ? "computed from the image where a constant is needed" : "missing");
    return NULL;
}

bool net_integers(struct net *net, const struct onnx_node *node, size_t input, const char *attribute,
                  const int64_t **values, int *count)
{
    const struct onnx_attribute *found = net_attribute(node, attribute);
    const int most = 2 * SHAPE_RANK_MAX;
    *values = NULL;
    *count = -1;
    if (found && found->kind == ONNX_INTS && found->count <= (size_t)most) {
        *values = found->integers;
        *count = (int)found->count;
        return true;
    }
    if (found)
        return net_refuse(net, node, "its %s is no short list of integers", attribute);
    struct value *value = net_input(net, node, input);
    if (!value)
        return net->error->kind == ERROR_NONE;
    struct constant *constant = net_constant(net, node, input);
    const double *from = constant ? constant_values(net, node, constant) : NULL;
    if (!from)
        return false;
    *count = (int)shape_count(&constant->shape);
    if (constant->shape.rank > 1 || *count > most)
        return net_refuse(net, node, "its %s is no short list of integers", attribute);
    int64_t *list = net_room(net, (size_t)*count + 1, sizeof *list);
    if (!list)
        return false;
    for (int i = 0; i < *count; i++) /* the ends of slices are the ends of int64 */
        list[i] = from[i] >= 0x1p62 ? INT64_MAX : from[i] <= -0x1p62 ? INT64_MIN : (int64_t)from[i];
    *values = list;
    return true;
}

/* --- maps --- */

static const char *const axes[] = {
    [LAYOUT_IMAGE] = "nchw", [LAYOUT_PIXELS] = "nhwc",  [LAYOUT_ROW] = "nc",         [LAYOUT_LINES] = "nc*",
    [LAYOUT_PLANE] = "nhw",  [LAYOUT_GROUPS] = "n**hw", [LAYOUT_SHUFFLED] = "n**hw",
};

int value_rank(const struct value *value)
{
    return (int)strlen(axes[value->layout]);
}

char value_axis(const struct value *value, int64_t axis)
{
    int rank = value_rank(value);
    axis += axis < 0 ? rank : 0;
    if (axis < 0 || axis >= rank || axes[value->layout][axis] == '*')
        return 0;
    return axes[value->layout][axis];
}

struct shape value_shape(const struct net *net, const struct value *value)
{
    const struct shape4 *of = &net->draft[value->draft].shape;
    int64_t n = net->batch, h = of->h, w = of->w, c = of->c, groups = value->groups;
    switch (value->layout) {
    case LAYOUT_IMAGE:
        return shape_make(4, (int64_t[]){n, c, h, w});
    case LAYOUT_PIXELS:
        return shape_make(4, (int64_t[]){n, h, w, c});
    case LAYOUT_ROW:
        return shape_make(2, (int64_t[]){n, c});
    case LAYOUT_LINES:
        return shape_make(3, (int64_t[]){n, c, h * w});
    case LAYOUT_PLANE:
        return shape_make(3, (int64_t[]){n, h, w});
    case LAYOUT_GROUPS:
        return shape_make(5, (int64_t[]){n, groups, c / groups, h, w});
    case LAYOUT_SHUFFLED:
        return shape_make(5, (int64_t[]){n, c / groups, groups, h, w});
    }
    return shape_make(0, NULL);
}

/* --- constants --- */

struct constant *constant_create(struct net *net, const struct shape *shape, bool whole)
{
    int64_t count = shape_count(shape);
    struct constant *constant = net_room(net, 1, sizeof *constant);
    if (!constant)
        return NULL;
    constant->shape = *shape;
    constant->whole = whole;
    if (count < 0 || count > COMPUTED_MAX) {
        error_set(net->error, ERROR_WEIGHTS, "its graph computes constants that are very large");
        return NULL;
    }
    constant->value = net_room(net, (size_t)count + 1, sizeof *constant->value);
    return constant->value ? constant : NULL;
}

static double read_element(const struct onnx_tensor *tensor, size_t index)
{
    const uint8_t *at = tensor->values + index * tensor_type_size(tensor->type);
    float narrow;
    if (tensor->type == TENSOR_I64) { /* wider than a float is exact */
        uint64_t bits = 0;
        for (int i = 7; i >= 0; i--)
            bits = bits << 8 | at[i];
        int64_t wide;
        memcpy(&wide, &bits, sizeof wide);
        return (double)wide;
    }
    if (tensor->type == TENSOR_I32) {
        uint32_t bits = (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
        int32_t wide;
        memcpy(&wide, &bits, sizeof wide);
        return wide;
    }
    tensor_to_f32(&narrow, at, tensor->type, 1);
    return (double)narrow;
}

void net_note(struct net *net, const struct onnx_tensor *tensor)
{
    if (tensor->index >= 0)
        net->computed[tensor->index] = true;
}

const double *constant_values(struct net *net, const struct onnx_node *node, struct constant *constant)
{
    if (constant->value)
        return constant->value;
    const struct onnx_tensor *tensor = constant->tensor;
    int64_t count = shape_count(&constant->shape);
    net_note(net, tensor);
    if (count > COMPUTED_MAX) {
        net_refuse(net, node, "it computes with a constant of %lld values; only short ones are known here",
                   (long long)count);
        return NULL;
    }
    double *value = net_room(net, (size_t)count + 1, sizeof *value);
    if (!value)
        return NULL;
    int64_t rows = constant->turned ? constant->shape.dim[0] : 1, columns = count / (rows ? rows : 1);
    for (int64_t i = 0; i < count; i++) {
        /* turned: element (row, column) lies at (column, row) of the tensor */
        int64_t from = constant->turned ? i % columns * rows + i / columns : i;
        value[i] = read_element(tensor, (size_t)from);
        if (isnan(value[i])) {
            net_refuse(net, node, "a constant it reads is not a number");
            return NULL;
        }
    }
    return constant->value = value;
}

bool constant_scalar(struct net *net, const struct onnx_node *node, struct constant *constant, double *value)
{
    if (shape_count(&constant->shape) != 1)
        return net_refuse(net, node, "it reads a list where one number is needed");
    const double *values = constant_values(net, node, constant);
    *value = values ? *values : 0;
    return values != NULL;
}
