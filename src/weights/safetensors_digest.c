/* The digest of a safetensors file, which stands in its own metadata: 32 hex digits under WEIGHTS_DIGEST, XXH3-128 of the
 * whole file (length, header, values) with zeros in place of those digits. Called where checkpoints are written and read. */
#include "config.h"

#include <string.h>

#include "format.h"
#include "thaw/base/hash.h"

enum { LENGTH_BYTES = 8 };

size_t safetensors_digest_place(const void *header, size_t size)
{
    static const char key[] = "\"" WEIGHTS_DIGEST "\":\""; /* no text inside of JSON holds a bare quote */
    const char *at = memmem(header, size, key, sizeof key - 1);
    size_t place = at ? (size_t)(at - (const char *)header) + sizeof key - 1 : 0;
    return at && size - place >= HASH_TEXT && at[sizeof key - 1 + HASH_TEXT - 1] == '"' ? place : 0;
}

size_t safetensors_digest(char digits[HASH_TEXT], const void *bytes, size_t size)
{
    const uint8_t *byte = bytes;
    uint64_t header = 0;
    for (int i = 0; size >= LENGTH_BYTES && i < LENGTH_BYTES; i++)
        header |= (uint64_t)byte[i] << (8 * i);
    if (size < LENGTH_BYTES || header > size - LENGTH_BYTES)
        return 0;
    size_t place = safetensors_digest_place(byte + LENGTH_BYTES, (size_t)header);
    if (!place)
        return 0;
    place += LENGTH_BYTES;
    struct hash_stream *hash = hash_begin();
    hash_add(hash, bytes, place);
    hash_add(hash, WEIGHTS_DIGEST_ROOM, HASH_TEXT - 1);
    hash_add(hash, byte + place + HASH_TEXT - 1, size - place - (HASH_TEXT - 1));
    hash_text(digits, hash_end(hash));
    return place;
}

enum weights_digest weights_digest(const struct weights *weights)
{
    char digits[HASH_TEXT];
    const struct file_map *map = weights_map(weights);
    if (!weights_metadata(weights, WEIGHTS_DIGEST))
        return WEIGHTS_DIGEST_NONE;
    size_t place = safetensors_digest(digits, map->data, map->size);
    bool holds = place > 0 && memcmp(map->data + place, digits, HASH_TEXT - 1) == 0;
    return holds ? WEIGHTS_DIGEST_HOLDS : WEIGHTS_DIGEST_BROKEN;
}
