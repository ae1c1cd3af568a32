/* Nodes that read nothing but constants: exporters write shapes and paddings as little programs. Computed in double,
 * which holds their integers exactly. Called by onnx.c for every such node. */
#include "config.h"

#include <math.h>
#include <string.h>

#include "onnx_convert.h"

#define COUNT_LIMIT ((int64_t)1 << 40)

/* --- shapes --- */

/* The place, in order, of the element with these indices. */
static int64_t place_of(const struct shape *shape, const int64_t *at)
{
    int64_t place = 0;
    for (int d = 0; d < shape->rank; d++)
        place = place * shape->dim[d] + at[d];
    return place;
}

/* The next indices in order. */
static void step(const struct shape *shape, int64_t *at)
{
    for (int d = shape->rank - 1; d >= 0; d--) {
        if (++at[d] < shape->dim[d])
            return;
        at[d] = 0;
    }
}

bool fold_target(const struct shape *from, const int64_t *wanted, int count, bool allow_zero, struct shape *to)
{
    int rest = -1;
    if (count < 0 || count > SHAPE_RANK_MAX)
        return false;
    to->rank = count;
    for (int i = 0; i < count; i++) {
        to->dim[i] = wanted[i] == 0 && !allow_zero && i < from->rank ? from->dim[i] : wanted[i];
        if (wanted[i] == -1 && rest >= 0)
            return false;
        if (wanted[i] == -1)
            to->dim[rest = i] = 1;
    }
    int64_t have = shape_count(from), want = shape_count(to);
    if (have < 0 || want < 0)
        return false;
    if (rest >= 0 && want > 0) {
        to->dim[rest] = have / want;
        want *= to->dim[rest];
    }
    return have == want;
}

struct constant *fold_reshaped(struct net *net, const struct constant *from, const struct shape *shape)
{
    struct constant *to = net_room(net, 1, sizeof *to);
    if (!to)
        return NULL;
    *to = *from; /* the values are shared */
    to->shape = *shape;
    if (from->turned && !from->value) /* their order is known through the matrix alone */
        return NULL;
    return to;
}

static bool fold_reshape(struct net *net, const struct onnx_node *node)
{
    const int64_t *wanted;
    int count;
    struct shape to;
    struct constant *from = net_constant(net, node, 0);
    if (!from || !net_integers(net, node, 1, "shape", &wanted, &count))
        return false;
    if (count < 0 || !fold_target(&from->shape, wanted, count, net_integer(node, "allowzero", 0) != 0, &to))
        return net_refuse(net, node, "its shape is not one of as many values");
    if (from->turned && !constant_values(net, node, from))
        return false;
    return net_define_constant(net, node, fold_reshaped(net, from, &to));
}

static bool fold_flatten(struct net *net, const struct onnx_node *node)
{
    struct constant *from = net_constant(net, node, 0);
    int64_t axis = net_integer(node, "axis", 1), front = 1;
    struct shape to;
    if (!from)
        return false;
    axis += axis < 0 ? from->shape.rank : 0;
    if (axis < 0 || axis > from->shape.rank || from->turned)
        return net_refuse(net, node, "its axis is not of its input");
    for (int i = 0; i < axis; i++)
        front *= from->shape.dim[i];
    if (!fold_target(&from->shape, (int64_t[]){front, -1}, 2, true, &to))
        return net_refuse(net, node, "its input is empty");
    return net_define_constant(net, node, fold_reshaped(net, from, &to));
}

