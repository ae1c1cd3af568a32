/* A weights file of any format: the table of formats, the list of tensors a reader fills, find and read. Readers are
 * in format_NAME.c and see only format.h. Called by source/bind, by the session and by the command line. */
#include "config.h"

#include "thaw/weights/weights.h"

#include <assert.h>
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format.h"
#include "thaw/base/mem.h"
#include "thaw/base/quote.h"
#include "thaw/weights/darknet.h"
#include "thaw/weights/onnx.h"

/* Asked in this order; a format whose signature is part of another's comes first, those without a signature last. */
static const struct weights_format *const formats[] = {
    &format_safetensors, &format_safetensors_index, &format_torch_legacy, &format_torch_zip, &format_torch_tar,
    &format_keras_zip,   &format_keras_h5,          &format_unread,       &format_onnx,      &format_darknet,
};
enum { FORMATS = 10 };
static_assert(THAW_LENGTH(formats) == FORMATS, "a format was added or removed: its row belongs in tests/refuse too");

struct weights {
    char *path;
    struct file_map map;
    const struct weights_format *format;
    struct weights_tensor *tensor;
    struct weights_place *place; /* of tensor[i] */
    size_t count, room;
    size_t *by_name;                    /* indices sorted by name */
    size_t beside;                      /* bytes of further files */
    const struct file_map **map_beside; /* [maps_beside], kept below */
    size_t maps_beside;
    char **metadata; /* key, value, key, value, ... */
    size_t metadata_count;
    struct kept {
        void *block;
        void (*release)(void *block);
    } * kept;
    size_t kept_count;
    const struct onnx_graph *onnx;
    const struct darknet_net *darknet;
};

const struct file_map *weights_map(const struct weights *weights)
{
    return &weights->map;
}

const char *weights_quote(char text[WEIGHTS_QUOTE], const void *bytes, size_t size)
{
    return quote_bytes(text, bytes, size);
}

/* Names reach the screen: no control characters (C0, DEL, C1), valid UTF-8. */
static bool name_is_clean(const char *name, size_t size)
{
    const unsigned char *byte = (const unsigned char *)name;
    for (size_t i = 0; i < size; i++)
        if (byte[i] < 0x20 || byte[i] == 0x7f || (byte[i] == 0xc2 && i + 1 < size && byte[i + 1] < 0xa0))
            return false;
    json_t *text = json_stringn(name, size); /* NULL where it is not UTF-8 */
    json_decref(text);
    return text != NULL;
}

bool weights_add(struct weights *weights, const char *name, size_t name_size, enum tensor_type type,
                 const struct shape *shape, const struct weights_place *place, struct error *error)
{
    char quote[WEIGHTS_QUOTE];
    weights_quote(quote, name, name_size);
    if (name_size == 0 || name_size > WEIGHTS_NAME_MAX)
        return error_set(error, ERROR_WEIGHTS, "tensor %zu has a name of %zu bytes (%s); 1 to %d are read",
                         weights->count, name_size, quote, WEIGHTS_NAME_MAX);
    if (!name_is_clean(name, name_size))
        return error_set(error, ERROR_WEIGHTS, "the name of tensor %zu, \"%s\", is not printable text", weights->count,
                         quote);
    int64_t elements = shape_count(shape);
    if (elements < 0)
        return error_set(error, ERROR_WEIGHTS, "tensor \"%s\" has a shape that cannot be: too many elements", quote);
    if ((uint64_t)elements > weights->map.size + weights->beside)
        return error_set(error, ERROR_WEIGHTS, "tensor \"%s\" claims %lld elements in a file of %zu bytes", quote,
                         (long long)elements, weights->map.size + weights->beside);
    if (weights->count == weights->room) {
        weights->room = weights->room ? weights->room * 2 : 64;
        weights->tensor = mem_grow(weights->tensor, weights->room, sizeof *weights->tensor);
        weights->place = mem_grow(weights->place, weights->room, sizeof *weights->place);
    }
    char *copy = mem_alloc(name_size + 1);
    memcpy(copy, name, name_size);
    weights->tensor[weights->count] = (struct weights_tensor){.name = copy, .type = type, .shape = *shape};
    weights->place[weights->count] = *place;
    weights->count++;
    return true;
}

