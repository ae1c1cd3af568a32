/* Which input pixels a pooling window covers, and where in it a maximum was found; shared by the kernels and their
 * reference twins. */
#ifndef THAW_OPS_POOL_H
#define THAW_OPS_POOL_H

#include "window.h"

/* Input rows y0..y1-1 and columns x0..x1-1, cut at the image's edge; divisor: what an average divides by. */
struct pool_window {
    int y0, x0, y1, x1, divisor;
};

/* The window of output pixel (oy, ox). The divisor counts padding inside the padded image where count_padding is set, as
 * torch does, and only real pixels otherwise. */
static inline struct pool_window pool_window(const struct op_attrs *a, struct shape4 in, int oy, int ox)
{
    int y0 = oy * a->stride_h - a->pad_top, x0 = ox * a->stride_w - a->pad_left;
    int y1 = y0 + a->kernel_h, x1 = x0 + a->kernel_w;
    int padded_y1 = y1 < in.h + a->pad_bottom ? y1 : in.h + a->pad_bottom;
    int padded_x1 = x1 < in.w + a->pad_right ? x1 : in.w + a->pad_right;
    int counted = (padded_y1 - y0) * (padded_x1 - x0);
    y0 = y0 > 0 ? y0 : 0;
    x0 = x0 > 0 ? x0 : 0;
    y1 = y1 < in.h ? y1 : in.h;
    x1 = x1 < in.w ? x1 : in.w;
    return (struct pool_window){y0, x0, y1, x1, a->count_padding ? counted : (y1 - y0) * (x1 - x0)};
}

/* Places of a window are numbered row by row. Those of the maxima are kept as bytes, or as int32s where a window has
 * more than a byte counts. */
enum { POOL_BYTE_PLACES = 256 };

static inline bool pool_places_are_bytes(const struct op_attrs *a)
{
    return (int64_t)a->kernel_h * a->kernel_w <= POOL_BYTE_PLACES;
}

static inline int pool_place(const struct op_attrs *a, const void *saved, size_t value)
{
    return pool_places_are_bytes(a) ? ((const uint8_t *)saved)[value] : ((const int32_t *)saved)[value];
}

static inline void pool_set_place(const struct op_attrs *a, void *saved, size_t value, int place)
{
    if (pool_places_are_bytes(a))
        ((uint8_t *)saved)[value] = (uint8_t)place;
    else
        ((int32_t *)saved)[value] = place;
}

/* The pixel of an input image. */
static inline int pool_place_pixel(struct shape4 in, struct pool_window w, int place)
{
    int width = w.x1 - w.x0;
    return (w.y0 + place / width) * in.w + w.x0 + place % width;
}

#endif
