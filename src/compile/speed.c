/* Times of plans, job by job. Called where an epoch's time is told before it has passed. */
#include "config.h"

#include "thaw/compile/speed.h"

#include "plan_private.h"
#include "thaw/base/mem.h"

static double larger(double a, double b)
{
    return a > b ? a : b;
}

/* What nobody measured: by multiply-adds or by memory, whichever takes longer. */
static double at_best(const struct speed *speed, const struct plan_job *job)
{
    return larger(job->macs / speed->products[0], (job->floats + job->weights) / speed->memory);
}

static double conv_seconds(const struct speed *speed, const struct kernel_table *table, const struct graph *graph,
                           const struct plan_job *job, bool *known)
{
    struct kernel_call of = {job->images, speed->threads};
    bool kept = job->pass == PLAN_PASS_FROZEN;
    double call = -1;
    if (table != NULL && job->kernel != NULL)
        call = kernel_table_seconds(table, graph, job->node, job->job, kept, job->kernel, &of);
    *known = call >= 0;
    return *known ? call * job->calls : at_best(speed, job);
}

static double linear_seconds(const struct speed *speed, const struct plan_job *job)
{
    double products = job->macs / speed->products[job->pass == PLAN_PASS_BACKWARD];
    return speed->call + larger(products, (job->floats + job->weights) / speed->memory);
}

static double pass_seconds(const struct speed *speed, enum op_kind kind, const struct plan_job *job, bool trains)
{
    enum speed_pass pass = job->training && trains ? SPEED_TRAINED : SPEED_FORWARD;
    double rate = speed->passes[kind][job->pass == PLAN_PASS_BACKWARD ? SPEED_BACKWARD : pass];
    return speed->call + job->floats / (rate > 0 ? rate : speed->memory);
}

static double job_seconds(const struct speed *speed, const struct kernel_table *table, const struct graph *graph,
                          const struct plan_job *job, bool trains, bool *known)
{
    enum op_kind kind = graph->node[job->node].kind;
    double seconds = 0, activation = speed->activation[job->activation];
    *known = true;
    if (op_get(kind)->kernels != NULL)
        seconds = conv_seconds(speed, table, graph, job, known);
    else if (kind == OP_LINEAR || kind == OP_ATTENTION || kind == OP_WINDOW_ATTENTION)
        seconds = linear_seconds(speed, job);
    else
        seconds = pass_seconds(speed, kind, job, trains);
    return seconds + (activation > 0 ? job->outputs / activation : 0);
}

double speed_of_job(const struct speed *speed, const struct kernel_table *table, const struct graph *graph,
                    const struct plan_job *job, bool *known)
{
    bool unused;
    return job_seconds(speed, table, graph, job, true, known != NULL ? known : &unused);
}

struct speed_of_plan speed_of_plan(const struct speed *speed, const struct kernel_table *table, const struct plan *plan)
{
    struct speed_of_plan of = {0};
    int count = plan_jobs(plan, NULL);
    struct plan_job *job = mem_array((size_t)count + 1, sizeof *job);
    plan_jobs(plan, job);
    for (int i = 0; i < count; i++) {
        bool known, unused;
        double seconds = job_seconds(speed, table, plan->graph, &job[i], true, &known);
        double evaluated = job_seconds(speed, table, plan->graph, &job[i], false, &unused);
        of.frozen += job[i].pass == PLAN_PASS_FROZEN ? seconds : 0;
        of.forward += job[i].pass == PLAN_PASS_FORWARD ? seconds : 0;
        of.evaluate += job[i].pass == PLAN_PASS_FORWARD ? evaluated : 0;
        of.backward += job[i].pass >= PLAN_PASS_AGAIN ? seconds : 0;
        of.unknown += !known;
    }
    mem_free(job);
    return of;
}
