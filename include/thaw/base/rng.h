/* Random numbers: counter-based, so that a value is a pure function of (seed, stream, index) and needs no state to be
 * saved; and a small sequential generator for where an order exists anyway. */
#ifndef THAW_BASE_RNG_H
#define THAW_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

/* 64 mixed bits of (seed, stream, index); SplitMix64-style finalisers over the three words. */
uint64_t rng_at(uint64_t seed, uint64_t stream, uint64_t index);
double rng_uniform_at(uint64_t seed, uint64_t stream, uint64_t index); /* [0, 1) */

/* Named streams, so that no two uses of one seed share numbers. */
enum rng_stream {
    RNG_INIT = 1, /* initial weights */
    RNG_SHUFFLE,  /* order of samples in an epoch */
    RNG_SPLIT,    /* train/validation split */
    RNG_AUGMENT,  /* augmented views */
    RNG_DROPOUT,
    RNG_SAMPLES, /* the drawn road signs */
};

/* xoshiro256** 1.0 (Blackman and Vigna), seeded from rng_at. The state is plain data: copy it to save it. */
struct rng {
    uint64_t state[4];
};
void rng_init(struct rng *rng, uint64_t seed, uint64_t stream);
uint64_t rng_next(struct rng *rng);
double rng_uniform(struct rng *rng); /* [0, 1) */
double rng_range(struct rng *rng, double low, double high);
double rng_normal(struct rng *rng);                  /* mean 0, deviation 1; Box-Muller, one value a call */
uint32_t rng_below(struct rng *rng, uint32_t limit); /* [0, limit), unbiased; limit > 0 */
void rng_shuffle(struct rng *rng, uint32_t *items, size_t count); /* Fisher-Yates */

#endif
