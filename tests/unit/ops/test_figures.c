/* Pooling (ceil mode, padding in the divisor), norms (running statistics included), convolution, activations, products,
 * shuffles and cross-entropy against what PyTorch computes; op_figures.py made the figures. Both the kernels and their reference twins are held. */
#include "config.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "op_figures.h"
#include "thaw/base/mem.h"
#include "thaw/ops/loss.h"

enum { REFERENCE = 1, WAYS = 2 };

/* The script's value(): what both sides feed. */
static float *values(int seed, size_t count)
{
    float *to = mem_floats(count);
    for (size_t i = 0; i < count; i++)
        to[i] = (float)((double)((i * 7919 + (size_t)seed * 104729) % 2003) / 1001.0 - 1.0);
    return to;
}

static void expect(const char *what, const float *got, const double *figures, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!(fabs(got[i] - figures[i]) <= 2e-6 * (1 + fabs(figures[i]))))
            fail_msg("%s [%zu] is %.9g, PyTorch has %.9g", what, i, got[i], figures[i]);
}

static float *workspace_for(const struct op_def *op, const struct op_call *call)
{
    size_t most = 0;
    for (int backward = 0; backward < 2 && op->workspace_floats; backward++) {
        size_t need =
            op->workspace_floats(call->attrs, call->in_shape, call->out_shape, team_threads(call->team), backward);
        most = need > most ? need : most;
    }
    return mem_floats(most);
}

static void run_pool(enum op_kind kind, const struct pool_figures *p, int way, struct team *team)
{
    const struct op_def *op = op_get(kind);
    struct op_attrs attrs = op_attrs_default();
    struct error error;
    attrs.kernel_h = attrs.kernel_w = p->kernel;
    attrs.stride_h = attrs.stride_w = p->stride;
    attrs.pad_top = attrs.pad_left = attrs.pad_bottom = attrs.pad_right = p->padding;
    attrs.ceil_mode = p->ceil_mode;
    attrs.count_padding = p->count_padding;
    struct op_call call = {.attrs = &attrs, .inputs = 1, .in_shape = &p->in, .team = team};
    assert_true(op->shape(&attrs, 1, &p->in, &call.out_shape, &error));
    assert_int_equal(call.out_shape.h, p->out_h);
    assert_int_equal(call.out_shape.w, p->out_w);
    float *in = values((int)(p - pool_figures), shape4_count(p->in)), *out = mem_floats(shape4_count(call.out_shape));
    const float *const inputs[] = {in};
    call.in = inputs;
    call.out = out;
    (way == REFERENCE ? op->forward_reference : op->forward)(&call);
    expect(op->name, out, kind == OP_MAX_POOL ? p->max : p->avg, shape4_count(call.out_shape));
    mem_free_floats(in);
    mem_free_floats(out);
}

static void pools_are_torchs(void **state)
{
    struct team *team = *state;
    for (size_t i = 0; i < THAW_LENGTH(pool_figures); i++)
        for (int way = 0; way < WAYS; way++) {
            run_pool(OP_MAX_POOL, &pool_figures[i], way, team);
            run_pool(OP_AVG_POOL, &pool_figures[i], way, team);
        }
}

/* A NaN shows in every window that holds it, as in torch, and does not vanish from a diverged run. */
static void a_nan_passes_the_max_pool(void **state)
{
    const struct op_def *op = op_get(OP_MAX_POOL);
    struct op_attrs attrs = op_attrs_default();
    attrs.kernel_h = attrs.kernel_w = attrs.stride_h = attrs.stride_w = 2;
    const struct shape4 shape = {1, 2, 4, 1};
    const float in[] = {1, 2, 3, 4, NAN, 6, 7, 8}, *const inputs[] = {in};
    for (int way = 0; way < WAYS; way++)
        for (int keep = 0; keep < 2; keep++) {
            float out[2] = {0}, saved[2];
            struct op_call call = {.attrs = &attrs, .inputs = 1, .in_shape = &shape, .team = *state};
            call.in = inputs;
            call.out = out;
            call.out_shape = (struct shape4){1, 1, 2, 1};
            call.saved = keep ? saved : NULL;
            (way == REFERENCE ? op->forward_reference : op->forward)(&call);
            assert_true(isnan(out[0]));
            assert_true(out[1] == 8);
        }
}

