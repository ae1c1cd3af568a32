/* Import: graphs to JSON and back, networks that are in no zoo through export and load, other heads and sizes, and texts
 * that describe no network. */
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

#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/network/graph_json.h"
#include "thaw/shelf/load.h"
#include "thaw/source/import.h"
#include "thaw/source/zoo.h"

static char path[] = "/tmp/thaw-import-XXXXXX";

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

static void check_same(const struct graph *a, const struct graph *b)
{
    assert_string_equal(a->arch, b->arch);
    assert_int_equal(a->nodes, b->nodes);
    assert_int_equal(a->params, b->params);
    assert_int_equal(a->stages, b->stages);
    assert_int_equal(a->trunk, b->trunk);
    assert_int_equal(a->classes, b->classes);
    assert_memory_equal(&a->preprocess, &b->preprocess, sizeof a->preprocess);
    for (int i = 0; i < a->nodes; i++) {
        assert_string_equal(a->node[i].name, b->node[i].name);
        assert_int_equal(a->node[i].stage, b->node[i].stage);
        assert_true(shape4_equal(a->node[i].shape, b->node[i].shape));
    }
    for (int p = 0; p < a->params; p++) {
        assert_string_equal(a->param[p].name, b->param[p].name);
        assert_int_equal(a->param[p].role, b->param[p].role);
        assert_true(shape_equal(&a->param[p].shape, &b->param[p].shape));
    }
}

/* Every architecture of the zoo survives being text, attributes to the last bit. */
static void test_zoo_through_text(void **state)
{
    (void)state;
    const struct zoo_arch *arch;
    struct zoo_options options = {0};
    struct error error = {0};
    for (size_t i = 0; (arch = zoo_at(i)); i++) {
        struct graph *graph = zoo_outline(arch->name, &options, &error);
        assert_non_null(graph);
        char *text = graph_to_json(graph);
        struct graph *back = graph_from_json(text, &error);
        if (!back)
            fail_msg("%s: %s", arch->name, error.text);
        check_same(graph, back);
        char *again = graph_to_json(back);
        assert_string_equal(text, again);
        mem_free(text);
        mem_free(again);
        graph_destroy(graph);
        graph_destroy(back);
    }
}

/* A small network of no zoo, with two stages and a trunk of its own. */
static struct graph *small(bool finish)
{
    struct error error;
    struct graph *graph = graph_create("own", 12, 12, 3);
    graph->preprocess =
        (struct preprocess){12, 12, 3, 14, false, false, {0.5f, 0.25f, 0}, {0.5f, 1, 2}, INTERPOLATION_BILINEAR};
    graph_begin_stage(graph, "stem");
    int at = graph_add_conv(graph, "conv1", 0, 8, 3, 2, 1, 1, true);
    at = graph_add_batch_norm(graph, "bn1", at, 1e-3f, 0.1f);
    at = graph_add_unary(graph, "relu", OP_RELU, at);
    graph_begin_stage(graph, "top");
    at = graph_add_unary(graph, "pool", OP_GLOBAL_AVG_POOL, at);
    graph_add_linear(graph, "fc", at, 5);
    bool good = finish ? graph_finish(graph, &error) : graph_seal(graph, &error);
    if (!good)
        fail_msg("%s", error.text);
    return graph;
}

static struct graph *load(const char *arch, int classes, int size, struct bind_report *report, struct error *error)
{
    struct load_request request = {.arch = arch, .weights = path, .classes = classes, .size = size, .seed = 3};
    *error = (struct error){0};
    return load_graph(&request, report, error);
}

static void test_export_and_load(void **state)
{
    (void)state;
    struct error error;
    struct graph *graph = small(true);
    graph_initialise(graph, 9);
    for (size_t i = 0; i < graph->values_count; i++) /* running statistics too */
        graph->values[i] += 0.25f;
    assert_true(bind_export(graph, path, TENSOR_F32, NULL, &error));

    static const char *const names[] = {NULL, "", "own"};
    for (size_t i = 0; i < THAW_LENGTH(names); i++) {
        struct bind_report report;
        struct graph *back = load(names[i], 0, 0, &report, &error);
        if (!back)
            fail_msg("%s", error.text);
        check_same(graph, back);
        for (int p = 0; p < graph->params; p++)
            assert_memory_equal(graph_param_values(graph, p), graph_param_values(back, p),
                                graph->param[p].count * sizeof(float));
        assert_int_equal(report.count[BIND_MISSING] + report.count[BIND_UNEXPECTED] + report.count[BIND_MISFIT], 0);
        bind_report_finish(&report);
        graph_destroy(back);
    }
    graph_destroy(graph);
}

