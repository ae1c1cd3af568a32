/* Hostile and broken ONNX files: each is one small model with one thing wrong, must be refused with its sentence. Then
 * every prefix and every changed byte of a valid one: any outcome but a crash or a hang will do. */
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
#include "thaw/model/import.h"
#include "weights/format.h"

enum { HANG_SECONDS = 300, MESSAGE_MAX = 1 << 16 };

static char directory[] = "/tmp/thaw-refuse-XXXXXX";

static int make_directory(void **state)
{
    (void)state;
    alarm(HANG_SECONDS); /* ends a test that hangs */
    return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
    (void)state;
    return rmdir(directory);
}

/* --- writing messages --- */

struct message {
    uint8_t data[MESSAGE_MAX];
    size_t size;
};

static void put(struct message *message, const void *bytes, size_t size)
{
    assert_true(size <= sizeof message->data - message->size);
    memcpy(message->data + message->size, bytes, size);
    message->size += size;
}

static void put_varint(struct message *message, uint64_t value)
{
    do {
        uint8_t byte = (uint8_t)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
        put(message, &byte, 1);
        value >>= 7;
    } while (value);
}

static void put_integer(struct message *message, unsigned field, uint64_t value)
{
    put_varint(message, field << 3);
    put_varint(message, value);
}

static void put_bytes(struct message *message, unsigned field, const void *bytes, size_t size)
{
    put_varint(message, field << 3 | 2);
    put_varint(message, size);
    put(message, bytes, size);
}

static void put_text(struct message *message, unsigned field, const char *text)
{
    put_bytes(message, field, text, strlen(text));
}

static void put_message(struct message *message, unsigned field, const struct message *inner)
{
    put_bytes(message, field, inner->data, inner->size);
}

/* --- one tensor with one thing wrong --- */

enum { FLOAT_DATA = 4, INT32_DATA = 5, INT64_DATA = 7, RAW_DATA = 9, DOUBLE_DATA = 10 };

struct tensor_case {
    const char *name;
    int type;
    int64_t dim[9];
    int rank;
    unsigned field; /* that holds the values; 0: none */
    const char *bytes;
    size_t size;
    const char *location, *offset, *length; /* external data */
    const char *sentence;
};
#define BYTES(text) text, sizeof text - 1
#define FOUR        "\0\0\x80\x3f"

static const struct tensor_case tensor_cases[] = {
    {"nothing", 1, {1}, 1, 0, BYTES(""), NULL, NULL, NULL, "holds 0 values, its shape wants 1"},
    {"too few", 1, {2}, 1, RAW_DATA, BYTES(FOUR), NULL, NULL, NULL, "its raw data has 4 bytes, its shape wants 2"},
    {"too many", 1, {1}, 1, RAW_DATA, BYTES(FOUR FOUR), NULL, NULL, NULL, "its raw data has 8 bytes"},
    {"half an element", 1, {1}, 1, RAW_DATA, BYTES(FOUR "\0"), NULL, NULL, NULL, "its raw data has 5 bytes"},
    {"half a float", 1, {1}, 1, FLOAT_DATA, BYTES("\0\0"), NULL, NULL, NULL, "its values are damaged"},
    {"too many floats", 1, {1}, 1, FLOAT_DATA, BYTES(FOUR FOUR), NULL, NULL, NULL, "holds 2 values"},
    {"cut varint", 7, {1}, 1, INT64_DATA, BYTES("\x80"), NULL, NULL, NULL, "its values are damaged"},
    {"endless varint",
     6,
     {1},
     1,
     INT32_DATA,
     BYTES("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"),
     NULL,
     NULL,
     NULL,
     "its values are damaged"},
    {"another field", 1, {1}, 1, INT32_DATA, BYTES("\1"), NULL, NULL, NULL, "holds 0 values"},
    {"NaN", 1, {1}, 1, RAW_DATA, BYTES("\0\0\xc0\x7f"), NULL, NULL, NULL, "element 0 of 1 is NaN"},
    {"text", 8, {1}, 1, RAW_DATA, BYTES(FOUR), NULL, NULL, NULL, "is of ONNX type 8, which is not read"},
    {"no type", 0, {1}, 1, RAW_DATA, BYTES(FOUR), NULL, NULL, NULL, "is of ONNX type 0, which is not read"},
    {"negative", 1, {-1}, 1, RAW_DATA, BYTES(FOUR), NULL, NULL, NULL, "too many elements"},
    {"overflow", 1, {1LL << 40, 1LL << 40}, 2, RAW_DATA, BYTES(FOUR), NULL, NULL, NULL, "too many elements"},
    {"huge", 1, {1LL << 36}, 1, RAW_DATA, BYTES(FOUR), NULL, NULL, NULL, "its shape wants 68719476736"},
    {"rank 9", 1, {1, 1, 1, 1, 1, 1, 1, 1, 1}, 9, RAW_DATA, BYTES(FOUR), NULL, NULL, NULL, "has 9 dimensions"},
    {"absolute", 1, {1}, 1, 0, BYTES(""), "/etc/passwd", NULL, NULL, "\"/etc/passwd\"; only files in the model's own"},
    {"above", 1, {1}, 1, 0, BYTES(""), "a/../../b", NULL, NULL, "only files in the model's own folder"},
    {"nowhere", 1, {1}, 1, 0, BYTES(""), "", NULL, NULL, "only files in the model's own folder"},
    {"no such file", 1, {1}, 1, 0, BYTES(""), "other.bin", NULL, NULL, "No such file"},
    {"the folder", 1, {1}, 1, 0, BYTES(""), ".", NULL, NULL, "Is a directory"},
    {"behind the end", 1, {1}, 1, 0, BYTES(""), "hostile", "4096", NULL, "lies at bytes 4096 to 4100 of hostile"},
    {"far behind", 1, {1}, 1, 0, BYTES(""), "hostile", "18446744073709551615", NULL, "is it truncated?"},
    {"no number", 1, {1}, 1, 0, BYTES(""), "hostile", "-1", NULL, "is no number"},
    {"other length", 1, {1}, 1, 0, BYTES(""), "hostile", "0", "5", "or not 4 bytes"},
};

