/* Xception (Chollet 2017) as keras.applications has it: two plain convolutions without padding, then blocks 2 to 14 of
 * separable convolutions, of which 2, 3, 4 and 13 halve the image by pooling beside a 1x1 convolution with stride; a
 * batch norm's eps is 1e-3. Stages: block1 to block14 (the pooling goes with the last), top. */
#include "config.h"

#include "keras.h"

static const float bn_eps = 1e-3f, bn_momentum = 0.01f;

/* The entry flow: all relus come before their convolution but block2's first, whose input has been through one. */
static const struct entry_row {
    int block, first, second; /* channels of the two separable convolutions */
} entries[] = {{2, 128, 128}, {3, 256, 256}, {4, 728, 728}, {13, 728, 1024}};
enum { MIDDLE = 728, MIDDLE_FIRST = 5, MIDDLE_LAST = 12 };

/* Convolution, batch norm, relu, without padding. */
static int add_stem(struct graph *graph, const char *layer, int input, int channels, int stride)
{
    char name[ZOO_NAME];
    int x = graph_add_conv(graph, layer, input, channels, 3, stride, 0, 1, false);
    x = graph_add_batch_norm(graph, zoo_name(name, "%s_bn", layer), x, bn_eps, bn_momentum);
    return graph_add_unary(graph, zoo_name(name, "%s_act", layer), OP_RELU, x);
}

static int add_relu(struct graph *graph, int block, int i, int input)
{
    char name[ZOO_NAME];
    return graph_add_unary(graph, zoo_name(name, "block%d_sepconv%d_act", block, i), OP_RELU, input);
}

static int add_separable(struct graph *graph, int block, int i, int input, int channels)
{
    char name[ZOO_NAME];
    int x = keras_separable(graph, zoo_name(name, "block%d_sepconv%d", block, i), input, channels, 3, 1);
    return graph_add_batch_norm(graph, zoo_name(name, "block%d_sepconv%d_bn", block, i), x, bn_eps, bn_momentum);
}

/* Two separable convolutions and a pool, beside the shortcut, Keras's conv2d_`number`. */
static int add_entry(struct graph *graph, const struct entry_row *row, int number, int input)
{
    char name[ZOO_NAME];
    graph_begin_stage(graph, zoo_name(name, "block%d", row->block));
    int shortcut = zoo_conv_same(graph, zoo_name(name, "conv2d_%d", number), input, row->second, 1, 2, 1, false);
    zoo_name(name, "batch_normalization_%d", number);
    shortcut = graph_add_batch_norm(graph, name, shortcut, bn_eps, bn_momentum);
    int x = row->block == 2 ? input : add_relu(graph, row->block, 1, input);
    x = add_separable(graph, row->block, 1, x, row->first);
    x = add_relu(graph, row->block, 2, x);
    x = add_separable(graph, row->block, 2, x, row->second);
    x = keras_pool_same(graph, zoo_name(name, "block%d_pool", row->block), OP_MAX_POOL, x, 3, 2);
    return graph_add_binary(graph, zoo_name(name, "block%d_add", row->block), OP_ADD, x, shortcut);
}

static int add_middle(struct graph *graph, int block, int input)
{
    char name[ZOO_NAME];
    graph_begin_stage(graph, zoo_name(name, "block%d", block));
    int x = input;
    for (int i = 1; i <= 3; i++)
        x = add_separable(graph, block, i, add_relu(graph, block, i, x), MIDDLE);
    return graph_add_binary(graph, zoo_name(name, "block%d_add", block), OP_ADD, x, input);
}

static void build(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    (void)arch;
    graph_begin_stage(graph, "block1");
    int x = add_stem(graph, "block1_conv1", 0, 32, 2);
    x = add_stem(graph, "block1_conv2", x, 64, 1);
    for (int i = 0; i < 3; i++)
        x = add_entry(graph, &entries[i], i + 1, x);
    for (int block = MIDDLE_FIRST; block <= MIDDLE_LAST; block++)
        x = add_middle(graph, block, x);
    x = add_entry(graph, &entries[3], 4, x);
    graph_begin_stage(graph, "block14");
    x = add_relu(graph, 14, 1, add_separable(graph, 14, 1, x, 1536));
    x = add_relu(graph, 14, 2, add_separable(graph, 14, 2, x, 2048));
    keras_top(graph, "avg_pool", x, options->classes);
}

static const struct zoo_arch archs[] = {
    {"keras_xception", "Xception", "Xception of Keras (Chollet 2017)", ZOO_TENSORFLOW(299, 342), build, 0, 0, true},
};
const struct zoo_family zoo_keras_xception = {archs, THAW_LENGTH(archs), NULL};
