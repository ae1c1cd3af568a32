/* Matrix products with a packed right side: our own kernel, for the shapes that convolutions have (tall, narrow, many in a
 * row with the same weights), where it reaches more of the machine than a call of the library does. */
#ifndef THAW_TENSOR_PRODUCT_H
#define THAW_TENSOR_PRODUCT_H

#include <stdbool.h>
#include <stddef.h>

#include "thaw/base/macros.h"

enum { PRODUCT_LANES = 16 }; /* columns of a panel */

/* b (k,n) packed in panels of PRODUCT_LANES columns: [panel][k][lane], lanes past n zero. */
size_t product_packed_floats(int k, int n);
/* Panels first..last-1 of b, which lies row-major with row stride ldb, or transposed: (n,k). `packed` is the place of
 * panel 0. The caller's thread: panels may be shared out among several. */
void product_pack(bool transpose, int k, int n, const float *b, int ldb, int first, int last,
                  float *packed) THAW_NONNULL;
static inline int product_panels(int n)
{
    return (n + PRODUCT_LANES - 1) / PRODUCT_LANES;
}

/* c (m,n) = or += a (m,k) * b. a and c row-major with row strides lda, ldc. `packed` is where the first of the k rows lies
 * in the first panel, `panel` the floats from one panel to the next: k * PRODUCT_LANES, or more where b has further
 * rows. Each element is summed in the order of k. The caller's thread. */
void product(int m, int n, int k, const float *a, size_t lda, const float *packed, size_t panel, bool add, float *c,
             size_t ldc) THAW_NONNULL;
/* The same with a transposed: (k,m). */
void product_transposed(int m, int n, int k, const float *a, size_t lda, const float *packed, size_t panel, bool add,
                        float *c, size_t ldc) THAW_NONNULL;

#endif
