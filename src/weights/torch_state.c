/* Finds the state dict in what torch.save wrote and lists its tensors. Called by the torch formats. */
#include "config.h"

#include "torch_state.h"

#include <stdio.h>
#include <string.h>

enum { NESTING_MAX = 4 };

/* Where training scripts put the state dict of the model beside epoch, optimizer and so on. */
static const char *const wrappers[] = {"state_dict", "model_state_dict", "model", "net"};

static size_t count_tensors(const struct pickle_value *dict)
{
    size_t count = 0;
    for (size_t i = 0; i + 1 < dict->list.count; i += 2)
        count += dict->list.item[i + 1]->kind == PICKLE_TENSOR;
    return count;
}

/* A wrapper goes before tensors beside it: training scripts save a best accuracy as a tensor, too. */
static const struct pickle_value *find_state(const struct pickle_value *object)
{
    for (int level = 0; level < NESTING_MAX && object->kind == PICKLE_DICT; level++) {
        const struct pickle_value *inner = NULL;
        for (size_t w = 0; w < THAW_LENGTH(wrappers) && !inner; w++) {
            inner = pickle_find(object, wrappers[w]);
            if (inner && inner->kind != PICKLE_DICT)
                inner = NULL;
        }
        if (!inner)
            break;
        object = inner;
    }
    return object;
}

static bool refuse_object(const struct pickle_value *object, struct error *error)
{
    char keys[256] = "";
    size_t used = 0;
    if (object->kind != PICKLE_DICT)
        return error_set(error, ERROR_WEIGHTS, "holds %s, not a state dict; save model.state_dict()",
                         pickle_kind_name(object->kind));
    for (size_t i = 0; i + 1 < object->list.count && i < 12; i += 2) {
        char quote[WEIGHTS_QUOTE] = "?";
        const struct pickle_value *key = object->list.item[i];
        if (key->kind == PICKLE_STRING)
            weights_quote(quote, key->text.bytes, key->text.size < 32 ? key->text.size : 32);
        used += (size_t)snprintf(keys + used, sizeof keys - used, "%s%s", i ? ", " : "", quote);
    }
    return error_set(error, ERROR_WEIGHTS, "holds a dict without tensors (its keys: %s%s), not a state dict", keys,
                     object->list.count > 12 ? ", ..." : "");
}

static bool add_tensor(struct weights *weights, const struct pickle_value *key, const struct pickle_tensor *tensor,
                       struct error *error)
{
    char quote[WEIGHTS_QUOTE], storage[WEIGHTS_QUOTE];
    if (key->kind != PICKLE_STRING)
        return error_set(error, ERROR_WEIGHTS, "a tensor is named by %s instead of a string",
                         pickle_kind_name(key->kind));
    if (!tensor->storage->data)
        return error_set(error, ERROR_WEIGHTS, "tensor \"%s\" lies in storage \"%s\", which the file does not hold",
                         weights_quote(quote, key->text.bytes, key->text.size),
                         weights_quote(storage, tensor->storage->key, tensor->storage->key_size));
    struct weights_place place = {.first = tensor->storage->data};
    if (shape_count(&tensor->shape) > 0) {
        place.first += (size_t)tensor->offset * tensor_type_size(tensor->storage->type);
        memcpy(place.stride, tensor->stride, sizeof place.stride);
    }
    return weights_add(weights, (const char *)key->text.bytes, key->text.size, tensor->storage->type, &tensor->shape,
                       &place, error);
}

bool torch_state_add(struct weights *weights, const struct pickle_value *object, struct error *error)
{
    const struct pickle_value *state = find_state(object);
    if (state->kind != PICKLE_DICT || count_tensors(state) == 0)
        state = object; /* the wrapper held something else: look at what is around it */
    if (state->kind != PICKLE_DICT || count_tensors(state) == 0)
        return refuse_object(object, error);
    for (size_t i = 0; i + 1 < state->list.count; i += 2)
        if (state->list.item[i + 1]->kind == PICKLE_TENSOR &&
            !add_tensor(weights, state->list.item[i], state->list.item[i + 1]->tensor, error))
            return false;
    return true;
}
