/* The zoo as weights files show it: for each architecture the digests of its trunk's names and shapes, so that a file is
 * held against all of them in a millisecond, without building a graph. Made once by whoever looks at many files; called
 * by recognition. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "bind_private.h"
#include "thaw/base/hash.h"
#include "thaw/base/mem.h"
#include "thaw/source/zoo.h"

enum { LAYOUTS = WEIGHTS_KERAS + 1 };

/* A trunk's parameter. */
struct trace {
    uint64_t name, shape[LAYOUTS];
};
struct signature {
    char arch[GRAPH_NAME_MAX];
    size_t first, count; /* in bind_zoo.trace */
    uint64_t head;       /* the name of the class layer's weight */
};
struct bind_zoo {
    struct signature *signature;
    size_t signatures, signatures_room;
    struct trace *trace;
    size_t traces, traces_room;
};

/* Of what bind_shape_fits compares: ones at the ends do not count. */
static uint64_t shape_digest(const struct shape *shape)
{
    int rank = shape->rank, first = 0;
    while (rank > 1 && shape->dim[rank - 1] == 1)
        rank--;
    while (first + 1 < rank && shape->dim[first] == 1)
        first++;
    size_t size = (size_t)(rank - first) * sizeof *shape->dim;
    return hash_bytes(shape->dim + first, size, (struct hash){0, (uint64_t)(rank - first)}).low;
}

static struct trace *add_trace(struct bind_zoo *zoo)
{
    if (zoo->traces == zoo->traces_room) {
        zoo->traces_room = zoo->traces_room ? 2 * zoo->traces_room : 4096;
        zoo->trace = mem_grow(zoo->trace, zoo->traces_room, sizeof *zoo->trace);
    }
    return &zoo->trace[zoo->traces++];
}

static struct signature *add_signature(struct bind_zoo *zoo)
{
    if (zoo->signatures == zoo->signatures_room) {
        zoo->signatures_room = zoo->signatures_room ? 2 * zoo->signatures_room : 64;
        zoo->signature = mem_grow(zoo->signature, zoo->signatures_room, sizeof *zoo->signature);
    }
    return &zoo->signature[zoo->signatures++];
}

static void sign(struct bind_zoo *zoo, const struct graph *graph)
{
    struct signature *signature = add_signature(zoo);
    *signature = (struct signature){.first = zoo->traces};
    snprintf(signature->arch, sizeof signature->arch, "%s", graph->arch);
    for (int p = 0; p < graph->params && graph->param[p].node <= graph->trunk; p++) {
        if (graph->param[p].role == OP_ROLE_CONSTANT || bind_is_position(graph, p)) /* of any input's size */
            continue;
        struct trace *trace = add_trace(zoo);
        trace->name = bind_name_digest(graph->param[p].name);
        for (int layout = 0; layout < LAYOUTS; layout++) {
            struct shape shape = bind_file_shape(graph, p, (enum weights_layout)layout);
            trace->shape[layout] = shape_digest(&shape);
        }
        signature->count++;
    }
    int layer = graph_class_layer(graph);
    if (layer >= 0)
        signature->head = bind_name_digest(graph->param[graph->node[layer].first_param].name);
}

struct bind_zoo *bind_zoo_create(void)
{
    struct bind_zoo *zoo = mem_alloc(sizeof *zoo);
    struct zoo_options options = {.channels = 3}; /* grey files are told by one shape */
    const struct zoo_arch *arch;
    for (size_t i = 0; (arch = zoo_at(i)); i++) {
        struct error unused;
        struct graph *graph = zoo_outline(arch->name, &options, &unused);
        if (graph)
            sign(zoo, graph);
        graph_destroy(graph);
    }
    return zoo;
}

void bind_zoo_destroy(struct bind_zoo *zoo)
{
    if (!zoo)
        return;
    mem_free(zoo->signature);
    mem_free(zoo->trace);
    mem_free(zoo);
}

bool bind_guess_is_better(const struct bind_guess *a, const struct bind_guess *b)
{
    if (a->fitting != b->fitting)
        return a->fitting > b->fitting;
    bool a_whole = a->fitting == a->trunk, b_whole = b->fitting == b->trunk;
    return a_whole != b_whole ? a_whole : a->head && !b->head;
}

/* A file's tensor: its shape's digest, and the one it would have if the grey images it takes had colours. */
struct seen {
    uint64_t shape, coloured;
};

static struct seen look_at(const struct shape *shape, enum weights_layout layout)
{
    struct seen seen = {shape_digest(shape), 0};
    int channels = layout == WEIGHTS_TORCH ? 1 : 2;
    if (shape->rank == 4 && shape->dim[channels] == 1) {
        struct shape coloured = *shape;
        coloured.dim[channels] = 3;
        seen.coloured = shape_digest(&coloured);
    }
    return seen;
}

struct bind_guess bind_zoo_guess(const struct bind_zoo *zoo, const struct weights *weights,
                                 const struct bind_index *index)
{
    struct bind_guess best = {.trunk = 0};
    enum weights_layout layout = weights_layout(weights);
    struct seen *seen = mem_array(weights_count(weights) + 1, sizeof *seen);
    for (size_t i = 0; i < weights_count(weights); i++) {
        struct shape shape = bind_index_shape(index, weights, i);
        seen[i] = look_at(&shape, layout);
    }
    for (size_t s = 0; s < zoo->signatures; s++) {
        const struct signature *signature = &zoo->signature[s];
        struct bind_guess own = {.trunk = (int)signature->count};
        for (size_t t = signature->first; t < signature->first + signature->count; t++) {
            long found = bind_index_find_digest(index, zoo->trace[t].name);
            if (found < 0)
                continue;
            bool grey = seen[found].coloured == zoo->trace[t].shape[layout];
            own.grey += grey;
            own.fitting += grey || seen[found].shape == zoo->trace[t].shape[layout];
        }
        own.head = bind_index_find_digest(index, signature->head) >= 0;
        if (bind_guess_is_better(&own, &best)) {
            snprintf(own.arch, sizeof own.arch, "%s", signature->arch);
            best = own;
        }
    }
    mem_free(seen);
    return best;
}
