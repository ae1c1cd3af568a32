/* Two small networks for the 28x28 digits of MNIST, in the forms in which their weights go round.
 *
 * lenet: two 5x5 convolutions and two linear layers after LeCun et al. 1998, with maximum pooling, relu and dropout, as in
 * PyTorch's first examples; pixels 0..1. mnist_bn: pairs of 5x5 and of 3x3 convolutions with a batch norm behind each
 * pair's last relu, numbered through as one list of layers; pixels 0..255. Neither file says what lies between its
 * layers: of the arrangements that its shapes allow, these are the ones that read the test images best, at the accuracy
 * that its makers give. */
#include "config.h"

#include "family.h"

static const float bn_eps = 1e-5f, bn_momentum = 0.1f;

static void build_lenet(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    (void)arch;
    graph_begin_stage(graph, "conv1");
    int x = graph_add_conv(graph, "conv1", 0, 10, 5, 1, 0, 1, true);
    x = zoo_pool(graph, "pool1", OP_MAX_POOL, x, 2, 2, 0);
    x = graph_add_unary(graph, "relu1", OP_RELU, x);
    graph_begin_stage(graph, "conv2");
    x = graph_add_conv(graph, "conv2", x, 20, 5, 1, 0, 1, true);
    x = zoo_pool(graph, "pool2", OP_MAX_POOL, x, 2, 2, 0);
    x = graph_add_unary(graph, "relu2", OP_RELU, x);
    graph_begin_stage(graph, "fc1");
    x = zoo_flatten_chw(graph, "flatten", x);
    x = graph_add_linear(graph, "fc1", x, 50);
    x = graph_add_unary(graph, "relu3", OP_RELU, x);
    graph_mark_trunk(graph, x);
    graph_begin_stage(graph, "fc2");
    x = zoo_dropout(graph, "dropout", x, 0.5f);
    graph_add_linear(graph, "fc2", x, options->classes);
}

/* conv, relu, conv, relu, batch norm, pooling: six layers of the list, from `first` on. */
static int add_pair(struct graph *graph, int first, int input, int channels, int kernel)
{
    char name[ZOO_NAME];
    int x = graph_add_conv(graph, zoo_name(name, "layers.%d", first), input, channels, kernel, 1, 0, 1, true);
    x = graph_add_unary(graph, zoo_name(name, "layers.%d", first + 1), OP_RELU, x);
    x = graph_add_conv(graph, zoo_name(name, "layers.%d", first + 2), x, channels, kernel, 1, 0, 1, true);
    x = graph_add_unary(graph, zoo_name(name, "layers.%d", first + 3), OP_RELU, x);
    x = graph_add_batch_norm(graph, zoo_name(name, "layers.%d", first + 4), x, bn_eps, bn_momentum);
    return zoo_pool(graph, zoo_name(name, "layers.%d", first + 5), OP_MAX_POOL, x, 2, 2, 0);
}

static void build_bn(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    (void)arch;
    graph_begin_stage(graph, "block1");
    int x = add_pair(graph, 0, 0, 32, 5);
    graph_begin_stage(graph, "block2");
    x = add_pair(graph, 6, x, 64, 3);
    x = zoo_flatten_chw(graph, "layers.12", x);
    graph_mark_trunk(graph, x);
    graph_begin_stage(graph, "classifier");
    graph_add_linear(graph, "layers.13", x, options->classes);
}

/* clang-format off */
#define MNIST(raw) 10, 28, 28, 1, {28, 28, 1, 0, raw, false, {0, 0, 0}, {1, 1, 1}, INTERPOLATION_BILINEAR}
static const struct zoo_arch archs[] = {
    {"lenet", "LeNet", "LeNet for the digits of MNIST, with relu (after LeCun et al. 1998)", MNIST(false), build_lenet, 0, 0, false},
    {"mnist_bn", "MNIST", "Four convolutions with batch norm for the digits of MNIST", MNIST(true), build_bn, 0, 0, true},
};
/* clang-format on */
const struct zoo_family zoo_mnist = {archs, THAW_LENGTH(archs), NULL};
