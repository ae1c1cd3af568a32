/* Passes over memory that several ops share: epilogues, sums, elementwise loops. Vectorised; the ones that take a team
 * split by shape. */
#ifndef THAW_OPS_PASS_H
#define THAW_OPS_PASS_H

#include <stddef.h>

#include "thaw/base/parallel.h"
#include "thaw/ops/op.h"

/* A block (rows, cols) of row stride `stride`: out = activation(out + bias + residual). bias (cols) and residual (same
 * stride as out) may be NULL; attrs are the activation's. For the calling task's panel, while it is in cache. */
void pass_epilogue(float *out, size_t stride, int rows, int cols, const float *bias, const float *residual,
                   enum op_activation activation, const struct op_attrs *attrs);

/* to (count) = or += from, the caller's thread. from may equal to. */
void pass_move(float *to, const float *from, size_t count, bool add);
/* The same split over the team. */
void pass_move_all(struct team *team, float *to, const float *from, size_t count, bool add);

/* sum[c] += column sums of x (rows, cols), in double and row order; the caller's thread. */
void pass_column_sums(double *sum, const float *x, size_t rows, int cols);

/* Gradient of a bias: to (cols) = column sums of gradient (rows, cols). workspace: pass_bias_floats. */
size_t pass_bias_floats(size_t rows, int cols);
void pass_bias(struct team *team, const float *gradient, size_t rows, int cols, float *workspace, float *to);

/* to (count) = partial[0] + partial[1] + ..., in that order; partial (parts, count), row stride `stride`. */
void pass_sum_partials(struct team *team, float *to, const float *partial, int parts, size_t stride, size_t count);

#endif
