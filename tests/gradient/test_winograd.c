/* Winograd's kernels over a table of shapes: forward, data gradient and weight gradient against the reference twin, the
 * same bits for teams of 1, 2, 3 and 5 threads, and the error against double within its bound. The kernels are called
 * directly, so that shapes for which others are faster are held too. */
#include "config.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/ops/activate.h"
#include "../../src/ops/conv_winograd.h"
#include "thaw/base/mem.h"
#include "thaw/base/rng.h"

enum { GUARD = 64 };

struct layer {
    int n, h, w, in, out;
    int top, left, bottom, right; /* padding */
};

static const struct conv_kernel *const kernels[] = {
    &conv_winograd_4_forward, &conv_winograd_4_data, &conv_winograd_4_weights,
    &conv_winograd_2_forward, &conv_winograd_2_data, &conv_winograd_2_weights,
};

/* All buffers of one convolution. */
struct rig {
    struct shape4 in_shape, out_shape;
    struct op_attrs attrs;
    struct conv conv;
    float *in, *out, *weight, *bias, *residual, *out_grad, *in_grad, *weight_grad;
    size_t in_count, out_count, weight_count;
    const float *in_list[1];
    float *param[OP_PARAMS_MAX], *grad_list[1], *param_grad[OP_PARAMS_MAX];
    bool add[1];
    struct op_call call;
};

static float *filled(size_t count, uint64_t seed, float scale)
{
    float *block = mem_floats(count + GUARD);
    for (size_t i = 0; i < count + GUARD; i++)
        block[i] = i < count ? ((float)rng_uniform_at(seed, RNG_INIT, i) * 2 - 1) * scale : -12345;
    return block;
}

static void release(float *block, size_t count, const char *what)
{
    for (size_t i = 0; i < GUARD; i++)
        if (block[count + i] != -12345)
            fail_msg("%zu floats behind %s are written", i + 1, what);
    mem_free_floats(block);
}

static void build(struct rig *rig, const struct layer *s)
{
    *rig = (struct rig){
        .in_shape = {s->n, s->h, s->w, s->in},
        .out_shape = {s->n, s->h + s->top + s->bottom - 2, s->w + s->left + s->right - 2, s->out},
        .attrs = {.kernel_h = 3,
                  .kernel_w = 3,
                  .stride_h = 1,
                  .stride_w = 1,
                  .dilation_h = 1,
                  .dilation_w = 1,
                  .groups = 1,
                  .out_channels = s->out,
                  .bias = true,
                  .pad_top = s->top,
                  .pad_left = s->left,
                  .pad_bottom = s->bottom,
                  .pad_right = s->right},
    };
    rig->in_count = shape4_count(rig->in_shape);
    rig->out_count = shape4_count(rig->out_shape);
    rig->weight_count = 9 * (size_t)s->in * (size_t)s->out;
    rig->in = filled(rig->in_count, 1, 1);
    rig->out = filled(rig->out_count, 2, NAN);
    rig->weight = filled(rig->weight_count, 3, sqrtf(2.0f / (9.0f * (float)s->in)));
    rig->bias = filled((size_t)s->out, 4, 1);
    rig->residual = filled(rig->out_count, 5, 1);
    rig->out_grad = filled(rig->out_count, 6, 1);
    rig->in_grad = filled(rig->in_count, 7, 1);
    rig->weight_grad = filled(rig->weight_count, 8, NAN);
    rig->in_list[0] = rig->in;
    rig->param[0] = rig->weight;
    rig->param[1] = rig->bias;
    rig->grad_list[0] = rig->in_grad;
    rig->param_grad[0] = rig->weight_grad;
    rig->call = (struct op_call){
        .attrs = &rig->attrs,
        .inputs = 1,
        .in_shape = &rig->in_shape,
        .in = rig->in_list,
        .out_shape = rig->out_shape,
        .out = rig->out,
        .param = rig->param,
        .out_grad = rig->out_grad,
        .in_grad = rig->grad_list,
        .in_grad_add = rig->add,
        .param_grad = rig->param_grad,
    };
    rig->conv = conv_geometry(&rig->attrs, rig->in_shape, rig->out_shape);
}

static void tear_down(struct rig *rig)
{
    release(rig->in, rig->in_count, "the input");
    release(rig->out, rig->out_count, "the output");
    release(rig->weight, rig->weight_count, "the weights");
    release(rig->bias, (size_t)rig->out_shape.c, "the bias");
    release(rig->residual, rig->out_count, "the residual");
    release(rig->out_grad, rig->out_count, "the output's gradient");
    release(rig->in_grad, rig->in_count, "the input's gradient");
    release(rig->weight_grad, rig->weight_count, "the weights' gradient");
}

