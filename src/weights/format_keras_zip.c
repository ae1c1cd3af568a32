/* Reads .keras archives, which Keras writes since 2.12. Called through the table of formats in weights.c.
 *
 * The entries:
 * 1. config.json: the architecture, as keras_names.h and source/import read it.
 * 2. model.weights.h5: the values, HDF5 as format_keras_h5.c reads it (its layout 3), used where it lies when it is
 *    stored, as Keras does it.
 * 3. metadata.json: {"keras_version": "3.10.0", ...}.
 * Somebody's zip tool may have deflated the entries: what is unpacked has at most four times the archive's
 * bytes (and 64 KiB more).
 *
 * Refused: archives without the first two, weights in several files (model.weights.json), and what zip.h and
 * format_keras_h5.c refuse. */
#include "config.h"

#include <jansson.h>
#include <string.h>

#include "format_keras.h"
#include "thaw/base/mem.h"
#include "thaw/base/zip.h"

enum { NAME_AT = 30, TIMES_FILE = 4, LEAST = 64 << 10 };

static const char *const names[] = {"config.json", "model.weights.h5", "metadata.json", "model.weights.json"};
enum part { PART_CONFIG, PART_WEIGHTS, PART_METADATA, PART_SHARDS, PARTS };
_Static_assert(THAW_LENGTH(names) == PARTS, "one name a part");

struct archive {
    struct zip zip;
    struct zip_entry entry[PARTS];
    bool has[PARTS];
};

static enum part which(const uint8_t *name, size_t size)
{
    enum part part = 0;
    while (part < PARTS && (size != strlen(names[part]) || memcmp(name, names[part], size) != 0))
        part++;
    return part;
}

/* Of an entry given twice the last counts, as in other readers of zip. */
static bool survey(struct archive *archive, const struct file_map *map, struct error *error)
{
    struct zip_entry entry;
    if (!zip_open(&archive->zip, map, error))
        return false;
    for (struct zip_walk walk = zip_walk(&archive->zip); zip_next(&walk, &entry, error);) {
        enum part part = which(entry.name, entry.name_size);
        if (part == PARTS)
            continue;
        archive->entry[part] = entry;
        archive->has[part] = true;
    }
    return error->kind == ERROR_NONE;
}

/* The first entry, by its own header, or the two that matter in the directory: an archive that was packed anew has
 * another order. */
static bool probe(const struct file_map *map)
{
    struct error error = {0};
    struct archive archive = {.has = {false}};
    if (map->size < NAME_AT || memcmp(map->data, "PK\3\4", 4) != 0)
        return false;
    size_t size = map->data[26] | (size_t)map->data[27] << 8;
    if (size <= map->size - NAME_AT && which(map->data + NAME_AT, size) != PARTS)
        return true;
    return survey(&archive, map, &error) && archive.has[PART_CONFIG] &&
           (archive.has[PART_WEIGHTS] || archive.has[PART_SHARDS]);
}

/* A part as text, which the caller frees; NULL with an error. */
static char *read_text(const struct archive *archive, enum part part, size_t *budget, struct error *error)
{
    void *block;
    const uint8_t *bytes = zip_bytes(&archive->zip, &archive->entry[part], budget, &block, error);
    if (!bytes)
        return NULL;
    size_t size = (size_t)archive->entry[part].size;
    char *text = mem_alloc(size + 1);
    memcpy(text, bytes, size);
    mem_free(block);
    return text;
}

/* The version alone; a file whose metadata cannot be read has none. */
static void keep_version(struct weights *weights, const char *text)
{
    json_t *root = weights_json_fits(weights, text) ? json_loads(text, 0, NULL) : NULL;
    const char *version = json_string_value(json_object_get(root, "keras_version"));
    if (version)
        weights_add_metadata(weights, WEIGHTS_KERAS_VERSION, version);
    json_decref(root);
}

static bool read_values(struct weights *weights, const struct archive *archive, const char *config, size_t *budget,
                        struct error *error)
{
    void *block;
    const struct zip_entry *entry = &archive->entry[PART_WEIGHTS];
    const uint8_t *file = zip_bytes(&archive->zip, entry, budget, &block, error);
    if (block)
        weights_keep(weights, block, mem_free);
    return file && (keras_h5_read(weights, file, (size_t)entry->size, config, error) ||
                    error_wrap(error, "%s", names[PART_WEIGHTS]));
}

static bool open_keras_zip(struct weights *weights, struct error *error)
{
    const struct file_map *map = weights_map(weights);
    struct archive archive = {.has = {false}};
    size_t budget = TIMES_FILE * map->size + LEAST;
    if (!survey(&archive, map, error))
        return false;
    if (archive.has[PART_SHARDS])
        return error_set(error, ERROR_WEIGHTS,
                         "is a .keras archive whose weights are in several files, which is not read; save it without "
                         "max_shard_size");
    if (!archive.has[PART_CONFIG] || !archive.has[PART_WEIGHTS])
        return error_set(error, ERROR_WEIGHTS, "is a .keras archive without %s",
                         names[archive.has[PART_CONFIG] ? PART_WEIGHTS : PART_CONFIG]);
    char *metadata = archive.has[PART_METADATA] ? read_text(&archive, PART_METADATA, &budget, error) : NULL;
    if (archive.has[PART_METADATA] && !metadata)
        return false;
    if (metadata)
        keep_version(weights, metadata);
    mem_free(metadata);
    char *config = read_text(&archive, PART_CONFIG, &budget, error);
    bool good = config && read_values(weights, &archive, config, &budget, error);
    mem_free(config);
    return good;
}

const struct weights_format format_keras_zip = {
    .name = "Keras (.keras)",
    .layout = WEIGHTS_KERAS,
    .probe = probe,
    .open = open_keras_zip,
};
