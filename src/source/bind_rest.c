/* What is left over of a file once an architecture has all that it wants: where such tensors stand within the trunk, the
 * file's network computes something else there (gates behind convolutions, a bias, further layers), and its values in the
 * smaller network would give wrong answers without a word. Called by bind and by recognition.
 *
 * A file may hold more than the network and be right still: other heads, a decoder, a loss's weights, another copy of the
 * trunk. So it is told by place, in the file's own names: within a module that has tensors of the trunk nothing may be
 * left, and beside the trunk's modules no layer that can stand in the way of its class layer, where that is the file's. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bind_private.h"
#include "thaw/base/mem.h"

enum { ROOM = 512 };

struct rest {
    const struct graph *graph;
    const struct weights *weights;
    const struct bind_index *index;
    bool *trunk, *taken;             /* [tensors] those of the trunk, and with the head's */
    char root[ROOM];                 /* what stands before the network's own names */
    char head[ROOM + BIND_NAME_MAX]; /* and before the names of the class layer's siblings, with its dot */
    bool whole;                      /* the class layer is the file's */
};

static const char *name_of(const struct rest *rest, size_t tensor)
{
    return weights_get(rest->weights, tensor)->name;
}

/* The length of what both begin with, up to and with a dot. */
static size_t shared_parts(const char *a, const char *b)
{
    size_t shared = 0;
    for (size_t i = 0; a[i] && a[i] == b[i]; i++)
        if (a[i] == '.')
            shared = i + 1;
    return shared;
}

static bool begins(const char *name, const char *with)
{
    return strncmp(name, with, strlen(with)) == 0;
}

static bool ends(const char *name, const char *with)
{
    size_t length = strlen(name), own = strlen(with);
    return length >= own && strcmp(name + length - own, with) == 0;
}

/* --- where the trunk is --- */

static void mark_taken(struct rest *rest)
{
    const struct graph *graph = rest->graph;
    for (int p = 0; p < graph->params; p++) {
        bool in_trunk = graph->param[p].node <= graph->trunk;
        long part = bind_index_find(rest->index, graph->param[p].name);
        rest->whole |= part >= 0 && graph->param[p].node == graph_class_layer(graph);
        for (; part >= 0; part = rest->index->follower[part]) {
            rest->taken[part] = true;
            rest->trunk[part] = in_trunk;
        }
    }
}

static void find_root(struct rest *rest)
{
    const struct bind_index *index = rest->index;
    const char *first = NULL;
    size_t length = 0, inner = strlen(index->inner);
    for (size_t i = 0; i < index->count; i++) {
        if (!rest->trunk[i])
            continue;
        size_t shared = first ? shared_parts(first, name_of(rest, i)) : ROOM;
        length = shared < length || !first ? shared : length;
        first = first ? first : name_of(rest, i);
    }
    if (!first)
        return;
    const char *dot = strrchr(first, '.');
    if (length == ROOM) /* a trunk of one tensor */
        length = dot ? (size_t)(dot + 1 - first) : 0;
    if (length >= inner && strncmp(first + length - inner, index->inner, inner) == 0)
        length -= inner;
    snprintf(rest->root, sizeof rest->root, "%.*s", (int)length, first);
    snprintf(rest->head, sizeof rest->head, "%s%s", rest->root, index->head);
}

/* --- what may be left --- */

/* What libraries keep beside weights: tables and masks that follow from the network's shape, counters, and an optimiser's
 * or an average's copies of a tensor. */
static bool is_known(const char *name)
{
    static const char *const endings[] = {"num_batches_tracked",
                                          "position_ids",
                                          "relative_position_index",
                                          "attn_mask",
                                          "relative_coords_table",
                                          "mask_token",
                                          "total_ops",
                                          "total_params",
                                          "_ema",
                                          ".exp_avg",
                                          ".exp_avg_sq",
                                          ".momentum_buffer"};
    for (size_t i = 0; i < THAW_LENGTH(endings); i++)
        if (ends(name, endings[i]))
            return true;
    return false;
}

/* Whether it is called as a tensor of the trunk, with something before that, and of its shape: another copy of it. */
static bool is_copy(const struct rest *rest, size_t tensor)
{
    const char *name = name_of(rest, tensor);
    const struct shape *shape = &weights_get(rest->weights, tensor)->shape;
    for (size_t i = 0; i < rest->index->count; i++) {
        const char *own = name_of(rest, i) + strlen(rest->root);
        size_t length = strlen(name), ending = strlen(own);
        if (rest->trunk[i] && length > ending && ends(name, own) && name[length - ending - 1] == '.' &&
            shape_equal(shape, &weights_get(rest->weights, i)->shape))
            return true;
    }
    return false;
}

