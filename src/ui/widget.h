/* Widgets: small pieces that draw into a canvas and take commands, keys and clicks. They are plain structs that a screen
 * keeps; zeroed is a good start. */
#ifndef THAW_UI_WIDGET_H
#define THAW_UI_WIDGET_H

#include <stdbool.h>
#include <stddef.h>

#include "canvas.h"
#include "term.h"

enum move { MOVE_UP, MOVE_DOWN, MOVE_PAGE_UP, MOVE_PAGE_DOWN, MOVE_FIRST, MOVE_LAST, MOVE_LEFT, MOVE_RIGHT };

/* --- list: a selection that scrolls. Set rows before drawing; selected is -1 when there are none. --- */
struct list {
    int rows, selected, top;
    int visible;      /* rows that fitted at the last draw */
    struct rect area; /* of the rows, at the last draw: for the mouse */
    int shift;        /* of a table: columns hidden at the left so that others have room */
    int most_shift;   /* at the last draw; 0: all columns are seen */
};
void list_set_rows(struct list *list, int rows); /* keeps the selection where it can */
void list_select(struct list *list, int row);    /* clamped, scrolled into view */
/* The move of an arrow, page or end key; letters are not looked at. */
bool move_of_key(const struct term_event *event, enum move *move);
/* Left and right bring columns of a table into sight that had no room. false: already there. */
bool list_move(struct list *list, enum move move);
enum list_hit {
    LIST_MISS,
    LIST_SCROLLED,
    LIST_SELECTED,
    LIST_OPENED
}; /* OPENED: double click, or click on the selected */
enum list_hit list_mouse(struct list *list, const struct term_event *event);

/* --- table: a list with columns; also the tree (indent and fold marks in a cell) --- */
enum column_align { ALIGN_LEFT, ALIGN_RIGHT, ALIGN_CENTRE };
struct column {
    const char *title;
    int width;   /* cells */
    int stretch; /* share of what is left over; 0: fixed */
    enum column_align align;
    int keep; /* when there is no room, columns with the lowest `keep` go first */
};
struct table_cell {
    char text[160];
    enum theme_role role; /* THEME_TEXT at first */
    unsigned attrs;
    bool tail;  /* of what does not fit the end is shown, as of a path */
    int indent; /* cells before the text */
    int fold;   /* 0 none, 1 folded (+), 2 unfolded (-), 3 leaf: blank in its place */
    double bar; /* 0..1 draws a bar behind nothing: the cell is a bar; < 0 (at first): text */
};
typedef void (*table_fill)(void *context, int row, int column, struct table_cell *cell);
/* Header line, rows, a scroll bar when they do not fit, and signs at the header's end when columns do not. What the
 * selected row of a focused table has no room for goes into canvas->whole. `focused` false draws the selection dimmer. */
void table_draw(struct canvas *canvas, struct rect area, struct list *list, const struct column *columns, int count,
                table_fill fill, void *context, bool focused);
/* The column under a cell of the last draw's header line, -1: none. Same arguments as table_draw. */
int table_column_at(struct rect area, const struct list *list, const struct column *columns, int count, int x, int y);
void scrollbar_draw(struct canvas *canvas, struct rect area, int rows, int top, int visible); /* area: one column */

/* --- bars --- */
void bar_draw(struct canvas *canvas, int x, int y, int width, double share, enum theme_role role);
/* A progress bar with text in its middle. share < 0: not known. */
void gauge_draw(struct canvas *canvas, struct rect area, double share, enum theme_role role, const char *text);

/* --- a line of text being edited --- */
struct input {
    char text[512];
    int cursor;    /* byte offset, at a character's start */
    int scroll;    /* first character shown, bytes */
    bool replaced; /* by what is typed next */
};
void input_set(struct input *input, const char *text); /* cursor at the end */
/* The same, selected: the first key that types or erases takes its place, one that moves keeps it. */
void input_offer(struct input *input, const char *text);
/* Printable characters, arrows, Home, End, Backspace, Delete, C-a C-e C-u C-k C-w. true: taken. */
bool input_key(struct input *input, const struct term_event *event);
void input_draw(struct canvas *canvas, struct rect area, struct input *input, bool focused); /* sets the text cursor */

/* --- words --- */
/* Wraps at blanks; returns lines used, drawn or not. */
int paragraph_draw(struct canvas *canvas, struct rect area, enum theme_role role, unsigned attrs, const char *text);
int paragraph_height(int width, const char *text); /* lines that it takes in so many cells */
/* A line "label  value" with the label dim in `label_width` cells. */
void field_draw(struct canvas *canvas, int x, int y, int width, int label_width, const char *label, const char *value);
/* A tab line of tabs and labels between them; hit[i] gets each one's rectangle (empty when it did not fit). */
struct tab {
    const char *text;
    int number; /* that stands before it; 0: a label */
    bool active;
};
int tab_width(const struct tab *tab); /* cells */
void tabs_draw(struct canvas *canvas, struct rect area, const struct tab *tabs, int count, struct rect *hit);

/* Numbers for people: 11.2 M, 1.8 G, 350 k, 950; 44.6 MiB; 1:02:03 or 4.2 s. They return `text`. */
enum { WORDS_MAX = 24 };
char *words_count(char text[WORDS_MAX], double value);
char *words_bytes(char text[WORDS_MAX], double bytes);
char *words_seconds(char text[WORDS_MAX], double seconds);

/* True when every blank-parted word of the pattern occurs in text, case ignored; a leading - or ! negates. "" matches. */
bool filter_match(const char *pattern, const char *text);

#endif
