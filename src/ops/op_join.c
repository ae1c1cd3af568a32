/* Ops that only move values: add, concat, flatten, subsample. */
#include "config.h"

#include <limits.h>
#include <string.h>

#include "op_rows.h"
#include "pass.h"
#include "split.h"

enum { PIXEL_GRAIN = 16384 };

/* --- add: two or more equal shapes --- */

static bool add_shape(const struct op_attrs *attrs, int inputs, const struct shape4 *in, struct shape4 *out,
                      struct error *error)
{
    (void)attrs;
    for (int i = 1; i < inputs; i++)
        if (!shape4_equal(in[0], in[i]))
            return error_set(error, ERROR_FAILED, "add: %dx%dx%d and %dx%dx%d differ", in[0].h, in[0].w, in[0].c,
                             in[i].h, in[i].w, in[i].c);
    *out = in[0];
    return true;
}

struct flat {
    const struct op_call *call;
    size_t count;
    int parts;
};

static void add_task(void *context, int task, int worker)
{
    (void)worker;
    const struct flat *flat = context;
    const struct op_call *call = flat->call;
    size_t first = split_at(flat->count, flat->parts, task),
           count = split_at(flat->count, flat->parts, task + 1) - first;
    float *out = call->out + first;
    pass_move(out, call->in[0] + first, count, false);
    for (int i = 1; i < call->inputs; i++)
        pass_move(out, call->in[i] + first, count, true);
    pass_epilogue(out, count, 1, (int)count, NULL, call->residual ? call->residual + first : NULL, call->activation,
                  call->activation_attrs);
}

static void add_forward(const struct op_call *call)
{
    struct flat flat = {.call = call, .count = shape4_count(call->out_shape)};
    flat.parts = split_parts(flat.count, SPLIT_FLAT_GRAIN, 1 << 20);
    team_run(call->team, flat.parts, add_task, &flat);
}

static void add_backward(const struct op_call *call)
{
    size_t count = shape4_count(call->out_shape);
    /* In order: where one value comes in twice, the first writes its gradient and the second adds. In place, the first
     * has what it needs. */
    for (int i = 0; i < call->inputs; i++)
        if (call->in_grad[i] && (i > 0 || call->in_grad[i] != call->out_grad))
            pass_move_all(call->team, call->in_grad[i], call->out_grad, count, call->in_grad_add[i]);
}

/* --- blocks of rows: concat and subsample copy channel ranges of pixels --- */

struct block {
    const float *from;
    float *to;
    size_t from_stride, to_stride; /* floats from pixel to pixel */
    size_t rows, channels;
    bool add;
    int parts;
};

static void block_task(void *context, int task, int worker)
{
    (void)worker;
    const struct block *block = context;
    size_t last = split_at(block->rows, block->parts, task + 1);
    for (size_t row = split_at(block->rows, block->parts, task); row < last; row++)
        pass_move(block->to + row * block->to_stride, block->from + row * block->from_stride, block->channels,
                  block->add);
}

static void move_block(struct team *team, struct block block)
{
    size_t grain = PIXEL_GRAIN / (block.channels ? block.channels : 1);
    block.parts = split_parts(block.rows, grain ? grain : 1, 1 << 20);
    team_run(team, block.parts, block_task, &block);
}

static size_t pixels(struct shape4 shape)
{
    return (size_t)shape.n * (size_t)shape.h * (size_t)shape.w;
}

/* --- concat along channels --- */

static bool concat_shape(const struct op_attrs *attrs, int inputs, const struct shape4 *in, struct shape4 *out,
                         struct error *error)
{
    (void)attrs;
    *out = in[0];
    for (int i = 1; i < inputs; i++) {
        if (in[i].h != in[0].h || in[i].w != in[0].w)
            return error_set(error, ERROR_FAILED, "concat: %dx%d and %dx%d pixels differ", in[0].h, in[0].w, in[i].h,
                             in[i].w);
        out->c += in[i].c;
    }
    return true;
}

