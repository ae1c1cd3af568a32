/* The layers of a whole Sequential: the input is the JSON that the torch readers make of them, in a file that has a few
 * tensors for it. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "src/weights/format.h"
#include "thaw/base/mem.h"
#include "thaw/source/import.h"

const char fuzz_target[] = "torch_layers";

static bool add(struct weights *weights, const char *name, struct shape shape, struct error *error)
{
    struct weights_place place = {.first = weights_map(weights)->data};
    weights_place_dense(&place, &shape);
    return weights_add(weights, name, strlen(name), TENSOR_U8, &shape, &place, error);
}

static bool open_layers(struct weights *weights, struct error *error)
{
    const struct file_map *map = weights_map(weights);
    char *text = mem_format("%.*s", (int)map->size, (const char *)map->data);
    weights_add_metadata(weights, WEIGHTS_TORCH_LAYERS, text);
    mem_free(text);
    return add(weights, "0.weight", (struct shape){4, {2, 1, 3, 3}}, error) &&
           add(weights, "0.bias", (struct shape){1, {2}}, error) &&
           add(weights, "1.weight", (struct shape){2, {3, 8}}, error) &&
           add(weights, "1.bias", (struct shape){1, {3}}, error);
}

static const struct weights_format layers = {.name = "layers", .layout = WEIGHTS_TORCH, .open = open_layers};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { LEAST = 24 }; /* bytes that the tensors have */
    struct error error = {0};
    struct load_request request = {.seed = 1};
    struct bind_report report = {0};
    if (size < LEAST || size > INT32_MAX || memchr(data, 0, size))
        return 0;
    struct weights *weights = weights_open_memory_as(&layers, data, size, "memory", &error);
    struct graph *graph = weights ? import_graph(weights, &request, size % 4 == 0, &report, &error) : NULL;
    if (!graph && error.kind != ERROR_WEIGHTS)
        abort();
    bind_report_finish(&report);
    graph_destroy(graph);
    weights_close(weights);
    return 0;
}
