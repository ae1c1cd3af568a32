/* Text that is safe for a terminal or for JSON, and numbers for people. Called by all of this folder. */
#include "config.h"

#include "print.h"

#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "thaw/base/macros.h"
#include "thaw/base/mem.h"
#include "thaw/base/number.h"
#include "thaw/base/text.h"

json_t *print_json_told(const char *text)
{
    return text[0] ? text_to_json(text) : json_null();
}

json_t *print_json_texts(char *const *text, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, text_to_json(text[i]));
    return list;
}

static void print_json_object(FILE *stream, const json_t *object)
{
    const char *key, *before = "{";
    const json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        json_t *name = json_string(key);
        fputs(before, stream);
        print_json(stream, name);
        fputc(':', stream);
        print_json(stream, value);
        json_decref(name);
        before = ",";
    }
    fputs(json_object_size(object) ? "}" : "{}", stream);
}

static void print_json_array(FILE *stream, const json_t *array)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        fputc(i ? ',' : '[', stream);
        print_json(stream, json_array_get(array, i));
    }
    fputs(json_array_size(array) ? "]" : "[]", stream);
}

static void put_escaped(FILE *stream, const char *json)
{
    char *safe = text_json(json);
    fputs(safe, stream);
    mem_free(safe);
}

bool print_json_line(const char *json)
{
    put_escaped(stdout, json);
    return fputc('\n', stdout) != EOF;
}

/* The library would write all reals with one number of digits: too few for times, or too many for all else. */
void print_json(FILE *stream, const json_t *json)
{
    char text[NUMBER_TEXT], *dumped;
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        print_json_object(stream, json);
        break;
    case JSON_ARRAY:
        print_json_array(stream, json);
        break;
    case JSON_REAL:
        number_text(text, json_real_value(json));
        fprintf(stream, "%s%s", text, strpbrk(text, ".e") ? "" : ".0"); /* a real stays one */
        break;
    default:
        dumped = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
        put_escaped(stream, dumped ? dumped : "null");
        free(dumped);
        break;
    }
}

json_t *print_json_real(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *print_json_u64(uint64_t value)
{
    return value <= INT64_MAX ? json_integer((json_int_t)value) : json_sprintf("%" PRIu64, value);
}

const char *print_count(char text[PRINT_COUNT], double value)
{
    static const struct {
        double unit;
        const char *name;
    } units[] = {{1e12, " T"}, {1e9, " G"}, {1e6, " M"}, {1e3, " k"}};
    for (size_t i = 0; i < THAW_LENGTH(units); i++) {
        if (value < 0.9995 * units[i].unit)
            continue;
        double scaled = value / units[i].unit;
        snprintf(text, PRINT_COUNT, "%.*f%s", scaled < 9.995 ? 2 : scaled < 99.95 ? 1 : 0, scaled, units[i].name);
        return text;
    }
    snprintf(text, PRINT_COUNT, "%.0f", value);
    return text;
}
