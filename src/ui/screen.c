/* The table of screens, made of the list in screens.h. */
#include "config.h"

#include "screen.h"

#define SCREEN_ENTRY(id, name) &screen_##name,
const struct screen *const screen_table[SCREENS] = {SCREEN_LIST(SCREEN_ENTRY)};
