/* What the files of bind share. */
#ifndef THAW_SRC_SOURCE_BIND_PRIVATE_H
#define THAW_SRC_SOURCE_BIND_PRIVATE_H

#include "thaw/source/bind.h"

enum { BIND_NAME_MAX = GRAPH_NAME_MAX + 16 };

/* bind_names.c: the file's tensors by the name a graph would have for them, without "module." and the like; of twins
 * the first is found. */
struct bind_index {
    char **name;          /* [count], canonical, in the file's order */
    uint64_t *digest;     /* [count], of the names */
    long *follower;       /* [count], the tensor that comes behind this one in one parameter, or -1 */
    unsigned char *joint; /* [count], enum bind_joint: what becomes of it and of those that follow it */
    size_t count;
    long *slot;   /* [slots], a table of the digests, at most half full: a tensor's number, or -1 */
    size_t slots; /* a power of two */
    /* In the names of the library that the file is of, once a graph's have been given, else "": what those of the trunk
     * begin with ("features."), and those of the class layer and its siblings ("classifier."). */
    char inner[BIND_NAME_MAX], head[BIND_NAME_MAX];
};
uint64_t bind_name_digest(const char *name) THAW_NONNULL;
void bind_index_init(struct bind_index *index, const struct weights *weights) THAW_NONNULL;
void bind_index_finish(struct bind_index *index) THAW_NONNULL;
long bind_index_find(const struct bind_index *index, const char *name) THAW_NONNULL; /* a tensor's number, or -1 */
/* The same by the digest alone: a guess, to be looked at again by name. */
long bind_index_find_digest(const struct bind_index *index, uint64_t digest) THAW_NONNULL;

/* bind_parts.c: tensors that are a parameter only together, or in another order. */
enum bind_joint {
    BIND_ROWS,   /* one below the other, as they lie */
    BIND_HALVES, /* (out, in) side by side, vectors summed, all halved: two layers' mean as one layer over both inputs */
    BIND_TURNED  /* (in, out) for (out, in) */
};
/* What stands behind a name: a mark and a part's number from 0, or the mark of what is turned. */
enum { BIND_MARK_ROWS = '#', BIND_MARK_HALVES = '%', BIND_MARK_TURNED = '^' };
/* Takes the marks from the names; parts follow each other. */
void bind_index_join(struct bind_index *index, const struct weights *weights) THAW_NONNULL;
/* All values of a tensor that is not BIND_ROWS and of its followers, in the order of bind_index_shape; the caller frees. */
float *bind_index_read(const struct bind_index *index, const struct weights *weights, size_t tensor,
                       struct error *error) THAW_NONNULL;
/* A tensor's shape, with those that follow it. */
struct shape bind_index_shape(const struct bind_index *index, const struct weights *weights,
                              size_t tensor) THAW_NONNULL;
/* To be called when names were changed. */
void bind_index_renew(struct bind_index *index) THAW_NONNULL;

/* Extends a prefix ("" at first) by the next part, with its dot, that more than half of all names have behind it; false
 * where they have none, or it is as long as any is tried. */
enum { BIND_PREFIX_MAX = 256, BIND_PREFIX_PARTS = 12 };
bool bind_index_next_prefix(const struct bind_index *index, char prefix[BIND_PREFIX_MAX]) THAW_NONNULL;
/* Takes a prefix away from the names that have it. */
void bind_index_strip(struct bind_index *index, const char *prefix) THAW_NONNULL;
/* Another name for a tensor; takes it. bind_index_renew is to follow. */
void bind_index_rename(struct bind_index *index, size_t tensor, char *name) THAW_NONNULL;
void bind_index_copy(struct bind_index *to, const struct bind_index *from) THAW_NONNULL;

/* bind_fit.c: the names of a torch file as the graph has them. told: what its user should know of a head that cannot be
 * used, one sentence, or "". */
enum { BIND_TOLD = 512 };
void bind_index_as_graph(struct bind_index *index, const struct graph *graph, const struct weights *weights,
                         char told[BIND_TOLD]) THAW_NONNULL;
/* bind_head.c: the same for the class head alone, once the trunk's names are the graph's. */
void bind_index_adopt_head(struct bind_index *index, const struct graph *graph, const struct weights *weights,
                           char told[BIND_TOLD]) THAW_NONNULL;
/* bind.c: why a tensor is of no use here, "" where its name says it, NULL where it is not known to be useless. */
const char *bind_reason_to_ignore(const struct graph *graph, const char *name) THAW_NONNULL;

/* bind_rest.c: how many tensors, once those of the graph have its names, belong to the trunk of a larger network; *first
 * is the first, where there are any. */
size_t bind_count_rest(const struct bind_index *index, const struct graph *graph, const struct weights *weights,
                       size_t *first) THAW_NONNULL;
bool bind_refuse_rest(const char *arch, const struct weights *weights, size_t count, size_t first,
                      struct error *error) THAW_NONNULL;
