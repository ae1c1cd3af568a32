/* Random numbers. The generators are public domain algorithms: SplitMix64 finalisers (Steele, Lea and Flood 2014,
 * constants of Stafford's variant 13) and xoshiro256** 1.0 (Blackman and Vigna 2018). */
#include "config.h"

#include "thaw/base/rng.h"

#include <math.h>

static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

uint64_t rng_at(uint64_t seed, uint64_t stream, uint64_t index)
{
    uint64_t x = mix(seed + 0x9E3779B97F4A7C15u);
    x = mix(x ^ (stream * 0xD1B54A32D192ED03u + 0x9E3779B97F4A7C15u));
    return mix(x + index * 0x9E3779B97F4A7C15u);
}

/* The upper 53 bits make a double in [0, 1). */
static double unit(uint64_t bits)
{
    return (double)(bits >> 11) * 0x1p-53;
}

double rng_uniform_at(uint64_t seed, uint64_t stream, uint64_t index)
{
    return unit(rng_at(seed, stream, index));
}

void rng_init(struct rng *rng, uint64_t seed, uint64_t stream)
{
    for (uint64_t i = 0; i < 4; i++)
        rng->state[i] = rng_at(seed, stream, i);
    if (!(rng->state[0] | rng->state[1] | rng->state[2] | rng->state[3]))
        rng->state[0] = 1; /* the all-zero state never leaves itself */
}

static uint64_t rotate(uint64_t x, int by)
{
    return (x << by) | (x >> (64 - by));
}

uint64_t rng_next(struct rng *rng)
{
    uint64_t *s = rng->state;
    uint64_t result = rotate(s[1] * 5, 7) * 9;
    uint64_t kept = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= kept;
    s[3] = rotate(s[3], 45);
    return result;
}

double rng_uniform(struct rng *rng)
{
    return unit(rng_next(rng));
}

double rng_range(struct rng *rng, double low, double high)
{
    return low + (high - low) * rng_uniform(rng);
}

double rng_normal(struct rng *rng)
{
    double radius = sqrt(-2 * log(1 - rng_uniform(rng)));
    return radius * cos(6.283185307179586 * rng_uniform(rng));
}

uint32_t rng_below(struct rng *rng, uint32_t limit)
{
    /* Lemire's multiply and reject: unbiased. */
    uint64_t product = (rng_next(rng) >> 32) * limit;
    uint32_t low = (uint32_t)product;
    if (low < limit) {
        uint32_t threshold = -limit % limit;
        while (low < threshold) {
            product = (rng_next(rng) >> 32) * limit;
            low = (uint32_t)product;
        }
    }
    return (uint32_t)(product >> 32);
}

void rng_shuffle(struct rng *rng, uint32_t *items, size_t count)
{
    for (size_t i = count; i > 1; i--) {
        size_t j = rng_below(rng, (uint32_t)i);
        uint32_t kept = items[i - 1];
        items[i - 1] = items[j];
        items[j] = kept;
    }
}
