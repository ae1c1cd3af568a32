/* Convolution in narrow groups (ResNeXt's 32 of 4 channels, depthwise with a multiplier), direct.
 *
 * The channels of the image written go in blocks of 16 lanes. For a block, a line of the image read is spread out: for each
 * pixel and each of the `depth` channels that a group reads there are 16 lanes, every one with the value that its channel's
 * group reads. Then a tap is products and sums of whole vectors, whatever the group's width. The data gradient is the
 * same with the images exchanged; the weight gradient sums the spread lines times the output's gradient. A ring keeps
 * the spread lines as long as windows need them. Called through the kernel table of op_conv.c. */
#include "config.h"

#include <string.h>

#include "conv.h"
#include "pass.h"
#include "split.h"
#include "window.h"

enum {
    LANES = 16,
    WIDEST = 8,       /* channels: wider groups are better off as matrix products */
    PIXELS = 4,       /* that share the loads of the weights */
    LINES_LEAST = 16, /* of a task: the lines its window overlaps with the next are spread twice */
    TASKS_MOST = 64,
    AHEAD = 16, /* pixels */
};
typedef float lanes __attribute__((vector_size(4 * LANES), aligned(sizeof(float)), may_alias));

#define LOAD(address) (*(const lanes *)(address))
#define INLINE        static inline __attribute__((always_inline))

/* One direction of one call: from the image read to the image written. */
struct narrow {
    const struct conv *conv;
    const struct op_call *call;
    struct shape4 from, to;
    int depth, fan; /* channels that a group reads, and writes */
    int step;       /* pixels read between pixels written; 0: not even */
    const float *in;
    float *out;
    const float *bias;
    bool add;
    int blocks;     /* of the channels written */
    int slots;      /* lines of the ring */
    size_t line;    /* floats of a spread line */
    size_t weights; /* floats of a block's packed weights: (tap, depth, lane) */
    size_t scratch; /* floats of a worker */
    int parts;      /* tasks */
    float *packed;  /* the weights of every block; weight gradient: one such a task */
    float *scratches;
    struct window_axis y, x;
};

static bool fits(const struct conv *conv)
{
    return conv->attrs->groups > 1 && conv->group_in <= WIDEST && conv->group_out <= WIDEST;
}

static struct narrow narrow_plan(const struct conv *conv, bool backward)
{
    const struct op_attrs *a = conv->attrs;
    struct narrow n = {
        .conv = conv, .from = conv->in, .to = conv->out, .depth = conv->group_in, .fan = conv->group_out};
    n.step = a->stride_w;
    if (backward) {
        n.from = conv->out;
        n.to = conv->in;
        n.depth = conv->group_out;
        n.fan = conv->group_in;
        n.step = a->stride_w == 1 ? 1 : 0;
    }
    n.blocks = (n.to.c + LANES - 1) / LANES;
    n.slots = a->dilation_h * (a->kernel_h - 1) + 1;
    if (n.slots > n.from.h)
        n.slots = n.from.h;
    n.line = (size_t)n.from.w * (size_t)n.depth * LANES;
    n.weights = (size_t)conv->taps * (size_t)n.depth * LANES;
    n.parts = split_parts((size_t)n.to.n * (size_t)n.to.h, LINES_LEAST, TASKS_MOST);
    /* the ring, its lines' numbers, a window's slots; weight gradient: a line of the output's gradient */
    n.scratch = (size_t)n.slots * n.line + split_line((size_t)(n.slots + a->kernel_h)) + (size_t)conv->out.w * LANES;
    return n;
}

static size_t taps_floats(const struct narrow *n)
{
    const struct op_attrs *a = n->conv->attrs;
    return window_axis_floats(n->to.h, a->kernel_h) + window_axis_floats(n->to.w, a->kernel_w);
}

/* Lays out the workspace: taps, packed weights, the workers' scratch. */
static void place(struct narrow *n, bool backward, int packs)
{
    float *workspace = n->call->workspace;
    window_axes(backward, n->conv->attrs, n->to, n->from, workspace, &n->y, &n->x);
    n->packed = workspace + taps_floats(n);
    n->scratches = n->packed + (size_t)packs * (size_t)n->blocks * n->weights;
}

