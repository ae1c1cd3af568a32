/* Attention (Vaswani et al. 2017): scaled dot products with a softmax between, in attrs.heads heads, without parameters.
 *
 * Pixels are the tokens, whatever their rows and columns. A token's 3 c channels are its query, key and value, each of
 * heads x c / heads channels; out has the c channels of the heads' results. So the layers before and behind it are 1x1
 * convolutions, and freezing, names and fusing are theirs. Where attrs.tokens is not 0, the first so many tokens have only
 * queries that are of use and the others only keys and values: a probe that pools an image (Lee et al. 2019).
 *
 * A head of an image is a task: keys and values are packed for tensor/product, and a block of queries at a time gets its
 * scores, their softmax and its result while they are in the cache; the scores of all tokens are never in memory together.
 * Few heads are cut further by their queries, whose sums depend on no other query. saved: of each query the largest
 * score and the softmax's divisor, from which backward has the same weights again. */
#include "config.h"

#include <math.h>
#include <string.h>

#include "elementary.h"
#include "op_rows.h"
#include "split.h"
#include "thaw/tensor/product.h"

enum {
    QUERIES = 4 * PRODUCT_ROWS, /* of a block */
    TASKS_WANTED = 16,
    LANES = 16, /* of the sums over a row */
    THIRDS = 3, /* query, key, value */
};

static bool attention_shape(const struct op_attrs *attrs, int inputs, const struct shape4 *in, struct shape4 *out,
                            struct error *error)
{
    (void)inputs;
    if (attrs->heads < 1 || in->c % (THIRDS * attrs->heads) != 0)
        return error_set(error, ERROR_FAILED, "attention: %d channels are not query, key and value of %d heads", in->c,
                         attrs->heads);
    if (op_tokens_of(*in) < 0)
        return error_set(error, ERROR_FAILED, "attention: %dx%d are too many tokens", in->h, in->w);
    if (attrs->tokens < 0 || attrs->tokens >= op_tokens_of(*in))
        return error_set(error, ERROR_FAILED, "attention: %d of %dx%d tokens ask the others", attrs->tokens, in->h,
                         in->w);
    *out = *in;
    if (attrs->tokens)
        out->h = 1, out->w = attrs->tokens;
    out->c = in->c / THIRDS;
    return true;
}

/* All products; a softmax has no multiply-adds. */
static void attention_cost(const struct op_attrs *attrs, const struct shape4 *in, struct shape4 out,
                           struct op_cost *cost)
{
    double queries = (double)out.h * out.w, tokens = (double)in->h * in->w - attrs->tokens;
    op_cost_plain(attrs, in, out, cost);
    cost->macs = 2 * out.n * queries * tokens * out.c;
}

struct attention {
    const struct op_call *call;
    int tokens, heads, width;      /* tokens: that are asked; width: channels of a head */
    int queries, all, asked;       /* tokens that ask, of an image, and the first that is asked */
    size_t channels;               /* of all heads */
    int chunks, blocks;            /* blocks of queries; shared out among so many tasks of a head */
    size_t line;                   /* floats from one query's scores to the next one's */
    size_t keys, values, a_worker; /* floats: packed keys (or values) as columns, packed as rows, all of a worker */
    float scale;
};

static struct attention geometry(const struct op_attrs *attrs, const struct shape4 *in, struct shape4 out,
                                 bool backward)
{
    struct attention a = {.heads = attrs->heads, .width = out.c / attrs->heads};
    int tasks = out.n * a.heads;
    a.queries = out.h * out.w;
    a.all = in->h * in->w;
    a.asked = attrs->tokens;
    a.tokens = a.all - a.asked;
    a.channels = (size_t)out.c;
    a.blocks = (a.queries + QUERIES - 1) / QUERIES;
    a.chunks = backward || tasks >= TASKS_WANTED ? 1 : (TASKS_WANTED + tasks - 1) / tasks;
    a.chunks = a.chunks > a.blocks ? a.blocks : a.chunks;
    a.line = split_line((size_t)a.tokens);
    a.keys = product_packed_floats(a.width, a.tokens);
    a.values = split_line(product_packed_floats(a.tokens, a.width));
    a.scale = 1 / sqrtf((float)a.width);
    size_t scores = QUERIES * a.line, block = product_packed_floats(QUERIES, a.width);
    a.a_worker = backward ? 2 * a.keys + a.values + 2 * scores + block : a.keys + a.values + scores;
    return a;
}

static size_t attention_saved(const struct op_attrs *attrs, const struct shape4 *in, struct shape4 out)
{
    (void)in;
    return 2 * (size_t)out.n * (size_t)attrs->heads * (size_t)out.h * (size_t)out.w;
}

/* Fewer images are fewer tasks, never more floats of one. */
static size_t attention_workspace(const struct op_attrs *attrs, const struct shape4 *in, struct shape4 out, int threads,
                                  bool backward)
{
    return (size_t)threads * geometry(attrs, in, out, backward).a_worker;
}

