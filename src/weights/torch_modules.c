/* The tree of a whole module. Python's modules keep their parts in _parameters, _buffers and _modules, dicts by name;
 * TorchScript's have them as attributes, side by side. Called by torch_state.c. */
#include "config.h"

#include "torch_modules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 64, BYTES_A_TENSOR = 256, BYTES_A_MODULE = 64, BYTES_A_SETTING = 512 };

static const char script_prefix[] = "__torch__";

static bool starts_with(const uint8_t *bytes, size_t size, const char *start)
{
    return size >= strlen(start) && memcmp(bytes, start, strlen(start)) == 0;
}

bool torch_is_script(const struct pickle_value *value)
{
    const struct pickle_class *of = pickle_class_of(value);
    return of && starts_with(of->module, of->module_size, script_prefix) && pickle_attributes(value);
}

bool torch_is_module(const struct pickle_value *value)
{
    const struct pickle_value *own = pickle_attributes(value);
    return own && (torch_is_script(value) || (pickle_find(own, "_modules") && pickle_find(own, "_parameters")));
}

const char *torch_class_text(const struct pickle_value *value, char text[TORCH_CLASS_TEXT])
{
    const struct pickle_class *of = pickle_class_of(value);
    char module[WEIGHTS_QUOTE] = "", name[WEIGHTS_QUOTE];
    if (!of) {
        strcpy(text, "a class that is not named");
        return text;
    }
    weights_quote(name, of->name, of->name_size);
    weights_quote(module, of->module, of->module_size);
    bool script = starts_with(of->module, of->module_size, script_prefix);
    const char *from = module + (script ? sizeof script_prefix - 1 : 0);
    if (script && (*from == '.' || strstr(from, "_torch_mangle_")))
        from = strstr(from, "_torch_mangle_") ? "" : from + 1;
    snprintf(text, TORCH_CLASS_TEXT, "%s%s%s", from, *from ? "." : "", name);
    return text;
}

/* --- tensors --- */

struct walk {
    struct weights *weights;
    size_t *memory;
    char path[WEIGHTS_NAME_MAX + 1]; /* of the module at hand, with its dot */
    size_t length;
    struct error *error;
};

static bool charge(struct walk *walk, size_t bytes)
{
    if (bytes > *walk->memory)
        return error_set(walk->error, ERROR_WEIGHTS,
                         "its modules have more tensors than a file of its size may list: is one module there under "
                         "many names?");
    *walk->memory -= bytes;
    return true;
}

/* Puts a name behind the path; *before is the length to go back to. */
static bool enter(struct walk *walk, const struct pickle_value *key, size_t *before)
{
    char quote[WEIGHTS_QUOTE];
    *before = walk->length;
    if (key->kind != PICKLE_STRING)
        return error_set(walk->error, ERROR_WEIGHTS, "a part of a module is named by %s instead of a string",
                         pickle_kind_name(key->kind));
    if (key->text.size + walk->length >= WEIGHTS_NAME_MAX) /* a dot may follow */
        return error_set(walk->error, ERROR_WEIGHTS, "a part of a module has a name of over %d bytes: %s",
                         WEIGHTS_NAME_MAX, weights_quote(quote, walk->path, walk->length));
    memcpy(walk->path + walk->length, key->text.bytes, key->text.size);
    walk->length += key->text.size;
    return true;
}

static bool add_tensor(struct walk *walk, const struct pickle_value *key, const struct pickle_tensor *tensor)
{
    size_t before;
    if (!enter(walk, key, &before) || !charge(walk, walk->length + BYTES_A_TENSOR))
        return false;
    bool good = torch_tensor_add(walk->weights, (const uint8_t *)walk->path, walk->length, tensor, walk->error);
    walk->length = before;
    return good;
}

/* Names and values; a subclass of dict is one, too. */
static const struct pickle_value *members(const struct pickle_value *own, const char *name)
{
    const struct pickle_value *value = pickle_find(own, name);
    if (value && value->kind == PICKLE_OBJECT)
        value = value->object->items;
    return value && value->kind == PICKLE_DICT ? value : NULL;
}

static bool has(const struct pickle_value *set, const struct pickle_value *name)
{
    bool found = false;
    bool listed = set && (set->kind == PICKLE_SET || set->kind == PICKLE_LIST);
    for (size_t i = 0; listed && name->kind == PICKLE_STRING && i < set->list.count && !found; i++) {
        const struct pickle_value *item = set->list.item[i];
        found = item->kind == PICKLE_STRING && item->text.size == name->text.size &&
                memcmp(item->text.bytes, name->text.bytes, name->text.size) == 0;
    }
    return found;
}

/* None stands for a part that a module could have and does not. What is gone through is charged like what is kept: one dict
 * may belong to many modules. */
