/* What is in an HDF5 file: its datasets and the text attributes that Keras writes. libhdf5 reads it, in a child process
 * (isolate.h), since that library crashes and loops on hostile files; the parent takes nothing from it but the list
 * below, checks every number against the file, and reads values where they lie. Private to src/weights and its tests.
 *
 * Only hard links are followed, and nothing outside the file: external and virtual datasets are listed as ELSEWHERE. */
#ifndef THAW_SRC_WEIGHTS_H5FILE_H
#define THAW_SRC_WEIGHTS_H5FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "isolate.h"
#include "thaw/base/error.h"
#include "thaw/tensor/tensor.h"

enum h5_where {
    H5_IN_PLACE,  /* contiguous, little endian, of a type of ours, at `offset` */
    H5_DECODED,   /* chunked, compressed, compact, big endian, never written: the library has to read it */
    H5_ELSEWHERE, /* its values are in another file */
    H5_NO_NUMBER, /* text, compounds, references: nothing to convert */
    H5_WHERES
};

struct h5_dataset {
    const char *path; /* "conv1/conv1/kernel:0", no slash in front; borrowed from the list */
    enum tensor_type type;
    struct shape shape;
    enum h5_where where;
    uint64_t offset; /* H5_IN_PLACE: into the file; H5_DECODED: into the block of h5_decode */
};

struct h5_attribute {
    const char *object; /* path of what it belongs to; "" is the file's top */
    const char *name;   /* "weight_names" */
    const char *value;  /* `count` texts behind each other, each with its NUL */
    size_t count;
};

struct h5_list {
    uint8_t *records;               /* what the child wrote; the texts point into it */
    struct h5_dataset *dataset;     /* sorted by path */
    struct h5_attribute *attribute; /* sorted by object, then name */
    size_t datasets, attributes;
};

enum { H5_PATH_MAX = 1024, H5_DEPTH_MAX = 32 };

/* Lists a file that lies whole in memory. ERROR_WEIGHTS for one that libhdf5 or a check refuses; the list is empty then.
 * Finish it with h5_list_finish. */
bool h5_list_read(struct h5_list *list, const uint8_t *file, size_t size,
                  struct error *error) THAW_NONNULL THAW_MUST_CHECK;
void h5_list_finish(struct h5_list *list) THAW_NONNULL;

/* Reads those of the list's datasets that are H5_DECODED and wanted[i] into one new block and sets their offsets. The
 * block is no larger than four times the file; release it with h5_block_release. *block is NULL where there are none. */
struct h5_block {
    uint8_t *data;
    size_t size;
};
bool h5_decode(struct h5_list *list, const bool *wanted, const uint8_t *file, size_t size, struct h5_block **block,
               struct error *error) THAW_NONNULL THAW_MUST_CHECK;
void h5_block_release(void *block);

/* A dataset by its path, an attribute by its object's path and its name; or NULL. */
const struct h5_dataset *h5_find_dataset(const struct h5_list *list, const char *path) THAW_NONNULL;
const struct h5_attribute *h5_find_attribute(const struct h5_list *list, const char *object,
                                             const char *name) THAW_NONNULL;

/* --- between parent and child --- */

/* h5file_walk.c, the only file that calls libhdf5: runs in the child. Writes records:
 *   'D' path, type (tensor_type), where, rank, dims (int64 each), offset (uint64)
 *   'A' object, name, count (uint32), texts
 *   'E' a sentence; the last record of a file that cannot be read
 * Texts are a length (uint32, its NUL counted), then bytes and NUL; type, where and rank are one byte each; numbers in
 * host order. */
struct h5_source {
    const uint8_t *file;
    size_t size;
    const struct h5_list *list; /* of the datasets to decode, or NULL: list the file */
    const bool *wanted;
    uint8_t *block; /* shared with the parent */
};
bool h5_walk(void *source, struct isolate_out *out) THAW_NONNULL;
bool h5_walk_decode(void *source, struct isolate_out *out) THAW_NONNULL;

/* Checks records as above, for a file of `size` bytes; takes them over (and frees them on failure). For tests. */
bool h5_list_parse(struct h5_list *list, uint8_t *records, size_t length, size_t size, struct error *error)
    THAW_NONNULL_ARGS(1, 5) THAW_MUST_CHECK;

#endif
