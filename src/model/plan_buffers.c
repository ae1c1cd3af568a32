/* Lives and places of a plan's buffers: which values must outlast which step, what may be computed in place, and where
 * everything lies in the one arena. Times are those of plan_parts.h. Called by plan_create.
 */
#include "config.h"

#include <stdlib.h>

#include "plan_parts.h"

/* Backward of a batch norm reads its input for the statistics, the affine's gradient and the activation's argument, its
 * output only to get through an activation behind a residual. */
static unsigned norm_needs(const struct plan *plan, const struct plan_step *step)
{
    bool residual = step->residual != PLAN_NONE, activates = step->activation != OP_ACT_NONE;
    bool learns = freeze_marks(plan->graph, step->node) & ~(unsigned)plan->fixed[step->node] & FREEZE_AFFINE;
    unsigned needs = step->moves_statistics || learns || residual || activates ? OP_NEEDS_IN : 0;
    return needs | (residual && activates ? OP_NEEDS_OUT : 0);
}

/* Backward of a convolution, linear layer or affine reads its input for the weights' gradient only. */
unsigned plan_step_needs(const struct plan *plan, const struct plan_step *step)
{
    const struct graph_node *row = &plan->graph->node[step->node];
    unsigned needs = op_get(row->kind)->needs;
    bool weighs = row->kind == OP_CONV || row->kind == OP_LINEAR || row->kind == OP_AFFINE;
    bool learns = freeze_marks(plan->graph, step->node) & ~(unsigned)plan->fixed[step->node] & FREEZE_WEIGHTS;
    if (weighs && !learns)
        needs &= ~(unsigned)OP_NEEDS_IN;
    if (row->kind == OP_BATCH_NORM)
        needs = norm_needs(plan, step);
    return step->backward ? needs : 0;
}

static int backward_time(const struct plan *plan, int step)
{
    return 2 * plan->steps - step;
}

static size_t value_floats(const struct plan *plan, int node)
{
    return shape4_count(plan_shape(plan, node, plan->batch));
}

static int add_buffer(struct plan *plan, size_t floats, int start, int end)
{
    if (plan->buffers == plan->buffers_room) {
        plan->buffers_room = plan->buffers_room > 0 ? 2 * plan->buffers_room : 64;
        plan->buffer = mem_grow(plan->buffer, (size_t)plan->buffers_room, sizeof *plan->buffer);
    }
    plan->buffer[plan->buffers] = (struct plan_buffer){.floats = plan_align(floats), .start = start, .end = end};
    return plan->buffers++;
}

/* The value a step writes: of its portion, where only its own stretch reads it. */
static size_t written_floats(const struct plan *plan, const struct plan_step *step)
{
    int images = plan->whole[step->out_node] ? plan->batch : step->images;
    return shape4_count(plan_shape(plan, step->out_node, images));
}

static void extend(struct plan *plan, int buffer, int end)
{
    if (plan->buffer[buffer].end < end)
        plan->buffer[buffer].end = end;
}

static void read_until(int *end, int node, int time)
{
    end[node] = end[node] < time ? time : end[node];
}

/* The last time at which each node's value is read. A stretch runs once for each portion, so it reads what spans the
 * batch until its last step. */
static void find_ends(const struct plan *plan, int *end)
{
    const struct graph *graph = plan->graph;
    for (int s = 0; s < plan->steps; s++) {
        const struct plan_step *step = &plan->step[s];
        const struct graph_node *row = &graph->node[step->node];
        unsigned needs = plan_step_needs(plan, step);
        for (int i = 0; i < row->inputs; i++) {
            int last = plan->whole[row->input[i]] ? step->stretch_end : s;
            read_until(end, row->input[i], (needs & OP_NEEDS_IN) ? backward_time(plan, s) : last);
        }
        if (step->residual != PLAN_NONE)
            read_until(end, step->residual, plan->whole[step->residual] ? step->stretch_end : s);
        if (plan->whole[step->out_node])
            read_until(end, step->out_node, step->stretch_end);
        if (needs & OP_NEEDS_OUT)
            read_until(end, step->out_node, backward_time(plan, s));
    }
    end[graph->output] = 2 * plan->steps + 1;
    for (int i = 0; i < plan->crossings; i++)
        end[plan->crossing[i]] = 2 * plan->steps + 1;
}

static int uses_of(const struct plan *plan, const struct plan_step *step, int node)
{
    const struct graph_node *row = &plan->graph->node[step->node];
    int uses = step->residual == node;
    for (int i = 0; i < row->inputs; i++)
        uses += row->input[i] == node;
    return uses;
}

