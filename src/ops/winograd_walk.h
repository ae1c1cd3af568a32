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

/* All that a run touches of its planes is asked of the address sanitizer. */
static inline void check_run(const struct winograd_grid *grid, const struct winograd_run *run)
{
    size_t whole = (size_t)(run->channels - 1) / LANES, rest = (size_t)run->channels - whole * LANES;
    size_t floats = (size_t)(run->count - 1) * run->tile + whole * run->panel + (run->panel == LANES ? rest : LANES);
    check_block(grid->m, run->block, run->plane, floats);
}

/* So are the rows of `image`, or NULL, of that shape in which a run's squares lie; a tile's begin at its y * m - top. */
static inline void check_lines(const struct winograd_grid *grid, const struct winograd_run *run, struct shape4 shape,
                               int top, int side, const float *image)
{
    struct tile first = tile_at(grid, run->first), last = tile_at(grid, run->first + (size_t)run->count - 1);
    int from = first.y * grid->m - top, to = last.y * grid->m - top + side;
    size_t line = (size_t)shape.w * (size_t)shape.c, lines = (size_t)shape.h;
    size_t begin = first.image * lines + (size_t)(from > 0 ? from : 0),
           end = last.image * lines + (size_t)(to < shape.h ? to : shape.h);
    check_floats(image ? image + begin * line : NULL, (end - begin) * line);
}

#endif
