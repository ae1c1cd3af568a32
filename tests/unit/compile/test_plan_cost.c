/* Costs before they arise: a dry plan takes the bytes that the plan takes, computes again what it computes again, chooses
 * its kernels, and is refused in its words; the jobs of a plan are its work.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/compile/plan_private.h"
#include "tests/unit/network/small_graph.h"
#include "thaw/base/mem.h"
#include "thaw/base/rng.h"
#include "thaw/compile/plan_cost.h"
#include "thaw/source/zoo.h"

/* A case of the property: a network, what is frozen, and how it is compiled. */
struct world {
    struct rng rng;
    struct graph *outline, *graph;
    struct freeze *freeze;
    struct plan_options options; /* without a team */
    char name[128];
};

static unsigned draw(struct world *world, unsigned below)
{
    return rng_below(&world->rng, below);
}

static void draw_freeze(struct world *world)
{
    struct error error = {0};
    const struct graph *graph = world->outline;
    unsigned how = draw(world, 4);
    world->freeze = freeze_create(graph);
    if (how == 1)
        small_random_marks(world->freeze, graph, 0.5, draw(world, 1000));
    else if (how == 2)
        assert_true(freeze_upto(world->freeze, graph, "trunk", &error));
    else if (how == 3)
        assert_true(freeze_upto(world->freeze, graph, graph->stage[draw(world, (unsigned)graph->stages)].name, &error));
}

static void draw_world(struct world *world, const struct zoo_arch *arch, uint64_t seed)
{
    struct error error = {0};
    int side = arch->height < 64 ? arch->height : arch->height < 299 ? 64 : 96;
    side = strncmp(arch->name, "dinov2", 6) == 0 ? 56 : side; /* of patches of 14 */
    struct zoo_options size = {.classes = 7, .height = side, .width = side};
    *world = (struct world){0};
    rng_init(&world->rng, seed, 1);
    world->outline = zoo_outline(arch->name, &size, &error);
    world->graph = zoo_build(arch->name, &size, &error);
    if (!world->outline || !world->graph)
        fail_msg("%s: %s", arch->name, error.text);
    draw_freeze(world);
    world->options = (struct plan_options){.batch = 1 + (int)draw(world, 9),
                                           .training = draw(world, 5) > 0,
                                           .fold = draw(world, 9) > 0,
                                           .no_winograd = draw(world, 3) == 0,
                                           .threads = 1 + (int)draw(world, 3)};
    if (world->options.training)
        world->options.half = (enum plan_half)draw(world, 3);
    snprintf(world->name, sizeof world->name, "%s, batch %d, half %d, %d threads", arch->name, world->options.batch,
             (int)world->options.half, world->options.threads);
}

static void world_finish(struct world *world)
{
    freeze_destroy(world->freeze);
    graph_destroy(world->outline);
    graph_destroy(world->graph);
}

static void assert_same_jobs(const struct world *world, const struct plan *dry, const struct plan *plan)
{
    int count = plan_jobs(dry, NULL);
    struct plan_job *a = mem_array((size_t)count + 1, sizeof *a), *b = mem_array((size_t)count + 1, sizeof *b);
    assert_int_equal(plan_jobs(plan, b), count);
    plan_jobs(dry, a);
    for (int i = 0; i < count; i++) {
        if (a[i].kernel != b[i].kernel || a[i].node != b[i].node || a[i].pass != b[i].pass || a[i].job != b[i].job ||
            a[i].floats != b[i].floats)
            fail_msg("%s: another job at %s", world->name, world->graph->node[b[i].node].name);
        if (a[i].pass != PLAN_PASS_BACKWARD || a[i].kernel)
            assert_ptr_equal(a[i].kernel, plan_kernel_name(plan, a[i].node, a[i].job));
    }
    mem_free(a);
    mem_free(b);
}

/* Of the network without values against the plan that runs. false: neither may be had. */
static bool assert_dry(const struct world *world, size_t budget)
{
    struct error of_dry = {0}, of_plan = {0};
    struct plan_options options = world->options, dried = options;
    dried.budget = options.budget = budget;
    options.threads = 0;
    options.team = team_create(dried.threads);
    struct plan *dry = plan_dry(world->outline, world->freeze, &dried, &of_dry);
    struct plan *plan = plan_create(world->graph, world->freeze, &options, &of_plan);
    assert_non_null(dry);
    bool had = plan != NULL;
    if (!had) {
        assert_false(plan_fits(dry, &of_dry));
        assert_string_equal(of_dry.text, of_plan.text);
    } else {
        double share, dry_share;
        assert_true(plan_fits(dry, &of_dry));
        if (plan_bytes(plan) != plan_bytes(dry))
            fail_msg("%s: %zu bytes told, %zu taken", world->name, plan_bytes(dry), plan_bytes(plan));
        assert_int_equal(plan_recomputed(dry, &dry_share), plan_recomputed(plan, &share));
        assert_true(share == dry_share);
        struct plan_cost cost = plan_cost(dry), wanted = plan_cost(plan);
        assert_memory_equal(&cost, &wanted, offsetof(struct plan_cost, recomputed)); /* padding may differ */
        assert_int_equal(cost.bytes, cost.weights + cost.workspace + cost.values);
        assert_true(cost.gradients <= cost.values);
        assert_same_jobs(world, dry, plan);
    }
    plan_destroy(dry);
    plan_destroy(plan);
    team_destroy(options.team);
    return had;
}

