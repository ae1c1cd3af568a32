/* RegNet (Radosavovic et al. 2020), as torchvision builds and names it: residual bottlenecks whose inner width is the
 * outer one and whose 3x3 convolution works in groups of a fixed width; Y weighs the channels behind it (squeeze and
 * excitation to a quarter of the block's input), X does not. The image is halved at the start of each stage. Stages: stem,
 * block1 to block4, fc. */
#include "config.h"

#include "family.h"

enum { STAGES = 4, STEM = 32, SQUEEZE = 4 };
static const struct zoo_norm norm = {1e-5f, 0.1f};

/* By series and MFLOPS. Some of timm's, as the paper's authors published them, are a little narrower than torchvision's of
 * the same name, others stand between them. */
enum model {
    Y400,
    Y800,
    Y1600,
    Y3200,
    Y8000,
    Y16000,
    Y32000,
    X400,
    X800,
    X1600,
    X3200,
    X8000,
    X16000,
    X32000,
    TIMM_X_002,
    TIMM_X_004,
    TIMM_X_006,
    TIMM_X_040,
    TIMM_X_064,
    TIMM_X_120,
    TIMM_Y_002,
    TIMM_Y_006,
    TIMM_Y_008,
    TIMM_Y_040,
    TIMM_Y_064,
    TIMM_Y_080,
    TIMM_Y_120,
    TIMM_Y_640,
    TIMM_Y_1280,
    MODELS
};

/* Depths and widths that the paper's rule (widths on a line, quantised) gives, and that torchvision's weights have. A
 * group is never wider than its stage. */
static const struct regnet_row {
    char series; /* 'X' or 'Y' */
    int depth[STAGES], width[STAGES], group;
} rows[] = {
    /* clang-format off */
    [Y400] = {'Y', {1, 3, 6, 6}, {48, 104, 208, 440}, 8},
    [Y800] = {'Y', {1, 3, 8, 2}, {64, 144, 320, 784}, 16},
    [Y1600] = {'Y', {2, 6, 17, 2}, {48, 120, 336, 888}, 24},
    [Y3200] = {'Y', {2, 5, 13, 1}, {72, 216, 576, 1512}, 24},
    [Y8000] = {'Y', {2, 4, 10, 1}, {224, 448, 896, 2016}, 56},
    [Y16000] = {'Y', {2, 4, 11, 1}, {224, 448, 1232, 3024}, 112},
    [Y32000] = {'Y', {2, 5, 12, 1}, {232, 696, 1392, 3712}, 232},
    [X400] = {'X', {1, 2, 7, 12}, {32, 64, 160, 400}, 16},
    [X800] = {'X', {1, 3, 7, 5}, {64, 128, 288, 672}, 16},
    [X1600] = {'X', {2, 4, 10, 2}, {72, 168, 408, 912}, 24},
    [X3200] = {'X', {2, 6, 15, 2}, {96, 192, 432, 1008}, 48},
    [X8000] = {'X', {2, 5, 15, 1}, {80, 240, 720, 1920}, 120},
    [X16000] = {'X', {2, 6, 13, 1}, {256, 512, 896, 2048}, 128},
    [X32000] = {'X', {2, 7, 13, 1}, {336, 672, 1344, 2520}, 168},
    [TIMM_X_002] = {'X', {1, 1, 4, 7}, {24, 56, 152, 368}, 8},
    [TIMM_X_004] = {'X', {1, 2, 7, 12}, {32, 64, 160, 384}, 16},
    [TIMM_X_006] = {'X', {1, 3, 5, 7}, {48, 96, 240, 528}, 24},
    [TIMM_X_040] = {'X', {2, 5, 14, 2}, {80, 240, 560, 1360}, 40},
    [TIMM_X_064] = {'X', {2, 4, 10, 1}, {168, 392, 784, 1624}, 56},
    [TIMM_X_120] = {'X', {2, 5, 11, 1}, {224, 448, 896, 2240}, 112},
    [TIMM_Y_002] = {'Y', {1, 1, 4, 7}, {24, 56, 152, 368}, 8},
    [TIMM_Y_006] = {'Y', {1, 3, 7, 4}, {48, 112, 256, 608}, 16},
    [TIMM_Y_008] = {'Y', {1, 3, 8, 2}, {64, 128, 320, 768}, 16},
    [TIMM_Y_040] = {'Y', {2, 6, 12, 2}, {128, 192, 512, 1088}, 64},
    [TIMM_Y_064] = {'Y', {2, 7, 14, 2}, {144, 288, 576, 1296}, 72},
    [TIMM_Y_080] = {'Y', {2, 4, 10, 1}, {168, 448, 896, 2016}, 56},
    [TIMM_Y_120] = {'Y', {2, 5, 11, 1}, {224, 448, 896, 2240}, 112},
    [TIMM_Y_1280] = {'Y', {2, 7, 17, 1}, {528, 1056, 2904, 7392}, 264},
    [TIMM_Y_640] = {'Y', {2, 5, 12, 1}, {328, 984, 1968, 4920}, 328},
    /* clang-format on */
};
_Static_assert(THAW_LENGTH(rows) == MODELS, "one row a model");

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

static void build(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    const struct regnet_row *row = &rows[arch->depth];
    graph_begin_stage(graph, "stem");
    int x = zoo_conv_norm(graph, "stem", 0, (struct zoo_conv){STEM, 3, 2, 1, OP_RELU}, norm);
    for (int stage = 0; stage < STAGES; stage++)
        x = add_stage(graph, row, stage, x);
    x = graph_add_unary(graph, "avgpool", OP_GLOBAL_AVG_POOL, x);
    graph_mark_trunk(graph, x);
    graph_begin_stage(graph, "fc");
    graph_add_linear(graph, "fc", x, options->classes);
}

