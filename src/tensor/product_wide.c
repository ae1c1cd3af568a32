/* Product tiles of two panels of AVX-512 registers. */
#include "config.h"

#include "product_sets.h"

#if defined(__x86_64__)
#ifdef __clang__ /* halves registers of this width unless it is told not to */
#define WIDE __attribute__((min_vector_width(512)))
#else
#define WIDE
#endif
#define TILE_SET    wide
#define TILE_TARGET WIDE __attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")))
#define TILE_LANES  16
#define TILE_ROWS   12
#define TILE_PANELS 2
#include "product_tiles.h"
#endif
