/* The inside of the pickle machine, between unpickle.c (opcodes, stack, memory), unpickle_torch.c (globals, calls,
 * storages), unpickle_record.c (what is not known) and format_torch_tar.c, which makes storages and tensors of its own. Functions that return false or NULL have set the machine's error. */
#ifndef THAW_SRC_WEIGHTS_UNPICKLE_MACHINE_H
#define THAW_SRC_WEIGHTS_UNPICKLE_MACHINE_H

#include "unpickle.h"

enum { UNPICKLE_MARKS_MAX = 256, UNPICKLE_SMALL = 256 };

struct chunk;

struct unpickle_pointers {
    void **item;
    size_t count, room;
};

struct unpickle {
    const uint8_t *data;
    size_t size, at;
    size_t op_at; /* of the opcode at hand, for sentences */
    size_t began; /* where the pickle at hand starts */
    bool stopped;
    struct chunk *chunks;
    size_t memory, memory_max;
    struct unpickle_pointers stack, memo, storages; /* memo: NULL where unset; count is one past the highest index */
    size_t memo_set;
    struct pickle_value *small[UNPICKLE_SMALL]; /* integers, NULL until they come up */
    struct pickle_value *none, *truth[2];       /* the same of None, False and True */
    size_t mark[UNPICKLE_MARKS_MAX];            /* stack heights */
    size_t marks;
    struct pickle_value *(*find)(void *context,
                                 int64_t number); /* what a number as persistent id stands for, or NULL */
    void *find_context;
    struct error *error;
};

/* "its pickle, at byte N, ..."; returns false. */
bool unpickle_fault(struct unpickle *u, const char *format, ...) THAW_PRINTF(2, 3) THAW_NONNULL;

/* Zeroed bytes that live as long as the machine, within its limit: every size here depends on what the file says. */
void *unpickle_allocate(struct unpickle *u, size_t size) THAW_NONNULL;
struct pickle_value *unpickle_make(struct unpickle *u, enum pickle_kind kind) THAW_NONNULL;
bool unpickle_list_push(struct unpickle *u, struct pickle_value *list, struct pickle_value *const *item, size_t count)
    THAW_NONNULL_ARGS(1, 2);
bool unpickle_pointers_push(struct unpickle *u, struct unpickle_pointers *pointers, void *item) THAW_NONNULL;

bool unpickle_push(struct unpickle *u, struct pickle_value *value) THAW_NONNULL_ARGS(1); /* NULL: fails, error is set */
struct pickle_value *unpickle_pop(struct unpickle *u) THAW_NONNULL;
struct pickle_value *unpickle_top(struct unpickle *u) THAW_NONNULL;

/* The bytes of the input up to the next newline, which is passed. */
bool unpickle_take_line(struct unpickle *u, const uint8_t **line, size_t *size) THAW_NONNULL;

/* Of a storage's type and number of elements; key and data are the caller's to set. */
struct pickle_value *unpickle_make_storage(struct unpickle *u, enum tensor_type type, int64_t count) THAW_NONNULL;
/* A view into a storage, checked to lie within it; offset and strides in elements. */
struct pickle_value *unpickle_make_tensor(struct unpickle *u, struct pickle_storage *storage, int64_t offset,
                                          const struct shape *shape, const int64_t *stride) THAW_NONNULL;
/* Whether a value is the global of a storage's type; *type is that of its elements. */
bool unpickle_is_storage_type(const struct pickle_value *value, enum tensor_type *type) THAW_NONNULL;

/* What is not known here (unpickle_record.c). A global's name is pushed as a class, unless nothing but an attack names
 * it; `what` was called with `args` (a tuple) and the record of it is pushed. */
bool unpickle_push_class(struct unpickle *u, const struct pickle_class *name) THAW_NONNULL;
bool unpickle_push_record(struct unpickle *u, const struct pickle_value *what,
                          const struct pickle_value *args) THAW_NONNULL;
/* Keys and values that a record is given as if it were a dict. */
bool unpickle_record_add(struct unpickle *u, struct pickle_object *object, struct pickle_value *const *item,
                         size_t count) THAW_NONNULL_ARGS(1, 2);

/* Opcodes of unpickle_torch.c. */
bool unpickle_torch_global(struct unpickle *u, uint8_t op) THAW_NONNULL;
bool unpickle_torch_stack_global(struct unpickle *u, uint8_t op) THAW_NONNULL;
bool unpickle_torch_call(struct unpickle *u, uint8_t op) THAW_NONNULL;
bool unpickle_torch_build(struct unpickle *u, uint8_t op) THAW_NONNULL;
bool unpickle_torch_persistent_id(struct unpickle *u, uint8_t op) THAW_NONNULL;

#endif
