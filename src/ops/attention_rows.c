/* The softmax of attention, for 16 queries at once, and packing. See attention_rows.h. */
#include "config.h"

#include "attention_rows.h"

#include <string.h>

#include "elementary.h"

enum { STRETCH = 64 }; /* tokens of a running sum; longer sums are made of several, which rounds less */

/* What follows is done to 32 queries side by side, or to 16: numbers that the compiler knows. */
enum { PAIR = 2 * PRODUCT_LANES };
#define LANEWISE static inline __attribute__((always_inline)) void
#define FOR_LANES(lanes, work)                                                                                         \
    do {                                                                                                               \
        int at = 0;                                                                                                    \
        for (; at + PAIR <= (lanes); at += PAIR)                                                                       \
            work(at, PAIR);                                                                                            \
        if (at < (lanes))                                                                                              \
            work(at, PRODUCT_LANES);                                                                                   \
    } while (0)

LANEWISE find_most(const float *score, int tokens, const int lanes, float *most)
{
    enum { STEP = 4 };
    for (int i = 0; i < lanes; i++)
        most[i] = score[i];
    int k = 0;
    for (; k + STEP <= tokens; k += STEP, score += STEP * ATTENTION_QUERIES)
        for (int i = 0; i < lanes; i++) {
            float a = score[i], b = score[ATTENTION_QUERIES + i], c = score[2 * ATTENTION_QUERIES + i],
                  d = score[3 * ATTENTION_QUERIES + i];
            a = a > b ? a : b;
            c = c > d ? c : d;
            a = a > c ? a : c;
            most[i] = most[i] > a ? most[i] : a;
        }
    for (; k < tokens; k++, score += ATTENTION_QUERIES)
        for (int i = 0; i < lanes; i++)
            most[i] = most[i] > score[i] ? most[i] : score[i];
}

/* Scores to 2^(score - largest), and of each query the largest and 1 / sum. The argument is never above 0, so nothing
 * overflows, and the sum never below 1. */
LANEWISE soften_lanes(float *score, int tokens, const int lanes, float least, float *most, float *inverse)
{
    float sum[PAIR] = {0};
    find_most(score, tokens, lanes, most);
    for (int first = 0; first < tokens; first += STRETCH) {
        float part[PAIR] = {0};
        int last = first + STRETCH < tokens ? first + STRETCH : tokens;
        for (int k = first; k < last; k++, score += ATTENTION_QUERIES)
            for (int i = 0; i < lanes; i++) {
                float weight = exp2_below(score[i] - most[i], least);
                score[i] = weight;
                part[i] += weight;
            }
        for (int i = 0; i < lanes; i++)
            sum[i] += part[i];
    }
    for (int i = 0; i < lanes; i++)
        inverse[i] = 1 / sum[i];
}

THAW_SIMD static void soften_attention(float *score, int tokens, int lanes, float least, float *most, float *inverse)
{
#define SOFTEN(at, count) soften_lanes(score + (at), tokens, count, least, most + (at), inverse + (at))
    FOR_LANES(lanes, SOFTEN);
}

/* The same from what was saved, divided. */
LANEWISE soften_lanes_again(float *score, int tokens, const int lanes, float least, const float *most,
                            const float *inverse)
{
    for (int k = 0; k < tokens; k++, score += ATTENTION_QUERIES)
        for (int i = 0; i < lanes; i++)
            score[i] = exp2_below(score[i] - most[i], least) * inverse[i];
}

THAW_SIMD static void soften_attention_again(float *score, int tokens, int lanes, float least, const float *most,
                                             const float *inverse)
{
#define SOFTEN_AGAIN(at, count) soften_lanes_again(score + (at), tokens, count, least, most + (at), inverse + (at))
    FOR_LANES(lanes, SOFTEN_AGAIN);
}

/* The softmax's gradient: g = weight * (g - sum(weight * g)) * scale. */
LANEWISE give_lanes(float *g, const float *weight, int tokens, const int lanes, float scale)
{
    float mean[PAIR] = {0};
    for (int first = 0; first < tokens; first += STRETCH) {
        float part[PAIR] = {0};
        int last = first + STRETCH < tokens ? first + STRETCH : tokens;
        for (int k = first; k < last; k++)
            for (int i = 0; i < lanes; i++)
                part[i] += weight[k * ATTENTION_QUERIES + i] * g[k * ATTENTION_QUERIES + i];
        for (int i = 0; i < lanes; i++)
            mean[i] += part[i];
    }
    for (int k = 0; k < tokens; k++, g += ATTENTION_QUERIES, weight += ATTENTION_QUERIES)
        for (int i = 0; i < lanes; i++)
            g[i] = weight[i] * (g[i] - mean[i]) * scale;
}

THAW_SIMD void attention_give(float *g, const float *weight, int tokens, int lanes, float scale)
{
#define GIVE(at, count) give_lanes(g + (at), weight + (at), tokens, count, scale)
    FOR_LANES(lanes, GIVE);
}

THAW_SIMD static void multiply(float *values, size_t count, float factor)
{
    for (size_t i = 0; i < count; i++)
        values[i] *= factor;
}

THAW_SIMD void attention_scale_rows(float *out, size_t stride, int rows, int columns, const float *factor)
{
    for (int r = 0; r < rows; r++, out += stride)
        for (int c = 0; c < columns; c++)
            out[c] *= factor[r];
}

void attention_soften(float *score, int tokens, int lanes, float *most, float *inverse)
{
    soften_attention(score, tokens, lanes, exp2_least, most, inverse);
}

void attention_soften_again(float *score, int tokens, int lanes, const float *most, const float *inverse)
{
    soften_attention_again(score, tokens, lanes, exp2_least, most, inverse);
}

void attention_pack_queries(int rows, int width, const float *from, size_t stride, float factor, float *packed)
{
    size_t panel = (size_t)width * PRODUCT_LANES;
    product_pack(true, width, rows, from, (int)stride, 0, product_panels(rows), packed, panel);
    if (factor != 1)
        multiply(packed, (size_t)product_panels(rows) * panel, factor);
}

void attention_pack_rows(int rows, int width, const float *from, size_t stride, float *to)
{
    enum { AHEAD = 8 };
    size_t panel = (size_t)rows * PRODUCT_LANES, all = (size_t)width, whole = all / PRODUCT_LANES * PRODUCT_LANES;
    for (int r = 0; r < rows; r++, from += stride, to += PRODUCT_LANES) {
        const float *ahead = from + (r + AHEAD < rows ? AHEAD * stride : 0);
        size_t c = 0;
        for (float *line = to; c < whole; c += PRODUCT_LANES, line += panel) {
            __builtin_prefetch(ahead + c);
            memcpy(line, from + c, PRODUCT_LANES * sizeof *to);
        }
        if (c == all)
            continue;
        memcpy(to + c / PRODUCT_LANES * panel, from + c, (all - c) * sizeof *to);
        memset(to + c / PRODUCT_LANES * panel + (all - c), 0, (PRODUCT_LANES - (all - c)) * sizeof *to);
    }
}
