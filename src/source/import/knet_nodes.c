/* Nodes and members of configurations, as the converters of Keras layers need them. Called by keras.c and knet_*.c. */
#include "config.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "knet.h"
#include "thaw/base/mem.h"

bool knet_refuse(struct knet *net, const struct knet_call *call, const char *format, ...)
{
    char text[512];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    if (net->error->kind == ERROR_NONE)
        error_set(net->error, ERROR_WEIGHTS, "layer %.100s (%.60s): %s", call->name, call->class_name, text);
    return false;
}

struct shape4 knet_shape(const struct knet *net, const struct knet_value *value)
{
    return net->graph->node[value->node].shape;
}

/* --- nodes --- */

/* Stages are the sizes of the maps: "32x32", "16x16". One begins with the node that leaves at most half the pixels; what
 * becomes a single pixel stays where it came from: it may be the inside of a squeeze-and-excitation. */
static void begin_stage(struct knet *net, enum op_kind kind, const struct op_attrs *attrs, int inputs, const int *input)
{
    char name[48];
    struct shape4 in[KNET_OPERANDS_MAX], out;
    struct error unused;
    for (int i = 0; i < inputs; i++)
        in[i] = net->graph->node[input[i]].shape;
    if (!op_get(kind)->shape(attrs, inputs, in, &out, &unused) || (out.h == 1 && out.w == 1))
        return;
    int64_t pixels = (int64_t)out.h * out.w;
    if (net->smallest > 0 && 2 * pixels > net->smallest)
        return;
    snprintf(name, sizeof name, "%dx%d", out.h, out.w);
    graph_begin_stage(net->graph, name);
    net->smallest = pixels;
}

bool knet_add(struct knet *net, const struct knet_call *call, const char *part, enum op_kind kind,
              const struct op_attrs *attrs, int inputs, const int *input, struct knet_value *out)
{
    char name[2 * GRAPH_NAME_MAX];
    snprintf(name, sizeof name, "%s%s%s", call->name, part ? "." : "", part ? part : "");
    begin_stage(net, kind, attrs, inputs, input);
    out->node = graph_add(net->graph, name, kind, attrs, inputs, input);
    out->pending = KNET_OPEN;
    if (net->graph->build_error.kind == ERROR_NONE)
        return true;
    const char *colon = strchr(net->graph->build_error.text, ':'); /* behind the graph's name */
    return knet_refuse(net, call, "%s", colon ? colon + 2 : net->graph->build_error.text);
}

bool knet_add_unary(struct knet *net, const struct knet_call *call, const char *part, enum op_kind kind, int input,
                    struct knet_value *out)
{
    struct op_attrs attrs = op_attrs_default();
    return knet_add(net, call, part, kind, &attrs, 1, &input, out);
}

bool knet_add_constant(struct knet *net, const struct knet_call *call, int input, const float *scale,
                       const float *shift, struct knet_value *out)
{
    struct op_attrs attrs = op_attrs_default();
    attrs.bias = true;
    attrs.constant = true;
    if (!knet_add(net, call, NULL, OP_AFFINE, &attrs, 1, &input, out))
        return false;
    size_t channels = (size_t)knet_shape(net, out).c;
    graph_set_constant(net->graph, out->node, 0, scale, channels);
    graph_set_constant(net->graph, out->node, 1, shift, channels);
    return true;
}

bool knet_settle(struct knet *net, const struct knet_call *call, struct knet_value *value)
{
    struct knet_call owner = {.name = value->name, .class_name = "Activation"};
    if (value->pending == KNET_SOFTMAX)
        return knet_refuse(net, call, "it reads the softmax of %s; a softmax is known at the end of a network only",
                           value->name);
    return value->pending == KNET_OPEN || knet_add_unary(net, &owner, NULL, OP_SIGMOID, value->node, value);
}

struct knet_value *knet_input(struct knet *net, const struct knet_call *call)
{
    struct knet_value *value = call->operands == 1 ? call->operand[0].value : NULL;
    if (!value) {
        knet_refuse(net, call, "it is called with %d values where one is wanted", call->operands);
        return NULL;
    }
    return knet_settle(net, call, value) ? value : NULL;
}

