/* A canvas: a grid of cells that screens draw into and that knows no terminal. It dumps to text for tests; term.c blits
 * what changed. */
#ifndef THAW_UI_CANVAS_H
#define THAW_UI_CANVAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "theme.h"

struct rect {
    int x, y, w, h;
};

enum { CELL_BOLD = 1, CELL_REVERSE = 2, CELL_UNDERLINE = 4, CELL_DIM = 8 };
/* A cell is coloured by a theme role, or by two RGB colours (images) when rgb is set. */
struct cell {
    uint32_t code; /* Unicode; 0: right half of a wide character */
    uint16_t role; /* enum theme_role */
    uint8_t attrs; /* CELL_* */
    bool rgb;
    uint8_t fg[3], bg[3];
};

struct canvas {
    int width, height;
    bool ascii;        /* characters outside ASCII become their nearest look */
    bool console;      /* the Linux console: of what is outside Latin it has lines and blocks alone */
    bool mono;         /* images are dithered instead of coloured */
    struct cell *cell; /* [height][width] */
    struct rect clip;
    int cursor_x, cursor_y; /* the text cursor; -1: hidden. canvas_clear hides it */
    int cuts;               /* texts that did not fit since canvas_clear, but for cells of tables */
    char whole[512];        /* what a table's selected row did not have room for, in full; "" after canvas_clear */
};

struct canvas *canvas_create(int width, int height);
void canvas_destroy(struct canvas *canvas);
void canvas_resize(struct canvas *canvas, int width, int height);
void canvas_clear(struct canvas *canvas);                         /* blanks in THEME_TEXT */
struct rect canvas_clip(struct canvas *canvas, struct rect clip); /* returns the one before */
void canvas_put(struct canvas *canvas, int x, int y, uint32_t code, enum theme_role role, unsigned attrs);
/* UTF-8, cut at `width` cells with an ellipsis; returns cells used. Outside the clip nothing is drawn. */
int canvas_text(struct canvas *canvas, int x, int y, int width, enum theme_role role, unsigned attrs, const char *text);
int canvas_format(struct canvas *canvas, int x, int y, int width, enum theme_role role, unsigned attrs,
                  const char *format, ...) __attribute__((format(printf, 7, 8)));
void canvas_fill(struct canvas *canvas, struct rect area, uint32_t code, enum theme_role role, unsigned attrs);
void canvas_box(struct canvas *canvas, struct rect area, enum theme_role role, const char *title);
/* 8-bit RGB, scaled to fit and centred: two pixels a cell (upper half block); braille dots when mono; shades of ASCII
 * without UTF-8. */
void canvas_image(struct canvas *canvas, struct rect area, const uint8_t *rgb, int width, int height);
/* Rows joined by newlines, trailing blanks cut; caller frees. */
char *canvas_dump(const struct canvas *canvas);

/* The next character of UTF-8, *text moved behind it; U+FFFD for a bad byte, 0 at the end (not moved). */
uint32_t utf8_next(const char **text);
int utf8_put(char bytes[5], uint32_t code); /* returns bytes written, a NUL behind them */
int code_width(uint32_t code);              /* cells: 0, 1 or 2; independent of the locale's tables where it matters */
char *text_tail(char *cut, size_t room, const char *text, int width); /* its end, behind "…", in `width` cells */
/* Its beginning and its end, "…" between, in `width` cells; "" where that is less than one. Return `cut` or `text`. */
const char *text_middle(char *cut, size_t room, const char *text, int width);
int text_width(const char *text); /* cells */

#endif
