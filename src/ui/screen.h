/* A screen: one of those listed in screens.h. Screens hold no engine object; they read the session when they draw. All
 * hooks run on the one UI thread. */
#ifndef THAW_UI_SCREEN_H
#define THAW_UI_SCREEN_H

#include "canvas.h"
#include "command.h"
#include "screens.h"
#include "term.h"
#include "widget.h"

enum { SCREEN_HINTS = 8 };
struct screen_hint {
    const char *command; /* by name, as this screen means it */
    const char *label;   /* NULL: the command's own label */
};

/* Whose a screen is: the next run's, the shown run's, or neither's. */
enum screen_subject { SUBJECT_NEXT_RUN, SUBJECT_RUN, SUBJECT_NONE, SUBJECTS };

struct screen {
    const char *title; /* on the tab: "Models" */
    enum screen_subject subject;
    /* Where that changes; may be NULL. state NULL: it was never shown. */
    enum screen_subject (*subject_now)(void *state, struct ui *ui);
    struct command go; /* shows the screen; its run is ui_show */
    void *(*create)(struct ui *ui);
    void (*destroy)(void *state);
    /* Draws all of `area` (already blank, already the clip). Called a few times a second at most while a run trains, and
     * after every key. */
    void (*draw)(void *state, struct ui *ui, struct canvas *canvas, struct rect area);
    struct command_table commands; /* by key, click or name, on this screen */
    /* Up, down, left, right, pages and ends. */
    void (*move)(void *state, struct ui *ui, enum move move);
    /* Mouse inside the body; may be NULL. true: taken. */
    bool (*mouse)(void *state, struct ui *ui, const struct term_event *event);
    /* Best keys first; the bottom line shows as many as fit, the common ones (help, quit) behind. Returns how many. */
    int (*keys)(void *state, struct ui *ui, struct screen_hint hints[SCREEN_HINTS]);
    /* Something in the session changed (events, another model); may be NULL. */
    void (*changed)(void *state, struct ui *ui);
    /* The screen comes to the front; may be NULL. */
    void (*shown)(void *state, struct ui *ui);
};

#define SCREEN_ROW(id, name) extern const struct screen screen_##name;
SCREEN_LIST(SCREEN_ROW)
#undef SCREEN_ROW
extern const struct screen *const screen_table[SCREENS]; /* in the order of enum screen_id; screen.c */
/* Whose one is now. state may be NULL. */
enum screen_subject screen_subject(const struct screen *screen, void *state, struct ui *ui);

#endif
