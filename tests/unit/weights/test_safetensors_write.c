/* Writing safetensors: what is written reads back, lies aligned, and a failed write leaves the old file alone. */
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

#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/weights/weights.h"

static char directory[] = "/tmp/thaw-write-XXXXXX";
static char path[64];

static int make_directory(void **state)
{
    (void)state;
    if (!mkdtemp(directory))
        return -1;
    snprintf(path, sizeof path, "%s/a.safetensors", directory);
    return 0;
}

static int remove_directory(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(directory); /* fails where a temporary file was left behind */
}

static const float values[6] = {1.0f, -2.5f, 0.1f, 3e4f, 0.0f, 0x1p-20f};

static bool write_samples(const char *to, enum tensor_type narrow, const float *from, struct error *error)
{
    const struct weights_output tensors[] = {
        {.name = "narrow", .type = narrow, .shape = {1, {3}}, .values = from},
        {.name = "wide \"quoted\" \xc3\xa9", .type = TENSOR_F32, .shape = {2, {2, 3}}, .values = from},
        {.name = "steps", .type = TENSOR_I64, .integer = -7},
        {.name = "none", .type = TENSOR_F32, .shape = {2, {0, 5}}},
        {.name = "one", .type = TENSOR_F32, .shape = {0}, .values = from + 1},
    };
    static const char *const metadata[] = {"format", "pt", "thaw", "a \"b\"\n", NULL};
    return safetensors_write(to, tensors, THAW_LENGTH(tensors), metadata, error);
}

static void check_value(const struct weights *weights, const char *name, enum tensor_type type, size_t count,
                        const float *expected, float tolerance)
{
    struct error error = {0};
    float read[6] = {0};
    long index = weights_find(weights, name);
    assert_true(index >= 0);
    assert_int_equal(weights_get(weights, (size_t)index)->type, type);
    assert_int_equal(shape_count(&weights_get(weights, (size_t)index)->shape), count);
    assert_true(weights_read(weights, (size_t)index, read, &error));
    for (size_t i = 0; i < count; i++)
        assert_true(fabsf(read[i] - expected[i]) <= tolerance * fabsf(expected[i]));
}

static void check_round_trip(enum tensor_type narrow, float tolerance)
{
    struct error error = {0};
    if (!write_samples(path, narrow, values, &error))
        fail_msg("%s", error.text);
    struct weights *weights = weights_open(path, &error);
    if (!weights)
        fail_msg("%s", error.text);
    assert_int_equal(weights_count(weights), 5);
    assert_string_equal(weights_metadata(weights, "format"), "pt");
    assert_string_equal(weights_metadata(weights, "thaw"), "a \"b\"\n");
    assert_null(weights_metadata(weights, "missing"));
    check_value(weights, "narrow", narrow, 3, values, tolerance);
    check_value(weights, "wide \"quoted\" \xc3\xa9", TENSOR_F32, 6, values, 0);
    check_value(weights, "steps", TENSOR_I64, 1, (float[]){-7}, 0);
    check_value(weights, "none", TENSOR_F32, 0, NULL, 0);
    check_value(weights, "one", TENSOR_F32, 1, values + 1, 0);
    weights_close(weights);
}

static void test_round_trip(void **state)
{
    (void)state;
    check_round_trip(TENSOR_F32, 0);
    check_round_trip(TENSOR_F16, 0x1p-11f);
    check_round_trip(TENSOR_BF16, 0x1p-8f);
}

static void test_header_is_aligned(void **state)
{
    (void)state;
    struct error error = {0};
    struct file_map map;
    assert_true(write_samples(path, TENSOR_F16, values, &error));
    assert_true(file_map_open(&map, path, &error));
    size_t header = map.data[0] | (size_t)map.data[1] << 8;
    assert_int_equal(header % 8, 0);
    assert_int_equal(map.size, 8 + header + 8 + 6 * 4 + 4 + 3 * 2);
    assert_int_equal(map.data[8 + header], 0xf9); /* the I64 comes first: -7 */
    file_map_close(&map);
}

/* More than one chunk of conversion. */
static void test_long_tensor(void **state)
{
    (void)state;
    enum { COUNT = 40000 };
    struct error error = {0};
    float *from = mem_array(COUNT, sizeof *from), *to = mem_array(COUNT, sizeof *to);
    for (int i = 0; i < COUNT; i++)
        from[i] = (float)(i % 2048) - 1024.0f; /* exact in f16 */
    const struct weights_output tensor = {.name = "long", .type = TENSOR_F16, .shape = {1, {COUNT}}, .values = from};
    assert_true(safetensors_write(path, &tensor, 1, NULL, &error));
    struct weights *weights = weights_open(path, &error);
    assert_non_null(weights);
    assert_true(weights_read(weights, 0, to, &error));
    assert_memory_equal(from, to, COUNT * sizeof *from);
    weights_close(weights);
    mem_free(from);
    mem_free(to);
}

static void expect_failure(bool done, const struct error *error, const char *sentence)
{
    assert_false(done);
    assert_int_equal(error->kind, ERROR_FAILED);
    if (!strstr(error->text, sentence))
        fail_msg("%s", error->text);
}

static void test_failures_leave_the_old_file(void **state)
{
    (void)state;
    static const float large[6] = {1.0f, 1e6f};
    struct error error = {0};
    assert_true(write_samples(path, TENSOR_F32, values, &error));
    expect_failure(write_samples(path, TENSOR_F16, large, &error), &error,
                   "tensor \"narrow\": element 1, 1e+06, is beyond the range of f16");
    expect_failure(write_samples(path, TENSOR_I8, values, &error), &error, "cannot be written as i8");
    const struct weights_output twice[] = {{.name = "a", .type = TENSOR_I64}, {.name = "a", .type = TENSOR_I64}};
    expect_failure(safetensors_write(path, twice, 2, NULL, &error), &error, "a second tensor would have the name");
    const struct weights_output latin = {.name = "\xe9", .type = TENSOR_I64};
    expect_failure(safetensors_write(path, &latin, 1, NULL, &error), &error, "not UTF-8");
    expect_failure(write_samples("/nowhere/a.safetensors", TENSOR_F32, values, &error), &error,
                   "/nowhere/a.safetensors");
    struct weights *weights = weights_open(path, &error);
    assert_non_null(weights);
    check_value(weights, "narrow", TENSOR_F32, 3, values, 0);
    weights_close(weights);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_header_is_aligned),
        cmocka_unit_test(test_long_tensor),
        cmocka_unit_test(test_failures_leave_the_old_file),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
