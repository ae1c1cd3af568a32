/* Winograd's transforms on tiles (Lavin and Gray 2015, interpolation points 0, 1, -1, 2, -2 and infinity; for 2x2 tiles
 * 0, 1, -1).
 *
 * Each transform is the same one-dimensional one applied to the columns and then to the rows of a small matrix whose
 * elements are vectors of 16 channels. Rows are finished in pairs that share their terms, so that few vectors are alive
 * at a time. Channels left over by the vectors, and channel counts below one vector, go through a copy on the stack.
 * Called by op_conv_winograd.c and op_conv_winograd_weights.c from tasks. */
#include "config.h"

#include "winograd_tiles.h"

#include <string.h>

#include "winograd_walk.h"

struct winograd_grid winograd_grid(int m, struct shape4 from, struct shape4 to, int pad_top, int pad_left)
{
    struct winograd_grid grid = {.m = m, .from = from, .to = to, .pad_top = pad_top, .pad_left = pad_left};
    grid.down = (to.h + m - 1) / m;
    grid.across = (to.w + m - 1) / m;
    grid.tiles = (size_t)to.n * (size_t)grid.down * (size_t)grid.across;
    return grid;
}

/* The addresses of a square of pixels whose corner is (y, x); zeros for those outside the image. */
INLINE void locate(const float *at[], int side, struct shape4 shape, const float *image, size_t n, int y, int x,
                   int channel, const float *zeros)
{
    size_t step = (size_t)shape.c, line = (size_t)shape.w * step;
    const float *corner =
        image + n * (size_t)shape.h * line + (ptrdiff_t)y * (ptrdiff_t)line + (ptrdiff_t)x * shape.c + channel;
    if (y >= 0 && x >= 0 && y + side <= shape.h && x + side <= shape.w) {
        for (int r = 0; r < side; r++)
            for (int c = 0; c < side; c++)
                at[r * side + c] = corner + (size_t)r * line + (size_t)c * step;
        return;
    }
    for (int r = 0; r < side; r++)
        for (int c = 0; c < side; c++) {
            bool inside = y + r >= 0 && y + r < shape.h && x + c >= 0 && x + c < shape.w;
            at[r * side + c] = inside ? corner + (ptrdiff_t)r * (ptrdiff_t)line + c * shape.c : zeros;
        }
}

/* --- image to planes: B^T d B --- */

INLINE void take_row_4(const wide t[6], float *v, size_t plane)
{
    wide even = t[4] - 4 * t[2], odd = t[3] - 4 * t[1];
    AT(v) = 4 * t[0] - 5 * t[2] + t[4];
    AT(v + plane) = even + odd;
    AT(v + 2 * plane) = even - odd;
    even = t[4] - t[2];
    odd = 2 * (t[3] - t[1]);
    AT(v + 3 * plane) = even + odd;
    AT(v + 4 * plane) = even - odd;
    AT(v + 5 * plane) = 4 * t[1] - 5 * t[3] + t[5];
}

/* 16 channels of a 6x6 patch. */
INLINE void take_4(const float *const at[36], size_t channel, float *v, size_t plane)
{
    wide t[6], u[6];
#define D(r, c)  FROM(at[(r)*6 + (c)] + channel)
#define FIRST(c) t[c] = 4 * D(0, c) - 5 * D(2, c) + D(4, c);
#define NEAR(c)                                                                                                        \
    {                                                                                                                  \
        wide even = D(4, c) - 4 * D(2, c), odd = D(3, c) - 4 * D(1, c);                                                \
        t[c] = even + odd;                                                                                             \
        u[c] = even - odd;                                                                                             \
    }
#define FAR(c)                                                                                                         \
    {                                                                                                                  \
        wide even = D(4, c) - D(2, c), odd = 2 * (D(3, c) - D(1, c));                                                  \
        t[c] = even + odd;                                                                                             \
        u[c] = even - odd;                                                                                             \
    }
#define LAST(c) t[c] = 4 * D(1, c) - 5 * D(3, c) + D(5, c);
    EACH6(FIRST)
    take_row_4(t, v, plane);
    EACH6(NEAR)
    take_row_4(t, v + 6 * plane, plane);
    take_row_4(u, v + 12 * plane, plane);
    EACH6(FAR)
    take_row_4(t, v + 18 * plane, plane);
    take_row_4(u, v + 24 * plane, plane);
    EACH6(LAST)
    take_row_4(t, v + 30 * plane, plane);
#undef D
#undef FIRST
#undef NEAR
#undef FAR
#undef LAST
}

