/* An op and its buffers. Called by the table of measured kernels, by speed.c, and by bench. */
#include "config.h"

#include "thaw/compile/rig.h"

#include <math.h>
#include <string.h>

#include "thaw/base/clock.h"
#include "thaw/base/mem.h"
#include "thaw/base/rng.h"

struct rig {
    const struct graph *graph;
    const struct graph_node *node;
    const struct op_def *def;
    struct team *team;
    struct shape4 *in_shape, out_shape; /* [inputs] */
    float **in, **in_grad;              /* [inputs] */
    float *out, *out_grad;
    float *param[OP_PARAMS_MAX], *param_grad[OP_PARAMS_MAX];
    float **no_in_grad; /* [inputs], all NULL */
    float *no_param_grad[OP_PARAMS_MAX];
    bool *add; /* [inputs] */
    float *saved;
};

struct rig_way {
    struct rig *rig;
    enum rig_pass pass;
    struct op_attrs attrs;
    struct op_call call;
    float *workspace, *prepared;
};

/* Around `middle`; drawing noise takes longer than most ops do, so a stretch of it is repeated. */
static float *noise(size_t count, float middle)
{
    enum { PERIOD = 1 << 14 };
    float *values = mem_floats(count);
    size_t fresh = count < PERIOD ? count : PERIOD;
    for (size_t i = 0; i < fresh; i++)
        values[i] = middle + (float)rng_uniform_at(1, 0, i) - 0.5f;
    for (size_t at = fresh; at < count; at += fresh)
        memcpy(values + at, values, (count - at < fresh ? count - at : fresh) * sizeof *values);
    return values;
}

/* Scales and variances must not be below zero. */
static void add_params(struct rig *rig)
{
    for (int i = 0; i < rig->node->params; i++) {
        const struct graph_param *param = &rig->graph->param[rig->node->first_param + i];
        bool positive = param->role == OP_ROLE_STATISTICS || param->role == OP_ROLE_AFFINE;
        rig->param[i] = noise(param->count, positive ? 1 : 0);
        if (param->role != OP_ROLE_STATISTICS && param->role != OP_ROLE_CONSTANT)
            rig->param_grad[i] = mem_floats(param->count);
    }
}

struct rig *rig_create(const struct graph *graph, int node, int images, struct team *team)
{
    struct rig *rig = mem_alloc(sizeof *rig);
    const struct graph_node *row = &graph->node[node];
    size_t inputs = (size_t)row->inputs, saved = 0;
    *rig = (struct rig){.graph = graph, .node = row, .def = op_get(row->kind), .team = team, .out_shape = row->shape};
    rig->in_shape = mem_array(inputs, sizeof *rig->in_shape);
    rig->in = mem_array(inputs, sizeof *rig->in);
    rig->in_grad = mem_array(inputs, sizeof *rig->in_grad);
    rig->no_in_grad = mem_array(inputs, sizeof *rig->no_in_grad);
    rig->add = mem_array(inputs, sizeof *rig->add);
    rig->out_shape.n = images;
    for (size_t i = 0; i < inputs; i++) {
        rig->in_shape[i] = graph->node[row->input[i]].shape;
        rig->in_shape[i].n = images;
        rig->in[i] = noise(shape4_count(rig->in_shape[i]), 0);
        rig->in_grad[i] = mem_floats(shape4_count(rig->in_shape[i]));
    }
    rig->out = mem_floats(shape4_count(rig->out_shape));
    rig->out_grad = noise(shape4_count(rig->out_shape), 0);
    add_params(rig);
    if (rig->def->saved_floats)
        saved = rig->def->saved_floats(&row->attrs, rig->in_shape, rig->out_shape);
    rig->saved = saved > 0 ? mem_floats(saved) : NULL;
    return rig;
}

void rig_destroy(struct rig *rig)
{
    if (!rig)
        return;
    for (int i = 0; i < rig->node->inputs; i++) {
        mem_free_floats(rig->in[i]);
        mem_free_floats(rig->in_grad[i]);
    }
    for (int i = 0; i < OP_PARAMS_MAX; i++) {
        mem_free_floats(rig->param[i]);
        mem_free_floats(rig->param_grad[i]);
    }
    mem_free_floats(rig->out);
    mem_free_floats(rig->out_grad);
    mem_free_floats(rig->saved);
    mem_free(rig->in_shape);
    mem_free(rig->in);
    mem_free(rig->in_grad);
    mem_free(rig->no_in_grad);
    mem_free(rig->add);
    mem_free(rig);
}

/* --- ways --- */

