/* Every op over a table of shapes: fast kernel against its reference twin, backward against finite differences of the
 * reference forward, the same bits for teams of 1, 2, 3 and 5 threads, in place, and for part of what can be asked. */
#include "config.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cases.h"
#include "src/ops/activate.h"
#include "thaw/base/mem.h"
#include "thaw/base/rng.h"

enum { INPUTS = 4, ENDS = INPUTS + OP_PARAMS_MAX, GUARD = 64 };
/* Larger cases are held against the reference only, whose own gradient the smaller ones prove. */
enum { DIFFERENCES_MACS = 500000 };

/* One op with all its buffers. `grad` holds inputs' gradients, then parameters'. */
struct rig {
    const struct op_def *op;
    const struct gradient_case *c;
    struct op_call call;
    struct op_param param[OP_PARAMS_MAX];
    int params;
    size_t in_count[INPUTS], param_count[OP_PARAMS_MAX], out_count;
    size_t saved_count, workspace_count;
    float *in[INPUTS], *value[OP_PARAMS_MAX], *grad[ENDS], *out, *out_grad, *saved, *workspace;
    float *residual, *residual_grad; /* NULL where the case has none */
    const float *in_view[INPUTS];
    bool add[INPUTS];
};

/* A shuffled ladder around 0 with steps of 0.04, no value within 0.02 of a multiple of 0.04: a step of 0.01 crosses no kink
 * of relu, relu6 and the other activations, where the cases keep theirs at such multiples, and changes no maximum. */
static void fill_apart(float *to, size_t count, uint64_t seed)
{
    uint32_t *order = mem_array(count, sizeof *order);
    struct rng rng;
    float middle = (float)((count < 1024 ? count : 1024) / 2) - 0.5f;
    for (uint32_t i = 0; i < count; i++)
        order[i] = i;
    rng_init(&rng, seed, RNG_INIT);
    rng_shuffle(&rng, order, count);
    for (size_t i = 0; i < count; i++)
        to[i] = ((float)(order[i] % 1024) - middle) * 0.04f;
    mem_free(order);
}

static void fill(float *to, size_t count, uint64_t seed)
{
    for (size_t i = 0; i < count; i++)
        to[i] = (float)rng_uniform_at(seed, RNG_INIT, i) * 2 - 1;
}

/* A block with a fence behind it: what an op writes past its buffers must show without a sanitizer too. */
static float *fenced(size_t count)
{
    float *block = mem_floats(count + GUARD);
    for (size_t i = 0; i < GUARD; i++)
        block[count + i] = -12345;
    return block;
}

static void release(const char *name, float *block, size_t count)
{
    for (size_t i = 0; block && i < GUARD; i++)
        if (block[count + i] != -12345)
            fail_msg("%s: written %zu floats behind a buffer of %zu", name, i + 1, count);
    mem_free_floats(block);
}

