/* NumPy's arrays: one, or a zip archive of some. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "src/data/npy.h"
#include "thaw/base/mem.h"
#include "thaw/base/zip.h"

const char fuzz_target[] = "npz";

/* An entry is unpacked to at most 1032 times its bytes. */
size_t fuzz_budget(size_t size)
{
    return 1100 * size + (1 << 20);
}

int fuzz_mutations(void)
{
    return 3000;
}

static void read_array(const uint8_t *data, size_t size)
{
    struct error error = {0};
    struct npy npy;
    if (npy_read(&npy, data, size, &error)) {
        size_t count = 1;
        long number = 0;
        for (int d = 0; d < npy.rank; d++)
            count *= npy.dim[d];
        if (count != npy.count || (size_t)npy.bytes * count > size)
            abort();
        for (size_t i = 0; i < count; i++)
            if (npy_whole(&npy, i, 100, &number) && (number < 0 || number > 100))
                abort();
    } else if (error.kind != ERROR_DATA || !error.text[0]) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct file_map map = {.data = data, .size = size};
    struct error error = {0};
    struct zip zip;
    struct zip_entry entry;
    read_array(data, size);
    if (size < 4 || !zip_open(&zip, &map, &error))
        return 0;
    struct zip_walk walk = zip_walk(&zip);
    while (zip_next(&walk, &entry, &error)) {
        size_t budget = 1032 * size;
        void *block = NULL;
        const uint8_t *bytes = zip_bytes(&zip, &entry, &budget, &block, &error);
        size_t start = bytes && entry.size > 3 ? 3 : 0;
        uint8_t first[3];
        if (bytes)
            read_array(bytes, (size_t)entry.size);
        if (start && (!zip_read(&zip, &entry, first, start, &error) || memcmp(first, bytes, start) != 0))
            abort();
        mem_free(block);
    }
    return 0;
}
