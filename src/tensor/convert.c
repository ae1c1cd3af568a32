/* Element conversions, little endian, any alignment: values are copied out with memcpy before use. */
#include "config.h"

#include "thaw/tensor/tensor.h"

#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "weights files are little endian; this port needs byte swaps in tensor_to_f32 and tensor_from_f32"
#endif

static float float_of_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint32_t bits_of_float(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* IEEE 754 binary16 to binary32, exact. Exponent and fraction moved to their places make a float that is 2^112 times too
 * small, a subnormal one too; infinity and NaN get their exponent. Without branches, for vectors. */
static inline float float_of_half(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, magnitude = half & 0x7fff;
    uint32_t bits = bits_of_float(float_of_bits(magnitude << 13) * 0x1p112f);
    return float_of_bits(sign | bits | (magnitude >= 0x7c00 ? 0x7f800000 : 0));
}

THAW_SIMD static void halves_to_floats(float *to, const char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint16_t half;
        memcpy(&half, bytes + i * sizeof half, sizeof half);
        to[i] = float_of_half(half);
    }
}

/* Round to nearest, ties to even, on the 13 (or, for subnormals, more) bits that fall off. */
static uint16_t half_of_float(float value)
{
    uint32_t bits = bits_of_float(value), sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
    if (magnitude > 0x7f800000)
        return (uint16_t)(sign | 0x7e00); /* NaN */
    if (magnitude >= 0x477ff000)
        return (uint16_t)(sign | 0x7c00); /* rounds to infinity */
    if (magnitude < 0x33000001)
        return (uint16_t)sign; /* at most half the smallest subnormal */
    int shift = 13;
    uint32_t fraction = magnitude, base = 0;
    if (magnitude < 0x38800000) { /* subnormal half: shift the fraction with its hidden bit into place */
        shift = 126 - (int)(magnitude >> 23);
        fraction = (magnitude & 0x7fffff) | 0x800000;
    } else {
        base = 112u << 10;
    }
    uint32_t kept = fraction >> shift, lost = fraction & ((1u << shift) - 1), middle = 1u << (shift - 1);
    if (lost > middle || (lost == middle && (kept & 1)))
        kept++;
    return (uint16_t)(sign | (kept - base));
}

static uint16_t bfloat_of_float(float value)
{
    uint32_t bits = bits_of_float(value);
    if ((bits & 0x7fffffff) > 0x7f800000)
        return (uint16_t)(bits >> 16 | 0x40); /* a NaN stays one */
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

#define CONVERT(type, expression)                                                                                      \
    for (size_t i = 0; i < count; i++) {                                                                               \
        type x;                                                                                                        \
        memcpy(&x, bytes + i * sizeof x, sizeof x);                                                                    \
        to[i] = (float)(expression);                                                                                   \
    }                                                                                                                  \
    break

void tensor_to_f32(float *to, const void *from, enum tensor_type type, size_t count)
{
    const char *bytes = from;
    switch (type) {
    case TENSOR_F32:
        memcpy(to, from, count * sizeof *to);
        break;
    case TENSOR_F16:
        halves_to_floats(to, bytes, count);
        break;
    case TENSOR_BF16:
        CONVERT(uint16_t, float_of_bits((uint32_t)x << 16));
    case TENSOR_F64:
        CONVERT(double, x);
    case TENSOR_I64:
        CONVERT(int64_t, x);
    case TENSOR_I32:
        CONVERT(int32_t, x);
    case TENSOR_I16:
        CONVERT(int16_t, x);
    case TENSOR_I8:
        CONVERT(int8_t, x);
    case TENSOR_U8:
        CONVERT(uint8_t, x);
    case TENSOR_BOOL:
        CONVERT(uint8_t, x != 0);
    case TENSOR_TYPES:
        break;
    }
}

void tensor_from_f32(void *to, const float *from, enum tensor_type type, size_t count)
{
    if (type == TENSOR_F32) {
        memcpy(to, from, count * sizeof *from);
        return;
    }
    char *bytes = to;
    for (size_t i = 0; i < count; i++) {
        uint16_t x = type == TENSOR_F16 ? half_of_float(from[i]) : bfloat_of_float(from[i]);
        memcpy(bytes + i * sizeof x, &x, sizeof x);
    }
}
