/* What a reader of one weights format gives, and what weights.c gives to it. Private to src/weights and its tests.
 *
 * To add a format: write format_NAME.c with one `const struct weights_format format_NAME`, declare it below and put
 * it into the table in weights.c. A reader checks every number the file states before it uses it; sentences of its
 * errors leave the file's name out, weights_open puts it in front. */
#ifndef THAW_SRC_WEIGHTS_FORMAT_H
#define THAW_SRC_WEIGHTS_FORMAT_H

#include <jansson.h>

#include "thaw/base/file.h"
#include "thaw/base/hash.h"
#include "thaw/base/quote.h"
#include "thaw/weights/weights.h"

/* Where the values of a tensor lie: element (i, j, ...) is at first + i * stride[0] + j * stride[1] + ... */
struct weights_place {
    const uint8_t *first; /* in memory that lives as long as the handle: the map, or weights_keep; any alignment */
    int64_t stride[SHAPE_RANK_MAX]; /* in elements, never negative */
};

struct weights_format {
    const char *name; /* as weights_format() gives it */
    enum weights_layout layout;
    bool (*probe)(const struct file_map *map); /* from the content alone; the map is not empty */
    /* Calls weights_add for each tensor; weights.c cleans up after a failure. NULL: known by sight but not read, for
     * the reason in `refusal`, which continues the sentence "FILE: ". */
    bool (*open)(struct weights *weights, struct error *error);
    const char *refusal;
    /* The same where what is seen decides. */
    const char *(*refuse)(const struct file_map *map);
};

extern const struct weights_format format_safetensors;
extern const struct weights_format format_safetensors_index;
extern const struct weights_format format_torch_legacy;
extern const struct weights_format format_torch_zip;
extern const struct weights_format format_torch_tar;
extern const struct weights_format format_onnx;
extern const struct weights_format format_darknet;
extern const struct weights_format format_keras_h5;
extern const struct weights_format format_keras_zip;
/* format_unread.c */
extern const struct weights_format format_unread;

/* The mapped file. */
const struct file_map *weights_map(const struct weights *weights) THAW_NONNULL;

/* Adds one tensor. The name (any bytes, `name_size` of them) is copied and checked: not empty, at most
 * WEIGHTS_NAME_MAX bytes, UTF-8 without control characters. The shape is checked to be countable and to have no more
 * elements than the file has bytes. That the place holds all its elements is the reader's promise. */
enum { WEIGHTS_NAME_MAX = 512 };
bool weights_add(struct weights *weights, const char *name, size_t name_size, enum tensor_type type,
                 const struct shape *shape, const struct weights_place *place,
                 struct error *error) THAW_NONNULL THAW_MUST_CHECK;

/* Adds one metadata string; both are copied. */
void weights_add_metadata(struct weights *weights, const char *key, const char *value) THAW_NONNULL;

/* Hands over a block that places point into, or that the format needs while the handle lives: released, last first, when
 * the handle closes or opening fails. */
void weights_keep(struct weights *weights, void *block, void (*release)(void *block)) THAW_NONNULL;

/* The graph that weights_onnx gives; it lives as long as the handle. */
struct onnx_graph;
void weights_set_onnx(struct weights *weights, const struct onnx_graph *graph) THAW_NONNULL;

/* Maps a file that lies beside the handle's own, for as long as the handle lives, and widens by its size. NULL: it
 * cannot be mapped. */
const struct file_map *weights_map_beside(struct weights *weights, const char *name,
                                          struct error *error) THAW_NONNULL THAW_MUST_CHECK;

/* Where a tensor's values lie. */
const struct weights_place *weights_place_of(const struct weights *weights, size_t index) THAW_NONNULL;

/* Parses JSON that is `what` of a file of `file` bytes; the caller decrefs. NULL: no JSON, a key given twice, or more
 * values than four times the file's size (and 1 MiB) would hold. */
json_t *weights_json(const uint8_t *text, size_t size, size_t file, const char *what,
                     struct error *error) THAW_NONNULL THAW_MUST_CHECK;

/* The network that weights_darknet gives; it lives as long as the handle. */
struct darknet_net;
void weights_set_darknet(struct weights *weights, const struct darknet_net *net) THAW_NONNULL;

/* Where in a safetensors header the digits of its digest stand; 0: it has none. */
size_t safetensors_digest_place(const void *header, size_t size) THAW_NONNULL;
/* The digits that the digest of a whole file is to have, and where in it they are to stand; 0: it has no place for them. */
size_t safetensors_digest(char digits[HASH_TEXT], const void *bytes, size_t size) THAW_NONNULL;

/* The strides of a tensor without gaps, innermost dimension 1. */
void weights_place_dense(struct weights_place *place, const struct shape *shape) THAW_NONNULL;

/* quote_bytes, by the name that it has here. */
enum { WEIGHTS_QUOTE = QUOTE_BYTES };
const char *weights_quote(char text[WEIGHTS_QUOTE], const void *bytes, size_t size) THAW_NONNULL_ARGS(1);

/* weights_open over bytes in memory, which must outlive the handle; `name` stands for the path. For tests. */
struct weights *weights_open_memory(const void *data, size_t size, const char *name, struct error *error)
    THAW_NONNULL_ARGS(3, 4) THAW_MUST_CHECK;
/* The same by a reader of the test's own, without asking what the bytes are. */
struct weights *weights_open_memory_as(const struct weights_format *format, const void *data, size_t size,
                                       const char *name, struct error *error)
    THAW_NONNULL_ARGS(1, 4, 5) THAW_MUST_CHECK;

#endif
