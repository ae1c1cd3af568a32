/* Depthwise convolution: one filter a channel, direct, vectorised over channels.
 *
 * Which kernel positions meet which pixels is worked out once a call for each axis (window_taps); then forward and data
 * gradient are the same loop with the roles of input and output exchanged. Pixels whose window lies inside the row go
 * through the unrolled loops of depthwise_rows.c, where there are some for its width; what is left is the edges.
 * Called through the kernel table of op_conv.c. */
#include "config.h"

#include <string.h>

#include "conv.h"
#include "depthwise_rows.h"
#include "pass.h"
#include "split.h"
#include "window.h"

enum { ROW_GRAIN = 16384 /* floats of a task, about */ };
/* Unaligned: pixels start at any multiple of the channel count. Two widths, because slim networks have 8 channels. */
typedef float lanes __attribute__((vector_size(64), aligned(sizeof(float)), may_alias));
typedef float half_lanes __attribute__((vector_size(32), aligned(sizeof(float)), may_alias));

struct depthwise {
    const struct conv *conv;
    const struct op_call *call;
    struct window_axis y, x;
    struct shape4 from, to; /* the image read and the image written */
    const float *in;
    float *out;
    const float *bias;
    bool add, backward;
    int inside, outside; /* the targets inside..outside-1 of a row go through the unrolled loops */
    int column;          /* the first source column of target 0's window; may be negative */
    int parts;           /* tasks */
    int partials;        /* weight gradient: partial sums */
    size_t count;        /* weights */
};

static bool fits(const struct conv *conv)
{
    return conv->attrs->groups == conv->in.c && conv->out.c == conv->in.c;
}

static size_t taps_floats(const struct conv *conv, struct shape4 to)
{
    return window_axis_floats(to.h, conv->attrs->kernel_h) + window_axis_floats(to.w, conv->attrs->kernel_w);
}

static size_t forward_floats(const struct conv *conv, int threads)
{
    (void)threads;
    return taps_floats(conv, conv->out);
}

static size_t data_floats(const struct conv *conv, int threads)
{
    (void)threads;
    return taps_floats(conv, conv->in);
}

/* Fills y and x of d in the call's workspace, and finds the targets whose windows lie inside. A data gradient with a
 * stride has no such windows: its taps come and go. */
static void find_taps(struct depthwise *d, bool backward)
{
    const struct op_attrs *a = d->conv->attrs;
    window_axes(backward, a, d->to, d->from, d->call->workspace, &d->y, &d->x);
    int kernel = a->kernel_w, stride = backward ? 1 : a->stride_w;
    if (a->dilation_w != 1 || !depthwise_has(kernel, stride) || (backward && a->stride_w != 1) || d->from.w < kernel)
        return;
    d->column = backward ? a->pad_left - (kernel - 1) : -a->pad_left;
    d->inside = d->column < 0 ? (-d->column + stride - 1) / stride : 0;
    int last = d->from.w - kernel - d->column;
    d->outside = last < 0 ? 0 : last / stride + 1;
    d->outside = d->outside < d->to.w ? d->outside : d->to.w;
    if (d->outside <= d->inside)
        d->inside = d->outside = 0;
}

/* The span of the row with these taps, of the image (from.h, from.w, channels). */
static struct depthwise_span span_of(const struct depthwise *d, bool flip, size_t row, const float *image)
{
    const struct op_attrs *a = d->conv->attrs;
    int stride = flip ? 1 : a->stride_w;
    size_t channels = (size_t)d->to.c;
    return (struct depthwise_span){
        .kernel = a->kernel_w,
        .stride = stride,
        .pixels = d->outside - d->inside,
        .channels = channels,
        .ys = d->y.count[row],
        .y = d->y.taps + row * (size_t)a->kernel_h,
        .image = image + (size_t)(d->column + d->inside * stride) * channels,
        .line = (size_t)d->from.w * channels,
        .weight = d->call->param[0],
        .flip = flip,
        .bias = d->bias,
        .add = d->add,
    };
}

