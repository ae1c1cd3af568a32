/* Winograd's transform of 3x3 weights and its adjoint (Lavin and Gray 2015), vectorised over output channels.
 *
 * Called by op_conv_winograd.c and op_conv_winograd_weights.c from tasks, on a range of rows (input channels). */
#include "config.h"

#include <string.h>

#include "winograd_lanes.h"
#include "winograd_tiles.h"

enum { TAPS = 9 };

/* --- G g G^T --- */

/* One dimension: three values become m + 2. */
INLINE void spread_taps(int m, wide u[6], const wide g[3])
{
    if (m == 2) {
        wide even = (g[0] + g[2]) * 0.5f, odd = g[1] * 0.5f;
        u[0] = g[0];
        u[1] = even + odd;
        u[2] = even - odd;
        u[3] = g[2];
        return;
    }
    wide even = (g[0] + g[2]) * (-1.0f / 6), odd = g[1] * (1.0f / 6);
    u[0] = g[0] * 0.25f;
    u[1] = even - odd;
    u[2] = even + odd;
    even = g[0] * (1.0f / 24) + g[2] * (1.0f / 6);
    odd = g[1] * (1.0f / 12);
    u[3] = even + odd;
    u[4] = even - odd;
    u[5] = g[2];
}

/* 16 channels: taps `step` apart from g on. */
INLINE void transform_16(int m, bool reversed, const float *g, size_t step, float *u, size_t plane)
{
    wide column[3][6], row[6], some[3];
#define TAP(ky, kx) FROM(g + (size_t)(reversed ? 8 - ((ky)*3 + (kx)) : (ky)*3 + (kx)) * step)
#define COLUMN(kx)                                                                                                     \
    some[0] = TAP(0, kx);                                                                                              \
    some[1] = TAP(1, kx);                                                                                              \
    some[2] = TAP(2, kx);                                                                                              \
    spread_taps(m, column[kx], some);
    EACH3(COLUMN)
    for (int r = 0; r < m + 2; r++) {
        for (int kx = 0; kx < 3; kx++)
            some[kx] = column[kx][r];
        spread_taps(m, row, some);
        for (int c = 0; c < m + 2; c++)
            AT(u + (size_t)(r * (m + 2) + c) * plane) = row[c];
    }
#undef TAP
#undef COLUMN
}

/* A panel for the forward pass: output channels col.. on are its lanes, all input channels its rows. */
INLINE void forward_panel(int m, const float *weight, int in, int out, int col, float *u, size_t plane)
{
    size_t step = (size_t)in * (size_t)out;
    int count = out - col < LANES ? out - col : LANES;
    float copy[TAPS * LANES] = {0};
    for (int i = 0; i < in; i++, u += LANES) {
        const float *g = weight + (size_t)i * (size_t)out + col;
        if (count == LANES) {
            transform_16(m, false, g, step, u, plane);
            continue;
        }
        for (int tap = 0; tap < TAPS; tap++)
            memcpy(copy + tap * LANES, g + (size_t)tap * step, (size_t)count * sizeof *g);
        transform_16(m, false, copy, LANES, u, plane);
    }
}

/* A panel for the data gradient: input channels col.. on are its lanes, all output channels its rows; a square of
 * weights is transposed at a time. */
INLINE void data_panel(int m, const float *weight, int in, int out, int col, float *u, size_t plane)
{
    size_t step = (size_t)in * (size_t)out;
    int lanes_used = in - col < LANES ? in - col : LANES;
    float square[LANES][TAPS][LANES] = {{{0}}}; /* output channel, tap, input channel */
    for (int o = 0; o < out; o += LANES, u += LANES * LANES) {
        int rows = out - o < LANES ? out - o : LANES;
        for (int tap = 0; tap < TAPS; tap++)
            for (int i = 0; i < lanes_used; i++) {
                const float *from = weight + (size_t)tap * step + (size_t)(col + i) * (size_t)out + o;
                for (int k = 0; k < rows; k++)
                    square[k][tap][i] = from[k];
            }
        for (int k = 0; k < rows; k++)
            transform_16(m, true, square[k][0], LANES, u + k * LANES, plane);
    }
}

INLINE void transform(int m, bool data, const float *weight, int in, int out, int first, int last, float *u,
                      size_t plane)
{
    for (int p = first; p < last; p++) {
        if (data)
            data_panel(m, weight, in, out, p * LANES, u, plane);
        else
            forward_panel(m, weight, in, out, p * LANES, u, plane);
        u += (size_t)(data ? out : in) * LANES;
    }
}

