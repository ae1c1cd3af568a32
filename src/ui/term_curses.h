/* What term.c and term_input.c share. Only these two include it, and ncurses. */
#ifndef THAW_UI_TERM_CURSES_H
#define THAW_UI_TERM_CURSES_H

#include <curses.h>
#include <signal.h>

#include "term.h"

struct term {
    SCREEN *screen;
    bool ascii, mouse, cursor, resized, styled;
    int colours;
    struct theme theme; /* the roles below belong to it */
    int role_pair[THEME_ROLES];
    unsigned role_attrs[THEME_ROLES];
    struct cell *sent; /* what the terminal shows; NULL: not known */
    int sent_width, sent_height;
    struct sigaction old_fatal[5], old_wake[4];
    /* for double clicks and drags */
    double press_time;
    int press_x, press_y, held;
    MEVENT mice[16]; /* the next is the last: ncurses hands out the newest first */
    int mice_count;
};

bool term_take_resize(struct term *term);
void term_define_keys(void); /* keys with modifiers, which ncurses knows by name only */

#endif
