/* ResNet-20, 32, 44 and 56 for 32x32 images (He et al. 2015, section 4.2): three layers of n basic blocks at 16, 32 and
 * 64 channels, depth 6n + 2, the shortcut between layers without parameters (option A). Names as in the widely used
 * PyTorch rendering of the paper: conv1, bn1, layer1.0.conv1, ..., linear. The pooling goes with layer3. */
#include "config.h"

#include "family.h"

static const float bn_eps = 1e-5f, bn_momentum = 0.1f;

static int add_conv_bn(struct graph *graph, const char *prefix, int i, int input, int channels, int stride)
{
    char name[ZOO_NAME];
    int conv = graph_add_conv(graph, zoo_name(name, "%sconv%d", prefix, i), input, channels, 3, stride, 1, 1, false);
    return graph_add_batch_norm(graph, zoo_name(name, "%sbn%d", prefix, i), conv, bn_eps, bn_momentum);
}

static int add_block(struct graph *graph, const char *prefix, int input, int planes, int stride)
{
    char name[ZOO_NAME];
    int shortcut = input;
    int x = add_conv_bn(graph, prefix, 1, input, planes, stride);
    x = graph_add_unary(graph, zoo_name(name, "%srelu1", prefix), OP_RELU, x);
    x = add_conv_bn(graph, prefix, 2, x, planes, 1);
    if (stride != 1) { /* option A: every second pixel, half as many zero channels on either side */
        struct op_attrs attrs = op_attrs_default();
        attrs.stride_h = attrs.stride_w = stride;
        attrs.pad_before = attrs.pad_after = planes / 4;
        shortcut = graph_add(graph, zoo_name(name, "%sshortcut", prefix), OP_SUBSAMPLE, &attrs, 1, &input);
    }
    x = graph_add_binary(graph, zoo_name(name, "%sadd", prefix), OP_ADD, x, shortcut);
    return graph_add_unary(graph, zoo_name(name, "%srelu", prefix), OP_RELU, x);
}

static void build(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    int blocks = (arch->depth - 2) / 6;
    graph_begin_stage(graph, "conv1");
    int x = add_conv_bn(graph, "", 1, 0, 16, 1);
    x = graph_add_unary(graph, "relu", OP_RELU, x);
    for (int layer = 0; layer < 3; layer++) {
        char name[ZOO_NAME];
        graph_begin_stage(graph, zoo_name(name, "layer%d", layer + 1));
        for (int i = 0; i < blocks; i++) {
            zoo_name(name, "layer%d.%d.", layer + 1, i);
            x = add_block(graph, name, x, 16 << layer, layer > 0 && i == 0 ? 2 : 1);
        }
    }
    x = graph_add_unary(graph, "avgpool", OP_GLOBAL_AVG_POOL, x);
    graph_mark_trunk(graph, x);
    graph_begin_stage(graph, "linear");
    graph_add_linear(graph, "linear", x, options->classes);
}

static const struct zoo_arch archs[] = {
    {"resnet20", "CIFAR ResNet", "ResNet-20 for 32x32 (He et al. 2015)", ZOO_CIFAR, build, 20, 0, true},
    {"resnet32", "CIFAR ResNet", "ResNet-32 for 32x32 (He et al. 2015)", ZOO_CIFAR, build, 32, 0, true},
    {"resnet44", "CIFAR ResNet", "ResNet-44 for 32x32 (He et al. 2015)", ZOO_CIFAR, build, 44, 0, true},
    {"resnet56", "CIFAR ResNet", "ResNet-56 for 32x32 (He et al. 2015)", ZOO_CIFAR, build, 56, 0, true},
};
const struct zoo_family zoo_cifar_resnet = {archs, THAW_LENGTH(archs), NULL};
