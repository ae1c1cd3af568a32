/* Ops that choose or reorder values: slice and shuffle of channels, padding and cropping of images. Lines of pixels are
 * the tasks; backward runs the same walk the other way. */
#include "config.h"

#include <limits.h>
#include <string.h>

#include "op_rows.h"
#include "pass.h"
#include "split.h"

enum { PIXEL_GRAIN = 16384 };

/* One direction of one call: `lines` tasks' worth of rows, cut into parts. */
struct walk {
    const struct op_call *call;
    size_t lines;
    int parts;
};

static void run(const struct op_call *call, team_task task, size_t lines, size_t line_floats)
{
    struct walk walk = {call, lines, 1};
    size_t grain = PIXEL_GRAIN / (line_floats ? line_floats : 1);
    walk.parts = split_parts(lines, grain ? grain : 1, 1 << 20);
    team_run(call->team, walk.parts, task, &walk);
}

static size_t pixels(struct shape4 shape)
{
    return (size_t)shape.n * (size_t)shape.h * (size_t)shape.w;
}

/* --- slice of channels --- */

static bool slice_shape(const struct op_attrs *attrs, int inputs, const struct shape4 *in, struct shape4 *out,
                        struct error *error)
{
    (void)inputs;
    if (attrs->begin < 0 || attrs->end > in->c || attrs->begin >= attrs->end)
        return error_set(error, ERROR_FAILED, "slice: channels %d to %d of %d", attrs->begin, attrs->end, in->c);
    *out = *in;
    out->c = attrs->end - attrs->begin;
    return true;
}

static void slice_task(void *context, int task, int worker)
{
    (void)worker;
    const struct walk *walk = context;
    const struct op_call *call = walk->call;
    size_t from = (size_t)call->in_shape[0].c, to = (size_t)call->out_shape.c, begin = (size_t)call->attrs->begin;
    size_t last = split_at(walk->lines, walk->parts, task + 1);
    for (size_t p = split_at(walk->lines, walk->parts, task); p < last; p++)
        memcpy(call->out + p * to, call->in[0] + p * from + begin, to * sizeof(float));
}

static void slice_gradient_task(void *context, int task, int worker)
{
    (void)worker;
    const struct walk *walk = context;
    const struct op_call *call = walk->call;
    size_t wide = (size_t)call->in_shape[0].c, narrow = (size_t)call->out_shape.c, begin = (size_t)call->attrs->begin;
    size_t last = split_at(walk->lines, walk->parts, task + 1);
    for (size_t p = split_at(walk->lines, walk->parts, task); p < last; p++) {
        float *to = call->in_grad[0] + p * wide;
        if (!call->in_grad_add[0])
            memset(to, 0, wide * sizeof *to);
        pass_move(to + begin, call->out_grad + p * narrow, narrow, call->in_grad_add[0]);
    }
}

static void slice_forward(const struct op_call *call)
{
    run(call, slice_task, pixels(call->out_shape), (size_t)call->out_shape.c);
}

static void slice_backward(const struct op_call *call)
{
    if (call->in_grad[0])
        run(call, slice_gradient_task, pixels(call->out_shape), (size_t)call->in_shape[0].c);
}

/* --- shuffle of channels: channel j of group i comes out as channel i of block j --- */

static bool shuffle_shape(const struct op_attrs *attrs, int inputs, const struct shape4 *in, struct shape4 *out,
                          struct error *error)
{
    (void)inputs;
    if (attrs->groups < 1 || in->c % attrs->groups != 0)
        return error_set(error, ERROR_FAILED, "shuffle: %d channels in %d groups", in->c, attrs->groups);
    *out = *in;
    return true;
}

static inline __attribute__((always_inline)) void transpose_pixel(float *restrict to, const float *restrict from,
                                                                  size_t rows, size_t columns, bool add)
{
    for (size_t j = 0; j < columns; j++)
        for (size_t i = 0; i < rows; i++)
            to[j * rows + i] = (add ? to[j * rows + i] : 0) + from[i * columns + j];
}

/* to (columns, rows) = or += from (rows, columns), transposed. Two groups are what ShuffleNet has. */
THAW_SIMD static void transpose(float *to, const float *from, size_t rows, size_t columns, bool add)
{
    if (rows == 2 && !add)
        transpose_pixel(to, from, 2, columns, false);
    else if (columns == 2 && !add)
        transpose_pixel(to, from, rows, 2, false);
    else
        transpose_pixel(to, from, rows, columns, add);
}

static void shuffle_task(void *context, int task, int worker)
{
    (void)worker;
    const struct walk *walk = context;
    const struct op_call *call = walk->call;
    size_t c = (size_t)call->out_shape.c, groups = (size_t)call->attrs->groups;
    size_t last = split_at(walk->lines, walk->parts, task + 1);
    for (size_t p = split_at(walk->lines, walk->parts, task); p < last; p++)
        transpose(call->out + p * c, call->in[0] + p * c, groups, c / groups, false);
}

static void shuffle_gradient_task(void *context, int task, int worker)
{
    (void)worker;
    const struct walk *walk = context;
    const struct op_call *call = walk->call;
    size_t c = (size_t)call->out_shape.c, groups = (size_t)call->attrs->groups;
    size_t last = split_at(walk->lines, walk->parts, task + 1);
    for (size_t p = split_at(walk->lines, walk->parts, task); p < last; p++)
        transpose(call->in_grad[0] + p * c, call->out_grad + p * c, c / groups, groups, call->in_grad_add[0]);
}

static void shuffle_forward(const struct op_call *call)
{
    run(call, shuffle_task, pixels(call->out_shape), (size_t)call->out_shape.c);
}

