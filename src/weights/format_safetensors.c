/* Reads safetensors (https://huggingface.co/docs/safetensors). Called through the table of formats in weights.c.
 *
 * The bytes:
 * 1. uint64, little endian: the size n of the header; at most HEADER_MAX, and no more than the file holds.
 * 2. n bytes: one JSON object, '{' first, spaces allowed behind it. Each key is a tensor's name, each value
 *    {"dtype": "F32", "shape": [dims], "data_offsets": [begin, end]}, offsets from the end of the header.
 *    The key "__metadata__" holds strings by strings instead.
 * 3. the values, little endian, rows outermost first, to the end of the file.
 *
 * Refused: JSON that does not parse, a name or key given twice, an unknown dtype, a rank over 8, a negative or
 * uncountable dimension, offsets that are not the shape's size apart, tensors that overlap, leave a gap or end before
 * or behind the file, more members than the three above. A file without tensors is refused in weights.c. */
#include "config.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "format.h"
#include "thaw/base/mem.h"

#define HEADER_MAX ((uint64_t)100 << 20)

static const struct {
    const char *name;
    enum tensor_type type;
} dtypes[] = {
    {"F32", TENSOR_F32}, {"F16", TENSOR_F16}, {"BF16", TENSOR_BF16}, {"F64", TENSOR_F64}, {"I64", TENSOR_I64},
    {"I32", TENSOR_I32}, {"I16", TENSOR_I16}, {"I8", TENSOR_I8},     {"U8", TENSOR_U8},   {"BOOL", TENSOR_BOOL},
};
_Static_assert(THAW_LENGTH(dtypes) == TENSOR_TYPES, "each element type has one safetensors name");

/* One entry of the header; name and JSON are borrowed from the parsed header. */
struct entry {
    const char *name;
    size_t order; /* in the header */
    enum tensor_type type;
    struct shape shape;
    uint64_t begin, end; /* within the values */
};

static uint64_t read_u64(const uint8_t *from)
{
    uint64_t value = 0;
    for (int i = 7; i >= 0; i--)
        value = value << 8 | from[i];
    return value;
}

static bool probe(const struct file_map *map)
{
    return map->size > 8 && map->data[8] == '{';
}

static bool read_shape(struct entry *entry, const json_t *json, const char *quote, struct error *error)
{
    if (!json_is_array(json))
        return error_set(error, ERROR_WEIGHTS, "tensor \"%s\" has no shape", quote);
    size_t rank = json_array_size(json);
    if (rank > SHAPE_RANK_MAX)
        return error_set(error, ERROR_WEIGHTS, "tensor \"%s\" has %zu dimensions, at most %d are read", quote, rank,
                         SHAPE_RANK_MAX);
    entry->shape.rank = (int)rank;
    for (size_t d = 0; d < rank; d++) {
        const json_t *dim = json_array_get(json, d);
        if (!json_is_integer(dim) || json_integer_value(dim) < 0)
            return error_set(error, ERROR_WEIGHTS, "tensor \"%s\": dimension %zu of its shape is no count", quote, d);
        entry->shape.dim[d] = json_integer_value(dim);
    }
    if (shape_count(&entry->shape) < 0)
        return error_set(error, ERROR_WEIGHTS, "tensor \"%s\" has a shape that cannot be: too many elements", quote);
    return true;
}

static bool read_offsets(struct entry *entry, const json_t *json, uint64_t values, const char *quote,
                         struct error *error)
{
    const json_t *begin = json_array_get(json, 0), *end = json_array_get(json, 1);
    if (json_array_size(json) != 2 || !json_is_integer(begin) || !json_is_integer(end))
        return error_set(error, ERROR_WEIGHTS, "tensor \"%s\": data_offsets is not [begin, end]", quote);
    long long from = json_integer_value(begin), to = json_integer_value(end);
    if (from < 0 || to < from)
        return error_set(error, ERROR_WEIGHTS, "tensor \"%s\": data_offsets [%lld, %lld] run backwards", quote, from,
                         to);
    if ((uint64_t)to > values)
        return error_set(error, ERROR_WEIGHTS,
                         "tensor \"%s\" ends at byte %lld of the values, but the file holds only %llu of them: is it "
                         "truncated?",
                         quote, to, (unsigned long long)values);
    uint64_t count = (uint64_t)shape_count(&entry->shape), size = tensor_type_size(entry->type);
    if (count > values || count * size != (uint64_t)(to - from)) {
        char text[SHAPE_TEXT];
        return error_set(error, ERROR_WEIGHTS, "tensor \"%s\": %s of %s does not fill data_offsets [%lld, %lld]", quote,
                         shape_text(text, &entry->shape), tensor_type_name(entry->type), from, to);
    }
    entry->begin = (uint64_t)from;
    entry->end = (uint64_t)to;
    return true;
}

static bool read_dtype(struct entry *entry, const json_t *json, const char *quote, struct error *error)
{
    const char *name = json_string_value(json);
    if (!name)
        return error_set(error, ERROR_WEIGHTS, "tensor \"%s\" has no dtype", quote);
    for (size_t i = 0; i < THAW_LENGTH(dtypes); i++)
        if (strcmp(dtypes[i].name, name) == 0) {
            entry->type = dtypes[i].type;
            return true;
        }
    char text[WEIGHTS_QUOTE];
    return error_set(error, ERROR_WEIGHTS, "tensor \"%s\" has dtype \"%s\", which is not read", quote,
                     weights_quote(text, name, strlen(name)));
}

