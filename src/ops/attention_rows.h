/* What attention over all tokens and over windows share: the softmax of a block of queries whose scores stand side by side,
 * a row of ATTENTION_QUERIES floats for each token that is asked. Called from tasks. */
#ifndef THAW_SRC_OPS_ATTENTION_ROWS_H
#define THAW_SRC_OPS_ATTENTION_ROWS_H

#include <stddef.h>

#include "thaw/base/macros.h"
#include "thaw/tensor/product.h"

enum { ATTENTION_QUERIES = 4 * PRODUCT_LANES /* of a block */ };

#define ATTENTION_LOG2_E 1.44269504f /* by which scores become exponents of 2 */

/* Lanes that so many queries take: whole panels. */
static inline int attention_lanes(int queries)
{
    return product_panels(queries) * PRODUCT_LANES;
}

/* Scores, exponents of 2, to 2^(score - largest), and of each query the largest and 1 / sum. */
void attention_soften(float *score, int tokens, int lanes, float *most, float *inverse) THAW_NONNULL;
/* The same from what it found, times inverse. */
void attention_soften_again(float *score, int tokens, int lanes, const float *most, const float *inverse) THAW_NONNULL;
/* The softmax's gradient: g = weight * (g - sum(weight * g)) * scale. */
void attention_give(float *g, const float *weight, int tokens, int lanes, float scale) THAW_NONNULL;
/* (rows, width) as a product's right side, turned and times factor: columns are queries. */
void attention_pack_queries(int rows, int width, const float *from, size_t stride, float factor,
                            float *packed) THAW_NONNULL;
/* The same not turned. A row at a time: rows are pages apart, and a panel at a time would come to each several times. */
void attention_pack_rows(int rows, int width, const float *from, size_t stride, float *to) THAW_NONNULL;
/* (rows, columns) of out, each row times its factor. */
void attention_scale_rows(float *out, size_t stride, int rows, int columns, const float *factor) THAW_NONNULL;

#endif