static void test_other_head_and_size(void **state)
{
    (void)state;
    struct error error;
    struct bind_report report;
    struct graph *graph = small(true);
    graph_initialise(graph, 9);
    assert_true(bind_export(graph, path, TENSOR_F32, NULL, &error));
    struct graph *back = load("", 2, 24, &report, &error);
    assert_non_null(back);
    assert_int_equal(back->classes, 2);
    assert_int_equal(back->node[0].shape.h, 24);
    assert_int_equal(back->preprocess.width, 24);
    assert_int_equal(back->preprocess.resize, 28);
    assert_int_equal(report.count[BIND_RESHAPED], 2);
    assert_memory_equal(graph_param_values(graph, 0), graph_param_values(back, 0), 8 * sizeof(float));
    bind_report_finish(&report);
    graph_destroy(back);
    graph_destroy(graph);
}

static void test_another_name(void **state)
{
    (void)state;
    struct error error;
    struct bind_report report;
    struct graph *graph = small(true);
    assert_true(bind_export(graph, path, TENSOR_F32, NULL, &error));
    graph_destroy(graph);
    assert_null(load("other", 0, 0, &report, &error));
    assert_int_equal(error.kind, ERROR_USAGE);
    assert_non_null(strstr(error.text, "other is neither"));
    bind_report_finish(&report);
    assert_null(load("resnet20", 0, 0, &report, &error)); /* a zoo's name stands for the zoo's network */
    assert_int_equal(error.kind, ERROR_WEIGHTS);
    bind_report_finish(&report);
}

/* A network too large for its file is refused before its values are allocated. */
static void test_too_large(void **state)
{
    (void)state;
    struct error error;
    struct bind_report report;
    struct graph *graph = graph_create("own", 12, 12, 3);
    graph->preprocess = (struct preprocess){12, 12, 3, 0, false, false, {0}, {1, 1, 1}, INTERPOLATION_BILINEAR};
    int at = graph_add_conv(graph, "conv1", 0, 1 << 20, 7, 1, 0, 1, false);
    at = graph_add_unary(graph, "pool", OP_GLOBAL_AVG_POOL, at);
    graph_add_linear(graph, "fc", at, 5);
    assert_true(graph_seal(graph, &error));
    char *text = graph_to_json(graph);
    float one = 1;
    struct weights_output tensor = {"conv1.weight", TENSOR_F32, shape_make(1, (int64_t[]){1}), &one, 0};
    const char *const metadata[] = {GRAPH_JSON_KEY, text, NULL};
    assert_true(safetensors_write(path, &tensor, 1, metadata, &error));
    assert_null(load("", 0, 0, &report, &error));
    assert_int_equal(error.kind, ERROR_WEIGHTS);
    assert_non_null(strstr(error.text, "values, its tensors only"));
    bind_report_finish(&report);
    mem_free(text);
    graph_destroy(graph);
}

/* Puts `with` where `what` stands. */
static char *swapped(const char *text, const char *what, const char *with)
{
    const char *at = strstr(text, what);
    if (!at)
        fail_msg("%s is not in %s", what, text);
    return mem_format("%.*s%s%s", (int)(at - text), text, with, at + strlen(what));
}

