/* Convolution 3x3 of stride 1 by Winograd's minimal filtering, F(4x4,3x3) and F(2x2,3x3) (Lavin and Gray 2015): forward
 * and data gradient, which is the same computation with the weights' taps reversed and their channels exchanged.
 *
 * A task is a block of tiles: it transforms their patches, multiplies each of the 36 (or 16) planes by that plane of the
 * transformed weights, and transforms the products back, with bias, residual and activation on the way. Blocks are sized
 * so that what a task keeps stays in the core's own cache; products are kept for a strip of output channels at a time.
 * Where tiles are few, output channels are shared out too: patches are then transformed once for all tasks, and, where
 * each task has all tiles, it transforms its own share of the weights, which so never leave the cache.
 * Called through the kernel table of op_conv.c; how work is cut changes no sum. */
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
    PATCH_FLOATS = 64 * 1024,   /* patches of a block: 256 KiB, a quarter of a core's second-level cache */
    PRODUCT_FLOATS = 64 * 1024, /* products of a strip: another */
    TILES_LEAST = 24,           /* of a block, for the weights are read once for each */
    TILES_MOST = 96,
    LARGE_WEIGHTS = 4 << 20, /* floats, transformed: even the shared cache holds them no more */
    LARGE_LEAST = 96,        /* tiles of a block then, that memory is read less often */
    LARGE_MOST = 128,        /* and where tiles are few */
    TASKS_WANTED = 16,
    RANGE_PANELS = 2, /* a range of output channels, at least: what a product's tile is wide */
    CHUNK_PANELS = 4, /* channels that a task takes of shared patches */
};

struct pass {
    const struct conv *conv;
    const struct op_call *call;
    struct winograd_grid grid;
    bool data; /* gradient */
    int planes;
    int most, blocks; /* tiles of a block, a multiple of a product's rows; blocks */
    int panels;       /* of all output channels */
    int ranges;       /* of whole panels: tasks of a block */
    int strip;        /* panels whose products are kept at a time */
    bool shared;      /* patches are transformed for all tasks at once */
    bool own;         /* each task transforms its weights */
    size_t patch_plane, product_plane, weight_plane, own_plane;
    size_t shared_floats, scratch; /* patches of all; floats of each worker */
    const float *weight;           /* transformed: prepared, or in the workspace; for all */
    float *patches;                /* shared ones */
};

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

static int parts_of(int total, int part)
{
    return (total + part - 1) / part;
}

bool conv_winograd_fits(const struct conv *conv)
{
    const struct op_attrs *a = conv->attrs;
    return a->kernel_h == 3 && a->kernel_w == 3 && a->stride_h == 1 && a->stride_w == 1 && a->dilation_h == 1 &&
           a->dilation_w == 1 && a->groups == 1 && a->pad_top >= 0 && a->pad_top <= 2 && a->pad_left >= 0 &&
           a->pad_left <= 2 && a->pad_bottom >= 0 && a->pad_bottom <= 2 && a->pad_right >= 0 && a->pad_right <= 2;
}

/* Blocks of about `tiles` tiles, of equal size as far as the rows of a product's tile let them be. */
static void cut_tiles(struct pass *p, int tiles)
{
    int blocks = split_parts(p->grid.tiles, (size_t)tiles, 1 << 24);
    int most = (int)((p->grid.tiles + (size_t)blocks - 1) / (size_t)blocks);
    p->most = parts_of(most, PRODUCT_ROWS) * PRODUCT_ROWS;
    p->blocks = split_parts(p->grid.tiles, (size_t)p->most, 1 << 24);
}

/* A thread by itself needs no more tasks than the caches want. */
static void cut_work(struct pass *p, int threads)
{
    size_t tile = (size_t)p->planes * (size_t)p->grid.from.c;
    bool large = tile * (size_t)p->grid.to.c > LARGE_WEIGHTS;
    int fit = (int)(PATCH_FLOATS / tile), least = large ? LARGE_LEAST : TILES_LEAST;
    int wanted = large ? TASKS_WANTED : TASKS_WANTED / 2;
    p->ranges = 1;
    if (threads == 1 || p->grid.tiles >= (size_t)(TASKS_WANTED * least)) {
        cut_tiles(p, fit < least ? least : smaller(fit, TILES_MOST));
        return;
    }
    cut_tiles(p, large ? LARGE_MOST : least);
    if (p->blocks < wanted)
        p->ranges = smaller(parts_of(p->panels, RANGE_PANELS), parts_of(wanted, p->blocks));
    p->shared = p->ranges > 1;
    p->own = p->shared && p->blocks == 1;
}

