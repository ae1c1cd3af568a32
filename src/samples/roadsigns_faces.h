/* The faces of the signs, one row a class, in the order of labels. Private to src/data. */
#ifndef THAW_SAMPLES_ROADSIGNS_FACES_H
#define THAW_SAMPLES_ROADSIGNS_FACES_H

#include "scene.h"

enum { ROADSIGNS_AMERICAN_CLASSES = 12, ROADSIGNS_INDIAN_CLASSES = 10 };

struct roadsigns_face {
    const char *name;                  /* of the class, and of its folder; sorted */
    void (*draw)(struct scene *scene); /* adds the face, -1 to 1 */
};
extern const struct roadsigns_face roadsigns_american[ROADSIGNS_AMERICAN_CLASSES];
extern const struct roadsigns_face roadsigns_indian[ROADSIGNS_INDIAN_CLASSES];

/* Pictograms both countries use. */
extern const struct colour ink_black, ink_white, ink_red, ink_yellow, ink_blue, ink_lime;
void roadsigns_walker(struct scene *scene, struct colour ink, float x, float y, float size) THAW_NONNULL;

#endif
