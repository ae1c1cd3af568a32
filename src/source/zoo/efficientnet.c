/* EfficientNet (Tan and Le 2019) and EfficientNetV2 (Tan and Le 2021), as torchvision builds and names them. A
 * block widens by a 1x1 convolution, filters each channel, weighs the channels (squeeze and excitation) and narrows again;
 * the early blocks of V2 fuse the first two into one plain convolution and weigh nothing. B1 to B7 are B0 with its widths
 * and depths multiplied. Stages: features.0 (the stem), one a row of the table, the last 1x1 convolution, classifier.
 * Stochastic depth, which only training has, is left out.
 *
 * Weights that were trained in TensorFlow (tf_*, as timm calls them; the files of efficientnet_pytorch and transformers)
 * want its SAME padding and a batch norm's eps of 1e-3: the same tensors as torchvision's, in another network. Lite has
 * relu6, no squeeze and excitation, and its stem, first and last stage as in B0 at every size; the ones for edge devices (es,
 * em, el) relu, and plain convolutions in the early blocks. */
#include "config.h"

#include <math.h>

#include "family.h"

/* A row of the papers' tables. */
struct row {
    enum { MB, FUSED, EDGE } block; /* EDGE: narrowed even where it widens nothing */
    int widen, kernel, stride, channels, layers;
    int forced; /* the channels that are widened instead of the input's, at the full width; and nothing is added then; 0 */
};
/* clang-format off */
static const struct row b0[] = {
    {MB, 1, 3, 1, 16, 1, 0},
    {MB, 6, 3, 2, 24, 2, 0},
    {MB, 6, 5, 2, 40, 2, 0},
    {MB, 6, 3, 2, 80, 3, 0},
    {MB, 6, 5, 1, 112, 3, 0},
    {MB, 6, 5, 2, 192, 4, 0},
    {MB, 6, 3, 1, 320, 1, 0},
};
static const struct row v2_s[] = {
    {FUSED, 1, 3, 1, 24, 2, 0},
    {FUSED, 4, 3, 2, 48, 4, 0},
    {FUSED, 4, 3, 2, 64, 4, 0},
    {MB, 4, 3, 2, 128, 6, 0},
    {MB, 6, 3, 1, 160, 9, 0},
    {MB, 6, 3, 2, 256, 15, 0},
};
static const struct row v2_m[] = {
    {FUSED, 1, 3, 1, 24, 3, 0},
    {FUSED, 4, 3, 2, 48, 5, 0},
    {FUSED, 4, 3, 2, 80, 5, 0},
    {MB, 4, 3, 2, 160, 7, 0},
    {MB, 6, 3, 1, 176, 14, 0},
    {MB, 6, 3, 2, 304, 18, 0},
    {MB, 6, 3, 1, 512, 5, 0},
};
static const struct row v2_l[] = {
    {FUSED, 1, 3, 1, 32, 4, 0},
    {FUSED, 4, 3, 2, 64, 7, 0},
    {FUSED, 4, 3, 2, 96, 7, 0},
    {MB, 4, 3, 2, 192, 10, 0},
    {MB, 6, 3, 1, 224, 19, 0},
    {MB, 6, 3, 2, 384, 25, 0},
    {MB, 6, 3, 1, 640, 7, 0},
};
static const struct row v2_b[] = {
    {FUSED, 1, 3, 1, 16, 1, 0},
    {FUSED, 4, 3, 2, 32, 2, 0},
    {FUSED, 4, 3, 2, 48, 2, 0},
    {MB, 4, 3, 2, 96, 3, 0},
    {MB, 6, 3, 1, 112, 5, 0},
    {MB, 6, 3, 2, 192, 8, 0},
};
static const struct row v2_xl[] = {
    {FUSED, 1, 3, 1, 32, 4, 0},
    {FUSED, 4, 3, 2, 64, 8, 0},
    {FUSED, 4, 3, 2, 96, 8, 0},
    {MB, 4, 3, 2, 192, 16, 0},
    {MB, 6, 3, 1, 256, 24, 0},
    {MB, 6, 3, 2, 512, 32, 0},
    {MB, 6, 3, 1, 640, 8, 0},
};
static const struct row edge[] = {
    {EDGE, 4, 3, 1, 24, 1, 24},
    {EDGE, 8, 3, 2, 32, 2, 0},
    {EDGE, 8, 3, 2, 48, 4, 0},
    {MB, 8, 5, 2, 96, 5, 0},
    {MB, 8, 5, 1, 144, 4, 0},
    {MB, 8, 5, 2, 192, 2, 0},
};
static const struct row v2_rw[] = {
    {EDGE, 1, 3, 1, 24, 2, 0},
    {FUSED, 4, 3, 2, 48, 4, 0},
    {FUSED, 4, 3, 2, 64, 4, 0},
    {MB, 4, 3, 2, 128, 6, 0},
    {MB, 6, 3, 1, 160, 9, 0},
    {MB, 6, 3, 2, 272, 15, 0},
};
/* clang-format on */

