/* Mobile networks found by search that timm alone has, under its names: MnasNet-A1 and its small one (Tan et al. 2019),
 * Single-Path NAS (Stamoulis et al. 2019), FBNet-C (Wu et al. 2019), an early MobileNetV3 (Howard et al. 2019), MobileNetV4's
 * convolutional ones (Qin et al. 2024), and timm's own MobileNetV1. Stages: stem, blocks.0 and so on, head, classifier. */
#include "config.h"

#include "family.h"

/* Some blocks of a kind in a row. */
struct row {
    enum { PLAIN, SEPARABLE, INVERTED, EDGE, UNIVERSAL } kind;
    int stage, blocks;
    int start;            /* UNIVERSAL: the kernel before it widens, 0: none */
    int kernel, stride;   /* stride: the first block's */
    int tenths, channels; /* how much it widens, in tenths */
    int squeeze;          /* the channels by which the gates' are divided, 0: no gates */
    bool relu, alone;     /* relu whatever the network has; nothing is added */
};
/* clang-format off */
static const struct row mnasnet_a1[] = {
    {SEPARABLE, 0, 1, 0, 3, 1, 10, 16, 0, false, true},
    {INVERTED, 1, 2, 0, 3, 2, 60, 24, 0, false, false},
    {INVERTED, 2, 3, 0, 5, 2, 30, 40, 4, false, false},
    {INVERTED, 3, 4, 0, 3, 2, 60, 80, 0, false, false},
    {INVERTED, 4, 2, 0, 3, 1, 60, 112, 4, false, false},
    {INVERTED, 5, 3, 0, 5, 2, 60, 160, 4, false, false},
    {INVERTED, 6, 1, 0, 3, 1, 60, 320, 0, false, false},
};
static const struct row mnasnet_small[] = {
    {SEPARABLE, 0, 1, 0, 3, 1, 10, 8, 0, false, false},
    {INVERTED, 1, 1, 0, 3, 2, 30, 16, 0, false, false},
    {INVERTED, 2, 2, 0, 3, 2, 60, 16, 0, false, false},
    {INVERTED, 3, 4, 0, 5, 2, 60, 32, 4, false, false},
    {INVERTED, 4, 3, 0, 3, 1, 60, 32, 4, false, false},
    {INVERTED, 5, 3, 0, 5, 2, 60, 88, 4, false, false},
    {INVERTED, 6, 1, 0, 3, 1, 60, 144, 0, false, false},
};
static const struct row spnasnet[] = {
    {SEPARABLE, 0, 1, 0, 3, 1, 10, 16, 0, false, true},
    {INVERTED, 1, 3, 0, 3, 2, 30, 24, 0, false, false},
    {INVERTED, 2, 1, 0, 5, 2, 60, 40, 0, false, false},
    {INVERTED, 2, 3, 0, 3, 1, 30, 40, 0, false, false},
    {INVERTED, 3, 1, 0, 5, 2, 60, 80, 0, false, false},
    {INVERTED, 3, 3, 0, 3, 1, 30, 80, 0, false, false},
    {INVERTED, 4, 1, 0, 5, 1, 60, 96, 0, false, false},
    {INVERTED, 4, 3, 0, 5, 1, 30, 96, 0, false, false},
    {INVERTED, 5, 4, 0, 5, 2, 60, 192, 0, false, false},
    {INVERTED, 6, 1, 0, 3, 1, 60, 320, 0, false, true},
};
static const struct row fbnetc[] = {
    {INVERTED, 0, 1, 0, 3, 1, 10, 16, 0, false, false},
    {INVERTED, 1, 1, 0, 3, 2, 60, 24, 0, false, false},
    {INVERTED, 1, 2, 0, 3, 1, 10, 24, 0, false, false},
    {INVERTED, 2, 1, 0, 5, 2, 60, 32, 0, false, false},
    {INVERTED, 2, 1, 0, 5, 1, 30, 32, 0, false, false},
    {INVERTED, 2, 1, 0, 5, 1, 60, 32, 0, false, false},
    {INVERTED, 2, 1, 0, 3, 1, 60, 32, 0, false, false},
    {INVERTED, 3, 1, 0, 5, 2, 60, 64, 0, false, false},
    {INVERTED, 3, 1, 0, 5, 1, 30, 64, 0, false, false},
    {INVERTED, 3, 2, 0, 5, 1, 60, 64, 0, false, false},
    {INVERTED, 4, 3, 0, 5, 1, 60, 112, 0, false, false},
    {INVERTED, 4, 1, 0, 5, 1, 30, 112, 0, false, false},
    {INVERTED, 5, 4, 0, 5, 2, 60, 184, 0, false, false},
    {INVERTED, 6, 1, 0, 3, 1, 60, 352, 0, false, false},
};
static const struct row mobilenet_v1[] = {
    {SEPARABLE, 0, 1, 0, 3, 1, 10, 64, 0, false, true},
    {SEPARABLE, 1, 2, 0, 3, 2, 10, 128, 0, false, true},
    {SEPARABLE, 2, 2, 0, 3, 2, 10, 256, 0, false, true},
    {SEPARABLE, 3, 6, 0, 3, 2, 10, 512, 0, false, true},
    {SEPARABLE, 4, 2, 0, 3, 2, 10, 1024, 0, false, true},
};
static const struct row mobilenet_v3_rw[] = {
    {SEPARABLE, 0, 1, 0, 3, 1, 10, 16, 0, true, true},
    {INVERTED, 1, 1, 0, 3, 2, 40, 24, 0, true, false},
    {INVERTED, 1, 1, 0, 3, 1, 30, 24, 0, true, false},
    {INVERTED, 2, 3, 0, 5, 2, 30, 40, 4, true, false},
    {INVERTED, 3, 1, 0, 3, 2, 60, 80, 0, false, false},
    {INVERTED, 3, 1, 0, 3, 1, 25, 80, 0, false, false},
    {INVERTED, 3, 2, 0, 3, 1, 23, 80, 0, false, false},
    {INVERTED, 4, 2, 0, 3, 1, 60, 112, 4, false, false},
    {INVERTED, 5, 3, 0, 5, 2, 60, 160, 4, false, false},
    {PLAIN, 6, 1, 0, 1, 1, 10, 960, 0, false, true},
};
static const struct row v4_small[] = {
    {PLAIN, 0, 1, 0, 3, 2, 10, 32, 0, false, true},
    {PLAIN, 0, 1, 0, 1, 1, 10, 32, 0, false, true},
    {PLAIN, 1, 1, 0, 3, 2, 10, 96, 0, false, true},
    {PLAIN, 1, 1, 0, 1, 1, 10, 64, 0, false, true},
    {UNIVERSAL, 2, 1, 5, 5, 2, 30, 96, 0, false, false},
    {UNIVERSAL, 2, 4, 0, 3, 1, 20, 96, 0, false, false},
    {UNIVERSAL, 2, 1, 3, 0, 1, 40, 96, 0, false, false},
    {UNIVERSAL, 3, 1, 3, 3, 2, 60, 128, 0, false, false},
    {UNIVERSAL, 3, 1, 5, 5, 1, 40, 128, 0, false, false},
    {UNIVERSAL, 3, 1, 0, 5, 1, 40, 128, 0, false, false},
    {UNIVERSAL, 3, 1, 0, 5, 1, 30, 128, 0, false, false},
    {UNIVERSAL, 3, 2, 0, 3, 1, 40, 128, 0, false, false},
    {PLAIN, 4, 1, 0, 1, 1, 10, 960, 0, false, true},
};
static const struct row v4_medium[] = {
    {EDGE, 0, 1, 0, 3, 2, 40, 48, 0, false, false},
    {UNIVERSAL, 1, 1, 3, 5, 2, 40, 80, 0, false, false},
    {UNIVERSAL, 1, 1, 3, 3, 1, 20, 80, 0, false, false},
    {UNIVERSAL, 2, 1, 3, 5, 2, 60, 160, 0, false, false},
    {UNIVERSAL, 2, 2, 3, 3, 1, 40, 160, 0, false, false},
    {UNIVERSAL, 2, 1, 3, 5, 1, 40, 160, 0, false, false},
    {UNIVERSAL, 2, 1, 3, 3, 1, 40, 160, 0, false, false},
    {UNIVERSAL, 2, 1, 3, 0, 1, 40, 160, 0, false, false},
    {UNIVERSAL, 2, 1, 0, 0, 1, 20, 160, 0, false, false},
    {UNIVERSAL, 2, 1, 3, 0, 1, 40, 160, 0, false, false},
    {UNIVERSAL, 3, 1, 5, 5, 2, 60, 256, 0, false, false},
    {UNIVERSAL, 3, 1, 5, 5, 1, 40, 256, 0, false, false},
    {UNIVERSAL, 3, 2, 3, 5, 1, 40, 256, 0, false, false},
    {UNIVERSAL, 3, 1, 0, 0, 1, 40, 256, 0, false, false},
    {UNIVERSAL, 3, 1, 3, 0, 1, 40, 256, 0, false, false},
    {UNIVERSAL, 3, 1, 3, 5, 1, 20, 256, 0, false, false},
    {UNIVERSAL, 3, 1, 5, 5, 1, 40, 256, 0, false, false},
    {UNIVERSAL, 3, 2, 0, 0, 1, 40, 256, 0, false, false},
    {UNIVERSAL, 3, 1, 5, 0, 1, 20, 256, 0, false, false},
    {PLAIN, 4, 1, 0, 1, 1, 10, 960, 0, false, true},
};
static const struct row v4_large[] = {
    {EDGE, 0, 1, 0, 3, 2, 40, 48, 0, false, false},
    {UNIVERSAL, 1, 1, 3, 5, 2, 40, 96, 0, false, false},
    {UNIVERSAL, 1, 1, 3, 3, 1, 40, 96, 0, false, false},
    {UNIVERSAL, 2, 1, 3, 5, 2, 40, 192, 0, false, false},
    {UNIVERSAL, 2, 3, 3, 3, 1, 40, 192, 0, false, false},
    {UNIVERSAL, 2, 1, 3, 5, 1, 40, 192, 0, false, false},
    {UNIVERSAL, 2, 5, 5, 3, 1, 40, 192, 0, false, false},
    {UNIVERSAL, 2, 1, 3, 0, 1, 40, 192, 0, false, false},
    {UNIVERSAL, 3, 4, 5, 5, 2, 40, 512, 0, false, false},
    {UNIVERSAL, 3, 1, 5, 0, 1, 40, 512, 0, false, false},
    {UNIVERSAL, 3, 1, 5, 3, 1, 40, 512, 0, false, false},
    {UNIVERSAL, 3, 2, 5, 0, 1, 40, 512, 0, false, false},
    {UNIVERSAL, 3, 1, 5, 3, 1, 40, 512, 0, false, false},
    {UNIVERSAL, 3, 1, 5, 5, 1, 40, 512, 0, false, false},
    {UNIVERSAL, 3, 3, 5, 0, 1, 40, 512, 0, false, false},
    {PLAIN, 4, 1, 0, 1, 1, 10, 960, 0, false, true},
};
/* clang-format on */

