/* Running plans: against the plan-free reference run, against finite differences, and against themselves under every
 * change that must not matter (folding, the size of the team, the size of the batch, the freeze plan, cached crossings).
 */
#include "config.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../../src/compile/plan_private.h"
#include "../network/small_graph.h"
#include "thaw/base/mem.h"
#include "thaw/compile/exec.h"

enum { INPUT_FLOATS = SMALL_BATCH * SMALL_SIZE * SMALL_SIZE * SMALL_CHANNELS, LOGITS = SMALL_BATCH * SMALL_CLASSES };
static const uint64_t seed = 5, at_step = 9;

struct fixture {
    struct graph *graph;
    struct freeze *freeze;
    struct team *team;
    float *values; /* the graph's, as they were at first */
    float input[INPUT_FLOATS], logits_gradient[LOGITS];
};

static int set_up(void **state)
{
    struct fixture *fixture = mem_alloc(sizeof *fixture);
    fixture->graph = *state != NULL ? modern_graph() : small_graph();
    fixture->freeze = freeze_create(fixture->graph);
    fixture->team = team_create(2);
    fixture->values = mem_floats(fixture->graph->values_count);
    memcpy(fixture->values, fixture->graph->values, fixture->graph->values_count * sizeof(float));
    small_random(fixture->input, INPUT_FLOATS, 1);
    small_random(fixture->logits_gradient, LOGITS, 2);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    mem_free_floats(fixture->values);
    freeze_destroy(fixture->freeze);
    graph_destroy(fixture->graph);
    team_destroy(fixture->team);
    mem_free(fixture);
    return 0;
}

static void restore(struct fixture *fixture)
{
    memcpy(fixture->graph->values, fixture->values, fixture->graph->values_count * sizeof(float));
}

static void upto(struct fixture *fixture, const char *name)
{
    struct error error = {0};
    if (!freeze_upto(fixture->freeze, fixture->graph, name, &error))
        fail_msg("%s", error.text);
}

static const struct plan_options folded = {.batch = SMALL_BATCH, .training = true, .fold = true};
static const struct plan_options plain = {.batch = SMALL_BATCH, .training = true};

/* Folded weights are copied now: from the first values. */
static struct plan *make_plan(struct fixture *fixture, struct plan_options options)
{
    struct error error = {0};
    restore(fixture);
    if (options.team == NULL)
        options.team = fixture->team;
    struct plan *plan = plan_create(fixture->graph, fixture->freeze, &options, &error);
    if (plan == NULL)
        fail_msg("%s", error.text);
    return plan;
}

/* A step from the first values: forward and backward, nothing updated but moving statistics. */
static const float *run_step(struct fixture *fixture, struct plan *plan, int n, bool train)
{
    restore(fixture);
    const float *logits = exec_forward(plan, fixture->input, n, train, seed, at_step);
    exec_backward(plan, fixture->logits_gradient, n);
    return logits;
}

static void assert_near(const char *what, const float *a, const float *b, size_t count, double tolerance)
{
    double apart = relative_distance(a, b, count);
    if (!(apart <= tolerance))
        fail_msg("%s: relative distance %g, over %g", what, apart, tolerance);
}

static void assert_gradients_near(const struct fixture *fixture, const struct plan *plan, float **wanted,
                                  double tolerance)
{
    for (int p = 0; p < fixture->graph->params; p++) {
        const struct graph_param *param = &fixture->graph->param[p];
        bool moves = freeze_param_moves(fixture->freeze, fixture->graph, p) && param->role != OP_ROLE_STATISTICS;
        if (moves != (plan_gradient(plan, p) != NULL))
            fail_msg("%s has %s gradient", param->name, moves ? "no" : "a");
        if (moves)
            assert_near(param->name, plan_gradient(plan, p), wanted[p], param->count, tolerance);
    }
}

/* Logits, gradients and moved statistics of this freeze plan, against the reference run. */
static void compare_with_reference(struct fixture *fixture, const struct plan_options *options, int n, bool train)
{
    restore(fixture);
    struct reference *reference = reference_run(fixture->graph, fixture->freeze, fixture->input,
                                                fixture->logits_gradient, n, train, seed, at_step);
    struct plan *plan = make_plan(fixture, *options);
    const float *logits = run_step(fixture, plan, n, train);
    size_t count = (size_t)n * SMALL_CLASSES;
    assert_near("logits", logits, reference->value[fixture->graph->output], count, 1e-5);
    assert_gradients_near(fixture, plan, reference->param_grad, 1e-4);
    plan_destroy(plan);
    reference_destroy(reference);
}