static void put_pair(struct message *tensor, const char *key, const char *value)
{
    static struct message pair;
    pair.size = 0;
    if (!value)
        return;
    put_text(&pair, 1, key);
    put_text(&pair, 2, value);
    put_message(tensor, 13, &pair);
}

static void put_tensor(struct message *graph, const struct tensor_case *from)
{
    static struct message tensor;
    tensor.size = 0;
    for (int i = 0; i < from->rank; i++)
        put_integer(&tensor, 1, (uint64_t)from->dim[i]);
    put_integer(&tensor, 2, (uint64_t)from->type);
    if (from->field)
        put_bytes(&tensor, from->field, from->bytes, from->size);
    put_text(&tensor, 8, "w");
    put_pair(&tensor, "location", from->location);
    put_pair(&tensor, "offset", from->offset);
    put_pair(&tensor, "length", from->length);
    if (from->location)
        put_integer(&tensor, 14, 1);
    put_message(graph, 5, &tensor);
}

/* Opens the bytes as a file and reads every tensor. */
static bool open_and_read(const struct message *model, struct error *error)
{
    char *path = path_join(directory, "hostile");
    assert_true(file_write_atomic(path, model->data, model->size, error));
    struct weights *weights = weights_open(path, error);
    bool good = weights != NULL;
    for (size_t i = 0; good && i < weights_count(weights); i++) {
        float *values = mem_array((size_t)shape_count(&weights_get(weights, i)->shape), sizeof *values);
        good = weights_read(weights, i, values, error);
        mem_free(values);
    }
    weights_close(weights);
    unlink(path);
    mem_free(path);
    return good;
}

static void expect_refusal(const char *name, const struct message *model, const char *sentence)
{
    struct error error = {0};
    if (open_and_read(model, &error))
        fail_msg("%s: was read", name);
    if (error.kind != ERROR_WEIGHTS || strncmp(error.text, directory, strlen(directory)) != 0 ||
        !strstr(error.text, sentence))
        fail_msg("%s: kind %d: %s", name, error.kind, error.text);
}

static void start_model(struct message *model)
{
    model->size = 0;
    put_integer(model, 1, 8);
}

static void test_tensors(void **state)
{
    (void)state;
    static struct message model, graph;
    for (size_t i = 0; i < THAW_LENGTH(tensor_cases); i++) {
        graph.size = 0;
        start_model(&model);
        put_tensor(&graph, &tensor_cases[i]);
        put_message(&model, 7, &graph);
        expect_refusal(tensor_cases[i].name, &model, tensor_cases[i].sentence);
    }
}

/* --- messages with one thing wrong --- */

