/* NumPy's arrays in files (numpy.lib.format): \x93NUMPY, a version, the length of a header (2 bytes in version 1, 4 in 2 and
 * 3, little endian), the header, which is a Python dictionary of 'descr', 'fortran_order' and 'shape', and the values.
 * Private to src/data and its tests. */
#ifndef THAW_SRC_DATA_NPY_H
#define THAW_SRC_DATA_NPY_H

#include <stddef.h>
#include <stdint.h>

#include "thaw/base/error.h"

enum { NPY_RANK_MAX = 8 };

struct npy {
    char kind; /* of a value: 'u' unsigned, 'i' signed, 'f' real, 'b' bool */
    int bytes; /* of a value: 1, 2, 4, 8 */
    bool big;  /* big endian */
    int rank;
    size_t dim[NPY_RANK_MAX];
    size_t count;          /* values */
    const uint8_t *values; /* borrowed */
};
/* ERROR_DATA leaves the file's name out. bytes may be NULL where size is 0. */
bool npy_read(struct npy *npy, const uint8_t *bytes, size_t size, struct error *error)
    THAW_NONNULL_ARGS(1, 4) THAW_MUST_CHECK;
/* A value as a whole number; false: it is none from 0 to `most`. */
bool npy_whole(const struct npy *npy, size_t at, long most, long *number) THAW_NONNULL THAW_MUST_CHECK;

#endif