static void batch_norm_and_its_statistics_are_torchs(void **state)
{
    const struct op_def *op = op_get(OP_BATCH_NORM);
    const struct shape4 shape = {2, 3, 2, 3};
    const double *const out_figures[] = {norm_out_0, norm_out_1, norm_out_2};
    const double *const in_grad_figures[] = {norm_in_grad_0, norm_in_grad_1, norm_in_grad_2};
    const double *const weight_figures[] = {norm_weight_grad_0, norm_weight_grad_1, norm_weight_grad_2};
    const double *const bias_figures[] = {norm_bias_grad_0, norm_bias_grad_1, norm_bias_grad_2};
    const double *const mean_figures[] = {norm_mean_0, norm_mean_1, norm_mean_2};
    const double *const var_figures[] = {norm_var_0, norm_var_1, norm_var_2};
    struct op_attrs attrs = op_attrs_default();
    attrs.eps = 1e-3f;
    attrs.momentum = 0.2f;
    for (int way = 0; way < WAYS; way++) {
        float *param[OP_PARAMS_MAX] = {values(50, 3), values(51, 3), values(52, 3), values(53, 3)};
        for (int k = 0; k < 3; k++) {
            param[0][k] += 1.5f;
            param[3][k] += 2;
        }
        for (int step = 0; step < 3; step++) {
            size_t count = shape4_count(shape);
            float *in = values(60 + step, count), *out_grad = values(70 + step, count);
            float *out = mem_floats(count), *in_grad = mem_floats(count), weight_grad[3], bias_grad[3];
            float *saved = mem_floats(op->saved_floats(&attrs, &shape, shape));
            const float *const inputs[] = {in};
            float *const in_grads[] = {in_grad}, *const param_grads[OP_PARAMS_MAX] = {weight_grad, bias_grad};
            const bool add[] = {false};
            struct op_call call = {.attrs = &attrs, .inputs = 1, .in_shape = &shape, .in = inputs, .out_shape = shape};
            call.out = out;
            call.param = param;
            call.saved = saved;
            call.team = *state;
            call.batch_statistics = step < 2;
            call.workspace = workspace_for(op, &call);
            (way == REFERENCE ? op->forward_reference : op->forward)(&call);
            call.out_grad = out_grad;
            call.in_grad = in_grads;
            call.in_grad_add = add;
            call.param_grad = param_grads;
            (way == REFERENCE ? op->backward_reference : op->backward)(&call);
            expect("batch norm", out, out_figures[step], count);
            expect("batch norm input gradient", in_grad, in_grad_figures[step], count);
            expect("batch norm weight gradient", weight_grad, weight_figures[step], 3);
            expect("batch norm bias gradient", bias_grad, bias_figures[step], 3);
            expect("running mean", param[2], mean_figures[step], 3);
            expect("running variance", param[3], var_figures[step], 3);
            mem_free_floats(in);
            mem_free_floats(out_grad);
            mem_free_floats(out);
            mem_free_floats(in_grad);
            mem_free_floats(call.workspace);
            mem_free_floats(saved);
        }
        for (int i = 0; i < OP_PARAMS_MAX; i++)
            mem_free_floats(param[i]);
    }
}

static void run_conv(int index, int way, struct team *team)
{
    const struct conv_figures *f = &conv_figures[index];
    const struct op_def *op = op_get(OP_CONV);
    struct op_attrs attrs = op_attrs_default();
    struct error error;
    attrs.kernel_h = f->kernel_h;
    attrs.kernel_w = f->kernel_w;
    attrs.stride_h = attrs.stride_w = f->stride;
    attrs.pad_top = f->pad[0];
    attrs.pad_left = f->pad[1];
    attrs.pad_bottom = f->pad[2];
    attrs.pad_right = f->pad[3];
    attrs.dilation_h = attrs.dilation_w = f->dilation;
    attrs.groups = f->groups;
    attrs.out_channels = f->out;
    attrs.bias = true;
    struct op_call call = {.attrs = &attrs, .inputs = 1, .in_shape = &f->in, .team = team};
    assert_true(op->shape(&attrs, 1, &f->in, &call.out_shape, &error));
    size_t ins = shape4_count(f->in), outs = shape4_count(call.out_shape);
    size_t weights = (size_t)(f->kernel_h * f->kernel_w * (f->in.c / f->groups) * f->out), biases = (size_t)f->out;
    float *in = values(80 + index, ins), *out = mem_floats(outs), *in_grad = mem_floats(ins);
    float *param[OP_PARAMS_MAX] = {values(90 + index, weights), values(100 + index, biases)};
    float *const param_grad[OP_PARAMS_MAX] = {mem_floats(weights), mem_floats(biases)};
    float *out_grad = values(110 + index, outs), *const in_grads[] = {in_grad};
    const float *const inputs[] = {in};
    const bool add[] = {false};
    call.in = inputs;
    call.out = out;
    call.param = param;
    call.workspace = workspace_for(op, &call);
    (way == REFERENCE ? op->forward_reference : op->forward)(&call);
    call.out_grad = out_grad;
    call.in_grad = in_grads;
    call.in_grad_add = add;
    call.param_grad = param_grad;
    (way == REFERENCE ? op->backward_reference : op->backward)(&call);
    expect("conv", out, f->values, outs);
    expect("conv input gradient", in_grad, f->in_grad, ins);
    expect("conv weight gradient", param_grad[0], f->weight_grad, weights);
    expect("conv bias gradient", param_grad[1], f->bias_grad, biases);
    float *const all[] = {in, out, in_grad, param[0], param[1], param_grad[0], param_grad[1], out_grad, call.workspace};
    for (size_t i = 0; i < THAW_LENGTH(all); i++)
        mem_free_floats(all[i]);
}

