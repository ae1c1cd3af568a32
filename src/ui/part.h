/* Parts that several screens draw: empty states, headings, freeze marks, shares. They sit on top of the widgets and, unlike
 * them, know the ui and the session's words. */
#ifndef THAW_UI_PART_H
#define THAW_UI_PART_H

#include "ui.h"
#include "widget.h"

enum { PART_KEY = 16, PART_TEXT = 64 };

/* The key that does a command, named as the screen in front means it: "1", or ":models" when it has none. Returns `key`. */
char *part_key(const struct ui *ui, const char *command, char key[PART_KEY]);
/* An empty state in the middle of `area`: a title and what to do next. */
void part_empty(struct canvas *canvas, struct rect area, const char *title, const char *text);
/* Says what is being opened, in place of an empty state; false: nothing is. */
bool part_opening(struct ui *ui, struct canvas *canvas, struct rect area);
/* A line "Title ------ right" over the whole width of `area`'s first row; cut off the area. */
void part_heading(struct canvas *canvas, struct rect *area, const char *title, const char *right, bool focused);

/* "93.4%", "-" for a share below 0. Returns `text`. */
char *part_percent(char text[WORDS_MAX], double share);
/* The last folder of a path: "indian"; "" stays "". Borrowed from `path`. */
const char *part_leaf(const char *path);

/* Freeze marks: ice and water, each with a shape of its own so that they read without colour. */
const char *part_mark_sign(enum session_mark mark); /* "✻", one cell */
enum theme_role part_mark_role(enum session_mark mark);
const char *part_mark_name(enum session_mark mark);

/* Asks for a filter with `/`: `text` (room bytes) follows the typing, Esc puts back what was there. `changed` runs after
 * each edit. The struct belongs to the screen and must stay. */
struct part_filter {
    char text[128], before[128];
    void (*changed)(void *context, struct ui *ui);
    void *context;
};
void part_filter_ask(struct part_filter *filter, struct ui *ui, const char *argument);
bool part_filter_clear(struct part_filter *filter, struct ui *ui); /* false: there was none */

#endif
