/* The machine's speed is measured once for each number of threads and remembered; what is damaged is measured again. Times
 * of a plan are the sum of its jobs', and follow the table of measured kernels where that knows one.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/network/small_graph.h"
#include "thaw/base/file.h"
#include "thaw/base/ledger.h"
#include "thaw/base/mem.h"
#include "thaw/compile/speed.h"
#include "thaw/source/zoo.h"

struct fixture {
    char folder[64], *home, *speed, *kernels;
    struct team *team;
    struct speed measured;
};

static int set_up(void **state)
{
    struct fixture *f = mem_alloc(sizeof *f);
    snprintf(f->folder, sizeof f->folder, "/tmp/thaw-speed-XXXXXX");
    if (!mkdtemp(f->folder))
        return -1;
    setenv("XDG_CACHE_HOME", f->folder, 1);
    f->home = mem_format("%s/thaw", f->folder);
    f->speed = path_join(f->home, "speed");
    f->kernels = path_join(f->home, "kernels");
    f->team = team_create(2);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    unlink(f->speed);
    unlink(f->kernels);
    rmdir(f->home);
    rmdir(f->folder);
    mem_free(f->home);
    mem_free(f->speed);
    mem_free(f->kernels);
    team_destroy(f->team);
    mem_free(f);
    return 0;
}

static void assert_near(double a, double b)
{
    assert_true(a > 0.999 * b && a < 1.001 * b);
}

static bool never(void *context)
{
    (void)context;
    return false;
}

static void what_was_measured_is_remembered(void **state)
{
    struct fixture *f = *state;
    struct speed read;
    assert_false(speed_read(&read, 2));
    assert_false(speed_measure(&read, f->team, never, NULL));
    assert_false(speed_read(&read, 2));
    assert_true(speed_measure(&f->measured, f->team, NULL, NULL));
    assert_true(f->measured.call > 0 && f->measured.call < 0.1);
    assert_true(speed_read(&read, 2));
    assert_int_equal(read.threads, 2);
    assert_near(read.call, f->measured.call);
    assert_near(read.memory, f->measured.memory);
    for (int kind = OP_BATCH_NORM; kind < OP_KINDS; kind++)
        for (int pass = 0; pass < SPEED_PASSES && kind != OP_ATTENTION && kind != OP_WINDOW_ATTENTION; pass++)
            assert_near(read.passes[kind][pass], f->measured.passes[kind][pass]);
    for (int activation = OP_ACT_NONE + 1; activation < OP_ACTIVATIONS; activation++)
        assert_near(read.activation[activation], f->measured.activation[activation]);
    assert_false(speed_read(&read, 3)); /* other threads, other figures */
}

static void what_is_damaged_is_measured_again(void **state)
{
    struct fixture *f = *state;
    static const char *const values[] = {"", "nan", "-1", "0", "1e30", "fast"};
    for (size_t i = 0; i < THAW_LENGTH(values); i++) {
        struct ledger ledger;
        struct error error = {0};
        struct speed read;
        ledger_read(&ledger, f->speed);
        assert_true(ledger.lines > 50);
        char *good = mem_string(ledger.line[7 * i].value), *key = mem_string(ledger.line[7 * i].key);
        assert_true(ledger_put(f->speed, key, values[i], &error));
        assert_false(speed_read(&read, 2));
        assert_true(ledger_put(f->speed, key, good, &error));
        assert_true(speed_read(&read, 2));
        ledger_free(&ledger);
        mem_free(key);
        mem_free(good);
    }
}

static struct speed_of_plan times(const struct fixture *f, const struct kernel_table *table, struct graph *graph,
                                  const struct freeze *freeze, int batch, double budget)
{
    struct error error = {0};
    struct plan_options options = {
        .batch = batch, .training = true, .kernels = table, .fold = true, .threads = 2, .budget = 0};
    struct plan *plan = plan_dry(graph, freeze, &options, &error);
    if (budget > 0) {
        options.budget = (size_t)(budget * (double)plan_bytes(plan));
        plan_destroy(plan);
        plan = plan_dry(graph, freeze, &options, &error);
        assert_true(plan_recomputed(plan, NULL) > 0);
    }
    struct speed_of_plan times = speed_of_plan(&f->measured, table, plan);
    plan_destroy(plan);
    return times;
}

static void times_follow_the_plan(void **state)
{
    struct fixture *f = *state;
    struct error error = {0};
    struct graph *graph = zoo_outline("resnet18", &(struct zoo_options){0}, &error);
    struct freeze *freeze = freeze_create(graph);
    struct speed_of_plan full = times(f, NULL, graph, freeze, 16, 0), twice = times(f, NULL, graph, freeze, 32, 0);
    struct speed_of_plan again = times(f, NULL, graph, freeze, 16, 0.7);
    assert_true(full.frozen == 0 && full.forward > 0 && full.backward > full.forward);
    assert_true(twice.forward > 1.8 * full.forward && twice.forward < 2.01 * full.forward);
    assert_true(again.backward > full.backward && again.forward == full.forward);
    assert_int_equal(full.unknown, 20 * 3 - 1); /* no gradient of the images */
    assert_true(freeze_upto(freeze, graph, "layer3", &error));
    struct speed_of_plan half = times(f, NULL, graph, freeze, 16, 0);
    assert_true(half.frozen > 0 && half.forward > 0 && half.frozen + half.forward < full.forward);
    assert_true(half.backward < 0.5 * full.backward);
    freeze_destroy(freeze);
    graph_destroy(graph);
}

static double conv_seconds(const struct fixture *f, const struct kernel_table *table, struct graph *graph, int threads)
{
    struct error error = {0};
    struct plan_options options = {.batch = 8, .training = true, .kernels = table, .fold = true, .threads = threads};
    struct plan *plan = plan_dry(graph, NULL, &options, &error);
    int count = plan_jobs(plan, NULL);
    struct plan_job *job = mem_array((size_t)count, sizeof *job);
    struct speed speed = f->measured;
    double seconds = 0;
    speed.threads = threads;
    plan_jobs(plan, job);
    for (int i = 0; i < count; i++) {
        bool known;
        double own = speed_of_job(&speed, table, graph, &job[i], &known);
        assert_true(own > 0 && known);
        seconds += graph->node[job[i].node].kind == OP_CONV ? own : 0;
    }
    mem_free(job);
    plan_destroy(plan);
    return seconds;
}

/* The table's times go before what the machine does at its best, and are those of the threads that are asked for. */
static void measured_kernels_are_taken(void **state)
{
    struct fixture *f = *state;
    struct graph *graph = small_graph();
    struct freeze *none = freeze_create(graph);
    struct kernel_table *table = kernel_table_open(NULL);
    assert_true(times(f, table, graph, none, 8, 0).unknown > 0);
    kernel_table_measure(table, graph, none, f->team);
    assert_int_equal(times(f, table, graph, none, 8, 0).unknown, 0);
    assert_near(conv_seconds(f, table, graph, 1), 2 * conv_seconds(f, table, graph, 2));
    kernel_table_close(table);

    freeze_destroy(none);
    graph_destroy(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_measured_is_remembered),
        cmocka_unit_test(what_is_damaged_is_measured_again),
        cmocka_unit_test(times_follow_the_plan),
        cmocka_unit_test(measured_kernels_are_taken),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
