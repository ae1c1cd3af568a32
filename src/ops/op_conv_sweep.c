/* Convolution without columns: the packed product (tensor/product.h) reads the image in place.
 *
 * A window's row is a run of neighbouring floats, kernel_w pixels of c_in channels, and the windows of neighbouring outputs
 * start stride_w pixels apart: that is a matrix with overlapping rows. A sweep is such a product over lines of outputs;
 * only where windows leave the image are its lines copied between zeros first. The data gradient is the same
 * computation from the output's gradient: one sweep for each remainder of the input's coordinates by the strides, since
 * the inputs of one remainder meet the same kernel positions. Called through the kernel table of op_conv.c; how work
 * is cut changes no sum. */
#include "config.h"

#include <string.h>

#include "conv.h"
#include "conv_sweep.h"
#include "pass.h"
#include "split.h"
#include "thaw/tensor/product.h"

/* One axis of a sweep: targets, and where in the source each finds its taps. */
static struct sweep_axis forward_axis(int targets, int kernel, int stride, int padding, int dilation)
{
    return (struct sweep_axis){.targets = targets,
                               .to0 = 0,
                               .to_step = 1,
                               .from0 = -padding,
                               .from_step = stride,
                               .taps = kernel,
                               .tap0 = 0,
                               .tap_step = 1,
                               .distance = dilation};
}

static int greatest_common(int a, int b)
{
    return b ? greatest_common(b, a % b) : a;
}

/* Inputs with (input + padding) % stride == rest read outputs (input + padding - k * dilation) / stride for the k that
 * divide evenly. Taps in order of the output they read: k falls. */
static struct sweep_axis backward_axis(int inputs, int kernel, int stride, int padding, int dilation, int rest)
{
    struct sweep_axis axis = {.to_step = stride, .from_step = 1};
    int first = rest >= padding ? 0 : (padding - rest + stride - 1) / stride; /* input = rest + stride * j - padding */
    axis.to0 = rest + stride * first - padding;
    axis.targets = axis.to0 < inputs ? (inputs - 1 - axis.to0) / stride + 1 : 0;
    axis.tap_step = stride / greatest_common(stride, dilation);
    int k = 0;
    while (k < kernel && k < axis.tap_step && (k * dilation - rest) % stride != 0)
        k++;
    if (k >= kernel || k >= axis.tap_step)
        return axis; /* no tap: their gradient is 0 */
    axis.taps = (kernel - 1 - k) / axis.tap_step + 1;
    axis.tap0 = k + (axis.taps - 1) * axis.tap_step;
    axis.tap_step = -axis.tap_step;
    axis.distance = -axis.tap_step * dilation / stride;
    axis.from0 = first + (rest - axis.tap0 * dilation) / stride;
    return axis;
}

/* Sweeps of a job: 1 forward, stride_h * stride_w backward. */
static int sweep_count(const struct conv *conv, bool backward)
{
    return backward ? conv->attrs->stride_h * conv->attrs->stride_w : 1;
}

/* Source pixels that the windows of `count` targets span. */
static int span(const struct sweep_axis *axis, int count)
{
    return (count - 1) * axis->from_step + (axis->taps - 1) * axis->distance + 1;
}

static void cut(struct sweep *s, int tasks)
{
    size_t line = (size_t)span(&s->x, s->x.targets) * (size_t)s->from.c;
    size_t row = line * (size_t)s->y.from_step + (size_t)s->x.targets * (size_t)s->to.c; /* floats a target line */
    int images = s->to.n, most = (int)(SWEEP_FLOATS / row), wanted = (SWEEP_ROWS + s->x.targets - 1) / s->x.targets;
    most = most < 1 ? 1 : most;
    most = most > wanted ? wanted : most;
    s->images = 1;
    s->bands = split_parts((size_t)s->y.targets, (size_t)most, s->y.targets);
    if (s->bands == 1) /* several small images at a time share the weights' way through the caches */
        s->images = most / s->y.targets > images ? images : most / s->y.targets < 1 ? 1 : most / s->y.targets;
    int parts = (images + s->images - 1) / s->images;
    while (s->images > 1 && parts * s->bands < tasks) {
        s->images--;
        parts = (images + s->images - 1) / s->images;
    }
    while (parts * s->bands < tasks && s->bands * SWEEP_LEAST < s->y.targets * s->x.targets && s->bands < s->y.targets)
        s->bands++;
    s->parts = parts;
    s->blocks = 1;
    int panels = product_panels(s->fan_out);
    while (s->parts * s->bands * s->blocks < tasks && (s->blocks + 1) * 2 <= panels)
        s->blocks++;
}

