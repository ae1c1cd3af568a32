/* ResNet for ImageNet (He et al. 2015), ResNeXt (Xie et al. 2017) and Wide ResNet (Zagoruyko and Komodakis 2016), as
 * torchvision builds and names them: in the bottleneck the stride sits on the 3x3 convolution (variant 1.5). ResNeXt cuts
 * that convolution into groups, the wide ones double its channels; both keep the blocks' outputs as they were. Stages:
 * conv1 (the stem), layer1 to layer4 (the pooling goes with the last), fc. */
#include "config.h"

#include <string.h>

#include "family.h"

static const float bn_eps = 1e-5f, bn_momentum = 0.1f;

static const struct resnet_row {
    const char *name;
    int blocks[4], expansion;
    int groups, width; /* of the bottleneck's 3x3 in layer1: width channels a group */
} rows[] = {
    {"resnet18", {2, 2, 2, 2}, 1, 1, 64}, /* basic blocks: two 3x3 */
    {"resnet34", {3, 4, 6, 3}, 1, 1, 64},
    {"resnet50", {3, 4, 6, 3}, 4, 1, 64}, /* bottlenecks: 1x1, 3x3, 1x1 to four times the planes */
    {"resnet101", {3, 4, 23, 3}, 4, 1, 64},
    {"resnet152", {3, 8, 36, 3}, 4, 1, 64},
    {"resnext50_32x4d", {3, 4, 6, 3}, 4, 32, 4},
    {"resnext101_32x8d", {3, 4, 23, 3}, 4, 32, 8},
    {"resnext101_64x4d", {3, 4, 23, 3}, 4, 64, 4},
    {"wide_resnet50_2", {3, 4, 6, 3}, 4, 1, 128},
    {"wide_resnet101_2", {3, 4, 23, 3}, 4, 1, 128},
};

/* Convolution `prefix`conv`i`, padded to keep the size, and its batch norm. */
static int add_conv_bn(struct graph *graph, const char *prefix, int i, int input, int channels, int kernel, int stride,
                       int groups)
{
    char name[ZOO_NAME];
    int conv = graph_add_conv(graph, zoo_name(name, "%sconv%d", prefix, i), input, channels, kernel, stride, kernel / 2,
                              groups, false);
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

static int add_block(struct graph *graph, const char *prefix, int input, int planes, int stride,
                     const struct resnet_row *row)
{
    char name[ZOO_NAME];
    int x = input, shortcut = input, wide = planes * row->expansion;
    if (row->expansion == 1) {
        x = add_conv_bn(graph, prefix, 1, x, planes, 3, stride, 1);
        x = add_named(graph, prefix, "relu1", OP_RELU, x);
        x = add_conv_bn(graph, prefix, 2, x, planes, 3, 1, 1);
    } else {
        int inner = planes / 64 * row->width * row->groups;
        x = add_conv_bn(graph, prefix, 1, x, inner, 1, 1, 1);
        x = add_named(graph, prefix, "relu1", OP_RELU, x);
        x = add_conv_bn(graph, prefix, 2, x, inner, 3, stride, row->groups);
        x = add_named(graph, prefix, "relu2", OP_RELU, x);
        x = add_conv_bn(graph, prefix, 3, x, wide, 1, 1, 1);
    }
    if (stride != 1 || graph->node[input].shape.c != wide)
        shortcut = add_downsample(graph, prefix, input, wide, stride);
    x = graph_add_binary(graph, zoo_name(name, "%sadd", prefix), OP_ADD, x, shortcut);
    return add_named(graph, prefix, "relu", OP_RELU, x);
}

static void build(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    const struct resnet_row *row = rows;
    while (strcmp(row->name, arch->name) != 0)
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
            x = add_block(graph, name, x, 64 << layer, layer > 0 && i == 0 ? 2 : 1, row);
        }
    }
    x = graph_add_unary(graph, "avgpool", OP_GLOBAL_AVG_POOL, x);
    graph_mark_trunk(graph, x);
    graph_begin_stage(graph, "fc");
    graph_add_linear(graph, "fc", x, options->classes);
}

/* clang-format off */
#define RESNET(name, title) {name, "ResNet", title, ZOO_TORCHVISION(224, 256), build, 0, 0, true}
#define RESNEXT(name, title, resize) {name, "ResNeXt", title " (Xie et al. 2017)", ZOO_TORCHVISION(224, resize), build, 0, 0, true}
#define WIDE(name, title) {name, "Wide ResNet", title " (Zagoruyko and Komodakis 2016)", ZOO_TORCHVISION(224, 256), build, 0, 0, true}
static const struct zoo_arch archs[] = {
    RESNET("resnet18", "ResNet-18 (He et al. 2015)"),
    RESNET("resnet34", "ResNet-34 (He et al. 2015)"),
    RESNET("resnet50", "ResNet-50 (He et al. 2015; stride on the 3x3)"),
    RESNET("resnet101", "ResNet-101 (He et al. 2015; stride on the 3x3)"),
    RESNET("resnet152", "ResNet-152 (He et al. 2015; stride on the 3x3)"),
    RESNEXT("resnext50_32x4d", "ResNeXt-50, 32 groups of 4", 256),
    RESNEXT("resnext101_32x8d", "ResNeXt-101, 32 groups of 8", 256),
    RESNEXT("resnext101_64x4d", "ResNeXt-101, 64 groups of 4", 232),
    WIDE("wide_resnet50_2", "ResNet-50, twice as wide within its blocks"),
    WIDE("wide_resnet101_2", "ResNet-101, twice as wide within its blocks"),
};
_Static_assert(THAW_LENGTH(archs) == THAW_LENGTH(rows), "a row of the table each");
/* clang-format on */
const struct zoo_family zoo_resnet = {archs, THAW_LENGTH(archs), NULL};
