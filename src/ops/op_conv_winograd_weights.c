/* Weight gradient of a 3x3 convolution of stride 1 by Winograd's minimal filtering (Lavin and Gray 2015): transformed
 * patches times transformed output gradients, summed over tiles, transformed back, G^T (sum of V^T A g A^T) G.
 *
 * A task owns a part of the tiles and a block of input and of output channels, with its 36 (or 16) sums; it runs through
 * its tiles in steps whose planes stay in the core's own cache, adding one product of each plane a step. It transforms
 * its sums back itself, so that parts of the tiles are added up as ordinary weight gradients, in order. With several
 * blocks of channels a patch is transformed more than once, which is little beside the products.
 * Called through the kernel table of op_conv.c; how work is cut is a function of the shape. */
#include "config.h"

#include <string.h>

#include "conv.h"
#include "conv_winograd.h"
#include "pass.h"
#include "split.h"
#include "thaw/tensor/product.h"
#include "winograd_tiles.h"

enum {
    BLOCK = 128,       /* channels of a block, at most: smaller ones transform each patch more often */
    STEP = 48,         /* tiles between two visits to a sum */
    TASKS_WANTED = 16, /* then tiles are split no further */
    STEPS_LEAST = 2,   /* steps of a part, for each part's sums are transformed back and added up */
};

struct sums {
    const struct conv *conv;
    const struct op_call *call;
    struct winograd_grid grid;
    int planes;
    int ins, outs, parts;           /* blocks of input and output channels, parts of the tiles */
    int most_in, most_out;          /* channels of the largest blocks */
    size_t v_plane, g_plane, plane; /* of patches, of gradients, of sums */
    size_t scratch;                 /* floats of each worker */
    size_t count, stride;           /* weights; floats from one part's gradient to the next */
};

static int largest(int total, int parts)
{
    return total / parts + (total % parts != 0);
}

static struct sums plan(const struct conv *conv, int m)
{
    const struct op_attrs *a = conv->attrs;
    struct sums s = {.conv = conv, .planes = winograd_planes(m)};
    s.grid = winograd_grid(m, conv->in, conv->out, a->pad_top, a->pad_left);
    s.ins = split_parts((size_t)conv->in.c, BLOCK, 1 << 20);
    s.outs = split_parts((size_t)conv->out.c, BLOCK, 1 << 20);
    s.parts = split_parts(s.grid.tiles, STEP * STEPS_LEAST, SPLIT_SUM_MOST);
    int enough = (TASKS_WANTED + s.ins * s.outs - 1) / (s.ins * s.outs);
    s.parts = s.parts < enough ? s.parts : enough;
    s.most_in = largest(conv->in.c, s.ins);
    s.most_out = largest(conv->out.c, s.outs);
    s.v_plane = split_line((size_t)STEP * (size_t)s.most_in) + SPLIT_LINE; /* planes do not meet in the cache's sets */
    s.g_plane = product_packed_floats(STEP, s.most_out) + SPLIT_LINE;
    s.plane = split_line((size_t)s.most_in * (size_t)s.most_out) + SPLIT_LINE;
    s.scratch = (size_t)s.planes * (s.v_plane + s.g_plane + s.plane) +
                split_line((size_t)(s.most_in > s.most_out ? s.most_in : s.most_out));
    s.count = 9 * (size_t)conv->in.c * (size_t)conv->out.c;
    s.stride = split_line(s.count);
    return s;
}

static size_t floats(const struct conv *conv, int m, int threads)
{
    struct sums s = plan(conv, m);
    return (s.parts > 1 ? (size_t)s.parts * s.stride : 0) + (size_t)threads * s.scratch;
}

static void sums_task(void *context, int task, int worker)
{
    const struct sums *s = context;
    const struct conv *conv = s->conv;
    int part = task / (s->ins * s->outs), i = task / s->outs % s->ins, o = task % s->outs;
    int in0 = (int)split_at((size_t)conv->in.c, s->ins, i), in = (int)split_at((size_t)conv->in.c, s->ins, i + 1) - in0;
    int out0 = (int)split_at((size_t)conv->out.c, s->outs, o),
        out = (int)split_at((size_t)conv->out.c, s->outs, o + 1) - out0;
    float *partials = s->call->workspace,
          *to = s->parts > 1 ? partials + (size_t)part * s->stride : s->call->param_grad[0];
    float *v = partials + (s->parts > 1 ? (size_t)s->parts * s->stride : 0) + (size_t)worker * s->scratch;
    float *g = v + (size_t)s->planes * s->v_plane, *sum = g + (size_t)s->planes * s->g_plane;
    float *zeros = sum + (size_t)s->planes * s->plane;
    memset(zeros, 0, (size_t)(in > out ? in : out) * sizeof *zeros);

    size_t first = split_at(s->grid.tiles, s->parts, part), last = split_at(s->grid.tiles, s->parts, part + 1);
    for (size_t at = first; at < last; at += STEP) {
        int count = last - at < STEP ? (int)(last - at) : STEP;
        const size_t panel = STEP * PRODUCT_LANES;
        winograd_take(&s->grid, s->call->in[0],
                      &(struct winograd_run){at, count, in0, in, v, s->v_plane, (size_t)in, PRODUCT_LANES, zeros});
        winograd_spread(&s->grid, s->call->out_grad,
                        &(struct winograd_run){at, count, out0, out, g, s->g_plane, PRODUCT_LANES, panel, zeros});
        for (int z = 0; z < s->planes; z++)
            product_transposed(in, out, count, v + (size_t)z * s->v_plane, (size_t)in, g + (size_t)z * s->g_plane,
                               panel, at > first, sum + (size_t)z * s->plane, (size_t)out);
    }
    winograd_weights_back(s->grid.m, sum, s->plane, conv->in.c, conv->out.c, in0, in, out0, out, to);
}

static void run_sums(const struct conv *conv, const struct op_call *call, int m)
{
    struct sums s = plan(conv, m);
    s.call = call;
    team_run(call->team, s.parts * s.ins * s.outs, sums_task, &s);
    if (s.parts > 1)
        pass_sum_partials(call->team, call->param_grad[0], call->workspace, s.parts, s.stride, s.count);
}

static size_t floats_4(const struct conv *conv, int threads)
{
    return floats(conv, 4, threads);
}

static size_t floats_2(const struct conv *conv, int threads)
{
    return floats(conv, 2, threads);
}

static void run_4(const struct conv *conv, const struct op_call *call)
{
    run_sums(conv, call, 4);
}

static void run_2(const struct conv *conv, const struct op_call *call)
{
    run_sums(conv, call, 2);
}

const struct conv_kernel conv_winograd_4_weights = {.name = "winograd 4x4",
                                                    .job = OP_JOB_WEIGHT_GRADIENT,
                                                    .transforms = true,
                                                    .fits = conv_winograd_fits,
                                                    .pays = conv_winograd_pays,
                                                    .workspace_floats = floats_4,
                                                    .run = run_4};
const struct conv_kernel conv_winograd_2_weights = {.name = "winograd 2x2",
                                                    .job = OP_JOB_WEIGHT_GRADIENT,
                                                    .transforms = true,
                                                    .fits = conv_winograd_fits,
                                                    .pays = conv_winograd_2_pays,
                                                    .workspace_floats = floats_2,
                                                    .run = run_2};
