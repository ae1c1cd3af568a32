/* The index of a model in several safetensors files; two small ones lie beside it. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"
#include "src/weights/format.h"
#include "thaw/base/file.h"

const char fuzz_target[] = "safetensors_index";

static char folder[] = "/tmp/thaw-fuzz-XXXXXX", path[64];
static const char *const names[] = {"a", "b"};

static void remove_folder(void)
{
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
}

static void make_folder(void)
{
    static const float values[] = {1, 2};
    struct error error = {0};
    if (!mkdtemp(folder))
        abort();
    atexit(remove_folder);
    for (int i = 0; i < 2; i++) {
        struct weights_output tensor = {
            .name = names[i], .type = TENSOR_F32, .shape = shape_make(1, (int64_t[]){2}), .values = values};
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        if (!safetensors_write(path, &tensor, 1, NULL, &error))
            abort();
    }
    snprintf(path, sizeof path, "%s/index", folder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error error = {0};
    if (!path[0])
        make_folder();
    struct weights *weights = weights_open_memory_as(&format_safetensors_index, data, size, path, &error);
    if (weights ? weights_count(weights) < 1 || weights_count(weights) > 2
                : error.kind != ERROR_WEIGHTS || strncmp(error.text, path, strlen(path)) != 0)
        abort();
    float values[2];
    for (size_t i = 0; weights && i < weights_count(weights); i++)
        if (!weights_read(weights, i, values, &error) || values[1] != 2)
            abort();
    weights_close(weights);
    return 0;
}
