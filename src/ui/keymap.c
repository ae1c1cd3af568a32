/* Which command a key means on which screen: the screen's own row before everybody's. Called by the frame, the help and
 * the command line. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "key.h"
#include "keymap.h"
#include "thaw/base/mem.h"

enum { KEYS_PER_COMMAND = 4 };

struct binding {
    uint32_t key;
    unsigned modifiers;
};
struct keymap {
    int commands;
    struct binding (*keys)[KEYS_PER_COMMAND]; /* [commands], as command_at numbers them; key 0 ends */
};

/* The word that is no key is left in `word`. */
static bool parse_keys(struct binding keys[KEYS_PER_COMMAND], const char *text, char word[32])
{
    memset(keys, 0, sizeof *keys * KEYS_PER_COMMAND);
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
    struct keymap *keymap = mem_alloc(sizeof *keymap);
    const struct command *row;
    char word[32];
    while (command_at(keymap->commands, NULL))
        keymap->commands++;
    keymap->keys = mem_array((size_t)keymap->commands, sizeof *keymap->keys);
    for (int i = 0; (row = command_at(i, NULL)) != NULL; i++)
        if (!parse_keys(keymap->keys[i], row->keys, word))
            abort(); /* a mistake in a table; a test walks them */
    return keymap;
}

void keymap_destroy(struct keymap *keymap)
{
    if (keymap)
        mem_free(keymap->keys);
    mem_free(keymap);
}

static bool has_key(const struct keymap *keymap, int command, uint32_t key, unsigned modifiers)
{
    for (int i = 0; i < KEYS_PER_COMMAND && keymap->keys[command][i].key; i++)
        if (keymap->keys[command][i].key == key && keymap->keys[command][i].modifiers == modifiers)
            return true;
    return false;
}

/* The command of another name that has the key on a screen where this one works, or NULL. */
static const struct command *holder(const struct keymap *keymap, int command, const struct binding *binding)
{
    int screen, other;
    const struct command *row = command_at(command, &screen), *at;
    for (int i = 0; (at = command_at(i, &other)) != NULL; i++)
        if ((screen < 0 || other < 0 || screen == other) && strcmp(at->name, row->name) != 0 &&
            has_key(keymap, i, binding->key, binding->modifiers))
            return at;
    return NULL;
}

bool keymap_bind(struct keymap *keymap, const char *name, const char *keys, struct error *error)
{
    struct binding parsed[KEYS_PER_COMMAND];
    const struct command *row;
    char word[32];
    if (!command_named(name, -1))
        return error_set(error, ERROR_USAGE, "there is no command \"%s\" to give keys to", name);
    if (!parse_keys(parsed, keys, word))
        return error_set(error, ERROR_USAGE, "\"%s\" is not a key (for %s); write for example \"k Up C-x F5 Space\"",
                         word, name);
    if (strcmp(name, "quit") == 0 && !parsed[0].key)
        return error_set(error, ERROR_USAGE, "quit must keep a key");
    for (int i = 0; (row = command_at(i, NULL)) != NULL; i++)
        for (int k = 0; strcmp(row->name, name) == 0 && k < KEYS_PER_COMMAND && parsed[k].key; k++) {
            const struct command *other = holder(keymap, i, &parsed[k]);
            if (!other)
                continue;
            key_name(word, parsed[k].key, parsed[k].modifiers);
            return error_set(error, ERROR_USAGE, "the key %s is wanted by %s but belongs to %s", word, name,
                             other->name);
        }
    for (int i = 0; (row = command_at(i, NULL)) != NULL; i++)
        if (strcmp(row->name, name) == 0)
            memcpy(keymap->keys[i], parsed, sizeof parsed);
    return true;
}

const struct command *keymap_find(const struct keymap *keymap, int screen, const struct term_event *event)
{
    const struct command *row, *shared = NULL;
    if (event->kind != TERM_KEY)
        return NULL;
    for (int i = 0, of; (row = command_at(i, &of)) != NULL; i++) {
        if ((of >= 0 && of != screen) || !has_key(keymap, i, event->key, event->modifiers))
            continue;
        if (of == screen)
            return row;
        shared = row;
    }
    return shared;
}

void keymap_first_key(const struct keymap *keymap, const struct command *command, char name[16])
{
    const struct binding *first = keymap->keys[command_number(command)];
    name[0] = 0;
    if (first->key)
        key_name(name, first->key, first->modifiers);
}

void keymap_all_keys(const struct keymap *keymap, const struct command *command, char *text, size_t room)
{
    const struct binding *keys = keymap->keys[command_number(command)];
    size_t used = 0;
    text[0] = 0;
    for (int i = 0; i < KEYS_PER_COMMAND && keys[i].key; i++) {
        char name[16];
        key_name(name, keys[i].key, keys[i].modifiers);
        int wrote = snprintf(text + used, room - used, "%s%s", i ? " " : "", name);
        if (wrote < 0 || (size_t)wrote >= room - used)
            return;
        used += (size_t)wrote;
    }
}
