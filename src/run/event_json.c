/* Events to and from one JSON line, by the tables of event.c. "kind" comes first, so that a reader can pass over lines
 * without parsing them. Doubles are written with 17 significant digits and come back to the bit; those that are not
 * finite are the strings "nan", "inf" and "-inf"; integers over 2^63 are strings. A key that a line does not have
 * leaves its field zero (an older program wrote it), a key that the table does not have is passed over (a newer one). */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event_fields.h"
#include "thaw/base/mem.h"
#include "thaw/base/text.h"

static json_t *double_to_json(double value)
{
    if (isfinite(value))
        return json_real(value);
    return json_string(isnan(value) ? "nan" : value > 0 ? "inf" : "-inf");
}

static json_t *u64_to_json(uint64_t value)
{
    char text[24];
    if (value <= INT64_MAX)
        return json_integer((json_int_t)value);
    snprintf(text, sizeof text, "%" PRIu64, value);
    return json_string(text);
}

static json_t *metrics_to_json(const struct metrics *metrics)
{
    json_t *object = json_object();
    for (int i = 0; i < metrics->count; i++)
        json_object_set_new(object, metrics->of[i].name, double_to_json(metrics->of[i].value));
    return object;
}

static json_t *definitions_to_json(const struct metric_definitions *definitions)
{
    json_t *list = json_array();
    for (int i = 0; i < definitions->count; i++) {
        const struct metric_definition *of = &definitions->of[i];
        json_array_append_new(list, json_pack("{s:o, s:o, s:s}", "name", text_to_json(of->name), "unit",
                                              text_to_json(of->unit), "better", of->up ? "up" : "down"));
    }
    return list;
}

static json_t *layers_to_json(const struct event_layer *layer, int count)
{
    json_t *list = json_array();
    for (int i = 0; i < count; i++)
        json_array_append_new(
            list, json_pack("{s:o, s:o, s:o, s:o, s:b, s:f, s:f, s:f, s:i}", "name", text_to_json(layer[i].name),
                            "stage", text_to_json(layer[i].stage), "kind", text_to_json(layer[i].kind), "shape",
                            text_to_json(layer[i].shape), "head", layer[i].head, "params", layer[i].params, "macs",
                            layer[i].macs, "activation_bytes", layer[i].activation_bytes, "marks", layer[i].marks));
    return list;
}

/* "1.23e-04 - 5e-06": three digits each, as numbers in JSON would take twenty. */
static json_t *ratios_to_json(const float *ratio, int count)
{
    enum { EACH = 12 };
    char *text = mem_alloc((size_t)count * EACH + 1), *at = text;
    for (int i = 0; i < count; i++) {
        double value = (double)ratio[i];
        at += isfinite(value) && value >= 0 ? snprintf(at, EACH, i ? " %.3g" : "%.3g", value)
                                            : snprintf(at, EACH, i ? " -" : "-");
    }
    json_t *json = json_string(text);
    mem_free(text);
    return json;
}

static json_t *field_to_json(const struct event *event, const struct event_field *field)
{
    const void *at = (const char *)event + field->offset;
    char text[HASH_TEXT];
    switch (field->type) {
    case EVENT_FIELD_INT:
        return json_integer(*(const int *)at);
    case EVENT_FIELD_U64:
        return u64_to_json(*(const uint64_t *)at);
    case EVENT_FIELD_SECONDS:
    case EVENT_FIELD_DOUBLE:
        return double_to_json(*(const double *)at);
    case EVENT_FIELD_BOOL:
        return json_boolean(*(const bool *)at);
    case EVENT_FIELD_TEXT:
        return text_to_json(at);
    case EVENT_FIELD_HASH:
        hash_text(text, *(const struct hash *)at);
        return json_string(text);
    case EVENT_FIELD_HOW:
        return json_string(event_done_name(*(const enum event_done *)at));
    case EVENT_FIELD_PHASE:
        return json_string(event_phase_name(*(const enum event_phase *)at));
    case EVENT_FIELD_LONG:
        return *(char *const *)at ? text_to_json(*(char *const *)at) : NULL;
    case EVENT_FIELD_METRICS:
        return metrics_to_json(at);
    case EVENT_FIELD_DEFINITIONS:
        return definitions_to_json(at);
    case EVENT_FIELD_LAYERS:
        return layers_to_json(*(struct event_layer *const *)at, *event_count_of((struct event *)event, field));
    case EVENT_FIELD_RATIOS:
        return ratios_to_json(*(float *const *)at, *event_count_of((struct event *)event, field));
    }
    return NULL;
}

