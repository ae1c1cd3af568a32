/* EfficientNet B0 to B7 (Tan and Le 2019) as keras.applications has them: raw pixels in, which its first layers bring to 0..1,
 * normalise, and divide once more by sqrt(deviation): the published files state deviations where Keras's Normalization
 * wants variances, and the third layer makes good for it. Padding as TensorFlow's SAME; squeeze-and-excitation by 1x1
 * convolutions with biases; a batch norm's eps is 1e-3. Stochastic depth, which only training has, is left out. Stages:
 * stem, block1a to the last of block7, top_conv (and the pooling), top. */
#include "config.h"

#include <math.h>

#include "keras.h"

static const float bn_eps = 1e-3f, bn_momentum = 0.01f;
#define PART_OF_NETWORK "ImageNet's mean and deviation are part of the network"

/* B0, and what the others multiply its widths and depths by. */
static const struct efficientnet_size {
    double widths, depths;
    float dropout;
} sizes[] = {{1.0, 1.0, 0.2f}, {1.0, 1.1, 0.2f}, {1.1, 1.2, 0.3f}, {1.2, 1.4, 0.3f},
             {1.4, 1.8, 0.4f}, {1.6, 2.2, 0.4f}, {1.8, 2.6, 0.5f}, {2.0, 3.1, 0.5f}};

static const float mean[3] = {0.485f, 0.456f, 0.406f}, deviation[3] = {0.229f, 0.224f, 0.225f};

/* Table 1 of the paper. */
static const struct efficientnet_row {
    int widen, kernel, stride, channels, layers;
} rows[] = {
    {1, 3, 1, 16, 1},  {6, 3, 2, 24, 2},  {6, 5, 2, 40, 2},  {6, 3, 2, 80, 3},
    {6, 5, 1, 112, 3}, {6, 5, 2, 192, 4}, {6, 3, 1, 320, 1},
};

/* The batch norm and the activation of a convolution; their names follow no one rule. */
static int add_norm(struct graph *graph, const char *prefix, const char *norm, const char *activation, int input)
{
    char name[ZOO_NAME];
    int x = graph_add_batch_norm(graph, zoo_name(name, "%s%s", prefix, norm), input, bn_eps, bn_momentum);
    return activation ? graph_add_unary(graph, zoo_name(name, "%s%s", prefix, activation), OP_SILU, x) : x;
}

static int add_squeeze_excite(struct graph *graph, const char *prefix, int input, int squeezed)
{
    char name[ZOO_NAME];
    int x = graph_add_unary(graph, zoo_name(name, "%sse_squeeze", prefix), OP_GLOBAL_AVG_POOL, input);
    x = graph_add_conv(graph, zoo_name(name, "%sse_reduce", prefix), x, squeezed, 1, 1, 0, 1, true);
    x = graph_add_unary(graph, zoo_name(name, "%sse_reduce_act", prefix), OP_SILU, x);
    zoo_name(name, "%sse_expand", prefix);
    x = graph_add_conv(graph, name, x, graph->node[input].shape.c, 1, 1, 0, 1, true);
    x = graph_add_unary(graph, zoo_name(name, "%sse_expand_act", prefix), OP_SIGMOID, x);
    return graph_add_binary(graph, zoo_name(name, "%sse_excite", prefix), OP_MUL, input, x);
}

static int add_block(struct graph *graph, const char *prefix, int input, const struct efficientnet_row *row,
                     int channels, int stride)
{
    char name[ZOO_NAME];
    int x = input, in = graph->node[input].shape.c, wide = in * row->widen;
    if (row->widen > 1) {
        x = graph_add_conv(graph, zoo_name(name, "%sexpand_conv", prefix), x, wide, 1, 1, 0, 1, false);
        x = add_norm(graph, prefix, "expand_bn", "expand_activation", x);
    }
    x = zoo_conv_same(graph, zoo_name(name, "%sdwconv", prefix), x, wide, row->kernel, stride, wide, false);
    x = add_norm(graph, prefix, "bn", "activation", x);
    x = add_squeeze_excite(graph, prefix, x, in / 4);
    x = graph_add_conv(graph, zoo_name(name, "%sproject_conv", prefix), x, channels, 1, 1, 0, 1, false);
    x = add_norm(graph, prefix, "project_bn", NULL, x);
    if (stride == 1 && channels == in)
        x = graph_add_binary(graph, zoo_name(name, "%sadd", prefix), OP_ADD, x, input);
    return x;
}

