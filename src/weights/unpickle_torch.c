/* What a pickle of torch.save may name and call: the table of globals, rebuilding of tensors, ids of storages. The
 * opcodes here belong to the machine in unpickle.c and build values only; nothing of Python is run. */
#include "config.h"

#include <string.h>

#include "format.h"
#include "unpickle_machine.h"

enum call { CALL_DICT, CALL_TENSOR, CALL_TENSOR_V2, CALL_PARAMETER, CALL_NONE };

static const struct {
    const char *module, *name;
    enum call call;
    enum tensor_type type; /* of a storage */
} globals[] = {
    {"collections", "OrderedDict", CALL_DICT, 0},
    {"torch._utils", "_rebuild_tensor", CALL_TENSOR, 0},
    {"torch._utils", "_rebuild_tensor_v2", CALL_TENSOR_V2, 0},
    {"torch._utils", "_rebuild_parameter", CALL_PARAMETER, 0},
    {"torch", "FloatStorage", CALL_NONE, TENSOR_F32},
    {"torch", "HalfStorage", CALL_NONE, TENSOR_F16},
    {"torch", "BFloat16Storage", CALL_NONE, TENSOR_BF16},
    {"torch", "DoubleStorage", CALL_NONE, TENSOR_F64},
    {"torch", "LongStorage", CALL_NONE, TENSOR_I64},
    {"torch", "IntStorage", CALL_NONE, TENSOR_I32},
    {"torch", "ShortStorage", CALL_NONE, TENSOR_I16},
    {"torch", "CharStorage", CALL_NONE, TENSOR_I8},
    {"torch", "ByteStorage", CALL_NONE, TENSOR_U8},
    {"torch", "BoolStorage", CALL_NONE, TENSOR_BOOL},
};
enum { GLOBALS = 14 };
_Static_assert(THAW_LENGTH(globals) == GLOBALS, "every global here widens what a hostile file may ask for");

/* Says what a file wants that asks for a global which does not exist here. torch.save puts the class of a whole module
 * either into a persistent id ("module", class, ...) or before EMPTY_TUPLE NEWOBJ and a state with _parameters. */
static bool refuse_global(struct unpickle *u, const uint8_t *module, size_t module_size, const uint8_t *name,
                          size_t name_size)
{
    static const char members[] = "_parameters";
    char from[WEIGHTS_QUOTE], what[WEIGHTS_QUOTE];
    weights_quote(from, module, module_size);
    weights_quote(what, name, name_size);
    const struct pickle_value *below = u->stack.count ? u->stack.item[u->stack.count - 1] : NULL;
    size_t at = u->at, left = u->size - at;
    const uint8_t *next = u->data + at;
    if (left >= 2 && (*next == 'q' || *next == 0x94)) { /* the class goes into the memo first */
        size_t skip = *next == 'q' ? 2 : 1;
        next += skip;
        left -= skip;
    } else if (left >= 5 && *next == 'r') {
        next += 5;
        left -= 5;
    }
    bool made = left >= 2 && next[0] == ')' && next[1] == 0x81;
    if ((below && pickle_is_text(below, "module")) || (made && memmem(next, left, members, sizeof members - 1)))
        return error_set(u->error, ERROR_WEIGHTS,
                         "holds a whole module (%s.%s), not a state dict; save model.state_dict() instead", from, what);
    return unpickle_fault(u, "asks for %s.%s, which no state dict needs: refused, nothing was run", from, what);
}

static bool push_global(struct unpickle *u, const uint8_t *module, size_t module_size, const uint8_t *name,
                        size_t name_size)
{
    for (size_t i = 0; i < GLOBALS; i++)
        if (strlen(globals[i].module) == module_size && memcmp(globals[i].module, module, module_size) == 0 &&
            strlen(globals[i].name) == name_size && memcmp(globals[i].name, name, name_size) == 0) {
            struct pickle_value *value = unpickle_make(u, PICKLE_GLOBAL);
            if (value)
                value->global = i;
            return unpickle_push(u, value);
        }
    return refuse_global(u, module, module_size, name, name_size);
}

/* GLOBAL, and INST, which would also call what it names. */
bool unpickle_torch_global(struct unpickle *u, uint8_t op)
{
    const uint8_t *module = NULL, *name = NULL;
    size_t module_size = 0, name_size = 0;
    if (!unpickle_take_line(u, &module, &module_size) || !unpickle_take_line(u, &name, &name_size))
        return false;
    return op == 'i' ? refuse_global(u, module, module_size, name, name_size)
                     : push_global(u, module, module_size, name, name_size);
}

