/* DenseNet-121, 169 and 201 (Huang et al. 2017) as keras.applications has them: growth 32, bottlenecks of 128 channels,
 * transitions that halve; a batch norm's eps is 1.001e-5; inputs as torch's. Stages: conv1 (the stem), conv2 to conv5
 * (each a dense block, the transition behind it included), top. */
#include "config.h"

#include "keras.h"

enum { BLOCKS = 4, GROWTH = 32, BOTTLENECK = 4 * GROWTH };
static const float bn_eps = 1.001e-5f, bn_momentum = 0.01f;

static const struct densenet_row {
    int depth, layers[BLOCKS];
} rows[] = {
    {121, {6, 12, 24, 16}},
    {169, {6, 12, 32, 32}},
    {201, {6, 12, 48, 32}},
};

/* `prefix`bn and `prefix`relu. */
static int add_bn_relu(struct graph *graph, const char *prefix, int input)
{
    char name[ZOO_NAME];
    int x = graph_add_batch_norm(graph, zoo_name(name, "%sbn", prefix), input, bn_eps, bn_momentum);
    return graph_add_unary(graph, zoo_name(name, "%srelu", prefix), OP_RELU, x);
}

/* The layer's input with its 32 new channels behind. */
static int add_dense_layer(struct graph *graph, int block, int layer, int input)
{
    char name[ZOO_NAME];
    int x = add_bn_relu(graph, zoo_name(name, "conv%d_block%d_0_", block, layer), input);
    x = graph_add_conv(graph, zoo_name(name, "conv%d_block%d_1_conv", block, layer), x, BOTTLENECK, 1, 1, 0, 1, false);
    x = add_bn_relu(graph, zoo_name(name, "conv%d_block%d_1_", block, layer), x);
    x = graph_add_conv(graph, zoo_name(name, "conv%d_block%d_2_conv", block, layer), x, GROWTH, 3, 1, 1, 1, false);
    return graph_add_binary(graph, zoo_name(name, "conv%d_block%d_concat", block, layer), OP_CONCAT, input, x);
}

static int add_transition(struct graph *graph, int block, int input)
{
    char name[ZOO_NAME];
    int x = add_bn_relu(graph, zoo_name(name, "pool%d_", block), input);
    int half = graph->node[x].shape.c / 2;
    x = graph_add_conv(graph, zoo_name(name, "pool%d_conv", block), x, half, 1, 1, 0, 1, false);
    return zoo_pool(graph, zoo_name(name, "pool%d_pool", block), OP_AVG_POOL, x, 2, 2, 0);
}

static void build(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    const struct densenet_row *row = rows;
    while (row->depth != arch->depth)
        row++;
    graph_begin_stage(graph, "conv1");
    int x = graph_add_conv(graph, "conv1_conv", 0, 64, 7, 2, 3, 1, false);
    x = add_bn_relu(graph, "conv1_", x);
    x = zoo_pool(graph, "pool1", OP_MAX_POOL, x, 3, 2, 1);
    for (int block = 2; block < 2 + BLOCKS; block++) {
        char name[ZOO_NAME];
        graph_begin_stage(graph, zoo_name(name, "conv%d", block));
        for (int layer = 1; layer <= row->layers[block - 2]; layer++)
            x = add_dense_layer(graph, block, layer, x);
        x = block < 1 + BLOCKS ? add_transition(graph, block, x) : add_bn_relu(graph, "", x);
    }
    keras_top(graph, "avg_pool", x, options->classes);
}

/* clang-format off */
static const struct zoo_arch archs[] = {
    {"keras_densenet121", "DenseNet", "DenseNet-121 of Keras (Huang et al. 2017)", ZOO_TORCHVISION(224, 256), build, 121, 0, true},
    {"keras_densenet169", "DenseNet", "DenseNet-169 of Keras (Huang et al. 2017)", ZOO_TORCHVISION(224, 256), build, 169, 0, true},
    {"keras_densenet201", "DenseNet", "DenseNet-201 of Keras (Huang et al. 2017)", ZOO_TORCHVISION(224, 256), build, 201, 0, true},
};
/* clang-format on */
const struct zoo_family zoo_keras_densenet = {archs, THAW_LENGTH(archs), NULL};