/* In place: the op allows it, nothing reads the input later, and no other operand is the same value. */
static bool runs_in_place(const struct plan *plan, int s, const int *end)
{
    const struct plan_step *step = &plan->step[s];
    const struct graph_node *row = &plan->graph->node[step->node];
    int input = row->input[0];
    return op_get(row->kind)->in_place && plan->value[input] != PLAN_NONE && end[input] == s &&
           plan->whole[input] == plan->whole[step->out_node] &&
           value_floats(plan, input) == value_floats(plan, step->out_node) && uses_of(plan, step, input) == 1;
}

static void add_values(struct plan *plan)
{
    const struct graph *graph = plan->graph;
    int *end = mem_array((size_t)graph->nodes, sizeof *end);
    find_ends(plan, end);
    if (plan->crossings > 0 && plan->crossing[0] == 0)
        plan->value[0] = add_buffer(plan, value_floats(plan, 0), 0, end[0]);
    for (int i = 0; i < plan->crossings && plan->part == PLAN_THAWED; i++)
        if (plan->crossing[i] != 0)
            plan->value[plan->crossing[i]] =
                add_buffer(plan, value_floats(plan, plan->crossing[i]), 0, end[plan->crossing[i]]);
    for (int s = 0, stretch = 0; s < plan->steps; s++) {
        struct plan_step *step = &plan->step[s];
        const struct graph_node *row = &graph->node[step->node];
        const struct op_def *def = op_get(row->kind);
        stretch = s > 0 && plan->step[s - 1].stretch_end == step->stretch_end ? stretch : s;
        if (runs_in_place(plan, s, end)) {
            plan->value[step->out_node] = plan->value[row->input[0]];
            extend(plan, plan->value[step->out_node], end[step->out_node]);
        } else {
            int start = plan->whole[step->out_node] ? stretch : s;
            plan->value[step->out_node] = add_buffer(plan, written_floats(plan, step), start, end[step->out_node]);
        }
        struct shape4 out = plan_shape(plan, step->node, plan->batch);
        size_t saved = 0;
        if (step->backward && def->saved_floats != NULL)
            saved = def->saved_floats(&step->attrs, step->in_shape, out);
        if (saved > 0)
            step->saved = add_buffer(plan, saved, s, backward_time(plan, s));
    }
    mem_free(end);
}

/* The residual's gradient is the output's, which it may take over, or is added to what others gave. */
static bool add_residual_gradient(struct plan *plan, int s, const int *producer)
{
    struct plan_step *step = &plan->step[s];
    int out = plan->gradient[step->out_node], end = backward_time(plan, producer[step->residual]);
    step->residual_grad_add = plan->gradient[step->residual] != PLAN_NONE;
    if (step->residual_grad_add)
        return false;
    plan->gradient[step->residual] = out;
    if (out != PLAN_NONE)
        extend(plan, out, end);
    else
        plan->gradient[step->residual] =
            add_buffer(plan, value_floats(plan, step->residual), backward_time(plan, s), end);
    return out != PLAN_NONE;
}

/* The first consumer to run backward overwrites a gradient (in place of its own where it may), the others add. */
static void add_input_gradient(struct plan *plan, int s, int i, bool taken, const int *producer)
{
    struct plan_step *step = &plan->step[s];
    const struct graph_node *row = &plan->graph->node[step->node];
    int input = row->input[i], out = taken ? PLAN_NONE : plan->gradient[step->out_node];
    int end = backward_time(plan, producer[input]);
    step->in_grad_add[i] = plan->gradient[input] != PLAN_NONE;
    if (step->in_grad_add[i])
        return;
    size_t floats = value_floats(plan, input);
    bool in_place = i == 0 && op_get(row->kind)->in_place && out != PLAN_NONE && uses_of(plan, step, input) == 1 &&
                    floats == value_floats(plan, step->node);
    if (in_place) {
        plan->gradient[input] = out;
        extend(plan, out, end);
    } else {
        plan->gradient[input] = add_buffer(plan, floats, backward_time(plan, s), end);
    }
}

static void add_gradients(struct plan *plan)
{
    int *producer = mem_array((size_t)plan->graph->nodes, sizeof *producer);
    for (int s = 0; s < plan->steps; s++)
        producer[plan->step[s].out_node] = s;
    for (int s = plan->steps - 1; s >= plan->frozen_steps; s--) {
        const struct plan_step *step = &plan->step[s];
        const struct graph_node *row = &plan->graph->node[step->node];
        bool passes = step->backward && step->residual != PLAN_NONE && plan->wants_grad[step->residual];
        bool taken = passes && add_residual_gradient(plan, s, producer);
        for (int i = 0; i < row->inputs && step->backward; i++) {
            if (plan->wants_grad[row->input[i]])
                add_input_gradient(plan, s, i, taken, producer);
        }
    }
    mem_free(producer);
}

