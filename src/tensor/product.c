/* The packed matrix product: a tile of c lives in vector registers while one pass over k feeds it.
 *
 * A tile is some rows of one or two panels, as many as fill the registers of an instruction set: each has a unit of its
 * own over product_tiles.h, and the widest that the processor has is chosen when a product is called. Called by the
 * convolutions and linear layers, from tasks. */
#include "config.h"

#include "thaw/tensor/product.h"

#include <string.h>

#include "product_sets.h"

size_t product_packed_floats(int k, int n)
{
    return (size_t)product_panels(n) * PRODUCT_LANES * (size_t)k;
}

THAW_SIMD static void pack_rows(int k, int n, const float *b, int ldb, float *to)
{
    if (n == PRODUCT_LANES)
        for (int r = 0; r < k; r++, b += ldb, to += PRODUCT_LANES)
            memcpy(to, b, PRODUCT_LANES * sizeof *to);
    else
        for (int r = 0; r < k; r++, b += ldb, to += PRODUCT_LANES) {
            memset(to, 0, PRODUCT_LANES * sizeof *to);
            memcpy(to, b, (size_t)n * sizeof *to);
        }
}

THAW_SIMD static void pack_columns(int k, int n, const float *b, int ldb, float *to)
{
    if (n < PRODUCT_LANES)
        memset(to, 0, (size_t)k * PRODUCT_LANES * sizeof *to);
    for (int r = 0; r < k; r++)
        for (int c = 0; c < n; c++)
            to[r * PRODUCT_LANES + c] = b[(size_t)c * (size_t)ldb + (size_t)r];
}

void product_pack(bool transpose, int k, int n, const float *b, int ldb, int first, int last, float *packed,
                  size_t panel)
{
    for (int p = first; p < last; p++) {
        int column = p * PRODUCT_LANES, columns = n - column < PRODUCT_LANES ? n - column : PRODUCT_LANES;
        float *to = packed + (size_t)p * panel;
        if (transpose)
            pack_columns(k, columns, b + (size_t)column * (size_t)ldb, ldb, to);
        else
            pack_rows(k, columns, b + column, ldb, to);
    }
}

void product_run(const struct product *t)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq")) {
        product_run_wide(t);
        return;
    }
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        product_run_middle(t);
        return;
    }
#endif
    product_run_plain(t);
}
