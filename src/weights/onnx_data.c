/* The values of ONNX tensors. Called by onnx_read.c.
 *
 * A TensorProto holds its values once, in one of:
 * 1. raw_data (9): the elements, little endian, without gaps. Used where it lies.
 * 2. float_data (4), double_data (10): fixed-width elements, packed into one field or a field each.
 * 3. int32_data (5): varints, packed or not, for all types of 4 bytes and less; floats of 16 bits as their bits.
 *    int64_data (7): the same for int64.
 * 4. external_data: location, offset and length of raw_data in another file. */
#include "config.h"

#include "onnx_data.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "thaw/base/mem.h"

enum { FLOAT_DATA = 4, INT32_DATA = 5, INT64_DATA = 7, RAW_DATA = 9, DOUBLE_DATA = 10 };

static uint64_t typed_field(enum tensor_type type)
{
    switch (type) {
    case TENSOR_F32:
        return FLOAT_DATA;
    case TENSOR_F64:
        return DOUBLE_DATA;
    case TENSOR_I64:
        return INT64_DATA;
    default:
        return INT32_DATA;
    }
}

static bool is_varint(uint64_t number)
{
    return number == INT32_DATA || number == INT64_DATA;
}

/* --- raw data --- */

/* The last raw_data counts, as everywhere in protobuf. */
static bool find_raw(const struct onnx_body *body, struct onnx_field *raw)
{
    const uint8_t *at = body->data, *end = body->data + body->size;
    bool found = false;
    struct onnx_field field;
    while (at < end && onnx_read_field(&at, end, &field)) {
        if (field.number == RAW_DATA && field.wire == ONNX_BYTES) {
            *raw = field;
            found = true;
        }
    }
    return found;
}

/* --- typed data --- */

/* One pass over the elements of a typed field. */
struct pass {
    uint64_t number;
    size_t width;        /* of a fixed-width element, bytes; 0: varints */
    uint8_t *to;         /* NULL: only count */
    size_t to_width;     /* of an element in `to` */
    uint64_t count, end; /* elements seen; how many fit into `to` */
    size_t pieces;
    const uint8_t *first; /* of the last piece of fixed-width elements */
};

static void take(struct pass *pass, uint64_t integer, const uint8_t *fixed)
{
    if (pass->to && pass->count < pass->end) {
        uint8_t *to = pass->to + pass->count * pass->to_width;
        for (size_t i = 0; i < pass->to_width; i++)
            to[i] = fixed ? fixed[i] : (uint8_t)(integer >> (8 * i));
    }
    pass->count++;
}

static bool take_packed(struct pass *pass, const struct onnx_field *field)
{
    const uint8_t *at = field->data, *end = field->data + field->size;
    if (pass->width) {
        if (field->size % pass->width != 0)
            return false;
        if (!pass->to)
            pass->count += field->size / pass->width;
        else
            for (; at < end; at += pass->width)
                take(pass, 0, at);
        return true;
    }
    for (uint64_t value; at < end;) {
        if (!onnx_read_varint(&at, end, &value))
            return false;
        take(pass, value, NULL);
    }
    return true;
}

static bool run(struct pass *pass, const struct onnx_body *body)
{
    const uint8_t *at = body->data, *end = body->data + body->size;
    struct onnx_field field;
    while (at < end && onnx_read_field(&at, end, &field)) {
        if (field.number != pass->number)
            continue;
        pass->pieces++;
        pass->first = field.data;
        if (field.wire == ONNX_BYTES) {
            if (!take_packed(pass, &field))
                return false;
        } else if (field.wire == ONNX_VARINT && !pass->width) {
            take(pass, field.integer, NULL);
        } else if (field.wire != ONNX_VARINT && field.size == pass->width) {
            take(pass, 0, field.data);
        } else {
            return false;
        }
    }
    return true;
}

static bool find_typed(struct weights *weights, struct onnx_budget *budget, const struct onnx_wanted *wanted,
                       const uint8_t **values, struct error *error)
{
    size_t element = tensor_type_size(wanted->type);
    struct pass pass = {.number = typed_field(wanted->type), .to_width = element};
    pass.width = is_varint(pass.number) ? 0 : element;
    if (!run(&pass, &wanted->body))
        return error_set(error, ERROR_WEIGHTS, "tensor \"%s\": its values are damaged", wanted->quote);
    if (pass.count != wanted->count)
        return error_set(error, ERROR_WEIGHTS, "tensor \"%s\" holds %llu values, its shape wants %llu", wanted->quote,
                         (unsigned long long)pass.count, (unsigned long long)wanted->count);
    *values = pass.first ? pass.first : wanted->body.data;
    if (pass.count == 0 || (pass.pieces == 1 && pass.width))
        return true;
    if (!onnx_spend(budget, pass.count * element))
        return error_set(error, ERROR_WEIGHTS,
                         "tensor \"%s\": its values take far more room than the file; save it "
                         "with raw data",
                         wanted->quote);
    uint8_t *block = mem_alloc(pass.count * element);
    weights_keep(weights, block, mem_free);
    pass =
        (struct pass){.number = pass.number, .width = pass.width, .to = block, .to_width = element, .end = pass.count};
    *values = block;
    return run(&pass, &wanted->body); /* as it went the first time */
}

