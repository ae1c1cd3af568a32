/* Running a plan: the steps of the frozen half, of the thawed half, and back. Everything was decided and allocated when
 * the plan was made; what remains is to set the batch size of this call and hand the buffers to the ops. Called by the
 * trainer, the feature cache and the verbs that evaluate.
 */
#include "config.h"

#include "thaw/model/exec.h"

#include <math.h>
#include <string.h>

#include "plan_parts.h"

static float *value_of(const struct plan *plan, int node)
{
    return plan_floats(plan, plan->buffer[plan->value[node]].offset);
}

static void poison(const struct plan *plan, size_t offset, size_t floats)
{
    float *at = plan_floats(plan, offset);
    for (size_t i = 0; i < floats; i++)
        at[i] = NAN;
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
static struct op_call make_call(struct plan *plan, struct plan_step *step, int n)
{
    const struct graph_node *row = &plan->graph->node[step->node];
    for (int i = 0; i < row->inputs; i++)
        step->in_shape[i].n = n;
    struct op_call call = {.attrs = &step->attrs,
                           .inputs = row->inputs,
                           .in_shape = step->in_shape,
                           .in = step->in,
                           .out_shape = plan_shape(plan, step->node, n),
                           .out = value_of(plan, step->out_node),
                           .param = step->param,
                           .workspace = plan_floats(plan, plan->workspace),
                           .activation = step->activation,
                           .activation_attrs = step->activation_attrs,
                           .batch_statistics = plan->train && step->moves_statistics,
                           .drop = plan->train && step->may_drop,
                           .seed = plan->seed,
                           .step = plan->op_step,
                           .salt = (uint64_t)step->node,
                           .team = plan->team};
    if (step->saved != PLAN_NONE)
        call.saved = plan_floats(plan, plan->buffer[step->saved].offset);
    if (step->residual != PLAN_NONE)
        call.residual = value_of(plan, step->residual);
    return call;
}

/* Steps [first, end). `input` stands in where a step reads the network's input and that has no buffer of its own. */
static void run(struct plan *plan, int first, int end, const float *input, int n)
{
    for (int s = first; s < end; s++) {
        struct plan_step *step = &plan->step[s];
        const struct graph_node *row = &plan->graph->node[step->node];
        for (int i = 0; i < row->inputs; i++) {
            if (plan->value[row->input[i]] == PLAN_NONE)
                step->in[i] = input;
        }
        struct op_call call = make_call(plan, step, n);
        poison_workspace(plan);
        op_get(row->kind)->forward(&call);
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

void exec_backward(struct plan *plan, const float *logits_gradient, int n)
{
    for (int s = plan->steps - 1; s >= plan->frozen_steps; s--) {
        struct plan_step *step = &plan->step[s];
        if (!step->backward)
            continue;
        struct op_call call = make_call(plan, step, n);
        int gradient = plan->gradient[step->node];
        call.out_grad = gradient == PLAN_NONE ? logits_gradient : plan_floats(plan, plan->buffer[gradient].offset);
        call.in_grad = step->in_grad;
        call.in_grad_add = step->in_grad_add;
        call.param_grad = step->param_grad;
        poison_workspace(plan);
        op_get(plan->graph->node[step->node].kind)->backward(&call);
        poison_ended(plan, 2 * plan->steps - s);
    }
}
