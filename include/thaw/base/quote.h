/* Words as a shell takes them. */
#ifndef THAW_BASE_QUOTE_H
#define THAW_BASE_QUOTE_H

#include "thaw/base/macros.h"

/* The text as one word, in single quotes where it needs them; caller frees. */
char *quote_word(const char *text) THAW_NONNULL;

#endif
