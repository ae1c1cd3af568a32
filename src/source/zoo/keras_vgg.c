/* VGG-16 and 19 (Simonyan and Zisserman 2014) as keras.applications has them: layers block1_conv1 to block5_pool, fc1,
 * fc2, predictions; the image is flattened in h,w,c order; inputs as Caffe's. Without dropout. A file without top has no
 * fc1 and fc2 either, so these belong to the head. Stages: block1 to block5, top. */
#include "config.h"

#include "keras.h"

enum { BLOCKS = 5, HIDDEN = 4096 };

static const int block_width[BLOCKS] = {64, 128, 256, 512, 512};

static const struct vgg_row {
    int depth, convs[BLOCKS];
} rows[] = {
    {16, {2, 2, 3, 3, 3}},
    {19, {2, 2, 4, 4, 4}},
};

static void build(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    const struct vgg_row *row = rows;
    while (row->depth != arch->depth)
        row++;
    char name[ZOO_NAME];
    int x = 0;
    for (int block = 1; block <= BLOCKS; block++) {
        graph_begin_stage(graph, zoo_name(name, "block%d", block));
        for (int i = 1; i <= row->convs[block - 1]; i++) {
            zoo_name(name, "block%d_conv%d", block, i);
            x = graph_add_conv(graph, name, x, block_width[block - 1], 3, 1, 1, 1, true);
            x = graph_add_unary(graph, zoo_name(name, "block%d_conv%d_relu", block, i), OP_RELU, x);
        }
        x = zoo_pool(graph, zoo_name(name, "block%d_pool", block), OP_MAX_POOL, x, 2, 2, 0);
    }
    graph_mark_trunk(graph, x);
    graph_begin_stage(graph, "top");
    x = graph_add_unary(graph, "flatten", OP_FLATTEN, x);
    for (int i = 1; i <= 2; i++) {
        x = graph_add_linear(graph, zoo_name(name, "fc%d", i), x, HIDDEN);
        x = graph_add_unary(graph, zoo_name(name, "fc%d_relu", i), OP_RELU, x);
    }
    graph_add_linear(graph, "predictions", x, options->classes);
}

/* clang-format off */
static const struct zoo_arch archs[] = {
    {"keras_vgg16", "VGG", "VGG-16 of Keras (Simonyan and Zisserman 2014)", KERAS_CAFFE(224, 256), build, 16, 0, false},
    {"keras_vgg19", "VGG", "VGG-19 of Keras (Simonyan and Zisserman 2014)", KERAS_CAFFE(224, 256), build, 19, 0, false},
};
/* clang-format on */
const struct zoo_family zoo_keras_vgg = {archs, THAW_LENGTH(archs), NULL};
