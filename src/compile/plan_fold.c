/* From nodes to steps. Below the frontier a batch norm or an affine goes into the weights of the convolution (or linear
 * layer) in front of it, and a residual add and an activation behind it into its last pass (an activation into that of an
 * add, batch norm or affine, too); above, a batch norm takes the residual add and the activation behind it, in both
 * directions, and every other node is a step. Nodes on which the logits do not depend get no step at all. Called by
 * plan_create.
 */
#include "config.h"

#include <math.h>

#include "plan_private.h"

/* Parameter slots, in the order of op.h. */
enum { CONV_WEIGHT, CONV_BIAS };
enum { NORM_WEIGHT, NORM_BIAS, NORM_MEAN, NORM_VAR };
enum { AFFINE_WEIGHT, AFFINE_BIAS };
enum { FOLD_LANES = 16 }; /* output channels folded at a time: a cache line of weights */

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

/* The only reader of a node's value, where the frontier does not run between them; else PLAN_NONE. */
static int sole_reader(const struct lowering *lowering, int node)
{
    int reader = lowering->reader[node], frontier = lowering->plan->frontier;
    bool sole = lowering->readers[node] == 1 && node != lowering->plan->graph->output;
    return sole && (reader < frontier || node >= frontier) ? reader : PLAN_NONE;
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
    int add = sole_reader(lowering, step->out_node);
    const struct graph_node *row = &lowering->plan->graph->node[add == PLAN_NONE ? 0 : add];
    if (row->kind != OP_ADD || row->inputs != 2)
        return;
    const int *input = row->input;
    int other = input[0] == step->out_node ? input[1] : input[0];
    if (!lowering->available[other] || other == lowering->plan->graph->node[step->node].input[0])
        return;
    step->residual = other;
    absorb(lowering, step, add);
}

static void fuse_activation(struct lowering *lowering, struct plan_step *step)
{
    int reader = sole_reader(lowering, step->out_node);
    if (reader == PLAN_NONE)
        return;
    const struct graph_node *row = &lowering->plan->graph->node[reader];
    step->activation = op_get(row->kind)->activation;
    step->activation_attrs = &row->attrs;
    if (step->activation != OP_ACT_NONE)
        absorb(lowering, step, reader);
}

/* What scales and shifts each channel goes into the weights. */
static void fold_norm(struct lowering *lowering, struct plan_step *step)
{
    int norm = sole_reader(lowering, step->node);
    enum op_kind kind = norm == PLAN_NONE ? OP_INPUT : lowering->plan->graph->node[norm].kind;
    if (kind != OP_BATCH_NORM && kind != OP_AFFINE)
        return;
    step->norm = norm;
    step->attrs.bias = true;
    absorb(lowering, step, norm);
}

/* Whether backward of a trained batch norm gets through the activation behind this step: it has the input and, behind a
 * residual add, the output. */
static bool passes_activation(const struct lowering *lowering, const struct plan_step *step)
{
    int reader = sole_reader(lowering, step->out_node);
    const struct op_def *op = reader == PLAN_NONE ? NULL : op_get(lowering->plan->graph->node[reader].kind);
    return op != NULL && (step->residual == PLAN_NONE || !(op->needs & OP_NEEDS_IN));
}

static void fuse_trained(struct lowering *lowering, struct plan_step *step)
{
    if (lowering->plan->graph->node[step->node].kind != OP_BATCH_NORM)
        return;
    fuse_add(lowering, step);
    if (passes_activation(lowering, step))
        fuse_activation(lowering, step);
}

