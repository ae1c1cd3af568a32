/* ResNet-50, 101 and 152 as keras.applications has them: the first form (He et al. 2015), where the stride sits on the
 * first 1x1 convolution of a block and every convolution has a bias, inputs as Caffe's; and the pre-activation form V2
 * (He et al. 2016), where a block's stride sits on its 3x3, in the last block of conv2, conv3 and conv4. A batch norm's
 * eps is 1.001e-5 in both. Until 2019 Keras had a ResNet-50 of its own under the same file's name, with layers named as
 * by the paper's authors, the shortcut behind the block in sums and files, and an eps of 1e-3: keras_resnet50_2015.
 * Stages: conv1 (the stem), conv2 to conv5 (the pooling goes with the last), top. */
#include "config.h"

#include "keras.h"

enum { LAYERS = 4 };
static const float bn_eps = 1.001e-5f, bn_eps_2015 = 1e-3f, bn_momentum = 0.01f;

static const struct resnet_row {
    int depth, blocks[LAYERS];
} rows[] = {
    {50, {3, 4, 6, 3}},
    {101, {3, 4, 23, 3}},
    {152, {3, 8, 36, 3}},
};

static const struct resnet_row *find_row(const struct zoo_arch *arch)
{
    const struct resnet_row *row = rows;
    while (row->depth != arch->depth)
        row++;
    return row;
}

/* Convolution `prefix``i`_conv, padded to keep the size. */
static int add_conv(struct graph *graph, const char *prefix, int i, int input, int channels, int kernel, int stride,
                    bool bias)
{
    char name[ZOO_NAME];
    return graph_add_conv(graph, zoo_name(name, "%s%d_conv", prefix, i), input, channels, kernel, stride, kernel / 2, 1,
                          bias);
}

static int add_bn(struct graph *graph, const char *prefix, int i, int input)
{
    char name[ZOO_NAME];
    return graph_add_batch_norm(graph, zoo_name(name, "%s%d_bn", prefix, i), input, bn_eps, bn_momentum);
}

static int add_bn_relu(struct graph *graph, const char *prefix, int i, int input)
{
    char name[ZOO_NAME];
    return graph_add_unary(graph, zoo_name(name, "%s%d_relu", prefix, i), OP_RELU, add_bn(graph, prefix, i, input));
}

static int add_block(struct graph *graph, const char *prefix, int input, int planes, int stride, bool first)
{
    char name[ZOO_NAME];
    int shortcut = input;
    if (first)
        shortcut = add_bn(graph, prefix, 0, add_conv(graph, prefix, 0, input, 4 * planes, 1, stride, true));
    int x = add_bn_relu(graph, prefix, 1, add_conv(graph, prefix, 1, input, planes, 1, stride, true));
    x = add_bn_relu(graph, prefix, 2, add_conv(graph, prefix, 2, x, planes, 3, 1, true));
    x = add_bn(graph, prefix, 3, add_conv(graph, prefix, 3, x, 4 * planes, 1, 1, true));
    x = graph_add_binary(graph, zoo_name(name, "%sadd", prefix), OP_ADD, shortcut, x);
    return graph_add_unary(graph, zoo_name(name, "%sout", prefix), OP_RELU, x);
}

/* In V2 the shortcut is taken before the activation but where a convolution widens it. */
static int add_block_v2(struct graph *graph, const char *prefix, int input, int planes, int stride, bool first)
{
    char name[ZOO_NAME];
    int x = graph_add_batch_norm(graph, zoo_name(name, "%spreact_bn", prefix), input, bn_eps, bn_momentum);
    x = graph_add_unary(graph, zoo_name(name, "%spreact_relu", prefix), OP_RELU, x);
    int shortcut = input;
    if (first)
        shortcut = add_conv(graph, prefix, 0, x, 4 * planes, 1, stride, true);
    else if (stride > 1)
        shortcut = zoo_pool(graph, zoo_name(name, "%spool", prefix), OP_MAX_POOL, input, 1, stride, 0);
    x = add_bn_relu(graph, prefix, 1, add_conv(graph, prefix, 1, x, planes, 1, 1, false));
    x = add_bn_relu(graph, prefix, 2, add_conv(graph, prefix, 2, x, planes, 3, stride, false));
    x = add_conv(graph, prefix, 3, x, 4 * planes, 1, 1, true);
    return graph_add_binary(graph, zoo_name(name, "%sout", prefix), OP_ADD, shortcut, x);
}

static void build(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    const struct resnet_row *row = find_row(arch);
    graph_begin_stage(graph, "conv1");
    int x = graph_add_conv(graph, "conv1_conv", 0, 64, 7, 2, 3, 1, true);
    x = graph_add_batch_norm(graph, "conv1_bn", x, bn_eps, bn_momentum);
    x = graph_add_unary(graph, "conv1_relu", OP_RELU, x);
    x = zoo_pool(graph, "pool1_pool", OP_MAX_POOL, x, 3, 2, 1); /* padded with zeros, which no value is below */
    for (int layer = 0; layer < LAYERS; layer++) {
        char name[ZOO_NAME];
        graph_begin_stage(graph, zoo_name(name, "conv%d", layer + 2));
        for (int i = 0; i < row->blocks[layer]; i++) {
            zoo_name(name, "conv%d_block%d_", layer + 2, i + 1);
            x = add_block(graph, name, x, 64 << layer, layer > 0 && i == 0 ? 2 : 1, i == 0);
        }
    }
    keras_top(graph, "avg_pool", x, options->classes);
}