static inline __attribute__((always_inline)) float add_lanes(float *lane)
{
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            lane[i] += lane[i + half];
    return lane[0];
}

/* Rows of scores to e^((score - largest) * scale), and of each row the largest and 1 / sum. The argument is never above 0,
 * so nothing overflows, and the sum never below 1. */
THAW_SIMD static void soften(float *score, size_t line, int rows, int tokens, float scale, float *saved)
{
    for (int r = 0; r < rows; r++, score += line) {
        float most[LANES], sum[LANES] = {0};
        int k = 0;
        for (int i = 0; i < LANES; i++)
            most[i] = score[0];
        for (; k + LANES <= tokens; k += LANES)
            for (int i = 0; i < LANES; i++)
                most[i] = most[i] > score[k + i] ? most[i] : score[k + i];
        for (; k < tokens; k++)
            most[0] = most[0] > score[k] ? most[0] : score[k];
        for (int i = 1; i < LANES; i++)
            most[0] = most[0] > most[i] ? most[0] : most[i];
        float largest = most[0];
        for (k = 0; k < tokens; k++)
            score[k] = exp_of((score[k] - largest) * scale);
        for (k = 0; k + LANES <= tokens; k += LANES)
            for (int i = 0; i < LANES; i++)
                sum[i] += score[k + i];
        for (int i = 0; k + i < tokens; i++)
            sum[i] += score[k + i];
        saved[2 * r] = largest;
        saved[2 * r + 1] = 1 / add_lanes(sum);
    }
}

/* The same from what was saved, divided. */
THAW_SIMD static void soften_again(float *score, size_t line, int rows, int tokens, float scale, const float *saved)
{
    for (int r = 0; r < rows; r++, score += line) {
        float largest = saved[2 * r], inverse = saved[2 * r + 1];
        for (int k = 0; k < tokens; k++)
            score[k] = exp_of((score[k] - largest) * scale) * inverse;
    }
}

/* The softmax's gradient: g = weight * (g - sum(weight * g)) * scale. */
THAW_SIMD static void give_scores(float *g, const float *weight, size_t line, int rows, int tokens, float scale)
{
    for (int r = 0; r < rows; r++, g += line, weight += line) {
        float sum[LANES] = {0};
        int k = 0;
        for (; k + LANES <= tokens; k += LANES)
            for (int i = 0; i < LANES; i++)
                sum[i] += weight[k + i] * g[k + i];
        for (int i = 0; k + i < tokens; i++)
            sum[i] += weight[k + i] * g[k + i];
        float mean = add_lanes(sum);
        for (k = 0; k < tokens; k++)
            g[k] = weight[k] * (g[k] - mean) * scale;
    }
}

THAW_SIMD static void divide_rows(float *out, size_t stride, int rows, int columns, const float *saved)
{
    for (int r = 0; r < rows; r++, out += stride)
        for (int c = 0; c < columns; c++)
            out[c] *= saved[2 * r + 1];
}

/* What one task works on: a head of an image. */
struct head {
    const float *query, *key, *value; /* of the first token that asks or is asked; `stride` floats to the next */
    size_t stride;
    size_t first; /* channel of out, of the first token */
    float *saved; /* [queries][2], or NULL */
};

static struct head head_of(const struct attention *a, int number)
{
    const struct op_call *call = a->call;
    size_t image = (size_t)(number / a->heads), head = (size_t)(number % a->heads);
    size_t queries = (size_t)a->queries;
    struct head of = {.stride = THIRDS * a->channels};
    of.query = call->in[0] + image * (size_t)a->all * of.stride + head * (size_t)a->width;
    of.key = of.query + (size_t)a->asked * of.stride + a->channels;
    of.value = of.key + a->channels;
    of.first = image * queries * a->channels + head * (size_t)a->width;
    of.saved = call->saved ? call->saved + (size_t)number * queries * 2 : NULL;
    return of;
}

static int block_rows(const struct attention *a, int block)
{
    int rest = a->queries - block * QUERIES;
    return rest < QUERIES ? rest : QUERIES;
}

/* (tokens, width) with `stride`, as the columns of a product's right side, or as its rows. */
static void pack(const struct attention *a, bool columns, const float *from, size_t stride, float *to)
{
    int k = columns ? a->width : a->tokens, n = columns ? a->tokens : a->width;
    product_pack(columns, k, n, from, (int)stride, 0, product_panels(n), to, (size_t)k * PRODUCT_LANES);
}

/* to (rows, tokens) = from (rows, width) * packed columns. */
static void score(const struct attention *a, int rows, const float *from, size_t stride, const float *packed, float *to)
{
    product(rows, a->tokens, a->width, from, stride, packed, (size_t)a->width * PRODUCT_LANES, false, to, a->line);
}

