/* Winograd's transforms on tiles (Lavin and Gray 2015, interpolation points 0, 1, -1, 2, -2 and infinity; for 2x2 tiles
 * 0, 1, -1).
 *
 * Each transform is the same one-dimensional one applied to the columns and then to the rows of a small matrix whose
 * elements are vectors of 16 channels. Rows are finished in pairs that share their terms, so that few vectors are alive
 * at a time. Channels left over by the vectors, and channel counts below one vector, go through a copy on the stack.
 * Called by op_conv_winograd.c and op_conv_winograd_weights.c from tasks. */
#include "config.h"

#include "winograd_tiles.h"

#include <math.h>
#include <string.h>

#include "winograd_lanes.h"

enum { PATCH_MOST = WINOGRAD_PLANES_MOST };
typedef int mask __attribute__((vector_size(64)));

struct winograd_grid winograd_grid(int m, struct shape4 from, struct shape4 to, int pad_top, int pad_left)
{
    struct winograd_grid grid = {.m = m, .from = from, .to = to, .pad_top = pad_top, .pad_left = pad_left};
    grid.down = (to.h + m - 1) / m;
    grid.across = (to.w + m - 1) / m;
    grid.tiles = (size_t)to.n * (size_t)grid.down * (size_t)grid.across;
    return grid;
}

/* --- where a tile is --- */

struct tile {
    size_t image;
    int y, x; /* in tiles */
};

INLINE struct tile tile_at(const struct winograd_grid *grid, size_t index)
{
    size_t down = (size_t)grid->down, across = (size_t)grid->across;
    return (struct tile){index / across / down, (int)(index / across % down), (int)(index % across)};
}

