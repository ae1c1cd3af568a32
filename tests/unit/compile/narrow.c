/* The blocks of the families whose values meet in different ways, at the widths of a toy. */
#include "config.h"

#include "narrow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/source/zoo/family.h"

enum { STAGES = 3, BLOCKS = 4, WIDTH = 8 };
static const struct zoo_norm norm = {1e-5f, 0.1f};

static int conv(struct graph *graph, const char *prefix, const char *name, int x, struct zoo_conv conv)
{
    char text[ZOO_NAME];
    return zoo_conv_norm(graph, zoo_name(text, "%s.%s", prefix, name), x, conv, norm);
}

static int add_residual(struct graph *graph, const char *prefix, int input)
{
    char text[ZOO_NAME];
    int channels = graph->node[input].shape.c;
    int x = conv(graph, prefix, "1", input, (struct zoo_conv){channels, 3, 1, 1, OP_RELU});
    x = conv(graph, prefix, "2", x, (struct zoo_conv){channels, 3, 1, 1, OP_INPUT});
    x = graph_add_binary(graph, zoo_name(text, "%s.add", prefix), OP_ADD, x, input);
    return graph_add_unary(graph, zoo_name(text, "%s.relu", prefix), OP_RELU, x);
}

/* MobileNetV2's, and EfficientNet's, which weighs the channels. */
static int add_inverted(struct graph *graph, const char *prefix, int input, enum op_kind activation, bool gated)
{
    char text[ZOO_NAME];
    int channels = graph->node[input].shape.c, wide = 3 * channels;
    int x = conv(graph, prefix, "widen", input, (struct zoo_conv){wide, 1, 1, 1, activation});
    x = conv(graph, prefix, "depthwise", x, (struct zoo_conv){wide, 3, 1, wide, activation});
    if (gated)
        x = zoo_squeeze_excite(graph, zoo_name(text, "%s.gate", prefix), x, channels / 4, activation, OP_SIGMOID);
    x = conv(graph, prefix, "narrow", x, (struct zoo_conv){channels, 1, 1, 1, OP_INPUT});
    return graph_add_binary(graph, zoo_name(text, "%s.add", prefix), OP_ADD, x, input);
}

static int add_depthwise(struct graph *graph, const char *prefix, int input)
{
    return add_inverted(graph, prefix, input, OP_RELU6, false);
}

static int add_gated(struct graph *graph, const char *prefix, int input)
{
    return add_inverted(graph, prefix, input, OP_SILU, true);
}

static int add_norm(struct graph *graph, const char *prefix, const char *name, int x)
{
    char text[ZOO_NAME];
    x = graph_add_batch_norm(graph, zoo_name(text, "%s.norm%s", prefix, name), x, norm.eps, norm.momentum);
    return graph_add_unary(graph, zoo_name(text, "%s.relu%s", prefix, name), OP_RELU, x);
}

static int add_dense(struct graph *graph, const char *prefix, int input)
{
    char text[ZOO_NAME];
    int x = add_norm(graph, prefix, "1", input);
    x = graph_add_conv(graph, zoo_name(text, "%s.conv1", prefix), x, 2 * WIDTH, 1, 1, 0, 1, false);
    x = add_norm(graph, prefix, "2", x);
    x = graph_add_conv(graph, zoo_name(text, "%s.conv2", prefix), x, WIDTH / 2, 3, 1, 1, 1, false);
    return graph_add_binary(graph, zoo_name(text, "%s.concat", prefix), OP_CONCAT, input, x);
}

static int add_fire(struct graph *graph, const char *prefix, int input)
{
    static const char *const names[] = {"squeeze", "expand1", "expand3"};
    char text[ZOO_NAME];
    int half = graph->node[input].shape.c / 2, x[3] = {input, input, input};
    for (int i = 0; i < 3; i++) {
        int kernel = i < 2 ? 1 : 3, from = i == 0 ? input : x[0];
        x[i] = graph_add_conv(graph, zoo_name(text, "%s.%s", prefix, names[i]), from, half, kernel, 1, kernel / 2, 1,
                              true);
        x[i] = graph_add_unary(graph, zoo_name(text, "%s.%s.relu", prefix, names[i]), OP_RELU, x[i]);
    }
    return graph_add_binary(graph, zoo_name(text, "%s.concat", prefix), OP_CONCAT, x[1], x[2]);
}

static const struct block {
    const char *name;
    int (*add)(struct graph *graph, const char *prefix, int input);
} blocks[] = {
    {"residual", add_residual}, {"depthwise", add_depthwise}, {"dense", add_dense},
    {"gates", add_gated},       {"fire", add_fire},
};

static void add_stages(struct graph *graph, const struct block *block)
{
    char name[ZOO_NAME];
    graph_begin_stage(graph, "stem");
    int x = graph_add_conv(graph, "stem.conv", 0, WIDTH, 3, 1, 1, 1, true);
    x = graph_add_unary(graph, "stem.relu", OP_RELU, x);
    for (int stage = 1; stage <= STAGES; stage++) {
        graph_begin_stage(graph, zoo_name(name, "stage%d", stage));
        if (stage > 1) {
            x = graph_add_conv(graph, zoo_name(name, "stage%d.conv", stage), x, stage * WIDTH, 1, 1, 0, 1, true);
            x = zoo_pool(graph, zoo_name(name, "stage%d.pool", stage), OP_MAX_POOL, x, 2, 2, 0);
        }
        for (int i = 1; i <= BLOCKS; i++)
            x = block->add(graph, zoo_name(name, "stage%d.%d", stage, i), x);
    }
    x = graph_add_unary(graph, "gap", OP_GLOBAL_AVG_POOL, x);
    graph_mark_trunk(graph, x);
    graph_begin_stage(graph, "fc");
    graph_add_linear(graph, "fc", x, NARROW_CLASSES);
}

struct graph *narrow_graph(const char *name)
{
    const struct block *block = blocks;
    while (strcmp(block->name, name) != 0)
        block++;
    struct error error = {0};
    struct graph *graph = graph_create(name, NARROW_SIDE, NARROW_SIDE, NARROW_CHANNELS);
    add_stages(graph, block);
    if (!graph_finish(graph, &error)) {
        fprintf(stderr, "%s: %s\n", name, error.text);
        abort();
    }
    graph_initialise(graph, 3);
    return graph;
}
