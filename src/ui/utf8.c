/* UTF-8 in and out, and how many cells a character takes. Widths come from wcwidth where the locale knows the character;
 * in the C locale, where it knows only ASCII, from the few ranges that matter, so that tests measure the same. Called by
 * canvas.c, the widgets and the prompt. */
#include "config.h"

#include <stddef.h>
#include <stdio.h>
#include <wchar.h>

#include "canvas.h"
#include "thaw/base/text.h"

uint32_t utf8_next(const char **text)
{
    const unsigned char *s = (const unsigned char *)*text;
    if (*s == 0)
        return 0;
    if (*s < 0x80) {
        *text += 1;
        return *s;
    }
    int more = *s >= 0xf0 && *s < 0xf5 ? 3 : *s >= 0xe0 && *s < 0xf0 ? 2 : *s >= 0xc2 && *s < 0xe0 ? 1 : 0;
    uint32_t code = more == 3 ? *s & 0x07u : more == 2 ? *s & 0x0fu : *s & 0x1fu;
    for (int i = 1; i <= more; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            more = 0;
            break;
        }
        code = code << 6 | (s[i] & 0x3fu);
    }
    static const uint32_t least[4] = {0, 0x80, 0x800, 0x10000};
    if (more == 0 || code < least[more] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) {
        *text += 1;
        return 0xfffd;
    }
    *text += more + 1;
    return code;
}

int utf8_put(char bytes[5], uint32_t code)
{
    int count = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const unsigned char lead[5] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (int i = count - 1; i > 0; i--, code >>= 6)
        bytes[i] = (char)(0x80 | (code & 0x3f));
    bytes[0] = (char)(lead[count] | code);
    bytes[count] = 0;
    return count;
}

static const struct {
    uint32_t first, last;
    int width;
} ranges[] = {
    {0x0300, 0x036f, 0}, {0x1100, 0x115f, 2}, {0x200b, 0x200f, 0},   {0x20d0, 0x20ff, 0},   {0x2e80, 0x303e, 2},
    {0x3041, 0xa4cf, 2}, {0xac00, 0xd7a3, 2}, {0xf900, 0xfaff, 2},   {0xfe00, 0xfe0f, 0},   {0xfe30, 0xfe6f, 2},
    {0xff00, 0xff60, 2}, {0xffe0, 0xffe6, 2}, {0x1f300, 0x1f64f, 2}, {0x1f900, 0x1f9ff, 2}, {0x20000, 0x3fffd, 2},
};

int code_width(uint32_t code)
{
    if (code < 0x80)
        return code >= 0x20 && code != 0x7f;
    if (text_steers(code)) /* whatever the locale knows of it */
        return 0;
    int width = wcwidth((wchar_t)code);
    if (width >= 0)
        return width;
    for (size_t i = 0; i < THAW_LENGTH(ranges); i++)
        if (code >= ranges[i].first && code <= ranges[i].last)
            return ranges[i].width;
    return 1;
}

int text_width(const char *text)
{
    int width = 0;
    uint32_t code;
    while ((code = utf8_next(&text)) != 0)
        width += code_width(code);
    return width;
}

char *text_tail(char *cut, size_t room, const char *text, int width)
{
    int cells = text_width(text);
    bool whole = cells <= width || width <= 1;
    while (!whole && cells > width - 1 && *text != '\0')
        cells -= code_width(utf8_next(&text));
    snprintf(cut, room, "%s%s", whole ? "" : "…", text);
    return cut;
}

const char *text_middle(char *cut, size_t room, const char *text, int width)
{
    int cells = text_width(text), head = width / 2, used = 0;
    if (cells <= width || width < 3)
        return cells <= width ? text : "";
    const char *at = text, *end = text;
    while (used < head) {
        end = at;
        used += code_width(utf8_next(&at));
    }
    end = used == head ? at : end;
    int length = (int)(end - text), left = cells;
    for (const char *tail = text; *tail; left -= code_width(utf8_next(&tail)))
        if (left <= width - head - 1) {
            snprintf(cut, room, "%.*s…%s", length, text, tail);
            return cut;
        }
    return text;
}