static void build(struct rig *rig, const struct gradient_case *c, struct team *team)
{
    *rig = (struct rig){.op = op_get(c->kind), .c = c};
    struct op_call *call = &rig->call;
    struct error error = {0};
    *call = (struct op_call){.attrs = &c->attrs,
                             .inputs = c->inputs,
                             .in_shape = c->in,
                             .batch_statistics = c->batch_statistics,
                             .drop = true,
                             .seed = 3,
                             .step = 5,
                             .salt = 7,
                             .activation = c->activation,
                             .activation_attrs = &c->attrs,
                             .team = team};
    if (!rig->op->shape(&c->attrs, c->inputs, c->in, &call->out_shape, &error))
        fail_msg("%s: %s", c->name, error.text);
    rig->out_count = shape4_count(call->out_shape);
    for (int i = 0; i < c->inputs; i++) {
        rig->in_count[i] = shape4_count(c->in[i]);
        rig->in_view[i] = rig->in[i] = mem_floats(rig->in_count[i]);
        bool kinks = c->kind == OP_MAX_POOL || rig->op->activation != OP_ACT_NONE;
        (kinks ? fill_apart : fill)(rig->in[i], rig->in_count[i], 10 + (uint64_t)i);
        rig->grad[i] = fenced(rig->in_count[i]);
        rig->add[i] = c->add_gradient;
    }
    rig->params = rig->op->params ? rig->op->params(&c->attrs, c->in, rig->param) : 0;
    for (int i = 0; i < rig->params; i++) {
        rig->param_count[i] = (size_t)shape_count(&rig->param[i].shape);
        rig->value[i] = fenced(rig->param_count[i]);
        fill(rig->value[i], rig->param_count[i], 20 + (uint64_t)i);
        if (rig->param[i].init == OP_INIT_ONE) /* gamma, variance: positive */
            for (size_t k = 0; k < rig->param_count[i]; k++)
                rig->value[i][k] = 1.5f + 0.5f * rig->value[i][k];
        if (rig->param[i].role != OP_ROLE_STATISTICS && rig->param[i].role != OP_ROLE_CONSTANT)
            rig->grad[INPUTS + i] = fenced(rig->param_count[i]);
    }
    rig->out = fenced(rig->out_count);
    rig->out_grad = mem_floats(rig->out_count);
    fill(rig->out_grad, rig->out_count, 30);
    if (c->residual) {
        rig->residual = mem_floats(rig->out_count);
        fill(rig->residual, rig->out_count, 40);
        rig->residual_grad = fenced(rig->out_count);
        call->residual = rig->residual;
        call->residual_grad_add = c->add_gradient;
    }
    rig->saved_count = rig->op->saved_floats ? rig->op->saved_floats(&c->attrs, c->in, call->out_shape) : 0;
    rig->saved = fenced(rig->saved_count);
    for (int backward = 0; rig->op->workspace_floats && backward < 2; backward++) {
        size_t need = rig->op->workspace_floats(&c->attrs, c->in, call->out_shape, team_threads(team), backward);
        rig->workspace_count = need > rig->workspace_count ? need : rig->workspace_count;
    }
    rig->workspace = fenced(rig->workspace_count);
    for (size_t i = 0; i < rig->workspace_count; i++)
        rig->workspace[i] = NAN; /* undefined contents must not matter */
    call->in = rig->in_view;
    call->out = rig->out;
    call->param = rig->value;
    call->saved = rig->saved;
    call->workspace = rig->workspace;
    call->in_grad_add = rig->add;
}

static void tear_down(struct rig *rig)
{
    for (int i = 0; i < INPUTS; i++)
        mem_free_floats(rig->in[i]);
    for (int i = 0; i < rig->params; i++) {
        release(rig->c->name, rig->value[i], rig->param_count[i]);
        release(rig->c->name, rig->grad[INPUTS + i], rig->param_count[i]);
    }
    for (int i = 0; i < rig->c->inputs; i++)
        release(rig->c->name, rig->grad[i], rig->in_count[i]);
    release(rig->c->name, rig->out, rig->out_count);
    mem_free_floats(rig->out_grad);
    mem_free_floats(rig->residual);
    release(rig->c->name, rig->residual_grad, rig->out_count);
    release(rig->c->name, rig->saved, rig->saved_count);
    release(rig->c->name, rig->workspace, rig->workspace_count);
}

static void forward(struct rig *rig, bool reference)
{
    rig->call.out_grad = NULL;
    rig->call.residual_grad = NULL;
    (reference ? rig->op->forward_reference : rig->op->forward)(&rig->call);
}

static void backward(struct rig *rig, bool reference)
{
    for (int i = 0; i < rig->c->inputs; i++)
        for (size_t k = 0; k < rig->in_count[i]; k++)
            rig->grad[i][k] = rig->c->add_gradient ? 0.25f : NAN; /* overwriting must not read */
    for (size_t k = 0; rig->residual && k < rig->out_count; k++)
        rig->residual_grad[k] = rig->c->add_gradient ? 0.25f : NAN;
    rig->call.out_grad = rig->out_grad;
    rig->call.in_grad = rig->grad;
    rig->call.param_grad = rig->grad + INPUTS;
    rig->call.residual_grad = rig->residual_grad;
    (reference ? rig->op->backward_reference : rig->op->backward)(&rig->call);
}

/* Largest difference over the RMS of what is expected. */
static double distance(const float *a, const float *expected, size_t count)
{
    double worst = 0, squares = 0;
    for (size_t i = 0; i < count; i++) {
        double d = fabs((double)a[i] - expected[i]);
        worst = d > worst || isnan(d) ? d : worst;
        squares += (double)expected[i] * expected[i];
        if (isnan(d))
            return NAN;
    }
    return worst / (sqrt(squares / (double)count) + 1e-6);
}

/* Winograd's transforms lose a digit; its own test bounds its error. */
static double tolerance(const struct gradient_case *c)
{
    return c->kind == OP_CONV && c->attrs.kernel_h == 3 && c->attrs.kernel_w == 3 ? 2e-4 : 2e-5;
}

