/* A restricted pickle machine: turns the pickles inside torch.save files into plain values. No code is ever run: the
 * globals that do something here are the ones a state dict needs (listed in unpickle_torch.c). Any other is a name and
 * nothing else, and what calling it would have made is a record of the call: the name, the arguments, the attributes that
 * it was given. Those that only an attack names (os.system, eval) are refused by name and byte offset
 * (unpickle_record.c). Private to src/weights and its tests.
 *
 * 1. A pickle is a sequence of one-byte opcodes with arguments, up to and with STOP; protocols 2 to 5.
 * 2. Opcodes that a state dict has no use for (text opcodes of protocol 0, OBJ, INST, EXT, buffers) are refused.
 * 3. Limits: 256 open marks, memo indices no larger than the pickle is long, and memory as the caller allows. There is no
 *    recursion.
 * 4. Tensors come out as views into storages: offset, shape and strides in elements, checked against the number of
 *    elements that the pickle states for the storage. Where a storage's bytes lie is the caller's to find. */
#ifndef THAW_SRC_WEIGHTS_UNPICKLE_H
#define THAW_SRC_WEIGHTS_UNPICKLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "thaw/base/error.h"
#include "thaw/tensor/tensor.h"

enum pickle_kind {
    PICKLE_NONE,
    PICKLE_BOOL,
    PICKLE_INT,
    PICKLE_BIG, /* an integer beyond 64 bits: its bytes, little endian, two's complement */
    PICKLE_FLOAT,
    PICKLE_STRING,
    PICKLE_BYTES,
    PICKLE_TUPLE,
    PICKLE_LIST,
    PICKLE_SET,
    PICKLE_DICT, /* items are key, value, key, value, ... in insertion order */
    PICKLE_GLOBAL,
    PICKLE_STORAGE,
    PICKLE_TENSOR,
    PICKLE_OPAQUE, /* an object that was not made: nothing is known of it */
    PICKLE_CLASS,  /* a global that is nothing here but its name */
    PICKLE_OBJECT, /* what calling one would have made: the record of it */
    PICKLE_KINDS
};

struct pickle_storage {
    const uint8_t *key; /* not terminated; in the input */
    size_t key_size;
    enum tensor_type type;
    int64_t count;       /* elements, of the whole storage */
    int64_t view_offset; /* the part that tensors index; the whole in all but very old files */
    int64_t view_count;
    const uint8_t *data; /* NULL until the caller has found the bytes */
};

struct pickle_tensor {
    struct pickle_storage *storage;
    int64_t offset; /* elements from the start of the whole storage */
    struct shape shape;
    int64_t stride[SHAPE_RANK_MAX];
};

struct pickle_class {
    const uint8_t *module, *name; /* not terminated; in the input */
    size_t module_size, name_size;
};

struct pickle_object {
    const struct pickle_value *made_by; /* what was called: mostly a CLASS */
    const struct pickle_value *args;    /* TUPLE */
    const struct pickle_value *state;   /* its attributes, as the last BUILD gave them; NULL: none did */
    struct pickle_value *items;         /* DICT: what a subclass of dict was filled with; NULL: nothing */
};

struct pickle_value {
    enum pickle_kind kind;
    union {
        int64_t integer; /* BOOL, INT */
        double real;     /* FLOAT */
        struct {         /* STRING, BYTES, BIG: in the input */
            const uint8_t *bytes;
            size_t size;
        } text;
        struct { /* TUPLE, LIST, SET, DICT */
            struct pickle_value **item;
            size_t count, room;
        } list;
        size_t global; /* a row of the table of globals */
        struct pickle_storage *storage;
        struct pickle_tensor *tensor;
        struct pickle_class *class_name;
        struct pickle_object *object;
    };
};

struct unpickle;

/* Over `size` bytes of input, which must outlive it. `memory_max`: bytes its values may take. */
struct unpickle *unpickle_create(const uint8_t *data, size_t size, size_t memory_max) THAW_NONNULL;
void unpickle_destroy(struct unpickle *unpickle); /* takes NULL; frees all values */

/* Runs one pickle from byte *at and moves *at behind its STOP. The value belongs to the machine. NULL: failed, and the
 * sentence begins with what is wrong (the caller puts the file's name before it). Values may hold themselves: do not
 * walk them without a bound. */
const struct pickle_value *unpickle_run(struct unpickle *unpickle, size_t *at,
                                        struct error *error) THAW_NONNULL THAW_MUST_CHECK;

/* The memory that reading a file of so many bytes may take: four times as much, and 1 MiB more. */
size_t unpickle_memory_for(size_t file);
size_t unpickle_memory(const struct unpickle *unpickle) THAW_NONNULL; /* bytes taken so far */

/* Every storage named so far, in the order of the pickle; one key may come several times. */
struct pickle_storage **unpickle_storages(struct unpickle *unpickle, size_t *count) THAW_NONNULL;

const char *pickle_kind_name(enum pickle_kind kind); /* "a tuple" */
bool pickle_is_text(const struct pickle_value *value, const char *text) THAW_NONNULL;
/* The value of a key in a DICT, the last where it is given twice, or NULL. */
const struct pickle_value *pickle_find(const struct pickle_value *dict, const char *key) THAW_NONNULL;
/* The attributes of an OBJECT, a DICT by their names: what BUILD gave (of a pair with those of __slots__ the first), else
 * what a function that makes objects of a dict was called with. NULL: no such thing. */
const struct pickle_value *pickle_attributes(const struct pickle_value *value) THAW_NONNULL;
/* The class that an OBJECT is a record of, or NULL. */
const struct pickle_class *pickle_class_of(const struct pickle_value *value) THAW_NONNULL;

#endif
