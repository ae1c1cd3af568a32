/* Inside features: what feature_cache.c and feature_cache_fill.c share. */
#ifndef THAW_TRAIN_FEATURE_CACHE_PRIVATE_H
#define THAW_TRAIN_FEATURE_CACHE_PRIVATE_H

#include "feature_cache.h"
#include "feature_file.h"
#include "feature_key.h"

/* What crosses a frontier; a row holds it node by node. */
struct feature_cut {
    int frontier;
    int nodes, *node; /* [nodes] in node order */
    size_t *floats;   /* [nodes] of an image */
    size_t row;       /* floats, all together */
};
void feature_cut_init(struct feature_cut *cut, const struct graph *graph, int frontier) THAW_NONNULL;
void feature_cut_finish(struct feature_cut *cut) THAW_NONNULL;

struct feature_cache {
    struct feature_cache_options options;
    struct freeze *freeze;
    struct feature_cut cut;
    struct feature_key key; /* made when first wanted */
    int views;
    struct feature_file **view; /* [views]; NULL: not opened yet */
    bool no_files;              /* one could not be had: the rest go to memory at once */
    int drops;                  /* files that were lost while they were in use */
};

size_t feature_row_bytes(const struct feature_cache *features, const struct feature_cut *cut) THAW_NONNULL;
/* The caller frees its key. */
struct feature_layout feature_layout_of(struct feature_cache *features, const struct feature_cut *cut,
                                        int view) THAW_NONNULL;
/* Opens a view's file, or takes memory for it. */
bool feature_open_view(struct feature_cache *features, int view, const struct feature_cache_watch *watch,
                       struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* NULL with a sentence where that is more than the budget. */
struct feature_file *feature_memory(struct feature_cache *features, const struct feature_layout *layout,
                                    struct error *error) THAW_NONNULL;

#endif
