/* Cross-entropy: the fast form against its reference twin and its gradient against finite differences, over batch sizes,
 * class counts, smoothing and class weights; and the edges: extreme logits, weights of zero, NaN, ties. */
#include "config.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "thaw/base/rng.h"
#include "thaw/ops/loss.h"

enum { N_MOST = 9, CLASSES_MOST = 33, COUNT_MOST = N_MOST * CLASSES_MOST };

struct batch {
    int n, classes, labels[N_MOST];
    float logits[COUNT_MOST], weights[CLASSES_MOST], factors[N_MOST];
    struct loss_options options;
};

static void make_batch(struct batch *b, int n, int classes, float smoothing, bool weighted)
{
    struct rng rng;
    rng_init(&rng, (uint64_t)(n * 100 + classes), RNG_INIT);
    b->n = n;
    b->classes = classes;
    for (int i = 0; i < n * classes; i++)
        b->logits[i] = (float)rng_range(&rng, -3, 3);
    for (int i = 0; i < n; i++)
        b->labels[i] = (int)rng_below(&rng, (uint32_t)classes);
    for (int k = 0; k < classes; k++)
        b->weights[k] = (float)rng_range(&rng, 0.2, 3);
    for (int i = 0; i < n; i++)
        b->factors[i] = (float)rng_range(&rng, 0, 2);
    b->options = (struct loss_options){smoothing, weighted ? b->weights : NULL, weighted ? b->factors : NULL};
}

static struct loss_result measure(const struct batch *b, bool reference, float *p, float *gradient, float *each)
{
    return (reference ? loss_cross_entropy_reference : loss_cross_entropy)(b->logits, b->labels, b->n, b->classes,
                                                                           &b->options, p, gradient, each);
}

static void check_batch(struct batch *b)
{
    float p[2][COUNT_MOST], gradient[2][COUNT_MOST], each[2][N_MOST];
    struct loss_result fast = measure(b, false, p[0], gradient[0], each[0]);
    struct loss_result slow = measure(b, true, p[1], gradient[1], each[1]);
    assert_true(fabs(fast.loss - slow.loss) < 1e-9 * (1 + fabs(slow.loss)));
    assert_int_equal(fast.correct, slow.correct);
    assert_int_equal(fast.correct5, slow.correct5);
    assert_true(measure(b, false, NULL, NULL, NULL).loss == fast.loss);
    for (int i = 0; i < b->n; i++)
        assert_float_equal(each[0][i], each[1][i], 1e-6);
    for (int i = 0; i < b->n * b->classes; i++) {
        assert_float_equal(p[0][i], p[1][i], 1e-6);
        assert_float_equal(gradient[0][i], gradient[1][i], 1e-6);
        float kept = b->logits[i], up = kept + 0.01f, down = kept - 0.01f;
        b->logits[i] = up;
        double high = measure(b, false, NULL, NULL, NULL).loss;
        b->logits[i] = down;
        double low = measure(b, false, NULL, NULL, NULL).loss;
        b->logits[i] = kept;
        assert_float_equal(gradient[0][i], (high - low) / ((double)up - down), 2e-5);
    }
}

static void gradients_equal_finite_differences(void **state)
{
    (void)state;
    static const int sizes[][2] = {{1, 2}, {3, 5}, {9, 7}, {2, 33}, {4, 1}};
    struct batch b;
    for (size_t i = 0; i < THAW_LENGTH(sizes); i++)
        for (int weighted = 0; weighted < 2; weighted++)
            for (int smoothing = 0; smoothing < 3; smoothing++) {
                make_batch(&b, sizes[i][0], sizes[i][1], (float)smoothing * 0.3f, weighted);
                check_batch(&b);
            }
}

static void edges_stay_finite(void **state)
{
    (void)state;
    struct batch b;
    float gradient[COUNT_MOST];
    make_batch(&b, 2, 3, 0, false);
    const float extreme[] = {1e4f, -1e4f, 0, -1e30f, 1e30f, 0};
    for (int i = 0; i < 6; i++)
        b.logits[i] = extreme[i];
    b.labels[0] = 0;
    b.labels[1] = 1;
    struct loss_result r = measure(&b, false, NULL, gradient, NULL);
    assert_true(r.loss == 0);
    assert_int_equal(r.correct, 2);
    make_batch(&b, 3, 4, 0.1f, true); /* no image of this batch counts */
    for (int k = 0; k < 4; k++)
        b.weights[k] = 0;
    for (int way = 0; way < 2; way++) {
        r = measure(&b, way, NULL, gradient, NULL);
        assert_true(r.loss == 0);
        for (int i = 0; i < 12; i++)
            assert_true(gradient[i] == 0);
    }
}

static void a_tie_is_the_first_and_a_nan_is_wrong(void **state)
{
    (void)state;
    struct batch b;
    make_batch(&b, 2, 6, 0, false);
    for (int i = 0; i < 12; i++)
        b.logits[i] = 1;
    b.labels[0] = 0;
    b.labels[1] = 5;
    struct loss_result r = measure(&b, false, NULL, NULL, NULL);
    assert_int_equal(r.correct, 1);
    assert_int_equal(r.correct5, 1);
    for (int i = 0; i < 12; i++)
        b.logits[i] = NAN;
    r = measure(&b, false, NULL, NULL, NULL);
    assert_true(isnan(r.loss));
    assert_int_equal(r.correct, 0);
    assert_int_equal(r.correct5, 0);
    make_batch(&b, 5, 3, 0, false); /* fewer than five classes: always among them */
    assert_int_equal(measure(&b, false, NULL, NULL, NULL).correct5, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_equal_finite_differences),
        cmocka_unit_test(edges_stay_finite),
        cmocka_unit_test(a_tie_is_the_first_and_a_nan_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
