/* Layout: pure functions from a size to rectangles. Rectangles never overlap and never leave their parent; one that has
 * no room has w or h 0 (test with rect_empty and draw nothing). */
#ifndef THAW_UI_LAYOUT_H
#define THAW_UI_LAYOUT_H

#include "canvas.h"

enum { LAYOUT_MIN_WIDTH = 60, LAYOUT_MIN_HEIGHT = 15 };

struct layout {
    bool too_small;
    struct rect tabs;    /* top line */
    struct rect body;    /* what a screen draws into */
    struct rect message; /* last line but one: messages, prompts */
    struct rect keys;    /* bottom line */
};
struct layout layout_frame(int width, int height);

/* Side by side or one above the other, `gap` cells between. `ratio` is the share of the first; both get their minimum
 * when there is room for both, otherwise the first gets all and the second is empty. */
void layout_columns(struct rect area, double ratio, int min_first, int min_second, int gap, struct rect *first,
                    struct rect *second);
void layout_rows(struct rect area, double ratio, int min_first, int min_second, int gap, struct rect *first,
                 struct rect *second);
/* Cuts `size` lines (columns) off an end of *area, as many as there are, and returns them. */
struct rect layout_cut_top(struct rect *area, int size);
struct rect layout_cut_bottom(struct rect *area, int size);
struct rect layout_cut_left(struct rect *area, int size);
struct rect layout_cut_right(struct rect *area, int size);
struct rect layout_inset(struct rect area, int dx, int dy); /* smaller by dx left and right, dy above and below */
struct rect layout_centre(struct rect area, int width, int height); /* of that size at most, in the middle */

bool rect_empty(struct rect rect);
bool rect_holds(struct rect rect, int x, int y);
struct rect rect_intersect(struct rect a, struct rect b);

#endif
