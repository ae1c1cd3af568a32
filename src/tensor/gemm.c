/* Matrix products: the one file that knows OpenBLAS. Calls are single-threaded; the worker team splits the work. */
#include "config.h"

#include "thaw/tensor/gemm.h"

#include <cblas.h>
#include <pthread.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;

/* OpenBLAS otherwise starts a thread a core inside each call, which fights with the team. */
static void prepare(void)
{
    openblas_set_num_threads(1);
}

void gemm(bool transpose_a, bool transpose_b, int m, int n, int k, float alpha, const float *a, int lda, const float *b,
          int ldb, float beta, float *c, int ldc)
{
    pthread_once(&once, prepare);
    cblas_sgemm(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans, transpose_b ? CblasTrans : CblasNoTrans, m, n,
                k, alpha, a, lda, b, ldb, beta, c, ldc);
}

void gemv(bool transpose_a, int rows, int cols, float alpha, const float *a, int lda, const float *x, float beta,
          float *y)
{
    pthread_once(&once, prepare);
    cblas_sgemv(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans, rows, cols, alpha, a, lda, x, 1, beta, y, 1);
}

const char *gemm_library(void)
{
    pthread_once(&once, prepare);
    return openblas_get_config();
}
