/* Matrix products: the one file that knows OpenBLAS. Calls are single-threaded; the worker team splits the work. */
#include "config.h"

#include "thaw/tensor/gemm.h"

#include <cblas.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;

/* What it does itself before a fork; another library of that name may be without. */
extern int blas_thread_shutdown_(void) __attribute__((weak));

/* OpenBLAS otherwise starts a thread a core inside each call, which fights with the team. Those that it has started when
 * it was loaded would take signals that all of our threads block, and the program would end of them. */
static void prepare(void)
{
    openblas_set_num_threads(1);
    if (blas_thread_shutdown_)
        blas_thread_shutdown_();
}

void gemm_init(void)
{
    pthread_once(&once, prepare);
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

/* OpenBLAS takes a buffer for each thread that is in it at once, keeps it, and spins where it cannot be had. */
#define BUFFER ((size_t)128 << 20)
enum { THREADS_MOST = 256 };
extern void *blas_memory_alloc(int place) __attribute__((weak));
extern void blas_memory_free(void *buffer) __attribute__((weak));

static bool there_is_room(size_t bytes)
{
    void *room = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return room != MAP_FAILED && munmap(room, bytes) == 0;
}

/* Its own buffers, as many as there will be threads, before anything else takes the room. */
static void take_buffers(int threads)
{
    void *buffer[THREADS_MOST];
    if (!blas_memory_alloc || !blas_memory_free)
        return;
    for (int i = 0; i < threads; i++)
        buffer[i] = blas_memory_alloc(0);
    for (int i = 0; i < threads; i++)
        blas_memory_free(buffer[i]);
}

bool gemm_reserve(int threads, struct error *error)
{
    enum { SLACK = 2 << 20 };
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    static int reserved;
    struct rlimit limit;
    if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return true;
    threads = threads < THREADS_MOST ? threads : THREADS_MOST;
    pthread_once(&once, prepare);
    pthread_mutex_lock(&mutex);
    int more = threads - reserved;
    bool good = more <= 0 || there_is_room((size_t)more * (BUFFER + SLACK));
    if (good && more > 0) {
        take_buffers(threads);
        reserved = threads;
    }
    pthread_mutex_unlock(&mutex);
    return good || error_set(error, ERROR_FAILED,
                             "matrix products take %zu MiB of address space for each of %d threads, and the limit of "
                             "%zu MiB (ulimit -v) does not leave that: raise it, or take fewer threads (train.threads, "
                             "--threads)",
                             BUFFER >> 20, threads, (size_t)limit.rlim_cur >> 20);
}

const char *gemm_library(void)
{
    pthread_once(&once, prepare);
    return openblas_get_config();
}