static bool read_entry(struct entry *entry, json_t *json, uint64_t values, struct error *error)
{
    char quote[WEIGHTS_QUOTE], extra[WEIGHTS_QUOTE];
    weights_quote(quote, entry->name, strlen(entry->name));
    if (!json_is_object(json))
        return error_set(error, ERROR_WEIGHTS, "tensor \"%s\" is described by something else than an object", quote);
    const char *key;
    json_t *member;
    json_object_foreach(json, key, member)
    {
        if (strcmp(key, "dtype") != 0 && strcmp(key, "shape") != 0 && strcmp(key, "data_offsets") != 0)
            return error_set(error, ERROR_WEIGHTS, "tensor \"%s\" has an unknown member \"%s\"", quote,
                             weights_quote(extra, key, strlen(key)));
    }
    return read_dtype(entry, json_object_get(json, "dtype"), quote, error) &&
           read_shape(entry, json_object_get(json, "shape"), quote, error) &&
           read_offsets(entry, json_object_get(json, "data_offsets"), values, quote, error);
}

static bool read_metadata(struct weights *weights, json_t *json, struct error *error)
{
    const char *key;
    json_t *value;
    if (!json_is_object(json))
        return error_set(error, ERROR_WEIGHTS, "__metadata__ is not an object");
    json_object_foreach(json, key, value)
    {
        char quote[WEIGHTS_QUOTE];
        if (!json_is_string(value))
            return error_set(error, ERROR_WEIGHTS, "__metadata__ \"%s\" is not a string",
                             weights_quote(quote, key, strlen(key)));
        weights_add_metadata(weights, key, json_string_value(value));
    }
    return true;
}

static int compare_entries(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    if (x->end != y->end)
        return x->end < y->end ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

/* Entries in the order of their values, which must follow each other and fill the file. */
static bool add_entries(struct weights *weights, struct entry *entry, size_t count, uint64_t header,
                        struct error *error)
{
    const struct file_map *map = weights_map(weights);
    uint64_t at = 0, values = map->size - 8 - header;
    qsort(entry, count, sizeof *entry, compare_entries);
    for (size_t i = 0; i < count; i++) {
        char quote[WEIGHTS_QUOTE];
        weights_quote(quote, entry[i].name, strlen(entry[i].name));
        if (entry[i].begin != at)
            return error_set(error, ERROR_WEIGHTS, "tensor \"%s\" starts at byte %llu of the values, %s byte %llu",
                             quote, (unsigned long long)entry[i].begin,
                             entry[i].begin < at ? "but the one before it reaches to" : "leaving a gap behind",
                             (unsigned long long)at);
        at = entry[i].end;
        struct weights_place place = {.first = map->data + 8 + header + entry[i].begin};
        weights_place_dense(&place, &entry[i].shape);
        if (!weights_add(weights, entry[i].name, strlen(entry[i].name), entry[i].type, &entry[i].shape, &place, error))
            return false;
    }
    if (at != values)
        return error_set(error, ERROR_WEIGHTS, "%llu bytes follow the values of the last tensor",
                         (unsigned long long)(values - at));
    return true;
}

static bool read_header(struct weights *weights, json_t *root, uint64_t header, struct error *error)
{
    uint64_t values = weights_map(weights)->size - 8 - header;
    size_t count = 0;
    struct entry *entry = mem_array(json_object_size(root) + 1, sizeof *entry);
    const char *key;
    json_t *value;
    bool ok = true;
    json_object_foreach(root, key, value)
    {
        if (strcmp(key, "__metadata__") == 0) {
            ok = read_metadata(weights, value, error);
        } else {
            entry[count].name = key;
            entry[count].order = count;
            ok = read_entry(&entry[count++], value, values, error);
        }
        if (!ok)
            break;
    }
    ok = ok && add_entries(weights, entry, count, header, error);
    mem_free(entry);
    return ok;
}

static bool open_safetensors(struct weights *weights, struct error *error)
{
    const struct file_map *map = weights_map(weights);
    uint64_t header = read_u64(map->data);
    if (header > HEADER_MAX)
        return error_set(error, ERROR_WEIGHTS, "a safetensors header of %llu bytes is over the %llu allowed",
                         (unsigned long long)header, (unsigned long long)HEADER_MAX);
    if (header > map->size - 8)
        return error_set(error, ERROR_WEIGHTS,
                         "its safetensors header should have %llu bytes, but only %zu follow: is it truncated?",
                         (unsigned long long)header, map->size - 8);
    json_t *root = weights_json(map->data + 8, (size_t)header, map->size, "safetensors header", error);
    if (!root)
        return false;
    bool ok = read_header(weights, root, header, error); /* an object: the probe saw its brace */
    json_decref(root);
    return ok;
}

const struct weights_format format_safetensors = {
    .name = "safetensors",
    .layout = WEIGHTS_TORCH,
    .probe = probe,
    .open = open_safetensors,
};
