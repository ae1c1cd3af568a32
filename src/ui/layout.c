/* Layout: from a size to rectangles, in cells. Pure: no state, no drawing. Called by the frame and every screen; tested
 * over all sizes from 60 x 15 to 300 x 100. */
#include "config.h"

#include "layout.h"

bool rect_empty(struct rect rect)
{
    return rect.w <= 0 || rect.h <= 0;
}

bool rect_holds(struct rect rect, int x, int y)
{
    return x >= rect.x && y >= rect.y && x < rect.x + rect.w && y < rect.y + rect.h;
}

struct rect rect_intersect(struct rect a, struct rect b)
{
    int left = a.x > b.x ? a.x : b.x, top = a.y > b.y ? a.y : b.y;
    int right = a.x + a.w < b.x + b.w ? a.x + a.w : b.x + b.w;
    int bottom = a.y + a.h < b.y + b.h ? a.y + a.h : b.y + b.h;
    return (struct rect){left, top, right > left ? right - left : 0, bottom > top ? bottom - top : 0};
}

struct layout layout_frame(int width, int height)
{
    struct layout layout = {.too_small = width < LAYOUT_MIN_WIDTH || height < LAYOUT_MIN_HEIGHT};
    struct rect all = {0, 0, width > 0 ? width : 0, height > 0 ? height : 0};
    if (layout.too_small) {
        layout.body = all;
        return layout;
    }
    layout.tabs = layout_cut_top(&all, 1);
    layout.keys = layout_cut_bottom(&all, 1);
    layout.message = layout_cut_bottom(&all, 1);
    layout.body = all;
    return layout;
}

/* The first part of `size` when split by ratio, with both minimums kept when there is room for both. */
static int split(int size, double ratio, int min_first, int min_second, int gap)
{
    if (size < min_first + gap + min_second || size <= gap)
        return size;
    int first = (int)((size - gap) * ratio + 0.5);
    if (first < min_first)
        first = min_first;
    if (size - gap - first < min_second)
        first = size - gap - min_second;
    return first;
}

void layout_columns(struct rect area, double ratio, int min_first, int min_second, int gap, struct rect *first,
                    struct rect *second)
{
    int w = split(area.w, ratio, min_first, min_second, gap);
    *first = (struct rect){area.x, area.y, w, area.h};
    *second = w == area.w ? (struct rect){area.x + area.w, area.y, 0, 0}
                          : (struct rect){area.x + w + gap, area.y, area.w - w - gap, area.h};
}

void layout_rows(struct rect area, double ratio, int min_first, int min_second, int gap, struct rect *first,
                 struct rect *second)
{
    int h = split(area.h, ratio, min_first, min_second, gap);
    *first = (struct rect){area.x, area.y, area.w, h};
    *second = h == area.h ? (struct rect){area.x, area.y + area.h, 0, 0}
                          : (struct rect){area.x, area.y + h + gap, area.w, area.h - h - gap};
}

static int at_most(int size, int room)
{
    return size < 0 ? 0 : size > room ? room : size;
}

struct rect layout_cut_top(struct rect *area, int size)
{
    size = at_most(size, area->h);
    struct rect cut = {area->x, area->y, area->w, size};
    area->y += size;
    area->h -= size;
    return cut;
}

struct rect layout_cut_bottom(struct rect *area, int size)
{
    size = at_most(size, area->h);
    area->h -= size;
    return (struct rect){area->x, area->y + area->h, area->w, size};
}

struct rect layout_cut_left(struct rect *area, int size)
{
    size = at_most(size, area->w);
    struct rect cut = {area->x, area->y, size, area->h};
    area->x += size;
    area->w -= size;
    return cut;
}

struct rect layout_cut_right(struct rect *area, int size)
{
    size = at_most(size, area->w);
    area->w -= size;
    return (struct rect){area->x + area->w, area->y, size, area->h};
}

struct rect layout_inset(struct rect area, int dx, int dy)
{
    if (area.w <= 2 * dx || area.h <= 2 * dy)
        return (struct rect){area.x, area.y, 0, 0};
    return (struct rect){area.x + dx, area.y + dy, area.w - 2 * dx, area.h - 2 * dy};
}

struct rect layout_centre(struct rect area, int width, int height)
{
    width = at_most(width, area.w);
    height = at_most(height, area.h);
    return (struct rect){area.x + (area.w - width) / 2, area.y + (area.h - height) / 2, width, height};
}
