/* Darknet's cfg; a file of values, all zero, lies beside it. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"
#include "src/weights/format.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"

const char fuzz_target[] = "darknet";

enum { VALUES_BYTES = 16 + 4 * 579 };

static char folder[] = "/tmp/thaw-fuzz-XXXXXX", path[64];

static void remove_folder(void)
{
    snprintf(path, sizeof path, "%s/net.weights", folder);
    unlink(path);
    rmdir(folder);
}

static void make_folder(void)
{
    static uint8_t values[VALUES_BYTES] = {0, 0, 0, 0, 1};
    struct error error = {0};
    if (!mkdtemp(folder))
        abort();
    atexit(remove_folder);
    snprintf(path, sizeof path, "%s/net.weights", folder);
    if (!file_write_atomic(path, values, sizeof values, &error))
        abort();
    snprintf(path, sizeof path, "%s/net.cfg", folder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error error = {0};
    if (!path[0])
        make_folder();
    if (size == 0)
        return 0;
    struct weights *weights = weights_open_memory_as(&format_darknet, data, size, path, &error);
    if (!weights && (error.kind != ERROR_WEIGHTS || strncmp(error.text, path, strlen(path)) != 0))
        abort();
    for (size_t i = 0; weights && i < weights_count(weights); i++) {
        int64_t count = shape_count(&weights_get(weights, i)->shape);
        if (count < 1 || count > VALUES_BYTES / 4)
            abort();
        float *values = mem_array((size_t)count, sizeof *values);
        if (!weights_read(weights, i, values, &error))
            abort();
        mem_free(values);
    }
    weights_close(weights);
    return 0;
}