/* bind_recognise.c: which file of the same network would be read, with the line to type. */
const char *bind_advice(const struct weights *weights) THAW_NONNULL;

/* bind_order.c: where a file of Keras' does not have all of the graph's tensors by name but, one by one in the file's
 * order, as many of the same shapes, with or without head, they get the graph's names. Whether they did. */
bool bind_index_by_order(struct bind_index *index, const struct graph *graph,
                         const struct weights *weights) THAW_NONNULL;
/* The parameters that a file of Keras' holds, in its order, into param [params]; returns how many. */
int bind_keras_order(const struct graph *graph, int *param) THAW_NONNULL;

/* bind_names_keras.c: what a graph that was imported from the file calls a tensor of Keras'; the caller frees. */
char *bind_keras_name(const struct weights *weights, const char *name) THAW_NONNULL;
/* The zoo's names in place of those of other years, of larger models, of a session. */
void bind_index_as_zoo(struct bind_index *index, const struct weights *weights) THAW_NONNULL;

/* bind_vit.c: the zoo's names in place of those that other libraries give the tensors of vision transformers; tensors that
 * are parts of one parameter follow each other. */
void bind_index_as_vit(struct bind_index *index, const struct weights *weights) THAW_NONNULL;

/* Of a CLIP that its tensors told, the one with the GELU of its training: by the file's name and its folders', else as its
 * library mostly has it, and then the other one is its twin. */
void bind_tell_clip(const struct weights *weights, struct bind_identity *identity) THAW_NONNULL;

/* bind_position.c: whether the parameter is an embedding of positions; whether a tensor of that shape is one, be its grid
 * another; whether its values become another grid's, and how in words (detail, of `size`); those values, all of them, into
 * the graph. */
bool bind_is_position(const struct graph *graph, int param) THAW_NONNULL;
bool bind_position_fits(const struct graph *graph, int param, const struct shape *file) THAW_NONNULL;
bool bind_position_changes(const struct graph *graph, int param, const struct weights *weights,
                           const struct shape *file, char *detail, size_t size) THAW_NONNULL;
void bind_position_resize(const struct graph *graph, int param, const struct shape *file,
                          const float *values) THAW_NONNULL;

/* bind_zoo.c: how much of an architecture's trunk is in a file. */
struct bind_guess {
    char arch[GRAPH_NAME_MAX];
    int trunk, fitting;        /* parameters */
    int grey;                  /* of the fitting, those that would take a grey image */
    bool head;                 /* its class layer is there, too */
    bool as_original;          /* its images have the channels of the original's */
    int named;                 /* how clearly the file's path names it, 0: not at all */
    char twin[GRAPH_NAME_MAX]; /* another one that the file is as much, under the names of the same library; "": none */
};
/* More tensors are better, then a whole trunk than part of one, then with its head, then one that the path names, then one
 * whose original takes such images: the same tensors may belong to several, which differ in padding or the like. So a ResNet-34's weights are not
 * taken for a ResNet-18's, all of whose tensors they hold, not even where some of their own are missing. */
bool bind_guess_is_better(const struct bind_guess *a, const struct bind_guess *b) THAW_NONNULL;
struct bind_guess bind_zoo_guess(const struct bind_zoo *zoo, const struct weights *weights,
                                 const struct bind_index *index) THAW_NONNULL;

/* What torch calls a parameter. Borrowed from the graph. */
const char *bind_torch_name(const struct graph *graph, int param) THAW_NONNULL;
/* The shape a parameter has in a file of that layout. */
struct shape bind_file_shape(const struct graph *graph, int param, enum weights_layout layout) THAW_NONNULL;
/* Whether a tensor holds the parameter: equal shapes, where ones at the ends do not count. */
bool bind_shape_fits(const struct shape *file, const struct shape *wanted) THAW_NONNULL;
/* Whether a tensor of that shape holds the parameter in a file of that layout. A torch file may have a linear layer as a
 * convolution over the whole map. Keras has two shapes for a depthwise
 * convolution, of the same order: its own layer's, and that of a convolution of as many groups as channels. */
bool bind_param_fits(const struct graph *graph, int param, enum weights_layout layout,
                     const struct shape *file) THAW_NONNULL;
/* Values in the file's layout to native; all contiguous, `from` and `to` apart. */
void bind_from_file(const struct graph *graph, int param, enum weights_layout layout, const float *from,
                    float *to) THAW_NONNULL;
/* Whether bind_from_file moves anything. */
bool bind_layout_differs(const struct graph *graph, int param, enum weights_layout layout) THAW_NONNULL;

/* Metadata keys of our own files. */
#define BIND_KEY_ARCH        "thaw.arch"
#define BIND_KEY_CLASSES     "thaw.classes"
#define BIND_KEY_PREPROCESS  "thaw.preprocess"
#define BIND_KEY_CLASS_NAMES "thaw.class_names"

#endif
