/* Networks with a single output, which stands for two classes: their makers train such a z through a sigmoid, thaw logits
 * through a softmax. Both are the same for the logits 0 and z. A class layer of two is filled from a file that has one by
 * describing it as one for so long. Called by bind.c and the imports. */
#include "config.h"

#include <stdio.h>

#include "thaw/source/bind.h"

static void describe(struct graph *graph, int node, int outputs)
{
    struct graph_node *of = &graph->node[node];
    of->shape.c = outputs;
    of->attrs.out_channels = outputs;
    for (int p = of->first_param; p < of->first_param + of->params; p++) {
        struct graph_param *param = &graph->param[p];
        int64_t *last = &param->shape.dim[param->shape.rank - 1];
        param->count = param->count / (size_t)*last * (size_t)outputs;
        *last = outputs;
    }
}

int bind_single_layer(const struct graph *graph)
{
    int node = graph_class_layer(graph);
    return graph->classes == 2 && node > 0 && graph->node[node].params > 0 ? node : -1;
}

void bind_single_begin(struct graph *graph, int node)
{
    describe(graph, node, 1);
}

/* (rows) to (rows, 2), from the end: nothing is overwritten before it is read. */
static void spread(float *values, size_t rows)
{
    for (size_t i = rows; i-- > 0;) {
        values[2 * i + 1] = values[i];
        values[2 * i] = 0;
    }
}

void bind_single_end(struct graph *graph, int node, bool filled, uint64_t seed, struct bind_report *report)
{
    int first = graph->node[node].first_param, params = graph->node[node].params;
    describe(graph, node, 2);
    for (int p = first; filled && p < first + params; p++) {
        struct bind_row *row = &report->row[p];
        if (row->outcome != BIND_LOADED && row->outcome != BIND_CONVERTED) {
            graph_initialise_param(graph, p, seed);
            continue;
        }
        spread(graph_param_values(graph, p), graph->param[p].count / 2);
        report->count[row->outcome]--;
        report->count[BIND_CONVERTED]++;
        row->outcome = BIND_CONVERTED;
        snprintf(row->detail, sizeof row->detail, "one output for two classes");
    }
}