struct sweep sweep_plan(const struct conv *conv, bool backward, int number, int tasks)
{
    const struct op_attrs *a = conv->attrs;
    struct sweep s = {.conv = conv, .backward = backward, .from = conv->in, .to = conv->out};
    s.fan_in = conv->group_in;
    s.fan_out = conv->group_out;
    s.pitch = (size_t)s.from.c;
    if (backward) {
        s.from = conv->out;
        s.pitch = (size_t)s.from.c;
        s.to = conv->in;
        s.fan_in = conv->group_out;
        s.fan_out = conv->group_in;
        s.y = backward_axis(s.to.h, a->kernel_h, a->stride_h, a->pad_top, a->dilation_h, number / a->stride_w);
        s.x = backward_axis(s.to.w, a->kernel_w, a->stride_w, a->pad_left, a->dilation_w, number % a->stride_w);
    } else {
        s.y = forward_axis(s.to.h, a->kernel_h, a->stride_h, a->pad_top, a->dilation_h);
        s.x = forward_axis(s.to.w, a->kernel_w, a->stride_w, a->pad_left, a->dilation_w);
    }
    s.taps = s.y.taps * s.x.taps;
    if (s.y.targets == 0 || s.x.targets == 0 || s.taps == 0)
        return s;
    s.run = a->groups == 1 && s.x.distance == 1 ? s.x.taps : 1; /* taps that lie side by side */
    s.segments = s.taps / s.run;
    s.inside = s.y.from0 >= 0 && s.x.from0 >= 0 && s.y.from0 + span(&s.y, s.y.targets) <= s.from.h &&
               s.x.from0 + span(&s.x, s.x.targets) <= s.from.w;
    if (s.inside && s.taps == 1 && s.y.from_step == 1 && s.x.from_step == 1 && s.x.targets == s.from.w &&
        s.y.targets == s.from.h && s.y.to_step == 1 && s.x.to_step == 1) {
        /* A matrix as it is: the whole batch is one line of pixels. */
        s.flat = true;
        size_t pixels = (size_t)s.to.n * (size_t)s.to.h * (size_t)s.to.w;
        size_t tiles = (pixels + PRODUCT_ROWS - 1) / PRODUCT_ROWS, row = (size_t)s.fan_in + (size_t)s.fan_out;
        size_t rows = SWEEP_FLOATS / row;
        rows = rows > SWEEP_FLAT ? SWEEP_FLAT : rows < SWEEP_LEAST ? SWEEP_LEAST : rows;
        s.images = s.bands = s.blocks = 1;
        s.parts = split_parts(pixels, rows, (int)tiles);
        if (s.parts < tasks)
            s.parts = split_parts(pixels, SWEEP_LEAST, (int)tiles < tasks ? (int)tiles : tasks);
        int panels = product_panels(s.fan_out);
        while (s.parts * s.blocks < tasks && (s.blocks + 1) * 2 <= panels)
            s.blocks++;
        return s;
    }
    cut(&s, tasks);
    int lines = (s.y.targets + s.bands - 1) / s.bands;
    s.line = (size_t)span(&s.x, s.x.targets) * (size_t)s.from.c;
    s.rows = span(&s.y, lines);
    if (!s.inside)
        s.scratch = split_line((size_t)s.images * (size_t)s.rows * s.line);
    return s;
}

/* The same for a product that reads a row from each of several windows at once. */
static struct sweep sweep_plan_apart(const struct conv *conv, bool backward, int number, int tasks)
{
    struct sweep s = sweep_plan(conv, backward, number, tasks);
    s.apart = s.taps > 0 && conv->attrs->groups == 1 && s.x.from_step * s.from.c % SWEEP_SETS == 0;
    if (!s.apart)
        return s;
    s.pitch += SPLIT_LINE;
    if (s.flat) {
        size_t pixels = (size_t)s.to.n * (size_t)s.to.h * (size_t)s.to.w;
        s.scratch = (pixels / (size_t)s.parts + 2 * PRODUCT_ROWS) * s.pitch;
        return s;
    }
    s.run = 1;
    s.segments = s.taps;
    s.picked = s.taps == 1 && s.inside;
    int lines = (s.y.targets + s.bands - 1) / s.bands;
    s.rows = s.picked ? lines : span(&s.y, lines);
    s.line = (size_t)(s.picked ? s.x.targets : span(&s.x, s.x.targets)) * s.pitch;
    s.scratch = split_line((size_t)s.images * (size_t)s.rows * s.line);
    return s;
}

/* --- weights --- */

