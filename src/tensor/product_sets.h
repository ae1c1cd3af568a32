/* A packed product by the tiles of one instruction set: units of their own, since the compiler takes seconds over each. */
#ifndef THAW_TENSOR_PRODUCT_SETS_H
#define THAW_TENSOR_PRODUCT_SETS_H

#include "thaw/base/sanitize.h"
#include "thaw/tensor/product.h"

/* All that the tiles will touch is asked for before (product_check.c). */
#ifdef THAW_CHECKED
void product_check(const struct product *product) THAW_NONNULL;
#else
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
