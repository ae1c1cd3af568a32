/* Networks with one output: whatever file they come in, they are networks of two classes, whose logits are 0 and that
 * output. */
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
#include "thaw/compile/exec.h"
#include "thaw/shelf/load.h"
#include "thaw/source/zoo.h"

static char path[] = "/tmp/thaw-single-XXXXXX";

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

/* The logits of a made image. */
static void forward(const struct graph *graph, float logits[2])
{
    struct error error = {0};
    struct team *team = team_create(1);
    struct plan_options options = {.batch = 1, .fold = true, .team = team};
    struct plan *plan = plan_create(graph, NULL, &options, &error);
    size_t count = shape4_count(graph->node[0].shape);
    float *input = mem_floats(count);
    assert_non_null(plan);
    for (size_t i = 0; i < count; i++)
        input[i] = (float)(i * 37 % 101) / 101 - 0.5f;
    memcpy(logits, exec_forward(plan, input, 1, false, 0, 0), (size_t)graph->classes * sizeof *logits);
    mem_free_floats(input);
    plan_destroy(plan);
    team_destroy(team);
}

static struct graph *load(struct bind_report *report)
{
    struct error error = {0};
    struct graph *graph = load_graph(&(struct load_request){.weights = path, .seed = 3}, report, &error);
    if (!graph)
        fail_msg("%s", error.text);
    return graph;
}

static void expect_two(float z)
{
    float logits[2];
    struct bind_report report;
    struct graph *graph = load(&report);
    assert_int_equal(graph->classes, 2);
    assert_int_equal(report.count[BIND_RESHAPED] + report.count[BIND_MISSING], 0);
    assert_non_null(strstr(graph->note, "its one output is the second class's"));
    forward(graph, logits);
    assert_true(logits[0] == 0);
    assert_true(logits[1] - z < 1e-4f && z - logits[1] < 1e-4f);
    assert_true(z != 0);
    bind_report_finish(&report);
    graph_destroy(graph);
}

/* torch's: a linear class layer, one behind a flattened map, and a convolution. */
static void test_zoo(void **state)
{
    (void)state;
    static const char *const archs[] = {"resnet20", "squeezenet1_1"};
    for (size_t i = 0; i < THAW_LENGTH(archs); i++) {
        struct error error = {0};
        float z[2];
        struct graph *graph = zoo_build(archs[i], &(struct zoo_options){.classes = 1}, &error);
        assert_non_null(graph);
        graph_initialise(graph, 7);
        int layer = graph_class_layer(graph);
        float *bias = graph_param_values(graph, graph->node[layer].first_param + 1);
        bias[0] = 0.625f;
        forward(graph, z);
        assert_true(bind_export(graph, path, TENSOR_F32, NULL, &error));
        graph_destroy(graph);
        expect_two(z[0]);
    }
}

/* --- ONNX, written here --- */

struct proto {
    uint8_t bytes[4096];
    size_t size;
};

static void put_number(struct proto *to, uint64_t number)
{
    for (; number > 127; number >>= 7)
        to->bytes[to->size++] = (uint8_t)(number | 128);
    to->bytes[to->size++] = (uint8_t)number;
}

static void put_int(struct proto *to, unsigned field, uint64_t number)
{
    put_number(to, field << 3);
    put_number(to, number);
}

static void put_bytes(struct proto *to, unsigned field, const void *bytes, size_t size)
{
    put_number(to, field << 3 | 2);
    put_number(to, size);
    memcpy(to->bytes + to->size, bytes, size);
    to->size += size;
}

static void put_text(struct proto *to, unsigned field, const char *text)
{
    put_bytes(to, field, text, strlen(text));
}