static void expect_close(const struct gradient_case *c, const char *what, const float *a, const float *expected,
                         size_t count)
{
    double d = distance(a, expected, count);
    if (!(d < tolerance(c)))
        fail_msg("%s: %s differs from the reference by %g", c->name, what, d);
}

static void compare_with_reference(const struct gradient_case *c, struct team *team)
{
    struct rig fast, slow;
    build(&fast, c, team);
    build(&slow, c, team);
    forward(&fast, false);
    forward(&slow, true);
    expect_close(c, "forward", fast.out, slow.out, slow.out_count);
    for (int i = 0; i < fast.params; i++)
        expect_close(c, fast.param[i].name, fast.value[i], slow.value[i], slow.param_count[i]);
    backward(&fast, false);
    backward(&slow, true);
    for (int i = 0; i < c->inputs; i++)
        expect_close(c, "input gradient", fast.grad[i], slow.grad[i], slow.in_count[i]);
    if (c->residual)
        expect_close(c, "residual gradient", fast.residual_grad, slow.residual_grad, slow.out_count);
    for (int i = 0; i < fast.params; i++)
        if (slow.grad[INPUTS + i])
            expect_close(c, fast.param[i].name, fast.grad[INPUTS + i], slow.grad[INPUTS + i], slow.param_count[i]);
    tear_down(&fast);
    tear_down(&slow);
}

static double projected(struct rig *rig)
{
    double sum = 0;
    float *statistics[2] = {0};
    for (int i = 0, k = 0; i < rig->params; i++) /* forward moves them; a difference must not */
        if (rig->param[i].role == OP_ROLE_STATISTICS) {
            statistics[k] = mem_floats(rig->param_count[i]);
            memcpy(statistics[k++], rig->value[i], rig->param_count[i] * sizeof(float));
        }
    forward(rig, true);
    for (size_t i = 0; i < rig->out_count; i++)
        sum += (double)rig->out[i] * rig->out_grad[i];
    for (int i = 0, k = 0; i < rig->params; i++)
        if (rig->param[i].role == OP_ROLE_STATISTICS) {
            memcpy(rig->value[i], statistics[k], rig->param_count[i] * sizeof(float));
            mem_free_floats(statistics[k++]);
        }
    return sum;
}

static void check_end(struct rig *rig, const char *what, float *values, const float *gradient, size_t count,
                      double start)
{
    size_t step = count / 23 + 1;
    for (size_t i = 0; i < count; i += step) {
        const float kept = values[i], h = 0.01f;
        values[i] = kept + h;
        double up = projected(rig);
        values[i] = kept - h;
        double down = projected(rig);
        values[i] = kept;
        double numeric = (up - down) / (2 * (double)h), analytic = gradient[i] - start;
        if (!(fabs(numeric - analytic) <= 0.01 * fabs(numeric) + 0.006))
            fail_msg("%s: gradient of %s [%zu] is %g, finite difference %g", rig->c->name, what, i, analytic, numeric);
    }
}

/* A fused one, whose argument is wherever the norm puts it. */
static bool has_kinks(enum op_activation activation)
{
    return activation == OP_ACT_RELU || activation == OP_ACT_RELU6 || activation == OP_ACT_CLIP ||
           activation == OP_ACT_LEAKY_RELU || activation == OP_ACT_HARD_SIGMOID || activation == OP_ACT_HARD_SWISH;
}

static void compare_with_differences(const struct gradient_case *c, struct team *team)
{
    struct rig rig;
    struct op_cost cost;
    build(&rig, c, team);
    rig.op->cost(&c->attrs, c->in, rig.call.out_shape, &cost);
    if (cost.macs > DIFFERENCES_MACS || has_kinks(c->activation)) {
        tear_down(&rig);
        return;
    }
    struct rig kept;
    build(&kept, c, team);
    forward(&rig, false);
    backward(&rig, false);
    for (int i = 0; i < rig.params; i++) /* undo the move of the statistics */
        memcpy(rig.value[i], kept.value[i], rig.param_count[i] * sizeof(float));
    for (int i = 0; i < c->inputs; i++)
        check_end(&rig, "input", rig.in[i], rig.grad[i], rig.in_count[i], c->add_gradient ? 0.25 : 0);
    if (c->residual)
        check_end(&rig, "residual", rig.residual, rig.residual_grad, rig.out_count, c->add_gradient ? 0.25 : 0);
    for (int i = 0; i < rig.params; i++)
        if (rig.grad[INPUTS + i])
            check_end(&rig, rig.param[i].name, rig.value[i], rig.grad[INPUTS + i], rig.param_count[i], 0);
    tear_down(&rig);
    tear_down(&kept);
}

