/* Small networks that tutorials have their readers write and save, in the form in which they stand there: PyTorch's "Training a
 * classifier" on CIFAR-10, its example for MNIST now and in 2018, LeNet-5 (LeCun et al. 1998) as most write it today, with
 * relu and maximum pooling, and as "Dive into Deep Learning" has it, with sigmoids and averages in one numbered list. Each
 * is a few convolutions, each with its activation and its pooling, and linear layers; the last one is the head. */
#include "config.h"

#include "family.h"

enum { CONVS_MAX = 2, LINEARS_MAX = 2 };

static const struct network {
    const char *conv[CONVS_MAX], *linear[LINEARS_MAX + 1]; /* names; the last linear one is that of the classes */
    int channels[CONVS_MAX], kernel, padding;              /* padding: of the first alone */
    enum op_kind activation, pool;
    bool pools_all;           /* else behind the last convolution alone */
    int hidden[LINEARS_MAX];  /* 0: there is no such layer */
    float map_rate, end_rate; /* of dropout before the first linear layer and before the last */
    bool various;             /* everybody trains their own, on pixels as they please: what is stated here is a guess */
} networks[] = {
    /* clang-format off */
    {{"conv1", "conv2"}, {"fc1", "fc2", "fc3"}, {6, 16}, 5, 0, OP_RELU, OP_MAX_POOL, true, {120, 84}, 0, 0, false},
    {{"conv1", "conv2"}, {"fc1", NULL, "fc2"}, {32, 64}, 3, 0, OP_RELU, OP_MAX_POOL, false, {128, 0}, 0.25f, 0.5f, false},
    {{"conv1", "conv2"}, {"fc1", NULL, "fc2"}, {20, 50}, 5, 0, OP_RELU, OP_MAX_POOL, true, {500, 0}, 0, 0, false},
    {{"conv1", "conv2"}, {"fc1", "fc2", "fc3"}, {6, 16}, 5, 2, OP_RELU, OP_MAX_POOL, true, {120, 84}, 0, 0, true},
    {{"0", "3"}, {"7", "9", "11"}, {6, 16}, 5, 2, OP_SIGMOID, OP_AVG_POOL, true, {120, 84}, 0, 0, true},
    /* clang-format on */
};
enum { CIFAR10_TUTORIAL, MNIST_EXAMPLE, MNIST_EXAMPLE_2018, LENET5, LENET5_D2L, NETWORKS };
_Static_assert(THAW_LENGTH(networks) == NETWORKS, "one row a network");

static int add_conv(struct graph *graph, const struct network *net, int i, int input)
{
    char name[ZOO_NAME];
    graph_begin_stage(graph, zoo_name(name, "conv%d", i + 1));
    int padding = i == 0 ? net->padding : 0;
    int x = graph_add_conv(graph, net->conv[i], input, net->channels[i], net->kernel, 1, padding, 1, true);
    x = graph_add_unary(graph, zoo_name(name, "%s.activation", net->conv[i]), net->activation, x);
    if (net->pools_all || i + 1 == CONVS_MAX)
        x = zoo_pool(graph, zoo_name(name, "%s.pool", net->conv[i]), net->pool, x, 2, 2, 0);
    return x;
}

static void build(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    const struct network *net = &networks[arch->depth];
    char name[ZOO_NAME];
    int x = 0;
    if (net->various)
        graph->preprocess_basis = PREPROCESS_GUESSED;
    for (int i = 0; i < CONVS_MAX; i++)
        x = add_conv(graph, net, i, x);
    if (net->map_rate > 0)
        x = zoo_dropout(graph, "dropout1", x, net->map_rate);
    x = zoo_flatten_chw(graph, "flatten", x);
    for (int i = 0; i < LINEARS_MAX && net->hidden[i]; i++) {
        graph_begin_stage(graph, zoo_name(name, "fc%d", i + 1));
        x = graph_add_linear(graph, net->linear[i], x, net->hidden[i]);
        x = graph_add_unary(graph, zoo_name(name, "%s.activation", net->linear[i]), net->activation, x);
    }
    graph_mark_trunk(graph, x);
    graph_begin_stage(graph, "classes");
    if (net->end_rate > 0)
        x = zoo_dropout(graph, "dropout2", x, net->end_rate);
    graph_add_linear(graph, net->linear[LINEARS_MAX], x, options->classes);
}

/* clang-format off */
#define GREY(mean, std) 10, 28, 28, 1, {28, 28, 1, 0, false, false, {mean, 0, 0}, {std, 1, 1}, INTERPOLATION_BILINEAR}
static const struct zoo_arch archs[] = {
    {"cifar10_tutorial", "Tutorial", "The network of PyTorch's CIFAR-10 tutorial", 10, 32, 32, 3, {32, 32, 3, 0, false, false, {0.5f, 0.5f, 0.5f}, {0.5f, 0.5f, 0.5f}, INTERPOLATION_BILINEAR}, build, CIFAR10_TUTORIAL, 0, false},
    {"mnist_example", "Tutorial", "The network of PyTorch's MNIST example", GREY(0.1307f, 0.3081f), build, MNIST_EXAMPLE, 0, false},
    {"mnist_example_2018", "Tutorial", "The network of PyTorch's MNIST example in 2018", GREY(0.1307f, 0.3081f), build, MNIST_EXAMPLE_2018, 0, false},
    {"lenet5", "LeNet", "LeNet-5 with relu and maximum pooling (after LeCun et al. 1998)", GREY(0.5f, 0.5f), build, LENET5, 0, false},
    {"lenet5_d2l", "LeNet", "LeNet-5 of \"Dive into Deep Learning\", with sigmoids and averages", GREY(0, 1), build, LENET5_D2L, 0, false},
};
/* clang-format on */
const struct zoo_family zoo_tutorials = {archs, THAW_LENGTH(archs), NULL};
