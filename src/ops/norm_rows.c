/* The loops of batch normalisation. They run at the speed of memory: what counts is that a tensor is passed over once.
 * Channels are contiguous and vectorised; a few rows are added up in float before they go into a channel's sum in
 * double, in an order that depends on the rows alone. Called from the tasks of op_norm.c. */
#include "config.h"

#include "norm_rows.h"

#include "thaw/base/macros.h"
#include "thaw/base/sanitize.h"

#define INLINE THAW_UNCHECKED static inline __attribute__((always_inline))
#define CLONES THAW_UNCHECKED THAW_SIMD static

enum { TOGETHER = 8, GRADIENTS_TOGETHER = 4 };

static void check_doubles(const double *at, int count)
{
    check_floats((const float *)at, (size_t)count * (sizeof *at / sizeof(float)));
}

/* mask NULL: none. */
static void check_mask(const struct norm_mask *mask, int c)
{
    check_floats(mask ? mask->scale : NULL, (size_t)c);
    check_floats(mask ? mask->shift : NULL, (size_t)c);
}

CLONES void norm_moments_clones(double *restrict sums, const float *restrict x, const float *restrict from, size_t rows,
                                int c)
{
    double *restrict squares = sums + c;
    size_t width = (size_t)c;
    for (; rows >= TOGETHER; rows -= TOGETHER, x += TOGETHER * width)
        for (size_t k = 0; k < width; k++) {
            float sum = 0, square = 0;
            for (size_t r = 0; r < TOGETHER; r++) {
                float d = x[r * width + k] - from[k];
                sum += d;
                square += d * d;
            }
            sums[k] += (double)sum;
            squares[k] += (double)square;
        }
    for (; rows > 0; rows--, x += width)
        for (size_t k = 0; k < width; k++) {
            float d = x[k] - from[k];
            sums[k] += (double)d;
            squares[k] += (double)(d * d);
        }
}

void norm_moments(double *sums, const float *x, const float *from, size_t rows, int c)
{
    check_doubles(sums, 2 * c);
    check_floats(x, rows * (size_t)c);
    check_floats(from, (size_t)c);
    norm_moments_clones(sums, x, from, rows, c);
}

/* g where x * scale + shift lies between the bounds. */
INLINE float pass(float g, float x, const struct norm_mask *mask, size_t k)
{
    float v = x * mask->scale[k] + mask->shift[k];
    float m = v > mask->low ? g : 0; /* two choices, not one of both: that the compiler takes for control flow */
    return v < mask->high ? m : 0;
}

INLINE void gradient_moments(double *restrict sums, const float *restrict g, const float *restrict x,
                             const float *restrict mean, const struct norm_mask *mask, size_t rows, size_t width)
{
    double *restrict products = sums + width;
    for (; rows >= GRADIENTS_TOGETHER; rows -= GRADIENTS_TOGETHER) {
        for (size_t k = 0; k < width; k++) {
            float sum = 0, product = 0;
            for (size_t r = 0; r < GRADIENTS_TOGETHER; r++) {
                float at = x[r * width + k], m = g[r * width + k];
                m = mask ? pass(m, at, mask, k) : m;
                sum += m;
                product += m * (at - mean[k]);
            }
            sums[k] += (double)sum;
            products[k] += (double)product;
        }
        x += GRADIENTS_TOGETHER * width;
        g += GRADIENTS_TOGETHER * width;
    }
    for (; rows > 0; rows--, x += width, g += width)
        for (size_t k = 0; k < width; k++) {
            float m = mask ? pass(g[k], x[k], mask, k) : g[k];
            sums[k] += (double)m;
            products[k] += (double)(m * (x[k] - mean[k]));
        }
}

CLONES void norm_gradient_moments_clones(double *sums, const float *g, const float *x, const float *mean,
                                         const struct norm_mask *mask, size_t rows, int c)
{
    if (mask) {
        const struct norm_mask own = *mask;
        gradient_moments(sums, g, x, mean, &own, rows, (size_t)c);
    } else {
        gradient_moments(sums, g, x, mean, NULL, rows, (size_t)c);
    }
}

