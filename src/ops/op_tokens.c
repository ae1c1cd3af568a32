/* What vision transformers add to their patches: tokens that learn (class, registers), in front or behind some of them,
 * and an embedding that learns for each position. Both are rows of parameters, the same for all images; their gradients are
 * sums over images, made in double in the images' order. */
#include "config.h"

#include <string.h>

#include "op_rows.h"
#include "pass.h"
#include "split.h"

enum { WEIGHT, TRUNCATED_FAN = 5000 }; /* of which a deviation of sqrt(2 / fan) is 0.02, as usual for embeddings */

static int rows_params(int rows, int channels, enum op_init init, struct op_param param[OP_PARAMS_MAX])
{
    param[WEIGHT] = (struct op_param){.name = "weight",
                                      .role = OP_ROLE_WEIGHT,
                                      .init = init,
                                      .shape = shape_make(2, (int64_t[]){rows, channels}),
                                      .fan = TRUNCATED_FAN};
    return 1;
}

static void rows_cost(int rows, const struct op_attrs *attrs, const struct shape4 *in, struct shape4 out,
                      struct op_cost *cost)
{
    op_cost_plain(attrs, in, out, cost);
    cost->param_bytes = (double)rows * out.c * sizeof(float);
}

/* An image's floats, of which `begin` to `begin + own` are the parameter's, or meet it. */
struct rows {
    const struct op_call *call;
    size_t in, out, begin, own;
    int parts;
};

THAW_SIMD static void sum_images(float *to, const float *g, size_t image, int images, size_t count)
{
    enum { STRETCH = 256 };
    for (size_t first = 0; first < count; first += STRETCH) {
        double sum[STRETCH] = {0};
        size_t some = count - first < STRETCH ? count - first : STRETCH;
        for (int n = 0; n < images; n++)
            for (size_t i = 0; i < some; i++)
                sum[i] += g[(size_t)n * image + first + i];
        for (size_t i = 0; i < some; i++)
            to[first + i] = (float)sum[i];
    }
}

static void parameter_task(void *context, int task, int worker)
{
    (void)worker;
    const struct rows *rows = context;
    const struct op_call *call = rows->call;
    size_t first = split_at(rows->own, rows->parts, task), count = split_at(rows->own, rows->parts, task + 1) - first;
    sum_images(call->param_grad[WEIGHT] + first, call->out_grad + rows->begin + first, rows->out, call->out_shape.n,
               count);
}

static void give_parameter(struct rows *rows)
{
    const struct op_call *call = rows->call;
    if (!call->param_grad[WEIGHT])
        return;
    rows->parts = split_parts(rows->own * (size_t)call->out_shape.n, SPLIT_FLAT_GRAIN, SPLIT_FLAT_MOST);
    team_run(call->team, rows->parts, parameter_task, rows);
}

/* --- tokens --- */

int op_tokens_of(struct shape4 shape)
{
    enum { MOST = 1 << 24 };
    int64_t count = (int64_t)shape.h * shape.w;
    return count > MOST ? -1 : (int)count;
}

static bool tokens_shape(const struct op_attrs *attrs, int inputs, const struct shape4 *in, struct shape4 *out,
                         struct error *error)
{
    (void)inputs;
    int own = op_tokens_of(*in);
    if (attrs->tokens < 1 || attrs->begin < 0 || attrs->begin > own)
        return error_set(error, ERROR_FAILED, "tokens: %d before number %d of %dx%d", attrs->tokens, attrs->begin,
                         in->h, in->w);
    *out = (struct shape4){in->n, 1, own + attrs->tokens, in->c};
    return true;
}

static int tokens_params(const struct op_attrs *attrs, const struct shape4 *in, struct op_param param[OP_PARAMS_MAX])
{
    return rows_params(attrs->tokens, in->c, OP_INIT_HE, param);
}

static void tokens_cost(const struct op_attrs *attrs, const struct shape4 *in, struct shape4 out, struct op_cost *cost)
{
    rows_cost(attrs->tokens, attrs, in, out, cost);
}

static struct rows tokens_geometry(const struct op_call *call)
{
    size_t c = (size_t)call->out_shape.c;
    struct rows rows = {.call = call, .out = (size_t)call->out_shape.w * c};
    rows.begin = (size_t)call->attrs->begin * c;
    rows.own = (size_t)call->attrs->tokens * c;
    rows.in = rows.out - rows.own;
    return rows;
}

