/* What a pickle names that is not known here: a class is its name, and a call of it the record of its arguments. Nothing
 * is looked up, imported or run, so any class may be named; a few names are refused all the same, since no model has
 * them and a file that does was made to run something where it is opened with Python. Called by the opcodes of
 * unpickle_torch.c and unpickle.c. */
#include "config.h"

#include <string.h>

#include "format.h"
#include "unpickle_machine.h"

static bool is_text(const uint8_t *bytes, size_t size, const char *text)
{
    return size == strlen(text) && memcmp(bytes, text, size) == 0;
}

/* What only an attack names. name NULL: anything of the module. */
static const struct {
    const char *module, *name;
} attacks[] = {
    {"os", NULL},
    {"posix", NULL},
    {"nt", NULL},
    {"subprocess", NULL},
    {"pty", NULL},
    {"socket", NULL},
    {"shutil", NULL},
    {"runpy", NULL},
    {"ctypes", NULL},
    {"webbrowser", NULL},
    {"importlib", NULL},
    {"builtins", "eval"},
    {"builtins", "exec"},
    {"builtins", "execfile"},
    {"builtins", "compile"},
    {"builtins", "open"},
    {"builtins", "input"},
    {"builtins", "__import__"},
    {"__builtin__", "eval"},
    {"__builtin__", "exec"},
    {"__builtin__", "execfile"},
    {"__builtin__", "compile"},
    {"__builtin__", "open"},
    {"__builtin__", "input"},
    {"__builtin__", "__import__"},
};

static bool is_attack(const struct pickle_class *name)
{
    for (size_t i = 0; i < THAW_LENGTH(attacks); i++)
        if (is_text(name->module, name->module_size, attacks[i].module) &&
            (!attacks[i].name || is_text(name->name, name->name_size, attacks[i].name)))
            return true;
    return false;
}

/* A tensor would be missing, silently, if the function that makes it were a mere name. */
static bool makes_tensors(const struct pickle_class *name)
{
    static const char start[] = "_rebuild_";
    return (is_text(name->module, name->module_size, "torch._utils") ||
            is_text(name->module, name->module_size, "torch._tensor")) &&
           name->name_size >= sizeof start - 1 && memcmp(name->name, start, sizeof start - 1) == 0;
}

bool unpickle_push_class(struct unpickle *u, const struct pickle_class *name)
{
    char module[WEIGHTS_QUOTE], what[WEIGHTS_QUOTE];
    weights_quote(module, name->module, name->module_size);
    weights_quote(what, name->name, name->name_size);
    if (is_attack(name))
        return unpickle_fault(u, "asks for %s.%s, which no model needs: refused, nothing was run", module, what);
    if (makes_tensors(name))
        return unpickle_fault(u,
                              "makes a tensor by %s.%s, and only dense float and integer tensors are read; save "
                              "model.state_dict() of the model before it was quantised or made sparse",
                              module, what);
    struct pickle_value *value = unpickle_make(u, PICKLE_CLASS);
    struct pickle_class *own = value ? unpickle_allocate(u, sizeof *own) : NULL;
    if (!own)
        return false;
    *own = *name;
    value->class_name = own;
    return unpickle_push(u, value);
}

bool unpickle_push_record(struct unpickle *u, const struct pickle_value *what, const struct pickle_value *args)
{
    struct pickle_value *value = unpickle_make(u, PICKLE_OBJECT);
    struct pickle_object *object = value ? unpickle_allocate(u, sizeof *object) : NULL;
    if (!object)
        return false;
    *object = (struct pickle_object){.made_by = what, .args = args};
    value->object = object;
    return unpickle_push(u, value);
}

bool unpickle_record_add(struct unpickle *u, struct pickle_object *object, struct pickle_value *const *item,
                         size_t count)
{
    if (!object->items)
        object->items = unpickle_make(u, PICKLE_DICT);
    return object->items && unpickle_list_push(u, object->items, item, count);
}

const struct pickle_class *pickle_class_of(const struct pickle_value *value)
{
    const struct pickle_value *made_by = value->kind == PICKLE_OBJECT ? value->object->made_by : NULL;
    return made_by && made_by->kind == PICKLE_CLASS ? made_by->class_name : NULL;
}

const struct pickle_value *pickle_attributes(const struct pickle_value *value)
{
    if (value->kind != PICKLE_OBJECT)
        return NULL;
    const struct pickle_value *from = value->object->state ? value->object->state : value->object->args;
    if (from->kind == PICKLE_TUPLE && from->list.count > 0)
        from = from->list.item[0];
    return from->kind == PICKLE_DICT ? from : NULL;
}
