/* ResNet for ImageNet (He et al. 2015), ResNeXt (Xie et al. 2017) and Wide ResNet (Zagoruyko and Komodakis 2016), as
 * torchvision builds and names them: in the bottleneck the stride sits on the 3x3 convolution (variant 1.5). ResNeXt cuts
 * that convolution into groups, the wide ones double its channels; both keep the blocks' outputs as they were.
 *
 * timm's further forms, in timm's names: three 3x3 convolutions for the stem (c, s; t with rising widths), pooling before
 * the shortcut's convolution in place of its stride (d and t have both; He et al. 2018), squeeze and excitation behind a
 * block (Hu et al. 2017), and ResNet-RS (Bello et al. 2021), which has all of them and a convolution for the first pool.
 * Stages: conv1 (the stem), layer1 to layer4 (the pooling goes with the last), fc. */
#include "config.h"

#include <string.h>

#include "family.h"

static const float bn_eps = 1e-5f, bn_momentum = 0.1f;

enum stem { PLAIN, DEEP, TIERED };
enum { BASIC = 1, BOTTLENECK = 4 };

/* clang-format off */
static const struct resnet_row {
    const char *name;
    int blocks[4], expansion;
    int groups, width; /* of the bottleneck's 3x3 in layer1: width channels a group */
    struct resnet_form {
        enum stem stem;
        int stem_width;   /* of its first two convolutions; the third has twice as many */
        bool pooled;      /* shortcuts are pooled */
        int squeeze;      /* squeeze and excitation to this part of the channels; 0: none */
        bool pool_by_conv;
        bool averaged; /* strides are averages of two by two behind the convolution, the first pool as well */
    } form;
} rows[] = {
    /* basic blocks: two 3x3; bottlenecks: 1x1, 3x3, 1x1 to four times the planes */
    {"resnet18", {2, 2, 2, 2}, BASIC, 1, 64, {.stem = PLAIN}},
    {"resnet34", {3, 4, 6, 3}, BASIC, 1, 64, {.stem = PLAIN}},
    {"resnet50", {3, 4, 6, 3}, BOTTLENECK, 1, 64, {.stem = PLAIN}},
    {"resnet101", {3, 4, 23, 3}, BOTTLENECK, 1, 64, {.stem = PLAIN}},
    {"resnet152", {3, 8, 36, 3}, BOTTLENECK, 1, 64, {.stem = PLAIN}},
    {"resnext50_32x4d", {3, 4, 6, 3}, BOTTLENECK, 32, 4, {.stem = PLAIN}},
    {"resnext101_32x8d", {3, 4, 23, 3}, BOTTLENECK, 32, 8, {.stem = PLAIN}},
    {"resnext101_64x4d", {3, 4, 23, 3}, BOTTLENECK, 64, 4, {.stem = PLAIN}},
    {"wide_resnet50_2", {3, 4, 6, 3}, BOTTLENECK, 1, 128, {.stem = PLAIN}},
    {"wide_resnet101_2", {3, 4, 23, 3}, BOTTLENECK, 1, 128, {.stem = PLAIN}},
    {"resnet10t", {1, 1, 1, 1}, BASIC, 1, 64, {.stem = TIERED, .stem_width = 32, .pooled = true}},
    {"resnet14t", {1, 1, 1, 1}, BOTTLENECK, 1, 64, {.stem = TIERED, .stem_width = 32, .pooled = true}},
    {"resnet18d", {2, 2, 2, 2}, BASIC, 1, 64, {.stem = DEEP, .stem_width = 32, .pooled = true}},
    {"resnet26", {2, 2, 2, 2}, BOTTLENECK, 1, 64, {.stem = PLAIN}},
    {"resnet26d", {2, 2, 2, 2}, BOTTLENECK, 1, 64, {.stem = DEEP, .stem_width = 32, .pooled = true}},
    {"resnet26t", {2, 2, 2, 2}, BOTTLENECK, 1, 64, {.stem = TIERED, .stem_width = 32, .pooled = true}},
    {"resnet34d", {3, 4, 6, 3}, BASIC, 1, 64, {.stem = DEEP, .stem_width = 32, .pooled = true}},
    {"resnet50c", {3, 4, 6, 3}, BOTTLENECK, 1, 64, {.stem = DEEP, .stem_width = 32}},
    {"resnet50d", {3, 4, 6, 3}, BOTTLENECK, 1, 64, {.stem = DEEP, .stem_width = 32, .pooled = true}},
    {"resnet50t", {3, 4, 6, 3}, BOTTLENECK, 1, 64, {.stem = TIERED, .stem_width = 32, .pooled = true}},
    {"resnet50s", {3, 4, 6, 3}, BOTTLENECK, 1, 64, {.stem = DEEP, .stem_width = 64}},
    {"resnet101c", {3, 4, 23, 3}, BOTTLENECK, 1, 64, {.stem = DEEP, .stem_width = 32}},
    {"resnet101d", {3, 4, 23, 3}, BOTTLENECK, 1, 64, {.stem = DEEP, .stem_width = 32, .pooled = true}},
    {"resnet101s", {3, 4, 23, 3}, BOTTLENECK, 1, 64, {.stem = DEEP, .stem_width = 64}},
    {"resnet152c", {3, 8, 36, 3}, BOTTLENECK, 1, 64, {.stem = DEEP, .stem_width = 32}},
    {"resnet152d", {3, 8, 36, 3}, BOTTLENECK, 1, 64, {.stem = DEEP, .stem_width = 32, .pooled = true}},
    {"resnet152s", {3, 8, 36, 3}, BOTTLENECK, 1, 64, {.stem = DEEP, .stem_width = 64}},
    {"resnet200d", {3, 24, 36, 3}, BOTTLENECK, 1, 64, {.stem = DEEP, .stem_width = 32, .pooled = true}},
    {"resnext50d_32x4d", {3, 4, 6, 3}, BOTTLENECK, 32, 4, {.stem = DEEP, .stem_width = 32, .pooled = true}},
    {"resnext101_32x4d", {3, 4, 23, 3}, BOTTLENECK, 32, 4, {.stem = PLAIN}},
    {"resnext101_32x16d", {3, 4, 23, 3}, BOTTLENECK, 32, 16, {.stem = PLAIN}},
    {"resnext101_32x32d", {3, 4, 23, 3}, BOTTLENECK, 32, 32, {.stem = PLAIN}},
    {"seresnet50", {3, 4, 6, 3}, BOTTLENECK, 1, 64, {.stem = PLAIN, .squeeze = 16}},
    {"seresnet152d", {3, 8, 36, 3}, BOTTLENECK, 1, 64, {.stem = DEEP, .stem_width = 32, .pooled = true, .squeeze = 16}},
    {"seresnext26d_32x4d", {2, 2, 2, 2}, BOTTLENECK, 32, 4, {.stem = DEEP, .stem_width = 32, .pooled = true, .squeeze = 16}},
    {"seresnext26t_32x4d", {2, 2, 2, 2}, BOTTLENECK, 32, 4, {.stem = TIERED, .stem_width = 32, .pooled = true, .squeeze = 16}},
    {"seresnext50_32x4d", {3, 4, 6, 3}, BOTTLENECK, 32, 4, {.stem = PLAIN, .squeeze = 16}},
    {"seresnext101_32x4d", {3, 4, 23, 3}, BOTTLENECK, 32, 4, {.stem = PLAIN, .squeeze = 16}},
    {"seresnext101_32x8d", {3, 4, 23, 3}, BOTTLENECK, 32, 8, {.stem = PLAIN, .squeeze = 16}},
    {"seresnext101d_32x8d", {3, 4, 23, 3}, BOTTLENECK, 32, 8, {.stem = DEEP, .stem_width = 32, .pooled = true, .squeeze = 16}},
    {"seresnext101_64x4d", {3, 4, 23, 3}, BOTTLENECK, 64, 4, {.stem = PLAIN, .squeeze = 16}},
    {"resnetrs50", {3, 4, 6, 3}, BOTTLENECK, 1, 64, {.stem = DEEP, .stem_width = 32, .pooled = true, .squeeze = 4, .pool_by_conv = true}},
    {"resnetrs101", {3, 4, 23, 3}, BOTTLENECK, 1, 64, {.stem = DEEP, .stem_width = 32, .pooled = true, .squeeze = 4, .pool_by_conv = true}},
    {"resnetrs152", {3, 8, 36, 3}, BOTTLENECK, 1, 64, {.stem = DEEP, .stem_width = 32, .pooled = true, .squeeze = 4, .pool_by_conv = true}},
    {"resnetrs200", {3, 24, 36, 3}, BOTTLENECK, 1, 64, {.stem = DEEP, .stem_width = 32, .pooled = true, .squeeze = 4, .pool_by_conv = true}},
    {"resnetrs270", {4, 29, 53, 4}, BOTTLENECK, 1, 64, {.stem = DEEP, .stem_width = 32, .pooled = true, .squeeze = 4, .pool_by_conv = true}},
    {"resnetrs350", {4, 36, 72, 4}, BOTTLENECK, 1, 64, {.stem = DEEP, .stem_width = 32, .pooled = true, .squeeze = 4, .pool_by_conv = true}},
    {"resnetrs420", {4, 44, 87, 4}, BOTTLENECK, 1, 64, {.stem = DEEP, .stem_width = 32, .pooled = true, .squeeze = 4, .pool_by_conv = true}},
    {"resnetaa50", {3, 4, 6, 3}, BOTTLENECK, 1, 64, {.stem = PLAIN, .averaged = true}},
    {"resnetaa50d", {3, 4, 6, 3}, BOTTLENECK, 1, 64, {.stem = DEEP, .stem_width = 32, .pooled = true, .averaged = true}},
    {"resnetaa101d", {3, 4, 23, 3}, BOTTLENECK, 1, 64, {.stem = DEEP, .stem_width = 32, .pooled = true, .averaged = true}},
    {"seresnextaa101d_32x8d", {3, 4, 23, 3}, BOTTLENECK, 32, 8, {.stem = DEEP, .stem_width = 32, .pooled = true, .squeeze = 16, .averaged = true}},
    {"seresnextaa201d_32x8d", {3, 24, 36, 4}, BOTTLENECK, 32, 8, {.stem = DEEP, .stem_width = 64, .pooled = true, .squeeze = 16, .averaged = true}},
};
/* clang-format on */

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

