/* What a pickle of torch.save may name and call: the table of globals, rebuilding of tensors, ids of storages. The
 * opcodes here belong to the machine in unpickle.c and build values only; nothing of Python is run. */
#include "config.h"

#include <string.h>

#include "format.h"
#include "unpickle_machine.h"

enum call {
    CALL_NONE, /* only a name: calling it is refused */
    CALL_DICT,
    CALL_FACTORY, /* of a dict with default values: starts empty */
    CALL_TENSOR,
    CALL_TENSOR_V2,
    CALL_FROM_TYPE,
    CALL_PARAMETER,
    CALL_STORAGE, /* only a name, of a type of storage */
    CALL_SET,
    CALL_OPAQUE, /* not made: an inert marker stands for what a call would give */
};

static const struct {
    const char *module, *name;
    enum call call;
    enum tensor_type type; /* of a storage */
} globals[] = {
    {"collections", "OrderedDict", CALL_DICT, 0},
    {"collections", "defaultdict", CALL_FACTORY, 0},
    {"torch._utils", "_rebuild_tensor", CALL_TENSOR, 0},
    {"torch._utils", "_rebuild_tensor_v2", CALL_TENSOR_V2, 0},
    {"torch._utils", "_rebuild_parameter", CALL_PARAMETER, 0},
    {"torch._utils", "_rebuild_parameter_with_state", CALL_PARAMETER, 0},
    {"torch._tensor", "_rebuild_from_type_v2", CALL_FROM_TYPE, 0},
    {"torch.nn.parameter", "Parameter", CALL_PARAMETER, 0},
    {"torch.autograd.variable", "Variable", CALL_PARAMETER, 0},
    {"torch", "FloatStorage", CALL_STORAGE, TENSOR_F32},
    {"torch", "HalfStorage", CALL_STORAGE, TENSOR_F16},
    {"torch", "BFloat16Storage", CALL_STORAGE, TENSOR_BF16},
    {"torch", "DoubleStorage", CALL_STORAGE, TENSOR_F64},
    {"torch", "LongStorage", CALL_STORAGE, TENSOR_I64},
    {"torch", "IntStorage", CALL_STORAGE, TENSOR_I32},
    {"torch", "ShortStorage", CALL_STORAGE, TENSOR_I16},
    {"torch", "CharStorage", CALL_STORAGE, TENSOR_I8},
    {"torch", "ByteStorage", CALL_STORAGE, TENSOR_U8},
    {"torch", "BoolStorage", CALL_STORAGE, TENSOR_BOOL},
    /* Types of tensors; the storage says what matters. */
    {"torch", "Tensor", CALL_NONE, 0},
    {"torch", "FloatTensor", CALL_NONE, 0},
    {"torch", "HalfTensor", CALL_NONE, 0},
    {"torch", "DoubleTensor", CALL_NONE, 0},
    {"torch", "LongTensor", CALL_NONE, 0},
    {"torch", "IntTensor", CALL_NONE, 0},
    {"torch", "ShortTensor", CALL_NONE, 0},
    {"torch", "CharTensor", CALL_NONE, 0},
    {"torch", "ByteTensor", CALL_NONE, 0},
    /* What rides along in checkpoints: settings, figures, times and devices. */
    {"argparse", "Namespace", CALL_OPAQUE, 0},
    {"types", "SimpleNamespace", CALL_OPAQUE, 0},
    {"numpy", "dtype", CALL_OPAQUE, 0},
    {"numpy", "ndarray", CALL_OPAQUE, 0},
    {"numpy.core.multiarray", "scalar", CALL_OPAQUE, 0},
    {"numpy.core.multiarray", "_reconstruct", CALL_OPAQUE, 0},
    {"numpy._core.multiarray", "scalar", CALL_OPAQUE, 0},
    {"numpy._core.multiarray", "_reconstruct", CALL_OPAQUE, 0},
    {"_codecs", "encode", CALL_OPAQUE, 0}, /* bytes, as protocol 2 writes them */
    {"collections", "Counter", CALL_OPAQUE, 0},
    {"datetime", "datetime", CALL_OPAQUE, 0},
    {"datetime", "timedelta", CALL_OPAQUE, 0},
    {"pathlib", "PosixPath", CALL_OPAQUE, 0},
    {"pathlib", "WindowsPath", CALL_OPAQUE, 0},
    {"torch", "Size", CALL_OPAQUE, 0},
    {"torch", "device", CALL_OPAQUE, 0},
    {"torch", "float32", CALL_NONE, 0},
    {"torch", "float16", CALL_NONE, 0},
    {"torch", "bfloat16", CALL_NONE, 0},
    {"builtins", "set", CALL_SET, 0},
    {"builtins", "frozenset", CALL_SET, 0},
    {"builtins", "list", CALL_OPAQUE, 0},
    {"builtins", "dict", CALL_OPAQUE, 0},
    {"builtins", "int", CALL_OPAQUE, 0},
    {"builtins", "float", CALL_OPAQUE, 0},
};
enum { GLOBALS = 53 };
_Static_assert(THAW_LENGTH(globals) == GLOBALS, "every global here widens what a hostile file may ask for");

