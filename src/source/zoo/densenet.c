/* DenseNet-BC (Huang et al. 2017), as torchvision builds and names it: in a dense block each layer reads everything before
 * it and adds `growth` channels; transitions halve channels and size. Batch norm and relu come before the convolution.
 * Stages: stem, denseblock1, transition1, ... denseblock4 (with the last norm and the pooling), classifier. */
#include "config.h"

#include "family.h"

enum { BLOCKS = 4, BOTTLENECK = 4 };
static const float bn_eps = 1e-5f, bn_momentum = 0.1f;

/* Table 1 of the paper. */
static const struct densenet_row {
    int depth, growth, stem, layers[BLOCKS];
} rows[] = {
    {121, 32, 64, {6, 12, 24, 16}},
    {161, 48, 96, {6, 12, 36, 24}},
    {169, 32, 64, {6, 12, 32, 32}},
    {201, 32, 64, {6, 12, 48, 32}},
};

/* `prefix`norm`i`, `prefix`relu`i`; i as text, since a transition has one of each and no number. */
static int add_norm(struct graph *graph, const char *prefix, const char *i, int input)
{
    char name[ZOO_NAME];
    int x = graph_add_batch_norm(graph, zoo_name(name, "%snorm%s", prefix, i), input, bn_eps, bn_momentum);
    return graph_add_unary(graph, zoo_name(name, "%srelu%s", prefix, i), OP_RELU, x);
}

/* Returns everything so far: the input's channels, then the layer's own. */
static int add_layer(struct graph *graph, const char *prefix, int input, int growth)
{
    char name[ZOO_NAME];
    int x = add_norm(graph, prefix, "1", input);
    x = graph_add_conv(graph, zoo_name(name, "%sconv1", prefix), x, BOTTLENECK * growth, 1, 1, 0, 1, false);
    x = add_norm(graph, prefix, "2", x);
    x = graph_add_conv(graph, zoo_name(name, "%sconv2", prefix), x, growth, 3, 1, 1, 1, false);
    return graph_add_binary(graph, zoo_name(name, "%sconcat", prefix), OP_CONCAT, input, x);
}

static int add_transition(struct graph *graph, int number, int input)
{
    char name[ZOO_NAME], prefix[ZOO_NAME];
    graph_begin_stage(graph, zoo_name(name, "transition%d", number));
    zoo_name(prefix, "features.transition%d.", number);
    int x = add_norm(graph, prefix, "", input);
    x = graph_add_conv(graph, zoo_name(name, "%sconv", prefix), x, graph->node[input].shape.c / 2, 1, 1, 0, 1, false);
    return zoo_pool(graph, zoo_name(name, "%spool", prefix), OP_AVG_POOL, x, 2, 2, 0);
}

static void build(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    const struct densenet_row *row = rows;
    while (row->depth != arch->depth)
        row++;
    char name[ZOO_NAME];
    graph_begin_stage(graph, "stem");
    int x = graph_add_conv(graph, "features.conv0", 0, row->stem, 7, 2, 3, 1, false);
    x = add_norm(graph, "features.", "0", x);
    x = zoo_pool(graph, "features.pool0", OP_MAX_POOL, x, 3, 2, 1);
    for (int block = 1; block <= BLOCKS; block++) {
        if (block > 1)
            x = add_transition(graph, block - 1, x);
        graph_begin_stage(graph, zoo_name(name, "denseblock%d", block));
        for (int i = 1; i <= row->layers[block - 1]; i++)
            x = add_layer(graph, zoo_name(name, "features.denseblock%d.denselayer%d.", block, i), x, row->growth);
    }
    x = add_norm(graph, "features.", "5", x);
    x = graph_add_unary(graph, "avgpool", OP_GLOBAL_AVG_POOL, x);
    graph_mark_trunk(graph, x);
    graph_begin_stage(graph, "classifier");
    graph_add_linear(graph, "classifier", x, options->classes);
}

/* clang-format off */
#define DENSENET(name, depth, title) {name, "DenseNet", title " (Huang et al. 2017)", ZOO_TORCHVISION(224, 256), build, depth, 0, true}
static const struct zoo_arch archs[] = {
    DENSENET("densenet121", 121, "DenseNet-121"),
    DENSENET("densenet169", 169, "DenseNet-169"),
    DENSENET("densenet201", 201, "DenseNet-201"),
    DENSENET("densenet161", 161, "DenseNet-161, growing by 48"),
};
/* clang-format on */
const struct zoo_family zoo_densenet = {archs, THAW_LENGTH(archs), NULL};