/* The shortcut of a block that changes the shape. */
static int add_downsample(struct graph *graph, const char *prefix, int input, int channels, int stride, bool pooled)
{
    char name[ZOO_NAME];
    int x = input, part = 0;
    if (pooled && stride > 1) {
        struct op_attrs attrs = op_attrs_default();
        attrs.kernel_h = attrs.kernel_w = attrs.stride_h = attrs.stride_w = stride;
        attrs.ceil_mode = true; /* and what hangs over counts for nothing */
        x = graph_add(graph, zoo_name(name, "%sdownsample.0", prefix), OP_AVG_POOL, &attrs, 1, &x);
    }
    if (pooled)
        part = 1;
    zoo_name(name, "%sdownsample.%d", prefix, part);
    x = graph_add_conv(graph, name, x, channels, 1, pooled ? 1 : stride, 0, 1, false);
    return graph_add_batch_norm(graph, zoo_name(name, "%sdownsample.%d", prefix, part + 1), x, bn_eps, bn_momentum);
}

/* To a sixteenth, at least 8 and a multiple of 8, or to a fourth. */
static int add_squeeze(struct graph *graph, const char *prefix, int input, int squeeze)
{
    char name[ZOO_NAME];
    int least = graph->node[input].shape.c / squeeze, squeezed = (least + 4) / 8 * 8;
    return zoo_squeeze_excite(graph, zoo_name(name, "%sse", prefix), input, squeezed < 8 ? 8 : squeezed, OP_RELU,
                              OP_SIGMOID);
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
        bool averaged = row->form.averaged && stride > 1;
        x = add_conv_bn(graph, prefix, 2, x, inner, 3, averaged ? 1 : stride, row->groups);
        x = add_named(graph, prefix, "relu2", OP_RELU, x);
        if (averaged)
            x = zoo_pool(graph, zoo_name(name, "%saa", prefix), OP_AVG_POOL, x, stride, stride, 0);
        x = add_conv_bn(graph, prefix, 3, x, wide, 1, 1, 1);
    }
    if (row->form.squeeze)
        x = add_squeeze(graph, prefix, x, row->form.squeeze);
    if (stride != 1 || graph->node[input].shape.c != wide)
        shortcut = add_downsample(graph, prefix, input, wide, stride, row->form.pooled);
    x = graph_add_binary(graph, zoo_name(name, "%sadd", prefix), OP_ADD, x, shortcut);
    return add_named(graph, prefix, "relu", OP_RELU, x);
}

