/* The optimisers, a row each. The parameters that move are cut into blocks of a fixed size, and each block is one task
 * of the team; what a block computes depends on nothing but its own values, so any team size gives the same bits.
 *
 * p: weights, g: gradient, m and v: moments (slots), all in native layout. Statistics of batch norm are moved by their
 * own forward pass, never here. Called by the trainer; graph->values is written by nothing else while it trains. */
#include "config.h"

#include "thaw/train/optim.h"

#include <math.h>
#include <string.h>

#include "thaw/base/mem.h"
#include "thaw/base/sanitize.h"

enum { BLOCK = 4096 };

/* The scalars of one parameter's update, in the precision torch uses them. */
struct scalars {
    float lr, decay, momentum;
    float shrink, beta1, rest1, beta2, rest2, root2, epsilon; /* adamw */
};

struct row {
    int slots;
    const char *slot_name[OPTIM_SLOTS_MAX];
    void (*update)(float *p, const float *g, float *m, float *v, int n, const struct scalars *s);
};

struct block {
    int param, count;
    size_t start;          /* within the parameter */
    double moved, weights; /* sums of squares of the last measured step */
};

struct optim {
    const struct graph *graph;
    struct optim_settings settings;
    struct team *team;
    float **slot[OPTIM_SLOTS_MAX]; /* [params] */
    uint64_t *updates, *warmup;    /* [params] */
    bool *moves;                   /* [params] */
    struct block *block;
    int blocks;
    uint64_t steps;
    bool measured;

    /* of the step that runs */
    float *const *gradient;
    struct scalars *scalars; /* [params] */
    bool measuring;
};

THAW_UNCHECKED THAW_SIMD static void update_sgd(float *restrict p, const float *restrict g, float *restrict m,
                                                float *restrict v, int n, const struct scalars *s)
{
    (void)v;
    for (int i = 0; i < n; i++) {
        float d = g[i] + s->decay * p[i];
        m[i] = s->momentum * m[i] + d;
        p[i] -= s->lr * m[i];
    }
}

THAW_UNCHECKED THAW_SIMD static void update_nesterov(float *restrict p, const float *restrict g, float *restrict m,
                                                     float *restrict v, int n, const struct scalars *s)
{
    (void)v;
    for (int i = 0; i < n; i++) {
        float d = g[i] + s->decay * p[i];
        m[i] = s->momentum * m[i] + d;
        p[i] -= s->lr * (d + s->momentum * m[i]);
    }
}

THAW_UNCHECKED THAW_SIMD static void update_adamw(float *restrict p, const float *restrict g, float *restrict m,
                                                  float *restrict v, int n, const struct scalars *s)
{
    for (int i = 0; i < n; i++) {
        m[i] = m[i] * s->beta1 + s->rest1 * g[i];
        v[i] = v[i] * s->beta2 + s->rest2 * g[i] * g[i];
        p[i] = p[i] * s->shrink - s->lr * (m[i] / (sqrtf(v[i]) / s->root2 + s->epsilon));
    }
}

static const struct row rows[] = {
    [OPTIMIZER_SGD] = {1, {"momentum"}, update_sgd},
    [OPTIMIZER_NESTEROV] = {1, {"momentum"}, update_nesterov},
    [OPTIMIZER_ADAMW] = {2, {"exp_avg", "exp_avg_sq"}, update_adamw},
};
_Static_assert(THAW_LENGTH(rows) == OPTIMIZERS, "a row for each optimiser");

static const struct row *row_of(const struct optim *optim)
{
    return &rows[optim->settings.kind];
}

