/* ResNet-20, 32, 44 and 56 for 32x32 images (He et al. 2015, section 4.2): three layers of n basic blocks at 16, 32 and
 * 64 channels, depth 6n + 2. The shortcut between layers has no parameters (option A), or in resnet20_projection and its
 * like a 1x1 convolution with batch norm (option B). Names as in the widely used PyTorch renderings of the paper: conv1,
 * bn1, layer1.0.conv1, ..., and the last layer linear, fc with projections. The pooling goes with layer3.
 *
 * resnet18_cifar and its like are ImageNet's ResNets with a stem of one 3x3 convolution without pooling, four layers of 64
 * to 512 channels and projections, as they go round for CIFAR-10 in PyTorch. */
#include "config.h"

#include "family.h"

static const float bn_eps = 1e-5f, bn_momentum = 0.1f;

static int add_conv_bn(struct graph *graph, const char *prefix, int i, int input, int channels, int stride)
{
    char name[ZOO_NAME];
    int conv = graph_add_conv(graph, zoo_name(name, "%sconv%d", prefix, i), input, channels, 3, stride, 1, 1, false);
    return graph_add_batch_norm(graph, zoo_name(name, "%sbn%d", prefix, i), conv, bn_eps, bn_momentum);
}

/* Option A: every second pixel, half as many zero channels on either side. */
static int add_subsample(struct graph *graph, const char *prefix, int input, int planes, int stride)
{
    char name[ZOO_NAME];
    struct op_attrs attrs = op_attrs_default();
    attrs.stride_h = attrs.stride_w = stride;
    attrs.pad_before = attrs.pad_after = planes / 4;
    return graph_add(graph, zoo_name(name, "%sshortcut", prefix), OP_SUBSAMPLE, &attrs, 1, &input);
}

/* Option B. */
static int add_projection(struct graph *graph, const char *prefix, int input, int planes, int stride)
{
    char name[ZOO_NAME];
    int x = graph_add_conv(graph, zoo_name(name, "%sshortcut.0", prefix), input, planes, 1, stride, 0, 1, false);
    return graph_add_batch_norm(graph, zoo_name(name, "%sshortcut.1", prefix), x, bn_eps, bn_momentum);
}

static int add_block(struct graph *graph, const char *prefix, int input, int planes, int stride, bool projection)
{
    char name[ZOO_NAME];
    int shortcut = input;
    int x = add_conv_bn(graph, prefix, 1, input, planes, stride);
    x = graph_add_unary(graph, zoo_name(name, "%srelu1", prefix), OP_RELU, x);
    x = add_conv_bn(graph, prefix, 2, x, planes, 1);
    if (stride != 1)
        shortcut = projection ? add_projection(graph, prefix, input, planes, stride)
                              : add_subsample(graph, prefix, input, planes, stride);
    x = graph_add_binary(graph, zoo_name(name, "%sadd", prefix), OP_ADD, x, shortcut);
    return graph_add_unary(graph, zoo_name(name, "%srelu", prefix), OP_RELU, x);
}

static void add_all(struct graph *graph, int depth, bool projection, const char *last, int classes)
{
    int blocks = (depth - 2) / 6;
    graph_begin_stage(graph, "conv1");
    int x = add_conv_bn(graph, "", 1, 0, 16, 1);
    x = graph_add_unary(graph, "relu", OP_RELU, x);
    for (int layer = 0; layer < 3; layer++) {
        char name[ZOO_NAME];
        graph_begin_stage(graph, zoo_name(name, "layer%d", layer + 1));
        for (int i = 0; i < blocks; i++) {
            zoo_name(name, "layer%d.%d.", layer + 1, i);
            x = add_block(graph, name, x, 16 << layer, layer > 0 && i == 0 ? 2 : 1, projection);
        }
    }
    x = graph_add_unary(graph, "avgpool", OP_GLOBAL_AVG_POOL, x);
    graph_mark_trunk(graph, x);
    graph_begin_stage(graph, last);
    graph_add_linear(graph, last, x, classes);
}

static void build(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    add_all(graph, arch->depth, false, "linear", options->classes);
}

static void build_projection(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    add_all(graph, arch->depth, true, "fc", options->classes);
}

static const struct wide_row {
    int depth, blocks[4], expansion;
} wide_rows[] = {{18, {2, 2, 2, 2}, 1}, {34, {3, 4, 6, 3}, 1}, {50, {3, 4, 6, 3}, 4}};