/* Scratch of a step's calls; that of the most images is enough for fewer (ops/op.h). */
static size_t step_workspace(const struct plan *plan, const struct plan_step *step, bool backward)
{
    const struct graph_node *row = &plan->graph->node[step->node];
    const struct op_def *def = op_get(row->kind);
    if (def->workspace_floats == NULL)
        return 0;
    for (int i = 0; i < row->inputs; i++)
        step->in_shape[i].n = step->images;
    return def->workspace_floats(&step->attrs, step->in_shape, plan_shape(plan, step->node, step->images),
                                 team_threads(plan->team), backward);
}

void plan_place_permanent(struct plan *plan)
{
    const struct graph *graph = plan->graph;
    size_t at = 0;
    for (int p = 0; p < graph->params; p++) {
        plan->param_grad[p] = SIZE_MAX;
        const struct graph_param *param = &graph->param[p];
        enum freeze_mark mark = param->role == OP_ROLE_AFFINE ? FREEZE_AFFINE : FREEZE_WEIGHTS;
        bool learns = param->role != OP_ROLE_STATISTICS && param->role != OP_ROLE_CONSTANT;
        bool moves = plan->training && learns && plan->part != PLAN_FROZEN && !(plan->fixed[param->node] & mark);
        if (moves) {
            plan->param_grad[p] = at;
            at += plan_align(param->count);
        }
    }
    for (int s = 0; s < plan->steps; s++) {
        struct plan_step *step = &plan->step[s];
        const struct graph_node *row = &graph->node[step->node];
        size_t prepared = plan_prepared_floats(plan, s),
               weights = plan_align(step->norm != PLAN_NONE ? graph->param[row->first_param].count : 0);
        if (prepared > 0) { /* from folded weights that lie in the workspace for that while */
            step->prepared = at;
            at += plan_align(prepared);
            plan->workspace_floats = weights > plan->workspace_floats ? weights : plan->workspace_floats;
        }
        if (step->norm != PLAN_NONE) {
            step->folded[0] = prepared > 0 ? SIZE_MAX : at;
            at += prepared > 0 ? 0 : weights;
            step->folded[1] = at;
            at += plan_align((size_t)row->shape.c);
        }
        for (int backward = 0; backward <= (int)step->backward; backward++) {
            size_t floats = step_workspace(plan, step, backward != 0);
            plan->workspace_floats = floats > plan->workspace_floats ? floats : plan->workspace_floats;
        }
    }
    plan->workspace = at;
    plan->permanent = at + plan_align(plan->workspace_floats);
    for (int i = 0; i < plan->buffers; i++)
        plan->buffer[i].offset += plan->permanent;
    plan->floats += plan->permanent;
}

struct place {
    const struct plan_buffer *buffer;
    int index;
};

static int by_size(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    if (x->buffer->floats != y->buffer->floats)
        return x->buffer->floats < y->buffer->floats ? 1 : -1;
    return x->index - y->index;
}

static bool lives_with(const struct plan_buffer *a, const struct plan_buffer *b)
{
    return a->start <= b->end && b->start <= a->end;
}

/* The lowest offset at which a buffer touches none of those already placed that live with it. Every hit moves it up
 * behind the one hit, so this ends. */
static size_t lowest_offset(const struct plan *plan, const struct place *placed, int count,
                            const struct plan_buffer *buffer)
{
    size_t offset = 0;
    for (int i = 0; i < count;) {
        const struct plan_buffer *other = &plan->buffer[placed[i].index];
        bool apart = offset + buffer->floats <= other->offset || other->offset + other->floats <= offset;
        if (lives_with(buffer, other) && !apart) {
            offset = other->offset + other->floats;
            i = 0;
        } else {
            i++;
        }
    }
    return offset;
}

/* Largest first: small buffers fill the gaps that large ones leave. */
static void place_buffers(struct plan *plan)
{
    struct place *order = mem_array((size_t)plan->buffers, sizeof *order);
    for (int i = 0; i < plan->buffers; i++)
        order[i] = (struct place){&plan->buffer[i], i};
    qsort(order, (size_t)plan->buffers, sizeof *order, by_size);
    plan->floats = 0;
    for (int i = 0; i < plan->buffers; i++) {
        struct plan_buffer *buffer = &plan->buffer[order[i].index];
        buffer->offset = lowest_offset(plan, order, i, buffer);
        size_t end = buffer->offset + buffer->floats;
        plan->floats = end > plan->floats ? end : plan->floats;
    }
    mem_free(order);
}

void plan_buffers(struct plan *plan)
{
    for (int node = 0; node < plan->graph->nodes; node++) {
        plan->value[node] = PLAN_NONE;
        plan->gradient[node] = PLAN_NONE;
    }
    add_values(plan);
    add_gradients(plan);
    place_buffers(plan);
}