/* The number behind the siblings' prefix, -1: it is none. */
static long place_in_head(const struct rest *rest, const char *name)
{
    const char *own = name + strlen(rest->head);
    return *own >= '0' && *own <= '9' ? strtol(own, NULL, 10) : -1;
}

/* Within a module that has tensors of the trunk; but heads go on behind it in a module that they share with its end. */
static bool is_within(const struct rest *rest, const char *name)
{
    size_t root = strlen(rest->root), head = strlen(rest->head);
    bool in_head = head > root && begins(name, rest->head);
    for (size_t i = 0; i < rest->index->count; i++) {
        size_t shared = rest->trunk[i] ? shared_parts(name, name_of(rest, i)) : 0;
        if (shared > root && (!in_head || shared > head))
            return true;
        if (in_head && shared == head && place_in_head(rest, name) >= 0 &&
            place_in_head(rest, name) <= place_in_head(rest, name_of(rest, i)))
            return true;
    }
    return false;
}

/* A norm's weight alone at its place: its bias is there, and no matrix in its module that would make it part of a head. */
static bool is_lone_norm(const struct rest *rest, const char *name)
{
    size_t stem = strlen(name) < strlen("weight") ? 0 : strlen(name) - strlen("weight");
    const char *own = name + strlen(rest->root), *dot = strchr(own, '.');
    size_t module = dot ? (size_t)(dot + 1 - name) : 0;
    bool bias = false;
    for (size_t i = 0; i < rest->index->count; i++) {
        const char *other = name_of(rest, i);
        if (module == 0 || strncmp(other, name, module) != 0)
            continue;
        if (weights_get(rest->weights, i)->shape.rank > 1)
            return false;
        bias = bias || (strncmp(other, name, stem) == 0 && strcmp(other + stem, "bias") == 0);
    }
    return bias && ends(name, ".weight");
}

/* Beside the trunk's modules: a convolution of more than a point, tokens, a norm. Linear layers may be other heads. */
static bool is_in_the_way(const struct rest *rest, size_t tensor)
{
    const struct shape *shape = &weights_get(rest->weights, tensor)->shape;
    const char *name = name_of(rest, tensor);
    enum { STATISTICS = 4 }; /* a mean or deviation of pixels is no layer */
    if (!rest->whole || !begins(name, rest->root) || (rest->head[0] && begins(name, rest->head)))
        return false;
    if (shape->rank == 1)
        return is_lone_norm(rest, name);
    bool point = shape->rank == 4 && shape->dim[2] == 1 && shape->dim[3] == 1;
    return shape->rank > 2 && !point && shape_count(shape) > STATISTICS;
}

static bool is_amiss(const struct rest *rest, size_t tensor)
{
    const char *name = name_of(rest, tensor);
    if (rest->taken[tensor] || !tensor_type_is_float(weights_get(rest->weights, tensor)->type))
        return false;
    if (bind_reason_to_ignore(rest->graph, rest->index->name[tensor]) || is_known(name))
        return false;
    if (is_within(rest, name))
        return true;
    return is_in_the_way(rest, tensor) && !is_copy(rest, tensor);
}

size_t bind_count_rest(const struct bind_index *index, const struct graph *graph, const struct weights *weights,
                       size_t *first)
{
    struct rest rest = {.graph = graph, .weights = weights, .index = index};
    size_t count = 0;
    if (weights_layout(weights) != WEIGHTS_TORCH) /* Keras's names have no places */
        return 0;
    rest.trunk = mem_array(index->count + 1, sizeof *rest.trunk);
    rest.taken = mem_array(index->count + 1, sizeof *rest.taken);
    mark_taken(&rest);
    find_root(&rest);
    for (size_t i = index->count; i-- > 0;) {
        if (!is_amiss(&rest, i))
            continue;
        *first = i;
        count++;
    }
    mem_free(rest.trunk);
    mem_free(rest.taken);
    return count;
}

bool bind_refuse_rest(const char *arch, const struct weights *weights, size_t count, size_t first, struct error *error)
{
    char shape[SHAPE_TEXT];
    const struct weights_tensor *tensor = weights_get(weights, first);
    return error_set(error, ERROR_WEIGHTS,
                     "%s: not the weights of %s, though all of its tensors are there: %zu more stand%s in its trunk, "
                     "the first is %.80s %s, so it is a network that thaw does not know; %s",
                     weights_path(weights), arch, count, count == 1 ? "s" : "", tensor->name,
                     shape_text(shape, &tensor->shape), bind_advice(weights));
}
