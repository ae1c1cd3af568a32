/* Product tiles of AVX2 registers. */
#include "config.h"

#include "product_sets.h"

#if defined(__x86_64__)
#define TILE_SET    middle
#define TILE_TARGET __attribute__((target("avx2,fma")))
#define TILE_LANES  8
#define TILE_ROWS   6
#define TILE_PANELS 1
#include "product_tiles.h"
#endif
