/* The table of measured kernels: what is measured is remembered and not measured again, a faster kernel is taken in place
 * of the built-in choice and a slightly faster one is not, a run's record goes before what the machine remembers, and
 * nothing that stands in a file can do more than be ignored. */
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

#include "src/compile/plan_private.h"
#include "tests/unit/network/small_graph.h"
#include "thaw/base/file.h"
#include "thaw/base/ledger.h"
#include "thaw/base/mem.h"
#include "thaw/compile/kernel_table.h"
#include "thaw/compile/plan.h"

struct fixture {
    struct graph *graph;
    struct freeze *none;
    struct team *team;
    char folder[64], *remembered, *record;
    int conv; /* a 3x3 convolution of stride 1, above the first */
};

static int set_up(void **state)
{
    struct fixture *f = mem_alloc(sizeof *f);
    snprintf(f->folder, sizeof f->folder, "/tmp/thaw-kernels-XXXXXX");
    if (!mkdtemp(f->folder))
        return -1;
    setenv("XDG_CACHE_HOME", f->folder, 1);
    f->remembered = mem_format("%s/thaw/kernels", f->folder);
    f->record = mem_format("%s/record", f->folder);
    f->graph = small_graph();
    f->none = freeze_create(f->graph);
    f->team = team_create(2);
    for (int node = 1; node < f->graph->nodes && !f->conv; node++) {
        const struct graph_node *row = &f->graph->node[node];
        if (row->kind == OP_CONV && row->input[0] != 0 && row->attrs.kernel_h == 3 && row->attrs.stride_h == 1 &&
            row->attrs.groups == 1)
            f->conv = node;
    }
    *state = f;
    return f->conv ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    char *home = mem_format("%s/thaw", f->folder);
    unlink(f->remembered);
    unlink(f->record);
    rmdir(home);
    rmdir(f->folder);
    mem_free(home);
    mem_free(f->remembered);
    mem_free(f->record);
    freeze_destroy(f->none);
    graph_destroy(f->graph);
    team_destroy(f->team);
    mem_free(f);
    return 0;
}

static int measure(const struct fixture *f, const char *record)
{
    struct kernel_table *table = kernel_table_open(record);
    int measured = kernel_table_measure(table, f->graph, f->none, f->team);
    kernel_table_close(table);
    return measured;
}

/* The same from then on, without measuring anew. */
static int measure_once(const struct fixture *f)
{
    static struct ledger ledger;
    static int measured;
    struct error error = {0};
    if (measured > 0) {
        assert_true(ledger_put_all(f->remembered, &ledger, &error));
        return measured;
    }
    measured = measure(f, NULL);
    ledger_read(&ledger, f->remembered);
    return measured;
}

static const char *found(const struct fixture *f, const char *record, enum op_job job, bool no_winograd)
{
    struct kernel_table *table = kernel_table_open(record);
    const char *name = kernel_table_find(table, f->graph, f->conv, job, false, no_winograd);
    kernel_table_close(table);
    return name;
}

/* The ways of the convolution's forward pass, the built-in choice first. */
static int ways(const struct fixture *f, struct op_kernel list[OP_KERNELS_MAX])
{
    const struct graph_node *row = &f->graph->node[f->conv];
    struct shape4 in = f->graph->node[row->input[0]].shape, out = row->shape;
    in.n = out.n = SMALL_BATCH;
    return op_get(OP_CONV)->kernels(&row->attrs, &in, out, OP_JOB_FORWARD, list);
}

/* Gives every forward job in a file these times: of the built-in choice, of one that is named, of the others. */
static void forge(const struct fixture *f, const char *path, double first, const char *name, double its)
{
    struct ledger ledger;
    struct op_kernel list[OP_KERNELS_MAX];
    struct error error = {0};
    int count = ways(f, list);
    char value[400] = "";
    for (int i = 0; i < count; i++)
        snprintf(value + strlen(value), sizeof value - strlen(value), "%s%s %.3f ms", i ? ", " : "", list[i].name,
                 strcmp(list[i].name, name) == 0 ? its
                 : i == 0                        ? first
                                                 : 100 * first);
    ledger_read(&ledger, path);
    assert_true(ledger.lines > 0);
    for (size_t i = 0; i < ledger.lines; i++)
        if (strstr(ledger.line[i].key, "conv forward"))
            assert_true(ledger_put(path, ledger.line[i].key, value, &error));
    ledger_free(&ledger);
}

/* A record that was written for the graph. */
static void write_record(const struct fixture *f)
{
    struct error error = {0};
    struct kernel_table *table = kernel_table_open(NULL);
    kernel_table_measure(table, f->graph, f->none, f->team);
    if (!kernel_table_save(table, f->graph, f->record, &error))
        fail_msg("%s", error.text);
    kernel_table_close(table);
}

