/* MobileNetV3 (Howard et al. 2019) as keras.applications has it: raw pixels in, which its first layer brings to -1..1;
 * padding as TensorFlow's SAME; squeeze-and-excitation by 1x1 convolutions with biases and a hard sigmoid,
 * relu6(x + 3) / 6; a batch norm's eps is 1e-3. A file without top ends before conv_2. Stages: conv (the stem), one a
 * bottleneck, conv_1 (and the pooling), top. */
#include "config.h"

#include "keras.h"

static const float bn_eps = 1e-3f, bn_momentum = 0.001f;

/* Tables 1 and 2 of the paper. */
static const struct bottleneck {
    int kernel, expanded, channels;
    bool squeeze;
    enum op_kind activation;
    int stride;
} large[] = {{3, 16, 16, false, OP_RELU, 1},        {3, 64, 24, false, OP_RELU, 2},
             {3, 72, 24, false, OP_RELU, 1},        {5, 72, 40, true, OP_RELU, 2},
             {5, 120, 40, true, OP_RELU, 1},        {5, 120, 40, true, OP_RELU, 1},
             {3, 240, 80, false, OP_HARD_SWISH, 2}, {3, 200, 80, false, OP_HARD_SWISH, 1},
             {3, 184, 80, false, OP_HARD_SWISH, 1}, {3, 184, 80, false, OP_HARD_SWISH, 1},
             {3, 480, 112, true, OP_HARD_SWISH, 1}, {3, 672, 112, true, OP_HARD_SWISH, 1},
             {5, 672, 160, true, OP_HARD_SWISH, 2}, {5, 960, 160, true, OP_HARD_SWISH, 1},
             {5, 960, 160, true, OP_HARD_SWISH, 1}},
  small[] = {
      {3, 16, 16, true, OP_RELU, 2},        {3, 72, 24, false, OP_RELU, 2},       {3, 88, 24, false, OP_RELU, 1},
      {5, 96, 40, true, OP_HARD_SWISH, 2},  {5, 240, 40, true, OP_HARD_SWISH, 1}, {5, 240, 40, true, OP_HARD_SWISH, 1},
      {5, 120, 48, true, OP_HARD_SWISH, 1}, {5, 144, 48, true, OP_HARD_SWISH, 1}, {5, 288, 96, true, OP_HARD_SWISH, 2},
      {5, 576, 96, true, OP_HARD_SWISH, 1}, {5, 576, 96, true, OP_HARD_SWISH, 1}};

enum { SMALL, LARGE, SIZES };
static const struct size {
    const struct bottleneck *rows;
    int bottlenecks, hidden; /* hidden: channels of conv_2 */
} sizes[] = {[SMALL] = {small, THAW_LENGTH(small), 1024}, [LARGE] = {large, THAW_LENGTH(large), 1280}};
_Static_assert(THAW_LENGTH(sizes) == SIZES, "one row a size");

/* `name`_bn and, but for OP_INPUT, `name`_act behind the convolution of that name. */
static int add_norm(struct graph *graph, const char *name, int input, enum op_kind activation)
{
    char full[ZOO_NAME];
    int x = graph_add_batch_norm(graph, zoo_name(full, "%s_bn", name), input, bn_eps, bn_momentum);
    return activation == OP_INPUT ? x : graph_add_unary(graph, zoo_name(full, "%s_act", name), activation, x);
}

static int add_squeeze_excite(struct graph *graph, const char *prefix, int input)
{
    char name[ZOO_NAME];
    int channels = graph->node[input].shape.c;
    struct op_attrs gate = op_attrs_default();
    gate.alpha = 1.0f / 6;
    gate.beta = 0.5f;
    int x = graph_add_unary(graph, zoo_name(name, "%s_squeeze_excite_avg_pool", prefix), OP_GLOBAL_AVG_POOL, input);
    zoo_name(name, "%s_squeeze_excite_conv", prefix);
    x = graph_add_conv(graph, name, x, zoo_divisible(channels / 4.0, 8), 1, 1, 0, 1, true);
    x = graph_add_unary(graph, zoo_name(name, "%s_squeeze_excite_relu", prefix), OP_RELU, x);
    zoo_name(name, "%s_squeeze_excite_conv_1", prefix);
    x = graph_add_conv(graph, name, x, channels, 1, 1, 0, 1, true);
    x = graph_add(graph, zoo_name(name, "%s_squeeze_excite_gate", prefix), OP_HARD_SIGMOID, &gate, 1, &x);
    return graph_add_binary(graph, zoo_name(name, "%s_squeeze_excite_mul", prefix), OP_MUL, input, x);
}

