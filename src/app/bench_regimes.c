/* Whole networks at work: nothing learns, the head does, the last stage too, or everything; and the same where what the
 * frozen half gives was kept. A step that learns is forward pass, loss, backward pass and update, as the trainer runs
 * them. The update has a learning rate of zero: it costs the same, and the weights stay what they were. */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "bench.h"
#include "thaw/base/mem.h"
#include "thaw/compile/exec.h"
#include "thaw/ops/loss.h"
#include "thaw/train/optim.h"

static const char *const regime_names[BENCH_REGIMES] = {"forward", "head",         "head-cached",
                                                        "block",   "block-cached", "full"};
static const bool cached[BENCH_REGIMES] = {[BENCH_HEAD_CACHED] = true, [BENCH_BLOCK_CACHED] = true};

const char *bench_regime_name(enum bench_regime regime)
{
    return regime_names[regime];
}

/* --- what is frozen --- */

/* Everything up to the stage before the one in front of the class layer's. */
static bool freeze_before_block(struct freeze *freeze, const struct graph *graph, struct error *error)
{
    int layer = graph_class_layer(graph), stage = layer < 0 ? 0 : graph->node[layer].stage;
    if (stage < 2)
        return error_set(error, ERROR_USAGE,
                         "%s has no stage of its own before its head and behind its first: the "
                         "block regimes do not fit it",
                         graph->arch);
    return freeze_upto(freeze, graph, graph->stage[stage - 2].name, error);
}

static struct freeze *regime_freeze(enum bench_regime regime, const struct graph *graph, struct error *error)
{
    struct freeze *freeze = freeze_create(graph);
    bool good = true;
    if (regime == BENCH_HEAD || regime == BENCH_HEAD_CACHED) {
        good = freeze_upto(freeze, graph, "trunk", error);
        if (good)
            freeze_statistics(freeze, graph, true);
    } else if (regime == BENCH_BLOCK || regime == BENCH_BLOCK_CACHED) {
        good = freeze_before_block(freeze, graph, error);
    }
    if (good)
        return freeze;
    freeze_destroy(freeze);
    return NULL;
}

/* Multiply-adds of a step for one image: forward, and behind the frontier one product for each gradient that is
 * computed, of the weights and of the input. */
static double step_macs(enum bench_regime regime, const struct graph *graph, const struct freeze *freeze)
{
    double macs = 0;
    int frontier = regime == BENCH_FORWARD ? graph->nodes : freeze_frontier(freeze, graph);
    for (int n = 0; n < graph->nodes; n++) {
        const struct graph_node *node = &graph->node[n];
        bool thawed = n >= frontier;
        bool learns = thawed && node->params && freeze_param_moves(freeze, graph, node->first_param);
        bool passes = thawed && node->inputs && node->input[0] >= frontier;
        bool runs = thawed || !cached[regime];
        macs += graph_node_cost(graph, n, 1).macs * (runs + learns + passes);
    }
    return macs;
}

/* --- a step --- */

/* Kept values of the frozen half: several batches, so that they come from memory and not from a cache. */
enum { KEPT_BATCHES = 8 };

struct step {
    struct plan *plan;
    struct optim *optim;
    float **weight_gradient; /* [params] */
    float *input, *logits_gradient;
    int *label;
    float *kept; /* [KEPT_BATCHES] of kept_floats, or NULL: the frozen half runs in each step */
    size_t kept_floats;
    int batch, classes;
    bool learn;
};

static size_t crossing_floats(const struct plan *plan, int crossing)
{
    return shape4_count(plan_crossing_shape(plan, crossing));
}

/* What lies at the crossings, to the kept batch `number`, or from there. */
static void copy_crossings(const struct step *step, size_t number, bool keep)
{
    float *at = step->kept + number % KEPT_BATCHES * step->kept_floats;
    for (int i = 0; i < plan_crossings(step->plan); i++) {
        size_t floats = crossing_floats(step->plan, i);
        float *values = plan_crossing_values(step->plan, i);
        memcpy(keep ? at : values, keep ? values : at, floats * sizeof *at);
        at += floats;
    }
}