static bool goes_back(enum rig_pass pass)
{
    return pass != RIG_FORWARD && pass != RIG_TRAINED;
}

static struct op_call make_call(const struct rig *rig, const struct rig_way *way)
{
    enum rig_pass pass = way->pass;
    return (struct op_call){.attrs = &way->attrs,
                            .inputs = rig->node->inputs,
                            .in_shape = rig->in_shape,
                            .in = (const float *const *)rig->in,
                            .out_shape = rig->out_shape,
                            .out = rig->out,
                            .param = (float *const *)rig->param,
                            .out_grad = rig->out_grad,
                            .in_grad = pass == RIG_WEIGHTS ? rig->no_in_grad : rig->in_grad,
                            .in_grad_add = rig->add,
                            .param_grad = pass == RIG_DATA ? rig->no_param_grad : rig->param_grad,
                            .saved = pass == RIG_FORWARD ? NULL : rig->saved,
                            .workspace = way->workspace,
                            .batch_statistics = pass != RIG_FORWARD,
                            .drop = pass != RIG_FORWARD,
                            .seed = 1,
                            .team = rig->team};
}

static void set_kernel(struct op_attrs *attrs, enum rig_pass pass, unsigned char kernel)
{
    if (pass == RIG_FORWARD || pass == RIG_TRAINED)
        attrs->kernel[OP_JOB_FORWARD] = kernel;
    if (pass == RIG_DATA)
        attrs->kernel[OP_JOB_DATA_GRADIENT] = kernel;
    if (pass == RIG_WEIGHTS)
        attrs->kernel[OP_JOB_WEIGHT_GRADIENT] = kernel;
}

/* Of both directions, as what goes back is run behind a forward pass. */
static size_t workspace_floats(const struct rig *rig, const struct op_attrs *attrs)
{
    size_t most = 0;
    for (int backward = 0; backward < 2 && rig->def->workspace_floats; backward++) {
        size_t floats =
            rig->def->workspace_floats(attrs, rig->in_shape, rig->out_shape, team_threads(rig->team), backward != 0);
        most = floats > most ? floats : most;
    }
    return most;
}

struct rig_way *rig_way_create(struct rig *rig, enum rig_pass pass, unsigned char kernel, bool kept)
{
    struct rig_way *way = mem_alloc(sizeof *way);
    *way = (struct rig_way){.rig = rig, .pass = pass, .attrs = rig->node->attrs};
    set_kernel(&way->attrs, pass, kernel);
    way->workspace = mem_floats(workspace_floats(rig, &way->attrs));
    way->call = make_call(rig, way);
    bool has_form = kept && pass == RIG_FORWARD && rig->def->prepared_floats;
    size_t floats = has_form ? rig->def->prepared_floats(&way->attrs, rig->in_shape, rig->out_shape) : 0;
    if (floats > 0) {
        way->prepared = mem_floats(floats);
        rig->def->prepare(&way->call, way->prepared);
        way->call.prepared = way->prepared;
    }
    if (goes_back(pass) && (rig->saved || rig->def->needs & OP_NEEDS_OUT))
        rig->def->forward(&way->call);
    return way;
}

void rig_way_destroy(struct rig_way *way)
{
    if (!way)
        return;
    mem_free_floats(way->workspace);
    mem_free_floats(way->prepared);
    mem_free(way);
}

static const double patience = 0.1 / RIG_PART, whole = 0.85; /* seconds; of the cores that a call could have */

/* Whether a call had its cores to itself. A call that is over sooner than workers go to sleep has had them. */
static bool run_undisturbed(struct rig_way *way, double *seconds)
{
    double began = clock_processor();
    *seconds = rig_run(way);
    int threads = team_threads(way->rig->team), cores = team_cores(0);
    return clock_processor() - began >= whole * *seconds * (threads < cores ? threads : cores);
}

double rig_time(struct rig_way *way, int runs, double most)
{
    bool fair = false;
    double least = INFINITY, seconds, began = clock_monotonic();
    rig_run(way);
    for (int run = 0; run < runs || (!fair && clock_monotonic() - began < patience); run++) {
        fair = run_undisturbed(way, &seconds) || fair;
        least = seconds < least ? seconds : least;
        if (fair && least > most)
            break;
    }
    return least;
}

double rig_run(struct rig_way *way)
{
    double began = clock_monotonic();
    if (goes_back(way->pass))
        way->rig->def->backward(&way->call);
    else
        way->rig->def->forward(&way->call);
    way->call.step++;
    return clock_monotonic() - began;
}
