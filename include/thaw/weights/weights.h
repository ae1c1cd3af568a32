/* A weights file of any known format, opened by its content, not by its name.
 *
 * The file is mapped and stays mapped while the handle lives; tensors are read where they lie. Every offset, size and
 * count a file states is checked against the file before use. Errors are ERROR_WEIGHTS and name the file and the
 * tensor or the byte. */
#ifndef THAW_WEIGHTS_WEIGHTS_H
#define THAW_WEIGHTS_WEIGHTS_H

#include <stdbool.h>
#include <stddef.h>

#include "thaw/base/error.h"
#include "thaw/tensor/tensor.h"

/* How the source library lays out a convolution and a linear kernel. */
enum weights_layout {
    WEIGHTS_TORCH, /* conv (out, in / groups, kh, kw), linear (out, in) */
    WEIGHTS_KERAS, /* conv (kh, kw, in, out), depthwise (kh, kw, c, multiplier), linear (in, out) */
};

struct weights_tensor {
    const char *name; /* borrowed from the handle */
    enum tensor_type type;
    struct shape shape; /* in the source's order */
};

struct weights;

/* Whether a file's name ends as those of weights files do. For lists and for telling paths from names: what a file is,
 * its content says. */
bool weights_is_file_name(const char *name) THAW_NONNULL;
/* Whose format such a name promises: "torch", "safetensors", "keras", "onnx", "darknet"; NULL: it is no such name. */
const char *weights_name_family(const char *name) THAW_NONNULL;

struct weights *weights_open(const char *path, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
void weights_close(struct weights *weights); /* takes NULL */

const char *weights_path(const struct weights *weights) THAW_NONNULL;
const char *weights_format(const struct weights *weights) THAW_NONNULL; /* "safetensors", "torch (legacy stream)" */
enum weights_layout weights_layout(const struct weights *weights) THAW_NONNULL;
size_t weights_count(const struct weights *weights) THAW_NONNULL;
const struct weights_tensor *weights_get(const struct weights *weights, size_t index) THAW_NONNULL;
/* The index of a tensor by its exact name, or -1. */
long weights_find(const struct weights *weights, const char *name) THAW_NONNULL;
/* A metadata string (safetensors __metadata__), or NULL. Borrowed. */
const char *weights_metadata(const struct weights *weights, const char *key) THAW_NONNULL;
/* Keys that readers give their own findings: what a Keras file says of itself, what of a file was left aside. */
#define WEIGHTS_KERAS_CONFIG  "keras.config" /* JSON */
#define WEIGHTS_KERAS_VERSION "keras.version"
#define WEIGHTS_KERAS_BACKEND "keras.backend"
#define WEIGHTS_ONNX_AUTHOR   "onnx.author"  /* of metadata_props, as Ultralytics writes it */
#define WEIGHTS_ONNX_NAMES    "onnx.names"   /* "{0: 'ant', 1: 'bee'}" */
#define WEIGHTS_ONNX_TASK     "onnx.task"    /* "classify" */
#define WEIGHTS_TORCH_LAYERS  "torch.layers" /* JSON: the layers of a whole Sequential, in order */
#define WEIGHTS_TORCH_NAMES   "torch.names"  /* JSON: class names, in the order of the logits */
#define WEIGHTS_NOTE          "note"         /* a sentence */
/* Whether JSON that came out of the file takes, once parsed, no more than four times the file's size (and 1 MiB). To be
 * asked before it is parsed. */
bool weights_json_fits(const struct weights *weights, const char *text) THAW_NONNULL;
/* Values as float32 in the source's element order, contiguous; `to` holds shape_count floats. A NaN or infinity among
 * them is an error that names the tensor and the element. */
bool weights_read(const struct weights *weights, size_t index, float *to,
                  struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* Rows `row` to row + rows of the outermost dimension alone (a scalar has one). The map's memory for them is let go. */
bool weights_read_rows(const struct weights *weights, size_t index, int64_t row, int64_t rows, float *to,
                       struct error *error) THAW_NONNULL THAW_MUST_CHECK;

/* Writing safetensors (https://huggingface.co/docs/safetensors). */
struct weights_output {
    const char *name;
    enum tensor_type type; /* F32, F16 or BF16 converts `values`; I64 writes the one value `integer`, rank 0 */
    struct shape shape;
    const float *values; /* contiguous, in the shape's order */
    int64_t integer;
};
/* In metadata, before what others wrote: the file is to carry a digest of all its bytes, which is put into this room. */
#define WEIGHTS_DIGEST      "thaw.digest"
#define WEIGHTS_DIGEST_ROOM "00000000000000000000000000000000"
/* Whether an open file is to the bit as it was written, where it says so. Reads all of it. */
enum weights_digest { WEIGHTS_DIGEST_NONE, WEIGHTS_DIGEST_HOLDS, WEIGHTS_DIGEST_BROKEN };
enum weights_digest weights_digest(const struct weights *weights) THAW_NONNULL;
/* metadata: key, value, key, value, ..., NULL; or NULL. Atomic. */
bool safetensors_write(const char *path, const struct weights_output *tensors, size_t count,
                       const char *const *metadata, struct error *error) THAW_NONNULL_ARGS(1, 5) THAW_MUST_CHECK;
/* The same as bytes in memory, for a file that is to be written later; the caller mem_frees them. `path` is for
 * sentences. */
char *safetensors_bytes(size_t *size, const char *path, const struct weights_output *tensors, size_t count,
                        const char *const *metadata, struct error *error) THAW_NONNULL_ARGS(1, 2, 6) THAW_MUST_CHECK;

#endif
