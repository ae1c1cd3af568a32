/* Arithmetic of constants, element by element and over all of them. Called by onnx_fold.c. */
#include "config.h"

#include <math.h>
#include <string.h>

#include "onnx_convert.h"

enum operation {
    NUMBER_ADD,
    NUMBER_SUB,
    NUMBER_MUL,
    NUMBER_DIV,
    NUMBER_MOD,
    NUMBER_MIN,
    NUMBER_MAX,
    NUMBER_POW,
    NUMBER_EQUAL,
    NUMBER_NEG,
    NUMBER_ABS,
    NUMBER_FLOOR,
    NUMBER_CEIL,
    NUMBER_SQRT,
    NUMBER_RECIPROCAL,
    NUMBER_CAST,
    NUMBER_PRODUCT, /* of all */
    NUMBER_TOTAL,
    NUMBER_EXPAND, /* to the shape that the second input lists */
    NUMBER_WHERE,  /* three inputs */
};

static const struct {
    const char *op;
    enum operation operation;
    int inputs; /* at least */
} table[] = {
    {"Abs", NUMBER_ABS, 1},
    {"Add", NUMBER_ADD, 2},
    {"Cast", NUMBER_CAST, 1},
    {"Ceil", NUMBER_CEIL, 1},
    {"Div", NUMBER_DIV, 2},
    {"Equal", NUMBER_EQUAL, 2},
    {"Expand", NUMBER_EXPAND, 2},
    {"Floor", NUMBER_FLOOR, 1},
    {"Max", NUMBER_MAX, 2},
    {"Min", NUMBER_MIN, 2},
    {"Mod", NUMBER_MOD, 2},
    {"Mul", NUMBER_MUL, 2},
    {"Neg", NUMBER_NEG, 1},
    {"Pow", NUMBER_POW, 2},
    {"Reciprocal", NUMBER_RECIPROCAL, 1},
    {"ReduceProd", NUMBER_PRODUCT, 1},
    {"ReduceSum", NUMBER_TOTAL, 1},
    {"Sqrt", NUMBER_SQRT, 1},
    {"Sub", NUMBER_SUB, 2},
    {"Where", NUMBER_WHERE, 3},
};

static size_t find(const struct onnx_node *node)
{
    size_t i = 0;
    while (i < THAW_LENGTH(table) && strcmp(table[i].op, node->op) != 0)
        i++;
    return i;
}

bool fold_is_number(const struct onnx_node *node)
{
    return find(node) < THAW_LENGTH(table);
}

static double compute(enum operation operation, bool whole, double a, double b, double c)
{
    switch (operation) {
    case NUMBER_ADD:
        return a + b;
    case NUMBER_SUB:
        return a - b;
    case NUMBER_MUL:
        return a * b;
    case NUMBER_DIV:
        return whole ? trunc(a / b) : a / b;
    case NUMBER_MOD:
        return a - floor(a / b) * b;
    case NUMBER_MIN:
        return fmin(a, b);
    case NUMBER_MAX:
        return fmax(a, b);
    case NUMBER_POW:
        return pow(a, b);
    case NUMBER_EQUAL:
        return a == b;
    case NUMBER_NEG:
        return -a;
    case NUMBER_ABS:
        return fabs(a);
    case NUMBER_FLOOR:
        return floor(a);
    case NUMBER_CEIL:
        return ceil(a);
    case NUMBER_SQRT:
        return sqrt(a);
    case NUMBER_RECIPROCAL:
        return 1 / a;
    case NUMBER_CAST:
        return whole ? trunc(a) : a;
    case NUMBER_WHERE:
        return a != 0 ? b : c;
    case NUMBER_PRODUCT:
    case NUMBER_TOTAL:
    case NUMBER_EXPAND:
        break;
    }
    return a;
}

/* The shape two shapes are stretched to: aligned at their ends, ones stretch. */
static bool broadcast(const struct shape *a, const struct shape *b, struct shape *to)
{
    to->rank = a->rank > b->rank ? a->rank : b->rank;
    for (int i = 1; i <= to->rank; i++) {
        int64_t x = i <= a->rank ? a->dim[a->rank - i] : 1, y = i <= b->rank ? b->dim[b->rank - i] : 1;
        if (x != y && x != 1 && y != 1)
            return false;
        to->dim[to->rank - i] = x == 1 ? y : x;
    }
    return true;
}

