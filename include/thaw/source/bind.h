/* Bringing a weights file and a graph together: names normalised, layouts converted, every tensor accounted for. */
#ifndef THAW_SOURCE_BIND_H
#define THAW_SOURCE_BIND_H

#include "thaw/network/graph.h"
#include "thaw/weights/weights.h"

enum bind_outcome {
    BIND_LOADED,     /* same layout, same type */
    BIND_CONVERTED,  /* layout or element type converted */
    BIND_RESHAPED,   /* class head of another size: freshly initialised instead, the file's tensor left aside */
    BIND_MISFIT,     /* in the file with a shape that cannot be used: loading failed */
    BIND_MISSING,    /* wanted, not in the file; of the class head: freshly initialised */
    BIND_UNEXPECTED, /* in the file, not wanted */
    BIND_IGNORED,    /* in the file, known to be of no use here (num_batches_tracked, auxiliary heads) */
    BIND_CONSTANT,   /* part of the architecture, and not in the file: kept as it is */
    BIND_OUTCOMES
};

struct bind_row {
    char name[GRAPH_NAME_MAX + 16]; /* the graph's, or the file's where the graph has none */
    enum bind_outcome outcome;
    char detail[96]; /* "f16 -> f32", "1000x256 in the file, 2x256 wanted" */
};
struct bind_report {
    struct bind_row *row; /* graph's parameters first, in their order, then what only the file has */
    size_t rows;
    size_t count[BIND_OUTCOMES];
};
/* What a graph calls the Keras layer of that path: the path itself, shortened where a model inside models makes it too
 * long. Returns name. */
const char *bind_keras_layer(char name[GRAPH_NAME_MAX], const char *path) THAW_NONNULL;

void bind_report_finish(struct bind_report *report) THAW_NONNULL;
const char *bind_outcome_name(enum bind_outcome outcome); /* "loaded" */
/* "320 tensors loaded; fc.weight starts fresh: 1000x512 in the file, 2x512 wanted; 53 ignored". head: where what the file
 * lacks comes from instead; NULL: it starts fresh. Returns text. */
enum { BIND_SENTENCE = 256 };
const char *bind_report_sentence(const struct bind_report *report, const char *head, char text[BIND_SENTENCE])
    THAW_NONNULL_ARGS(1, 3);

/* Copies the file's tensors into graph->values. Missing trunk tensors or shapes that do not fit are ERROR_WEIGHTS with
 * the first such tensor named and the counts; a head of another size is replaced (initialised from seed) and
 * reported. *report is filled either way; finish it. */
bool bind_weights(struct graph *graph, const struct weights *weights, uint64_t seed, struct bind_report *report,
                  struct error *error) THAW_NONNULL THAW_MUST_CHECK;

/* A file whose class layer has one output fills one of two classes: what a graph's note says of that. */
#define BIND_SINGLE_NOTE "its one output is the second class's; the first class's is always 0 before training"

/* For who reads values into a graph: the class layer that may be filled from a file with one output, which is the second class's while the
 * first one's is always 0; -1: the graph has other than two classes. Between begin and end it is described as having one. */
int bind_single_layer(const struct graph *graph) THAW_NONNULL;
void bind_single_begin(struct graph *graph, int node) THAW_NONNULL;
/* filled: its values have been read, and the report has its rows. */
void bind_single_end(struct graph *graph, int node, bool filled, uint64_t seed,
                     struct bind_report *report) THAW_NONNULL;

/* What a file holds. */
struct bind_identity {
    char arch[GRAPH_NAME_MAX];
    int classes;  /* the size of its class head, 0: it has none */
    int channels; /* of its input; 0: the architecture's own */
    /* Another architecture with the same tensors under the same names, between which nothing decided; "": none. */
    char twin[GRAPH_NAME_MAX];
};
/* The zoo's architectures as files show them: whoever looks at many files makes it once (some ten milliseconds, a few
 * megabytes), each file then costs about one millisecond. */
struct bind_zoo;
struct bind_zoo *bind_zoo_create(void);
void bind_zoo_destroy(struct bind_zoo *zoo);
/* The architecture whose tensors these are, by the file's own metadata, else by names and shapes; of several that have
 * the same, the one that the file's path names, else the first. zoo NULL: made for this file. ERROR_WEIGHTS says what was
 * seen. */
bool bind_recognise(const struct weights *weights, const struct bind_zoo *zoo, struct bind_identity *identity,
                    struct error *error) THAW_NONNULL_ARGS(1, 3, 4) THAW_MUST_CHECK;
/* Head and channels of a file that is said to hold this architecture; whether it does is bind_weights' to say. */
void bind_recognise_as(const struct weights *weights, const char *arch, struct bind_identity *identity) THAW_NONNULL;

/* The preprocessing that such weights usually have where that is not the architecture's: where the names of their tensors
 * are of a library that trained it otherwise. */
void bind_usual_preprocess(struct graph *graph, const struct weights *weights) THAW_NONNULL;
/* The preprocessing bound to these weights: from the file's metadata, else the architecture's own (already in graph).
 * The input's size stays the graph's. Metadata that cannot be read is left for bind_weights to refuse. */
void bind_preprocess(struct graph *graph, const struct weights *weights) THAW_NONNULL;
/* What the file's metadata says about it, input size included; false where it says nothing. */
bool bind_file_preprocess(const struct weights *weights, struct preprocess *preprocess) THAW_NONNULL;

/* The class names in the file's metadata, in the order of the logits, or NULL; free with bind_free_class_names. */
char **bind_class_names(const struct weights *weights, int *count) THAW_NONNULL THAW_MUST_CHECK;
void bind_free_class_names(char **names, int count);

/* Writes the graph's parameters home, as safetensors: names and layouts of torchvision, or of the library that alone has the
 * architecture. type F32 or F16 (running statistics
 * stay F32). Adds architecture, classes and preprocessing to the metadata, so that bind_recognise and bind_preprocess
 * need no guess; class_names [graph->classes] may be NULL. A value that F16 cannot hold is ERROR_WEIGHTS. */
bool bind_export(const struct graph *graph, const char *path, enum tensor_type type, const char *const *class_names,
                 struct error *error) THAW_NONNULL_ARGS(1, 2, 5) THAW_MUST_CHECK;

/* A parameter between native and torch layout, contiguous, `count` floats of the parameter. */
void bind_to_torch(const struct graph *graph, int param, const float *native, float *torch) THAW_NONNULL;
void bind_from_torch(const struct graph *graph, int param, const float *torch, float *native) THAW_NONNULL;
struct shape bind_torch_shape(const struct graph *graph, int param) THAW_NONNULL;
/* Some rows of the outermost dimension in a file of that layout; `to` is the whole parameter. */
struct bind_rows {
    size_t first, count, floats; /* floats: of one row */
};
void bind_rows_from_file(const struct graph *graph, int param, enum weights_layout layout, struct bind_rows rows,
                         const float *from, float *to) THAW_NONNULL;

#endif
