/* Between torch.c (the input), tnet_layers.c (the layers and their table) and tnet_blocks.c (blocks of other libraries).
 * Private to src/source/import. */
#ifndef THAW_SRC_SOURCE_IMPORT_TNET_H
#define THAW_SRC_SOURCE_IMPORT_TNET_H

#include <jansson.h>

#include "importer.h"

struct tnet {
    struct graph *graph;
    int x;      /* the node that the next layer reads */
    int layers; /* so far, with those inside of blocks */
    const struct weights *weights;
    bool flat;     /* what the next layer reads has no height and width: (n, features) */
    bool adaptive; /* a pool made the maps one size, whatever the images' */
    bool fixed;    /* a map of more than a pixel was flattened, not so pooled: the side follows from the layer behind */
    int64_t smallest; /* pixels of the map where the stage at hand began; 0: none has */
    struct error *error;
};

/* One layer, as the file has it. */
struct tnet_layer {
    const json_t *json; /* its attributes */
    const char *name, *class_name;
    bool last;
};

/* Adds the nodes of a layer, and makes its output what the next one reads. false: *net->error is set. */
typedef bool (*tnet_convert)(struct tnet *net, const struct tnet_layer *layer);
tnet_convert tnet_find_convert(const char *class_name) THAW_NONNULL; /* NULL: not known */

/* The layer that JSON describes, by its row. last: nothing follows in the network. */
bool tnet_add_layer(struct tnet *net, const json_t *json, bool last) THAW_NONNULL;
/* A node that reads others than net->x, called NAME.PART; net->x becomes it. */
void tnet_add_node(struct tnet *net, const struct tnet_layer *layer, const char *part, enum op_kind kind,
                   const struct op_attrs *attrs, int inputs, const int *input) THAW_NONNULL;

/* tnet_blocks.c */
bool tnet_basic_block(struct tnet *net, const struct tnet_layer *layer);
bool tnet_bottleneck(struct tnet *net, const struct tnet_layer *layer);
bool tnet_inverted_residual(struct tnet *net, const struct tnet_layer *layer);
bool tnet_concat_pool(struct tnet *net, const struct tnet_layer *layer);

/* "layer NAME (CLASS): ..."; returns false. */
bool tnet_refuse(struct tnet *net, const struct tnet_layer *layer, const char *format, ...) THAW_NONNULL
    THAW_PRINTF(3, 4);

#endif
