/* Words as a shell takes them, and bytes as a sentence does. */
#ifndef THAW_BASE_QUOTE_H
#define THAW_BASE_QUOTE_H

#include <stddef.h>

#include "thaw/base/macros.h"

/* The text as one word, in single quotes where it needs them; caller frees. */
char *quote_word(const char *text) THAW_NONNULL;

/* `size` bytes of a file as text fit for a sentence: what is not printable ASCII becomes '?', long text is cut. Returns
 * text. */
enum { QUOTE_BYTES = 81 };
const char *quote_bytes(char text[QUOTE_BYTES], const void *bytes, size_t size) THAW_NONNULL_ARGS(1);

#endif
