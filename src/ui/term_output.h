/* What changed between two frames as bytes for the terminal: as few as moves, attributes, erasing and repeating give. Knows
 * no terminal: term.c says which sequences it has. Private to term.c and its test. */
#ifndef THAW_UI_TERM_OUTPUT_H
#define THAW_UI_TERM_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How a cell looks on this terminal. */
struct glyph {
    uint32_t code;  /* Unicode; 0: right half of a wide character */
    int fg, bg;     /* as colour_fit says: -1 the terminal's own */
    unsigned attrs; /* CELL_* */
};

/* A terminal's sequences, "" where it has none. */
struct output_codes {
    bool ansi;                                                   /* moves and attributes are those of ECMA-48 */
    bool repeat;                                                 /* and CSI n b repeats a character */
    bool corner;                                                 /* the last cell may be written */
    char off[32], bold[32], dim[32], reverse[32], underline[32]; /* off: all attributes and colours */
    unsigned without_colour;                                     /* CELL_* that cannot be had together with a colour */
    void (*move)(char code[32], int x, int y);                   /* cells from 0 */
    void (*colour)(char code[32], bool ground, int colour);      /* colour >= 0 */
};

struct output {
    struct output_codes codes;
    char *bytes; /* [count]; the caller sends them and sets count to 0 */
    size_t count, room;
    int x, y; /* where the cursor is; x -1: not known */
    struct glyph pen;
    bool known; /* the pen */
};
void output_finish(struct output *output);
void output_text(struct output *output, const char *bytes); /* as it is */
/* Blank cells and a cursor and a pen that are not known: after the terminal was cleared. */
void output_forget(struct output *output);
/* What makes the line `before` look like `now`, `width` cells each; the last line of the screen if `last`. */
void output_line(struct output *output, int y, const struct glyph *now, const struct glyph *before, int width,
                 bool last);

#endif
