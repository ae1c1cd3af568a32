/* Plans as such: what crosses the frontier, that no two buffers which live together touch, what is folded, what is
 * refused, and how much memory real networks take.
 */
#include "config.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "../../../src/compile/plan_private.h"
#include "../network/small_graph.h"
#include "thaw/source/zoo.h"

struct fixture {
    struct graph *graph;
    struct freeze *freeze;
    struct team *team;
};

static int set_up(void **state)
{
    struct fixture *fixture = mem_alloc(sizeof *fixture);
    fixture->graph = *state != NULL ? modern_graph() : small_graph();
    fixture->freeze = freeze_create(fixture->graph);
    fixture->team = team_create(2);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    freeze_destroy(fixture->freeze);
    graph_destroy(fixture->graph);
    team_destroy(fixture->team);
    mem_free(fixture);
    return 0;
}

static struct plan *make_plan(const struct fixture *fixture, const char *upto, int batch, bool training, bool fold)
{
    struct error error = {0};
    if (upto != NULL && !freeze_upto(fixture->freeze, fixture->graph, upto, &error))
        fail_msg("%s", error.text);
    struct plan_options options = {.batch = batch, .training = training, .fold = fold, .team = fixture->team};
    struct plan *plan = plan_create(fixture->graph, fixture->freeze, &options, &error);
    if (plan == NULL)
        fail_msg("%s", error.text);
    return plan;
}

static void assert_crossings(const struct fixture *fixture, const char *upto, const char *wanted)
{
    struct plan *plan = make_plan(fixture, upto, 2, true, true);
    char names[512] = "";
    for (int i = 0; i < plan_crossings(plan); i++) {
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", i > 0 ? " " : "",
                 fixture->graph->node[plan->crossing[i]].name);
        struct shape4 shape = fixture->graph->node[plan->crossing[i]].shape;
        shape.n = 2;
        assert_true(shape4_equal(plan_crossing_shape(plan, i), shape));
    }
    assert_string_equal(names, wanted);
    assert_int_equal(plan->frontier, freeze_frontier(fixture->freeze, fixture->graph));
    plan_destroy(plan);
}

static void crossings_of_residual_cuts(void **state)
{
    struct fixture *fixture = *state;
    assert_crossings(fixture, "none", "");
    assert_crossings(fixture, "stem", "stem.relu"); /* read by block1's first convolution and by its add */
    assert_crossings(fixture, "block1.1.bn", "stem.relu block1.relu1");
    assert_crossings(fixture, "block2.2.bn", "block1.relu block2.2.bn"); /* the projection is still to come */
    assert_crossings(fixture, "block2", "block2.relu");
    assert_crossings(fixture, "block3.1.conv", "block2.relu block3.1.conv");
    assert_crossings(fixture, "mix.conv", "block3.relu mix.pool mix.relu");
    assert_crossings(fixture, "trunk", "gap");
    assert_crossings(fixture, "fc", "fc");
    struct plan *plan = make_plan(fixture, "none", 2, false, true);
    assert_int_equal(plan->frontier, fixture->graph->nodes);
    assert_int_equal(plan_crossings(plan), 1);
    plan_destroy(plan);
}

/* A portion's buffer lies within the first lane. */
static void check_lane(const struct plan *plan, const struct plan_buffer *a)
{
    const struct plan_buffer *lanes = &plan->buffer[plan->lanes_buffer];
    assert_true(lanes->start <= a->start && a->end <= lanes->end);
    assert_int_equal(a->offset, lanes->offset + a->within);
    assert_true(a->within + a->floats <= plan->lane_floats);
    assert_true(plan->lane_floats * (size_t)team_threads(plan->team) <= lanes->floats);
}

static void check_apart(const struct plan *plan)
{
    for (int i = 0; i < plan->buffers; i++) {
        const struct plan_buffer *a = &plan->buffer[i];
        assert_true(a->start <= a->end);
        assert_int_equal(a->offset % PLAN_ALIGN, 0);
        assert_true(a->offset >= plan->workspace + plan->workspace_floats);
        assert_true(a->offset + a->floats <= plan->floats);
        if (a->portion)
            check_lane(plan, a);
        for (int k = 0; k < i; k++) {
            const struct plan_buffer *b = &plan->buffer[k];
            bool together = a->start <= b->end && b->start <= a->end;
            bool apart = a->offset + a->floats <= b->offset || b->offset + b->floats <= a->offset;
            assert_true(apart || !together || a->portion != b->portion);
        }
    }
}

