/* EfficientNet (Tan and Le 2019) B0 to B7 and EfficientNetV2 (Tan and Le 2021), as torchvision builds and names them. A
 * block widens by a 1x1 convolution, filters each channel, weighs the channels (squeeze and excitation) and narrows again;
 * the early blocks of V2 fuse the first two into one plain convolution and weigh nothing. B1 to B7 are B0 with its widths
 * and depths multiplied. Stages: features.0 (the stem), one a row of the table, the last 1x1 convolution, classifier.
 * Stochastic depth, which only training has, is left out. */
#include "config.h"

#include <math.h>

#include "family.h"

/* A row of the papers' tables. */
struct row {
    enum { MB, FUSED } block;
    int widen, kernel, stride, channels, layers;
};
/* clang-format off */
static const struct row b0[] = {
    {MB, 1, 3, 1, 16, 1},
    {MB, 6, 3, 2, 24, 2},
    {MB, 6, 5, 2, 40, 2},
    {MB, 6, 3, 2, 80, 3},
    {MB, 6, 5, 1, 112, 3},
    {MB, 6, 5, 2, 192, 4},
    {MB, 6, 3, 1, 320, 1},
};
static const struct row v2_s[] = {
    {FUSED, 1, 3, 1, 24, 2},
    {FUSED, 4, 3, 2, 48, 4},
    {FUSED, 4, 3, 2, 64, 4},
    {MB, 4, 3, 2, 128, 6},
    {MB, 6, 3, 1, 160, 9},
    {MB, 6, 3, 2, 256, 15},
};
static const struct row v2_m[] = {
    {FUSED, 1, 3, 1, 24, 3},
    {FUSED, 4, 3, 2, 48, 5},
    {FUSED, 4, 3, 2, 80, 5},
    {MB, 4, 3, 2, 160, 7},
    {MB, 6, 3, 1, 176, 14},
    {MB, 6, 3, 2, 304, 18},
    {MB, 6, 3, 1, 512, 5},
};
static const struct row v2_l[] = {
    {FUSED, 1, 3, 1, 32, 4},
    {FUSED, 4, 3, 2, 64, 7},
    {FUSED, 4, 3, 2, 96, 7},
    {MB, 4, 3, 2, 192, 10},
    {MB, 6, 3, 1, 224, 19},
    {MB, 6, 3, 2, 384, 25},
    {MB, 6, 3, 1, 640, 7},
};
/* clang-format on */

enum size { B0, B1, B2, B3, B4, B5, B6, B7, V2_S, V2_M, V2_L, SIZES };
static const struct model {
    const struct row *row;
    int rows, stem;
    double widths, depths; /* multiplied */
    int last;              /* channels before the classifier; 0: four times the last row's */
    float dropout;
    struct zoo_norm norm;
} models[] = {
    [B0] = {b0, THAW_LENGTH(b0), 32, 1.0, 1.0, 0, 0.2f, {1e-5f, 0.1f}},
    [B1] = {b0, THAW_LENGTH(b0), 32, 1.0, 1.1, 0, 0.2f, {1e-5f, 0.1f}},
    [B2] = {b0, THAW_LENGTH(b0), 32, 1.1, 1.2, 0, 0.3f, {1e-5f, 0.1f}},
    [B3] = {b0, THAW_LENGTH(b0), 32, 1.2, 1.4, 0, 0.3f, {1e-5f, 0.1f}},
    [B4] = {b0, THAW_LENGTH(b0), 32, 1.4, 1.8, 0, 0.4f, {1e-5f, 0.1f}},
    [B5] = {b0, THAW_LENGTH(b0), 32, 1.6, 2.2, 0, 0.4f, {1e-3f, 0.01f}},
    [B6] = {b0, THAW_LENGTH(b0), 32, 1.8, 2.6, 0, 0.5f, {1e-3f, 0.01f}},
    [B7] = {b0, THAW_LENGTH(b0), 32, 2.0, 3.1, 0, 0.5f, {1e-3f, 0.01f}},
    [V2_S] = {v2_s, THAW_LENGTH(v2_s), 24, 1.0, 1.0, 1280, 0.2f, {1e-3f, 0.1f}},
    [V2_M] = {v2_m, THAW_LENGTH(v2_m), 24, 1.0, 1.0, 1280, 0.3f, {1e-3f, 0.1f}},
    [V2_L] = {v2_l, THAW_LENGTH(v2_l), 32, 1.0, 1.0, 1280, 0.4f, {1e-3f, 0.1f}},
};
_Static_assert(THAW_LENGTH(models) == SIZES, "one row a model");

static int add_mbconv(struct graph *graph, const char *prefix, int input, const struct row *row, int channels,
                      int stride, struct zoo_norm norm)
{
    char name[ZOO_NAME];
    int x = input, part = 0, in = graph->node[input].shape.c, wide = in * row->widen;
    if (row->widen > 1)
        x = zoo_conv_norm(graph, zoo_name(name, "%s.block.%d", prefix, part++), x,
                          (struct zoo_conv){wide, 1, 1, 1, OP_SILU}, norm);
    x = zoo_conv_norm(graph, zoo_name(name, "%s.block.%d", prefix, part++), x,
                      (struct zoo_conv){wide, row->kernel, stride, wide, OP_SILU}, norm);
    x = zoo_squeeze_excite(graph, zoo_name(name, "%s.block.%d", prefix, part++), x, in / 4, OP_SILU, OP_SIGMOID);
    return zoo_conv_norm(graph, zoo_name(name, "%s.block.%d", prefix, part), x,
                         (struct zoo_conv){.channels = channels, .kernel = 1, .stride = 1}, norm);
}

