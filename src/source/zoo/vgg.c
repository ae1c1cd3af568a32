/* VGG (Simonyan and Zisserman 2014), plain and with batch norm, as torchvision builds and numbers them; and vgg11_slim,
 * our own small one for 32x32 images: a quarter of the widths, batch norm without convolution biases, global pooling
 * and one linear layer; and the form for CIFAR-10 that goes round in PyTorch: as with batch norm, but one linear layer alone
 * behind the last pooling (vgg16_cifar and its like).
 *
 * Stages: block1 to block5, each ended by its pooling, then classifier. The trunk of the torchvision form ends behind
 * the second of its three linear layers, as the features used for transfer are taken from there. */
#include "config.h"

#include "family.h"

enum { BLOCKS = 5, POOLED = 7, HIDDEN = 4096 };
static const float bn_eps = 1e-5f, bn_momentum = 0.1f;

static const int block_width[BLOCKS] = {64, 128, 256, 512, 512};

static const struct vgg_row {
    int depth, convs[BLOCKS];
} rows[] = {
    {11, {1, 1, 2, 2, 2}},
    {13, {2, 2, 2, 2, 2}},
    {16, {2, 2, 3, 3, 3}},
    {19, {2, 2, 4, 4, 4}},
};

/* "features.7" and so on: layers are numbered through, activations and pools included. */
static const char *next_name(char name[ZOO_NAME], int *number)
{
    zoo_name(name, "features.%d", (*number)++);
    return name;
}

/* The five blocks. width_divisor 4 makes the slim form, whose last pooling is left to the global one. */
static int add_features(struct graph *graph, const struct zoo_arch *arch, bool bias, int width_divisor, bool last_pool)
{
    const struct vgg_row *row = rows;
    while (row->depth != arch->depth)
        row++;
    char name[ZOO_NAME];
    int x = 0, number = 0;
    for (int block = 0; block < BLOCKS; block++) {
        graph_begin_stage(graph, zoo_name(name, "block%d", block + 1));
        for (int i = 0; i < row->convs[block]; i++) {
            int width = block_width[block] / width_divisor;
            x = graph_add_conv(graph, next_name(name, &number), x, width, 3, 1, 1, 1, bias);
            if (arch->batch_norm)
                x = graph_add_batch_norm(graph, next_name(name, &number), x, bn_eps, bn_momentum);
            x = graph_add_unary(graph, next_name(name, &number), OP_RELU, x);
        }
        if (block + 1 < BLOCKS || last_pool)
            x = zoo_pool(graph, next_name(name, &number), OP_MAX_POOL, x, 2, 2, 0);
    }
    return x;
}

static void build(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    int x = add_features(graph, arch, true, 1, true);
    graph_begin_stage(graph, "classifier");
    x = zoo_flatten_chw(graph, "flatten", zoo_adaptive_pool(graph, "avgpool", x, POOLED));
    x = graph_add_linear(graph, "classifier.0", x, HIDDEN);
    x = graph_add_unary(graph, "classifier.1", OP_RELU, x);
    x = zoo_dropout(graph, "classifier.2", x, 0.5f);
    x = graph_add_linear(graph, "classifier.3", x, HIDDEN);
    x = graph_add_unary(graph, "classifier.4", OP_RELU, x);
    x = zoo_dropout(graph, "classifier.5", x, 0.5f);
    graph_mark_trunk(graph, x);
    graph_add_linear(graph, "classifier.6", x, options->classes);
}

static void build_slim(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    int x = add_features(graph, arch, false, 4, false);
    x = graph_add_unary(graph, "avgpool", OP_GLOBAL_AVG_POOL, x);
    graph_mark_trunk(graph, x);
    graph_begin_stage(graph, "classifier");
    graph_add_linear(graph, "classifier", x, options->classes);
}

static void build_cifar(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    int x = add_features(graph, arch, true, 1, true);
    x = zoo_flatten_chw(graph, "flatten", x);
    graph_mark_trunk(graph, x);
    graph_begin_stage(graph, "classifier");
    graph_add_linear(graph, "classifier", x, options->classes);
}

/* clang-format off */
static const struct zoo_arch archs[] = {
    {"vgg11_slim", "VGG", "VGG-11 at a quarter of its widths, for 32x32", ZOO_CIFAR, build_slim, 11, 0, true},
    {"vgg11", "VGG", "VGG-11 (Simonyan and Zisserman 2014)", ZOO_TORCHVISION(224, 256), build, 11, 0, false},
    {"vgg11_bn", "VGG", "VGG-11 with batch norm", ZOO_TORCHVISION(224, 256), build, 11, 0, true},
    {"vgg13", "VGG", "VGG-13 (Simonyan and Zisserman 2014)", ZOO_TORCHVISION(224, 256), build, 13, 0, false},
    {"vgg13_bn", "VGG", "VGG-13 with batch norm", ZOO_TORCHVISION(224, 256), build, 13, 0, true},
    {"vgg16", "VGG", "VGG-16 (Simonyan and Zisserman 2014)", ZOO_TORCHVISION(224, 256), build, 16, 0, false},
    {"vgg16_bn", "VGG", "VGG-16 with batch norm", ZOO_TORCHVISION(224, 256), build, 16, 0, true},
    {"vgg19", "VGG", "VGG-19 (Simonyan and Zisserman 2014)", ZOO_TORCHVISION(224, 256), build, 19, 0, false},
    {"vgg19_bn", "VGG", "VGG-19 with batch norm", ZOO_TORCHVISION(224, 256), build, 19, 0, true},
    {"vgg11_cifar", "VGG", "VGG-11 with batch norm and one linear layer, for 32x32", ZOO_CIFAR_OWN, build_cifar, 11, 0, true},
    {"vgg13_cifar", "VGG", "VGG-13 with batch norm and one linear layer, for 32x32", ZOO_CIFAR_OWN, build_cifar, 13, 0, true},
    {"vgg16_cifar", "VGG", "VGG-16 with batch norm and one linear layer, for 32x32", ZOO_CIFAR_OWN, build_cifar, 16, 0, true},
    {"vgg19_cifar", "VGG", "VGG-19 with batch norm and one linear layer, for 32x32", ZOO_CIFAR_OWN, build_cifar, 19, 0, true},
};
/* clang-format on */
const struct zoo_family zoo_vgg = {archs, THAW_LENGTH(archs), NULL};