static void compare_teams(const struct gradient_case *c)
{
    static const int sizes[] = {2, 3, 5};
    struct team *one = team_create(1);
    struct rig expected;
    build(&expected, c, one);
    forward(&expected, false);
    backward(&expected, false);
    for (size_t s = 0; s < THAW_LENGTH(sizes); s++) {
        struct team *team = team_create(sizes[s]);
        struct rig rig;
        build(&rig, c, team);
        forward(&rig, false);
        backward(&rig, false);
        assert_memory_equal(rig.out, expected.out, rig.out_count * sizeof(float));
        for (int i = 0; i < c->inputs; i++)
            assert_memory_equal(rig.grad[i], expected.grad[i], rig.in_count[i] * sizeof(float));
        if (c->residual)
            assert_memory_equal(rig.residual_grad, expected.residual_grad, rig.out_count * sizeof(float));
        for (int i = 0; i < rig.params; i++) {
            assert_memory_equal(rig.value[i], expected.value[i], rig.param_count[i] * sizeof(float));
            if (rig.grad[INPUTS + i])
                assert_memory_equal(rig.grad[INPUTS + i], expected.grad[INPUTS + i],
                                    rig.param_count[i] * sizeof(float));
        }
        tear_down(&rig);
        team_destroy(team);
    }
    tear_down(&expected);
    team_destroy(one);
}

static void kernels_equal_their_references(void **state)
{
    (void)state;
    struct team *team = team_create(2);
    for (size_t i = 0; i < gradient_cases_count; i++)
        compare_with_reference(&gradient_cases[i], team);
    printf("%zu cases against the reference twins\n", gradient_cases_count);
    team_destroy(team);
}

static void gradients_equal_finite_differences(void **state)
{
    (void)state;
    struct team *team = team_create(2);
    for (size_t i = 0; i < gradient_cases_count; i++)
        compare_with_differences(&gradient_cases[i], team);
    team_destroy(team);
}

static void any_team_gives_the_same_bits(void **state)
{
    (void)state;
    for (size_t i = 0; i < gradient_cases_count; i++)
        compare_teams(&gradient_cases[i]);
}

/* A fused epilogue is the op, then the residual, then the activation. */
static void epilogues_equal_their_parts(void **state)
{
    (void)state;
    static const struct op_attrs attrs = {.alpha = 0.2f, .beta = 0.5f, .low = -3, .high = 4};
    struct team *team = team_create(2);
    for (size_t i = 0; i < gradient_cases_count; i++) {
        const struct gradient_case *c = &gradient_cases[i];
        bool alone = c->kind == OP_AFFINE, fused = c->activation != OP_ACT_NONE || c->residual; /* no residual */
        if (fused ||
            (c->kind != OP_CONV && c->kind != OP_LINEAR && c->kind != OP_ADD && c->kind != OP_BATCH_NORM && !alone))
            continue;
        for (int activation = 0; activation < OP_ACTIVATIONS; activation++) {
            struct rig fast, plain;
            build(&fast, c, team);
            build(&plain, c, team);
            float *residual = mem_floats(fast.out_count);
            fill(residual, fast.out_count, 99);
            fast.call.residual = alone ? NULL : residual;
            fast.call.activation = (enum op_activation)activation;
            fast.call.activation_attrs = &attrs;
            forward(&fast, false);
            forward(&plain, true);
            for (size_t k = 0; k < plain.out_count; k++) {
                float v = plain.out[k] + (alone ? 0 : residual[k]);
                plain.out[k] = (float)activate_reference((enum op_activation)activation, &attrs, v);
            }
            expect_close(c, "epilogue", fast.out, plain.out, plain.out_count);
            mem_free_floats(residual);
            tear_down(&fast);
            tear_down(&plain);
        }
    }
    team_destroy(team);
}