bool unpickle_torch_stack_global(struct unpickle *u, uint8_t op)
{
    (void)op;
    const struct pickle_value *name = unpickle_pop(u), *module = name ? unpickle_pop(u) : NULL;
    if (!module)
        return false;
    if (name->kind != PICKLE_STRING || module->kind != PICKLE_STRING)
        return unpickle_fault(u, "names a global by %s", pickle_kind_name(name->kind));
    return push_global(u, module->text.bytes, module->text.size, name->text.bytes, name->text.size);
}

static bool is_list(const struct pickle_value *value)
{
    return value->kind == PICKLE_TUPLE || value->kind == PICKLE_LIST;
}

/* OrderedDict() or OrderedDict([[key, value], ...]). */
static bool call_dict(struct unpickle *u, const struct pickle_value *args)
{
    struct pickle_value *dict = unpickle_make(u, PICKLE_DICT);
    if (!dict)
        return false;
    if (args->list.count > 1 || (args->list.count == 1 && !is_list(args->list.item[0])))
        return unpickle_fault(u, "makes an OrderedDict of something else than pairs");
    for (size_t i = 0; args->list.count && i < args->list.item[0]->list.count; i++) {
        const struct pickle_value *pair = args->list.item[0]->list.item[i];
        if (!is_list(pair) || pair->list.count != 2)
            return unpickle_fault(u, "makes an OrderedDict of something else than pairs");
        if (!unpickle_list_push(u, dict, pair->list.item, 2))
            return false;
    }
    return unpickle_push(u, dict);
}

/* A tuple of counts: a shape or strides. */
static bool read_counts(struct unpickle *u, const struct pickle_value *value, const char *what, int *rank,
                        int64_t counts[SHAPE_RANK_MAX])
{
    if (!is_list(value))
        return unpickle_fault(u, "gives a tensor %s for its %s", pickle_kind_name(value->kind), what);
    if (value->list.count > SHAPE_RANK_MAX)
        return unpickle_fault(u, "gives a tensor %zu dimensions, at most %d are read", value->list.count,
                              SHAPE_RANK_MAX);
    *rank = (int)value->list.count;
    for (int d = 0; d < *rank; d++) {
        const struct pickle_value *item = value->list.item[d];
        if (item->kind != PICKLE_INT)
            return unpickle_fault(u, "gives a tensor %s in its %s", pickle_kind_name(item->kind), what);
        if (item->integer < 0)
            return unpickle_fault(u, "gives a tensor the %s %lld, which is negative", what, (long long)item->integer);
        counts[d] = item->integer;
    }
    return true;
}

/* Whether a tensor's last element lies within its storage. */
static bool check_extent(struct unpickle *u, const struct pickle_tensor *tensor)
{
    int64_t elements = shape_count(&tensor->shape), count = tensor->storage->view_count;
    char text[SHAPE_TEXT];
    if (elements < 0)
        return unpickle_fault(u, "gives a tensor a shape that cannot be: too many elements");
    int64_t last = tensor->offset;
    bool fits = tensor->offset <= count;
    for (int d = 0; d < tensor->shape.rank && fits && elements; d++) {
        int64_t steps = tensor->shape.dim[d] - 1;
        fits = steps == 0 || tensor->stride[d] <= (count - last) / steps;
        if (fits)
            last += steps * tensor->stride[d];
    }
    if (!fits || (elements && last >= count))
        return unpickle_fault(u, "wants a tensor of %s from element %lld of a storage of %lld: out of range",
                              shape_text(text, &tensor->shape), (long long)tensor->offset, (long long)count);
    return true;
}

/* _rebuild_tensor(storage, offset, size, stride), _rebuild_tensor_v2(the same, requires_grad, hooks[, metadata]). */
static bool call_tensor(struct unpickle *u, const struct pickle_value *args, enum call call)
{
    struct pickle_value *const *arg = args->list.item;
    size_t count = args->list.count;
    if (call == CALL_TENSOR ? count != 4 : count != 6 && count != 7)
        return unpickle_fault(u, "rebuilds a tensor from %zu arguments", count);
    if (arg[0]->kind != PICKLE_STORAGE || arg[1]->kind != PICKLE_INT)
        return unpickle_fault(u, "rebuilds a tensor from %s and %s instead of a storage and an offset",
                              pickle_kind_name(arg[0]->kind), pickle_kind_name(arg[1]->kind));
    struct pickle_value *value = unpickle_make(u, PICKLE_TENSOR);
    struct pickle_tensor *tensor = value ? unpickle_allocate(u, sizeof *tensor) : NULL;
    if (!tensor)
        return false;
    int strides;
    tensor->storage = arg[0]->storage;
    tensor->offset = arg[1]->integer;
    if (tensor->offset < 0)
        return unpickle_fault(u, "gives a tensor the offset %lld, which is negative", (long long)tensor->offset);
    if (!read_counts(u, arg[2], "shape", &tensor->shape.rank, tensor->shape.dim) ||
        !read_counts(u, arg[3], "stride", &strides, tensor->stride))
        return false;
    if (strides != tensor->shape.rank)
        return unpickle_fault(u, "gives a tensor %d dimensions and %d strides", tensor->shape.rank, strides);
    if (!check_extent(u, tensor))
        return false;
    tensor->offset += tensor->storage->view_offset;
    value->tensor = tensor;
    return unpickle_push(u, value);
}

