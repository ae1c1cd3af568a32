/* The zoo's table, and how a name and a few options become a graph.
 *
 * A row says what the original is (classes, input, preprocessing of the usual weights); the builders in zoo_<family>.c
 * say how it is made. A new architecture is a row here and, if its family is new, one file beside this one. Called by
 * bind (recognition), the trainer, the screens and the command line. */
#include "config.h"

#include "thaw/model/zoo.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "thaw/base/macros.h"
#include "thaw/base/nearest.h"
#include "zoo_family.h"

/* clang-format off */
#define IMAGENET_STATISTICS {0.485f, 0.456f, 0.406f}, {0.229f, 0.224f, 0.225f}
#define TORCHVISION {224, 224, 3, 256, false, false, IMAGENET_STATISTICS}
#define CIFAR {32, 32, 3, 0, false, false, IMAGENET_STATISTICS}
#define TENSORFLOW {224, 224, 3, 256, true, false, {127.5f, 127.5f, 127.5f}, {127.5f, 127.5f, 127.5f}} /* x / 127.5 - 1 */

#define IMAGENET_ROW 1000, 224, 224, 3, TORCHVISION
#define CIFAR_ROW 10, 32, 32, 3, CIFAR
#define MOBILENET_TITLE "(Howard et al. 2017)"

static const struct zoo_arch archs[] = {
    /* name, family, title, input and classes, builder, depth, alpha, batch norm */
    {"resnet18", "ResNet", "ResNet-18 (He et al. 2015)", IMAGENET_ROW, zoo_resnet_build, 18, 0, true},
    {"resnet34", "ResNet", "ResNet-34 (He et al. 2015)", IMAGENET_ROW, zoo_resnet_build, 34, 0, true},
    {"resnet50", "ResNet", "ResNet-50 (He et al. 2015; stride on the 3x3)", IMAGENET_ROW, zoo_resnet_build, 50, 0, true},
    {"resnet20", "CIFAR ResNet", "ResNet-20 for 32x32 (He et al. 2015)", CIFAR_ROW, zoo_cifar_resnet_build, 20, 0, true},
    {"resnet32", "CIFAR ResNet", "ResNet-32 for 32x32 (He et al. 2015)", CIFAR_ROW, zoo_cifar_resnet_build, 32, 0, true},
    {"resnet44", "CIFAR ResNet", "ResNet-44 for 32x32 (He et al. 2015)", CIFAR_ROW, zoo_cifar_resnet_build, 44, 0, true},
    {"resnet56", "CIFAR ResNet", "ResNet-56 for 32x32 (He et al. 2015)", CIFAR_ROW, zoo_cifar_resnet_build, 56, 0, true},
    {"vgg11_slim", "VGG", "VGG-11 at a quarter of its widths, for 32x32", CIFAR_ROW, zoo_vgg_slim_build, 11, 0, true},
    {"vgg11", "VGG", "VGG-11 (Simonyan and Zisserman 2014)", IMAGENET_ROW, zoo_vgg_build, 11, 0, false},
    {"vgg11_bn", "VGG", "VGG-11 with batch norm", IMAGENET_ROW, zoo_vgg_build, 11, 0, true},
    {"vgg13", "VGG", "VGG-13 (Simonyan and Zisserman 2014)", IMAGENET_ROW, zoo_vgg_build, 13, 0, false},
    {"vgg13_bn", "VGG", "VGG-13 with batch norm", IMAGENET_ROW, zoo_vgg_build, 13, 0, true},
    {"vgg16", "VGG", "VGG-16 (Simonyan and Zisserman 2014)", IMAGENET_ROW, zoo_vgg_build, 16, 0, false},
    {"vgg16_bn", "VGG", "VGG-16 with batch norm", IMAGENET_ROW, zoo_vgg_build, 16, 0, true},
    {"vgg19", "VGG", "VGG-19 (Simonyan and Zisserman 2014)", IMAGENET_ROW, zoo_vgg_build, 19, 0, false},
    {"vgg19_bn", "VGG", "VGG-19 with batch norm", IMAGENET_ROW, zoo_vgg_build, 19, 0, true},
    {"mobilenet_v1_0.25", "MobileNetV1", "MobileNetV1 at 0.25 of its widths " MOBILENET_TITLE,
     1000, 224, 224, 3, TENSORFLOW, zoo_mobilenet_build, 0, 0.25, true},
    {"mobilenet_v1_0.5", "MobileNetV1", "MobileNetV1 at half its widths " MOBILENET_TITLE,
     1000, 224, 224, 3, TENSORFLOW, zoo_mobilenet_build, 0, 0.5, true},
    {"mobilenet_v1_0.75", "MobileNetV1", "MobileNetV1 at 0.75 of its widths " MOBILENET_TITLE,
     1000, 224, 224, 3, TENSORFLOW, zoo_mobilenet_build, 0, 0.75, true},
    {"mobilenet_v1_1.0", "MobileNetV1", "MobileNetV1 " MOBILENET_TITLE,
     1000, 224, 224, 3, TENSORFLOW, zoo_mobilenet_build, 0, 1, true},
};
/* clang-format on */

enum { ARCHS = THAW_LENGTH(archs) };
static const char scaled_prefix[] = "mobilenet_v1_"; /* the family that takes any alpha behind its name */
static const double alpha_least = 0.01, alpha_most = 8;

