/* The restricted pickle machine; what it reads, refuses and limits is listed in unpickle.h. Called by the torch formats.
 *
 * One function an opcode (or family of them) in a table; each returns false with the error set. Strings and keys point
 * into the input; all else lives in chunks that are freed together. */
#include "config.h"

#include "unpickle_machine.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "thaw/base/mem.h"

enum { CHUNK = 1 << 14, LINE_MAX_BYTES = 256, PROTOCOL_MAX = 5 };
enum { MEMORY_PER_BYTE = 4, MEMORY_BASE = 1 << 20 };

struct chunk {
    struct chunk *next;
    size_t used, room;
    _Alignas(16) uint8_t bytes[];
};

static const char *const kind_names[] = {
    "None",  "a truth value", "a number", "a long number", "a fraction", "a string",  "bytes",   "a tuple",   "a list",
    "a set", "a dict",        "a class",  "a storage",     "a tensor",   "an object", "a class", "an object",
};
_Static_assert(THAW_LENGTH(kind_names) == PICKLE_KINDS, "each kind of value has a name");

const char *pickle_kind_name(enum pickle_kind kind)
{
    return kind_names[kind];
}

bool pickle_is_text(const struct pickle_value *value, const char *text)
{
    return value->kind == PICKLE_STRING && value->text.size == strlen(text) &&
           memcmp(value->text.bytes, text, value->text.size) == 0;
}

const struct pickle_value *pickle_find(const struct pickle_value *dict, const char *key)
{
    const struct pickle_value *found = NULL;
    for (size_t i = 0; dict->kind == PICKLE_DICT && i + 1 < dict->list.count; i += 2)
        if (pickle_is_text(dict->list.item[i], key))
            found = dict->list.item[i + 1];
    return found;
}

bool unpickle_fault(struct unpickle *u, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return error_set(u->error, ERROR_WEIGHTS, "its pickle, at byte %zu, %s", u->op_at, text);
}

/* Memory. */

/* Zeroed bytes, or NULL with the error set: every size here depends on what the file says. */
void *unpickle_allocate(struct unpickle *u, size_t size)
{
    size_t room = size > CHUNK ? size : CHUNK;
    size = (size + 7) / 8 * 8;
    if (!u->chunks || size > u->chunks->room - u->chunks->used) {
        struct chunk *chunk =
            room < SIZE_MAX / 2 && room <= u->memory_max - u->memory ? mem_try(sizeof *chunk + room + 8) : NULL;
        if (!chunk) {
            unpickle_fault(u, "needs more memory than a file of its size may ask for: %zu bytes beside %zu, of %zu",
                           room, u->memory, u->memory_max);
            return NULL;
        }
        u->memory += room;
        chunk->room = room + 8;
        chunk->next = u->chunks;
        u->chunks = chunk;
    }
    void *block = u->chunks->bytes + u->chunks->used;
    u->chunks->used += size;
    return block;
}

/* Makes room for `count` pointers in all. Outgrown blocks stay in their chunk: no more than the last one's size. */
static bool reserve(struct unpickle *u, void ***item, size_t *room, size_t count)
{
    if (count <= *room)
        return true;
    size_t wanted = *room < count / 2 ? count : *room * 2;
    if (wanted < count)
        wanted = count;
    void **grown = wanted <= SIZE_MAX / sizeof *grown / 2 ? unpickle_allocate(u, wanted * sizeof *grown) : NULL;
    if (!grown)
        return false;
    if (*room)
        memcpy(grown, *item, *room * sizeof *grown);
    *item = grown;
    *room = wanted;
    return true;
}

bool unpickle_pointers_push(struct unpickle *u, struct unpickle_pointers *pointers, void *item)
{
    if (!reserve(u, &pointers->item, &pointers->room, pointers->count + 1))
        return false;
    pointers->item[pointers->count++] = item;
    return true;
}

bool unpickle_list_push(struct unpickle *u, struct pickle_value *list, struct pickle_value *const *item, size_t count)
{
    void **block = (void **)list->list.item;
    if (!reserve(u, &block, &list->list.room, list->list.count + count))
        return false;
    list->list.item = (struct pickle_value **)block;
    if (count)
        memcpy(list->list.item + list->list.count, item, count * sizeof *item);
    list->list.count += count;
    return true;
}

