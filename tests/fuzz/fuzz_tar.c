/* Tar archives, plain and in gzip, which is read in order and then again at places of it. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "src/data/gunzip.h"
#include "src/data/untar.h"
#include "thaw/base/mem.h"

const char fuzz_target[] = "tar";

/* zlib's state for a pass and for eight readers, and what it goes on from; a header about the next file. */
size_t fuzz_budget(size_t size)
{
    return 4 * size + (4 << 20);
}

int fuzz_mutations(void)
{
    return 3000;
}

struct bytes {
    const uint8_t *data;
    size_t size;
    struct gunzip *gunzip;
};

static bool read_bytes(void *context, uint64_t at, void *to, size_t size, struct error *error)
{
    const struct bytes *bytes = context;
    error->kind = ERROR_NONE;
    if (bytes->gunzip)
        return gunzip_first(bytes->gunzip, at, to, size, error);
    if (at > bytes->size || size > bytes->size - at)
        return false;
    memcpy(to, bytes->data + at, size);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes bytes = {data, size, gunzip_probe(data, size) ? gunzip_create(data, size) : NULL};
    struct tar_walk walk = {.source = {read_bytes, &bytes}};
    struct tar_entry *entry = mem_alloc(sizeof *entry);
    struct error error = {0};
    uint64_t before = 0;
    int entries = 0;
    while (entries < 1000 && tar_next(&walk, entry, &error)) {
        if (strlen(entry->name) >= TAR_NAME_MAX || walk.at <= before || entry->at < before)
            abort();
        before = walk.at;
        entries++;
    }
    if (error.kind != ERROR_NONE && error.kind != ERROR_DATA)
        abort();
    uint64_t come = bytes.gunzip ? gunzip_come(bytes.gunzip) : 0;
    for (uint64_t at = 0; at + 16 <= come && at < 4096; at += 509) {
        uint8_t piece[16];
        if (!gunzip_at(bytes.gunzip, at, piece, sizeof piece, &error))
            abort(); /* it has been there */
    }
    gunzip_destroy(bytes.gunzip);
    mem_free(entry);
    return 0;
}
