/* The table of screens, made of the list in screens.h, and whose each is. */
#include "config.h"

#include "screen.h"

#define SCREEN_ENTRY(id, name) &screen_##name,
const struct screen *const screen_table[SCREENS] = {SCREEN_LIST(SCREEN_ENTRY)};

enum screen_subject screen_subject(const struct screen *screen, void *state, struct ui *ui)
{
    return screen->subject_now ? screen->subject_now(state, ui) : screen->subject;
}
