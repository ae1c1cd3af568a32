/* Compiling a graph for one batch size and one freeze plan: what depends on what, then steps (plan_fold.c), buffers
 * (plan_buffers.c), and the pointers that exec.c hands to the ops. Called by the trainer, the session and the verbs
 * that evaluate; exec.c runs the result.
 */
#include "config.h"

#include "thaw/compile/plan.h"

#include <limits.h>
#include <math.h>
#include <string.h>

#include "plan_private.h"
#include "thaw/base/machine.h"
#include "thaw/tensor/gemm.h"

/* Far below where sizes of a graph's buffers could pass SIZE_MAX, far above any machine. */
static const size_t floats_max = (size_t)1 << 44;

/* Kernels count pixels of a batch in an int, and sizes may not wrap before the arena is asked for. */
static bool is_batch_good(const struct graph *graph, int batch, struct error *error)
{
    if (batch < 1)
        return error_set(error, ERROR_USAGE, "a batch of %d images cannot be run: it takes at least one", batch);
    for (int node = 0; node < graph->nodes; node++) {
        struct shape4 shape = graph->node[node].shape;
        double pixels = (double)batch * shape.h * shape.w;
        if (pixels > INT_MAX || pixels * shape.c > (double)floats_max)
            return error_set(error, ERROR_USAGE, "%s cannot take a batch of %d images: %s would have %.0f pixels",
                             graph->arch, batch, graph->node[node].name, pixels);
    }
    return true;
}

static bool learns(const struct plan *plan, int node)
{
    return (freeze_marks(plan->graph, node) & ~(unsigned)plan->fixed[node] & (FREEZE_WEIGHTS | FREEZE_AFFINE)) != 0;
}

/* Which nodes the logits depend on. */
static void find_reached(const struct graph *graph, bool *reaches)
{
    reaches[graph->output] = true;
    for (int node = graph->output; node > 0; node--) {
        for (int i = 0; i < graph->node[node].inputs && reaches[node]; i++)
            reaches[graph->node[node].input[i]] = true;
    }
}

/* And through which of those gradients must flow to something that learns. */
static void find_dependence(struct plan *plan)
{
    const struct graph *graph = plan->graph;
    bool backward = plan->training && plan->half != PLAN_FROZEN;
    find_reached(graph, plan->reaches);
    for (int node = plan->frontier; node < graph->nodes && backward; node++) {
        bool wants = learns(plan, node);
        for (int i = 0; i < graph->node[node].inputs; i++)
            wants = wants || plan->wants_grad[graph->node[node].input[i]];
        plan->wants_grad[node] = wants && plan->reaches[node];
    }
}

/* Nodes below the cut whose values are read above it, or are the logits. */
static int find_cut(const struct graph *graph, const bool *reaches, int cut, int *at)
{
    int count = 0;
    bool *crosses = mem_array((size_t)graph->nodes, sizeof *crosses);
    crosses[graph->output] = graph->output < cut;
    for (int node = cut; node < graph->nodes; node++) {
        for (int i = 0; i < graph->node[node].inputs && reaches[node]; i++) {
            int input = graph->node[node].input[i];
            crosses[input] = input < cut;
        }
    }
    /* Where nothing but the input lies below the cut, it is not copied: the caller has it. */
    crosses[0] = crosses[0] && cut > 1;
    for (int node = 0; node < graph->nodes; node++) {
        if (crosses[node] && at != NULL)
            at[count] = node;
        count += crosses[node];
    }
    mem_free(crosses);
    return count;
}

static void find_crossings(struct plan *plan)
{
    plan->reads_input = plan->frontier <= 1;
    plan->crossing = mem_array((size_t)plan->graph->nodes, sizeof *plan->crossing);
    plan->crossings = find_cut(plan->graph, plan->reaches, plan->frontier, plan->crossing);
}

int plan_cut(const struct graph *graph, int frontier, int *node)
{
    bool *reaches = mem_array((size_t)graph->nodes, sizeof *reaches);
    find_reached(graph, reaches);
    int count = find_cut(graph, reaches, frontier, node);
    mem_free(reaches);
    return count;
}

bool plan_starts_at(const struct plan *plan, int cut)
{
    int *node = mem_array((size_t)plan->graph->nodes, sizeof *node);
    int count = plan_cut(plan->graph, cut, node);
    bool starts = cut > 1 && cut < plan->frontier;
    for (int s = 0; s < plan->frozen_steps; s++)
        starts = starts && (plan->step[s].node < cut) == (plan->step[s].out_node < cut);
    for (int i = 0; i < count; i++)
        starts = starts && node[i] != 0 && plan->value[node[i]] != PLAN_NONE;
    mem_free(node);
    return starts;
}

static float *buffer_floats(const struct plan *plan, int buffer)
{
    return buffer == PLAN_NONE ? NULL : plan_floats(plan, plan->buffer[buffer].offset);
}

