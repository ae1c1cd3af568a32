/* Rows of layers and plans as texts. Called by the trainer, which puts them into events, and by the session, which shows
 * them before there is a run. */
#include "config.h"

#include "thaw/train/layer_rows.h"

#include <stdio.h>
#include <string.h>

#include "thaw/base/mem.h"

static void kind_text(char *text, size_t room, const struct graph_node *node, const struct shape4 *in)
{
    const struct op_attrs *attrs = &node->attrs;
    if (node->kind == OP_CONV) {
        const char *name = attrs->groups > 1 && attrs->groups == in->c ? "depthwise" : "conv";
        int used = snprintf(text, room, "%s %dx%d", name, attrs->kernel_h, attrs->kernel_w);
        if (attrs->stride_h > 1 && used > 0 && (size_t)used < room)
            snprintf(text + used, room - (size_t)used, " /%d", attrs->stride_h);
    } else if (node->kind == OP_BATCH_NORM) {
        snprintf(text, room, "batch norm");
    } else {
        snprintf(text, room, "%s", op_get(node->kind)->name);
    }
}

struct event_layer layer_rows_row(const struct graph *graph, int index)
{
    const struct graph_node *node = &graph->node[index];
    struct op_cost cost = graph_node_cost(graph, index, 1);
    struct event_layer row = {.head = index > graph->trunk, .macs = cost.macs, .activation_bytes = cost.out_bytes};
    snprintf(row.name, sizeof row.name, "%s", node->name);
    if (node->stage >= 0)
        snprintf(row.stage, sizeof row.stage, "%s", graph->stage[node->stage].name);
    kind_text(row.kind, sizeof row.kind, node, &graph->node[node->input[0]].shape);
    snprintf(row.shape, sizeof row.shape, "%dx%dx%d", node->shape.h, node->shape.w, node->shape.c);
    for (int p = node->first_param; p < node->first_param + node->params; p++)
        if (graph->param[p].role != OP_ROLE_STATISTICS && graph->param[p].role != OP_ROLE_CONSTANT)
            row.params += (double)graph->param[p].count;
    row.marks = (int)freeze_marks(graph, index);
    return row;
}

int *layer_rows_nodes(const struct graph *graph, int *count)
{
    int *nodes = mem_array((size_t)graph->nodes, sizeof *nodes);
    *count = 0;
    for (int node = 0; node < graph->nodes; node++)
        if (freeze_marks(graph, node))
            nodes[(*count)++] = node;
    return nodes;
}

struct event_layer *layer_rows(const struct graph *graph, int *count)
{
    int *nodes = layer_rows_nodes(graph, count);
    struct event_layer *rows = mem_array((size_t)*count, sizeof *rows);
    for (int i = 0; i < *count; i++)
        rows[i] = layer_rows_row(graph, nodes[i]);
    mem_free(nodes);
    return rows;
}

char *layer_rows_plan(const struct freeze *freeze, const struct graph *graph)
{
    int count, *nodes = layer_rows_nodes(graph, &count);
    char *plan = mem_alloc((size_t)count + 1);
    for (int i = 0; i < count; i++)
        plan[i] = "0123456789abcdef"[freeze->fixed[nodes[i]] & FREEZE_ALL];
    mem_free(nodes);
    return plan;
}

static int digit_of(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

static bool take_rows(struct freeze *freeze, const struct graph *graph, const int *nodes, int count, const char *plan,
                      struct error *error)
{
    size_t digits = strlen(plan);
    if (digits != (size_t)count)
        return error_set(error, ERROR_USAGE, "a freeze plan of %zu layers; %s has %d", digits, graph->arch, count);
    for (int i = 0; i < count; i++) {
        int marks = digit_of(plan[i]);
        if (marks < 0)
            return error_set(error, ERROR_USAGE, "a freeze plan is hexadecimal digits; number %d is none", i + 1);
        if ((unsigned)marks & ~freeze_marks(graph, nodes[i]))
            return error_set(error, ERROR_USAGE, "%s has no such freeze mark: '%c'", graph->node[nodes[i]].name,
                             plan[i]);
        freeze->fixed[nodes[i]] = (unsigned char)marks;
    }
    return true;
}

bool layer_rows_parse(struct freeze *freeze, const struct graph *graph, const char *plan, struct error *error)
{
    struct freeze *trial = freeze_copy(freeze);
    int count, *nodes = layer_rows_nodes(graph, &count);
    bool good = take_rows(trial, graph, nodes, count, plan, error);
    if (good)
        memcpy(freeze->fixed, trial->fixed, (size_t)freeze->nodes);
    mem_free(nodes);
    freeze_destroy(trial);
    return good;
}

/* The marks that `a` fixes and `b` does not, as patterns. */
static char *only_in(const struct freeze *a, const struct freeze *b, const struct graph *graph)
{
    struct freeze *rest = freeze_create(graph);
    for (int node = 0; node < graph->nodes; node++)
        rest->fixed[node] = (unsigned char)(a->fixed[node] & ~b->fixed[node]);
    char *patterns = freeze_describe(rest, graph);
    freeze_destroy(rest);
    return patterns;
}

char *layer_rows_change(const struct freeze *before, const struct freeze *after, const struct graph *graph,
                        bool *frozen)
{
    char *more = only_in(after, before, graph), *less = only_in(before, after, graph), *text;
    *frozen = freeze_counts(after, graph).frozen > freeze_counts(before, graph).frozen || (more[0] && !less[0]);
    if (more[0] && less[0])
        text = mem_format("%s; thawed %s", more, less);
    else
        text = mem_string(more[0] ? more : less);
    mem_free(more);
    mem_free(less);
    return text;
}
