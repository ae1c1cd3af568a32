/* Running a plan: the steps of the frozen half, of the thawed half, and back. Everything was decided and allocated when
 * the plan was made; what remains is to set the batch size of this call and hand the buffers to the ops. Called by the
 * trainer, the feature cache and the verbs that evaluate.
 */
#include "config.h"

#include "thaw/compile/exec.h"

#include <string.h>

#include "plan_private.h"

static float *value_of(const struct plan *plan, int node)
{
    return plan_floats(plan, plan->buffer[plan->value[node]].offset);
}

/* The value as the backward pass has it. */
static float *late_value_of(const struct plan *plan, int node)
{
    bool again = plan->again[node] != PLAN_NONE;
    return plan_floats(plan, plan->buffer[(again ? plan->again : plan->value)[node]].offset);
}

static void poison(const struct plan *plan, size_t offset, size_t floats)
{
    memset(plan_floats(plan, offset), 0xff, floats * sizeof(float)); /* all bits: a NaN */
}

/* The end of a portion's step: what each lane, or all of them, need no more. */
static void poison_lane(const struct plan *plan, const struct plan_lane *lane, int time)
{
    for (int i = 0; i < plan->buffers && plan->poison; i++) {
        if (plan->buffer[i].end == time && plan->buffer[i].portion)
            poison(plan, plan->buffer[i].offset + lane->shift, plan->buffer[i].floats);
    }
}

static void poison_workspace(const struct plan *plan)
{
    if (plan->poison)
        poison(plan, plan->workspace, plan->workspace_floats);
}

static void poison_ended(const struct plan *plan, int time)
{
    for (int i = 0; i < plan->buffers && plan->poison; i++) {
        if (plan->buffer[i].end == time)
            poison(plan, plan->buffer[i].offset, plan->buffer[i].floats);
    }
}

/* What forward and backward calls of a step have in common. */
static struct op_call make_call(const struct plan *plan, const struct plan_lane *lane, const struct plan_step *step,
                                int n)
{
    const struct graph_node *row = &plan->graph->node[step->node];
    for (int i = 0; i < row->inputs; i++)
        lane->in_shape[i] = plan_shape(plan, row->input[i], n);
    struct op_call call = {.attrs = &step->attrs,
                           .inputs = row->inputs,
                           .in_shape = lane->in_shape,
                           .in = lane->in,
                           .out_shape = plan_shape(plan, step->node, n),
                           .param = step->param,
                           .workspace = plan_floats(plan, lane->workspace),
                           .activation = step->activation,
                           .activation_attrs = step->activation_attrs,
                           .batch_statistics = plan->train && step->moves_statistics,
                           .drop = plan->train && step->may_drop,
                           .seed = plan->seed,
                           .step = plan->op_step,
                           .salt = (uint64_t)step->node,
                           .team = lane->team};
    if (step->prepared != SIZE_MAX)
        call.prepared = plan_floats(plan, step->prepared);
    if (step->saved != PLAN_NONE)
        call.saved = plan_floats(plan, plan->buffer[step->saved].offset);
    return call;
}

/* A call of the backward pass. */
static struct op_call make_late_call(const struct plan *plan, const struct plan_step *step, int n)
{
    const struct graph_node *row = &plan->graph->node[step->node];
    const struct plan_lane *lane = &plan->lane[0];
    for (int i = 0; i < row->inputs; i++)
        lane->in[i] = plan->value[row->input[i]] == PLAN_NONE ? plan->input : late_value_of(plan, row->input[i]);
    struct op_call call = make_call(plan, lane, step, n);
    call.out = late_value_of(plan, step->out_node);
    if (step->residual != PLAN_NONE)
        call.residual = late_value_of(plan, step->residual);
    return call;
}

/* A value as a step sees it that runs the images from `at` on. */
static float *portion_of(const struct plan *plan, const struct plan_lane *lane, int node, int at)
{
    float *value = value_of(plan, node);
    return value + (plan->whole[node] ? shape4_count(plan_shape(plan, node, at)) : lane->shift);
}

static void run_step(const struct plan *plan, const struct plan_lane *lane, const struct plan_step *step,
                     const float *input, int at, int n)
{
    const struct graph_node *row = &plan->graph->node[step->node];
    for (int i = 0; i < row->inputs; i++)
        lane->in[i] = plan->value[row->input[i]] == PLAN_NONE
                          ? input + shape4_count(plan_shape(plan, row->input[i], at))
                          : portion_of(plan, lane, row->input[i], at);
    struct op_call call = make_call(plan, lane, step, n);
    call.out = portion_of(plan, lane, step->out_node, at);
    if (step->residual != PLAN_NONE)
        call.residual = portion_of(plan, lane, step->residual, at);
    op_get(row->kind)->forward(&call);
}

