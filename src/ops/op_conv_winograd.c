/* Convolution 3x3 of stride 1 by Winograd's minimal filtering, F(4x4,3x3) and F(2x2,3x3) (Lavin and Gray 2015): forward
 * and data gradient, which is the same computation with the weights' taps reversed and their channels exchanged.
 *
 * A task is a block of tiles and a range of output channels: it transforms the tiles' patches, multiplies each of the 36
 * (or 16) planes by that plane of the transformed weights, and transforms the products back, with bias, residual and
 * activation on the way. Blocks are sized so that what a task keeps stays in the core's own cache. Where tiles are few,
 * output channels are split too: the patches are then transformed more than once, which is little beside the products.
 * Called through the kernel table of op_conv.c; how work is cut is a function of the shape. */
#include "config.h"

#include <math.h>
#include <string.h>

#include "conv.h"
#include "conv_winograd.h"
#include "pass.h"
#include "split.h"
#include "thaw/tensor/product.h"
#include "winograd_tiles.h"

enum {
    SCRATCH_FLOATS = 224 * 1024, /* patches and products of a block: 896 KiB, within a core's second-level cache */
    TILES_LEAST = 48,            /* of a block, for the weights are read once for each */
    TILES_MOST = 192,
    TASKS_WANTED = 16,
    CHANNELS_LEAST = 32, /* of a range, when tiles alone are too few to share out */
};

struct pass {
    const struct conv *conv;
    const struct op_call *call;
    struct winograd_grid grid;
    bool data; /* gradient */
    int planes;
    int blocks, most; /* of tiles; tiles of the largest */
    int ranges;       /* of output channels, of whole panels */
    int panels;       /* of all output channels */
    size_t patch_plane, product_plane, weight_plane;
    size_t scratch;      /* floats of each worker */
    const float *weight; /* transformed */
};

bool conv_winograd_fits(const struct conv *conv)
{
    const struct op_attrs *a = conv->attrs;
    return a->kernel_h == 3 && a->kernel_w == 3 && a->stride_h == 1 && a->stride_w == 1 && a->dilation_h == 1 &&
           a->dilation_w == 1 && a->groups == 1 && a->pad_top >= 0 && a->pad_top <= 2 && a->pad_left >= 0 &&
           a->pad_left <= 2 && a->pad_bottom >= 0 && a->pad_bottom <= 2 && a->pad_right >= 0 && a->pad_right <= 2;
}

static struct pass plan(const struct conv *conv, int m, bool data)
{
    const struct op_attrs *a = conv->attrs;
    struct pass p = {.conv = conv, .data = data, .planes = winograd_planes(m)};
    p.grid = data ? winograd_grid(m, conv->out, conv->in, 2 - a->pad_top, 2 - a->pad_left)
                  : winograd_grid(m, conv->in, conv->out, a->pad_top, a->pad_left);
    size_t from = (size_t)p.grid.from.c, to = (size_t)p.grid.to.c;
    size_t fit = SCRATCH_FLOATS / ((size_t)p.planes * (from + to));
    fit = fit < TILES_LEAST ? TILES_LEAST : fit > TILES_MOST ? TILES_MOST : fit / PRODUCT_ROWS * PRODUCT_ROWS;
    p.blocks = split_parts(p.grid.tiles, fit, 1 << 24);
    if (p.blocks < TASKS_WANTED)
        p.blocks = split_parts(p.grid.tiles, TILES_LEAST, TASKS_WANTED);
    p.panels = product_panels((int)to);
    p.ranges = 1;
    if (p.blocks < TASKS_WANTED / 2)
        p.ranges = split_parts(to, CHANNELS_LEAST, (TASKS_WANTED + p.blocks - 1) / p.blocks);
    p.most = (int)(p.grid.tiles / (size_t)p.blocks + (p.grid.tiles % (size_t)p.blocks != 0));
    size_t width = (size_t)(p.panels / p.ranges + (p.panels % p.ranges != 0)) * PRODUCT_LANES;
    p.patch_plane = split_line((size_t)p.most * from) + SPLIT_LINE; /* planes do not meet in the cache's sets */
    p.product_plane = split_line((size_t)p.most * width) + SPLIT_LINE;
    p.weight_plane = product_packed_floats((int)from, (int)to) + SPLIT_LINE;
    p.scratch = (size_t)p.planes * (p.patch_plane + p.product_plane) + split_line(from);
    return p;
}

static size_t floats(const struct conv *conv, int m, bool data, int threads)
{
    struct pass p = plan(conv, m, data);
    return (size_t)p.planes * p.weight_plane + (size_t)threads * p.scratch;
}

/* --- weights --- */

static void weights_task(void *context, int task, int worker)
{
    (void)worker;
    const struct pass *p = context;
    winograd_weights(p->grid.m, p->data, p->call->param[0], p->conv->in.c, p->conv->out.c, task, task + 1,
                     p->call->workspace, p->weight_plane);
}

/* --- products --- */

/* Products of one plane: `count` tiles, output channels to..to+width-1, `to` the first of a panel. */
static void multiply(const struct pass *p, int z, int count, int to, int width, const float *patch, float *out)
{
    int in = p->grid.from.c;
    product(count, width, in, patch, (size_t)in, p->weight + (size_t)z * p->weight_plane + (size_t)to * (size_t)in,
            (size_t)in * PRODUCT_LANES, false, out, (size_t)width);
}