/* What is not asked for (NULL) is left out, and the rest comes out the same; so does forward without `saved`. */
static void compare_parts(const struct gradient_case *c, struct team *team)
{
    float *none[ENDS] = {NULL};
    struct rig all, part;
    build(&all, c, team);
    forward(&all, false);
    backward(&all, false);
    for (int which = 0; which < 3; which++) {
        build(&part, c, team);
        forward(&part, false);
        assert_memory_equal(part.out, all.out, all.out_count * sizeof(float));
        for (int i = 0; i < c->inputs; i++)
            for (size_t k = 0; k < part.in_count[i]; k++)
                part.grad[i][k] = 0.25f;
        part.call.out_grad = part.out_grad;
        part.call.in_grad = which == 0 ? none : part.grad;
        part.call.param_grad = which == 1 ? none : part.grad + INPUTS;
        float *second = part.grad[1];
        if (which == 2) /* one of several inputs */
            part.grad[1] = NULL;
        part.op->backward(&part.call);
        part.grad[1] = second;
        for (int i = 0; i < c->inputs && which > 0; i++)
            if (which == 1 || i != 1)
                assert_memory_equal(part.grad[i], all.grad[i], all.in_count[i] * sizeof(float));
        for (int i = 0; i < part.params && which != 1; i++)
            if (all.grad[INPUTS + i])
                assert_memory_equal(part.grad[INPUTS + i], all.grad[INPUTS + i], all.param_count[i] * sizeof(float));
        tear_down(&part);
    }
    build(&part, c, team);
    part.call.saved = NULL;
    forward(&part, false);
    assert_memory_equal(part.out, all.out, all.out_count * sizeof(float));
    tear_down(&part);
    tear_down(&all);
}

static void what_is_not_asked_for_changes_nothing(void **state)
{
    (void)state;
    struct team *team = team_create(2);
    for (size_t i = 0; i < gradient_cases_count; i++)
        compare_parts(&gradient_cases[i], team);
    team_destroy(team);
}

/* Ops that say so give the same bits with out == in[0] and in_grad[0] == out_grad. */
static void in_place_gives_the_same_bits(void **state)
{
    (void)state;
    struct team *team = team_create(2);
    int seen = 0;
    for (size_t i = 0; i < gradient_cases_count; i++) {
        const struct gradient_case *c = &gradient_cases[i];
        if (!op_get(c->kind)->in_place || c->add_gradient)
            continue;
        seen++;
        struct rig apart, within;
        build(&apart, c, team);
        build(&within, c, team);
        forward(&apart, false);
        backward(&apart, false);
        memcpy(within.out, within.in[0], within.in_count[0] * sizeof(float));
        within.in_view[0] = within.out;
        forward(&within, false);
        assert_memory_equal(within.out, apart.out, apart.out_count * sizeof(float));
        within.in_view[0] = within.in[0]; /* where backward needs it, a plan keeps it */
        float *own = within.grad[0];
        within.grad[0] = within.out_grad;
        within.call.out_grad = within.out_grad;
        within.call.in_grad = within.grad;
        within.call.param_grad = within.grad + INPUTS;
        within.op->backward(&within.call);
        within.grad[0] = own;
        assert_memory_equal(within.out_grad, apart.grad[0], apart.in_count[0] * sizeof(float));
        for (int k = 1; k < c->inputs; k++)
            assert_memory_equal(within.grad[k], apart.grad[k], apart.in_count[k] * sizeof(float));
        for (int k = 0; k < apart.params; k++)
            if (apart.grad[INPUTS + k])
                assert_memory_equal(within.grad[INPUTS + k], apart.grad[INPUTS + k],
                                    apart.param_count[k] * sizeof(float));
        tear_down(&apart);
        tear_down(&within);
    }
    assert_true(seen > 10);
    team_destroy(team);
}

/* The residual's gradient may take the place of the output's. */
static void residual_gradients_in_place_are_the_same_bits(void **state)
{
    (void)state;
    struct team *team = team_create(2);
    int seen = 0;
    for (size_t i = 0; i < gradient_cases_count; i++) {
        const struct gradient_case *c = &gradient_cases[i];
        if (!c->residual || c->add_gradient)
            continue;
        seen++;
        struct rig apart, within;
        build(&apart, c, team);
        build(&within, c, team);
        forward(&apart, false);
        forward(&within, false);
        backward(&apart, false);
        float *own = within.residual_grad;
        within.residual_grad = within.out_grad;
        within.call.out_grad = within.call.residual_grad = within.out_grad;
        within.call.in_grad = within.grad;
        within.call.param_grad = within.grad + INPUTS;
        within.op->backward(&within.call);
        assert_memory_equal(within.residual_grad, apart.residual_grad, apart.out_count * sizeof(float));
        assert_memory_equal(within.grad[0], apart.grad[0], apart.in_count[0] * sizeof(float));
        within.residual_grad = own;
        tear_down(&apart);
        tear_down(&within);
    }
    assert_true(seen > 5);
    team_destroy(team);
}

