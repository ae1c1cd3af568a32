/* The pickle machine alone: pickle after pickle until one fails or the bytes end. */
#include "config.h"

#include <stdlib.h>

#include "fuzz.h"
#include "src/weights/unpickle.h"

const char fuzz_target[] = "unpickle";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error error = {0};
    struct unpickle *unpickle = unpickle_create(data, size, unpickle_memory_for(size));
    const struct pickle_value *value;
    size_t at = 0, storages;
    while (at < size && (value = unpickle_run(unpickle, &at, &error))) {
        if (at > size)
            abort();
        pickle_find(value, "state_dict");
    }
    if (at < size && error.kind != ERROR_WEIGHTS)
        abort();
    unpickle_storages(unpickle, &storages);
    unpickle_destroy(unpickle);
    return 0;
}