static void forward_task(void *context, int task, int worker)
{
    const struct attention *a = context;
    struct head head = head_of(a, task / a->chunks);
    float *keys = a->call->workspace + (size_t)worker * a->a_worker, *values = keys + a->keys;
    float *scores = values + a->values, own[2 * QUERIES];
    int chunk = task % a->chunks, last = (int)split_at((size_t)a->blocks, a->chunks, chunk + 1);
    pack(a, true, head.key, head.stride, keys);
    pack(a, false, head.value, head.stride, values);
    for (int block = (int)split_at((size_t)a->blocks, a->chunks, chunk); block < last; block++) {
        size_t first = (size_t)block * QUERIES;
        int rows = block_rows(a, block);
        float *saved = head.saved ? head.saved + 2 * first : own,
              *out = a->call->out + head.first + first * a->channels;
        score(a, rows, head.query + first * head.stride, head.stride, keys, scores);
        soften(scores, a->line, rows, a->tokens, a->scale, saved);
        product(rows, a->width, a->tokens, scores, a->line, values, (size_t)a->tokens * PRODUCT_LANES, false, out,
                a->channels);
        divide_rows(out, a->channels, rows, a->width, saved);
    }
}

/* to (tokens, width) = or += weights (rows, tokens) transposed * from (rows, width). */
static void give(const struct attention *a, int rows, const float *weights, const float *from, size_t from_stride,
                 float *packed, bool add, float *to, size_t stride)
{
    product_pack(false, rows, a->width, from, (int)from_stride, 0, product_panels(a->width), packed,
                 (size_t)rows * PRODUCT_LANES);
    product_transposed(a->tokens, a->width, rows, weights, a->line, packed, (size_t)rows * PRODUCT_LANES, add, to,
                       stride);
}

/* Of tokens that are not asked keys and values have no gradient, of those that do not ask queries. */
static void give_nothing(const struct attention *a, float *to, size_t stride)
{
    for (int t = 0; t < a->all && a->asked > 0; t++, to += stride) {
        if (t >= a->asked)
            memset(to, 0, (size_t)a->width * sizeof *to);
        for (size_t third = 1; third < THIRDS && t < a->asked; third++)
            memset(to + third * a->channels, 0, (size_t)a->width * sizeof *to);
    }
}

static void backward_task(void *context, int task, int worker)
{
    const struct attention *a = context;
    const struct op_call *call = a->call;
    struct head head = head_of(a, task);
    bool add = call->in_grad_add[0];
    float *keys = call->workspace + (size_t)worker * a->a_worker, *values = keys + a->keys,
          *key_rows = values + a->keys;
    float *weights = key_rows + a->values, *slopes = weights + QUERIES * a->line, *packed = slopes + QUERIES * a->line;
    float *to = call->in_grad[0] + (head.query - call->in[0]), *asked = to + (size_t)a->asked * head.stride;
    pack(a, true, head.key, head.stride, keys);
    pack(a, true, head.value, head.stride, values);
    pack(a, false, head.key, head.stride, key_rows);
    if (!add)
        give_nothing(a, to, head.stride);
    for (int block = 0; block < a->blocks; block++) {
        size_t first = (size_t)block * QUERIES;
        int rows = block_rows(a, block);
        const float *query = head.query + first * head.stride;
        const float *g = call->out_grad + head.first + first * a->channels;
        score(a, rows, query, head.stride, keys, weights);
        soften_again(weights, a->line, rows, a->tokens, a->scale, head.saved + 2 * first);
        score(a, rows, g, a->channels, values, slopes);
        give_scores(slopes, weights, a->line, rows, a->tokens, a->scale);
        product(rows, a->width, a->tokens, slopes, a->line, key_rows, (size_t)a->tokens * PRODUCT_LANES, add,
                to + first * head.stride, head.stride);
        give(a, rows, slopes, query, head.stride, packed, add || block > 0, asked + a->channels, head.stride);
        give(a, rows, weights, g, a->channels, packed, add || block > 0, asked + 2 * a->channels, head.stride);
    }
}

static void attention_forward(const struct op_call *call)
{
    struct attention a = geometry(call->attrs, call->in_shape, call->out_shape, false);
    a.call = call;
    team_run(call->team, call->out_shape.n * a.heads * a.chunks, forward_task, &a);
}

static void attention_backward(const struct op_call *call)
{
    struct attention a = geometry(call->attrs, call->in_shape, call->out_shape, true);
    a.call = call;
    if (call->in_grad[0])
        team_run(call->team, call->out_shape.n * a.heads, backward_task, &a);
}

const struct op_def op_attention = {
    .name = "attention",
    .inputs_min = 1,
    .inputs_max = 1,
    .needs = OP_NEEDS_IN,
    .shape = attention_shape,
    .cost = attention_cost,
    .saved_floats = attention_saved,
    .workspace_floats = attention_workspace,
    .forward = attention_forward,
    .backward = attention_backward,
    .forward_reference = op_attention_forward_reference,
    .backward_reference = op_attention_backward_reference,
};
