/* See conv_rig.h. */
#include "config.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "conv_rig.h"
#include "thaw/base/mem.h"
#include "thaw/base/rng.h"

enum { FENCE = 64, BEHIND = 1 << 16 /* floats behind a workspace */, WEIGHT = 0, BIAS = 1 };
static const float fence_value = -12345;

/* --- fenced blocks --- */

static float *fenced(size_t count)
{
    float *block = mem_floats(count + FENCE);
    for (size_t i = 0; i < FENCE; i++)
        block[count + i] = fence_value;
    return block;
}

static float *undefined(size_t count)
{
    float *block = fenced(count);
    for (size_t i = 0; i < count; i++)
        block[i] = NAN;
    return block;
}

/* Uniform between -scale and scale. */
static float *drawn(size_t count, uint64_t seed, float scale)
{
    float *block = fenced(count);
    for (size_t i = 0; i < count; i++)
        block[i] = ((float)rng_uniform_at(seed, RNG_INIT, i) * 2 - 1) * scale;
    return block;
}

static void expect_fence(const float *block, size_t count, const char *what, const char *where)
{
    for (size_t i = 0; i < FENCE; i++)
        if (block[count + i] != fence_value)
            fail_msg("%s: %zu floats behind %s are written", where, i + 1, what);
}

static void release(float *block, size_t count, const char *what, const char *where)
{
    expect_fence(block, count, what, where);
    mem_free_floats(block);
}

/* --- building --- */

static int at_least_1(int value)
{
    return value < 1 ? 1 : value;
}

bool conv_layer_shape(const struct conv_layer *layer, struct op_attrs *attrs, struct shape4 *in, struct shape4 *out)
{
    struct error error;
    *attrs = op_attrs_default();
    attrs->kernel_h = layer->kernel_h;
    attrs->kernel_w = layer->kernel_w;
    attrs->stride_h = at_least_1(layer->stride_h);
    attrs->stride_w = at_least_1(layer->stride_w);
    attrs->dilation_h = at_least_1(layer->dilation_h);
    attrs->dilation_w = at_least_1(layer->dilation_w);
    attrs->groups = at_least_1(layer->groups);
    attrs->out_channels = layer->out;
    attrs->pad_top = layer->top;
    attrs->pad_left = layer->left;
    attrs->pad_bottom = layer->bottom;
    attrs->pad_right = layer->right;
    *in = (struct shape4){layer->n, layer->h, layer->w, layer->in};
    return op_get(OP_CONV)->shape(attrs, 1, in, out, &error);
}

void conv_rig_init(struct conv_rig *rig, const struct conv_layer *layer)
{
    *rig = (struct conv_rig){0};
    if (!conv_layer_shape(layer, &rig->attrs, &rig->in_shape, &rig->out_shape))
        fail_msg("no convolution: %dx%dx%dx%d to %d, kernel %dx%d", layer->n, layer->h, layer->w, layer->in, layer->out,
                 layer->kernel_h, layer->kernel_w);
    int fan_in = layer->kernel_h * layer->kernel_w * (layer->in / rig->attrs.groups);
    rig->count[OP_JOB_FORWARD] = shape4_count(rig->out_shape);
    rig->count[OP_JOB_DATA_GRADIENT] = shape4_count(rig->in_shape);
    rig->count[OP_JOB_WEIGHT_GRADIENT] = (size_t)fan_in * (size_t)layer->out;
    rig->bias_count = (size_t)layer->out;
    rig->in = drawn(rig->count[OP_JOB_DATA_GRADIENT], 1, 1);
    rig->weight = drawn(rig->count[OP_JOB_WEIGHT_GRADIENT], 2, sqrtf(2.0f / (float)fan_in));
    rig->bias_value = drawn(rig->bias_count, 3, 1);
    rig->residual = drawn(rig->count[OP_JOB_FORWARD], 4, 1);
    rig->out_grad = drawn(rig->count[OP_JOB_FORWARD], 5, 1);
    rig->start = drawn(rig->count[OP_JOB_DATA_GRADIENT], 6, 1);
    for (int job = 0; job < OP_JOBS; job++) {
        rig->result[job] = undefined(rig->count[job]);
        rig->expected[job] = undefined(rig->count[job]);
    }
    rig->in_list[0] = rig->in;
    rig->param[WEIGHT] = rig->weight;
    rig->param[BIAS] = rig->bias_value;
    rig->call = (struct op_call){.attrs = &rig->attrs,
                                 .inputs = 1,
                                 .in_shape = &rig->in_shape,
                                 .in = rig->in_list,
                                 .out_shape = rig->out_shape,
                                 .param = rig->param,
                                 .out_grad = rig->out_grad,
                                 .in_grad_add = rig->add};
    conv_rig_fuse(rig, 0);
}

