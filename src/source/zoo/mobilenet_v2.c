/* MobileNetV2 (Sandler et al. 2018), as torchvision builds and names it: inverted residuals, which widen by a 1x1
 * convolution, filter each channel and narrow again without activation; blocks that keep size and width add their input.
 * Stages: features.0 (the stem), one a block, features.18 (the last 1x1 convolution and the pooling), classifier. */
#include "config.h"

#include "family.h"

static const struct zoo_norm norm = {1e-5f, 0.1f};

/* Table 2 of the paper. */
static const struct mobilenet_v2_row {
    int expansion, channels, blocks, stride;
} rows[] = {{1, 16, 1, 1}, {6, 24, 2, 2}, {6, 32, 3, 2}, {6, 64, 4, 2}, {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};

static int add_block(struct graph *graph, const char *prefix, int input, int expansion, int channels, int stride)
{
    char name[ZOO_NAME];
    int x = input, part = 0, in = graph->node[input].shape.c, wide = in * expansion;
    if (expansion != 1)
        x = zoo_conv_norm(graph, zoo_name(name, "%s.conv.%d", prefix, part++), x,
                          (struct zoo_conv){wide, 1, 1, 1, OP_RELU6}, norm);
    x = zoo_conv_norm(graph, zoo_name(name, "%s.conv.%d", prefix, part++), x,
                      (struct zoo_conv){wide, 3, stride, wide, OP_RELU6}, norm);
    x = graph_add_conv(graph, zoo_name(name, "%s.conv.%d", prefix, part++), x, channels, 1, 1, 0, 1, false);
    x = graph_add_batch_norm(graph, zoo_name(name, "%s.conv.%d", prefix, part), x, norm.eps, norm.momentum);
    if (stride == 1 && channels == in)
        x = graph_add_binary(graph, zoo_name(name, "%s.add", prefix), OP_ADD, input, x);
    return x;
}

static void build(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    (void)arch;
    char name[ZOO_NAME];
    int number = 0;
    graph_begin_stage(graph, zoo_name(name, "features.%d", number++));
    int x = zoo_conv_norm(graph, name, 0, (struct zoo_conv){32, 3, 2, 1, OP_RELU6}, norm);
    for (size_t i = 0; i < THAW_LENGTH(rows); i++) {
        for (int block = 0; block < rows[i].blocks; block++) {
            graph_begin_stage(graph, zoo_name(name, "features.%d", number++));
            x = add_block(graph, name, x, rows[i].expansion, rows[i].channels, block == 0 ? rows[i].stride : 1);
        }
    }
    graph_begin_stage(graph, zoo_name(name, "features.%d", number));
    x = zoo_conv_norm(graph, name, x, (struct zoo_conv){1280, 1, 1, 1, OP_RELU6}, norm);
    x = graph_add_unary(graph, "avgpool", OP_GLOBAL_AVG_POOL, x);
    graph_mark_trunk(graph, x);
    graph_begin_stage(graph, "classifier");
    x = zoo_dropout(graph, "classifier.0", x, 0.2f);
    graph_add_linear(graph, "classifier.1", x, options->classes);
}

static const struct zoo_arch archs[] = {
    {"mobilenet_v2", "MobileNetV2", "MobileNetV2 (Sandler et al. 2018)", ZOO_TORCHVISION(224, 256), build, 0, 0, true},
};
const struct zoo_family zoo_mobilenet_v2 = {archs, THAW_LENGTH(archs), NULL};