static void tokens_task(void *context, int image, int worker)
{
    (void)worker;
    const struct rows *rows = context;
    const float *in = rows->call->in[0] + (size_t)image * rows->in;
    float *out = rows->call->out + (size_t)image * rows->out;
    memcpy(out, in, rows->begin * sizeof *out);
    memcpy(out + rows->begin, rows->call->param[WEIGHT], rows->own * sizeof *out);
    memcpy(out + rows->begin + rows->own, in + rows->begin, (rows->in - rows->begin) * sizeof *out);
}

static void tokens_gradient_task(void *context, int image, int worker)
{
    (void)worker;
    const struct rows *rows = context;
    bool add = rows->call->in_grad_add[0];
    const float *g = rows->call->out_grad + (size_t)image * rows->out;
    float *to = rows->call->in_grad[0] + (size_t)image * rows->in;
    pass_move(to, g, rows->begin, add);
    pass_move(to + rows->begin, g + rows->begin + rows->own, rows->in - rows->begin, add);
}

static void tokens_forward(const struct op_call *call)
{
    struct rows rows = tokens_geometry(call);
    team_run(call->team, call->out_shape.n, tokens_task, &rows);
}

static void tokens_backward(const struct op_call *call)
{
    struct rows rows = tokens_geometry(call);
    give_parameter(&rows);
    if (call->in_grad[0])
        team_run(call->team, call->out_shape.n, tokens_gradient_task, &rows);
}

const struct op_def op_tokens = {
    .name = "tokens",
    .inputs_min = 1,
    .inputs_max = 1,
    .shape = tokens_shape,
    .params = tokens_params,
    .cost = tokens_cost,
    .forward = tokens_forward,
    .backward = tokens_backward,
    .forward_reference = op_tokens_forward_reference,
    .backward_reference = op_tokens_backward_reference,
};

/* --- position --- */

static bool position_shape(const struct op_attrs *attrs, int inputs, const struct shape4 *in, struct shape4 *out,
                           struct error *error)
{
    (void)inputs;
    if (attrs->tokens < 0 || attrs->grid_h < 1 || attrs->grid_w < 1 ||
        attrs->tokens + (int64_t)attrs->grid_h * attrs->grid_w != op_tokens_of(*in))
        return error_set(error, ERROR_FAILED, "position: %dx%d tokens are not %d and a grid of %dx%d", in->h, in->w,
                         attrs->tokens, attrs->grid_h, attrs->grid_w);
    *out = *in;
    return true;
}

static int position_params(const struct op_attrs *attrs, const struct shape4 *in, struct op_param param[OP_PARAMS_MAX])
{
    (void)attrs;
    return rows_params(in->h * in->w, in->c, OP_INIT_HE, param);
}

static void position_cost(const struct op_attrs *attrs, const struct shape4 *in, struct shape4 out,
                          struct op_cost *cost)
{
    rows_cost(out.h * out.w, attrs, in, out, cost);
}

static struct rows position_geometry(const struct op_call *call)
{
    size_t image = shape4_count(call->out_shape) / (size_t)call->out_shape.n;
    struct rows rows = {.call = call, .in = image, .out = image, .own = image};
    rows.parts = split_parts(image, SPLIT_FLAT_GRAIN, SPLIT_FLAT_MOST);
    return rows;
}

THAW_SIMD static void add_rows(float *out, const float *in, const float *weight, size_t count)
{
    for (size_t i = 0; i < count; i++)
        out[i] = in[i] + weight[i];
}

static void position_task(void *context, int task, int worker)
{
    (void)worker;
    const struct rows *rows = context;
    int part = task % rows->parts;
    size_t first = split_at(rows->own, rows->parts, part), count = split_at(rows->own, rows->parts, part + 1) - first;
    size_t at = (size_t)(task / rows->parts) * rows->out + first;
    add_rows(rows->call->out + at, rows->call->in[0] + at, rows->call->param[WEIGHT] + first, count);
}

static void position_forward(const struct op_call *call)
{
    struct rows rows = position_geometry(call);
    team_run(call->team, rows.parts * call->out_shape.n, position_task, &rows);
}

/* The parameter first: in place, the input's gradient is where it reads. */
static void position_backward(const struct op_call *call)
{
    struct rows rows = position_geometry(call);
    give_parameter(&rows);
    if (call->in_grad[0] && (call->in_grad_add[0] || call->in_grad[0] != call->out_grad))
        pass_move_all(call->team, call->in_grad[0], call->out_grad, shape4_count(call->out_shape),
                      call->in_grad_add[0]);
}

const struct op_def op_position = {
    .name = "position",
    .inputs_min = 1,
    .inputs_max = 1,
    .in_place = true,
    .shape = position_shape,
    .params = position_params,
    .cost = position_cost,
    .forward = position_forward,
    .backward = position_backward,
    .forward_reference = op_position_forward_reference,
    .backward_reference = op_position_backward_reference,
};
