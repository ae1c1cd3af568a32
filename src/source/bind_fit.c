/* Giving the tensors of a torch file the names that a graph has for them: what all of its names begin with goes, and a class
 * head that its user called something else is found. Called by bind and by recognition.
 *
 * Where the network is a member of the user's own module, its names begin with the member's ("encoder.layer1.0.conv1"),
 * and so do more than half of all names, since the trunk has most of them. So the prefixes to be tried are few: none, the
 * part that more than half of the names begin with, with the part that most have behind it, and so on. The one under
 * which most of the graph's tensors are found is meant. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "bind_private.h"
#include "thaw/base/mem.h"

/* What a file calls things. */
struct naming {
    char prefix[BIND_PREFIX_MAX];
    int fitting; /* tensors of the trunk that are there under it */
};

/* The tensor of that name behind the prefix, or without it; -1: there is none. */
static long find_behind(const struct bind_index *index, const char *prefix, const char *name)
{
    char full[BIND_PREFIX_MAX + BIND_NAME_MAX];
    snprintf(full, sizeof full, "%s%s", prefix, name);
    long found = bind_index_find(index, full);
    return found >= 0 ? found : bind_index_find(index, name);
}

static void count_fitting(const struct bind_index *index, const struct graph *graph, const struct weights *weights,
                          struct naming *naming)
{
    naming->fitting = 0;
    for (int p = 0; p < graph->params && graph->param[p].node <= graph->trunk; p++) {
        long found = find_behind(index, naming->prefix, graph->param[p].name);
        naming->fitting +=
            found >= 0 && bind_param_fits(graph, p, WEIGHTS_TORCH, &weights_get(weights, (size_t)found)->shape);
    }
}

static struct naming find_naming(const struct bind_index *index, const struct graph *graph,
                                 const struct weights *weights)
{
    struct naming best = {.fitting = 0}, own = {.fitting = 0};
    do {
        count_fitting(index, graph, weights, &own);
        if (own.fitting > best.fitting)
            best = own;
    } while (bind_index_next_prefix(index, own.prefix));
    return best;
}

void bind_index_as_graph(struct bind_index *index, const struct graph *graph, const struct weights *weights,
                         char told[BIND_TOLD])
{
    told[0] = '\0';
    if (weights_layout(weights) != WEIGHTS_TORCH)
        return;
    struct naming naming = find_naming(index, graph, weights);
    bind_index_strip(index, naming.prefix);
    bind_index_adopt_head(index, graph, weights, told);
}
