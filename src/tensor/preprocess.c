/* Words of struct preprocess. */
#include "config.h"

#include "thaw/tensor/preprocess.h"

#include <string.h>

static const char *const interpolation_names[] = {"bilinear", "bicubic"};
_Static_assert(THAW_LENGTH(interpolation_names) == INTERPOLATIONS, "one name an interpolation");

const char *interpolation_name(enum interpolation interpolation)
{
    return interpolation_names[interpolation];
}

bool interpolation_find(const char *name, enum interpolation *interpolation)
{
    for (enum interpolation i = 0; i < INTERPOLATIONS; i++) {
        if (strcmp(name, interpolation_names[i]) == 0) {
            *interpolation = i;
            return true;
        }
    }
    return false;
}