static void convolutions_are_torchs(void **state)
{
    for (int i = 0; i < (int)THAW_LENGTH(conv_figures); i++)
        for (int way = 0; way < WAYS; way++)
            run_conv(i, way, *state);
}

/* One call of an op of one input, or two, and its backward; figures may be NULL. */
static void run_op(enum op_kind kind, const struct op_attrs *attrs, const struct shape4 *in_shape, float *const in[2],
                   float *const param[OP_PARAMS_MAX], float *out_grad, const double *out_figures,
                   const double *const in_figures[2], const double *const param_figures[2], struct team *team)
{
    const struct op_def *op = op_get(kind);
    struct error error;
    for (int way = 0; way < WAYS; way++) {
        struct op_call call = {.attrs = attrs, .inputs = op->inputs_min, .in_shape = in_shape, .team = team};
        assert_true(op->shape(attrs, call.inputs, in_shape, &call.out_shape, &error));
        size_t outs = shape4_count(call.out_shape), channels = (size_t)call.out_shape.c;
        float *in_grad[2] = {NULL}, *out = mem_floats(outs), saved[64];
        float *const param_grad[OP_PARAMS_MAX] = {mem_floats(channels), mem_floats(channels)};
        for (int i = 0; i < call.inputs; i++)
            in_grad[i] = mem_floats(shape4_count(in_shape[i]));
        call.in = (const float *const[]){in[0], in[1]};
        call.out = out;
        call.param = param;
        call.saved = saved;
        call.workspace = workspace_for(op, &call);
        (way == REFERENCE ? op->forward_reference : op->forward)(&call);
        expect(op->name, out, out_figures, outs);
        call.out_grad = out_grad;
        call.in_grad = in_grad;
        call.in_grad_add = (const bool[]){false, false};
        call.param_grad = param_grad;
        if (out_grad)
            (way == REFERENCE ? op->backward_reference : op->backward)(&call);
        for (int i = 0; i < call.inputs && out_grad; i++)
            expect(op->name, in_grad[i], in_figures[i], shape4_count(in_shape[i]));
        for (int i = 0; param_figures && i < 2; i++)
            expect(op->name, param_grad[i], param_figures[i], channels);
        float *const all[] = {out, param_grad[0], param_grad[1], in_grad[0], in_grad[1], call.workspace};
        for (size_t i = 0; i < THAW_LENGTH(all); i++)
            mem_free_floats(all[i]);
    }
}

static void uneven_averages_count_real_pixels(void **state)
{
    const struct shape4 shape = {1, 6, 6, 2};
    struct op_attrs attrs = op_attrs_default();
    attrs.kernel_h = attrs.kernel_w = 3;
    attrs.stride_h = attrs.stride_w = 2;
    attrs.pad_bottom = attrs.pad_right = 1;
    float *in = values(130, shape4_count(shape));
    run_op(OP_AVG_POOL, &attrs, &shape, (float *[]){in, NULL}, NULL, NULL, same_average, NULL, NULL, *state);
    mem_free_floats(in);
}

static void activations_are_torchs(void **state)
{
    const struct shape4 shape = {2, 2, 3, 2};
    for (int i = 0; i < (int)THAW_LENGTH(act_figures); i++) {
        const struct act_figures *f = &act_figures[i];
        struct op_attrs attrs = op_attrs_default();
        attrs.alpha = f->kind == OP_LEAKY_RELU ? 0.1f : 1.0f / 6;
        attrs.beta = 0.5f;
        attrs.low = -1.5f;
        attrs.high = 2.5f;
        float *in = values(140 + i, 24), *out_grad = values(150 + i, 24);
        for (int k = 0; k < 24; k++)
            in[k] *= 4;
        run_op(f->kind, &attrs, &shape, (float *[]){in, NULL}, NULL, out_grad, f->values,
               (const double *[]){f->in_grad, NULL}, NULL, *state);
        mem_free_floats(in);
        mem_free_floats(out_grad);
    }
}