static size_t sweep_packed_floats(const struct sweep *s)
{
    return product_packed_floats(s->taps * s->fan_in, s->fan_out) * (size_t)s->conv->attrs->groups;
}

struct packing {
    const struct sweep *sweep;
    const float *weight;
    float *packed;
    int panels; /* of a group */
};

static void pack_task(void *context, int task, int worker)
{
    (void)worker;
    const struct packing *p = context;
    const struct sweep *s = p->sweep;
    const struct conv *conv = s->conv;
    int group = task / p->panels, panel = task % p->panels, depth = s->taps * s->fan_in;
    size_t stride = (size_t)depth * PRODUCT_LANES;
    float *to = p->packed + (size_t)group * (size_t)p->panels * stride;
    for (int tap = 0; tap < s->taps; tap++) {
        int ky = s->y.tap0 + tap / s->x.taps * s->y.tap_step, kx = s->x.tap0 + tap % s->x.taps * s->x.tap_step;
        const float *from = p->weight +
                            (size_t)(ky * conv->attrs->kernel_w + kx) * (size_t)conv->group_in * (size_t)conv->out.c +
                            (size_t)(group * conv->group_out);
        product_pack(s->backward, s->fan_in, s->fan_out, from, conv->out.c, panel, panel + 1,
                     to + (size_t)tap * (size_t)s->fan_in * PRODUCT_LANES, stride);
    }
}

static void sweep_pack(const struct sweep *s, struct team *team, const float *weight, float *packed)
{
    struct packing p = {s, weight, packed, product_panels(s->fan_out)};
    team_run(team, p.panels * s->conv->attrs->groups, pack_task, &p);
}

/* --- lines between zeros --- */

/* Pixels side by side, `pitch` floats apart in the copy. */
static void copy_pixels(const float *from, size_t step, int count, size_t channels, float *to, size_t pitch)
{
    if (pitch == channels && step == channels) {
        memcpy(to, from, (size_t)count * channels * sizeof *to);
        return;
    }
    for (int i = 0; i < count; i++, from += step, to += pitch)
        memcpy(to, from, channels * sizeof *to);
}

/* Source lines line0.. of an image, `rows` of them, from column x0 on, each `width` pixels; zero outside. */
static void copy_lines(struct shape4 from, const float *image, int line0, int rows, int x0, int width, float *to,
                       size_t pitch)
{
    size_t pixel = pitch * sizeof *to, channels = (size_t)from.c;
    int left = x0 < 0 ? (-x0 < width ? -x0 : width) : 0;
    int end = from.w - x0 < width ? (from.w - x0 > left ? from.w - x0 : left) : width;
    for (int r = 0; r < rows; r++, to += (size_t)width * pitch) {
        int y = line0 + r;
        if (y < 0 || y >= from.h || end <= left) {
            memset(to, 0, (size_t)width * pixel);
            continue;
        }
        memset(to, 0, (size_t)left * pixel);
        copy_pixels(image + ((size_t)y * (size_t)from.w + (size_t)(x0 + left)) * channels, channels, end - left,
                    channels, to + (size_t)left * pitch, pitch);
        memset(to + (size_t)end * pitch, 0, (size_t)(width - end) * pixel);
    }
}

/* Only the pixels that the windows of `lines` lines of targets begin at. */
static void pick_lines(const struct sweep *s, const float *first, int lines, float *to)
{
    size_t line = (size_t)s->from.w * (size_t)s->from.c * (size_t)s->y.from_step;
    for (int i = 0; i < lines; i++, first += line, to += s->line)
        copy_pixels(first, (size_t)(s->x.from_step * s->from.c), s->x.targets, (size_t)s->from.c, to, s->pitch);
}

const float *sweep_lines(const struct sweep *s, const float *source, int image, int images, int first, int lines,
                         float *scratch, size_t *image_step, size_t *line_step)
{
    int y = s->y.from0 + first * s->y.from_step, rows = s->picked ? lines : span(&s->y, lines);
    int width = span(&s->x, s->x.targets);
    size_t line = (size_t)s->from.w * (size_t)s->from.c, step = line * (size_t)s->from.h;
    const float *at = source + (size_t)image * step;
    /* From the image's corner to the first target's window; before it where that begins in the padding. */
    ptrdiff_t corner = (ptrdiff_t)y * (ptrdiff_t)line + (ptrdiff_t)s->x.from0 * s->from.c;
    if (s->inside && !s->apart) {
        *image_step = step;
        *line_step = line;
        return at + corner;
    }
    *line_step = s->line;
    *image_step = (size_t)rows * s->line;
    for (int i = 0; i < images; i++)
        if (s->picked)
            pick_lines(s, at + (size_t)i * step + corner, lines, scratch + (size_t)i * *image_step);
        else
            copy_lines(s->from, at + (size_t)i * step, y, rows, s->x.from0, width, scratch + (size_t)i * *image_step,
                       s->pitch);
    return scratch;
}

