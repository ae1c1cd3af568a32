/* Keys by name, as tables of commands, settings and tests spell them. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "canvas.h"
#include "key.h"
#include "term.h"

static const struct {
    uint32_t key;
    const char *name;
} key_names[] = {
    {' ', "Space"},
    {TERM_KEY_UP, "Up"},
    {TERM_KEY_DOWN, "Down"},
    {TERM_KEY_LEFT, "Left"},
    {TERM_KEY_RIGHT, "Right"},
    {TERM_KEY_HOME, "Home"},
    {TERM_KEY_END, "End"},
    {TERM_KEY_PAGE_UP, "PgUp"},
    {TERM_KEY_PAGE_DOWN, "PgDn"},
    {TERM_KEY_INSERT, "Ins"},
    {TERM_KEY_DELETE, "Del"},
    {TERM_KEY_BACKSPACE, "Backspace"},
    {TERM_KEY_ENTER, "Enter"},
    {TERM_KEY_TAB, "Tab"},
    {TERM_KEY_ESCAPE, "Esc"},
};

bool key_parse(const char *name, uint32_t *key, unsigned *modifiers)
{
    *modifiers = 0;
    while (name[0] && name[1] == '-' && name[2] && strchr("CMS", name[0])) {
        *modifiers |= name[0] == 'C' ? TERM_CTRL : name[0] == 'M' ? TERM_ALT : TERM_SHIFT;
        name += 2;
    }
    for (size_t i = 0; i < THAW_LENGTH(key_names); i++)
        if (strcmp(name, key_names[i].name) == 0) {
            *key = key_names[i].key;
            return true;
        }
    if (name[0] == 'F' && name[1] >= '1' && name[1] <= '9') {
        long number = strtol(name + 1, NULL, 10);
        *key = TERM_KEY_F1 + (uint32_t)(number - 1);
        return number <= 12 && strlen(name) <= 3;
    }
    *key = utf8_next(&name);
    return *key != 0 && *name == 0;
}

void key_name(char name[16], uint32_t key, unsigned modifiers)
{
    const char *control = modifiers & TERM_CTRL ? "C-" : "", *alt = modifiers & TERM_ALT ? "M-" : "";
    const char *shift = modifiers & TERM_SHIFT ? "S-" : "";
    for (size_t i = 0; i < THAW_LENGTH(key_names); i++)
        if (key_names[i].key == key) {
            snprintf(name, 16, "%s%s%s%s", control, alt, shift, key_names[i].name);
            return;
        }
    if (key >= TERM_KEY_F1 && key <= TERM_KEY_F12) {
        snprintf(name, 16, "%s%s%sF%u", control, alt, shift, (unsigned)(key - TERM_KEY_F1 + 1));
        return;
    }
    char bytes[5];
    utf8_put(bytes, key);
    snprintf(name, 16, "%s%s%s%s", control, alt, shift, bytes);
}
