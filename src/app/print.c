/* Text that is safe for a terminal or for JSON, and numbers for people. Called by all of this folder. */
#include "config.h"

#include "print.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "thaw/base/macros.h"
#include "thaw/base/mem.h"

json_t *print_json_text(const char *text)
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

json_t *print_json_real(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

char *print_plain(const char *text)
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