struct optim *optim_create(const struct graph *graph, const struct optim_settings *settings, struct team *team)
{
    struct optim *optim = mem_alloc(sizeof *optim);
    size_t params = (size_t)graph->params;
    *optim = (struct optim){.graph = graph, .settings = *settings, .team = team};
    for (int s = 0; s < row_of(optim)->slots; s++)
        optim->slot[s] = mem_array(params, sizeof *optim->slot[s]);
    optim->updates = mem_array(params, sizeof *optim->updates);
    optim->warmup = mem_array(params, sizeof *optim->warmup);
    optim->moves = mem_array(params, sizeof *optim->moves);
    optim->scalars = mem_array(params, sizeof *optim->scalars);
    return optim;
}

static bool has_state(const struct graph *graph, const struct freeze *freeze, int param)
{
    return graph->param[param].role != OP_ROLE_STATISTICS && freeze_param_moves(freeze, graph, param);
}

static size_t moving_floats(const struct graph *graph, const struct freeze *freeze)
{
    size_t floats = 0;
    for (int p = 0; p < graph->params; p++)
        floats += has_state(graph, freeze, p) ? graph->param[p].count : 0;
    return floats;
}

size_t optim_bytes(enum optimizer_kind kind, const struct graph *graph, const struct freeze *freeze)
{
    return (size_t)rows[kind].slots * moving_floats(graph, freeze) * sizeof(float);
}

/* The gradient is read; the parameter and its state are, and are written. */
double optim_floats(enum optimizer_kind kind, const struct graph *graph, const struct freeze *freeze)
{
    return (1 + 2 * (1 + rows[kind].slots)) * (double)moving_floats(graph, freeze);
}

static void drop_state(struct optim *optim, int param)
{
    for (int s = 0; s < row_of(optim)->slots; s++) {
        mem_free_floats(optim->slot[s][param]);
        optim->slot[s][param] = NULL;
    }
    optim->updates[param] = optim->warmup[param] = 0;
    optim->moves[param] = false;
}

void optim_destroy(struct optim *optim)
{
    if (!optim)
        return;
    for (int p = 0; p < optim->graph->params; p++)
        drop_state(optim, p);
    for (int s = 0; s < OPTIM_SLOTS_MAX; s++)
        mem_free(optim->slot[s]);
    mem_free(optim->updates);
    mem_free(optim->warmup);
    mem_free(optim->moves);
    mem_free(optim->scalars);
    mem_free(optim->block);
    mem_free(optim);
}

static void add_blocks(struct optim *optim, int param)
{
    size_t count = optim->graph->param[param].count;
    for (size_t start = 0; start < count; start += BLOCK) {
        size_t left = count - start;
        optim->block = mem_grow(optim->block, (size_t)optim->blocks + 1, sizeof *optim->block);
        optim->block[optim->blocks++] =
            (struct block){.param = param, .start = start, .count = left < BLOCK ? (int)left : BLOCK};
    }
}

void optim_follow(struct optim *optim, const struct freeze *freeze, uint64_t warmup)
{
    optim->blocks = 0;
    optim->measured = false;
    for (int p = 0; p < optim->graph->params; p++) {
        const struct graph_param *param = &optim->graph->param[p];
        if (!has_state(optim->graph, freeze, p)) {
            drop_state(optim, p);
            continue;
        }
        for (int s = 0; s < row_of(optim)->slots && !optim->moves[p]; s++)
            optim->slot[s][p] = mem_floats(param->count);
        if (!optim->moves[p])
            optim->warmup[p] = warmup;
        optim->moves[p] = true;
        add_blocks(optim, p);
    }
}

/* What a parameter's warm-up leaves of the learning rate, in the update that is counted last. */
static double warmed(const struct optim *optim, int param, double lr)
{
    uint64_t updates = optim->updates[param], warmup = optim->warmup[param];
    return updates < warmup ? lr * ((double)updates / (double)warmup) : lr;
}

