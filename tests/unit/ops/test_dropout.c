/* Dropout: what is kept is scaled up, the share dropped is the rate, and the mask is a function of (seed, step, salt). */
#include "config.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "thaw/ops/op.h"

enum { COUNT = 20000 };

/* out[i] for in[i] = 1. */
static void drop(struct team *team, float *out, float rate, bool active, uint64_t seed, uint64_t step, uint64_t salt)
{
    float in[COUNT];
    const float *const inputs[] = {in};
    const struct shape4 shape = {4, 5, 10, COUNT / 200};
    struct op_attrs attrs = op_attrs_default();
    for (int i = 0; i < COUNT; i++)
        in[i] = 1;
    attrs.rate = rate;
    struct op_call call = {.attrs = &attrs, .inputs = 1, .in_shape = &shape, .in = inputs, .out_shape = shape};
    call.out = out;
    call.drop = active;
    call.seed = seed;
    call.step = step;
    call.salt = salt;
    call.team = team;
    op_get(OP_DROPOUT)->forward(&call);
}

static void kept_values_are_scaled(void **state)
{
    float out[COUNT];
    drop(*state, out, 0.3f, true, 1, 2, 3);
    double sum = 0;
    int dropped = 0;
    for (int i = 0; i < COUNT; i++) {
        assert_true(out[i] == 0 || fabsf(out[i] - 1 / 0.7f) < 1e-6f);
        dropped += out[i] == 0;
        sum += out[i];
    }
    assert_true(fabs(dropped / (double)COUNT - 0.3) < 0.015);
    assert_true(fabs(sum / COUNT - 1) < 0.02);
    drop(*state, out, 0.3f, false, 1, 2, 3);
    for (int i = 0; i < COUNT; i++)
        assert_true(out[i] == 1);
    drop(*state, out, 0, true, 1, 2, 3);
    for (int i = 0; i < COUNT; i++)
        assert_true(out[i] == 1);
}

static void the_mask_follows_seed_step_and_salt(void **state)
{
    float first[COUNT], other[COUNT];
    drop(*state, first, 0.5f, true, 1, 2, 3);
    drop(*state, other, 0.5f, true, 1, 2, 3);
    assert_memory_equal(first, other, sizeof first);
    static const uint64_t differ[][3] = {{9, 2, 3}, {1, 9, 3}, {1, 2, 9}, {2, 1, 3}, {1, 3, 2}};
    for (size_t d = 0; d < THAW_LENGTH(differ); d++) {
        int same = 0;
        drop(*state, other, 0.5f, true, differ[d][0], differ[d][1], differ[d][2]);
        for (int i = 0; i < COUNT; i++)
            same += first[i] == other[i];
        assert_true(fabs(same / (double)COUNT - 0.5) < 0.02); /* unrelated masks agree half the time */
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kept_values_are_scaled),
        cmocka_unit_test(the_mask_follows_seed_step_and_salt),
    };
    return cmocka_run_group_tests(tests, make_team, drop_team);
}