CLONES void winograd_weights_4(bool data, const float *weight, int in, int out, int first, int last, float *u,
                               size_t plane)
{
    transform(4, data, weight, in, out, first, last, u, plane);
}

CLONES void winograd_weights_2(bool data, const float *weight, int in, int out, int first, int last, float *u,
                               size_t plane)
{
    transform(2, data, weight, in, out, first, last, u, plane);
}

void winograd_weights(int m, bool data, const float *weight, int in, int out, int first, int last, float *u,
                      size_t plane)
{
    size_t rows = (size_t)(data ? out : in);
    check_floats(weight, TAPS * (size_t)in * (size_t)out);
    check_block(m, u, plane, (size_t)(last - first) * rows * LANES);
    (m == 4 ? winograd_weights_4 : winograd_weights_2)(data, weight, in, out, first, last, u, plane);
}

/* --- the adjoint, G^T u G --- */

/* One dimension: m + 2 values become three. */
INLINE void gather_taps(int m, wide g[3], const wide u[6])
{
    if (m == 2) {
        g[0] = u[0] + (u[1] + u[2]) * 0.5f;
        g[1] = (u[1] - u[2]) * 0.5f;
        g[2] = (u[1] + u[2]) * 0.5f + u[3];
        return;
    }
    wide near = (u[1] + u[2]) * (-1.0f / 6), far = u[3] + u[4];
    g[0] = u[0] * 0.25f + near + far * (1.0f / 24);
    g[1] = (u[2] - u[1]) * (1.0f / 6) + (u[3] - u[4]) * (1.0f / 12);
    g[2] = near + far * (1.0f / 6) + u[5];
}

INLINE void back_16(int m, const float *u, size_t plane, float *g, size_t step)
{
    wide row[6][3], some[6], tap[3];
    for (int r = 0; r < m + 2; r++) {
        for (int c = 0; c < m + 2; c++)
            some[c] = FROM(u + (size_t)(r * (m + 2) + c) * plane);
        gather_taps(m, row[r], some);
    }
    for (int kx = 0; kx < 3; kx++) {
        for (int r = 0; r < m + 2; r++)
            some[r] = row[r][kx];
        gather_taps(m, tap, some);
        AT(g + (size_t)kx * step) = tap[0];
        AT(g + (size_t)(3 + kx) * step) = tap[1];
        AT(g + (size_t)(6 + kx) * step) = tap[2];
    }
}

INLINE void back_few(int m, const float *u, size_t plane, int count, float *g, size_t step)
{
    float from[WINOGRAD_PLANES_MOST * LANES] = {0}, to[TAPS * LANES];
    for (int z = 0; z < winograd_planes(m); z++)
        memcpy(from + z * LANES, u + (size_t)z * plane, (size_t)count * sizeof *u);
    back_16(m, from, LANES, to, LANES);
    for (int tap = 0; tap < TAPS; tap++)
        memcpy(g + (size_t)tap * step, to + tap * LANES, (size_t)count * sizeof *g);
}

INLINE void back(int m, const float *u, size_t plane, int rows, int cols, int first, int count, int col, int width,
                 float *to)
{
    size_t step = (size_t)rows * (size_t)cols;
    for (int i = 0; i < count; i++) {
        const float *from = u + (size_t)i * (size_t)width;
        float *g = to + (size_t)(first + i) * (size_t)cols + col;
        for (int c = 0; c + LANES <= width; c += LANES)
            back_16(m, from + c, plane, g + c, step);
        if (width >= LANES)
            back_16(m, from + width - LANES, plane, g + width - LANES, step);
        else
            back_few(m, from, plane, width, g, step);
    }
}

CLONES void winograd_back_4(const float *u, size_t plane, int rows, int cols, int first, int count, int col, int width,
                            float *to)
{
    back(4, u, plane, rows, cols, first, count, col, width, to);
}

CLONES void winograd_back_2(const float *u, size_t plane, int rows, int cols, int first, int count, int col, int width,
                            float *to)
{
    back(2, u, plane, rows, cols, first, count, col, width, to);
}

void winograd_weights_back(int m, const float *u, size_t plane, int rows, int cols, int first, int count, int col,
                           int width, float *to)
{
    check_block(m, u, plane, (size_t)count * (size_t)width);
    check_floats(to, TAPS * (size_t)rows * (size_t)cols);
    (m == 4 ? winograd_back_4 : winograd_back_2)(u, plane, rows, cols, first, count, col, width, to);
}