enum size {
    B0,
    B1,
    B2,
    B3,
    B4,
    B5,
    B6,
    B7,
    B8,
    L2,
    V2_S,
    V2_M,
    V2_L,
    V2_XL,
    V2_B0,
    V2_B1,
    V2_B2,
    V2_B3,
    V2_RW_T,
    V2_RW_S,
    EDGE_S,
    EDGE_M,
    EDGE_L,
    SIZES
};
static const struct model {
    const struct row *row;
    int rows, stem;
    double widths, depths; /* multiplied */
    int last;              /* channels before the classifier; 0: four times the last row's */
    float dropout;
    struct zoo_norm norm;
} models[] = {
    [B0] = {b0, THAW_LENGTH(b0), 32, 1.0, 1.0, 0, 0.2f, {1e-5f, 0.1f}},
    [B1] = {b0, THAW_LENGTH(b0), 32, 1.0, 1.1, 0, 0.2f, {1e-5f, 0.1f}},
    [B2] = {b0, THAW_LENGTH(b0), 32, 1.1, 1.2, 0, 0.3f, {1e-5f, 0.1f}},
    [B3] = {b0, THAW_LENGTH(b0), 32, 1.2, 1.4, 0, 0.3f, {1e-5f, 0.1f}},
    [B4] = {b0, THAW_LENGTH(b0), 32, 1.4, 1.8, 0, 0.4f, {1e-5f, 0.1f}},
    [B5] = {b0, THAW_LENGTH(b0), 32, 1.6, 2.2, 0, 0.4f, {1e-3f, 0.01f}},
    [B6] = {b0, THAW_LENGTH(b0), 32, 1.8, 2.6, 0, 0.5f, {1e-3f, 0.01f}},
    [B7] = {b0, THAW_LENGTH(b0), 32, 2.0, 3.1, 0, 0.5f, {1e-3f, 0.01f}},
    [B8] = {b0, THAW_LENGTH(b0), 32, 2.2, 3.6, 0, 0.5f, {1e-3f, 0.01f}},
    [L2] = {b0, THAW_LENGTH(b0), 32, 4.3, 5.3, 0, 0.5f, {1e-3f, 0.01f}},
    [V2_S] = {v2_s, THAW_LENGTH(v2_s), 24, 1.0, 1.0, 1280, 0.2f, {1e-3f, 0.1f}},
    [V2_M] = {v2_m, THAW_LENGTH(v2_m), 24, 1.0, 1.0, 1280, 0.3f, {1e-3f, 0.1f}},
    [V2_L] = {v2_l, THAW_LENGTH(v2_l), 32, 1.0, 1.0, 1280, 0.4f, {1e-3f, 0.1f}},
    [V2_XL] = {v2_xl, THAW_LENGTH(v2_xl), 32, 1.0, 1.0, 1280, 0.4f, {1e-3f, 0.1f}},
    [V2_B0] = {v2_b, THAW_LENGTH(v2_b), 32, 1.0, 1.0, 1280, 0.2f, {1e-3f, 0.1f}},
    [V2_B1] = {v2_b, THAW_LENGTH(v2_b), 32, 1.0, 1.1, 1280, 0.2f, {1e-3f, 0.1f}},
    [V2_B2] = {v2_b, THAW_LENGTH(v2_b), 32, 1.1, 1.2, 1408, 0.3f, {1e-3f, 0.1f}},
    [V2_B3] = {v2_b, THAW_LENGTH(v2_b), 32, 1.2, 1.4, 1536, 0.3f, {1e-3f, 0.1f}},
    [EDGE_S] = {edge, THAW_LENGTH(edge), 32, 1.0, 1.0, 1280, 0.2f, {1e-5f, 0.1f}},
    [EDGE_M] = {edge, THAW_LENGTH(edge), 32, 1.0, 1.1, 1280, 0.2f, {1e-5f, 0.1f}},
    [EDGE_L] = {edge, THAW_LENGTH(edge), 32, 1.2, 1.4, 1536, 0.3f, {1e-5f, 0.1f}},
    [V2_RW_T] = {v2_s, THAW_LENGTH(v2_s), 24, 0.8, 0.9, 1024, 0.2f, {1e-5f, 0.1f}},
    [V2_RW_S] = {v2_rw, THAW_LENGTH(v2_rw), 24, 1.0, 1.0, 1792, 0.2f, {1e-5f, 0.1f}},
};
_Static_assert(THAW_LENGTH(models) == SIZES, "one row a model");