void conv_rig_finish(struct conv_rig *rig)
{
    char where[CONV_TEXT];
    conv_rig_describe(where, rig, OP_JOB_FORWARD, NULL);
    release(rig->in, rig->count[OP_JOB_DATA_GRADIENT], "the input", where);
    release(rig->weight, rig->count[OP_JOB_WEIGHT_GRADIENT], "the weights", where);
    release(rig->bias_value, rig->bias_count, "the bias", where);
    release(rig->residual, rig->count[OP_JOB_FORWARD], "the residual", where);
    release(rig->out_grad, rig->count[OP_JOB_FORWARD], "the output's gradient", where);
    release(rig->start, rig->count[OP_JOB_DATA_GRADIENT], "the gradient that was there", where);
    for (int job = 0; job < OP_JOBS; job++) {
        release(rig->result[job], rig->count[job], "a result", where);
        release(rig->expected[job], rig->count[job], "a reference's result", where);
    }
}

void conv_rig_fuse(struct conv_rig *rig, int number)
{
    static const enum op_activation some[] = {OP_ACT_NONE, OP_ACT_RELU, OP_ACT_RELU6, OP_ACT_LEAKY_RELU};
    static const struct op_attrs attrs = {.alpha = 0.2f};
    bool add = number / 4 % 2;
    rig->call.activation = some[number % 4];
    rig->call.activation_attrs = &attrs;
    rig->call.residual = add ? rig->residual : NULL;
    rig->bias = !add || number % 4 > 0;
    rig->add[0] = add;
}

/* --- running --- */

int conv_rig_kernels(const struct conv_rig *rig, enum op_job job, struct op_kernel list[OP_KERNELS_MAX])
{
    return op_get(OP_CONV)->kernels(&rig->attrs, &rig->in_shape, rig->out_shape, job, list);
}

void conv_rig_reference(struct conv_rig *rig)
{
    float *in_grad[] = {rig->expected[OP_JOB_DATA_GRADIENT]};
    float *param_grad[OP_PARAMS_MAX] = {rig->expected[OP_JOB_WEIGHT_GRADIENT]};
    rig->call.out = rig->expected[OP_JOB_FORWARD];
    rig->call.in_grad = in_grad;
    rig->call.param_grad = param_grad;
    if (rig->add[0])
        memcpy(in_grad[0], rig->start, rig->count[OP_JOB_DATA_GRADIENT] * sizeof(float));
    rig->attrs.bias = rig->bias;
    op_get(OP_CONV)->forward_reference(&rig->call);
    op_get(OP_CONV)->backward_reference(&rig->call);
}

static size_t workspace_floats(const struct conv_rig *rig, struct team *team, bool backward)
{
    return op_get(OP_CONV)->workspace_floats(&rig->attrs, &rig->in_shape, rig->out_shape, team_threads(team), backward);
}

/* Names the kernel in attrs; gives the floats of the workspace. One workspace serves both gradients, so the one that is not
 * asked for is given to the kernel that needs least: then what this one writes beyond its own room shows. */
