/* MobileNetV3 (Howard et al. 2019), as torchvision builds and names it: bottlenecks that widen by a 1x1 convolution, filter
 * each channel, weigh the channels (squeeze and excitation with a hard sigmoid) and narrow again without activation.
 * Stages: features.0 (the stem), one a bottleneck, the last 1x1 convolution, classifier. */
#include "config.h"

#include "family.h"

static const struct zoo_norm norm = {1e-3f, 0.01f};

/* A row of the paper's tables 1 and 2. */
struct bottleneck {
    int kernel, expanded, channels;
    bool squeeze;
    enum op_kind activation;
    int stride;
};
/* clang-format off */
static const struct bottleneck large[] = {
    {3, 16, 16, false, OP_RELU, 1},
    {3, 64, 24, false, OP_RELU, 2},
    {3, 72, 24, false, OP_RELU, 1},
    {5, 72, 40, true, OP_RELU, 2},
    {5, 120, 40, true, OP_RELU, 1},
    {5, 120, 40, true, OP_RELU, 1},
    {3, 240, 80, false, OP_HARD_SWISH, 2},
    {3, 200, 80, false, OP_HARD_SWISH, 1},
    {3, 184, 80, false, OP_HARD_SWISH, 1},
    {3, 184, 80, false, OP_HARD_SWISH, 1},
    {3, 480, 112, true, OP_HARD_SWISH, 1},
    {3, 672, 112, true, OP_HARD_SWISH, 1},
    {5, 672, 160, true, OP_HARD_SWISH, 2},
    {5, 960, 160, true, OP_HARD_SWISH, 1},
    {5, 960, 160, true, OP_HARD_SWISH, 1},
};
static const struct bottleneck small[] = {
    {3, 16, 16, true, OP_RELU, 2},
    {3, 72, 24, false, OP_RELU, 2},
    {3, 88, 24, false, OP_RELU, 1},
    {5, 96, 40, true, OP_HARD_SWISH, 2},
    {5, 240, 40, true, OP_HARD_SWISH, 1},
    {5, 240, 40, true, OP_HARD_SWISH, 1},
    {5, 120, 48, true, OP_HARD_SWISH, 1},
    {5, 144, 48, true, OP_HARD_SWISH, 1},
    {5, 288, 96, true, OP_HARD_SWISH, 2},
    {5, 576, 96, true, OP_HARD_SWISH, 1},
    {5, 576, 96, true, OP_HARD_SWISH, 1},
};
/* clang-format on */

static const struct size {
    const struct bottleneck *rows;
    int bottlenecks, hidden; /* hidden: of the classifier */
} sizes[] = {{small, THAW_LENGTH(small), 1024}, {large, THAW_LENGTH(large), 1280}};
enum { SMALL, LARGE };

static int add_bottleneck(struct graph *graph, const char *prefix, int input, const struct bottleneck *row)
{
    char name[ZOO_NAME];
    int x = input, part = 0, in = graph->node[input].shape.c;
    if (row->expanded != in)
        x = zoo_conv_norm(graph, zoo_name(name, "%s.block.%d", prefix, part++), x,
                          (struct zoo_conv){row->expanded, 1, 1, 1, row->activation}, norm);
    x = zoo_conv_norm(graph, zoo_name(name, "%s.block.%d", prefix, part++), x,
                      (struct zoo_conv){row->expanded, row->kernel, row->stride, row->expanded, row->activation}, norm);
    if (row->squeeze)
        x = zoo_squeeze_excite(graph, zoo_name(name, "%s.block.%d", prefix, part++), x,
                               zoo_divisible(row->expanded / 4, 8), OP_RELU, OP_HARD_SIGMOID);
    x = zoo_conv_norm(graph, zoo_name(name, "%s.block.%d", prefix, part), x,
                      (struct zoo_conv){.channels = row->channels, .kernel = 1, .stride = 1}, norm);
    if (row->stride == 1 && row->channels == in)
        x = graph_add_binary(graph, zoo_name(name, "%s.add", prefix), OP_ADD, x, input);
    return x;
}

static void build(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    const struct size *size = &sizes[arch->depth];
    char name[ZOO_NAME];
    graph_begin_stage(graph, "features.0");
    int x = zoo_conv_norm(graph, "features.0", 0, (struct zoo_conv){16, 3, 2, 1, OP_HARD_SWISH}, norm);
    for (int i = 0; i < size->bottlenecks; i++) {
        graph_begin_stage(graph, zoo_name(name, "features.%d", i + 1));
        x = add_bottleneck(graph, name, x, &size->rows[i]);
    }
    graph_begin_stage(graph, zoo_name(name, "features.%d", size->bottlenecks + 1));
    int wide = 6 * graph->node[x].shape.c;
    x = zoo_conv_norm(graph, name, x, (struct zoo_conv){wide, 1, 1, 1, OP_HARD_SWISH}, norm);
    x = graph_add_unary(graph, "avgpool", OP_GLOBAL_AVG_POOL, x);
    graph_begin_stage(graph, "classifier");
    x = graph_add_linear(graph, "classifier.0", x, size->hidden);
    x = graph_add_unary(graph, "classifier.1", OP_HARD_SWISH, x);
    graph_mark_trunk(graph, x);
    x = zoo_dropout(graph, "classifier.2", x, 0.2f);
    graph_add_linear(graph, "classifier.3", x, options->classes);
}

/* clang-format off */
static const struct zoo_arch archs[] = {
    {"mobilenet_v3_small", "MobileNetV3", "MobileNetV3 small (Howard et al. 2019)", ZOO_TORCHVISION(224, 256), build, SMALL, 0, true},
    {"mobilenet_v3_large", "MobileNetV3", "MobileNetV3 large (Howard et al. 2019)", ZOO_TORCHVISION(224, 256), build, LARGE, 0, true},
};
/* clang-format on */
const struct zoo_family zoo_mobilenet_v3 = {archs, THAW_LENGTH(archs), NULL};
