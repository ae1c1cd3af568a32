/* RegNet (Radosavovic et al. 2020), as torchvision builds and names it: residual bottlenecks whose inner width is the
 * outer one and whose 3x3 convolution works in groups of a fixed width; Y weighs the channels behind it (squeeze and
 * excitation to a quarter of the block's input), X does not. The image is halved at the start of each stage. Stages: stem,
 * block1 to block4, fc. */
#include "config.h"

#include "family.h"

enum { STAGES = 4, STEM = 32, SQUEEZE = 4 };
static const struct zoo_norm norm = {1e-5f, 0.1f};

/* Depths and widths that the paper's rule (widths on a line, quantised) gives, and that torchvision's weights have. A
 * group is never wider than its stage. */
static const struct regnet_row {
    char series; /* 'X' or 'Y' */
    int mflops, depth[STAGES], width[STAGES], group;
} rows[] = {
    /* clang-format off */
    {'Y', 400, {1, 3, 6, 6}, {48, 104, 208, 440}, 8},
    {'Y', 800, {1, 3, 8, 2}, {64, 144, 320, 784}, 16},
    {'Y', 1600, {2, 6, 17, 2}, {48, 120, 336, 888}, 24},
    {'Y', 3200, {2, 5, 13, 1}, {72, 216, 576, 1512}, 24},
    {'Y', 8000, {2, 4, 10, 1}, {224, 448, 896, 2016}, 56},
    {'Y', 16000, {2, 4, 11, 1}, {224, 448, 1232, 3024}, 112},
    {'Y', 32000, {2, 5, 12, 1}, {232, 696, 1392, 3712}, 232},
    {'X', 400, {1, 2, 7, 12}, {32, 64, 160, 400}, 16},
    {'X', 800, {1, 3, 7, 5}, {64, 128, 288, 672}, 16},
    {'X', 1600, {2, 4, 10, 2}, {72, 168, 408, 912}, 24},
    {'X', 3200, {2, 6, 15, 2}, {96, 192, 432, 1008}, 48},
    {'X', 8000, {2, 5, 15, 1}, {80, 240, 720, 1920}, 120},
    {'X', 16000, {2, 6, 13, 1}, {256, 512, 896, 2048}, 128},
    {'X', 32000, {2, 7, 13, 1}, {336, 672, 1344, 2520}, 168},
    /* clang-format on */
};

static int add_block(struct graph *graph, const char *prefix, int input, int width, int groups, int stride,
                     bool squeeze)
{
    char name[ZOO_NAME];
    int in = graph->node[input].shape.c, shortcut = input;
    if (in != width || stride != 1)
        shortcut = zoo_conv_norm(graph, zoo_name(name, "%s.proj", prefix), input,
                                 (struct zoo_conv){.channels = width, .kernel = 1, .stride = stride}, norm);
    int x =
        zoo_conv_norm(graph, zoo_name(name, "%s.f.a", prefix), input, (struct zoo_conv){width, 1, 1, 1, OP_RELU}, norm);
    x = zoo_conv_norm(graph, zoo_name(name, "%s.f.b", prefix), x, (struct zoo_conv){width, 3, stride, groups, OP_RELU},
                      norm);
    if (squeeze)
        x = zoo_squeeze_excite(graph, zoo_name(name, "%s.f.se", prefix), x, in / SQUEEZE, OP_RELU, OP_SIGMOID);
    x = zoo_conv_norm(graph, zoo_name(name, "%s.f.c", prefix), x,
                      (struct zoo_conv){.channels = width, .kernel = 1, .stride = 1}, norm);
    x = graph_add_binary(graph, zoo_name(name, "%s.add", prefix), OP_ADD, shortcut, x);
    return graph_add_unary(graph, zoo_name(name, "%s.activation", prefix), OP_RELU, x);
}