static void run(struct rig *rig, const struct conv_kernel *kernel, struct team *team)
{
    size_t need = kernel->workspace_floats(&rig->conv, team_threads(team));
    rig->call.workspace = filled(need, 9, NAN);
    rig->call.team = team;
    kernel->run(&rig->conv, &rig->call);
    release(rig->call.workspace, need, "the workspace");
}

/* Relative error in the Euclidean norm, and the largest over the root mean square. */
struct error_of {
    double relative, worst;
};

/* Values count as at least `floor` large on average: behind a bound, few or none may be left. */
static struct error_of compare(const float *a, const float *expected, size_t count, double floor)
{
    double squares = 0, differences = 0, worst = 0;
    for (size_t i = 0; i < count; i++) {
        double d = (double)a[i] - expected[i];
        differences += d * d;
        squares += (double)expected[i] * expected[i];
        worst = fabs(d) > worst || isnan(d) ? fabs(d) : worst;
    }
    squares = fmax(squares, floor * floor * (double)count);
    return (struct error_of){sqrt(differences / squares), worst / sqrt(squares / (double)count)};
}

/* What a kernel writes, and what the reference writes in its place. */
static float *target(struct rig *rig, enum op_job job, size_t *count)
{
    *count = job == OP_JOB_FORWARD ? rig->out_count : job == OP_JOB_DATA_GRADIENT ? rig->in_count : rig->weight_count;
    return job == OP_JOB_FORWARD ? rig->out : job == OP_JOB_DATA_GRADIENT ? rig->in_grad : rig->weight_grad;
}

/* One call of a shape: what is fused, and whether the input's gradient is added. Numbers go through the combinations. */
static void choose_call(struct rig *rig, int number)
{
    static const enum op_activation some[] = {OP_ACT_NONE, OP_ACT_RELU, OP_ACT_RELU6, OP_ACT_LEAKY_RELU};
    static const struct op_attrs attrs = {.alpha = 0.2f};
    bool add = number / 4 % 2;
    rig->call.activation = some[number % 4];
    rig->call.activation_attrs = &attrs;
    rig->call.residual = add ? rig->residual : NULL;
    rig->attrs.bias = !add || number % 4 > 0;
    rig->add[0] = add;
}

static void describe(char *text, size_t size, const struct layer *s, const struct conv_kernel *kernel)
{
    snprintf(text, size, "%s job %d, %dx%dx%dx%d to %d, padding %d %d %d %d", kernel->name, (int)kernel->job, s->n,
             s->h, s->w, s->in, s->out, s->top, s->left, s->bottom, s->right);
}

/* The shapes of the table: every size of image from 1 to 13 on each side, every padding, every remainder of channels by
 * a vector's width, drawn so that each meets each; then the ones that cut work in several blocks and ranges. */
enum { DRAWN = 180 };

static struct layer drawn(int number)
{
    static const int channels[] = {1, 2, 3, 5, 7, 8, 12, 15, 16, 17, 19, 20, 24, 31, 32, 33, 40, 47, 48, 65};
    struct rng rng;
    rng_init(&rng, (uint64_t)number, RNG_INIT);
    struct layer s;
    do {
        s.n = 1 + (int)rng_below(&rng, 3);
        s.h = 1 + (int)rng_below(&rng, 13);
        s.w = number % 5 == 0 ? 1 : 1 + (int)rng_below(&rng, 13);
        s.top = (int)rng_below(&rng, 3);
        s.left = (int)rng_below(&rng, 3);
        s.bottom = (int)rng_below(&rng, 3);
        s.right = (int)rng_below(&rng, 3);
    } while (s.h + s.top + s.bottom < 3 || s.w + s.left + s.right < 3);
    s.in = channels[number % (int)THAW_LENGTH(channels)];
    s.out = channels[rng_below(&rng, THAW_LENGTH(channels))];
    return s;
}

static const struct layer cut[] = {
    {9, 20, 20, 16, 16, 1, 1, 1, 1},  {2, 56, 56, 16, 20, 1, 1, 1, 1}, {1, 7, 7, 128, 96, 1, 1, 1, 1},
    {3, 14, 14, 64, 80, 1, 1, 1, 1},  {1, 100, 3, 33, 35, 2, 0, 1, 2}, {40, 5, 4, 17, 18, 1, 1, 1, 1},
    {1, 50, 70, 20, 130, 0, 1, 2, 0}, {2, 30, 31, 96, 64, 1, 1, 1, 1},
};