static void fields_to_json(json_t *object, const struct event *event, const struct event_field *field, size_t count)
{
    for (size_t i = 0; i < count; i++)
        json_object_set_new(object, field[i].name, field_to_json(event, &field[i])); /* no value: no key */
}

char *event_to_json(const struct event *event)
{
    size_t count;
    json_t *object = json_object();
    json_object_set_new(object, "kind", json_string(event_kind_name(event->kind)));
    const struct event_field *field = event_fields_common(&count);
    fields_to_json(object, event, field, count);
    field = event_fields(event->kind, &count);
    fields_to_json(object, event, field, count);
    char *dumped = json_dumps(object, JSON_COMPACT);
    char *line = mem_string(dumped ? dumped : "{}");
    free(dumped);
    json_decref(object);
    return line;
}

static bool json_to_double(const json_t *json, double *value)
{
    const char *text = json_string_value(json);
    if (json_is_number(json))
        *value = json_number_value(json);
    else if (text && strcmp(text, "nan") == 0)
        *value = NAN;
    else if (text && strcmp(text, "inf") == 0)
        *value = INFINITY;
    else if (text && strcmp(text, "-inf") == 0)
        *value = -INFINITY;
    else
        return false;
    return true;
}

static bool json_to_u64(const json_t *json, uint64_t *value)
{
    const char *text = json_string_value(json);
    if (json_is_integer(json) && json_integer_value(json) >= 0) {
        *value = (uint64_t)json_integer_value(json);
        return true;
    }
    if (!text || text[0] < '0' || text[0] > '9')
        return false;
    char *end;
    errno = 0;
    *value = strtoull(text, &end, 10);
    return errno == 0 && *end == '\0';
}

static bool json_to_phase(const json_t *json, enum event_phase *phase)
{
    const char *text = json_string_value(json), *name;
    for (int i = 0; text && (name = event_phase_name((enum event_phase)i)); i++) {
        if (strcmp(name, text) == 0) {
            *phase = (enum event_phase)i;
            return true;
        }
    }
    return false;
}

static bool json_to_how(const json_t *json, enum event_done *how)
{
    const char *text = json_string_value(json), *name;
    for (int i = 0; text && (name = event_done_name((enum event_done)i)); i++) {
        if (strcmp(name, text) == 0) {
            *how = (enum event_done)i;
            return true;
        }
    }
    return false;
}

/* A text longer than its field is cut; only a newer program or another hand writes such a line. */
static bool json_to_text(const json_t *json, char *text, size_t size)
{
    const char *from = json_string_value(json);
    if (!from)
        return false;
    size_t length = strlen(from) < size ? strlen(from) : size - 1;
    memcpy(text, from, length);
    text[length] = '\0';
    return true;
}

static bool json_to_metrics(json_t *json, struct metrics *metrics)
{
    const char *name;
    json_t *value;
    double number;
    *metrics = (struct metrics){0};
    json_object_foreach(json, name, value)
    {
        if (!json_to_double(value, &number))
            return false;
        metrics_set(metrics, name, number);
    }
    return json_is_object(json);
}

static bool json_to_definitions(const json_t *json, struct metric_definitions *definitions)
{
    size_t count = json_array_size(json);
    *definitions = (struct metric_definitions){0};
    for (size_t i = 0; i < count && i < METRICS_MAX; i++) {
        const json_t *row = json_array_get(json, i);
        struct metric_definition *of = &definitions->of[definitions->count++];
        const char *better = json_string_value(json_object_get(row, "better"));
        if (!json_to_text(json_object_get(row, "name"), of->name, sizeof of->name) || !better ||
            !json_to_text(json_object_get(row, "unit"), of->unit, sizeof of->unit))
            return false;
        of->up = strcmp(better, "up") == 0;
    }
    return json_is_array(json);
}