static bool add_tensors(struct walk *walk, const struct pickle_value *dict, const struct pickle_value *but)
{
    size_t listed = but && (but->kind == PICKLE_SET || but->kind == PICKLE_LIST) ? but->list.count : 0;
    if (dict && !charge(walk, dict->list.count))
        return false;
    for (size_t i = 0; dict && i + 1 < dict->list.count; i += 2) {
        const struct pickle_value *name = dict->list.item[i], *value = dict->list.item[i + 1];
        if (value->kind != PICKLE_TENSOR)
            continue;
        if (!charge(walk, listed) || (!has(but, name) && !add_tensor(walk, name, value->tensor)))
            return false;
    }
    return true;
}

static bool add_module(struct walk *walk, const struct pickle_value *module, int depth);

static bool add_modules(struct walk *walk, const struct pickle_value *dict, int depth)
{
    if (dict && !charge(walk, dict->list.count))
        return false;
    for (size_t i = 0; dict && i + 1 < dict->list.count; i += 2) {
        size_t before;
        if (!torch_is_module(dict->list.item[i + 1]))
            continue;
        if (!enter(walk, dict->list.item[i], &before))
            return false;
        walk->path[walk->length++] = '.';
        if (!add_module(walk, dict->list.item[i + 1], depth + 1))
            return false;
        walk->length = before;
    }
    return true;
}

static bool add_module(struct walk *walk, const struct pickle_value *module, int depth)
{
    const struct pickle_value *own = pickle_attributes(module);
    if (depth == DEPTH_MAX)
        return error_set(walk->error, ERROR_WEIGHTS, "its modules lie deeper than %d inside each other", DEPTH_MAX);
    if (!charge(walk, BYTES_A_MODULE + own->list.count))
        return false;
    if (torch_is_script(module))
        return add_tensors(walk, own, NULL) && add_modules(walk, own, depth);
    return add_tensors(walk, members(own, "_parameters"), NULL) &&
           add_tensors(walk, members(own, "_buffers"), pickle_find(own, "_non_persistent_buffers_set")) &&
           add_modules(walk, members(own, "_modules"), depth);
}

bool torch_modules_add(struct weights *weights, const struct pickle_value *module, size_t *memory, struct error *error)
{
    struct walk walk = {.weights = weights, .memory = memory, .error = error};
    return add_module(&walk, module, 0);
}

/* --- layers --- */

struct description {
    json_t *list;
    size_t *memory;
    char path[WEIGHTS_NAME_MAX + 1];
    bool fits;
};

static bool is_class(const struct pickle_value *value, const char *module, const char *name)
{
    const struct pickle_class *of = pickle_class_of(value);
    return of && of->module_size == strlen(module) && starts_with(of->module, of->module_size, module) &&
           of->name_size == strlen(name) && starts_with(of->name, of->name_size, name);
}

/* Classes whose modules are computed one after the other: torch's own, and those made of it that say nothing else. */
static bool is_sequential(const struct pickle_value *value)
{
    static const struct {
        const char *module, *name;
    } classes[] = {
        {"torch.nn.modules.container", "Sequential"},   {"torchvision.ops.misc", "Conv2dNormActivation"},
        {"torchvision.ops.misc", "ConvNormActivation"}, {"torchvision.models.mobilenetv2", "ConvBNReLU"},
        {"torchvision.models.mobilenet", "ConvBNReLU"}, {"fastai.layers", "LinBnDrop"},
    };
    for (size_t i = 0; i < THAW_LENGTH(classes); i++)
        if (is_class(value, classes[i].module, classes[i].name))
            return true;
    return false;
}

/* A tuple of whole numbers, as kernels and strides are; false stands for what is none. NULL: too long. */
static json_t *tuple_json(const struct pickle_value *tuple)
{
    enum { ITEMS_MAX = 4 };
    json_t *list = tuple->list.count <= ITEMS_MAX ? json_array() : NULL;
    for (size_t i = 0; list && i < tuple->list.count; i++) {
        const struct pickle_value *item = tuple->list.item[i];
        json_array_append_new(list, item->kind == PICKLE_INT    ? json_integer(item->integer)
                                    : item->kind == PICKLE_NONE ? json_null()
                                                                : json_false());
    }
    return list;
}

/* NULL: not told. */
static json_t *attribute_json(const struct pickle_value *value)
{
    switch (value->kind) {
    case PICKLE_NONE:
        return json_null();
    case PICKLE_BOOL:
        return json_boolean(value->integer);
    case PICKLE_INT:
        return json_integer(value->integer);
    case PICKLE_FLOAT:
        return json_real(value->real); /* NULL where it is not finite */
    case PICKLE_STRING:
        return json_stringn((const char *)value->text.bytes, value->text.size);
    case PICKLE_TUPLE:
        return tuple_json(value);
    default:
        return NULL;
    }
}

