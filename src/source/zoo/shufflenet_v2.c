/* ShuffleNetV2 (Ma et al. 2018), as torchvision builds and names it: each unit works on one half of the channels, the other
 * half passes by, and both are dealt out in turn like cards. A unit that halves the image works on all of them twice.
 * Stages: conv1 (the stem), stage2 to stage4, conv5, fc. */
#include "config.h"

#include "family.h"

enum { STAGES = 3, STEM = 24 };
static const float bn_eps = 1e-5f, bn_momentum = 0.1f;
static const int units[STAGES] = {4, 8, 4};

/* Table 5 of the paper. */
static const struct width {
    int channels[STAGES], conv5;
} widths[] = {{{48, 96, 192}, 1024}, {{116, 232, 464}, 1024}, {{176, 352, 704}, 1024}, {{244, 488, 976}, 2048}};

/* PREFIX.i the convolution, PREFIX.i+1 its batch norm; returns the batch norm. A kernel of 3 filters each channel. */
static int add_conv(struct graph *graph, const char *prefix, int i, int input, int channels, int kernel, int stride)
{
    char name[ZOO_NAME];
    int x = graph_add_conv(graph, zoo_name(name, "%s.%d", prefix, i), input, channels, kernel, stride, kernel / 2,
                           kernel > 1 ? channels : 1, false);
    return graph_add_batch_norm(graph, zoo_name(name, "%s.%d", prefix, i + 1), x, bn_eps, bn_momentum);
}

static int add_relu(struct graph *graph, const char *prefix, int i, int input)
{
    char name[ZOO_NAME];
    return graph_add_unary(graph, zoo_name(name, "%s.%d", prefix, i), OP_RELU, input);
}

/* The branch that widens, filters and narrows `half` channels. */
static int add_branch2(struct graph *graph, const char *prefix, int input, int half, int stride)
{
    int x = add_relu(graph, prefix, 2, add_conv(graph, prefix, 0, input, half, 1, 1));
    x = add_conv(graph, prefix, 3, x, half, 3, stride);
    return add_relu(graph, prefix, 7, add_conv(graph, prefix, 5, x, half, 1, 1));
}

static int add_unit(struct graph *graph, const char *prefix, int input, int channels, int stride)
{
    char name[ZOO_NAME];
    int half = channels / 2, passed, worked = input;
    if (stride == 1) {
        passed = zoo_slice(graph, zoo_name(name, "%s.first", prefix), input, 0, half);
        worked = zoo_slice(graph, zoo_name(name, "%s.second", prefix), input, half, channels);
    } else {
        zoo_name(name, "%s.branch1", prefix);
        passed = add_conv(graph, name, 0, input, graph->node[input].shape.c, 3, stride);
        passed = add_relu(graph, name, 4, add_conv(graph, name, 2, passed, half, 1, 1));
    }
    worked = add_branch2(graph, zoo_name(name, "%s.branch2", prefix), worked, half, stride);
    int x = graph_add_binary(graph, zoo_name(name, "%s.concat", prefix), OP_CONCAT, passed, worked);
    struct op_attrs attrs = op_attrs_default();
    attrs.groups = 2;
    return graph_add(graph, zoo_name(name, "%s.shuffle", prefix), OP_SHUFFLE, &attrs, 1, &x);
}

static void build(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    const struct width *width = &widths[arch->depth];
    const struct zoo_norm norm = {bn_eps, bn_momentum};
    graph_begin_stage(graph, "conv1");
    int x = zoo_conv_norm(graph, "conv1", 0, (struct zoo_conv){STEM, 3, 2, 1, OP_RELU}, norm);
    x = zoo_pool(graph, "maxpool", OP_MAX_POOL, x, 3, 2, 1);
    for (int stage = 0; stage < STAGES; stage++) {
        char name[ZOO_NAME];
        graph_begin_stage(graph, zoo_name(name, "stage%d", stage + 2));
        for (int i = 0; i < units[stage]; i++) {
            zoo_name(name, "stage%d.%d", stage + 2, i);
            x = add_unit(graph, name, x, width->channels[stage], i == 0 ? 2 : 1);
        }
    }
    graph_begin_stage(graph, "conv5");
    x = zoo_conv_norm(graph, "conv5", x, (struct zoo_conv){width->conv5, 1, 1, 1, OP_RELU}, norm);
    x = graph_add_unary(graph, "avgpool", OP_GLOBAL_AVG_POOL, x);
    graph_mark_trunk(graph, x);
    graph_begin_stage(graph, "fc");
    graph_add_linear(graph, "fc", x, options->classes);
}

/* clang-format off */
static const struct zoo_arch archs[] = {
    {"shufflenet_v2_x0_5", "ShuffleNetV2", "ShuffleNetV2 at half its widths (Ma et al. 2018)", ZOO_TORCHVISION(224, 256), build, 0, 0, true},
    {"shufflenet_v2_x1_0", "ShuffleNetV2", "ShuffleNetV2 (Ma et al. 2018)", ZOO_TORCHVISION(224, 256), build, 1, 0, true},
    {"shufflenet_v2_x1_5", "ShuffleNetV2", "ShuffleNetV2 at 1.5 times its widths (Ma et al. 2018)", ZOO_TORCHVISION(224, 232), build, 2, 0, true},
    {"shufflenet_v2_x2_0", "ShuffleNetV2", "ShuffleNetV2 at twice its widths (Ma et al. 2018)", ZOO_TORCHVISION(224, 232), build, 3, 0, true},
};
/* clang-format on */
const struct zoo_family zoo_shufflenet_v2 = {archs, THAW_LENGTH(archs), NULL};