/* How much of something there is. */
static bool json_to_amount(const json_t *json, double *amount)
{
    return json_to_double(json, amount) && *amount >= 0 && *amount < 1e18;
}

/* Calendars and counts of seconds are made of it: a date of the year 5000 has 11 digits. */
static bool json_to_seconds(const json_t *json, double *seconds)
{
    return json_to_double(json, seconds) && *seconds >= 0 && *seconds < 1e12;
}

static bool json_to_layer(const json_t *row, struct event_layer *layer)
{
    json_int_t marks = json_integer_value(json_object_get(row, "marks"));
    layer->head = json_is_true(json_object_get(row, "head"));
    layer->marks = (int)marks;
    return json_to_text(json_object_get(row, "name"), layer->name, sizeof layer->name) &&
           json_to_text(json_object_get(row, "stage"), layer->stage, sizeof layer->stage) &&
           json_to_text(json_object_get(row, "kind"), layer->kind, sizeof layer->kind) &&
           json_to_text(json_object_get(row, "shape"), layer->shape, sizeof layer->shape) &&
           json_to_amount(json_object_get(row, "params"), &layer->params) &&
           json_to_amount(json_object_get(row, "macs"), &layer->macs) &&
           json_to_amount(json_object_get(row, "activation_bytes"), &layer->activation_bytes) && marks >= 0 &&
           marks <= 15;
}

/* A line holds the rows that it counts, so memory is bounded by the line. */
static bool json_to_layers(const json_t *json, struct event_layer **layer, int *count)
{
    size_t rows = json_array_size(json);
    mem_free(*layer);
    *layer = rows ? mem_array(rows, sizeof **layer) : NULL;
    *count = (int)rows;
    for (size_t i = 0; i < rows; i++)
        if (!json_to_layer(json_array_get(json, i), &(*layer)[i]))
            return false;
    return json_is_array(json);
}

static bool json_to_ratios(const json_t *json, float **ratio, int *count)
{
    const char *at = json_string_value(json);
    size_t length = at ? strlen(at) : 0;
    mem_free(*ratio);
    *count = 0;
    *ratio = length ? mem_array(length / 2 + 1, sizeof **ratio) : NULL;
    for (; at && *at; at += *at == ' ') {
        char *end = (char *)at + 1;
        float value = *at == '-' ? -1 : strtof(at, &end);
        if (end == at || (*end && *end != ' '))
            return false;
        (*ratio)[(*count)++] = isfinite(value) && value >= 0 ? fabsf(value) : -1; /* -0 is written as none */
        at = end;
    }
    return at != NULL;
}

static bool json_to_long(const json_t *json, char **text)
{
    const char *from = json_string_value(json);
    mem_free(*text);
    *text = from ? mem_string(from) : NULL;
    return from != NULL;
}

static bool json_to_field(json_t *json, struct event *event, const struct event_field *field)
{
    void *at = (char *)event + field->offset;
    switch (field->type) {
    case EVENT_FIELD_INT: /* a count or a number of something, all of them */
        if (!json_is_integer(json) || json_integer_value(json) < 0 || json_integer_value(json) > INT_MAX)
            return false;
        *(int *)at = (int)json_integer_value(json);
        return true;
    case EVENT_FIELD_U64:
        return json_to_u64(json, at);
    case EVENT_FIELD_SECONDS:
        return json_to_seconds(json, at);
    case EVENT_FIELD_DOUBLE:
        return json_to_double(json, at);
    case EVENT_FIELD_BOOL:
        *(bool *)at = json_is_true(json);
        return json_is_boolean(json);
    case EVENT_FIELD_TEXT:
        return json_to_text(json, at, field->size);
    case EVENT_FIELD_HASH:
        return json_string_value(json) && hash_parse(at, json_string_value(json));
    case EVENT_FIELD_HOW:
        return json_to_how(json, at);
    case EVENT_FIELD_PHASE:
        return json_to_phase(json, at);
    case EVENT_FIELD_LONG:
        return json_to_long(json, at);
    case EVENT_FIELD_METRICS:
        return json_to_metrics(json, at);
    case EVENT_FIELD_DEFINITIONS:
        return json_to_definitions(json, at);
    case EVENT_FIELD_LAYERS:
        return json_to_layers(json, at, event_count_of(event, field));
    case EVENT_FIELD_RATIOS:
        return json_to_ratios(json, at, event_count_of(event, field));
    }
    return false;
}