/* The stack. */

bool unpickle_push(struct unpickle *u, struct pickle_value *value)
{
    return value && unpickle_pointers_push(u, &u->stack, value);
}

struct pickle_value *unpickle_make(struct unpickle *u, enum pickle_kind kind)
{
    struct pickle_value *value = unpickle_allocate(u, sizeof *value);
    if (value)
        value->kind = kind;
    return value;
}

/* What exists once: None, True and False, and small integers, of which shapes and strides are made. NULL: not these. */
static struct pickle_value **only_one(struct unpickle *u, enum pickle_kind kind, int64_t integer)
{
    if (kind == PICKLE_NONE)
        return &u->none;
    if (kind == PICKLE_BOOL)
        return &u->truth[integer != 0];
    return integer >= 0 && integer < UNPICKLE_SMALL ? &u->small[integer] : NULL;
}

static bool push_integer(struct unpickle *u, enum pickle_kind kind, int64_t integer)
{
    struct pickle_value **only = only_one(u, kind, integer);
    struct pickle_value *value = only && *only ? *only : unpickle_make(u, kind);
    if (value)
        value->integer = integer;
    if (only)
        *only = value;
    return unpickle_push(u, value);
}

/* The lowest height the opcode at hand may pop to. */
static size_t base(const struct unpickle *u)
{
    return u->marks ? u->mark[u->marks - 1] : 0;
}

struct pickle_value *unpickle_pop(struct unpickle *u)
{
    if (u->stack.count <= base(u)) {
        unpickle_fault(u, "takes a value from an empty stack");
        return NULL;
    }
    return u->stack.item[--u->stack.count];
}

struct pickle_value *unpickle_top(struct unpickle *u)
{
    if (u->stack.count <= base(u)) {
        unpickle_fault(u, "looks at a value on an empty stack");
        return NULL;
    }
    return u->stack.item[u->stack.count - 1];
}

/* Takes off everything above the last mark: *item points at `count` values, valid until the next push. */
static bool pop_mark(struct unpickle *u, struct pickle_value ***item, size_t *count)
{
    if (u->marks == 0)
        return unpickle_fault(u, "looks for a mark that was not set");
    size_t from = u->mark[--u->marks];
    *count = u->stack.count - from;
    *item = *count ? (struct pickle_value **)u->stack.item + from : NULL;
    u->stack.count = from;
    return true;
}

/* Arguments of opcodes. */

static const uint8_t *take(struct unpickle *u, uint64_t size)
{
    if (size > u->size - u->at) {
        unpickle_fault(u, "needs %llu more bytes, but the file has %zu: is it truncated?", (unsigned long long)size,
                       u->size - u->at);
        return NULL;
    }
    const uint8_t *bytes = u->data + u->at;
    u->at += (size_t)size;
    return bytes;
}

/* An unsigned little-endian argument of 1, 2, 4 or 8 bytes. */
static bool take_number(struct unpickle *u, int size, uint64_t *value)
{
    const uint8_t *bytes = take(u, (uint64_t)size);
    if (!bytes)
        return false;
    *value = 0;
    for (int i = size - 1; i >= 0; i--)
        *value = *value << 8 | bytes[i];
    return true;
}

bool unpickle_take_line(struct unpickle *u, const uint8_t **line, size_t *size)
{
    size_t left = u->size - u->at, within = left < LINE_MAX_BYTES ? left : LINE_MAX_BYTES;
    const uint8_t *end = within ? memchr(u->data + u->at, '\n', within) : NULL;
    if (!end)
        return unpickle_fault(u, "names a global without an end");
    *line = u->data + u->at;
    *size = (size_t)(end - *line);
    u->at += *size + 1;
    return true;
}

/* Plain values. */

static bool op_proto(struct unpickle *u, uint8_t op)
{
    uint64_t protocol;
    (void)op;
    if (!take_number(u, 1, &protocol))
        return false;
    return protocol <= PROTOCOL_MAX ||
           unpickle_fault(u, "has protocol %llu, 2 to 5 are read", (unsigned long long)protocol);
}