static void point_step(struct plan *plan, struct plan_step *step)
{
    const struct graph_node *row = &plan->graph->node[step->node];
    for (int i = 0; i < row->inputs; i++) {
        if (step->backward && plan->wants_grad[row->input[i]])
            step->in_grad[i] = buffer_floats(plan, plan->gradient[row->input[i]]);
    }
    if (step->backward && step->residual != PLAN_NONE && plan->wants_grad[step->residual])
        step->residual_grad = buffer_floats(plan, plan->gradient[step->residual]);
    for (int slot = 0; slot < row->params; slot++) {
        int param = row->first_param + slot;
        step->param[slot] = graph_param_values(plan->graph, param);
        step->param_grad[slot] = plan_gradient(plan, param);
    }
    for (int slot = 0; slot < 2 && step->norm != PLAN_NONE; slot++) {
        if (step->folded[slot] != SIZE_MAX)
            step->param[slot] = plan_floats(plan, step->folded[slot]);
    }
}

/* More than the machine has would be granted page by page and then end the process, so it is refused beforehand. */
static bool fits(const struct plan *plan)
{
    return machine_memory() == 0 || plan_bytes(plan) <= machine_memory();
}

static bool say_too_large(const struct plan *plan, struct error *error)
{
    size_t budget = plan->budget;
    const char *least = plan->beyond || plan_recomputed(plan, NULL) > 0 ? "at least " : "";
    double bytes = (double)plan_bytes(plan), mib = 1 << 20;
    if (budget > 0 && plan_bytes(plan) > budget)
        return error_set(error, ERROR_FAILED,
                         "%s needs %s%.0f MiB of memory for a batch of %d images, and may take %.0f MiB: take a "
                         "smaller batch%s or let it take more",
                         plan->graph->arch, least, ceil(bytes / mib), plan->batch, floor((double)budget / mib),
                         plan->training ? ", freeze more layers" : "");
    return error_set(error, ERROR_FAILED,
                     "%s needs %s%.1f GB of memory for a batch of %d images, and this machine has %.1f GB: take a "
                     "smaller batch%s",
                     plan->graph->arch, least, bytes / 1e9, plan->batch, (double)machine_memory() / 1e9,
                     plan->training ? " or freeze more layers" : "");
}

/* Within the budget; where it cannot be, as small as the search makes it. What it takes at least is known before any
 * workspace is: everything that lives together where all is kept, one value where some may be computed again. */
static void lay_out(struct plan *plan)
{
    plan_find_needs(plan);
    plan_place_weights(plan);
    plan->floats = plan_lives(plan);
    if (plan->budget > 0)
        plan->floats = plan->permanent + plan_largest_value(plan);
    plan->beyond = !fits(plan);
    if (plan->beyond)
        return;
    plan_place_workspace(plan);
    plan->floats = plan_lives(plan);
    if (fits(plan))
        plan_places(plan);
    bool large = plan->budget > 0 && plan_bytes(plan) > plan->budget;
    bool good = !large || plan->calls == 0 || plan_recompute(plan, plan->budget);
    (void)good; /* plan_fits tells */
}

bool plan_fits(const struct plan *plan, struct error *error)
{
    bool large = plan->budget > 0 && plan_bytes(plan) > plan->budget;
    return (!large && fits(plan)) || say_too_large(plan, error);
}

static struct plan *new_plan(const struct graph *graph, const struct freeze *freeze, const struct plan_options *options)
{
    struct plan *plan = mem_alloc(sizeof *plan);
    size_t nodes = (size_t)graph->nodes;
    plan->graph = graph;
    plan->team = options->team;
    plan->threads = options->team != NULL ? team_threads(options->team) : team_cores(options->threads);
    plan->batch = options->batch;
    plan->portion = options->portion;
    plan->budget = options->budget;
    plan->training = options->training;
    plan->half = options->training ? options->half : PLAN_WHOLE;
    plan->fold = options->fold;
    plan->no_winograd = options->no_winograd;
    plan->kernels = options->batch > 1 ? options->kernels : NULL;
    plan->start = options->start;
    plan->poison = options->poison;
    plan->fixed = mem_array(nodes, sizeof *plan->fixed);
    plan->reaches = mem_array(nodes, sizeof *plan->reaches);
    plan->whole = mem_array(nodes, sizeof *plan->whole);
    plan->wants_grad = mem_array(nodes, sizeof *plan->wants_grad);
    plan->dropped = mem_array(nodes, sizeof *plan->dropped);
    plan->node_floats = mem_array(nodes, sizeof *plan->node_floats);
    for (int node = 0; node < graph->nodes; node++)
        plan->node_floats[node] = shape4_count(plan_shape(plan, node, plan->batch));
    plan->producer = mem_array(nodes, sizeof *plan->producer);
    plan->value = mem_array(nodes, sizeof *plan->value);
    plan->again = mem_array(nodes, sizeof *plan->again);
    plan->gradient = mem_array(nodes, sizeof *plan->gradient);
    plan->param_grad = mem_array((size_t)graph->params, sizeof *plan->param_grad);
    struct freeze *marks = freeze != NULL ? freeze_copy(freeze) : freeze_create(graph);
    memcpy(plan->fixed, marks->fixed, nodes);
    plan->frontier = options->training ? freeze_frontier(marks, graph) : graph->nodes;
    freeze_destroy(marks);
    return plan;
}

