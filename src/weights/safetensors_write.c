/* Writes safetensors; the bytes are listed in format_safetensors.c. Called by checkpoints and by export.
 *
 * Values are written largest element first, and the header is padded with spaces to a multiple of 8 bytes, so that
 * every tensor lies aligned in a mapped file. Tensors of one element size keep the order they are given in. A digest
 * (safetensors_digest.c) is taken on the way and put into its place at the end. */
#include "config.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format.h"
#include "thaw/base/file.h"
#include "thaw/base/hash.h"
#include "thaw/base/mem.h"
#include "thaw/weights/weights.h"

enum { CHUNK = 1 << 14, /* elements converted at a time */ LENGTH_BYTES = 8 };

static const char *dtype_name(enum tensor_type type)
{
    switch (type) {
    case TENSOR_F32:
        return "F32";
    case TENSOR_F16:
        return "F16";
    case TENSOR_BF16:
        return "BF16";
    case TENSOR_I64:
        return "I64";
    default:
        return NULL;
    }
}

/* 8, then 4, then 2 bytes: the order in which values are written. */
static const size_t element_sizes[] = {8, 4, 2};

static bool check_tensor(const char *path, const struct weights_output *tensor, struct error *error)
{
    char text[SHAPE_TEXT];
    if (!dtype_name(tensor->type))
        return error_set(error, ERROR_FAILED, "%s: tensor \"%s\" cannot be written as %s", path, tensor->name,
                         tensor_type_name(tensor->type));
    if (shape_count(&tensor->shape) < 0 || (tensor->type == TENSOR_I64 && tensor->shape.rank != 0))
        return error_set(error, ERROR_FAILED, "%s: tensor \"%s\" of %s cannot have the shape %s", path, tensor->name,
                         tensor_type_name(tensor->type), shape_text(text, &tensor->shape));
    return true;
}

static bool describe_tensor(json_t *root, const char *path, const struct weights_output *tensor, uint64_t *at,
                            struct error *error)
{
    if (json_object_get(root, tensor->name) || strcmp(tensor->name, "__metadata__") == 0)
        return error_set(error, ERROR_FAILED, "%s: a second tensor would have the name \"%s\"", path, tensor->name);
    uint64_t end = *at + (uint64_t)shape_count(&tensor->shape) * tensor_type_size(tensor->type);
    json_t *shape = json_array();
    for (int d = 0; d < tensor->shape.rank; d++)
        json_array_append_new(shape, json_integer(tensor->shape.dim[d]));
    json_t *entry = json_pack("{s:s, s:o, s:[I,I]}", "dtype", dtype_name(tensor->type), "shape", shape, "data_offsets",
                              (json_int_t)*at, (json_int_t)end);
    *at = end;
    if (json_object_set_new(root, tensor->name, entry) < 0)
        return error_set(error, ERROR_FAILED, "%s: the name of a tensor is not UTF-8", path);
    return true;
}

/* The header as text, padded; the caller frees. NULL: failed. */
static char *make_header(const char *path, const struct weights_output *tensors, size_t count,
                         const char *const *metadata, size_t *size, struct error *error)
{
    json_t *root = json_object();
    char *dumped = NULL, *header = NULL;
    bool ok = true;
    if (metadata && metadata[0]) {
        json_t *strings = json_object();
        for (size_t i = 0; metadata[i] && ok; i += 2)
            if (json_object_set_new(strings, metadata[i], json_string(metadata[i + 1])) < 0)
                ok = error_set(error, ERROR_FAILED, "%s: metadata that is not UTF-8", path);
        json_object_set_new(root, "__metadata__", strings);
    }
    uint64_t at = 0;
    for (size_t s = 0; s < THAW_LENGTH(element_sizes); s++)
        for (size_t i = 0; i < count && ok; i++)
            if (tensor_type_size(tensors[i].type) == element_sizes[s])
                ok = describe_tensor(root, path, &tensors[i], &at, error);
    if (ok)
        dumped = json_dumps(root, JSON_COMPACT);
    if (dumped) {
        size_t used = strlen(dumped);
        *size = (used + 7) / 8 * 8;
        header = mem_alloc(*size + 1);
        memset(header, ' ', *size);
        memcpy(header, dumped, used);
    }
    free(dumped);
    json_decref(root);
    return header;
}

/* float32 that is finite but becomes infinite in the narrower type. */
static bool check_range(const char *path, const struct weights_output *tensor, const float *values,
                        const uint16_t *bits, size_t first, size_t count, struct error *error)
{
    uint16_t exponent = tensor->type == TENSOR_F16 ? 0x7c00 : 0x7f80;
    for (size_t i = 0; i < count; i++)
        if ((bits[i] & exponent) == exponent && values[i] - values[i] == 0)
            return error_set(error, ERROR_FAILED, "%s: tensor \"%s\": element %zu, %g, is beyond the range of %s", path,
                             tensor->name, first + i, (double)values[i], tensor_type_name(tensor->type));
    return true;
}

