/* NASNet-A mobile (Zoph et al. 2018) as keras.applications has it: 4 @ 1056, a stem of 32 filters. A cell reads the two
 * outputs before it; where these differ in size, the older is brought to the newer by a factorised reduction: every
 * second pixel, beside every second pixel of the image shifted by one, whose last row and column are then zeros. What is
 * padded before a pool with stride are zeros that take part in it. A batch norm's eps is 1e-3. Stages: stem, stem_1,
 * stem_2, 0 to 3, reduce_4, 5 to 8, reduce_8, 9 to 12 (the pooling goes with the last), top. */
#include "config.h"

#include "keras.h"

enum { STEM = 32, CELLS = 4, FILTERS = 1056 / 24 };
static const float bn_eps = 1e-3f, bn_momentum = 0.0003f;

/* A cell while it is built. */
struct cell {
    struct graph *graph;
    const char *kind, *id; /* "normal", "3"; "reduction", "stem_1" */
    int filters;
};

static const char *part_name(char name[ZOO_NAME], const struct cell *cell, const char *part)
{
    return zoo_name(name, "%s_%s_%s", cell->kind, part, cell->id);
}

static int add_bn(struct graph *graph, const char *name, int input)
{
    return graph_add_batch_norm(graph, name, input, bn_eps, bn_momentum);
}

/* Twice relu (the first is `input`'s), separable convolution and batch norm; the stride is the first one's. */
static int add_separable(const struct cell *cell, const char *part, int input, int kernel, int stride)
{
    char name[ZOO_NAME], suffix[ZOO_NAME];
    int x = input;
    part_name(suffix, cell, part);
    for (int i = 1; i <= 2; i++) {
        zoo_name(name, "separable_conv_%d_%s", i, suffix);
        x = keras_separable(cell->graph, name, x, cell->filters, kernel, i == 1 ? stride : 1);
        x = add_bn(cell->graph, zoo_name(name, "separable_conv_%d_bn_%s", i, suffix), x);
        if (i == 1)
            x = graph_add_unary(cell->graph, zoo_name(name, "separable_conv_1_relu_%s", suffix), OP_RELU, x);
    }
    return x;
}

static int add_relu(const struct cell *cell, const char *part, int input)
{
    char name[ZOO_NAME];
    return graph_add_unary(cell->graph, part_name(name, cell, part), OP_RELU, input);
}

static int add_average(const struct cell *cell, const char *part, int input)
{
    char name[ZOO_NAME];
    return keras_pool_same(cell->graph, part_name(name, cell, part), OP_AVG_POOL, input, 3, 1);
}

/* Of an image padded before. */
static int add_reducing_pool(const struct cell *cell, const char *part, enum op_kind kind, int padded)
{
    char name[ZOO_NAME];
    return zoo_pool(cell->graph, part_name(name, cell, part), kind, padded, 3, 2, 0);
}

static int add_sum(const struct cell *cell, const char *part, int a, int b)
{
    char name[ZOO_NAME];
    return graph_add_binary(cell->graph, part_name(name, cell, part), OP_ADD, a, b);
}

static int add_concat(const struct cell *cell, int count, const int *input)
{
    char name[ZOO_NAME];
    struct op_attrs attrs = op_attrs_default();
    return graph_add(cell->graph, part_name(name, cell, "concat"), OP_CONCAT, &attrs, count, input);
}

/* A pixel in two, and 1x1 to half the cell's filters. */
static int add_half(const struct cell *cell, int i, int input, int filters)
{
    char name[ZOO_NAME];
    int x = zoo_pool(cell->graph, zoo_name(name, "adjust_avg_pool_%d_%s", i, cell->id), OP_AVG_POOL, input, 1, 2, 0);
    return graph_add_conv(cell->graph, zoo_name(name, "adjust_conv_%d_%s", i, cell->id), x, filters, 1, 1, 0, 1, false);
}

/* The older input in the size and filters of the newer. */
static int add_adjusted(const struct cell *cell, int older, int newer)
{
    char name[ZOO_NAME];
    struct graph *graph = cell->graph;
    struct shape4 shape = graph->node[older].shape;
    bool shrinks = shape.h != graph->node[newer].shape.h || shape.w != graph->node[newer].shape.w;
    if (!shrinks && shape.c == cell->filters)
        return older;
    int x = graph_add_unary(graph, zoo_name(name, "adjust_relu_1_%s", cell->id), OP_RELU, older);
    if (shrinks) {
        int even = add_half(cell, 1, x, cell->filters / 2);
        int odd = keras_pad(graph, zoo_name(name, "adjust_shift_%s", cell->id), x, -1, 1);
        odd = add_half(cell, 2, odd, cell->filters / 2);
        x = graph_add_binary(graph, zoo_name(name, "adjust_concat_%s", cell->id), OP_CONCAT, even, odd);
    } else {
        zoo_name(name, "adjust_conv_projection_%s", cell->id);
        x = graph_add_conv(graph, name, x, cell->filters, 1, 1, 0, 1, false);
    }
    return add_bn(graph, zoo_name(name, "adjust_bn_%s", cell->id), x);
}

