/* Pooling: maximum, average over a window, average over the whole image. Vectorised over channels; tasks are output rows
 * forward and whole images backward, so that no two write the same pixel.
 *
 * The maximum keeps, for its backward, where in its window it was found: a byte an output value, in `saved`, or an int32
 * where a window has more places than a byte counts. */
#include "config.h"

#include <string.h>

#include "op_rows.h"
#include "pool.h"
#include "split.h"

enum { ROW_GRAIN = 8192 };

static bool pool_shape(const char *name, const struct op_attrs *attrs, const struct shape4 *in, struct shape4 *out,
                       struct error *error)
{
    *out = (struct shape4){.n = in->n, .c = in->c};
    if (attrs->dilation_h != 1 || attrs->dilation_w != 1)
        return error_set(error, ERROR_FAILED, "%s: a dilation of %dx%d; pools take none", name, attrs->dilation_h,
                         attrs->dilation_w);
    if (!window_shape(name, attrs, *in, out, error))
        return false;
    if (attrs->pad_top >= attrs->kernel_h || attrs->pad_left >= attrs->kernel_w ||
        attrs->pad_bottom >= attrs->kernel_h || attrs->pad_right >= attrs->kernel_w)
        return error_set(error, ERROR_FAILED, "%s: padding as wide as the %dx%d window; a window would see nothing",
                         name, attrs->kernel_h, attrs->kernel_w);
    return true;
}

static bool max_shape(const struct op_attrs *attrs, int inputs, const struct shape4 *in, struct shape4 *out,
                      struct error *error)
{
    (void)inputs;
    return pool_shape("max pool", attrs, in, out, error);
}

static bool average_shape(const struct op_attrs *attrs, int inputs, const struct shape4 *in, struct shape4 *out,
                          struct error *error)
{
    (void)inputs;
    return pool_shape("average pool", attrs, in, out, error);
}

static bool global_shape(const struct op_attrs *attrs, int inputs, const struct shape4 *in, struct shape4 *out,
                         struct error *error)
{
    (void)attrs, (void)inputs, (void)error;
    *out = (struct shape4){in->n, 1, 1, in->c};
    return true;
}

static size_t max_saved(const struct op_attrs *attrs, const struct shape4 *in, struct shape4 out)
{
    (void)in;
    size_t count = shape4_count(out);
    return pool_places_are_bytes(attrs) ? (count + sizeof(float) - 1) / sizeof(float) : count;
}

#define INLINE static inline __attribute__((always_inline))

struct pool {
    const struct op_call *call;
    struct shape4 in, out;
    int parts;
};

static struct pool geometry(const struct op_call *call)
{
    return (struct pool){.call = call, .in = call->in_shape[0], .out = call->out_shape};
}

THAW_SIMD static void add_scaled(float *to, const float *x, float scale, int c)
{
    for (int k = 0; k < c; k++)
        to[k] += x[k] * scale;
}

enum { LANES = 64 }; /* channels taken together, in registers */

/* The window's first pixel is the first candidate. place NULL: not wanted. */
INLINE void max_lanes(const float *image, struct shape4 in, struct pool_window w, float *to, int32_t *place,
                      const int lanes)
{
    float best[LANES];
    int32_t found[LANES] = {0}, number = 0;
    const float *from = image + (size_t)(w.y0 * in.w + w.x0) * (size_t)in.c;
    memcpy(best, from, (size_t)lanes * sizeof *best);
    for (int y = w.y0; y < w.y1; y++, from += (size_t)in.w * (size_t)in.c) {
        const float *x = from;
        for (int column = w.x0; column < w.x1; column++, x += in.c, number++)
            for (int k = 0; k < lanes; k++) {
                bool larger = x[k] > best[k] || x[k] != x[k]; /* a NaN must show, not vanish */
                best[k] = larger ? x[k] : best[k];
                found[k] = larger ? number : found[k];
            }
    }
    memcpy(to, best, (size_t)lanes * sizeof *best);
    if (place)
        memcpy(place, found, (size_t)lanes * sizeof *found);
}

