/* What a plan takes and what running it consists of, dry or not. Called where costs are told before they arise, and by
 * the trainer for its first event. */
#include "config.h"

#include "thaw/compile/plan_cost.h"

#include "plan_private.h"

static size_t bytes_of(size_t floats)
{
    return floats * sizeof(float);
}

struct plan_cost plan_cost(const struct plan *plan)
{
    struct plan_cost cost = {.bytes = plan_bytes(plan),
                             .weights = bytes_of(plan->workspace),
                             .workspace = bytes_of(plan->permanent - plan->workspace)};
    for (int p = 0; p < plan->graph->params; p++)
        cost.gradients += plan->param_grad[p] == PLAN_NONE ? 0 : bytes_of(plan->buffer[plan->param_grad[p]].floats);
    cost.values = cost.bytes - cost.weights - cost.workspace;
    cost.recomputed = plan_recomputed(plan, &cost.recomputed_share);
    return cost;
}

/* --- jobs --- */

struct listing {
    const struct plan *plan;
    struct plan_job *list; /* NULL: only counts */
    int count;
};

static double floats_of(const struct plan *plan, int node)
{
    return (double)shape4_count(plan_shape(plan, node, plan->batch));
}

/* What a step's op reads of other nodes. */
static double read_floats(const struct plan *plan, const struct plan_step *step)
{
    const struct graph_node *row = &plan->graph->node[step->node];
    double floats = step->residual == PLAN_NONE ? 0 : floats_of(plan, step->residual);
    for (int i = 0; i < row->inputs; i++)
        floats += floats_of(plan, row->input[i]);
    return floats;
}

static void add(struct listing *listing, const struct plan_step *step, enum plan_pass pass, enum op_job job,
                double floats)
{
    const struct plan *plan = listing->plan;
    struct plan_job row = {.node = step->node, .pass = pass, .job = job, .floats = floats};
    if (listing->list != NULL) {
        row.kernel = plan_step_kernel(plan, step, job);
        row.images = step->images;
        row.calls = (plan->batch + step->images - 1) / step->images;
        row.macs = graph_node_cost(plan->graph, step->node, plan->batch).macs;
        row.outputs = floats_of(plan, step->node);
        row.weights = graph_node_cost(plan->graph, step->node, 1).param_bytes / sizeof(float);
        row.activation = pass == PLAN_PASS_BACKWARD ? OP_ACT_NONE : step->activation;
        row.training = step->moves_statistics || step->may_drop;
        listing->list[listing->count] = row;
    }
    listing->count++;
}

/* Gradients of the output and the inputs, and what is read of the values. */
static double backward_floats(const struct plan *plan, const struct plan_step *step)
{
    double in = read_floats(plan, step), out = floats_of(plan, step->out_node);
    return in + out + (step->needs & OP_NEEDS_IN ? in : 0) + (step->needs & OP_NEEDS_OUT ? out : 0);
}

static void add_backward(struct listing *listing, const struct plan_step *step)
{
    const struct plan *plan = listing->plan;
    const struct graph_node *row = &plan->graph->node[step->node];
    double floats = read_floats(plan, step) + floats_of(plan, step->out_node);
    if (row->kind != OP_CONV && row->kind != OP_LINEAR) {
        add(listing, step, PLAN_PASS_BACKWARD, OP_JOB_FORWARD, backward_floats(plan, step));
        return;
    }
    if (plan->wants_grad[row->input[0]])
        add(listing, step, PLAN_PASS_BACKWARD, OP_JOB_DATA_GRADIENT, floats);
    if (plan->param_grad[row->first_param] != PLAN_NONE)
        add(listing, step, PLAN_PASS_BACKWARD, OP_JOB_WEIGHT_GRADIENT, floats);
}

static void add_forward(struct listing *listing, const struct plan_step *step, enum plan_pass pass)
{
    const struct plan *plan = listing->plan;
    add(listing, step, pass, OP_JOB_FORWARD, read_floats(plan, step) + floats_of(plan, step->out_node));
}

int plan_jobs(const struct plan *plan, struct plan_job *list)
{
    struct listing listing = {plan, list, 0};
    for (int s = 0; s < plan->steps; s++)
        add_forward(&listing, &plan->step[s], s < plan->frozen_steps ? PLAN_PASS_FROZEN : PLAN_PASS_FORWARD);
    for (int i = 0; i < plan->calls; i++) {
        const struct plan_step *step = &plan->step[plan->call[i].step];
        if (plan->call[i].again)
            add_forward(&listing, step, PLAN_PASS_AGAIN);
        else
            add_backward(&listing, step);
    }
    return listing.count;
}
