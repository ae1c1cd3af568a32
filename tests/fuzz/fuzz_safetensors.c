/* safetensors: the bytes as they are, and once more with the header's length set to reach the last brace, which a
 * mutation rarely gets right. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "src/weights/format.h"

const char fuzz_target[] = "safetensors";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_read_weights_as(&format_safetensors, data, size);
    if (size <= 8)
        return 0;
    uint8_t *mended = malloc(size); /* the exact size, so that a read behind it is seen */
    if (!mended)
        return 0;
    memcpy(mended, data, size);
    const uint8_t *brace = memrchr(mended + 8, '}', size - 8);
    uint64_t header = brace ? (uint64_t)(brace - mended) + 1 - 8 : size - 8;
    for (int i = 0; i < 8; i++)
        mended[i] = (uint8_t)(header >> (8 * i));
    fuzz_read_weights_as(&format_safetensors, mended, size);
    free(mended);
    return 0;
}
