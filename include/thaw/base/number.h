/* Numbers as text. */
#ifndef THAW_BASE_NUMBER_H
#define THAW_BASE_NUMBER_H

#include "thaw/base/macros.h"

enum { NUMBER_TEXT = 32 };
/* The fewest significant digits that read back to the same double: "0.1", "1795270260.123", "nan". Returns text. */
const char *number_text(char text[NUMBER_TEXT], double value) THAW_NONNULL;

#endif