/* What forms of the same sizes differ in. */
struct form {
    bool same, lite;
    bool edge;            /* relu, no squeeze and excitation */
    struct zoo_norm norm; /* eps 0: the model's own */
};

/* A model in a form while it is built. */
struct making {
    struct graph *graph;
    const struct model *model;
    struct zoo_norm norm;
    bool same, squeezes;
    enum op_kind activation;
};

/* A convolution with its norm and, unless it narrows, the activation. */
static int add_conv(const struct making *m, const char *name, int input, struct zoo_conv conv)
{
    return m->same ? zoo_conv_norm_same(m->graph, name, input, conv, m->norm)
                   : zoo_conv_norm(m->graph, name, input, conv, m->norm);
}

static int add_mbconv(const struct making *m, const char *prefix, int input, const struct row *row, int channels,
                      int stride)
{
    char name[ZOO_NAME];
    int x = input, part = 0, in = m->graph->node[input].shape.c, wide = in * row->widen;
    if (row->widen > 1)
        x = add_conv(m, zoo_name(name, "%s.block.%d", prefix, part++), x,
                     (struct zoo_conv){wide, 1, 1, 1, m->activation});
    x = add_conv(m, zoo_name(name, "%s.block.%d", prefix, part++), x,
                 (struct zoo_conv){wide, row->kernel, stride, wide, m->activation});
    if (m->squeezes)
        x = zoo_squeeze_excite(m->graph, zoo_name(name, "%s.block.%d", prefix, part++), x, in / 4, OP_SILU, OP_SIGMOID);
    return add_conv(m, zoo_name(name, "%s.block.%d", prefix, part), x,
                    (struct zoo_conv){.channels = channels, .kernel = 1, .stride = 1});
}

/* V2's B3 is rounded without care for what is lost. */
static int scale_width(const struct making *m, int channels)
{
    double scaled = channels * m->model->widths;
    return m->model->row == v2_b ? ((int)scaled + 4) / 8 * 8 : zoo_divisible(scaled, 8);
}

static int add_fused(const struct making *m, const char *prefix, int input, const struct row *row, int channels,
                     int stride)
{
    char name[ZOO_NAME];
    bool narrows = row->widen > 1 || row->block == EDGE;
    int from = row->forced ? scale_width(m, row->forced) : m->graph->node[input].shape.c;
    int wide = narrows ? from * row->widen : channels;
    int x = add_conv(m, zoo_name(name, "%s.block.0", prefix), input,
                     (struct zoo_conv){wide, row->kernel, stride, 1, m->activation});
    if (!narrows)
        return x;
    return add_conv(m, zoo_name(name, "%s.block.1", prefix), x,
                    (struct zoo_conv){.channels = channels, .kernel = 1, .stride = 1});
}

