/* What this machine remembers of models: how long one image takes, measured once and kept in the cache folder; and when
 * each was used last, kept in the state folder. */
#ifndef THAW_SHELF_REMEMBER_H
#define THAW_SHELF_REMEMBER_H

#include "thaw/base/ledger.h"
#include "thaw/base/parallel.h"
#include "thaw/network/graph.h"

/* Seconds of a forward pass for one image with all of the team: the median of as many as fit into `seconds`, three at
 * the least, without the first. < 0: the plan cannot be made, error is set. */
double remember_measure(const struct graph *graph, struct team *team, double seconds, struct error *error) THAW_NONNULL;

/* Weights of the same network take the same time: kept for this processor, the architecture and the input. What cannot be
 * written is forgotten. */
void remember_time(const char *arch, const char *input, double seconds) THAW_NONNULL;
/* That it was used just now: the path of its weights, or the architecture where it starts from scratch. */
void remember_use(const char *weights_or_arch) THAW_NONNULL;

struct remembered {
    struct ledger times, uses;
    char machine[128];
};
void remembered_read(struct remembered *remembered) THAW_NONNULL;
void remembered_free(struct remembered *remembered) THAW_NONNULL;
/* Seconds an image, or -1: not measured yet. input: "224x224x3". */
double remembered_time(const struct remembered *remembered, const char *arch, const char *input) THAW_NONNULL;
/* When it was used last, wall clock; 0: never. */
double remembered_use(const struct remembered *remembered, const char *weights_or_arch) THAW_NONNULL;

/* "224x224x3" of a graph's input: width, height, channels. */
enum { REMEMBER_INPUT = 40 };
void remember_input(char text[REMEMBER_INPUT], const struct graph *graph) THAW_NONNULL;

#endif