static int add_fused(struct graph *graph, const char *prefix, int input, const struct row *row, int channels,
                     int stride, struct zoo_norm norm)
{
    char name[ZOO_NAME];
    int wide = row->widen > 1 ? graph->node[input].shape.c * row->widen : channels;
    int x = zoo_conv_norm(graph, zoo_name(name, "%s.block.0", prefix), input,
                          (struct zoo_conv){wide, row->kernel, stride, 1, OP_SILU}, norm);
    if (row->widen == 1)
        return x;
    return zoo_conv_norm(graph, zoo_name(name, "%s.block.1", prefix), x,
                         (struct zoo_conv){.channels = channels, .kernel = 1, .stride = 1}, norm);
}

static int add_row(struct graph *graph, const char *prefix, int input, const struct row *row, const struct model *model)
{
    char name[ZOO_NAME], sum[ZOO_NAME];
    int x = input, channels = zoo_divisible(row->channels * model->widths, 8);
    int layers = (int)ceil(row->layers * model->depths);
    for (int i = 0; i < layers; i++) {
        int before = x, stride = i == 0 ? row->stride : 1;
        zoo_name(name, "%s.%d", prefix, i);
        x = row->block == FUSED ? add_fused(graph, name, x, row, channels, stride, model->norm)
                                : add_mbconv(graph, name, x, row, channels, stride, model->norm);
        if (stride == 1 && graph->node[before].shape.c == channels)
            x = graph_add_binary(graph, zoo_name(sum, "%s.add", name), OP_ADD, x, before);
    }
    return x;
}

static void build(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    const struct model *model = &models[arch->depth];
    struct zoo_conv stem = {zoo_divisible(model->stem * model->widths, 8), 3, 2, 1, OP_SILU};
    char name[ZOO_NAME];
    graph_begin_stage(graph, "features.0");
    int x = zoo_conv_norm(graph, "features.0", 0, stem, model->norm);
    for (int i = 0; i < model->rows; i++) {
        graph_begin_stage(graph, zoo_name(name, "features.%d", i + 1));
        x = add_row(graph, name, x, &model->row[i], model);
    }
    graph_begin_stage(graph, zoo_name(name, "features.%d", model->rows + 1));
    int wide = model->last ? model->last : 4 * graph->node[x].shape.c;
    x = zoo_conv_norm(graph, name, x, (struct zoo_conv){wide, 1, 1, 1, OP_SILU}, model->norm);
    x = graph_add_unary(graph, "avgpool", OP_GLOBAL_AVG_POOL, x);
    graph_mark_trunk(graph, x);
    graph_begin_stage(graph, "classifier");
    x = zoo_dropout(graph, "classifier.0", x, model->dropout);
    graph_add_linear(graph, "classifier.1", x, options->classes);
}

/* clang-format off */
static const struct zoo_arch archs[] = {
    {"efficientnet_b0", "EfficientNet", "EfficientNet-B0 (Tan and Le 2019)", ZOO_BICUBIC(224, 256), build, B0, 0, true},
    {"efficientnet_b1", "EfficientNet", "EfficientNet-B1", ZOO_BICUBIC(240, 256), build, B1, 0, true},
    {"efficientnet_b2", "EfficientNet", "EfficientNet-B2", ZOO_BICUBIC(288, 288), build, B2, 0, true},
    {"efficientnet_b3", "EfficientNet", "EfficientNet-B3", ZOO_BICUBIC(300, 320), build, B3, 0, true},
    {"efficientnet_b4", "EfficientNet", "EfficientNet-B4", ZOO_BICUBIC(380, 384), build, B4, 0, true},
    {"efficientnet_b5", "EfficientNet", "EfficientNet-B5", ZOO_BICUBIC(456, 456), build, B5, 0, true},
    {"efficientnet_b6", "EfficientNet", "EfficientNet-B6", ZOO_BICUBIC(528, 528), build, B6, 0, true},
    {"efficientnet_b7", "EfficientNet", "EfficientNet-B7", ZOO_BICUBIC(600, 600), build, B7, 0, true},
    {"efficientnet_v2_s", "EfficientNetV2", "EfficientNetV2-S (Tan and Le 2021)", ZOO_TORCHVISION(384, 384), build, V2_S, 0, true},
    {"efficientnet_v2_m", "EfficientNetV2", "EfficientNetV2-M", ZOO_TORCHVISION(480, 480), build, V2_M, 0, true},
    {"efficientnet_v2_l", "EfficientNetV2", "EfficientNetV2-L (mean and deviation 0.5)", ZOO_BICUBIC_HALVES(480, 480), build, V2_L, 0, true},
};
/* clang-format on */
const struct zoo_family zoo_efficientnet = {archs, THAW_LENGTH(archs), NULL};
