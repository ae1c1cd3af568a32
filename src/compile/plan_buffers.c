/* Lives and places of a plan's buffers: which values must outlast which step, what may be computed in place, and where
 * everything lies in the one arena. Times are those of plan_private.h. Called by plan_create.
 */
#include "config.h"

#include <stdlib.h>

#include "plan_private.h"

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
static unsigned step_needs(const struct plan *plan, const struct plan_step *step)
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

void plan_find_needs(struct plan *plan)
{
    for (int s = 0; s < plan->steps; s++)
        plan->step[s].needs = step_needs(plan, &plan->step[s]);
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
    size_t whole = plan->node_floats[step->out_node];
    return plan->whole[step->out_node] ? whole : whole / (size_t)plan->batch * (size_t)step->images;
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

/* The last times at which each node's value is read: as first computed, and as computed again. */
struct ends {
    int *first, *again; /* [nodes] */
};

/* A stretch runs once for each portion, so it reads what spans the batch until its last step. */
static void find_forward_ends(const struct plan *plan, int *end)
{
    const struct graph *graph = plan->graph;
    for (int s = 0; s < plan->steps; s++) {
        const struct plan_step *step = &plan->step[s];
        const struct graph_node *row = &graph->node[step->node];
        for (int i = 0; i < row->inputs; i++)
            read_until(end, row->input[i], plan->whole[row->input[i]] ? step->stretch_end : s);
        if (step->residual != PLAN_NONE)
            read_until(end, step->residual, plan->whole[step->residual] ? step->stretch_end : s);
        if (plan->whole[step->out_node])
            read_until(end, step->out_node, step->stretch_end);
    }
    end[graph->output] = plan_last_time(plan);
    for (int i = 0; i < plan->crossings; i++)
        end[plan->crossing[i]] = plan_last_time(plan);
}

static bool runs_again(const struct plan *plan, int node)
{
    int producer = plan->producer[node];
    return producer != PLAN_NONE && plan->step[producer].again != PLAN_NONE;
}

/* What the backward pass reads of a value that is computed again, it reads of that. */
static void find_backward_ends(const struct plan *plan, struct ends *ends)
{
    for (int call = 0; call < plan->calls; call++) {
        const struct plan_step *step = &plan->step[plan->call[call].step];
        const struct graph_node *row = &plan->graph->node[step->node];
        unsigned needs = plan->call[call].again ? OP_NEEDS_IN : step->needs;
        int time = plan->steps + 1 + call;
        for (int i = 0; i < row->inputs && (needs & OP_NEEDS_IN); i++)
            read_until(runs_again(plan, row->input[i]) ? ends->again : ends->first, row->input[i], time);
        if (plan->call[call].again && step->residual != PLAN_NONE)
            read_until(runs_again(plan, step->residual) ? ends->again : ends->first, step->residual, time);
        if (needs & OP_NEEDS_OUT)
            read_until(runs_again(plan, step->out_node) ? ends->again : ends->first, step->out_node, time);
    }
}

static int uses_of(const struct plan *plan, const struct plan_step *step, int node)
{
    const struct graph_node *row = &plan->graph->node[step->node];
    int uses = step->residual == node;
    for (int i = 0; i < row->inputs; i++)
        uses += row->input[i] == node;
    return uses;
}

/* In place: the op allows it, nothing reads the input (whose life ends at `end`) later, and no other operand is the same
 * value. */
static bool runs_in_place(const struct plan *plan, const struct plan_step *step, int time, int end)
{
    const struct graph_node *row = &plan->graph->node[step->node];
    int input = row->input[0];
    return op_get(row->kind)->in_place && plan->value[input] != PLAN_NONE && end == time &&
           plan->whole[input] == plan->whole[step->out_node] &&
           plan->node_floats[input] == plan->node_floats[step->out_node] && uses_of(plan, step, input) == 1;
}

static void add_saved(struct plan *plan, struct plan_step *step, int start)
{
    const struct op_def *def = op_get(plan->graph->node[step->node].kind);
    struct shape4 out = plan_shape(plan, step->node, plan->batch);
    size_t saved = 0;
    if (step->backward && def->saved_floats != NULL)
        saved = def->saved_floats(&step->attrs, step->in_shape, out);
    step->saved = saved > 0 ? add_buffer(plan, saved, start, step->back) : PLAN_NONE;
}

static void add_values(struct plan *plan, const int *end)
{
    const struct graph *graph = plan->graph;
    if (plan->crossings > 0 && plan->crossing[0] == 0)
        plan->value[0] = add_buffer(plan, plan->node_floats[0], 0, end[0]);
    for (int i = 0; i < plan->crossings && plan->half == PLAN_THAWED; i++)
        if (plan->crossing[i] != 0)
            plan->value[plan->crossing[i]] =
                add_buffer(plan, plan->node_floats[plan->crossing[i]], 0, end[plan->crossing[i]]);
    for (int s = 0, stretch = 0; s < plan->steps; s++) {
        struct plan_step *step = &plan->step[s];
        int input = graph->node[step->node].input[0], out = step->out_node;
        stretch = s > 0 && plan->step[s - 1].stretch_end == step->stretch_end ? stretch : s;
        if (runs_in_place(plan, step, s, end[input])) {
            plan->value[out] = plan->value[input];
            extend(plan, plan->value[out], end[out]);
        } else {
            int start = plan->whole[out] ? stretch : s;
            plan->value[out] = add_buffer(plan, written_floats(plan, step), start, end[out]);
            plan->buffer[plan->value[out]].portion = step->lanes && !plan->whole[out];
        }
        add_saved(plan, step, s);
    }
}

static void add_values_again(struct plan *plan, const struct ends *ends)
{
    for (int call = 0; call < plan->calls; call++) {
        const struct plan_step *step = &plan->step[plan->call[call].step];
        int input = plan->graph->node[step->node].input[0], out = step->out_node;
        if (!plan->call[call].again)
            continue;
        bool again = runs_again(plan, input);
        if (runs_in_place(plan, step, step->again, again ? ends->again[input] : ends->first[input])) {
            plan->again[out] = again ? plan->again[input] : plan->value[input];
            extend(plan, plan->again[out], ends->again[out]);
        } else {
            plan->again[out] = add_buffer(plan, written_floats(plan, step), step->again, ends->again[out]);
        }
    }
}

/* It is read until its producer's backward. */
static int gradient_end(const struct plan *plan, int node)
{
    return plan->step[plan->producer[node]].back;
}

/* The residual's gradient is the output's, which it may take over, or is added to what others gave. */
static bool add_residual_gradient(struct plan *plan, int s)
{
    struct plan_step *step = &plan->step[s];
    int out = plan->gradient[step->out_node], end = gradient_end(plan, step->residual);
    step->residual_grad_add = plan->gradient[step->residual] != PLAN_NONE;
    if (step->residual_grad_add)
        return false;
    plan->gradient[step->residual] = out;
    if (out != PLAN_NONE)
        extend(plan, out, end);
    else
        plan->gradient[step->residual] = add_buffer(plan, plan->node_floats[step->residual], step->back, end);
    return out != PLAN_NONE;
}

/* The first consumer to run backward overwrites a gradient (in place of its own where it may), the others add. */
static void add_input_gradient(struct plan *plan, int s, int i, bool taken)
{
    struct plan_step *step = &plan->step[s];
    const struct graph_node *row = &plan->graph->node[step->node];
    int input = row->input[i], out = taken ? PLAN_NONE : plan->gradient[step->out_node];
    int end = gradient_end(plan, input);
    step->in_grad_add[i] = plan->gradient[input] != PLAN_NONE;
    if (step->in_grad_add[i])
        return;
    size_t floats = plan->node_floats[input];
    bool in_place = i == 0 && op_get(row->kind)->in_place && out != PLAN_NONE && uses_of(plan, step, input) == 1 &&
                    floats == plan->node_floats[step->node];
    if (in_place) {
        plan->gradient[input] = out;
        extend(plan, out, end);
    } else {
        plan->gradient[input] = add_buffer(plan, floats, step->back, end);
    }
}

static void add_gradients(struct plan *plan)
{
    for (int s = plan->steps - 1; s >= plan->frozen_steps; s--) {
        const struct plan_step *step = &plan->step[s];
        const struct graph_node *row = &plan->graph->node[step->node];
        bool passes = step->backward && step->residual != PLAN_NONE && plan->wants_grad[step->residual];
        bool taken = passes && add_residual_gradient(plan, s);
        for (int i = 0; i < row->inputs && step->backward; i++) {
            if (plan->wants_grad[row->input[i]])
                add_input_gradient(plan, s, i, taken);
        }
    }
}

/* From the backward call that writes them. What moves but does not reach the logits keeps a gradient of zero, from the
 * plan's creation on. */
static void add_param_gradients(struct plan *plan)
{
    const struct graph *graph = plan->graph;
    int *start = mem_array((size_t)graph->nodes, sizeof *start);
    for (int s = 0; s < plan->steps; s++)
        start[plan->step[s].node] = plan->step[s].backward ? plan->step[s].back : 0;
    for (int p = 0; p < graph->params; p++) {
        const struct graph_param *param = &graph->param[p];
        enum freeze_mark mark = param->role == OP_ROLE_AFFINE ? FREEZE_AFFINE : FREEZE_WEIGHTS;
        bool learns = param->role != OP_ROLE_STATISTICS && param->role != OP_ROLE_CONSTANT;
        bool moves = plan->training && learns && plan->half != PLAN_FROZEN && !(plan->fixed[param->node] & mark);
        plan->param_grad[p] =
            moves ? add_buffer(plan, param->count, start[param->node], plan_last_time(plan)) : PLAN_NONE;
    }
    mem_free(start);
}

/* Scratch of a step's calls; that of the most images is enough for fewer (ops/op.h). */
static size_t step_workspace(const struct plan *plan, const struct plan_step *step, int threads, bool backward)
{
    const struct graph_node *row = &plan->graph->node[step->node];
    const struct op_def *def = op_get(row->kind);
    if (def->workspace_floats == NULL)
        return 0;
    for (int i = 0; i < row->inputs; i++)
        step->in_shape[i].n = step->images;
    return def->workspace_floats(&step->attrs, step->in_shape, plan_shape(plan, step->node, step->images), threads,
                                 backward);
}

void plan_place_weights(struct plan *plan)
{
    const struct graph *graph = plan->graph;
    size_t at = 0;
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
    }
    plan->workspace = plan->permanent = at;
}

