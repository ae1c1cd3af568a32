/* The tree of names below a dataset's path. A folder is read when it is first looked into; names that systems leave
 * everywhere (Thumbs.db, __MACOSX, what begins with a dot) are not in it. Order is by byte value, so that every machine sees
 * the same. Private to src/data. */
#ifndef THAW_SRC_DATA_TREE_H
#define THAW_SRC_DATA_TREE_H

#include <sys/types.h>

#include "thaw/base/file.h"

enum tree_kind {
    TREE_FILE,
    TREE_FOLDER,
    TREE_NOTHING /* neither, or not to be gone into: `why` */
};

struct tree_node {
    char *name;
    struct tree_node *parent; /* NULL: the root */
    enum tree_kind kind;
    char *why;               /* owned; of TREE_NOTHING, or of a folder that could not be read */
    bool looked;             /* into a folder: then it has its children */
    struct tree_node *child; /* files and folders by name */
    size_t children;
    dev_t device; /* of a folder */
    ino_t inode;
    bool linked;   /* a folder that a symbolic link leads to */
    size_t number; /* of a file in an archive: its entry */
};

struct archive;
struct tree {
    char *path;              /* of the root; owned */
    struct archive *archive; /* that it is the content of; NULL: a folder */
    struct tree_node root;
    struct tree_node *above; /* the folders that the root lies in, for their identity alone */
    size_t aboves;
    dev_t except_device; /* a folder that is not in it */
    ino_t except_inode;
    bool has_except;
};

/* The tree below a folder; nothing of it is read yet. except (may be NULL): a folder that is left out. */
struct tree *tree_open(const char *folder, const char *except) THAW_NONNULL_ARGS(1);
/* The tree of what is in an archive, which is had by it, too. */
struct tree *tree_of_archive(const char *path, struct archive *archive) THAW_NONNULL;
void tree_destroy(struct tree *tree); /* takes NULL */
/* Gives a folder its children, once. A link to a folder that it lies in is TREE_NOTHING. */
void tree_look(const struct tree *tree, struct tree_node *folder) THAW_NONNULL;
/* The child of that name; NULL: there is none. Looks into it. */
struct tree_node *tree_child(const struct tree *tree, struct tree_node *folder, const char *name) THAW_NONNULL;
bool tree_on_disk(const struct tree *tree) THAW_NONNULL; /* else in an archive */
char *tree_path(const struct tree *tree,
                const struct tree_node *node) THAW_NONNULL; /* from the root's on; caller frees */
/* The beginning of a file, as file_read reads it. */
bool tree_read(const struct tree *tree, const struct tree_node *file, size_t most, struct file_bytes *bytes,
               struct error *error) THAW_NONNULL THAW_MUST_CHECK;

/* Whether a file may be an image, as far as its name says: it has none of the endings of other files. */
bool tree_may_be_image(const struct tree_node *file) THAW_NONNULL;
/* What lies in a folder itself. */
struct tree_counts {
    size_t folders, images, others; /* images: files that may be some */
};
struct tree_counts tree_count(const struct tree *tree, struct tree_node *folder) THAW_NONNULL;

#endif
