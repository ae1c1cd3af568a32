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
    char *const *name; /* [params] in the file's dialect */
    int fitting;       /* tensors of the trunk that are there under it */
};

/* The tensor of that name behind the prefix, or without it; -1: there is none. */
static long find_behind(const struct bind_index *index, const char *prefix, const char *name)
{
    char full[BIND_PREFIX_MAX + BIND_NAME_MAX];
    snprintf(full, sizeof full, "%s%s", prefix, name);
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
                      char *const *name, struct naming *best)
{
    struct naming own = {.name = name};
    do {
        own.fitting = count_fitting(index, graph, weights, &own);
        if (own.fitting > best->fitting)
            *best = own;
    } while (bind_index_next_prefix(index, own.prefix));
}

/* The names of every dialect that covers the graph, its own first; the caller frees them. */
enum { DIALECTS_MAX = 16 };
static size_t list_names(const struct graph *graph, char **names[DIALECTS_MAX])
{
    const struct dialect *dialect;
    size_t count = 1;
    names[0] = mem_array((size_t)graph->params + 1, sizeof *names[0]);
    for (int p = 0; p < graph->params; p++)
        names[0][p] = mem_string(graph->param[p].name);
    for (size_t d = 0; count < DIALECTS_MAX && (dialect = dialect_at(d)); d++)
        if (dialect_covers(dialect, graph->arch))
            names[count++] = dialect_names(dialect, graph);
    return count;
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
    char **names[DIALECTS_MAX];
    size_t count = list_names(graph, names);
    struct naming best = {.name = names[0]};
    for (size_t i = 0; i < count; i++)
        try_names(index, graph, weights, names[i], &best);
    rename_all(index, graph, &best);
    note_places(index, graph, best.name);
    for (size_t i = 0; i < count; i++)
        dialect_free_names(names[i], graph);
    bind_index_adopt_head(index, graph, weights, told);
}
