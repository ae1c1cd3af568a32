/* torch.save's tar archives: the bytes as they are; and cut into the four files of a sound archive, whose checksums a
 * mutation would rarely keep. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "src/weights/format.h"

const char fuzz_target[] = "torch_tar";

enum { BLOCK = 512, PARTS = 4, LENGTHS = 2 * (PARTS - 1) };

static size_t put_part(uint8_t *archive, const char *name, const uint8_t *bytes, size_t size)
{
    unsigned sum = 0;
    strcpy((char *)archive, name);
    snprintf((char *)archive + 124, 12, "%011o", (unsigned)size);
    memset(archive + 148, ' ', 8);
    memcpy(archive + 257, "ustar", 5);
    for (int i = 0; i < BLOCK; i++)
        sum += archive[i];
    snprintf((char *)archive + 148, 8, "%06o", sum);
    if (size)
        memcpy(archive + BLOCK, bytes, size);
    return BLOCK + (size + BLOCK - 1) / BLOCK * BLOCK;
}

/* Two bytes each say how long the first three parts are. */
static void read_wrapped(const uint8_t *data, size_t size)
{
    static const char *const name[PARTS] = {"sys_info", "storages", "tensors", "pickle"};
    if (size < LENGTHS)
        return;
    const uint8_t *from = data + LENGTHS;
    size_t left = size - LENGTHS, used = 0;
    uint8_t *archive = calloc(1, left + PARTS * 2 * BLOCK + 2 * BLOCK);
    if (!archive)
        return;
    for (int p = 0; p < PARTS; p++) {
        size_t length = p < PARTS - 1 ? data[2 * p] | (size_t)data[2 * p + 1] << 8 : left;
        length = length < left ? length : left;
        used += put_part(archive + used, name[p], from, length);
        from += length;
        left -= length;
    }
    uint8_t *exact = realloc(archive, used); /* a read behind it is seen */
    fuzz_read_weights_as(&format_torch_tar, exact ? exact : archive, used);
    free(exact ? exact : archive);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_read_weights_as(&format_torch_tar, data, size);
    read_wrapped(data, size);
    return 0;
}
