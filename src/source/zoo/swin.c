/* Swin transformers (Liu et al. 2021), as torchvision builds and names them: four stages of blocks that attend within windows
 * of 7x7 pixels, every second one shifted by three; before each stage but the first, four neighbours become one pixel of
 * twice the channels. Stages of torchvision's numbers: features.0 are the patches, features.1, 3, 5, 7 the blocks, features.2,
 * 4, 6 halve the image. A side that is no multiple of the window is filled with zeros behind the norm, as there.
 * Stochastic depth, which only training has, is left out. */
#include "config.h"

#include "family.h"

enum { STAGES = 4, WIDEN = 4, PATCH = 4, WINDOW = 7, MERGED = 4 };
static const float norm_eps = 1e-5f;
static const struct swin_row {
    int blocks[STAGES], width, heads; /* of the first stage; each next one has twice as many of both */
} rows[] = {
    {{2, 2, 6, 2}, 96, 3},
    {{2, 2, 18, 2}, 96, 3},
    {{2, 2, 18, 2}, 128, 4},
};
enum { TINY, SMALL, BASE };

static int add_norm(struct graph *graph, const char *name, int input)
{
    struct op_attrs attrs = op_attrs_default();
    attrs.eps = norm_eps;
    return graph_add(graph, name, OP_LAYER_NORM, &attrs, 1, &input);
}

/* A linear layer over the channels of every pixel. */
static int add_pointwise(struct graph *graph, const char *name, int input, int channels, bool bias)
{
    struct op_attrs attrs = op_attrs_default();
    attrs.kernel_h = attrs.kernel_w = 1;
    attrs.out_channels = channels;
    attrs.bias = bias;
    attrs.linear_weight = true;
    return graph_add(graph, name, OP_CONV, &attrs, 1, &input);
}

/* Zeros at the right and below, or (negative) as much less. */
static int add_edge(struct graph *graph, const char *name, int input, int below, int right)
{
    struct op_attrs attrs = op_attrs_default();
    attrs.pad_bottom = below;
    attrs.pad_right = right;
    return below || right ? graph_add(graph, name, OP_PAD, &attrs, 1, &input) : input;
}

static int missing(int side, int multiple)
{
    return (multiple - side % multiple) % multiple;
}

static int add_attention(struct graph *graph, const char *block, int input, int heads, bool shifted)
{
    char name[ZOO_NAME];
    int width = graph->node[input].shape.c;
    int below = missing(graph->node[input].shape.h, WINDOW), right = missing(graph->node[input].shape.w, WINDOW);
    struct op_attrs attrs = op_attrs_default();
    int x = add_edge(graph, zoo_name(name, "%s.attn.pad", block), input, below, right);
    attrs.heads = heads;
    attrs.kernel_h = attrs.kernel_w = WINDOW;
    attrs.pad_top = shifted && graph->node[x].shape.h > WINDOW ? WINDOW / 2 : 0;
    attrs.pad_left = shifted && graph->node[x].shape.w > WINDOW ? WINDOW / 2 : 0;
    x = add_pointwise(graph, zoo_name(name, "%s.attn.qkv", block), x, 3 * width, true);
    x = graph_add(graph, zoo_name(name, "%s.attn", block), OP_WINDOW_ATTENTION, &attrs, 1, &x);
    x = add_edge(graph, zoo_name(name, "%s.attn.crop", block), x, -below, -right);
    return add_pointwise(graph, zoo_name(name, "%s.attn.proj", block), x, width, true);
}

