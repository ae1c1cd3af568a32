/* Whether two stories say the same: every member, to the bit. */
#ifndef THAW_TESTS_UNIT_RUN_SAME_STORY_H
#define THAW_TESTS_UNIT_RUN_SAME_STORY_H

#include "thaw/run/story.h"

/* The name of the first member in which they differ; NULL: none. */
const char *story_difference(const struct story *a, const struct story *b) THAW_NONNULL;

#endif