static void shuffle_backward(const struct op_call *call)
{
    if (call->in_grad[0])
        run(call, shuffle_gradient_task, pixels(call->out_shape), (size_t)call->out_shape.c);
}

/* --- padding; negative: cropping --- */

static bool pad_shape(const struct op_attrs *attrs, int inputs, const struct shape4 *in, struct shape4 *out,
                      struct error *error)
{
    (void)inputs;
    int64_t h = (int64_t)in->h + attrs->pad_top + attrs->pad_bottom;
    int64_t w = (int64_t)in->w + attrs->pad_left + attrs->pad_right;
    if (h < 1 || w < 1 || h > INT_MAX / w || h * w > INT_MAX / in->c)
        return error_set(error, ERROR_FAILED, "pad: %dx%d by %d %d %d %d leaves no image", in->h, in->w, attrs->pad_top,
                         attrs->pad_left, attrs->pad_bottom, attrs->pad_right);
    *out = (struct shape4){in->n, (int)h, (int)w, in->c};
    return true;
}

/* Of a line of the wide image, `before` pixels in front and what is behind are not in the narrow one. */
struct overlap {
    int first, last; /* pixels of the line, in the walked image's coordinates */
    bool is_inside;
};

static struct overlap find_overlap(int y, int height, int width, int other_width, int left)
{
    struct overlap o = {.is_inside = y >= 0 && y < height};
    o.first = left > 0 ? left : 0;
    o.last = left + other_width < width ? left + other_width : width;
    o.is_inside = o.is_inside && o.first < o.last;
    return o;
}

static void fill(float *to, size_t count, float value)
{
    for (size_t i = 0; i < count; i++)
        to[i] = value;
}

static void pad_task(void *context, int task, int worker)
{
    (void)worker;
    const struct walk *walk = context;
    const struct op_call *call = walk->call;
    struct shape4 in = call->in_shape[0], out = call->out_shape;
    size_t c = (size_t)out.c, last = split_at(walk->lines, walk->parts, task + 1);
    int left = call->attrs->pad_left;
    for (size_t line = split_at(walk->lines, walk->parts, task); line < last; line++) {
        int y = (int)(line % (size_t)out.h) - call->attrs->pad_top;
        struct overlap o = find_overlap(y, in.h, out.w, in.w, left);
        float *to = call->out + line * (size_t)out.w * c;
        fill(to, (o.is_inside ? (size_t)o.first : (size_t)out.w) * c, call->attrs->pad_value);
        if (!o.is_inside)
            continue;
        size_t from = (line / (size_t)out.h * (size_t)in.h + (size_t)y) * (size_t)in.w + (size_t)(o.first - left);
        memcpy(to + (size_t)o.first * c, call->in[0] + from * c, (size_t)(o.last - o.first) * c * sizeof *to);
        fill(to + (size_t)o.last * c, (size_t)(out.w - o.last) * c, call->attrs->pad_value);
    }
}

/* The same walk over the input's lines: what was cropped has no gradient. */
static void pad_gradient_task(void *context, int task, int worker)
{
    (void)worker;
    const struct walk *walk = context;
    const struct op_call *call = walk->call;
    struct shape4 in = call->in_shape[0], out = call->out_shape;
    size_t c = (size_t)out.c, last = split_at(walk->lines, walk->parts, task + 1);
    int left = -call->attrs->pad_left;
    for (size_t line = split_at(walk->lines, walk->parts, task); line < last; line++) {
        int y = (int)(line % (size_t)in.h) + call->attrs->pad_top;
        struct overlap o = find_overlap(y, out.h, in.w, out.w, left);
        float *to = call->in_grad[0] + line * (size_t)in.w * c;
        if (!call->in_grad_add[0])
            fill(to, (size_t)in.w * c, 0);
        if (!o.is_inside)
            continue;
        size_t from = (line / (size_t)in.h * (size_t)out.h + (size_t)y) * (size_t)out.w + (size_t)(o.first - left);
        pass_move(to + (size_t)o.first * c, call->out_grad + from * c, (size_t)(o.last - o.first) * c,
                  call->in_grad_add[0]);
    }
}

static void pad_forward(const struct op_call *call)
{
    struct shape4 out = call->out_shape;
    run(call, pad_task, (size_t)out.n * (size_t)out.h, (size_t)out.w * (size_t)out.c);
}

static void pad_backward(const struct op_call *call)
{
    struct shape4 in = call->in_shape[0];
    if (call->in_grad[0])
        run(call, pad_gradient_task, (size_t)in.n * (size_t)in.h, (size_t)in.w * (size_t)in.c);
}

const struct op_def op_slice = {
    .name = "slice",
    .inputs_min = 1,
    .inputs_max = 1,
    .shape = slice_shape,
    .cost = op_cost_plain,
    .forward = slice_forward,
    .backward = slice_backward,
    .forward_reference = op_slice_forward_reference,
    .backward_reference = op_slice_backward_reference,
};

const struct op_def op_shuffle = {
    .name = "shuffle",
    .inputs_min = 1,
    .inputs_max = 1,
    .shape = shuffle_shape,
    .cost = op_cost_plain,
    .forward = shuffle_forward,
    .backward = shuffle_backward,
    .forward_reference = op_shuffle_forward_reference,
    .backward_reference = op_shuffle_backward_reference,
};

const struct op_def op_pad = {
    .name = "pad",
    .inputs_min = 1,
    .inputs_max = 1,
    .shape = pad_shape,
    .cost = op_cost_plain,
    .forward = pad_forward,
    .backward = pad_backward,
    .forward_reference = op_pad_forward_reference,
    .backward_reference = op_pad_backward_reference,
};