/* clang-format off */
static const struct zoo_arch archs[] = {
    {"regnet_y_400mf", "RegNet", "RegNetY, 400 MFLOPS (Radosavovic et al. 2020)", ZOO_TORCHVISION(224, 256), build, Y400, 0, true},
    {"regnet_y_800mf", "RegNet", "RegNetY, 800 MFLOPS", ZOO_TORCHVISION(224, 256), build, Y800, 0, true},
    {"regnet_y_1_6gf", "RegNet", "RegNetY, 1.6 GFLOPS", ZOO_TORCHVISION(224, 256), build, Y1600, 0, true},
    {"regnet_y_3_2gf", "RegNet", "RegNetY, 3.2 GFLOPS", ZOO_TORCHVISION(224, 256), build, Y3200, 0, true},
    {"regnet_y_8gf", "RegNet", "RegNetY, 8 GFLOPS", ZOO_TORCHVISION(224, 256), build, Y8000, 0, true},
    {"regnet_y_16gf", "RegNet", "RegNetY, 16 GFLOPS", ZOO_TORCHVISION(224, 256), build, Y16000, 0, true},
    {"regnet_y_32gf", "RegNet", "RegNetY, 32 GFLOPS", ZOO_TORCHVISION(224, 256), build, Y32000, 0, true},
    {"regnet_x_400mf", "RegNet", "RegNetX, 400 MFLOPS (Radosavovic et al. 2020)", ZOO_TORCHVISION(224, 256), build, X400, 0, true},
    {"regnet_x_800mf", "RegNet", "RegNetX, 800 MFLOPS", ZOO_TORCHVISION(224, 256), build, X800, 0, true},
    {"regnet_x_1_6gf", "RegNet", "RegNetX, 1.6 GFLOPS", ZOO_TORCHVISION(224, 256), build, X1600, 0, true},
    {"regnet_x_3_2gf", "RegNet", "RegNetX, 3.2 GFLOPS", ZOO_TORCHVISION(224, 256), build, X3200, 0, true},
    {"regnet_x_8gf", "RegNet", "RegNetX, 8 GFLOPS", ZOO_TORCHVISION(224, 256), build, X8000, 0, true},
    {"regnet_x_16gf", "RegNet", "RegNetX, 16 GFLOPS", ZOO_TORCHVISION(224, 256), build, X16000, 0, true},
    {"regnet_x_32gf", "RegNet", "RegNetX, 32 GFLOPS", ZOO_TORCHVISION(224, 256), build, X32000, 0, true},
    {"regnetx_002", "RegNet", "RegNetX of timm, 200 MFLOPS", ZOO_BICUBIC(224, 256), build, TIMM_X_002, 0, true},
    {"regnetx_004", "RegNet", "RegNetX of timm, 400 MFLOPS", ZOO_BICUBIC(224, 256), build, TIMM_X_004, 0, true},
    {"regnetx_006", "RegNet", "RegNetX of timm, 600 MFLOPS", ZOO_BICUBIC(224, 256), build, TIMM_X_006, 0, true},
    {"regnetx_040", "RegNet", "RegNetX of timm, 4 GFLOPS", ZOO_BICUBIC(224, 256), build, TIMM_X_040, 0, true},
    {"regnetx_064", "RegNet", "RegNetX of timm, 6.4 GFLOPS", ZOO_BICUBIC(224, 256), build, TIMM_X_064, 0, true},
    {"regnetx_120", "RegNet", "RegNetX of timm, 12 GFLOPS", ZOO_BICUBIC(224, 256), build, TIMM_X_120, 0, true},
    {"regnety_002", "RegNet", "RegNetY of timm, 200 MFLOPS", ZOO_BICUBIC(224, 256), build, TIMM_Y_002, 0, true},
    {"regnety_006", "RegNet", "RegNetY of timm, 600 MFLOPS", ZOO_BICUBIC(224, 256), build, TIMM_Y_006, 0, true},
    {"regnety_008", "RegNet", "RegNetY of timm, 800 MFLOPS", ZOO_BICUBIC(224, 256), build, TIMM_Y_008, 0, true},
    {"regnety_040", "RegNet", "RegNetY of timm, 4 GFLOPS", ZOO_BICUBIC(224, 235), build, TIMM_Y_040, 0, true},
    {"regnety_064", "RegNet", "RegNetY of timm, 6.4 GFLOPS", ZOO_BICUBIC(224, 235), build, TIMM_Y_064, 0, true},
    {"regnety_080", "RegNet", "RegNetY of timm, 8 GFLOPS", ZOO_BICUBIC(224, 235), build, TIMM_Y_080, 0, true},
    {"regnety_120", "RegNet", "RegNetY of timm, 12 GFLOPS", ZOO_BICUBIC(224, 256), build, TIMM_Y_120, 0, true},
    {"regnety_640", "RegNet", "RegNetY of timm, 64 GFLOPS", ZOO_BICUBIC(224, 256), build, TIMM_Y_640, 0, true},
    {"regnety_1280", "RegNet", "RegNetY of timm, 128 GFLOPS", ZOO_BICUBIC(224, 224), build, TIMM_Y_1280, 0, true},
};
/* clang-format on */
const struct zoo_family zoo_regnet = {archs, THAW_LENGTH(archs), NULL};