static void make_lanes(struct plan *plan)
{
    size_t threads = (size_t)plan->threads, inputs = 1;
    for (int s = 0; s < plan->steps; s++) {
        size_t own = (size_t)plan->graph->node[plan->step[s].node].inputs;
        inputs = own > inputs ? own : inputs;
    }
    plan->alone = team_create(1);
    plan->lane = mem_array(1 + threads, sizeof *plan->lane);
    for (size_t i = 0; i <= threads; i++) {
        size_t worker = i > 0 ? i - 1 : 0;
        plan->lane[i] = (struct plan_lane){.team = i > 0 ? plan->alone : plan->team,
                                           .shift = worker * plan->lane_floats,
                                           .workspace = plan->workspace + worker * plan->lane_workspace,
                                           .in_shape = mem_array(inputs, sizeof(struct shape4)),
                                           .in = mem_array(inputs, sizeof(float *))};
    }
}

struct plan *plan_dry(const struct graph *graph, const struct freeze *freeze, const struct plan_options *options,
                      struct error *error)
{
    if (!is_batch_good(graph, options->batch, error))
        return NULL;
    struct plan *plan = new_plan(graph, freeze, options);
    find_dependence(plan);
    find_crossings(plan);
    plan_lower(plan);
    plan_portions(plan);
    plan_choose_kernels(plan);
    plan->kernels = NULL;
    lay_out(plan);
    return plan;
}

static bool take_memory(struct plan *plan, struct error *error)
{
    if (!plan_fits(plan, error) || !gemm_reserve(plan->threads, error))
        return false;
    plan->arena = arena_create(plan->floats > 0 ? plan_bytes(plan) : sizeof(float));
    return plan->arena != NULL || say_too_large(plan, error);
}

struct plan *plan_create(const struct graph *graph, const struct freeze *freeze, const struct plan_options *options,
                         struct error *error)
{
    struct plan *plan = plan_dry(graph, freeze, options, error);
    if (plan == NULL || !take_memory(plan, error)) {
        plan_destroy(plan);
        return NULL;
    }
    for (int s = 0; s < plan->steps; s++)
        point_step(plan, &plan->step[s]);
    make_lanes(plan);
    for (int p = 0; p < graph->params; p++) /* those that no call writes stay so */
        if (plan->param_grad[p] != PLAN_NONE)
            memset(plan_gradient(plan, p), 0, graph->param[p].count * sizeof(float));
    plan_fold_weights(plan);
    return plan;
}

void plan_destroy(struct plan *plan)
{
    if (plan == NULL)
        return;
    for (int s = 0; s < plan->steps; s++) {
        mem_free(plan->step[s].in_shape);
        mem_free(plan->step[s].in_grad);
        mem_free(plan->step[s].in_grad_add);
    }
    for (int i = 0; plan->lane != NULL && i <= plan->threads; i++) {
        mem_free(plan->lane[i].in_shape);
        mem_free(plan->lane[i].in);
    }
    mem_free(plan->lane);
    team_destroy(plan->alone);
    mem_free(plan->step);
    mem_free(plan->fixed);
    mem_free(plan->reaches);
    mem_free(plan->whole);
    mem_free(plan->wants_grad);
    mem_free(plan->call);
    mem_free(plan->dropped);
    mem_free(plan->node_floats);
    mem_free(plan->producer);
    mem_free(plan->value);
    mem_free(plan->again);
    mem_free(plan->gradient);
    mem_free(plan->buffer);
    mem_free(plan->crossing);
    mem_free(plan->param_grad);
    arena_destroy(plan->arena);
    mem_free(plan);
}

size_t plan_bytes(const struct plan *plan)
{
    return plan->floats * sizeof(float);
}

int plan_crossings(const struct plan *plan)
{
    return plan->crossings;
}

struct shape4 plan_crossing_shape(const struct plan *plan, int crossing)
{
    return plan_shape(plan, plan->crossing[crossing], plan->batch);
}

float *plan_crossing_values(struct plan *plan, int crossing)
{
    return buffer_floats(plan, plan->value[plan->crossing[crossing]]);
}

float *plan_value(struct plan *plan, int node)
{
    return buffer_floats(plan, plan->value[node]);
}

float *plan_gradient(const struct plan *plan, int param)
{
    return buffer_floats(plan, plan->param_grad[param]);
}