void weights_add_metadata(struct weights *weights, const char *key, const char *value)
{
    weights->metadata = mem_grow(weights->metadata, (weights->metadata_count + 1) * 2, sizeof *weights->metadata);
    weights->metadata[weights->metadata_count * 2] = mem_string(key);
    weights->metadata[weights->metadata_count * 2 + 1] = mem_string(value);
    weights->metadata_count++;
}

void weights_keep(struct weights *weights, void *block, void (*release)(void *block))
{
    weights->kept = mem_grow(weights->kept, weights->kept_count + 1, sizeof *weights->kept);
    weights->kept[weights->kept_count++] = (struct kept){block, release};
}

/* Bytes of a further file that places may point into: a tensor may have as many elements as all files have bytes. */
static void weights_widen(struct weights *weights, size_t bytes)
{
    weights->beside += bytes;
}

static void release_map(void *block)
{
    struct file_map *map = block;
    file_map_close(map);
    mem_free(map);
}

/* Or the folder itself. */
static bool is_below(const char *path, const char *folder)
{
    size_t length = strlen(folder);
    return strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == '\0' || length == 1);
}

/* Hugging Face's cache keeps the files of REPOSITORY/snapshots/REVISION in REPOSITORY/blobs, with links to them. */
static bool is_its_blob(const char *path, const char *folder)
{
    static const char snapshots[] = "/snapshots";
    const char *revision = strrchr(folder, '/');
    size_t length = revision ? (size_t)(revision - folder) : 0;
    if (length < sizeof snapshots || strncmp(revision - (sizeof snapshots - 1), snapshots, sizeof snapshots - 1) != 0)
        return false;
    char *blobs = mem_format("%.*s/blobs", (int)(length - (sizeof snapshots - 1)), folder);
    bool is = is_below(path, blobs) && path[strlen(blobs)] && !strchr(path + strlen(blobs) + 1, '/');
    mem_free(blobs);
    return is;
}

/* Where a file beside the weights really lies, all links followed: in their folder or below it. NULL: it does not, or is
 * not there. The caller free()s it. */
static char *find_beside(const struct weights *weights, const char *name, struct error *error)
{
    size_t length = (size_t)(path_base(weights->path) - weights->path);
    char *given = mem_format("%.*s", (int)length, weights->path), *path = mem_format("%s%s", given, name);
    char *folder = realpath(length ? given : ".", NULL), *found = realpath(path, NULL);
    bool inside = folder && found && (is_below(found, folder) || is_its_blob(found, folder));
    if (!folder || !found)
        error_set_errno(error, ERROR_FAILED, errno, "%s", path);
    else if (!inside)
        error_set(error, ERROR_FAILED, "%s: a link to %s, outside of the model's own folder: put the file itself there",
                  path, found);
    if (!inside) {
        free(found);
        found = NULL;
    }
    free(folder);
    mem_free(given);
    mem_free(path);
    return found;
}

const struct file_map *weights_map_beside(struct weights *weights, const char *name, struct error *error)
{
    char *path = find_beside(weights, name, error);
    struct file_map *map = mem_alloc(sizeof *map);
    bool good = path && file_map_open_own(map, path, error);
    free(path);
    if (good) {
        weights_keep(weights, map, release_map);
        weights_widen(weights, map->size);
        weights->map_beside = mem_grow(weights->map_beside, weights->maps_beside + 1, sizeof(struct file_map *));
        weights->map_beside[weights->maps_beside++] = map;
        return map;
    }
    error->kind = ERROR_WEIGHTS;
    mem_free(map);
    return NULL;
}

const struct weights_place *weights_place_of(const struct weights *weights, size_t index)
{
    return &weights->place[index];
}

void weights_set_darknet(struct weights *weights, const struct darknet_net *net)
{
    weights->darknet = net;
}

const struct darknet_net *weights_darknet(const struct weights *weights)
{
    return weights->darknet;
}

