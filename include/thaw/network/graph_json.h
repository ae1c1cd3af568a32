/* A graph as text: nodes, attributes, stages, trunk and preprocessing as one JSON object, without values. What a file
 * carries (metadata "thaw.graph") whose network is not of the zoo, so that it can be built again. */
#ifndef THAW_NETWORK_GRAPH_JSON_H
#define THAW_NETWORK_GRAPH_JSON_H

#include "thaw/network/graph.h"

#define GRAPH_JSON_KEY "thaw.graph" /* of the metadata */

/* The text of any graph that is sealed; mem_free it. Values are not in it: parameters, constants among them, are
 * tensors beside it, by their names. */
char *graph_to_json(const struct graph *graph) THAW_NONNULL THAW_MUST_CHECK;
/* One node as it stands in there: name, op, inputs and attributes, with every number to the bit; the caller frees. */
char *graph_node_to_json(const struct graph *graph, int node) THAW_NONNULL THAW_MUST_CHECK;
/* The graph of such a text, sealed, without values; the caller destroys it. ERROR_WEIGHTS says what is wrong with which
 * node; the text is trusted in nothing. */
struct graph *graph_from_json(const char *text, struct error *error) THAW_NONNULL THAW_MUST_CHECK;

#endif
