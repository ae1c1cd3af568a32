/* Values that both sides of a reference test compute from a name and a number, so that weights need not be kept, and
 * digests of tensors too large to keep. Twin of hashed.py. */
#ifndef THAW_TESTS_REFERENCE_HASHED_H
#define THAW_TESTS_REFERENCE_HASHED_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

uint64_t hashed_name(const char *name);               /* FNV-1a */
uint64_t hashed_bits(uint64_t name, size_t element);  /* SplitMix64 over it */
double hashed_uniform(uint64_t name, size_t element); /* [0, 1), 53 bits */
/* Elements 0 on, as middle + spread * (2 * uniform - 1). */
void hashed_fill(uint64_t name, double middle, double spread, float *to, size_t count);

/* A tensor's norm and its dot products with hashed vectors of +-1. */
enum { HASHED_PROJECTIONS = 8 };
struct hashed_digest {
    double norm, projection[HASHED_PROJECTIONS];
};
struct hashed_digest hashed_digest(const char *name, const float *values, size_t count);
/* "NAME COUNT NORM P1 ... P8"; fails the test where that is not what the file has next. */
void hashed_digest_read(FILE *file, char name[80], size_t *count, struct hashed_digest *digest);
/* The root mean square of the differences between the products: the estimated norm of the tensors' difference. */
double hashed_digest_distance(const struct hashed_digest *a, const struct hashed_digest *b);

#endif
