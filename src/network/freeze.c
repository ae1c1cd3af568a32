/* The freeze plan: which of a node's marks are fixed, what that means for its parameters, how much is frozen, and where
 * the frontier lies. Names and globs are in freeze_names.c, the proof of freeze in freeze_proof.c. Called by the plan,
 * the trainer and the session; it knows graphs only.
 */
#include "config.h"

#include "thaw/network/freeze.h"

#include <string.h>

#include "thaw/base/mem.h"

struct freeze *freeze_create(const struct graph *graph)
{
    struct freeze *freeze = mem_alloc(sizeof *freeze);
    freeze->nodes = graph->nodes;
    freeze->fixed = mem_array((size_t)graph->nodes, sizeof *freeze->fixed);
    return freeze;
}

struct freeze *freeze_copy(const struct freeze *freeze)
{
    struct freeze *copy = mem_alloc(sizeof *copy);
    copy->nodes = freeze->nodes;
    copy->fixed = mem_array((size_t)freeze->nodes, sizeof *copy->fixed);
    memcpy(copy->fixed, freeze->fixed, (size_t)freeze->nodes);
    return copy;
}

void freeze_destroy(struct freeze *freeze)
{
    if (freeze == NULL)
        return;
    mem_free(freeze->fixed);
    mem_free(freeze);
}

static unsigned role_mark(enum op_role role)
{
    switch (role) {
    case OP_ROLE_AFFINE:
        return FREEZE_AFFINE;
    case OP_ROLE_STATISTICS:
        return FREEZE_STATISTICS;
    case OP_ROLE_CONSTANT:
        return 0;
    default:
        return FREEZE_WEIGHTS;
    }
}

unsigned freeze_marks(const struct graph *graph, int node)
{
    const struct graph_node *row = &graph->node[node];
    unsigned marks = row->kind == OP_DROPOUT ? FREEZE_DROPOUT : 0;
    for (int p = row->first_param; p < row->first_param + row->params; p++)
        marks |= role_mark(graph->param[p].role);
    return marks;
}

void freeze_set(struct freeze *freeze, const struct graph *graph, int node, unsigned marks, bool fixed)
{
    marks &= freeze_marks(graph, node);
    if (fixed)
        freeze->fixed[node] |= (unsigned char)marks;
    else
        freeze->fixed[node] &= (unsigned char)~marks;
}

bool freeze_is_frozen(const struct freeze *freeze, const struct graph *graph, int node)
{
    return (freeze_marks(graph, node) & ~(unsigned)freeze->fixed[node]) == 0;
}

bool freeze_param_moves(const struct freeze *freeze, const struct graph *graph, int param)
{
    const struct graph_param *row = &graph->param[param];
    return row->role != OP_ROLE_CONSTANT && (freeze->fixed[row->node] & role_mark(row->role)) == 0;
}

void freeze_statistics(struct freeze *freeze, const struct graph *graph, bool fixed)
{
    for (int node = 0; node < graph->nodes; node++) {
        unsigned learns =
            freeze_marks(graph, node) & FREEZE_AFFINE; /* with constant scale and shift it has no such mark */
        bool frozen = (freeze->fixed[node] & (learns ? FREEZE_AFFINE : FREEZE_STATISTICS)) != 0;
        freeze_set(freeze, graph, node, FREEZE_STATISTICS, fixed || frozen);
    }
}

struct freeze_counts freeze_counts(const struct freeze *freeze, const struct graph *graph)
{
    struct freeze_counts counts = {0};
    for (int p = 0; p < graph->params; p++) {
        bool moves = freeze_param_moves(freeze, graph, p);
        size_t count = graph->param[p].count;
        if (graph->param[p].role == OP_ROLE_STATISTICS)
            *(moves ? &counts.buffers_moving : &counts.buffers_fixed) += count;
        else if (graph->param[p].role != OP_ROLE_CONSTANT)
            *(moves ? &counts.trainable : &counts.frozen) += count;
    }
    for (int node = 0; node < graph->nodes; node++)
        if (graph->node[node].params > 0 && freeze_marks(graph, node) != 0)
            *(freeze_is_frozen(freeze, graph, node) ? &counts.layers_frozen : &counts.layers_trainable) += 1;
    return counts;
}

/* Inputs precede their node, so the first node that moves ends the prefix and nothing in front of it depends on it. */
int freeze_frontier(const struct freeze *freeze, const struct graph *graph)
{
    int node = 0;
    while (node < graph->nodes && freeze_is_frozen(freeze, graph, node))
        node++;
    return node;
}