enum size {
    MNASNET_A1,
    MNASNET_SMALL,
    SPNASNET,
    FBNETC,
    V1,
    V3_RW,
    V4_SMALL,
    V4_MEDIUM,
    V4_LARGE,
    V4_MEDIUM_AA,
    V4_LARGE_AA,
    SIZES
};
#define ROWS(table) (table), THAW_LENGTH(table)
static const struct model {
    const struct row *row;
    int rows, stem;
    enum op_kind activation;
    enum { CONV, NONE, POOLED, POOLED_NORMED } head; /* the last 1x1 convolution: where it stands */
    int last;                                        /* its channels */
    float eps;
    bool averaged; /* strides by averages */
} models[] = {
    [MNASNET_A1] = {ROWS(mnasnet_a1), 32, OP_RELU, CONV, 1280, 1e-5f, false},
    [MNASNET_SMALL] = {ROWS(mnasnet_small), 8, OP_RELU, CONV, 1280, 1e-5f, false},
    [SPNASNET] = {ROWS(spnasnet), 32, OP_RELU, CONV, 1280, 1e-5f, false},
    [FBNETC] = {ROWS(fbnetc), 16, OP_RELU, CONV, 1984, 1e-3f, false}, /* as its weights want */
    [V1] = {ROWS(mobilenet_v1), 32, OP_RELU6, NONE, 0, 1e-5f, false},
    [V3_RW] = {ROWS(mobilenet_v3_rw), 16, OP_HARD_SWISH, POOLED, 1280, 1e-3f, false},
    [V4_SMALL] = {ROWS(v4_small), 32, OP_RELU, POOLED_NORMED, 1280, 1e-5f, false},
    [V4_MEDIUM] = {ROWS(v4_medium), 32, OP_RELU, POOLED_NORMED, 1280, 1e-5f, false},
    [V4_LARGE] = {ROWS(v4_large), 24, OP_RELU, POOLED_NORMED, 1280, 1e-5f, false},
    [V4_MEDIUM_AA] = {ROWS(v4_medium), 32, OP_RELU, POOLED_NORMED, 1280, 1e-5f, true},
    [V4_LARGE_AA] = {ROWS(v4_large), 24, OP_RELU, POOLED_NORMED, 1280, 1e-5f, true},
};
_Static_assert(THAW_LENGTH(models) == SIZES, "one row a model");

