/* Winograd's way back from products to the image: the transform of whole tiles, with what is added and held on the way.
 * Tiles are as in winograd_tiles.c; a unit of its own, since the compiler takes seconds over either. Called by
 * op_conv_winograd.c from tasks. */
#include "config.h"

#include <math.h>
#include <string.h>

#include "winograd_walk.h"

typedef int mask __attribute__((vector_size(64)));

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
    float from[WINOGRAD_PLANES_MOST * LANES] = {0}, some_bias[LANES] = {0}, out[16 * LANES] = {0},
                                      residual[16 * LANES] = {0};
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

CLONES void winograd_give_4(const struct winograd_grid *grid, const struct winograd_run *run,
                            const struct winograd_finish *finish, float *image)
{
    give(4, grid, run, finish, image);
}

CLONES void winograd_give_2(const struct winograd_grid *grid, const struct winograd_run *run,
                            const struct winograd_finish *finish, float *image)
{
    give(2, grid, run, finish, image);
}

void winograd_give(const struct winograd_grid *grid, const struct winograd_run *run,
                   const struct winograd_finish *finish, float *image)
{
    check_run(grid, run);
    check_floats(finish->bias, (size_t)run->channels);
    check_lines(grid, run, grid->to, 0, grid->m, finish->residual);
    check_lines(grid, run, grid->to, 0, grid->m, image);
    (grid->m == 4 ? winograd_give_4 : winograd_give_2)(grid, run, finish, image);
}