static void every_cut_agrees_with_the_reference(void **state)
{
    struct fixture *fixture = *state;
    for (int node = 0; node < fixture->graph->nodes; node++) {
        upto(fixture, fixture->graph->node[node].name);
        compare_with_reference(fixture, &folded, SMALL_BATCH, true);
        compare_with_reference(fixture, &plain, SMALL_BATCH, false);
    }
}

static void random_freeze_plans_agree_with_the_reference(void **state)
{
    struct fixture *fixture = *state;
    for (uint64_t i = 0; i < 60; i++) {
        small_random_marks(fixture->freeze, fixture->graph, 0.25 + 0.2 * (double)(i % 4), i);
        compare_with_reference(fixture, i % 2 ? &folded : &plain, SMALL_BATCH, i % 3 != 0);
    }
}

static void partial_batches_agree_with_the_reference(void **state)
{
    struct fixture *fixture = *state;
    for (int n = 1; n <= SMALL_BATCH; n++) {
        upto(fixture, "none");
        compare_with_reference(fixture, &folded, n, true);
        upto(fixture, "block2");
        compare_with_reference(fixture, &folded, n, true);
    }
    /* one plan, sizes in any order */
    struct plan *plan = make_plan(fixture, folded);
    float full[LOGITS];
    memcpy(full, run_step(fixture, plan, SMALL_BATCH, false), sizeof full);
    for (int n = SMALL_BATCH; n >= 1; n--)
        assert_near("logits of a part", run_step(fixture, plan, n, false), full, (size_t)n * SMALL_CLASSES, 1e-5);
    assert_memory_equal(run_step(fixture, plan, SMALL_BATCH, false), full, sizeof full);
    plan_destroy(plan);
}

static double loss_of(struct fixture *fixture, struct plan *plan, bool train)
{
    const float *logits = exec_forward(plan, fixture->input, SMALL_BATCH, train, seed, at_step);
    double loss = 0;
    for (int i = 0; i < LOGITS; i++)
        loss += (double)logits[i] * fixture->logits_gradient[i];
    return loss;
}

/* The slope of the loss along the gradient, and along a random half of it, is the length of that. Relu and max pool
 * have kinks, hence the tolerance. */
static void check_slope(struct fixture *fixture, struct plan *plan, int param, bool half, bool train)
{
    const struct graph_param *row = &fixture->graph->param[param];
    float *values = graph_param_values(fixture->graph, param);
    float *along = mem_floats(row->count), *mask = mem_floats(row->count);
    small_random(mask, row->count, 1000 + (uint64_t)param);
    run_step(fixture, plan, SMALL_BATCH, train);
    restore(fixture);
    double square = 0;
    for (size_t i = 0; i < row->count; i++) {
        along[i] = half && mask[i] > 0 ? 0 : plan_gradient(plan, param)[i];
        square += (double)along[i] * along[i];
    }
    double length = sqrt(square), step = 3e-4, loss[2];
    for (int side = 0; side < 2 && length > 0; side++) {
        restore(fixture);
        for (size_t i = 0; i < row->count; i++)
            values[i] += (float)((side ? -step : step) * along[i] / length);
        loss[side] = loss_of(fixture, plan, train);
    }
    restore(fixture);
    double slope = length > 0 ? (loss[0] - loss[1]) / (2 * step) : 0;
    if (fabs(slope - length) > 0.02 * length + 3e-3)
        fail_msg("%s: the loss rises by %g where the gradient says %g", row->name, slope, length);
    mem_free_floats(along);
    mem_free_floats(mask);
}

static void check_slopes(struct fixture *fixture, bool train)
{
    struct plan *plan = make_plan(fixture, folded);
    for (int p = 0; p < fixture->graph->params; p++) {
        if (plan_gradient(plan, p) != NULL) {
            check_slope(fixture, plan, p, false, train);
            check_slope(fixture, plan, p, true, train);
        }
    }
    plan_destroy(plan);
}

