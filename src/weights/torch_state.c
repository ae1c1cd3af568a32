/* What torch.save wrote, after unpickling: which bytes are which storage, and where in the object the state dict is, whose
 * tensors are then listed. Called by the torch formats. */
#include "config.h"

#include "torch_state.h"

#include "torch_modules.h"
#include "torch_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NESTING_MAX = 3 };

bool torch_check_system(const struct pickle_value *system, struct error *error)
{
    const struct pickle_value *little = pickle_find(system, "little_endian");
    if (!little || little->kind != PICKLE_BOOL)
        return error_set(error, ERROR_WEIGHTS, "does not say in which byte order it was written");
    return little->integer || error_set(error, ERROR_WEIGHTS, "was written on a big-endian machine, which is not read");
}

/* Storages. */

static int compare_keys(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size)
{
    if (a_size != b_size)
        return a_size < b_size ? -1 : 1;
    return a_size ? memcmp(a, b, a_size) : 0;
}

static int compare_storages(const void *a, const void *b)
{
    const struct pickle_storage *x = *(struct pickle_storage *const *)a, *y = *(struct pickle_storage *const *)b;
    return compare_keys(x->key, x->key_size, y->key, y->key_size);
}

void torch_storages_sort(struct unpickle *unpickle)
{
    size_t count;
    struct pickle_storage **storage = unpickle_storages(unpickle, &count);
    if (count)
        qsort(storage, count, sizeof(struct pickle_storage *), compare_storages);
}