/* --- members of a configuration --- */

static const json_t *member(const struct knet_call *call, const char *key, const char *alias)
{
    const json_t *json = json_object_get(call->config, key);
    if (!json && alias)
        json = json_object_get(call->config, alias);
    return json_is_null(json) ? NULL : json;
}

static bool read_int(const json_t *json, int least, int most, int *value)
{
    double number = json_number_value(json);
    if (!json_is_number(json) || !(number >= least && number <= most) || number != floor(number))
        return false;
    *value = (int)number;
    return true;
}

bool knet_int(struct knet *net, const struct knet_call *call, const char *key, const char *alias, int least, int most,
              int *value)
{
    const json_t *json = member(call, key, alias);
    return !json || read_int(json, least, most, value) ||
           knet_refuse(net, call, "its %s is no whole number from %d to %d", key, least, most);
}

bool knet_bool(struct knet *net, const struct knet_call *call, const char *key, const char *alias, bool *value)
{
    const json_t *json = member(call, key, alias);
    if (!json)
        return true;
    if (!json_is_boolean(json))
        return knet_refuse(net, call, "its %s is neither true nor false", key);
    *value = json_is_true(json);
    return true;
}

/* Keras 2 writes numpy scalars as {"value": 0.2} and one-element lists. */
static const json_t *bare_number(const json_t *json)
{
    if (json_is_object(json))
        json = json_object_get(json, "value");
    return json_is_array(json) && json_array_size(json) == 1 ? json_array_get(json, 0) : json;
}

bool knet_real(struct knet *net, const struct knet_call *call, const char *key, const char *alias, double *value)
{
    const json_t *json = bare_number(member(call, key, alias));
    if (!json || json_is_null(json))
        return true;
    double number = json_number_value(json);
    if (!json_is_number(json) || !(fabs(number) <= (double)3e38f))
        return knet_refuse(net, call, "its %s is no number", key);
    *value = number;
    return true;
}

bool knet_pair(struct knet *net, const struct knet_call *call, const char *key, const char *alias, int least, int most,
               int value[2])
{
    const json_t *json = member(call, key, alias);
    if (!json)
        return true;
    bool list = json_is_array(json) && json_array_size(json) == 2;
    for (size_t i = 0; i < 2; i++)
        if (!read_int(list ? json_array_get(json, i) : json, least, most, &value[i]))
            return knet_refuse(net, call, "its %s is not one or two whole numbers from %d to %d", key, least, most);
    return true;
}

const char *knet_text(const struct knet_call *call, const char *key, const char *alias)
{
    return json_string_value(member(call, key, alias));
}

/* Numbers of nested lists in their order; how many there are, or -1 where there are more than `most` or other things. */
static int flatten(const json_t *json, int depth, int most, int count, float *values)
{
    if (json_is_object(json))
        json = json_object_get(json, "value");
    if (json_is_number(json) && count < most && fabs(json_number_value(json)) <= (double)3e38f) {
        values[count] = (float)json_number_value(json);
        return count + 1;
    }
    if (!json_is_array(json) || depth == KNET_DEPTH_MAX)
        return -1;
    for (size_t i = 0; i < json_array_size(json) && count >= 0; i++)
        count = flatten(json_array_get(json, i), depth + 1, most, count, values);
    return count;
}

bool knet_channels(struct knet *net, const struct knet_call *call, const char *what, const json_t *numbers,
                   int channels, float *values)
{
    int count = flatten(numbers, 0, channels, 0, values);
    if (count != 1 && count != channels)
        return knet_refuse(net, call, "its %s is neither one number nor one for each of %d channels", what, channels);
    for (int c = count; c < channels; c++)
        values[c] = values[0];
    return true;
}

bool knet_check_format(struct knet *net, const struct knet_call *call)
{
    const char *format = knet_text(call, "data_format", "dim_ordering");
    if (format && (strcmp(format, "channels_first") == 0 || strcmp(format, "th") == 0))
        return knet_refuse(net, call, "its images have their channels first, which is not read");
    return true;
}
