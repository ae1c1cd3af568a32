/* Parts that several screens draw: empty states, headings, freeze marks, shares. They sit on top of the widgets and, unlike
 * them, know the ui and the session's words. */
#ifndef THAW_UI_COMPONENT_H
#define THAW_UI_COMPONENT_H

#include "ui.h"
#include "widget.h"

enum { COMPONENT_KEY = 16, COMPONENT_TEXT = 64 };

/* The key that does a command, named as the screen in front means it: "1", or ":models" when it has none. Returns `key`. */
char *component_key(const struct ui *ui, const char *command, char key[COMPONENT_KEY]);
/* An empty state in the middle of `area`: a title and what to do next. */
void component_empty(struct canvas *canvas, struct rect area, const char *title, const char *text);
/* Says what is being opened, in place of an empty state; false: nothing is. */
bool component_opening(struct ui *ui, struct canvas *canvas, struct rect area);
/* A line "Title ------ right" over the whole width of `area`'s first row; cut off the area. */
void component_heading(struct canvas *canvas, struct rect *area, const char *title, const char *right, bool focused);

/* "93.4%", "-" for a share below 0. Returns `text`. */
char *component_percent(char text[WORDS_MAX], double share);
/* What epochs take: "4.2 s, then 13 ms", "3 of 4.2 s, then 13 ms", "about 8.2 s", "being measured"; "" where it is not
 * known. Returns `text`. */
char *component_epochs(char text[COMPONENT_TEXT], const struct session_cost *cost);
/* The last folder of a path: "indian"; "" stays "". Borrowed from `path`. */
const char *component_leaf(const char *path);

/* A run's name, or the last part of its path, without the time that it begins with. Borrowed. */
const char *component_run_title(const char *run);

/* Freeze marks: ice and water, each with a shape of its own so that they read without colour. */
const char *component_mark_sign(enum session_mark mark); /* "✻", one cell */
enum theme_role component_mark_role(enum session_mark mark);
const char *component_mark_name(enum session_mark mark);

/* Asks for a filter with `/`: `text` (room bytes) follows the typing, Esc puts back what was there. `changed` runs after
 * each edit. The struct belongs to the screen and must stay. */
struct component_filter {
    char text[128], before[128];
    void (*changed)(void *context, struct ui *ui);
    void *context;
};
void component_filter_ask(struct component_filter *filter, struct ui *ui, const char *argument);
/* What stands in place of rows where none passes the filter. */
void component_no_match(struct canvas *canvas, struct rect area);
bool component_filter_clear(struct component_filter *filter, struct ui *ui); /* false: there was none */

#endif
