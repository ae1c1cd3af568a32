/* Fitting a colour to what a terminal can show. Private to term.c and its test. */
#ifndef THAW_UI_COLOUR_H
#define THAW_UI_COLOUR_H

#include <stdbool.h>

enum { COLOUR_RGB = 0x1000000 };

/* A colour (-1, 0..255, COLOUR_RGB | rrggbb) as a terminal with so many colours (0, 8, 16, 256, more: true colours) can
 * show it, in the same form; -1 is its own. With 8 or 16 colours a grey becomes the terminal's own colour, and *dim says whether to dim it, for a
 * basic grey may be the ground itself; dim NULL: greys are matched too (images). */
int colour_fit(int colours, int colour, bool *dim);

#endif