/* torch computes these in double and applies them to float32 tensors. */
static struct scalars scalars_of(const struct optim *optim, int param, double lr)
{
    const double beta1 = 0.9, beta2 = 0.999;
    bool decays = optim->graph->param[param].role == OP_ROLE_WEIGHT;
    double decay = decays ? optim->settings.weight_decay : 0;
    if (optim->settings.kind != OPTIMIZER_ADAMW)
        return (struct scalars){.lr = (float)lr, .decay = (float)decay, .momentum = (float)optim->settings.momentum};
    double updates = (double)optim->updates[param];
    return (struct scalars){
        .lr = (float)(lr / (1 - pow(beta1, updates))),
        .shrink = (float)(1 - lr * decay),
        .beta1 = (float)beta1,
        .rest1 = (float)(1 - beta1),
        .beta2 = (float)beta2,
        .rest2 = (float)(1 - beta2),
        .root2 = (float)sqrt(1 - pow(beta2, updates)),
        .epsilon = 1e-8f,
    };
}

THAW_UNCHECKED static void measure(struct block *block, const float *before, const float *after)
{
    block->moved = block->weights = 0;
    for (int i = 0; i < block->count; i++) {
        double update = (double)after[i] - before[i];
        block->moved += update * update;
        block->weights += (double)before[i] * before[i];
    }
}

static void run_block(void *context, int task, int worker)
{
    struct optim *optim = context;
    struct block *block = &optim->block[task];
    (void)worker;
    float before[BLOCK];
    float *p = graph_param_values(optim->graph, block->param) + block->start;
    const float *g = optim->gradient[block->param];
    float *state[OPTIM_SLOTS_MAX] = {NULL, NULL};
    if (!g)
        return;
    for (int s = 0; s < row_of(optim)->slots; s++)
        state[s] = optim->slot[s][block->param] + block->start;
    if (optim->measuring)
        memcpy(before, p, (size_t)block->count * sizeof *p);
    check_floats(p, (size_t)block->count);
    check_floats(g + block->start, (size_t)block->count);
    for (int s = 0; s < OPTIM_SLOTS_MAX; s++)
        check_floats(state[s], (size_t)block->count);
    row_of(optim)->update(p, g + block->start, state[0], state[1], block->count, &optim->scalars[block->param]);
    if (optim->measuring)
        measure(block, before, p);
}

void optim_step(struct optim *optim, float *const *gradient, double lr)
{
    optim->gradient = gradient;
    optim->measuring = !optim->measured || optim->steps % OPTIM_MEASURE == 0;
    for (int p = 0; p < optim->graph->params; p++) {
        if (!optim->moves[p] || !gradient[p])
            continue;
        optim->updates[p]++;
        optim->scalars[p] = scalars_of(optim, p, warmed(optim, p, lr));
    }
    team_run(optim->team, optim->blocks, run_block, optim);
    optim->measured = true;
    optim->steps++;
}

int optim_slots(const struct optim *optim)
{
    return row_of(optim)->slots;
}

const char *optim_slot_name(const struct optim *optim, int slot)
{
    return row_of(optim)->slot_name[slot];
}

float *optim_slot(const struct optim *optim, int param, int slot)
{
    return optim->slot[slot][param];
}

uint64_t *optim_updates(struct optim *optim, int param)
{
    return &optim->updates[param];
}

uint64_t *optim_warmup(struct optim *optim, int param)
{
    return &optim->warmup[param];
}

int optim_ratios(const struct optim *optim, float *ratio, int room)
{
    int nodes = optim->graph->nodes < room ? optim->graph->nodes : room;
    for (int node = 0; node < nodes; node++)
        ratio[node] = -1;
    for (int b = 0; b < optim->blocks && optim->measured;) {
        int node = optim->graph->param[optim->block[b].param].node;
        double moved = 0, weights = 0;
        for (; b < optim->blocks && optim->graph->param[optim->block[b].param].node == node; b++) {
            moved += optim->block[b].moved;
            weights += optim->block[b].weights;
        }
        if (node < nodes)
            ratio[node] = weights > 0 ? (float)sqrt(moved / weights) : 0;
    }
    return nodes;
}
