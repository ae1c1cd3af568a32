/* Convolution as matrix products over panels of output pixels.
 *
 * Output pixels of the whole batch are the rows of one tall matrix. A panel of them is gathered (im2col) in blocks of
 * kernel positions small enough for the cache, multiplied by the weights by a single-threaded GEMM, and finished
 * (bias, residual, activation) before it leaves the cache. A pointwise convolution needs no gathering: the input is
 * the matrix. Column order is (kernel_y, kernel_x, channel), that of the weights.
 * Called through the kernel table of op_conv.c; how work is cut is a function of the shape. */
#include "config.h"

#include <string.h>

#include "conv.h"
#include "pass.h"
#include "split.h"
#include "thaw/tensor/gemm.h"

enum {
    PANEL_LEAST = 128,          /* output pixels of a panel: enough that packing the weights pays */
    PANEL_MOST = 512,           /* more gain nothing and leave the cache */
    COLUMN_FLOATS = 192 * 1024, /* gathered block: 768 KiB, within a core's second-level cache */
    BLOCK_LEAST = 64,           /* channels of a block when panels alone are too few to share out */
    TASKS_WANTED = 16,
    PARTIAL_FLOATS = 2 << 20, /* weight gradients: partial sums take 8 MiB at most */
};

static bool fits_all(const struct conv *conv)
{
    (void)conv;
    return true;
}

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

static int at_least_1(int a)
{
    return a < 1 ? 1 : a;
}

/* Panels of `pixels` rows: around PANEL_MOST rows where there are many, smaller ones to get TASKS_WANTED panels, an
 * even share for 2, 4, 8 or 16 threads. */
static int panel_count(size_t pixels)
{
    int panels = split_parts(pixels, PANEL_MOST, 1 << 24);
    if (panels < TASKS_WANTED)
        panels = split_parts(pixels, PANEL_LEAST, TASKS_WANTED);
    return panels > 4 ? (panels + 3) / 4 * 4 : panels;
}

static int panel_rows(size_t pixels, int panels)
{
    return (int)(pixels / (size_t)panels + 1);
}

/* The block of columns that a worker gathers at a time. */
struct column {
    int rows;      /* at most */
    int taps;      /* kernel positions */
    size_t floats; /* scratch a worker */
};

/* `read`: the columns are read from the image, and need no room where it is the matrix itself. */
static struct column column_plan(const struct conv *conv, int rows, bool read)
{
    struct column column = {.rows = rows, .taps = conv->taps};
    if (conv->pointwise && read)
        return column;
    column.taps = (int)(COLUMN_FLOATS / ((size_t)rows * (size_t)conv->group_in));
    column.taps = smaller(conv->taps, at_least_1(column.taps));
    column.floats = split_line((size_t)rows * (size_t)column.taps * (size_t)conv->group_in);
    return column;
}

/* --- forward --- */

struct forward {
    const struct conv *conv;
    const struct op_call *call;
    int panels;
    int blocks; /* of output channels: more than one only where panels are few */
    struct column column;
};

static struct forward forward_plan(const struct conv *conv)
{
    struct forward f = {.conv = conv, .panels = panel_count(conv->pixels), .blocks = 1};
    if (f.panels < TASKS_WANTED / 2 && conv->attrs->groups == 1)
        f.blocks = at_least_1(smaller(TASKS_WANTED / 2 / f.panels, conv->out.c / BLOCK_LEAST));
    f.column = column_plan(conv, panel_rows(conv->pixels, f.panels), true);
    return f;
}

static size_t forward_floats(const struct conv *conv, int threads)
{
    return forward_plan(conv).column.floats * (size_t)threads;
}