/* One output pixel's maximum; `value` is the number of its first channel's. */
THAW_SIMD static void max_pixel(const struct op_call *call, const float *image, struct pool_window w, size_t value)
{
    struct shape4 in = call->in_shape[0];
    int32_t found[LANES];
    for (int k = 0; k < in.c; k += LANES, value += LANES) {
        int lanes = in.c - k < LANES ? in.c - k : LANES;
        float *to = call->out + value;
        if (!call->saved)
            max_lanes(image + k, in, w, to, NULL, lanes);
        else if (lanes == LANES)
            max_lanes(image + k, in, w, to, found, LANES);
        else
            max_lanes(image + k, in, w, to, found, lanes);
        for (int i = 0; call->saved && i < lanes; i++)
            pool_set_place(call->attrs, call->saved, value + (size_t)i, found[i]);
    }
}

/* Each line of the window has a sum of its own: one sum over all of a large image would round away what is small. */
INLINE void average_lanes(const float *image, struct shape4 in, struct pool_window w, float *to, const int lanes)
{
    float total[LANES] = {0};
    const float scale = 1 / (float)w.divisor;
    for (int y = w.y0; y < w.y1; y++) {
        float line[LANES] = {0};
        const float *from = image + (size_t)(y * in.w + w.x0) * (size_t)in.c;
        for (int x = w.x0; x < w.x1; x++, from += in.c)
            for (int k = 0; k < lanes; k++)
                line[k] += from[k];
        for (int k = 0; k < lanes; k++)
            total[k] += line[k];
    }
    for (int k = 0; k < lanes; k++)
        to[k] = total[k] * scale;
}

THAW_SIMD static void average_pixel(const float *image, struct shape4 in, struct pool_window w, float *to)
{
    int k = 0;
    for (; k + LANES <= in.c; k += LANES)
        average_lanes(image + k, in, w, to + k, LANES);
    if (k < in.c)
        average_lanes(image + k, in, w, to + k, in.c - k);
}

static void rows(const struct pool *pool, int task, bool maximum)
{
    const struct op_call *call = pool->call;
    struct shape4 in = pool->in, out = pool->out;
    size_t lines = (size_t)out.n * (size_t)out.h, image = (size_t)in.h * (size_t)in.w * (size_t)in.c;
    size_t last = split_at(lines, pool->parts, task + 1);
    for (size_t line = split_at(lines, pool->parts, task); line < last; line++)
        for (int ox = 0; ox < out.w; ox++) {
            struct pool_window w = pool_window(call->attrs, in, (int)(line % (size_t)out.h), ox);
            size_t at = (line * (size_t)out.w + (size_t)ox) * (size_t)out.c;
            const float *from = call->in[0] + line / (size_t)out.h * image;
            if (maximum)
                max_pixel(call, from, w, at);
            else
                average_pixel(from, in, w, call->out + at);
        }
}

static void max_task(void *context, int task, int worker)
{
    (void)worker;
    rows(context, task, true);
}

static void average_task(void *context, int task, int worker)
{
    (void)worker;
    rows(context, task, false);
}

static void run_rows(const struct op_call *call, team_task task)
{
    struct pool pool = geometry(call);
    size_t grain = ROW_GRAIN / ((size_t)pool.out.w * (size_t)pool.out.c);
    pool.parts = split_parts((size_t)pool.out.n * (size_t)pool.out.h, grain ? grain : 1, 1 << 20);
    team_run(call->team, pool.parts, task, &pool);
}

static void max_forward(const struct op_call *call)
{
    run_rows(call, max_task);
}

static void average_forward(const struct op_call *call)
{
    run_rows(call, average_task);
}

static float *start_image(const struct pool *pool, int n)
{
    size_t image = (size_t)pool->in.h * (size_t)pool->in.w * (size_t)pool->in.c;
    float *to = pool->call->in_grad[0] + (size_t)n * image;
    if (!pool->call->in_grad_add[0])
        memset(to, 0, image * sizeof *to);
    return to;
}

static void max_gradient_pixel(const struct op_call *call, float *image, struct pool_window w, size_t value)
{
    struct shape4 in = call->in_shape[0];
    size_t offset[POOL_BYTE_PLACES], c = (size_t)in.c;
    bool bytes = pool_places_are_bytes(call->attrs);
    for (int i = 0; bytes && i < (w.y1 - w.y0) * (w.x1 - w.x0); i++)
        offset[i] = (size_t)pool_place_pixel(in, w, i) * c;
    for (size_t k = 0; k < c; k++) {
        int place = pool_place(call->attrs, call->saved, value + k);
        image[(bytes ? offset[place] : (size_t)pool_place_pixel(in, w, place) * c) + k] += call->out_grad[value + k];
    }
}

