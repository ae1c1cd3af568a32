/* Numbers as text. */
#ifndef THAW_BASE_NUMBER_H
#define THAW_BASE_NUMBER_H

#include <stdbool.h>

#include "thaw/base/macros.h"

enum { NUMBER_TEXT = 32 };
/* The fewest significant digits that read back to the same double: "0.1", "1795270260.123", "nan". Returns text. */
const char *number_text(char text[NUMBER_TEXT], double value) THAW_NONNULL;

/* Decimal digits and nothing else before *end (NULL: to the text's end), a number from least to most, which are not
 * negative. Nothing wraps around; false leaves *value. */
bool number_whole(const char *text, long least, long most, long *value, const char **end)
    THAW_NONNULL_ARGS(1, 4) THAW_MUST_CHECK;

#endif
