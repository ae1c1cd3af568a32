/* The sample world: two procedural road-sign datasets of our own drawing, so that everything works offline. The mission's
 * story in small: train where data is abundant (american), transfer to where it is scarce (indian). */
#ifndef THAW_SAMPLES_ROADSIGNS_H
#define THAW_SAMPLES_ROADSIGNS_H

#include <stdint.h>

#include "thaw/data/image.h"

enum roadsigns_country { ROADSIGNS_AMERICAN, ROADSIGNS_INDIAN, ROADSIGNS_COUNTRIES };

const char *roadsigns_country_name(enum roadsigns_country country); /* "american" */
int roadsigns_classes(enum roadsigns_country country);              /* 12, 10 */
const char *roadsigns_class_name(enum roadsigns_country country, int label);

/* Draws one image, size x size: a pure function of its arguments. *image is created; finish it. */
bool roadsigns_draw(enum roadsigns_country country, int label, uint64_t seed, uint64_t index, int size,
                    struct image *image, struct error *error) THAW_NONNULL THAW_MUST_CHECK;

/* Writes directory/{train,val}/CLASS/NNNN.png; counts are images a class. Files already there are kept as they are when
 * a manifest says they are of the same seed, size and counts. progress may be NULL. */
bool roadsigns_write(enum roadsigns_country country, const char *directory, uint64_t seed, int size, int train, int val,
                     void (*progress)(void *context, int done, int total), void *context, struct error *error)
    THAW_NONNULL_ARGS(2, 9) THAW_MUST_CHECK;

#endif