static struct pass plan(const struct conv *conv, int m, bool data, int threads)
{
    const struct op_attrs *a = conv->attrs;
    struct pass p = {.conv = conv, .data = data, .planes = winograd_planes(m)};
    p.grid = data ? winograd_grid(m, conv->out, conv->in, 2 - a->pad_top, 2 - a->pad_left)
                  : winograd_grid(m, conv->in, conv->out, a->pad_top, a->pad_left);
    size_t from = (size_t)p.grid.from.c, planes = (size_t)p.planes;
    p.panels = product_panels(p.grid.to.c);
    cut_work(&p, threads);
    int fit = (int)(PRODUCT_FLOATS / (planes * (size_t)p.most * PRODUCT_LANES)) / RANGE_PANELS * RANGE_PANELS;
    p.strip = smaller(parts_of(p.panels, p.ranges), fit < RANGE_PANELS ? RANGE_PANELS : fit);
    /* A line more, that planes do not meet in the cache's sets. */
    p.patch_plane = split_line((p.shared ? p.grid.tiles : (size_t)p.most) * from) + SPLIT_LINE;
    p.product_plane = (size_t)p.most * (size_t)p.strip * PRODUCT_LANES + SPLIT_LINE;
    p.weight_plane = product_packed_floats((int)from, p.grid.to.c) + SPLIT_LINE;
    p.own_plane = p.own ? from * (size_t)p.strip * PRODUCT_LANES + SPLIT_LINE : 0;
    p.shared_floats = p.shared ? planes * p.patch_plane : 0;
    p.scratch = planes * ((p.shared ? 0 : p.patch_plane) + p.product_plane + p.own_plane) + split_line(from);
    return p;
}

static size_t floats(const struct conv *conv, int m, bool data, int threads)
{
    struct pass p = plan(conv, m, data, threads);
    return (p.own ? 0 : (size_t)p.planes * p.weight_plane) + p.shared_floats + (size_t)threads * p.scratch;
}

/* --- weights, and patches where they are shared --- */

struct weighing {
    const struct pass *pass;
    float *to;
};

static void weights_task(void *context, int task, int worker)
{
    (void)worker;
    const struct weighing *w = context;
    const struct pass *p = w->pass;
    winograd_weights(p->grid.m, p->data, p->call->param[0], p->conv->in.c, p->conv->out.c, task, task + 1,
                     w->to + (size_t)task * (size_t)p->grid.from.c * PRODUCT_LANES, p->weight_plane);
}

static void transform_weights(const struct pass *p, float *to)
{
    struct weighing w = {p, to};
    team_run(p->call->team, p->panels, weights_task, &w);
}

/* A worker's own memory. */
struct scratch {
    float *zeros, *patches, *products, *weight;
};

static struct scratch scratch_of(const struct pass *p, int worker)
{
    struct scratch s = {.zeros = p->patches + p->shared_floats + (size_t)worker * p->scratch};
    s.patches = s.zeros + split_line((size_t)p->grid.from.c);
    s.products = s.patches + (p->shared ? 0 : (size_t)p->planes * p->patch_plane);
    s.weight = s.products + (size_t)p->planes * p->product_plane;
    memset(s.zeros, 0, (size_t)p->grid.from.c * sizeof *s.zeros);
    return s;
}

static void take(const struct pass *p, size_t first, int count, int channel, int channels, float *to,
                 const float *zeros)
{
    struct winograd_run run = {first,         count, channel, channels, to, p->patch_plane, (size_t)p->grid.from.c,
                               PRODUCT_LANES, zeros};
    winograd_take(&p->grid, p->data ? p->call->out_grad : p->call->in[0], &run);
}

static int chunks_of(const struct pass *p)
{
    return parts_of(p->grid.from.c, CHUNK_PANELS * PRODUCT_LANES);
}

static void patches_task(void *context, int task, int worker)
{
    const struct pass *p = context;
    int chunks = chunks_of(p), channel = task % chunks * CHUNK_PANELS * PRODUCT_LANES, from = p->grid.from.c;
    size_t first = (size_t)(task / chunks) * PRODUCT_ROWS;
    int count = p->grid.tiles - first < PRODUCT_ROWS ? (int)(p->grid.tiles - first) : PRODUCT_ROWS;
    take(p, first, count, channel, smaller(from - channel, CHUNK_PANELS * PRODUCT_LANES),
         p->patches + first * (size_t)from + channel, scratch_of(p, worker).zeros);
}

/* --- products --- */