static void buffers_that_live_together_lie_apart(void **state)
{
    struct fixture *fixture = *state;
    for (int node = 0; node < fixture->graph->nodes; node++) {
        for (int kind = 0; kind < 4; kind++) {
            struct plan *plan = make_plan(fixture, fixture->graph->node[node].name, 3, kind % 2 != 0, kind / 2 != 0);
            check_apart(plan);
            plan_destroy(plan);
        }
    }
    for (uint64_t i = 0; i < 40; i++) {
        small_random_marks(fixture->freeze, fixture->graph, 0.5, i);
        struct plan *plan = make_plan(fixture, NULL, 3, true, true);
        check_apart(plan);
        plan_destroy(plan);
    }
}

static const struct plan_step *step_of(const struct fixture *fixture, const struct plan *plan, const char *name)
{
    for (int s = 0; s < plan->steps; s++) {
        if (plan->step[s].node == graph_find_node(fixture->graph, name))
            return &plan->step[s];
    }
    return NULL;
}

static void assert_step(const struct fixture *fixture, const struct plan *plan, const char *node, const char *out,
                        const char *residual, enum op_activation activation)
{
    const struct plan_step *step = step_of(fixture, plan, node);
    if (step == NULL)
        fail_msg("%s has no step", node);
    assert_string_equal(fixture->graph->node[step->out_node].name, out);
    if (residual == NULL)
        assert_int_equal(step->residual, PLAN_NONE);
    else
        assert_string_equal(fixture->graph->node[step->residual].name, residual);
    assert_int_equal(step->activation, activation);
}

static void frozen_blocks_become_single_calls(void **state)
{
    struct fixture *fixture = *state;
    struct plan *plan = make_plan(fixture, "trunk", 2, true, true);
    assert_step(fixture, plan, "stem.conv", "stem.relu", NULL, OP_ACT_RELU);
    assert_step(fixture, plan, "block1.2.conv", "block1.relu", "stem.relu", OP_ACT_RELU);
    assert_step(fixture, plan, "block2.1.conv", "block2.relu1", NULL, OP_ACT_RELU6);
    assert_step(fixture, plan, "block2.2.conv", "block2.2.bn", NULL, OP_ACT_NONE);
    assert_step(fixture, plan, "block2.downsample.conv", "block2.relu", "block2.2.bn", OP_ACT_RELU);
    assert_step(fixture, plan, "block3.1.conv", "block3.1.bn", NULL, OP_ACT_NONE); /* its shortcut comes after it */
    assert_step(fixture, plan, "block3.add", "block3.relu", NULL, OP_ACT_RELU);
    assert_step(fixture, plan, "mix.conv", "mix.relu", NULL, OP_ACT_RELU);
    assert_step(fixture, plan, "fc", "fc", NULL, OP_ACT_NONE);
    assert_null(step_of(fixture, plan, "stem.bn"));
    assert_int_equal(plan->steps, 16);
    plan_destroy(plan);
    /* the cut right behind a convolution: its value crosses, so nothing goes into it */
    plan = make_plan(fixture, "block1.2.conv", 2, true, true);
    assert_step(fixture, plan, "block1.2.conv", "block1.2.conv", NULL, OP_ACT_NONE);
    assert_step(fixture, plan, "block1.2.bn", "block1.relu", "stem.relu", OP_ACT_RELU);
    plan_destroy(plan);
    plan = make_plan(fixture, "trunk", 2, true, false);
    assert_int_equal(plan->steps, fixture->graph->nodes - 1);
    plan_destroy(plan);
}

static void trained_norms_take_what_is_behind_them(void **state)
{
    struct fixture *fixture = *state;
    struct plan *plan = make_plan(fixture, "none", 2, true, true);
    assert_step(fixture, plan, "stem.conv", "stem.conv", NULL, OP_ACT_NONE);
    assert_step(fixture, plan, "stem.bn", "stem.relu", NULL, OP_ACT_RELU);
    assert_step(fixture, plan, "block1.2.bn", "block1.relu", "stem.relu", OP_ACT_RELU);
    assert_step(fixture, plan, "block2.2.bn", "block2.2.bn", NULL, OP_ACT_NONE); /* its shortcut comes after it */
    assert_step(fixture, plan, "block2.downsample.bn", "block2.relu", "block2.2.bn", OP_ACT_RELU);
    assert_step(fixture, plan, "mix.conv", "mix.conv", NULL, OP_ACT_NONE);
    plan_destroy(plan);
}

