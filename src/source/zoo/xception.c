/* Xception (Chollet 2017) as ported to PyTorch, in timm's names (legacy_xception): as Keras's, but for pools that are padded
 * evenly and a batch norm's eps of 1e-5. Two plain convolutions without padding, twelve blocks of separable convolutions,
 * of which the first three and the last halve the image by pooling beside a 1x1 convolution with stride, and two separable
 * convolutions more. Stages: stem, block1 to block12, exit (and the pooling), fc. */
#include "config.h"

#include "family.h"

enum { BLOCKS = 12 };
static const float bn_eps = 1e-5f, bn_momentum = 0.1f;

static const struct block_row {
    int channels, convs, stride;
    bool grows_last; /* else at its first convolution */
} rows[BLOCKS] = {
    {128, 2, 2, false}, {256, 2, 2, false}, {728, 2, 2, false}, {728, 3, 1, false},
    {728, 3, 1, false}, {728, 3, 1, false}, {728, 3, 1, false}, {728, 3, 1, false},
    {728, 3, 1, false}, {728, 3, 1, false}, {728, 3, 1, false}, {1024, 2, 2, true},
};

static int add_bn(struct graph *graph, const char *name, int input)
{
    return graph_add_batch_norm(graph, name, input, bn_eps, bn_momentum);
}

/* Each channel filtered 3x3, then a 1x1 convolution. */
static int add_separable(struct graph *graph, const char *prefix, int input, int channels)
{
    char name[ZOO_NAME];
    int in = graph->node[input].shape.c;
    int x = graph_add_conv(graph, zoo_name(name, "%s.conv1", prefix), input, in, 3, 1, 1, in, false);
    return graph_add_conv(graph, zoo_name(name, "%s.pointwise", prefix), x, channels, 1, 1, 0, 1, false);
}

static int add_block(struct graph *graph, int number, int input)
{
    const struct block_row *row = &rows[number - 1];
    char name[ZOO_NAME];
    int x = input, shortcut = input, part = 0, in = graph->node[input].shape.c;
    graph_begin_stage(graph, zoo_name(name, "block%d", number));
    for (int i = 0; i < row->convs; i++) {
        int channels = row->grows_last && i + 1 < row->convs ? in : row->channels;
        if (number > 1 || i > 0) /* the first one's input has been through one */
            x = graph_add_unary(graph, zoo_name(name, "block%d.rep.%d", number, part++), OP_RELU, x);
        x = add_separable(graph, zoo_name(name, "block%d.rep.%d", number, part++), x, channels);
        x = add_bn(graph, zoo_name(name, "block%d.rep.%d", number, part++), x);
    }
    if (row->stride > 1) {
        x = zoo_pool(graph, zoo_name(name, "block%d.rep.%d", number, part), OP_MAX_POOL, x, 3, row->stride, 1);
        zoo_name(name, "block%d.skip", number);
        shortcut = graph_add_conv(graph, name, input, row->channels, 1, row->stride, 0, 1, false);
        shortcut = add_bn(graph, zoo_name(name, "block%d.skipbn", number), shortcut);
    }
    return graph_add_binary(graph, zoo_name(name, "block%d.add", number), OP_ADD, x, shortcut);
}

static void build(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    (void)arch;
    graph_begin_stage(graph, "stem");
    int x = add_bn(graph, "bn1", graph_add_conv(graph, "conv1", 0, 32, 3, 2, 0, 1, false));
    x = graph_add_unary(graph, "act1", OP_RELU, x);
    x = add_bn(graph, "bn2", graph_add_conv(graph, "conv2", x, 64, 3, 1, 0, 1, false));
    x = graph_add_unary(graph, "act2", OP_RELU, x);
    for (int block = 1; block <= BLOCKS; block++)
        x = add_block(graph, block, x);
    graph_begin_stage(graph, "exit");
    x = graph_add_unary(graph, "act3", OP_RELU, add_bn(graph, "bn3", add_separable(graph, "conv3", x, 1536)));
    x = graph_add_unary(graph, "act4", OP_RELU, add_bn(graph, "bn4", add_separable(graph, "conv4", x, 2048)));
    x = graph_add_unary(graph, "global_pool", OP_GLOBAL_AVG_POOL, x);
    graph_mark_trunk(graph, x);
    graph_begin_stage(graph, "fc");
    graph_add_linear(graph, "fc", x, options->classes);
}

static const struct zoo_arch archs[] = {
    {"legacy_xception", "Xception", "Xception in PyTorch (Chollet 2017)", ZOO_BICUBIC_HALVES(299, 333), build, 0, 0,
     true},
};
const struct zoo_family zoo_xception = {archs, THAW_LENGTH(archs), NULL};