static bool op_frame(struct unpickle *u, uint8_t op)
{
    (void)op;
    return take(u, 8) != NULL; /* a hint for buffering; what it frames is read as it comes */
}

static bool op_stop(struct unpickle *u, uint8_t op)
{
    (void)op;
    u->stopped = true;
    if (u->marks || u->stack.count != 1)
        return unpickle_fault(u, "stops with %zu values and %zu marks instead of one value", u->stack.count, u->marks);
    return true;
}

static bool op_none(struct unpickle *u, uint8_t op)
{
    (void)op;
    return push_integer(u, PICKLE_NONE, 0);
}

static bool op_bool(struct unpickle *u, uint8_t op)
{
    return push_integer(u, PICKLE_BOOL, op == 0x88);
}

static bool op_int(struct unpickle *u, uint8_t op)
{
    uint64_t value;
    if (!take_number(u, op == 'J' ? 4 : op == 'M' ? 2 : 1, &value))
        return false;
    return push_integer(u, PICKLE_INT, op == 'J' ? (int32_t)(uint32_t)value : (int64_t)value);
}

static bool op_long(struct unpickle *u, uint8_t op)
{
    uint64_t size;
    if (!take_number(u, op == 0x8a ? 1 : 4, &size))
        return false;
    const uint8_t *bytes = take(u, size);
    if (!bytes)
        return false;
    if (size > 8) {
        struct pickle_value *value = unpickle_make(u, PICKLE_BIG);
        if (value) {
            value->text.bytes = bytes;
            value->text.size = (size_t)size;
        }
        return unpickle_push(u, value);
    }
    uint64_t bits = size && bytes[size - 1] & 0x80 ? UINT64_MAX : 0;
    for (size_t i = (size_t)size; i-- > 0;)
        bits = bits << 8 | bytes[i];
    return push_integer(u, PICKLE_INT, (int64_t)bits);
}

/* Big endian, as the only number in a pickle. */
static bool op_float(struct unpickle *u, uint8_t op)
{
    (void)op;
    const uint8_t *bytes = take(u, 8);
    struct pickle_value *value = bytes ? unpickle_make(u, PICKLE_FLOAT) : NULL;
    uint64_t bits = 0;
    for (int i = 0; value && i < 8; i++)
        bits = bits << 8 | bytes[i];
    if (value)
        memcpy(&value->real, &bits, sizeof bits);
    return unpickle_push(u, value);
}

static bool push_text(struct unpickle *u, enum pickle_kind kind, int size_bytes)
{
    uint64_t size;
    if (!take_number(u, size_bytes, &size))
        return false;
    const uint8_t *bytes = take(u, size);
    struct pickle_value *value = bytes ? unpickle_make(u, kind) : NULL;
    if (value) {
        value->text.bytes = bytes;
        value->text.size = (size_t)size;
    }
    return unpickle_push(u, value);
}

/* BINUNICODE, SHORT_BINUNICODE, BINUNICODE8, and the strings of Python 2: BINSTRING, SHORT_BINSTRING. */
static bool op_string(struct unpickle *u, uint8_t op)
{
    return push_text(u, PICKLE_STRING, op == 'X' || op == 'T' ? 4 : op == 0x8d ? 8 : 1);
}

/* SHORT_BINBYTES, BINBYTES, BINBYTES8 and BYTEARRAY8. */
static bool op_bytes(struct unpickle *u, uint8_t op)
{
    return push_text(u, PICKLE_BYTES, op == 'C' ? 1 : op == 'B' ? 4 : 8);
}

/* Containers. */

static bool op_mark(struct unpickle *u, uint8_t op)
{
    (void)op;
    if (u->marks == UNPICKLE_MARKS_MAX)
        return unpickle_fault(u, "nests deeper than %d levels", UNPICKLE_MARKS_MAX);
    u->mark[u->marks++] = u->stack.count;
    return true;
}

static bool op_pop(struct unpickle *u, uint8_t op)
{
    (void)op;
    if (u->marks && u->stack.count == base(u)) {
        u->marks--;
        return true;
    }
    return unpickle_pop(u) != NULL;
}

static bool op_pop_mark(struct unpickle *u, uint8_t op)
{
    struct pickle_value **item = NULL;
    size_t count = 0;
    (void)op;
    return pop_mark(u, &item, &count);
}

