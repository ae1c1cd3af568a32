/* ConvNeXt (Liu et al. 2022), as torchvision builds and names it: a ResNet brought to the shape of a transformer. Each
 * block filters every channel 7x7, norms over the channels, widens four times and narrows again with a GELU between, and
 * scales what it adds. Stages of torchvision's numbers: features.0 is the stem, features.1, 3, 5, 7 the blocks, features.2,
 * 4, 6 halve the image; classifier. Stochastic depth, which only training has, is left out. */
#include "config.h"

#include "family.h"

enum { STAGES = 4, WIDEN = 4 };
static const struct convnext_row {
    int blocks[STAGES], width; /* of the first stage; each next one is twice as wide */
    int hidden;                /* of a layer before that of the classes; 0: none */
    float eps;                 /* of the norms */
} rows[] = {
    /* clang-format off */
    {{3, 3, 9, 3}, 96, 0, 1e-6f},
    {{3, 3, 27, 3}, 96, 0, 1e-6f},
    {{3, 3, 27, 3}, 128, 0, 1e-6f},
    {{3, 3, 27, 3}, 192, 0, 1e-6f},
    {{3, 3, 27, 3}, 256, 0, 1e-6f},
    {{2, 2, 6, 2}, 40, 0, 1e-6f},
    {{2, 2, 6, 2}, 48, 0, 1e-6f},
    {{2, 2, 6, 2}, 64, 0, 1e-6f},
    {{2, 2, 8, 2}, 80, 0, 1e-6f},
    {{3, 3, 27, 3}, 192, 1536, 1e-6f},
    {{3, 4, 30, 3}, 384, 0, 1e-5f},
    /* clang-format on */
};
enum { TINY, SMALL, BASE, LARGE, XLARGE, ATTO, FEMTO, PICO, NANO, LARGE_MLP, XXLARGE, SIZES };
_Static_assert(THAW_LENGTH(rows) == SIZES, "one row a size");

static int add_layer_norm(struct graph *graph, const char *name, int input, float eps)
{
    struct op_attrs attrs = op_attrs_default();
    attrs.eps = eps;
    return graph_add(graph, name, OP_LAYER_NORM, &attrs, 1, &input);
}

/* A linear layer over the channels of every pixel. */
static int add_pointwise(struct graph *graph, const char *name, int input, int channels)
{
    struct op_attrs attrs = op_attrs_default();
    attrs.kernel_h = attrs.kernel_w = 1;
    attrs.out_channels = channels;
    attrs.bias = attrs.linear_weight = true;
    return graph_add(graph, name, OP_CONV, &attrs, 1, &input);
}

static int add_block(struct graph *graph, const char *prefix, int input, float eps)
{
    char name[ZOO_NAME];
    int width = graph->node[input].shape.c;
    struct op_attrs attrs = op_attrs_default();
    int x = graph_add_conv(graph, zoo_name(name, "%s.block.0", prefix), input, width, 7, 1, 3, width, true);
    x = add_layer_norm(graph, zoo_name(name, "%s.block.2", prefix), x, eps);
    x = add_pointwise(graph, zoo_name(name, "%s.block.3", prefix), x, WIDEN * width);
    x = graph_add_unary(graph, zoo_name(name, "%s.block.4", prefix), OP_GELU, x);
    x = add_pointwise(graph, zoo_name(name, "%s.block.5", prefix), x, width);
    x = graph_add(graph, zoo_name(name, "%s.layer_scale", prefix), OP_AFFINE, &attrs, 1, &x);
    return graph_add_binary(graph, zoo_name(name, "%s.add", prefix), OP_ADD, x, input);
}

static void build(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    const struct convnext_row *row = &rows[arch->depth];
    char name[ZOO_NAME];
    graph_begin_stage(graph, "features.0");
    int x = graph_add_conv(graph, "features.0.0", 0, row->width, 4, 4, 0, 1, true);
    x = add_layer_norm(graph, "features.0.1", x, row->eps);
    for (int stage = 0; stage < STAGES; stage++) {
        if (stage > 0) {
            graph_begin_stage(graph, zoo_name(name, "features.%d", 2 * stage));
            x = add_layer_norm(graph, zoo_name(name, "features.%d.0", 2 * stage), x, row->eps);
            x = graph_add_conv(graph, zoo_name(name, "features.%d.1", 2 * stage), x, row->width << stage, 2, 2, 0, 1,
                               true);
        }
        graph_begin_stage(graph, zoo_name(name, "features.%d", 2 * stage + 1));
        for (int i = 0; i < row->blocks[stage]; i++)
            x = add_block(graph, zoo_name(name, "features.%d.%d", 2 * stage + 1, i), x, row->eps);
    }
    x = graph_add_unary(graph, "avgpool", OP_GLOBAL_AVG_POOL, x);
    graph_begin_stage(graph, "classifier");
    x = add_layer_norm(graph, "classifier.0", x, row->eps);
    if (row->hidden) {
        x = graph_add_linear(graph, "classifier.hidden", x, row->hidden);
        x = graph_add_unary(graph, "classifier.activation", OP_GELU, x);
    }
    graph_mark_trunk(graph, x);
    graph_add_linear(graph, "classifier.2", x, options->classes);
}

/* clang-format off */
#define CLIP(crop, resize) 1000, crop, crop, 3, {crop, crop, 3, resize, false, false, {0.48145466f, 0.4578275f, 0.40821073f}, {0.26862954f, 0.26130258f, 0.27577711f}, INTERPOLATION_BICUBIC}
static const struct zoo_arch archs[] = {
    {"convnext_tiny", "ConvNeXt", "ConvNeXt tiny (Liu et al. 2022)", ZOO_TORCHVISION(224, 236), build, TINY, 0, false},
    {"convnext_small", "ConvNeXt", "ConvNeXt small (Liu et al. 2022)", ZOO_TORCHVISION(224, 230), build, SMALL, 0, false},
    {"convnext_base", "ConvNeXt", "ConvNeXt base (Liu et al. 2022)", ZOO_TORCHVISION(224, 232), build, BASE, 0, false},
    {"convnext_large", "ConvNeXt", "ConvNeXt large (Liu et al. 2022)", ZOO_TORCHVISION(224, 232), build, LARGE, 0, false},
    {"convnext_xlarge", "ConvNeXt", "ConvNeXt extra large (Liu et al. 2022)", ZOO_BICUBIC(224, 256), build, XLARGE, 0, false},
    {"convnext_atto", "ConvNeXt", "ConvNeXt atto of timm", ZOO_BICUBIC(224, 256), build, ATTO, 0, false},
    {"convnext_femto", "ConvNeXt", "ConvNeXt femto of timm", ZOO_BICUBIC(224, 256), build, FEMTO, 0, false},
    {"convnext_pico", "ConvNeXt", "ConvNeXt pico of timm", ZOO_BICUBIC(224, 256), build, PICO, 0, false},
    {"convnext_nano", "ConvNeXt", "ConvNeXt nano of timm", ZOO_BICUBIC(224, 235), build, NANO, 0, false},
    {"convnext_large_mlp", "ConvNeXt", "ConvNeXt large with a hidden layer, as trained for CLIP", CLIP(256, 256), build, LARGE_MLP, 0, false},
    {"convnext_xxlarge", "ConvNeXt", "ConvNeXt of timm larger still, as trained for CLIP", CLIP(256, 256), build, XXLARGE, 0, false},
};
/* clang-format on */
const struct zoo_family zoo_convnext = {archs, THAW_LENGTH(archs), NULL};