/* Steps first..last, a stretch, on n images. */
struct stretch {
    const struct plan *plan;
    int first, last, images, n;
    const float *input;
};

static void run_portion(const struct stretch *stretch, const struct plan_lane *lane, int portion)
{
    int at = portion * stretch->images, left = stretch->n - at;
    for (int s = stretch->first; s <= stretch->last; s++) {
        if (lane == stretch->plan->lane)
            poison_workspace(stretch->plan);
        run_step(stretch->plan, lane, &stretch->plan->step[s], stretch->input, at,
                 left < stretch->images ? left : stretch->images);
        poison_lane(stretch->plan, lane, s);
    }
}

static void portion_task(void *context, int task, int worker)
{
    const struct stretch *stretch = context;
    run_portion(stretch, &stretch->plan->lane[1 + worker], task);
}

/* Portions are many enough that workers can take one each: then what a worker reads it wrote itself, and nobody waits for
 * the others before the stretch ends. No bit depends on it. */
static bool worth_lanes(const struct plan *plan, int portions)
{
    int threads = team_threads(plan->team), rounds = (portions + threads - 1) / threads;
    return 8 * portions >= 7 * rounds * threads;
}

/* Steps [first, end), a stretch after the other, each in portions of the images. `input` stands in where a step reads
 * the network's input and that has no buffer of its own. */
static void run(struct plan *plan, int first, int end, const float *input, int n)
{
    for (int last; first < end; first = last + 1) {
        last = plan->step[first].stretch_end;
        struct stretch stretch = {plan, first, last, plan->step[first].images, n, input};
        int portions = (n + stretch.images - 1) / stretch.images;
        if (plan->step[first].lanes && worth_lanes(plan, portions))
            team_run(plan->team, portions, portion_task, &stretch);
        else
            for (int portion = 0; portion < portions; portion++)
                run_portion(&stretch, &plan->lane[0], portion);
        for (int s = first; s <= last; s++)
            poison_ended(plan, s);
    }
}

void exec_frozen(struct plan *plan, const float *input, int n)
{
    if (plan->value[0] != PLAN_NONE)
        memcpy(value_of(plan, 0), input, shape4_count(plan_shape(plan, 0, n)) * sizeof(float));
    run(plan, 0, plan->frozen_steps, input, n);
}

void exec_frozen_from(struct plan *plan, int cut, int n)
{
    int first = 0;
    while (first < plan->frozen_steps && plan->step[first].node < cut)
        first++;
    run(plan, first, plan->frozen_steps, NULL, n);
}

const float *exec_thawed(struct plan *plan, const float *input, int n, bool train, uint64_t seed, uint64_t step)
{
    plan->input = input;
    plan->train = train;
    plan->seed = seed;
    plan->op_step = step;
    run(plan, plan->frozen_steps, plan->steps, input, n);
    return value_of(plan, plan->graph->output);
}

const float *exec_forward(struct plan *plan, const float *input, int n, bool train, uint64_t seed, uint64_t step)
{
    exec_frozen(plan, input, n);
    return exec_thawed(plan, input, n, train, seed, step);
}

static void run_backward(struct plan *plan, struct plan_step *step, const float *logits_gradient, int n)
{
    struct op_call call = make_late_call(plan, step, n);
    int gradient = plan->gradient[step->out_node];
    call.out_grad = gradient == PLAN_NONE ? logits_gradient : plan_floats(plan, plan->buffer[gradient].offset);
    call.in_grad = step->in_grad;
    call.in_grad_add = step->in_grad_add;
    call.param_grad = step->param_grad;
    call.residual_grad = step->residual_grad;
    call.residual_grad_add = step->residual_grad_add;
    op_get(plan->graph->node[step->node].kind)->backward(&call);
}

static void run_again(struct plan *plan, struct plan_step *step, int n)
{
    struct op_call call = make_late_call(plan, step, n);
    call.again = true;
    op_get(plan->graph->node[step->node].kind)->forward(&call);
}

void exec_backward(struct plan *plan, const float *logits_gradient, int n)
{
    for (int i = 0; i < plan->calls; i++) {
        struct plan_step *step = &plan->step[plan->call[i].step];
        poison_workspace(plan);
        if (plan->call[i].again)
            run_again(plan, step, n);
        else
            run_backward(plan, step, logits_gradient, n);
        poison_ended(plan, plan->steps + 1 + i);
    }
}
