/* MobileNetV2 (Sandler et al. 2018), as torchvision builds and names it: inverted residuals, which widen by a 1x1
 * convolution, filter each channel and narrow again without activation; blocks that keep size and width add their input.
 * Stages: features.0 (the stem), one a block, features.18 (the last 1x1 convolution and the pooling), classifier.
 *
 * timm has it at other widths, and with more blocks (110d, 120d: stem, first and last block as they were). Weights that
 * were trained in TensorFlow (tf_*, as transformers has them) want its SAME padding and a batch norm's eps of 1e-3. */
#include "config.h"

#include <math.h>

#include "family.h"

static const struct zoo_norm torch_norm = {1e-5f, 0.1f}, tf_norm = {1e-3f, 0.003f};

/* A network while it is built. */
struct making {
    struct graph *graph;
    double widths, depths; /* multiplied */
    bool fixed;            /* stem, last block's number and head are not */
    bool tf;
};

/* Table 2 of the paper. */
static const struct mobilenet_v2_row {
    int expansion, channels, blocks, stride;
} rows[] = {{1, 16, 1, 1}, {6, 24, 2, 2}, {6, 32, 3, 2}, {6, 64, 4, 2}, {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};

static int add_conv(const struct making *m, const char *name, int input, struct zoo_conv conv)
{
    return m->tf ? zoo_conv_norm_same(m->graph, name, input, conv, tf_norm)
                 : zoo_conv_norm(m->graph, name, input, conv, torch_norm);
}

static int add_block(const struct making *m, const char *prefix, int input, int expansion, int channels, int stride)
{
    char name[ZOO_NAME];
    int x = input, part = 0, in = m->graph->node[input].shape.c, wide = in * expansion;
    struct zoo_norm norm = m->tf ? tf_norm : torch_norm;
    if (expansion != 1)
        x = add_conv(m, zoo_name(name, "%s.conv.%d", prefix, part++), x, (struct zoo_conv){wide, 1, 1, 1, OP_RELU6});
    x = add_conv(m, zoo_name(name, "%s.conv.%d", prefix, part++), x,
                 (struct zoo_conv){wide, 3, stride, wide, OP_RELU6});
    x = graph_add_conv(m->graph, zoo_name(name, "%s.conv.%d", prefix, part++), x, channels, 1, 1, 0, 1, false);
    x = graph_add_batch_norm(m->graph, zoo_name(name, "%s.conv.%d", prefix, part), x, norm.eps, norm.momentum);
    if (stride == 1 && channels == in)
        x = graph_add_binary(m->graph, zoo_name(name, "%s.add", prefix), OP_ADD, input, x);
    return x;
}

static void build_in(const struct making *m, int classes)
{
    struct graph *graph = m->graph;
    char name[ZOO_NAME];
    int number = 0, last = m->fixed || m->widths < 1 ? 1280 : zoo_divisible(1280 * m->widths, 8);
    graph_begin_stage(graph, zoo_name(name, "features.%d", number++));
    int stem = m->fixed ? 32 : zoo_divisible(32 * m->widths, 8);
    int x = add_conv(m, name, 0, (struct zoo_conv){stem, 3, 2, 1, OP_RELU6});
    for (size_t i = 0; i < THAW_LENGTH(rows); i++) {
        bool end = i == 0 || i + 1 == THAW_LENGTH(rows);
        int blocks = m->fixed && end ? rows[i].blocks : (int)ceil(rows[i].blocks * m->depths);
        for (int block = 0; block < blocks; block++) {
            graph_begin_stage(graph, zoo_name(name, "features.%d", number++));
            x = add_block(m, name, x, rows[i].expansion, zoo_divisible(rows[i].channels * m->widths, 8),
                          block == 0 ? rows[i].stride : 1);
        }
    }
    graph_begin_stage(graph, zoo_name(name, "features.%d", number));
    x = add_conv(m, name, x, (struct zoo_conv){last, 1, 1, 1, OP_RELU6});
    x = graph_add_unary(graph, "avgpool", OP_GLOBAL_AVG_POOL, x);
    graph_mark_trunk(graph, x);
    graph_begin_stage(graph, "classifier");
    x = zoo_dropout(graph, "classifier.0", x, 0.2f);
    graph_add_linear(graph, "classifier.1", x, classes);
}

static void build(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    struct making m = {.graph = graph, .widths = arch->alpha, .depths = 1};
    build_in(&m, options->classes);
}

/* More blocks: depth, in tenths. */
static void build_deep(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    struct making m = {.graph = graph, .widths = arch->alpha, .depths = arch->depth / 10.0, .fixed = true};
    build_in(&m, options->classes);
}

static void build_tf(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    struct making m = {.graph = graph, .widths = arch->alpha, .depths = 1, .tf = true};
    build_in(&m, options->classes);
}

/* clang-format off */
#define ZOO_1001(crop, resize) 1001, crop, crop, 3, {crop, crop, 3, resize, false, false, {0.5f, 0.5f, 0.5f}, {0.5f, 0.5f, 0.5f}, INTERPOLATION_BILINEAR} /* ImageNet's behind one for the background */
static const struct zoo_arch archs[] = {
    {"mobilenet_v2", "MobileNetV2", "MobileNetV2 (Sandler et al. 2018)", ZOO_TORCHVISION(224, 256), build, 0, 1, true},
    {"mobilenetv2_050", "MobileNetV2", "MobileNetV2 of timm at half its widths", ZOO_BICUBIC(224, 256), build, 0, 0.5, true},
    {"mobilenetv2_140", "MobileNetV2", "MobileNetV2 of timm at 1.4 of its widths", ZOO_BICUBIC(224, 256), build, 0, 1.4, true},
    {"mobilenetv2_110d", "MobileNetV2", "MobileNetV2 of timm at 1.1 of its widths, deeper", ZOO_BICUBIC(224, 256), build_deep, 12, 1.1, true},
    {"mobilenetv2_120d", "MobileNetV2", "MobileNetV2 of timm at 1.2 of its widths, deeper", ZOO_BICUBIC(224, 256), build_deep, 14, 1.2, true},
    {"tf_mobilenet_v2_0.35", "MobileNetV2", "MobileNetV2 at 0.35 of its widths, weights from TensorFlow", ZOO_1001(96, 110), build_tf, 0, 0.35, true},
    {"tf_mobilenet_v2_0.75", "MobileNetV2", "MobileNetV2 at 0.75 of its widths, weights from TensorFlow", ZOO_1001(160, 183), build_tf, 0, 0.75, true},
    {"tf_mobilenet_v2_1.0", "MobileNetV2", "MobileNetV2, weights from TensorFlow", ZOO_1001(224, 256), build_tf, 0, 1, true},
    {"tf_mobilenet_v2_1.4", "MobileNetV2", "MobileNetV2 at 1.4 of its widths, weights from TensorFlow", ZOO_1001(224, 256), build_tf, 0, 1.4, true},
};
/* clang-format on */
const struct zoo_family zoo_mobilenet_v2 = {archs, THAW_LENGTH(archs), NULL};
