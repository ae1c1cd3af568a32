/* The limits of the machine: multiply-adds that never leave the registers, matrix products that stay in the caches,
 * memory that is far larger than them, and memory that no one has touched yet. What a network reaches is told as a share
 * of these, so they are measured the same minute. */
#include "config.h"

/* Before any code: standard C keeps multiplication and addition apart; the limit is that of the fused ones. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("fp-contract=fast")
#endif

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "bench.h"
#include "say.h"
#include "thaw/base/clock.h"
#include "thaw/base/mem.h"
#include "thaw/tensor/gemm.h"

enum { GEMM_SIDE = 512, CHAINS = 12, CHAIN_STEPS = 4000000, TOUCH_ROUNDS = 3 };
static const double limit_seconds = 0.25;
static const size_t triad_floats = (size_t)16 << 20; /* 64 MiB an array, three of them */
static const size_t touch_bytes = (size_t)256 << 20;

/* --- multiply-adds --- */

/* Twelve independent chains of multiply-adds: a fused one takes four or five cycles and two may start each cycle, so
 * fewer would wait for each other, and more than sixteen have no registers without AVX-512. The chains begin apart, else
 * the compiler would make them one. Which vector width fills the units depends on the processor and on the clone that
 * was picked, so each is tried and the best is the limit. */
#define PEAK(name, bytes)                                                                                              \
    typedef float name##_vector __attribute__((vector_size(bytes)));                                                   \
    THAW_SIMD static void name(float *state, float factor, float addend)                                               \
    {                                                                                                                  \
        name##_vector f = {0}, a = {0}, x[CHAINS];                                                                     \
        f += factor;                                                                                                   \
        a += addend;                                                                                                   \
        memcpy(x, state, sizeof x);                                                                                    \
        for (int i = 0; i < CHAIN_STEPS; i++)                                                                          \
            for (int j = 0; j < CHAINS; j++) /* unrolled: CHAINS is constant */                                        \
                x[j] = x[j] * f + a;                                                                                   \
        memcpy(state, x, sizeof x);                                                                                    \
    }
PEAK(limit_peak_16, 16)
PEAK(limit_peak_32, 32)
PEAK(limit_peak_64, 64)

static const struct width {
    int bytes;
    void (*run)(float *state, float factor, float addend);
} widths[] = {{16, limit_peak_16}, {32, limit_peak_32}, {64, limit_peak_64}};
enum { STATE = CHAINS * 64 / sizeof(float) };

struct peak_job {
    const struct width *width;
    float *state; /* STATE for each task */
};

static void run_peak(void *context, int task, int worker)
{
    (void)worker;
    const struct peak_job *job = context;
    job->width->run(job->state + (size_t)task * STATE, 0.999f, 0.001f);
}

/* The least time of one round of tasks, repeated for a while. */
static double least_time(struct team *team, int tasks, team_task run, void *context)
{
    double least = 1e9, began = clock_monotonic();
    do {
        double start = clock_monotonic();
        team_run(team, tasks, run, context);
        double took = clock_monotonic() - start;
        least = took < least ? took : least;
    } while (clock_monotonic() - began < limit_seconds);
    return least;
}

static double peak_rate(struct team *team)
{
    int tasks = team_threads(team);
    float *state = mem_floats((size_t)tasks * STATE);
    bench_fill(state, (size_t)tasks * STATE, 1);
    double best = 0;
    for (size_t i = 0; i < THAW_LENGTH(widths); i++) {
        struct peak_job job = {&widths[i], state};
        double lanes = widths[i].bytes / (double)sizeof(float);
        double rate = 2.0 * lanes * CHAINS * CHAIN_STEPS * tasks / least_time(team, tasks, run_peak, &job);
        best = rate > best ? rate : best;
    }
    mem_free_floats(state);
    return best;
}

/* --- matrix products: each thread at one of its own --- */

struct gemm_job {
    float *a, *b, *c; /* c: one for each task */
};

static void run_gemm(void *context, int task, int worker)
{
    (void)worker;
    const struct gemm_job *job = context;
    const int side = GEMM_SIDE;
    gemm(false, false, side, side, side, 1, job->a, side, job->b, side, 0, job->c + (size_t)task * side * side, side);
}

