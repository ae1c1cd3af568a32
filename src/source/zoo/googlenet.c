/* GoogLeNet (Szegedy et al. 2014), as torchvision builds and names it: nine modules of four branches side by side, with
 * batch norm. The third branch's convolution is 3x3 where the paper has 5x5, as in the weights that people have; pools
 * round their size up. The two auxiliary heads, which only served the original's training, are left out.
 *
 * torchvision feeds these weights an input normalised by ImageNet's statistics and, as its model's first step
 * (transform_input, on for the pretrained weights), brings it to mean 0.5 and deviation 0.5 instead. Both together are
 * one normalisation, which is this row's preprocessing; weights trained with transform_input off take
 * `--preprocess torch`. Stages: conv1, conv2, one a module (a pooling goes with what it follows), fc. */
#include "config.h"

#include "family.h"

/* Table 1 of the paper: channels of the branches. */
static const struct googlenet_row {
    const char *name;
    int c1x1, reduce3x3, c3x3, reduce5x5, c5x5, pool;
    int pool_after; /* the kernel of the pooling behind it, 0: none */
} rows[] = {
    {"3a", 64, 96, 128, 16, 32, 32, 0},     {"3b", 128, 128, 192, 32, 96, 64, 3},
    {"4a", 192, 96, 208, 16, 48, 64, 0},    {"4b", 160, 112, 224, 24, 64, 64, 0},
    {"4c", 128, 128, 256, 24, 64, 64, 0},   {"4d", 112, 144, 288, 32, 64, 64, 0},
    {"4e", 256, 160, 320, 32, 128, 128, 2}, {"5a", 256, 160, 320, 32, 128, 128, 0},
    {"5b", 384, 192, 384, 48, 128, 128, 0},
};

static int add_conv(struct graph *graph, const char *prefix, const char *part, int input, int channels, int kernel)
{
    char name[ZOO_NAME];
    return zoo_basic_conv(graph, zoo_name(name, "%s.%s", prefix, part), input, channels, kernel, kernel, 1, true);
}

static int add_module(struct graph *graph, const char *prefix, int input, const struct googlenet_row *row)
{
    char name[ZOO_NAME];
    struct op_attrs attrs = op_attrs_default();
    int a = add_conv(graph, prefix, "branch1", input, row->c1x1, 1);
    int b = add_conv(graph, prefix, "branch2.0", input, row->reduce3x3, 1);
    b = add_conv(graph, prefix, "branch2.1", b, row->c3x3, 3);
    int c = add_conv(graph, prefix, "branch3.0", input, row->reduce5x5, 1);
    c = add_conv(graph, prefix, "branch3.1", c, row->c5x5, 3);
    int d = zoo_pool(graph, zoo_name(name, "%s.branch4.0", prefix), OP_MAX_POOL, input, 3, 1, 1);
    d = add_conv(graph, prefix, "branch4.1", d, row->pool, 1);
    return graph_add(graph, zoo_name(name, "%s.concat", prefix), OP_CONCAT, &attrs, 4, (int[]){a, b, c, d});
}

static void build(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    (void)arch;
    int pools = 0;
    char name[ZOO_NAME];
    graph_begin_stage(graph, "conv1");
    int x = zoo_basic_conv(graph, "conv1", 0, 64, 7, 7, 2, true);
    x = zoo_pool_ceil(graph, zoo_name(name, "maxpool%d", ++pools), OP_MAX_POOL, x, 3, 2, 0);
    graph_begin_stage(graph, "conv2");
    x = zoo_basic_conv(graph, "conv2", x, 64, 1, 1, 1, true);
    x = zoo_basic_conv(graph, "conv3", x, 192, 3, 3, 1, true);
    x = zoo_pool_ceil(graph, zoo_name(name, "maxpool%d", ++pools), OP_MAX_POOL, x, 3, 2, 0);
    for (size_t i = 0; i < THAW_LENGTH(rows); i++) {
        graph_begin_stage(graph, zoo_name(name, "inception%s", rows[i].name));
        x = add_module(graph, name, x, &rows[i]);
        if (rows[i].pool_after)
            x = zoo_pool_ceil(graph, zoo_name(name, "maxpool%d", ++pools), OP_MAX_POOL, x, rows[i].pool_after, 2, 0);
    }
    x = graph_add_unary(graph, "avgpool", OP_GLOBAL_AVG_POOL, x);
    graph_mark_trunk(graph, x);
    graph_begin_stage(graph, "fc");
    x = zoo_dropout(graph, "dropout", x, 0.2f);
    graph_add_linear(graph, "fc", x, options->classes);
    graph_leave_out(graph, "aux1.", ZOO_AUXILIARY);
    graph_leave_out(graph, "aux2.", ZOO_AUXILIARY);
}

static const struct zoo_arch archs[] = {
    {"googlenet", "GoogLeNet", "GoogLeNet (Szegedy et al. 2014)", ZOO_HALVED(224, 256), build, 0, 0, true},
};
const struct zoo_family zoo_googlenet = {archs, THAW_LENGTH(archs), NULL};
