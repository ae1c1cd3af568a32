/* Networks with a single output, which stands for two classes: others train such a z through a sigmoid, thaw logits
 * through a softmax. Both are the same for the logits 0 and z. Called by keras.c and torch.c. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "importer.h"
#include "thaw/base/mem.h"

struct graph *import_make_binary(struct graph *graph, struct error *error)
{
    struct graph *two = import_resized(graph, 0, 2, error);
    graph_destroy(graph);
    if (two)
        graph_add_note(two, "its one output is the second class's; the first class's is always 0 before training");
    return two;
}

/* The tensor of the class layer, where it has one output: the last dimension of Keras' kernels, the first of torch's. */
static long find_single(const struct graph *graph, const struct weights *weights, int node, bool bias)
{
    bool torch = weights_layout(weights) == WEIGHTS_TORCH;
    const char *leaf = bias ? "bias" : torch ? "weight" : "kernel";
    char *name = mem_format("module.%s%c%s", graph->node[node].name, torch ? '.' : '/', leaf);
    long index = weights_find(weights, name + sizeof "module." - 1);
    if (index < 0) /* of a DataParallel */
        index = weights_find(weights, name);
    mem_free(name);
    if (index < 0)
        return -1;
    const struct shape *shape = &weights_get(weights, (size_t)index)->shape;
    return shape->rank > 0 && shape->dim[torch ? 0 : shape->rank - 1] == 1 ? index : -1;
}

/* The file's values become the second of each pair of a parameter (rows, 2). */
static bool fill_second(struct graph *graph, const struct weights *weights, int param, long tensor,
                        struct bind_report *report, struct error *error)
{
    float *values = graph_param_values(graph, param);
    size_t rows = graph->param[param].count / 2;
    if (tensor < 0 || (size_t)shape_count(&weights_get(weights, (size_t)tensor)->shape) != rows ||
        report->row[param].outcome != BIND_RESHAPED)
        return true;
    float *file = mem_array(rows, sizeof *file);
    bool good = weights_read(weights, (size_t)tensor, file, error);
    for (size_t i = 0; good && i < rows; i++) {
        values[2 * i] = 0;
        values[2 * i + 1] = file[i];
    }
    mem_free(file);
    report->count[BIND_RESHAPED]--;
    report->count[BIND_CONVERTED]++;
    report->row[param].outcome = BIND_CONVERTED;
    snprintf(report->row[param].detail, sizeof report->row[param].detail, "one output for two classes");
    return good;
}

bool import_bind_binary(struct graph *graph, const struct weights *weights, uint64_t seed, struct bind_report *report,
                        struct error *error)
{
    int node = graph_class_layer(graph);
    if (!bind_weights(graph, weights, seed, report, error))
        return false;
    if (graph->classes != 2 || node < 0 || graph->node[node].kind != OP_LINEAR)
        return true;
    bool good = true;
    for (int i = 0; i < graph->node[node].params && good; i++)
        good = fill_second(graph, weights, graph->node[node].first_param + i, find_single(graph, weights, node, i == 1),
                           report, error);
    return good;
}