/* REDUCE, NEWOBJ: a global and its arguments. */
bool unpickle_torch_call(struct unpickle *u, uint8_t op)
{
    (void)op;
    struct pickle_value *args = unpickle_pop(u), *function = args ? unpickle_pop(u) : NULL;
    if (!function)
        return false;
    if (function->kind != PICKLE_GLOBAL || args->kind != PICKLE_TUPLE)
        return unpickle_fault(u, "calls %s with %s", pickle_kind_name(function->kind), pickle_kind_name(args->kind));
    switch (globals[function->global].call) {
    case CALL_DICT:
        return call_dict(u, args);
    case CALL_TENSOR:
    case CALL_TENSOR_V2:
        return call_tensor(u, args, globals[function->global].call);
    case CALL_PARAMETER:
        if (args->list.count < 1 || args->list.item[0]->kind != PICKLE_TENSOR)
            return unpickle_fault(u, "rebuilds a parameter from something else than a tensor");
        return unpickle_push(u, args->list.item[0]);
    case CALL_NONE:
        break;
    }
    return unpickle_fault(u, "calls %s.%s, which is only a name here", globals[function->global].module,
                          globals[function->global].name);
}

/* An OrderedDict's attributes (_metadata: versions of modules) say nothing about the tensors. */
bool unpickle_torch_build(struct unpickle *u, uint8_t op)
{
    (void)op;
    const struct pickle_value *state = unpickle_pop(u), *object = state ? unpickle_top(u) : NULL;
    if (!object)
        return false;
    return object->kind == PICKLE_DICT || unpickle_fault(u, "sets attributes of %s", pickle_kind_name(object->kind));
}

/* The optional last member of a storage's id: (key, offset, count) of the part of the storage that is meant. */
static bool read_view(struct unpickle *u, struct pickle_storage *storage, const struct pickle_value *view)
{
    storage->view_count = storage->count;
    if (view->kind == PICKLE_NONE)
        return true;
    if (view->kind != PICKLE_TUPLE || view->list.count != 3 || view->list.item[1]->kind != PICKLE_INT ||
        view->list.item[2]->kind != PICKLE_INT)
        return unpickle_fault(u, "describes a part of a storage by something else than (key, offset, count)");
    int64_t offset = view->list.item[1]->integer, count = view->list.item[2]->integer;
    if (offset < 0 || count < 0 || offset > storage->count || count > storage->count - offset)
        return unpickle_fault(u, "means elements %lld to %lld + %lld of a storage of %lld: out of range",
                              (long long)offset, (long long)offset, (long long)count, (long long)storage->count);
    storage->view_offset = offset;
    storage->view_count = count;
    return true;
}

/* ("storage", type, key, location, count[, view]). The location (cpu, cuda:0, ...) does not matter to a reader. */
bool unpickle_torch_persistent_id(struct unpickle *u, uint8_t op)
{
    (void)op;
    const struct pickle_value *id = unpickle_pop(u);
    if (!id)
        return false;
    if (id->kind != PICKLE_TUPLE || id->list.count < 5 || id->list.count > 6)
        return unpickle_fault(u, "has a persistent id that is no storage's");
    struct pickle_value *const *item = id->list.item;
    if (!pickle_is_text(item[0], "storage") || item[1]->kind != PICKLE_GLOBAL ||
        globals[item[1]->global].call != CALL_NONE || item[2]->kind != PICKLE_STRING || item[4]->kind != PICKLE_INT)
        return unpickle_fault(u, "has a persistent id that is no storage's");
    if (item[4]->integer < 0)
        return unpickle_fault(u, "describes a storage of %lld elements", (long long)item[4]->integer);
    struct pickle_value *value = unpickle_make(u, PICKLE_STORAGE);
    struct pickle_storage *storage = value ? unpickle_allocate(u, sizeof *storage) : NULL;
    if (!storage)
        return false;
    storage->key = item[2]->text.bytes;
    storage->key_size = item[2]->text.size;
    storage->type = globals[item[1]->global].type;
    storage->count = item[4]->integer;
    storage->view_count = storage->count;
    if (id->list.count == 6 && !read_view(u, storage, item[5]))
        return false;
    value->storage = storage;
    return unpickle_pointers_push(u, &u->storages, storage) && unpickle_push(u, value);
}