/* Other modules in which a global may be found: cards' storages, and Python 2. */
static const struct {
    const char *module, *as;
} modules[] = {{"torch.cuda", "torch"}, {"__builtin__", "builtins"}};

static bool is_named(const char *text, const uint8_t *bytes, size_t size)
{
    return strlen(text) == size && memcmp(text, bytes, size) == 0;
}

static bool push_global(struct unpickle *u, const uint8_t *module, size_t module_size, const uint8_t *name,
                        size_t name_size)
{
    const uint8_t *in = module;
    size_t in_size = module_size;
    for (size_t i = 0; i < THAW_LENGTH(modules); i++)
        if (is_named(modules[i].module, module, module_size)) {
            in = (const uint8_t *)modules[i].as;
            in_size = strlen(modules[i].as);
        }
    for (size_t i = 0; i < GLOBALS; i++)
        if (is_named(globals[i].module, in, in_size) && is_named(globals[i].name, name, name_size)) {
            struct pickle_value *value = unpickle_make(u, PICKLE_GLOBAL);
            if (value)
                value->global = i;
            return unpickle_push(u, value);
        }
    return unpickle_push_class(u, &(struct pickle_class){module, name, module_size, name_size});
}

/* GLOBAL. */
bool unpickle_torch_global(struct unpickle *u, uint8_t op)
{
    const uint8_t *module = NULL, *name = NULL;
    size_t module_size = 0, name_size = 0;
    (void)op;
    return unpickle_take_line(u, &module, &module_size) && unpickle_take_line(u, &name, &name_size) &&
           push_global(u, module, module_size, name, name_size);
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

/* set() or set([item, ...]), as protocol 2 writes them. */
static bool call_set(struct unpickle *u, const struct pickle_value *args)
{
    const struct pickle_value *of = args->list.count ? args->list.item[0] : args;
    struct pickle_value *set = unpickle_make(u, PICKLE_SET);
    if (args->list.count > 1 || !is_list(of))
        return unpickle_fault(u, "makes a set of something else than a list");
    return set && unpickle_list_push(u, set, of->list.item, of->list.count) && unpickle_push(u, set);
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

struct pickle_value *unpickle_make_tensor(struct unpickle *u, struct pickle_storage *storage, int64_t offset,
                                          const struct shape *shape, const int64_t *stride)
{
    struct pickle_value *value = unpickle_make(u, PICKLE_TENSOR);
    struct pickle_tensor *tensor = value ? unpickle_allocate(u, sizeof *tensor) : NULL;
    if (!tensor)
        return NULL;
    tensor->storage = storage;
    tensor->offset = offset;
    tensor->shape = *shape;
    memcpy(tensor->stride, stride, (size_t)shape->rank * sizeof *stride);
    if (offset < 0) {
        unpickle_fault(u, "gives a tensor the offset %lld, which is negative", (long long)offset);
        return NULL;
    }
    if (!check_extent(u, tensor))
        return NULL;
    tensor->offset += storage->view_offset;
    value->tensor = tensor;
    return value;
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
    struct shape shape = {0};
    int strides;
    int64_t stride[SHAPE_RANK_MAX];
    if (!read_counts(u, arg[2], "shape", &shape.rank, shape.dim) || !read_counts(u, arg[3], "stride", &strides, stride))
        return false;
    if (strides != shape.rank)
        return unpickle_fault(u, "gives a tensor %d dimensions and %d strides", shape.rank, strides);
    return unpickle_push(u, unpickle_make_tensor(u, arg[0]->storage, arg[1]->integer, &shape, stride));
}

static bool call_parameter(struct unpickle *u, const struct pickle_value *args)
{
    if (args->list.count < 1 || args->list.item[0]->kind != PICKLE_TENSOR)
        return unpickle_fault(u, "rebuilds a parameter from something else than a tensor");
    return unpickle_push(u, args->list.item[0]);
}

/* _rebuild_from_type_v2(function, type, arguments, state): how tensors with attributes of their own are written. */
static bool call_from_type(struct unpickle *u, const struct pickle_value *args)
{
    struct pickle_value *const *arg = args->list.item;
    if (args->list.count != 4 || arg[0]->kind != PICKLE_GLOBAL || arg[2]->kind != PICKLE_TUPLE)
        return unpickle_fault(u, "rebuilds a tensor of a type from something else than a function and its arguments");
    enum call call = globals[arg[0]->global].call;
    if (call == CALL_TENSOR || call == CALL_TENSOR_V2)
        return call_tensor(u, arg[2], call);
    return call == CALL_PARAMETER ? call_parameter(u, arg[2])
                                  : unpickle_fault(u, "rebuilds a tensor by %s.%s, which makes none",
                                                   globals[arg[0]->global].module, globals[arg[0]->global].name);
}

/* What is nothing here but a name, or a record itself (a bound method). */
static bool is_unknown(const struct pickle_value *function)
{
    return function->kind == PICKLE_CLASS || function->kind == PICKLE_OBJECT || function->kind == PICKLE_OPAQUE;
}

/* REDUCE, NEWOBJ: a global and its arguments; NEWOBJ_EX has named ones above them, which nothing here would take. */
bool unpickle_torch_call(struct unpickle *u, uint8_t op)
{
    if (op == 0x92 && !unpickle_pop(u))
        return false;
    struct pickle_value *args = unpickle_pop(u), *function = args ? unpickle_pop(u) : NULL;
    if (!function)
        return false;
    if (is_unknown(function) && args->kind == PICKLE_TUPLE)
        return unpickle_push_record(u, function, args);
    if (function->kind != PICKLE_GLOBAL || args->kind != PICKLE_TUPLE)
        return unpickle_fault(u, "calls %s with %s", pickle_kind_name(function->kind), pickle_kind_name(args->kind));
    switch (globals[function->global].call) {
    case CALL_DICT:
        return call_dict(u, args);
    case CALL_FACTORY:
        return unpickle_push(u, unpickle_make(u, PICKLE_DICT));
    case CALL_TENSOR:
    case CALL_TENSOR_V2:
        return call_tensor(u, args, globals[function->global].call);
    case CALL_FROM_TYPE:
        return call_from_type(u, args);
    case CALL_PARAMETER:
        return call_parameter(u, args);
    case CALL_OPAQUE:
        return unpickle_push(u, unpickle_make(u, PICKLE_OPAQUE));
    case CALL_SET:
        return call_set(u, args);
    case CALL_STORAGE:
    case CALL_NONE:
        break;
    }
    return unpickle_fault(u, "calls %s.%s, which is only a name here", globals[function->global].module,
                          globals[function->global].name);
}

/* Records keep their attributes. Those of an OrderedDict (_metadata: versions of modules) or a parameter say nothing
 * about the values. */
bool unpickle_torch_build(struct unpickle *u, uint8_t op)
{
    (void)op;
    const struct pickle_value *state = unpickle_pop(u), *object = state ? unpickle_top(u) : NULL;
    if (!object)
        return false;
    if (object->kind == PICKLE_OBJECT) {
        object->object->state = state;
        return true;
    }
    return object->kind == PICKLE_DICT || object->kind == PICKLE_TENSOR || object->kind == PICKLE_OPAQUE ||
           unpickle_fault(u, "sets attributes of %s", pickle_kind_name(object->kind));
}

struct pickle_value *unpickle_make_storage(struct unpickle *u, enum tensor_type type, int64_t count)
{
    struct pickle_value *value = unpickle_make(u, PICKLE_STORAGE);
    struct pickle_storage *storage = value ? unpickle_allocate(u, sizeof *storage) : NULL;
    if (!storage)
        return NULL;
    *storage = (struct pickle_storage){.type = type, .count = count, .view_count = count};
    value->storage = storage;
    return value;
}

bool unpickle_is_storage_type(const struct pickle_value *value, enum tensor_type *type)
{
    if (value->kind != PICKLE_GLOBAL || globals[value->global].call != CALL_STORAGE)
        return false;
    *type = globals[value->global].type;
    return true;
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

/* A number stands for what the caller knows by it. */
static bool push_known(struct unpickle *u, int64_t number)
{
    struct pickle_value *value = u->find(u->find_context, number);
    return value ? unpickle_push(u, value)
                 : unpickle_fault(u, "names object %lld, which the file does not hold", (long long)number);
}

/* ("module", class, file, source), as torch.save wrote the classes of whole modules before 1.6: the class. */
static bool is_module_id(const struct pickle_value *id)
{
    return id->kind == PICKLE_TUPLE && id->list.count == 4 && pickle_is_text(id->list.item[0], "module");
}

/* ("storage", type, key, location, count[, view]). The location (cpu, cuda:0, ...) does not matter to a reader. */
bool unpickle_torch_persistent_id(struct unpickle *u, uint8_t op)
{
    (void)op;
    enum tensor_type type;
    const struct pickle_value *id = unpickle_pop(u);
    if (!id)
        return false;
    if (id->kind == PICKLE_INT && u->find)
        return push_known(u, id->integer);
    if (is_module_id(id))
        return unpickle_push(u, id->list.item[1]);
    if (id->kind != PICKLE_TUPLE || id->list.count < 5 || id->list.count > 6)
        return unpickle_fault(u, "has a persistent id that is no storage's");
    struct pickle_value *const *item = id->list.item;
    char quote[WEIGHTS_QUOTE];
    if (pickle_is_text(item[0], "storage") && item[1]->kind == PICKLE_CLASS)
        return unpickle_fault(u, "keeps tensors in a %s, whose elements are not read",
                              weights_quote(quote, item[1]->class_name->name, item[1]->class_name->name_size));
    if (!pickle_is_text(item[0], "storage") || !unpickle_is_storage_type(item[1], &type) ||
        item[2]->kind != PICKLE_STRING || item[4]->kind != PICKLE_INT)
        return unpickle_fault(u, "has a persistent id that is no storage's");
    if (item[4]->integer < 0)
        return unpickle_fault(u, "describes a storage of %lld elements", (long long)item[4]->integer);
    struct pickle_value *value = unpickle_make_storage(u, type, item[4]->integer);
    if (!value)
        return false;
    struct pickle_storage *storage = value->storage;
    storage->key = item[2]->text.bytes;
    storage->key_size = item[2]->text.size;
    if (id->list.count == 6 && !read_view(u, storage, item[5]))
        return false;
    return unpickle_pointers_push(u, &u->storages, storage) && unpickle_push(u, value);
}
