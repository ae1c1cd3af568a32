/* Where a tile of a Winograd grid is, tile after tile. */
#ifndef THAW_OPS_WINOGRAD_WALK_H
#define THAW_OPS_WINOGRAD_WALK_H

#include "winograd_lanes.h"
#include "winograd_tiles.h"

struct tile {
    size_t image;
    int y, x; /* in tiles */
};

INLINE struct tile tile_at(const struct winograd_grid *grid, size_t index)
{
    size_t down = (size_t)grid->down, across = (size_t)grid->across;
    return (struct tile){index / across / down, (int)(index / across % down), (int)(index % across)};
}

INLINE struct tile tile_after(const struct winograd_grid *grid, struct tile at)
{
    if (++at.x == grid->across) {
        at.x = 0;
        if (++at.y == grid->down) {
            at.y = 0;
            at.image++;
        }
    }
    return at;
}

#endif