static void gradients_are_the_slopes_of_the_loss(void **state)
{
    struct fixture *fixture = *state;
    check_slopes(fixture, true);
    check_slopes(fixture, false);
    freeze_statistics(fixture->freeze, fixture->graph, true);
    check_slopes(fixture, true);
    upto(fixture, "block1");
    check_slopes(fixture, true);
    struct error error = {0};
    assert_true(freeze_match(fixture->freeze, fixture->graph, "block2.downsample.*", false, &error));
    assert_true(freeze_match(fixture->freeze, fixture->graph, "block3 mix.conv", true, &error));
    check_slopes(fixture, true);
}

/* Freezing a part changes no bit of the gradients of the rest, as long as nothing is folded. */
static void frozen_parts_change_no_other_gradient(void **state)
{
    struct fixture *fixture = *state;
    freeze_statistics(fixture->freeze, fixture->graph, true);
    struct plan *all = make_plan(fixture, plain);
    run_step(fixture, all, SMALL_BATCH, true);
    for (uint64_t i = 0; i < 60; i++) {
        small_random_marks(fixture->freeze, fixture->graph, 0.3 + 0.2 * (double)(i % 4), 500 + i);
        int dropout = graph_find_node(fixture->graph, "mix.dropout");
        freeze_set(fixture->freeze, fixture->graph, dropout, FREEZE_DROPOUT, false);
        freeze_statistics(fixture->freeze, fixture->graph, true);
        struct plan *part = make_plan(fixture, plain);
        run_step(fixture, part, SMALL_BATCH, true);
        for (int p = 0; p < fixture->graph->params; p++) {
            size_t size = fixture->graph->param[p].count * sizeof(float);
            if (plan_gradient(part, p) != NULL)
                assert_memory_equal(plan_gradient(part, p), plan_gradient(all, p), size);
        }
        plan_destroy(part);
    }
    plan_destroy(all);
}

static void folding_changes_nothing(void **state)
{
    struct fixture *fixture = *state;
    static const char *const cuts[] = {"none", "stem", "block1", "block2", "block3", "trunk", "fc"};
    for (size_t i = 0; i < THAW_LENGTH(cuts); i++) {
        for (int training = 0; training < 2; training++) {
            upto(fixture, cuts[i]);
            struct plan_options options = {.batch = SMALL_BATCH, .training = training != 0, .poison = true};
            struct plan *without = make_plan(fixture, options);
            options.fold = true;
            struct plan *with = make_plan(fixture, options);
            float logits[LOGITS];
            memcpy(logits, run_step(fixture, without, SMALL_BATCH, true), sizeof logits);
            assert_near(cuts[i], run_step(fixture, with, SMALL_BATCH, true), logits, LOGITS, 1e-5);
            for (int p = 0; p < fixture->graph->params; p++) {
                if (plan_gradient(with, p) != NULL)
                    assert_near(fixture->graph->param[p].name, plan_gradient(with, p), plan_gradient(without, p),
                                fixture->graph->param[p].count, 1e-4);
            }
            plan_destroy(with);
            plan_destroy(without);
        }
    }
}

/* Any portion of the images, one that does not divide the batch included, and for calls of fewer images. */
static void portions_change_nothing(void **state)
{
    struct fixture *fixture = *state;
    static const char *const cuts[] = {"none", "stem", "block1", "block2", "block3", "trunk", "fc"};
    for (size_t i = 0; i < THAW_LENGTH(cuts); i++) {
        upto(fixture, cuts[i]);
        for (int portion = 1; portion < SMALL_BATCH; portion += 3) {
            struct plan_options options = folded;
            options.portion = portion;
            options.poison = portion % 2 != 0;
            compare_with_reference(fixture, &options, SMALL_BATCH, true);
            compare_with_reference(fixture, &options, SMALL_BATCH - 1, true);
            options.training = false;
            struct plan *whole = make_plan(fixture, folded), *plan = make_plan(fixture, options);
            float logits[LOGITS];
            memcpy(logits, exec_forward(whole, fixture->input, SMALL_BATCH, false, seed, at_step), sizeof logits);
            assert_near("logits", exec_forward(plan, fixture->input, SMALL_BATCH, false, seed, at_step), logits, LOGITS,
                        1e-5);
            plan_destroy(whole);
            plan_destroy(plan);
        }
    }
}

