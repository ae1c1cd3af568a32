/* MobileNetV1 (Howard et al. 2017) at any width: a 3x3 stem, then thirteen pairs of a depthwise 3x3 and a pointwise 1x1
 * convolution, each with batch norm and relu6, pooling and one linear layer. A batch norm's eps is 1e-3.
 *
 * Padding is TensorFlow's SAME: the output is ceil(input / stride), what is missing is split with the odd pixel at the
 * bottom and right, so at stride 2 it depends on the input's size. Keras's form (keras_mobilenet_*) has it so in the stem
 * alone: its depthwise convolutions with stride are always padded by one pixel at the bottom and right. The head is a 1x1
 * convolution there. Stages: stem, block0 to block12, classifier. */
#include "config.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "family.h"

enum { PAIRS = 13 };
static const float bn_eps = 1e-3f, bn_momentum = 0.01f;

static const struct mobilenet_row {
    int stride, channels;
} rows[PAIRS] = {
    {1, 64},  {2, 128}, {1, 128}, {2, 256}, {1, 256},  {2, 512},  {1, 512},
    {1, 512}, {1, 512}, {1, 512}, {1, 512}, {2, 1024}, {1, 1024},
};

/* What differs between the sources: a layer's convolution, batch norm and relu are its prefix and these suffixes. */
static const struct dialect {
    const char *stem, *depthwise, *pointwise;
    const char *conv, *norm, *relu;
    int first;      /* the number of the first pair */
    bool pad_after; /* stride 2 in a depthwise convolution: one pixel at the bottom and right whatever the size */
    const char *pool, *dropout, *classifier;
    float rate;
    bool conv_head;
} plain = {.stem = "stem.",
           .depthwise = "dw.%d.",
           .pointwise = "pw.%d.",
           .conv = "conv",
           .norm = "bn",
           .relu = "relu6",
           .pool = "avgpool",
           .classifier = "classifier"},
  keras = {.stem = "conv1",
           .depthwise = "conv_dw_%d",
           .pointwise = "conv_pw_%d",
           .conv = "",
           .norm = "_bn",
           .relu = "_relu",
           .first = 1,
           .pad_after = true,
           .pool = "global_average_pooling2d",
           .dropout = "dropout",
           .classifier = "conv_preds",
           .rate = 1e-3f,
           .conv_head = true};

/* As the original scales widths: rounded down; the plain form never goes under 8. */
static int scale(int channels, double alpha)
{
    int scaled = (int)(channels * alpha);
    return scaled < 8 ? 8 : scaled;
}

/* Batch norm and relu6 behind a convolution. */
static int add_norm(struct graph *graph, const struct dialect *dialect, const char *prefix, int input)
{
    char name[ZOO_NAME];
    int x = graph_add_batch_norm(graph, zoo_name(name, "%s%s", prefix, dialect->norm), input, bn_eps, bn_momentum);
    return graph_add_unary(graph, zoo_name(name, "%s%s", prefix, dialect->relu), OP_RELU6, x);
}

static int add_depthwise(struct graph *graph, const struct dialect *dialect, const char *prefix, int input, int stride)
{
    char name[ZOO_NAME];
    int channels = graph->node[input].shape.c;
    zoo_name(name, "%s%s", prefix, dialect->conv);
    if (stride == 1 || !dialect->pad_after)
        return zoo_conv_same(graph, name, input, channels, 3, stride, channels, false);
    struct op_attrs attrs = op_attrs_default();
    attrs.kernel_h = attrs.kernel_w = 3;
    attrs.stride_h = attrs.stride_w = stride;
    attrs.pad_bottom = attrs.pad_right = 1;
    attrs.groups = attrs.out_channels = channels;
    return graph_add(graph, name, OP_CONV, &attrs, 1, &input);
}

static void add_head(struct graph *graph, const struct dialect *dialect, int input, int classes)
{
    int x = graph_add_unary(graph, dialect->pool, OP_GLOBAL_AVG_POOL, input);
    graph_mark_trunk(graph, x);
    graph_begin_stage(graph, "classifier");
    if (dialect->dropout)
        x = zoo_dropout(graph, dialect->dropout, x, dialect->rate);
    if (dialect->conv_head)
        graph_add_conv(graph, dialect->classifier, x, classes, 1, 1, 0, 1, true);
    else
        graph_add_linear(graph, dialect->classifier, x, classes);
}