/* Products of one plane: `count` tiles, `width` output channels. */
static void multiply(const struct pass *p, int count, int width, const float *patch, const float *weight, float *out)
{
    int from = p->grid.from.c;
    product(count, width, from, patch, (size_t)from, weight, (size_t)from * PRODUCT_LANES, false, out, (size_t)width);
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

/* The tiles of a task, output channels of the panels panel0..panel1-1. */
static void strip(const struct pass *p, size_t first, int count, int panel0, int panel1, const float *patches,
                  const struct scratch *scratch)
{
    int to = panel0 * PRODUCT_LANES, width = smaller(panel1 * PRODUCT_LANES, p->grid.to.c) - to;
    const float *weight = p->weight + (size_t)to * (size_t)p->grid.from.c;
    size_t plane = p->weight_plane;
    if (p->own) {
        winograd_weights(p->grid.m, p->data, p->call->param[0], p->conv->in.c, p->conv->out.c, panel0, panel1,
                         scratch->weight, p->own_plane);
        weight = scratch->weight;
        plane = p->own_plane;
    }
    for (size_t z = 0; z < (size_t)p->planes; z++)
        multiply(p, count, width, patches + z * p->patch_plane, weight + z * plane,
                 scratch->products + z * p->product_plane);
    struct winograd_finish finish = finish_of(p, to);
    struct winograd_run run = {first,         count,         to,  width, scratch->products, p->product_plane,
                               (size_t)width, PRODUCT_LANES, NULL};
    winograd_give(&p->grid, &run, &finish, p->data ? p->call->in_grad[0] : p->call->out);
    activate_tiles(p, &run);
}

static void tiles_task(void *context, int task, int worker)
{
    const struct pass *p = context;
    int block = task % p->blocks, range = task / p->blocks; /* neighbours use the same weights */
    size_t first = (size_t)block * (size_t)p->most;
    int count = p->grid.tiles - first < (size_t)p->most ? (int)(p->grid.tiles - first) : p->most;
    struct scratch scratch = scratch_of(p, worker);
    const float *patches = scratch.patches;
    if (p->shared)
        patches = p->patches + first * (size_t)p->grid.from.c;
    else
        take(p, first, count, 0, p->grid.from.c, scratch.patches, scratch.zeros);
    int last = (int)split_at((size_t)p->panels, p->ranges, range + 1);
    for (int panel = (int)split_at((size_t)p->panels, p->ranges, range); panel < last; panel += p->strip)
        strip(p, first, count, panel, smaller(panel + p->strip, last), patches, &scratch);
}

static void run_pass(const struct conv *conv, const struct op_call *call, int m, bool data)
{
    struct pass p = plan(conv, m, data, team_threads(call->team));
    bool prepared = call->prepared && !data;
    p.call = call;
    p.own = p.own && !prepared;
    p.weight = prepared ? call->prepared : call->workspace;
    p.patches = call->workspace + (p.own || prepared ? 0 : (size_t)p.planes * p.weight_plane);
    if (!p.own && !prepared)
        transform_weights(&p, call->workspace);
    if (p.shared)
        team_run(call->team, chunks_of(&p) * split_parts(p.grid.tiles, PRODUCT_ROWS, 1 << 24), patches_task, &p);
    team_run(call->team, p.blocks * p.ranges, tiles_task, &p);
}

/* --- rows of the kernel table --- */

bool conv_winograd_pays(const struct conv *conv)
{
    return conv->in.c >= 16 && conv->out.c >= 16 && conv->pixels >= 49;
}

bool conv_winograd_2_pays(const struct conv *conv)
{
    (void)conv;
    return false;
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

static size_t prepared_floats(const struct conv *conv, int m)
{
    struct pass p = plan(conv, m, false, 1);
    return (size_t)p.planes * p.weight_plane;
}

static size_t prepared_4_floats(const struct conv *conv)
{
    return prepared_floats(conv, 4);
}

static size_t prepared_2_floats(const struct conv *conv)
{
    return prepared_floats(conv, 2);
}

static void prepare(const struct conv *conv, const struct op_call *call, int m, float *prepared)
{
    struct pass p = plan(conv, m, false, 1);
    p.call = call;
    transform_weights(&p, prepared);
}

static void prepare_4(const struct conv *conv, const struct op_call *call, float *prepared)
{
    prepare(conv, call, 4, prepared);
}

static void prepare_2(const struct conv *conv, const struct op_call *call, float *prepared)
{
    prepare(conv, call, 2, prepared);
}

const struct conv_kernel conv_winograd_4_forward = {.name = "winograd 4x4",
                                                    .job = OP_JOB_FORWARD,
                                                    .transforms = true,
                                                    .fits = conv_winograd_fits,
                                                    .pays = conv_winograd_pays,
                                                    .workspace_floats = forward_4_floats,
                                                    .run = forward_4,
                                                    .prepared_floats = prepared_4_floats,
                                                    .prepare = prepare_4};
const struct conv_kernel conv_winograd_4_data = {.name = "winograd 4x4",
                                                 .job = OP_JOB_DATA_GRADIENT,
                                                 .transforms = true,
                                                 .fits = conv_winograd_fits,
                                                 .pays = conv_winograd_pays,
                                                 .workspace_floats = data_4_floats,
                                                 .run = data_4};
const struct conv_kernel conv_winograd_2_forward = {.name = "winograd 2x2",
                                                    .job = OP_JOB_FORWARD,
                                                    .transforms = true,
                                                    .fits = conv_winograd_fits,
                                                    .pays = conv_winograd_2_pays,
                                                    .workspace_floats = forward_2_floats,
                                                    .run = forward_2,
                                                    .prepared_floats = prepared_2_floats,
                                                    .prepare = prepare_2};
const struct conv_kernel conv_winograd_2_data = {.name = "winograd 2x2",
                                                 .job = OP_JOB_DATA_GRADIENT,
                                                 .transforms = true,
                                                 .fits = conv_winograd_fits,
                                                 .pays = conv_winograd_2_pays,
                                                 .workspace_floats = data_2_floats,
                                                 .run = data_2};
