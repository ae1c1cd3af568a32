/* exp, tanh and the normal distribution in float, as straight code that a compiler vectorises: no branch, no call, no
 * rounding mode; the same bits at every vector width. A NaN stays one. The polynomials are least-maximum fits made for these
 * ranges. Errors against double, in units of the last place, as tests/unit/ops/test_elementary holds them: exp 1.1, tanh
 * 1.4, sigmoid 2.5, density 3, cumulative 7 (in its tail; 3 above -1). */
#ifndef THAW_OPS_ELEMENTARY_H
#define THAW_OPS_ELEMENTARY_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#define ELEMENTARY static inline __attribute__((always_inline))

/* e^x, x held to -87..87 (no infinity, no denormal). */
ELEMENTARY float exp_of(float x)
{
    const float log2e = 0x1.715476p+0f, ln2_high = 0x1.62e4p-1f, ln2_low = 0x1.7f7d1cp-20f;
    const float shift = 0x1.8p+23f; /* adding it rounds to an integer, in the low bits */
    x = x < -87 ? -87 : x;
    x = x > 87 ? 87 : x;
    float t = x * log2e + shift, n = t - shift;
    float r = (x - n * ln2_high) - n * ln2_low;
    float p = 0.00139504f;
    p = p * r + 0.00836888f;
    p = p * r + 0.04166621f;
    p = p * r + 0.16666519f;
    p = p * r + 0.5f;
    p = (p * r) * r + r + 1;
    uint32_t bits;
    memcpy(&bits, &t, sizeof bits);
    bits = (bits << 23) + 0x3f800000; /* 2^n */
    float scale;
    memcpy(&scale, &bits, sizeof scale);
    return p * scale;
}

/* 2^x for x <= 0, held to 2^least: with half of exp_of's work, within 3 units. least is exp2_least, as an argument of a
 * function that is not inlined: a compiler that knows it makes two ways of this instead of a maximum. */
static const float exp2_least = -126;
ELEMENTARY float exp2_below(float x, float least)
{
    const float shift = 0x1.8p+23f;
    x = x < least ? least : x;
    float t = x + shift, f = x - (t - shift);
    float p = 0.00132764713f;
    p = p * f + 0.00967554096f;
    p = p * f + 0.0555071309f;
    p = p * f + 0.240221202f;
    p = p * f + 0.693146944f;
    p = p * f + 1;
    uint32_t whole, bits;
    memcpy(&whole, &t, sizeof whole);
    memcpy(&bits, &p, sizeof bits);
    bits += whole << 23;
    memcpy(&p, &bits, sizeof p);
    return p;
}

ELEMENTARY float sigmoid_of(float x)
{
    return 1 / (1 + exp_of(-x));
}

ELEMENTARY float tanh_of(float x)
{
    float a = fabsf(x), s = x * x;
    float p = -0.00571704f;
    p = p * s + 0.02065059f;
    p = p * s - 0.0537435f;
    p = p * s + 0.13331491f;
    p = p * s - 0.33333284f;
    float near = x + x * s * p, far = 1 - 2 / (exp_of(2 * a) + 1);
    far = x < 0 ? -far : far;
    return a < 0.625f ? near : far;
}

/* The normal distribution's density and cumulative function at x. The middle is 1/2 + erf(x / sqrt 2) / 2; the tails are
 * erfc(z) = e^(-z^2) w(1 / (z + 1.5)) with the rounding of the square made good, z = |x| / sqrt 2, up to z = 10. */
ELEMENTARY void normal_of(float x, float *density, float *cumulative)
{
    const float root_half = 0.70710678f;
    float a = fabsf(x);
    a = a > 13 ? 13 : a;
    uint32_t bits;
    memcpy(&bits, &a, sizeof bits);
    bits &= 0xfffff000;
    float high;
    memcpy(&high, &bits, sizeof high);
    float square = a * a, low = a - high;
    float rest = ((high * high - square) + 2 * high * low) + low * low;
    float e = exp_of(-0.5f * square);
    e -= e * (0.5f * rest);
    *density = 0.39894228f * e;

    float u = 1 / (a * root_half + 1.5f);
    float w = 4.00070802f;
    w = w * u - 14.5804137f;
    w = w * u + 21.0796158f;
    w = w * u - 14.1408633f;
    w = w * u + 3.22125303f;
    w = w * u - 0.109591212f;
    w = w * u + 1.08297795f;
    w = w * u + 0.838587818f;
    w = w * u + 0.564541488f;
    w = w * u - 6.96075301e-06f;
    float tail = 0.5f * e * w;
    tail = x < 0 ? tail : 1 - tail;

    float z = x * root_half, s = z * z;
    float p = 0.00471992815f;
    p = p * s - 0.0267581557f;
    p = p * s + 0.11282838f;
    p = p * s - 0.376126093f;
    p = p * s + 1.12837917f;
    *cumulative = a < root_half ? 0.5f + 0.5f * z * p : tail;
}

#endif
