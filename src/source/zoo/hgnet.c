/* PP-HGNet and PP-HGNetV2 (PaddlePaddle, 2022 and 2023), as timm builds and names them: a block joins its input and what each
 * of its layers made of the one before, two 1x1 convolutions (or one and gates) narrow it. V2's layers may be a 1x1 and
 * a depthwise convolution. The small ones of V2, with a scale and a shift behind each activation, are not here. Stages: stem,
 * stages.0 to stages.3, head. */
#include "config.h"

#include "family.h"

enum { STAGES = 4, STEM = 3, LAYERS = 7, HIDDEN = 2048 };
static const float bn_eps = 1e-5f, bn_momentum = 0.1f;

/* clang-format off */
static const struct hgnet_row {
    const char *name;
    int stem[STEM]; /* channels; V2's has two */
    bool second;    /* V2 */
    int layers;     /* a block */
    struct hgnet_stage {
        int inner, channels, blocks;
        bool light;
        int kernel;
    } stage[STAGES];
} rows[] = {
    {"hgnet_tiny", {48, 48, 96}, false, 5,
     {{96, 224, 1, false, 3}, {128, 448, 1, false, 3}, {160, 512, 2, false, 3}, {192, 768, 1, false, 3}}},
    {"hgnet_small", {64, 64, 128}, false, 6,
     {{128, 256, 1, false, 3}, {160, 512, 1, false, 3}, {192, 768, 2, false, 3}, {224, 1024, 1, false, 3}}},
    {"hgnet_base", {96, 96, 160}, false, 7,
     {{192, 320, 1, false, 3}, {224, 640, 2, false, 3}, {256, 960, 3, false, 3}, {288, 1280, 2, false, 3}}},
    {"hgnetv2_b4", {32, 48}, true, 6,
     {{48, 128, 1, false, 3}, {96, 512, 1, false, 3}, {192, 1024, 3, true, 5}, {384, 2048, 1, true, 5}}},
    {"hgnetv2_b5", {32, 64}, true, 6,
     {{64, 128, 1, false, 3}, {128, 512, 2, false, 3}, {256, 1024, 5, true, 5}, {512, 2048, 2, true, 5}}},
    {"hgnetv2_b6", {48, 96}, true, 6,
     {{96, 192, 2, false, 3}, {192, 512, 3, false, 3}, {384, 1024, 6, true, 5}, {768, 2048, 3, true, 5}}},
};
/* clang-format on */

/* NAME.conv, NAME.bn and, where there is an activation, NAME.act. */
static int add_conv(struct graph *graph, const char *name, int input, struct zoo_conv conv)
{
    char part[ZOO_NAME];
    int x = graph_add_conv(graph, zoo_name(part, "%s.conv", name), input, conv.channels, conv.kernel, conv.stride,
                           conv.kernel / 2, conv.groups ? conv.groups : 1, false);
    x = graph_add_batch_norm(graph, zoo_name(part, "%s.bn", name), x, bn_eps, bn_momentum);
    return conv.activation ? graph_add_unary(graph, zoo_name(part, "%s.act", name), conv.activation, x) : x;
}

/* 2x2 and padded behind alone. */
static int add_even_conv(struct graph *graph, const char *name, int input, int channels)
{
    char part[ZOO_NAME];
    int x = zoo_conv_same(graph, zoo_name(part, "%s.conv", name), input, channels, 2, 1, 1, false);
    x = graph_add_batch_norm(graph, zoo_name(part, "%s.bn", name), x, bn_eps, bn_momentum);
    return graph_add_unary(graph, zoo_name(part, "%s.act", name), OP_RELU, x);
}

static int add_stem(struct graph *graph, const struct hgnet_row *row)
{
    char name[ZOO_NAME];
    int x = 0;
    for (int i = 0; i < STEM && !row->second; i++)
        x = add_conv(graph, zoo_name(name, "stem.stem.%d", i), x,
                     (struct zoo_conv){row->stem[i], 3, i == 0 ? 2 : 1, 1, OP_RELU});
    if (!row->second)
        return zoo_pool(graph, "stem.pool", OP_MAX_POOL, x, 3, 2, 1);
    int width = row->stem[0];
    x = add_conv(graph, "stem.stem1", 0, (struct zoo_conv){width, 3, 2, 1, OP_RELU});
    int side = add_even_conv(graph, "stem.stem2a", x, width / 2);
    side = add_even_conv(graph, "stem.stem2b", side, width);
    struct op_attrs attrs = op_attrs_default(); /* what it pads is below what a relu gives */
    attrs.kernel_h = attrs.kernel_w = 2;
    attrs.pad_bottom = attrs.pad_right = 1;
    x = graph_add(graph, "stem.pool", OP_MAX_POOL, &attrs, 1, &x);
    x = graph_add_binary(graph, "stem.concat", OP_CONCAT, x, side);
    x = add_conv(graph, "stem.stem3", x, (struct zoo_conv){width, 3, 2, 1, OP_RELU});
    return add_conv(graph, "stem.stem4", x, (struct zoo_conv){row->stem[1], 1, 1, 1, OP_RELU});
}