static void test_hostile_texts(void **state)
{
    (void)state;
    static const char *const swaps[][3] = {
        {"{\"version\":1", "{\"version\":2", "version"},
        {"{\"version\":1", "", "no JSON"},
        {"\"own\"", "\"\"", "arch"},
        {"[12,12,3]", "[12,12,0]", "input"},
        {"[12,12,3]", "[12,13,3]", "preprocess"},
        {"[12,12,3]", "[99999999,12,3]", "input"},
        {"size 12", "tize 12", "preprocess"},
        {"\"trunk\":\"pool\"", "\"trunk\":\"fc\"", "trunk"},
        {"\"trunk\":\"pool\"", "\"trunk\":7", "trunk"},
        {"\"first\":4", "\"first\":40", "stages"},
        {"\"first\":4", "\"first\":-1", "stages"},
        {"\"name\":\"top\"", "\"name\":\"stem\"", "taken"},
        {"\"op\":\"conv\"", "\"op\":\"input\"", "conv1: its op"},
        {"\"op\":\"conv\"", "\"op\":\"magic\"", "conv1: its op"},
        {"\"in\":[1]", "\"in\":[2]", "bn1: an input"},
        {"\"in\":[1]", "\"in\":[-1]", "bn1: an input"},
        {"\"in\":[1]", "\"in\":1", "bn1: its name, op or inputs"},
        {"\"in\":[1]", "\"in\":[]", "cannot take 0 inputs"},
        {"\"kernel_h\":3", "\"kernel_h\":0", "kernel"},
        {"\"kernel_h\":3", "\"kernel_h\":33", "does not fit"},
        {"\"kernel_h\":3", "\"kernel_h\":99999999999", "kernel_h is no such value"},
        {"\"bias\":1", "\"bias\":2", "bias is no such value"},
        {"\"eps\":0.00100000005", "\"eps\":1e99", "eps is no such value"},
        {"\"name\":\"bn1\"", "\"name\":\"conv1\"", "two nodes"},
    };
    struct error error;
    struct graph *graph = small(false);
    char *text = graph_to_json(graph);
    for (size_t i = 0; i < THAW_LENGTH(swaps); i++) {
        char *hostile = swapped(text, swaps[i][0], swaps[i][1]);
        error = (struct error){0};
        if (graph_from_json(hostile, &error))
            fail_msg("%s for %s was taken", swaps[i][1], swaps[i][0]);
        assert_int_equal(error.kind, ERROR_WEIGHTS);
        if (!strstr(error.text, swaps[i][2]))
            fail_msg("%s for %s: %s", swaps[i][1], swaps[i][0], error.text);
        mem_free(hostile);
    }
    mem_free(text);
    graph_destroy(graph);
}

/* A field of ONNX's protobuf, behind those that are there: metadata_props (14) of key and value. Returns the bytes. */
static size_t put_property(uint8_t *at, const char *key, const char *value)
{
    size_t keys = strlen(key), values = strlen(value), used = 0;
    assert_true(keys + values + 4 < 128);
    at[used++] = 14 << 3 | 2;
    at[used++] = (uint8_t)(keys + values + 4);
    at[used++] = 1 << 3 | 2;
    at[used++] = (uint8_t)keys;
    memcpy(at + used, key, keys);
    used += keys;
    at[used++] = 2 << 3 | 2;
    at[used++] = (uint8_t)values;
    memcpy(at + used, value, values);
    return used + values;
}

/* What Ultralytics writes about its classifiers: their preprocessing is stated, their classes have names. */
static void test_onnx_properties(void **state)
{
    (void)state;
    static const struct {
        const char *author, *task;
        enum preprocess_basis basis;
    } rows[] = {{"Ultralytics", "classify", PREPROCESS_STATED},
                {"Ultralytics", "detect", PREPROCESS_GUESSED},
                {"Somebody", "classify", PREPROCESS_GUESSED}};
    const char *source = getenv("THAW_SRCDIR");
    char *from = mem_format("%s/tests/unit/weights/fixtures/small.onnx", source ? source : ".");
    for (size_t i = 0; i < THAW_LENGTH(rows); i++) {
        struct error error = {0};
        struct file_bytes bytes = {0};
        assert_true(file_read(&bytes, from, 1 << 20, &error));
        uint8_t *all = mem_alloc(bytes.size + 512);
        memcpy(all, bytes.data, bytes.size);
        size_t size = bytes.size;
        size += put_property(all + size, "author", rows[i].author);
        size += put_property(all + size, "task", rows[i].task);
        size += put_property(all + size, "thaw.arch", "vgg16");
        size += put_property(all + size, "names", "{0: 'ant', 1: \"bee's\", 2: 'a\\'b', 4: 'lost'}");
        assert_true(file_write_atomic(path, all, size, &error));
        mem_free(all);
        file_bytes_finish(&bytes);
        struct weights *weights = weights_open(path, &error);
        assert_non_null(weights);
        assert_null(weights_metadata(weights, "thaw.arch"));
        int count;
        char **name = bind_class_names(weights, &count);
        assert_int_equal(count, 3);
        assert_string_equal(name[1], "bee's");
        assert_string_equal(name[2], "a'b");
        bind_free_class_names(name, count);
        struct bind_report report;
        struct load_request request = {.weights = path};
        struct graph *graph = import_graph(weights, &request, false, &report, &error);
        if (!graph)
            fail_msg("%s", error.text);
        assert_int_equal(graph->preprocess_basis, rows[i].basis);
        graph_destroy(graph);
        weights_close(weights);
    }
    mem_free(from);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_onnx_properties), cmocka_unit_test(test_zoo_through_text),
        cmocka_unit_test(test_export_and_load), cmocka_unit_test(test_other_head_and_size),
        cmocka_unit_test(test_another_name),    cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_hostile_texts),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
