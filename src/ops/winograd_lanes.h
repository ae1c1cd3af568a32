/* The vectors that Winograd's transforms are written in: 16 channels. A machine with narrower registers uses several. */
#ifndef THAW_OPS_WINOGRAD_LANES_H
#define THAW_OPS_WINOGRAD_LANES_H

#include "thaw/base/macros.h"
#include "thaw/base/sanitize.h"

enum { LANES = 16 };
typedef float wide __attribute__((vector_size(64)));                                     /* in registers */
typedef float lanes __attribute__((vector_size(64), aligned(sizeof(float)), may_alias)); /* in memory */
/* The vector at a float's address. */
#define AT(address)   (*(lanes *)(address))
#define FROM(address) (*(const lanes *)(address))

#define INLINE   THAW_UNCHECKED static inline __attribute__((always_inline))
#define CLONES   THAW_UNCHECKED THAW_SIMD static
#define EACH3(x) x(0) x(1) x(2)
#define EACH4(x) x(0) x(1) x(2) x(3)
#define EACH6(x) x(0) x(1) x(2) x(3) x(4) x(5)

#endif
