/* The tables of commands as one list, and finding in it by name. A name may stand in several screens' tables, and once
 * among everybody's: "back" means on each screen what its own row says. Called by keymap, help, completion and the frame. */
#include "config.h"

#include <string.h>

#include "command.h"
#include "screen.h"

static const struct command_table *const shared[] = {&command_frame, &command_session, &command_run};
enum { SHARED = THAW_LENGTH(shared) };

const struct command *command_at(int number, int *screen)
{
    int none;
    screen = screen ? screen : &none;
    *screen = -1;
    if (number < SCREENS)
        return &screen_table[number]->go;
    number -= SCREENS;
    for (int i = 0; i < SHARED; number -= shared[i++]->count)
        if (number < shared[i]->count) {
            *screen = shared[i]->row[number].home - 1;
            return &shared[i]->row[number];
        }
    for (*screen = 0; *screen < SCREENS; number -= screen_table[(*screen)++]->commands.count)
        if (number < screen_table[*screen]->commands.count)
            return &screen_table[*screen]->commands.row[number];
    return NULL;
}

int command_number(const struct command *command)
{
    int number = 0;
    for (const struct command *row; (row = command_at(number, NULL)) != NULL && row != command;)
        number++;
    return number;
}

/* How near a row is to a screen: its own before everybody's before another's. */
static int nearness(int of, int screen)
{
    return of == screen ? 2 : of < 0;
}

const struct command *command_named(const char *name, int screen)
{
    const struct command *found = NULL, *row;
    for (int i = 0, of, best = -1; (row = command_at(i, &of)) != NULL; i++)
        if (strcmp(row->name, name) == 0 && nearness(of, screen) > best) {
            found = row;
            best = nearness(of, screen);
        }
    return found;
}

const struct command *command_find(const char *name, int screen, bool *ambiguous)
{
    const struct command *row;
    const char *whole = NULL;
    size_t length = strlen(name);
    bool several = false;
    for (int i = 0; length > 0 && (row = command_at(i, NULL)) != NULL; i++) {
        if (strncmp(row->name, name, length) != 0)
            continue;
        if (row->name[length] == 0) {
            whole = row->name;
            several = false;
            break;
        }
        several = several || (whole && strcmp(whole, row->name) != 0);
        whole = row->name;
    }
    if (ambiguous)
        *ambiguous = several;
    return whole && !several ? command_named(whole, screen) : NULL;
}
