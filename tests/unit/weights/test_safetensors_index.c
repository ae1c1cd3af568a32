/* Models in several safetensors files: the index opens as one handle; what does not fit together is refused. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/weights/weights.h"

static char folder[] = "/tmp/thaw-index-XXXXXX";
static const char *const files[] = {"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
                                    "broken.safetensors", "model.safetensors.index.json"};

static void put(const char *name, const void *bytes, size_t size)
{
    struct error error = {0};
    char *path = path_join(folder, name);
    if (!file_write_atomic(path, bytes, size, &error))
        fail_msg("%s", error.text);
    mem_free(path);
}

static int set_up(void **state)
{
    (void)state;
    struct error error = {0};
    if (!mkdtemp(folder))
        return -1;
    static const float values[] = {1, 2, 3, 4, 5, 6};
    const struct weights_output first[] = {
        {.name = "conv.weight", .type = TENSOR_F32, .shape = shape_make(2, (int64_t[]){2, 2}), .values = values},
        {.name = "conv.bias", .type = TENSOR_F16, .shape = shape_make(1, (int64_t[]){2}), .values = values + 4},
    };
    const struct weights_output second[] = {
        {.name = "fc.weight", .type = TENSOR_F32, .shape = shape_make(1, (int64_t[]){6}), .values = values}};
    char *path = path_join(folder, files[0]);
    bool done = safetensors_write(path, first, 2, NULL, &error);
    mem_free(path);
    path = path_join(folder, files[1]);
    done = done && safetensors_write(path, second, 1, NULL, &error);
    mem_free(path);
    put(files[2], "\x20\0\0\0\0\0\0\0{}", 10);
    return done ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < THAW_LENGTH(files); i++) {
        char *path = path_join(folder, files[i]);
        unlink(path);
        mem_free(path);
    }
    return rmdir(folder);
}

static struct weights *open_index(const char *text, struct error *error)
{
    put(files[3], text, strlen(text));
    char *path = path_join(folder, files[3]);
    struct weights *weights = weights_open(path, error);
    mem_free(path);
    return weights;
}

#define CONV "\"conv.weight\":\"model-00001-of-00002.safetensors\",\"conv.bias\":\"model-00001-of-00002.safetensors\""
#define FC   "\"fc.weight\":\"model-00002-of-00002.safetensors\""

static void test_opens_as_one(void **state)
{
    (void)state;
    struct error error = {0};
    struct weights *weights =
        open_index(" \n{\"metadata\":{\"total_size\":44},\"weight_map\":{" FC "," CONV "}}\n", &error);
    if (!weights)
        fail_msg("%s", error.text);
    assert_string_equal(weights_format(weights), "safetensors (index)");
    assert_int_equal(weights_count(weights), 3);
    float values[6];
    assert_true(weights_read(weights, (size_t)weights_find(weights, "fc.weight"), values, &error));
    assert_true(values[5] == 6);
    assert_true(weights_read(weights, (size_t)weights_find(weights, "conv.bias"), values, &error));
    assert_true(values[0] == 5 && values[1] == 6);
    assert_int_equal(weights_get(weights, (size_t)weights_find(weights, "conv.bias"))->type, TENSOR_F16);
    weights_close(weights);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {"{\"weight_map\":{" CONV "," FC "}", "its index is no valid JSON at byte"},
        {"{\"weight_map\":{" CONV "," CONV "}}", "its index is no valid JSON at byte"},
        {"{\"weight_map\":[]}", "its weight_map is no object of tensors and files"},
        {"{\"x\":\"weight_map\"}{\"weight_map\":{}}", "no valid JSON"},
        {"{\"weight_map\":{}}", "holds no tensors"},
        {"{\"weight_map\":{\"fc.weight\":2}}", "does not give a file's name for tensor \"fc.weight\""},
        {"{\"weight_map\":{\"fc.weight\":\"\"}}", "files must lie beside it"},
        {"{\"weight_map\":{\"fc.weight\":\"../x.safetensors\"}}", "in \"../x.safetensors\": files must lie beside it"},
        {"{\"weight_map\":{\"fc.weight\":\"/etc/passwd\"}}", "in \"/etc/passwd\": files must lie beside it"},
        {"{\"weight_map\":{\"fc.weight\":\"..\"}}", "in \"..\": files must lie beside it"},
        {"{\"weight_map\":{\"fc.weight\":\"none.safetensors\"}}", "none.safetensors: No such file or directory"},
        {"{\"weight_map\":{\"fc.weight\":\"model.safetensors.index.json\"}}",
         "model.safetensors.index.json, which it names, is no safetensors file"},
        {"{\"weight_map\":{\"fc.weight\":\"broken.safetensors\"}}",
         "broken.safetensors: its safetensors header should have 32 bytes, but only 2 follow"},
        {"{\"weight_map\":{" FC "," CONV ",\"more\":\"model-00002-of-00002.safetensors\"}}",
         "model-00002-of-00002.safetensors, which it names, does not hold tensor \"more\""},
        {"{\"weight_map\":{" FC ",\"conv.bias\":\"model-00001-of-00002.safetensors\"}}",
         "model-00001-of-00002.safetensors holds tensor \"conv.weight\", which the index does not list"},
        {"{\"weight_map\":{" CONV ",\"fc.weight\":\"model-00001-of-00002.safetensors\"}}",
         "model-00001-of-00002.safetensors, which it names, does not hold tensor \"fc.weight\""},
        {"{\"weight_map\":{\"conv.bias\":\"model-00002-of-00002.safetensors\"," FC
         ",\"conv.weight\":\"model-00001-of-00002.safetensors\"}}",
         "model-00001-of-00002.safetensors holds tensor \"conv.bias\", which the index places in another file"},
    };
    for (size_t i = 0; i < THAW_LENGTH(cases); i++) {
        struct error error = {0};
        struct weights *weights = open_index(cases[i].text, &error);
        weights_close(weights);
        if (weights)
            fail_msg("%s: was read", cases[i].text);
        if (error.kind != ERROR_WEIGHTS || strncmp(error.text, folder, strlen(folder)) != 0 ||
            !strstr(error.text, cases[i].sentence))
            fail_msg("%s: kind %d: %s", cases[i].text, error.kind, error.text);
    }
}

/* Many small values in little text: refused before Jansson makes a hundred times as much of them. */
static void test_dense_json(void **state)
{
    (void)state;
    enum { ARRAYS = 1 << 20 };
    static const char head[] = "{\"weight_map\":[";
    struct error error = {0};
    char *text = mem_alloc(sizeof head + 3 * ARRAYS);
    strcpy(text, head);
    for (size_t i = 0; i < ARRAYS; i++)
        memcpy(text + sizeof head - 1 + 3 * i, "[],", 3);
    assert_null(open_index(text, &error));
    if (!strstr(error.text, "its index describes more than a file of"))
        fail_msg("%s", error.text);
    mem_free(text);
}

/* A part of the model is cut while it is open: a sentence, and neither a signal nor zeros for values. */
static void test_cut_while_open(void **state)
{
    (void)state;
    struct error error = {0};
    float values[6];
    file_guard();
    struct weights *weights = open_index("{\"weight_map\":{" FC "," CONV "}}", &error);
    assert_non_null(weights);
    char *path = path_join(folder, files[1]);
    assert_int_equal(truncate(path, 0), 0);
    assert_false(weights_read(weights, (size_t)weights_find(weights, "fc.weight"), values, &error));
    assert_int_equal(error.kind, ERROR_WEIGHTS);
    assert_non_null(strstr(error.text, "was cut or changed while it was read"));
    weights_close(weights);
    mem_free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_opens_as_one), cmocka_unit_test(test_refused), cmocka_unit_test(test_dense_json),
        cmocka_unit_test(test_cut_while_open), /* last: spoils the files */
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