static int add_row(const struct making *m, const char *prefix, int input, const struct row *row, bool scaled)
{
    char name[ZOO_NAME], sum[ZOO_NAME];
    int x = input, channels = scale_width(m, row->channels);
    int layers = scaled ? (int)ceil(row->layers * m->model->depths) : row->layers;
    for (int i = 0; i < layers; i++) {
        int before = x, stride = i == 0 ? row->stride : 1;
        zoo_name(name, "%s.%d", prefix, i);
        x = row->block == MB ? add_mbconv(m, name, x, row, channels, stride)
                             : add_fused(m, name, x, row, channels, stride);
        if (stride == 1 && m->graph->node[before].shape.c == channels && !row->forced)
            x = graph_add_binary(m->graph, zoo_name(sum, "%s.add", name), OP_ADD, x, before);
    }
    return x;
}

static void build_form(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options,
                       const struct form *form)
{
    const struct model *model = &models[arch->depth];
    const struct making m = {.graph = graph,
                             .model = model,
                             .norm = form->norm.eps > 0 ? form->norm : model->norm,
                             .same = form->same,
                             .squeezes = !form->lite && !form->edge,
                             .activation = form->lite   ? OP_RELU6
                                           : form->edge ? OP_RELU
                                                        : OP_SILU};
    char name[ZOO_NAME];
    graph_begin_stage(graph, "features.0");
    int stem = form->lite ? model->stem : scale_width(&m, model->stem);
    int x = add_conv(&m, "features.0", 0, (struct zoo_conv){stem, 3, 2, 1, m.activation});
    for (int i = 0; i < model->rows; i++) {
        graph_begin_stage(graph, zoo_name(name, "features.%d", i + 1));
        x = add_row(&m, name, x, &model->row[i], !form->lite || (i > 0 && i + 1 < model->rows));
    }
    graph_begin_stage(graph, zoo_name(name, "features.%d", model->rows + 1));
    int wide = form->lite ? 1280 : model->last ? model->last : 4 * graph->node[x].shape.c;
    x = add_conv(&m, name, x, (struct zoo_conv){wide, 1, 1, 1, m.activation});
    x = graph_add_unary(graph, "avgpool", OP_GLOBAL_AVG_POOL, x);
    graph_mark_trunk(graph, x);
    graph_begin_stage(graph, "classifier");
    x = zoo_dropout(graph, "classifier.0", x, model->dropout);
    graph_add_linear(graph, "classifier.1", x, options->classes);
}

static void build(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    build_form(graph, arch, options, &(struct form){.same = false});
}

static void build_tf(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    build_form(graph, arch, options, &(struct form){.same = true, .norm = {1e-3f, 0.1f}});
}

static void build_timm(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    build_form(graph, arch, options, &(struct form){.norm = {1e-5f, 0.1f}});
}

static void build_edge(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    build_form(graph, arch, options, &(struct form){.edge = true});
}

static void build_tf_edge(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    build_form(graph, arch, options, &(struct form){.same = true, .edge = true, .norm = {1e-3f, 0.1f}});
}

static void build_lite(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    build_form(graph, arch, options, &(struct form){.lite = true, .norm = {1e-5f, 0.1f}});
}

static void build_tf_lite(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    build_form(graph, arch, options, &(struct form){.same = true, .lite = true, .norm = {1e-3f, 0.1f}});
}

