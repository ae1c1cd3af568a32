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
#include <stdlib.h>
#include <string.h>

#include "event_fields.h"
#include "thaw/base/mem.h"

/* A JSON string; bytes that are no UTF-8 (a path of another encoding, a text cut at its limit) become '?'. */
static json_t *text_to_json(const char *text)
{
    size_t length = strlen(text);
    json_t *json = json_stringn(text, length);
    if (json)
        return json;
    char *clean = mem_alloc(length + 1);
    for (size_t at = 0; at < length;) {
        size_t step = 0;
        for (size_t size = 1; size <= 4 && at + size <= length && step == 0; size++) {
            json_t *piece = json_stringn(text + at, size);
            step = piece ? size : 0;
            json_decref(piece);
        }
        if (step == 0)
            clean[at++] = '?';
        else
            memcpy(clean + at, text + at, step);
        at += step;
    }
    json = json_stringn(clean, length);
    mem_free(clean);
    return json;
}

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

static json_t *field_to_json(const struct event *event, const struct event_field *field)
{
    const void *at = (const char *)event + field->offset;
    char text[HASH_TEXT];
    switch (field->type) {
    case EVENT_FIELD_INT:
        return json_integer(*(const int *)at);
    case EVENT_FIELD_U64:
        return u64_to_json(*(const uint64_t *)at);
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
    }
    return NULL;
}

static void fields_to_json(json_t *object, const struct event *event, const struct event_field *field, size_t count)
{
    for (size_t i = 0; i < count; i++)
        json_object_set_new(object, field[i].name, field_to_json(event, &field[i]));
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

static bool json_to_field(const json_t *json, struct event *event, const struct event_field *field)
{
    void *at = (char *)event + field->offset;
    switch (field->type) {
    case EVENT_FIELD_INT:
        if (!json_is_integer(json) || json_integer_value(json) < INT_MIN || json_integer_value(json) > INT_MAX)
            return false;
        *(int *)at = (int)json_integer_value(json);
        return true;
    case EVENT_FIELD_U64:
        return json_to_u64(json, at);
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
    }
    return false;
}

static bool fields_from_json(const json_t *object, struct event *event, const struct event_field *field, size_t count,
                             struct error *error)
{
    for (size_t i = 0; i < count; i++) {
        const json_t *json = json_object_get(object, field[i].name);
        if (json && !json_to_field(json, event, &field[i]))
            return error_set(error, ERROR_FAILED, "event \"%s\": \"%s\" has a value of another kind",
                             event_kind_name(event->kind), field[i].name);
    }
    return true;
}

static bool object_to_event(const json_t *object, struct event *event, bool *known, struct error *error)
{
    const char *kind = json_string_value(json_object_get(object, "kind"));
    if (!kind)
        return error_set(error, ERROR_FAILED, "not an event: no \"kind\"");
    *known = false;
    for (int i = 0; i < EVENT_KINDS && !*known; i++) {
        *known = strcmp(kind, event_kind_name((enum event_kind)i)) == 0;
        event->kind = (enum event_kind)i;
    }
    if (!*known)
        return true;
    size_t count;
    const struct event_field *field = event_fields_common(&count);
    if (!fields_from_json(object, event, field, count, error))
        return false;
    field = event_fields(event->kind, &count);
    return fields_from_json(object, event, field, count, error);
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
    return good;
}
