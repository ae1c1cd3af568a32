/* The folder of frozen features, $XDG_CACHE_HOME/thaw/features, which all runs share: one file a trunk, frontier, list
 * of images and view. What is in it may be removed at any time; it is computed again when it is wanted. */
#ifndef THAW_TRAIN_FEATURE_STORE_H
#define THAW_TRAIN_FEATURE_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "thaw/base/error.h"

struct feature_stored {
    char *path;
    char *model, *images; /* of its key: "resnet18 up to layer4", "244 of /data/train"; "" where it is damaged */
    char *view;           /* "plain", "light, view 2 of seed 1" */
    uint64_t bytes;       /* on the disk */
    double used;          /* when a run last opened it, seconds since 1970 */
    bool in_use;          /* by a run that is going on */
};

char *feature_store_folder(void); /* not made; caller frees */
/* What is there, the latest used first; a folder that is missing is an empty list. */
struct feature_stored *feature_store_list(const char *folder, size_t *count) THAW_NONNULL;
void feature_store_free(struct feature_stored *list, size_t count);
/* Drops what is not in use, the longest unused first, until what stays takes at most `bytes`; 0: all. Returns what it
 * let go, bytes; *count (may be NULL): how many files. */
uint64_t feature_store_shrink(const char *folder, uint64_t bytes, size_t *count) THAW_NONNULL_ARGS(1);

#endif
