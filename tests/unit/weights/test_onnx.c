/* Reading ONNX files: the small ones of make_onnx.py and the real ones. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/weights/onnx.h"

static struct weights *open_at(const char *folder, const char *name)
{
    struct error error = {0};
    char *path = mem_format("%s/%s", folder, name);
    struct weights *weights = weights_open(path, &error);
    mem_free(path);
    if (!weights)
        fail_msg("%s", error.text);
    assert_string_equal(weights_format(weights), "ONNX");
    return weights;
}

static struct weights *open_fixture(const char *name)
{
    char *folder = mem_format("%s/tests/unit/weights/fixtures", getenv("THAW_SRCDIR"));
    struct weights *weights = open_at(folder, name);
    mem_free(folder);
    return weights;
}

static void check_tensor(const struct weights *weights, const char *name, enum tensor_type type, size_t count,
                         const float *values)
{
    struct error error = {0};
    float read[8] = {0};
    long index = weights_find(weights, name);
    if (index < 0)
        fail_msg("no %s", name);
    const struct weights_tensor *tensor = weights_get(weights, (size_t)index);
    assert_int_equal(tensor->type, type);
    assert_int_equal(shape_count(&tensor->shape), count);
    if (!weights_read(weights, (size_t)index, read, &error))
        fail_msg("%s", error.text);
    for (size_t i = 0; i < count; i++)
        if (read[i] != values[i])
            fail_msg("%s[%zu] is %g, not %g", name, i, (double)read[i], (double)values[i]);
}

static void test_types(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum tensor_type type;
        float value[3];
    } cases[] = {
        {"f32", TENSOR_F32, {1.5f, -2, 0.25f}}, {"f16", TENSOR_F16, {1, -0.5f, 65504}},
        {"bf16", TENSOR_BF16, {1, -3, 0}},      {"f64", TENSOR_F64, {0.1f, 0x1p-30f, -7}},
        {"i64", TENSOR_I64, {-5, 0x1p40f, 3}},  {"i32", TENSOR_I32, {7, -7, 0x1p30f}},
        {"i16", TENSOR_I16, {300, -300, 0}},    {"i8", TENSOR_I8, {-128, 127, 1}},
        {"u8", TENSOR_U8, {0, 255, 128}},       {"bool", TENSOR_BOOL, {1, 0, 1}},
    };
    static const char *const forms[] = {"raw", "typed"};
    static const float matrix[] = {1, 2, 3, 4, 5, 6};
    struct weights *weights = open_fixture("types.onnx");
    for (size_t i = 0; i < THAW_LENGTH(cases); i++) {
        for (size_t f = 0; f < THAW_LENGTH(forms); f++) {
            char name[32];
            snprintf(name, sizeof name, "%s.%s", cases[i].name, forms[f]);
            check_tensor(weights, name, cases[i].type, 3, cases[i].value);
        }
    }
    check_tensor(weights, "f32.apart", TENSOR_F32, 2, (float[]){1.5f, -2});
    check_tensor(weights, "i64.apart", TENSOR_I64, 2, (float[]){-5, 0x1p40f});
    check_tensor(weights, "scalar", TENSOR_F32, 1, (float[]){42});
    check_tensor(weights, "empty", TENSOR_F32, 0, NULL);
    check_tensor(weights, "matrix", TENSOR_F32, 6, matrix);
    check_tensor(weights, "held", TENSOR_F32, 2, (float[]){8, 9});
    assert_int_equal(weights_find(weights, "one"), -1); /* a number, not weights */
    assert_int_equal(weights_count(weights), 2 * TENSOR_TYPES + 6);
    weights_close(weights);
}

static void test_beside(void **state)
{
    (void)state;
    struct error error = {0};
    struct weights *weights = open_fixture("beside.onnx");
    float values[500];
    assert_int_equal(weights_count(weights), 2);
    assert_true(weights_read(weights, 0, values, &error));
    assert_true(values[0] == 0 && values[499] == 499);
    assert_true(weights_read(weights, 1, values, &error));
    assert_true(values[0] == 500 && values[99] == 599);
    weights_close(weights);
}

static void test_view(void **state)
{
    (void)state;
    struct weights *weights = open_fixture("small.onnx");
    const struct onnx_graph *graph = weights_onnx(weights);
    assert_non_null(graph);
    assert_int_equal(graph->opset, 13);
    assert_int_equal(graph->nodes, 4);
    assert_int_equal(graph->initializers, 4);
    assert_int_equal(graph->inputs, 1);
    assert_int_equal(graph->outputs, 1);
    const struct onnx_value *input = &graph->input[0];
    assert_string_equal(input->name, "x");
    assert_int_equal(input->rank, 4);
    assert_int_equal(input->dim[0], -1);
    assert_int_equal(input->dim[3], 4);
    const struct onnx_node *conv = &graph->node[0];
    assert_string_equal(conv->op, "Conv");
    assert_string_equal(conv->domain, "");
    assert_int_equal(conv->inputs, 3);
    assert_string_equal(conv->input[1], "a.weight");
    assert_string_equal(conv->output[0], "c");
    assert_int_equal(conv->attributes, 2);
    assert_string_equal(conv->attribute[0].name, "kernel_shape");
    assert_int_equal(conv->attribute[0].kind, ONNX_INTS);
    assert_int_equal(conv->attribute[0].count, 2);
    assert_int_equal(conv->attribute[0].integers[1], 2);
    assert_int_equal(graph->node[3].attribute[0].kind, ONNX_INT);
    assert_int_equal(graph->node[3].attribute[0].integer, 1);
    assert_string_equal(graph->initializer[2].name, "b.weight");
    assert_int_equal(graph->initializer[2].shape.dim[1], 4);
    weights_close(weights);
}

static void check_real(const char *folder, const char *name, size_t tensors, size_t nodes)
{
    struct error error = {0};
    struct weights *weights = open_at(folder, name);
    assert_int_equal(weights_count(weights), tensors);
    assert_int_equal(weights_onnx(weights)->nodes, nodes);
    for (size_t i = 0; i < weights_count(weights); i++) {
        float *values = mem_array((size_t)shape_count(&weights_get(weights, i)->shape), sizeof *values);
        if (!weights_read(weights, i, values, &error))
            fail_msg("%s", error.text);
        mem_free(values);
    }
    weights_close(weights);
}

static void test_real(void **state)
{
    (void)state;
    const char *root = getenv("THAW_REAL_DATA");
    if (!root) {
        print_message("SKIPPED: THAW_REAL_DATA is not set\n");
        skip();
    }
    char *folder = path_join(root, "models/onnx");
    check_real(folder, "opt-mnist.onnx", 7, 8);
    check_real(folder, "resnet20_cifar10_akamaster.onnx", 40, 101);
    check_real(folder, "mobilenet_v1_0.25_224.onnx", 56, 217);
    mem_free(folder);
}

int main(void)
{
#ifndef HAVE_ONNX
    print_message("SKIPPED: this build has no ONNX reader\n");
    return 77;
#endif
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_beside),
        cmocka_unit_test(test_view),
        cmocka_unit_test(test_real),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
