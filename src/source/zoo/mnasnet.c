/* MNASNet B1 (Tan et al. 2019) at four widths, as torchvision builds and numbers it: a stem, one separable convolution, and
 * six stacks of inverted residuals found by search; relu throughout. Statistics move slowly, as in the original. (Files of
 * torchvision's first version at other widths than 1.0 have the stem at its full width, and do not fit.) Stages: stem,
 * stack1 to stack6, last (the last 1x1 convolution and the pooling), classifier. */
#include "config.h"

#include "family.h"

enum { STACKS = 6, STEM = 32, SEPARABLE = 16, LAST = 1280 };
static const float bn_eps = 1e-5f, bn_momentum = 0.0003f;

/* Figure 7 of the paper. */
static const struct mnasnet_row {
    int channels, kernel, stride, expansion, blocks;
} rows[STACKS] = {{24, 3, 2, 3, 3}, {40, 5, 2, 3, 3},  {80, 5, 2, 6, 3},
                  {96, 3, 1, 6, 2}, {192, 5, 2, 6, 4}, {320, 3, 1, 6, 1}};

/* `prefix`layers.`number` and the two after it: convolution, batch norm and, if asked for, relu. */
static int add_conv(struct graph *graph, const char *prefix, int number, int input, struct zoo_conv conv)
{
    char name[ZOO_NAME];
    int x = graph_add_conv(graph, zoo_name(name, "%slayers.%d", prefix, number), input, conv.channels, conv.kernel,
                           conv.stride, conv.kernel / 2, conv.groups, false);
    x = graph_add_batch_norm(graph, zoo_name(name, "%slayers.%d", prefix, number + 1), x, bn_eps, bn_momentum);
    return conv.activation ? graph_add_unary(graph, zoo_name(name, "%slayers.%d", prefix, number + 2), OP_RELU, x) : x;
}

static int add_block(struct graph *graph, const char *prefix, int input, const struct mnasnet_row *row, int channels,
                     int stride)
{
    char name[ZOO_NAME];
    int in = graph->node[input].shape.c, wide = in * row->expansion;
    int x = add_conv(graph, prefix, 0, input, (struct zoo_conv){wide, 1, 1, 1, OP_RELU});
    x = add_conv(graph, prefix, 3, x, (struct zoo_conv){wide, row->kernel, stride, wide, OP_RELU});
    x = add_conv(graph, prefix, 6, x, (struct zoo_conv){channels, 1, 1, 1, OP_INPUT});
    if (stride == 1 && channels == in)
        x = graph_add_binary(graph, zoo_name(name, "%sadd", prefix), OP_ADD, x, input);
    return x;
}

static void build(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    char name[ZOO_NAME];
    int stem = zoo_divisible(STEM * arch->alpha, 8), separable = zoo_divisible(SEPARABLE * arch->alpha, 8);
    graph_begin_stage(graph, "stem");
    int x = add_conv(graph, "", 0, 0, (struct zoo_conv){stem, 3, 2, 1, OP_RELU});
    x = add_conv(graph, "", 3, x, (struct zoo_conv){stem, 3, 1, stem, OP_RELU});
    x = add_conv(graph, "", 6, x, (struct zoo_conv){separable, 1, 1, 1, OP_INPUT});
    for (int stack = 0; stack < STACKS; stack++) {
        const struct mnasnet_row *row = &rows[stack];
        graph_begin_stage(graph, zoo_name(name, "stack%d", stack + 1));
        for (int i = 0; i < row->blocks; i++)
            x = add_block(graph, zoo_name(name, "layers.%d.%d.", 8 + stack, i), x, row,
                          zoo_divisible(row->channels * arch->alpha, 8), i == 0 ? row->stride : 1);
    }
    graph_begin_stage(graph, "last");
    x = add_conv(graph, "", 8 + STACKS, x, (struct zoo_conv){LAST, 1, 1, 1, OP_RELU});
    x = graph_add_unary(graph, "avgpool", OP_GLOBAL_AVG_POOL, x);
    graph_mark_trunk(graph, x);
    graph_begin_stage(graph, "classifier");
    x = zoo_dropout(graph, "classifier.0", x, 0.2f);
    graph_add_linear(graph, "classifier.1", x, options->classes);
}

/* clang-format off */
#define TITLE "(Tan et al. 2019)"
static const struct zoo_arch archs[] = {
    {"mnasnet0_5", "MNASNet", "MNASNet-B1 at half its widths " TITLE, ZOO_TORCHVISION(224, 256), build, 0, 0.5, true},
    {"mnasnet0_75", "MNASNet", "MNASNet-B1 at 0.75 of its widths " TITLE, ZOO_TORCHVISION(224, 232), build, 0, 0.75, true},
    {"mnasnet1_0", "MNASNet", "MNASNet-B1 " TITLE, ZOO_TORCHVISION(224, 256), build, 0, 1, true},
    {"mnasnet1_3", "MNASNet", "MNASNet-B1 at 1.3 times its widths " TITLE, ZOO_TORCHVISION(224, 232), build, 0, 1.3, true},
};
/* clang-format on */
const struct zoo_family zoo_mnasnet = {archs, THAW_LENGTH(archs), NULL};
