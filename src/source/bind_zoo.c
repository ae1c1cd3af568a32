/* The zoo as weights files show it: for each architecture the digests of its trunk's names and shapes, so that a file is
 * held against all of them in a millisecond, without building a graph. Made once by whoever looks at many files; called
 * by recognition. */
#include "config.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "bind_private.h"
#include "dialect/dialect.h"
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
    const struct dialect *dialect; /* NULL: the zoo's own names */
    size_t first, count;           /* in bind_zoo.trace */
    uint64_t head;                 /* the name of the class layer's weight */
    bool grey;                     /* the original takes grey images */
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

/* The trunk under those names [params], of which the graph's own are `dialect` NULL. */
static void sign(struct bind_zoo *zoo, const struct graph *graph, const struct dialect *dialect, char *const *name)
{
    struct signature *signature = add_signature(zoo);
    *signature = (struct signature){.first = zoo->traces, .dialect = dialect};
    snprintf(signature->arch, sizeof signature->arch, "%s", graph->arch);
    for (int p = 0; p < graph->params && graph->param[p].node <= graph->trunk; p++) {
        if (graph->param[p].role == OP_ROLE_CONSTANT || bind_is_position(graph, p)) /* of any input's size */
            continue;
        struct trace *trace = add_trace(zoo);
        trace->name = bind_name_digest(name ? name[p] : graph->param[p].name);
        for (int layout = 0; layout < LAYOUTS; layout++) {
            struct shape shape = bind_file_shape(graph, p, (enum weights_layout)layout);
            trace->shape[layout] = shape_digest(&shape);
        }
        signature->count++;
    }
    int layer = graph_class_layer(graph), head = layer < 0 ? -1 : graph->node[layer].first_param;
    if (head >= 0)
        signature->head = bind_name_digest(name ? name[head] : graph->param[head].name);
}

static void sign_all(struct bind_zoo *zoo, const struct graph *graph, bool grey)
{
    const struct dialect *dialect;
    sign(zoo, graph, NULL, NULL);
    zoo->signature[zoo->signatures - 1].grey = grey;
    for (size_t d = 0; (dialect = dialect_at(d)); d++) {
        if (!dialect_covers(dialect, graph->arch))
            continue;
        char **name = dialect_names(dialect, graph);
        sign(zoo, graph, dialect, name);
        zoo->signature[zoo->signatures - 1].grey = grey;
        dialect_free_names(name, graph);
    }
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
            sign_all(zoo, graph, arch->channels == 1);
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
    if (a_whole != b_whole)
        return a_whole;
    if (a->head != b->head)
        return a->head;
    return a->named != b->named ? a->named > b->named : a->as_original && !b->as_original;
}

/* Whether an architecture is named in a path: as a word that begins with a letter of its own and may go on behind a stroke
 * or a dot ("tf_efficientnet_b0_ns-c0e6a31c.pth", "models--timm--resnet50d.ra2_in1k"). */
static bool is_named(const char *path, const char *arch)
{
    size_t length = strlen(arch);
    for (const char *at = path; (at = strstr(at, arch)); at++) {
        bool begins = at == path || !(isalnum((unsigned char)at[-1]) || at[-1] == '_');
        if (begins && !isalnum((unsigned char)at[length]))
            return true;
    }
    return false;
}

/* Longer names say more, and the file's own more than its folders'. */
static int rate_name(const char *path, const char *arch)
{
    const char *base = strrchr(path, '/');
    int length = (int)strlen(arch);
    if (is_named(base ? base + 1 : path, arch))
        return length + GRAPH_NAME_MAX;
    return is_named(path, arch) ? length : 0;
}

/* Whether a file is as much the one as the other, and nothing names either. */
static bool is_twin(const struct bind_guess *own, const struct bind_guess *best)
{
    return own->fitting == own->trunk && !bind_guess_is_better(best, own) && best->named == 0;
}

/* A file's tensor: its shape's digest, the one it would have if the grey images it takes had colours, and that of the linear
 * layer that it would be as a convolution over the whole map. */
struct seen {
    uint64_t shape, coloured, flat;
};

static struct seen look_at(const struct shape *shape, enum weights_layout layout)
{
    struct seen seen = {.shape = shape_digest(shape)};
    int channels = layout == WEIGHTS_TORCH ? 1 : 2;
    if (shape->rank == 4 && shape->dim[channels] == 1) {
        struct shape coloured = *shape;
        coloured.dim[channels] = 3;
        seen.coloured = shape_digest(&coloured);
    }
    if (shape->rank == 4 && layout == WEIGHTS_TORCH && shape->dim[0] > 0 && shape->dim[2] > 1) {
        struct shape flat = {2, {shape->dim[0], shape_count(shape) / shape->dim[0]}};
        seen.flat = shape_digest(&flat);
    }
    return seen;
}

/* Whether any of three names is there, of the first, a middle and the last tensor: else hardly any other is. */
static bool is_worth_a_look(const struct bind_zoo *zoo, const struct signature *signature,
                            const struct bind_index *index)
{
    const struct trace *trace = &zoo->trace[signature->first];
    size_t last = signature->count - 1;
    return signature->count > 0 && (bind_index_find_digest(index, trace[0].name) >= 0 ||
                                    bind_index_find_digest(index, trace[last / 2].name) >= 0 ||
                                    bind_index_find_digest(index, trace[last].name) >= 0);
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
        if (!is_worth_a_look(zoo, signature, index))
            continue;
        struct bind_guess own = {.trunk = (int)signature->count};
        for (size_t t = signature->first; t < signature->first + signature->count; t++) {
            long found = bind_index_find_digest(index, zoo->trace[t].name);
            if (found < 0)
                continue;
            bool grey = seen[found].coloured == zoo->trace[t].shape[layout];
            own.grey += grey;
            own.fitting += grey || seen[found].shape == zoo->trace[t].shape[layout] ||
                           seen[found].flat == zoo->trace[t].shape[layout];
        }
        own.head = bind_index_find_digest(index, signature->head) >= 0;
        own.as_original = (own.grey > 0) == signature->grey;
        if (own.fitting > 0 && own.fitting >= best.fitting)
            own.named = rate_name(weights_path(weights), signature->arch);
        if (bind_guess_is_better(&own, &best)) {
            snprintf(own.arch, sizeof own.arch, "%s", signature->arch);
            best = own;
        } else if (signature->dialect && !best.twin[0] && is_twin(&own, &best)) {
            snprintf(best.twin, sizeof best.twin, "%s", signature->arch);
        }
    }
    mem_free(seen);
    return best;
}
