/* Finding files by what tables call them: a path from somewhere, a name, or a name without its ending. Private to
 * src/data. */
#ifndef THAW_SRC_DATA_FINDER_H
#define THAW_SRC_DATA_FINDER_H

#include "tree.h"

struct finder;
/* Of the images below a folder. Folders are read when something is looked for that is not where it says. */
struct finder *finder_create(const struct tree *tree, struct tree_node *folder) THAW_NONNULL;
void finder_destroy(struct finder *finder);
/* The file that a path stands for: what lies there, counted from `from`; else the file of that name whose folders are most
 * like the path's. NULL: there is none, or (*other) two that are as like. */
struct tree_node *finder_find(struct finder *finder, struct tree_node *from, const char *path,
                              struct tree_node **other) THAW_NONNULL;
size_t finder_files(struct finder *finder) THAW_NONNULL; /* how many there are */

#endif
