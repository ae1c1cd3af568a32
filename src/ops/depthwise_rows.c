/* Depthwise convolution along a row: four pixels at a time share the loads of their windows' common columns and of the
 * weights, all channels of a pixel one after the other as memory has them. Windows of the usual widths and strides, each
 * unrolled. Called from the tasks of op_conv_depthwise.c. */
#include "config.h"

#include "depthwise_rows.h"

#include "thaw/base/macros.h"

#define INLINE              static inline __attribute__((always_inline))
#define LOAD(type, address) (*(const type *)(address))
#define FLOATS(type)        (sizeof(type) / sizeof(float))

enum { TOGETHER = 4, WEIGHTS_TOGETHER = 8, KERNEL_MOST = 7 };
/* Unaligned: pixels start at any multiple of the channel count. Two widths, because slim networks have 8 channels. */
typedef float lanes __attribute__((vector_size(64), aligned(sizeof(float)), may_alias));
typedef float half_lanes __attribute__((vector_size(32), aligned(sizeof(float)), may_alias));

bool depthwise_has(int kernel, int stride)
{
    return (kernel == 3 && stride <= 2) || (kernel == 5 && stride <= 2) || (kernel == 7 && stride == 1);
}

/* The channels from c on in blocks of a type's width. All loops but those over blocks and rows have constant bounds. */
#define SUM_BLOCKS(type)                                                                                               \
    for (; c + FLOATS(type) <= channels; c += FLOATS(type)) {                                                          \
        type sum[TOGETHER] = {0};                                                                                      \
        for (int j = 0; j < span->ys; j++) {                                                                           \
            const float *line = image + (size_t)span->y[j].at * span->line + c;                                        \
            const float *row = span->weight + (size_t)(span->y[j].k * kernel) * channels + c;                          \
            type w[KERNEL_MOST];                                                                                       \
            for (int k = 0; k < kernel; k++)                                                                           \
                w[k] = LOAD(type, row + (size_t)(span->flip ? kernel - 1 - k : k) * channels);                         \
            for (int i = 0; i < (pixels - 1) * stride + kernel; i++) {                                                 \
                type v = LOAD(type, line + (size_t)i * channels);                                                      \
                for (int t = 0; t < pixels; t++)                                                                       \
                    if (i >= t * stride && i < t * stride + kernel)                                                    \
                        sum[t] += v * w[i - t * stride];                                                               \
            }                                                                                                          \
        }                                                                                                              \
        for (int t = 0; t < pixels; t++) {                                                                             \
            float *at = to + (size_t)t * channels + c;                                                                 \
            if (span->bias)                                                                                            \
                sum[t] += LOAD(type, span->bias + c);                                                                  \
            if (span->add)                                                                                             \
                sum[t] += LOAD(type, at);                                                                              \
            *(type *)at = sum[t];                                                                                      \
        }                                                                                                              \
    }

INLINE void sum_pixels(float *to, const struct depthwise_span *span, const float *image, int pixels, int kernel,
                       int stride)
{
    size_t channels = span->channels, c = 0;
    SUM_BLOCKS(lanes)
    SUM_BLOCKS(half_lanes)
    SUM_BLOCKS(float)
}

INLINE void sums(float *to, const struct depthwise_span *span, int kernel, int stride)
{
    size_t channels = span->channels;
    int t = 0;
    for (; t + TOGETHER <= span->pixels; t += TOGETHER)
        sum_pixels(to + (size_t)t * channels, span, span->image + (size_t)(t * stride) * channels, TOGETHER, kernel,
                   stride);
    for (; t < span->pixels; t++)
        sum_pixels(to + (size_t)t * channels, span, span->image + (size_t)(t * stride) * channels, 1, kernel, stride);
}

THAW_SIMD static void depthwise_sums_clones(float *to, const struct depthwise_span *span)
{
    if (span->kernel == 3 && span->stride == 1)
        sums(to, span, 3, 1);
    else if (span->kernel == 3)
        sums(to, span, 3, 2);
    else if (span->kernel == 5 && span->stride == 1)
        sums(to, span, 5, 1);
    else if (span->kernel == 5)
        sums(to, span, 5, 2);
    else
        sums(to, span, 7, 1);
}

void depthwise_sums(float *to, const struct depthwise_span *span)
{
    depthwise_sums_clones(to, span);
}

#define WEIGHT_BLOCKS(type)                                                                                            \
    for (; c + FLOATS(type) <= channels; c += FLOATS(type)) {                                                          \
        type sum[KERNEL_MOST];                                                                                         \
        for (int k = 0; k < kernel; k++)                                                                               \
            sum[k] = LOAD(type, to + (size_t)k * channels + c);                                                        \
        for (int t = 0; t < pixels; t++) {                                                                             \
            type v = LOAD(type, g + (size_t)t * channels + c);                                                         \
            for (int k = 0; k < kernel; k++)                                                                           \
                sum[k] += LOAD(type, line + (size_t)(t * stride + k) * channels + c) * v;                              \
        }                                                                                                              \
        for (int k = 0; k < kernel; k++)                                                                               \
            *(type *)(to + (size_t)k * channels + c) = sum[k];                                                         \
    }

/* One row of the window: to (kernel, channels). */
INLINE void weigh_pixels(float *to, const float *line, const float *g, size_t channels, int pixels, int kernel,
                         int stride)
{
    size_t c = 0;
    WEIGHT_BLOCKS(lanes)
    WEIGHT_BLOCKS(half_lanes)
    WEIGHT_BLOCKS(float)
}

INLINE void weigh(float *to, const struct depthwise_span *span, const float *g, int kernel, int stride)
{
    size_t channels = span->channels;
    for (int t = 0; t < span->pixels;) {
        int pixels = span->pixels - t < WEIGHTS_TOGETHER ? 1 : WEIGHTS_TOGETHER;
        const float *from = g + (size_t)t * channels;
        for (int j = 0; j < span->ys; j++) {
            const float *line = span->image + (size_t)span->y[j].at * span->line + (size_t)(t * stride) * channels;
            float *row = to + (size_t)(span->y[j].k * kernel) * channels;
            if (pixels == WEIGHTS_TOGETHER)
                weigh_pixels(row, line, from, channels, WEIGHTS_TOGETHER, kernel, stride);
            else
                weigh_pixels(row, line, from, channels, 1, kernel, stride);
        }
        t += pixels;
    }
}

THAW_SIMD static void depthwise_weights_clones(float *to, const struct depthwise_span *span, const float *g)
{
    if (span->kernel == 3 && span->stride == 1)
        weigh(to, span, g, 3, 1);
    else if (span->kernel == 3)
        weigh(to, span, g, 3, 2);
    else if (span->kernel == 5 && span->stride == 1)
        weigh(to, span, g, 5, 1);
    else if (span->kernel == 5)
        weigh(to, span, g, 5, 2);
    else
        weigh(to, span, g, 7, 1);
}

void depthwise_weights(float *to, const struct depthwise_span *span, const float *g)
{
    depthwise_weights_clones(to, span, g);
}
