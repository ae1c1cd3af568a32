/* Optimisers against torch.optim (optim_figures.py), state that follows the freeze plan, team sizes that change no bit;
 * schedules against their formulas. */
#include "config.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "optim_figures.h"
#include "src/train/schedule.h"
#include "thaw/base/mem.h"
#include "thaw/train/optim.h"

enum { STEPS = 12 };

/* A linear layer's weight and bias of `count` values each. */
static struct graph *make_graph(int count)
{
    struct error error = {0};
    struct graph *graph = graph_create("test", 1, 1, 1);
    graph_begin_stage(graph, "fc");
    graph_add_linear(graph, "fc", 0, count);
    if (!graph_finish(graph, &error))
        fail_msg("%s", error.text);
    for (int i = 0; i < count; i++) {
        graph_param_values(graph, 0)[i] = (float)(0.1 * i - 0.3);
        graph_param_values(graph, 1)[i] = (float)(0.2 - 0.05 * i);
    }
    return graph;
}

static void fill_gradient(float *gradient, int count, int step, int shift)
{
    for (int i = 0; i < count; i++)
        gradient[i] = (float)(sin(0.7 * (i + shift) + 1.3 * step) * (1 + step % 3));
}

static void train(struct graph *graph, struct optim *optim, int count, int steps)
{
    float *weight = mem_floats((size_t)count), *bias = mem_floats((size_t)count);
    float *gradient[] = {weight, bias};
    (void)graph;
    for (int step = 0; step < steps; step++) {
        fill_gradient(weight, count, step, 0);
        fill_gradient(bias, count, step, 3);
        optim_step(optim, gradient, 0.05 / (1 + step));
    }
    mem_free_floats(weight);
    mem_free_floats(bias);
}

static void as_torch_does(void **state)
{
    (void)state;
    struct team *team = team_create(1);
    for (int kind = 0; kind < OPTIMIZERS; kind++) {
        struct graph *graph = make_graph(7);
        struct freeze *freeze = freeze_create(graph);
        struct optim_settings settings = {(enum optimizer_kind)kind, 0.9, 0.01};
        struct optim *optim = optim_create(graph, &settings, team);
        optim_follow(optim, freeze, 0);
        train(graph, optim, 7, STEPS);
        for (int i = 0; i < 14; i++) {
            double have = graph_param_values(graph, i / 7)[i % 7];
            if (fabs(have - figures[kind][i]) > 2e-6 * (1 + fabs(figures[kind][i])))
                fail_msg("optimiser %d, value %d: %.9g, torch has %.9g", kind, i, have, figures[kind][i]);
        }
        optim_destroy(optim);
        freeze_destroy(freeze);
        graph_destroy(graph);
    }
    team_destroy(team);
}

static void same_bits_for_any_team(void **state)
{
    (void)state;
    enum { COUNT = 20001 };
    float *first = NULL;
    for (int kind = 0; kind < OPTIMIZERS; kind++) {
        for (int threads = 1; threads <= 3; threads++) {
            struct team *team = team_create(threads);
            struct graph *graph = make_graph(COUNT);
            struct freeze *freeze = freeze_create(graph);
            struct optim_settings settings = {(enum optimizer_kind)kind, 0.9, 0.01};
            struct optim *optim = optim_create(graph, &settings, team);
            optim_follow(optim, freeze, 0);
            train(graph, optim, COUNT, 3);
            size_t bytes = graph->values_count * sizeof(float);
            if (threads == 1) {
                first = mem_alloc(bytes);
                memcpy(first, graph->values, bytes);
            }
            assert_memory_equal(first, graph->values, bytes);
            optim_destroy(optim);
            freeze_destroy(freeze);
            graph_destroy(graph);
            team_destroy(team);
        }
        mem_free(first);
    }
}

static void state_follows_the_freeze_plan(void **state)
{
    (void)state;
    struct team *team = team_create(1);
    struct graph *graph = make_graph(7);
    struct freeze *freeze = freeze_create(graph);
    struct optim_settings settings = {OPTIMIZER_ADAMW, 0.9, 0.01};
    struct optim *optim = optim_create(graph, &settings, team);
    float ratio[8];
    assert_null(optim_slot(optim, 0, 0));
    optim_follow(optim, freeze, 0);
    train(graph, optim, 7, 2);
    assert_int_equal(*optim_updates(optim, 0), 2);
    assert_int_equal(optim_ratios(optim, ratio, 8), graph->nodes);
    assert_true(ratio[graph->param[0].node] > 0 && ratio[0] == -1);
    float kept = optim_slot(optim, 0, 1)[3];
    assert_true(kept > 0);

    /* An unchanged plan keeps the moments, a freeze drops them, a thaw begins with none. */
    optim_follow(optim, freeze, 0);
    assert_true(optim_slot(optim, 0, 1)[3] == kept);
    freeze_set(freeze, graph, graph->param[0].node, FREEZE_ALL, true);
    optim_follow(optim, freeze, 0);
    assert_null(optim_slot(optim, 0, 1));
    float before = graph_param_values(graph, 0)[0];
    float *none[] = {NULL, NULL};
    optim_step(optim, none, 0.1);
    assert_true(graph_param_values(graph, 0)[0] == before);
    freeze_set(freeze, graph, graph->param[0].node, FREEZE_ALL, false);
    optim_follow(optim, freeze, 0);
    assert_int_equal(*optim_updates(optim, 0), 0);
    assert_true(optim_slot(optim, 0, 1)[3] == 0);
    optim_destroy(optim);
    freeze_destroy(freeze);
    graph_destroy(graph);
    team_destroy(team);
}