/* conv1.0 to conv1.6: three 3x3 convolutions, the first with stride; the last one's norm is bn1. */
static int add_deep_stem(struct graph *graph, const struct resnet_form *form)
{
    char name[ZOO_NAME];
    int x = 0, width[3] = {form->stem_width, form->stem_width, 2 * form->stem_width};
    if (form->stem == TIERED)
        width[0] = 3 * (form->stem_width / 4);
    for (int i = 0; i < 3; i++) {
        x = graph_add_conv(graph, zoo_name(name, "conv1.%d", 3 * i), x, width[i], 3, i == 0 ? 2 : 1, 1, 1, false);
        if (i == 2)
            break;
        x = graph_add_batch_norm(graph, zoo_name(name, "conv1.%d", 3 * i + 1), x, bn_eps, bn_momentum);
        x = graph_add_unary(graph, zoo_name(name, "conv1.%d", 3 * i + 2), OP_RELU, x);
    }
    return x;
}

static int add_stem(struct graph *graph, const struct resnet_form *form)
{
    graph_begin_stage(graph, "conv1");
    int x = form->stem == PLAIN ? graph_add_conv(graph, "conv1", 0, 64, 7, 2, 3, 1, false) : add_deep_stem(graph, form);
    x = graph_add_batch_norm(graph, "bn1", x, bn_eps, bn_momentum);
    x = graph_add_unary(graph, "relu", OP_RELU, x);
    if (form->averaged)
        return zoo_pool(graph, "maxpool", OP_AVG_POOL, x, 2, 2, 0);
    if (!form->pool_by_conv)
        return zoo_pool(graph, "maxpool", OP_MAX_POOL, x, 3, 2, 1);
    x = graph_add_conv(graph, "maxpool.0", x, graph->node[x].shape.c, 3, 2, 1, 1, false);
    x = graph_add_batch_norm(graph, "maxpool.1", x, bn_eps, bn_momentum);
    return graph_add_unary(graph, "maxpool.2", OP_RELU, x);
}

