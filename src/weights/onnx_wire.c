/* Walks messages of an ONNX file and writes their skeletons. Called by onnx_read.c.
 *
 * 1. A message is fields one after another: a varint of (number << 3 | wire type), then the value: a varint, 8 bytes,
 *    a varint of a length and so many bytes, or 4 bytes. Groups (wire types 3 and 4) are in no ONNX file.
 * 2. Which fields are kept, and which of them are messages of what kind, stands in the tables below; numbers are those
 *    of onnx.proto. A kept message is written with a length of five bytes, which is filled in behind it. */
#include "config.h"

#include "onnx_wire.h"

#include <assert.h>
#include <string.h>

#include "thaw/base/macros.h"
#include "thaw/base/mem.h"

bool onnx_spend(struct onnx_budget *budget, size_t size)
{
    if (size > budget->left)
        return false;
    budget->left -= size;
    return true;
}

bool onnx_read_varint(const uint8_t **at, const uint8_t *end, uint64_t *value)
{
    *value = 0;
    for (int shift = 0; shift < 64 && *at < end; shift += 7) {
        uint8_t byte = *(*at)++;
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return true;
    }
    return false;
}

bool onnx_read_field(const uint8_t **at, const uint8_t *end, struct onnx_field *field)
{
    uint64_t tag, size = 0;
    if (!onnx_read_varint(at, end, &tag))
        return false;
    field->number = tag >> 3;
    field->wire = (enum onnx_wire)(tag & 7);
    field->integer = 0;
    switch (field->wire) {
    case ONNX_VARINT:
        if (!onnx_read_varint(at, end, &field->integer))
            return false;
        break;
    case ONNX_FIXED64:
        size = 8;
        break;
    case ONNX_FIXED32:
        size = 4;
        break;
    case ONNX_BYTES:
        if (!onnx_read_varint(at, end, &size))
            return false;
        break;
    default:
        return false;
    }
    if (field->number == 0 || size > (size_t)(end - *at))
        return false;
    field->data = *at;
    field->size = (size_t)size;
    *at += size;
    return true;
}

/* --- what is kept --- */

enum message {
    MODEL,
    OPSET,
    GRAPH,
    NODE,
    ATTRIBUTE,
    TENSOR,
    PAIR,
    VALUE,
    TYPE,
    TENSOR_TYPE,
    SHAPE,
    DIMENSION,
    MESSAGES
};
enum { LEAF = MESSAGES, RULES_MAX = 9, RAW_DATA = 9, SPARSE_INITIALIZER = 15, LENGTH_BYTES = 5 };

static const struct rule {
    uint8_t number, into; /* into: a message, or LEAF: copied as it is */
} rules[MESSAGES][RULES_MAX] = {
    [OPSET] = {{1, LEAF}, {2, LEAF}},
    [NODE] = {{1, LEAF}, {2, LEAF}, {3, LEAF}, {4, LEAF}, {5, ATTRIBUTE}, {7, LEAF}},
    [ATTRIBUTE] = {{1, LEAF}, {2, LEAF}, {3, LEAF}, {4, LEAF}, {5, TENSOR}, {7, LEAF}, {8, LEAF}, {20, LEAF}},
    [TENSOR] = {{1, LEAF}, {2, LEAF}, {8, LEAF}, {13, PAIR}, {14, LEAF}}, /* all but the data */
    [PAIR] = {{1, LEAF}, {2, LEAF}},
    [VALUE] = {{1, LEAF}, {2, TYPE}},
    [TYPE] = {{1, TENSOR_TYPE}},
    [TENSOR_TYPE] = {{1, LEAF}, {2, SHAPE}},
    [SHAPE] = {{1, DIMENSION}},
    [DIMENSION] = {{1, LEAF}, {2, LEAF}},
};

static const struct rule *find_rule(enum message message, uint64_t number)
{
    for (const struct rule *rule = rules[message]; rule < rules[message] + RULES_MAX && rule->number; rule++) {
        if (rule->number == number)
            return rule;
    }
    return NULL;
}

/* --- writing --- */

bool onnx_refuse_size(struct error *error)
{
    return error_set(error, ERROR_WEIGHTS, "its ONNX graph describes far more than a file of its size can hold");
}

/* A block of `room` items in the place of one of `old`; both are there while one is copied into the other. */
static bool grow(struct onnx_skeleton *skeleton, void **block, size_t old, size_t room, size_t item,
                 struct error *error)
{
    if (!onnx_spend(skeleton->budget, room * item))
        return onnx_refuse_size(error);
    *block = mem_grow(*block, room, item);
    skeleton->budget->left += old * item;
    return true;
}

/* Room for `size` more bytes. */
static bool reserve(struct onnx_skeleton *skeleton, size_t size, struct error *error)
{
    if (skeleton->room - skeleton->size >= size)
        return true;
    size_t room = skeleton->room + size + skeleton->room / 2 + 256;
    void *data = skeleton->data;
    if (!grow(skeleton, &data, skeleton->room, room, 1, error))
        return false;
    skeleton->data = data;
    skeleton->room = room;
    return true;
}

