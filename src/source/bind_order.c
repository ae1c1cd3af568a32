/* Files of Keras' whose layers have other names than the zoo's, bound by order, as Keras itself loads what it publishes:
 * the layers of a file stand in the order of the model's, which follows from its graph. Called by bind and recognition.
 *
 * Keras sorts layers by their depth, the longest way to the output, then by when a walk from the output, inputs in their
 * order, first comes to them. Layers of Keras' that are no nodes here (zeros before a convolution with stride) and nodes
 * that are no layers (an activation inside one) change no order in its applications; tests/reference holds them all. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "bind_private.h"
#include "thaw/base/mem.h"

struct layer {
    int node, depth, met;
};

static int compare_layers(const void *a, const void *b)
{
    const struct layer *x = a, *y = b;
    if (x->depth != y->depth)
        return x->depth > y->depth ? -1 : 1;
    return (x->met > y->met) - (x->met < y->met);
}

static bool ends_in(const char *name, const char *ending)
{
    size_t length = strlen(name), own = strlen(ending);
    return length >= own && strcmp(name + length - own, ending) == 0;
}

/* The second node of a separable convolution, which Keras has as one layer. */
static bool is_pointwise(const struct graph_node *node)
{
    return node->kind == OP_CONV && ends_in(node->name, ".pointwise");
}

static void walk(const struct graph *graph, struct layer *layer)
{
    int *stack = mem_array((size_t)graph->nodes * 4 + 1, sizeof *stack), depth = 0, met = 0;
    stack[depth++] = graph->output;
    while (depth > 0) {
        int at = stack[--depth];
        if (layer[at].met)
            continue;
        layer[at].met = ++met;
        for (int i = graph->node[at].inputs - 1; i >= 0; i--)
            if (!layer[graph->node[at].input[i]].met)
                stack[depth++] = graph->node[at].input[i];
    }
    mem_free(stack);
}

/* Nodes in the order of Keras' layers; the caller frees. */
static struct layer *sort_layers(const struct graph *graph)
{
    struct layer *layer = mem_array((size_t)graph->nodes, sizeof *layer);
    walk(graph, layer);
    for (int n = graph->nodes - 1; n >= 0; n--) {
        layer[n].node = n;
        for (int i = 0; i < graph->node[n].inputs; i++) {
            struct layer *input = &layer[graph->node[n].input[i]];
            int depth = layer[n].depth + 1;
            input->depth = depth > input->depth ? depth : input->depth;
        }
    }
    qsort(layer, (size_t)graph->nodes, sizeof *layer, compare_layers);
    return layer;
}

static int append_params(const struct graph *graph, int node, int *param, int count)
{
    for (int i = 0; i < graph->node[node].params; i++) {
        int p = graph->node[node].first_param + i;
        if (graph->param[p].role != OP_ROLE_CONSTANT)
            param[count++] = p;
    }
    return count;
}

int bind_keras_order(const struct graph *graph, int *param)
{
    struct layer *layer = sort_layers(graph);
    int count = 0;
    for (int i = 0; i < graph->nodes; i++) {
        const struct graph_node *node = &graph->node[layer[i].node];
        if (ends_in(node->name, ".depthwise") && node->kind == OP_CONV)
            continue; /* goes with its other half */
        if (is_pointwise(node))
            count = append_params(graph, node->input[0], param, count);
        count = append_params(graph, layer[i].node, param, count);
    }
    mem_free(layer);
    return count;
}

/* A tensor that Keras keeps for a layer without weights of ours. */
static bool is_left_out(const struct graph *graph, const char *name)
{
    for (int i = 0; i < graph->lefts_out; i++)
        if (strncmp(name, graph->left_out[i].prefix, strlen(graph->left_out[i].prefix)) == 0)
            return true;
    return false;
}

/* Same part of a layer, same shape; the class layer may have another number of classes. */
static bool fits(const struct graph *graph, int param, const char *name, const struct shape *shape)
{
    const struct graph_param *wanted = &graph->param[param];
    struct shape want = bind_file_shape(graph, param, WEIGHTS_KERAS), have = *shape;
    if (strcmp(strrchr(wanted->name, '.'), strrchr(name, '.') ? strrchr(name, '.') : "") != 0)
        return false;
    if (wanted->node == graph_class_layer(graph) && have.rank > 0)
        have.dim[have.rank - 1] = want.dim[want.rank - 1];
    return bind_shape_fits(&have, &want);
}

static bool has_all(const struct bind_index *index, const struct graph *graph)
{
    for (int p = 0; p < graph->params; p++)
        if (graph->param[p].role != OP_ROLE_CONSTANT && bind_index_find(index, graph->param[p].name) < 0)
            return false;
    return true;
}

bool bind_index_by_order(struct bind_index *index, const struct graph *graph, const struct weights *weights)
{
    bool keras = weights_layout(weights) == WEIGHTS_KERAS && strncmp(graph->arch, "keras_", 6) == 0;
    if (!keras || has_all(index, graph))
        return false;
    int *param = mem_array((size_t)graph->params + 1, sizeof *param), all = bind_keras_order(graph, param), trunk = 0;
    size_t *tensor = mem_array(index->count + 1, sizeof *tensor);
    int count = 0;
    for (size_t i = 0; i < index->count; i++)
        if (!is_left_out(graph, index->name[i]))
            tensor[count++] = i;
    while (trunk < all && graph->param[param[trunk]].node <= graph->trunk)
        trunk++;
    bool good = count > 0 && (count == all || count == trunk);
    for (int i = 0; i < count && good; i++)
        good = fits(graph, param[i], index->name[tensor[i]], &weights_get(weights, tensor[i])->shape);
    for (int i = 0; i < count && good; i++) {
        mem_free(index->name[tensor[i]]);
        index->name[tensor[i]] = mem_string(graph->param[param[i]].name);
    }
    if (good)
        bind_index_renew(index);
    mem_free(param);
    mem_free(tensor);
    return good;
}