static bool op_dup(struct unpickle *u, uint8_t op)
{
    (void)op;
    return unpickle_push(u, unpickle_top(u));
}

static bool op_empty(struct unpickle *u, uint8_t op)
{
    return unpickle_push(u, unpickle_make(u, op == ')'   ? PICKLE_TUPLE
                                             : op == ']' ? PICKLE_LIST
                                             : op == '}' ? PICKLE_DICT
                                                         : PICKLE_SET));
}

static bool push_list(struct unpickle *u, enum pickle_kind kind, struct pickle_value *const *item, size_t count)
{
    struct pickle_value *list = unpickle_make(u, kind);
    return list && unpickle_list_push(u, list, item, count) && unpickle_push(u, list);
}

/* TUPLE, LIST, DICT, FROZENSET: what lies above the mark. */
static bool op_collect(struct unpickle *u, uint8_t op)
{
    struct pickle_value **item = NULL;
    size_t count = 0;
    if (!pop_mark(u, &item, &count))
        return false;
    if (op == 'd' && count % 2)
        return unpickle_fault(u, "makes a dict with a key that has no value");
    return push_list(u,
                     op == 't'   ? PICKLE_TUPLE
                     : op == 'l' ? PICKLE_LIST
                     : op == 'd' ? PICKLE_DICT
                                 : PICKLE_SET,
                     item, count);
}

/* TUPLE1, TUPLE2, TUPLE3. */
static bool op_tuple(struct unpickle *u, uint8_t op)
{
    size_t count = (size_t)op - 0x84;
    if (u->stack.count - base(u) < count)
        return unpickle_fault(u, "takes a value from an empty stack");
    u->stack.count -= count;
    return push_list(u, PICKLE_TUPLE, (struct pickle_value **)u->stack.item + u->stack.count, count);
}

/* APPEND and SETITEM add one, APPENDS, ADDITEMS and SETITEMS what lies above the mark, to the container below. */
static bool op_add(struct unpickle *u, uint8_t op)
{
    struct pickle_value **item = NULL;
    size_t count = op == 'a' ? 1 : 2;
    if (op == 'a' || op == 's') {
        if (u->stack.count - base(u) < count)
            return unpickle_fault(u, "takes a value from an empty stack");
        u->stack.count -= count;
        item = (struct pickle_value **)u->stack.item + u->stack.count;
    } else if (!pop_mark(u, &item, &count)) {
        return false;
    }
    struct pickle_value *to = unpickle_top(u);
    if (!to)
        return false;
    if (to->kind == PICKLE_OPAQUE)
        return true;
    enum pickle_kind kind = op == 's' || op == 'u' ? PICKLE_DICT : op == 0x90 ? PICKLE_SET : PICKLE_LIST;
    if (kind == PICKLE_DICT && count % 2)
        return unpickle_fault(u, "gives a dict a key that has no value");
    if (to->kind == PICKLE_OBJECT)
        return kind != PICKLE_DICT || unpickle_record_add(u, to->object, item, count);
    if (to->kind != kind)
        return unpickle_fault(u, "adds to %s as if it were %s", pickle_kind_name(to->kind), pickle_kind_name(kind));
    return unpickle_list_push(u, to, item, count);
}

/* The memo. */

static bool memo_put(struct unpickle *u, uint64_t index)
{
    struct pickle_value *value = unpickle_top(u);
    if (!value)
        return false;
    if (index > u->at - u->began)
        return unpickle_fault(u, "stores memo entry %llu, but is only %zu bytes long by then",
                              (unsigned long long)index, u->at - u->began);
    if (!reserve(u, &u->memo.item, &u->memo.room, (size_t)index + 1))
        return false;
    u->memo_set += u->memo.item[index] == NULL;
    u->memo.item[index] = value;
    if (index >= u->memo.count)
        u->memo.count = (size_t)index + 1;
    return true;
}

static bool op_put(struct unpickle *u, uint8_t op)
{
    uint64_t index;
    return take_number(u, op == 'q' ? 1 : 4, &index) && memo_put(u, index);
}

static bool op_memoize(struct unpickle *u, uint8_t op)
{
    (void)op;
    return memo_put(u, u->memo_set);
}