/* A step's logits, gradients and moved statistics in one block. */
static float *all_bits(struct fixture *fixture, struct plan *plan, size_t *count)
{
    const struct graph *graph = fixture->graph;
    float *bits = mem_floats(LOGITS + 2 * graph->values_count);
    memcpy(bits, run_step(fixture, plan, SMALL_BATCH, true), LOGITS * sizeof(float));
    memcpy(bits + LOGITS, graph->values, graph->values_count * sizeof(float));
    for (int p = 0; p < graph->params; p++) {
        float *to = bits + LOGITS + graph->values_count + graph->param[p].offset;
        if (plan_gradient(plan, p) != NULL)
            memcpy(to, plan_gradient(plan, p), graph->param[p].count * sizeof(float));
    }
    *count = LOGITS + 2 * graph->values_count;
    return bits;
}

static void any_team_gives_the_same_bits(void **state)
{
    struct fixture *fixture = *state;
    static const char *const cuts[] = {"none", "block1", "trunk"};
    for (size_t i = 0; i < THAW_LENGTH(cuts); i++) {
        float *bits[3];
        size_t count = 0;
        upto(fixture, cuts[i]);
        for (int threads = 1; threads <= 3; threads++) {
            struct team *team = team_create(threads);
            struct plan_options options = folded;
            options.team = team;
            struct plan *plan = make_plan(fixture, options);
            bits[threads - 1] = all_bits(fixture, plan, &count);
            plan_destroy(plan);
            team_destroy(team);
        }
        assert_memory_equal(bits[0], bits[1], count * sizeof(float));
        assert_memory_equal(bits[0], bits[2], count * sizeof(float));
        for (int k = 0; k < 3; k++)
            mem_free_floats(bits[k]);
    }
}

/* With NaN in everything whose life is over, and in the workspace, not a bit changes. */
static void nothing_is_read_after_its_life(void **state)
{
    struct fixture *fixture = *state;
    for (uint64_t i = 0; i < 60; i++) {
        small_random_marks(fixture->freeze, fixture->graph, 0.2 * (double)(i % 5), 900 + i);
        if (i < (uint64_t)fixture->graph->nodes)
            upto(fixture, fixture->graph->node[i].name);
        float *bits[2];
        size_t count = 0;
        for (int poison = 0; poison < 2; poison++) {
            struct plan_options options = i % 2 ? folded : plain;
            options.poison = poison != 0;
            struct plan *plan = make_plan(fixture, options);
            bits[poison] = all_bits(fixture, plan, &count);
            plan_destroy(plan);
        }
        assert_memory_equal(bits[0], bits[1], count * sizeof(float));
        mem_free_floats(bits[0]);
        mem_free_floats(bits[1]);
    }
}

static void descend(struct fixture *fixture, struct plan *plan, int steps)
{
    for (int i = 0; i < steps; i++) {
        exec_forward(plan, fixture->input, SMALL_BATCH, true, seed, (uint64_t)i);
        exec_backward(plan, fixture->logits_gradient, SMALL_BATCH);
        for (int p = 0; p < fixture->graph->params; p++) {
            const float *gradient = plan_gradient(plan, p);
            for (size_t k = 0; k < fixture->graph->param[p].count && gradient != NULL; k++)
                graph_param_values(fixture->graph, p)[k] -= 0.01f * gradient[k];
        }
    }
}

/* Frozen tensors, statistics included, keep every bit while everything else moves. */
static void frozen_tensors_do_not_move(void **state)
{
    struct fixture *fixture = *state;
    const struct graph *graph = fixture->graph;
    for (uint64_t i = 0; i < 20; i++) {
        restore(fixture);
        small_random_marks(fixture->freeze, graph, 0.5, 300 + i);
        struct freeze_proof *proof = freeze_proof_take(fixture->freeze, graph);
        struct plan *plan = make_plan(fixture, folded);
        descend(fixture, plan, 3);
        int checked;
        assert_int_equal(freeze_proof_check(proof, graph, &checked), -1);
        for (int p = 0; p < graph->params; p++) {
            size_t size = graph->param[p].count * sizeof(float);
            bool same = memcmp(graph_param_values(graph, p), fixture->values + graph->param[p].offset, size) == 0;
            bool moves = freeze_param_moves(fixture->freeze, graph, p);
            if (same == moves)
                fail_msg("%s %s", graph->param[p].name, moves ? "did not move" : "moved");
        }
        freeze_proof_destroy(proof);
        plan_destroy(plan);
    }
}

