/* Images that look the same though their files differ: kept in another size, compressed again, cut from one video. Private to
 * src/data. */
#ifndef THAW_SRC_DATA_NEAR_H
#define THAW_SRC_DATA_NEAR_H

#include "thaw/data/image.h"

enum {
    NEAR_SIDE = 9,
    NEAR_BITS = 9,     /* of 128 may differ */
    NEAR_LIGHTER = 32, /* levels of 255 by which one may be lighter */
    NEAR_LEVELS = 6,  /* of 255: what the small pictures' pixels may differ on average, but for one being lighter ... */
    NEAR_CONTRAST = 8 /* ... and an eighth of what they differ from their mean */
};

/* An image in 9x9 pixels, and its gradient hash (dHash of N. Krawetz, 2013, in both directions): whether each pixel of the small
 * picture is darker than its right and than its lower neighbour. */
struct near_print {
    uint64_t bits[2];
    uint8_t rgb[NEAR_SIDE * NEAR_SIDE * 3];
    int mean, contrast; /* of the small picture, and the sum of what its pixels differ from it */
    bool plain;         /* nothing in it to go by: it is like no other */
};
void near_print(struct near_print *print, const struct image *image) THAW_NONNULL;
bool near_alike(const struct near_print *a, const struct near_print *b) THAW_NONNULL;

/* Calls `pair` with the indices a < b of each two that are alike, each two at least once, in no certain order; NULL prints are
 * passed over. The bits fall into ten bands: two hashes with nine that differ have one band the same, so that only those are
 * compared that have. Of more than 128 in one band each is compared with the next 128 in the order of the hashes. */
void near_search(const struct near_print *const *print, int count, void (*pair)(void *context, int a, int b),
                 void *context) THAW_NONNULL_ARGS(1, 3);

#endif