void weights_set_onnx(struct weights *weights, const struct onnx_graph *graph)
{
    weights->onnx = graph;
}

const struct onnx_graph *weights_onnx(const struct weights *weights)
{
    return weights->onnx;
}

void weights_place_dense(struct weights_place *place, const struct shape *shape)
{
    int64_t stride = 1;
    if (shape_count(shape) <= 0)
        return; /* nothing lies anywhere, and the product of the other dimensions may overflow */
    for (int d = shape->rank - 1; d >= 0; d--) {
        place->stride[d] = stride;
        stride *= shape->dim[d];
    }
}

struct named {
    const char *name;
    size_t index;
};

static int compare_named(const void *a, const void *b)
{
    const struct named *x = a, *y = b;
    return strcmp(x->name, y->name);
}

static bool index_names(struct weights *weights, struct error *error)
{
    if (weights->count == 0)
        return error_set(error, ERROR_WEIGHTS, "holds no tensors");
    struct named *named = mem_array(weights->count, sizeof *named);
    for (size_t i = 0; i < weights->count; i++)
        named[i] = (struct named){weights->tensor[i].name, i};
    qsort(named, weights->count, sizeof *named, compare_named);
    weights->by_name = mem_array(weights->count, sizeof *weights->by_name);
    bool ok = true;
    for (size_t i = 0; i < weights->count && ok; i++) {
        weights->by_name[i] = named[i].index;
        if (i && strcmp(named[i - 1].name, named[i].name) == 0)
            ok = error_set(error, ERROR_WEIGHTS, "tensor \"%s\" is listed twice", named[i].name);
    }
    mem_free(named);
    return ok;
}

/* What has no signature: the name may tell. */
static const char *advice_by_name(const char *path)
{
    static const struct {
        const char *ending, *advice;
    } names[] = {
        {".pdiparams", "a PaddlePaddle model is exported by paddle.onnx.export"},
        {".pdmodel", "a PaddlePaddle model is exported by paddle.onnx.export"},
        {".engine", "a TensorRT engine is made for one card only: name the ONNX file that it was built of"},
        {".trt", "a TensorRT engine is made for one card only: name the ONNX file that it was built of"},
        {".param", "an ncnn model is not read: name the ONNX file that it was converted from"},
        {".data-00000-of-00001", "a TensorFlow checkpoint is loaded there, and saved with model.save(\"model.keras\")"},
        {".bin", "of an OpenVINO or ncnn model, name the ONNX file that it was converted from"},
    };
    for (size_t i = 0; i < THAW_LENGTH(names); i++)
        if (path_has_ending(path, names[i].ending))
            return names[i].advice;
    return "from PyTorch, torch.save(model.state_dict(), \"weights.pth\") or torch.onnx.export(model, images, "
           "\"model.onnx\") makes one, from Keras model.save(\"model.keras\")";
}

static bool refuse_unknown(const struct weights *weights, struct error *error)
{
    char names[256] = "";
    size_t used = 0;
    for (size_t i = 0; i < FORMATS && used < sizeof names; i++)
        if (formats[i]->open)
            used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", used ? ", " : "", formats[i]->name);
    return error_set(error, ERROR_WEIGHTS, "is no weights file thaw knows: %s are read, told by their content; %s",
                     names, advice_by_name(weights->path));
}

static bool open_content(struct weights *weights, struct error *error)
{
    if (weights->map.size == 0)
        return error_set(error, ERROR_WEIGHTS, "is empty: download or save it again");
    for (size_t i = 0; i < FORMATS && !weights->format; i++)
        if (formats[i]->probe(&weights->map))
            weights->format = formats[i];
    if (!weights->format)
        return refuse_unknown(weights, error);
    if (!weights->format->open) {
        const char *refusal = weights->format->refuse ? weights->format->refuse(&weights->map) : NULL;
        return error_set(error, ERROR_WEIGHTS, "%s", refusal ? refusal : weights->format->refusal);
    }
    return weights->format->open(weights, error) && index_names(weights, error);
}