/* The newer input in the cell's filters. */
static int add_squeezed(const struct cell *cell, int newer)
{
    char name[ZOO_NAME];
    int x = graph_add_conv(cell->graph, part_name(name, cell, "conv_1"), add_relu(cell, "relu", newer), cell->filters,
                           1, 1, 0, 1, false);
    return add_bn(cell->graph, part_name(name, cell, "bn_1"), x);
}

/* p is the older input, h the newer; figure 4 of the paper. */
static int add_normal(struct graph *graph, const char *id, int filters, int newer, int older)
{
    const struct cell cell = {graph, "normal", id, filters};
    graph_begin_stage(graph, id);
    int p = add_adjusted(&cell, older, newer), h = add_squeezed(&cell, newer);
    int p_relu = add_relu(&cell, "relu_p", p), h_relu = add_relu(&cell, "relu_h", h);
    int left1 = add_separable(&cell, "left1", h_relu, 5, 1);
    int x1 = add_sum(&cell, "add_1", left1, add_separable(&cell, "right1", p_relu, 3, 1));
    int left2 = add_separable(&cell, "left2", p_relu, 5, 1);
    int x2 = add_sum(&cell, "add_2", left2, add_separable(&cell, "right2", p_relu, 3, 1));
    int x3 = add_sum(&cell, "add_3", add_average(&cell, "left3", h), p);
    int left4 = add_average(&cell, "left4", p);
    int x4 = add_sum(&cell, "add_4", left4, add_average(&cell, "right4", p));
    int x5 = add_sum(&cell, "add_5", add_separable(&cell, "left5", h_relu, 3, 1), h);
    return add_concat(&cell, 6, (int[]){p, x1, x2, x3, x4, x5});
}

static int add_reduction(struct graph *graph, const char *id, int filters, int newer, int older)
{
    char name[ZOO_NAME];
    const struct cell cell = {graph, "reduction", id, filters};
    graph_begin_stage(graph, id);
    int p = older == newer ? newer : add_adjusted(&cell, older, newer), h = add_squeezed(&cell, newer);
    int p_relu = add_relu(&cell, "relu_p", p), h_relu = add_relu(&cell, "relu_h", h);
    int padded = keras_pad_same(graph, part_name(name, &cell, "pad_1"), h, 3, 2);
    int left1 = add_separable(&cell, "left1", h_relu, 5, 2);
    int x1 = add_sum(&cell, "add_1", left1, add_separable(&cell, "right1", p_relu, 7, 2));
    int left2 = add_reducing_pool(&cell, "left2", OP_MAX_POOL, padded);
    int x2 = add_sum(&cell, "add_2", left2, add_separable(&cell, "right2", p_relu, 7, 2));
    int left3 = add_reducing_pool(&cell, "left3", OP_AVG_POOL, padded);
    int x3 = add_sum(&cell, "add3", left3, add_separable(&cell, "right3", p_relu, 5, 2));
    int x4 = add_sum(&cell, "add", x2, add_average(&cell, "left4", x1));
    int left5 = add_separable(&cell, "left4", add_relu(&cell, "relu_x1", x1), 3, 1);
    int x5 = add_sum(&cell, "add4", left5, add_reducing_pool(&cell, "right5", OP_MAX_POOL, padded));
    return add_concat(&cell, 4, (int[]){x2, x3, x4, x5});
}

static void build(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    char id[ZOO_NAME];
    (void)arch;
    graph_begin_stage(graph, "stem");
    int x = graph_add_conv(graph, "stem_conv1", 0, STEM, 3, 2, 0, 1, false), older;
    older = x = add_bn(graph, "stem_bn1", x);
    x = add_reduction(graph, "stem_1", FILTERS / 4, x, x);
    int next = x;
    x = add_reduction(graph, "stem_2", FILTERS / 2, x, older);
    older = next;
    for (int part = 0; part < 3; part++) {
        int filters = FILTERS << part, first = part * CELLS + (part > 0);
        for (int i = part > 0 ? -1 : 0; i < CELLS; i++) {
            next = x;
            if (i < 0)
                x = add_reduction(graph, zoo_name(id, "reduce_%d", part * CELLS), filters, x, older);
            else
                x = add_normal(graph, zoo_name(id, "%d", first + i), filters, x, older);
            older = next;
        }
    }
    x = graph_add_unary(graph, "relu", OP_RELU, x);
    keras_top(graph, "global_average_pooling2d", x, options->classes);
}

/* clang-format off */
static const struct zoo_arch archs[] = {
    {"keras_nasnet_mobile", "NASNet", "NASNet-A mobile of Keras (Zoph et al. 2018)", ZOO_TENSORFLOW(224, 256), build, 0, 0, true},
};
/* clang-format on */
const struct zoo_family zoo_keras_nasnet = {archs, THAW_LENGTH(archs), NULL};