/* The same steps under a plan in which one batch norm's statistics still move: the proof catches it and names it. */
static void the_proof_catches_moving_statistics(void **state)
{
    struct fixture *fixture = *state;
    upto(fixture, "block2");
    struct freeze_proof *proof = freeze_proof_take(fixture->freeze, fixture->graph);
    int norm = graph_find_node(fixture->graph, "block2.2.bn");
    freeze_set(fixture->freeze, fixture->graph, norm, FREEZE_STATISTICS, false);
    struct plan *plan = make_plan(fixture, folded);
    descend(fixture, plan, 1);
    int checked, moved = freeze_proof_check(proof, fixture->graph, &checked);
    assert_true(moved >= 0);
    assert_string_equal(fixture->graph->param[moved].name, "block2.2.bn.running_mean");
    plan_destroy(plan);
    freeze_proof_destroy(proof);
}

/* What a feature cache does: crossings stored once, put back later, give the bits of the whole run. */
static void stored_crossings_give_the_same_bits(void **state)
{
    struct fixture *fixture = *state;
    static const char *const cuts[] = {"stem", "block1.1.conv", "block2.1.bn", "block3.1.conv", "mix.conv", "trunk"};
    for (size_t i = 0; i < THAW_LENGTH(cuts); i++) {
        upto(fixture, cuts[i]);
        struct plan *plan = make_plan(fixture, folded);
        size_t count;
        float *wanted = all_bits(fixture, plan, &count), *stored[8];
        int crossings = plan_crossings(plan);
        assert_in_range(crossings, 1, 8);
        restore(fixture);
        exec_frozen(plan, fixture->input, SMALL_BATCH);
        for (int k = 0; k < crossings; k++) {
            size_t floats = shape4_count(plan_crossing_shape(plan, k));
            stored[k] = mem_floats(floats);
            memcpy(stored[k], plan_crossing_values(plan, k), floats * sizeof(float));
        }
        float other[INPUT_FLOATS];
        small_random(other, INPUT_FLOATS, 77);
        exec_forward(plan, other, SMALL_BATCH, false, 0, 0);
        exec_backward(plan, fixture->logits_gradient, SMALL_BATCH);
        for (int k = 0; k < crossings; k++) {
            memcpy(plan_crossing_values(plan, k), stored[k],
                   shape4_count(plan_crossing_shape(plan, k)) * sizeof(float));
            mem_free_floats(stored[k]);
        }
        for (int again = 0; again < 2; again++) { /* crossings outlive a whole step */
            const float *logits = exec_thawed(plan, NULL, SMALL_BATCH, true, seed, at_step);
            assert_memory_equal(logits, wanted, LOGITS * sizeof(float));
            exec_backward(plan, fixture->logits_gradient, SMALL_BATCH);
            for (int p = 0; p < fixture->graph->params; p++) {
                size_t at = LOGITS + fixture->graph->values_count + fixture->graph->param[p].offset;
                if (plan_gradient(plan, p) != NULL)
                    assert_memory_equal(plan_gradient(plan, p), wanted + at,
                                        fixture->graph->param[p].count * sizeof(float));
            }
        }
        mem_free_floats(wanted);
        plan_destroy(plan);
    }
}

/* The crossings of a cut that a frozen half has computed, to where another plan wants them. */
static void hand_over(const struct graph *graph, struct plan *from, struct plan *to, int cut)
{
    int *node = mem_array((size_t)graph->nodes, sizeof *node);
    int count = plan_cut(graph, cut, node);
    assert_int_equal(count, plan_crossings(from));
    for (int i = 0; i < count; i++)
        memcpy(plan_value(to, node[i]), plan_crossing_values(from, i),
               shape4_count(plan_crossing_shape(from, i)) * sizeof(float));
    mem_free(node);
}

