/* ResNet-18, 34 and 50 for ImageNet, as torchvision builds and names them: in the bottleneck the stride sits on the 3x3
 * convolution (variant 1.5). Stages: conv1 (the stem), layer1 to layer4 (the pooling goes with the last), fc. */
#include "config.h"

#include "family.h"

static const float bn_eps = 1e-5f, bn_momentum = 0.1f;

static const struct resnet_row {
    int depth, expansion, blocks[4];
} rows[] = {
    {18, 1, {2, 2, 2, 2}}, /* basic blocks: two 3x3 */
    {34, 1, {3, 4, 6, 3}},
    {50, 4, {3, 4, 6, 3}}, /* bottlenecks: 1x1, 3x3, 1x1 to four times the width */
};

/* Convolution `prefix`conv`i`, padded to keep the size, and its batch norm. */
static int add_conv_bn(struct graph *graph, const char *prefix, int i, int input, int channels, int kernel, int stride)
{
    char name[ZOO_NAME];
    int conv = graph_add_conv(graph, zoo_name(name, "%sconv%d", prefix, i), input, channels, kernel, stride, kernel / 2,
                              1, false);
    return graph_add_batch_norm(graph, zoo_name(name, "%sbn%d", prefix, i), conv, bn_eps, bn_momentum);
}

static int add_named(struct graph *graph, const char *prefix, const char *name, enum op_kind kind, int input)
{
    char full[ZOO_NAME];
    return graph_add_unary(graph, zoo_name(full, "%s%s", prefix, name), kind, input);
}

static int add_downsample(struct graph *graph, const char *prefix, int input, int channels, int stride)
{
    char name[ZOO_NAME];
    int conv = graph_add_conv(graph, zoo_name(name, "%sdownsample.0", prefix), input, channels, 1, stride, 0, 1, false);
    return graph_add_batch_norm(graph, zoo_name(name, "%sdownsample.1", prefix), conv, bn_eps, bn_momentum);
}

static int add_block(struct graph *graph, const char *prefix, int input, int planes, int stride, int expansion)
{
    char name[ZOO_NAME];
    int x = input, shortcut = input, wide = planes * expansion;
    if (expansion == 1) {
        x = add_conv_bn(graph, prefix, 1, x, planes, 3, stride);
        x = add_named(graph, prefix, "relu1", OP_RELU, x);
        x = add_conv_bn(graph, prefix, 2, x, planes, 3, 1);
    } else {
        x = add_conv_bn(graph, prefix, 1, x, planes, 1, 1);
        x = add_named(graph, prefix, "relu1", OP_RELU, x);
        x = add_conv_bn(graph, prefix, 2, x, planes, 3, stride);
        x = add_named(graph, prefix, "relu2", OP_RELU, x);
        x = add_conv_bn(graph, prefix, 3, x, wide, 1, 1);
    }
    if (stride != 1 || graph->node[input].shape.c != wide)
        shortcut = add_downsample(graph, prefix, input, wide, stride);
    x = graph_add_binary(graph, zoo_name(name, "%sadd", prefix), OP_ADD, x, shortcut);
    return add_named(graph, prefix, "relu", OP_RELU, x);
}

static void build(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    const struct resnet_row *row = rows;
    while (row->depth != arch->depth)
        row++;
    graph_begin_stage(graph, "conv1");
    int x = graph_add_conv(graph, "conv1", 0, 64, 7, 2, 3, 1, false);
    x = graph_add_batch_norm(graph, "bn1", x, bn_eps, bn_momentum);
    x = graph_add_unary(graph, "relu", OP_RELU, x);
    x = zoo_pool(graph, "maxpool", OP_MAX_POOL, x, 3, 2, 1);
    for (int layer = 0; layer < 4; layer++) {
        char name[ZOO_NAME];
        graph_begin_stage(graph, zoo_name(name, "layer%d", layer + 1));
        for (int i = 0; i < row->blocks[layer]; i++) {
            zoo_name(name, "layer%d.%d.", layer + 1, i);
            x = add_block(graph, name, x, 64 << layer, layer > 0 && i == 0 ? 2 : 1, row->expansion);
        }
    }
    x = graph_add_unary(graph, "avgpool", OP_GLOBAL_AVG_POOL, x);
    graph_mark_trunk(graph, x);
    graph_begin_stage(graph, "fc");
    graph_add_linear(graph, "fc", x, options->classes);
}

/* clang-format off */
static const struct zoo_arch archs[] = {
    {"resnet18", "ResNet", "ResNet-18 (He et al. 2015)", ZOO_TORCHVISION(224, 256), build, 18, 0, true},
    {"resnet34", "ResNet", "ResNet-34 (He et al. 2015)", ZOO_TORCHVISION(224, 256), build, 34, 0, true},
    {"resnet50", "ResNet", "ResNet-50 (He et al. 2015; stride on the 3x3)", ZOO_TORCHVISION(224, 256), build, 50, 0, true},
};
/* clang-format on */
const struct zoo_family zoo_resnet = {archs, THAW_LENGTH(archs), NULL};