static void charge_description(struct description *to, size_t bytes)
{
    to->fits = to->fits && bytes <= *to->memory;
    *to->memory -= to->fits ? bytes : 0;
}

/* What begins with an underscore, or says whether it was training, is no setting of the layer. */
static bool is_setting(const struct pickle_value *key)
{
    enum { LONGEST = 32 };
    return key->kind == PICKLE_STRING && key->text.size > 0 && key->text.size <= LONGEST && key->text.bytes[0] != '_' &&
           !pickle_is_text(key, "training");
}

/* Whether a layer was made with a bias only its parameters tell. */
static bool has_bias(const struct pickle_value *own)
{
    const struct pickle_value *parameters = members(own, "_parameters");
    const struct pickle_value *bias = parameters ? pickle_find(parameters, "bias") : NULL;
    return bias && bias->kind == PICKLE_TENSOR;
}

static void describe(struct description *to, const struct pickle_value *module, size_t length, int depth);

/* What of a module's attributes says how it computes. */
static void describe_settings(struct description *to, const struct pickle_value *settings, json_t *object)
{
    enum { TEXT_MAX = 32 };
    for (size_t i = 0; to->fits && i + 1 < settings->list.count; i += 2) {
        const struct pickle_value *key = settings->list.item[i], *value = settings->list.item[i + 1];
        char word[TEXT_MAX + 1] = "";
        if (!is_setting(key) || (value->kind == PICKLE_STRING && value->text.size > TEXT_MAX))
            continue;
        charge_description(to, BYTES_A_SETTING);
        json_t *told = to->fits ? attribute_json(value) : NULL;
        memcpy(word, key->text.bytes, key->text.size);
        if (told && json_object_set_new(object, word, told) != 0)
            to->fits = false;
    }
}

/* The path has room for a dot. */
static void describe_layer(struct description *to, const struct pickle_value *layer, size_t length, int depth)
{
    static const char own[] = "torch.nn.modules.";
    char text[TORCH_CLASS_TEXT];
    const char *name = torch_class_text(layer, text);
    const struct pickle_value *settings = pickle_attributes(layer), *parts = members(settings, "_modules");
    if (strncmp(name, own, sizeof own - 1) == 0)
        name = strrchr(name, '.') + 1;
    charge_description(to, BYTES_A_SETTING + length + settings->list.count);
    json_t *list = to->list, *object = NULL;
    if (to->fits)
        object = json_pack("{s:s%, s:s, s:b}", "name", to->path, length, "class", name, "bias", has_bias(settings));
    to->fits = to->fits && object; /* names that are no UTF-8 */
    if (!object)
        return;
    json_array_append_new(list, object);
    describe_settings(to, settings, object);
    if (!parts || parts->list.count == 0)
        return;
    to->list = json_array();
    to->path[length] = '.';
    describe(to, layer, length + 1, depth + 1);
    json_object_set_new(object, "parts", to->list);
    to->list = list;
}

/* A part that is None is one that the module could have and does not. */
static void describe(struct description *to, const struct pickle_value *module, size_t length, int depth)
{
    const struct pickle_value *parts = members(pickle_attributes(module), "_modules");
    to->fits = to->fits && depth < DEPTH_MAX;
    for (size_t i = 0; to->fits && parts && i + 1 < parts->list.count; i += 2) {
        const struct pickle_value *name = parts->list.item[i], *part = parts->list.item[i + 1];
        size_t at = length;
        if (part->kind == PICKLE_NONE)
            continue;
        if (name->kind != PICKLE_STRING || name->text.size + length >= WEIGHTS_NAME_MAX || !torch_is_module(part)) {
            to->fits = false;
            return;
        }
        memcpy(to->path + at, name->text.bytes, name->text.size);
        at += name->text.size;
        if (is_sequential(part)) {
            to->path[at++] = '.';
            charge_description(to, BYTES_A_MODULE);
            describe(to, part, at, depth + 1);
        } else {
            describe_layer(to, part, at, depth);
        }
    }
}

void torch_modules_describe(struct weights *weights, const struct pickle_value *module, size_t *memory)
{
    if (is_class(module, "torch.nn.parallel.data_parallel", "DataParallel")) {
        const struct pickle_value *inside = members(pickle_attributes(module), "_modules");
        const struct pickle_value *wrapped = inside ? pickle_find(inside, "module") : NULL;
        module = wrapped && torch_is_module(wrapped) ? wrapped : module;
    }
    if (!is_sequential(module))
        return;
    struct description to = {.list = json_array(), .memory = memory, .fits = true};
    describe(&to, module, 0, 0);
    char *text = to.fits ? json_dumps(to.list, JSON_COMPACT) : NULL;
    if (text)
        weights_add_metadata(weights, WEIGHTS_TORCH_LAYERS, text);
    free(text);
    json_decref(to.list);
}
