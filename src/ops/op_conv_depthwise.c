/* Depthwise convolution: one filter a channel, direct, vectorised over channels.
 *
 * Which kernel positions meet which pixels is worked out once a call for each axis (window_taps); then forward and data
 * gradient are the same loop with the roles of input and output exchanged. Called through the kernel table of
 * op_conv.c. */
#include "config.h"

#include <string.h>

#include "conv.h"
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
    bool add;
    int parts;    /* tasks */
    int partials; /* weight gradient: partial sums */
    size_t count; /* weights */
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

/* Fills y and x of d in the call's workspace. */
static void find_taps(struct depthwise *d, bool backward)
{
    window_axes(backward, d->conv->attrs, d->to, d->from, d->call->workspace, &d->y, &d->x);
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

/* One row of the target: to (width, channels) = or += bias + taps. ys, y: the row's taps. */
THAW_SIMD static void row_sums(float *to, int width, size_t channels, const struct window_axis *across, int kernel_w,
                               int ys, const struct window_tap *y, const float *image, size_t line_floats,
                               const float *weight, const float *bias, bool add)
{
    for (int t = 0; t < width; t++, to += channels) {
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
    size_t lines = (size_t)d->to.n * (size_t)d->to.h, channels = (size_t)d->to.c;
    size_t last = split_at(lines, d->parts, task + 1), width = (size_t)d->to.w * channels;
    size_t from_line = (size_t)d->from.w * channels;
    for (size_t line = split_at(lines, d->parts, task); line < last; line++) {
        size_t image = line / (size_t)d->to.h, row = line % (size_t)d->to.h;
        float *to = d->out + line * width;
        row_sums(to, d->to.w, channels, &d->x, d->conv->attrs->kernel_w, d->y.count[row],
                 d->y.taps + row * (size_t)d->conv->attrs->kernel_h, d->in + image * (size_t)d->from.h * from_line,
                 from_line, d->call->param[0], d->bias, d->add);
        if (d->out == d->call->out)
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

#define WEIGHT_BLOCKS(type)                                                                                            \
    for (; c + sizeof(type) / sizeof(float) <= channels; c += sizeof(type) / sizeof(float)) {                          \
        type sum = {0};                                                                                                \
        for (size_t x = 0; x < (size_t)(x1 - x0); x++)                                                                 \
            sum += LOAD(type, in + x * step + c) * LOAD(type, g + x * channels + c);                                   \
        *(type *)(to + c) += sum;                                                                                      \
    }

/* Adds one output row's share to the weights of one kernel row: to (kernel_w, channels). The columns x0[kx]..x1[kx]-1
 * of the output meet the image at kernel column kx. */
THAW_SIMD static void row_weights(float *to, const struct conv *conv, const float *line, const float *gradient)
{
    const struct op_attrs *a = conv->attrs;
    size_t channels = (size_t)conv->in.c, step = (size_t)a->stride_w * channels;
    for (int kx = 0; kx < a->kernel_w; kx++, to += channels) {
        int offset = kx * a->dilation_w - a->pad_left; /* input column of output column 0 */
        int x0 = offset >= 0 ? 0 : (-offset + a->stride_w - 1) / a->stride_w;
        int x1 = conv->in.w - 1 - offset < 0 ? 0 : (conv->in.w - 1 - offset) / a->stride_w + 1;
        if (x1 > conv->out.w)
            x1 = conv->out.w;
        if (x0 >= x1)
            continue;
        const float *in = line + (size_t)(x0 * a->stride_w + offset) * channels;
        const float *g = gradient + (size_t)x0 * channels;
        size_t c = 0;
        WEIGHT_BLOCKS(lanes)
        WEIGHT_BLOCKS(half_lanes)
        WEIGHT_BLOCKS(float)
    }
}

static void weights_task(void *context, int task, int worker)
{
    (void)worker;
    const struct depthwise *d = context;
    const struct conv *conv = d->conv;
    size_t stride = weights_stride(conv), channels = (size_t)conv->in.c,
           lines = (size_t)conv->out.n * (size_t)conv->out.h;
    float *to = d->out + (size_t)task * stride;
    memset(to, 0, d->count * sizeof *to);
    size_t last = split_at(lines, d->partials, task + 1);
    for (size_t line = split_at(lines, d->partials, task); line < last; line++) {
        size_t image = line / (size_t)conv->out.h, row = line % (size_t)conv->out.h;
        const struct window_tap *y = d->y.taps + row * (size_t)conv->attrs->kernel_h;
        for (int j = 0; j < d->y.count[row]; j++)
            row_weights(to + (size_t)(y[j].k * conv->attrs->kernel_w) * channels, conv,
                        d->in + (image * (size_t)conv->in.h + (size_t)y[j].at) * (size_t)conv->in.w * channels,
                        d->call->out_grad + line * (size_t)conv->out.w * channels);
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
