/* AlexNet in one tower (Krizhevsky 2014, "One weird trick"), as torchvision builds and numbers it: five convolutions, three
 * of them pooled, and VGG's three linear layers with the dropout before each of the first two. The trunk ends behind the
 * second linear layer, as VGG's does. Stages: conv1 to conv5, each with what follows it, then classifier. */
#include "config.h"

#include "family.h"

enum { CONVS = 5, POOLED = 6, HIDDEN = 4096 };

static const struct alexnet_row {
    int channels, kernel, stride, padding;
    bool pool;
} rows[CONVS] = {
    {64, 11, 4, 2, true}, {192, 5, 1, 2, true}, {384, 3, 1, 1, false}, {256, 3, 1, 1, false}, {256, 3, 1, 1, true},
};

/* "features.7" and so on: layers are numbered through, activations and pools included. */
static const char *next_name(char name[ZOO_NAME], int *number)
{
    return zoo_name(name, "features.%d", (*number)++);
}

static void build(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    (void)arch;
    char name[ZOO_NAME];
    int x = 0, number = 0;
    for (int i = 0; i < CONVS; i++) {
        const struct alexnet_row *row = &rows[i];
        graph_begin_stage(graph, zoo_name(name, "conv%d", i + 1));
        x = graph_add_conv(graph, next_name(name, &number), x, row->channels, row->kernel, row->stride, row->padding, 1,
                           true);
        x = graph_add_unary(graph, next_name(name, &number), OP_RELU, x);
        if (row->pool)
            x = zoo_pool(graph, next_name(name, &number), OP_MAX_POOL, x, 3, 2, 0);
    }
    graph_begin_stage(graph, "classifier");
    x = zoo_flatten_chw(graph, "flatten", zoo_adaptive_pool(graph, "avgpool", x, POOLED));
    x = zoo_dropout(graph, "classifier.0", x, 0.5f);
    x = graph_add_linear(graph, "classifier.1", x, HIDDEN);
    x = graph_add_unary(graph, "classifier.2", OP_RELU, x);
    x = zoo_dropout(graph, "classifier.3", x, 0.5f);
    x = graph_add_linear(graph, "classifier.4", x, HIDDEN);
    x = graph_add_unary(graph, "classifier.5", OP_RELU, x);
    graph_mark_trunk(graph, x);
    graph_add_linear(graph, "classifier.6", x, options->classes);
}

static const struct zoo_arch archs[] = {
    {"alexnet", "AlexNet", "AlexNet in one tower (Krizhevsky 2014)", ZOO_TORCHVISION(224, 256), build, 0, 0, false},
};
const struct zoo_family zoo_alexnet = {archs, THAW_LENGTH(archs), NULL};
