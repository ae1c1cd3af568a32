/* A screen: one row in the table in screen.c. Screens hold no engine object; they read the session when they draw. All
 * hooks run on the one UI thread. */
#ifndef THAW_UI_SCREEN_H
#define THAW_UI_SCREEN_H

#include "keymap.h"

struct ui;

enum { SCREEN_HINTS = 8 };
struct screen_hint {
    enum command command;
    const char *label; /* NULL: the command's own label */
};

struct screen {
    enum screen_id id;
    const char *name;  /* "models" */
    const char *title; /* on the tab: "Models" */
    void *(*create)(struct ui *ui);
    void (*destroy)(void *state);
    /* Draws all of `area` (already blank, already the clip). Called at most ~15 times a second while a run trains and
     * after every key. */
    void (*draw)(void *state, struct ui *ui, struct canvas *canvas, struct rect area);
    /* A command by key, click or name; `argument` is "" by key. false: not taken, ui_command.c gets it. */
    bool (*command)(void *state, struct ui *ui, enum command command, const char *argument);
    /* Raw keys before the keymap sees them, for text fields; may be NULL. true: taken. */
    bool (*key)(void *state, struct ui *ui, const struct term_event *event);
    /* Mouse inside the body; may be NULL. true: taken. */
    bool (*mouse)(void *state, struct ui *ui, const struct term_event *event);
    /* Best keys first; the bottom line shows as many as fit, the common ones (help, quit) behind. Returns how many. */
    int (*keys)(void *state, struct ui *ui, struct screen_hint hints[SCREEN_HINTS]);
    /* Something in the session changed (events, another model); may be NULL. */
    void (*changed)(void *state, struct ui *ui);
    /* The screen comes to the front; may be NULL. */
    void (*shown)(void *state, struct ui *ui);
};

extern const struct screen *const screen_table[SCREENS]; /* in the order of enum screen_id; screen.c */

#endif