static bool fields_from_json(const json_t *object, struct event *event, const struct event_field *field, size_t count,
                             const char *kind, struct error *error)
{
    for (size_t i = 0; i < count; i++) {
        json_t *json = json_object_get(object, field[i].name);
        if (json && !json_to_field(json, event, &field[i]))
            return error_set(error, ERROR_FAILED, "event \"%.40s\": \"%s\" has a value of another kind", kind,
                             field[i].name);
    }
    return true;
}

/* --- version 1, which knew accuracies only, as fields of their own --- */

static void take_metric(const json_t *object, const char *name, struct metrics *metrics)
{
    const json_t *value = json_object_get(object, name);
    if (json_is_number(value))
        metrics_set(metrics, name, json_number_value(value));
}

static void take_version_1(const json_t *object, struct event *event)
{
    double images = json_number_value(json_object_get(object, "images"));
    const json_t *correct = json_object_get(object, "correct"), *best = json_object_get(object, "best_accuracy");
    static const struct metric_definitions definitions = {2, {{"accuracy", "share", true}, {"top5", "share", true}}};
    if (event->kind == EVENT_RUN && event->u.run.version == 1)
        event->u.run.metrics = definitions;
    if (event->kind == EVENT_STEP && json_is_number(correct) && images > 0)
        metrics_set(&event->u.step_.metrics, "accuracy", json_number_value(correct) / images);
    if (event->kind == EVENT_EPOCH)
        take_metric(object, "accuracy", &event->u.epoch_.metrics);
    if (event->kind == EVENT_EVAL) {
        take_metric(object, "accuracy", &event->u.eval.metrics);
        take_metric(object, "top5", &event->u.eval.metrics);
    }
    if (event->kind == EVENT_DONE && json_is_number(best))
        event->u.done.best = json_number_value(best) >= 0 ? json_number_value(best) : NAN;
}

static bool object_to_event(const json_t *object, struct event *event, bool *known, struct error *error)
{
    const char *kind = json_string_value(json_object_get(object, "kind"));
    if (!kind)
        return error_set(error, ERROR_FAILED, "not an event: no \"kind\"");
    event->kind = EVENT_KINDS;
    for (int i = 0; i < EVENT_KINDS && event->kind == EVENT_KINDS; i++)
        if (strcmp(kind, event_kind_name((enum event_kind)i)) == 0)
            event->kind = (enum event_kind)i;
    size_t count;
    *known = event->kind < EVENT_KINDS;
    const struct event_field *field = event_fields_common(&count);
    if (!fields_from_json(object, event, field, count, kind, error))
        return false;
    field = event_fields(event->kind, &count);
    if (!fields_from_json(object, event, field, count, kind, error))
        return false;
    if (*known)
        take_version_1(object, event);
    return true;
}

bool event_from_json(struct event *event, bool *known, const char *line, size_t length, struct error *error)
{
    json_error_t fault;
    memset(event, 0, sizeof *event);
    *known = false;
    json_t *object = json_loadb(line, length, 0, &fault);
    if (!object)
        return error_set(error, ERROR_FAILED, "not an event: %s at byte %d", fault.text, fault.position);
    bool good = object_to_event(object, event, known, error);
    json_decref(object);
    if (!good && *known)
        event_finish(event);
    return good;
}