static void test_messages(void **state)
{
    (void)state;
    static struct message model, graph;
    static const struct tensor_case good = {"good", 1, {1}, 1, RAW_DATA, BYTES(FOUR), NULL, NULL, NULL, NULL};
    graph.size = 0;
    start_model(&model);
    put_message(&model, 7, &graph);
    expect_refusal("empty graph", &model, "holds no tensors");

    put_tensor(&graph, &good);
    put_tensor(&graph, &good);
    start_model(&model);
    put_message(&model, 7, &graph);
    expect_refusal("a name twice", &model, "tensor \"w\" is listed twice");

    graph.size = 0;
    put_text(&graph, 15, "");
    start_model(&model);
    put_message(&model, 7, &graph);
    expect_refusal("sparse", &model, "has sparse initialisers, which are not read");

    graph.size = 0;
    put_integer(&graph, 5, 1);
    start_model(&model);
    put_message(&model, 7, &graph);
    expect_refusal("a tensor that is a number", &model, "its ONNX message is damaged: the field at byte 4");

    graph.size = 0;
    put(&graph, BYTES("\x2b\x2c")); /* a group */
    start_model(&model);
    put_message(&model, 7, &graph);
    expect_refusal("a group", &model, "its ONNX message is damaged");

    graph.size = 0;
    put(&graph, BYTES("\x2a\x7f"));
    start_model(&model);
    put_message(&model, 7, &graph);
    expect_refusal("longer than its graph", &model, "is the file truncated?");

    start_model(&model);
    put(&model, BYTES("\x3a\xff\xff\xff\xff\x0f"));
    expect_refusal("cut", &model, "is the file truncated?");
}

/* Two bytes a message, and each would unpack to hundreds. */
static void test_flood(void **state)
{
    (void)state;
    enum { FLOOD = 8 << 20 };
    static const struct {
        const char *name, *bytes;
    } floods[] = {{"empty nodes", "\x0a"}, {"empty tensors", "\x2a"}, {"empty inputs", "\x5a"}};
    char *path = path_join(directory, "hostile");
    uint8_t *file = mem_alloc(FLOOD + 7);
    memcpy(file, "\x08\x08\x3a\x80\x80\x80\x04", 7);
    for (size_t i = 0; i < THAW_LENGTH(floods); i++) {
        struct error error = {0};
        for (size_t at = 0; at < FLOOD; at += 2)
            file[7 + at] = (uint8_t)floods[i].bytes[0];
        assert_true(file_write_atomic(path, file, FLOOD + 7, &error));
        assert_null(weights_open(path, &error));
        if (!strstr(error.text, "far more than a file of its size can hold"))
            fail_msg("%s: %s", floods[i].name, error.text);
    }
    unlink(path);
    mem_free(path);
    mem_free(file);
}

/* --- prefixes and changed bytes --- */

static void try_bytes(const uint8_t *bytes, size_t size)
{
    struct error error = {0};
    uint8_t *copy = malloc(size ? size : 1);
    assert_non_null(copy);
    if (size)
        memcpy(copy, bytes, size);
    struct weights *weights = weights_open_memory(copy, size, "memory", &error);
    if (weights && import_possible(weights)) {
        struct bind_report report;
        struct load_request request = {0};
        graph_destroy(import_graph(weights, &request, true, &report, &error));
        bind_report_finish(&report);
    }
    weights_close(weights);
    free(copy);
}

static void test_every_byte(void **state)
{
    (void)state;
    struct error error = {0};
    struct file_map map;
    char *path = mem_format("%s/tests/unit/weights/fixtures/small.onnx", getenv("THAW_SRCDIR"));
    if (!file_map_open(&map, path, &error))
        fail_msg("%s", error.text);
    uint8_t *copy = mem_alloc(map.size);
    for (size_t size = 1; size < map.size; size++)
        try_bytes(map.data, size);
    for (size_t at = 0; at < map.size; at++) {
        memcpy(copy, map.data, map.size);
        for (int value = 0; value < 256; value++) {
            copy[at] = (uint8_t)value;
            try_bytes(copy, map.size);
        }
    }
    mem_free(copy);
    mem_free(path);
    file_map_close(&map);
}

int main(void)
{
#ifndef HAVE_ONNX
    print_message("SKIPPED: this build has no ONNX reader\n");
    return 77;
#endif
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tensors),
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_flood),
        cmocka_unit_test(test_every_byte),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
