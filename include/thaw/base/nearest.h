/* What was probably meant: how far a word that is not known is from names that are, and the nearest of those offered. */
#ifndef THAW_BASE_NEAREST_H
#define THAW_BASE_NEAREST_H

#include <stdbool.h>
#include <stddef.h>

#include "thaw/base/macros.h"

/* 0: alike but for case and for what parts words, to 100: nothing in common. Letters missing, added, replaced or changed
 * places with their neighbour count by their share; a beginning, a part, initials and words of the field that mean the
 * same are near whatever their length. Looks at 64 letters and digits of each. */
int nearest_far(const char *wanted, const char *name) THAW_NONNULL;

/* What is no farther can be called what was meant. */
enum { NEAREST_MEANT = 55, NEAREST_KEPT = 3 };

/* A search: set `wanted`, offer names, which are borrowed. */
struct nearest {
    const char *wanted;
    const char *name[NEAREST_KEPT]; /* the nearest first, of equals the one offered first; NULL where there are fewer */
    int far[NEAREST_KEPT];
};
void nearest_offer(struct nearest *nearest, const char *name) THAW_NONNULL;
/* The same for a name that stands `away` farther than it looks, as one of another section does. */
void nearest_offer_away(struct nearest *nearest, const char *name, int away) THAW_NONNULL;
/* The nearest of a list that ends with NULL, however far it is. */
const char *nearest_of(const char *wanted, const char *const *names) THAW_NONNULL;
/* Puts "; the nearest is a" or "; the nearest are a and b" behind a sentence, of at most `most` that can have been meant;
 * where there is none, "; " and `otherwise`, or nothing if that is NULL. */
void nearest_tell(const struct nearest *nearest, int most, const char *otherwise, char *sentence, size_t room)
    THAW_NONNULL_ARGS(1, 4);

#endif