static void what_was_measured_is_remembered(void **state)
{
    const struct fixture *f = *state;
    int measured = measure(f, NULL);
    assert_true(measured > 3); /* shapes times jobs */
    assert_true(file_exists(f->remembered));
    assert_int_equal(measure(f, NULL), 0);
    /* Frozen, weights are kept in the form that a kernel reads: that is measured by itself. */
    struct kernel_table *table = kernel_table_open(NULL);
    int kept = kernel_table_measure(table, f->graph, NULL, f->team);
    kernel_table_close(table);
    assert_true(kept > 0 && kept < measured);
}

static void a_faster_kernel_is_taken(void **state)
{
    const struct fixture *f = *state;
    struct op_kernel list[OP_KERNELS_MAX];
    measure_once(f);
    int last = ways(f, list) - 1;
    assert_true(last > 0);
    forge(f, f->remembered, 2, list[last].name, 1);
    assert_string_equal(found(f, NULL, OP_JOB_FORWARD, false), list[last].name);
    struct error error = {0};
    struct kernel_table *table = kernel_table_open(NULL);
    struct plan_options options = {
        .batch = SMALL_BATCH, .training = true, .kernels = table, .fold = true, .team = f->team};
    struct plan *plan = plan_create(f->graph, f->none, &options, &error);
    assert_non_null(plan);
    assert_string_equal(plan_kernel_name(plan, f->conv, OP_JOB_FORWARD), list[last].name);
    plan_destroy(plan);
    options.batch = 1; /* the table is of many images */
    plan = plan_create(f->graph, f->none, &options, &error);
    assert_non_null(plan);
    assert_string_not_equal(plan_kernel_name(plan, f->conv, OP_JOB_FORWARD), list[last].name);
    plan_destroy(plan);
    kernel_table_close(table);
}

static void a_slightly_faster_one_is_not(void **state)
{
    const struct fixture *f = *state;
    struct op_kernel list[OP_KERNELS_MAX];
    measure_once(f);
    forge(f, f->remembered, 2, list[ways(f, list) - 1].name, 1.9);
    assert_null(found(f, NULL, OP_JOB_FORWARD, false));
}

static void plain_leaves_transforms_out(void **state)
{
    const struct fixture *f = *state;
    struct op_kernel list[OP_KERNELS_MAX];
    int count = ways(f, list), transforms = -1;
    for (int i = 0; i < count; i++)
        transforms = list[i].transforms ? i : transforms;
    assert_true(transforms >= 0);
    measure_once(f);
    forge(f, f->remembered, 2, list[transforms].name, 0.1);
    const char *name = found(f, NULL, OP_JOB_FORWARD, true);
    for (int i = 0; i < count && name; i++)
        assert_false(list[i].transforms && strcmp(list[i].name, name) == 0);
}

static void a_record_goes_before_the_machine(void **state)
{
    const struct fixture *f = *state;
    struct op_kernel list[OP_KERNELS_MAX];
    write_record(f);
    int last = ways(f, list) - 1;
    forge(f, f->record, 2, list[last].name, 1);
    forge(f, f->remembered, 1, list[0].name, 1);
    assert_null(found(f, NULL, OP_JOB_FORWARD, false));
    assert_string_equal(found(f, f->record, OP_JOB_FORWARD, false), list[last].name);
    assert_int_equal(unlink(f->remembered), 0); /* another machine */
    measure(f, f->record);                      /* of other shapes the forged lines lack some ways */
    assert_string_equal(found(f, f->record, OP_JOB_FORWARD, false), list[last].name);
}

static void what_is_damaged_is_ignored(void **state)
{
    const struct fixture *f = *state;
    static const char *const values[] = {"",        "sweep",   "sweep ms",     "sweep -1 ms",   "sweep nan ms",
                                         "sweep 0", ", , , ,", "nothing 1 ms", "sweep 1e999 ms"};
    struct error error = {0};
    struct ledger ledger;
    int all = measure_once(f);
    ledger_read(&ledger, f->remembered);
    for (size_t v = 0; v < THAW_LENGTH(values); v++) {
        for (size_t i = 0; i < ledger.lines; i++)
            assert_true(ledger_put(f->remembered, ledger.line[i].key, values[v], &error));
        assert_null(found(f, NULL, OP_JOB_FORWARD, false));
        assert_null(found(f, NULL, OP_JOB_WEIGHT_GRADIENT, true));
    }
    ledger_free(&ledger);
    assert_int_equal(measure(f, NULL), all); /* and measured anew */
}

static void without_a_cache_folder_it_still_measures(void **state)
{
    const struct fixture *f = *state;
    setenv("XDG_CACHE_HOME", "/proc/nothing", 1);
    struct kernel_table *table = kernel_table_open(NULL);
    assert_true(kernel_table_measure(table, f->graph, f->none, f->team) > 0);
    assert_int_equal(kernel_table_measure(table, f->graph, f->none, f->team), 0);
    kernel_table_close(table);
    setenv("XDG_CACHE_HOME", f->folder, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_measured_is_remembered, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_faster_kernel_is_taken, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_slightly_faster_one_is_not, set_up, tear_down),
        cmocka_unit_test_setup_teardown(plain_leaves_transforms_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_record_goes_before_the_machine, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_damaged_is_ignored, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_a_cache_folder_it_still_measures, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