bool onnx_data_inside(struct weights *weights, struct onnx_budget *budget, const struct onnx_wanted *wanted,
                      const uint8_t **values, struct error *error)
{
    struct onnx_field raw;
    if (!find_raw(&wanted->body, &raw))
        return find_typed(weights, budget, wanted, values, error);
    size_t element = tensor_type_size(wanted->type);
    if (raw.size / element != wanted->count || raw.size % element != 0)
        return error_set(error, ERROR_WEIGHTS, "tensor \"%s\": its raw data has %zu bytes, its shape wants %llu of %s",
                         wanted->quote, raw.size, (unsigned long long)wanted->count, tensor_type_name(wanted->type));
    *values = raw.data;
    return true;
}

/* --- external data --- */

struct onnx_mapped {
    char *location;
    const struct file_map *map; /* the handle's */
};

/* Relative, and no part of it "..": inside the folder of the model, as ONNX demands. */
static bool is_inside(const char *location)
{
    if (location[0] == '/' || location[0] == '\0')
        return false;
    for (const char *part = location; part; part = strchr(part, '/')) {
        part += *part == '/';
        if (part[0] == '.' && part[1] == '.' && (part[2] == '/' || part[2] == '\0'))
            return false;
    }
    return true;
}

static bool read_number(const char *text, uint64_t *value)
{
    char *end;
    if (text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    *value = strtoull(text, &end, 10);
    return errno == 0 && *end == '\0';
}

static const struct file_map *map_location(struct weights *weights, struct onnx_files *files, const char *location,
                                           struct error *error)
{
    for (size_t i = 0; i < files->count; i++) {
        if (strcmp(files->mapped[i].location, location) == 0)
            return files->mapped[i].map;
    }
    const struct file_map *map = weights_map_beside(weights, location, error);
    if (!map)
        return NULL;
    files->mapped = mem_grow(files->mapped, files->count + 1, sizeof *files->mapped);
    files->mapped[files->count++] = (struct onnx_mapped){mem_string(location), map};
    return map;
}

bool onnx_data_outside(struct weights *weights, struct onnx_files *files, const struct onnx_wanted *wanted,
                       const struct onnx_external *external, const uint8_t **values, struct error *error)
{
    char text[WEIGHTS_QUOTE];
    const char *location = external->location ? external->location : "";
    weights_quote(text, location, strlen(location));
    if (!is_inside(location))
        return error_set(error, ERROR_WEIGHTS,
                         "tensor \"%s\" is said to lie in \"%s\"; only files in the model's own folder are read",
                         wanted->quote, text);
    uint64_t offset = 0, size = wanted->count * tensor_type_size(wanted->type), length = size;
    if ((external->offset && !read_number(external->offset, &offset)) ||
        (external->length && !read_number(external->length, &length)) || length != size)
        return error_set(error, ERROR_WEIGHTS,
                         "tensor \"%s\": offset or length of its values in %s is no number, or not %llu bytes",
                         wanted->quote, text, (unsigned long long)size);
    const struct file_map *map = map_location(weights, files, location, error);
    if (!map)
        return error_wrap(error, "tensor \"%s\" lies in another file", wanted->quote);
    if (offset > map->size || size > map->size - offset)
        return error_set(error, ERROR_WEIGHTS,
                         "tensor \"%s\" lies at bytes %llu to %llu of %s, which has only %zu: is it truncated?",
                         wanted->quote, (unsigned long long)offset, (unsigned long long)(offset + size), text,
                         map->size);
    *values = map->size ? map->data + offset : wanted->body.data;
    return true;
}

size_t onnx_files_bytes(const struct onnx_files *files)
{
    size_t bytes = 0;
    for (size_t i = 0; i < files->count; i++)
        bytes += files->mapped[i].map->size;
    return bytes;
}

void onnx_files_finish(struct onnx_files *files)
{
    for (size_t i = 0; i < files->count; i++)
        mem_free(files->mapped[i].location);
    mem_free(files->mapped);
}
