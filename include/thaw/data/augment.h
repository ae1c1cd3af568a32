/* Augmentation: random views of an image, each a pure function of (seed, epoch, index), so that a resumed run, a cache
 * and any number of threads see the same pictures. */
#ifndef THAW_DATA_AUGMENT_H
#define THAW_DATA_AUGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "thaw/data/image.h"

/* none: the evaluation view.
 * light: a random-resized crop (35 to 100 % of the area, aspect 3:4 to 4:3, torchvision's way of drawing it) and a
 * horizontal flip of every second picture. The flip turns arrows and letters round: use none where sides matter, as
 * the road-sign samples do.
 * standard: light, then brightness, contrast and saturation within 25 % of the original. */
enum augment { AUGMENT_NONE, AUGMENT_LIGHT, AUGMENT_STANDARD, AUGMENTS };
extern const char *const augment_names[AUGMENTS + 1]; /* "light"; NULL at the end */

struct augment_key {
    uint64_t seed;
    uint32_t epoch, index;
};

#endif
