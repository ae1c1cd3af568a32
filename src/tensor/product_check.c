/* What a product will touch, asked of the address sanitizer at once. */
#include "config.h"

#include "product_sets.h"

#ifdef PRODUCT_CHECKED
#include <stdint.h>

#include <sanitizer/asan_interface.h>

/* The sanitizer reports the read of the first byte that is not the caller's. */
static void check_floats(const float *at, size_t floats)
{
    const volatile char *wrong = __asan_region_is_poisoned((void *)(uintptr_t)at, floats * sizeof *at);
    if (wrong != NULL)
        (void)*wrong;
}

static void check_line(const struct product *t, const float *a, const float *c)
{
    bool along_k = t->k_step == 1;
    int pieces = along_k ? t->rows : t->k;
    size_t floats = (size_t)(along_k ? t->k : t->rows), step = along_k ? t->row_step : t->k_step;
    for (int s = 0; s < t->segments; s++)
        for (int i = 0; i < pieces; i++)
            check_floats(a + (t->segment != NULL ? t->segment[s] : 0) + (size_t)i * step, floats);
    for (int r = 0; r < t->rows; r++)
        check_floats(c + (size_t)r * t->ldc, (size_t)t->columns);
}

void product_check(const struct product *t)
{
    for (int image = 0; image < t->images; image++)
        for (int line = 0; line < t->lines; line++)
            check_line(t, t->a + (size_t)image * t->a_image + (size_t)line * t->a_line,
                       t->c + (size_t)image * t->c_image + (size_t)line * t->c_line);
    for (int p = 0; p < product_panels(t->columns); p++)
        check_floats(t->packed + (size_t)p * t->panel, (size_t)t->segments * (size_t)t->k * PRODUCT_LANES);
}
#endif
