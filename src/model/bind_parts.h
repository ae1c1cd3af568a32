/* What the files of bind share. */
#ifndef THAW_SRC_MODEL_BIND_PARTS_H
#define THAW_SRC_MODEL_BIND_PARTS_H

#include "thaw/model/bind.h"

/* bind_names.c: the file's tensors by the name a graph would have for them, without "module." and the like. */
struct bind_index {
    struct bind_entry {
        char *name; /* canonical: the index's own */
        size_t tensor;
    } * entry; /* sorted by name */
    size_t count;
};
void bind_index_init(struct bind_index *index, const struct weights *weights) THAW_NONNULL;
void bind_index_finish(struct bind_index *index) THAW_NONNULL;
long bind_index_find(const struct bind_index *index, const char *name) THAW_NONNULL; /* a tensor's number, or -1 */

/* The shape a parameter has in a file of that layout. */
struct shape bind_file_shape(const struct graph *graph, int param, enum weights_layout layout) THAW_NONNULL;
/* Whether a tensor holds the parameter: equal shapes, where ones at the end do not count. */
bool bind_shape_fits(const struct shape *file, const struct shape *wanted) THAW_NONNULL;
/* Values in the file's layout to native; all contiguous, `from` and `to` apart. */
void bind_from_file(const struct graph *graph, int param, enum weights_layout layout, const float *from,
                    float *to) THAW_NONNULL;
/* Whether bind_from_file moves anything. */
bool bind_layout_differs(const struct graph *graph, int param, enum weights_layout layout) THAW_NONNULL;

/* Metadata keys of our own files, and the text of preprocessing in them. */
#define BIND_KEY_ARCH        "thaw.arch"
#define BIND_KEY_CLASSES     "thaw.classes"
#define BIND_KEY_PREPROCESS  "thaw.preprocess"
#define BIND_KEY_CLASS_NAMES "thaw.class_names"
enum { BIND_PREPROCESS_TEXT = 256 };
void bind_preprocess_print(char text[BIND_PREPROCESS_TEXT], const struct preprocess *preprocess) THAW_NONNULL;
bool bind_preprocess_parse(const char *text, struct preprocess *preprocess) THAW_NONNULL;

#endif
