/* Giving the tensors of a torch file the names that a graph has for them: what all of its names begin with goes, another
 * library's names are translated, and a class head that its user called something else is found. Called by bind and by
 * recognition.
 *
 * Where the network is a member of the user's own module, its names begin with the member's ("encoder.layer1.0.conv1"),
 * and so do more than half of all names, since the trunk has most of them. So the prefixes to be tried are few: none, the
 * part that more than half of the names begin with, with the part that most have behind it, and so on. The one under
 * which most of the graph's tensors are found is meant. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "bind_private.h"
#include "dialect/dialect.h"
#include "thaw/base/mem.h"

/* What a file calls things. */
struct naming {
    char prefix[BIND_PREFIX_MAX];
    char **name; /* [params] in the file's dialect */
    int fitting; /* tensors of the trunk that are there under it */
};

/* The tensor of that name behind the prefix, or without it; -1: there is none. */
static long find_behind(const struct bind_index *index, const char *prefix, const char *name)
{
    if (!prefix[0])
        return bind_index_find(index, name);
    char full[BIND_PREFIX_MAX + BIND_NAME_MAX];
    size_t before = strlen(prefix), behind = strnlen(name, BIND_NAME_MAX - 1);
    memcpy(full, prefix, before);
    memcpy(full + before, name, behind);
    full[before + behind] = '\0';
    long found = bind_index_find(index, full);
    return found >= 0 ? found : bind_index_find(index, name);
}

static int count_fitting(const struct bind_index *index, const struct graph *graph, const struct weights *weights,
                         const struct naming *naming)
{
    int fitting = 0;
    for (int p = 0; p < graph->params && graph->param[p].node <= graph->trunk; p++) {
        long found = find_behind(index, naming->prefix, naming->name[p]);
        fitting += found >= 0 && bind_param_fits(graph, p, WEIGHTS_TORCH, &weights_get(weights, (size_t)found)->shape);
    }
    return fitting;
}

/* Under each prefix with those names; *best is changed where more is there than under it. */
static void try_names(const struct bind_index *index, const struct graph *graph, const struct weights *weights,
                      char **name, struct naming *best)
{
    struct naming own = {.name = name};
    do {
        own.fitting = count_fitting(index, graph, weights, &own);
        if (own.fitting > best->fitting)
            *best = own;
    } while (bind_index_next_prefix(index, own.prefix));
}

static char **own_names(const struct graph *graph)
{
    char **names = mem_array((size_t)graph->params + 1, sizeof *names);
    for (int p = 0; p < graph->params; p++)
        names[p] = mem_string(graph->param[p].name);
    return names;
}

/* Under the graph's own names, then under those of each dialect that covers it, until every tensor of the trunk is found;
 * returns the best naming, whose names the caller frees. */
static struct naming find_naming(const struct bind_index *index, const struct graph *graph,
                                 const struct weights *weights)
{
    char **kept = own_names(graph);
    struct naming best = {.name = kept};
    int trunk = 0;
    while (trunk < graph->params && graph->param[trunk].node <= graph->trunk)
        trunk++;
    try_names(index, graph, weights, kept, &best);
    const struct dialect *dialect;
    for (size_t d = 0; best.fitting < trunk && (dialect = dialect_at(d)); d++) {
        if (!dialect_covers(dialect, graph->arch))
            continue;
        char **names = dialect_names(dialect, graph);
        try_names(index, graph, weights, names, &best);
        bool better = best.name == names;
        dialect_free_names(better ? kept : names, graph);
        kept = better ? names : kept;
    }
    return best;
}

/* Found before anything is renamed: what is one layer's name here may be another's there. */
static void rename_all(struct bind_index *index, const struct graph *graph, const struct naming *naming)
{
    long *found = mem_array((size_t)graph->params + 1, sizeof *found);
    for (int p = 0; p < graph->params; p++)
        found[p] = find_behind(index, naming->prefix, naming->name[p]);
    for (int p = 0; p < graph->params; p++)
        if (found[p] >= 0)
            bind_index_rename(index, (size_t)found[p], mem_string(graph->param[p].name));
    mem_free(found);
    bind_index_strip(index, naming->prefix);
    bind_index_renew(index);
}

/* Shortens *to to the parts of a dotted name that another begins with, too. */
static void keep_shared(char *to, const char *name)
{
    size_t shared = 0;
    for (size_t i = 0; to[i] && to[i] == name[i]; i++)
        if (to[i] == '.')
            shared = i + 1;
    to[shared] = '\0';
}

/* What the file's library has around all of the trunk, and around the class layer: "classifier." for "classifier.1.weight",
 * "fc." for "fc.weight", which stands alone. */
static void note_places(struct bind_index *index, const struct graph *graph, char *const *name)
{
    bool any = false;
    for (int p = 0; p < graph->params && graph->param[p].node <= graph->trunk; p++) {
        if (graph->param[p].role == OP_ROLE_CONSTANT)
            continue;
        if (!any)
            snprintf(index->inner, sizeof index->inner, "%s", name[p]);
        keep_shared(index->inner, name[p]);
        any = true;
    }
    int layer = graph_class_layer(graph);
    if (layer < 0 || graph->node[layer].params == 0)
        return;
    const char *own = name[graph->node[layer].first_param], *leaf = strrchr(own, '.'), *dot = leaf;
    while (dot && dot > own && dot[-1] != '.')
        dot--;
    size_t length = dot && dot > own ? (size_t)(dot - own) : leaf ? (size_t)(leaf + 1 - own) : 0;
    snprintf(index->head, sizeof index->head, "%.*s", (int)length, own);
}

void bind_index_as_graph(struct bind_index *index, const struct graph *graph, const struct weights *weights,
                         char told[BIND_TOLD])
{
    told[0] = '\0';
    if (weights_layout(weights) == WEIGHTS_KERAS) { /* bind_names_keras.c and bind_order.c have seen to the trunk */
        if (strncmp(graph->arch, "keras_", 6) == 0)
            bind_index_adopt_head(index, graph, weights, told);
        return;
    }
    struct naming best = find_naming(index, graph, weights);
    rename_all(index, graph, &best);
    note_places(index, graph, best.name);
    dialect_free_names(best.name, graph);
    bind_index_adopt_head(index, graph, weights, told);
}
