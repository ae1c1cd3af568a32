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

typedef float quad __attribute__((vector_size(16))); /* QUAD floats */
enum { QUAD = 4 };

static inline quad load_quad(const float *from)
{
    quad q;
    memcpy(&q, from, sizeof q);
    return q;
}

static inline void store_quad(float *to, quad q)
{
    memcpy(to, &q, sizeof q);
}

/* Four floats of four columns, as rows of a panel. */
static inline void turn_quads(const float *b, size_t ldb, float *to)
{
    quad c0 = load_quad(b), c1 = load_quad(b + ldb), c2 = load_quad(b + 2 * ldb), c3 = load_quad(b + 3 * ldb);
    quad low = __builtin_shufflevector(c0, c1, 0, 4, 1, 5), high = __builtin_shufflevector(c0, c1, 2, 6, 3, 7);
    quad low_2 = __builtin_shufflevector(c2, c3, 0, 4, 1, 5), high_2 = __builtin_shufflevector(c2, c3, 2, 6, 3, 7);
    store_quad(to, __builtin_shufflevector(low, low_2, 0, 1, 4, 5));
    store_quad(to + PRODUCT_LANES, __builtin_shufflevector(low, low_2, 2, 3, 6, 7));
    store_quad(to + 2 * PRODUCT_LANES, __builtin_shufflevector(high, high_2, 0, 1, 4, 5));
    store_quad(to + 3 * PRODUCT_LANES, __builtin_shufflevector(high, high_2, 2, 3, 6, 7));
}

static void pack_columns(int k, int n, const float *b, int ldb, float *to)
{
    size_t step = (size_t)ldb;
    int c = 0, rows = k / QUAD * QUAD;
    if (n < PRODUCT_LANES)
        memset(to, 0, (size_t)k * PRODUCT_LANES * sizeof *to);
    for (; c + QUAD <= n; c += QUAD) {
        for (int r = 0; r < rows; r += QUAD)
            turn_quads(b + (size_t)c * step + r, step, to + r * PRODUCT_LANES + c);
        for (int r = rows; r < k; r++)
            for (int i = 0; i < QUAD; i++)
                to[r * PRODUCT_LANES + c + i] = b[(size_t)(c + i) * step + (size_t)r];
    }
    for (; c < n; c++)
        for (int r = 0; r < k; r++)
            to[r * PRODUCT_LANES + c] = b[(size_t)c * step + (size_t)r];
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
