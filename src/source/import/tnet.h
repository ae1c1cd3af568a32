/* Between torch.c (the walk, the input) and tnet_layers.c (the layers). Private to src/source/import.
 *
 * To add a layer: a converter in tnet_layers.c and its row in the table there. */
#ifndef THAW_SRC_SOURCE_IMPORT_TNET_H
#define THAW_SRC_SOURCE_IMPORT_TNET_H

#include <jansson.h>

#include "importer.h"

struct tnet {
    struct graph *graph; /* the network so far: what the next layer reads is its last node */
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

/* Adds the nodes of a layer. false: *net->error is set. */
typedef bool (*tnet_convert)(struct tnet *net, const struct tnet_layer *layer);
tnet_convert tnet_find_convert(const char *class_name) THAW_NONNULL; /* NULL: not known */

/* "layer NAME (CLASS): ..."; returns false. */
bool tnet_refuse(struct tnet *net, const struct tnet_layer *layer, const char *format, ...) THAW_NONNULL
    THAW_PRINTF(3, 4);

#endif