struct making {
    struct graph *graph;
    const struct model *model;
    double widths; /* multiplied */
    const char *prefix;
};

/* A convolution, its norm, and the activation unless that is OP_INPUT. */
static int add_conv(const struct making *m, const char *conv, const char *norm, int input, struct zoo_conv shape)
{
    char name[ZOO_NAME];
    struct graph *graph = m->graph;
    bool averaged = m->model->averaged && shape.stride > 1 && input > 0;
    int x = graph_add_conv(graph, zoo_name(name, "%s%s", m->prefix, conv), input, shape.channels, shape.kernel,
                           averaged ? 1 : shape.stride, shape.kernel / 2, shape.groups ? shape.groups : 1, false);
    x = graph_add_batch_norm(graph, zoo_name(name, "%s%s", m->prefix, norm), x, m->model->eps, 0.1f);
    if (shape.activation)
        x = graph_add_unary(graph, zoo_name(name, "%s%s.act", m->prefix, norm), shape.activation, x);
    return averaged ? zoo_pool(graph, zoo_name(name, "%s%s.aa", m->prefix, norm), OP_AVG_POOL, x, shape.stride,
                               shape.stride, 0)
                    : x;
}

/* MobileNetV3 squeezes what was widened, the others what came in. */
static int add_gates(const struct making *m, int input, int squeezed, enum op_kind activation)
{
    char name[ZOO_NAME];
    struct graph *graph = m->graph;
    bool hard = m->model->activation == OP_HARD_SWISH;
    struct op_attrs attrs = op_attrs_default();
    attrs.alpha = 1 / 6.0f;
    attrs.beta = 0.5f;
    int x = graph_add_unary(graph, zoo_name(name, "%sse.mean", m->prefix), OP_GLOBAL_AVG_POOL, input);
    x = graph_add_conv(graph, zoo_name(name, "%sse.conv_reduce", m->prefix), x, squeezed, 1, 1, 0, 1, true);
    x = graph_add_unary(graph, zoo_name(name, "%sse.act1", m->prefix), activation, x);
    x = graph_add_conv(graph, zoo_name(name, "%sse.conv_expand", m->prefix), x, graph->node[input].shape.c, 1, 1, 0, 1,
                       true);
    x = graph_add(graph, zoo_name(name, "%sse.gate", m->prefix), hard ? OP_HARD_SIGMOID : OP_SIGMOID, &attrs, 1, &x);
    return graph_add_binary(graph, zoo_name(name, "%sse", m->prefix), OP_MUL, input, x);
}

