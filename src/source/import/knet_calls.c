/* Reads what the layers of a Functional model are called with. Called by keras.c. */
#include "config.h"

#include "knet_calls.h"

#include <string.h>

#include "thaw/base/macros.h"
#include "thaw/base/mem.h"

const char *knet_layer_name(const json_t *layer)
{
    const char *name = json_string_value(json_object_get(json_object_get(layer, "config"), "name"));
    if (!name)
        name = json_string_value(json_object_get(layer, "name"));
    return name ? name : "";
}

void knet_calls_init(struct knet_calls *calls, const json_t *layers)
{
    *calls = (struct knet_calls){
        .by_name = json_object(),
        .several = json_object(),
        .done = mem_array(json_array_size(layers), sizeof *calls->done),
    };
    for (size_t i = 0; i < json_array_size(layers); i++) {
        const json_t *layer = json_array_get(layers, i);
        if (json_array_size(json_object_get(layer, "inbound_nodes")) > 1)
            json_object_set_new(calls->several, knet_layer_name(layer), json_true());
    }
}

void knet_calls_finish(struct knet_calls *calls)
{
    for (size_t i = 0; i < calls->values; i++)
        mem_free(calls->value[i]);
    mem_free(calls->value);
    mem_free(calls->done);
    json_decref(calls->by_name);
    json_decref(calls->several);
    *calls = (struct knet_calls){0};
}

void knet_keep_value(struct knet_calls *calls, const char *layer, const struct knet_value *value)
{
    if ((calls->values & (calls->values - 1)) == 0) /* room for a power of two */
        calls->value = mem_grow(calls->value, calls->values ? 2 * calls->values : 1, sizeof(struct knet_value *));
    struct knet_value *copy = mem_alloc(sizeof *copy);
    *copy = *value;
    json_t *list = json_object_get(calls->by_name, layer);
    if (!list) {
        list = json_array();
        json_object_set_new(calls->by_name, layer, list);
    }
    json_array_append_new(list, json_integer((json_int_t)calls->values));
    calls->value[calls->values++] = copy;
}

static struct knet_value *find_value(const struct knet_calls *calls, const char *layer, json_int_t call)
{
    const json_t *list = json_object_get(calls->by_name, layer);
    if (!json_object_get(calls->several, layer))
        call = 0;
    const json_t *index = call >= 0 ? json_array_get(list, (size_t)call) : NULL;
    return index ? calls->value[json_integer_value(index)] : NULL;
}

/* --- one entry of inbound_nodes --- */

struct reading {
    struct knet *net;
    const struct knet_calls *calls;
    struct knet_call *call;
    enum knet_ready ready;
};

/* ["conv1", 0, 0] and more behind it. */
static bool is_reference(const json_t *json)
{
    return json_array_size(json) >= 3 && json_is_string(json_array_get(json, 0)) &&
           json_is_integer(json_array_get(json, 1));
}

static void add_operand(struct reading *reading, struct knet_value *value, const json_t *number)
{
    struct knet_call *call = reading->call;
    if (call->operands == KNET_OPERANDS_MAX) {
        knet_refuse(reading->net, call, "it is called with more than %d values", KNET_OPERANDS_MAX);
        reading->ready = KNET_FAULT;
        return;
    }
    call->operand[call->operands++] = (struct knet_operand){value, number};
}

static void add_reference(struct reading *reading, const json_t *json)
{
    struct knet_value *value = find_value(reading->calls, json_string_value(json_array_get(json, 0)),
                                          json_integer_value(json_array_get(json, 1)));
    if (json_integer_value(json_array_get(json, 2)) != 0) {
        knet_refuse(reading->net, reading->call, "it reads a second output of %.80s",
                    json_string_value(json_array_get(json, 0)));
        reading->ready = KNET_FAULT;
    } else if (value) {
        add_operand(reading, value, NULL);
    } else {
        reading->ready = KNET_WAITS;
    }
}

static void read_argument(struct reading *reading, const json_t *json, int depth);

static void read_keywords(struct reading *reading, const json_t *keywords, int depth)
{
    static const char *const names[] = {"x", "x1", "y", "x2"};
    for (size_t i = 0; i < THAW_LENGTH(names); i++) {
        const json_t *value = json_object_get(keywords, names[i]);
        if (value)
            read_argument(reading, value, depth + 1);
    }
}

static void read_reference(struct reading *reading, const json_t *json, int depth)
{
    if (strcmp(json_string_value(json_array_get(json, 0)), "_CONSTANT_VALUE") == 0)
        add_operand(reading, NULL, json_array_get(json, 2));
    else
        add_reference(reading, json);
    read_keywords(reading, json_array_get(json, 3), depth);
}

static void read_object(struct reading *reading, const json_t *json, int depth)
{
    const json_t *class_name = json_object_get(json, "class_name"), *config = json_object_get(json, "config");
    const char *name = json_is_string(class_name) ? json_string_value(class_name) : "";
    if (strcmp(name, "__keras_tensor__") == 0) {
        const json_t *history = json_object_get(config, "keras_history");
        if (is_reference(history))
            add_reference(reading, history);
    } else if (strcmp(name, "__tensor__") == 0 || strcmp(name, "__numpy__") == 0) {
        add_operand(reading, NULL, json_object_get(config, "value"));
    } else if (json_object_get(json, "args")) {
        read_argument(reading, json_object_get(json, "args"), depth + 1);
        read_keywords(reading, json_object_get(json, "kwargs"), depth);
    }
}

static bool is_numbers(const json_t *json)
{
    return json_is_number(json) || (json_is_array(json) && json_is_number(json_array_get(json, 0)));
}

static void read_argument(struct reading *reading, const json_t *json, int depth)
{
    if (depth > KNET_DEPTH_MAX || reading->ready == KNET_FAULT)
        return;
    if (is_numbers(json))
        add_operand(reading, NULL, json);
    else if (json_is_object(json))
        read_object(reading, json, depth);
    else if (is_reference(json))
        read_reference(reading, json, depth);
    else if (json_is_array(json))
        for (size_t i = 0; i < json_array_size(json); i++)
            read_argument(reading, json_array_get(json, i), depth + 1);
}

enum knet_ready knet_read_call(struct knet *net, const struct knet_calls *calls, const json_t *inbound,
                               struct knet_call *call)
{
    struct reading reading = {.net = net, .calls = calls, .call = call, .ready = KNET_READY};
    read_argument(&reading, inbound, 0);
    return reading.ready;
}

/* --- the ends of a model --- */

static const json_t *only(const json_t *list)
{
    if (json_array_size(list) == 1 && json_is_array(json_array_get(list, 0)))
        list = json_array_get(list, 0);
    return is_reference(list) ? list : NULL;
}

const char *knet_only_name(const json_t *list)
{
    return json_string_value(json_array_get(only(list), 0));
}

struct knet_value *knet_only_value(const struct knet_calls *calls, const json_t *list)
{
    const json_t *one = only(list);
    if (!one)
        return NULL;
    return find_value(calls, json_string_value(json_array_get(one, 0)), json_integer_value(json_array_get(one, 1)));
}
