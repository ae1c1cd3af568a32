/* The zoo: architectures by name. Each family is one short file in src/source/zoo that reads like its paper's table. */
#ifndef THAW_SOURCE_ZOO_H
#define THAW_SOURCE_ZOO_H

#include "thaw/network/graph.h"

struct zoo_options {
    int classes;       /* of the head; 0: the architecture's own */
    int height, width; /* of the input, pixels; 0: the architecture's own */
    int channels;      /* 0: the architecture's own */
};

struct zoo_arch {
    const char *name;                     /* "resnet18", "vgg16_bn", "resnet20", "mobilenet_v1_0.25" */
    const char *family;                   /* "ResNet" */
    const char *title;                    /* one line for the browser: "ResNet-18 (He et al. 2015)" */
    int classes, height, width, channels; /* of the original */
    struct preprocess preprocess;         /* of the usual pretrained weights */
    void (*build)(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options);
    int depth;    /* family's own use: layers, table row */
    double alpha; /* family's own use */
    bool batch_norm;
};

/* The rows of the table, in family then size order; NULL behind the last. */
const struct zoo_arch *zoo_at(size_t index);
/* By name; accepts any alpha for the MobileNetV1 family ("mobilenet_v1_0.4"). NULL: not known. The result may be a row
 * completed for that alpha, kept in *room. */
const struct zoo_arch *zoo_find(const char *name, struct zoo_arch *room) THAW_NONNULL;
/* The graph with zeroed values; the caller destroys it. Unknown name: ERROR_USAGE with the nearest names. */
struct graph *zoo_build(const char *name, const struct zoo_options *options,
                        struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* The same without values, for a few kilobytes: names, shapes, counts and costs to look at. */
struct graph *zoo_outline(const char *name, const struct zoo_options *options,
                          struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* The row whose convolutions a network has, all in their order and most of them padded alike, whatever it is called and
 * whether its norms are folded; NULL: none, or too few to tell. Tens of milliseconds. */
const struct zoo_arch *zoo_alike(const struct graph *graph) THAW_NONNULL;

#endif
