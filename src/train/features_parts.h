/* Inside features: what features.c and features_fill.c share. */
#ifndef THAW_TRAIN_FEATURES_PARTS_H
#define THAW_TRAIN_FEATURES_PARTS_H

#include "feature_file.h"
#include "feature_key.h"
#include "features.h"

/* What crosses a frontier; a row holds it node by node. */
struct feature_cut {
    int frontier;
    int nodes, *node; /* [nodes] in node order */
    size_t *floats;   /* [nodes] of an image */
    size_t row;       /* floats, all together */
};
void feature_cut_init(struct feature_cut *cut, const struct graph *graph, int frontier) THAW_NONNULL;
void feature_cut_finish(struct feature_cut *cut) THAW_NONNULL;

struct features {
    struct features_options options;
    struct freeze *freeze;
    struct feature_cut cut;
    struct feature_key key; /* made when first wanted */
    int views;
    struct feature_file **view; /* [views]; NULL: not opened yet */
    bool no_files;              /* one could not be had: the rest go to memory at once */
};

size_t feature_row_bytes(const struct features *features, const struct feature_cut *cut) THAW_NONNULL;
/* The caller frees its key. */
struct feature_layout feature_layout_of(struct features *features, const struct feature_cut *cut,
                                        int view) THAW_NONNULL;
/* Opens a view's file, or takes memory for it. */
bool feature_open_view(struct features *features, int view, const struct features_watch *watch,
                       struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* NULL with a sentence where that is more than the budget. */
struct feature_file *feature_memory(struct features *features, const struct feature_layout *layout,
                                    struct error *error) THAW_NONNULL;

#endif
