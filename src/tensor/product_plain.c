/* Product tiles of four floats a register. */
#include "config.h"

#define TILE_SET plain
#define TILE_TARGET
#define TILE_LANES 4
#if defined(__x86_64__)
#define TILE_ROWS 2
#else
#define TILE_ROWS 6 /* of 32 registers */
#endif
#define TILE_PANELS 1
#include "product_tiles.h"
