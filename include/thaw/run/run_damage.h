/* What cannot be read of a run's events, and the words for it. Whoever reads a run counts here; nobody stops at a line. */
#ifndef THAW_RUN_RUN_DAMAGE_H
#define THAW_RUN_RUN_DAMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "thaw/base/error.h"

enum { RUN_DAMAGE_TEXT = 160 };

struct run_damage {
    uint64_t lines; /* whole lines in all; a last one without its end is what a kill leaves, and no damage */
    uint64_t damaged,
        first;     /* those that are no events, or not as they were written; the number of the first, from 1 */
    bool headless; /* the first is an event, but not the one that says what is trained */
    int version;   /* of the format, where it is a newer one, of which nothing is read; else 0 */
};

/* Line `number`, from 0, is one of them. */
void run_damage_add(struct run_damage *damage, uint64_t number) THAW_NONNULL;
/* "line 17 of 240 is not as it was written"; "" and false where nothing is wrong. */
bool run_damage_words(char text[RUN_DAMAGE_TEXT], const struct run_damage *damage) THAW_NONNULL;

#endif
