/* The graph that a file of our own describes: the text alone, which must come back as it was; and the text as metadata
 * of a small file, with its values. */
#include "config.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "src/weights/format.h"
#include "thaw/base/mem.h"
#include "thaw/network/graph_json.h"
#include "thaw/source/import.h"

const char fuzz_target[] = "graph_json";

/* The tensors beside the text; all are zero. */
static const char tensors[] = "\"conv.weight\":{\"dtype\":\"U8\",\"shape\":[2,1,3,3],\"data_offsets\":[0,18]},"
                              "\"fc.weight\":{\"dtype\":\"U8\",\"shape\":[3,2],\"data_offsets\":[18,24]},"
                              "\"fc.bias\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[24,27]}";
enum { VALUES = 27, LENGTH = 8 };

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void read_text(const char *text)
{
    struct error error = {0};
    struct graph *graph = graph_from_json(text, &error);
    if (!graph) {
        require(error.kind == ERROR_WEIGHTS && error.text[0]);
        return;
    }
    char *written = graph_to_json(graph);
    struct graph *back = graph_from_json(written, &error);
    require(back);
    char *again = graph_to_json(back);
    require(strcmp(written, again) == 0);
    mem_free(written);
    mem_free(again);
    graph_destroy(graph);
    graph_destroy(back);
}

static void import(const struct weights *weights, struct error *error)
{
    struct bind_report report;
    struct load_request request = {.seed = 1};
    struct graph *graph = import_graph(weights, &request, true, &report, error);
    require(graph || (error->kind == ERROR_WEIGHTS && strncmp(error->text, "memory: ", 8) == 0));
    bind_report_finish(&report);
    graph_destroy(graph);
}

static void read_file(const char *text)
{
    json_t *json = json_string(text);
    char *quoted = json ? json_dumps(json, JSON_ENCODE_ANY) : NULL;
    json_decref(json);
    if (!quoted)
        return; /* no UTF-8 */
    char *header = mem_format("{\"__metadata__\":{\"%s\":%s},%s}", GRAPH_JSON_KEY, quoted, tensors);
    free(quoted);
    size_t size = strlen(header);
    uint8_t *file = mem_alloc(LENGTH + size + VALUES);
    for (int i = 0; i < LENGTH; i++)
        file[i] = (uint8_t)((uint64_t)size >> (8 * i));
    memcpy(file + LENGTH, header, size);
    mem_free(header);
    struct error error = {0};
    struct weights *weights = weights_open_memory(file, LENGTH + size + VALUES, "memory", &error);
    if (weights && import_possible(weights))
        import(weights, &error);
    weights_close(weights);
    mem_free(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = mem_alloc(size + 1);
    if (size)
        memcpy(text, data, size);
    read_text(text);
    read_file(text);
    mem_free(text);
    return 0;
}