/* --- running --- */

struct running {
    const struct sweep *sweep;
    const struct op_call *call;
    const float *source, *packed;
    float *target, *scratch;
    bool add;
};

static void finish(const struct running *r, size_t at, int rows, int channel, int channels)
{
    const struct op_call *call = r->call;
    if (!r->sweep->backward)
        pass_epilogue(call->out + at, (size_t)r->sweep->to.c, rows, channels,
                      call->attrs->bias ? call->param[1] + channel : NULL, call->residual ? call->residual + at : NULL,
                      call->activation, call->activation_attrs);
}

/* Columns of a task: its block of panels. */
static void block_of(const struct sweep *s, int block, int *first, int *count)
{
    int panels = product_panels(s->fan_out);
    int from = (int)split_at((size_t)panels, s->blocks, block) * PRODUCT_LANES;
    int to = (int)split_at((size_t)panels, s->blocks, block + 1) * PRODUCT_LANES;
    *first = from;
    *count = (to > s->fan_out ? s->fan_out : to) - from;
}

static void flat_task(void *context, int task, int worker)
{
    const struct running *r = context;
    const struct sweep *s = r->sweep;
    int part = task / s->blocks, column, columns;
    size_t pixels = (size_t)s->to.n * (size_t)s->to.h * (size_t)s->to.w, panel = (size_t)s->fan_in * PRODUCT_LANES;
    size_t tiles = (pixels + PRODUCT_ROWS - 1) / PRODUCT_ROWS;
    size_t first = split_at(tiles, s->parts, part) * PRODUCT_ROWS;
    size_t last = split_at(tiles, s->parts, part + 1) * PRODUCT_ROWS;
    int rows = (int)((last > pixels ? pixels : last) - first);
    block_of(s, task % s->blocks, &column, &columns);
    const float *source = r->source + first * (size_t)s->from.c;
    if (s->apart) {
        float *copy = r->scratch + (size_t)worker * s->scratch;
        copy_pixels(source, (size_t)s->from.c, rows, (size_t)s->from.c, copy, s->pitch);
        source = copy;
    }
    for (int group = 0; group < s->conv->attrs->groups; group++) {
        int channel = group * s->fan_out + column;
        size_t at = first * (size_t)s->to.c + (size_t)channel;
        product(rows, columns, s->fan_in, source + group * s->fan_in, s->pitch,
                r->packed + (size_t)(group * product_panels(s->fan_out) + column / PRODUCT_LANES) * panel, panel,
                r->add, r->target + at, (size_t)s->to.c);
        finish(r, at, rows, channel, columns);
    }
}

static void lines_task(void *context, int task, int worker)
{
    const struct running *r = context;
    const struct sweep *s = r->sweep;
    int block = task % s->blocks, band = task / s->blocks % s->bands, part = task / s->blocks / s->bands;
    int image = part * s->images, images = s->to.n - image < s->images ? s->to.n - image : s->images;
    int first = (int)split_at((size_t)s->y.targets, s->bands, band);
    int lines = (int)split_at((size_t)s->y.targets, s->bands, band + 1) - first, column, columns;
    size_t line = (size_t)s->to.w * (size_t)s->to.c, panel = (size_t)(s->taps * s->fan_in) * PRODUCT_LANES;
    size_t image_step, line_step, segment[SWEEP_SEGMENTS];
    const float *a = sweep_lines(s, r->source, image, images, first, lines, r->scratch + (size_t)worker * s->scratch,
                                 &image_step, &line_step);
    sweep_segments(s, line_step, segment);
    block_of(s, block, &column, &columns);
    size_t to = ((size_t)image * (size_t)s->to.h + (size_t)(s->y.to0 + first * s->y.to_step)) * line +
                (size_t)s->x.to0 * (size_t)s->to.c;
    for (int group = 0; group < s->conv->attrs->groups; group++) {
        int channel = group * s->fan_out + column;
        struct product p = {.images = images,
                            .lines = lines,
                            .rows = s->x.targets,
                            .columns = columns,
                            .segments = s->segments,
                            .k = s->run * s->fan_in,
                            .a = a + group * s->fan_in,
                            .a_image = image_step,
                            .a_line = line_step * (s->picked ? 1 : (size_t)s->y.from_step),
                            .row_step = s->pitch * (s->picked ? 1 : (size_t)s->x.from_step),
                            .k_step = 1,
                            .segment = segment,
                            .packed = r->packed +
                                      (size_t)(group * product_panels(s->fan_out) + column / PRODUCT_LANES) * panel,
                            .panel = panel,
                            .c = r->target + to + channel,
                            .c_image = (size_t)s->to.h * line,
                            .c_line = (size_t)s->y.to_step * line,
                            .ldc = (size_t)(s->x.to_step * s->to.c),
                            .add = r->add};
        product_run(&p);
        for (int i = 0; i < images; i++)
            finish(r, to + (size_t)i * p.c_image + (size_t)channel, lines * s->x.targets, channel, columns);
    }
}

