/* What term.c and term_input.c share. The only file that includes ncurses. */
#ifndef THAW_UI_TERM_PRIVATE_H
#define THAW_UI_TERM_PRIVATE_H

#include <curses.h>
#include <signal.h>

#include "term.h"
#include "term_output.h"

struct term {
    SCREEN *screen;
    WINDOW *keys; /* a pad: asking it for keys draws nothing */
    bool ascii, mouse, cursor, resized, styled;
    int colours;
    struct theme theme;             /* the roles below belong to it */
    struct glyph role[THEME_ROLES]; /* without a code */
    struct output output;
    size_t bytes;       /* sent */
    struct glyph *sent; /* what the terminal shows; NULL: not known */
    int sent_width, sent_height;
    struct sigaction old_fatal[5], old_wake[4];
    /* for double clicks and drags */
    double press_time;
    int press_x, press_y, held;
    MEVENT mice[16]; /* the next is the last: ncurses hands out the newest first */
    int mice_count;
};

bool term_take_resize(struct term *term); /* whether the window has changed its size; tells ncurses */
void term_define_keys(void);              /* those with modifiers, by names of our own */

#endif