static struct winograd_finish finish_of(const struct pass *p, int channel)
{
    const struct op_call *call = p->call;
    struct winograd_finish finish = {.low = -INFINITY, .high = INFINITY};
    if (p->data) {
        finish.add = call->in_grad_add[0];
        return finish;
    }
    finish.bias = p->conv->attrs->bias ? call->param[1] + channel : NULL;
    finish.residual = call->residual;
    if (call->activation == OP_ACT_RELU || call->activation == OP_ACT_RELU6)
        finish.low = 0;
    if (call->activation == OP_ACT_RELU6)
        finish.high = 6;
    return finish;
}

/* Activations that the transform does not know, on the tiles just written. */
static void activate_tiles(const struct pass *p, const struct winograd_run *run)
{
    const struct op_call *call = p->call;
    if (p->data || call->activation == OP_ACT_NONE || call->activation == OP_ACT_RELU ||
        call->activation == OP_ACT_RELU6)
        return;
    const struct winograd_grid *g = &p->grid;
    size_t step = (size_t)g->to.c;
    for (size_t t = run->first; t < run->first + (size_t)run->count; t++) {
        size_t across = (size_t)g->across, down = (size_t)g->down, image = t / across / down;
        int y0 = (int)(t / across % down) * g->m, x = (int)(t % across) * g->m;
        int cols = g->to.w - x < g->m ? g->to.w - x : g->m;
        for (int y = y0; y < y0 + g->m && y < g->to.h; y++)
            pass_epilogue(call->out + ((image * (size_t)g->to.h + (size_t)y) * (size_t)g->to.w + (size_t)x) * step +
                              run->channel,
                          step, cols, run->channels, NULL, NULL, call->activation, call->activation_attrs);
    }
}

static void tiles_task(void *context, int task, int worker)
{
    const struct pass *p = context;
    int block = task / p->ranges, range = task % p->ranges, from = p->grid.from.c;
    float *patches = p->call->workspace + (size_t)p->planes * p->weight_plane + (size_t)worker * p->scratch;
    float *products = patches + (size_t)p->planes * p->patch_plane,
          *zeros = products + (size_t)p->planes * p->product_plane;
    size_t first = split_at(p->grid.tiles, p->blocks, block);
    int count = (int)(split_at(p->grid.tiles, p->blocks, block + 1) - first);
    int to = (int)split_at((size_t)p->panels, p->ranges, range) * PRODUCT_LANES;
    int end = (int)split_at((size_t)p->panels, p->ranges, range + 1) * PRODUCT_LANES;
    int width = (end < p->grid.to.c ? end : p->grid.to.c) - to;

    memset(zeros, 0, (size_t)from * sizeof *zeros);
    struct winograd_run run = {first, count, 0, from, patches, p->patch_plane, (size_t)from, PRODUCT_LANES, zeros};
    winograd_take(&p->grid, p->data ? p->call->out_grad : p->call->in[0], &run);
    for (int z = 0; z < p->planes; z++)
        multiply(p, z, count, to, width, patches + (size_t)z * p->patch_plane, products + (size_t)z * p->product_plane);
    struct winograd_finish finish = finish_of(p, to);
    run =
        (struct winograd_run){first, count, to, width, products, p->product_plane, (size_t)width, PRODUCT_LANES, NULL};
    winograd_give(&p->grid, &run, &finish, p->data ? p->call->in_grad[0] : p->call->out);
    activate_tiles(p, &run);
}

static void run_pass(const struct conv *conv, const struct op_call *call, int m, bool data)
{
    struct pass p = plan(conv, m, data);
    p.call = call;
    p.weight = call->workspace;
    team_run(call->team, p.panels, weights_task, &p);
    team_run(call->team, p.blocks * p.ranges, tiles_task, &p);
}

/* --- rows of the kernel table --- */

const struct conv_kernel *conv_winograd_choose(const struct conv *conv, enum conv_job job, bool winograd)
{
    if (!winograd || !conv_winograd_fits(conv) || conv->in.c < 16 || conv->out.c < 16 || conv->pixels < 49)
        return NULL;
    return job == CONV_FORWARD         ? &conv_winograd_4_forward
           : job == CONV_DATA_GRADIENT ? &conv_winograd_4_data
                                       : &conv_winograd_4_weights;
}

static size_t forward_4_floats(const struct conv *conv, int threads)
{
    return floats(conv, 4, false, threads);
}

static size_t forward_2_floats(const struct conv *conv, int threads)
{
    return floats(conv, 2, false, threads);
}

static size_t data_4_floats(const struct conv *conv, int threads)
{
    return floats(conv, 4, true, threads);
}

static size_t data_2_floats(const struct conv *conv, int threads)
{
    return floats(conv, 2, true, threads);
}

static void forward_4(const struct conv *conv, const struct op_call *call)
{
    run_pass(conv, call, 4, false);
}

static void forward_2(const struct conv *conv, const struct op_call *call)
{
    run_pass(conv, call, 2, false);
}

static void data_4(const struct conv *conv, const struct op_call *call)
{
    run_pass(conv, call, 4, true);
}

static void data_2(const struct conv *conv, const struct op_call *call)
{
    run_pass(conv, call, 2, true);
}

const struct conv_kernel conv_winograd_4_forward = {"winograd 4x4", CONV_FORWARD, conv_winograd_fits, forward_4_floats,
                                                    forward_4};
const struct conv_kernel conv_winograd_2_forward = {"winograd 2x2", CONV_FORWARD, conv_winograd_fits, forward_2_floats,
                                                    forward_2};
const struct conv_kernel conv_winograd_4_data = {"winograd 4x4", CONV_DATA_GRADIENT, conv_winograd_fits, data_4_floats,
                                                 data_4};
const struct conv_kernel conv_winograd_2_data = {"winograd 2x2", CONV_DATA_GRADIENT, conv_winograd_fits, data_2_floats,
                                                 data_2};
