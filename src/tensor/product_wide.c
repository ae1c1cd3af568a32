/* Product tiles of two panels of AVX-512 registers. */
#include "config.h"

#include "product_sets.h"

#if defined(__x86_64__)
#define TILE_SET    wide
#define TILE_TARGET __attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")))
#define TILE_LANES  16
#define TILE_ROWS   12
#define TILE_PANELS 2
#include "product_tiles.h"
#endif
