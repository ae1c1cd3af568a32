/* From nodes to steps. Below the frontier a batch norm goes into the weights of the convolution (or linear layer) in
 * front of it, and a residual add and an activation behind it into its last pass; above, one node is one step. Nodes on
 * which the logits do not depend get no step at all. Called by plan_create.
 */
#include "config.h"

#include <math.h>

#include "plan_parts.h"

/* Parameter slots, in the order of op.h. */
enum { CONV_WEIGHT, CONV_BIAS };
enum { NORM_WEIGHT, NORM_BIAS, NORM_MEAN, NORM_VAR };

struct lowering {
    struct plan *plan;
    int *readers;    /* [nodes] how many inputs read its value, the caller's reading of the logits included */
    int *reader;     /* [nodes] one that does */
    bool *absorbed;  /* [nodes] folded into an earlier step */
    bool *available; /* [nodes] its value is there before the step being lowered */
};

static void count_readers(struct lowering *lowering)
{
    const struct plan *plan = lowering->plan;
    const struct graph *graph = plan->graph;
    for (int node = 0; node < graph->nodes; node++) {
        for (int i = 0; i < graph->node[node].inputs && plan->reaches[node]; i++) {
            int input = graph->node[node].input[i];
            lowering->readers[input]++;
            lowering->reader[input] = node;
        }
    }
    lowering->readers[graph->output]++;
}

/* The only reader of a node's value, where that is frozen too and of this kind; else PLAN_NONE. */
static int sole_reader(const struct lowering *lowering, int node, enum op_kind kind)
{
    int reader = lowering->reader[node];
    bool sole = lowering->readers[node] == 1 && node != lowering->plan->graph->output;
    if (!sole || reader >= lowering->plan->frontier || lowering->plan->graph->node[reader].kind != kind)
        return PLAN_NONE;
    return reader;
}

static void absorb(struct lowering *lowering, struct plan_step *step, int node)
{
    lowering->absorbed[node] = true;
    step->out_node = node;
}

/* The add behind this step can be its epilogue once the other operand is there; so of the two producers of a residual
 * add, the later one takes it. */
static void fuse_add(struct lowering *lowering, struct plan_step *step)
{
    int add = sole_reader(lowering, step->out_node, OP_ADD);
    if (add == PLAN_NONE || lowering->plan->graph->node[add].inputs != 2)
        return;
    const int *input = lowering->plan->graph->node[add].input;
    int other = input[0] == step->out_node ? input[1] : input[0];
    if (!lowering->available[other])
        return;
    step->residual = other;
    absorb(lowering, step, add);
}

static void fuse_activation(struct lowering *lowering, struct plan_step *step)
{
    int relu = sole_reader(lowering, step->out_node, OP_RELU);
    int relu6 = sole_reader(lowering, step->out_node, OP_RELU6);
    if (relu != PLAN_NONE) {
        step->activation = OP_ACT_RELU;
        absorb(lowering, step, relu);
    } else if (relu6 != PLAN_NONE) {
        step->activation = OP_ACT_RELU6;
        absorb(lowering, step, relu6);
    }
}

static void fuse(struct lowering *lowering, struct plan_step *step)
{
    enum op_kind kind = lowering->plan->graph->node[step->node].kind;
    if (kind != OP_CONV && kind != OP_LINEAR && kind != OP_ADD)
        return;
    if (kind != OP_ADD) {
        int norm = sole_reader(lowering, step->node, OP_BATCH_NORM);
        if (norm != PLAN_NONE) {
            step->norm = norm;
            step->attrs.bias = true;
            absorb(lowering, step, norm);
        }
        fuse_add(lowering, step);
    }
    fuse_activation(lowering, step);
}