struct torch_storage torch_storage_find(struct unpickle *unpickle, const uint8_t *key, size_t key_size)
{
    size_t count, low = 0, mentions = 0;
    struct pickle_storage **storage = unpickle_storages(unpickle, &count);
    for (size_t high = count; low < high;) { /* the first with the key lies in [low, high] */
        size_t middle = low + (high - low) / 2;
        if (compare_keys(storage[middle]->key, storage[middle]->key_size, key, key_size) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    while (low + mentions < count &&
           compare_keys(storage[low + mentions]->key, storage[low + mentions]->key_size, key, key_size) == 0)
        mentions++;
    return (struct torch_storage){mentions ? storage + low : NULL, mentions};
}

bool torch_storage_place(const struct torch_storage *storage, const uint8_t *data, uint64_t size, struct error *error)
{
    const struct pickle_storage *one = storage->first[0];
    char quote[WEIGHTS_QUOTE];
    weights_quote(quote, one->key, one->key_size);
    if (one->data)
        return error_set(error, ERROR_WEIGHTS, "storage \"%s\" is listed twice", quote);
    for (size_t i = 0; i < storage->mentions; i++) {
        struct pickle_storage *mention = storage->first[i];
        size_t element = tensor_type_size(mention->type);
        if (mention->type != one->type || size % element || (uint64_t)mention->count != size / element)
            return error_set(error, ERROR_WEIGHTS,
                             "storage \"%s\" has %llu bytes, but a tensor takes it for %lld elements of %s", quote,
                             (unsigned long long)size, (long long)mention->count, tensor_type_name(mention->type));
        mention->data = data;
    }
    return true;
}

/* The state dict. */

/* Where training scripts put the model beside epoch, optimizer and so on; the first that holds one counts. "ema" is
 * Ultralytics' module of averages, beside which "model" may be None; other scripts' averages under that name are no
 * modules, and may lack what is not averaged. */
enum { EMA, WRAPPERS = 6 };
static const char *const wrappers[] = {"ema", "state_dict", "model_state_dict", "model", "net", "params"};
_Static_assert(THAW_LENGTH(wrappers) == WRAPPERS, "torch_state.h names them");

/* A state dict or a module, and the keys that lead to it. */
struct state {
    const struct pickle_value *value;
    const char *key[NESTING_MAX + 1];
    int keys;
};

static size_t count_tensors(const struct pickle_value *dict)
{
    size_t count = 0;
    for (size_t i = 0; dict->kind == PICKLE_DICT && i + 1 < dict->list.count; i += 2)
        count += dict->list.item[i + 1]->kind == PICKLE_TENSOR;
    return count;
}

/* The dict itself or, where one of its members holds more tensors, that member: a state dict under a key of its user's own
 * ("model_weights"). NULL: no tensors. */
static const struct pickle_value *find_largest(const struct pickle_value *object)
{
    const struct pickle_value *largest = object;
    size_t most = count_tensors(object);
    for (size_t i = 0; i + 1 < object->list.count; i += 2) {
        size_t count = count_tensors(object->list.item[i + 1]);
        if (count <= most)
            continue;
        most = count;
        largest = object->list.item[i + 1];
    }
    return most > 0 ? largest : NULL;
}

/* A dict, also one of a subclass, or the attributes of what is no module (fastai's Learner has its model as one). */
static const struct pickle_value *entries_of(const struct pickle_value *object)
{
    if (object->kind == PICKLE_DICT)
        return object;
    const struct pickle_value *items = object->kind == PICKLE_OBJECT ? object->object->items : NULL;
    return items ? items : pickle_attributes(object);
}

/* A wrapper goes before tensors beside it: training scripts save a best accuracy as a tensor, too. */
static bool find_state(const struct pickle_value *object, int level, struct state *state)
{
    const struct pickle_value *inner[WRAPPERS] = {NULL}, *entries = entries_of(object);
    if (torch_is_module(object)) {
        *state = (struct state){.value = object, .keys = level};
        return true;
    }
    for (size_t i = 0; entries && level < NESTING_MAX && i + 1 < entries->list.count; i += 2)
        for (size_t w = 0; w < WRAPPERS; w++)
            if (pickle_is_text(entries->list.item[i], wrappers[w]))
                inner[w] = entries->list.item[i + 1];
    for (size_t w = 0; w < WRAPPERS; w++) {
        if (!inner[w] || !find_state(inner[w], level + 1, state) || (w == EMA && !torch_is_module(state->value)))
            continue;
        state->key[level] = wrappers[w];
        return true;
    }
    const struct pickle_value *largest = entries ? find_largest(entries) : NULL;
    if (!largest)
        return false;
    *state = (struct state){.value = largest, .keys = level};
    return true;
}

static bool refuse_object(const struct pickle_value *object, struct error *error)
{
    static const char advice[] = "save its weights with torch.save(model.state_dict(), \"weights.pth\")";
    const struct pickle_value *entries = entries_of(object);
    char keys[256] = "", class_name[TORCH_CLASS_TEXT];
    size_t used = 0;
    if (object->kind == PICKLE_OBJECT)
        return error_set(error, ERROR_WEIGHTS, "holds an object of %s in which there is no model; %s",
                         torch_class_text(object, class_name), advice);
    if (!entries)
        return error_set(error, ERROR_WEIGHTS, "holds %s, not a state dict; %s", pickle_kind_name(object->kind),
                         advice);
    for (size_t i = 0; i + 1 < entries->list.count && i < 12; i += 2) {
        char quote[WEIGHTS_QUOTE] = "?";
        const struct pickle_value *key = entries->list.item[i];
        if (key->kind == PICKLE_STRING)
            weights_quote(quote, key->text.bytes, key->text.size < 16 ? key->text.size : 16);
        used += (size_t)snprintf(keys + used, sizeof keys - used, "%s%s", i ? ", " : "", quote);
    }
    return error_set(error, ERROR_WEIGHTS, "holds a dict without tensors (its keys: %s%s), not a state dict; %s", keys,
                     entries->list.count > 12 ? ", ..." : "", advice);
}

bool torch_tensor_add(struct weights *weights, const uint8_t *name, size_t name_size,
                      const struct pickle_tensor *tensor, struct error *error)
{
    char quote[WEIGHTS_QUOTE], storage[WEIGHTS_QUOTE];
    if (!tensor->storage->data)
        return error_set(error, ERROR_WEIGHTS, "tensor \"%s\" lies in storage \"%s\", which the file does not hold",
                         weights_quote(quote, name, name_size),
                         weights_quote(storage, tensor->storage->key, tensor->storage->key_size));
    struct weights_place place = {.first = tensor->storage->data};
    if (shape_count(&tensor->shape) > 0) {
        place.first += (size_t)tensor->offset * tensor_type_size(tensor->storage->type);
        memcpy(place.stride, tensor->stride, sizeof place.stride);
    }
    return weights_add(weights, (const char *)name, name_size, tensor->storage->type, &tensor->shape, &place, error);
}

static bool add_dict(struct weights *weights, const struct pickle_value *dict, struct error *error)
{
    for (size_t i = 0; i + 1 < dict->list.count; i += 2) {
        const struct pickle_value *key = dict->list.item[i], *value = dict->list.item[i + 1];
        if (value->kind != PICKLE_TENSOR)
            continue;
        if (key->kind != PICKLE_STRING)
            return error_set(error, ERROR_WEIGHTS, "a tensor is named by %s instead of a string",
                             pickle_kind_name(key->kind));
        if (!torch_tensor_add(weights, key->text.bytes, key->text.size, value->tensor, error))
            return false;
    }
    return true;
}

static void add_note(struct weights *weights, const struct state *state)
{
    char class_name[TORCH_CLASS_TEXT], keys[128] = "", note[400];
    for (int i = 0; i < state->keys; i++) {
        size_t used = strlen(keys);
        snprintf(keys + used, sizeof keys - used, "%s%s", i ? "." : "", state->key[i]);
    }
    snprintf(note, sizeof note, "the weights are those of a whole %s, %s%s%s%s; nothing of its code is run",
             torch_is_script(state->value) ? "TorchScript module" : "module",
             torch_class_text(state->value, class_name), keys[0] ? ", taken from \"" : "", keys, keys[0] ? "\"" : "");
    weights_add_metadata(weights, WEIGHTS_NOTE, note);
}

static bool add_module(struct weights *weights, const struct state *state, size_t memory, struct error *error)
{
    if (!torch_modules_add(weights, state->value, &memory, error))
        return false;
    if (weights_count(weights) == 0)
        return error_set(error, ERROR_WEIGHTS,
                         "holds a module without a tensor: was it frozen (torch.jit.freeze) or quantised? Export the "
                         "model before that, with torch.onnx.export(model, images, \"model.onnx\")");
    torch_modules_describe(weights, state->value, &memory);
    add_note(weights, state);
    return true;
}

bool torch_state_add(struct weights *weights, const struct pickle_value *object, size_t memory, struct error *error)
{
    struct state state = {.value = NULL};
    if (!find_state(object, 0, &state))
        return refuse_object(object, error);
    bool module = torch_is_module(state.value);
    torch_names_add(weights, object, module ? state.value : NULL, memory);
    return module ? add_module(weights, &state, memory, error) : add_dict(weights, state.value, error);
}
