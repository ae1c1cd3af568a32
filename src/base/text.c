/* See the header. Called by whoever prints, and by what must know before hours of training that a name can be written
 * down. */
#include "config.h"

#include "thaw/base/text.h"

#include <jansson.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "thaw/base/mem.h"

size_t text_character(const char *text, uint32_t *code)
{
    const unsigned char *at = (const unsigned char *)text;
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = *at < 0x80 ? 1 : *at < 0xc2 ? 0 : *at < 0xe0 ? 2 : *at < 0xf0 ? 3 : *at < 0xf5 ? 4 : 0;
    *code = length == 1 ? *at : length ? *at & (0x7fu >> length) : 0;
    for (size_t i = 1; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80) /* the NUL behind a text, too */
            return 0;
        *code = *code << 6 | (at[i] & 0x3f);
    }
    bool surrogate = *code >= 0xd800 && *code < 0xe000;
    return *code < least[length] || *code > 0x10ffff || surrogate ? 0 : length;
}

bool text_is_utf8(const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    uint32_t code;
    while (*at) {
        size_t length = text_character((const char *)at, &code);
        if (length == 0)
            return false;
        at += length;
    }
    return true;
}

void text_clean(char *text)
{
    uint32_t code;
    for (unsigned char *at = (unsigned char *)text; *at;) {
        size_t length = text_character((const char *)at, &code);
        if (length == 0)
            *at = '?';
        at += length > 0 ? length : 1;
    }
}

bool text_steers(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x061c || code == 0x200e || code == 0x200f ||
           (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

static char *replace(const char *text, bool spell)
{
    const unsigned char *at = (const unsigned char *)text;
    char *plain = mem_alloc(4 * strlen(text) + 1), *to = plain;
    while (*at) {
        uint32_t code;
        size_t length = text_character((const char *)at, &code), bytes = length > 0 ? length : 1;
        bool good = length > 0 && !text_steers(code);
        if (good)
            memcpy(to, at, bytes);
        else if (!spell)
            *to = '?';
        for (size_t i = 0; !good && spell && i < bytes; i++)
            snprintf(to + 4 * i, 5, "\\x%02x", at[i]);
        to += good ? bytes : spell ? 4 * bytes : 1;
        at += bytes;
    }
    *to = '\0';
    return plain;
}

char *text_plain(const char *text)
{
    return replace(text, false);
}

char *text_spelt(const char *text)
{
    return replace(text, true);
}

char *text_json(const char *json)
{
    const unsigned char *at = (const unsigned char *)json;
    char *safe = mem_alloc(6 * strlen(json) + 1), *to = safe;
    while (*at) {
        uint32_t code;
        size_t length = text_character((const char *)at, &code), bytes = length > 0 ? length : 1;
        if (length > 0 && text_steers(code))
            to += sprintf(to, "\\u%04x", (unsigned)code);
        else
            to = (char *)memcpy(to, at, bytes) + bytes;
        at += bytes;
    }
    *to = '\0';
    return safe;
}

json_t *text_to_json(const char *text)
{
    json_t *json = json_string(text);
    if (json)
        return json;
    char *clean = mem_string(text);
    text_clean(clean);
    json = json_string(clean);
    mem_free(clean);
    return json;
}