INLINE struct tile tile_after(const struct winograd_grid *grid, struct tile at)
{
    if (++at.x == grid->across) {
        at.x = 0;
        if (++at.y == grid->down) {
            at.y = 0;
            at.image++;
        }
    }
    return at;
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
    float from[PATCH_MOST * LANES] = {0}, to[PATCH_MOST * LANES];
    const float *copy[PATCH_MOST];
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
    const float *at[PATCH_MOST];
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

THAW_SIMD static void winograd_take_4(const struct winograd_grid *grid, const float *image,
                                      const struct winograd_run *run)
{
    to_planes(TAKE, 4, grid, image, run);
}

THAW_SIMD static void winograd_take_2(const struct winograd_grid *grid, const float *image,
                                      const struct winograd_run *run)
{
    to_planes(TAKE, 2, grid, image, run);
}

THAW_SIMD static void winograd_spread_4(const struct winograd_grid *grid, const float *image,
                                        const struct winograd_run *run)
{
    to_planes(SPREAD, 4, grid, image, run);
}

THAW_SIMD static void winograd_spread_2(const struct winograd_grid *grid, const float *image,
                                        const struct winograd_run *run)
{
    to_planes(SPREAD, 2, grid, image, run);
}

void winograd_take(const struct winograd_grid *grid, const float *image, const struct winograd_run *run)
{
    (grid->m == 4 ? winograd_take_4 : winograd_take_2)(grid, image, run);
}

void winograd_spread(const struct winograd_grid *grid, const float *image, const struct winograd_run *run)
{
    (grid->m == 4 ? winograd_spread_4 : winograd_spread_2)(grid, image, run);
}

/* --- planes to image: A^T p A --- */

/* A tile's place in the image. */
struct place {
    float *out;            /* first pixel, first channel */
    const float *residual; /* the same of the residual, or NULL */
    size_t line, step;     /* floats from row to row, from pixel to pixel */
    int rows, cols;        /* that are inside */
};

/* One row of m pixels, 16 channels each; only what is inside the image is written. */
INLINE void put_row(const wide y[4], int m, int row, const struct place *place, const struct winograd_finish *finish,
                    size_t channel)
{
    if (row >= place->rows)
        return;
    size_t at = (size_t)row * place->line + channel;
    bool bounded = finish->low > -INFINITY, topped = finish->high < INFINITY;
#define PUT(c)                                                                                                         \
    if ((c) < m && (c) < place->cols) {                                                                                \
        wide v = y[(c) < m ? (c) : 0];                                                                                 \
        size_t to = at + (c)*place->step;                                                                              \
        if (place->residual)                                                                                           \
            v += FROM(place->residual + to);                                                                           \
        if (finish->add)                                                                                               \
            v += FROM(place->out + to);                                                                                \
        if (bounded) { /* in this order a NaN stays one */                                                             \
            wide low = finish->low - (wide){0};                                                                        \
            mask below = v < low;                                                                                      \
            v = (wide)((below & (mask)low) | (~below & (mask)v));                                                      \
        }                                                                                                              \
        if (topped) {                                                                                                  \
            wide high = finish->high - (wide){0};                                                                      \
            mask above = v > high;                                                                                     \
            v = (wide)((above & (mask)high) | (~above & (mask)v));                                                     \
        }                                                                                                              \
        AT(place->out + to) = v;                                                                                       \
    }
    EACH4(PUT)
#undef PUT
}

/* The bias is added where it reaches every output once: to the value at the point 1, in both directions. */
INLINE void give_4(const float *p, size_t plane, const float *bias, const struct place *place,
                   const struct winograd_finish *finish, size_t channel)
{
    wide t[4][6], y[4];
#define P(r, c) FROM(p + ((r)*6 + (c)) * plane)
#define COLUMN(c)                                                                                                      \
    {                                                                                                                  \
        wide one = P(1, c), near = one + P(2, c), near_odd = one - P(2, c), far = P(3, c) + P(4, c),                   \
             far_odd = P(3, c) - P(4, c);                                                                              \
        if ((c) == 1 && bias) {                                                                                        \
            near += FROM(bias);                                                                                        \
            near_odd += FROM(bias);                                                                                    \
        }                                                                                                              \
        t[0][c] = P(0, c) + near + far;                                                                                \
        t[1][c] = near_odd + 2 * far_odd;                                                                              \
        t[2][c] = near + 4 * far;                                                                                      \
        t[3][c] = near_odd + 8 * far_odd + P(5, c);                                                                    \
    }
    EACH6(COLUMN)
#define ROW(r)                                                                                                         \
    {                                                                                                                  \
        wide near = t[r][1] + t[r][2], near_odd = t[r][1] - t[r][2], far = t[r][3] + t[r][4],                          \
             far_odd = t[r][3] - t[r][4];                                                                              \
        y[0] = t[r][0] + near + far;                                                                                   \
        y[1] = near_odd + 2 * far_odd;                                                                                 \
        y[2] = near + 4 * far;                                                                                         \
        y[3] = near_odd + 8 * far_odd + t[r][5];                                                                       \
        put_row(y, 4, r, place, finish, channel);                                                                      \
    }
    EACH4(ROW)
#undef P
#undef COLUMN
#undef ROW
}

INLINE void give_2(const float *p, size_t plane, const float *bias, const struct place *place,
                   const struct winograd_finish *finish, size_t channel)
{
    wide t[2][4], y[4];
#define P(r, c) FROM(p + ((r)*4 + (c)) * plane)
#define COLUMN(c)                                                                                                      \
    {                                                                                                                  \
        wide one = P(1, c), two = P(2, c);                                                                             \
        if ((c) == 1 && bias)                                                                                          \
            one += FROM(bias);                                                                                         \
        t[0][c] = P(0, c) + one + two;                                                                                 \
        t[1][c] = one - two - P(3, c);                                                                                 \
    }
    EACH4(COLUMN)
    for (int r = 0; r < 2; r++) {
        y[0] = t[r][0] + t[r][1] + t[r][2];
        y[1] = t[r][1] - t[r][2] - t[r][3];
        put_row(y, 2, r, place, finish, channel);
    }
#undef P
#undef COLUMN
}

INLINE void give_16(int m, const float *p, size_t plane, const float *bias, const struct place *place,
                    const struct winograd_finish *finish, size_t channel)
{
    if (m == 4)
        give_4(p, plane, bias, place, finish, channel);
    else
        give_2(p, plane, bias, place, finish, channel);
}

/* Fewer channels than a vector holds: the tile is made in a copy of its place. */
INLINE void give_few(int m, const float *p, size_t plane, int count, const float *bias, const struct place *place,
                     const struct winograd_finish *finish)
{
    float from[PATCH_MOST * LANES] = {0}, some_bias[LANES] = {0}, out[16 * LANES] = {0}, residual[16 * LANES] = {0};
    size_t bytes = (size_t)count * sizeof *p;
    struct place copy = {out, place->residual ? residual : NULL, (size_t)m * LANES, LANES, place->rows, place->cols};
    for (int z = 0; z < winograd_planes(m); z++)
        memcpy(from + z * LANES, p + (size_t)z * plane, bytes);
    if (bias)
        memcpy(some_bias, bias, bytes);
    for (int r = 0; r < place->rows; r++)
        for (int c = 0; c < place->cols; c++) {
            size_t at = (size_t)r * place->line + (size_t)c * place->step;
            if (finish->add)
                memcpy(out + (r * m + c) * LANES, place->out + at, bytes);
            if (place->residual)
                memcpy(residual + (r * m + c) * LANES, place->residual + at, bytes);
        }
    give_16(m, from, LANES, bias ? some_bias : NULL, &copy, finish, 0);
    for (int r = 0; r < place->rows; r++)
        for (int c = 0; c < place->cols; c++)
            memcpy(place->out + (size_t)r * place->line + (size_t)c * place->step, out + (r * m + c) * LANES, bytes);
}

INLINE struct place place_of(const struct winograd_grid *grid, struct tile tile, int m, int channel, float *image,
                             const float *residual)
{
    struct shape4 to = grid->to;
    struct place place = {.line = (size_t)to.w * (size_t)to.c, .step = (size_t)to.c};
    int y = tile.y * m, x = tile.x * m;
    size_t at = (tile.image * (size_t)to.h + (size_t)y) * place.line + (size_t)x * place.step + (size_t)channel;
    place.out = image + at;
    place.residual = residual ? residual + at : NULL;
    place.rows = to.h - y < m ? to.h - y : m;
    place.cols = to.w - x < m ? to.w - x : m;
    return place;
}

INLINE void give(int m, const struct winograd_grid *grid, const struct winograd_run *run,
                 const struct winograd_finish *finish, float *image)
{
    struct tile tile = tile_at(grid, run->first);
    const float *p = run->block, *bias = finish->bias;
    for (int i = 0; i < run->count; i++, tile = tile_after(grid, tile), p += run->tile) {
        struct place place = place_of(grid, tile, m, run->channel, image, finish->residual);
        int whole = run->channels / LANES, done = whole * LANES;
        for (int g = 0; g < whole; g++)
            give_16(m, p + (size_t)g * run->panel, run->plane, bias ? bias + g * LANES : NULL, &place, finish,
                    (size_t)g * LANES);
        if (done == run->channels)
            continue;
        place.out += done;
        place.residual = place.residual ? place.residual + done : NULL;
        give_few(m, p + (size_t)whole * run->panel, run->plane, run->channels - done, bias ? bias + done : NULL, &place,
                 finish);
    }
}

THAW_SIMD static void winograd_give_4(const struct winograd_grid *grid, const struct winograd_run *run,
                                      const struct winograd_finish *finish, float *image)
{
    give(4, grid, run, finish, image);
}

THAW_SIMD static void winograd_give_2(const struct winograd_grid *grid, const struct winograd_run *run,
                                      const struct winograd_finish *finish, float *image)
{
    give(2, grid, run, finish, image);
}

void winograd_give(const struct winograd_grid *grid, const struct winograd_run *run,
                   const struct winograd_finish *finish, float *image)
{
    (grid->m == 4 ? winograd_give_4 : winograd_give_2)(grid, run, finish, image);
}
