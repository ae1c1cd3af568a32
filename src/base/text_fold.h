/* Canonical decompositions. Private to src/base. */
#ifndef THAW_SRC_BASE_TEXT_FOLD_H
#define THAW_SRC_BASE_TEXT_FOLD_H

#include <stdint.h>

struct text_decomposition {
    uint16_t code, base, mark; /* mark 0: the base alone */
};
enum { TEXT_DECOMPOSITIONS = 1033 };
extern const struct text_decomposition text_decompositions[TEXT_DECOMPOSITIONS]; /* by code */

#endif
