/* The families of the zoo, for its table alone. Each builder appends its layers to a graph that has its input; options
 * come resolved: no field is zero. */
#ifndef THAW_SRC_MODEL_ZOO_FAMILY_H
#define THAW_SRC_MODEL_ZOO_FAMILY_H

#include "thaw/model/zoo.h"

/* A layer's name, printed into `name`; returns it. One letter more than a graph takes, so that a name that had to be
 * cut is refused and not taken for another. */
enum { ZOO_NAME = GRAPH_NAME_MAX + 1 };
const char *zoo_name(char name[ZOO_NAME], const char *format, ...) THAW_PRINTF(2, 3) THAW_NONNULL_ARGS(1, 2);

void zoo_resnet_build(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options) THAW_NONNULL;
void zoo_vgg_build(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options) THAW_NONNULL;
void zoo_vgg_slim_build(struct graph *graph, const struct zoo_arch *arch,
                        const struct zoo_options *options) THAW_NONNULL;
void zoo_cifar_resnet_build(struct graph *graph, const struct zoo_arch *arch,
                            const struct zoo_options *options) THAW_NONNULL;
void zoo_mobilenet_build(struct graph *graph, const struct zoo_arch *arch,
                         const struct zoo_options *options) THAW_NONNULL;

#endif