static void max_gradient_task(void *context, int n, int worker)
{
    (void)worker;
    const struct pool *pool = context;
    struct shape4 out = pool->out;
    float *to = start_image(pool, n);
    size_t value = (size_t)n * (size_t)out.h * (size_t)out.w * (size_t)out.c;
    for (int oy = 0; oy < out.h; oy++)
        for (int ox = 0; ox < out.w; ox++, value += (size_t)out.c)
            max_gradient_pixel(pool->call, to, pool_window(pool->call->attrs, pool->in, oy, ox), value);
}

static void average_gradient_task(void *context, int n, int worker)
{
    (void)worker;
    const struct pool *pool = context;
    struct shape4 in = pool->in, out = pool->out;
    float *to = start_image(pool, n);
    const float *g = pool->call->out_grad + (size_t)n * (size_t)out.h * (size_t)out.w * (size_t)out.c;
    for (int oy = 0; oy < out.h; oy++)
        for (int ox = 0; ox < out.w; ox++, g += out.c) {
            struct pool_window w = pool_window(pool->call->attrs, in, oy, ox);
            for (int y = w.y0; y < w.y1; y++)
                for (int x = w.x0; x < w.x1; x++)
                    add_scaled(to + (size_t)(y * in.w + x) * (size_t)in.c, g, 1 / (float)w.divisor, in.c);
        }
}

static void max_backward(const struct op_call *call)
{
    struct pool pool = geometry(call);
    if (call->in_grad[0])
        team_run(call->team, pool.in.n, max_gradient_task, &pool);
}

static void average_backward(const struct op_call *call)
{
    struct pool pool = geometry(call);
    if (call->in_grad[0])
        team_run(call->team, pool.in.n, average_gradient_task, &pool);
}

/* --- global average --- */

static void global_task(void *context, int n, int worker)
{
    (void)worker;
    const struct pool *pool = context;
    struct pool_window w = {0, 0, pool->in.h, pool->in.w, pool->in.h * pool->in.w};
    size_t image = (size_t)w.divisor * (size_t)pool->in.c;
    average_pixel(pool->call->in[0] + (size_t)n * image, pool->in, w, pool->call->out + (size_t)n * (size_t)pool->in.c);
}

static void global_gradient_task(void *context, int n, int worker)
{
    (void)worker;
    const struct pool *pool = context;
    float *to = start_image(pool, n);
    int pixels = pool->in.h * pool->in.w, c = pool->in.c;
    for (int p = 0; p < pixels; p++, to += c)
        add_scaled(to, pool->call->out_grad + (size_t)n * (size_t)c, 1 / (float)pixels, c);
}

static void global_forward(const struct op_call *call)
{
    struct pool pool = geometry(call);
    team_run(call->team, pool.in.n, global_task, &pool);
}

static void global_backward(const struct op_call *call)
{
    struct pool pool = geometry(call);
    if (call->in_grad[0])
        team_run(call->team, pool.in.n, global_gradient_task, &pool);
}

const struct op_def op_max_pool = {
    .name = "max pool",
    .inputs_min = 1,
    .inputs_max = 1,
    .shape = max_shape,
    .cost = op_cost_plain,
    .saved_floats = max_saved,
    .forward = max_forward,
    .backward = max_backward,
    .forward_reference = op_max_pool_forward_reference,
    .backward_reference = op_max_pool_backward_reference,
};

const struct op_def op_avg_pool = {
    .name = "average pool",
    .inputs_min = 1,
    .inputs_max = 1,
    .shape = average_shape,
    .cost = op_cost_plain,
    .forward = average_forward,
    .backward = average_backward,
    .forward_reference = op_avg_pool_forward_reference,
    .backward_reference = op_avg_pool_backward_reference,
};

const struct op_def op_global_avg_pool = {
    .name = "global average pool",
    .inputs_min = 1,
    .inputs_max = 1,
    .shape = global_shape,
    .cost = op_cost_plain,
    .forward = global_forward,
    .backward = global_backward,
    .forward_reference = op_global_avg_pool_forward_reference,
    .backward_reference = op_global_avg_pool_backward_reference,
};
