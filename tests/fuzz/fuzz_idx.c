/* IDX files, plain and compressed. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "src/data/idx.h"

const char fuzz_target[] = "idx";

/* gzip unpacks to 1032 times the bytes, and a block that grows is copied. */
size_t fuzz_budget(size_t size)
{
    return 3 * 1032 * size + (1 << 20);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error error = {0};
    struct idx idx;
    if (idx_read(&idx, data, size, &error)) {
        size_t count = 1;
        unsigned sum = 0;
        for (int d = 0; d < idx.rank; d++)
            count *= idx.dim[d];
        for (size_t i = 0; i < count; i++)
            sum += idx.values[i];
        if (count == 0 || sum > 255 * count)
            abort();
    } else if (error.kind != ERROR_DATA || !error.text[0]) {
        abort();
    }
    idx_close(&idx);
    return 0;
}
