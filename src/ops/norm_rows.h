/* The loops of batch normalisation over rows (pixels) of c channels, for a task's own rows. Seen by op_norm.c only. */
#ifndef THAW_OPS_NORM_ROWS_H
#define THAW_OPS_NORM_ROWS_H

#include <stdbool.h>
#include <stddef.h>

/* An activation that holds its argument to low..high, and what its argument is made of: x * scale + shift. The gradient
 * passes where low < argument < high. mask NULL: no activation. */
struct norm_mask {
    const float *scale, *shift; /* [c] */
    float low, high;
};

/* sums[0..c) += x - from, sums[c..2c) += (x - from)^2; `from` (c) keeps the squares small. */
void norm_moments(double *sums, const float *x, const float *from, size_t rows, int c);
/* sums[0..c) += m, sums[c..2c) += m * (x - mean), m being g where the mask lets it pass. */
void norm_gradient_moments(double *sums, const float *g, const float *x, const float *mean,
                           const struct norm_mask *mask, size_t rows, int c);
/* out = x * scale + shift (+ residual, or NULL), held to low..high; a NaN stays one. out may be x. */
void norm_apply(float *out, const float *x, const float *residual, const struct norm_mask *line, size_t rows, int c);
/* to = or += m * scale + x * extra + shift. extra NULL: m * scale. to may be g. */
void norm_gradient(float *to, const float *g, const float *x, const struct norm_mask *mask, const float *scale,
                   const float *extra, const float *shift, size_t rows, int c, bool add);

#endif
