/* Files that thaw itself wrote for a network that is not in the zoo: the graph is JSON in the metadata, every parameter
 * a tensor by its name. Called through the table of import.c. */
#include "config.h"

#include "importer.h"
#include "thaw/network/graph_json.h"

static bool possible(const struct weights *weights)
{
    return weights_metadata(weights, GRAPH_JSON_KEY) != NULL;
}

static struct graph *outline(const struct weights *weights, struct error *error)
{
    const char *text = weights_metadata(weights, GRAPH_JSON_KEY);
    if (weights_json_fits(weights, text)) {
        struct graph *graph = graph_from_json(text, error);
        if (graph)
            graph->preprocess_basis = PREPROCESS_GUESSED; /* until the metadata is asked */
        return graph;
    }
    error_set(error, ERROR_WEIGHTS, "its " GRAPH_JSON_KEY " describes more than a file of this size can hold");
    return NULL;
}

const struct importer import_thaw = {.possible = possible, .outline = outline};