/* Output channels channel..channel+channels-1, all of one group, of the pixels first..first+rows-1. */
static void forward_block(const struct forward *f, size_t first, int rows, int channel, int channels, float *column)
{
    const struct conv *conv = f->conv;
    const struct op_call *call = f->call;
    int group_in = conv->group_in, from = channel / conv->group_out * group_in, taps = f->column.taps;
    float *out = call->out + first * (size_t)conv->out.c + channel;
    const float *weight = call->param[0] + channel;
    if (conv->pointwise)
        gemm(false, false, rows, channels, group_in, 1, call->in[0] + first * (size_t)conv->in.c + from, conv->in.c,
             weight, conv->out.c, 0, out, conv->out.c);
    for (int tap = 0; tap < conv->taps && !conv->pointwise; tap += taps) {
        int count = smaller(taps, conv->taps - tap), depth = count * group_in;
        conv_gather(conv, call->in[0], first, rows, from, group_in, tap, tap + count, column);
        gemm(false, false, rows, channels, depth, 1, column, depth,
             weight + (size_t)tap * (size_t)group_in * (size_t)conv->out.c, conv->out.c, tap > 0, out, conv->out.c);
    }
}

static void forward_task(void *context, int task, int worker)
{
    const struct forward *f = context;
    const struct conv *conv = f->conv;
    const struct op_call *call = f->call;
    int panel = task / f->blocks, block = task % f->blocks;
    size_t first = split_at(conv->pixels, f->panels, panel);
    int rows = (int)(split_at(conv->pixels, f->panels, panel + 1) - first);
    int channel = (int)split_at((size_t)conv->out.c, f->blocks, block);
    int channels = (int)split_at((size_t)conv->out.c, f->blocks, block + 1) - channel;
    float *column = call->workspace + (size_t)worker * f->column.floats;

    if (f->blocks > 1)
        forward_block(f, first, rows, channel, channels, column);
    for (int group = 0; group < conv->attrs->groups && f->blocks == 1; group++)
        forward_block(f, first, rows, group * conv->group_out, conv->group_out, column);
    size_t at = first * (size_t)conv->out.c + (size_t)channel;
    pass_epilogue(call->out + at, (size_t)conv->out.c, rows, channels,
                  conv->attrs->bias ? call->param[1] + channel : NULL, call->residual ? call->residual + at : NULL,
                  call->activation, call->activation_attrs);
}

static void forward(const struct conv *conv, const struct op_call *call)
{
    struct forward f = forward_plan(conv);
    f.call = call;
    team_run(call->team, f.panels * f.blocks, forward_task, &f);
}

/* --- data gradient: product, then scatter --- */

/* No two tasks write the same input: a task owns whole images, or, where images are few, a band of input rows of one
 * image, for which it recomputes what the neighbour's window overlaps. */
struct data {
    const struct conv *conv;
    const struct op_call *call;
    int parts; /* of the batch */
    int bands; /* of each image; more than one only where every part is one image */
    struct column column;
};

static struct data data_plan(const struct conv *conv)
{
    struct data d = {.conv = conv, .bands = 1};
    int n = conv->in.n, extent = conv->attrs->dilation_h * (conv->attrs->kernel_h - 1) + 1;
    size_t image = (size_t)conv->out.h * (size_t)conv->out.w;
    d.parts = split_parts(conv->pixels, image > 2 * PANEL_LEAST ? image : 2 * PANEL_LEAST, n);
    if (d.parts < TASKS_WANTED / 2)
        d.parts = smaller(n, TASKS_WANTED / 2);
    if (d.parts == n && n < TASKS_WANTED / 2)
        d.bands = at_least_1(smaller(TASKS_WANTED / 2 / n, conv->in.h / (4 * extent)));
    d.column = column_plan(conv, PANEL_MOST, false);
    return d;
}

static size_t data_floats(const struct conv *conv, int threads)
{
    return data_plan(conv).column.floats * (size_t)threads;
}

static void data_panel(const struct data *d, size_t first, int rows, int row0, int row1, float *column)
{
    const struct conv *conv = d->conv;
    const struct op_call *call = d->call;
    int group_in = conv->group_in, taps = d->column.taps;
    for (int group = 0; group < conv->attrs->groups; group++) {
        int to = group * conv->group_out;
        for (int tap = 0; tap < conv->taps; tap += taps) {
            int count = smaller(taps, conv->taps - tap), depth = count * group_in;
            gemm(false, true, rows, depth, conv->group_out, 1, call->out_grad + first * (size_t)conv->out.c + to,
                 conv->out.c, call->param[0] + (size_t)tap * (size_t)group_in * (size_t)conv->out.c + to, conv->out.c,
                 0, column, depth);
            conv_scatter(conv, call->in_grad[0], first, rows, group * group_in, group_in, tap, tap + count, column,
                         row0, row1);
        }
    }
}

