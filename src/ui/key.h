/* Keys by name: "k", "Space", "Enter", "Esc", "C-l", "M-x", "S-Tab", "F1", "PgDn", "<". */
#ifndef THAW_UI_KEY_H
#define THAW_UI_KEY_H

#include <stdbool.h>
#include <stdint.h>

bool key_parse(const char *name, uint32_t *key, unsigned *modifiers); /* false: not a key's name */
void key_name(char name[16], uint32_t key, unsigned modifiers);

#endif