INLINE void take_row_2(const wide t[4], float *v, size_t plane)
{
    AT(v) = t[0] - t[2];
    AT(v + plane) = t[1] + t[2];
    AT(v + 2 * plane) = t[2] - t[1];
    AT(v + 3 * plane) = t[1] - t[3];
}

/* 16 channels of a 4x4 patch. */
INLINE void take_2(const float *const at[16], size_t channel, float *v, size_t plane)
{
    wide d[4][4], t[4];
#define LOAD(c)                                                                                                        \
    d[0][c] = FROM(at[c] + channel);                                                                                   \
    d[1][c] = FROM(at[4 + (c)] + channel);                                                                             \
    d[2][c] = FROM(at[8 + (c)] + channel);                                                                             \
    d[3][c] = FROM(at[12 + (c)] + channel);
    EACH4(LOAD)
#define ROW(number, expression)                                                                                        \
    for (int c = 0; c < 4; c++)                                                                                        \
        t[c] = expression;                                                                                             \
    take_row_2(t, v + (number)*4 * plane, plane);
    ROW(0, d[0][c] - d[2][c])
    ROW(1, d[1][c] + d[2][c])
    ROW(2, d[2][c] - d[1][c])
    ROW(3, d[1][c] - d[3][c])
#undef LOAD
#undef ROW
}

/* --- an output's gradient to planes: A g A^T --- */

INLINE void spread_row_4(const wide t[4], float *v, size_t plane)
{
    wide even = t[0] + t[2], odd = t[1] + t[3];
    AT(v) = t[0];
    AT(v + plane) = even + odd;
    AT(v + 2 * plane) = even - odd;
    even = t[0] + 4 * t[2];
    odd = 2 * t[1] + 8 * t[3];
    AT(v + 3 * plane) = even + odd;
    AT(v + 4 * plane) = even - odd;
    AT(v + 5 * plane) = t[3];
}

INLINE void spread_4(const float *const at[16], size_t channel, float *v, size_t plane)
{
    wide d[4][4], t[4], u[4];
#define LOAD(c)                                                                                                        \
    d[0][c] = FROM(at[c] + channel);                                                                                   \
    d[1][c] = FROM(at[4 + (c)] + channel);                                                                             \
    d[2][c] = FROM(at[8 + (c)] + channel);                                                                             \
    d[3][c] = FROM(at[12 + (c)] + channel);
#define NEAR(c)                                                                                                        \
    {                                                                                                                  \
        wide even = d[0][c] + d[2][c], odd = d[1][c] + d[3][c];                                                        \
        t[c] = even + odd;                                                                                             \
        u[c] = even - odd;                                                                                             \
    }
#define FAR(c)                                                                                                         \
    {                                                                                                                  \
        wide even = d[0][c] + 4 * d[2][c], odd = 2 * d[1][c] + 8 * d[3][c];                                            \
        t[c] = even + odd;                                                                                             \
        u[c] = even - odd;                                                                                             \
    }
    EACH4(LOAD)
    spread_row_4(d[0], v, plane);
    EACH4(NEAR)
    spread_row_4(t, v + 6 * plane, plane);
    spread_row_4(u, v + 12 * plane, plane);
    EACH4(FAR)
    spread_row_4(t, v + 18 * plane, plane);
    spread_row_4(u, v + 24 * plane, plane);
    spread_row_4(d[3], v + 30 * plane, plane);
#undef LOAD
#undef NEAR
#undef FAR
}

INLINE void spread_row_2(const wide t[2], float *v, size_t plane)
{
    AT(v) = t[0];
    AT(v + plane) = t[0] + t[1];
    AT(v + 2 * plane) = t[0] - t[1];
    AT(v + 3 * plane) = -t[1];
}

INLINE void spread_2(const float *const at[4], size_t channel, float *v, size_t plane)
{
    wide d[2][2], t[2];
    for (int i = 0; i < 4; i++)
        d[i / 2][i % 2] = FROM(at[i] + channel);
#define ROW(number, expression)                                                                                        \
    for (int c = 0; c < 2; c++)                                                                                        \
        t[c] = expression;                                                                                             \
    spread_row_2(t, v + (number)*4 * plane, plane);
    ROW(0, d[0][c])
    ROW(1, d[0][c] + d[1][c])
    ROW(2, d[0][c] - d[1][c])
    ROW(3, -d[1][c])
#undef ROW
}

