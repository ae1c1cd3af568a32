/* Attention within windows (Liu et al. 2021, Swin): as op_attention.c has it, but a pixel attends to those of its own
 * square of kernel_h x kernel_w pixels alone, and each score has a bias that learns for the distance between the two, one
 * a head: weight ((2 kernel_h - 1)(2 kernel_w - 1), heads). Windows begin at row pad_top and column pad_left (the shift), and
 * those that reach over the edge go on at the other side; there pixels that are no neighbours have 100 taken from their
 * score, as the paper's authors do it.
 *
 * A head of an image is a task: a window's queries, keys and values are gathered and one block of scores is all there is of
 * it. saved: of each query the largest score and 1 / the softmax's divisor. The bias's gradient is summed over an image's
 * windows by its task, over images in their order. */
#include "config.h"

#include <math.h>
#include <string.h>

#include "attention_rows.h"
#include "op_rows.h"
#include "thaw/tensor/product.h"

enum { THIRDS = 3, BIAS = 0, LANES = ATTENTION_QUERIES };
static const float far_apart = 100 * ATTENTION_LOG2_E;

static bool window_shape(const struct op_attrs *attrs, int inputs, const struct shape4 *in, struct shape4 *out,
                         struct error *error)
{
    (void)inputs;
    int h = attrs->kernel_h, w = attrs->kernel_w;
    if (attrs->heads < 1 || in->c % (THIRDS * attrs->heads) != 0)
        return error_set(error, ERROR_FAILED, "window attention: %d channels are not query, key and value of %d heads",
                         in->c, attrs->heads);
    if (h < 1 || w < 1 || h > LANES || w > LANES || h * w > LANES || in->h % h != 0 || in->w % w != 0)
        return error_set(error, ERROR_FAILED, "window attention: %dx%d in windows of %dx%d", in->h, in->w, h, w);
    if (attrs->pad_top < 0 || attrs->pad_left < 0 || attrs->pad_top >= h || attrs->pad_left >= w)
        return error_set(error, ERROR_FAILED, "window attention: windows of %dx%d shifted by %d and %d", h, w,
                         attrs->pad_top, attrs->pad_left);
    *out = *in;
    out->c = in->c / THIRDS;
    return true;
}

static int distances(const struct op_attrs *attrs)
{
    return (2 * attrs->kernel_h - 1) * (2 * attrs->kernel_w - 1);
}

static int window_params(const struct op_attrs *attrs, const struct shape4 *in, struct op_param param[OP_PARAMS_MAX])
{
    enum { TRUNCATED_FAN = 5000 }; /* of which a deviation of sqrt(2 / fan) is 0.02 */
    (void)in;
    param[BIAS] = (struct op_param){.name = "relative_position_bias_table",
                                    .role = OP_ROLE_WEIGHT,
                                    .init = OP_INIT_HE,
                                    .shape = shape_make(2, (int64_t[]){distances(attrs), attrs->heads}),
                                    .fan = TRUNCATED_FAN};
    return 1;
}

static void window_cost(const struct op_attrs *attrs, const struct shape4 *in, struct shape4 out, struct op_cost *cost)
{
    op_cost_plain(attrs, in, out, cost);
    cost->macs = 2.0 * out.n * out.h * out.w * attrs->kernel_h * attrs->kernel_w * out.c;
    cost->param_bytes = (double)distances(attrs) * attrs->heads * sizeof(float);
}

struct windows {
    const struct op_call *call;
    int tokens, heads, width, windows; /* of a window; of an image */
    size_t channels;
    size_t rows, scores, part, a_worker; /* floats: gathered rows, scores, packed ones; of a worker */
    size_t sums;                         /* floats of a task's sums of the bias's gradient */
};

static struct windows geometry(const struct op_attrs *attrs, struct shape4 out, bool backward)
{
    struct windows w = {.tokens = attrs->kernel_h * attrs->kernel_w, .heads = attrs->heads};
    w.width = out.c / attrs->heads;
    w.windows = out.h / attrs->kernel_h * (out.w / attrs->kernel_w);
    w.channels = (size_t)out.c;
    w.rows = product_packed_floats(w.tokens, w.width);
    w.scores = (size_t)w.tokens * LANES;
    w.part = product_packed_floats(w.width, LANES) > w.rows ? product_packed_floats(w.width, LANES) : w.rows;
    w.a_worker = (backward ? 7 : 4) * w.rows + (backward ? 4 : 2) * w.scores + w.part;
    w.sums = backward ? ((size_t)distances(attrs) + LANES - 1) / LANES * LANES : 0;
    return w;
}

