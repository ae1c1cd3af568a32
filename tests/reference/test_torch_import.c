/* Whole modules as PyTorch saves them (make_torch_import.py): imported from the order of their layers, their logits must be
 * PyTorch's. Then each goes home as safetensors and comes back by the graph in its metadata, with the same bits. */
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

enum { IMAGES = 2, MODELS = 7 };
static const double tolerance = 2e-5; /* of the largest logit: both sides compute in float32 */

static char *source_file(const char *name)
{
    const char *source = getenv("THAW_SRCDIR");
    return mem_format("%s/tests/reference/%s", source ? source : ".", name);
}

static struct graph *load(const char *path)
{
    struct load_request request = {.weights = path, .seed = 1};
    struct bind_report report;
    struct error error = {0};
    struct graph *graph = load_graph(&request, &report, &error);
    if (!graph)
        fail_msg("%s", error.text);
    assert_int_equal(report.count[BIND_MISSING] + report.count[BIND_UNEXPECTED] + report.count[BIND_RESHAPED], 0);
    bind_report_finish(&report);
    return graph;
}

/* The logits of the hashed images; the caller frees. */
static float *run(const struct graph *graph)
{
    struct shape4 shape = graph->node[0].shape;
    struct error error = {0};
    struct team *team = team_create(1);
    struct plan_options options = {.batch = IMAGES, .fold = true, .team = team};
    struct plan *plan = plan_create(graph, NULL, &options, &error);
    if (!plan)
        fail_msg("%s", error.text);
    size_t count = IMAGES * shape4_count(shape), outputs = (size_t)(IMAGES * graph->classes);
    float *input = mem_floats(count), *logits = mem_array(outputs, sizeof *logits);
    uint64_t name = hashed_name("pixels");
    for (size_t i = 0; i < count; i++)
        input[i] = (float)hashed_uniform(name, i);
    memcpy(logits, exec_forward(plan, input, IMAGES, false, 0, 0), outputs * sizeof *logits);
    mem_free_floats(input);
    plan_destroy(plan);
    team_destroy(team);
    return logits;
}

static void check_home(const struct graph *graph, const float *logits)
{
    char path[] = "/tmp/thaw-torch-XXXXXX";
    struct error error = {0};
    int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    if (!bind_export(graph, path, TENSOR_F32, NULL, &error))
        fail_msg("%s", error.text);
    struct graph *again = load(path);
    unlink(path);
    assert_string_equal(again->arch, graph->arch);
    assert_int_equal(again->nodes, graph->nodes);
    float *same = run(again);
    assert_memory_equal(same, logits, (size_t)(IMAGES * graph->classes) * sizeof *logits);
    mem_free(same);
    graph_destroy(again);
}

static void check_model(FILE *figures, const char *name, int side, int channels, int classes)
{
    char *inside = mem_format("torch_import/%s", name), *path = source_file(inside);
    struct graph *graph = load(path);
    assert_int_equal(graph->node[0].shape.h, side);
    assert_int_equal(graph->node[0].shape.c, channels);
    assert_int_equal(graph->preprocess_basis, PREPROCESS_GUESSED);
    assert_int_equal(graph->classes, classes);
    float *logits = run(graph);
    double worst = 0, largest = 0;
    for (int i = 0; i < IMAGES * classes; i++) {
        double want;
        assert_int_equal(fscanf(figures, "%lf", &want), 1);
        worst = fmax(worst, fabs((double)logits[i] - want));
        largest = fmax(largest, fabs(want));
    }
    print_message("%s: off by %.1e of the largest logit\n", name, worst / largest);
    if (!(worst < tolerance * largest))
        fail_msg("%s: logits are off by %g", name, worst);
    check_home(graph, logits);
    mem_free(logits);
    graph_destroy(graph);
    mem_free(path);
    mem_free(inside);
}

static void test_models(void **state)
{
    (void)state;
    char *path = source_file("torch_import.txt"), name[64];
    FILE *figures = fopen(path, "r");
    assert_non_null(figures);
    int side, channels, classes, models = 0;
    for (; fscanf(figures, "%63s %d %d %d", name, &side, &channels, &classes) == 4; models++)
        check_model(figures, name, side, channels, classes);
    assert_int_equal(models, MODELS);
    fclose(figures);
    mem_free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_models)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
