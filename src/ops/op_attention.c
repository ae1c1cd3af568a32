/* Attention (Vaswani et al. 2017): scaled dot products with a softmax between, in attrs.heads heads, without parameters.
 *
 * Pixels are the tokens, whatever their rows and columns. A token's 3 c channels are its query, key and value, each of
 * heads x c / heads channels; out has the c channels of the heads' results. So the layers before and behind it are 1x1
 * convolutions, and freezing, names and fusing are theirs. Where attrs.tokens is not 0, the first so many tokens have only
 * queries that are of use and the others only keys and values: a probe that pools an image (Lee et al. 2019).
 *
 * A head of an image is a task: its values are packed for tensor/product, and a block of queries at a time gets its scores,
 * their softmax and its result while they are in the cache; the scores of all tokens are never in memory together. They
 * stand a token's row by row, the block's queries side by side: so a softmax is the same for 16 queries at once, keys are
 * read where they lie, and no sum is across a register. Queries are packed times the scale and log2(e): scores are exponents
 * of 2. Few heads are cut further by their queries, whose sums depend on no other query. saved: of each query the largest
 * score and 1 / the softmax's divisor, from which backward has the same weights again. */
#include "config.h"

#include <math.h>
#include <string.h>

#include "attention_rows.h"
#include "op_rows.h"
#include "split.h"
#include "thaw/tensor/product.h"

enum {
    QUERIES = ATTENTION_QUERIES,
    TASKS_WANTED = 16,
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
    int tokens, heads, width;               /* tokens: that are asked; width: channels of a head */
    int queries, all, asked;                /* tokens that ask, of an image, and the first that is asked */
    size_t channels;                        /* of all heads */
    int chunks, blocks;                     /* blocks of queries; shared out among so many tasks of a head */
    size_t rows, scores, columns, a_worker; /* floats: packed keys or values, a block's scores, its packed queries; of a
                                               worker */
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
    a.rows = product_packed_floats(a.tokens, a.width);
    a.scores = (size_t)a.tokens * QUERIES;
    a.columns = product_packed_floats(a.width, QUERIES);
    a.scale = 1 / sqrtf((float)a.width);
    size_t block = product_packed_floats(QUERIES, a.width);
    a.a_worker = backward ? a.rows + 2 * a.scores + a.columns + block : a.rows + a.scores + a.columns;
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

/* to (tokens, QUERIES) = (tokens, width) with `stride` times (rows, width) turned, whose packed form goes to `packed`. */
static void score(const struct attention *a, const float *of, size_t stride, int rows, const float *from,
                  size_t from_stride, float factor, float *packed, float *to)
{
    attention_pack_queries(rows, a->width, from, from_stride, factor, packed);
    product(a->tokens, attention_lanes(rows), a->width, of, stride, packed, (size_t)a->width * PRODUCT_LANES, false, to,
            QUERIES);
}

/* to (rows, width) = or += scores turned times packed rows (tokens, width). */
static void take(const struct attention *a, int rows, const float *scores, const float *packed, bool add, float *to,
                 size_t stride)
{
    product_transposed(rows, a->width, a->tokens, scores, QUERIES, packed, (size_t)a->tokens * PRODUCT_LANES, add, to,
                       stride);
}

static void forward_task(void *context, int task, int worker)
{
    const struct attention *a = context;
    struct head head = head_of(a, task / a->chunks);
    float *values = a->call->workspace + (size_t)worker * a->a_worker, *scores = values + a->rows,
          *columns = scores + a->scores;
    float most[QUERIES], inverse[QUERIES];
    int chunk = task % a->chunks, last = (int)split_at((size_t)a->blocks, a->chunks, chunk + 1);
    attention_pack_rows(a->tokens, a->width, head.value, head.stride, values);
    for (int block = (int)split_at((size_t)a->blocks, a->chunks, chunk); block < last; block++) {
        size_t first = (size_t)block * QUERIES;
        int rows = block_rows(a, block);
        float *out = a->call->out + head.first + first * a->channels;
        score(a, head.key, head.stride, rows, head.query + first * head.stride, head.stride,
              a->scale * ATTENTION_LOG2_E, columns, scores);
        attention_soften(scores, a->tokens, attention_lanes(rows), most, inverse);
        take(a, rows, scores, values, false, out, a->channels);
        attention_scale_rows(out, a->channels, rows, a->width, inverse);
        for (int r = 0; r < rows && head.saved; r++) {
            head.saved[2 * (first + (size_t)r)] = most[r];
            head.saved[2 * (first + (size_t)r) + 1] = inverse[r];
        }
    }
}

/* to (tokens, width) = or += scores times (rows, width). */
static void give(const struct attention *a, int rows, const float *scores, const float *from, size_t from_stride,
                 float *packed, bool add, float *to, size_t stride)
{
    attention_pack_rows(rows, a->width, from, from_stride, packed);
    product(a->tokens, a->width, rows, scores, QUERIES, packed, (size_t)rows * PRODUCT_LANES, add, to, stride);
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

/* Of a block's queries; beyond the last a sum of none. */
static void take_saved(const float *saved, int rows, float *most, float *inverse)
{
    for (int r = 0; r < QUERIES; r++) {
        most[r] = r < rows ? saved[2 * r] : 0;
        inverse[r] = r < rows ? saved[2 * r + 1] : 0;
    }
}

static void backward_task(void *context, int task, int worker)
{
    const struct attention *a = context;
    const struct op_call *call = a->call;
    struct head head = head_of(a, task);
    bool add = call->in_grad_add[0];
    float *keys = call->workspace + (size_t)worker * a->a_worker, *weights = keys + a->rows;
    float *slopes = weights + a->scores, *columns = slopes + a->scores, *packed = columns + a->columns;
    float *to = call->in_grad[0] + (head.query - call->in[0]), *asked = to + (size_t)a->asked * head.stride;
    float most[QUERIES], inverse[QUERIES];
    attention_pack_rows(a->tokens, a->width, head.key, head.stride, keys);
    if (!add)
        give_nothing(a, to, head.stride);
    for (int block = 0; block < a->blocks; block++) {
        size_t first = (size_t)block * QUERIES;
        int rows = block_rows(a, block), lanes = attention_lanes(rows);
        const float *query = head.query + first * head.stride;
        const float *g = call->out_grad + head.first + first * a->channels;
        take_saved(head.saved + 2 * first, rows, most, inverse);
        score(a, head.key, head.stride, rows, query, head.stride, a->scale * ATTENTION_LOG2_E, columns, weights);
        attention_soften_again(weights, a->tokens, lanes, most, inverse);
        score(a, head.value, head.stride, rows, g, a->channels, 1, columns, slopes);
        attention_give(slopes, weights, a->tokens, lanes, a->scale);
        take(a, rows, slopes, keys, add, to + first * head.stride, head.stride);
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