static int add_bottleneck(struct graph *graph, const char *prefix, int input, const struct bottleneck *row)
{
    char name[ZOO_NAME];
    int x = input, in = graph->node[input].shape.c;
    if (row->expanded != in) {
        x = graph_add_conv(graph, zoo_name(name, "%s_expand", prefix), x, row->expanded, 1, 1, 0, 1, false);
        x = add_norm(graph, name, x, row->activation);
    }
    zoo_name(name, "%s_depthwise", prefix);
    x = zoo_conv_same(graph, name, x, row->expanded, row->kernel, row->stride, row->expanded, false);
    x = add_norm(graph, name, x, row->activation);
    if (row->squeeze)
        x = add_squeeze_excite(graph, prefix, x);
    x = graph_add_conv(graph, zoo_name(name, "%s_project", prefix), x, row->channels, 1, 1, 0, 1, false);
    x = add_norm(graph, name, x, OP_INPUT);
    if (row->stride == 1 && row->channels == in)
        x = graph_add_binary(graph, zoo_name(name, "%s_add", prefix), OP_ADD, input, x);
    return x;
}

static void build(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    static const float scale[3] = {1 / 127.5f, 1 / 127.5f, 1 / 127.5f}, shift[3] = {-1, -1, -1};
    const struct size *size = &sizes[arch->depth];
    char name[ZOO_NAME] = "expanded_conv";
    graph_begin_stage(graph, "conv");
    int x = keras_rescale(graph, "rescaling", 0, scale, shift);
    x = zoo_conv_same(graph, "conv", x, 16, 3, 2, 1, false);
    x = add_norm(graph, "conv", x, OP_HARD_SWISH);
    for (int i = 0; i < size->bottlenecks; i++) {
        if (i > 0)
            zoo_name(name, "expanded_conv_%d", i);
        graph_begin_stage(graph, name);
        x = add_bottleneck(graph, name, x, &size->rows[i]);
    }
    graph_begin_stage(graph, "conv_1");
    x = graph_add_conv(graph, "conv_1", x, 6 * graph->node[x].shape.c, 1, 1, 0, 1, false);
    x = add_norm(graph, "conv_1", x, OP_HARD_SWISH);
    x = graph_add_unary(graph, "global_average_pooling2d", OP_GLOBAL_AVG_POOL, x);
    graph_mark_trunk(graph, x);
    graph_begin_stage(graph, "top");
    x = graph_add_conv(graph, "conv_2", x, size->hidden, 1, 1, 0, 1, true);
    x = graph_add_unary(graph, "conv_2_act", OP_HARD_SWISH, x);
    x = zoo_dropout(graph, "dropout", x, 0.2f);
    graph_add_conv(graph, "logits", x, options->classes, 1, 1, 0, 1, true);
}

/* clang-format off */
static const struct zoo_arch archs[] = {
    {"keras_mobilenet_v3_small", "MobileNetV3", "MobileNetV3 small of Keras (Howard et al. 2019)", KERAS_IN_MODEL(224, 256), build, SMALL, 0, true},
    {"keras_mobilenet_v3_large", "MobileNetV3", "MobileNetV3 large of Keras (Howard et al. 2019)", KERAS_IN_MODEL(224, 256), build, LARGE, 0, true},
};
/* clang-format on */
const struct zoo_family zoo_keras_mobilenet_v3 = {archs, THAW_LENGTH(archs), NULL};