/* clang-format off */
static const struct zoo_arch archs[] = {
    {"efficientnet_b0", "EfficientNet", "EfficientNet-B0 (Tan and Le 2019)", ZOO_BICUBIC(224, 256), build, B0, 0, true},
    {"efficientnet_b1", "EfficientNet", "EfficientNet-B1", ZOO_BICUBIC(240, 256), build, B1, 0, true},
    {"efficientnet_b2", "EfficientNet", "EfficientNet-B2", ZOO_BICUBIC(288, 288), build, B2, 0, true},
    {"efficientnet_b3", "EfficientNet", "EfficientNet-B3", ZOO_BICUBIC(300, 320), build, B3, 0, true},
    {"efficientnet_b4", "EfficientNet", "EfficientNet-B4", ZOO_BICUBIC(380, 384), build, B4, 0, true},
    {"efficientnet_b5", "EfficientNet", "EfficientNet-B5", ZOO_BICUBIC(456, 456), build, B5, 0, true},
    {"efficientnet_b6", "EfficientNet", "EfficientNet-B6", ZOO_BICUBIC(528, 528), build, B6, 0, true},
    {"efficientnet_b7", "EfficientNet", "EfficientNet-B7", ZOO_BICUBIC(600, 600), build, B7, 0, true},
    {"efficientnet_v2_s", "EfficientNetV2", "EfficientNetV2-S (Tan and Le 2021)", ZOO_TORCHVISION(384, 384), build, V2_S, 0, true},
    {"efficientnet_v2_m", "EfficientNetV2", "EfficientNetV2-M", ZOO_TORCHVISION(480, 480), build, V2_M, 0, true},
    {"efficientnet_v2_l", "EfficientNetV2", "EfficientNetV2-L (mean and deviation 0.5)", ZOO_BICUBIC_HALVES(480, 480), build, V2_L, 0, true},
    {"timm_efficientnet_b5", "EfficientNet", "EfficientNet-B5 of timm (a batch norm's eps of 1e-5)", ZOO_BICUBIC(448, 448), build_timm, B5, 0, true},
    {"efficientnetv2_rw_t", "EfficientNetV2", "EfficientNetV2 tiny of timm", ZOO_BICUBIC(288, 288), build, V2_RW_T, 0, true},
    {"efficientnetv2_rw_s", "EfficientNetV2", "EfficientNetV2-S of timm, from the paper's first version", ZOO_BICUBIC(384, 384), build, V2_RW_S, 0, true},
    {"tf_efficientnet_b0", "EfficientNet", "EfficientNet-B0, weights from TensorFlow", ZOO_BICUBIC(224, 256), build_tf, B0, 0, true},
    {"tf_efficientnet_b1", "EfficientNet", "EfficientNet-B1, weights from TensorFlow", ZOO_BICUBIC(240, 272), build_tf, B1, 0, true},
    {"tf_efficientnet_b2", "EfficientNet", "EfficientNet-B2, weights from TensorFlow", ZOO_BICUBIC(260, 292), build_tf, B2, 0, true},
    {"tf_efficientnet_b3", "EfficientNet", "EfficientNet-B3, weights from TensorFlow", ZOO_BICUBIC(300, 331), build_tf, B3, 0, true},
    {"tf_efficientnet_b4", "EfficientNet", "EfficientNet-B4, weights from TensorFlow", ZOO_BICUBIC(380, 412), build_tf, B4, 0, true},
    {"tf_efficientnet_b5", "EfficientNet", "EfficientNet-B5, weights from TensorFlow", ZOO_BICUBIC(456, 488), build_tf, B5, 0, true},
    {"tf_efficientnet_b6", "EfficientNet", "EfficientNet-B6, weights from TensorFlow", ZOO_BICUBIC(528, 560), build_tf, B6, 0, true},
    {"tf_efficientnet_b7", "EfficientNet", "EfficientNet-B7, weights from TensorFlow", ZOO_BICUBIC(600, 632), build_tf, B7, 0, true},
    {"tf_efficientnet_b8", "EfficientNet", "EfficientNet-B8, weights from TensorFlow", ZOO_BICUBIC_HALVES(672, 704), build_tf, B8, 0, true},
    {"tf_efficientnet_l2", "EfficientNet", "EfficientNet-L2, weights from TensorFlow", ZOO_BICUBIC(475, 507), build_tf, L2, 0, true},
    {"tf_efficientnet_lite0", "EfficientNet-Lite", "EfficientNet-Lite0, weights from TensorFlow", ZOO_LITE(224, 256), build_tf_lite, B0, 0, true},
    {"tf_efficientnet_lite1", "EfficientNet-Lite", "EfficientNet-Lite1, weights from TensorFlow", ZOO_LITE(240, 272), build_tf_lite, B1, 0, true},
    {"tf_efficientnet_lite2", "EfficientNet-Lite", "EfficientNet-Lite2, weights from TensorFlow", ZOO_LITE(260, 292), build_tf_lite, B2, 0, true},
    {"tf_efficientnet_lite3", "EfficientNet-Lite", "EfficientNet-Lite3, weights from TensorFlow", ZOO_LITE(300, 331), build_tf_lite, B3, 0, true},
    {"tf_efficientnet_lite4", "EfficientNet-Lite", "EfficientNet-Lite4, weights from TensorFlow", ZOO_LITE(380, 413), build_tf_lite, B4, 0, true},
    {"efficientnet_lite0", "EfficientNet-Lite", "EfficientNet-Lite0 of timm", ZOO_BICUBIC(224, 256), build_lite, B0, 0, true},
    {"tf_efficientnetv2_s", "EfficientNetV2", "EfficientNetV2-S, weights from TensorFlow", ZOO_BICUBIC_HALVES(384, 384), build_tf, V2_S, 0, true},
    {"tf_efficientnetv2_m", "EfficientNetV2", "EfficientNetV2-M, weights from TensorFlow", ZOO_BICUBIC_HALVES(480, 480), build_tf, V2_M, 0, true},
    {"tf_efficientnetv2_l", "EfficientNetV2", "EfficientNetV2-L, weights from TensorFlow", ZOO_BICUBIC_HALVES(480, 480), build_tf, V2_L, 0, true},
    {"tf_efficientnetv2_xl", "EfficientNetV2", "EfficientNetV2-XL, weights from TensorFlow", ZOO_BICUBIC_HALVES(512, 512), build_tf, V2_XL, 0, true},
    {"tf_efficientnetv2_b0", "EfficientNetV2", "EfficientNetV2-B0, weights from TensorFlow", ZOO_BICUBIC(224, 256), build_tf, V2_B0, 0, true},
    {"tf_efficientnetv2_b1", "EfficientNetV2", "EfficientNetV2-B1, weights from TensorFlow", ZOO_BICUBIC(240, 272), build_tf, V2_B1, 0, true},
    {"tf_efficientnetv2_b2", "EfficientNetV2", "EfficientNetV2-B2, weights from TensorFlow", ZOO_BICUBIC(260, 292), build_tf, V2_B2, 0, true},
    {"tf_efficientnetv2_b3", "EfficientNetV2", "EfficientNetV2-B3, weights from TensorFlow", ZOO_BICUBIC_HALVES(300, 331), build_tf, V2_B3, 0, true},
    {"efficientnet_es", "EfficientNet", "EfficientNet small for edge devices, of timm", ZOO_BICUBIC(224, 256), build_edge, EDGE_S, 0, true},
    {"efficientnet_em", "EfficientNet", "EfficientNet medium for edge devices, of timm", ZOO_BICUBIC(240, 272), build_edge, EDGE_M, 0, true},
    {"efficientnet_el", "EfficientNet", "EfficientNet large for edge devices, of timm", ZOO_BICUBIC(300, 331), build_edge, EDGE_L, 0, true},
    {"tf_efficientnet_es", "EfficientNet", "EfficientNet small for edge devices, weights from TensorFlow", ZOO_BICUBIC_HALVES(224, 256), build_tf_edge, EDGE_S, 0, true},
    {"tf_efficientnet_em", "EfficientNet", "EfficientNet medium for edge devices, weights from TensorFlow", ZOO_BICUBIC_HALVES(240, 272), build_tf_edge, EDGE_M, 0, true},
    {"tf_efficientnet_el", "EfficientNet", "EfficientNet large for edge devices, weights from TensorFlow", ZOO_BICUBIC_HALVES(300, 331), build_tf_edge, EDGE_L, 0, true},
};
/* clang-format on */
const struct zoo_family zoo_efficientnet = {archs, THAW_LENGTH(archs), NULL};
