/* Bringing up a model: weights found and opened, architecture found, graph built, weights bound. A file that describes
 * its own network is imported, unless an architecture of the zoo is asked for by name. What the file itself says about
 * its preprocessing counts most, then the catalog's row of the file, then the architecture's own. */
#include "config.h"

#include "thaw/shelf/load.h"

#include <string.h>

#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/shelf/beside.h"
#include "thaw/source/import.h"
#include "thaw/source/zoo.h"

/* The weights of a request, and the catalog's row of their file. */
struct source {
    struct catalog *catalog;
    const struct catalog_row *row; /* or NULL */
    struct preprocess beside;      /* what files beside it say; height 0: nothing */
    struct error beside_fault;     /* one of them cannot be read */
    struct weights *weights;       /* or NULL */
};

bool load_is_scratch(const char *weights)
{
    return !weights || !weights[0] || !strcmp(weights, "none");
}

static bool source_open(struct source *source, const char *name, struct error *error)
{
    *source = (struct source){0};
    if (load_is_scratch(name))
        return true;
    source->catalog = catalog_open(NULL, error);
    char *path = source->catalog ? catalog_weights(source->catalog, name, error) : NULL;
    if (path)
        source->weights = weights_open(path, error);
    if (source->weights)
        source->row = catalog_match(source->catalog, path);
    if (source->weights && !beside_preprocess(path, &source->beside, &source->beside_fault))
        source->beside.height = 0;
    mem_free(path);
    return source->weights != NULL;
}

char *load_weights_path(const char *weights, struct error *error)
{
    struct catalog *catalog = catalog_open(NULL, error);
    char *path = catalog ? catalog_weights(catalog, weights, error) : NULL;
    catalog_close(catalog);
    return path;
}

bool load_find_weights(char *weights, size_t room, const struct catalog *catalog, struct error *error)
{
    bool is_path = strchr(weights, '/') || file_exists(weights);
    if (load_is_scratch(weights) || (is_path && !file_is_directory(weights)))
        return true;
    char *path = catalog ? catalog_weights(catalog, weights, error) : load_weights_path(weights, error);
    bool fits = path && strlen(path) < room;
    if (fits)
        strcpy(weights, path);
    else if (path)
        error_set(error, ERROR_USAGE, "%s: path too long", path);
    mem_free(path);
    return fits;
}

static void source_close(struct source *source)
{
    weights_close(source->weights);
    catalog_close(source->catalog);
}

/* A row is about an architecture; under its file's name there may lie another's weights. */
static void check_row(struct source *source, const char *arch)
{
    if (source->row && source->row->arch[0] && strcmp(source->row->arch, arch) != 0)
        source->row = NULL;
}

/* Builds for the weights' own class count where none is asked for: the head that comes with a file is part of it. */
static struct graph *build(const struct load_request *request, struct source *source, struct error *error)
{
    const struct weights *weights = source->weights;
    struct bind_identity identity = {.classes = 0};
    bool named = request->arch && request->arch[0];
    if (!weights && !named) {
        error_set(error, ERROR_USAGE, "neither an architecture nor a weights file is named");
        return NULL;
    }
    if (weights && named)
        bind_recognise_as(weights, request->arch, &identity);
    else if (weights && !bind_recognise(weights, NULL, &identity, error))
        return NULL;
    const char *arch = named ? request->arch : identity.arch;
    check_row(source, arch);
    struct zoo_options options = {.classes = request->classes ? request->classes : identity.classes,
                                  .channels = identity.channels};
    bool single = options.classes == 1 && !request->classes; /* one output stands for two classes */
    if (single)
        options.classes = 2;
    struct preprocess bound;
    if (source->row && source->row->input > 0)
        options.height = options.width = source->row->input;
    if (source->beside.height) {
        options.height = source->beside.height;
        options.width = source->beside.width;
    }
    if (weights && bind_file_preprocess(weights, &bound)) {
        options.height = bound.height;
        options.width = bound.width;
        options.channels = bound.channels;
    }
    if (request->size)
        options.height = options.width = request->size;
    struct graph *graph = zoo_build(arch, &options, error);
    if (graph && single)
        graph_add_note(graph, BIND_SINGLE_NOTE);
    if (graph && identity.twin[0])
        graph_add_note(
            graph,
            "its tensors are those of %s as well, which differs in what no tensor shows (padding, a batch norm's "
            "eps, the form of GELU): name that architecture where it is meant",
            identity.twin);
    return graph;
}