static int add_wide_conv(struct graph *graph, const char *prefix, int i, int input, struct zoo_conv conv)
{
    char name[ZOO_NAME];
    int x = graph_add_conv(graph, zoo_name(name, "%sconv%d", prefix, i), input, conv.channels, conv.kernel, conv.stride,
                           conv.kernel / 2, 1, false);
    x = graph_add_batch_norm(graph, zoo_name(name, "%sbn%d", prefix, i), x, bn_eps, bn_momentum);
    return conv.activation ? graph_add_unary(graph, zoo_name(name, "%srelu%d", prefix, i), conv.activation, x) : x;
}

static int add_wide_block(struct graph *graph, const char *prefix, int input, int planes, int stride, int expansion)
{
    char name[ZOO_NAME];
    int x, shortcut = input, wide = planes * expansion;
    if (expansion == 1) {
        x = add_wide_conv(graph, prefix, 1, input, (struct zoo_conv){planes, 3, stride, 1, OP_RELU});
        x = add_wide_conv(graph, prefix, 2, x, (struct zoo_conv){.channels = planes, .kernel = 3, .stride = 1});
    } else {
        x = add_wide_conv(graph, prefix, 1, input, (struct zoo_conv){planes, 1, 1, 1, OP_RELU});
        x = add_wide_conv(graph, prefix, 2, x, (struct zoo_conv){planes, 3, stride, 1, OP_RELU});
        x = add_wide_conv(graph, prefix, 3, x, (struct zoo_conv){.channels = wide, .kernel = 1, .stride = 1});
    }
    if (stride != 1 || graph->node[input].shape.c != wide)
        shortcut = add_projection(graph, prefix, input, wide, stride);
    x = graph_add_binary(graph, zoo_name(name, "%sadd", prefix), OP_ADD, x, shortcut);
    return graph_add_unary(graph, zoo_name(name, "%srelu", prefix), OP_RELU, x);
}

static void build_wide(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    const struct wide_row *row = wide_rows;
    while (row->depth != arch->depth)
        row++;
    graph_begin_stage(graph, "conv1");
    int x = add_wide_conv(graph, "", 1, 0, (struct zoo_conv){64, 3, 1, 1, OP_RELU});
    for (int layer = 0; layer < 4; layer++) {
        char name[ZOO_NAME];
        graph_begin_stage(graph, zoo_name(name, "layer%d", layer + 1));
        for (int i = 0; i < row->blocks[layer]; i++) {
            zoo_name(name, "layer%d.%d.", layer + 1, i);
            x = add_wide_block(graph, name, x, 64 << layer, layer > 0 && i == 0 ? 2 : 1, row->expansion);
        }
    }
    x = graph_add_unary(graph, "avgpool", OP_GLOBAL_AVG_POOL, x);
    graph_mark_trunk(graph, x);
    graph_begin_stage(graph, "linear");
    graph_add_linear(graph, "linear", x, options->classes);
}

/* clang-format off */
#define CIFAR_STATISTICS {0.4914f, 0.4822f, 0.4465f}, {0.2470f, 0.2435f, 0.2616f}
#define PLAIN(name, depth) \
    {name, "CIFAR ResNet", "ResNet-" #depth " for 32x32 (He et al. 2015)", ZOO_CIFAR, build, depth, 0, true}
#define PROJECTION(name, depth) \
    {name, "CIFAR ResNet", "ResNet-" #depth " for 32x32, projecting shortcuts (He et al. 2015)", \
     10, 32, 32, 3, {32, 32, 3, 0, false, false, CIFAR_STATISTICS, INTERPOLATION_BILINEAR}, build_projection, depth, 0, true}
static const struct zoo_arch archs[] = {
    PLAIN("resnet20", 20),
    PLAIN("resnet32", 32),
    PLAIN("resnet44", 44),
    PLAIN("resnet56", 56),
    PROJECTION("resnet20_projection", 20),
    PROJECTION("resnet32_projection", 32),
    PROJECTION("resnet44_projection", 44),
    PROJECTION("resnet56_projection", 56),
    {"resnet18_cifar", "CIFAR ResNet", "ResNet-18 at its full widths for 32x32 (He et al. 2015)", ZOO_CIFAR_OWN, build_wide, 18, 0, true},
    {"resnet34_cifar", "CIFAR ResNet", "ResNet-34 at its full widths for 32x32 (He et al. 2015)", ZOO_CIFAR_OWN, build_wide, 34, 0, true},
    {"resnet50_cifar", "CIFAR ResNet", "ResNet-50 at its full widths for 32x32 (He et al. 2015)", ZOO_CIFAR_OWN, build_wide, 50, 0, true},
};
/* clang-format on */
const struct zoo_family zoo_cifar_resnet = {archs, THAW_LENGTH(archs), NULL};
