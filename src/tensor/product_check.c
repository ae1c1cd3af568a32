/* What a product will touch, asked of the address sanitizer at once. */
#include "config.h"

#include "product_sets.h"

#ifdef THAW_CHECKED
enum { LEVELS = 3 };

/* So many pieces, each so many floats behind the one before. */
struct level {
    int count;
    size_t step;
};

/* Pieces of so many floats, innermost level first. Those that lie close together are of one buffer, and so is what is
 * between them: they are asked for as one. */
static void check_pieces(const float *at, size_t floats, const struct level *level, int levels)
{
    enum { CLOSE = 4 };
    while (levels > 0 && level->step <= CLOSE * floats) {
        floats += (size_t)(level->count - 1) * level->step;
        level++;
        levels--;
    }
    if (levels == 0) {
        check_floats(at, floats);
        return;
    }
    const struct level *outer = &level[levels - 1];
    for (int i = 0; i < outer->count; i++)
        check_pieces(at + (size_t)i * outer->step, floats, level, levels - 1);
}

static void check_a(const struct product *t)
{
    bool along_k = t->k_step == 1;
    size_t floats = (size_t)(along_k ? t->k : t->rows), least = SIZE_MAX, most = 0;
    const struct level level[LEVELS] = {
        {along_k ? t->rows : t->k, along_k ? t->row_step : t->k_step}, {t->lines, t->a_line}, {t->images, t->a_image}};
    for (int s = 0; s < t->segments; s++) {
        size_t segment = t->segment != NULL ? t->segment[s] : 0;
        least = segment < least ? segment : least;
        most = segment > most ? segment : most;
    }
    if (most - least <= floats * (size_t)t->segments) {
        check_pieces(t->a + least, floats + most - least, level, LEVELS);
        return;
    }
    for (int s = 0; s < t->segments; s++)
        check_pieces(t->a + t->segment[s], floats, level, LEVELS);
}

void product_check(const struct product *t)
{
    const struct level of_c[LEVELS] = {{t->rows, t->ldc}, {t->lines, t->c_line}, {t->images, t->c_image}},
                       of_panels = {product_panels(t->columns), t->panel};
    if (t->images <= 0 || t->lines <= 0 || t->rows <= 0 || t->columns <= 0)
        return;
    check_pieces(t->c, (size_t)t->columns, of_c, LEVELS);
    if (t->segments <= 0 || t->k <= 0)
        return;
    check_a(t);
    check_pieces(t->packed, (size_t)t->segments * (size_t)t->k * PRODUCT_LANES, &of_panels, 1);
}
#endif