static bool append(struct onnx_skeleton *skeleton, const void *bytes, size_t size, struct error *error)
{
    if (!reserve(skeleton, size, error))
        return false;
    memcpy(skeleton->data + skeleton->size, bytes, size);
    skeleton->size += size;
    return true;
}

static bool append_byte(struct onnx_skeleton *skeleton, uint64_t byte, struct error *error)
{
    uint8_t one = (uint8_t)byte;
    return append(skeleton, &one, 1, error);
}

/* A varint of LENGTH_BYTES bytes at an earlier place. */
static void fill_length(struct onnx_skeleton *skeleton, size_t place, size_t length)
{
    for (int i = 0; i < LENGTH_BYTES; i++, length >>= 7)
        skeleton->data[place + (size_t)i] = (uint8_t)((length & 0x7f) | (i < LENGTH_BYTES - 1 ? 0x80 : 0));
}

/* Keeps where the tensor's data lies, and its number as the raw_data of the copy. */
static bool note_tensor(struct onnx_skeleton *skeleton, const struct onnx_field *field, struct error *error)
{
    if (skeleton->tensors == skeleton->tensors_room) {
        size_t room = skeleton->tensors_room ? 2 * skeleton->tensors_room : 4;
        void *tensor = skeleton->tensor;
        if (!grow(skeleton, &tensor, skeleton->tensors_room, room, sizeof *skeleton->tensor, error))
            return false;
        skeleton->tensor = tensor;
        skeleton->tensors_room = room;
    }
    size_t number = skeleton->tensors++;
    skeleton->tensor[number] = (struct onnx_body){field->data, field->size};
    uint8_t bytes[6] = {RAW_DATA << 3 | ONNX_BYTES, 4};
    for (int i = 0; i < 4; i++)
        bytes[2 + i] = (uint8_t)(number >> (8 * i));
    return append(skeleton, bytes, sizeof bytes, error);
}

/* --- walking --- */

bool onnx_refuse_field(const uint8_t *start, const uint8_t *at, struct error *error)
{
    return error_set(error, ERROR_WEIGHTS,
                     "its ONNX message is damaged: the field at byte %zu cannot be read or reaches behind its end; is "
                     "the file truncated?",
                     (size_t)(at - start));
}

static bool strip(struct onnx_skeleton *skeleton, enum message message, const uint8_t *at, const uint8_t *end,
                  struct error *error);

/* A message inside another: its tag, a length to be filled in, what is kept of it. */
static bool strip_message(struct onnx_skeleton *skeleton, const struct onnx_field *field, enum message into,
                          struct error *error)
{
    if (!append_byte(skeleton, field->number << 3 | ONNX_BYTES, error) || !reserve(skeleton, LENGTH_BYTES, error))
        return false;
    size_t place = skeleton->size;
    skeleton->size += LENGTH_BYTES;
    if (!strip(skeleton, into, field->data, field->data + field->size, error) ||
        (into == TENSOR && !note_tensor(skeleton, field, error)))
        return false;
    fill_length(skeleton, place, skeleton->size - place - LENGTH_BYTES);
    return true;
}

/* Recursion is as deep as the tables are: five messages. */
static bool strip(struct onnx_skeleton *skeleton, enum message message, const uint8_t *at, const uint8_t *end,
                  struct error *error)
{
    while (at < end) {
        const uint8_t *from = at;
        struct onnx_field field;
        if (!onnx_read_field(&at, end, &field))
            return onnx_refuse_field(skeleton->start, from, error);
        const struct rule *rule = find_rule(message, field.number);
        if (rule && rule->into != LEAF && field.wire != ONNX_BYTES)
            return onnx_refuse_field(skeleton->start, from, error);
        bool good = true;
        if (rule && rule->into == LEAF)
            good = append(skeleton, from, (size_t)(at - from), error);
        else if (rule)
            good = strip_message(skeleton, &field, (enum message)rule->into, error);
        if (!good)
            return false;
    }
    return true;
}

bool onnx_skeleton_make(struct onnx_skeleton *skeleton, enum onnx_piece piece, const uint8_t *data, size_t size,
                        struct error *error)
{
    static const enum message messages[] = {
        [ONNX_PIECE_OPSET] = OPSET,
        [ONNX_PIECE_NODE] = NODE,
        [ONNX_PIECE_TENSOR] = TENSOR,
        [ONNX_PIECE_VALUE] = VALUE,
    };
    struct onnx_field whole = {.data = data, .size = size};
    skeleton->size = 0;
    skeleton->tensors = 0;
    return strip(skeleton, messages[piece], data, data + size, error) &&
           (piece != ONNX_PIECE_TENSOR || note_tensor(skeleton, &whole, error));
}

void onnx_skeleton_finish(struct onnx_skeleton *skeleton)
{
    skeleton->budget->left += skeleton->room + skeleton->tensors_room * sizeof *skeleton->tensor;
    mem_free(skeleton->data);
    mem_free(skeleton->tensor);
    *skeleton = (struct onnx_skeleton){.budget = skeleton->budget, .start = skeleton->start};
}
