/* Dropout (Srivastava et al. 2014), inverted: kept values are scaled by 1 / (1 - rate), so that inference does nothing.
 * The mask is a pure function of (seed, step, salt, element), so backward draws it again and nothing is stored. saved
 * holds one float: whether the forward was active. */
#include "config.h"

#include "op_rows.h"
#include "pass.h"
#include "split.h"
#include "thaw/base/rng.h"

static bool dropout_shape(const struct op_attrs *attrs, int inputs, const struct shape4 *in, struct shape4 *out,
                          struct error *error)
{
    (void)inputs;
    if (!(attrs->rate >= 0 && attrs->rate < 1))
        return error_set(error, ERROR_FAILED, "dropout: rate %g; it must be at least 0 and below 1", attrs->rate);
    *out = in[0];
    return true;
}

static size_t dropout_saved(const struct op_attrs *attrs, const struct shape4 *in, struct shape4 out)
{
    (void)attrs, (void)in, (void)out;
    return 1;
}

struct dropout {
    const struct op_call *call;
    const float *from;
    float *to;
    bool add;
    size_t count;
    int parts;
    uint64_t seed;
};

static float factor(const struct dropout *d, size_t element)
{
    float rate = d->call->attrs->rate;
    return rng_uniform_at(d->seed, RNG_DROPOUT, element) < (double)rate ? 0 : 1 / (1 - rate);
}

static void task(void *context, int number, int worker)
{
    (void)worker;
    const struct dropout *d = context;
    size_t last = split_at(d->count, d->parts, number + 1);
    for (size_t i = split_at(d->count, d->parts, number); i < last; i++)
        d->to[i] = (d->add ? d->to[i] : 0) + d->from[i] * factor(d, i);
}

static struct dropout geometry(const struct op_call *call, const float *from, float *to, bool add)
{
    struct dropout d = {.call = call, .from = from, .to = to, .add = add, .count = shape4_count(call->out_shape)};
    d.parts = split_parts(d.count, SPLIT_FLAT_GRAIN, SPLIT_FLAT_MOST);
    d.seed = rng_at(call->seed, call->step, call->salt);
    return d;
}

static void dropout_forward(const struct op_call *call)
{
    if (call->saved)
        call->saved[0] = call->drop ? 1 : 0;
    struct dropout d = geometry(call, call->in[0], call->out, false);
    if (call->drop)
        team_run(call->team, d.parts, task, &d);
    else if (call->out != call->in[0])
        pass_move_all(call->team, call->out, call->in[0], d.count, false);
}

static void dropout_backward(const struct op_call *call)
{
    if (!call->in_grad[0])
        return;
    struct dropout d = geometry(call, call->out_grad, call->in_grad[0], call->in_grad_add[0]);
    if (call->saved[0] != 0)
        team_run(call->team, d.parts, task, &d);
    else if (call->in_grad[0] != call->out_grad)
        pass_move_all(call->team, call->in_grad[0], call->out_grad, d.count, call->in_grad_add[0]);
}

static void forward_reference(const struct op_call *call)
{
    struct dropout d = geometry(call, call->in[0], call->out, false);
    if (call->saved)
        call->saved[0] = call->drop ? 1 : 0;
    for (size_t i = 0; i < d.count; i++)
        call->out[i] = call->in[0][i] * (call->drop ? factor(&d, i) : 1);
}

static void backward_reference(const struct op_call *call)
{
    if (!call->in_grad[0])
        return;
    struct dropout d = geometry(call, call->out_grad, call->in_grad[0], call->in_grad_add[0]);
    for (size_t i = 0; i < d.count; i++)
        call->in_grad[0][i] =
            (d.add ? call->in_grad[0][i] : 0) + call->out_grad[i] * (call->saved[0] != 0 ? factor(&d, i) : 1);
}

const struct op_def op_dropout = {
    .name = "dropout",
    .inputs_min = 1,
    .inputs_max = 1,
    .in_place = true,
    .shape = dropout_shape,
    .cost = op_cost_plain,
    .saved_floats = dropout_saved,
    .forward = dropout_forward,
    .backward = dropout_backward,
    .forward_reference = forward_reference,
    .backward_reference = backward_reference,
};
