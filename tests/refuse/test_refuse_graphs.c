/* Files whose metadata "thaw.graph" describes what cannot be: each is one change away from a sound one, and is refused
 * with the sentence beside it, before memory is taken for what it claims. */
#include "config.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "src/weights/format.h"
#include "thaw/base/mem.h"
#include "thaw/network/graph_json.h"
#include "thaw/source/import.h"

#define HEAD                                                                                                           \
    "{'version':1,'arch':'net','input':[6,6,1],'preprocess':'size 6x6x1 resize 0 raw 0 bgr 0 mean 0 0 0 std 1 1 1',"   \
    "'trunk':'pool','stages':[{'name':'net','first':0}],'nodes':["
#define POOL  "{'name':'pool','op':'global average pool','in':[1]},"
#define CONV  "{'name':'conv','op':'conv','in':[0],'out_channels':2,'kernel_h':3,'kernel_w':3},"
#define TOP   "{'name':'fc','op':'linear','in':[2],'out_channels':3,'bias':1}"
#define SOUND HEAD CONV POOL TOP "]}"

/* A text, in which ' stands for "; or a part of it, many times over. */
static const struct graph_case {
    const char *name, *text;
    size_t times; /* 0: the text as it is */
    const char *sentence;
} cases[] = {
    {"no JSON", HEAD CONV POOL TOP "}", 0, "its text is no JSON"},
    {"deep", "[", 5000, "its text is no JSON"},
    {"many empty objects", "{},", 50000, "its thaw.graph describes more than a file of this size can hold"},
    {"many small numbers", "1,", 500000, "its thaw.graph describes more than a file of this size can hold"},
    {"another version", "{'version':2}", 0, "version: this program reads version 1"},
    {"no nodes", HEAD "]}", 0, "nodes: none, too many"},
    {"reads itself",
     HEAD "{'name':'conv','op':'conv','in':[1],'out_channels':2,'kernel_h':3,'kernel_w':3}," POOL TOP "]}", 0,
     "conv: an input does not precede it"},
    {"an op of no kind", HEAD "{'name':'conv','op':'magic','in':[0]}," POOL TOP "]}", 0, "conv: its op is not known"},
    {"a kernel larger than the image",
     HEAD "{'name':'conv','op':'conv','in':[0],'out_channels':2,'kernel_h':16777216,'kernel_w':3}," POOL TOP "]}", 0,
     "does not fit"},
    {"a trunk wider than the file",
     HEAD "{'name':'conv','op':'conv','in':[0],'out_channels':16777216,'kernel_h':3,'kernel_w':3}," POOL TOP "]}", 0,
     "memory: the network it describes has 201326595 values, its tensors only 27"},
    {"a head wider than the file",
     HEAD CONV POOL "{'name':'fc','op':'linear','in':[2],'out_channels':16777216,'bias':1}]}", 0,
     "memory: the network it describes has 50331666 values, its tensors only 27"},
};

/* The text as metadata of a file that has the values of SOUND; every byte of them is 0. */
static uint8_t *make_file(const char *text, size_t *size)
{
    static const char tensors[] = "\"conv.weight\":{\"dtype\":\"U8\",\"shape\":[2,1,3,3],\"data_offsets\":[0,18]},"
                                  "\"fc.weight\":{\"dtype\":\"U8\",\"shape\":[3,2],\"data_offsets\":[18,24]},"
                                  "\"fc.bias\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[24,27]}";
    enum { LENGTH = 8, VALUES = 27 };
    char *quoted = mem_alloc(6 * strlen(text) + 1), *to = quoted;
    for (; *text; text++) /* signs as numbers, so that the header itself seems to hold little */
        to += isalnum((unsigned char)*text) ? sprintf(to, "%c", *text)
                                            : sprintf(to, "\\u%04x", *text == '\'' ? '"' : (unsigned)*text);
    char *header = mem_format("{\"__metadata__\":{\"%s\":\"%s\"},%s}", GRAPH_JSON_KEY, quoted, tensors);
    size_t length = strlen(header);
    *size = LENGTH + length + VALUES;
    uint8_t *file = mem_alloc(*size);
    for (int i = 0; i < LENGTH; i++)
        file[i] = (uint8_t)((uint64_t)length >> (8 * i));
    memcpy(file + LENGTH, header, length);
    mem_free(header);
    mem_free(quoted);
    return file;
}

static struct graph *import(const char *text, struct error *error)
{
    size_t size;
    uint8_t *file = make_file(text, &size);
    struct bind_report report;
    struct load_request request = {.seed = 1};
    struct weights *weights = weights_open_memory(file, size, "memory", error);
    if (!weights)
        fail_msg("%s", error->text);
    struct graph *graph = import_graph(weights, &request, true, &report, error);
    bind_report_finish(&report);
    weights_close(weights);
    mem_free(file);
    return graph;
}

static void test_sound(void **state)
{
    (void)state;
    struct error error;
    struct graph *graph = import(SOUND, &error);
    if (!graph)
        fail_msg("%s", error.text);
    graph_destroy(graph);
}

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < THAW_LENGTH(cases); i++) {
        const struct graph_case *c = &cases[i];
        struct error error = {0};
        size_t length = strlen(c->text), times = c->times ? c->times : 1;
        char *text = mem_alloc(times * length + 1);
        for (size_t t = 0; t < times; t++)
            memcpy(text + t * length, c->text, length);
        struct graph *graph = import(text, &error);
        if (graph || error.kind != ERROR_WEIGHTS || !strstr(error.text, c->sentence) ||
            strncmp(error.text, "memory: ", 8) != 0)
            fail_msg("%s: %s", c->name, graph ? "taken" : error.text);
        mem_free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sound), cmocka_unit_test(test_cases)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