static void frozen_modern_blocks_become_single_calls(void **state)
{
    struct fixture *fixture = *state;
    struct plan *plan = make_plan(fixture, "trunk", 2, true, true);
    assert_step(fixture, plan, "stem.conv", "stem.swish", NULL, OP_ACT_HARD_SWISH);
    assert_step(fixture, plan, "block1.1.conv", "block1.1.act", NULL, OP_ACT_SILU);
    assert_step(fixture, plan, "block1.2.conv", "block1.2.act", NULL, OP_ACT_SILU);
    assert_step(fixture, plan, "block1.se.2", "block1.se.gate", NULL, OP_ACT_SIGMOID);
    assert_step(fixture, plan, "block1.3.conv", "block1.add", "stem.swish", OP_ACT_NONE);
    assert_step(fixture, plan, "block2.pre", "block2.act0", NULL, OP_ACT_SILU);
    assert_step(fixture, plan, "block2.1.conv", "block2.act1", NULL, OP_ACT_LEAKY_RELU);
    assert_step(fixture, plan, "block2.2.conv", "block2.act2", NULL, OP_ACT_TANH);
    assert_step(fixture, plan, "block2.downsample.conv", "block2.act3", "block2.act2", OP_ACT_SILU);
    assert_step(fixture, plan, "block3.1.conv", "block3.gate", NULL, OP_ACT_HARD_SIGMOID);
    assert_step(fixture, plan, "mix.conv", "mix.act", NULL, OP_ACT_GELU);
    assert_step(fixture, plan, "mix.project", "mix.clip", "block3.shuffle", OP_ACT_CLIP);
    assert_null(step_of(fixture, plan, "stem.scale"));
    assert_null(step_of(fixture, plan, "mix.scale"));
    plan_destroy(plan);
}

static void backward_stops_where_nothing_learns_below(void **state)
{
    struct fixture *fixture = *state;
    struct error error = {0};
    assert_true(freeze_upto(fixture->freeze, fixture->graph, "block2", &error));
    /* statistics that move end the frozen prefix but learn nothing: no gradient goes there, nothing is kept */
    freeze_set(fixture->freeze, fixture->graph, graph_find_node(fixture->graph, "stem.bn"), FREEZE_STATISTICS, false);
    struct plan *plan = make_plan(fixture, NULL, 2, true, true);
    assert_int_equal(plan->frontier, graph_find_node(fixture->graph, "stem.bn"));
    for (int s = 0; s < plan->steps; s++) {
        bool wanted = plan->step[s].node >= graph_find_node(fixture->graph, "block3.1.conv") &&
                      plan->step[s].node != graph_find_node(fixture->graph, "block3.shortcut");
        assert_int_equal(plan->step[s].backward, wanted);
    }
    plan_destroy(plan);
}

static double processor_seconds(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

/* At once: what takes a while for each image of a batch comes after. */
static void impossible_sizes_are_refused_with_a_sentence(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        int batch;
        size_t budget;
        enum error_kind kind;
        const char *says;
    } rows[] = {{0, 0, ERROR_USAGE, "at least one"},
                {-3, 0, ERROR_USAGE, "at least one"},
                {INT_MAX, 0, ERROR_USAGE, "small cannot take a batch of 2147483647 images"},
                {INT_MAX / 100, 0, ERROR_FAILED, "GB of memory for a batch of 21474836 images"},
                {INT_MAX / 100, (size_t)1 << 30, ERROR_FAILED, "MiB of memory for a batch of 21474836 images"}};
    for (size_t i = 0; i < THAW_LENGTH(rows); i++) {
        struct error error = {0};
        struct plan_options options = {
            .batch = rows[i].batch, .budget = rows[i].budget, .training = true, .fold = true, .team = fixture->team};
        double start = processor_seconds();
        assert_null(plan_create(fixture->graph, fixture->freeze, &options, &error));
        assert_true(processor_seconds() - start < 1);
        assert_int_equal(error.kind, rows[i].kind);
        if (strstr(error.text, rows[i].says) == NULL)
            fail_msg("\"%s\" does not say \"%s\"", error.text, rows[i].says);
    }
}