static void build_in(struct graph *graph, const struct dialect *dialect, double alpha, int classes)
{
    char name[ZOO_NAME], prefix[ZOO_NAME];
    graph_begin_stage(graph, "stem");
    zoo_name(name, "%s%s", dialect->stem, dialect->conv);
    int x = zoo_conv_same(graph, name, 0, scale(32, alpha), 3, 2, 1, false);
    x = add_norm(graph, dialect, dialect->stem, x);
    for (int i = 0; i < PAIRS; i++) {
        graph_begin_stage(graph, zoo_name(name, "block%d", i));
        zoo_name(prefix, dialect->depthwise, dialect->first + i);
        x = add_norm(graph, dialect, prefix, add_depthwise(graph, dialect, prefix, x, rows[i].stride));
        zoo_name(prefix, dialect->pointwise, dialect->first + i);
        zoo_name(name, "%s%s", prefix, dialect->conv);
        x = graph_add_conv(graph, name, x, scale(rows[i].channels, alpha), 1, 1, 0, 1, false);
        x = add_norm(graph, dialect, prefix, x);
    }
    add_head(graph, dialect, x, classes);
}

static void build(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    build_in(graph, &plain, arch->alpha, options->classes);
}

static void build_keras(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    build_in(graph, &keras, arch->alpha, options->classes);
}

/* clang-format off */
#define TITLE "(Howard et al. 2017)"
static const struct zoo_arch archs[] = {
    {"mobilenet_v1_0.25", "MobileNetV1", "MobileNetV1 at 0.25 of its widths " TITLE, ZOO_TENSORFLOW(224, 256), build, 0, 0.25, true},
    {"mobilenet_v1_0.5", "MobileNetV1", "MobileNetV1 at half its widths " TITLE, ZOO_TENSORFLOW(224, 256), build, 0, 0.5, true},
    {"mobilenet_v1_0.75", "MobileNetV1", "MobileNetV1 at 0.75 of its widths " TITLE, ZOO_TENSORFLOW(224, 256), build, 0, 0.75, true},
    {"mobilenet_v1_1.0", "MobileNetV1", "MobileNetV1 " TITLE, ZOO_TENSORFLOW(224, 256), build, 0, 1, true},
};
static const struct zoo_arch keras_archs[] = {
    {"keras_mobilenet_0.25", "MobileNetV1", "MobileNetV1 of Keras at 0.25 of its widths " TITLE, ZOO_TENSORFLOW(224, 256), build_keras, 0, 0.25, true},
    {"keras_mobilenet_0.5", "MobileNetV1", "MobileNetV1 of Keras at half its widths " TITLE, ZOO_TENSORFLOW(224, 256), build_keras, 0, 0.5, true},
    {"keras_mobilenet_0.75", "MobileNetV1", "MobileNetV1 of Keras at 0.75 of its widths " TITLE, ZOO_TENSORFLOW(224, 256), build_keras, 0, 0.75, true},
    {"keras_mobilenet_1.0", "MobileNetV1", "MobileNetV1 of Keras " TITLE, ZOO_TENSORFLOW(224, 256), build_keras, 0, 1, true},
};
/* clang-format on */

/* Any width behind the family's name. */
static const struct zoo_arch *find_width(const char *name, const char *prefix, const struct zoo_arch *full,
                                         const char *title, struct zoo_arch *room)
{
    size_t length = strlen(prefix);
    if (strncmp(name, prefix, length) != 0 || !isdigit((unsigned char)name[length]))
        return NULL;
    char *end;
    double alpha = strtod(name + length, &end);
    if (*end != '\0' || !(alpha >= 0.01 && alpha <= 8) || strlen(name) >= GRAPH_NAME_MAX)
        return NULL;
    *room = *full;
    room->name = name;
    room->title = title;
    room->alpha = alpha;
    return room;
}

static const struct zoo_arch *find(const char *name, struct zoo_arch *room)
{
    return find_width(name, "mobilenet_v1_", &archs[THAW_LENGTH(archs) - 1], "MobileNetV1 at another width " TITLE,
                      room);
}

static const struct zoo_arch *find_keras(const char *name, struct zoo_arch *room)
{
    return find_width(name, "keras_mobilenet_", &keras_archs[THAW_LENGTH(keras_archs) - 1],
                      "MobileNetV1 of Keras at another width " TITLE, room);
}

const struct zoo_family zoo_mobilenet_v1 = {archs, THAW_LENGTH(archs), find};
const struct zoo_family zoo_keras_mobilenet = {keras_archs, THAW_LENGTH(keras_archs), find_keras};