static int add_block(struct graph *graph, const char *block, int input, int heads, bool shifted)
{
    char name[ZOO_NAME];
    int width = graph->node[input].shape.c;
    int x = add_norm(graph, zoo_name(name, "%s.norm1", block), input);
    x = add_attention(graph, block, x, heads, shifted);
    input = graph_add_binary(graph, zoo_name(name, "%s.add1", block), OP_ADD, x, input);
    x = add_norm(graph, zoo_name(name, "%s.norm2", block), input);
    x = add_pointwise(graph, zoo_name(name, "%s.mlp.0", block), x, WIDEN * width, true);
    x = graph_add_unary(graph, zoo_name(name, "%s.mlp.1", block), OP_GELU, x);
    x = add_pointwise(graph, zoo_name(name, "%s.mlp.3", block), x, width, true);
    return graph_add_binary(graph, zoo_name(name, "%s.add2", block), OP_ADD, x, input);
}

/* Every second pixel, from row and column on. */
static int add_quarter(struct graph *graph, const char *stage, int number, int input)
{
    char name[ZOO_NAME];
    struct op_attrs crop = op_attrs_default(), every = op_attrs_default();
    crop.pad_top = -(number % 2);
    crop.pad_left = -(number / 2);
    every.stride_h = every.stride_w = 2;
    int x = input;
    if (number > 0)
        x = graph_add(graph, zoo_name(name, "%s.crop%d", stage, number), OP_PAD, &crop, 1, &x);
    return graph_add(graph, zoo_name(name, "%s.quarter%d", stage, number), OP_SUBSAMPLE, &every, 1, &x);
}

static int add_merging(struct graph *graph, const char *stage, int input)
{
    char name[ZOO_NAME];
    int width = graph->node[input].shape.c, quarter[MERGED];
    int x = add_edge(graph, zoo_name(name, "%s.pad", stage), input, missing(graph->node[input].shape.h, 2),
                     missing(graph->node[input].shape.w, 2));
    for (int i = 0; i < MERGED; i++)
        quarter[i] = add_quarter(graph, stage, i, x);
    struct op_attrs attrs = op_attrs_default();
    x = graph_add(graph, zoo_name(name, "%s.concat", stage), OP_CONCAT, &attrs, MERGED, quarter);
    x = add_norm(graph, zoo_name(name, "%s.norm", stage), x);
    return add_pointwise(graph, zoo_name(name, "%s.reduction", stage), x, 2 * width, false);
}

static void build(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    const struct swin_row *row = &rows[arch->depth];
    char name[ZOO_NAME];
    graph_begin_stage(graph, "features.0");
    int x = graph_add_conv(graph, "features.0.0", 0, row->width, PATCH, PATCH, 0, 1, true);
    x = add_norm(graph, "features.0.2", x);
    for (int stage = 0; stage < STAGES; stage++) {
        if (stage > 0) {
            graph_begin_stage(graph, zoo_name(name, "features.%d", 2 * stage));
            x = add_merging(graph, zoo_name(name, "features.%d", 2 * stage), x);
        }
        for (int i = 0; i < row->blocks[stage]; i++) {
            graph_begin_stage(graph, zoo_name(name, "features.%d.%d", 2 * stage + 1, i));
            x = add_block(graph, zoo_name(name, "features.%d.%d", 2 * stage + 1, i), x, row->heads << stage, i % 2);
        }
    }
    graph_begin_stage(graph, "norm");
    x = add_norm(graph, "norm", x);
    x = graph_add_unary(graph, "avgpool", OP_GLOBAL_AVG_POOL, x);
    graph_mark_trunk(graph, x);
    graph_begin_stage(graph, "head");
    graph_add_linear(graph, "head", x, options->classes);
}

/* clang-format off */
static const struct zoo_arch archs[] = {
    {"swin_t", "Swin", "Swin-T (Liu et al. 2021)", ZOO_BICUBIC(224, 232), build, TINY, 0, false},
    {"swin_s", "Swin", "Swin-S (Liu et al. 2021)", ZOO_BICUBIC(224, 246), build, SMALL, 0, false},
    {"swin_b", "Swin", "Swin-B (Liu et al. 2021)", ZOO_BICUBIC(224, 238), build, BASE, 0, false},
};
/* clang-format on */
const struct zoo_family zoo_swin = {archs, THAW_LENGTH(archs), NULL};
