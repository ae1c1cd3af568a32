/* What import.c asks of each kind of description, and what it gives to them. Private to src/source/import.
 *
 * To add a kind: write NAME.c with one `const struct importer import_NAME`, declare it below and put it into the table
 * of import.c. */
#ifndef THAW_SRC_SOURCE_IMPORT_IMPORTER_H
#define THAW_SRC_SOURCE_IMPORT_IMPORTER_H

#include "thaw/source/bind.h"

struct importer {
    bool (*possible)(const struct weights *weights);
    /* The graph as the file has it, sealed, its constants set, its preprocessing the best that is known, or marked as
     * guessed. Sentences of errors leave the file's name out, import_graph puts it in front. */
    struct graph *(*outline)(const struct weights *weights, struct error *error);
    /* The same for images of another side, where paddings and the like depend on it. NULL: import_resized. */
    struct graph *(*sized)(const struct weights *weights, int side, struct error *error);
    /* Values into the finished graph, which may be the outline with another head or input size, as bind_weights does
     * and reports it; error sentences name the file. NULL: bind_weights itself, by names. */
    bool (*bind)(struct graph *graph, const struct weights *weights, uint64_t seed, struct bind_report *report,
                 struct error *error);
    /* A tensor may be the weight of several layers, one number all of a bias, or a head be added: the network has up to
     * four times the values of the file. */
    bool shares;
};

extern const struct importer import_thaw, import_keras, import_onnx, import_darknet, import_torch;

/* What a graph out of this file is called: the file's stem, with its ending where the zoo has that name. */
void import_name(const struct weights *weights, char name[GRAPH_NAME_MAX]) THAW_NONNULL;

/* A name out of a file, cut to `room` bytes with its NUL, as text fit for a sentence: printable ASCII, '?' for the rest.
 * Returns text. */
const char *import_text(char *text, size_t room, const char *from) THAW_NONNULL;

/* The same network for images of another side and for other classes (0: as they are): a new graph, sealed, constants
 * and names kept. ERROR_USAGE says what does not fit. */
struct graph *import_resized(const struct graph *graph, int side, int classes,
                             struct error *error) THAW_NONNULL THAW_MUST_CHECK;

/* A network of one output as one of two classes, the first of which is always 0 before training; takes the graph. */
struct graph *import_make_binary(struct graph *graph, struct error *error) THAW_NONNULL THAW_MUST_CHECK;

/* Ends the trunk before the class layer, and before the dropout in front of it, which belongs to the head. */
void import_mark_trunk(struct graph *graph) THAW_NONNULL;

/* ERROR_USAGE where a trunk parameter of a graph made for another side has another size than the file's. */
bool import_check_trunk(const struct graph *to, const struct graph *from,
                        struct error *error) THAW_NONNULL THAW_MUST_CHECK;

#endif