static bool fold_transpose(struct net *net, const struct onnx_node *node)
{
    struct constant *from = net_constant(net, node, 0);
    const struct onnx_attribute *perm = net_attribute(node, "perm");
    if (!from)
        return false;
    int rank = from->shape.rank;
    int64_t axis[SHAPE_RANK_MAX], at[SHAPE_RANK_MAX] = {0}, back[SHAPE_RANK_MAX];
    bool seen[SHAPE_RANK_MAX] = {false}, good = !perm || (perm->kind == ONNX_INTS && perm->count == (size_t)rank);
    for (int i = 0; good && i < rank; i++) {
        axis[i] = perm ? perm->integers[i] : rank - 1 - i;
        good = axis[i] >= 0 && axis[i] < rank && !seen[axis[i]];
        if (good)
            seen[axis[i]] = true;
    }
    if (!good)
        return net_refuse(net, node, "its perm is not of its input's %d axes", rank);
    struct shape shape = from->shape;
    for (int i = 0; i < rank; i++)
        shape.dim[i] = from->shape.dim[axis[i]];
    if (from->tensor && !from->value && rank == 2) { /* a matrix of weights: noted, not computed */
        struct constant *turned = fold_reshaped(net, &(struct constant){.tensor = from->tensor}, &shape);
        if (turned)
            turned->turned = axis[0] == 1 ? !from->turned : from->turned;
        return net_define_constant(net, node, turned);
    }
    const double *values = constant_values(net, node, from);
    struct constant *to = values ? constant_create(net, &shape, from->whole) : NULL;
    int64_t count = shape_count(&shape);
    for (int64_t i = 0; to && i < count; i++, step(&shape, at)) {
        for (int d = 0; d < rank; d++)
            back[axis[d]] = at[d];
        to->value[i] = values[place_of(&from->shape, back)];
    }
    return net_define_constant(net, node, to);
}

/* --- making and picking --- */

static bool fold_constant(struct net *net, const struct onnx_node *node)
{
    struct shape shape = {0};
    const struct onnx_attribute *tensor = net_attribute(node, "value"), *list = NULL;
    if (tensor && tensor->kind == ONNX_TENSOR) {
        struct constant *constant = net_room(net, 1, sizeof *constant);
        if (constant)
            *constant = (struct constant){.shape = tensor->tensor->shape,
                                          .whole = !tensor_type_is_float(tensor->tensor->type),
                                          .tensor = tensor->tensor};
        return net_define_constant(net, node, constant);
    }
    static const char *const names[] = {"value_int", "value_float", "value_ints", "value_floats"};
    for (size_t i = 0; i < THAW_LENGTH(names) && !list; i++)
        list = net_attribute(node, names[i]);
    if (!list || list->kind == ONNX_STRING || list->kind == ONNX_OTHER || list->kind == ONNX_TENSOR)
        return net_refuse(net, node, "its value is none that is read");
    bool many = list->kind == ONNX_INTS || list->kind == ONNX_FLOATS;
    bool whole = list->kind == ONNX_INT || list->kind == ONNX_INTS;
    if (many)
        shape = shape_make(1, (int64_t[]){(int64_t)list->count});
    struct constant *constant = constant_create(net, &shape, whole);
    for (size_t i = 0; constant && i < (many ? list->count : 1); i++)
        constant->value[i] = list->kind == ONNX_INT     ? (double)list->integer
                             : list->kind == ONNX_FLOAT ? (double)list->real
                             : list->kind == ONNX_INTS  ? (double)list->integers[i]
                                                        : (double)list->reals[i];
    return net_define_constant(net, node, constant);
}

static bool fold_fill(struct net *net, const struct onnx_node *node)
{
    const int64_t *dim;
    int rank;
    double fill = 0;
    const struct onnx_attribute *value = net_attribute(node, "value");
    if (!net_integers(net, node, 0, "shape", &dim, &rank))
        return false;
    bool whole = value && value->kind == ONNX_TENSOR && !tensor_type_is_float(value->tensor->type);
    if (value && value->kind == ONNX_TENSOR) {
        struct constant one = {.shape = value->tensor->shape, .tensor = value->tensor};
        if (!constant_scalar(net, node, &one, &fill))
            return false;
    }
    if (rank < 0 || rank > SHAPE_RANK_MAX)
        return net_refuse(net, node, "its shape is none");
    struct shape shape = shape_make(rank, dim);
    struct constant *constant = constant_create(net, &shape, whole);
    for (int64_t i = 0; constant && i < shape_count(&shape); i++)
        constant->value[i] = fill;
    return net_define_constant(net, node, constant);
}