/* The output rows whose window meets input rows row0..row1-1. */
static void rows_meeting(const struct conv *conv, int row0, int row1, int *first, int *last)
{
    const struct op_attrs *a = conv->attrs;
    int low = row0 + a->pad_top - (a->kernel_h - 1) * a->dilation_h, high = row1 - 1 + a->pad_top;
    *first = low <= 0 ? 0 : (low + a->stride_h - 1) / a->stride_h;
    *last = smaller(high / a->stride_h + 1, conv->out.h);
}

static void data_task(void *context, int task, int worker)
{
    const struct data *d = context;
    const struct conv *conv = d->conv;
    const struct op_call *call = d->call;
    int part = task / d->bands, band = task % d->bands;
    size_t image0 = split_at((size_t)conv->in.n, d->parts, part),
           image1 = split_at((size_t)conv->in.n, d->parts, part + 1);
    int row0 = (int)split_at((size_t)conv->in.h, d->bands, band);
    int row1 = (int)split_at((size_t)conv->in.h, d->bands, band + 1);
    size_t line = (size_t)conv->in.w * (size_t)conv->in.c, image_pixels = (size_t)conv->out.h * (size_t)conv->out.w;
    if (!call->in_grad_add[0])
        for (size_t image = image0; image < image1; image++)
            memset(call->in_grad[0] + (image * (size_t)conv->in.h + (size_t)row0) * line, 0,
                   (size_t)(row1 - row0) * line * sizeof(float));

    int out0 = 0, out1 = conv->out.h;
    if (d->bands > 1)
        rows_meeting(conv, row0, row1, &out0, &out1);
    size_t first = image0 * image_pixels + (size_t)out0 * (size_t)conv->out.w;
    size_t last = (image1 - 1) * image_pixels + (size_t)out1 * (size_t)conv->out.w;
    for (size_t at = first; at < last; at += (size_t)d->column.rows) {
        int rows = last - at < (size_t)d->column.rows ? (int)(last - at) : d->column.rows;
        data_panel(d, at, rows, row0, row1, call->workspace + (size_t)worker * d->column.floats);
    }
}

static void data(const struct conv *conv, const struct op_call *call)
{
    struct data d = data_plan(conv);
    d.call = call;
    team_run(call->team, d.parts * d.bands, data_task, &d);
}

/* --- weight gradient --- */

/* Column^T x output gradient, summed over all pixels. Small weights: each part of the pixels sums into a partial
 * gradient of its own, added up afterwards in order. Large weights (few pixels): each task owns a block of the
 * gradient, one kernel position and a range of channels, and runs through all pixels. */
struct weights {
    const struct conv *conv;
    const struct op_call *call;
    int panels;
    int partials;  /* parts of the pixels */
    int blocks;    /* of channels, for each kernel position; 0: a task does all positions and channels */
    size_t count;  /* floats of the gradient */
    size_t stride; /* from one partial gradient to the next */
    struct column column;
};

static struct weights weights_plan(const struct conv *conv)
{
    struct weights w = {.conv = conv, .panels = split_parts(conv->pixels, PANEL_MOST, 1 << 24)};
    w.count = (size_t)conv->taps * (size_t)conv->group_in * (size_t)conv->out.c;
    w.stride = split_line(w.count);
    if (w.panels < TASKS_WANTED)
        w.panels = split_parts(conv->pixels, PANEL_LEAST, TASKS_WANTED);
    w.partials = smaller(at_least_1((int)(PARTIAL_FLOATS / w.stride)), smaller(w.panels, SPLIT_SUM_MOST));
    if (w.partials < TASKS_WANTED / 2 && conv->group_in >= BLOCK_LEAST / 2)
        w.blocks = at_least_1(
            smaller((TASKS_WANTED + conv->taps - 1) / conv->taps / w.partials, conv->group_in / BLOCK_LEAST));
    w.column = column_plan(conv, panel_rows(conv->pixels, w.panels), true);
    return w;
}

