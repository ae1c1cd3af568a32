/* Matrix products on OpenBLAS, one thread a call: the engine owns the threads. src/tensor/gemm.c is the only file
 * that includes cblas.h. */
#ifndef THAW_TENSOR_GEMM_H
#define THAW_TENSOR_GEMM_H

#include <stdbool.h>

#include "thaw/base/error.h"
#include "thaw/base/macros.h"

/* c (m,n) = alpha * op(a) (m,k) * op(b) (k,n) + beta * c, all row-major with the given row strides (in floats).
 * beta 0 never reads c. Safe to call from several threads at once. */
void gemm(bool transpose_a, bool transpose_b, int m, int n, int k, float alpha, const float *a, int lda, const float *b,
          int ldb, float beta, float *c, int ldc);

/* y (m) = op(a) * x + beta * y, a row-major (rows,cols). */
void gemv(bool transpose_a, int rows, int cols, float alpha, const float *a, int lda, const float *x, float beta,
          float *y);

/* Ends the threads that OpenBLAS starts when it is loaded; for the program to call before it blocks signals, as those would
 * take them. Any other call does so, too. */
void gemm_init(void);

/* Sees to the address space that so many threads take for products. false: ERROR_FAILED, the process's limit leaves less,
 * under which a product would not come back. */
bool gemm_reserve(int threads, struct error *error) THAW_NONNULL THAW_MUST_CHECK;

/* The library, its version and the kernels in use, as OpenBLAS words it; static storage. */
const char *gemm_library(void);

#endif