/* --- spreading lines --- */

INLINE void spread_pixels(float *restrict to, const float *restrict from, int width, int channels, int groups,
                          int depth, int fan)
{
    for (int x = 0; x < width; x++, from += channels, to += depth * LANES) {
        __builtin_prefetch(x + AHEAD < width ? from + AHEAD * channels
                                             : from); /* too wide a stride for the machine's own */
        for (int j = 0; j < depth; j++)
            for (int g = 0; g < groups; g++) {
                const float value = from[g * depth + j];
                for (int i = 0; i < fan; i++)
                    to[j * LANES + g * fan + i] = value;
            }
    }
}

/* A line of the image read, `width` pixels, for the lanes of written channels first..first+count-1. */
THAW_SIMD static void spread(float *to, const float *line, int width, int channels, int first, int count, int depth,
                             int fan)
{
    const float *from = line + first / fan * depth;
    if (count < LANES)
        memset(to, 0, (size_t)width * (size_t)depth * LANES * sizeof *to);
    if (count == LANES && depth == 4 && fan == 4)
        spread_pixels(to, from, width, channels, LANES / 4, 4, 4);
    else if (count == LANES && depth == 8 && fan == 8)
        spread_pixels(to, from, width, channels, LANES / 8, 8, 8);
    else if (count == LANES && depth == 1 && fan == 2)
        spread_pixels(to, from, width, channels, LANES / 2, 1, 2);
    else if (count == LANES && depth == 2 && fan == 1)
        spread_pixels(to, from, width, channels, LANES, 2, 1);
    else /* a block may begin and end within groups */
        for (int x = 0; x < width; x++, to += depth * LANES)
            for (int l = 0; l < count; l++)
                for (int j = 0; j < depth; j++)
                    to[j * LANES + l] = line[x * channels + (first + l) / fan * depth + j];
}

struct ring {
    float *lines;
    int *held;       /* [slots]: the image row, counted over the batch, that a slot holds; -1: none */
    int *slot;       /* [kernel_h]: of the current window's taps */
    float *gradient; /* weight gradient: a line of the output's, by lanes */
};

static struct ring ring_of(const struct narrow *n, int worker)
{
    struct ring ring = {.lines = n->scratches + (size_t)worker * n->scratch};
    ring.held = (int *)(void *)(ring.lines + (size_t)n->slots * n->line);
    ring.slot = ring.held + n->slots;
    ring.gradient = (float *)ring.held + split_line((size_t)(n->slots + n->conv->attrs->kernel_h));
    return ring;
}

static void empty(const struct narrow *n, struct ring *ring)
{
    for (int i = 0; i < n->slots; i++)
        ring->held[i] = -1;
}

/* Sees to it that the rows of an image that these taps read are spread, and where. */
static void fetch(const struct narrow *n, struct ring *ring, size_t image, const struct window_tap *y, int ys,
                  int first, int count)
{
    for (int j = 0; j < ys; j++) {
        int slot = y[j].at % n->slots, row = (int)image * n->from.h + y[j].at;
        ring->slot[j] = slot;
        if (ring->held[slot] == row)
            continue;
        ring->held[slot] = row;
        spread(ring->lines + (size_t)slot * n->line, n->in + (size_t)row * (size_t)n->from.w * (size_t)n->from.c,
               n->from.w, n->from.c, first, count, n->depth, n->fan);
    }
}

static int lanes_of(const struct narrow *n, int block)
{
    return n->to.c - block * LANES < LANES ? n->to.c - block * LANES : LANES;
}

/* --- forward and data gradient --- */

/* Weights as a block of lanes reads them. Forward, a lane is an output channel; backward, an input channel. */
static void pack(const struct narrow *n, bool backward)
{
    const struct conv *conv = n->conv;
    float *to = n->packed;
    memset(to, 0, (size_t)n->blocks * n->weights * sizeof *to);
    for (int c = 0; c < n->to.c; c++)
        for (int tap = 0; tap < conv->taps; tap++)
            for (int j = 0; j < n->depth; j++) {
                int row = backward ? c % n->fan : j, column = backward ? c / n->fan * n->depth + j : c;
                size_t from = (size_t)(tap * conv->group_in + row) * (size_t)conv->out.c + (size_t)column;
                to[(size_t)(c / LANES) * n->weights + (size_t)((tap * n->depth + j) * LANES + c % LANES)] =
                    n->call->param[0][from];
            }
}