static bool op_get(struct unpickle *u, uint8_t op)
{
    uint64_t index;
    if (!take_number(u, op == 'h' ? 1 : 4, &index))
        return false;
    if (index >= u->memo.count || !u->memo.item[index])
        return unpickle_fault(u, "asks for memo entry %llu, which was not stored", (unsigned long long)index);
    return unpickle_push(u, u->memo.item[index]);
}

static bool (*const ops[256])(struct unpickle *u, uint8_t op) = {
    [0x80] = op_proto,
    [0x95] = op_frame,
    ['.'] = op_stop,
    ['N'] = op_none,
    [0x88] = op_bool,
    [0x89] = op_bool,
    ['J'] = op_int,
    ['K'] = op_int,
    ['M'] = op_int,
    [0x8a] = op_long,
    [0x8b] = op_long,
    ['G'] = op_float,
    ['X'] = op_string,
    [0x8c] = op_string,
    [0x8d] = op_string,
    ['T'] = op_string,
    ['U'] = op_string,
    ['B'] = op_bytes,
    ['C'] = op_bytes,
    [0x8e] = op_bytes,
    [0x96] = op_bytes,
    ['('] = op_mark,
    ['0'] = op_pop,
    ['1'] = op_pop_mark,
    ['2'] = op_dup,
    [')'] = op_empty,
    [']'] = op_empty,
    ['}'] = op_empty,
    [0x8f] = op_empty,
    ['t'] = op_collect,
    ['l'] = op_collect,
    ['d'] = op_collect,
    [0x91] = op_collect,
    [0x85] = op_tuple,
    [0x86] = op_tuple,
    [0x87] = op_tuple,
    ['a'] = op_add,
    ['e'] = op_add,
    ['s'] = op_add,
    ['u'] = op_add,
    [0x90] = op_add,
    ['q'] = op_put,
    ['r'] = op_put,
    [0x94] = op_memoize,
    ['h'] = op_get,
    ['j'] = op_get,
    ['c'] = unpickle_torch_global,
    [0x93] = unpickle_torch_stack_global,
    ['R'] = unpickle_torch_call,
    [0x81] = unpickle_torch_call,
    [0x92] = unpickle_torch_call,
    ['b'] = unpickle_torch_build,
    ['Q'] = unpickle_torch_persistent_id,
};

size_t unpickle_memory_for(size_t file)
{
    return file < (SIZE_MAX / 2 - MEMORY_BASE) / MEMORY_PER_BYTE ? file * MEMORY_PER_BYTE + MEMORY_BASE : SIZE_MAX / 2;
}

struct unpickle *unpickle_create(const uint8_t *data, size_t size, size_t memory_max)
{
    struct unpickle *u = mem_alloc(sizeof *u);
    u->data = data;
    u->size = size;
    u->memory_max = memory_max;
    return u;
}

size_t unpickle_memory(const struct unpickle *u)
{
    return u->memory;
}

void unpickle_destroy(struct unpickle *u)
{
    if (!u)
        return;
    while (u->chunks) {
        struct chunk *next = u->chunks->next;
        mem_free(u->chunks);
        u->chunks = next;
    }
    mem_free(u);
}

const struct pickle_value *unpickle_run(struct unpickle *u, size_t *at, struct error *error)
{
    u->at = *at;
    u->error = error;
    u->stopped = false;
    u->began = *at;
    if (u->memo.count)
        memset(u->memo.item, 0, u->memo.count * sizeof *u->memo.item);
    u->stack.count = u->marks = u->memo_set = u->memo.count = 0;
    while (!u->stopped) {
        u->op_at = u->at;
        const uint8_t *op = take(u, 1);
        if (!op)
            return NULL;
        if (!ops[*op]) {
            unpickle_fault(u, "has opcode 0x%02x, which no model needs: refused", *op);
            return NULL;
        }
        if (!ops[*op](u, *op))
            return NULL;
    }
    *at = u->at;
    return u->stack.item[0];
}

struct pickle_storage **unpickle_storages(struct unpickle *u, size_t *count)
{
    *count = u->storages.count;
    return (struct pickle_storage **)u->storages.item;
}