static void put_node(struct proto *graph, const char *op, const char *const *inputs, const char *output)
{
    struct proto node = {.size = 0}, attribute = {.size = 0};
    for (int i = 0; i < 3 && inputs[i]; i++)
        put_text(&node, 1, inputs[i]);
    put_text(&node, 2, output);
    put_text(&node, 4, op);
    if (strcmp(op, "Gemm") == 0) {
        put_text(&attribute, 1, "transB");
        put_int(&attribute, 3, 1);
        put_int(&attribute, 20, 2);
        put_bytes(&node, 5, attribute.bytes, attribute.size);
    }
    put_bytes(graph, 1, node.bytes, node.size);
}

static void put_tensor(struct proto *graph, const char *name, int rows, int columns, const float *values)
{
    struct proto tensor = {.size = 0};
    put_int(&tensor, 1, (uint64_t)rows);
    if (columns)
        put_int(&tensor, 1, (uint64_t)columns);
    put_int(&tensor, 2, 1);
    put_text(&tensor, 8, name);
    put_bytes(&tensor, 9, values, (size_t)(rows * (columns ? columns : 1)) * sizeof *values);
    put_bytes(graph, 5, tensor.bytes, tensor.size);
}

static void put_value(struct proto *graph, unsigned field, const char *name, const int *dims, int count)
{
    struct proto value = {.size = 0}, type = {.size = 0}, tensor = {.size = 0}, shape = {.size = 0};
    for (int i = 0; i < count; i++) {
        struct proto dim = {.size = 0};
        put_int(&dim, 1, (uint64_t)dims[i]);
        put_bytes(&shape, 1, dim.bytes, dim.size);
    }
    put_int(&tensor, 1, 1);
    put_bytes(&tensor, 2, shape.bytes, shape.size);
    put_bytes(&type, 1, tensor.bytes, tensor.size);
    put_text(&value, 1, name);
    put_bytes(&value, 2, type.bytes, type.size);
    put_bytes(graph, field, value.bytes, value.size);
}

/* Pooling over the image, then 0.5 r - 2 g + 3 b + 0.25 and, where it is asked for, the sigmoid. */
static void write_onnx(bool sigmoid)
{
    static const float weight[] = {0.5f, -2, 3}, bias[] = {0.25f};
    struct proto *graph = mem_alloc(sizeof *graph), *model = mem_alloc(sizeof *model), opset = {.size = 0};
    struct error error = {0};
    put_node(graph, "GlobalAveragePool", (const char *const[]){"x", NULL}, "pooled");
    put_node(graph, "Flatten", (const char *const[]){"pooled", NULL}, "row");
    put_node(graph, "Gemm", (const char *const[]){"row", "w", "b"}, sigmoid ? "z" : "y");
    if (sigmoid)
        put_node(graph, "Sigmoid", (const char *const[]){"z", NULL}, "y");
    put_text(graph, 2, "g");
    put_tensor(graph, "w", 1, 3, weight);
    put_tensor(graph, "b", 1, 0, bias);
    put_value(graph, 11, "x", (const int[]){1, 3, 8, 8}, 4);
    put_value(graph, 12, "y", (const int[]){1, 1}, 2);
    put_int(model, 1, 8);
    put_bytes(model, 7, graph->bytes, graph->size);
    put_int(&opset, 2, 13);
    put_bytes(model, 8, opset.bytes, opset.size);
    assert_true(file_write_atomic(path, model->bytes, model->size, &error));
    mem_free(graph);
    mem_free(model);
}

static void test_onnx(void **state)
{
    (void)state;
    static const double weight[] = {0.5, -2, 3};
    double z = 0.25;
    for (int i = 0; i < 8 * 8 * 3; i++) /* as forward makes it, h,w,c */
        z += weight[i % 3] / 64 * ((double)(i * 37 % 101) / 101 - 0.5);
    for (int sigmoid = 0; sigmoid < 2; sigmoid++) {
        write_onnx(sigmoid);
        expect_two((float)z);
        struct bind_report report;
        struct graph *graph = load(&report);
        assert_int_equal(strstr(graph->note, "the Sigmoid at its end is left out") != NULL, sigmoid);
        bind_report_finish(&report);
        graph_destroy(graph);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_zoo), cmocka_unit_test(test_onnx)};
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
