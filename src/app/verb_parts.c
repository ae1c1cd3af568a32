/* What the verbs share beyond app.c: option numbers with their faults, text that is safe for a terminal or for JSON, and
 * what a model's name on the command line stands for. Called by verb_*.c. */
#include "config.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/shelf/catalog.h"
#include "thaw/source/zoo.h"
#include "verb_parts.h"

bool part_whole(const struct verb *verb, const char *option, const char *text, int least, int most, int *value)
{
    double number;
    if (!text)
        return true;
    if (!app_number(text, least, most, &number) || number != floor(number)) {
        char *plain = part_plain(text);
        app_usage(verb, "%s takes a whole number from %d to %d, not %s", option, least, most, plain);
        mem_free(plain);
        return false;
    }
    *value = (int)number;
    return true;
}

json_t *part_text(const char *text)
{
    json_t *string = json_string(text);
    if (string)
        return string;
    char *ascii = mem_string(text);
    for (char *at = ascii; *at; at++)
        if ((unsigned char)*at >= 0x80)
            *at = '?';
    string = json_string(ascii);
    mem_free(ascii);
    return string;
}

json_t *part_real(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

char *part_plain(const char *text)
{
    char *plain = mem_string(text);
    for (unsigned char *at = (unsigned char *)plain; *at; at++) {
        if (*at < 0x20 || *at == 0x7f)
            *at = '?';
        else if (at[0] == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0) /* U+0080 to U+009F: controls, too */
            at[0] = at[1] = '?';
    }
    return plain;
}

const char *part_count(char text[PART_COUNT], double value)
{
    static const struct {
        double unit;
        const char *name;
    } units[] = {{1e12, " T"}, {1e9, " G"}, {1e6, " M"}, {1e3, " k"}};
    for (size_t i = 0; i < THAW_LENGTH(units); i++) {
        if (value < 0.9995 * units[i].unit)
            continue;
        double scaled = value / units[i].unit;
        snprintf(text, PART_COUNT, "%.*f%s", scaled < 9.995 ? 2 : scaled < 99.95 ? 1 : 0, scaled, units[i].name);
        return text;
    }
    snprintf(text, PART_COUNT, "%.0f", value);
    return text;
}

bool part_contains(const char *text, const char *part)
{
    size_t length = strlen(part);
    for (; strlen(text) >= length; text++) {
        size_t i = 0;
        while (i < length && tolower((unsigned char)text[i]) == tolower((unsigned char)part[i]))
            i++;
        if (i == length)
            return true;
    }
    return false;
}

bool part_source_find(struct part_source *source, const char *name, struct error *error)
{
    *source = (struct part_source){0};
    if (file_is_directory(name)) {
        source->weights = path_join(name, "model.safetensors");
        if (file_exists(source->weights))
            return true;
        mem_free(source->weights);
        source->weights = NULL;
        return error_set(error, ERROR_WEIGHTS, "%s: no model.safetensors; a run has one once it has ended or saved",
                         name);
    }
    struct zoo_arch room;
    if (!file_exists(name) && zoo_find(name, &room)) {
        source->arch = name;
        return true;
    }
    struct catalog *catalog = catalog_open(NULL, error);
    if (!catalog)
        return false;
    source->weights = catalog_weights(catalog, name, error);
    bool absent = !source->weights && catalog_find(catalog, name); /* known, and the sentence says how to get it */
    if (!source->weights && !absent)
        source->arch = name;
    catalog_close(catalog);
    return !absent;
}