void norm_gradient_moments(double *sums, const float *g, const float *x, const float *mean,
                           const struct norm_mask *mask, size_t rows, int c)
{
    check_doubles(sums, 2 * c);
    check_floats(g, rows * (size_t)c);
    check_floats(x, rows * (size_t)c);
    check_floats(mean, (size_t)c);
    check_mask(mask, c);
    norm_gradient_moments_clones(sums, g, x, mean, mask, rows, c);
}

/* x NULL: in place. */
INLINE void apply(float *restrict out, const float *restrict x, const float *restrict residual,
                  const struct norm_mask *line, size_t rows, size_t width)
{
    const float *restrict scale = line->scale, *restrict shift = line->shift;
    const float low = line->low, high = line->high;
    for (size_t r = 0; r < rows; r++, out += width) {
        for (size_t k = 0; k < width; k++) {
            float v = (x ? x[k] : out[k]) * scale[k] + shift[k];
            if (residual)
                v += residual[k];
            v = v < low ? low : v;
            out[k] = v > high ? high : v;
        }
        if (x)
            x += width;
        if (residual)
            residual += width;
    }
}

CLONES void norm_apply_clones(float *out, const float *x, const float *residual, const struct norm_mask *line,
                              size_t rows, int c)
{
    size_t width = (size_t)c;
    if (residual && x == out)
        apply(out, NULL, residual, line, rows, width);
    else if (residual)
        apply(out, x, residual, line, rows, width);
    else if (x == out)
        apply(out, NULL, NULL, line, rows, width);
    else
        apply(out, x, NULL, line, rows, width);
}

void norm_apply(float *out, const float *x, const float *residual, const struct norm_mask *line, size_t rows, int c)
{
    check_floats(out, rows * (size_t)c);
    check_floats(x, rows * (size_t)c);
    check_floats(residual, rows * (size_t)c);
    check_mask(line, c);
    norm_apply_clones(out, x, residual, line, rows, c);
}

/* g NULL: in place. */
INLINE void gradient(float *restrict to, const float *restrict g, const float *restrict x,
                     const struct norm_mask *restrict mask, const float *restrict scale, const float *restrict extra,
                     const float *restrict shift, size_t rows, size_t width, bool add)
{
    for (size_t r = 0; r < rows; r++, x += width, to += width) {
        for (size_t k = 0; k < width; k++) {
            float m = g ? g[k] : to[k];
            m = mask ? pass(m, x[k], mask, k) : m;
            float v = extra ? m * scale[k] + x[k] * extra[k] + shift[k] : m * scale[k];
            to[k] = add ? to[k] + v : v;
        }
        if (g)
            g += width;
    }
}

CLONES void norm_gradient_clones(float *to, const float *g, const float *x, const struct norm_mask *mask,
                                 const float *scale, const float *extra, const float *shift, size_t rows, int c,
                                 bool add)
{
    const struct norm_mask own = mask ? *mask : (struct norm_mask){0};
    size_t width = (size_t)c;
    if (mask && add)
        gradient(to, g, x, &own, scale, extra, shift, rows, width, true);
    else if (mask && g == to)
        gradient(to, NULL, x, &own, scale, extra, shift, rows, width, false);
    else if (mask)
        gradient(to, g, x, &own, scale, extra, shift, rows, width, false);
    else if (add)
        gradient(to, g, x, NULL, scale, extra, shift, rows, width, true);
    else if (g == to)
        gradient(to, NULL, x, NULL, scale, extra, shift, rows, width, false);
    else
        gradient(to, g, x, NULL, scale, extra, shift, rows, width, false);
}

void norm_gradient(float *to, const float *g, const float *x, const struct norm_mask *mask, const float *scale,
                   const float *extra, const float *shift, size_t rows, int c, bool add)
{
    check_floats(to, rows * (size_t)c);
    check_floats(g, rows * (size_t)c);
    check_floats(x, rows * (size_t)c);
    check_mask(mask, c);
    check_floats(scale, (size_t)c);
    check_floats(extra, (size_t)c);
    check_floats(extra ? shift : NULL, (size_t)c);
    norm_gradient_clones(to, g, x, mask, scale, extra, shift, rows, c, add);
}
