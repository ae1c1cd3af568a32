/* Keys: their names, and which command a key means on which screen. The table is in keymap_commands.c; a keymap is a
 * copy of its keys that a user's settings may change. Called by the frame, the help and the command line. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keymap.h"
#include "thaw/base/mem.h"

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

enum command command_find(const char *name, bool *ambiguous)
{
    enum command found = COMMAND_NONE;
    size_t length = strlen(name);
    int matches = 0;
    for (int i = 1; i < COMMANDS && length > 0; i++) {
        const char *full = command_row((enum command)i)->name;
        if (strcmp(full, name) == 0) {
            found = (enum command)i;
            matches = 1;
            break;
        }
        if (strncmp(full, name, length) == 0) {
            found = (enum command)i;
            matches++;
        }
    }
    if (ambiguous)
        *ambiguous = matches > 1;
    return matches == 1 ? found : COMMAND_NONE;
}

enum { KEYS_PER_COMMAND = 4 };

struct binding {
    uint32_t key;
    unsigned modifiers;
};
struct keymap {
    struct binding keys[COMMANDS][KEYS_PER_COMMAND]; /* key 0 ends */
};

/* The word that is no key is left in `word`. */
static bool parse_keys(struct binding keys[KEYS_PER_COMMAND], const char *text, char word[32])
{
    memset(keys, 0, sizeof(*keys) * KEYS_PER_COMMAND);
    int count = 0, used;
    while (sscanf(text, " %31s%n", word, &used) == 1) {
        text += used;
        if (count == KEYS_PER_COMMAND || !key_parse(word, &keys[count].key, &keys[count].modifiers))
            return false;
        count++;
    }
    return true;
}

struct keymap *keymap_create(void)
{
    struct keymap *keymap = mem_alloc(sizeof(*keymap));
    char word[32];
    for (int i = 1; i < COMMANDS; i++)
        if (!parse_keys(keymap->keys[i], command_row((enum command)i)->keys, word))
            abort(); /* a mistake in the table; a test walks it */
    return keymap;
}

void keymap_destroy(struct keymap *keymap)
{
    mem_free(keymap);
}

static bool has_key(const struct keymap *keymap, int command, uint32_t key, unsigned modifiers)
{
    for (int i = 0; i < KEYS_PER_COMMAND && keymap->keys[command][i].key; i++)
        if (keymap->keys[command][i].key == key && keymap->keys[command][i].modifiers == modifiers)
            return true;
    return false;
}

bool keymap_bind(struct keymap *keymap, const char *command, const char *keys, struct error *error)
{
    enum command row = COMMAND_NONE;
    for (int i = 1; i < COMMANDS; i++)
        if (strcmp(command_row((enum command)i)->name, command) == 0)
            row = (enum command)i;
    if (row == COMMAND_NONE)
        return error_set(error, ERROR_USAGE, "there is no command \"%s\" to give keys to", command);
    struct binding parsed[KEYS_PER_COMMAND];
    char word[32];
    if (!parse_keys(parsed, keys, word))
        return error_set(error, ERROR_USAGE, "\"%s\" is not a key (for %s); write for example \"k Up C-x F5 Space\"",
                         word, command);
    if (row == COMMAND_QUIT && !parsed[0].key)
        return error_set(error, ERROR_USAGE, "quit must keep a key");
    for (int i = 0; i < KEYS_PER_COMMAND && parsed[i].key; i++)
        for (int other = 1; other < COMMANDS; other++)
            if (other != (int)row && (command_row((enum command)other)->where & command_row(row)->where) &&
                has_key(keymap, other, parsed[i].key, parsed[i].modifiers)) {
                key_name(word, parsed[i].key, parsed[i].modifiers);
                return error_set(error, ERROR_USAGE, "the key %s is wanted by %s but belongs to %s", word, command,
                                 command_row((enum command)other)->name);
            }
    memcpy(keymap->keys[row], parsed, sizeof(parsed));
    return true;
}

enum command keymap_find(const struct keymap *keymap, enum screen_id screen, const struct term_event *event)
{
    if (event->kind != TERM_KEY)
        return COMMAND_NONE;
    for (int i = 1; i < COMMANDS; i++)
        if ((command_row((enum command)i)->where >> screen & 1) && has_key(keymap, i, event->key, event->modifiers))
            return (enum command)i;
    return COMMAND_NONE;
}

void keymap_first_key(const struct keymap *keymap, enum command command, char name[16])
{
    name[0] = 0;
    if (keymap->keys[command][0].key)
        key_name(name, keymap->keys[command][0].key, keymap->keys[command][0].modifiers);
}

void keymap_all_keys(const struct keymap *keymap, enum command command, char *text, size_t room)
{
    size_t used = 0;
    text[0] = 0;
    for (int i = 0; i < KEYS_PER_COMMAND && keymap->keys[command][i].key; i++) {
        char name[16];
        key_name(name, keymap->keys[command][i].key, keymap->keys[command][i].modifiers);
        int wrote = snprintf(text + used, room - used, "%s%s", i ? " " : "", name);
        if (wrote < 0 || (size_t)wrote >= room - used)
            return;
        used += (size_t)wrote;
    }
}