struct output {
    FILE *stream;
    struct hash_stream *hash; /* NULL: no digest is wanted */
};

static bool write_bytes(struct output *output, const void *bytes, size_t size)
{
    if (output->hash)
        hash_add(output->hash, bytes, size);
    return size == 0 ||
           fwrite(bytes, size, 1, output->stream) == 1; /* the commit reports a failed write, with its reason */
}

static bool write_u64(struct output *output, uint64_t value)
{
    uint8_t bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
    return write_bytes(output, bytes, sizeof bytes);
}

static bool write_tensor(struct output *output, const char *path, const struct weights_output *tensor, uint16_t *chunk,
                         struct error *error)
{
    size_t count = (size_t)shape_count(&tensor->shape), size = tensor_type_size(tensor->type);
    if (tensor->type == TENSOR_I64) {
        write_u64(output, (uint64_t)tensor->integer);
        return true;
    }
    for (size_t done = 0; done < count; done += CHUNK) {
        size_t part = count - done < CHUNK ? count - done : CHUNK;
        const float *values = tensor->values + done;
        tensor_from_f32(chunk, values, tensor->type, part);
        if (size == 2 && !check_range(path, tensor, values, chunk, done, part, error))
            return false;
        if (!write_bytes(output, chunk, part * size))
            return true;
    }
    return true;
}

/* Back to the digits that stand for it, and to the end again: a stream in memory ends where it is left. */
static bool write_digest(FILE *stream, size_t at, struct hash hash, const char *path, struct error *error)
{
    char digits[HASH_TEXT];
    long end = ftell(stream);
    hash_text(digits, hash);
    if (end < 0 || fseek(stream, (long)at, SEEK_SET) != 0 || fwrite(digits, HASH_TEXT - 1, 1, stream) != 1 ||
        fseek(stream, end, SEEK_SET) != 0)
        return error_set_errno(error, ERROR_FAILED, errno, "cannot write %s", path);
    return true;
}

/* Header and values; false for values that cannot be written as they are wanted, and where the digest cannot. */
static bool write_all(FILE *stream, const char *path, const struct weights_output *tensors, size_t count,
                      const char *const *metadata, struct error *error)
{
    size_t size;
    bool ok = true;
    char *header = make_header(path, tensors, count, metadata, &size, error);
    if (!header)
        return false;
    uint16_t *chunk = mem_array(CHUNK, sizeof(float));
    size_t place = safetensors_digest_place(header, size);
    struct output output = {stream, place > 0 ? hash_begin() : NULL};
    write_u64(&output, size);
    write_bytes(&output, header, size);
    for (size_t s = 0; s < THAW_LENGTH(element_sizes); s++)
        for (size_t i = 0; i < count && ok; i++)
            if (tensor_type_size(tensors[i].type) == element_sizes[s])
                ok = write_tensor(&output, path, &tensors[i], chunk, error);
    struct hash hash = output.hash ? hash_end(output.hash) : (struct hash){0};
    if (ok && place > 0)
        ok = write_digest(stream, LENGTH_BYTES + place, hash, path, error);
    mem_free(chunk);
    mem_free(header);
    return ok;
}

static bool check_all(const char *path, const struct weights_output *tensors, size_t count, struct error *error)
{
    for (size_t i = 0; i < count; i++)
        if (!check_tensor(path, &tensors[i], error))
            return false;
    return true;
}

bool safetensors_write(const char *path, const struct weights_output *tensors, size_t count,
                       const char *const *metadata, struct error *error)
{
    struct file_atomic file;
    if (!check_all(path, tensors, count, error) || !file_atomic_begin(&file, path, error))
        return false;
    if (write_all(file.stream, path, tensors, count, metadata, error))
        return file_atomic_commit(&file, error);
    file_atomic_abandon(&file);
    return false;
}

char *safetensors_bytes(size_t *size, const char *path, const struct weights_output *tensors, size_t count,
                        const char *const *metadata, struct error *error)
{
    char *bytes = NULL;
    if (!check_all(path, tensors, count, error))
        return NULL;
    FILE *stream = open_memstream(&bytes, size);
    bool good = stream && write_all(stream, path, tensors, count, metadata, error);
    bool closed = stream && fclose(stream) == 0;
    if (good && closed)
        return bytes;
    free(bytes);
    if (!stream || good)
        error_set(error, ERROR_FAILED, "%s: no memory for it", path);
    return NULL;
}