/* What the sums of one row of the image written need. */
struct row {
    float *to;
    const float *weight, *bias, *ring;
    const struct window_tap *y;
    const int *slot;
    size_t line;
    int ys, kernel_w, width, channels, count, step;
    bool add;
};

INLINE void finish(const struct row *row, float *to, const lanes *sum)
{
    float value[LANES];
    memcpy(value, sum, sizeof value);
    for (int l = 0; l < row->count; l++)
        to[l] = value[l] + (row->bias ? row->bias[l] : 0) + (row->add ? to[l] : 0);
}

/* `pixels` neighbours whose windows lie alike share the loads of the weights. */
INLINE void sum_pixels(const struct row *row, int t, const struct window_tap *x, int xs, int depth, int pixels)
{
    lanes sum[PIXELS] = {{0}};
    size_t next = (size_t)row->step * (size_t)depth * LANES;
    for (int j = 0; j < row->ys; j++) {
        const float *line = row->ring + (size_t)row->slot[j] * row->line;
        const float *weights = row->weight + (size_t)(row->y[j].k * row->kernel_w * depth) * LANES;
        for (int i = 0; i < xs; i++) {
            const float *from = line + (size_t)(x[i].at * depth) * LANES;
            const float *weight = weights + (size_t)(x[i].k * depth) * LANES;
            for (int k = 0; k < depth; k++)
                for (int p = 0; p < pixels; p++)
                    sum[p] += LOAD(from + (size_t)p * next + k * LANES) * LOAD(weight + k * LANES);
        }
    }
    for (int p = 0; p < pixels; p++)
        finish(row, row->to + (size_t)(t + p) * (size_t)row->channels, &sum[p]);
}

INLINE void sum_row(const struct row *row, const struct window_axis *across, int depth)
{
    for (int t = 0; t < row->width;) {
        const struct window_tap *x = across->taps + (size_t)t * (size_t)row->kernel_w;
        const struct window_tap *last = x + (size_t)((PIXELS - 1) * row->kernel_w);
        int xs = across->count[t];
        bool alike = row->step > 0 && t + PIXELS <= row->width && xs > 0 && across->count[t + PIXELS - 1] == xs &&
                     last->k == x->k;
        if (alike)
            sum_pixels(row, t, x, xs, depth, PIXELS);
        else
            sum_pixels(row, t, x, xs, depth, 1);
        t += alike ? PIXELS : 1;
    }
}

THAW_SIMD static void sum_row_of(const struct row *row, const struct window_axis *across, int depth)
{
    if (depth == 1)
        sum_row(row, across, 1);
    else if (depth == 2)
        sum_row(row, across, 2);
    else if (depth == 4)
        sum_row(row, across, 4);
    else if (depth == 8)
        sum_row(row, across, 8);
    else
        sum_row(row, across, depth);
}

static void rows_task(void *context, int task, int worker)
{
    const struct narrow *n = context;
    const struct op_call *call = n->call;
    int kernel_h = n->conv->attrs->kernel_h;
    size_t lines = (size_t)n->to.n * (size_t)n->to.h, width = (size_t)n->to.w * (size_t)n->to.c;
    size_t line0 = split_at(lines, n->parts, task), line1 = split_at(lines, n->parts, task + 1);
    struct ring ring = ring_of(n, worker);
    for (int block = 0; block < n->blocks; block++) {
        int first = block * LANES, count = lanes_of(n, block);
        empty(n, &ring);
        for (size_t line = line0; line < line1; line++) {
            int y = (int)(line % (size_t)n->to.h), ys = n->y.count[y];
            const struct window_tap *taps = n->y.taps + (size_t)y * (size_t)kernel_h;
            fetch(n, &ring, line / (size_t)n->to.h, taps, ys, first, count);
            struct row row = {.to = n->out + line * width + first,
                              .weight = n->packed + (size_t)block * n->weights,
                              .bias = n->bias ? n->bias + first : NULL,
                              .ring = ring.lines,
                              .y = taps,
                              .slot = ring.slot,
                              .line = n->line,
                              .ys = ys,
                              .kernel_w = n->conv->attrs->kernel_w,
                              .width = n->to.w,
                              .channels = n->to.c,
                              .count = count,
                              .step = n->step,
                              .add = n->add};
            sum_row_of(&row, &n->x, n->depth);
            if (n->out == call->out)
                pass_epilogue(row.to, (size_t)n->to.c, n->to.w, count, NULL,
                              call->residual ? call->residual + line * width + first : NULL, call->activation,
                              call->activation_attrs);
        }
    }
}