/* What a block computes, before its input is added. */
static int add_inside(const struct making *m, int input, const struct row *row, int channels, int stride)
{
    enum op_kind act = row->relu ? OP_RELU : m->model->activation;
    int in = m->graph->node[input].shape.c, wide = zoo_divisible(in * row->tenths / 10.0, 8), x = input;
    const struct zoo_conv widen = {wide, 1, 1, 1, act}, narrow = {.channels = channels, .kernel = 1, .stride = 1};
    int squeezed = row->squeeze == 0 ? 0 : (m->model->activation == OP_HARD_SWISH ? wide : in) / row->squeeze;
    switch (row->kind) {
    case PLAIN:
        return add_conv(m, "conv", "bn1", x, (struct zoo_conv){channels, row->kernel, stride, 1, act});
    case SEPARABLE: /* MobileNetV1's has an activation behind both */
        x = add_conv(m, "conv_dw", "bn1", x, (struct zoo_conv){in, row->kernel, stride, in, act});
        return add_conv(m, "conv_pw", "bn2", x,
                        (struct zoo_conv){channels, 1, 1, 1, m->model->head == NONE ? act : OP_INPUT});
    case INVERTED:
        x = add_conv(m, "conv_pw", "bn1", x, widen);
        x = add_conv(m, "conv_dw", "bn2", x, (struct zoo_conv){wide, row->kernel, stride, wide, act});
        x = squeezed ? add_gates(m, x, squeezed, act) : x;
        return add_conv(m, "conv_pwl", "bn3", x, narrow);
    case EDGE:
        x = add_conv(m, "conv_exp", "bn1", x, (struct zoo_conv){wide, row->kernel, stride, 1, act});
        return add_conv(m, "conv_pwl", "bn2", x, narrow);
    case UNIVERSAL:
        if (row->start)
            x = add_conv(m, "dw_start.conv", "dw_start.bn", x,
                         (struct zoo_conv){in, row->start, row->kernel ? 1 : stride, in, OP_INPUT});
        x = add_conv(m, "pw_exp.conv", "pw_exp.bn", x, widen);
        if (row->kernel)
            x = add_conv(m, "dw_mid.conv", "dw_mid.bn", x, (struct zoo_conv){wide, row->kernel, stride, wide, act});
        return add_conv(m, "pw_proj.conv", "pw_proj.bn", x, narrow);
    }
    return x;
}

