/* Res2Net (Gao et al. 2019), as timm has it: a ResNet whose 3x3 convolution is one of a few channels after another, each with
 * the one before added. Stages: conv1, layer1 to layer4, fc. */
#include "config.h"

#include "family.h"

enum { LAYERS = 4, STEM = 64, EXPANSION = 4 };
static const float bn_eps = 1e-5f, bn_momentum = 0.1f;

static const struct res2net_row {
    const char *name;
    int blocks[LAYERS];
    int width, scale, groups; /* width: of each part, at 64 planes */
} rows[] = {
    {"res2net50_14w_8s", {3, 4, 6, 3}, 14, 8, 1}, {"res2net50_26w_4s", {3, 4, 6, 3}, 26, 4, 1},
    {"res2net50_26w_6s", {3, 4, 6, 3}, 26, 6, 1}, {"res2net50_26w_8s", {3, 4, 6, 3}, 26, 8, 1},
    {"res2net50_48w_2s", {3, 4, 6, 3}, 48, 2, 1}, {"res2net101_26w_4s", {3, 4, 23, 3}, 26, 4, 1},
    {"res2next50", {3, 4, 6, 3}, 4, 4, 8},
};

static int add_conv(struct graph *graph, const char *prefix, const char *conv, const char *norm, int input,
                    struct zoo_conv shape)
{
    char name[ZOO_NAME];
    int x = graph_add_conv(graph, zoo_name(name, "%s%s", prefix, conv), input, shape.channels, shape.kernel,
                           shape.stride, shape.kernel / 2, 1, false);
    x = graph_add_batch_norm(graph, zoo_name(name, "%s%s", prefix, norm), x, bn_eps, bn_momentum);
    return shape.activation ? graph_add_unary(graph, zoo_name(name, "%s%s.act", prefix, norm), shape.activation, x) : x;
}

static int add_block(struct graph *graph, const char *prefix, int input, int planes, int stride,
                     const struct res2net_row *row)
{
    char name[ZOO_NAME];
    int wide = planes * EXPANSION, width = planes * row->width / 64 * row->groups, shortcut = input;
    bool first = stride > 1 || graph->node[input].shape.c != wide;
    const struct zoo_split split = {width, row->scale, row->groups, stride, first};
    int x = add_conv(graph, prefix, "conv1", "bn1", input, (struct zoo_conv){width * row->scale, 1, 1, 1, OP_RELU});
    x = zoo_split_convs(graph, prefix, x, &split);
    x = add_conv(graph, prefix, "conv3", "bn3", x, (struct zoo_conv){wide, 1, 1, 1, OP_INPUT});
    if (first)
        shortcut = add_conv(graph, prefix, "downsample.0", "downsample.1", input,
                            (struct zoo_conv){wide, 1, stride, 1, OP_INPUT});
    x = graph_add_binary(graph, zoo_name(name, "%sadd", prefix), OP_ADD, x, shortcut);
    return graph_add_unary(graph, zoo_name(name, "%srelu", prefix), OP_RELU, x);
}

static void build(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    char name[ZOO_NAME];
    const struct res2net_row *row = &rows[arch->depth];
    graph_begin_stage(graph, "conv1");
    int x = add_conv(graph, "", "conv1", "bn1", 0, (struct zoo_conv){STEM, 7, 2, 1, OP_RELU});
    x = zoo_pool(graph, "maxpool", OP_MAX_POOL, x, 3, 2, 1);
    for (int layer = 0; layer < LAYERS; layer++) {
        graph_begin_stage(graph, zoo_name(name, "layer%d", layer + 1));
        for (int i = 0; i < row->blocks[layer]; i++)
            x = add_block(graph, zoo_name(name, "layer%d.%d.", layer + 1, i), x, 64 << layer,
                          layer > 0 && i == 0 ? 2 : 1, row);
    }
    x = graph_add_unary(graph, "avgpool", OP_GLOBAL_AVG_POOL, x);
    graph_mark_trunk(graph, x);
    graph_begin_stage(graph, "fc");
    graph_add_linear(graph, "fc", x, options->classes);
}

/* clang-format off */
#define RES2NET(name, title, row) {name, "Res2Net", title " (Gao et al. 2019)", ZOO_TORCHVISION(224, 256), build, row, 0, true}
static const struct zoo_arch archs[] = {
    RES2NET("res2net50_14w_8s", "Res2Net-50, 8 parts of 14", 0),
    RES2NET("res2net50_26w_4s", "Res2Net-50, 4 parts of 26", 1),
    RES2NET("res2net50_26w_6s", "Res2Net-50, 6 parts of 26", 2),
    RES2NET("res2net50_26w_8s", "Res2Net-50, 8 parts of 26", 3),
    RES2NET("res2net50_48w_2s", "Res2Net-50, 2 parts of 48", 4),
    RES2NET("res2net101_26w_4s", "Res2Net-101, 4 parts of 26", 5),
    RES2NET("res2next50", "Res2NeXt-50, 4 parts of 8 groups of 4", 6),
};
_Static_assert(THAW_LENGTH(archs) == THAW_LENGTH(rows), "a row of the table each");
/* clang-format on */
const struct zoo_family zoo_res2net = {archs, THAW_LENGTH(archs), NULL};
