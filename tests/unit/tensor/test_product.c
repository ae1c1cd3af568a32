/* The packed product against plain loops, for each instruction set that this machine has: what it sums, what it adds to, and
 * that it writes nothing else. The narrower tiles, which a wider machine never picks, are called by their names. */
#include "config.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "src/tensor/product_sets.h"
#include "thaw/base/mem.h"
#include "thaw/base/rng.h"

typedef void run_tiles(const struct product *t);

enum { EXTRA = 3 }; /* further floats in each row of a and c, further rows of b */

struct world {
    int m, n, k;
    float *a, *b, *packed, *c;
    size_t lda, ldc, panel, a_count, c_count;
};

static float *noise(size_t count, uint64_t seed)
{
    float *values = mem_floats(count);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)rng_uniform_at(seed, 0, i) - 0.5f;
    return values;
}

static struct world world_create(int m, int n, int k, bool transposed)
{
    struct world w = {.m = m, .n = n, .k = k, .lda = (size_t)(transposed ? m : k) + EXTRA, .ldc = (size_t)n + EXTRA};
    w.a_count = w.lda * (size_t)(transposed ? k : m);
    w.c_count = w.ldc * (size_t)m;
    w.a = noise(w.a_count, 1);
    w.b = noise((size_t)(k + EXTRA) * (size_t)n, 2);
    w.c = noise(w.c_count, 3);
    w.packed = mem_floats(product_packed_floats(k + EXTRA, n));
    w.panel = (size_t)(k + EXTRA) * PRODUCT_LANES;
    product_pack(false, k + EXTRA, n, w.b, n, 0, product_panels(n), w.packed, w.panel);
    return w;
}

static void world_destroy(struct world *w)
{
    mem_free_floats(w->a);
    mem_free_floats(w->b);
    mem_free_floats(w->c);
    mem_free_floats(w->packed);
}

static void check(run_tiles *tiles, int m, int n, int k, bool transposed, bool add)
{
    struct world w = world_create(m, n, k, transposed);
    struct product t = {.images = 1,
                        .lines = 1,
                        .rows = m,
                        .columns = n,
                        .segments = 1,
                        .k = k,
                        .a = w.a,
                        .row_step = transposed ? 1 : w.lda,
                        .k_step = transposed ? w.lda : 1,
                        .panel = w.panel,
                        .c = w.c,
                        .ldc = w.ldc,
                        .add = add};
    t.packed = w.packed + PRODUCT_LANES; /* from the second row of b on */
    float *before = noise(w.c_count, 3);
    tiles(&t);
    for (int r = 0; r < m; r++)
        for (size_t c = 0; c < w.ldc; c++) {
            size_t at = (size_t)r * w.ldc + c;
            if (c >= (size_t)n) {
                assert_true(w.c[at] == before[at]);
                continue;
            }
            double sum = add ? before[at] : 0;
            for (int q = 0; q < k; q++)
                sum += (double)w.a[transposed ? (size_t)q * w.lda + (size_t)r : (size_t)r * w.lda + (size_t)q] *
                       w.b[(size_t)(q + 1) * (size_t)n + c];
            assert_float_equal(w.c[at], sum, 1e-6 * (k + 1));
        }
    mem_free_floats(before);
    world_destroy(&w);
}

static void check_shapes(run_tiles *tiles)
{
    static const int widths[] = {1, 7, 15, 16, 17, 31, 32, 33, 48, 64, 70};
    for (int m = 1; m <= 27; m++)
        for (size_t i = 0; i < THAW_LENGTH(widths); i++)
            for (int mode = 0; mode < 4; mode++)
                check(tiles, m, widths[i], 1 + (m * 7 + (int)i * 5) % 19, mode & 1, mode & 2);
    check(tiles, 50, 100, 300, false, false);
    check(tiles, 50, 100, 300, true, true);
}

static void plain_tiles(void **state)
{
    (void)state;
    check_shapes(product_run_plain);
}

static void middle_tiles(void **state)
{
    (void)state;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        check_shapes(product_run_middle);
#endif
}

static void the_chosen_tiles(void **state)
{
    (void)state;
    check_shapes(product_run);
}

/* A 3x2 window over an image of 2 channels, every second pixel of every third line, summed in segments. */
static void lines_and_segments(void **state)
{
    (void)state;
    enum { W = 31, C = 2, OUT_H = 3, OUT_W = 14, N = 20, K = 2 * C };
    const size_t line = W * C, segment[] = {0, line, 2 * line};
    float *image = noise(W * C * (3 * OUT_H), 1), *b = noise(3 * K * N, 2);
    float *packed = mem_floats(product_packed_floats(3 * K, N)), *c = mem_floats(OUT_H * OUT_W * N);
    product_pack(false, 3 * K, N, b, N, 0, product_panels(N), packed, 3 * K * PRODUCT_LANES);
    struct product t = {.images = 1,
                        .lines = OUT_H,
                        .rows = OUT_W,
                        .columns = N,
                        .segments = 3,
                        .k = K,
                        .a = image,
                        .a_line = 3 * line,
                        .row_step = 2 * C,
                        .k_step = 1,
                        .segment = segment,
                        .packed = packed,
                        .panel = 3 * K * PRODUCT_LANES,
                        .c = c,
                        .c_line = OUT_W * N,
                        .ldc = N};
    product_run(&t);
    for (int y = 0; y < OUT_H; y++)
        for (int x = 0; x < OUT_W; x++)
            for (int n = 0; n < N; n++) {
                double sum = 0;
                for (int ky = 0; ky < 3; ky++)
                    for (int k = 0; k < K; k++)
                        sum += (double)image[(size_t)(3 * y + ky) * line + (size_t)(2 * x * C + k)] *
                               b[(ky * K + k) * N + n];
                assert_float_equal(c[(y * OUT_W + x) * N + n], sum, 1e-6);
            }
    mem_free_floats(image);
    mem_free_floats(b);
    mem_free_floats(packed);
    mem_free_floats(c);
}

static void transposed_packing_is_packing_of_the_transposed(void **state)
{
    (void)state;
    enum { K = 21, N = 37 };
    float *b = noise(K * N, 1), *turned = mem_floats(K * N);
    for (int k = 0; k < K; k++)
        for (int n = 0; n < N; n++)
            turned[n * K + k] = b[k * N + n];
    size_t floats = product_packed_floats(K, N);
    assert_int_equal(floats, K * 48);
    float *one = noise(floats, 2), *other = noise(floats, 3);
    product_pack(false, K, N, b, N, 0, 2, one, K * PRODUCT_LANES);
    product_pack(false, K, N, b, N, 2, product_panels(N), one, K * PRODUCT_LANES);
    product_pack(true, K, N, turned, K, 0, product_panels(N), other, K * PRODUCT_LANES);
    assert_memory_equal(one, other, floats * sizeof *one);
    mem_free_floats(b);
    mem_free_floats(turned);
    mem_free_floats(one);
    mem_free_floats(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_tiles),
        cmocka_unit_test(middle_tiles),
        cmocka_unit_test(the_chosen_tiles),
        cmocka_unit_test(lines_and_segments),
        cmocka_unit_test(transposed_packing_is_packing_of_the_transposed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