static double gemm_rate(struct team *team)
{
    size_t square = (size_t)GEMM_SIDE * GEMM_SIDE;
    int tasks = team_threads(team);
    struct gemm_job job = {mem_floats(square), mem_floats(square), mem_floats(square * (size_t)tasks)};
    bench_fill(job.a, square, 1);
    bench_fill(job.b, square, 2);
    run_gemm(&job, 0, 0);
    double least = least_time(team, tasks, run_gemm, &job);
    mem_free_floats(job.a);
    mem_free_floats(job.b);
    mem_free_floats(job.c);
    return 2.0 * GEMM_SIDE * (double)square * tasks / least;
}

/* --- memory --- */

enum { TRIAD_PIECES = 64 };
struct triad_job {
    float *a, *b, *c;
};

THAW_SIMD static void limit_triad(float *restrict a, const float *restrict b, const float *restrict c, size_t count)
{
    for (size_t i = 0; i < count; i++)
        a[i] = b[i] + 3 * c[i];
}

static void run_triad(void *context, int task, int worker)
{
    (void)worker;
    const struct triad_job *job = context;
    size_t piece = triad_floats / TRIAD_PIECES, at = piece * (size_t)task;
    limit_triad(job->a + at, job->b + at, job->c + at, piece);
}

static double triad_rate(struct team *team)
{
    struct triad_job job = {mem_floats(triad_floats), mem_floats(triad_floats), mem_floats(triad_floats)};
    for (size_t i = 0; i < triad_floats; i++)
        job.b[i] = job.c[i] = (float)(i % 16);
    run_triad(&job, 0, 0);
    double least = least_time(team, TRIAD_PIECES, run_triad, &job);
    mem_free_floats(job.a);
    mem_free_floats(job.b);
    mem_free_floats(job.c);
    return 3.0 * (double)triad_floats * sizeof(float) / least;
}

/* Straight from the system, as what allocators have kept is no longer fresh. 0: none to be had. */
static double touch_rate(bool huge)
{
    char *fresh = mmap(NULL, touch_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (fresh == MAP_FAILED)
        return 0;
    (void)madvise(fresh, touch_bytes, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
    double start = clock_monotonic();
    memset(fresh, 1, touch_bytes);
    double took = clock_monotonic() - start;
    munmap(fresh, touch_bytes);
    return (double)touch_bytes / took;
}

struct bench_limits bench_limits_measure(struct team *team)
{
    struct team *one = team_create(1), *teams[2] = {one, team};
    struct bench_limits limits = {0};
    for (int i = 0; i < 2; i++) {
        for (int round = 0; round < TOUCH_ROUNDS; round++)
            limits.touch[i] = fmax(limits.touch[i], touch_rate(i == 1));
    }
    for (int i = 0; i < 2; i++) {
        limits.peak[i] = peak_rate(teams[i]);
        limits.gemm[i] = gemm_rate(teams[i]);
        limits.memory[i] = triad_rate(teams[i]);
    }
    team_destroy(one);
    return limits;
}

void bench_limits_tell(const struct bench_limits *limits, int threads)
{
    char team[32];
    snprintf(team, sizeof team, "%d thread%s", threads, threads == 1 ? "" : "s");
    say("%s\n\n%-34s  %10s  %10s\n", gemm_library(), "limits of this machine", "1 thread", team);
    say("%-34s  %10.1f  %10.1f  GFLOP/s\n", "multiply-adds in registers", limits->peak[0] / 1e9, limits->peak[1] / 1e9);
    say("%-34s  %10.1f  %10.1f  GFLOP/s\n", "matrix products of 512", limits->gemm[0] / 1e9, limits->gemm[1] / 1e9);
    say("%-34s  %10.1f  %10.1f  GB/s\n", "memory, two read and one written", limits->memory[0] / 1e9,
        limits->memory[1] / 1e9);
    say("%-34s  %10.1f  %10s  GB/s, %.1f on huge pages\n", "first touch of fresh memory", limits->touch[0] / 1e9, "",
        limits->touch[1] / 1e9);
    fflush(stdout);
}

json_t *bench_limits_object(const struct bench_limits *limits)
{
    return json_pack("{s:[f, f], s:[f, f], s:[f, f], s:f, s:f}", "peak_gflops", limits->peak[0] / 1e9,
                     limits->peak[1] / 1e9, "gemm_gflops", limits->gemm[0] / 1e9, limits->gemm[1] / 1e9,
                     "memory_gb_per_second", limits->memory[0] / 1e9, limits->memory[1] / 1e9,
                     "first_touch_gb_per_second", limits->touch[0] / 1e9, "first_touch_huge_gb_per_second",
                     limits->touch[1] / 1e9);
}