/* Where element number `index` of `shape` comes from in a constant that is stretched to it. */
static int64_t stretched(const struct shape *shape, const struct shape *from, int64_t index)
{
    int64_t place = 0, scale = 1;
    for (int i = 1; i <= shape->rank; i++) {
        int64_t size = shape->dim[shape->rank - i], own = i <= from->rank ? from->dim[from->rank - i] : 1;
        place += own > 1 ? index % size * scale : 0;
        scale *= own;
        index /= size;
    }
    return place;
}

/* One number out of all of them; ones stay for the axes where the node keeps them. */
static bool fold_all(struct net *net, const struct onnx_node *node, struct constant *from, bool product)
{
    const double *values = constant_values(net, node, from);
    struct shape shape = shape_make(net_integer(node, "keepdims", 1) != 0 ? 1 : 0, (int64_t[]){1});
    struct constant *to = values ? constant_create(net, &shape, from->whole) : NULL;
    if (!to)
        return false;
    if (from->shape.rank > 1)
        return net_refuse(net, node, "it is only known of a list");
    to->value[0] = product;
    for (int64_t i = 0; i < shape_count(&from->shape); i++)
        to->value[0] = product ? to->value[0] * values[i] : to->value[0] + values[i];
    return net_define_constant(net, node, to);
}

static bool find_target(struct net *net, const struct onnx_node *node, enum operation operation,
                        struct constant *const input[3], struct shape *shape)
{
    const int64_t *dim;
    int rank;
    *shape = input[0]->shape;
    if (operation == NUMBER_EXPAND) {
        if (!net_integers(net, node, 1, "shape", &dim, &rank))
            return false;
        struct shape wanted = shape_make(rank < 0 || rank > SHAPE_RANK_MAX ? 0 : rank, dim);
        return broadcast(&input[0]->shape, &wanted, shape) || net_refuse(net, node, "its shapes do not fit");
    }
    for (int i = 1; i < 3; i++) {
        struct shape own = *shape;
        if (input[i] && !broadcast(&own, &input[i]->shape, shape))
            return net_refuse(net, node, "its shapes do not fit");
    }
    return true;
}

/* A tensor of floats that becomes floats of another size stays a tensor: all are read as float32. */
static bool is_float_cast(const struct net *net, const struct onnx_node *node)
{
    enum { FLOAT = 1, FLOAT16 = 10, DOUBLE = 11, BFLOAT16 = 16 }; /* of TensorProto.DataType */
    int64_t type = net_integer(node, "to", 0);
    const struct value *value = node->inputs ? net_find(net, node->input[0]) : NULL;
    return strcmp(node->op, "Cast") == 0 && value && value->constant && !value->constant->whole &&
           (type == FLOAT || type == FLOAT16 || type == DOUBLE || type == BFLOAT16);
}

bool fold_numbers(struct net *net, const struct onnx_node *node)
{
    enum { I32 = 6, I64 = 7 }; /* of TensorProto.DataType */
    if (is_float_cast(net, node))
        return convert_identity(net, node);
    enum operation operation = table[find(node)].operation;
    int inputs = table[find(node)].inputs;
    struct constant *input[3] = {NULL, NULL, NULL};
    const double *value[3] = {NULL, NULL, NULL};
    struct shape shape;
    for (int i = 0; i < inputs; i++) {
        input[i] = net_constant(net, node, (size_t)i);
        value[i] = input[i] ? constant_values(net, node, input[i]) : NULL;
        if (!value[i])
            return false;
    }
    if (operation == NUMBER_PRODUCT || operation == NUMBER_TOTAL)
        return fold_all(net, node, input[0], operation == NUMBER_PRODUCT);
    if (!find_target(net, node, operation, input, &shape))
        return false;
    int64_t type = net_integer(node, "to", 0);
    bool whole = operation == NUMBER_CAST ? type == I32 || type == I64 : input[inputs - 1]->whole;
    struct constant *to = constant_create(net, &shape, whole);
    for (int64_t i = 0; to && i < shape_count(&shape); i++) {
        double at[3] = {0, 0, 0};
        for (int k = 0; k < inputs && operation != NUMBER_EXPAND; k++)
            at[k] = value[k][stretched(&shape, &input[k]->shape, i)];
        if (operation == NUMBER_EXPAND)
            at[0] = value[0][stretched(&shape, &input[0]->shape, i)];
        to->value[i] = compute(operation, whole, at[0], at[1], at[2]);
        if (isnan(to->value[i]))
            return net_refuse(net, node, "its result is not a number");
    }
    return net_define_constant(net, node, to);
}