static void lower_node(struct lowering *lowering, int node)
{
    struct plan *plan = lowering->plan;
    const struct graph_node *row = &plan->graph->node[node];
    struct plan_step *step = &plan->step[plan->steps++];
    *step = (struct plan_step){.node = node,
                               .out_node = node,
                               .norm = PLAN_NONE,
                               .residual = PLAN_NONE,
                               .attrs = row->attrs,
                               .backward = plan->wants_grad[node],
                               .saved = PLAN_NONE};
    bool trained = plan->training && node >= plan->frontier;
    step->moves_statistics = trained && row->kind == OP_BATCH_NORM && !(plan->fixed[node] & FREEZE_STATISTICS);
    step->may_drop = trained && row->kind == OP_DROPOUT && !(plan->fixed[node] & FREEZE_DROPOUT);
    if (node < plan->frontier) {
        plan->frozen_steps++;
        if (plan->fold)
            fuse(lowering, step);
    }
    lowering->available[step->out_node] = true;

    size_t inputs = (size_t)row->inputs;
    step->in_shape = mem_array(inputs, sizeof *step->in_shape);
    step->in = mem_array(inputs, sizeof *step->in);
    step->in_grad = mem_array(inputs, sizeof *step->in_grad);
    step->in_grad_add = mem_array(inputs, sizeof *step->in_grad_add);
    for (int i = 0; i < row->inputs; i++)
        step->in_shape[i] = plan_shape(plan, row->input[i], plan->batch);
}

void plan_lower(struct plan *plan)
{
    size_t nodes = (size_t)plan->graph->nodes;
    struct lowering lowering = {.plan = plan};
    lowering.readers = mem_array(nodes, sizeof *lowering.readers);
    lowering.reader = mem_array(nodes, sizeof *lowering.reader);
    lowering.absorbed = mem_array(nodes, sizeof *lowering.absorbed);
    lowering.available = mem_array(nodes, sizeof *lowering.available);
    count_readers(&lowering);
    plan->step = mem_array(nodes, sizeof *plan->step);
    for (int node = 1; node < plan->graph->nodes; node++) {
        if (plan->reaches[node] && !lowering.absorbed[node])
            lower_node(&lowering, node);
    }
    mem_free(lowering.readers);
    mem_free(lowering.reader);
    mem_free(lowering.absorbed);
    mem_free(lowering.available);
}

static const float *param_of(const struct plan *plan, int node, int slot)
{
    return graph_param_values(plan->graph, plan->graph->node[node].first_param + slot);
}

/* norm(conv(x)) = (w * x + b - mean) * scale + beta, scale = gamma / sqrt(var + eps): output channels are the last axis
 * of every native weight, so both are one pass over its columns. */
static void fold_step(struct plan *plan, const struct plan_step *step)
{
    const struct graph *graph = plan->graph;
    const struct graph_node *conv = &graph->node[step->node], *norm = &graph->node[step->norm];
    size_t channels = (size_t)norm->shape.c, count = graph->param[conv->first_param + CONV_WEIGHT].count;
    const float *weight = param_of(plan, step->node, CONV_WEIGHT);
    const float *bias = conv->attrs.bias ? param_of(plan, step->node, CONV_BIAS) : NULL;
    const float *gamma = param_of(plan, step->norm, NORM_WEIGHT), *beta = param_of(plan, step->norm, NORM_BIAS);
    const float *mean = param_of(plan, step->norm, NORM_MEAN), *var = param_of(plan, step->norm, NORM_VAR);
    float *to = plan_floats(plan, step->folded[CONV_WEIGHT]), *to_bias = plan_floats(plan, step->folded[CONV_BIAS]);
    for (size_t c = 0; c < channels; c++) {
        double scale = gamma[c] / sqrt((double)var[c] + norm->attrs.eps);
        double shift = bias != NULL ? bias[c] : 0;
        to_bias[c] = (float)((shift - mean[c]) * scale + beta[c]);
        for (size_t i = c; i < count; i += channels)
            to[i] = (float)(weight[i] * scale);
    }
}

void plan_fold_weights(struct plan *plan)
{
    for (int s = 0; s < plan->frozen_steps; s++) {
        if (plan->step[s].norm != PLAN_NONE)
            fold_step(plan, &plan->step[s]);
    }
}