static int add_blocks(struct making *m, int x)
{
    char prefix[ZOO_NAME], name[ZOO_NAME];
    int number = 0, stage = -1;
    for (const struct row *row = m->model->row; row < m->model->row + m->model->rows; row++) {
        if (row->stage != stage)
            graph_begin_stage(m->graph, zoo_name(name, "blocks.%d", row->stage));
        number = row->stage != stage ? 0 : number;
        stage = row->stage;
        int channels = zoo_divisible(row->channels * m->widths, 8);
        for (int i = 0; i < row->blocks; i++) {
            int before = x, stride = i == 0 ? row->stride : 1;
            m->prefix = zoo_name(prefix, "blocks.%d.%d.", stage, number++);
            x = add_inside(m, x, row, channels, stride);
            if (stride == 1 && m->graph->node[before].shape.c == channels && !row->alone)
                x = graph_add_binary(m->graph, zoo_name(name, "%sadd", prefix), OP_ADD, x, before);
        }
    }
    m->prefix = "";
    return x;
}

static void build(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    const struct model *model = &models[arch->depth];
    struct making m = {.graph = graph, .model = model, .widths = arch->alpha, .prefix = ""};
    enum op_kind act = model->activation;
    graph_begin_stage(graph, "stem");
    int stem = zoo_divisible(model->stem * arch->alpha, 8);
    int x = add_conv(&m, "conv_stem", "bn1", 0, (struct zoo_conv){stem, 3, 2, 1, act});
    x = add_blocks(&m, x);
    graph_begin_stage(graph, "head");
    const struct zoo_conv last = {model->last, 1, 1, 1, act};
    if (model->head == CONV)
        x = add_conv(&m, "conv_head", "bn2", x, last);
    x = graph_add_unary(graph, "global_pool", OP_GLOBAL_AVG_POOL, x);
    if (model->head == POOLED_NORMED)
        x = add_conv(&m, "conv_head", "norm_head", x, last);
    if (model->head == POOLED) {
        x = graph_add_conv(graph, "conv_head", x, model->last, 1, 1, 0, 1, false);
        x = graph_add_unary(graph, "act2", act, x);
    }
    graph_mark_trunk(graph, x);
    graph_begin_stage(graph, "classifier");
    x = zoo_dropout(graph, "dropout", x, 0.2f);
    graph_add_linear(graph, "classifier", x, options->classes);
}