static void concat_forward(const struct op_call *call)
{
    size_t at = 0, width = (size_t)call->out_shape.c, rows = pixels(call->out_shape);
    for (int i = 0; i < call->inputs; i++) {
        size_t c = (size_t)call->in_shape[i].c;
        move_block(call->team, (struct block){call->in[i], call->out + at, c, width, rows, c, false, 0});
        at += c;
    }
}

static void concat_backward(const struct op_call *call)
{
    size_t at = 0, width = (size_t)call->out_shape.c, rows = pixels(call->out_shape);
    for (int i = 0; i < call->inputs; i++) {
        size_t c = (size_t)call->in_shape[i].c;
        if (call->in_grad[i])
            move_block(call->team, (struct block){call->out_grad + at, call->in_grad[i], width, c, rows, c,
                                                  call->in_grad_add[i], 0});
        at += c;
    }
}

/* --- flatten --- */

static bool flatten_shape(const struct op_attrs *attrs, int inputs, const struct shape4 *in, struct shape4 *out,
                          struct error *error)
{
    (void)attrs, (void)inputs;
    int64_t count = (int64_t)in->h * in->w;
    if (count > INT_MAX / in->c)
        return error_set(error, ERROR_FAILED, "flatten: %dx%dx%d values are too many for a vector", in->h, in->w,
                         in->c);
    *out = (struct shape4){in->n, 1, 1, (int)count * in->c};
    return true;
}

struct flatten {
    const float *from;
    float *to;
    struct shape4 shape; /* of the image side */
    bool to_chw, add;
};

static void flatten_task(void *context, int n, int worker)
{
    (void)worker;
    const struct flatten *f = context;
    size_t plane = (size_t)f->shape.h * (size_t)f->shape.w, c = (size_t)f->shape.c, image = plane * c;
    const float *from = f->from + (size_t)n * image;
    float *to = f->to + (size_t)n * image;
    for (size_t p = 0; p < plane; p++)
        for (size_t k = 0; k < c; k++) {
            size_t hwc = p * c + k, chw = k * plane + p;
            float *target = to + (f->to_chw ? chw : hwc);
            *target = (f->add ? *target : 0) + from[f->to_chw ? hwc : chw];
        }
}

/* NHWC is h,w,c order already; one pixel or one channel is the same in both. */
static bool reorders(const struct op_call *call)
{
    const struct shape4 *in = &call->in_shape[0];
    return call->attrs->flatten_chw && in->c > 1 && in->h * in->w > 1;
}

static void flatten_forward(const struct op_call *call)
{
    struct flatten f = {call->in[0], call->out, call->in_shape[0], true, false};
    if (reorders(call))
        team_run(call->team, f.shape.n, flatten_task, &f);
    else
        pass_move_all(call->team, call->out, call->in[0], shape4_count(call->out_shape), false);
}

static void flatten_backward(const struct op_call *call)
{
    if (!call->in_grad[0])
        return;
    struct flatten f = {call->out_grad, call->in_grad[0], call->in_shape[0], false, call->in_grad_add[0]};
    if (reorders(call))
        team_run(call->team, f.shape.n, flatten_task, &f);
    else
        pass_move_all(call->team, call->in_grad[0], call->out_grad, shape4_count(call->out_shape),
                      call->in_grad_add[0]);
}

/* --- subsample --- */

static bool subsample_shape(const struct op_attrs *attrs, int inputs, const struct shape4 *in, struct shape4 *out,
                            struct error *error)
{
    (void)inputs;
    if (attrs->stride_h < 1 || attrs->stride_w < 1 || attrs->pad_before < 0 || attrs->pad_after < 0)
        return error_set(error, ERROR_FAILED, "subsample: stride %dx%d, %d and %d zero channels", attrs->stride_h,
                         attrs->stride_w, attrs->pad_before, attrs->pad_after);
    *out = (struct shape4){in->n, (in->h - 1) / attrs->stride_h + 1, (in->w - 1) / attrs->stride_w + 1,
                           in->c + attrs->pad_before + attrs->pad_after};
    return true;
}

struct subsample {
    const struct op_call *call;
    struct shape4 in, out;
    int parts;
};

