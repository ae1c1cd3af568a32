/* ONNX: the bytes as a weights file, every tensor read; then the network they describe, its values, and the same for
 * other classes and another input size. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "src/weights/format.h"
#include "thaw/base/mem.h"
#include "thaw/source/import.h"

const char fuzz_target[] = "onnx";

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void read_all(const struct weights *weights)
{
    struct error error = {0};
    for (size_t i = 0; i < weights_count(weights); i++) {
        float *values = mem_array((size_t)shape_count(&weights_get(weights, i)->shape) + 1, sizeof *values);
        if (!weights_read(weights, i, values, &error))
            require(error.kind == ERROR_WEIGHTS);
        mem_free(values);
    }
}

static void import(const struct weights *weights, int classes, int size, bool values)
{
    struct error error = {0};
    struct bind_report report;
    struct load_request request = {.classes = classes, .size = size, .seed = 1};
    struct graph *graph = import_graph(weights, &request, values, &report, &error);
    if (graph) {
        require(graph->nodes > 1 && graph->trunk < graph->output && (!classes || graph->classes == classes));
        require(!values || report.rows > 0);
    } else {
        require(error.kind != ERROR_NONE && error.text[0]);
    }
    graph_destroy(graph);
    bind_report_finish(&report);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error error = {0};
    if (size == 0 || data[0] != 0x08) /* ONNX begins so; other formats have harnesses of their own */
        return 0;
    struct weights *weights = weights_open_memory(data, size, "memory", &error);
    if (!weights) {
        require(error.kind == ERROR_WEIGHTS && strncmp(error.text, "memory: ", 8) == 0);
        return 0;
    }
    read_all(weights);
    if (import_possible(weights)) {
        import(weights, 0, 0, true);
        import(weights, 3, 0, true);
        import(weights, 0, 16, false);
    }
    weights_close(weights);
    return 0;
}