/* Whoever writes a file in its place while it is read spoils it: what was read may be of both, or of neither. */
static bool holds(const struct weights *weights)
{
    bool good = file_map_holds(&weights->map);
    for (size_t i = 0; i < weights->maps_beside; i++)
        good = good && file_map_holds(weights->map_beside[i]);
    return good;
}

static bool refuse_changed(struct error *error)
{
    return error_set(error, ERROR_WEIGHTS, "was cut or changed while it was read: try again once it is whole");
}

static struct weights *finish_open(struct weights *weights, struct error *error)
{
    bool good = open_content(weights, error);
    if (!holds(weights))
        good = refuse_changed(error);
    if (good)
        return weights;
    error_wrap(error, "%s", weights->path);
    weights_close(weights);
    return NULL;
}

const char *weights_name_family(const char *name)
{
    static const struct {
        const char *ending, *family;
    } endings[] = {
        {".safetensors", "safetensors"},
        {".safetensors.index.json", "safetensors"},
        {".pth", "torch"},
        {".pth.tar", "torch"},
        {".pt", "torch"},
        {".th", "torch"},
        {".ckpt", "torch"}, /* Lightning */
        {".pkl", "torch"},  /* fastai */
        {".bin", "torch"},
        {".h5", "keras"},
        {".keras", "keras"},
        {".onnx", "onnx"},
        {".weights", "darknet"},
    };
    for (size_t i = 0; i < THAW_LENGTH(endings); i++)
        if (path_has_ending(name, endings[i].ending))
            return endings[i].family;
    return NULL;
}

bool weights_is_file_name(const char *name)
{
    return weights_name_family(name) != NULL;
}

struct weights *weights_open(const char *path, struct error *error)
{
    struct weights *weights = mem_alloc(sizeof *weights);
    weights->path = mem_string(path);
    if (!file_map_open(&weights->map, path, error)) {
        error->kind = ERROR_WEIGHTS;
        weights_close(weights);
        return NULL;
    }
    return finish_open(weights, error);
}

struct weights *weights_open_memory(const void *data, size_t size, const char *name, struct error *error)
{
    struct weights *weights = mem_alloc(sizeof *weights);
    weights->path = mem_string(name);
    weights->map = (struct file_map){.data = data, .size = size};
    return finish_open(weights, error);
}

struct weights *weights_open_memory_as(const struct weights_format *format, const void *data, size_t size,
                                       const char *name, struct error *error)
{
    struct weights *weights = mem_alloc(sizeof *weights);
    weights->path = mem_string(name);
    weights->map = (struct file_map){.data = data, .size = size};
    weights->format = format;
    return finish_open(weights, error);
}

void weights_close(struct weights *weights)
{
    if (!weights)
        return;
    for (size_t i = 0; i < weights->count; i++)
        mem_free((char *)(uintptr_t)weights->tensor[i].name);
    for (size_t i = 0; i < weights->metadata_count * 2; i++)
        mem_free(weights->metadata[i]);
    mem_free(weights->metadata);
    while (weights->kept_count > 0) {
        struct kept *last = &weights->kept[--weights->kept_count];
        last->release(last->block);
    }
    mem_free(weights->kept);
    mem_free(weights->map_beside);
    mem_free(weights->tensor);
    mem_free(weights->place);
    mem_free(weights->by_name);
    mem_free(weights->path);
    file_map_close(&weights->map);
    mem_free(weights);
}

const char *weights_path(const struct weights *weights)
{
    return weights->path;
}

const char *weights_format(const struct weights *weights)
{
    return weights->format->name;
}

enum weights_layout weights_layout(const struct weights *weights)
{
    return weights->format->layout;
}

size_t weights_count(const struct weights *weights)
{
    return weights->count;
}

const struct weights_tensor *weights_get(const struct weights *weights, size_t index)
{
    return &weights->tensor[index];
}

long weights_find(const struct weights *weights, const char *name)
{
    size_t low = 0, high = weights->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2, index = weights->by_name[middle];
        int order = strcmp(name, weights->tensor[index].name);
        if (order == 0)
            return (long)index;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return -1;
}