/* What trains on kept features: the halves apart, each without memory for the other, give the bits of the whole. */
static void halves_give_the_bits_of_the_whole(void **state)
{
    struct fixture *fixture = *state;
    static const char *const cuts[] = {"stem", "block1.1.conv", "block2.1.bn", "block3.1.conv", "mix.conv", "trunk"};
    for (size_t i = 0; i < THAW_LENGTH(cuts); i++) {
        upto(fixture, cuts[i]);
        struct plan *whole = make_plan(fixture, folded);
        size_t count, whole_bytes = plan_bytes(whole);
        float *wanted = all_bits(fixture, whole, &count);
        plan_destroy(whole);
        struct plan_options options = folded;
        options.poison = true;
        options.half = PLAN_FROZEN;
        struct plan *frozen = make_plan(fixture, options);
        options.half = PLAN_THAWED;
        struct plan *thawed = make_plan(fixture, options);
        assert_true(plan_bytes(frozen) <= whole_bytes && plan_bytes(thawed) <= whole_bytes);
        exec_frozen(frozen, fixture->input, SMALL_BATCH);
        hand_over(fixture->graph, frozen, thawed, frozen->frontier);
        const float *logits = exec_thawed(thawed, NULL, SMALL_BATCH, true, seed, at_step);
        assert_memory_equal(logits, wanted, LOGITS * sizeof(float));
        exec_backward(thawed, fixture->logits_gradient, SMALL_BATCH);
        for (int p = 0; p < fixture->graph->params; p++) {
            size_t at = LOGITS + fixture->graph->values_count + fixture->graph->param[p].offset;
            assert_null(plan_gradient(frozen, p));
            if (plan_gradient(thawed, p) != NULL)
                assert_memory_equal(plan_gradient(thawed, p), wanted + at,
                                    fixture->graph->param[p].count * sizeof(float));
        }
        mem_free_floats(wanted);
        plan_destroy(frozen);
        plan_destroy(thawed);
    }
}

static struct plan *frozen_upto(struct fixture *fixture, int frontier)
{
    struct plan_options options = folded;
    options.half = PLAN_FROZEN;
    upto(fixture, fixture->graph->node[frontier - 1].name);
    struct plan *plan = make_plan(fixture, options);
    /* Nodes without marks behind it belong to it, too. */
    assert_true(plan->frontier >= frontier);
    return plan;
}

/* A frozen half that begins at an earlier cut gives the bits that it gives from the input, wherever it may. */
static void frozen_halves_go_on_from_earlier_cuts(void **state)
{
    struct fixture *fixture = *state;
    int starts = 0, nodes = fixture->graph->nodes;
    struct plan *deep = frozen_upto(fixture, nodes - 1);
    exec_frozen(deep, fixture->input, SMALL_BATCH);
    size_t floats = shape4_count(plan_crossing_shape(deep, 0));
    float *wanted = mem_floats(floats);
    assert_int_equal(plan_crossings(deep), 1);
    memcpy(wanted, plan_crossing_values(deep, 0), floats * sizeof(float));
    float other[INPUT_FLOATS];
    small_random(other, INPUT_FLOATS, 77);
    for (int cut = 2; cut < nodes - 1; cut++) {
        struct plan *shallow = frozen_upto(fixture, cut);
        if (shallow->frontier == cut && plan_starts_at(deep, cut)) {
            starts++;
            exec_frozen(deep, other, SMALL_BATCH);
            exec_frozen(shallow, fixture->input, SMALL_BATCH);
            hand_over(fixture->graph, shallow, deep, cut);
            exec_frozen_from(deep, cut, SMALL_BATCH);
            assert_memory_equal(plan_crossing_values(deep, 0), wanted, floats * sizeof(float));
        }
        plan_destroy(shallow);
    }
    assert_true(starts > 3);
    mem_free_floats(wanted);
    plan_destroy(deep);
}

/* The odd shapes: the input itself crosses the cut, a value twice in one add and in one product, an activation that is
 * not a value's only reader, a branch that leads nowhere. */
