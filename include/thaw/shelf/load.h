/* From names to a ready graph: the one way that trainer, session and command line bring up a model. */
#ifndef THAW_SHELF_LOAD_H
#define THAW_SHELF_LOAD_H

#include "thaw/shelf/catalog.h"
#include "thaw/source/import.h"

/* The graph with its values and its preprocessing; the caller destroys it. *report (may be NULL) is filled when there
 * are weights, zeroed otherwise; finish it either way. Errors: ERROR_USAGE (unknown architecture or preprocessing,
 * nothing given), ERROR_WEIGHTS. */
struct graph *load_graph(const struct load_request *request, struct bind_report *report, struct error *error)
    THAW_NONNULL_ARGS(1, 3) THAW_MUST_CHECK;

/* Whether a request's weights stand for none: NULL, "" or "none". */
bool load_is_scratch(const char *weights);
/* Puts the path of the file on this disk in the place of a name of the catalog's, or of a folder; other paths and what stands for no weights
 * stay. catalog NULL: the user's is opened where it is needed. room: of `weights`, bytes. */
bool load_find_weights(char *weights, size_t room, const struct catalog *catalog, struct error *error)
    THAW_NONNULL_ARGS(1, 4) THAW_MUST_CHECK;
/* The path that a request's weights stand for (see catalog_weights); caller frees. */
char *load_weights_path(const char *weights, struct error *error) THAW_NONNULL THAW_MUST_CHECK;

#endif
