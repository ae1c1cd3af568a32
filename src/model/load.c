/* Bringing up a model: weights opened, architecture found, graph built, weights bound. A file that describes its own
 * network is imported, unless an architecture of the zoo is asked for by name. */
#include "config.h"

#include "thaw/model/load.h"

#include <string.h>

#include "thaw/model/import.h"
#include "thaw/model/zoo.h"

/* Builds for the weights' own class count where none is asked for: the head that comes with a file is part of it. */
static struct graph *build(const struct load_request *request, const struct weights *weights, struct error *error)
{
    char arch[GRAPH_NAME_MAX];
    int classes = 0;
    bool named = request->arch && request->arch[0];
    struct error unrecognised = {0};
    if (weights && !bind_recognise(weights, arch, &classes, &unrecognised) && !named) {
        *error = unrecognised;
        return NULL;
    }
    if (!weights && !named) {
        error_set(error, ERROR_USAGE, "neither an architecture nor a weights file is named");
        return NULL;
    }
    struct zoo_options options = {.classes = request->classes ? request->classes : classes};
    struct preprocess bound;
    if (weights && bind_file_preprocess(weights, &bound)) {
        options.height = bound.height;
        options.width = bound.width;
        options.channels = bound.channels;
    }
    if (request->size)
        options.height = options.width = request->size;
    return zoo_build(named ? request->arch : arch, &options, error);
}

static struct graph *build_and_bind(const struct load_request *request, const struct weights *weights,
                                    struct bind_report *report, struct error *error)
{
    struct graph *graph = build(request, weights, error);
    bool ready = graph != NULL;
    if (ready && weights) {
        bind_preprocess(graph, weights);
        ready = bind_weights(graph, weights, request->seed, report, error);
    } else if (ready) {
        graph_initialise(graph, request->seed);
    }
    if (ready)
        return graph;
    graph_destroy(graph);
    return NULL;
}

/* A name that the zoo does not know can only be an imported network's; import_graph sees whether it is this file's. */
static bool is_import(const struct load_request *request, const struct weights *weights)
{
    struct zoo_arch room;
    if (!weights || !import_possible(weights))
        return false;
    return !request->arch || !request->arch[0] || !zoo_find(request->arch, &room);
}

struct graph *load_graph(const struct load_request *request, struct bind_report *report, struct error *error)
{
    struct bind_report own = {0};
    struct bind_report *match = report ? report : &own;
    memset(match, 0, sizeof *match);
    struct weights *weights = NULL;
    if (request->weights && request->weights[0] && strcmp(request->weights, "none")) {
        weights = weights_open(request->weights, error);
        if (!weights)
            return NULL;
    }
    struct graph *graph = is_import(request, weights) ? import_graph(weights, request, true, match, error)
                                                      : build_and_bind(request, weights, match, error);
    weights_close(weights);
    bind_report_finish(&own);
    if (!graph || !request->preprocess || preprocess_parse(&graph->preprocess, request->preprocess, error))
        return graph;
    graph_destroy(graph);
    return NULL;
}
