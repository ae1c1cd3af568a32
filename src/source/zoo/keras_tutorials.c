/* Small networks of Keras's and TensorFlow's tutorials for beginners, for files of their weights alone (a whole model says
 * itself what it is): the MNIST convnet of keras.io, TensorFlow's "Convolutional neural network" on CIFAR-10, and its "Image
 * classification" of flowers, which rescales by itself. Convolutions with relu, each with maximum pooling but the last of
 * some, and dense layers. */
#include "config.h"

#include "keras.h"

enum { CONVS_MAX = 3 };

static const struct network {
    int channels[CONVS_MAX]; /* 0: no such layer */
    bool same, pools_last, rescales;
    int hidden; /* 0: no such layer */
    float rate; /* of dropout before the dense layers */
} networks[] = {
    {{32, 64}, false, true, false, 0, 0.5f},
    {{32, 64, 64}, false, false, false, 64, 0},
    {{16, 32, 64}, true, true, true, 128, 0.2f},
};
enum { MNIST_CONVNET, CIFAR10_CNN, FLOWERS_CNN, NETWORKS };
_Static_assert(THAW_LENGTH(networks) == NETWORKS, "one row a network");

static void build(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    static const float unit[3] = {1 / 255.0f, 1 / 255.0f, 1 / 255.0f}, none[3] = {0, 0, 0};
    const struct network *net = &networks[arch->depth];
    char name[ZOO_NAME];
    int x = 0;
    if (net->rescales)
        graph_begin_stage(graph, "rescaling");
    if (net->rescales)
        x = keras_rescale(graph, "rescaling", x, unit, none);
    for (int i = 0; i < CONVS_MAX && net->channels[i]; i++) {
        bool last = i + 1 == CONVS_MAX || net->channels[i + 1] == 0;
        graph_begin_stage(graph, zoo_name(name, "conv%d", i + 1));
        zoo_name(name, "conv2d_%d", i + 1);
        x = graph_add_conv(graph, name, x, net->channels[i], 3, 1, net->same ? 1 : 0, 1, true);
        x = graph_add_unary(graph, zoo_name(name, "conv2d_%d.relu", i + 1), OP_RELU, x);
        if (!last || net->pools_last)
            x = zoo_pool(graph, zoo_name(name, "max_pooling2d_%d", i + 1), OP_MAX_POOL, x, 2, 2, 0);
    }
    if (net->rate > 0 && net->hidden)
        x = zoo_dropout(graph, "dropout", x, net->rate);
    x = graph_add_unary(graph, "flatten", OP_FLATTEN, x);
    if (net->hidden) {
        graph_begin_stage(graph, "dense");
        x = graph_add_linear(graph, "dense_1", x, net->hidden);
        x = graph_add_unary(graph, "dense_1.relu", OP_RELU, x);
    }
    graph_mark_trunk(graph, x);
    graph_begin_stage(graph, "top");
    if (net->rate > 0 && !net->hidden)
        x = zoo_dropout(graph, "dropout", x, net->rate);
    graph_add_linear(graph, net->hidden ? "dense_2" : "dense_1", x, options->classes);
}

/* clang-format off */
static const struct zoo_arch archs[] = {
    {"keras_mnist_convnet", "Tutorial", "The MNIST convnet of keras.io", 10, 28, 28, 1, {28, 28, 1, 0, false, false, {0, 0, 0}, {1, 1, 1}, INTERPOLATION_BILINEAR}, build, MNIST_CONVNET, 0, false},
    {"keras_cifar10_cnn", "Tutorial", "The network of TensorFlow's CIFAR-10 tutorial", 10, 32, 32, 3, {32, 32, 3, 0, false, false, {0, 0, 0}, {1, 1, 1}, INTERPOLATION_BILINEAR}, build, CIFAR10_CNN, 0, false},
    {"keras_flowers_cnn", "Tutorial", "The network of TensorFlow's image classification tutorial", 5, 180, 180, 3, {180, 180, 3, 0, true, false, {0, 0, 0}, {1, 1, 1}, INTERPOLATION_BILINEAR}, build, FLOWERS_CNN, 0, false},
};
/* clang-format on */
const struct zoo_family zoo_keras_tutorials = {archs, THAW_LENGTH(archs), NULL};
