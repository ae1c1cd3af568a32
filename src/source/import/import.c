/* Which kind of description a file has, and what all kinds have in common: the name, another head or input size, the
 * promise that a network is no larger than its file. Called by load, by the session's list and by the command line. */
#include "config.h"

#include "thaw/source/import.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "importer.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/source/zoo.h"

static const struct importer *const importers[] = {&import_thaw, &import_keras, &import_onnx, &import_darknet,
                                                   &import_torch};
enum { IMPORTERS = 5 };
static_assert(THAW_LENGTH(importers) == IMPORTERS, "an importer was added or removed: import.h lists them");

static const struct importer *find(const struct weights *weights)
{
    for (size_t i = 0; i < THAW_LENGTH(importers); i++) {
        if (importers[i]->possible(weights))
            return importers[i];
    }
    return NULL;
}

bool import_possible(const struct weights *weights)
{
    return find(weights) != NULL;
}

void import_name(const struct weights *weights, char name[GRAPH_NAME_MAX])
{
    struct zoo_arch room;
    const char *base = path_base(weights_path(weights));
    const char *dot = strrchr(base, '.');
    int length = dot && dot > base ? (int)(dot - base) : (int)strlen(base);
    snprintf(name, GRAPH_NAME_MAX, "%.*s", length, base);
    if (zoo_find(name, &room)) /* the zoo's name stands for the zoo's network */
        snprintf(name, GRAPH_NAME_MAX, "%s%s", base, dot && dot > base ? "" : ".file");
    if (!name[0])
        strcpy(name, "imported");
    char *copy = mem_string(name);
    import_text(name, GRAPH_NAME_MAX, copy);
    mem_free(copy);
}

const char *import_text(char *text, size_t room, const char *from)
{
    size_t length = strlen(from), used = length < room ? length : room - 1;
    for (size_t i = 0; i < used; i++)
        text[i] = from[i] >= 0x20 && from[i] < 0x7f ? from[i] : '?';
    text[used] = '\0';
    return text;
}

void import_mark_trunk(struct graph *graph)
{
    int head = graph_class_layer(graph);
    while (head > 1 && graph->node[head].inputs == 1 && graph->node[head].input[0] == head - 1 &&
           graph->node[head - 1].kind == OP_DROPOUT)
        head--;
    graph_mark_trunk(graph, head - 1);
}

static bool check_name(const struct graph *graph, const struct weights *weights, const char *wanted,
                       struct error *error)
{
    if (!wanted || !wanted[0] || strcmp(wanted, graph->arch) == 0)
        return true;
    return error_set(error, ERROR_USAGE, "%s is neither an architecture of the zoo nor the network in %s, which is %s",
                     wanted, weights_path(weights), graph->arch);
}

/* Whether the parameter's values are known without the file: set, or the 1 and 0 of a batch norm without scale or shift,
 * beside which the file has the statistics. */
static bool is_set(const struct graph *graph, int param)
{
    const struct graph_param *of = &graph->param[param];
    if (of->role == OP_ROLE_CONSTANT && graph->node[of->node].kind == OP_BATCH_NORM)
        return true;
    for (int i = 0; i < graph->constants; i++) {
        if (graph->constant[i].param == param)
            return true;
    }
    return false;
}

/* Values are allocated only for what the file can fill; another side or other classes are the user's own wish. */
static bool check_size(const struct importer *importer, const struct graph *graph, const struct weights *weights,
                       struct error *error)
{
    double have = 0, want = 0, times = importer->shares ? 4 : 1;
    for (size_t i = 0; i < weights_count(weights); i++)
        have += (double)shape_count(&weights_get(weights, i)->shape);
    for (int p = 0; p < graph->params; p++)
        want += is_set(graph, p) ? 0 : (double)graph->param[p].count;
    if (want <= times * have)
        return true;
    return error_set(error, ERROR_WEIGHTS, "the network it describes has %.0f values, its tensors only %.0f", want,
                     have);
}

/* The same network for another side, out of the file again. */
static struct graph *resize(const struct importer *importer, const struct weights *weights, const struct graph *own,
                            int side, struct error *error)
{
    struct graph *graph = importer->sized(weights, side, error);
    if (!graph)
        error_wrap(error, "for images of %dx%d", side, side);
    if (!graph || import_check_trunk(graph, own, error))
        return graph;
    graph_destroy(graph);
    return NULL;
}

static struct graph *outline(const struct importer *importer, const struct weights *weights,
                             const struct load_request *request, bool values, struct error *error)
{
    struct graph *graph = importer->outline(weights, error);
    if (graph && values && !check_size(importer, graph, weights, error)) {
        graph_destroy(graph);
        graph = NULL;
    }
    const struct shape4 *input = graph ? &graph->node[0].shape : NULL;
    bool other_side = graph && request->size && (request->size != input->h || request->size != input->w);
    bool other_classes = graph && request->classes && request->classes != graph->classes;
    if (other_side && importer->sized) {
        struct graph *own = graph;
        graph = resize(importer, weights, own, request->size, error);
        graph_destroy(own);
    }
    if (graph && (other_classes || (other_side && !importer->sized))) {
        struct graph *own = graph;
        graph = import_resized(own, request->size, request->classes, error);
        graph_destroy(own);
    }
    struct preprocess stated;
    if (graph) {
        bind_preprocess(graph, weights);
        if (bind_file_preprocess(weights, &stated))
            graph->preprocess_basis = PREPROCESS_STATED;
    } else {
        error_wrap(error, "%s", weights_path(weights));
    }
    return graph;
}

struct graph *import_graph(const struct weights *weights, const struct load_request *request, bool values,
                           struct bind_report *report, struct error *error)
{
    memset(report, 0, sizeof *report);
    const struct importer *importer = find(weights);
    if (!importer) {
        error_set(error, ERROR_WEIGHTS, "%s: the file does not say what its network is", weights_path(weights));
        return NULL;
    }
    struct graph *graph = outline(importer, weights, request, values, error);
    bool good = graph && check_name(graph, weights, request->arch, error);
    if (good && !values)
        return graph;
    bool (*bind)(struct graph *, const struct weights *, uint64_t, struct bind_report *, struct error *) =
        importer->bind ? importer->bind : bind_weights;
    if (good && graph_finish(graph, error) && bind(graph, weights, request->seed, report, error))
        return graph;
    graph_destroy(graph);
    return NULL;
}