static bool fold_range(struct net *net, const struct onnx_node *node)
{
    double end[3];
    for (size_t i = 0; i < 3; i++) {
        struct constant *constant = net_constant(net, node, i);
        if (!constant || !constant_scalar(net, node, constant, &end[i]))
            return false;
    }
    double count = end[2] != 0 ? ceil((end[1] - end[0]) / end[2]) : -1;
    if (!(count >= 0 && count < 1e6))
        return net_refuse(net, node, "it runs without an end");
    struct shape shape = shape_make(1, (int64_t[]){(int64_t)count});
    struct constant *constant = constant_create(net, &shape, true);
    for (int64_t i = 0; constant && i < shape.dim[0]; i++)
        constant->value[i] = end[0] + (double)i * end[2];
    return net_define_constant(net, node, constant);
}

/* Axis `axis` of `to` gets the elements `first + i * by` of `from`'s. */
static void copy_axis(const struct constant *from, struct constant *to, int axis, int64_t first, int64_t by,
                      int64_t offset)
{
    int64_t at[SHAPE_RANK_MAX] = {0}, source[SHAPE_RANK_MAX], target[SHAPE_RANK_MAX];
    struct shape walk = from->shape;
    walk.dim[axis] = by ? (by > 0 ? (from->shape.dim[axis] - first + by - 1) / by : first / -by + 1) : 1;
    if (walk.dim[axis] > to->shape.dim[axis] - offset)
        walk.dim[axis] = to->shape.dim[axis] - offset;
    for (int64_t i = 0; i < shape_count(&walk); i++, step(&walk, at)) {
        memcpy(source, at, sizeof source);
        memcpy(target, at, sizeof target);
        source[axis] = first + at[axis] * by;
        target[axis] = offset + at[axis];
        to->value[place_of(&to->shape, target)] = from->value[place_of(&from->shape, source)];
    }
}

static bool fold_concat(struct net *net, const struct onnx_node *node)
{
    struct constant *first = net_constant(net, node, 0);
    if (!first)
        return false;
    struct shape shape = first->shape;
    int64_t axis = net_integer(node, "axis", 0), offset = 0, total = 0;
    axis += axis < 0 ? shape.rank : 0;
    if (axis < 0 || axis >= shape.rank)
        return net_refuse(net, node, "its axis is not of its inputs");
    for (size_t i = 0; i < node->inputs; i++) {
        struct constant *part = net_constant(net, node, i);
        if (!part || !constant_values(net, node, part))
            return false;
        struct shape other = part->shape;
        total += other.rank > axis ? other.dim[axis] : 0;
        if (other.rank == shape.rank)
            other.dim[axis] = shape.dim[axis];
        if (!shape_equal(&other, &shape))
            return net_refuse(net, node, "its inputs differ in other axes than the one they are joined by");
    }
    shape.dim[axis] = total;
    struct constant *to = constant_create(net, &shape, first->whole);
    for (size_t i = 0; to && i < node->inputs; i++) {
        const struct constant *part = net_constant(net, node, i);
        copy_axis(part, to, (int)axis, 0, 1, offset);
        offset += part->shape.dim[axis];
    }
    return net_define_constant(net, node, to);
}

/* start and end of a slice by `by`, inside an axis of that size; the number of elements it takes. */
static int64_t slice_ends(int64_t size, int64_t by, int64_t *start, int64_t *end)
{
    int64_t lowest = by > 0 ? 0 : -1, highest = by > 0 ? size : size - 1;
    for (int i = 0; i < 2; i++) {
        int64_t *at = i ? end : start;
        if (*at < 0)
            *at = *at < -size ? lowest : *at + size;
        *at = *at < lowest ? lowest : *at > highest ? highest : *at;
    }
    int64_t count = by > 0 ? (*end - *start + by - 1) / by : (*start - *end + -by - 1) / -by;
    return count > 0 ? count : 0;
}

