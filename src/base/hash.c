/* Digests on libxxhash (XXH3, 128 bits). */
#include "config.h"

#include "thaw/base/hash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "thaw/base/file.h"
#include "thaw/base/mem.h"

struct hash hash_bytes(const void *data, size_t size, struct hash seed)
{
    XXH128_hash_t value = XXH3_128bits_withSeed(data, size, seed.low ^ (seed.high * 0x9E3779B97F4A7C15u));
    return (struct hash){value.high64, value.low64};
}

struct hash_stream {
    XXH3_state_t *state; /* of its own alignment */
};

struct hash_stream *hash_begin(void)
{
    struct hash_stream *stream = mem_alloc(sizeof *stream);
    stream->state = XXH3_createState();
    if (!stream->state || XXH3_128bits_reset(stream->state) != XXH_OK)
        abort(); /* no memory for half a kilobyte */
    return stream;
}

void hash_add(struct hash_stream *stream, const void *data, size_t size)
{
    if (size > 0)
        XXH3_128bits_update(stream->state, data, size);
}

struct hash hash_end(struct hash_stream *stream)
{
    XXH128_hash_t value = XXH3_128bits_digest(stream->state);
    XXH3_freeState(stream->state);
    mem_free(stream);
    return (struct hash){value.high64, value.low64};
}

bool hash_file(struct hash *hash, const char *path, struct error *error)
{
    struct file_map map;
    if (!file_map_open(&map, path, error))
        return false;
    *hash = hash_bytes(map.data ? (const void *)map.data : "", map.size, (struct hash){0});
    file_map_close(&map);
    return true;
}

bool hash_equal(struct hash a, struct hash b)
{
    return a.high == b.high && a.low == b.low;
}

void hash_text(char text[HASH_TEXT], struct hash hash)
{
    snprintf(text, HASH_TEXT, "%016llx%016llx", (unsigned long long)hash.high, (unsigned long long)hash.low);
}

bool hash_parse(struct hash *hash, const char *text)
{
    unsigned long long high, low;
    if (strspn(text, "0123456789abcdef") != HASH_TEXT - 1 || sscanf(text, "%16llx%16llx", &high, &low) != 2)
        return false;
    *hash = (struct hash){high, low};
    return true;
}
