/* Networks that a file itself describes: an ONNX graph, a Keras configuration, a Darknet cfg, a whole Sequential of PyTorch, or our own metadata "thaw.graph". */
#ifndef THAW_SOURCE_IMPORT_H
#define THAW_SOURCE_IMPORT_H

#include "thaw/source/bind.h"

/* A model that is asked for, as shelf/load brings it up. */
struct load_request {
    const char *arch;       /* "" or NULL: recognised from the weights */
    const char *weights;    /* path or a name for catalog_weights; "", "none" or NULL: fresh weights from the seed */
    int classes;            /* of the head; 0: as in the weights, else the architecture's own */
    int size;               /* input side, pixels; 0: as bound to the weights, else the architecture's own */
    uint64_t seed;          /* fresh weights, replaced heads */
    const char *preprocess; /* as preprocess_parse takes it; "" or NULL: as bound to the weights, else the usual one */
};

/* Whether the file itself says what its network is. Looks for the description, does not read it. */
bool import_possible(const struct weights *weights) THAW_NONNULL;

/* The network the file describes, with its values when `values`, else sealed for its shapes and counts. Classes or size 0: the file's own; a head of another size starts fresh from
 * seed. *report is filled as by bind_weights (zeroed where no values were asked for); finish it either way.
 * graph->arch is the file's stem ("opt-mnist"), with its ending where the zoo has that name, or what "thaw.graph"
 * says; where the request names an architecture, it must be that. The caller destroys the graph. ERROR_WEIGHTS names
 * the file and what of it cannot be used; ERROR_USAGE: another name, or a size or classes the network does not allow. */
struct graph *import_graph(const struct weights *weights, const struct load_request *request, bool values,
                           struct bind_report *report, struct error *error) THAW_NONNULL THAW_MUST_CHECK;

#endif