/* A thawed parameter's n-th update is made with n / warm-up of the rate; what moved before has all of it. */
static void thawed_ones_warm_up(void **state)
{
    (void)state;
    struct team *team = team_create(1);
    for (int kind = 0; kind < OPTIMIZERS; kind++) {
        struct graph *graph = make_graph(7), *slow = make_graph(7);
        struct freeze *freeze = freeze_create(graph);
        struct optim_settings settings = {(enum optimizer_kind)kind, 0.9, 0.01};
        struct optim *optim = optim_create(graph, &settings, team), *by_hand = optim_create(slow, &settings, team);
        freeze_set(freeze, graph, graph->param[0].node, FREEZE_ALL, true);
        optim_follow(optim, freeze, 3);
        freeze_set(freeze, graph, graph->param[0].node, FREEZE_ALL, false);
        optim_follow(optim, freeze, 3);
        optim_follow(optim, freeze, 5); /* moves already */
        optim_follow(by_hand, freeze, 0);
        float *gradient[] = {mem_floats(7), mem_floats(7)};
        for (int step = 1; step <= 5; step++) {
            fill_gradient(gradient[0], 7, step, 0);
            fill_gradient(gradient[1], 7, step, 3);
            optim_step(optim, gradient, 0.05);
            optim_step(by_hand, gradient, step < 3 ? 0.05 * (step / 3.0) : 0.05);
        }
        assert_memory_equal(graph->values, slow->values, graph->values_count * sizeof(float));
        assert_int_equal(*optim_warmup(optim, 0), 3);
        mem_free_floats(gradient[0]);
        mem_free_floats(gradient[1]);
        optim_destroy(optim);
        optim_destroy(by_hand);
        freeze_destroy(freeze);
        graph_destroy(graph);
        graph_destroy(slow);
    }
    team_destroy(team);
}

static double lr_at(const struct experiment *experiment, double base, uint64_t position, int batches)
{
    struct schedule_base unset = {.base = base, .anchor = SCHEDULE_NO_ANCHOR};
    return schedule_lr(experiment, unset, position, batches);
}

static void schedules(void **state)
{
    (void)state;
    struct experiment e;
    experiment_init(&e);
    e.train.epochs = 4;
    e.train.schedule = SCHEDULE_CONSTANT;
    assert_true(lr_at(&e, 0.5, 39, 10) == 0.5);
    e.train.schedule = SCHEDULE_COSINE;
    assert_true(lr_at(&e, 1, 0, 10) == 1);
    assert_true(fabs(lr_at(&e, 1, 20, 10) - 0.5) < 1e-12);
    assert_true(fabs(lr_at(&e, 1, 39, 10) - 0.5 * (1 + cos(M_PI * 39 / 40))) < 1e-12);
    e.train.warmup = 0.5;
    assert_true(fabs(lr_at(&e, 1, 0, 10) - 0.2) < 1e-12);
    assert_true(lr_at(&e, 1, 4, 10) == 1 && lr_at(&e, 1, 5, 10) == 1);
    assert_true(fabs(lr_at(&e, 1, 20, 10) - 0.5 * (1 + cos(M_PI * 15 / 35))) < 1e-12);
    e.train.warmup = 0;
    e.train.schedule = SCHEDULE_STEP;
    e.train.step_epochs = 2;
    e.train.step_gamma = 0.1;
    assert_true(lr_at(&e, 1, 19, 10) == 1 && lr_at(&e, 1, 20, 10) == 0.1);
    /* A rate set by hand holds where it was set, and all behind it are in the schedule's proportion. */
    struct schedule_base set = {.base = 0.3, .anchor = 23};
    assert_true(schedule_lr(&e, set, 23, 10) == 0.3 && schedule_lr(&e, set, 39, 10) == 0.3);
    e.train.schedule = SCHEDULE_COSINE;
    assert_true(schedule_lr(&e, set, 23, 10) == 0.3);
    assert_true(fabs(schedule_lr(&e, set, 31, 10) / 0.3 - lr_at(&e, 1, 31, 10) / lr_at(&e, 1, 23, 10)) < 1e-12);
    set.anchor = 40;
    assert_true(schedule_lr(&e, set, 41, 10) == 0.3); /* nothing is left to be in proportion to */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_torch_does),
        cmocka_unit_test(same_bits_for_any_team),
        cmocka_unit_test(state_follows_the_freeze_plan),
        cmocka_unit_test(thawed_ones_warm_up),
        cmocka_unit_test(schedules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