static void build(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    const struct resnet_row *row = rows;
    while (strcmp(row->name, arch->name) != 0)
        row++;
    int x = add_stem(graph, &row->form);
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
    {"resnet10t", "ResNet", "ResNet-10t (tiered stem, pooled shortcuts)", ZOO_BICUBIC(176, 201), build, 0, 0, true},
    {"resnet14t", "ResNet", "ResNet-14t (tiered stem, pooled shortcuts)", ZOO_BICUBIC(176, 201), build, 0, 0, true},
    {"resnet18d", "ResNet", "ResNet-18d (deep stem, pooled shortcuts; He et al. 2018)", ZOO_BICUBIC(224, 256), build, 0, 0, true},
    {"resnet26", "ResNet", "ResNet-26", ZOO_BICUBIC(224, 256), build, 0, 0, true},
    {"resnet26d", "ResNet", "ResNet-26d (deep stem, pooled shortcuts; He et al. 2018)", ZOO_BICUBIC(224, 256), build, 0, 0, true},
    {"resnet26t", "ResNet", "ResNet-26t (tiered stem, pooled shortcuts)", ZOO_BICUBIC(256, 272), build, 0, 0, true},
    {"resnet34d", "ResNet", "ResNet-34d (deep stem, pooled shortcuts; He et al. 2018)", ZOO_BICUBIC(224, 256), build, 0, 0, true},
    {"resnet50c", "ResNet", "ResNet-50c (three convolutions in the stem)", ZOO_BICUBIC(224, 256), build, 0, 0, true},
    {"resnet50d", "ResNet", "ResNet-50d (deep stem, pooled shortcuts; He et al. 2018)", ZOO_BICUBIC(224, 256), build, 0, 0, true},
    {"resnet50t", "ResNet", "ResNet-50t (tiered stem, pooled shortcuts)", ZOO_BICUBIC(224, 256), build, 0, 0, true},
    {"resnet50s", "ResNet", "ResNet-50s (three wide convolutions in the stem)", ZOO_BICUBIC(224, 256), build, 0, 0, true},
    {"resnet101c", "ResNet", "ResNet-101c (three convolutions in the stem)", ZOO_BICUBIC(224, 256), build, 0, 0, true},
    {"resnet101d", "ResNet", "ResNet-101d (deep stem, pooled shortcuts; He et al. 2018)", ZOO_BICUBIC(256, 269), build, 0, 0, true},
    {"resnet101s", "ResNet", "ResNet-101s (three wide convolutions in the stem)", ZOO_BICUBIC(224, 256), build, 0, 0, true},
    {"resnet152c", "ResNet", "ResNet-152c (three convolutions in the stem)", ZOO_BICUBIC(224, 256), build, 0, 0, true},
    {"resnet152d", "ResNet", "ResNet-152d (deep stem, pooled shortcuts; He et al. 2018)", ZOO_BICUBIC(256, 269), build, 0, 0, true},
    {"resnet152s", "ResNet", "ResNet-152s (three wide convolutions in the stem)", ZOO_BICUBIC(224, 256), build, 0, 0, true},
    {"resnet200d", "ResNet", "ResNet-200d (deep stem, pooled shortcuts; He et al. 2018)", ZOO_BICUBIC(256, 269), build, 0, 0, true},
    {"resnext50d_32x4d", "ResNeXt", "ResNeXt-50d, 32 groups of 4 (deep stem, pooled shortcuts; He et al. 2018)", ZOO_BICUBIC(224, 256), build, 0, 0, true},
    {"resnext101_32x4d", "ResNeXt", "ResNeXt-101, 32 groups of 4", ZOO_BICUBIC(224, 256), build, 0, 0, true},
    {"resnext101_32x16d", "ResNeXt", "ResNeXt-101, 32 groups of 16", ZOO_TORCHVISION(224, 256), build, 0, 0, true},
    {"resnext101_32x32d", "ResNeXt", "ResNeXt-101, 32 groups of 32", ZOO_TORCHVISION(224, 256), build, 0, 0, true},
    {"seresnet50", "SE-ResNet", "SE-ResNet-50", ZOO_BICUBIC(224, 256), build, 0, 0, true},
    {"seresnet152d", "SE-ResNet", "SE-ResNet-152d (deep stem, pooled shortcuts; He et al. 2018)", ZOO_BICUBIC(256, 269), build, 0, 0, true},
    {"seresnext26d_32x4d", "SE-ResNeXt", "SE-ResNeXt-26d, 32 groups of 4 (deep stem, pooled shortcuts; He et al. 2018)", ZOO_BICUBIC(224, 256), build, 0, 0, true},
    {"seresnext26t_32x4d", "SE-ResNeXt", "SE-ResNeXt-26t, 32 groups of 4 (tiered stem, pooled shortcuts)", ZOO_BICUBIC(224, 256), build, 0, 0, true},
    {"seresnext50_32x4d", "SE-ResNeXt", "SE-ResNeXt-50, 32 groups of 4", ZOO_BICUBIC(224, 256), build, 0, 0, true},
    {"seresnext101_32x4d", "SE-ResNeXt", "SE-ResNeXt-101, 32 groups of 4", ZOO_BICUBIC(224, 256), build, 0, 0, true},
    {"seresnext101_32x8d", "SE-ResNeXt", "SE-ResNeXt-101, 32 groups of 8", ZOO_BICUBIC(224, 256), build, 0, 0, true},
    {"seresnext101d_32x8d", "SE-ResNeXt", "SE-ResNeXt-101d, 32 groups of 8 (deep stem, pooled shortcuts; He et al. 2018)", ZOO_BICUBIC(224, 256), build, 0, 0, true},
    {"seresnext101_64x4d", "SE-ResNeXt", "SE-ResNeXt-101, 64 groups of 4", ZOO_BICUBIC(224, 256), build, 0, 0, true},
    {"resnetrs50", "ResNet-RS", "ResNet-RS-50 (Bello et al. 2021)", ZOO_BICUBIC(224, 246), build, 0, 0, true},
    {"resnetrs101", "ResNet-RS", "ResNet-RS-101 (Bello et al. 2021)", ZOO_BICUBIC(288, 306), build, 0, 0, true},
    {"resnetrs152", "ResNet-RS", "ResNet-RS-152 (Bello et al. 2021)", ZOO_BICUBIC(320, 320), build, 0, 0, true},
    {"resnetrs200", "ResNet-RS", "ResNet-RS-200 (Bello et al. 2021)", ZOO_BICUBIC(320, 320), build, 0, 0, true},
    {"resnetrs270", "ResNet-RS", "ResNet-RS-270 (Bello et al. 2021)", ZOO_BICUBIC(352, 352), build, 0, 0, true},
    {"resnetrs350", "ResNet-RS", "ResNet-RS-350 (Bello et al. 2021)", ZOO_BICUBIC(384, 384), build, 0, 0, true},
    {"resnetrs420", "ResNet-RS", "ResNet-RS-420 (Bello et al. 2021)", ZOO_BICUBIC(416, 416), build, 0, 0, true},
    {"resnetaa50", "ResNet", "ResNet-50 (strides by averages)", ZOO_BICUBIC(224, 235), build, 0, 0, true},
    {"resnetaa50d", "ResNet", "ResNet-50d (strides by averages)", ZOO_BICUBIC(224, 235), build, 0, 0, true},
    {"resnetaa101d", "ResNet", "ResNet-101d (strides by averages)", ZOO_BICUBIC(224, 235), build, 0, 0, true},
    {"seresnextaa101d_32x8d", "SE-ResNeXt", "SE-ResNeXt-101d, 32 groups of 8 (strides by averages)", ZOO_BICUBIC(288, 303), build, 0, 0, true},
    {"seresnextaa201d_32x8d", "SE-ResNeXt", "SE-ResNeXt-201d, 32 groups of 8 (strides by averages)", ZOO_BICUBIC(384, 384), build, 0, 0, true},
};
_Static_assert(THAW_LENGTH(archs) == THAW_LENGTH(rows), "a row of the table each");
/* clang-format on */
const struct zoo_family zoo_resnet = {archs, THAW_LENGTH(archs), NULL};