static void build_v2(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    const struct resnet_row *row = find_row(arch);
    graph_begin_stage(graph, "conv1");
    int x = graph_add_conv(graph, "conv1_conv", 0, 64, 7, 2, 3, 1, true);
    x = keras_pad(graph, "pool1_pad", x, 1, 1); /* zeros that take part: no relu comes before */
    x = zoo_pool(graph, "pool1_pool", OP_MAX_POOL, x, 3, 2, 0);
    for (int layer = 0; layer < LAYERS; layer++) {
        char name[ZOO_NAME];
        graph_begin_stage(graph, zoo_name(name, "conv%d", layer + 2));
        for (int i = 0; i < row->blocks[layer]; i++) {
            bool last = i + 1 == row->blocks[layer];
            zoo_name(name, "conv%d_block%d_", layer + 2, i + 1);
            x = add_block_v2(graph, name, x, 64 << layer, last && layer + 1 < LAYERS ? 2 : 1, i == 0);
        }
    }
    x = graph_add_batch_norm(graph, "post_bn", x, bn_eps, bn_momentum);
    x = graph_add_unary(graph, "post_relu", OP_RELU, x);
    keras_top(graph, "avg_pool", x, options->classes);
}

/* Convolution, batch norm and, but for ends of branches, relu: "res2a_branch2b", "bn2a_branch2b". */
static int add_part_2015(struct graph *graph, const char *block, const char *branch, int input, struct zoo_conv conv)
{
    char name[ZOO_NAME];
    zoo_name(name, "res%s_branch%s", block, branch);
    int x = graph_add_conv(graph, name, input, conv.channels, conv.kernel, conv.stride, conv.kernel / 2, 1, true);
    x = graph_add_batch_norm(graph, zoo_name(name, "bn%s_branch%s", block, branch), x, bn_eps_2015, bn_momentum);
    zoo_name(name, "res%s_branch%s_relu", block, branch);
    return conv.activation ? graph_add_unary(graph, name, conv.activation, x) : x;
}

static int add_block_2015(struct graph *graph, const char *block, int input, int planes, int stride, bool first)
{
    char name[ZOO_NAME];
    int x = add_part_2015(graph, block, "2a", input, (struct zoo_conv){planes, 1, stride, 1, OP_RELU});
    x = add_part_2015(graph, block, "2b", x, (struct zoo_conv){planes, 3, 1, 1, OP_RELU});
    x = add_part_2015(graph, block, "2c", x, (struct zoo_conv){.channels = 4 * planes, .kernel = 1, .stride = 1});
    struct zoo_conv widen = {.channels = 4 * planes, .kernel = 1, .stride = stride};
    int shortcut = first ? add_part_2015(graph, block, "1", input, widen) : input;
    x = graph_add_binary(graph, zoo_name(name, "res%s_add", block), OP_ADD, x, shortcut);
    return graph_add_unary(graph, zoo_name(name, "res%s_out", block), OP_RELU, x);
}

static void build_2015(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    const struct resnet_row *row = find_row(arch);
    graph_begin_stage(graph, "conv1");
    int x = graph_add_conv(graph, "conv1", 0, 64, 7, 2, 3, 1, true);
    x = graph_add_batch_norm(graph, "bn_conv1", x, bn_eps_2015, bn_momentum);
    x = graph_add_unary(graph, "conv1_relu", OP_RELU, x);
    x = zoo_pool(graph, "pool1_pool", OP_MAX_POOL, x, 3, 2, 1);
    for (int layer = 0; layer < LAYERS; layer++) {
        char name[ZOO_NAME];
        graph_begin_stage(graph, zoo_name(name, "conv%d", layer + 2));
        for (int i = 0; i < row->blocks[layer]; i++) {
            zoo_name(name, "%d%c", layer + 2, 'a' + i);
            x = add_block_2015(graph, name, x, 64 << layer, layer > 0 && i == 0 ? 2 : 1, i == 0);
        }
    }
    keras_top(graph, "avg_pool", x, options->classes);
}

/* clang-format off */
static const struct zoo_arch archs[] = {
    {"keras_resnet50", "ResNet", "ResNet-50 of Keras (He et al. 2015; stride on the first 1x1)", KERAS_CAFFE(224, 256), build, 50, 0, true},
    {"keras_resnet101", "ResNet", "ResNet-101 of Keras (He et al. 2015; stride on the first 1x1)", KERAS_CAFFE(224, 256), build, 101, 0, true},
    {"keras_resnet152", "ResNet", "ResNet-152 of Keras (He et al. 2015; stride on the first 1x1)", KERAS_CAFFE(224, 256), build, 152, 0, true},
    {"keras_resnet50_2015", "ResNet", "ResNet-50 of Keras until 2019 (He et al. 2015)", KERAS_CAFFE(224, 256), build_2015, 50, 0, true},
    {"keras_resnet50v2", "ResNet", "ResNet-50 V2 of Keras (He et al. 2016; pre-activation)", ZOO_TENSORFLOW(224, 256), build_v2, 50, 0, true},
    {"keras_resnet101v2", "ResNet", "ResNet-101 V2 of Keras (He et al. 2016; pre-activation)", ZOO_TENSORFLOW(224, 256), build_v2, 101, 0, true},
    {"keras_resnet152v2", "ResNet", "ResNet-152 V2 of Keras (He et al. 2016; pre-activation)", ZOO_TENSORFLOW(224, 256), build_v2, 152, 0, true},
};
/* clang-format on */
const struct zoo_family zoo_keras_resnet = {archs, THAW_LENGTH(archs), NULL};
