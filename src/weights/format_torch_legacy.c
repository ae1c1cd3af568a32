/* Reads the stream that torch.save wrote before PyTorch 1.6 (and writes still, when asked). Called through the table of
 * formats in weights.c.
 *
 * The bytes:
 * 1. a pickle of the magic number 0x1950a86a20f9469cfc6c.
 * 2. a pickle of the protocol version, 1001.
 * 3. a pickle of a dict about the system that wrote it: protocol_version, little_endian, type_sizes.
 * 4. a pickle of the object. Tensors name their storage by a persistent id
 *    ("storage", type, key, location, elements[, view]).
 * 5. a pickle of the list of storage keys.
 * 6. for each of these keys in turn: int64 number of elements, little endian, then the elements.
 *
 * Refused: big-endian files, a storage that states different sizes in 4 and 6 or different types, a listed storage that
 * no tensor names (its element size is unknown), keys listed twice, storages that end behind the file, and what
 * unpickle.h and torch_state.h refuse. Bytes behind the last storage are allowed: a second torch.save may follow. */
#include "config.h"

#include <string.h>

#include "format.h"
#include "torch_state.h"
#include "unpickle.h"

enum { PROTOCOL_VERSION = 1001, PROBE_BYTES = 32 };

static const uint8_t magic[10] = {0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19};

/* Within the first pickle; protocols 4 and 5 put a frame before it. */
static bool probe(const struct file_map *map)
{
    size_t size = map->size < PROBE_BYTES ? map->size : PROBE_BYTES;
    return map->data[0] == 0x80 && memmem(map->data, size, magic, sizeof magic) != NULL;
}

static bool read_head(struct unpickle *unpickle, size_t *at, struct error *error)
{
    const struct pickle_value *value = unpickle_run(unpickle, at, error);
    if (!value)
        return false;
    if (value->kind != PICKLE_BIG || value->text.size != sizeof magic ||
        memcmp(value->text.bytes, magic, sizeof magic) != 0)
        return error_set(error, ERROR_WEIGHTS, "its first pickle is not the magic number of torch.save");
    if (!(value = unpickle_run(unpickle, at, error)))
        return false;
    if (value->kind != PICKLE_INT || value->integer != PROTOCOL_VERSION)
        return error_set(error, ERROR_WEIGHTS, "its torch.save protocol is not %d, the only one there has been",
                         PROTOCOL_VERSION);
    if (!(value = unpickle_run(unpickle, at, error)))
        return false;
    return torch_check_system(value, error);
}

/* Reads item 6 for one key at byte *at: sets the data of the storage, and moves *at behind it. */
static bool place_storage(const struct file_map *map, struct unpickle *unpickle, const struct pickle_value *key,
                          size_t *at, struct error *error)
{
    char quote[WEIGHTS_QUOTE];
    weights_quote(quote, key->text.bytes, key->text.size);
    struct torch_storage storage = torch_storage_find(unpickle, key->text.bytes, key->text.size);
    if (storage.mentions == 0)
        return error_set(error, ERROR_WEIGHTS, "storage \"%s\" belongs to no tensor: its type is unknown", quote);
    if (map->size - *at < 8)
        return error_set(error, ERROR_WEIGHTS, "ends at byte %zu, where storage \"%s\" should start: it is truncated",
                         map->size, quote);
    uint64_t elements = 0;
    for (int i = 7; i >= 0; i--)
        elements = elements << 8 | map->data[*at + (size_t)i];
    enum tensor_type type = storage.first[0]->type;
    size_t size = tensor_type_size(type), left = map->size - *at - 8;
    if (elements > left / size)
        return error_set(error, ERROR_WEIGHTS,
                         "storage \"%s\" at byte %zu should have %llu elements of %s, but only %zu bytes follow: is it "
                         "truncated?",
                         quote, *at, (unsigned long long)elements, tensor_type_name(type), left);
    if (!torch_storage_place(&storage, map->data + *at + 8, elements * size, error))
        return false;
    *at += 8 + (size_t)elements * size;
    return true;
}

static bool place_storages(const struct file_map *map, struct unpickle *unpickle, size_t *at, struct error *error)
{
    const struct pickle_value *keys = unpickle_run(unpickle, at, error);
    if (!keys)
        return false;
    if (keys->kind != PICKLE_LIST)
        return error_set(error, ERROR_WEIGHTS, "its fifth pickle is %s instead of the list of storages",
                         pickle_kind_name(keys->kind));
    torch_storages_sort(unpickle);
    for (size_t i = 0; i < keys->list.count; i++) {
        if (keys->list.item[i]->kind != PICKLE_STRING)
            return error_set(error, ERROR_WEIGHTS, "storage %zu is named by %s", i,
                             pickle_kind_name(keys->list.item[i]->kind));
        if (!place_storage(map, unpickle, keys->list.item[i], at, error))
            return false;
    }
    return true;
}

static bool open_torch_legacy(struct weights *weights, struct error *error)
{
    const struct file_map *map = weights_map(weights);
    struct unpickle *unpickle = unpickle_create(map->data, map->size, unpickle_memory_for(map->size));
    size_t at = 0;
    bool ok = read_head(unpickle, &at, error);
    const struct pickle_value *object = ok ? unpickle_run(unpickle, &at, error) : NULL;
    ok = object && place_storages(map, unpickle, &at, error) &&
         torch_state_add(weights, object, unpickle_memory_for(map->size) - unpickle_memory(unpickle), error);
    unpickle_destroy(unpickle);
    return ok;
}

const struct weights_format format_torch_legacy = {
    .name = "torch (legacy stream)",
    .layout = WEIGHTS_TORCH,
    .probe = probe,
    .open = open_torch_legacy,
};
