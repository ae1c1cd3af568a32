/* A packed product by the tiles of one instruction set: units of their own, since the compiler takes seconds over each. */
#ifndef THAW_TENSOR_PRODUCT_SETS_H
#define THAW_TENSOR_PRODUCT_SETS_H

#include "thaw/tensor/product.h"

/* The address sanitizer's check of each access makes tiles many times slower, and all that a product touches is known
 * before: it is asked for once (product_check.c), and the tiles go unchecked. */
#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define PRODUCT_CHECKED
#endif
#endif
#ifdef PRODUCT_CHECKED
#define PRODUCT_TILES __attribute__((no_sanitize("address", "undefined")))
void product_check(const struct product *product) THAW_NONNULL;
#else
#define PRODUCT_TILES
static inline void product_check(const struct product *product)
{
    (void)product;
}
#endif

#if defined(__x86_64__)
void product_run_wide(const struct product *product) THAW_NONNULL;   /* AVX-512 */
void product_run_middle(const struct product *product) THAW_NONNULL; /* AVX2 and FMA */
#endif
void product_run_plain(const struct product *product) THAW_NONNULL; /* what every machine has */

#endif
