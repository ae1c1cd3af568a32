/* SqueezeNet (Iandola et al. 2016), as torchvision builds and numbers it: eight fire modules, each of which squeezes the
 * channels by a 1x1 convolution and expands them by a 1x1 and a 3x3 side by side. The classes come out of a 1x1
 * convolution, whose maps are averaged. Pools round their size up. Version 1.1 has a smaller stem and pools earlier.
 * Stages: stem, fire2 to fire9 as the paper counts them (a pooling goes with what it follows), classifier. */
#include "config.h"

#include "family.h"

enum { FIRES = 8 };

/* Channels of each module: squeezed, and expanded by either convolution. */
static const struct fire_row {
    int squeeze, expand;
} fires[FIRES] = {{16, 64}, {16, 64}, {32, 128}, {32, 128}, {48, 192}, {48, 192}, {64, 256}, {64, 256}};

static const struct squeezenet_row {
    int channels, kernel; /* of the stem */
    int pools[2];         /* the modules that a pooling follows */
} rows[] = {
    {96, 7, {4, 8}},
    {64, 3, {3, 5}},
};

static int add_conv(struct graph *graph, const char *prefix, const char *part, int input, int channels, int kernel)
{
    char name[ZOO_NAME];
    int x =
        graph_add_conv(graph, zoo_name(name, "%s.%s", prefix, part), input, channels, kernel, 1, kernel / 2, 1, true);
    return graph_add_unary(graph, zoo_name(name, "%s.%s_activation", prefix, part), OP_RELU, x);
}

static int add_fire(struct graph *graph, const char *prefix, int input, const struct fire_row *fire)
{
    char name[ZOO_NAME];
    int x = add_conv(graph, prefix, "squeeze", input, fire->squeeze, 1);
    int narrow = add_conv(graph, prefix, "expand1x1", x, fire->expand, 1);
    int wide = add_conv(graph, prefix, "expand3x3", x, fire->expand, 3);
    return graph_add_binary(graph, zoo_name(name, "%s.concat", prefix), OP_CONCAT, narrow, wide);
}

static int add_pool(struct graph *graph, int *number, int input)
{
    char name[ZOO_NAME];
    return zoo_pool_ceil(graph, zoo_name(name, "features.%d", (*number)++), OP_MAX_POOL, input, 3, 2, 0);
}

static void build(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    const struct squeezenet_row *row = &rows[arch->depth];
    int number = 2; /* of the layer in torchvision's list */
    graph_begin_stage(graph, "stem");
    int x = graph_add_conv(graph, "features.0", 0, row->channels, row->kernel, 2, 0, 1, true);
    x = graph_add_unary(graph, "features.1", OP_RELU, x);
    x = add_pool(graph, &number, x);
    for (int i = 0; i < FIRES; i++) {
        char name[ZOO_NAME];
        graph_begin_stage(graph, zoo_name(name, "fire%d", i + 2));
        x = add_fire(graph, zoo_name(name, "features.%d", number++), x, &fires[i]);
        if (i + 2 == row->pools[0] || i + 2 == row->pools[1])
            x = add_pool(graph, &number, x);
    }
    graph_mark_trunk(graph, x);
    graph_begin_stage(graph, "classifier");
    x = zoo_dropout(graph, "classifier.0", x, 0.5f);
    x = graph_add_conv(graph, "classifier.1", x, options->classes, 1, 1, 0, 1, true);
    x = graph_add_unary(graph, "classifier.2", OP_RELU, x);
    graph_add_unary(graph, "classifier.3", OP_GLOBAL_AVG_POOL, x);
}

/* clang-format off */
static const struct zoo_arch archs[] = {
    {"squeezenet1_0", "SqueezeNet", "SqueezeNet 1.0 (Iandola et al. 2016)", ZOO_TORCHVISION(224, 256), build, 0, 0, false},
    {"squeezenet1_1", "SqueezeNet", "SqueezeNet 1.1: less than half the work of 1.0", ZOO_TORCHVISION(224, 256), build, 1, 0, false},
};
/* clang-format on */
const struct zoo_family zoo_squeezenet = {archs, THAW_LENGTH(archs), NULL};