static size_t window_saved(const struct op_attrs *attrs, const struct shape4 *in, struct shape4 out)
{
    (void)in;
    return 2 * (size_t)attrs->heads * shape4_count(out) / (size_t)out.c;
}

static size_t window_workspace(const struct op_attrs *attrs, const struct shape4 *in, struct shape4 out, int threads,
                               bool backward)
{
    (void)in;
    struct windows w = geometry(attrs, out, backward);
    return (size_t)threads * w.a_worker + (size_t)out.n * (size_t)w.heads * w.sums;
}

/* A window's pixels, by number in the image, and the part of it that each belongs to where it reaches over an edge. */
struct window {
    size_t pixel[LANES];
    int part[LANES];
    bool cut;
};

/* Where a line of the shifted image is in it, and in which of three stretches: before the last window, in it, wrapped. */
static int line_of(int at, int size, int window, int shift, int *stretch)
{
    *stretch = shift == 0 || at < size - window ? 0 : at < size - shift ? 1 : 2;
    return (at + shift) % size;
}

static void find_window(const struct windows *w, int number, struct window *window)
{
    const struct op_attrs *attrs = w->call->attrs;
    struct shape4 out = w->call->out_shape;
    int across = out.w / attrs->kernel_w, top = number / across * attrs->kernel_h,
        left = number % across * attrs->kernel_w;
    window->cut = false;
    for (int t = 0; t < w->tokens; t++) {
        int down, right;
        int y = line_of(top + t / attrs->kernel_w, out.h, attrs->kernel_h, attrs->pad_top, &down);
        int x = line_of(left + t % attrs->kernel_w, out.w, attrs->kernel_w, attrs->pad_left, &right);
        window->pixel[t] = (size_t)y * (size_t)out.w + (size_t)x;
        window->part[t] = THIRDS * down + right;
        window->cut = window->cut || window->part[t] != window->part[0];
    }
}

/* The row of the table for a query and a key. */
static int distance_of(const struct op_attrs *attrs, int query, int key)
{
    int w = attrs->kernel_w, down = query / w - key / w + attrs->kernel_h - 1, right = query % w - key % w + w - 1;
    return down * (2 * w - 1) + right;
}

/* (tokens, LANES): a head's bias for each key and query, as an exponent of 2. */
static void spread_bias(const struct windows *w, int head, float *bias)
{
    const float *table = w->call->param[BIAS] + head;
    for (int k = 0; k < w->tokens; k++)
        for (int q = 0; q < LANES; q++)
            bias[k * LANES + q] =
                q < w->tokens ? table[distance_of(w->call->attrs, q, k) * w->heads] * ATTENTION_LOG2_E : 0;
}

THAW_SIMD static void add_bias(float *score, const float *bias, size_t count)
{
    for (size_t i = 0; i < count; i++)
        score[i] += bias[i];
}

static void gather(const struct windows *w, const struct window *window, const float *from, size_t stride, float *to)
{
    size_t width = (size_t)w->width;
    for (int t = 0; t < w->tokens; t++)
        memcpy(to + (size_t)t * width, from + window->pixel[t] * stride, width * sizeof *to);
}

/* A worker's room: queries, keys, values of a window as (tokens, width). */
struct room {
    float *query, *key, *value, *out, *scores, *bias, *packed;
    float *key_grad, *query_grad, *value_grad, *slopes, *sums;
};

static struct room room_of(const struct windows *w, int worker)
{
    size_t sums = (size_t)w->call->out_shape.n * (size_t)w->heads * w->sums; /* of all tasks, in front */
    struct room r = {.query = w->call->workspace + sums + (size_t)worker * w->a_worker};
    r.key = r.query + w->rows;
    r.value = r.key + w->rows;
    r.out = r.value + w->rows;
    r.scores = r.out + w->rows;
    r.bias = r.scores + w->scores;
    r.packed = r.bias + w->scores;
    r.slopes = r.packed + w->part; /* from here on of backward alone */
    r.sums = r.slopes + w->scores;
    r.query_grad = r.sums + w->scores;
    r.key_grad = r.query_grad + w->rows;
    r.value_grad = r.key_grad + w->rows;
    return r;
}