/* clang-format off */
static const struct zoo_arch archs[] = {
    {"mnasnet_small", "MNASNet", "MNASNet small (Tan et al. 2019)", ZOO_BICUBIC(224, 256), build, MNASNET_SMALL, 1, true},
    {"semnasnet_075", "MNASNet", "MNASNet-A1 at 0.75 of its widths (Tan et al. 2019)", ZOO_BICUBIC(224, 256), build, MNASNET_A1, 0.75, true},
    {"semnasnet_100", "MNASNet", "MNASNet-A1 (Tan et al. 2019)", ZOO_BICUBIC(224, 256), build, MNASNET_A1, 1, true},
    {"spnasnet_100", "Single-Path NAS", "Single-Path NAS (Stamoulis et al. 2019)", ZOO_TORCHVISION(224, 256), build, SPNASNET, 1, true},
    {"fbnetc_100", "FBNet", "FBNet-C (Wu et al. 2019)", ZOO_TORCHVISION(224, 256), build, FBNETC, 1, true},
    {"mobilenetv1_100", "MobileNetV1", "MobileNetV1 of timm", ZOO_BICUBIC_HALVES(224, 256), build, V1, 1, true},
    {"mobilenetv3_rw", "MobileNetV3", "MobileNetV3 large of timm, before the paper's", ZOO_BICUBIC(224, 256), build, V3_RW, 1, true},
    {"mobilenetv4_conv_small", "MobileNetV4", "MobileNetV4 small, of convolutions (Qin et al. 2024)", ZOO_BICUBIC(224, 256), build, V4_SMALL, 1, true},
    {"mobilenetv4_conv_medium", "MobileNetV4", "MobileNetV4 medium, of convolutions (Qin et al. 2024)", ZOO_BICUBIC(256, 269), build, V4_MEDIUM, 1, true},
    {"mobilenetv4_conv_large", "MobileNetV4", "MobileNetV4 large, of convolutions (Qin et al. 2024)", ZOO_BICUBIC(384, 404), build, V4_LARGE, 1, true},
    {"mobilenetv4_conv_aa_medium", "MobileNetV4", "MobileNetV4 medium, of convolutions (strides by averages)", ZOO_BICUBIC(256, 269), build, V4_MEDIUM_AA, 1, true},
    {"mobilenetv4_conv_aa_large", "MobileNetV4", "MobileNetV4 large, of convolutions (strides by averages)", ZOO_BICUBIC(448, 471), build, V4_LARGE_AA, 1, true},
};
/* clang-format on */
const struct zoo_family zoo_searched = {archs, THAW_LENGTH(archs), NULL};
