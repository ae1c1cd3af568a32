/* Commands. A command is a row in a table: its name, its keys, what help says of it, and the function that does it. The
 * rows of a screen stand in its file, those that work everywhere in command_frame.c, command_session.c and command_run.c. Keys, the `:`
 * line with its completion, the help and the bottom line all read the tables; nothing else spells a key. */
#ifndef THAW_UI_COMMAND_H
#define THAW_UI_COMMAND_H

#include <stdbool.h>

struct ui;
struct command;

/* What `:name ` completes its argument from. */
enum command_argument {
    ARGUMENT_NONE,
    ARGUMENT_PATH,
    ARGUMENT_EXPERIMENT,
    ARGUMENT_MODEL,
    ARGUMENT_DATA,
    ARGUMENT_SETTING,
    ARGUMENT_LAYERS,
    ARGUMENT_THEME,
    ARGUMENT_RUN,
    ARGUMENT_TEXT,
    ARGUMENT_COMMAND /* a command by name, then what it takes: the `:` line itself */
};

struct command_call {
    struct ui *ui;
    void *state; /* of the screen whose row it is; NULL: no screen's */
    const struct command *command;
    const char *argument; /* "" by key or click */
};

enum { COMMAND_HELP_MAX = 45 }; /* cells that the help has for a line on 80 columns */

struct command {
    const char *name;  /* for `:` and settings files: "log-y" */
    const char *keys;  /* defaults, parted by blanks: "k Up"; "" for none */
    const char *label; /* for the bottom line, one or two words */
    const char *help;  /* one line of COMMAND_HELP_MAX */
    void (*run)(const struct command_call *call);
    enum command_argument argument;
    int value;         /* for rows that share a function */
    bool anywhere;     /* a screen's: does its work by name from every screen */
    int home;          /* everybody's: 1 + the screen on which alone its keys work; 0: on all */
    const char *takes; /* what its argument is: "RATE", "[N]" where it may be left out; NULL or "": no word for it */
};
struct command_table {
    const struct command *row;
    int count;
};
#define COMMAND_TABLE(rows)                                                                                            \
    {                                                                                                                  \
        rows, sizeof(rows) / sizeof((rows)[0])                                                                         \
    }

extern const struct command_table command_frame, command_session, command_run;

/* All commands in the order of the help, by number from 0; NULL: there are no more. *screen (may be NULL) is the number of
 * the screen whose it is or on which alone its keys work, -1 where they do on every screen. */
const struct command *command_at(int number, int *screen);
/* The number of a row of a table. */
int command_number(const struct command *command);
/* The command of this name as one screen means it: its own, else everybody's, else another screen's; NULL: none. */
const struct command *command_named(const char *name, int screen);
/* The same by full name or unique beginning (*ambiguous says why there is none; may be NULL). */
const struct command *command_find(const char *name, int screen, bool *ambiguous);

#endif