/* (tokens, LANES) = a's rows times the turned rows of b. */
static void multiply_rows(const struct windows *w, const float *a, const float *b, float factor, float *packed,
                          float *to)
{
    attention_pack_queries(w->tokens, w->width, b, (size_t)w->width, factor, packed);
    product(w->tokens, attention_lanes(w->tokens), w->width, a, (size_t)w->width, packed,
            (size_t)w->width * PRODUCT_LANES, false, to, LANES);
}

static void find_scores(const struct windows *w, const struct window *window, const struct room *r)
{
    multiply_rows(w, r->key, r->query, ATTENTION_LOG2_E / sqrtf((float)w->width), r->packed, r->scores);
    add_bias(r->scores, r->bias, w->scores);
    for (int k = 0; k < w->tokens && window->cut; k++)
        for (int q = 0; q < w->tokens; q++)
            r->scores[k * LANES + q] -= window->part[k] == window->part[q] ? 0 : far_apart;
}

static const float *in_of(const struct windows *w, int image, int head)
{
    size_t pixels = (size_t)w->call->out_shape.h * (size_t)w->call->out_shape.w;
    return w->call->in[0] + (size_t)image * pixels * THIRDS * w->channels + (size_t)head * (size_t)w->width;
}

static void gather_all(const struct windows *w, const struct window *window, const float *in, const struct room *r)
{
    gather(w, window, in, THIRDS * w->channels, r->query);
    gather(w, window, in + w->channels, THIRDS * w->channels, r->key);
    gather(w, window, in + 2 * w->channels, THIRDS * w->channels, r->value);
}

static float *saved_of(const struct windows *w, int task, int number)
{
    return w->call->saved + 2 * ((size_t)task * (size_t)w->windows + (size_t)number) * (size_t)w->tokens;
}

static void forward_task(void *context, int task, int worker)
{
    const struct windows *w = context;
    struct room r = room_of(w, worker);
    int image = task / w->heads, head = task % w->heads;
    size_t width = (size_t)w->width, pixels = (size_t)w->call->out_shape.h * (size_t)w->call->out_shape.w;
    float most[LANES], inverse[LANES];
    float *out = w->call->out + (size_t)image * pixels * w->channels + (size_t)head * width;
    spread_bias(w, head, r.bias);
    for (int number = 0; number < w->windows; number++) {
        struct window window;
        find_window(w, number, &window);
        gather_all(w, &window, in_of(w, image, head), &r);
        find_scores(w, &window, &r);
        attention_soften(r.scores, w->tokens, attention_lanes(w->tokens), most, inverse);
        attention_pack_rows(w->tokens, w->width, r.value, width, r.packed);
        product_transposed(w->tokens, w->width, w->tokens, r.scores, LANES, r.packed, (size_t)w->tokens * PRODUCT_LANES,
                           false, r.out, width);
        attention_scale_rows(r.out, width, w->tokens, w->width, inverse);
        for (int t = 0; t < w->tokens; t++)
            memcpy(out + window.pixel[t] * w->channels, r.out + (size_t)t * width, width * sizeof *out);
        for (int t = 0; t < w->tokens && w->call->saved; t++) {
            saved_of(w, task, number)[2 * t] = most[t];
            saved_of(w, task, number)[2 * t + 1] = inverse[t];
        }
    }
}

/* A window's gradients by their pixels. */
static void scatter(const struct windows *w, const struct window *window, const float *from, float factor, float *to)
{
    bool add = w->call->in_grad_add[0];
    size_t width = (size_t)w->width;
    for (int t = 0; t < w->tokens; t++, from += width) {
        float *pixel = to + window->pixel[t] * THIRDS * w->channels;
        for (size_t c = 0; c < width; c++)
            pixel[c] = (add ? pixel[c] : 0) + from[c] * factor;
    }
}

/* Weights in r->scores, gradients of scores in r->slopes, from the gradient of what the window gave in r->out. */
static void find_slopes(const struct windows *w, const struct window *window, const float *saved, const struct room *r)
{
    float most[LANES] = {0}, inverse[LANES] = {0};
    int lanes = attention_lanes(w->tokens);
    for (int t = 0; t < w->tokens; t++) {
        most[t] = saved[2 * t];
        inverse[t] = saved[2 * t + 1];
    }
    find_scores(w, window, r);
    attention_soften_again(r->scores, w->tokens, lanes, most, inverse);
    multiply_rows(w, r->value, r->out, 1, r->packed, r->slopes);
    attention_give(r->slopes, r->scores, w->tokens, lanes, 1);
}

