/* The tiles of a packed product for one instruction set; included by its unit, with TILE_SET (its name), TILE_TARGET (its
 * attribute), TILE_LANES (floats of a register), TILE_ROWS and TILE_PANELS (a tile's) defined. A register wider than the
 * machine's would live in memory, hence one unit for each set and not one loop for all. */
#include <string.h>

#include "product_sets.h"

#define INLINE      THAW_UNCHECKED static inline __attribute__((always_inline))
#define JOIN_(a, b) a##_##b
#define JOIN(a, b)  JOIN_(a, b)
#define NAMED(name) JOIN(name, TILE_SET)
#define PARTS       (PRODUCT_LANES / TILE_LANES) /* registers of a panel's row */
#define LANES       NAMED(lanes)
#ifdef __clang__ /* knows how often, but not this pragma of gcc's, without which sums live in memory */
#define UNROLLED _Pragma("clang loop unroll(full)")
#else
#define UNROLLED _Pragma("GCC unroll 12")
#endif
#define EACH(index, count, step) UNROLLED for (int index = 0; index < (count); index += (step))

/* Terms of one running sum; longer sums are made of several, which rounds less. */
enum { SUM_MOST = 512 };

typedef float LANES __attribute__((vector_size(4 * TILE_LANES), aligned(sizeof(float)), may_alias));

/* c = or += sum, which is 0 again. */
INLINE void NAMED(flush)(LANES sum[TILE_ROWS][TILE_PANELS * PARTS], float *c, const size_t ldc, const int rows,
                         const int parts, bool add)
{
    EACH(r, rows, 1)
        EACH(p, parts, 1) {
            LANES *to = (LANES *)(c + (size_t)r * ldc + p * TILE_LANES);
            if (add)
                sum[r][p] += *to;
            *to = sum[r][p];
            sum[r][p] = (LANES){0};
        }
}

/* A tile of whole panels. */
INLINE void NAMED(tile)(const struct product *t, const float *a, const float *b, float *c, const size_t ldc,
                        const int rows, const int panels, const size_t row_step, const size_t k_step)
{
    static const size_t nowhere = 0;
    LANES sum[TILE_ROWS][TILE_PANELS * PARTS];
    const int parts = panels * PARTS;
    EACH(r, rows, 1)
        EACH(p, parts, 1)
            sum[r][p] = (LANES){0};
    const size_t panel = t->panel, *segment = t->segment ? t->segment : &nowhere;
    /* By the time the sums are ready, where they go has come near. */
    EACH(r, rows, 1)
        EACH(p, panels, 1)
            __builtin_prefetch(c + (size_t)r * ldc + p * PRODUCT_LANES, 1);
    bool add = t->add;
    int summed = 0;
    const float *ahead = a + TILE_ROWS * row_step;
    const size_t ahead_step = t->segments == 1 && k_step == 1 && b == t->packed ? 16 : 0;
    for (int s = t->segments; s > 0; s--, segment++) {
        /* Three rows share a pointer: their distances are what one index register can be scaled to. */
        const float *from[(TILE_ROWS + 2) / 3];
        EACH(r, rows, 3)
            from[r / 3] = a + *segment + (size_t)r * row_step;
        for (int left = t->k; left > 0;) {
            const int some = left < SUM_MOST ? left : SUM_MOST;
            if (summed + some > SUM_MOST) {
                NAMED(flush)(sum, c, ldc, rows, parts, add);
                add = true;
                summed = 0;
            }
            summed += some;
            left -= some;
            for (int k = some; k > 0; k--, b += PRODUCT_LANES) {
                LANES right[TILE_PANELS * PARTS];
                EACH(p, parts, 1)
                    right[p] = *(const LANES *)(b + (size_t)(p / PARTS) * panel + p % PARTS * TILE_LANES);
                EACH(r, rows, 1) {
                    const LANES one = from[r / 3][(size_t)(r % 3) * row_step] - (LANES){0};
                    EACH(p, parts, 1)
                        sum[r][p] += one * right[p];
                }
                EACH(r, rows, 3)
                    from[r / 3] += k_step;
                __builtin_prefetch(ahead);
                ahead += ahead_step;
            }
        }
    }
    NAMED(flush)(sum, c, ldc, rows, parts, add);
}

/* Some rows of `panels` panels from column on; the last panel may be cut off by the number of columns. */
INLINE void NAMED(tile_at)(const struct product *t, const float *a, float *c, int column, const int rows,
                           const int panels, const size_t row_step, const size_t k_step)
{
    const float *b = t->packed + (size_t)(column / PRODUCT_LANES) * t->panel;
    const int wide = panels * PRODUCT_LANES, columns = t->columns - column;
    const bool whole = columns >= wide;
    float edge[TILE_ROWS * TILE_PANELS * PRODUCT_LANES] __attribute__((aligned(64)));
    for (int r = 0; r < rows && t->add && !whole; r++)
        memcpy(edge + r * wide, c + (size_t)r * t->ldc, (size_t)columns * sizeof *c);
    NAMED(tile)(t, a, b, whole ? c : edge, whole ? t->ldc : (size_t)wide, rows, panels, row_step, k_step);
    for (int r = 0; r < rows && !whole; r++)
        memcpy(c + (size_t)r * t->ldc, edge + r * wide, (size_t)columns * sizeof *c);
}

/* The rows of a line: full tiles, then what is left. */
INLINE void NAMED(line_of_tiles)(const struct product *t, const float *a, float *c, int column, const int panels,
                                 const size_t row_step, const size_t k_step)
{
    int left = t->rows;
    for (; left >= TILE_ROWS; left -= TILE_ROWS, a += TILE_ROWS * row_step, c += TILE_ROWS * t->ldc)
        NAMED(tile_at)(t, a, c, column, TILE_ROWS, panels, row_step, k_step);
    EACH(rows, TILE_ROWS, 1)
        if (rows > 0 && left == rows)
            NAMED(tile_at)(t, a, c, column, rows, panels, row_step, k_step);
}

INLINE void NAMED(column_of_tiles)(const struct product *t, int column, const int panels, const size_t row_step,
                                   const size_t k_step)
{
    for (int image = 0; image < t->images; image++)
        for (int line = 0; line < t->lines; line++)
            NAMED(line_of_tiles)
    (t, t->a + (size_t)image * t->a_image + (size_t)line * t->a_line,
     t->c + (size_t)image * t->c_image + (size_t)line * t->c_line + column, column, panels, row_step, k_step);
}

/* Panels outside: they stay in a near cache while all rows pass. */
INLINE void NAMED(run_tiles)(const struct product *t, const size_t row_step, const size_t k_step)
{
    int column = 0;
    for (; column + (TILE_PANELS - 1) * PRODUCT_LANES < t->columns; column += TILE_PANELS * PRODUCT_LANES)
        NAMED(column_of_tiles)(t, column, TILE_PANELS, row_step, k_step);
    if (column < t->columns)
        NAMED(column_of_tiles)(t, column, 1, row_step, k_step);
}

THAW_UNCHECKED TILE_TARGET void NAMED(product_run)(const struct product *t)
{
    product_check(t);
#ifdef THAW_SANITIZED /* a minute of compiling for each case that is known to the compiler */
    NAMED(run_tiles)(t, t->row_step, t->k_step);
#else
    if (t->k_step == 1)
        NAMED(run_tiles)(t, t->row_step, 1);
    else
        NAMED(run_tiles)(t, 1, t->k_step);
#endif
}
