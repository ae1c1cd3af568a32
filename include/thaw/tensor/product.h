/* Matrix products with a packed right side: our own kernel, for the shapes that convolutions have (tall, narrow, many in a
 * row with the same weights), where it reaches more of the machine than a call of the library does. */
#ifndef THAW_TENSOR_PRODUCT_H
#define THAW_TENSOR_PRODUCT_H

#include <stdbool.h>
#include <stddef.h>

#include "thaw/base/macros.h"

enum {
    PRODUCT_LANES = 16, /* columns of a panel */
    PRODUCT_ROWS = 12,  /* rows of a are best a multiple of this */
};

/* b (k,n) packed in panels of PRODUCT_LANES columns: [panel][k][lane], lanes past n zero. */
size_t product_packed_floats(int k, int n);
/* Panels first..last-1 of b, which lies row-major with row stride ldb, or transposed: (n,k). `packed` is where the first
 * row of panel 0 goes, `panel` as in struct product. The caller's thread: panels may be shared out among several. */
void product_pack(bool transpose, int k, int n, const float *b, int ldb, int first, int last, float *packed,
                  size_t panel) THAW_NONNULL;
static inline int product_panels(int n)
{
    return (n + PRODUCT_LANES - 1) / PRODUCT_LANES;
}

/* Sums of products over a that need not be a matrix: what a convolution reads of an image in place.
 *   c[image][line][row][column] = or += sum over segments s and k of
 *       a[image * a_image + line * a_line + row * row_step + segment[s] + k * k_step] * b[s * product.k + k][column]
 * Either row_step or k_step is 1. Each element is summed in the order of segments and k, in
 * sums of some hundred terms that are then added up. */
struct product {
    int images, lines, rows, columns;
    int segments, k;
    const float *a;
    size_t a_image, a_line, row_step, k_step;
    const size_t *segment; /* [segments]; NULL: one, at 0 */
    const float *packed;   /* where the first of b's rows lies in the first panel */
    size_t panel;          /* floats from one panel to the next */
    float *c;
    size_t c_image, c_line, ldc;
    bool add;
};
/* The caller's thread. */
void product_run(const struct product *product) THAW_NONNULL;

/* c (m,n) = or += a (m,k) * b: a and c row-major with row strides lda, ldc. `panel` is k * PRODUCT_LANES, or more where
 * b has further rows. */
static inline void product(int m, int n, int k, const float *a, size_t lda, const float *packed, size_t panel, bool add,
                           float *c, size_t ldc)
{
    const struct product p = {1, 1, m, n, 1, k, a, 0, 0, lda, 1, NULL, packed, panel, c, 0, 0, ldc, add};
    product_run(&p);
}

/* The same with a transposed: (k,m). */
static inline void product_transposed(int m, int n, int k, const float *a, size_t lda, const float *packed,
                                      size_t panel, bool add, float *c, size_t ldc)
{
    const struct product p = {1, 1, m, n, 1, k, a, 0, 0, 1, lda, NULL, packed, panel, c, 0, 0, ldc, add};
    product_run(&p);
}

#endif
