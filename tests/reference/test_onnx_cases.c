/* Small ONNX models (make_onnx_cases.py), each about some operators and their traps: the logits against onnxruntime's;
 * then exported and loaded again, where the network comes out of the file's metadata, the same bits. */
#include "config.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "hashed.h"
#include "thaw/base/mem.h"
#include "thaw/compile/exec.h"
#include "thaw/shelf/load.h"

enum { CLASSES_MAX = 16, CASES_LEAST = 30 };
static const double tolerance = 1e-5, half_tolerance = 5e-3; /* of float16, which onnxruntime computes in */

static char path[] = "/tmp/thaw-onnx-XXXXXX";

static int make_file(void **state)
{
    (void)state;
    int file = mkstemp(path);
    return file < 0 ? -1 : close(file);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static struct graph *load(const char *from, const char *arch, int classes, struct bind_report *report)
{
    struct error error = {0};
    struct load_request request = {.arch = arch, .weights = from, .classes = classes, .seed = 5};
    struct graph *graph = load_graph(&request, report, &error);
    if (!graph)
        fail_msg("%s", error.text);
    return graph;
}

/* The hashed input in the file's order of axes, which is n,h,w,c where the case is TensorFlow's. */
static float *make_input(struct shape4 shape, bool pixels)
{
    size_t area = (size_t)shape.h * (size_t)shape.w, channels = (size_t)shape.c;
    uint64_t name = hashed_name("onnx.input");
    float *input = mem_floats(area * channels);
    for (size_t i = 0; i < area * channels; i++) {
        size_t to = pixels ? i : i % area * channels + i / area;
        input[to] = (float)(hashed_uniform(name, i) * 4 - 2);
    }
    return input;
}

static void run(const struct graph *graph, const float *input, float *logits)
{
    struct error error;
    struct team *team = team_create(1);
    struct plan_options options = {.batch = 1, .fold = true, .team = team};
    struct plan *plan = plan_create(graph, NULL, &options, &error);
    if (!plan)
        fail_msg("%s", error.text);
    memcpy(logits, exec_forward(plan, input, 1, false, 0, 0), (size_t)graph->classes * sizeof *logits);
    plan_destroy(plan);
    team_destroy(team);
}

/* centred: up to a number that all share, which a softmax would have taken away. */
static void compare(const char *name, bool centred, const float *logits, const double *want, int classes)
{
    double mean = 0, square = 0, whole = 0, limit = strcmp(name, "halves") == 0 ? half_tolerance : tolerance;
    for (int i = 0; i < classes; i++)
        mean += centred ? (double)logits[i] / classes : 0;
    for (int i = 0; i < classes; i++) {
        square += pow((double)logits[i] - mean - want[i], 2);
        whole += want[i] * want[i];
    }
    if (!(sqrt(square / whole) < limit))
        fail_msg("%s: logits wrong by %.2g of their norm", name, sqrt(square / whole));
}

/* Home and back. */
static void check_export(const char *name, const struct graph *graph, const float *input, const float *logits)
{
    struct error error = {0};
    float again[CLASSES_MAX];
    if (!bind_export(graph, path, TENSOR_F32, NULL, &error))
        fail_msg("%s: %s", name, error.text);
    struct bind_report report;
    struct graph *back = load(path, graph->arch, 0, &report);
    assert_int_equal(report.count[BIND_MISSING] + report.count[BIND_UNEXPECTED] + report.count[BIND_RESHAPED], 0);
    run(back, input, again);
    if (memcmp(logits, again, (size_t)graph->classes * sizeof *again) != 0)
        fail_msg("%s: other logits after export and load", name);
    bind_report_finish(&report);
    graph_destroy(back);
}

/* With another head: everything else is as it was. */
static void check_other_head(const char *name, const char *file, const struct graph *graph)
{
    struct bind_report report;
    struct graph *other = load(file, NULL, 3, &report);
    assert_int_equal(other->classes, 3);
    if (!report.count[BIND_RESHAPED])
        fail_msg("%s: a head of 3 classes is not reported", name);
    for (int p = 0; p < graph->params; p++) {
        if (graph->param[p].node > graph->trunk)
            continue;
        size_t bytes = graph->param[p].count * sizeof(float);
        assert_memory_equal(graph_param_values(graph, p), graph_param_values(other, p), bytes);
    }
    bind_report_finish(&report);
    graph_destroy(other);
}

static void check_case(const char *folder, const char *name, bool centred, const double *want, int classes)
{
    struct bind_report report;
    float logits[CLASSES_MAX];
    char *file = mem_format("%s/%s.onnx", folder, name);
    struct graph *graph = load(file, NULL, 0, &report);
    assert_int_equal(graph->classes, classes);
    assert_int_equal(report.count[BIND_MISSING] + report.count[BIND_MISFIT] + report.count[BIND_RESHAPED], 0);
    float *input = make_input(graph->node[0].shape, strncmp(name, "tensorflow", 10) == 0);
    run(graph, input, logits);
    compare(name, centred, logits, want, classes);
    check_export(name, graph, input, logits);
    check_other_head(name, file, graph);
    bind_report_finish(&report);
    graph_destroy(graph);
    mem_free_floats(input);
    mem_free(file);
}

static void cases_are_onnxruntime(void **state)
{
    (void)state;
    char name[64], form[16];
    int classes, cases = 0;
    char *folder = mem_format("%s/tests/reference/onnx", getenv("THAW_SRCDIR")),
         *figures = mem_format("%s/figures.txt", folder);
    FILE *file = fopen(figures, "r");
    assert_non_null(file);
    while (fscanf(file, "%63s %15s %d", name, form, &classes) == 3) {
        double want[CLASSES_MAX];
        assert_in_range(classes, 1, CLASSES_MAX);
        for (int i = 0; i < classes; i++)
            assert_int_equal(fscanf(file, "%lf", &want[i]), 1);
        check_case(folder, name, strcmp(form, "centred") == 0, want, classes);
        cases++;
    }
    assert_true(cases >= CASES_LEAST);
    fclose(file);
    mem_free(folder);
    mem_free(figures);
}

int main(void)
{
#ifndef HAVE_ONNX
    print_message("SKIPPED: this build has no ONNX reader\n");
    return 77;
#endif
    const struct CMUnitTest tests[] = {cmocka_unit_test(cases_are_onnxruntime)};
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