static size_t rows_floats(const struct conv *conv, int threads, bool backward)
{
    struct narrow n = narrow_plan(conv, backward);
    return taps_floats(&n) + (size_t)n.blocks * n.weights + (size_t)threads * n.scratch;
}

static size_t forward_floats(const struct conv *conv, int threads)
{
    return rows_floats(conv, threads, false);
}

static size_t data_floats(const struct conv *conv, int threads)
{
    return rows_floats(conv, threads, true);
}

static void forward(const struct conv *conv, const struct op_call *call)
{
    struct narrow n = narrow_plan(conv, false);
    n.call = call;
    n.in = call->in[0];
    n.out = call->out;
    n.bias = conv->attrs->bias ? call->param[1] : NULL;
    place(&n, false, 1);
    pack(&n, false);
    team_run(call->team, n.parts, rows_task, &n);
}

static void data(const struct conv *conv, const struct op_call *call)
{
    struct narrow n = narrow_plan(conv, true);
    n.call = call;
    n.in = call->out_grad;
    n.out = call->in_grad[0];
    n.add = call->in_grad_add[0];
    place(&n, true, 1);
    pack(&n, true);
    team_run(call->team, n.parts, rows_task, &n);
}

/* --- weight gradient --- */

/* Where output columns meet the image at one kernel column: output x0..x1-1, image column `at` for x0. */
struct span {
    int x0, x1, at;
};

static struct span span_of(const struct conv *conv, int kx)
{
    const struct op_attrs *a = conv->attrs;
    int offset = kx * a->dilation_w - a->pad_left; /* image column of output column 0 */
    struct span s = {.x0 = offset >= 0 ? 0 : (-offset + a->stride_w - 1) / a->stride_w};
    s.x1 = conv->in.w - 1 - offset < 0 ? 0 : (conv->in.w - 1 - offset) / a->stride_w + 1;
    s.x1 = s.x1 > conv->out.w ? conv->out.w : s.x1;
    s.at = s.x0 * a->stride_w + offset;
    return s;
}

/* to (some, lanes) += the sum over pixels of gradient times `some` of the depth's channels. */
INLINE void sum_products(float *to, const float *from, size_t step, const float *gradient, int pixels, int some)
{
    lanes sum[PIXELS] = {{0}};
    for (int x = 0; x < pixels; x++, from += step, gradient += LANES)
        for (int k = 0; k < some; k++)
            sum[k] += LOAD(from + k * LANES) * LOAD(gradient);
    for (int k = 0; k < some; k++)
        *(lanes *)(to + k * LANES) += sum[k];
}

/* Adds one output row's share to the packed weights of one kernel row: to (kernel_w, depth, lanes). */
THAW_SIMD static void narrow_row_weights(float *to, const struct conv *conv, const float *line, const float *gradient,
                                         int depth)
{
    size_t step = (size_t)conv->attrs->stride_w * (size_t)depth * LANES;
    for (int kx = 0; kx < conv->attrs->kernel_w; kx++, to += depth * LANES) {
        struct span s = span_of(conv, kx);
        const float *from = line + (ptrdiff_t)s.at * depth * LANES, *g = gradient + (ptrdiff_t)s.x0 * LANES;
        int k = 0;
        for (; k + 4 <= depth && s.x0 < s.x1; k += 4)
            sum_products(to + k * LANES, from + k * LANES, step, g, s.x1 - s.x0, 4);
        for (; k < depth && s.x0 < s.x1; k++)
            sum_products(to + k * LANES, from + k * LANES, step, g, s.x1 - s.x0, 1);
    }
}

