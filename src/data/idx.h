/* IDX files, as MNIST and its kin come in: an array of bytes in a file, often compressed by gzip
 * (http://yann.lecun.com/exdb/mnist). Private to src/data and its tests.
 *
 * 1. 0, 0, 8 (the type: unsigned bytes), the number of dimensions.
 * 2. for each dimension uint32, big endian: how many; outermost first.
 * 3. the bytes, to the end of the file. */
#ifndef THAW_DATA_IDX_H
#define THAW_DATA_IDX_H

#include "thaw/base/file.h"

enum { IDX_RANK_MAX = 3, IDX_HEADER_MAX = 4 + 4 * IDX_RANK_MAX, IDX_PROBE = 4 };
/* Of one file, unpacked. */
#define IDX_BYTES_MAX ((uint64_t)2 << 30)

struct idx {
    int rank;
    size_t dim[IDX_RANK_MAX];
    const uint8_t *values; /* as many as the product of the dimensions; in `bytes` or the block */
    struct file_bytes bytes;
    struct file_stamp stamp;
    uint8_t *block; /* what gzip data was unpacked to; then nothing stays of `bytes` */
};

/* Reads a file's bytes, unpacking what is gzip's, and takes them over where the values lie in them: then *bytes is empty.
 * Its array must fill it exactly. Errors are ERROR_DATA and leave the file's name out. Close *idx, also after a failure. */
bool idx_take(struct idx *idx, struct file_bytes *bytes, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* The same over bytes in memory, which must outlive it. */
bool idx_read(struct idx *idx, const uint8_t *bytes, size_t size, struct error *error)
    THAW_NONNULL_ARGS(1, 4) THAW_MUST_CHECK;
/* Whether the first IDX_PROBE bytes of a file begin as an IDX file or as gzip data does. bytes may be NULL where size is
 * 0. */
bool idx_probe(const uint8_t *bytes, size_t size);
void idx_close(struct idx *idx) THAW_NONNULL;

#endif
