/* VGG (Simonyan and Zisserman 2014), plain and with batch norm, as torchvision builds and numbers them; and vgg11_slim,
 * our own small one for 32x32 images: a quarter of the widths, batch norm without convolution biases, global pooling
 * and one linear layer.
 *
 * Stages: block1 to block5, each ended by its pooling, then classifier. The trunk of the torchvision form ends behind
 * the second of its three linear layers, as the features used for transfer are taken from there. */
#include "config.h"

#include "zoo_family.h"

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

static int add_pool(struct graph *graph, const char *name, int input, enum op_kind kind, const int kernel[2],
                    const int stride[2], const int padding[2])
{
    struct op_attrs attrs = op_attrs_default();
    attrs.kernel_h = kernel[0];
    attrs.kernel_w = kernel[1];
    attrs.stride_h = stride[0];
    attrs.stride_w = stride[1];
    attrs.pad_top = attrs.pad_bottom = padding[0];
    attrs.pad_left = attrs.pad_right = padding[1];
    return graph_add(graph, name, kind, &attrs, 1, &input);
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
            x = add_pool(graph, next_name(name, &number), x, OP_MAX_POOL, (int[]){2, 2}, (int[]){2, 2}, (int[]){0, 0});
    }
    return x;
}

/* One side of torch's adaptive average pooling to 7 cells, as a plain window. A side that is a multiple of 7 is cut
 * into equal parts; a side of 1 is repeated seven times, by windows of 7 that each hold the one pixel and padding that
 * does not count. Other sides would need windows of changing size. */
static bool adapt_side(int side, int *kernel, int *stride, int *padding)
{
    *kernel = side == 1 ? POOLED : side / POOLED;
    *stride = side == 1 ? 1 : side / POOLED;
    *padding = side == 1 ? POOLED - 1 : 0;
    return side == 1 || (side > 0 && side % POOLED == 0);
}

static int add_adaptive_pool(struct graph *graph, int input)
{
    struct shape4 shape = graph->node[input].shape;
    int kernel[2], stride[2], padding[2];
    if (graph->build_error.kind != ERROR_NONE)
        return 0;
    if (!adapt_side(shape.h, &kernel[0], &stride[0], &padding[0]) ||
        !adapt_side(shape.w, &kernel[1], &stride[1], &padding[1])) {
        error_set(
            &graph->build_error, ERROR_USAGE,
            "%s: an input of %dx%d leaves %dx%d cells before the classifier, which takes 7x7: choose sides of 224 "
            "or a multiple of it, or of 32 pixels",
            graph->arch, graph->node[0].shape.h, graph->node[0].shape.w, shape.h, shape.w);
        return 0;
    }
    if (shape.h == POOLED && shape.w == POOLED)
        return input;
    return add_pool(graph, "avgpool", input, OP_AVG_POOL, kernel, stride, padding);
}

static int add_dropout(struct graph *graph, const char *name, int input)
{
    struct op_attrs attrs = op_attrs_default();
    attrs.rate = 0.5f;
    return graph_add(graph, name, OP_DROPOUT, &attrs, 1, &input);
}

void zoo_vgg_build(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    int x = add_features(graph, arch, true, 1, true);
    graph_begin_stage(graph, "classifier");
    x = add_adaptive_pool(graph, x);
    struct op_attrs flatten = op_attrs_default();
    flatten.flatten_chw = true;
    x = graph_add(graph, "flatten", OP_FLATTEN, &flatten, 1, &x);
    x = graph_add_linear(graph, "classifier.0", x, HIDDEN);
    x = graph_add_unary(graph, "classifier.1", OP_RELU, x);
    x = add_dropout(graph, "classifier.2", x);
    x = graph_add_linear(graph, "classifier.3", x, HIDDEN);
    x = graph_add_unary(graph, "classifier.4", OP_RELU, x);
    x = add_dropout(graph, "classifier.5", x);
    graph_mark_trunk(graph, x);
    graph_add_linear(graph, "classifier.6", x, options->classes);
}

void zoo_vgg_slim_build(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    int x = add_features(graph, arch, false, 4, false);
    x = graph_add_unary(graph, "avgpool", OP_GLOBAL_AVG_POOL, x);
    graph_mark_trunk(graph, x);
    graph_begin_stage(graph, "classifier");
    graph_add_linear(graph, "classifier", x, options->classes);
}