static size_t choose(struct conv_rig *rig, enum op_job job, const struct op_kernel *kernel, struct team *team)
{
    struct op_kernel list[OP_KERNELS_MAX];
    memset(rig->attrs.kernel, 0, sizeof rig->attrs.kernel);
    rig->attrs.kernel[job] = kernel->number;
    rig->attrs.bias = rig->bias && job == OP_JOB_FORWARD; /* the bias's gradient is none of these jobs */
    if (job == OP_JOB_FORWARD)
        return workspace_floats(rig, team, false);
    enum op_job other = job == OP_JOB_DATA_GRADIENT ? OP_JOB_WEIGHT_GRADIENT : OP_JOB_DATA_GRADIENT;
    size_t least = SIZE_MAX;
    for (int i = conv_rig_kernels(rig, other, list) - 1; i >= 0; i--) {
        rig->attrs.kernel[other] = list[i].number;
        size_t need = workspace_floats(rig, team, true);
        least = need < least ? need : least;
    }
    return least;
}

/* What lies behind a workspace is NaN as well, so that values read from there show in the result. */
static void release_workspace(float *block, size_t count, const char *where)
{
    for (size_t i = 0; i < BEHIND; i++)
        if (!isnan(block[count + i]))
            fail_msg("%s: %zu floats behind the workspace are written", where, i + 1);
    release(block, count + BEHIND, "the workspace", where);
}

/* `workspace` floats are room enough for this job, whatever attrs say of the other. */
static void run(struct conv_rig *rig, enum op_job job, const struct op_kernel *kernel, struct team *team,
                size_t workspace)
{
    char where[CONV_TEXT];
    float *in_grad[] = {job == OP_JOB_DATA_GRADIENT ? rig->result[job] : NULL};
    float *param_grad[OP_PARAMS_MAX] = {job == OP_JOB_WEIGHT_GRADIENT ? rig->result[job] : NULL};
    if (job == OP_JOB_DATA_GRADIENT && rig->add[0])
        memcpy(rig->result[job], rig->start, rig->count[job] * sizeof(float));
    else
        for (size_t i = 0; i < rig->count[job]; i++)
            rig->result[job][i] = NAN;
    rig->call.out = job == OP_JOB_FORWARD ? rig->result[job] : NULL;
    rig->call.in_grad = in_grad;
    rig->call.param_grad = param_grad;
    rig->call.workspace = undefined(workspace + BEHIND);
    rig->call.team = team;
    rig->calls++;
    (job == OP_JOB_FORWARD ? op_get(OP_CONV)->forward : op_get(OP_CONV)->backward)(&rig->call);
    conv_rig_describe(where, rig, job, kernel);
    release_workspace(rig->call.workspace, workspace, where);
    expect_fence(rig->result[job], rig->count[job], "the result", where);
}

void conv_rig_run(struct conv_rig *rig, enum op_job job, const struct op_kernel *kernel, struct team *team)
{
    run(rig, job, kernel, team, choose(rig, job, kernel, team));
}

static void expect_same(const struct conv_rig *rig, enum op_job job, const struct op_kernel *kernel, struct team *team,
                        const float *before, const char *what)
{
    char where[CONV_TEXT];
    conv_rig_describe(where, rig, job, kernel);
    if (memcmp(rig->result[job], before, rig->count[job] * sizeof(float)) != 0)
        fail_msg("%s: other bits by %s, a team of %d", where, what, team_threads(team));
}

/* Puts a fresh block in the result's place; gives the one that was there. */
static float *set_aside(struct conv_rig *rig, enum op_job job)
{
    float *before = rig->result[job];
    rig->result[job] = undefined(rig->count[job]);
    return before;
}

void conv_rig_run_again(struct conv_rig *rig, enum op_job job, const struct op_kernel *kernel, struct team *team)
{
    float *before = set_aside(rig, job);
    conv_rig_run(rig, job, kernel, team);
    expect_same(rig, job, kernel, team, before, "another run");
    mem_free_floats(before);
}

