/* Opens bytes as a weights file and uses all of it, for the harnesses. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "src/weights/format.h"
#include "thaw/base/mem.h"

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void use(struct weights *weights, size_t size, struct error *error)
{
    if (!weights) {
        require(error->kind == ERROR_WEIGHTS && strncmp(error->text, "memory: ", 8) == 0);
        return;
    }
    require(weights_count(weights) > 0);
    for (size_t i = 0; i < weights_count(weights); i++) {
        const struct weights_tensor *tensor = weights_get(weights, i);
        int64_t count = shape_count(&tensor->shape);
        require(weights_find(weights, tensor->name) == (long)i);
        require(count >= 0 && (uint64_t)count <= size);
        float *values = mem_array((size_t)count, sizeof *values);
        if (!weights_read(weights, i, values, error))
            require(error->kind == ERROR_WEIGHTS && strstr(error->text, tensor->name));
        mem_free(values);
    }
    weights_close(weights);
}

void fuzz_read_weights(const uint8_t *data, size_t size)
{
    struct error error = {0};
    use(weights_open_memory(data, size, "memory", &error), size, &error);
}

void fuzz_read_weights_as(const struct weights_format *format, const uint8_t *data, size_t size)
{
    struct error error = {0};
    if (size > 0 && format->probe(&(struct file_map){.data = data, .size = size}))
        use(weights_open_memory_as(format, data, size, "memory", &error), size, &error);
}