/* --- both, tile by tile --- */

enum direction { TAKE, SPREAD };

INLINE void to_planes_16(enum direction direction, int m, const float *const at[], size_t channel, float *v,
                         size_t plane)
{
    if (direction == TAKE && m == 4)
        take_4(at, channel, v, plane);
    else if (direction == TAKE)
        take_2(at, channel, v, plane);
    else if (m == 4)
        spread_4(at, channel, v, plane);
    else
        spread_2(at, channel, v, plane);
}

/* Fewer channels than a vector holds, through copies; `written` of them at least: the rest of a panel becomes zero. */
INLINE void to_planes_few(enum direction direction, int m, const float *const at[], size_t channel, int side, int count,
                          int written, float *v, size_t plane)
{
    float from[WINOGRAD_PLANES_MOST * LANES] = {0}, to[WINOGRAD_PLANES_MOST * LANES];
    const float *copy[WINOGRAD_PLANES_MOST];
    for (int i = 0; i < side * side; i++) {
        memcpy(from + i * LANES, at[i] + channel, (size_t)count * sizeof *from);
        copy[i] = from + i * LANES;
    }
    to_planes_16(direction, m, copy, 0, to, LANES);
    for (int z = 0; z < winograd_planes(m); z++)
        memcpy(v + (size_t)z * plane, to + z * LANES, (size_t)written * sizeof *v);
}

INLINE void to_planes(enum direction direction, int m, const struct winograd_grid *grid, const float *image,
                      const struct winograd_run *run)
{
    const float *at[WINOGRAD_PLANES_MOST];
    int side = direction == TAKE ? m + 2 : m, top = direction == TAKE ? grid->pad_top : 0,
        left = direction == TAKE ? grid->pad_left : 0;
    int whole = run->channels / LANES, rest = run->channels % LANES;
    struct tile tile = tile_at(grid, run->first);
    float *v = run->block;
    for (int i = 0; i < run->count; i++, tile = tile_after(grid, tile), v += run->tile) {
        locate(at, side, direction == TAKE ? grid->from : grid->to, image, tile.image, tile.y * m - top,
               tile.x * m - left, run->channel, run->zeros);
        for (int g = 0; g < whole; g++)
            to_planes_16(direction, m, at, (size_t)g * LANES, v + (size_t)g * run->panel, run->plane);
        if (rest && run->panel == LANES && whole) { /* overlaps the vector before: the same values again */
            size_t last = (size_t)(run->channels - LANES);
            to_planes_16(direction, m, at, last, v + last, run->plane);
        } else if (rest) {
            to_planes_few(direction, m, at, (size_t)whole * LANES, side, rest, run->panel == LANES ? rest : LANES,
                          v + (size_t)whole * run->panel, run->plane);
        }
    }
}

CLONES void winograd_take_4(const struct winograd_grid *grid, const float *image, const struct winograd_run *run)
{
    to_planes(TAKE, 4, grid, image, run);
}

CLONES void winograd_take_2(const struct winograd_grid *grid, const float *image, const struct winograd_run *run)
{
    to_planes(TAKE, 2, grid, image, run);
}

CLONES void winograd_spread_4(const struct winograd_grid *grid, const float *image, const struct winograd_run *run)
{
    to_planes(SPREAD, 4, grid, image, run);
}

CLONES void winograd_spread_2(const struct winograd_grid *grid, const float *image, const struct winograd_run *run)
{
    to_planes(SPREAD, 2, grid, image, run);
}

void winograd_take(const struct winograd_grid *grid, const float *image, const struct winograd_run *run)
{
    check_run(grid, run);
    check_floats(run->zeros, (size_t)run->channels);
    check_lines(grid, run, grid->from, grid->pad_top, grid->m + 2, image);
    (grid->m == 4 ? winograd_take_4 : winograd_take_2)(grid, image, run);
}

void winograd_spread(const struct winograd_grid *grid, const float *image, const struct winograd_run *run)
{
    check_run(grid, run);
    check_floats(run->zeros, (size_t)run->channels);
    check_lines(grid, run, grid->to, 0, grid->m, image);
    (grid->m == 4 ? winograd_spread_4 : winograd_spread_2)(grid, image, run);
}