static bool fold_slice(struct net *net, const struct onnx_node *node)
{
    const int64_t *start, *end, *axes, *by;
    int starts, ends, axis_count, steps;
    struct constant *from = net_constant(net, node, 0);
    if (!from || !constant_values(net, node, from) || !net_integers(net, node, 1, "starts", &start, &starts) ||
        !net_integers(net, node, 2, "ends", &end, &ends) || !net_integers(net, node, 3, "axes", &axes, &axis_count) ||
        !net_integers(net, node, 4, "steps", &by, &steps))
        return false;
    bool good =
        starts >= 0 && ends == starts && (axis_count < 0 || axis_count == starts) && (steps < 0 || steps == starts);
    for (int i = 0; good && i < starts; i++) {
        int64_t axis = axis_count < 0 ? i : axes[i], stride = steps < 0 ? 1 : by[i], a = start[i], b = end[i];
        axis += axis < 0 ? from->shape.rank : 0;
        good = axis >= 0 && axis < from->shape.rank && stride != 0 && stride > -COUNT_LIMIT && stride < COUNT_LIMIT;
        if (!good)
            break;
        struct shape shape = from->shape;
        shape.dim[axis] = slice_ends(from->shape.dim[axis], stride, &a, &b);
        struct constant *to = constant_create(net, &shape, from->whole);
        if (!to)
            return false;
        if (shape_count(&shape) > 0)
            copy_axis(from, to, (int)axis, a, stride, 0);
        from = to;
    }
    return good ? net_define_constant(net, node, from)
                : net_refuse(net, node, "its lists or axes do not fit its input");
}

static bool fold_gather(struct net *net, const struct onnx_node *node)
{
    struct constant *from = net_constant(net, node, 0), *index = from ? net_constant(net, node, 1) : NULL;
    const double *picks = index ? constant_values(net, node, index) : NULL;
    if (!picks || !constant_values(net, node, from))
        return false;
    int64_t axis = net_integer(node, "axis", 0), count = shape_count(&index->shape);
    axis += axis < 0 ? from->shape.rank : 0;
    if (axis < 0 || axis >= from->shape.rank || index->shape.rank > 1)
        return net_refuse(net, node, "its axis or its indices do not fit its input");
    struct shape shape = from->shape;
    int64_t size = shape.dim[axis];
    shape.dim[axis] = count;
    struct constant *to = constant_create(net, &shape, from->whole);
    for (int64_t i = 0; to && i < count; i++) {
        double at = picks[i] < 0 ? picks[i] + (double)size : picks[i];
        if (!(at >= 0 && at < (double)size))
            return net_refuse(net, node, "index %g of %lld", picks[i], (long long)size);
        copy_axis(from, to, (int)axis, (int64_t)at, 0, i);
    }
    if (to && index->shape.rank == 0) { /* the axis goes */
        for (int d = (int)axis; d + 1 < shape.rank; d++)
            shape.dim[d] = shape.dim[d + 1];
        shape.rank--;
        to->shape = shape;
    }
    return net_define_constant(net, node, to);
}

/* --- the table --- */

static const struct {
    const char *op;
    convert fold;
} table[] = {
    {"Concat", fold_concat},        {"Constant", fold_constant},  {"ConstantOfShape", fold_fill},
    {"Flatten", fold_flatten},      {"Gather", fold_gather},      {"Identity", convert_identity},
    {"Range", fold_range},          {"Reshape", fold_reshape},    {"Shape", convert_shape},
    {"Slice", fold_slice},          {"Squeeze", convert_squeeze}, {"Transpose", fold_transpose},
    {"Unsqueeze", convert_squeeze},
};

static convert find_fold(const struct onnx_node *node)
{
    for (size_t i = 0; i < THAW_LENGTH(table) && node->domain[0] == '\0'; i++) {
        if (strcmp(table[i].op, node->op) == 0)
            return table[i].fold;
    }
    return node->domain[0] == '\0' && fold_is_number(node) ? fold_numbers : NULL;
}

bool fold_is_known(const struct onnx_node *node)
{
    return find_fold(node) != NULL;
}

bool fold_node(struct net *net, const struct onnx_node *node)
{
    return find_fold(node)(net, node);
}