static void layer_norm_is_torchs(void **state)
{
    const struct shape4 shape = {2, 2, 3, 5};
    struct op_attrs attrs = op_attrs_default();
    attrs.eps = 1e-6f;
    size_t count = shape4_count(shape);
    float *in = values(160, count), *weight = values(161, 5), *bias = values(162, 5), *out_grad = values(163, count);
    for (int k = 0; k < 5; k++)
        weight[k] += 1.5f;
    run_op(OP_LAYER_NORM, &attrs, &shape, (float *[]){in, NULL}, (float *[OP_PARAMS_MAX]){weight, bias}, out_grad,
           layer_norm_out, (const double *[]){layer_norm_in_grad, NULL},
           (const double *[]){layer_norm_weight_grad, layer_norm_bias_grad}, *state);
    float *const all[] = {in, weight, bias, out_grad};
    for (size_t i = 0; i < THAW_LENGTH(all); i++)
        mem_free_floats(all[i]);
}

static void products_and_shuffles_are_torchs(void **state)
{
    const struct shape4 shapes[] = {{2, 3, 2, 4}, {2, 1, 1, 4}}, wide = {1, 2, 2, 12};
    struct op_attrs attrs = op_attrs_default();
    float *x = values(170, 48), *s = values(171, 8), *out_grad = values(172, 48), *mixed = values(180, 48);
    run_op(OP_MUL, &attrs, shapes, (float *[]){x, s}, NULL, out_grad, mul_out,
           (const double *[]){mul_in_grad, mul_factor_grad}, NULL, *state);
    attrs.groups = 3;
    run_op(OP_SHUFFLE, &attrs, &wide, (float *[]){mixed, NULL}, NULL, NULL, shuffle_out, NULL, NULL, *state);
    float *const all[] = {x, s, out_grad, mixed};
    for (size_t i = 0; i < THAW_LENGTH(all); i++)
        mem_free_floats(all[i]);
}

static void cross_entropy_is_torchs(void **state)
{
    (void)state;
    enum { N = 4, CLASSES = 7 };
    for (size_t i = 0; i < THAW_LENGTH(loss_figures); i++)
        for (int way = 0; way < WAYS; way++) {
            const struct loss_figures *f = &loss_figures[i];
            const struct loss_options options = {.label_smoothing = f->smoothing,
                                                 .class_weights = f->weighted ? loss_weights : NULL};
            float *logits = values(120, (size_t)N * CLASSES), gradient[N * CLASSES], each[N], p[N * CLASSES];
            for (int k = 0; k < N * CLASSES; k++)
                logits[k] *= 4;
            struct loss_result result = (way == REFERENCE ? loss_cross_entropy_reference : loss_cross_entropy)(
                logits, loss_labels, N, CLASSES, &options, p, gradient, each);
            assert_true(fabs(result.loss - f->mean) < 1e-6);
            expect("loss", each, f->each, N);
            expect("loss gradient", gradient, f->gradient, (size_t)N * CLASSES);
            for (int n = 0; n < N; n++) {
                double sum = 0;
                for (int k = 0; k < CLASSES; k++)
                    sum += p[n * CLASSES + k];
                assert_true(fabs(sum - 1) < 1e-6);
            }
            mem_free_floats(logits);
        }
}

static int make_team(void **state)
{
    *state = team_create(2);
    return 0;
}

static int drop_team(void **state)
{
    team_destroy(*state);
    return 0;
}

/* A mean over 90000 pixels of nearly one value, as the gates of large networks take it: one running sum would be off by
 * 1e-4. */
static void large_averages_are_exact(void **state)
{
    const struct op_def *op = op_get(OP_GLOBAL_AVG_POOL);
    const struct shape4 shape = {1, 300, 300, 70}, out_shape = {1, 1, 1, 70};
    const struct op_attrs attrs = op_attrs_default();
    size_t count = shape4_count(shape), c = (size_t)shape.c;
    float *in = values(80, count), out[70];
    double mean[70] = {0};
    for (size_t i = 0; i < count; i++) {
        in[i] = 1.7f + 1e-3f * in[i];
        mean[i % c] += (double)in[i] * (double)c / (double)count;
    }
    const float *const inputs[] = {in};
    struct op_call call = {.attrs = &attrs, .inputs = 1, .in_shape = &shape, .in = inputs, .out_shape = out_shape};
    call.out = out;
    call.team = *state;
    op->forward(&call);
    for (size_t k = 0; k < c; k++)
        assert_float_equal(out[k], mean[k], 2e-6);
    mem_free_floats(in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pools_are_torchs),
        cmocka_unit_test(a_nan_passes_the_max_pool),
        cmocka_unit_test(batch_norm_and_its_statistics_are_torchs),
        cmocka_unit_test(convolutions_are_torchs),
        cmocka_unit_test(uneven_averages_count_real_pixels),
        cmocka_unit_test(large_averages_are_exact),
        cmocka_unit_test(activations_are_torchs),
        cmocka_unit_test(layer_norm_is_torchs),
        cmocka_unit_test(products_and_shuffles_are_torchs),
        cmocka_unit_test(cross_entropy_is_torchs),
    };
    return cmocka_run_group_tests(tests, make_team, drop_team);
}
