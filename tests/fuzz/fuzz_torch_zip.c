/* torch.save's zip archives: the bytes as they are; and as the pickle and the values inside a sound archive, whose
 * offsets a mutation would rarely keep. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "src/weights/format.h"

const char fuzz_target[] = "torch_zip";

enum { LOCAL = 30, ENTRY = 46, END = 22 };

struct archive {
    uint8_t *bytes;
    size_t size;
};

static void put(struct archive *archive, const void *bytes, size_t size)
{
    if (size)
        memcpy(archive->bytes + archive->size, bytes, size);
    archive->size += size;
}

static void put_number(struct archive *archive, size_t value, int bytes)
{
    for (int i = 0; i < bytes; i++, value >>= 8)
        archive->bytes[archive->size++] = (uint8_t)value;
}

static void put_local(struct archive *archive, const char *name, const uint8_t *bytes, size_t size)
{
    put(archive, "PK\3\4", 4);
    put_number(archive, 0, 22);
    put_number(archive, strlen(name), 2);
    put_number(archive, 0, 2);
    put(archive, name, strlen(name));
    put(archive, bytes, size);
}

static void put_central(struct archive *archive, const char *name, size_t size, size_t at)
{
    put(archive, "PK\1\2", 4);
    put_number(archive, 0, 16);
    put_number(archive, size, 4);
    put_number(archive, size, 4);
    put_number(archive, strlen(name), 2);
    put_number(archive, 0, 12);
    put_number(archive, at, 4);
    put(archive, name, strlen(name));
}

/* The pickle ends with the last full stop. */
static void read_wrapped(const uint8_t *data, size_t size)
{
    static const char *const name[] = {"n/data.pkl", "n/data/0"};
    const uint8_t *stop = size ? memrchr(data, '.', size) : NULL;
    size_t pickle = stop ? (size_t)(stop - data) + 1 : size, values = size - pickle;
    struct archive archive = {malloc(size + 2 * (LOCAL + ENTRY) + END + 4 * strlen(name[0])), 0};
    if (!archive.bytes)
        return;
    put_local(&archive, name[0], data, pickle);
    size_t at = archive.size;
    put_local(&archive, name[1], data + pickle, values);
    size_t directory = archive.size;
    put_central(&archive, name[0], pickle, 0);
    put_central(&archive, name[1], values, at);
    size_t end = archive.size;
    put(&archive, "PK\5\6\0\0\0\0", 8);
    put_number(&archive, 2, 2);
    put_number(&archive, 2, 2);
    put_number(&archive, end - directory, 4);
    put_number(&archive, directory, 4);
    put_number(&archive, 0, 2);
    fuzz_read_weights_as(&format_torch_zip, archive.bytes, archive.size);
    free(archive.bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_read_weights_as(&format_torch_zip, data, size);
    read_wrapped(data, size);
    return 0;
}
