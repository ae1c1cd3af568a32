/* How fast this machine does what has no choice of kernels, and from that and the table of measured kernels how long a
 * plan takes. Measured once on each machine and for each number of threads, and remembered in the cache folder. */
#ifndef THAW_COMPILE_SPEED_H
#define THAW_COMPILE_SPEED_H

#include "thaw/base/parallel.h"
#include "thaw/compile/kernel_table.h"
#include "thaw/compile/plan_cost.h"

enum speed_pass { SPEED_FORWARD, SPEED_TRAINED, SPEED_BACKWARD, SPEED_PASSES };

struct speed {
    int threads;
    double call;                           /* seconds of a call, however small */
    double memory;                         /* floats a second that come and go, in plain passes over large arrays */
    double touch;                          /* floats a second of fresh memory, the first time */
    double products[2];                    /* of linear layers, forward and backward: multiply-adds a second */
    double passes[OP_KINDS][SPEED_PASSES]; /* floats a second, read and written; 0: as memory */
    double activation[OP_ACTIVATIONS];     /* floats a second, where they are in cache; 0: no time worth counting */
};

/* What is remembered for so many threads (0: one for each core). false: nothing. */
bool speed_read(struct speed *speed, int threads) THAW_NONNULL;
/* Measures with a team and remembers: about two seconds. What cannot be remembered is forgotten after this process.
 * go_on (may be NULL) is asked every now and then; false: it said no, and nothing is remembered. */
bool speed_measure(struct speed *speed, struct team *team, bool (*go_on)(void *context), void *context)
    THAW_NONNULL_ARGS(1, 2);

/* Seconds of one call for the plan's whole batch. *known (may be NULL): false where a convolution's kernel was not
 * measured, and what machines do at their best is taken instead. */
double speed_of_job(const struct speed *speed, const struct kernel_table *table, const struct graph *graph,
                    const struct plan_job *job, bool *known) THAW_NONNULL_ARGS(1, 3, 4);

/* Seconds of a whole batch in each of a plan's parts. */
struct speed_of_plan {
    double frozen;   /* below the frontier */
    double forward;  /* above it, in training */
    double evaluate; /* above it, where nothing learns */
    double backward; /* with what is computed again */
    int unknown;     /* jobs whose kernel was not measured */
};
struct speed_of_plan speed_of_plan(const struct speed *speed, const struct kernel_table *table, const struct plan *plan)
    THAW_NONNULL_ARGS(1, 3);

#endif