static void run_step(void *context, uint64_t number)
{
    static const struct loss_options options = {0};
    const struct step *step = context;
    if (step->kept)
        copy_crossings(step, (size_t)number, false);
    else
        exec_frozen(step->plan, step->input, step->batch);
    const float *logits = exec_thawed(step->plan, step->input, step->batch, step->learn, 1, number);
    if (!step->learn)
        return;
    (void)loss_cross_entropy(logits, step->label, step->batch, step->classes, &options, NULL, step->logits_gradient,
                             NULL);
    exec_backward(step->plan, step->logits_gradient, step->batch);
    optim_step(step->optim, step->weight_gradient, 0);
}

static void keep_features(struct step *step)
{
    for (int i = 0; i < plan_crossings(step->plan); i++)
        step->kept_floats += crossing_floats(step->plan, i);
    step->kept = mem_floats(KEPT_BATCHES * step->kept_floats);
    exec_frozen(step->plan, step->input, step->batch);
    for (size_t i = 0; i < KEPT_BATCHES; i++)
        copy_crossings(step, i, true);
}

static bool step_init(struct step *step, enum bench_regime regime, struct graph *graph, const struct freeze *freeze,
                      const struct bench_settings *settings, struct team *team, struct error *error)
{
    static const struct optim_settings sgd = {.kind = OPTIMIZER_SGD, .momentum = 0.9};
    *step = (struct step){.batch = settings->batch, .classes = graph->classes, .learn = regime != BENCH_FORWARD};
    kernel_table_measure(settings->kernels, graph, step->learn ? freeze : NULL, team);
    struct plan_options options = {.batch = settings->batch,
                                   .training = step->learn,
                                   .kernels = settings->kernels,
                                   .fold = true,
                                   .budget = (size_t)settings->memory << 20,
                                   .team = team};
    step->plan = plan_create(graph, freeze, &options, error);
    if (!step->plan)
        return false;
    size_t inputs = shape4_count(graph->node[0].shape) * (size_t)step->batch;
    step->input = mem_floats(inputs);
    bench_fill(step->input, inputs, 3);
    step->logits_gradient = mem_floats((size_t)step->batch * (size_t)step->classes);
    step->label = mem_array((size_t)step->batch, sizeof *step->label);
    for (int i = 0; i < step->batch; i++)
        step->label[i] = i % step->classes;
    step->optim = optim_create(graph, &sgd, team);
    if (step->learn)
        optim_follow(step->optim, freeze, 0);
    step->weight_gradient = mem_array((size_t)graph->params, sizeof *step->weight_gradient);
    for (int i = 0; step->learn && i < graph->params; i++)
        step->weight_gradient[i] = plan_gradient(step->plan, i);
    if (cached[regime])
        keep_features(step);
    return true;
}

static void step_finish(struct step *step)
{
    optim_destroy(step->optim);
    plan_destroy(step->plan);
    mem_free_floats(step->input);
    mem_free_floats(step->logits_gradient);
    mem_free_floats(step->kept);
    mem_free(step->label);
    mem_free(step->weight_gradient);
}

/* --- memory --- */

/* Makes the process's peak what it holds now; where the system cannot, the peak is that of the whole process. */
static void forget_peak(void)
{
    FILE *file = fopen("/proc/self/clear_refs", "w");
    if (!file)
        return;
    fputs("5", file);
    fclose(file);
}

static size_t peak_bytes(void)
{
    char line[256];
    unsigned long kib = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file) && sscanf(line, "VmHWM: %lu", &kib) != 1)
        ;
    if (file)
        fclose(file);
    struct rusage usage;
    if (!kib && getrusage(RUSAGE_SELF, &usage) == 0)
        kib = (unsigned long)usage.ru_maxrss;
    return (size_t)kib * 1024;
}

bool bench_regime_measure(enum bench_regime regime, struct graph *graph, const struct bench_settings *settings,
                          struct team *team, struct bench_result *result, struct error *error)
{
    struct freeze *freeze = regime_freeze(regime, graph, error);
    if (!freeze)
        return false;
    forget_peak();
    struct step step;
    bool good = step_init(&step, regime, graph, freeze, settings, team, error);
    if (good) {
        result->seconds = bench_median(run_step, &step, settings->steps, settings->seconds, &result->steps);
        result->images_per_second = step.batch / result->seconds;
        result->flops = 2 * step_macs(regime, graph, freeze) * result->images_per_second;
        result->plan_bytes = plan_bytes(step.plan);
        result->recomputed = plan_recomputed(step.plan, &result->recomputed_share);
        result->rss_bytes = peak_bytes();
    }
    step_finish(&step);
    freeze_destroy(freeze);
    return good;
}