bool conv_rig_run_prepared(struct conv_rig *rig, const struct op_kernel *kernel, struct team *team)
{
    char where[CONV_TEXT];
    const struct op_def *op = op_get(OP_CONV);
    size_t workspace = choose(rig, OP_JOB_FORWARD, kernel, team);
    size_t count = op->prepared_floats(&rig->attrs, &rig->in_shape, rig->out_shape);
    if (count == 0)
        return false;
    float *before = set_aside(rig, OP_JOB_FORWARD), *prepared = undefined(count);
    rig->call.team = team;
    op->prepare(&rig->call, prepared);
    rig->call.prepared = prepared;
    rig->param[WEIGHT] = undefined(rig->count[OP_JOB_WEIGHT_GRADIENT]);
    run(rig, OP_JOB_FORWARD, kernel, team, workspace);
    expect_same(rig, OP_JOB_FORWARD, kernel, team, before, "prepared weights");
    conv_rig_describe(where, rig, OP_JOB_FORWARD, kernel);
    release(prepared, count, "prepared weights", where);
    mem_free_floats(rig->param[WEIGHT]);
    mem_free_floats(before);
    rig->param[WEIGHT] = rig->weight;
    rig->call.prepared = NULL;
    return true;
}

/* --- comparing --- */

/* Uniform draws between -a and a have the mean square a * a / 3. */
static double typical(const struct conv_rig *rig, enum op_job job)
{
    const struct op_attrs *a = &rig->attrs;
    if (job == OP_JOB_FORWARD)
        return sqrt(2.0 / 9 + 1.0 / 3); /* a He sum, and a bias or residual */
    if (job == OP_JOB_WEIGHT_GRADIENT)
        return sqrt((double)rig->out_shape.n * rig->out_shape.h * rig->out_shape.w / 9);
    return sqrt(2.0 / 9 * rig->out_shape.c / rig->in_shape.c / (a->stride_h * a->stride_w));
}

struct conv_error conv_rig_error(const struct conv_rig *rig, enum op_job job)
{
    const float *result = rig->result[job], *expected = rig->expected[job];
    double squares = 0, differences = 0, worst = 0, count = (double)rig->count[job], floor = typical(rig, job) / 3;
    for (size_t i = 0; i < rig->count[job]; i++) {
        double d = (double)result[i] - expected[i];
        differences += d * d;
        squares += (double)expected[i] * expected[i];
        worst = fabs(d) > worst || isnan(d) ? fabs(d) : worst;
    }
    squares = fmax(squares, floor * floor * count);
    return (struct conv_error){sqrt(differences / squares), worst / sqrt(squares / count)};
}

struct conv_error conv_rig_expect(const struct conv_rig *rig, enum op_job job, const struct op_kernel *kernel,
                                  struct conv_error bound)
{
    char where[CONV_TEXT];
    struct conv_error e = conv_rig_error(rig, job);
    conv_rig_describe(where, rig, job, kernel);
    if (!(e.relative < bound.relative && e.worst < bound.worst))
        fail_msg("%s: differs from the reference by %g (norm), %g (largest)", where, e.relative, e.worst);
    return e;
}

const char *conv_job_name(enum op_job job)
{
    static const char *const names[] = {"forward", "data gradient", "weight gradient"};
    _Static_assert(THAW_LENGTH(names) == OP_JOBS, "a name for each");
    return names[job];
}

void conv_rig_describe(char text[CONV_TEXT], const struct conv_rig *rig, enum op_job job,
                       const struct op_kernel *kernel)
{
    const struct op_attrs *a = &rig->attrs;
    struct shape4 in = rig->in_shape;
    snprintf(text, CONV_TEXT,
             "%s %s, %dx%dx%dx%d to %d, kernel %dx%d, padding %d %d %d %d, stride %dx%d, dilation %dx%d, groups %d",
             kernel ? kernel->name : "any kernel", kernel ? conv_job_name(job) : "and job", in.n, in.h, in.w, in.c,
             rig->out_shape.c, a->kernel_h, a->kernel_w, a->pad_top, a->pad_left, a->pad_bottom, a->pad_right,
             a->stride_h, a->stride_w, a->dilation_h, a->dilation_w, a->groups);
}
