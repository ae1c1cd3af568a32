/* The parts of `thaw bench`: what the machine can do, what each layer makes of it, what whole networks do, and how all of
 * that stands beside a peer's figures. Each part measures and tells, as lines for people or as JSON. */
#ifndef THAW_APP_BENCH_H
#define THAW_APP_BENCH_H

#include <jansson.h>
#include <stdbool.h>

#include "thaw/base/error.h"
#include "thaw/base/parallel.h"
#include "thaw/compile/kernel_table.h"
#include "thaw/network/graph.h"

/* What is measured and for how long. */
struct bench_settings {
    int batch, threads; /* threads as the team has them */
    int memory;         /* MiB that a step's plan may take; 0: what it needs */
    int steps;          /* timed steps of a regime, or 0: as many as fit into `seconds`, three at the least */
    double seconds;
    bool every_kernel; /* layers: each way to do a pass, not only the one that a plan takes */
    bool json;
    struct kernel_table *kernels; /* as a run would take them */
};

/* bench_clock.c: medians. */
enum { BENCH_STEPS_LEAST = 3, BENCH_STEPS_MOST = 1000 };
typedef void (*bench_step)(void *context, uint64_t number);
/* Seconds of a step: the median of `steps` of them, or (0) of as many as fit into `seconds`, BENCH_STEPS_LEAST at the
 * least. A step before them, which touches fresh memory, does not count. *done: how many, may be NULL. */
double bench_median(bench_step step, void *context, int steps, double seconds, int *done);
void bench_fill(float *values, size_t count, uint64_t seed); /* noise, -0.5 <= x < 0.5 */

/* bench_limits.c: what the machine reaches where nothing but that is asked of it. [0]: one thread, [1]: the whole team. */
struct bench_limits {
    double peak[2];   /* multiply-adds in registers, operations a second; two a multiply-add */
    double gemm[2];   /* matrix products that stay in the caches, the same unit */
    double memory[2]; /* a[i] = b[i] + s * c[i] over arrays larger than any cache, bytes a second (McCalpin's triad) */
    double touch[2];  /* first touch of fresh memory, bytes a second, one thread: [0] small pages, [1] huge pages */
};
struct bench_limits bench_limits_measure(struct team *team);
void bench_limits_tell(const struct bench_limits *limits, int threads);
json_t *bench_limits_object(const struct bench_limits *limits);

/* bench_compare.c: a peer's figures, from a file. */
struct bench_peers;
/* ERROR_USAGE, with file and what is wrong, where it is not such a file. NULL path: no peers, every question is answered
 * with 0. */
bool bench_peers_open(struct bench_peers **peers, const char *path, struct error *error);
void bench_peers_close(struct bench_peers *peers); /* takes NULL */
/* The best peer's images a second of such work, 0: the file has none. A cached regime is held against the peer's cached
 * one, or, where it has none, against the loop that computes all anew. *name: borrowed. */
double bench_peer_rate(const struct bench_peers *peers, const char *model, const char *regime, int batch, int threads,
                       const char **name);
/* The best peer's operations a second of a convolution of this geometry and pass, 0: none. */
double bench_peer_layer(const struct bench_peers *peers, const struct op_attrs *attrs, struct shape4 in,
                        const char *pass, int threads, const char **name);

/* bench_layers.c: every layer of a network by itself. limits NULL: no shares are told. Returns the JSON array, or NULL
 * where lines were printed. */
json_t *bench_layers(const struct graph *graph, const struct bench_settings *settings,
                     const struct bench_limits *limits, const struct bench_peers *peers, struct team *team);

/* bench_regimes.c: whole networks. */
enum bench_regime {
    BENCH_FORWARD,      /* no learning */
    BENCH_HEAD,         /* the head learns on a frozen trunk, which is computed anew each step */
    BENCH_HEAD_CACHED,  /* the same on what the trunk gave before */
    BENCH_BLOCK,        /* the last stage before the head learns, too */
    BENCH_BLOCK_CACHED, /* the same on what crosses into that stage */
    BENCH_FULL,         /* all learns */
    BENCH_REGIMES
};
const char *bench_regime_name(enum bench_regime regime); /* "head-cached" */
struct bench_result {
    int steps;
    double seconds, images_per_second, flops; /* a step: the median; two operations a multiply-add */
    int recomputed;                           /* layers that a step computes again ... */
    double recomputed_share;                  /* ... and their share of the forward pass's multiply-adds */
    size_t plan_bytes, rss_bytes;             /* the most the process held meanwhile, 0: the system does not say */
};
bool bench_regime_measure(enum bench_regime regime, struct graph *graph, const struct bench_settings *settings,
                          struct team *team, struct bench_result *result, struct error *error);

#endif
