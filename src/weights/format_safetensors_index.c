/* Reads the index of a model that lies in several safetensors files, model.safetensors.index.json
 * (https://huggingface.co/docs/transformers/big_models): JSON
 *
 *    {"metadata": {...}, "weight_map": {"TENSOR": "model-00001-of-00002.safetensors", ...}}
 *
 * The files are found beside the index and read whole by the safetensors reader. Called through the table of formats in
 * weights.c.
 *
 * Refused: members other than these two, files that are named by a path, missing or no safetensors, tensors that the
 * named file does not hold, and tensors that a file holds but the index does not place there: such files belong to
 * another model. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "format.h"
#include "thaw/base/mem.h"

enum { PROBE_BYTES = 1 << 16, FILES_MAX = 4096 };

static bool probe(const struct file_map *map)
{
    static const char blanks[] = " \t\r\n", key[] = "\"weight_map\"";
    size_t at = 0;
    while (at < map->size && map->data[at] && strchr(blanks, map->data[at]))
        at++;
    if (at == map->size || map->data[at] != '{')
        return false;
    size_t size = map->size - at < PROBE_BYTES ? map->size - at : PROBE_BYTES;
    return memmem(map->data + at, size, key, sizeof key - 1) != NULL;
}

static void close_shard(void *shard)
{
    weights_close(shard);
}

static bool add_shard(struct weights *weights, const struct weights *shard, const char *file, const json_t *places,
                      struct error *error)
{
    for (size_t i = 0; i < weights_count(shard); i++) {
        const struct weights_tensor *tensor = weights_get(shard, i);
        const char *named = json_string_value(json_object_get(places, tensor->name));
        char quote[WEIGHTS_QUOTE];
        if (!named || strcmp(named, file) != 0)
            return error_set(error, ERROR_WEIGHTS, "%s holds tensor \"%s\", which the index %s", file,
                             weights_quote(quote, tensor->name, strlen(tensor->name)),
                             named ? "places in another file" : "does not list");
        if (!weights_add(weights, tensor->name, strlen(tensor->name), tensor->type, &tensor->shape,
                         weights_place_of(shard, i), error))
            return false;
    }
    return true;
}

static bool open_shard(struct weights *weights, const char *file, const json_t *places, struct error *error)
{
    const struct file_map *map = weights_map_beside(weights, file, error);
    if (!map)
        return false;
    if (map->size == 0 || !format_safetensors.probe(map))
        return error_set(error, ERROR_WEIGHTS, "%s, which it names, is no safetensors file", file);
    struct weights *shard = weights_open_memory_as(&format_safetensors, map->data, map->size, file, error);
    if (!shard)
        return false;
    weights_keep(weights, shard, close_shard);
    return add_shard(weights, shard, file, places, error);
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names of the files, each once. */
static bool list_files(const json_t *places, const char **file, size_t *count, struct error *error)
{
    size_t used = 0, kept = 0;
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)places, name, value)
    {
        const char *text = json_string_value(value);
        char quote[WEIGHTS_QUOTE], where[WEIGHTS_QUOTE];
        weights_quote(quote, name, strlen(name));
        if (!text)
            return error_set(error, ERROR_WEIGHTS, "its weight_map does not give a file's name for tensor \"%s\"",
                             quote);
        if (!*text || strchr(text, '/') || text[0] == '.')
            return error_set(error, ERROR_WEIGHTS,
                             "its weight_map places tensor \"%s\" in \"%s\": files must lie beside it", quote,
                             weights_quote(where, text, strlen(text)));
        file[used++] = text;
    }
    if (used)
        qsort(file, used, sizeof *file, compare_texts);
    for (size_t i = 0; i < used; i++)
        if (i == 0 || strcmp(file[i], file[i - 1]) != 0)
            file[kept++] = file[i];
    *count = kept;
    return kept <= FILES_MAX ||
           error_set(error, ERROR_WEIGHTS, "its weight_map names %zu files, at most %d are read", kept, FILES_MAX);
}

/* All files are there and hold nothing else: what is left to find is a tensor that none holds. */
static bool check_all_there(const struct weights *weights, const json_t *places, struct error *error)
{
    const char *name;
    json_t *value;
    if (weights_count(weights) == json_object_size(places))
        return true;
    json_t *held = json_object();
    for (size_t i = 0; i < weights_count(weights); i++)
        json_object_set_new(held, weights_get(weights, i)->name, json_null());
    bool ok = true;
    json_object_foreach((json_t *)(uintptr_t)places, name, value)
    {
        char quote[WEIGHTS_QUOTE];
        if (ok && !json_object_get(held, name))
            ok = error_set(error, ERROR_WEIGHTS, "%s, which it names, does not hold tensor \"%s\"",
                           json_string_value(value), weights_quote(quote, name, strlen(name)));
    }
    json_decref(held);
    return ok;
}

static bool read_index(struct weights *weights, const json_t *root, struct error *error)
{
    const json_t *places = json_object_get(root, "weight_map");
    size_t count = 0;
    if (!json_is_object(places))
        return error_set(error, ERROR_WEIGHTS, "its weight_map is no object of tensors and files");
    const char **file = mem_array(json_object_size(places) + 1, sizeof *file);
    bool ok = list_files(places, file, &count, error);
    for (size_t i = 0; i < count && ok; i++)
        ok = open_shard(weights, file[i], places, error);
    mem_free(file);
    return ok && check_all_there(weights, places, error);
}

static bool open_index(struct weights *weights, struct error *error)
{
    const struct file_map *map = weights_map(weights);
    json_t *root = weights_json(map->data, map->size, map->size, "index", error);
    bool ok = root && read_index(weights, root, error);
    json_decref(root);
    return ok;
}

const struct weights_format format_safetensors_index = {
    .name = "safetensors (index)",
    .layout = WEIGHTS_TORCH,
    .probe = probe,
    .open = open_index,
};
