/* The zoo's table of families, and how a name and a few options become a graph.
 *
 * A family's file holds its rows, which say what the original is (classes, input, preprocessing of the usual weights),
 * and its builder. A new architecture is a row there; a new family is a file beside this one and a line in the table
 * below. Called by bind (recognition), the trainer, the screens and the command line. */
#include "config.h"

#include "thaw/source/zoo.h"

#include <string.h>

#include "family.h"
#include "thaw/base/nearest.h"
#include "thaw/weights/weights.h"

/* Where names are looked for, in this order. */
/* clang-format off */
static const struct zoo_family *const families[] = {
    &zoo_resnet,
    &zoo_cifar_resnet,
    &zoo_vgg,
    &zoo_mobilenet_v1,
    &zoo_alexnet,
    &zoo_squeezenet,
    &zoo_googlenet,
    &zoo_inception,
    &zoo_densenet,
    &zoo_mobilenet_v2,
    &zoo_mobilenet_v3,
    &zoo_mnasnet,
    &zoo_searched,
    &zoo_dla,
    &zoo_hgnet,
    &zoo_res2net,
    &zoo_selecsls,
    &zoo_shufflenet_v2,
    &zoo_efficientnet,
    &zoo_regnet,
    &zoo_convnext,
    &zoo_xception,
    &zoo_vit,
    &zoo_swin,
    &zoo_mnist,
    &zoo_tutorials,
    &zoo_keras_vgg,
    &zoo_keras_resnet,
    &zoo_keras_densenet,
    &zoo_keras_xception,
    &zoo_keras_mobilenet,
    &zoo_keras_mobilenet_v2,
    &zoo_keras_mobilenet_v3,
    &zoo_keras_inception_v3,
    &zoo_keras_efficientnet,
    &zoo_keras_nasnet,
    &zoo_keras_tutorials,
};
/* clang-format on */

const struct zoo_arch *zoo_at(size_t index)
{
    for (size_t f = 0; f < THAW_LENGTH(families); f++) {
        if (index < families[f]->archs)
            return &families[f]->arch[index];
        index -= families[f]->archs;
    }
    return NULL;
}

const struct zoo_arch *zoo_find(const char *name, struct zoo_arch *room)
{
    const struct zoo_arch *arch;
    for (size_t i = 0; (arch = zoo_at(i)); i++)
        if (strcmp(arch->name, name) == 0)
            return arch;
    for (size_t f = 0; f < THAW_LENGTH(families); f++)
        if (families[f]->find && (arch = families[f]->find(name, room)))
            return arch;
    return NULL;
}

static bool refuse_name(const char *name, struct error *error)
{
    const struct zoo_arch *arch;
    struct nearest nearest = {.wanted = name};
    if (strchr(name, '/') || weights_is_file_name(name)) /* where a weights file's path could have stood, too */
        return error_set(error, ERROR_WEIGHTS, "%s: there is no such file", name);
    for (size_t i = 0; (arch = zoo_at(i)); i++)
        nearest_offer(&nearest, arch->name);
    error_set(error, ERROR_USAGE, "no architecture is called \"%.64s\"", name);
    nearest_tell(&nearest, 2, "`thaw models` lists them", error->text, sizeof error->text);
    return false;
}

static bool resolve_options(const struct zoo_arch *arch, const struct zoo_options *from, struct zoo_options *to,
                            struct error *error)
{
    *to = *from;
    to->classes = from->classes ? from->classes : arch->classes;
    to->height = from->height ? from->height : arch->height;
    to->width = from->width ? from->width : arch->width;
    to->channels = from->channels ? from->channels : arch->channels;
    if (to->classes < 1)
        return error_set(error, ERROR_USAGE, "%s: %d classes: at least one is needed", arch->name, to->classes);
    if (to->channels != 1 && to->channels != 3)
        return error_set(error, ERROR_USAGE, "%s: images have 3 channels or 1, not %d", arch->name, to->channels);
    return true;
}

/* The graph with all its nodes, not yet checked. */
static struct graph *assemble(const char *name, const struct zoo_options *options, struct error *error)
{
    struct zoo_arch room;
    struct zoo_options resolved;
    const struct zoo_arch *arch = zoo_find(name, &room);
    if (!arch) {
        refuse_name(name, error);
        return NULL;
    }
    if (!resolve_options(arch, options, &resolved, error))
        return NULL;
    struct graph *graph = graph_create(arch->name, resolved.height, resolved.width, resolved.channels);
    graph->preprocess =
        (struct preprocess){.height = resolved.height, .width = resolved.width, .channels = resolved.channels};
    preprocess_take(&graph->preprocess, &arch->preprocess);
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