static double megabytes(struct fixture *fixture, const char *arch, const char *upto, bool training)
{
    struct error error = {0};
    struct fixture real = {.team = fixture->team};
    real.graph = zoo_build(arch, &(struct zoo_options){0}, &error);
    if (real.graph == NULL)
        fail_msg("%s", error.text);
    real.freeze = freeze_create(real.graph);
    struct plan *plan = make_plan(&real, upto, 32, training, true);
    check_apart(plan);
    double size = (double)plan_bytes(plan) / 1e6;
    print_message("%-18s %-9s frozen up to %-6s batch 32: %7.1f MB, %d steps of %d nodes\n", arch,
                  training ? "training" : "inference", upto, size, plan->steps, real.graph->nodes);
    plan_destroy(plan);
    freeze_destroy(real.freeze);
    graph_destroy(real.graph);
    return size;
}

static void real_networks_fit(void **state)
{
    struct fixture *fixture = *state;
    assert_true(megabytes(fixture, "resnet18", "none", true) < 1200);
    assert_true(megabytes(fixture, "resnet18", "layer3", true) < 300);
    assert_true(megabytes(fixture, "resnet18", "trunk", true) < 250);
    assert_true(megabytes(fixture, "resnet18", "none", false) < 250);
    megabytes(fixture, "resnet50", "trunk", true);
    megabytes(fixture, "resnet20", "none", true);
    megabytes(fixture, "mobilenet_v1_0.25", "none", true);
    megabytes(fixture, "mobilenet_v1_0.25", "trunk", true);
    megabytes(fixture, "vgg16_bn", "trunk", true);
}

/* Kernels may want more workspace for few images than for many; a plan has room for any size of call. */
static void the_workspace_is_enough_for_any_part(void **state)
{
    struct fixture *fixture = *state;
    static const char *const archs[] = {"resnet18", "resnet20", "mobilenet_v1_0.25", "vgg11"};
    for (size_t i = 0; i < THAW_LENGTH(archs); i++) {
        struct error error = {0};
        struct fixture real = {.team = fixture->team};
        real.graph = zoo_build(archs[i], &(struct zoo_options){0}, &error);
        if (real.graph == NULL)
            fail_msg("%s", error.text);
        real.freeze = freeze_create(real.graph);
        struct plan *plan = make_plan(&real, "none", 32, true, true);
        for (int s = 0; s < plan->steps; s++) {
            const struct plan_step *step = &plan->step[s];
            const struct op_def *def = op_get(real.graph->node[step->node].kind);
            for (int n = 1; n <= 32; n++) {
                for (int k = 0; k < real.graph->node[step->node].inputs; k++)
                    step->in_shape[k].n = n;
                struct shape4 out = plan_shape(plan, step->node, n);
                for (int backward = 0; backward < 2 && def->workspace_floats != NULL; backward++)
                    assert_true(def->workspace_floats(&step->attrs, step->in_shape, out, 2, backward != 0) <=
                                plan->workspace_floats);
                if (def->saved_floats != NULL)
                    assert_true(def->saved_floats(&step->attrs, step->in_shape, out) <=
                                plan->buffer[step->saved].floats);
            }
        }
        plan_destroy(plan);
        freeze_destroy(real.freeze);
        graph_destroy(real.graph);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define MODERN(name)                                                                                                   \
    {                                                                                                                  \
        "modern: " #name, name, set_up, tear_down, "modern"                                                            \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(crossings_of_residual_cuts),
        TEST(buffers_that_live_together_lie_apart),
        TEST(frozen_blocks_become_single_calls),
        TEST(trained_norms_take_what_is_behind_them),
        MODERN(buffers_that_live_together_lie_apart),
        MODERN(frozen_modern_blocks_become_single_calls),
        TEST(backward_stops_where_nothing_learns_below),
        TEST(impossible_sizes_are_refused_with_a_sentence),
        TEST(the_workspace_is_enough_for_any_part),
        TEST(real_networks_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