static int add_preprocessing(struct graph *graph, int input)
{
    float unit[3], none[3] = {0, 0, 0}, scale[3], shift[3];
    for (int c = 0; c < 3; c++) {
        unit[c] = 1 / 255.0f;
        scale[c] = 1 / sqrtf(deviation[c]);
        shift[c] = -mean[c] * scale[c];
    }
    int x = keras_rescale(graph, "rescaling", input, unit, none);
    x = keras_rescale(graph, "normalization", x, scale, shift);
    graph_expect(graph, "normalization.mean", mean, 3, PART_OF_NETWORK);
    graph_expect(graph, "normalization.variance", deviation, 3, PART_OF_NETWORK);
    graph_leave_out(graph, "normalization.count", PART_OF_NETWORK);
    return keras_rescale(graph, "rescaling_1", x, scale, none);
}

static void build(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    const struct efficientnet_size *size = &sizes[arch->depth];
    graph_begin_stage(graph, "stem");
    int x = add_preprocessing(graph, 0);
    x = zoo_conv_same(graph, "stem_conv", x, zoo_divisible(32 * size->widths, 8), 3, 2, 1, false);
    x = add_norm(graph, "stem_", "bn", "activation", x);
    for (int r = 0; r < (int)THAW_LENGTH(rows); r++) {
        int channels = zoo_divisible(rows[r].channels * size->widths, 8);
        for (int i = 0; i < (int)ceil(rows[r].layers * size->depths); i++) {
            char stage[ZOO_NAME], prefix[ZOO_NAME];
            graph_begin_stage(graph, zoo_name(stage, "block%d%c", r + 1, 'a' + i));
            x = add_block(graph, zoo_name(prefix, "%s_", stage), x, &rows[r], channels, i == 0 ? rows[r].stride : 1);
        }
    }
    graph_begin_stage(graph, "top_conv");
    x = graph_add_conv(graph, "top_conv", x, zoo_divisible(1280 * size->widths, 8), 1, 1, 0, 1, false);
    x = add_norm(graph, "top_", "bn", "activation", x);
    x = graph_add_unary(graph, "avg_pool", OP_GLOBAL_AVG_POOL, x);
    graph_mark_trunk(graph, x);
    graph_begin_stage(graph, "top");
    x = zoo_dropout(graph, "top_dropout", x, size->dropout);
    graph_add_linear(graph, "predictions", x, options->classes);
}

/* clang-format off */
static const struct zoo_arch archs[] = {
    {"keras_efficientnet_b0", "EfficientNet", "EfficientNet-B0 of Keras (Tan and Le 2019)", KERAS_IN_MODEL(224, 256), build, 0, 0, true},
    {"keras_efficientnet_b1", "EfficientNet", "EfficientNet-B1 of Keras", KERAS_IN_MODEL(240, 274), build, 1, 0, true},
    {"keras_efficientnet_b2", "EfficientNet", "EfficientNet-B2 of Keras", KERAS_IN_MODEL(260, 297), build, 2, 0, true},
    {"keras_efficientnet_b3", "EfficientNet", "EfficientNet-B3 of Keras", KERAS_IN_MODEL(300, 343), build, 3, 0, true},
    {"keras_efficientnet_b4", "EfficientNet", "EfficientNet-B4 of Keras", KERAS_IN_MODEL(380, 434), build, 4, 0, true},
    {"keras_efficientnet_b5", "EfficientNet", "EfficientNet-B5 of Keras", KERAS_IN_MODEL(456, 521), build, 5, 0, true},
    {"keras_efficientnet_b6", "EfficientNet", "EfficientNet-B6 of Keras", KERAS_IN_MODEL(528, 603), build, 6, 0, true},
    {"keras_efficientnet_b7", "EfficientNet", "EfficientNet-B7 of Keras", KERAS_IN_MODEL(600, 686), build, 7, 0, true},
};
/* clang-format on */
const struct zoo_family zoo_keras_efficientnet = {archs, THAW_LENGTH(archs), NULL};