static void fuse(struct lowering *lowering, struct plan_step *step)
{
    enum op_kind kind = lowering->plan->graph->node[step->node].kind;
    bool weighs = kind == OP_CONV || kind == OP_LINEAR;
    if (weighs) {
        fold_norm(lowering, step);
        fuse_add(lowering, step);
    }
    if (weighs || kind == OP_ADD || kind == OP_BATCH_NORM || kind == OP_AFFINE)
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
                               .back = PLAN_NONE,
                               .again = PLAN_NONE,
                               .saved = PLAN_NONE};
    bool trained = plan->training && node >= plan->frontier;
    step->moves_statistics = trained && row->kind == OP_BATCH_NORM && !(plan->fixed[node] & FREEZE_STATISTICS);
    step->may_drop = trained && row->kind == OP_DROPOUT && !(plan->fixed[node] & FREEZE_DROPOUT);
    plan->frozen_steps += node < plan->frontier;
    if (plan->fold)
        (node < plan->frontier ? fuse : fuse_trained)(lowering, step);
    step->backward = plan->wants_grad[step->out_node];
    lowering->available[step->out_node] = true;
    plan->producer[step->out_node] = plan->steps - 1;

    size_t inputs = (size_t)row->inputs;
    step->in_shape = mem_array(inputs, sizeof *step->in_shape);
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
    for (int node = 0; node < plan->graph->nodes; node++)
        plan->producer[node] = PLAN_NONE;
    for (int node = 1; node < plan->graph->nodes; node++) {
        if (plan->reaches[node] && !lowering.absorbed[node] && plan_holds(plan, node))
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

/* out = in * scale + shift, for channel c of a batch norm with fixed statistics or of an affine. */
static void line_of(const struct plan *plan, int norm, size_t c, double *scale, double *shift)
{
    const struct op_attrs *attrs = &plan->graph->node[norm].attrs;
    if (plan->graph->node[norm].kind == OP_AFFINE) {
        *scale = param_of(plan, norm, AFFINE_WEIGHT)[c];
        *shift = attrs->bias ? param_of(plan, norm, AFFINE_BIAS)[c] : 0;
        return;
    }
    double mean = param_of(plan, norm, NORM_MEAN)[c], var = param_of(plan, norm, NORM_VAR)[c];
    *scale = param_of(plan, norm, NORM_WEIGHT)[c] / sqrt(var + attrs->eps);
    *shift = param_of(plan, norm, NORM_BIAS)[c] - mean * *scale;
}

/* norm(conv(x)) = (w * x + b) * scale + shift: output channels are the last axis of every native weight, so both are one
 * pass over its columns. */
static void fold_step(struct plan *plan, const struct plan_step *step, float *to)
{
    const struct graph *graph = plan->graph;
    const struct graph_node *conv = &graph->node[step->node];
    size_t channels = (size_t)conv->shape.c, count = graph->param[conv->first_param + CONV_WEIGHT].count;
    const float *weight = param_of(plan, step->node, CONV_WEIGHT);
    const float *bias = conv->attrs.bias ? param_of(plan, step->node, CONV_BIAS) : NULL;
    float *to_bias = plan_floats(plan, step->folded[CONV_BIAS]);
    for (size_t first = 0; first < channels; first += FOLD_LANES) {
        size_t lanes = channels - first < FOLD_LANES ? channels - first : FOLD_LANES;
        double scale[FOLD_LANES], shift;
        for (size_t c = 0; c < lanes; c++) {
            line_of(plan, step->norm, first + c, &scale[c], &shift);
            to_bias[first + c] = (float)((bias != NULL ? bias[first + c] : 0) * scale[c] + shift);
        }
        for (size_t i = first; i < count; i += channels)
            for (size_t c = 0; c < lanes; c++)
                to[i + c] = (float)(weight[i + c] * scale[c]);
    }
}

void plan_fold_weights(struct plan *plan)
{
    for (int s = 0; s < plan->frozen_steps; s++) {
        struct plan_step *step = &plan->step[s];
        bool folds = step->norm != PLAN_NONE, prepares = step->prepared != SIZE_MAX;
        float *room = plan_floats(plan, prepares ? plan->workspace : step->folded[CONV_WEIGHT]);
        if (folds)
            fold_step(plan, step, room);
        if (prepares)
            plan_prepare_step(plan, s, folds ? &room : step->param);
    }
}