#define LOAD(type, address) (*(const type *)(address))
/* One pixel: its channels from c on in blocks of a type's width, each the sum over the taps of image times weight. */
#define SUM_BLOCKS(type)                                                                                               \
    for (; c + sizeof(type) / sizeof(float) <= channels; c += sizeof(type) / sizeof(float)) {                          \
        type sum = {0};                                                                                                \
        for (int j = 0; j < ys; j++) {                                                                                 \
            const float *line = image + (size_t)y[j].at * line_floats + c;                                             \
            const float *row = weight + (size_t)(y[j].k * kernel_w) * channels + c;                                    \
            for (int i = 0; i < xs; i++)                                                                               \
                sum += LOAD(type, line + (size_t)x[i].at * channels) * LOAD(type, row + (size_t)x[i].k * channels);    \
        }                                                                                                              \
        if (bias)                                                                                                      \
            sum += LOAD(type, bias + c);                                                                               \
        if (add)                                                                                                       \
            sum += LOAD(type, to + c);                                                                                 \
        *(type *)(to + c) = sum;                                                                                       \
    }

/* Targets first..last-1 of one row: to (width, channels) = or += bias + taps. ys, y: the row's taps. */
THAW_SIMD static void row_sums(float *to, int first, int last, size_t channels, const struct window_axis *across,
                               int kernel_w, int ys, const struct window_tap *y, const float *image, size_t line_floats,
                               const float *weight, const float *bias, bool add)
{
    to += (size_t)first * channels;
    for (int t = first; t < last; t++, to += channels) {
        const struct window_tap *x = across->taps + (size_t)t * (size_t)kernel_w;
        int xs = across->count[t];
        size_t c = 0;
        SUM_BLOCKS(lanes)
        SUM_BLOCKS(half_lanes)
        SUM_BLOCKS(float)
    }
}

static void rows_task(void *context, int task, int worker)
{
    (void)worker;
    const struct depthwise *d = context;
    const struct op_attrs *a = d->conv->attrs;
    size_t lines = (size_t)d->to.n * (size_t)d->to.h, channels = (size_t)d->to.c;
    size_t last = split_at(lines, d->parts, task + 1), width = (size_t)d->to.w * channels;
    size_t from_line = (size_t)d->from.w * channels;
    for (size_t line = split_at(lines, d->parts, task); line < last; line++) {
        size_t row = line % (size_t)d->to.h;
        const float *image = d->in + line / (size_t)d->to.h * (size_t)d->from.h * from_line;
        const struct window_tap *y = d->y.taps + row * (size_t)a->kernel_h;
        float *to = d->out + line * width;
        row_sums(to, 0, d->inside, channels, &d->x, a->kernel_w, d->y.count[row], y, image, from_line,
                 d->call->param[0], d->bias, d->add);
        if (d->outside > d->inside) {
            struct depthwise_span span = span_of(d, d->backward, row, image);
            depthwise_sums(to + (size_t)d->inside * channels, &span);
        }
        row_sums(to, d->outside, d->to.w, channels, &d->x, a->kernel_w, d->y.count[row], y, image, from_line,
                 d->call->param[0], d->bias, d->add);
        if (!d->backward)
            pass_epilogue(to, channels, d->to.w, d->to.c, NULL,
                          d->call->residual ? d->call->residual + line * width : NULL, d->call->activation,
                          d->call->activation_attrs);
    }
}

static void run_rows(struct depthwise *d)
{
    size_t width = (size_t)d->to.w * (size_t)d->to.c, grain = ROW_GRAIN / width;
    d->parts = split_parts((size_t)d->to.n * (size_t)d->to.h, grain ? grain : 1, 1 << 24);
    team_run(d->call->team, d->parts, rows_task, d);
}

static void forward(const struct conv *conv, const struct op_call *call)
{
    struct depthwise d = {.conv = conv, .call = call, .from = conv->in, .to = conv->out, .in = call->in[0]};
    d.out = call->out;
    d.bias = conv->attrs->bias ? call->param[1] : NULL;
    find_taps(&d, false);
    run_rows(&d);
}

static void data(const struct conv *conv, const struct op_call *call)
{
    struct depthwise d = {.conv = conv, .call = call, .from = conv->out, .to = conv->in, .in = call->out_grad};
    d.out = call->in_grad[0];
    d.add = call->in_grad_add[0];
    d.backward = true;
    find_taps(&d, true);
    run_rows(&d);
}

/* --- weight gradient --- */