size_t plan_largest_value(const struct plan *plan)
{
    size_t largest = 0;
    for (int s = 0; s < plan->steps; s++) {
        size_t floats = written_floats(plan, &plan->step[s]);
        largest = floats > largest ? floats : largest;
    }
    return largest;
}

void plan_place_workspace(struct plan *plan)
{
    for (int s = 0; s < plan->steps; s++) {
        const struct plan_step *step = &plan->step[s];
        for (int backward = 0; backward <= (int)step->backward; backward++) {
            size_t floats = step_workspace(plan, step, plan->threads, backward != 0);
            plan->workspace_floats = floats > plan->workspace_floats ? floats : plan->workspace_floats;
        }
        size_t prepared = plan_prepared_floats(plan, s),
               alone = step->lanes ? plan_align(step_workspace(plan, step, 1, false) - prepared) : 0;
        plan->lane_workspace = alone > plan->lane_workspace ? alone : plan->lane_workspace;
    }
    size_t lanes = plan->lane_workspace * (size_t)plan->threads;
    plan->workspace_floats = lanes > plan->workspace_floats ? lanes : plan->workspace_floats;
    plan->permanent = plan->workspace + plan_align(plan->workspace_floats);
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

/* A buffer that has its place: what the search for the others' reads again and again. */
struct placed {
    size_t offset, end; /* floats */
    int start, last;    /* times */
};

/* The lowest offset at which a buffer touches none of those already placed, in order of their offsets, that live with
 * it. */
static size_t lowest_offset(size_t offset, const struct placed *placed, int count, const struct plan_buffer *buffer)
{
    const int start = buffer->start, last = buffer->end;
    for (int i = 0; i < count; i++) {
        if (placed[i].start > last || placed[i].last < start || placed[i].end <= offset)
            continue;
        if (offset + buffer->floats <= placed[i].offset)
            break;
        offset = placed[i].end;
    }
    return offset;
}

/* Into the order of offsets. */
static void insert(struct placed *placed, int count, const struct plan_buffer *buffer)
{
    for (; count > 0 && placed[count - 1].offset > buffer->offset; count--)
        placed[count] = placed[count - 1];
    placed[count] = (struct placed){buffer->offset, buffer->offset + buffer->floats, buffer->start, buffer->end};
}

/* Places the buffers of portions, or all others, from an offset on; returns the end. Largest first: small buffers fill the
 * gaps that large ones leave. */
static size_t place(struct plan *plan, bool portions, size_t from)
{
    struct place *order = mem_array((size_t)plan->buffers, sizeof *order);
    struct placed *placed = mem_array((size_t)plan->buffers, sizeof *placed);
    int count = 0;
    size_t end = from;
    for (int i = 0; i < plan->buffers; i++)
        if (plan->buffer[i].portion == portions)
            order[count++] = (struct place){&plan->buffer[i], i};
    qsort(order, (size_t)count, sizeof *order, by_size);
    for (int i = 0; i < count; i++) {
        struct plan_buffer *buffer = &plan->buffer[order[i].index];
        buffer->offset = lowest_offset(from, placed, i, buffer);
        insert(placed, i, buffer);
        end = buffer->offset + buffer->floats > end ? buffer->offset + buffer->floats : end;
    }
    mem_free(order);
    mem_free(placed);
    return end;
}

/* One buffer for all lanes, as long as the frozen half runs. */
static void add_lanes(struct plan *plan)
{
    plan->lanes_buffer = PLAN_NONE;
    plan->lane_floats = place(plan, true, 0);
    for (int i = 0; i < plan->buffers; i++)
        plan->buffer[i].within = plan->buffer[i].offset;
    if (plan->lane_floats > 0)
        plan->lanes_buffer = add_buffer(plan, plan->lane_floats * (size_t)plan->threads, 0, plan->frozen_steps - 1);
}

void plan_places(struct plan *plan)
{
    plan->floats = place(plan, false, plan->permanent);
    for (int i = 0; i < plan->buffers; i++)
        if (plan->buffer[i].portion)
            plan->buffer[i].offset = plan->buffer[plan->lanes_buffer].offset + plan->buffer[i].within;
}

/* The most floats of buffers that live at one time. */
static size_t most_living(const struct plan *plan)
{
    int times = plan_last_time(plan) + 1;
    size_t *begun = mem_array((size_t)times + 1, sizeof *begun), *ended = mem_array((size_t)times + 1, sizeof *ended);
    size_t living = 0, most = 0;
    for (int i = 0; i < plan->buffers; i++) {
        if (plan->buffer[i].portion)
            continue;
        begun[plan->buffer[i].start] += plan->buffer[i].floats;
        ended[plan->buffer[i].end + 1] += plan->buffer[i].floats;
    }
    for (int time = 0; time < times; time++) {
        living += begun[time] - ended[time];
        most = living > most ? living : most;
    }
    mem_free(begun);
    mem_free(ended);
    return most;
}

size_t plan_lives(struct plan *plan)
{
    size_t nodes = (size_t)plan->graph->nodes;
    struct ends ends = {mem_array(nodes, sizeof *ends.first), mem_array(nodes, sizeof *ends.again)};
    for (int node = 0; node < plan->graph->nodes; node++) {
        plan->value[node] = PLAN_NONE;
        plan->again[node] = PLAN_NONE;
        plan->gradient[node] = PLAN_NONE;
    }
    plan->buffers = 0;
    plan_schedule(plan);
    find_forward_ends(plan, ends.first);
    find_backward_ends(plan, &ends);
    add_values(plan, ends.first);
    add_lanes(plan);
    add_values_again(plan, &ends);
    add_gradients(plan);
    add_param_gradients(plan);
    mem_free(ends.first);
    mem_free(ends.again);
    return plan->permanent + most_living(plan);
}