#ifdef THAW_SANITIZED /* ten times as slow: every small architecture once */
enum { DRAWS = 1, SMALL = 12000000 };
#else
enum { DRAWS = 2, SMALL = 30000000 };
#endif

/* Weights of hundreds of megabytes would be folded and packed for nothing. */
static bool is_small(const struct zoo_arch *arch)
{
    struct error error = {0};
    struct graph *outline = zoo_outline(arch->name, &(struct zoo_options){0}, &error);
    bool small = outline && graph_totals(outline).params < SMALL;
    graph_destroy(outline);
    return small;
}

static struct plan_cost cost_of(const struct world *world)
{
    struct error unused = {0};
    struct plan *plan = plan_dry(world->outline, world->freeze, &world->options, &unused);
    struct plan_cost cost = plan_cost(plan);
    plan_destroy(plan);
    return cost;
}

static void a_dry_plan_tells_the_bytes_of_the_plan(void **state)
{
    (void)state;
    int cases = 0, again = 0, refused = 0;
    for (size_t row = 0; zoo_at(row); row++)
        for (uint64_t seed = 0; seed < DRAWS && is_small(zoo_at(row)); seed++) {
            struct world world;
            draw_world(&world, zoo_at(row), 2 * row + seed);
            assert_true(assert_dry(&world, 0));
            struct plan_cost cost = cost_of(&world);
            world.options.budget = cost.bytes / 10 * (4 + draw(&world, 6));
            refused += !assert_dry(&world, world.options.budget);
            again += cost_of(&world).recomputed > 0;
            world_finish(&world);
            cases += 2;
        }
    printf("%d cases, %d refused, %d compute again\n", cases, refused, again);
    assert_true(cases > 90 * DRAWS && refused > 10 * DRAWS && again > 10 * DRAWS);
}

/* The whole network, forward once: as many multiply-adds as it has; what runs again adds its share. */
static void jobs_are_the_work(void **state)
{
    (void)state;
    static const char *const names[] = {"resnet20", "mobilenet_v2", "densenet121", "convnext_tiny"};
    for (size_t i = 0; i < THAW_LENGTH(names); i++) {
        struct error error = {0};
        struct graph *graph = zoo_outline(names[i], &(struct zoo_options){.height = 64, .width = 64}, &error);
        struct plan_options options = {.batch = 4, .training = true, .fold = true, .threads = 2};
        struct plan *plan = plan_dry(graph, NULL, &options, &error);
        options.budget = plan_bytes(plan) / 10 * 6;
        plan_destroy(plan);
        plan = plan_dry(graph, NULL, &options, &error);
        int count = plan_jobs(plan, NULL);
        struct plan_job *job = mem_array((size_t)count, sizeof *job);
        double macs[PLAN_PASSES] = {0}, share;
        plan_jobs(plan, job);
        for (int j = 0; j < count; j++)
            macs[job[j].pass] += job[j].macs;
        double all = 4 * graph_totals(graph).macs;
        assert_true(macs[PLAN_PASS_FROZEN] == 0);
        assert_float_equal(macs[PLAN_PASS_FORWARD] / all, 1, 1e-9);
        assert_true(plan_recomputed(plan, &share) > 0);
        assert_float_equal(macs[PLAN_PASS_AGAIN] / all, share, 1e-9);
        /* all weights learn; of the first layer's input there is no gradient */
        assert_true(macs[PLAN_PASS_BACKWARD] > 1.5 * all && macs[PLAN_PASS_BACKWARD] < 2 * all);
        mem_free(job);
        plan_destroy(plan);
        graph_destroy(graph);
    }
}

/* More than the machine has: told all the same, and refused as the plan would be. */
static void what_no_machine_holds_is_told(void **state)
{
    (void)state;
    struct error error = {0};
    struct graph *graph = zoo_outline("resnet50", &(struct zoo_options){0}, &error);
    struct plan_options options = {.batch = 20000, .training = true, .fold = true, .threads = 2};
    struct plan *plan = plan_dry(graph, NULL, &options, &error);
    assert_non_null(plan);
    assert_true((double)plan_bytes(plan) > 1e12);
    assert_false(plan_fits(plan, &error));
    assert_int_equal(error.kind, ERROR_FAILED);
    assert_non_null(strstr(error.text, "this machine has"));
    plan_destroy(plan);
    options.batch = 1 << 30;
    assert_null(plan_dry(graph, NULL, &options, &error));
    assert_int_equal(error.kind, ERROR_USAGE);
    graph_destroy(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dry_plan_tells_the_bytes_of_the_plan),
        cmocka_unit_test(jobs_are_the_work),
        cmocka_unit_test(what_no_machine_holds_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