static int partial_count(const struct conv *conv)
{
    size_t lines = (size_t)conv->out.n * (size_t)conv->out.h;
    return split_parts(lines * (size_t)conv->out.w * (size_t)conv->out.c, ROW_GRAIN,
                       lines < SPLIT_SUM_MOST ? (int)lines : SPLIT_SUM_MOST);
}

static size_t weights_stride(const struct conv *conv)
{
    return split_line((size_t)conv->taps * (size_t)conv->in.c);
}

static size_t weights_floats(const struct conv *conv, int threads)
{
    (void)threads;
    return taps_floats(conv, conv->out) + weights_stride(conv) * (size_t)partial_count(conv);
}

/* Targets first..last-1 of one row, tap by tap: to (kernel_h, kernel_w, channels) += image * g (width, channels). */
THAW_SIMD static void tap_weights(float *restrict to, int first, int last, size_t channels,
                                  const struct window_axis *across, int kernel_w, int ys, const struct window_tap *y,
                                  const float *restrict image, size_t line_floats, const float *restrict g)
{
    for (int t = first; t < last; t++) {
        const struct window_tap *x = across->taps + (size_t)t * (size_t)kernel_w;
        const float *from = g + (size_t)t * channels;
        for (int j = 0; j < ys; j++)
            for (int i = 0; i < across->count[t]; i++) {
                const float *pixel = image + (size_t)y[j].at * line_floats + (size_t)x[i].at * channels;
                float *weight = to + (size_t)(y[j].k * kernel_w + x[i].k) * channels;
                for (size_t c = 0; c < channels; c++)
                    weight[c] += pixel[c] * from[c];
            }
    }
}

static void weights_task(void *context, int task, int worker)
{
    (void)worker;
    const struct depthwise *d = context;
    const struct conv *conv = d->conv;
    const struct op_attrs *a = conv->attrs;
    size_t channels = (size_t)conv->in.c, lines = (size_t)conv->out.n * (size_t)conv->out.h;
    size_t from_line = (size_t)conv->in.w * channels, last = split_at(lines, d->partials, task + 1);
    float *to = d->out + (size_t)task * weights_stride(conv);
    memset(to, 0, d->count * sizeof *to);
    for (size_t line = split_at(lines, d->partials, task); line < last; line++) {
        size_t row = line % (size_t)conv->out.h;
        const float *image = d->in + line / (size_t)conv->out.h * (size_t)conv->in.h * from_line;
        const float *g = d->call->out_grad + line * (size_t)conv->out.w * channels;
        const struct window_tap *y = d->y.taps + row * (size_t)a->kernel_h;
        tap_weights(to, 0, d->inside, channels, &d->x, a->kernel_w, d->y.count[row], y, image, from_line, g);
        if (d->outside > d->inside) {
            struct depthwise_span span = span_of(d, false, row, image);
            depthwise_weights(to, &span, g + (size_t)d->inside * channels);
        }
        tap_weights(to, d->outside, conv->out.w, channels, &d->x, a->kernel_w, d->y.count[row], y, image, from_line, g);
    }
}

static void weights(const struct conv *conv, const struct op_call *call)
{
    struct depthwise d = {.conv = conv, .call = call, .from = conv->in, .to = conv->out, .in = call->in[0]};
    d.out = call->workspace + taps_floats(conv, conv->out);
    d.count = (size_t)conv->taps * (size_t)conv->in.c;
    d.partials = partial_count(conv);
    find_taps(&d, false);
    team_run(call->team, d.partials, weights_task, &d);
    pass_sum_partials(call->team, call->param_grad[0], d.out, d.partials, weights_stride(conv), d.count);
}

const struct conv_kernel conv_depthwise_forward = {
    .name = "depthwise", .job = OP_JOB_FORWARD, .fits = fits, .workspace_floats = forward_floats, .run = forward};
const struct conv_kernel conv_depthwise_data = {
    .name = "depthwise", .job = OP_JOB_DATA_GRADIENT, .fits = fits, .workspace_floats = data_floats, .run = data};
const struct conv_kernel conv_depthwise_weights = {.name = "depthwise",
                                                   .job = OP_JOB_WEIGHT_GRADIENT,
                                                   .fits = fits,
                                                   .workspace_floats = weights_floats,
                                                   .run = weights};