/* A plan makes room for its largest batch and runs smaller ones in it. */
static void fewer_images_need_no_more_room(void **state)
{
    (void)state;
    for (size_t i = 0; i < gradient_cases_count; i++) {
        const struct gradient_case *c = &gradient_cases[i];
        const struct op_def *op = op_get(c->kind);
        for (int backward = 0; backward < 2 && op->workspace_floats; backward++) {
            size_t least = 0;
            for (int n = 1; n < 20; n++) {
                struct shape4 in[INPUTS], out;
                struct error error;
                for (int k = 0; k < c->inputs; k++) {
                    in[k] = c->in[k];
                    in[k].n = n;
                }
                assert_true(op->shape(&c->attrs, c->inputs, in, &out, &error));
                size_t need = op->workspace_floats(&c->attrs, in, out, 3, backward);
                if (need < least)
                    fail_msg("%s: %zu floats for %d images, %zu for fewer", c->name, need, n, least);
                least = need;
            }
        }
    }
}

/* x + x: one buffer twice among the gradients, the first written, the second added, as a plan lays them out. */
static void a_value_added_to_itself_gets_both_gradients(void **state)
{
    (void)state;
    static const struct gradient_case twice = {
        .name = "add to itself", .kind = OP_ADD, .inputs = 2, .in = {{2, 3, 3, 5}, {2, 3, 3, 5}}};
    struct team *team = team_create(2);
    for (int reference = 0; reference < 2; reference++) {
        struct rig rig;
        build(&rig, &twice, team);
        forward(&rig, reference);
        float *second = rig.grad[1];
        rig.grad[1] = rig.grad[0];
        rig.add[1] = true;
        backward(&rig, reference);
        rig.grad[1] = second;
        for (size_t i = 0; i < rig.in_count[0]; i++)
            assert_float_equal(rig.grad[0][i], 2 * rig.out_grad[i], 0);
        tear_down(&rig);
    }
    team_destroy(team);
}

/* A weight so large that its gradient is cut into blocks, over more pixels than one panel holds: too slow for the
 * reference, so some of it is summed up here. The convolution is 1x1: a gradient is a sum over pixels of products. */
static void large_weight_gradients_sum_over_all_pixels(void **state)
{
    (void)state;
    static const struct gradient_case large = {.name = "large weight",
                                               .kind = OP_CONV,
                                               .inputs = 1,
                                               .in = {{1, 43, 4, 1024}},
                                               .attrs = {.kernel_h = 1,
                                                         .kernel_w = 1,
                                                         .stride_h = 1,
                                                         .stride_w = 1,
                                                         .dilation_h = 1,
                                                         .dilation_w = 1,
                                                         .groups = 1,
                                                         .out_channels = 2100}};
    struct team *team = team_create(2);
    struct rig rig;
    build(&rig, &large, team);
    forward(&rig, false);
    backward(&rig, false);
    int c_in = large.in[0].c, c_out = large.attrs.out_channels, pixels = large.in[0].h * large.in[0].w;
    for (int i = 0; i < 500; i++) {
        int from = i * 37 % c_in, to = i * 101 % c_out;
        double sum = 0;
        for (int p = 0; p < pixels; p++)
            sum += (double)rig.in[0][p * c_in + from] * rig.out_grad[p * c_out + to];
        assert_float_equal(rig.grad[INPUTS][from * c_out + to], sum, 1e-4);
    }
    tear_down(&rig);
    team_destroy(team);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernels_equal_their_references),
        cmocka_unit_test(gradients_equal_finite_differences),
        cmocka_unit_test(any_team_gives_the_same_bits),
        cmocka_unit_test(epilogues_equal_their_parts),
        cmocka_unit_test(what_is_not_asked_for_changes_nothing),
        cmocka_unit_test(fewer_images_need_no_more_room),
        cmocka_unit_test(large_weight_gradients_sum_over_all_pixels),
        cmocka_unit_test(in_place_gives_the_same_bits),
        cmocka_unit_test(residual_gradients_in_place_are_the_same_bits),
        cmocka_unit_test(a_value_added_to_itself_gets_both_gradients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
