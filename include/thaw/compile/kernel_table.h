/* Which way of doing a job is the fastest for a convolution's shape on this machine: measured when the shape is first
 * met, remembered in the user's cache, and recorded with the run that used it, so that a run which is gone on with
 * computes as it began. Where nothing was measured, or nothing is faster by a tenth, the built-in rule stands. */
#ifndef THAW_COMPILE_KERNEL_TABLE_H
#define THAW_COMPILE_KERNEL_TABLE_H

#include "thaw/base/parallel.h"
#include "thaw/network/freeze.h"
#include "thaw/network/graph.h"
#include "thaw/ops/op.h"

struct kernel_table;
/* `record`: the file of a run's own, which goes before what the machine remembers; NULL: none. Neither need exist. */
struct kernel_table *kernel_table_open(const char *record) THAW_MUST_CHECK;
void kernel_table_close(struct kernel_table *table);
/* Called before each job that is measured from now on, on the thread that measures. */
void kernel_table_watch(struct kernel_table *table, void (*watch)(void *context), void *context)
    THAW_NONNULL_ARGS(1, 2);

/* Measures what is not known yet of the jobs of a plan and remembers it; returns how many jobs were measured. freeze NULL:
 * nothing learns. What cannot be remembered is forgotten after this process. Some 10 ms a job. */
int kernel_table_measure(struct kernel_table *table, const struct graph *graph, const struct freeze *freeze,
                         struct team *team) THAW_NONNULL_ARGS(1, 2, 4);
/* The same as long as go_on says so before each job. */
int kernel_table_measure_while(struct kernel_table *table, const struct graph *graph, const struct freeze *freeze,
                               struct team *team, bool (*go_on)(void *context), void *context)
    THAW_NONNULL_ARGS(1, 2, 4, 5);

/* The name of the kernel to take in place of the built-in rule's, or NULL: the rule stands. Static.
 * kept: the weights do not move, so their transformed or packed form is kept. no_winograd: without op_kernel.transforms. */
const char *kernel_table_find(const struct kernel_table *table, const struct graph *graph, int node, enum op_job job,
                              bool kept, bool no_winograd) THAW_NONNULL;

/* Seconds in which a kernel was measured to do a job of a node, as it would be for so many images at a time, on so many
 * threads; -1: it was not measured. */
struct kernel_call {
    int images, threads;
};
double kernel_table_seconds(const struct kernel_table *table, const struct graph *graph, int node, enum op_job job,
                            bool kept, const char *kernel, const struct kernel_call *call) THAW_NONNULL;

/* Writes to a run's record what is known of `graph`'s jobs and was not read from it. */
bool kernel_table_save(const struct kernel_table *table, const struct graph *graph, const char *path,
                       struct error *error) THAW_NONNULL THAW_MUST_CHECK;

#endif