static int add_stage(struct graph *graph, const struct regnet_row *row, int stage, int input)
{
    char name[ZOO_NAME];
    int x = input, width = row->width[stage], group = row->group < width ? row->group : width;
    graph_begin_stage(graph, zoo_name(name, "block%d", stage + 1));
    for (int i = 0; i < row->depth[stage]; i++) {
        zoo_name(name, "trunk_output.block%d.block%d-%d", stage + 1, stage + 1, i);
        x = add_block(graph, name, x, width, width / group, i == 0 ? 2 : 1, row->series == 'Y');
    }
    return x;
}

static void build(struct graph *graph, char series, int mflops, int classes)
{
    const struct regnet_row *row = rows;
    while (row->series != series || row->mflops != mflops)
        row++;
    graph_begin_stage(graph, "stem");
    int x = zoo_conv_norm(graph, "stem", 0, (struct zoo_conv){STEM, 3, 2, 1, OP_RELU}, norm);
    for (int stage = 0; stage < STAGES; stage++)
        x = add_stage(graph, row, stage, x);
    x = graph_add_unary(graph, "avgpool", OP_GLOBAL_AVG_POOL, x);
    graph_mark_trunk(graph, x);
    graph_begin_stage(graph, "fc");
    graph_add_linear(graph, "fc", x, classes);
}

static void build_x(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    build(graph, 'X', arch->depth, options->classes);
}

static void build_y(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    build(graph, 'Y', arch->depth, options->classes);
}

/* clang-format off */
static const struct zoo_arch archs[] = {
    {"regnet_y_400mf", "RegNet", "RegNetY, 400 MFLOPS (Radosavovic et al. 2020)", ZOO_TORCHVISION(224, 256), build_y, 400, 0, true},
    {"regnet_y_800mf", "RegNet", "RegNetY, 800 MFLOPS", ZOO_TORCHVISION(224, 256), build_y, 800, 0, true},
    {"regnet_y_1_6gf", "RegNet", "RegNetY, 1.6 GFLOPS", ZOO_TORCHVISION(224, 256), build_y, 1600, 0, true},
    {"regnet_y_3_2gf", "RegNet", "RegNetY, 3.2 GFLOPS", ZOO_TORCHVISION(224, 256), build_y, 3200, 0, true},
    {"regnet_y_8gf", "RegNet", "RegNetY, 8 GFLOPS", ZOO_TORCHVISION(224, 256), build_y, 8000, 0, true},
    {"regnet_y_16gf", "RegNet", "RegNetY, 16 GFLOPS", ZOO_TORCHVISION(224, 256), build_y, 16000, 0, true},
    {"regnet_y_32gf", "RegNet", "RegNetY, 32 GFLOPS", ZOO_TORCHVISION(224, 256), build_y, 32000, 0, true},
    {"regnet_x_400mf", "RegNet", "RegNetX, 400 MFLOPS (Radosavovic et al. 2020)", ZOO_TORCHVISION(224, 256), build_x, 400, 0, true},
    {"regnet_x_800mf", "RegNet", "RegNetX, 800 MFLOPS", ZOO_TORCHVISION(224, 256), build_x, 800, 0, true},
    {"regnet_x_1_6gf", "RegNet", "RegNetX, 1.6 GFLOPS", ZOO_TORCHVISION(224, 256), build_x, 1600, 0, true},
    {"regnet_x_3_2gf", "RegNet", "RegNetX, 3.2 GFLOPS", ZOO_TORCHVISION(224, 256), build_x, 3200, 0, true},
    {"regnet_x_8gf", "RegNet", "RegNetX, 8 GFLOPS", ZOO_TORCHVISION(224, 256), build_x, 8000, 0, true},
    {"regnet_x_16gf", "RegNet", "RegNetX, 16 GFLOPS", ZOO_TORCHVISION(224, 256), build_x, 16000, 0, true},
    {"regnet_x_32gf", "RegNet", "RegNetX, 32 GFLOPS", ZOO_TORCHVISION(224, 256), build_x, 32000, 0, true},
};
/* clang-format on */
const struct zoo_family zoo_regnet = {archs, THAW_LENGTH(archs), NULL};
