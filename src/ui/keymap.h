/* Which command a key means on which screen. A keymap is a copy of the keys in the tables of
 * commands (command.h) that a user's settings may change. */
#ifndef THAW_UI_KEYMAP_H
#define THAW_UI_KEYMAP_H

#include <stdbool.h>
#include <stddef.h>

#include "command.h"
#include "term.h"

struct keymap;
struct keymap *keymap_create(void); /* the defaults */
void keymap_destroy(struct keymap *keymap);
/* Gives the commands of a name other keys (as in the tables) in place of their defaults; a key taken from another command
 * on the same screen is an error that names both. */
bool keymap_bind(struct keymap *keymap, const char *name, const char *keys, struct error *error);
/* NULL: the key means nothing there. */
const struct command *keymap_find(const struct keymap *keymap, int screen, const struct term_event *event);
/* The first key of a command, "" when it has none: what the bottom line shows. */
void keymap_first_key(const struct keymap *keymap, const struct command *command, char name[16]);
/* All keys of a command, parted by blanks. */
void keymap_all_keys(const struct keymap *keymap, const struct command *command, char *text, size_t room);

#endif