static void give_window(const struct windows *w, const struct room *r)
{
    size_t width = (size_t)w->width, panel = (size_t)w->tokens * PRODUCT_LANES;
    attention_pack_rows(w->tokens, w->width, r->key, width, r->packed);
    product_transposed(w->tokens, w->width, w->tokens, r->slopes, LANES, r->packed, panel, false, r->query_grad, width);
    attention_pack_rows(w->tokens, w->width, r->query, width, r->packed);
    product(w->tokens, w->width, w->tokens, r->slopes, LANES, r->packed, panel, false, r->key_grad, width);
    attention_pack_rows(w->tokens, w->width, r->out, width, r->packed);
    product(w->tokens, w->width, w->tokens, r->scores, LANES, r->packed, panel, false, r->value_grad, width);
}

static float *sums_of(const struct windows *w, int task)
{
    return w->call->workspace + (size_t)task * w->sums;
}

/* What a task's windows give the bias, by distance. */
static void fold_bias(const struct windows *w, const float *slopes, float *sums)
{
    memset(sums, 0, w->sums * sizeof *sums);
    for (int k = 0; k < w->tokens; k++)
        for (int q = 0; q < w->tokens; q++)
            sums[distance_of(w->call->attrs, q, k)] += slopes[k * LANES + q];
}

static void backward_task(void *context, int task, int worker)
{
    const struct windows *w = context;
    struct room r = room_of(w, worker);
    int image = task / w->heads, head = task % w->heads;
    size_t pixels = (size_t)w->call->out_shape.h * (size_t)w->call->out_shape.w;
    const float *in = in_of(w, image, head);
    const float *g = w->call->out_grad + (size_t)image * pixels * w->channels + (size_t)head * (size_t)w->width;
    float *to = w->call->in_grad[0] ? w->call->in_grad[0] + (in - w->call->in[0]) : NULL,
          scale = 1 / sqrtf((float)w->width);
    spread_bias(w, head, r.bias);
    memset(r.sums, 0, w->scores * sizeof *r.sums);
    for (int number = 0; number < w->windows; number++) {
        struct window window;
        find_window(w, number, &window);
        gather_all(w, &window, in, &r);
        gather(w, &window, g, w->channels, r.out);
        find_slopes(w, &window, saved_of(w, task, number), &r);
        add_bias(r.sums, r.slopes, w->scores);
        if (!to)
            continue;
        give_window(w, &r);
        scatter(w, &window, r.query_grad, scale, to);
        scatter(w, &window, r.key_grad, scale, to + w->channels);
        scatter(w, &window, r.value_grad, 1, to + 2 * w->channels);
    }
    fold_bias(w, r.sums, sums_of(w, task));
}

static void window_forward(const struct op_call *call)
{
    struct windows w = geometry(call->attrs, call->out_shape, false);
    w.call = call;
    team_run(call->team, call->out_shape.n * w.heads, forward_task, &w);
}

static void window_backward(const struct op_call *call)
{
    struct windows w = geometry(call->attrs, call->out_shape, true);
    w.call = call;
    if (!call->in_grad[0] && !call->param_grad[BIAS])
        return;
    team_run(call->team, call->out_shape.n * w.heads, backward_task, &w);
    for (int i = 0; i < distances(call->attrs) * w.heads && call->param_grad[BIAS]; i++) {
        double sum = 0;
        for (int image = 0; image < call->out_shape.n; image++)
            sum += sums_of(&w, image * w.heads + i % w.heads)[i / w.heads];
        call->param_grad[BIAS][i] = (float)sum;
    }
}

const struct op_def op_window_attention = {
    .name = "window attention",
    .inputs_min = 1,
    .inputs_max = 1,
    .needs = OP_NEEDS_IN,
    .shape = window_shape,
    .params = window_params,
    .cost = window_cost,
    .saved_floats = window_saved,
    .workspace_floats = window_workspace,
    .forward = window_forward,
    .backward = window_backward,
    .forward_reference = op_window_attention_forward_reference,
    .backward_reference = op_window_attention_backward_reference,
};