/* Inputs that no output read. */
static void clear(const struct running *r)
{
    const struct sweep *s = r->sweep;
    size_t line = (size_t)s->to.w * (size_t)s->to.c;
    for (int image = 0; image < s->to.n; image++)
        for (int y = 0; y < s->y.targets; y++)
            for (int x = 0; x < s->x.targets; x++)
                memset(r->target + ((size_t)image * (size_t)s->to.h + (size_t)(s->y.to0 + y * s->y.to_step)) * line +
                           (size_t)(s->x.to0 + x * s->x.to_step) * (size_t)s->to.c,
                       0, (size_t)s->to.c * sizeof(float));
}

static void run(struct running *r)
{
    const struct sweep *s = r->sweep;
    if (s->y.targets == 0 || s->x.targets == 0)
        return;
    if (s->taps == 0) {
        if (!r->add)
            clear(r);
        return;
    }
    team_run(r->call->team, s->parts * s->bands * s->blocks, s->flat ? flat_task : lines_task, r);
}

/* --- the kernels --- */

static bool fits_segments(const struct conv *conv)
{
    return conv->taps <= SWEEP_SEGMENTS;
}

static size_t forward_prepared(const struct conv *conv)
{
    struct sweep s = sweep_plan_apart(conv, false, 0, 1);
    return sweep_packed_floats(&s);
}

static void forward_prepare(const struct conv *conv, const struct op_call *call, float *prepared)
{
    struct sweep s = sweep_plan_apart(conv, false, 0, 1);
    sweep_pack(&s, call->team, call->param[0], prepared);
}

static size_t forward_floats(const struct conv *conv, int threads)
{
    struct sweep s = sweep_plan_apart(conv, false, 0, sweep_tasks(threads));
    return sweep_packed_floats(&s) + s.scratch * (size_t)threads;
}

static void forward(const struct conv *conv, const struct op_call *call)
{
    struct sweep s = sweep_plan_apart(conv, false, 0, sweep_tasks(team_threads(call->team)));
    struct running r = {.sweep = &s, .call = call, .source = call->in[0], .target = call->out};
    r.scratch = call->workspace;
    r.packed = call->prepared;
    if (!r.packed) {
        sweep_pack(&s, call->team, call->param[0], call->workspace);
        r.packed = call->workspace;
        r.scratch += sweep_packed_floats(&s);
    }
    run(&r);
}

static size_t data_floats(const struct conv *conv, int threads)
{
    size_t most = 0;
    for (int i = 0; i < sweep_count(conv, true); i++) {
        struct sweep s = sweep_plan_apart(conv, true, i, sweep_tasks(threads));
        size_t floats = sweep_packed_floats(&s) + s.scratch * (size_t)threads;
        most = floats > most ? floats : most;
    }
    return most;
}

static void data(const struct conv *conv, const struct op_call *call)
{
    for (int i = 0; i < sweep_count(conv, true); i++) {
        struct sweep s = sweep_plan_apart(conv, true, i, sweep_tasks(team_threads(call->team)));
        struct running r = {.sweep = &s,
                            .call = call,
                            .source = call->out_grad,
                            .packed = call->workspace,
                            .target = call->in_grad[0],
                            .scratch = call->workspace + sweep_packed_floats(&s),
                            .add = call->in_grad_add[0]};
        if (s.taps > 0)
            sweep_pack(&s, call->team, call->param[0], call->workspace);
        run(&r);
    }
}

const struct conv_kernel conv_sweep_forward = {.name = "sweep",
                                               .job = OP_JOB_FORWARD,
                                               .fits = fits_segments,
                                               .workspace_floats = forward_floats,
                                               .run = forward,
                                               .prepared_floats = forward_prepared,
                                               .prepare = forward_prepare};
const struct conv_kernel conv_sweep_data = {
    .name = "sweep", .job = OP_JOB_DATA_GRADIENT, .fits = fits_segments, .workspace_floats = data_floats, .run = data};
