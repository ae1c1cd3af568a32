/* MobileNetV1 (Howard et al. 2017) at any width: a 3x3 stem, then thirteen pairs of a depthwise 3x3 and a pointwise 1x1
 * convolution, each with batch norm and relu6, pooling and one linear layer.
 *
 * Padding is TensorFlow's SAME: the output is ceil(input / stride), what is missing is split with the odd pixel at the
 * bottom and right, so at stride 2 it depends on the input's size. Stages: stem, block0 to block12, classifier. */
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

/* As the original scales widths: rounded down, never under 8. */
static int scale(int channels, double alpha)
{
    int scaled = (int)(channels * alpha);
    return scaled < 8 ? 8 : scaled;
}

/* `prefix`conv, `prefix`bn, `prefix`relu6. */
static int add_layer(struct graph *graph, const char *prefix, int input, int channels, int kernel, int stride,
                     int groups)
{
    char name[ZOO_NAME];
    int x = zoo_conv_same(graph, zoo_name(name, "%sconv", prefix), input, channels, kernel, stride, groups, false);
    x = graph_add_batch_norm(graph, zoo_name(name, "%sbn", prefix), x, bn_eps, bn_momentum);
    return graph_add_unary(graph, zoo_name(name, "%srelu6", prefix), OP_RELU6, x);
}

static void build(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    int channels = scale(32, arch->alpha);
    graph_begin_stage(graph, "stem");
    int x = add_layer(graph, "stem.", 0, channels, 3, 2, 1);
    for (int i = 0; i < PAIRS; i++) {
        char name[ZOO_NAME];
        graph_begin_stage(graph, zoo_name(name, "block%d", i));
        zoo_name(name, "dw.%d.", i);
        x = add_layer(graph, name, x, channels, 3, rows[i].stride, channels);
        channels = scale(rows[i].channels, arch->alpha);
        zoo_name(name, "pw.%d.", i);
        x = add_layer(graph, name, x, channels, 1, 1, 1);
    }
    x = graph_add_unary(graph, "avgpool", OP_GLOBAL_AVG_POOL, x);
    graph_mark_trunk(graph, x);
    graph_begin_stage(graph, "classifier");
    graph_add_linear(graph, "classifier", x, options->classes);
}

/* clang-format off */
#define TITLE "(Howard et al. 2017)"
static const struct zoo_arch archs[] = {
    {"mobilenet_v1_0.25", "MobileNetV1", "MobileNetV1 at 0.25 of its widths " TITLE, ZOO_TENSORFLOW(224, 256), build, 0, 0.25, true},
    {"mobilenet_v1_0.5", "MobileNetV1", "MobileNetV1 at half its widths " TITLE, ZOO_TENSORFLOW(224, 256), build, 0, 0.5, true},
    {"mobilenet_v1_0.75", "MobileNetV1", "MobileNetV1 at 0.75 of its widths " TITLE, ZOO_TENSORFLOW(224, 256), build, 0, 0.75, true},
    {"mobilenet_v1_1.0", "MobileNetV1", "MobileNetV1 " TITLE, ZOO_TENSORFLOW(224, 256), build, 0, 1, true},
};
/* clang-format on */

/* Any width behind the family's name. */
static const struct zoo_arch *find(const char *name, struct zoo_arch *room)
{
    static const char prefix[] = "mobilenet_v1_";
    size_t length = sizeof prefix - 1;
    if (strncmp(name, prefix, length) != 0 || !isdigit((unsigned char)name[length]))
        return NULL;
    char *end;
    double alpha = strtod(name + length, &end);
    if (*end != '\0' || !(alpha >= 0.01 && alpha <= 8) || strlen(name) >= GRAPH_NAME_MAX)
        return NULL;
    *room = archs[THAW_LENGTH(archs) - 1];
    room->name = name;
    room->title = "MobileNetV1 at another width " TITLE;
    room->alpha = alpha;
    return room;
}

const struct zoo_family zoo_mobilenet_v1 = {archs, THAW_LENGTH(archs), find};
