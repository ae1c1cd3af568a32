/* The resize of image.h for a part of the result only, so that a crop of a long thin picture never makes the whole.
 * Private to src/data. */
#ifndef THAW_DATA_RESIZE_H
#define THAW_DATA_RESIZE_H

#include "thaw/data/image.h"

/* Columns left.. and rows top.. of the full result, width x height of them, to rgb, rows `stride` bytes apart. */
struct resize_window {
    int left, top, width, height;
    uint8_t *rgb;
    size_t stride;
};
/* box: x, y, width, height of the part of `from` that becomes full_width x full_height. */
void image_resize_window(const struct image *from, enum interpolation interpolation, const double box[4],
                         int full_width, int full_height, const struct resize_window *window) THAW_NONNULL;

#endif