const char *weights_metadata(const struct weights *weights, const char *key)
{
    for (size_t i = 0; i < weights->metadata_count; i++)
        if (strcmp(weights->metadata[i * 2], key) == 0)
            return weights->metadata[i * 2 + 1];
    return NULL;
}

/* Copies a tensor of any strides, run by run: `dense` innermost dimensions lie without gaps and are converted at
 * once, an odometer steps through the outer ones. */
static void copy_strided(float *to, const struct weights_tensor *tensor, const struct weights_place *place)
{
    const struct shape *shape = &tensor->shape;
    int64_t run = 1;
    int outer = shape->rank;
    while (outer > 0 && (shape->dim[outer - 1] == 1 || place->stride[outer - 1] == run))
        run *= shape->dim[--outer];
    int64_t total = shape_count(shape), at[SHAPE_RANK_MAX] = {0}, offset = 0;
    size_t bytes = tensor_type_size(tensor->type);
    for (int64_t done = 0; done < total; done += run) {
        tensor_to_f32(to + done, place->first + (size_t)offset * bytes, tensor->type, (size_t)run);
        for (int d = outer - 1; d >= 0; d--) {
            offset += place->stride[d];
            if (++at[d] < shape->dim[d])
                break;
            offset -= place->stride[d] * at[d];
            at[d] = 0;
        }
    }
}

/* A model may be half as large as memory: what has been read is not kept a second time. Small tensors share pages with
 * their neighbours, which are read next. */
static void forget(const struct weights *weights, const uint8_t *from, size_t size)
{
    enum { WORTH_IT = 1 << 16 };
    if (size < WORTH_IT)
        return;
    file_map_forget(&weights->map, from, size);
    for (size_t i = 0; i < weights->maps_beside; i++)
        file_map_forget(weights->map_beside[i], from, size);
}

/* Whether all are finite: in a form that compilers turn into vectors. */
static bool all_finite(const float *values, int64_t count)
{
    enum { EXPONENT = 0x7f800000 };
    uint32_t beyond = 0;
    for (int64_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        beyond |= (bits & EXPONENT) == EXPONENT;
    }
    return !beyond;
}

static bool check_finite(const struct weights *weights, const struct weights_tensor *tensor, const float *values,
                         int64_t before, int64_t count, struct error *error)
{
    if (all_finite(values, count))
        return true;
    int64_t i = 0;
    while (isfinite(values[i]))
        i++;
    return error_set(error, ERROR_WEIGHTS, "%s: tensor \"%s\" is not finite: element %lld of %lld is %s", weights->path,
                     tensor->name, (long long)(before + i), (long long)shape_count(&tensor->shape),
                     isnan(values[i]) ? "NaN" : "infinite or beyond float32");
}

bool weights_read_rows(const struct weights *weights, size_t index, int64_t row, int64_t rows, float *to,
                       struct error *error)
{
    const struct weights_tensor *tensor = &weights->tensor[index];
    struct weights_tensor part = *tensor;
    struct weights_place place = weights->place[index];
    int64_t count = shape_count(&tensor->shape), each = count;
    size_t bytes = tensor_type_size(tensor->type);
    if (count == 0 || rows == 0)
        return true;
    if (tensor->shape.rank > 0) {
        each = count / tensor->shape.dim[0];
        part.shape.dim[0] = rows;
        place.first += (size_t)(row * place.stride[0]) * bytes;
    }
    copy_strided(to, &part, &place);
    if (tensor->shape.rank == 0 || place.stride[0] == each)
        forget(weights, place.first, (size_t)(rows * each) * bytes);
    if (!holds(weights)) {
        refuse_changed(error);
        return error_wrap(error, "%s", weights->path);
    }
    return check_finite(weights, tensor, to, row * each, shape_count(&part.shape), error);
}

bool weights_read(const struct weights *weights, size_t index, float *to, struct error *error)
{
    const struct shape *shape = &weights->tensor[index].shape;
    return weights_read_rows(weights, index, 0, shape->rank ? shape->dim[0] : 1, to, error);
}
