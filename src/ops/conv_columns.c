/* Gathering and scattering the columns of a convolution's matrix form.
 *
 * Output pixels are numbered over the batch: (image * out.h + y) * out.w + x. A column row holds, for each kernel
 * position in order, the channels asked for. Called by op_conv_panels.c from tasks; touches nothing shared but what it
 * is given. */
#include "config.h"

#include <string.h>

#include "conv.h"

struct pixel {
    size_t image;
    int y, x;
};

static inline struct pixel pixel_at(const struct conv *conv, size_t index)
{
    size_t w = (size_t)conv->out.w, h = (size_t)conv->out.h;
    return (struct pixel){index / w / h, (int)(index / w % h), (int)(index % w)};
}

static inline struct pixel pixel_after(const struct conv *conv, struct pixel at)
{
    if (++at.x == conv->out.w) {
        at.x = 0;
        if (++at.y == conv->out.h) {
            at.y = 0;
            at.image++;
        }
    }
    return at;
}

static inline int limit(int value, int most)
{
    return value < 0 ? 0 : value > most ? most : value;
}

/* One kernel row of one pixel: positions kx0..kx1-1 of the window that starts at column x of the image row `line`. */
static float *gather_row(const struct conv *conv, const float *line, int x, int kx0, int kx1, int channels, float *col)
{
    size_t width = (size_t)channels * sizeof *col;
    if (conv->attrs->dilation_w == 1 && channels == conv->in.c) {
        int left = limit(-(x + kx0), kx1 - kx0), right = limit(x + kx1 - conv->in.w, kx1 - kx0 - left);
        int inside = kx1 - kx0 - left - right;
        memset(col, 0, (size_t)left * width);
        if (inside > 0)
            memcpy(col + left * channels, line + (ptrdiff_t)(x + kx0 + left) * channels, (size_t)inside * width);
        memset(col + (left + inside) * channels, 0, (size_t)right * width);
        return col + (kx1 - kx0) * channels;
    }
    for (int kx = kx0; kx < kx1; kx++, col += channels) {
        int ix = x + kx * conv->attrs->dilation_w;
        if (ix < 0 || ix >= conv->in.w)
            memset(col, 0, width);
        else
            memcpy(col, line + (size_t)ix * (size_t)conv->in.c, width);
    }
    return col;
}

void conv_gather(const struct conv *conv, const float *in, size_t first, int rows, int channel, int channels, int tap0,
                 int tap1, float *col)
{
    const struct op_attrs *a = conv->attrs;
    size_t line = (size_t)conv->in.w * (size_t)conv->in.c;
    struct pixel at = pixel_at(conv, first);
    for (int r = 0; r < rows; r++, at = pixel_after(conv, at))
        for (int ky = tap0 / a->kernel_w; ky * a->kernel_w < tap1; ky++) {
            int kx0 = limit(tap0 - ky * a->kernel_w, a->kernel_w), kx1 = limit(tap1 - ky * a->kernel_w, a->kernel_w);
            int iy = at.y * a->stride_h - a->pad_top + ky * a->dilation_h;
            if (iy < 0 || iy >= conv->in.h) {
                memset(col, 0, (size_t)((kx1 - kx0) * channels) * sizeof *col);
                col += (kx1 - kx0) * channels;
                continue;
            }
            col = gather_row(conv, in + (at.image * (size_t)conv->in.h + (size_t)iy) * line + channel,
                             at.x * a->stride_w - a->pad_left, kx0, kx1, channels, col);
        }
}

static inline __attribute__((always_inline)) void add_channels(float *restrict to, const float *restrict from,
                                                               int channels)
{
    for (int c = 0; c < channels; c++)
        to[c] += from[c];
}

THAW_SIMD static void scatter(const struct conv *conv, float *in, struct pixel at, int rows, int channel, int channels,
                              int tap0, int tap1, const float *col, int row0, int row1)
{
    const struct op_attrs *a = conv->attrs;
    size_t line = (size_t)conv->in.w * (size_t)conv->in.c;
    for (int r = 0; r < rows; r++, at = pixel_after(conv, at)) {
        int y = at.y * a->stride_h - a->pad_top, x = at.x * a->stride_w - a->pad_left;
        int ky = tap0 / a->kernel_w, kx = tap0 % a->kernel_w;
        for (int tap = tap0; tap < tap1; tap++, col += channels) {
            int iy = y + ky * a->dilation_h, ix = x + kx * a->dilation_w;
            if (iy >= row0 && iy < row1 && ix >= 0 && ix < conv->in.w)
                add_channels(in + (at.image * (size_t)conv->in.h + (size_t)iy) * line +
                                 (size_t)ix * (size_t)conv->in.c + channel,
                             col, channels);
            if (++kx == a->kernel_w) {
                kx = 0;
                ky++;
            }
        }
    }
}

void conv_scatter(const struct conv *conv, float *in, size_t first, int rows, int channel, int channels, int tap0,
                  int tap1, const float *col, int row0, int row1)
{
    scatter(conv, in, pixel_at(conv, first), rows, channel, channels, tap0, tap1, col, row0, row1);
}