/* A line of the output's gradient, `count` of its channels. */
static void take_lanes(float *to, const float *from, int width, int channels, int count)
{
    if (count < LANES)
        memset(to, 0, (size_t)width * LANES * sizeof *to);
    for (int x = 0; x < width; x++, to += LANES, from += channels)
        memcpy(to, from, (size_t)count * sizeof *to);
}

static void weights_task(void *context, int task, int worker)
{
    const struct narrow *n = context;
    const struct conv *conv = n->conv;
    size_t lines = (size_t)n->to.n * (size_t)n->to.h, width = (size_t)n->to.w * (size_t)n->to.c;
    size_t line0 = split_at(lines, n->parts, task), line1 = split_at(lines, n->parts, task + 1);
    size_t kernel_row = (size_t)(conv->attrs->kernel_w * n->depth) * LANES;
    float *partial = n->packed + (size_t)task * (size_t)n->blocks * n->weights;
    struct ring ring = ring_of(n, worker);
    memset(partial, 0, (size_t)n->blocks * n->weights * sizeof *partial);
    for (int block = 0; block < n->blocks; block++) {
        int first = block * LANES, count = lanes_of(n, block);
        empty(n, &ring);
        for (size_t line = line0; line < line1; line++) {
            int y = (int)(line % (size_t)n->to.h), ys = n->y.count[y];
            const struct window_tap *taps = n->y.taps + (size_t)y * (size_t)conv->attrs->kernel_h;
            fetch(n, &ring, line / (size_t)n->to.h, taps, ys, first, count);
            take_lanes(ring.gradient, n->call->out_grad + line * width + first, n->to.w, n->to.c, count);
            for (int j = 0; j < ys; j++)
                narrow_row_weights(partial + (size_t)block * n->weights + (size_t)taps[j].k * kernel_row, conv,
                                   ring.lines + (size_t)ring.slot[j] * n->line, ring.gradient, n->depth);
        }
    }
}

static struct narrow weights_plan(const struct conv *conv)
{
    struct narrow n = narrow_plan(conv, false);
    n.parts = split_parts((size_t)n.to.n * (size_t)n.to.h, LINES_LEAST, SPLIT_SUM_MOST);
    return n;
}

static size_t weights_floats(const struct conv *conv, int threads)
{
    struct narrow n = weights_plan(conv);
    return taps_floats(&n) + (size_t)n.parts * (size_t)n.blocks * n.weights + (size_t)threads * n.scratch;
}

static void weights(const struct conv *conv, const struct op_call *call)
{
    struct narrow n = weights_plan(conv);
    n.call = call;
    n.in = call->in[0];
    place(&n, false, n.parts);
    team_run(call->team, n.parts, weights_task, &n);
    size_t count = (size_t)n.blocks * n.weights, rows = (size_t)(conv->taps * n.depth);
    pass_sum_partials(call->team, n.packed, n.packed, n.parts, count, count);
    for (size_t row = 0; row < rows; row++)
        for (int c = 0; c < n.to.c; c++)
            call->param_grad[0][row * (size_t)n.to.c + (size_t)c] =
                n.packed[(size_t)(c / LANES) * n.weights + row * LANES + (size_t)(c % LANES)];
}

const struct conv_kernel conv_narrow_forward = {
    .name = "narrow", .job = OP_JOB_FORWARD, .fits = fits, .workspace_floats = forward_floats, .run = forward};
const struct conv_kernel conv_narrow_data = {
    .name = "narrow", .job = OP_JOB_DATA_GRADIENT, .fits = fits, .workspace_floats = data_floats, .run = data};
const struct conv_kernel conv_narrow_weights = {
    .name = "narrow", .job = OP_JOB_WEIGHT_GRADIENT, .fits = fits, .workspace_floats = weights_floats, .run = weights};