static size_t weights_floats(const struct conv *conv, int threads)
{
    struct weights w = weights_plan(conv);
    return (w.partials > 1 ? w.stride * (size_t)w.partials : 0) + w.column.floats * (size_t)threads;
}

/* Adds (the first panel: writes) what pixels first..first+rows-1 contribute to rows (tap0..tap1-1, channel..) of the
 * gradient `to`; channels are counted within the group. */
static void weights_panel(const struct weights *w, size_t first, int rows, int tap0, int tap1, int channel,
                          int channels, bool add, float *column, float *to)
{
    const struct conv *conv = w->conv;
    for (int group = 0; group < conv->attrs->groups; group++) {
        int from = group * conv->group_in + channel, depth = (tap1 - tap0) * channels, stride = depth;
        const float *matrix = column;
        if (conv->pointwise) {
            matrix = w->call->in[0] + first * (size_t)conv->in.c + from;
            stride = conv->in.c;
        } else {
            conv_gather(conv, w->call->in[0], first, rows, from, channels, tap0, tap1, column);
        }
        size_t row = (size_t)tap0 * (size_t)conv->group_in + (size_t)channel;
        int column0 = group * conv->group_out;
        gemm(true, false, depth, conv->group_out, rows, 1, matrix, stride,
             w->call->out_grad + first * (size_t)conv->out.c + column0, conv->out.c, add,
             to + row * (size_t)conv->out.c + column0, conv->out.c);
    }
}

static void weights_task(void *context, int task, int worker)
{
    const struct weights *w = context;
    const struct conv *conv = w->conv;
    int pieces = w->blocks ? conv->taps * w->blocks : 1, partial = task / pieces, piece = task % pieces;
    float *partials = w->call->workspace, *to = w->call->param_grad[0], *column = partials;
    if (w->partials > 1) {
        to = partials + (size_t)partial * w->stride;
        column += (size_t)w->partials * w->stride;
    }
    column += (size_t)worker * w->column.floats;
    int panel0 = (int)split_at((size_t)w->panels, w->partials, partial);
    int panel1 = (int)split_at((size_t)w->panels, w->partials, partial + 1);
    int taps = w->blocks ? 1 : w->column.taps;
    for (int panel = panel0; panel < panel1; panel++) {
        size_t first = split_at(conv->pixels, w->panels, panel);
        int rows = (int)(split_at(conv->pixels, w->panels, panel + 1) - first);
        if (w->blocks) {
            int tap = piece / w->blocks, block = piece % w->blocks;
            int channel = (int)split_at((size_t)conv->group_in, w->blocks, block);
            int channels = (int)split_at((size_t)conv->group_in, w->blocks, block + 1) - channel;
            weights_panel(w, first, rows, tap, tap + 1, channel, channels, panel > panel0, column, to);
            continue;
        }
        for (int tap = 0; tap < conv->taps; tap += taps)
            weights_panel(w, first, rows, tap, smaller(tap + taps, conv->taps), 0, conv->group_in, panel > panel0,
                          column, to);
    }
}

static void weights(const struct conv *conv, const struct op_call *call)
{
    struct weights w = weights_plan(conv);
    w.call = call;
    team_run(call->team, w.partials * (w.blocks ? conv->taps * w.blocks : 1), weights_task, &w);
    if (w.partials > 1)
        pass_sum_partials(call->team, call->param_grad[0], call->workspace, w.partials, w.stride, w.count);
}

const struct conv_kernel conv_panels_forward = {
    .name = "panels", .job = OP_JOB_FORWARD, .fits = fits_all, .workspace_floats = forward_floats, .run = forward};
const struct conv_kernel conv_panels_data = {
    .name = "panels", .job = OP_JOB_DATA_GRADIENT, .fits = fits_all, .workspace_floats = data_floats, .run = data};
const struct conv_kernel conv_panels_weights = {.name = "panels",
                                                .job = OP_JOB_WEIGHT_GRADIENT,
                                                .fits = fits_all,
                                                .workspace_floats = weights_floats,
                                                .run = weights};
