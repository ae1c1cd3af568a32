/* The layers of a network as events tell them: a row for each node that has freeze marks, in the order of nodes; and a
 * freeze plan as one text, a hexadecimal digit of freeze marks a row. */
#ifndef THAW_TRAIN_LAYER_ROWS_H
#define THAW_TRAIN_LAYER_ROWS_H

#include "thaw/network/freeze.h"
#include "thaw/run/event.h"

/* The row of one node. */
struct event_layer layer_rows_row(const struct graph *graph, int node) THAW_NONNULL;
/* The rows; the caller frees them. */
struct event_layer *layer_rows(const struct graph *graph, int *count) THAW_NONNULL;
/* The node of each row; the caller frees them. */
int *layer_rows_nodes(const struct graph *graph, int *count) THAW_NONNULL;

/* "ff04..."; the caller frees it. */
char *layer_rows_plan(const struct freeze *freeze, const struct graph *graph) THAW_NONNULL;
/* The reverse; a refused text leaves the plan as it was. ERROR_USAGE: another number of rows, a digit that is none, a
 * mark that a layer has not. */
bool layer_rows_parse(struct freeze *freeze, const struct graph *graph, const char *plan,
                      struct error *error) THAW_NONNULL THAW_MUST_CHECK;

/* What parts two plans, in words: "layer1" where only more is frozen or only less, "layer1; thawed layer4.0" where both.
 * *frozen: more learnable values are frozen than before. The caller frees it; "" where they are the same. */
char *layer_rows_change(const struct freeze *before, const struct freeze *after, const struct graph *graph,
                        bool *frozen) THAW_NONNULL;

#endif
