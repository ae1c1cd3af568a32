/* InceptionV3 (Szegedy et al. 2016) as keras.applications has it: batch norms without gamma, eps 1e-3; the averaging
 * branches count no padding; no auxiliary head. Its convolutions and batch norms are numbered in the order in which the
 * blocks below name them: conv2d_1 to conv2d_94. Stages: stem, mixed0 to mixed10 (the pooling goes with the last), top. */
#include "config.h"

#include "keras.h"

static const float bn_eps = 1e-3f, bn_momentum = 0.01f;

/* The graph and the number of the last convolution. */
struct builder {
    struct graph *graph;
    int number;
};

/* Convolution, batch norm and relu. */
static int add_conv(struct builder *b, int input, struct op_attrs conv)
{
    char name[ZOO_NAME];
    int number = ++b->number;
    int x = graph_add(b->graph, zoo_name(name, "conv2d_%d", number), OP_CONV, &conv, 1, &input);
    struct op_attrs norm = op_attrs_default();
    norm.eps = bn_eps;
    norm.momentum = bn_momentum;
    norm.no_scale = true;
    x = graph_add(b->graph, zoo_name(name, "batch_normalization_%d", number), OP_BATCH_NORM, &norm, 1, &x);
    return graph_add_unary(b->graph, zoo_name(name, "activation_%d", number), OP_RELU, x);
}

/* Padded to keep the size. */
static int add(struct builder *b, int input, int channels, int kernel_h, int kernel_w)
{
    struct op_attrs conv = op_attrs_default();
    conv.kernel_h = kernel_h;
    conv.kernel_w = kernel_w;
    conv.pad_top = conv.pad_bottom = kernel_h / 2;
    conv.pad_left = conv.pad_right = kernel_w / 2;
    conv.out_channels = channels;
    return add_conv(b, input, conv);
}

/* A 3x3 without padding. */
static int add_valid(struct builder *b, int input, int channels, int stride)
{
    struct op_attrs conv = op_attrs_default();
    conv.kernel_h = conv.kernel_w = 3;
    conv.stride_h = conv.stride_w = stride;
    conv.out_channels = channels;
    return add_conv(b, input, conv);
}

/* A 3x3 average and a 1x1 convolution. */
static int add_average(struct builder *b, const char *block, int input, int channels)
{
    char name[ZOO_NAME];
    int x = keras_pool_same(b->graph, zoo_name(name, "%s_pool", block), OP_AVG_POOL, input, 3, 1);
    return add(b, x, channels, 1, 1);
}

static int add_maximum(struct builder *b, const char *block, int input)
{
    char name[ZOO_NAME];
    return zoo_pool(b->graph, zoo_name(name, "%s_pool", block), OP_MAX_POOL, input, 3, 2, 0);
}

static int add_concat(struct builder *b, const char *name, int count, const int *input)
{
    struct op_attrs attrs = op_attrs_default();
    return graph_add(b->graph, name, OP_CONCAT, &attrs, count, input);
}

/* Of 35x35. */
static int add_35(struct builder *b, const char *name, int input, int pooled)
{
    int one = add(b, input, 64, 1, 1);
    int five = add(b, add(b, input, 48, 1, 1), 64, 5, 5);
    int twice = add(b, add(b, add(b, input, 64, 1, 1), 96, 3, 3), 96, 3, 3);
    return add_concat(b, name, 4, (int[]){one, five, twice, add_average(b, name, input, pooled)});
}

/* From 35x35 to 17x17. */
static int add_to_17(struct builder *b, const char *name, int input)
{
    int three = add_valid(b, input, 384, 2);
    int twice = add_valid(b, add(b, add(b, input, 64, 1, 1), 96, 3, 3), 96, 2);
    return add_concat(b, name, 3, (int[]){three, twice, add_maximum(b, name, input)});
}

/* Of 17x17; `inner` channels between the 7x1 and 1x7. */
static int add_17(struct builder *b, const char *name, int input, int inner)
{
    int one = add(b, input, 192, 1, 1);
    int seven = add(b, add(b, add(b, input, inner, 1, 1), inner, 1, 7), 192, 7, 1);
    int twice = add(b, add(b, add(b, input, inner, 1, 1), inner, 7, 1), inner, 1, 7);
    twice = add(b, add(b, twice, inner, 7, 1), 192, 1, 7);
    return add_concat(b, name, 4, (int[]){one, seven, twice, add_average(b, name, input, 192)});
}

/* From 17x17 to 8x8. */
static int add_to_8(struct builder *b, const char *name, int input)
{
    int three = add_valid(b, add(b, input, 192, 1, 1), 320, 2);
    int seven = add(b, add(b, add(b, input, 192, 1, 1), 192, 1, 7), 192, 7, 1);
    seven = add_valid(b, seven, 192, 2);
    return add_concat(b, name, 3, (int[]){three, seven, add_maximum(b, name, input)});
}

/* 1x3 beside 3x1. */
static int add_fork(struct builder *b, const char *name, int input)
{
    int wide = add(b, input, 384, 1, 3);
    int high = add(b, input, 384, 3, 1);
    return add_concat(b, name, 2, (int[]){wide, high});
}

/* Of 8x8, branches that fork. */
static int add_8(struct builder *b, const char *name, int input, int number)
{
    char fork[ZOO_NAME];
    int one = add(b, input, 320, 1, 1);
    int three = add_fork(b, zoo_name(fork, "mixed9_%d", number), add(b, input, 384, 1, 1));
    int twice = add(b, add(b, input, 448, 1, 1), 384, 3, 3);
    twice = add_fork(b, zoo_name(fork, "%s_concat", name), twice);
    return add_concat(b, name, 4, (int[]){one, three, twice, add_average(b, name, input, 192)});
}

static int add_stem(struct builder *b)
{
    graph_begin_stage(b->graph, "stem");
    int x = add(b, add_valid(b, add_valid(b, 0, 32, 2), 32, 1), 64, 3, 3);
    x = add(b, add_maximum(b, "stem_1", x), 80, 1, 1);
    return add_maximum(b, "stem_2", add_valid(b, x, 192, 1));
}

static void build(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    static const int pooled[] = {32, 64, 64}, widths[] = {128, 160, 160, 192};
    (void)arch;
    struct builder builder = {graph, 0}, *b = &builder;
    int x = add_stem(b);
    for (int block = 0; block <= 10; block++) {
        char name[ZOO_NAME];
        graph_begin_stage(graph, zoo_name(name, "mixed%d", block));
        if (block < 3)
            x = add_35(b, name, x, pooled[block]);
        else if (block == 3)
            x = add_to_17(b, name, x);
        else if (block < 8)
            x = add_17(b, name, x, widths[block - 4]);
        else if (block == 8)
            x = add_to_8(b, name, x);
        else
            x = add_8(b, name, x, block - 9);
    }
    keras_top(graph, "avg_pool", x, options->classes);
}

/* clang-format off */
static const struct zoo_arch archs[] = {
    {"keras_inception_v3", "Inception", "InceptionV3 of Keras (Szegedy et al. 2016)", ZOO_TENSORFLOW(299, 342), build, 0, 0, true},
};
/* clang-format on */
const struct zoo_family zoo_keras_inception_v3 = {archs, THAW_LENGTH(archs), NULL};
