/* Quoting for commands that people are to type, and that other machines' shells read. */
#include "config.h"

#include "thaw/base/quote.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "thaw/base/mem.h"

char *quote_word(const char *text)
{
    size_t quotes = 0, used = 0;
    bool plain = text[0] != '\0';
    for (const char *at = text; *at; at++) {
        plain = plain && (isalnum((unsigned char)*at) || strchr("/._-:+,=@%", *at));
        quotes += *at == '\'';
    }
    if (plain)
        return mem_string(text);
    char *to = mem_alloc(strlen(text) + 3 * quotes + 3);
    to[used++] = '\'';
    for (const char *at = text; *at; at++)
        used += (size_t)sprintf(to + used, *at == '\'' ? "'\\''" : "%c", *at);
    strcpy(to + used, "'");
    return to;
}

const char *quote_bytes(char text[QUOTE_BYTES], const void *bytes, size_t size)
{
    const unsigned char *from = bytes;
    size_t used = size < QUOTE_BYTES - 1 ? size : QUOTE_BYTES - 1;
    for (size_t i = 0; i < used; i++)
        text[i] = from[i] >= 0x20 && from[i] < 0x7f ? (char)from[i] : '?';
    text[used] = '\0';
    if (used < size)
        memcpy(text + used - 3, "...", 3);
    return text;
}