/* Each channel times a gate from the channels' means. */
static int add_gates(struct graph *graph, const char *name, int input)
{
    char part[ZOO_NAME];
    int x = graph_add_unary(graph, zoo_name(part, "%s.mean", name), OP_GLOBAL_AVG_POOL, input);
    x = graph_add_conv(graph, zoo_name(part, "%s.conv", name), x, graph->node[input].shape.c, 1, 1, 0, 1, true);
    x = graph_add_unary(graph, zoo_name(part, "%s.sigmoid", name), OP_SIGMOID, x);
    return graph_add_binary(graph, zoo_name(part, "%s.scale", name), OP_MUL, input, x);
}

static int add_layer(struct graph *graph, const char *prefix, int i, int input, const struct hgnet_stage *stage)
{
    char name[ZOO_NAME];
    const struct zoo_conv plain = {stage->inner, stage->kernel, 1, 1, OP_RELU},
                          narrow = {.channels = stage->inner, .kernel = 1, .stride = 1},
                          deep = {stage->inner, stage->kernel, 1, stage->inner, OP_RELU};
    if (!stage->light)
        return add_conv(graph, zoo_name(name, "%s.layers.%d", prefix, i), input, plain);
    int x = add_conv(graph, zoo_name(name, "%s.layers.%d.conv1", prefix, i), input, narrow);
    return add_conv(graph, zoo_name(name, "%s.layers.%d.conv2", prefix, i), x, deep);
}

static int add_block(struct graph *graph, const char *prefix, int input, const struct hgnet_row *row,
                     const struct hgnet_stage *stage, bool residual)
{
    char name[ZOO_NAME];
    int all[LAYERS + 1] = {input}, x = input;
    struct op_attrs attrs = op_attrs_default();
    for (int i = 0; i < row->layers; i++)
        x = all[i + 1] = add_layer(graph, prefix, i, x, stage);
    x = graph_add(graph, zoo_name(name, "%s.concat", prefix), OP_CONCAT, &attrs, row->layers + 1, all);
    int first = row->second ? stage->channels / 2 : stage->channels;
    x = add_conv(graph, zoo_name(name, "%s.aggregation.0", prefix), x, (struct zoo_conv){first, 1, 1, 1, OP_RELU});
    zoo_name(name, "%s.aggregation.1", prefix);
    x = row->second ? add_conv(graph, name, x, (struct zoo_conv){stage->channels, 1, 1, 1, OP_RELU})
                    : add_gates(graph, name, x);
    return residual ? graph_add_binary(graph, zoo_name(name, "%s.add", prefix), OP_ADD, x, input) : x;
}

static void build(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    char name[ZOO_NAME];
    const struct hgnet_row *row = &rows[arch->depth];
    graph_begin_stage(graph, "stem");
    int x = add_stem(graph, row);
    for (int i = 0; i < STAGES; i++) {
        graph_begin_stage(graph, zoo_name(name, "stages.%d", i));
        int in = graph->node[x].shape.c;
        if (i > 0)
            x = add_conv(graph, zoo_name(name, "stages.%d.downsample", i), x,
                         (struct zoo_conv){in, 3, 2, in, OP_INPUT});
        for (int b = 0; b < row->stage[i].blocks; b++)
            x = add_block(graph, zoo_name(name, "stages.%d.blocks.%d", i, b), x, row, &row->stage[i], b > 0);
    }
    graph_begin_stage(graph, "head");
    x = graph_add_unary(graph, "head.global_pool", OP_GLOBAL_AVG_POOL, x);
    x = graph_add_conv(graph, "head.last_conv.0", x, HIDDEN, 1, 1, 0, 1, false);
    x = graph_add_unary(graph, "head.last_conv.1", OP_RELU, x);
    graph_mark_trunk(graph, x);
    graph_add_linear(graph, "head.fc", x, options->classes);
}

/* clang-format off */
#define HGNET(name, title, row) {name, "PP-HGNet", title, ZOO_BICUBIC(224, 232), build, row, 0, true}
static const struct zoo_arch archs[] = {
    HGNET("hgnet_tiny", "PP-HGNet tiny", 0),
    HGNET("hgnet_small", "PP-HGNet small", 1),
    HGNET("hgnet_base", "PP-HGNet base", 2),
    HGNET("hgnetv2_b4", "PP-HGNetV2-B4", 3),
    HGNET("hgnetv2_b5", "PP-HGNetV2-B5", 4),
    HGNET("hgnetv2_b6", "PP-HGNetV2-B6", 5),
};
_Static_assert(THAW_LENGTH(archs) == THAW_LENGTH(rows), "a row of the table each");
/* clang-format on */
const struct zoo_family zoo_hgnet = {archs, THAW_LENGTH(archs), NULL};