const char *zoo_name(char name[ZOO_NAME], const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vsnprintf(name, ZOO_NAME, format, list);
    va_end(list);
    return name;
}

const struct zoo_arch *zoo_archs(size_t *count)
{
    *count = ARCHS;
    return archs;
}

static const struct zoo_arch *find_row(const char *name)
{
    for (size_t i = 0; i < ARCHS; i++) {
        if (strcmp(archs[i].name, name) == 0)
            return &archs[i];
    }
    return NULL;
}

const struct zoo_arch *zoo_find(const char *name, struct zoo_arch *room)
{
    const struct zoo_arch *row = find_row(name);
    size_t prefix = sizeof scaled_prefix - 1;
    if (row || strncmp(name, scaled_prefix, prefix) != 0 || !isdigit((unsigned char)name[prefix]))
        return row;
    char *end;
    double alpha = strtod(name + prefix, &end);
    if (*end != '\0' || !(alpha >= alpha_least && alpha <= alpha_most) || strlen(name) >= GRAPH_NAME_MAX)
        return NULL;
    *room = *find_row("mobilenet_v1_1.0");
    room->name = name;
    room->title = "MobileNetV1 at another width " MOBILENET_TITLE;
    room->alpha = alpha;
    return room;
}

static bool refuse_name(const char *name, struct error *error)
{
    size_t near[2] = {0, 0};
    int distance[2] = {1000, 1000};
    for (size_t i = 0; i < ARCHS; i++) {
        int d = nearest_distance(name, archs[i].name);
        if (d < distance[0]) {
            near[1] = near[0], distance[1] = distance[0];
            near[0] = i, distance[0] = d;
        } else if (d < distance[1]) {
            near[1] = i, distance[1] = d;
        }
    }
    return error_set(error, ERROR_USAGE, "no architecture is called \"%.64s\"; the nearest are %s and %s", name,
                     archs[near[0]].name, archs[near[1]].name);
}

/* What the architecture's usual preprocessing becomes at another input size or channel count: the same share of the
 * image is cropped away, and grey takes the mean of the colours' statistics. */
static struct preprocess adapt_preprocess(const struct preprocess *from, const struct zoo_options *options)
{
    struct preprocess to = *from;
    to.height = options->height;
    to.width = options->width;
    to.channels = options->channels;
    if (options->height != options->width)
        to.resize = 0;
    else if (from->resize > 0)
        to.resize = (from->resize * options->height + from->height / 2) / from->height;
    if (options->channels == 1) {
        to.mean[0] = (from->mean[0] + from->mean[1] + from->mean[2]) / 3;
        to.std[0] = (from->std[0] + from->std[1] + from->std[2]) / 3;
    }
    return to;
}

static bool resolve_options(const struct zoo_arch *arch, const struct zoo_options *from, struct zoo_options *to,
                            struct error *error)
{
    *to = *from;
    to->classes = from->classes ? from->classes : arch->classes;
    to->height = from->height ? from->height : arch->height;
    to->width = from->width ? from->width : arch->width;
    to->channels = from->channels ? from->channels : arch->channels;
    to->alpha = from->alpha != 0 ? from->alpha : arch->alpha;
    if (to->classes < 1)
        return error_set(error, ERROR_USAGE, "%s: %d classes: at least one is needed", arch->name, to->classes);
    if (to->channels != 1 && to->channels != 3)
        return error_set(error, ERROR_USAGE, "%s: images have 3 channels or 1, not %d", arch->name, to->channels);
    if (from->alpha != 0 && arch->alpha == 0)
        return error_set(error, ERROR_USAGE, "%s has no width multiplier; the MobileNetV1 family has", arch->name);
    return true;
}

/* The graph with all its nodes, not yet checked. */
static struct graph *assemble(const char *name, const struct zoo_options *options, struct error *error)
{
    struct zoo_arch room, room_scaled;
    struct zoo_options resolved;
    char scaled[GRAPH_NAME_MAX];
    const struct zoo_arch *arch = zoo_find(name, &room);
    if (!arch) {
        refuse_name(name, error);
        return NULL;
    }
    if (!resolve_options(arch, options, &resolved, error))
        return NULL;
    if (resolved.alpha != arch->alpha) { /* the graph is called what it is, so that its exports are recognised */
        snprintf(scaled, sizeof scaled, "%s%g", scaled_prefix, resolved.alpha);
        arch = zoo_find(scaled, &room_scaled);
        if (!arch) {
            error_set(error, ERROR_USAGE, "%s: a width multiplier of %g is not between %g and %g", name, resolved.alpha,
                      alpha_least, alpha_most);
            return NULL;
        }
    }
    struct graph *graph = graph_create(arch->name, resolved.height, resolved.width, resolved.channels);
    graph->preprocess = adapt_preprocess(&arch->preprocess, &resolved);
    arch->build(graph, arch, &resolved);
    return graph;
}

struct graph *zoo_outline(const char *name, const struct zoo_options *options, struct error *error)
{
    struct graph *graph = assemble(name, options, error);
    if (!graph || graph_seal(graph, error))
        return graph;
    graph_destroy(graph);
    return NULL;
}

struct graph *zoo_build(const char *name, const struct zoo_options *options, struct error *error)
{
    struct graph *graph = assemble(name, options, error);
    if (!graph || graph_finish(graph, error))
        return graph;
    graph_destroy(graph);
    return NULL;
}
