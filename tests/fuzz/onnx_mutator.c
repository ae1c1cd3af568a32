/* Mutates an ONNX file as the tree of messages it is, for libFuzzer only: somewhere in the tree a field is changed,
 * doubled, dropped or moved, and all lengths around it are made right again, which blind mutations rarely do. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);

enum { DEPTH_MAX = 8, FIELDS_MAX = 256 };

struct field {
    const uint8_t *start, *value; /* tag; what is behind tag and length */
    size_t size;                  /* of the value */
    uint64_t tag;
    int is_bytes;
};

static int read_varint(const uint8_t **at, const uint8_t *end, uint64_t *value)
{
    *value = 0;
    for (int shift = 0; shift < 64 && *at < end; shift += 7) {
        uint8_t byte = *(*at)++;
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return 1;
    }
    return 0;
}

/* The fields of a message; 0 where it is none. */
static int split(const uint8_t *data, size_t size, struct field *field)
{
    const uint8_t *at = data, *end = data + size;
    int count = 0;
    while (at < end && count < FIELDS_MAX) {
        struct field *f = &field[count++];
        uint64_t length;
        f->start = at;
        if (!read_varint(&at, end, &f->tag) || f->tag >> 3 == 0)
            return 0;
        f->is_bytes = (f->tag & 7) == 2;
        f->value = at;
        if (f->is_bytes) {
            if (!read_varint(&at, end, &length) || length > (size_t)(end - at))
                return 0;
            f->value = at;
            at += length;
        } else if ((f->tag & 7) == 0) {
            if (!read_varint(&at, end, &length))
                return 0;
        } else if ((f->tag & 7) == 5 && end - at >= 4) {
            at += 4;
        } else if ((f->tag & 7) == 1 && end - at >= 8) {
            at += 8;
        } else {
            return 0;
        }
        f->size = (size_t)(at - f->value);
    }
    return count;
}

static size_t put_varint(uint8_t *to, uint64_t value)
{
    size_t size = 0;
    do {
        to[size++] = (uint8_t)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
        value >>= 7;
    } while (value);
    return size;
}

static size_t put_field(uint8_t *to, size_t room, const struct field *f, const uint8_t *value, size_t size)
{
    uint8_t head[20];
    size_t used = put_varint(head, f->tag);
    used += f->is_bytes ? put_varint(head + used, size) : 0;
    if (used + size > room)
        return 0;
    memcpy(to, head, used);
    memcpy(to + used, value, size);
    return used + size;
}

/* Writes a changed copy of the message to `to`; its size. */
static size_t mutate(const uint8_t *data, size_t size, uint8_t *to, size_t room, int depth)
{
    struct field field[FIELDS_MAX];
    int count = size ? split(data, size, field) : 0;
    if (count == 0 || depth == DEPTH_MAX) { /* a leaf */
        size = size < room ? size : room;
        memcpy(to, data, size);
        return LLVMFuzzerMutate(to, size, room);
    }
    int chosen = rand() % count, other = rand() % count, how = rand() % 10;
    uint8_t *value = malloc(room ? room : 1);
    size_t used = 0;
    for (int i = 0; value && i < count; i++) {
        const struct field *f = &field[how == 0 && i == chosen ? other : i];
        size_t length = f->size;
        if (how == 1 && i == chosen)
            continue;
        if (how > 2 && i == chosen) {
            length = f->is_bytes && how > 3 ? mutate(f->value, f->size, value, room - used, depth + 1)
                                            : LLVMFuzzerMutate(memcpy(value, f->value, length), length, room - used);
        } else if (length <= room) {
            memcpy(value, f->value, length);
        } else {
            break;
        }
        used += put_field(to + used, room - used, f, value, length);
        if (how == 2 && i == chosen)
            used += put_field(to + used, room - used, f, value, length);
    }
    free(value);
    return used;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy)
        return size;
    srand(seed);
    memcpy(copy, data, size);
    size_t made = rand() % 16 == 0 ? LLVMFuzzerMutate(data, size, max_size) : mutate(copy, size, data, max_size, 0);
    free(copy);
    return made;
}
