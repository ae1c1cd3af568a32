/* Reads the zip archives that torch.save writes since PyTorch 1.6. Called through the table of formats in weights.c.
 *
 * The entries, all below one folder of any name, or at the top:
 * 1. data.pkl: a pickle of the object. Tensors name their storage by a persistent id
 *    ("storage", type, key, location, elements).
 * 2. data/KEY: the elements of a storage; stored, not deflated, so that they are used where they lie in the map.
 * 3. byteorder (since 1.13, where it is missing: little): "little" or "big".
 * 4. version, .format_version, .storage_alignment, .data/serialization_id: of no use to a reader.
 * A TorchScript archive (torch.jit.save) has code/ and constants.pkl beside them, and a module as the object, whose tensors
 * are its attributes; what was frozen (torch.jit.freeze) has them among the constants, where they have no names.
 *
 * Somebody's zip tool may have deflated the entries: what is unpacked and what the pickle machine takes are together
 * limited by unpickle_memory_for.
 *
 * Refused: big-endian files, a storage of another size than its tensors say or given twice, and what zip.h, unpickle.h and torch_state.h refuse. Storages that no tensor names are passed
 * over. */
#include "config.h"

#include <string.h>

#include "format.h"
#include "thaw/base/mem.h"
#include "thaw/base/zip.h"
#include "torch_state.h"
#include "unpickle.h"

enum { NAME_AT = 30 };

static const char object_name[] = "data.pkl";

/* The part of an entry's name behind the archive's folder, or NULL where it lies elsewhere. */
static const uint8_t *inner_name(const struct zip_entry *entry, const uint8_t *folder, size_t folder_size, size_t *size)
{
    if (entry->name_size < folder_size || (folder_size && memcmp(entry->name, folder, folder_size) != 0))
        return NULL;
    *size = entry->name_size - folder_size;
    return entry->name + folder_size;
}

static bool is_text(const uint8_t *bytes, size_t size, const char *text)
{
    return size == strlen(text) && memcmp(bytes, text, size) == 0;
}

static bool is_object(const uint8_t *name, size_t size)
{
    size_t length = sizeof object_name - 1;
    return size >= length && is_text(name + size - length, length, object_name) &&
           (size == length || name[size - length - 1] == '/');
}

/* The first entry, by its own header, or any of the directory: an archive that was packed anew has another order. */
static bool probe(const struct file_map *map)
{
    struct error error = {0};
    struct zip zip;
    struct zip_entry entry;
    if (map->size < NAME_AT || memcmp(map->data, "PK\3\4", 4) != 0)
        return false;
    size_t size = map->data[26] | (size_t)map->data[27] << 8;
    if (size <= map->size - NAME_AT && is_object(map->data + NAME_AT, size))
        return true;
    if (!zip_open(&zip, map, &error))
        return false;
    for (struct zip_walk walk = zip_walk(&zip); zip_next(&walk, &entry, &error);)
        if (is_object(entry.name, entry.name_size))
            return true;
    return false;
}

/* One archive being opened. */
struct archive {
    struct weights *weights;
    struct zip zip;
    const uint8_t *folder; /* with its slash; of data.pkl */
    size_t folder_size;
    struct zip_entry object;
    size_t budget; /* bytes that may still be allocated */
};

/* Finds data.pkl; the outermost where there are several. */
static bool find_object(struct archive *archive, struct error *error)
{
    struct zip_entry entry;
    bool found = false;
    for (struct zip_walk walk = zip_walk(&archive->zip); zip_next(&walk, &entry, error);)
        if (is_object(entry.name, entry.name_size) && (!found || entry.name_size < archive->object.name_size)) {
            archive->object = entry;
            found = true;
        }
    archive->folder = archive->object.name;
    archive->folder_size = found ? archive->object.name_size - (sizeof object_name - 1) : 0;
    return error->kind == ERROR_NONE &&
           (found || error_set(error, ERROR_WEIGHTS, "has no %s in its zip directory", object_name));
}

/* An entry's bytes for as long as the handle lives. */
static const uint8_t *read_entry(struct archive *archive, const struct zip_entry *entry, struct error *error)
{
    void *block;
    const uint8_t *bytes = zip_bytes(&archive->zip, entry, &archive->budget, &block, error);
    if (block)
        weights_keep(archive->weights, block, mem_free);
    return bytes;
}

static bool check_byte_order(struct archive *archive, const struct zip_entry *entry, struct error *error)
{
    const uint8_t *order = read_entry(archive, entry, error);
    char quote[WEIGHTS_QUOTE];
    if (!order)
        return false;
    if (is_text(order, (size_t)entry->size, "big"))
        return error_set(error, ERROR_WEIGHTS, "was written on a big-endian machine, which is not read");
    return is_text(order, (size_t)entry->size, "little") ||
           error_set(error, ERROR_WEIGHTS, "names \"%s\" as its byte order; little is read",
                     weights_quote(quote, order, (size_t)entry->size));
}

/* What the other entries say about the archive as a whole. */
static bool survey(struct archive *archive, struct error *error)
{
    struct zip_entry entry;
    for (struct zip_walk walk = zip_walk(&archive->zip); zip_next(&walk, &entry, error);) {
        size_t size;
        const uint8_t *name = inner_name(&entry, archive->folder, archive->folder_size, &size);
        if (name && is_text(name, size, "byteorder") && !check_byte_order(archive, &entry, error))
            return false;
    }
    return error->kind == ERROR_NONE;
}

static bool place_storages(struct archive *archive, struct unpickle *unpickle, struct error *error)
{
    static const char folder[] = "data/";
    struct zip_entry entry;
    torch_storages_sort(unpickle);
    for (struct zip_walk walk = zip_walk(&archive->zip); zip_next(&walk, &entry, error);) {
        size_t size, length = sizeof folder - 1;
        const uint8_t *name = inner_name(&entry, archive->folder, archive->folder_size, &size);
        if (!name || size <= length || memcmp(name, folder, length) != 0)
            continue;
        struct torch_storage storage = torch_storage_find(unpickle, name + length, size - length);
        if (storage.mentions == 0)
            continue;
        const uint8_t *data = read_entry(archive, &entry, error);
        if (!data || !torch_storage_place(&storage, data, entry.size, error))
            return false;
    }
    return error->kind == ERROR_NONE;
}

static bool read_object(struct archive *archive, struct error *error)
{
    const uint8_t *pickle = read_entry(archive, &archive->object, error);
    if (!pickle)
        return false;
    struct unpickle *unpickle = unpickle_create(pickle, (size_t)archive->object.size, archive->budget);
    size_t at = 0;
    const struct pickle_value *object = unpickle_run(unpickle, &at, error);
    archive->budget -= unpickle_memory(unpickle);
    bool ok = object && place_storages(archive, unpickle, error) &&
              torch_state_add(archive->weights, object, archive->budget, error);
    unpickle_destroy(unpickle);
    return ok;
}

static bool open_torch_zip(struct weights *weights, struct error *error)
{
    const struct file_map *map = weights_map(weights);
    struct archive archive = {.weights = weights, .budget = unpickle_memory_for(map->size)};
    return zip_open(&archive.zip, map, error) && find_object(&archive, error) && survey(&archive, error) &&
           read_object(&archive, error);
}

const struct weights_format format_torch_zip = {
    .name = "torch (zip)",
    .layout = WEIGHTS_TORCH,
    .probe = probe,
    .open = open_torch_zip,
};
