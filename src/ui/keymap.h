/* Commands and keys. ONE table of commands (keymap_commands.c) drives the keys, the `:` command line with its
 * completion, the `?` help and the manual. A new command is a row in the enum, a row in the table, and a case in the
 * screen (or in ui_command.c) that does it. */
#ifndef THAW_UI_KEYMAP_H
#define THAW_UI_KEYMAP_H

#include <stdbool.h>
#include <stddef.h>

#include "term.h"

enum screen_id { SCREEN_MODELS, SCREEN_LAYERS, SCREEN_DATA, SCREEN_TRAIN, SCREEN_RESULTS, SCREEN_RUNS, SCREENS };

/* Where a command's keys work. By name (`:stop`) it works everywhere its doer can be reached. */
enum {
    IN_MODELS = 1 << SCREEN_MODELS,
    IN_LAYERS = 1 << SCREEN_LAYERS,
    IN_DATA = 1 << SCREEN_DATA,
    IN_TRAIN = 1 << SCREEN_TRAIN,
    IN_RESULTS = 1 << SCREEN_RESULTS,
    IN_RUNS = 1 << SCREEN_RUNS,
    IN_ALL = (1 << SCREENS) - 1
};

enum command {
    COMMAND_NONE,
    /* done by the main loop */
    COMMAND_QUIT,
    COMMAND_BACK, /* offered to the screen first: clear a filter, leave a pane */
    COMMAND_HELP,
    COMMAND_PROMPT,
    COMMAND_GO_MODELS,
    COMMAND_GO_LAYERS,
    COMMAND_GO_DATA,
    COMMAND_GO_TRAIN,
    COMMAND_GO_RESULTS,
    COMMAND_GO_RUNS,
    COMMAND_NEXT_SCREEN,
    COMMAND_PREVIOUS_SCREEN,
    COMMAND_REDRAW,
    COMMAND_THEME, /* argument: name or path */
    /* moving; screens hand these to list_command */
    COMMAND_UP,
    COMMAND_DOWN,
    COMMAND_LEFT,
    COMMAND_RIGHT,
    COMMAND_PAGE_UP,
    COMMAND_PAGE_DOWN,
    COMMAND_FIRST,
    COMMAND_LAST,
    COMMAND_OPEN,   /* Enter: choose, open, unfold */
    COMMAND_FILTER, /* `/`; argument: the pattern, or "" to ask */
    COMMAND_NEXT_PANE,
    /* the session's own; a screen may take them, otherwise ui_command.c does them */
    COMMAND_MODEL,  /* argument: path of a weights file, or an architecture */
    COMMAND_DATA,   /* argument: folder or file */
    COMMAND_LOAD,   /* argument: experiment file */
    COMMAND_SET,    /* argument: section.key=value */
    COMMAND_FREEZE, /* argument: patterns */
    COMMAND_THAW,   /* argument: patterns */
    COMMAND_UNDO,   /* of freeze edits */
    COMMAND_START,
    COMMAND_PAUSE, /* or continue */
    COMMAND_STOP,  /* asks */
    COMMAND_SAVE,  /* a checkpoint now */
    COMMAND_LR,    /* argument: the learning rate, or "" to ask */
    COMMAND_LR_UP,
    COMMAND_LR_DOWN,
    COMMAND_RESCAN,   /* weights files */
    COMMAND_PULL,     /* weights of the catalog, or stop pulling them */
    COMMAND_TIME,     /* measure a model */
    COMMAND_OPEN_RUN, /* argument: run directory */
    /* layers */
    COMMAND_TOGGLE, /* all four marks of the row */
    COMMAND_TOGGLE_WEIGHTS,
    COMMAND_TOGGLE_AFFINE,
    COMMAND_TOGGLE_STATISTICS,
    COMMAND_TOGGLE_DROPOUT,
    COMMAND_CUT, /* freeze up to and including this row */
    COMMAND_FOLD,
    COMMAND_FOLD_ALL,
    COMMAND_UNFOLD_ALL,
    /* data */
    COMMAND_NEXT_IMAGE,
    COMMAND_PREVIOUS_IMAGE,
    COMMAND_VALIDATION, /* show training or validation images */
    COMMAND_BAD_FILES,
    COMMAND_BROWSE, /* choose another folder */
    /* train */
    COMMAND_SETTINGS,
    COMMAND_THAW_NEXT, /* thaw the deepest frozen stage */
    COMMAND_LOG_Y,
    COMMAND_LOG_X,
    COMMAND_SMOOTH_MORE,
    COMMAND_SMOOTH_LESS,
    COMMAND_ZOOM_IN,
    COMMAND_ZOOM_OUT,
    COMMAND_ZOOM_RESET,
    /* results, runs */
    COMMAND_SORT,
    COMMAND_SHARES, /* counts or shares in the confusion matrix */
    COMMAND_MARK,   /* a run or a model for comparing */
    COMMANDS
};

/* What `:name ` completes its argument from. */
enum command_argument {
    ARGUMENT_NONE,
    ARGUMENT_PATH,
    ARGUMENT_MODEL,
    ARGUMENT_DATA,
    ARGUMENT_SETTING,
    ARGUMENT_LAYERS,
    ARGUMENT_THEME,
    ARGUMENT_TEXT,
    ARGUMENT_COMMAND /* a command by name, then what it takes: the `:` line itself */
};

struct command_row {
    enum command command;
    const char *name;  /* for `:` and settings files: "log-y" */
    const char *keys;  /* defaults, parted by blanks: "k Up"; "" for none */
    unsigned where;    /* IN_* */
    const char *label; /* for the bottom line, one or two words */
    const char *help;  /* one line */
    enum command_argument argument;
};
const struct command_row *command_row(enum command command);
/* By full name or unique beginning; COMMAND_NONE when there is none (*ambiguous says why; may be NULL). */
enum command command_find(const char *name, bool *ambiguous);

/* Keys by name: "k", "Space", "Enter", "Esc", "C-l", "M-x", "S-Tab", "F1", "PgDn", "<". */
bool key_parse(const char *name, uint32_t *key, unsigned *modifiers);
void key_name(char name[16], uint32_t key, unsigned modifiers);

struct keymap;
struct keymap *keymap_create(void); /* the defaults */
void keymap_destroy(struct keymap *keymap);
/* Gives a command other keys (as in the table) in place of its defaults; a key taken from another command in the same
 * scope is an error that names both. */
bool keymap_bind(struct keymap *keymap, const char *command, const char *keys, struct error *error);
enum command keymap_find(const struct keymap *keymap, enum screen_id screen, const struct term_event *event);
/* The first key of a command, "" when it has none: what the bottom line shows. */
void keymap_first_key(const struct keymap *keymap, enum command command, char name[16]);
/* All keys of a command, parted by blanks. */
void keymap_all_keys(const struct keymap *keymap, enum command command, char *text, size_t room);

#endif