static struct layer shape_at(int number)
{
    return number < DRAWN ? drawn(number) : cut[number - DRAWN];
}

enum { SHAPES = DRAWN + (int)THAW_LENGTH(cut) };

static void kernels_equal_their_references(void **state)
{
    (void)state;
    struct team *team = team_create(2);
    for (int i = 0; i < SHAPES; i++) {
        struct layer s = shape_at(i);
        struct rig slow;
        build(&slow, &s);
        choose_call(&slow, i);
        op_get(OP_CONV)->forward_reference(&slow.call);
        op_get(OP_CONV)->backward_reference(&slow.call);
        for (size_t k = 0; k < THAW_LENGTH(kernels); k++) {
            char text[200];
            size_t count;
            enum op_job job = kernels[k]->job;
            struct rig fast;
            build(&fast, &s);
            choose_call(&fast, i);
            run(&fast, kernels[k], team);
            float *got = target(&fast, job, &count), *expected = target(&slow, job, &count);
            struct error_of e = compare(got, expected, count, job == OP_JOB_FORWARD ? 0.4 : 1e-6);
            describe(text, sizeof text, &s, kernels[k]);
            if (!(e.worst < 2e-4 && e.relative < 2e-5)) /* of few values, some of which may nearly cancel */
                fail_msg("%s differs from the reference by %g (norm), %g (largest)", text, e.relative, e.worst);
            tear_down(&fast);
        }
        tear_down(&slow);
    }
    printf("%d shapes, %zu kernels against the reference twins\n", SHAPES, THAW_LENGTH(kernels));
    team_destroy(team);
}

static void any_team_gives_the_same_bits(void **state)
{
    (void)state;
    static const int sizes[] = {1, 2, 3, 5};
    struct team *teams[THAW_LENGTH(sizes)];
    for (size_t t = 0; t < THAW_LENGTH(sizes); t++)
        teams[t] = team_create(sizes[t]);
    for (int i = 0; i < SHAPES; i += i < DRAWN ? 5 : 1)
        for (size_t k = 0; k < THAW_LENGTH(kernels); k++) {
            struct layer s = shape_at(i);
            struct rig rig[THAW_LENGTH(sizes)];
            for (size_t t = 0; t < THAW_LENGTH(sizes); t++) {
                build(&rig[t], &s);
                run(&rig[t], kernels[k], teams[t]);
                size_t count;
                float *expected = target(&rig[0], kernels[k]->job, &count);
                assert_memory_equal(target(&rig[t], kernels[k]->job, &count), expected, count * sizeof(float));
            }
            for (size_t t = 0; t < THAW_LENGTH(sizes); t++)
                tear_down(&rig[t]);
        }
    for (size_t t = 0; t < THAW_LENGTH(sizes); t++)
        team_destroy(teams[t]);
}

/* Weights that a plan has transformed beforehand give the same bits as those that a call transforms itself. */
static void prepared_weights_give_the_same_bits(void **state)
{
    (void)state;
    struct team *team = team_create(3);
    for (int i = 0; i < SHAPES; i += i < DRAWN ? 5 : 1)
        for (size_t k = 0; k < THAW_LENGTH(kernels); k++) {
            if (!kernels[k]->prepare)
                continue;
            struct layer s = shape_at(i);
            struct rig plain, quick;
            build(&plain, &s);
            build(&quick, &s);
            run(&plain, kernels[k], team);
            size_t count = kernels[k]->prepared_floats(&quick.conv);
            float *prepared = filled(count, 10, NAN);
            quick.call.team = team;
            kernels[k]->prepare(&quick.conv, &quick.call, prepared);
            memset(quick.weight, 0xff, quick.weight_count * sizeof(float)); /* no longer read */
            quick.call.prepared = prepared;
            run(&quick, kernels[k], team);
            assert_memory_equal(quick.out, plain.out, plain.out_count * sizeof(float));
            release(prepared, count, "prepared weights");
            tear_down(&plain);
            tear_down(&quick);
        }
    team_destroy(team);
}

/* --- accuracy --- */