static struct graph *odd_graph(void)
{
    struct graph *graph = graph_create("odd", SMALL_SIZE, SMALL_SIZE, SMALL_CHANNELS);
    int a = graph_add_conv(graph, "a", 0, 4, 3, 1, 1, 1, true);
    int nowhere = graph_add_conv(graph, "nowhere", a, 4, 1, 1, 0, 1, true);
    int b = graph_add_conv(graph, "b", 0, 4, 3, 1, 1, 1, true);
    int twice = graph_add_binary(graph, "twice", OP_ADD, b, b);
    twice = graph_add_binary(graph, "square", OP_MUL, twice, twice);
    int both = graph_add_binary(graph, "both", OP_ADD, twice, a);
    struct op_attrs attrs = op_attrs_default();
    int x = graph_add(graph, "concat", OP_CONCAT, &attrs, 3, (int[]){both, a, both});
    int relu = graph_add_unary(graph, "relu", OP_RELU, a); /* the last reader of a, not the only one */
    x = graph_add(graph, "concat2", OP_CONCAT, &attrs, 2, (int[]){x, relu});
    x = graph_add_unary(graph, "gap", OP_GLOBAL_AVG_POOL, x);
    graph_mark_trunk(graph, x);
    graph_add_linear(graph, "fc", x, SMALL_CLASSES);
    (void)nowhere;
    struct error error = {0};
    if (!graph_finish(graph, &error))
        fail_msg("%s", error.text);
    graph_initialise(graph, 3);
    return graph;
}

static void odd_graphs_agree_with_the_reference(void **state)
{
    struct fixture *fixture = *state;
    struct fixture odd = {.graph = odd_graph(), .team = fixture->team};
    odd.freeze = freeze_create(odd.graph);
    odd.values = mem_floats(odd.graph->values_count);
    memcpy(odd.values, odd.graph->values, odd.graph->values_count * sizeof(float));
    memcpy(odd.input, fixture->input, sizeof odd.input);
    memcpy(odd.logits_gradient, fixture->logits_gradient, sizeof odd.logits_gradient);
    static const char *const cuts[] = {"none", "a", "nowhere", "b", "gap", "fc"};
    for (size_t i = 0; i < THAW_LENGTH(cuts); i++) {
        upto(&odd, cuts[i]);
        struct plan_options options = folded;
        for (int poison = 0; poison < 2; poison++) {
            options.poison = poison != 0;
            compare_with_reference(&odd, &options, SMALL_BATCH, true);
            options.fold = false;
            compare_with_reference(&odd, &options, SMALL_BATCH, false);
        }
    }
    upto(&odd, "a");
    struct plan *plan = make_plan(&odd, folded);
    assert_int_equal(plan_crossings(plan), 2); /* the input and a */
    assert_true(shape4_equal(plan_crossing_shape(plan, 0),
                             (struct shape4){SMALL_BATCH, SMALL_SIZE, SMALL_SIZE, SMALL_CHANNELS}));
    plan_destroy(plan);
    mem_free_floats(odd.values);
    freeze_destroy(odd.freeze);
    graph_destroy(odd.graph);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define MODERN(name)                                                                                                   \
    {                                                                                                                  \
        "modern: " #name, name, set_up, tear_down, "modern"                                                            \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_cut_agrees_with_the_reference),
        TEST(random_freeze_plans_agree_with_the_reference),
        TEST(partial_batches_agree_with_the_reference),
        TEST(gradients_are_the_slopes_of_the_loss),
        TEST(frozen_parts_change_no_other_gradient),
        TEST(folding_changes_nothing),
        TEST(portions_change_nothing),
        TEST(any_team_gives_the_same_bits),
        TEST(nothing_is_read_after_its_life),
        TEST(frozen_tensors_do_not_move),
        TEST(the_proof_catches_moving_statistics),
        TEST(stored_crossings_give_the_same_bits),
        TEST(halves_give_the_bits_of_the_whole),
        TEST(frozen_halves_go_on_from_earlier_cuts),
        TEST(odd_graphs_agree_with_the_reference),
        MODERN(every_cut_agrees_with_the_reference),
        MODERN(random_freeze_plans_agree_with_the_reference),
        MODERN(partial_batches_agree_with_the_reference),
        MODERN(gradients_are_the_slopes_of_the_loss),
        MODERN(frozen_parts_change_no_other_gradient),
        MODERN(folding_changes_nothing),
        MODERN(portions_change_nothing),
        MODERN(any_team_gives_the_same_bits),
        MODERN(nothing_is_read_after_its_life),
        MODERN(frozen_tensors_do_not_move),
        MODERN(the_proof_catches_moving_statistics),
        MODERN(stored_crossings_give_the_same_bits),
        MODERN(halves_give_the_bits_of_the_whole),
        MODERN(frozen_halves_go_on_from_earlier_cuts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
