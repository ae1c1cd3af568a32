/* Themes name roles, screens never name colours. themes/<name>.ini gives each role a foreground, a background and
 * attributes; a missing or unknown role is reported with file and line and falls back. */
#ifndef THAW_UI_THEME_H
#define THAW_UI_THEME_H

#include <stdbool.h>

#include "thaw/base/error.h"

enum theme_role {
    THEME_TEXT,
    THEME_DIM,
    THEME_TITLE,
    THEME_BORDER,
    THEME_TAB,
    THEME_TAB_ACTIVE,
    THEME_SELECTED,
    THEME_KEY,      /* a key's name on the bottom line */
    THEME_KEY_TEXT, /* what it does */
    THEME_FROZEN,
    THEME_THAWED,
    THEME_PARTLY,
    THEME_GOOD,
    THEME_WARNING,
    THEME_ERROR,
    THEME_TRAIN, /* training curves */
    THEME_VAL,   /* validation curves */
    THEME_AXIS,
    THEME_EVENT, /* marks on a plot */
    THEME_CURSOR,
    THEME_BAR,
    THEME_BAR_EMPTY,
    THEME_INPUT,
    THEME_ROLES
};

struct theme_style {
    int fg, bg;     /* -1: the terminal's own; 0..255; or 0x1000000 | rrggbb */
    unsigned attrs; /* CELL_* */
};
struct theme {
    char name[32];
    struct theme_style style[THEME_ROLES];
};

/* By name from the user's ($XDG_CONFIG_HOME/thaw/themes) and the installed themes folder, or by path (a name with a
 * slash). *theme is usable afterwards in any case: what is missing or wrong falls back to the built-in look, false
 * returned and the first fault said with file and line. themes_folder NULL: the installed one. */
bool theme_load(struct theme *theme, const char *name_or_path, const char *themes_folder, struct error *error);
void theme_init_default(struct theme *theme); /* the terminal's own colours: built in, what files fall back to */
void theme_init_mono(struct theme *theme);    /* attributes only: built in, what NO_COLOR gives */
const char *theme_role_name(enum theme_role role);

#endif
