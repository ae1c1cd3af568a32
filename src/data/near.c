/* See the header. Called by the doctor. */
#include "config.h"

#include "near.h"

#include <stdlib.h>
#include <string.h>

#include "resize.h"
#include "thaw/base/mem.h"

enum { BANDS = NEAR_BITS + 1, BITS = 128, COMPARED = 128, PLAIN = 24 };

static int grey(const uint8_t *rgb)
{
    return 299 * rgb[0] + 587 * rgb[1] + 114 * rgb[2];
}

void near_print(struct near_print *print, const struct image *image)
{
    struct image small = {.width = NEAR_SIDE, .height = NEAR_SIDE, .rgb = print->rgb};
    int level[NEAR_SIDE][NEAR_SIDE], least = 255000, most = 0;
    memset(print, 0, sizeof *print);
    image_resize(image, INTERPOLATION_BILINEAR, 0, 0, image->width, image->height, &small);
    for (int y = 0; y < NEAR_SIDE; y++)
        for (int x = 0; x < NEAR_SIDE; x++) {
            level[y][x] = grey(&print->rgb[(y * NEAR_SIDE + x) * 3]);
            least = level[y][x] < least ? level[y][x] : least;
            most = level[y][x] > most ? level[y][x] : most;
        }
    for (size_t i = 0; i < sizeof print->rgb; i++)
        print->mean += print->rgb[i];
    print->mean /= (int)sizeof print->rgb;
    for (size_t i = 0; i < sizeof print->rgb; i++)
        print->contrast += abs(print->rgb[i] - print->mean);
    print->plain = most - least < PLAIN * 1000;
    for (int y = 0; y < NEAR_SIDE - 1; y++)
        for (int x = 0; x < NEAR_SIDE - 1; x++) {
            print->bits[0] = print->bits[0] << 1 | (level[y][x] < level[y][x + 1]);
            print->bits[1] = print->bits[1] << 1 | (level[y][x] < level[y + 1][x]);
        }
}

bool near_alike(const struct near_print *a, const struct near_print *b)
{
    if (__builtin_popcountll(a->bits[0] ^ b->bits[0]) + __builtin_popcountll(a->bits[1] ^ b->bits[1]) > NEAR_BITS)
        return false;
    int lighter = a->mean - b->mean, most = NEAR_LEVELS * (int)sizeof a->rgb, sum = 0;
    most = a->contrast / NEAR_CONTRAST < most ? a->contrast / NEAR_CONTRAST : most;
    for (int y = 0; y < NEAR_SIDE && sum <= most; y++)
        for (int i = y * NEAR_SIDE * 3; i < (y + 1) * NEAR_SIDE * 3; i++)
            sum += abs(a->rgb[i] - b->rgb[i] - lighter);
    return abs(lighter) <= NEAR_LIGHTER && sum <= most;
}

/* An image in the order of one band. */
struct place {
    uint32_t band;
    int index;
    const struct near_print *print;
};

/* Bits of a band lie far apart in the picture, so that plain borders leave no band without a difference. */
static uint32_t band_of(const struct near_print *print, int band)
{
    uint32_t value = 0;
    for (int i = band; i < BITS; i += BANDS) {
        int bit = i * 37 % BITS;
        value = value << 1 | (uint32_t)(print->bits[bit / 64] >> (bit % 64) & 1);
    }
    return value;
}

static int by_band(const void *left, const void *right)
{
    const struct place *a = left, *b = right;
    if (a->band != b->band)
        return a->band < b->band ? -1 : 1;
    int order = memcmp(a->print->bits, b->print->bits, sizeof a->print->bits);
    return order ? order : a->index < b->index ? -1 : a->index > b->index;
}

void near_search(const struct near_print *const *print, int count, void (*pair)(void *context, int a, int b),
                 void *context)
{
    struct place *place = mem_array((size_t)count + 1, sizeof *place);
    for (int band = 0; band < BANDS; band++) {
        int places = 0;
        for (int i = 0; i < count; i++)
            if (print[i] && !print[i]->plain)
                place[places++] = (struct place){band_of(print[i], band), i, print[i]};
        qsort(place, (size_t)places, sizeof *place, by_band);
        for (int i = 0; i < places; i++)
            for (int j = i + 1; j < places && j <= i + COMPARED && place[j].band == place[i].band; j++)
                if (near_alike(place[i].print, place[j].print)) {
                    int a = place[i].index, b = place[j].index;
                    pair(context, a < b ? a : b, a < b ? b : a);
                }
    }
    mem_free(place);
}