static void subsample_task(void *context, int task, int worker)
{
    (void)worker;
    const struct subsample *s = context;
    const struct op_attrs *attrs = s->call->attrs;
    size_t lines = (size_t)s->out.n * (size_t)s->out.h, last = split_at(lines, s->parts, task + 1);
    size_t c = (size_t)s->in.c, width = (size_t)s->out.c;
    for (size_t line = split_at(lines, s->parts, task); line < last; line++) {
        size_t n = line / (size_t)s->out.h, y = line % (size_t)s->out.h * (size_t)attrs->stride_h;
        const float *from = s->call->in[0] + (n * (size_t)s->in.h + y) * (size_t)s->in.w * c;
        float *to = s->call->out + line * (size_t)s->out.w * width;
        memset(to, 0, (size_t)s->out.w * width * sizeof *to);
        for (int x = 0; x < s->out.w; x++, to += width, from += (size_t)attrs->stride_w * c)
            memcpy(to + attrs->pad_before, from, c * sizeof *to);
    }
}

static void subsample_forward(const struct op_call *call)
{
    struct subsample s = {.call = call, .in = call->in_shape[0], .out = call->out_shape};
    size_t grain = PIXEL_GRAIN / ((size_t)s.out.w * (size_t)s.out.c);
    s.parts = split_parts((size_t)s.out.n * (size_t)s.out.h, grain ? grain : 1, 1 << 20);
    team_run(call->team, s.parts, subsample_task, &s);
}

static void subsample_gradient_task(void *context, int n, int worker)
{
    (void)worker;
    const struct subsample *s = context;
    const struct op_attrs *attrs = s->call->attrs;
    size_t c = (size_t)s->in.c, image = (size_t)s->in.h * (size_t)s->in.w * c;
    float *to = s->call->in_grad[0] + (size_t)n * image;
    const float *g = s->call->out_grad + (size_t)n * (size_t)s->out.h * (size_t)s->out.w * (size_t)s->out.c;
    if (!s->call->in_grad_add[0])
        memset(to, 0, image * sizeof *to);
    for (int y = 0; y < s->out.h; y++)
        for (int x = 0; x < s->out.w; x++, g += s->out.c) {
            size_t pixel = (size_t)(y * attrs->stride_h) * (size_t)s->in.w + (size_t)(x * attrs->stride_w);
            pass_move(to + pixel * c, g + attrs->pad_before, c, true);
        }
}

static void subsample_backward(const struct op_call *call)
{
    struct subsample s = {.call = call, .in = call->in_shape[0], .out = call->out_shape};
    if (call->in_grad[0])
        team_run(call->team, s.in.n, subsample_gradient_task, &s);
}

const struct op_def op_add = {
    .name = "add",
    .inputs_min = 2,
    .inputs_max = -1,
    .in_place = true,
    .shape = add_shape,
    .cost = op_cost_plain,
    .forward = add_forward,
    .backward = add_backward,
    .forward_reference = op_add_forward_reference,
    .backward_reference = op_add_backward_reference,
};

const struct op_def op_concat = {
    .name = "concat",
    .inputs_min = 1,
    .inputs_max = -1,
    .shape = concat_shape,
    .cost = op_cost_plain,
    .forward = concat_forward,
    .backward = concat_backward,
    .forward_reference = op_concat_forward_reference,
    .backward_reference = op_concat_backward_reference,
};

const struct op_def op_flatten = {
    .name = "flatten",
    .inputs_min = 1,
    .inputs_max = 1,
    .shape = flatten_shape,
    .cost = op_cost_plain,
    .forward = flatten_forward,
    .backward = flatten_backward,
    .forward_reference = op_flatten_forward_reference,
    .backward_reference = op_flatten_backward_reference,
};

const struct op_def op_subsample = {
    .name = "subsample",
    .inputs_min = 1,
    .inputs_max = 1,
    .shape = subsample_shape,
    .cost = op_cost_plain,
    .forward = subsample_forward,
    .backward = subsample_backward,
    .forward_reference = op_subsample_forward_reference,
    .backward_reference = op_subsample_backward_reference,
};
