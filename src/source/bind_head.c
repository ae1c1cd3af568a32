/* Class heads as users make them: `model.fc = Sequential(Dropout(), Linear(512, 5))` is "fc.1" in the file, "fc" in the
 * graph. One linear layer that reads the trunk's features is the head, whatever it is called; several, or one behind a
 * batch norm, are told and left aside, since what lies between them is not in the file. Called by bind_fit.c. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "bind_private.h"
#include "thaw/base/mem.h"

enum { LAYERS_MAX = 8 };

/* What a file has behind the trunk. */
struct head {
    const struct weights *weights;
    struct bind_index *index;
    int64_t features;         /* what the class layer reads */
    size_t layer[LAYERS_MAX]; /* its matrices, by tensor */
    int layers, more;         /* more: that are not listed */
    const char *within; /* where the graph's own class layer is there by name: what its siblings' names begin with */
    bool keras;         /* its layout */
    bool normed;        /* a batch norm of the features is there, too */
};

static const struct shape *shape_of(const struct head *head, size_t tensor)
{
    return &weights_get(head->weights, tensor)->shape;
}

/* (out, in), or (out, in, 1, 1); Keras's (in, out). */
static bool is_matrix(const struct head *head, size_t tensor)
{
    const struct shape *shape = shape_of(head, tensor);
    return shape->rank == 2 || (!head->keras && shape->rank == 4 && shape->dim[2] == 1 && shape->dim[3] == 1);
}

static int64_t in_of(const struct head *head, int layer)
{
    return shape_of(head, head->layer[layer])->dim[head->keras ? 0 : 1];
}

static int64_t out_of(const struct head *head, int layer)
{
    return shape_of(head, head->layer[layer])->dim[head->keras ? 1 : 0];
}

static bool ends_in(const char *name, const char *ending)
{
    size_t length = strlen(name), own = strlen(ending);
    return length >= own && strcmp(name + length - own, ending) == 0;
}

/* Tensors of the trunk and those known to be of no use, by number; the caller frees. */
static bool *find_trunk(const struct head *head, const struct graph *graph)
{
    bool *taken = mem_array(head->index->count + 1, sizeof *taken);
    for (int p = 0; p < graph->params && graph->param[p].node <= graph->trunk; p++) {
        long found = bind_index_find(head->index, graph->param[p].name);
        if (found >= 0)
            taken[found] = true;
    }
    for (size_t i = 0; i < head->index->count; i++)
        taken[i] = taken[i] || bind_reason_to_ignore(graph, head->index->name[i]);
    return taken;
}

/* What the names of a layer's siblings begin with in the file: "classifier." for "classifier.1.weight", "fc" for "fc.weight",
 * which stands alone. The caller frees. */
static char *siblings(const char *tensor, bool keras)
{
    char mark = keras ? '/' : '.';
    const char *leaf = strrchr(tensor, mark), *dot = leaf;
    while (dot && dot > tensor && dot[-1] != mark)
        dot--;
    if (!leaf)
        return mem_string(tensor);
    return mem_format("%.*s", (int)((dot > tensor ? dot : leaf) - tensor), tensor);
}

static void look(struct head *head, const struct graph *graph)
{
    bool *taken = find_trunk(head, graph);
    for (size_t i = 0; i < head->index->count; i++) {
        if (taken[i] || !tensor_type_is_float(weights_get(head->weights, i)->type))
            continue;
        if (strncmp(weights_get(head->weights, i)->name, head->within, strlen(head->within)) != 0)
            continue;
        if (is_matrix(head, i) && ends_in(head->index->name[i], ".weight") && head->layers < LAYERS_MAX)
            head->layer[head->layers++] = i;
        else if (is_matrix(head, i))
            head->more++;
        head->normed |= ends_in(head->index->name[i], "running_var") && shape_of(head, i)->dim[0] == head->features;
    }
    mem_free(taken);
}

/* Whether some layer reads the features, and another one what it gives. */
static bool is_deep(const struct head *head)
{
    for (int i = 0; i < head->layers; i++)
        for (int j = 0; j < head->layers; j++)
            if (i != j && in_of(head, i) == head->features && in_of(head, j) == out_of(head, i))
                return true;
    return false;
}

/* The layers that read the features; their number. */
static int count_readers(const struct head *head, int *last)
{
    int readers = 0;
    for (int i = 0; i < head->layers; i++) {
        if (in_of(head, i) != head->features)
            continue;
        readers++;
        *last = i;
    }
    return readers;
}

/* The layer's weight, and its bias where there is one, get the names of the graph's class layer. */
static void adopt(const struct head *head, const struct graph *graph, int weight, size_t tensor)
{
    const char *name = head->index->name[tensor];
    char *bias = mem_format("%.*sbias", (int)(strlen(name) - strlen("weight")), name);
    long found = bind_index_find(head->index, bias);
    mem_free(bias);
    if (found >= 0 && graph->node[graph->param[weight].node].params > 1)
        bind_index_rename(head->index, (size_t)found, mem_string(graph->param[weight + 1].name));
    bind_index_rename(head->index, tensor, mem_string(graph->param[weight].name));
    bind_index_renew(head->index);
}

/* So that no tensor of it is taken for the graph's own layer, which may have the name of the first. */
static void set_aside(const struct head *head, const char *stem)
{
    size_t length = strlen(stem);
    for (size_t i = 0; i < head->index->count; i++)
        if (strncmp(head->index->name[i], stem, length) == 0 && head->index->name[i][length] == '.')
            bind_index_rename(head->index, i, mem_format("aside:%s", head->index->name[i]));
    bind_index_renew(head->index);
}

static void tell(const struct head *head, const char *stem, char told[BIND_TOLD])
{
    int used = snprintf(told, BIND_TOLD, "the file's head is more than one linear layer:");
    for (int i = 0; i < head->layers && used < BIND_TOLD - 160; i++) {
        char shape[SHAPE_TEXT];
        used += snprintf(told + used, BIND_TOLD - (size_t)used, "%s %.60s %s", i ? "," : "",
                         weights_get(head->weights, head->layer[i])->name,
                         shape_text(shape, shape_of(head, head->layer[i])));
    }
    snprintf(told + used, BIND_TOLD - (size_t)used, "%s; it is left aside, and %.40s starts fresh",
             head->normed ? " and a batch norm"
             : head->more ? " and more"
                          : "",
             stem);
}

void bind_index_adopt_head(struct bind_index *index, const struct graph *graph, const struct weights *weights,
                           char told[BIND_TOLD])
{
    int node = graph_class_layer(graph), only = 0;
    if (node <= graph->trunk)
        return;
    int weight = graph->node[node].first_param;
    const struct shape *native = &graph->param[weight].shape;
    long known = bind_index_find(index, graph->param[weight].name);
    bool keras = weights_layout(weights) == WEIGHTS_KERAS;
    char *within = known >= 0 ? siblings(weights_get(weights, (size_t)known)->name, keras) : mem_string("");
    struct head head = {.weights = weights,
                        .index = index,
                        .features = native->dim[native->rank - 2],
                        .within = within,
                        .keras = keras};
    look(&head, graph);
    mem_free(within);
    int readers = count_readers(&head, &only);
    bool deep = is_deep(&head);
    if (head.layers == 0 || (known >= 0 && !deep && !head.normed))
        return;
    if (readers == 1 && !deep && !head.normed) {
        adopt(&head, graph, weight, head.layer[only]);
        return;
    }
    if (readers == 0 && head.layers < 2)
        return; /* a projection or the like that is no head */
    tell(&head, graph->node[node].name, told);
    set_aside(&head, graph->node[node].name);
}
