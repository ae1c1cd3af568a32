/* MobileNetV3 (Howard et al. 2019), as torchvision builds and names it: bottlenecks that widen by a 1x1 convolution, filter
 * each channel, weigh the channels (squeeze and excitation with a hard sigmoid) and narrow again without activation.
 * Stages: features.0 (the stem), one a bottleneck, the last 1x1 convolution, classifier.
 *
 * timm's have a batch norm's eps of 1e-5, and come at other widths; weights that were trained in TensorFlow (tf_*) want its
 * SAME padding and an eps of 1e-3; minimal ones have 3x3 filters and relu alone, and weigh no channels. */
#include "config.h"

#include "family.h"

static const struct zoo_norm norm = {1e-3f, 0.01f}, timm_norm = {1e-5f, 0.1f}, tf_norm = {1e-3f, 0.1f};

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

/* A network while it is built. */
struct making {
    struct graph *graph;
    double widths; /* multiplied */
    struct zoo_norm norm;
    bool same, minimal;
};

static int add_conv(const struct making *m, const char *name, int input, struct zoo_conv conv)
{
    if (m->minimal && conv.activation)
        conv.activation = OP_RELU;
    return m->same ? zoo_conv_norm_same(m->graph, name, input, conv, m->norm)
                   : zoo_conv_norm(m->graph, name, input, conv, m->norm);
}

/* `ratio`: how many times the bottleneck widens its input. */
static int add_bottleneck(const struct making *m, const char *prefix, int input, const struct bottleneck *row,
                          double ratio)
{
    char name[ZOO_NAME];
    int x = input, part = 0, in = m->graph->node[input].shape.c, kernel = m->minimal ? 3 : row->kernel;
    int expanded = zoo_divisible(in * ratio, 8), channels = zoo_divisible(row->channels * m->widths, 8);
    if (ratio > 1)
        x = add_conv(m, zoo_name(name, "%s.block.%d", prefix, part++), x,
                     (struct zoo_conv){expanded, 1, 1, 1, row->activation});
    x = add_conv(m, zoo_name(name, "%s.block.%d", prefix, part++), x,
                 (struct zoo_conv){expanded, kernel, row->stride, expanded, row->activation});
    if (row->squeeze && !m->minimal)
        x = zoo_squeeze_excite(m->graph, zoo_name(name, "%s.block.%d", prefix, part++), x,
                               zoo_divisible(expanded / 4, 8), OP_RELU, OP_HARD_SIGMOID);
    x = add_conv(m, zoo_name(name, "%s.block.%d", prefix, part), x,
                 (struct zoo_conv){.channels = channels, .kernel = 1, .stride = 1});
    if (row->stride == 1 && channels == in)
        x = graph_add_binary(m->graph, zoo_name(name, "%s.add", prefix), OP_ADD, x, input);
    return x;
}

static void build_in(const struct making *m, const struct size *size, int classes)
{
    struct graph *graph = m->graph;
    char name[ZOO_NAME];
    int before = 16; /* channels at the full width */
    enum op_kind activation = m->minimal ? OP_RELU : OP_HARD_SWISH;
    graph_begin_stage(graph, "features.0");
    int x = add_conv(m, "features.0", 0, (struct zoo_conv){16, 3, 2, 1, activation});
    for (int i = 0; i < size->bottlenecks; i++) {
        graph_begin_stage(graph, zoo_name(name, "features.%d", i + 1));
        x = add_bottleneck(m, name, x, &size->rows[i], (double)size->rows[i].expanded / before);
        before = size->rows[i].channels;
    }
    graph_begin_stage(graph, zoo_name(name, "features.%d", size->bottlenecks + 1));
    int wide = zoo_divisible(6 * before * m->widths, 8);
    x = add_conv(m, name, x, (struct zoo_conv){wide, 1, 1, 1, activation});
    x = graph_add_unary(graph, "avgpool", OP_GLOBAL_AVG_POOL, x);
    graph_begin_stage(graph, "classifier");
    x = graph_add_linear(graph, "classifier.0", x, size->hidden);
    x = graph_add_unary(graph, "classifier.1", activation, x);
    graph_mark_trunk(graph, x);
    x = zoo_dropout(graph, "classifier.2", x, 0.2f);
    graph_add_linear(graph, "classifier.3", x, classes);
}

static void build(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    build_in(&(struct making){.graph = graph, .widths = 1, .norm = norm}, &sizes[arch->depth], options->classes);
}

static void build_timm(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    build_in(&(struct making){.graph = graph, .widths = arch->alpha, .norm = timm_norm}, &sizes[arch->depth],
             options->classes);
}

static void build_tf(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    build_in(&(struct making){.graph = graph, .widths = arch->alpha, .norm = tf_norm, .same = true},
             &sizes[arch->depth], options->classes);
}

static void build_tf_minimal(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    build_in(&(struct making){.graph = graph, .widths = 1, .norm = tf_norm, .same = true, .minimal = true},
             &sizes[arch->depth], options->classes);
}

/* clang-format off */
static const struct zoo_arch archs[] = {
    {"mobilenet_v3_small", "MobileNetV3", "MobileNetV3 small (Howard et al. 2019)", ZOO_TORCHVISION(224, 256), build, SMALL, 0, true},
    {"mobilenet_v3_large", "MobileNetV3", "MobileNetV3 large (Howard et al. 2019)", ZOO_TORCHVISION(224, 256), build, LARGE, 0, true},
    {"mobilenetv3_small_050", "MobileNetV3", "MobileNetV3 small of timm at half its widths", ZOO_BICUBIC(224, 256), build_timm, SMALL, 0.5, true},
    {"mobilenetv3_small_075", "MobileNetV3", "MobileNetV3 small of timm at 0.75 of its widths", ZOO_BICUBIC(224, 256), build_timm, SMALL, 0.75, true},
    {"mobilenetv3_small_100", "MobileNetV3", "MobileNetV3 small of timm", ZOO_BICUBIC(224, 256), build_timm, SMALL, 1, true},
    {"mobilenetv3_large_100", "MobileNetV3", "MobileNetV3 large of timm", ZOO_BICUBIC(224, 256), build_timm, LARGE, 1, true},
    {"tf_mobilenetv3_small_075", "MobileNetV3", "MobileNetV3 small at 0.75 of its widths, weights from TensorFlow", ZOO_HALVED(224, 256), build_tf, SMALL, 0.75, true},
    {"tf_mobilenetv3_small_100", "MobileNetV3", "MobileNetV3 small, weights from TensorFlow", ZOO_HALVED(224, 256), build_tf, SMALL, 1, true},
    {"tf_mobilenetv3_small_minimal_100", "MobileNetV3", "MobileNetV3 small, minimal, weights from TensorFlow", ZOO_HALVED(224, 256), build_tf_minimal, SMALL, 1, true},
    {"tf_mobilenetv3_large_075", "MobileNetV3", "MobileNetV3 large at 0.75 of its widths, weights from TensorFlow", ZOO_HALVED(224, 256), build_tf, LARGE, 0.75, true},
    {"tf_mobilenetv3_large_100", "MobileNetV3", "MobileNetV3 large, weights from TensorFlow", ZOO_HALVED(224, 256), build_tf, LARGE, 1, true},
    {"tf_mobilenetv3_large_minimal_100", "MobileNetV3", "MobileNetV3 large, minimal, weights from TensorFlow", ZOO_HALVED(224, 256), build_tf_minimal, LARGE, 1, true},
};
/* clang-format on */
const struct zoo_family zoo_mobilenet_v3 = {archs, THAW_LENGTH(archs), NULL};
