/* See hashed.h. For a difference d the mean of (d.s)^2 over vectors s of +-1 has the expectation |d|^2, so the products
 * bound the error of a whole tensor, of any size, in one line of text. */
#include "config.h"

#include "hashed.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "thaw/base/macros.h"
#include "thaw/base/sanitize.h"

#define INLINE THAW_UNCHECKED static inline __attribute__((always_inline))

uint64_t hashed_name(const char *name)
{
    uint64_t value = 0xcbf29ce484222325u;
    for (; *name; name++)
        value = (value ^ (unsigned char)*name) * 0x100000001b3u;
    return value;
}

INLINE uint64_t bits_of(uint64_t name, size_t element)
{
    uint64_t z = name + (element + 1) * 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

INLINE double uniform_of(uint64_t bits)
{
    return (double)(bits >> 11) * 0x1p-53;
}

uint64_t hashed_bits(uint64_t name, size_t element)
{
    return bits_of(name, element);
}

double hashed_uniform(uint64_t name, size_t element)
{
    return uniform_of(bits_of(name, element));
}

THAW_UNCHECKED THAW_SIMD static void fill(uint64_t name, double middle, double spread, float *to, size_t count)
{
    for (size_t i = 0; i < count; i++)
        to[i] = (float)(middle + spread * (2 * uniform_of(bits_of(name, i)) - 1));
}

void hashed_fill(uint64_t name, double middle, double spread, float *to, size_t count)
{
    check_floats(to, count);
    fill(name, middle, spread, to, count);
}

/* v, or -v where the bit is set that `left` moves to the sign's place. */
INLINE double signed_by(double v, uint64_t bits, int left)
{
    uint64_t as_bits;
    memcpy(&as_bits, &v, sizeof v);
    as_bits ^= bits << left & (uint64_t)1 << 63;
    memcpy(&v, &as_bits, sizeof v);
    return v;
}

THAW_UNCHECKED THAW_SIMD static void project_hashed(uint64_t hash, const float *values, size_t count,
                                                    struct hashed_digest *d)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t bits = bits_of(hash, i);
        double v = values[i];
        d->norm += v * v;
        for (int k = 0; k < HASHED_PROJECTIONS; k++)
            d->projection[k] += signed_by(v, bits, k);
    }
}

struct hashed_digest hashed_digest(const char *name, const float *values, size_t count)
{
    char full[128];
    snprintf(full, sizeof full, "projection.%s", name);
    struct hashed_digest d = {0, {0}};
    check_floats(values, count);
    project_hashed(hashed_name(full), values, count, &d);
    d.norm = sqrt(d.norm);
    return d;
}

void hashed_digest_read(FILE *file, char name[80], size_t *count, struct hashed_digest *digest)
{
    assert_int_equal(fscanf(file, "%79s %zu %lf", name, count, &digest->norm), 3);
    for (int k = 0; k < HASHED_PROJECTIONS; k++)
        assert_int_equal(fscanf(file, "%lf", &digest->projection[k]), 1);
}

double hashed_digest_distance(const struct hashed_digest *a, const struct hashed_digest *b)
{
    double square = 0;
    for (int k = 0; k < HASHED_PROJECTIONS; k++)
        square += pow(a->projection[k] - b->projection[k], 2) / HASHED_PROJECTIONS;
    return sqrt(square);
}
