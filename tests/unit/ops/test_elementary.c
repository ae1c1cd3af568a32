/* The vectorised elementary functions and the activations made of them, against libm in double: over a comb through all
 * magnitudes, both signs, at the ends, and NaN. */
#include "config.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "src/ops/activate.h"
#include "src/ops/elementary.h"

static float float_of(uint32_t bits)
{
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

/* |got - wanted| in units of the last place of `wanted`. */
static double ulps(float got, double wanted)
{
    float f = fabsf((float)wanted);
    return fabs(got - wanted) / ((double)nextafterf(f, INFINITY) - f);
}

static float cumulative_of(float x)
{
    float density, cumulative;
    normal_of(x, &density, &cumulative);
    return cumulative;
}

static float density_of(float x)
{
    float density, cumulative;
    normal_of(x, &density, &cumulative);
    return density;
}

static double sigmoid_double(double x)
{
    return 1 / (1 + exp(-x));
}

static double cumulative_double(double x)
{
    return 0.5 * erfc(-x / sqrt(2));
}

static double density_double(double x)
{
    return exp(-x * x / 2) / sqrt(2 * acos(-1));
}

static float exp_float(float x)
{
    return exp_of(x);
}

static float exp2_float(float x)
{
    return exp2_below(-fabsf(x), exp2_least);
}

static double exp2_double(double x)
{
    return exp2(-fabs(x));
}

static float sigmoid_float(float x)
{
    return sigmoid_of(x);
}

static float tanh_float(float x)
{
    return tanh_of(x);
}

static void functions_are_accurate(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        float (*fast)(float);
        double (*exact)(double);
        float most, ulps;
    } rows[] = {
        {"exp", exp_float, exp, 86.9f, 1.1f},
        {"2^-x", exp2_float, exp2_double, 125.9f, 3},
        {"sigmoid", sigmoid_float, sigmoid_double, 86, 2.5f},
        {"tanh", tanh_float, tanh, 100, 1.4f},
        {"cumulative", cumulative_of, cumulative_double, 12.5f, 7},
        {"density", density_of, density_double, 12.5f, 3},
    };
    for (size_t i = 0; i < THAW_LENGTH(rows); i++) {
        double worst = 0;
        float at = 0;
        for (uint32_t bits = 0x2f000000; float_of(bits) <= rows[i].most; bits += 97) {
            for (int sign = -1; sign <= 1; sign += 2) {
                float x = (float)sign * float_of(bits);
                double d = ulps(rows[i].fast(x), rows[i].exact(x));
                if (!(d <= worst)) {
                    worst = d;
                    at = x;
                }
            }
        }
        printf("%-10s %.2f ulp at %g\n", rows[i].name, worst, (double)at);
        if (!(worst <= (double)rows[i].ulps))
            fail_msg("%s is off by %g ulp at %g", rows[i].name, worst, (double)at);
        assert_true(isnan(rows[i].fast(NAN)));
    }
}

static void far_away_is_the_limit(void **state)
{
    (void)state;
    static const float far[] = {100, 1e4f, 1e30f, INFINITY};
    for (size_t i = 0; i < THAW_LENGTH(far); i++) {
        assert_true(sigmoid_of(far[i]) == 1 && sigmoid_of(-far[i]) < 1e-37f && sigmoid_of(-far[i]) >= 0);
        assert_true(tanh_of(far[i]) == 1 && tanh_of(-far[i]) == -1);
        assert_true(cumulative_of(far[i]) == 1 && cumulative_of(-far[i]) < 1e-37f && cumulative_of(-far[i]) >= 0);
        assert_true(exp_of(-far[i]) < 1e-37f && isfinite(exp_of(far[i])));
    }
    assert_true(tanh_of(1e-30f) == 1e-30f && tanh_of(0) == 0 && sigmoid_of(0) == 0.5f && cumulative_of(0) == 0.5f);
}

/* Every activation and its slope against the definition, also in place and behind a ragged end. */
static void activations_follow_their_definitions(void **state)
{
    (void)state;
    enum { COUNT = 4099 };
    static const struct op_attrs attrs = {.alpha = 0.3f, .beta = 0.45f, .low = -1.25f, .high = 2.5f};
    static const enum op_kind kinds[] = {OP_RELU, OP_RELU6,      OP_SIGMOID,    OP_HARD_SIGMOID,
                                         OP_SILU, OP_HARD_SWISH, OP_LEAKY_RELU, OP_GELU,
                                         OP_TANH, OP_CLIP,       OP_QUICK_GELU, OP_GELU_TANH};
    _Static_assert(THAW_LENGTH(kinds) == OP_ACTIVATIONS - 1, "all but none");
    static float in[COUNT], out[COUNT], place[COUNT], slope[COUNT], ones[COUNT];
    for (int i = 0; i < COUNT; i++) {
        in[i] = (float)(i - COUNT / 2) * 0.00513f + 0.0007f;
        ones[i] = 1;
    }
    for (size_t k = 0; k < THAW_LENGTH(kinds); k++) {
        const struct op_def *op = op_get(kinds[k]);
        memcpy(place, in, sizeof place);
        activate(op->activation, &attrs, out, in, COUNT);
        activate(op->activation, &attrs, place, place, COUNT);
        assert_memory_equal(place, out, sizeof out);
        activate_gradient(op->activation, &attrs, slope, op->needs & OP_NEEDS_IN ? in : out, ones, COUNT, false);
        for (int i = 0; i < COUNT; i++) {
            double y = activate_reference(op->activation, &attrs, in[i]);
            double dy = activate_slope_reference(op->activation, &attrs, in[i]);
            if (!(fabs(out[i] - y) <= 4e-7 * fmax(fabs(y), 0.1)))
                fail_msg("%s of %g is %.9g, not %.9g", op->name, (double)in[i], (double)out[i], y);
            if (!(fabs(slope[i] - dy) <= 1e-6))
                fail_msg("the slope of %s at %g is %.9g, not %.9g", op->name, (double)in[i], (double)slope[i], dy);
        }
        place[0] = NAN;
        activate(op->activation, &attrs, out, place, 1);
        assert_true(isnan(out[0])); /* a broken network must show */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(functions_are_accurate),
        cmocka_unit_test(far_away_is_the_limit),
        cmocka_unit_test(activations_follow_their_definitions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
