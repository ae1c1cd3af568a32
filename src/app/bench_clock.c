/* Medians of repeated steps, and noise to run them on. */
#include "config.h"

#include <stdlib.h>

#include "bench.h"
#include "thaw/base/clock.h"
#include "thaw/base/rng.h"

static int compare_seconds(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

double bench_median(bench_step step, void *context, int steps, double seconds, int *done)
{
    static const int most = BENCH_STEPS_MOST;
    double took[BENCH_STEPS_MOST];
    step(context, 0);
    double began = clock_monotonic();
    int count = 0;
    while (count < most && (steps ? count < steps : count < BENCH_STEPS_LEAST || clock_monotonic() - began < seconds)) {
        double start = clock_monotonic();
        step(context, (uint64_t)count + 1);
        took[count++] = clock_monotonic() - start;
    }
    qsort(took, (size_t)count, sizeof *took, compare_seconds);
    if (done)
        *done = count;
    return count % 2 ? took[count / 2] : (took[count / 2 - 1] + took[count / 2]) / 2;
}

void bench_fill(float *values, size_t count, uint64_t seed)
{
    for (size_t i = 0; i < count; i++)
        values[i] = (float)rng_uniform_at(seed, 0, i) - 0.5f;
}