/* What the catalog says of the preprocessing, then the files beside the weights, then the weights themselves, each of which
 * counts for more than the one before. */
static void take_said(struct graph *graph, const struct source *source)
{
    struct preprocess bound, *own = &graph->preprocess;
    bool by_file = bind_file_preprocess(source->weights, &bound);
    if (source->row)
        catalog_preprocess(source->row, own);
    if (source->beside.height)
        preprocess_take(own, &source->beside);
    bind_preprocess(graph, source->weights);
    if (weights_metadata(source->weights, WEIGHTS_NOTE) && !import_possible(source->weights))
        graph_add_note(graph, "%s", weights_metadata(source->weights, WEIGHTS_NOTE));
    if (source->beside_fault.kind != ERROR_NONE)
        graph_add_note(graph, "%s", source->beside_fault.text);
    if (source->row || source->beside.height || by_file)
        graph->preprocess_basis = PREPROCESS_STATED;
}

static struct graph *build_and_bind(const struct load_request *request, struct source *source,
                                    struct bind_report *report, struct error *error)
{
    const struct weights *weights = source->weights;
    struct graph *graph = build(request, source, error);
    bool ready = graph != NULL;
    if (ready && weights) {
        if (graph->preprocess_basis != PREPROCESS_GUESSED) /* by the architecture, which has no usual weights */
            graph->preprocess_basis = PREPROCESS_USUAL;
        bind_usual_preprocess(graph, weights);
        take_said(graph, source);
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

/* The same convolutions in the same order were most likely trained on the same kind of input. */
static void guess_by_trunk(struct graph *graph)
{
    const struct zoo_arch *arch = zoo_alike(graph);
    struct error unused;
    const struct preprocess *own = &graph->preprocess;
    struct zoo_options options = {.height = own->height, .width = own->width, .channels = own->channels};
    struct graph *alike = arch ? zoo_outline(arch->name, &options, &unused) : NULL;
    if (alike) {
        graph->preprocess = alike->preprocess;
        graph_add_note(graph, "its convolutions are those of %s, and so its input is taken to be as there", arch->name);
    }
    graph_destroy(alike);
}

static struct graph *import(const struct load_request *request, struct source *source, struct bind_report *report,
                            struct error *error)
{
    struct graph *graph = import_graph(source->weights, request, true, report, error);
    if (!graph)
        return NULL;
    check_row(source, graph->arch);
    take_said(graph, source);
    if (graph->preprocess_basis == PREPROCESS_GUESSED)
        guess_by_trunk(graph);
    return graph;
}

struct graph *load_graph(const struct load_request *request, struct bind_report *report, struct error *error)
{
    struct bind_report own = {0};
    struct bind_report *match = report ? report : &own;
    memset(match, 0, sizeof *match);
    struct source source;
    struct graph *graph = NULL;
    bool opened = source_open(&source, request->weights, error);
    if (opened && source.weights && weights_digest(source.weights) == WEIGHTS_DIGEST_BROKEN)
        opened = error_set(error, ERROR_WEIGHTS,
                           "%s: damaged: its bytes are not those that were written, as its digest tells",
                           weights_path(source.weights));
    if (opened && is_import(request, source.weights))
        graph = import(request, &source, match, error);
    else if (opened)
        graph = build_and_bind(request, &source, match, error);
    source_close(&source);
    bind_report_finish(&own);
    if (!graph || !request->preprocess)
        return graph;
    if (preprocess_parse(&graph->preprocess, request->preprocess, error)) {
        if (request->preprocess[0] && strcmp(request->preprocess, "auto") != 0)
            graph->preprocess_basis = PREPROCESS_STATED;
        return graph;
    }
    graph_destroy(graph);
    return NULL;
}
