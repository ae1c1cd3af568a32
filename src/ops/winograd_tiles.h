/* Winograd's minimal filtering on tiles (Lavin and Gray 2015): the transforms, vectorised over channels.
 *
 * A 3x3 convolution of stride 1 makes m x m outputs from an overlapping (m+2) x (m+2) patch of the image; transformed,
 * that takes (m+2)^2 multiplications a channel pair instead of 9 m^2. m is 4 or 2. Transformed values are planes, one for
 * each of the (m+2)^2 positions; a plane is a matrix with channels contiguous. The caller's thread; buffers are the
 * caller's. */
#ifndef THAW_OPS_WINOGRAD_TILES_H
#define THAW_OPS_WINOGRAD_TILES_H

#include <stdbool.h>
#include <stddef.h>

#include "thaw/base/sanitize.h"
#include "thaw/ops/op.h"

enum { WINOGRAD_PLANES_MOST = 36 };

/* How the tiles lie over the images of a batch: numbered along rows, then down, then image after image. */
struct winograd_grid {
    int m;              /* outputs of a tile on each side */
    struct shape4 from; /* image that patches are taken from */
    struct shape4 to;   /* image that tiles are put into */
    int pad_top, pad_left;
    int down, across; /* tiles of an image */
    size_t tiles;     /* of the batch */
};
struct winograd_grid winograd_grid(int m, struct shape4 from, struct shape4 to, int pad_top, int pad_left);

static inline int winograd_planes(int m)
{
    return (m + 2) * (m + 2);
}

/* The planes of a block, of so many floats each, are asked of the address sanitizer. */
static inline void check_block(int m, const float *block, size_t plane, size_t floats)
{
    for (int z = 0; z < winograd_planes(m); z++)
        check_floats(block + (size_t)z * plane, floats);
}

/* A run of tiles and a range of channels of a block of planes. A plane is a matrix (tile, channel), or panels of 16
 * channels of it, (panel, tile, 16), where lanes past the channels are zero. */
struct winograd_run {
    size_t first; /* tile */
    int count;
    int channel, channels;
    float *block;
    size_t plane;       /* floats from plane to plane */
    size_t tile, panel; /* from tile to tile, from 16 channels to the next: 16 in a matrix */
    const float *zeros; /* `channels` zeros, for what lies outside the image */
};

/* Patches of `image` (grid->from): B^T d B. */
void winograd_take(const struct winograd_grid *grid, const float *image, const struct winograd_run *run);

/* Tiles of an output's gradient (grid->to): A g A^T. */
void winograd_spread(const struct winograd_grid *grid, const float *image, const struct winograd_run *run);

/* What happens to an output on its way to the image: image = hold(A^T m A + bias + residual), or added to image. */
struct winograd_finish {
    const float *bias;     /* of channel run->channel on, or NULL */
    const float *residual; /* like image, or NULL */
    float low, high;       /* -INFINITY, INFINITY: no bounds */
    bool add;
};
/* Transforms the products back into tiles of `image` (grid->to). */
void winograd_give(const struct winograd_grid *grid, const struct winograd_run *run,
                   const struct winograd_finish *finish, float *image);

/* Weights (3, 3, in, out) transformed, G g G^T, in the panels that a packed product reads (tensor/product.h): plane z
 * from u + z * plane on, (panel, k, 16). Forward: k is the input channel, panels are of output channels. Data gradient:
 * the other way round, and the taps reversed. Panels first..last-1 of each plane; u is the place of panel `first`. */
void winograd_weights(int m, bool data, const float *weight, int in, int out, int first, int last, float *u,
                      size_t plane);
/* The adjoint: to (3, 3, rows, cols), its rows first..first+count-1 and columns col..col+width-1, = G^T u G of planes
 * (count, width). */
void winograd_weights_back(int m, const float *u, size_t plane, int rows, int cols, int first, int count, int col,
                           int width, float *to);

#endif