/* One value of a job's result, summed in double. */
static double exact(const struct rig *rig, enum op_job job, size_t index)
{
    struct shape4 in = rig->in_shape, out = rig->out_shape;
    size_t wide = (size_t)(job == OP_JOB_DATA_GRADIENT ? in.c : out.c), pixel = index / wide, channel = index % wide;
    double sum = 0;
    if (job == OP_JOB_WEIGHT_GRADIENT) {
        int i = (int)(pixel % (size_t)in.c), tap = (int)(pixel / (size_t)in.c);
        for (int n = 0; n < out.n; n++)
            for (int y = 0; y < out.h; y++)
                for (int x = 0; x < out.w; x++) {
                    int iy = y + tap / 3 - rig->attrs.pad_top, ix = x + tap % 3 - rig->attrs.pad_left;
                    if (iy >= 0 && iy < in.h && ix >= 0 && ix < in.w)
                        sum += (double)rig->in[((n * in.h + iy) * in.w + ix) * in.c + i] *
                               rig->out_grad[((n * out.h + y) * out.w + x) * out.c + (int)channel];
                }
        return sum;
    }
    bool data = job == OP_JOB_DATA_GRADIENT;
    struct shape4 to = data ? in : out, from = data ? out : in;
    int x = (int)(pixel % (size_t)to.w), y = (int)(pixel / (size_t)to.w % (size_t)to.h);
    int n = (int)(pixel / (size_t)to.w / (size_t)to.h);
    for (int tap = 0; tap < 9; tap++) {
        int dy = tap / 3 - rig->attrs.pad_top, dx = tap % 3 - rig->attrs.pad_left;
        int fy = data ? y - dy : y + dy, fx = data ? x - dx : x + dx;
        if (fy < 0 || fy >= from.h || fx < 0 || fx >= from.w)
            continue;
        for (int c = 0; c < from.c; c++) {
            int i = data ? (int)channel : c, o = data ? c : (int)channel;
            sum += (double)(data ? rig->out_grad : rig->in)[((n * from.h + fy) * from.w + fx) * from.c + c] *
                   rig->weight[(tap * in.c + i) * out.c + o];
        }
    }
    return sum;
}

static void make_normal(float *values, size_t count, uint64_t seed, double deviation, bool positive)
{
    struct rng rng;
    rng_init(&rng, seed, RNG_INIT);
    for (size_t i = 0; i < count; i++) {
        double v = rng_normal(&rng) * deviation;
        values[i] = (float)(positive && v < 0 ? 0 : v);
    }
}

/* As in a network: weights as He et al. initialise them, images that a relu has left, gradients around 0. The bound is the
 * one stated in HACKING.md; a plain sum in float has about 3e-7. */
static void errors_stay_within_their_bound(void **state)
{
    (void)state;
    static const struct layer layers[] = {
        {1, 56, 56, 64, 64, 1, 1, 1, 1},  {2, 32, 32, 16, 16, 1, 1, 1, 1}, {1, 28, 28, 128, 128, 1, 1, 1, 1},
        {2, 14, 14, 256, 64, 1, 1, 1, 1}, {4, 7, 7, 512, 128, 1, 1, 1, 1}, {1, 27, 25, 48, 33, 0, 2, 1, 1},
    };
    struct team *team = team_create(2);
    for (size_t l = 0; l < THAW_LENGTH(layers); l++)
        for (size_t k = 0; k < THAW_LENGTH(kernels); k++) {
            struct rig rig;
            size_t count;
            enum op_job job = kernels[k]->job;
            build(&rig, &layers[l]);
            rig.attrs.bias = false;
            make_normal(rig.in, rig.in_count, 1, 1, true);
            make_normal(rig.weight, rig.weight_count, 2, sqrt(2.0 / (9 * layers[l].in)), false);
            make_normal(rig.out_grad, rig.out_count, 3, 1, false);
            run(&rig, kernels[k], team);
            float *got = target(&rig, job, &count);
            double differences = 0, squares = 0;
            size_t step = count / 2000 + 1;
            for (size_t i = l; i < count; i += step) {
                double expected = exact(&rig, job, i);
                differences += (got[i] - expected) * (got[i] - expected);
                squares += expected * expected;
            }
            char text[200];
            describe(text, sizeof text, &layers[l], kernels[k]);
            printf("%s: relative error %.2g\n", text, sqrt(differences / squares));
            if (!(sqrt(differences / squares) < (kernels[k]->name[9] == '4' ? 5e-6 : 1e-6)))
                fail_msg("%s: relative error %g", text, sqrt(differences / squares));
            tear_down(&rig);
        }
    team_destroy(team);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernels_equal_their_references),
        cmocka_unit_test(any_team_gives_the_same_bits),
        cmocka_unit_test(prepared_weights_give_the_same_bits),
        cmocka_unit_test(errors_stay_within_their_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
