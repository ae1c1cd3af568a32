/* thaw bench: what this machine computes. First plain matrix products, then a network in three regimes: forward only,
 * the head learning on a frozen trunk, everything learning. The input is noise; no image is read. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "thaw/base/clock.h"
#include "thaw/base/mem.h"
#include "thaw/base/rng.h"
#include "thaw/model/exec.h"
#include "thaw/model/load.h"
#include "thaw/model/remember.h"
#include "thaw/ops/loss.h"
#include "thaw/tensor/gemm.h"
#include "verb_parts.h"

enum { BATCH = 32, GEMM_SIDE = 512, STEPS_LEAST = 3, STEPS_MOST = 1000 };
static const double gemm_seconds = 0.25;

enum regime { REGIME_FORWARD, REGIME_HEAD, REGIME_FULL, REGIMES };
static const char *const regime_names[REGIMES] = {"forward", "head", "full"};

struct settings {
    const char *model;
    int batch, size, threads;
    double seconds;
    bool measured[REGIMES], json;
};

/* --- matrix products --- */

struct gemm_job {
    float *a, *b, *c; /* c: one for each task */
};

static void multiply(void *context, int task, int worker)
{
    (void)worker;
    const struct gemm_job *job = context;
    const int side = GEMM_SIDE;
    gemm(false, false, side, side, side, 1, job->a, side, job->b, side, 0, job->c + (size_t)task * side * side, side);
}

static void fill(float *values, size_t count, uint64_t seed)
{
    for (size_t i = 0; i < count; i++)
        values[i] = (float)rng_uniform_at(seed, 0, i) - 0.5f;
}

/* Multiplications and additions a second, each thread at a product of its own: the best of several rounds. */
static double gemm_rate(int threads)
{
    struct team *team = team_create(threads);
    size_t square = (size_t)GEMM_SIDE * GEMM_SIDE;
    int tasks = team_threads(team);
    struct gemm_job job = {mem_floats(square), mem_floats(square), mem_floats(square * (size_t)tasks)};
    fill(job.a, square, 1);
    fill(job.b, square, 2);
    team_run(team, tasks, multiply, &job);
    double least = 1e9, began = clock_monotonic();
    while (clock_monotonic() - began < gemm_seconds) {
        double start = clock_monotonic();
        team_run(team, tasks, multiply, &job);
        double took = clock_monotonic() - start;
        least = took < least ? took : least;
    }
    mem_free_floats(job.a);
    mem_free_floats(job.b);
    mem_free_floats(job.c);
    team_destroy(team);
    return 2.0 * GEMM_SIDE * (double)square * tasks / least;
}

/* --- the network --- */

struct result {
    int steps;
    double seconds, images_per_second, flops; /* a step: the median; two operations a multiply-add */
    size_t plan_bytes;
};

static struct freeze *regime_freeze(enum regime regime, const struct graph *graph, struct error *error)
{
    struct freeze *freeze = freeze_create(graph);
    if (regime != REGIME_HEAD)
        return freeze;
    if (freeze_upto(freeze, graph, "trunk", error)) {
        freeze_statistics(freeze, graph, true);
        return freeze;
    }
    freeze_destroy(freeze);
    return NULL;
}

/* Multiply-adds of a step for one image: forward, and behind the frontier one product for each gradient that is
 * computed, of the weights and of the input. */
static double step_macs(enum regime regime, const struct graph *graph, const struct freeze *freeze)
{
    double macs = graph_totals(graph).macs;
    if (regime == REGIME_FORWARD)
        return macs;
    int frontier = freeze_frontier(freeze, graph);
    for (int n = frontier; n < graph->nodes; n++) {
        const struct graph_node *node = &graph->node[n];
        bool learns = node->params && freeze_param_moves(freeze, graph, node->first_param);
        bool passes = node->inputs && node->input[0] >= frontier;
        macs += graph_node_cost(graph, n, 1).macs * (learns + passes);
    }
    return macs;
}

struct step {
    struct plan *plan;
    float *input, *gradient;
    int *label;
    int batch, classes;
    bool learn;
};

static void run_step(const struct step *step, uint64_t number)
{
    static const struct loss_options options = {0};
    const float *logits = exec_forward(step->plan, step->input, step->batch, step->learn, 1, number);
    if (!step->learn)
        return;
    (void)loss_cross_entropy(logits, step->label, step->batch, step->classes, &options, NULL, step->gradient, NULL);
    exec_backward(step->plan, step->gradient, step->batch);
}

static int compare_seconds(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

/* The median of as many steps as fit into the time; the first, which touches fresh memory, does not count. */
static double time_steps(const struct step *step, double seconds, int *steps)
{
    static const int most = STEPS_MOST;
    double *took = mem_array((size_t)most, sizeof *took);
    run_step(step, 0);
    double began = clock_monotonic();
    int count = 0;
    while (count < most && (count < STEPS_LEAST || clock_monotonic() - began < seconds)) {
        double start = clock_monotonic();
        run_step(step, (uint64_t)count + 1);
        took[count++] = clock_monotonic() - start;
    }
    qsort(took, (size_t)count, sizeof *took, compare_seconds);
    double median = count % 2 ? took[count / 2] : (took[count / 2 - 1] + took[count / 2]) / 2;
    mem_free(took);
    *steps = count;
    return median;
}

static bool measure(enum regime regime, const struct graph *graph, const struct settings *settings, struct team *team,
                    struct result *result, struct error *error)
{
    struct freeze *freeze = regime_freeze(regime, graph, error);
    if (!freeze)
        return false;
    bool learn = regime != REGIME_FORWARD;
    struct plan_options options = {.batch = settings->batch, .training = learn, .fold = true, .team = team};
    struct step step = {.batch = settings->batch, .classes = graph->classes, .learn = learn};
    step.plan = plan_create(graph, freeze, &options, error);
    if (step.plan) {
        size_t inputs = shape4_count(graph->node[0].shape) * (size_t)step.batch;
        step.input = mem_floats(inputs);
        step.gradient = mem_floats((size_t)step.batch * (size_t)step.classes);
        step.label = mem_array((size_t)step.batch, sizeof *step.label);
        for (int i = 0; i < step.batch; i++)
            step.label[i] = i % step.classes;
        fill(step.input, inputs, 3);
        result->seconds = time_steps(&step, settings->seconds, &result->steps);
        result->images_per_second = step.batch / result->seconds;
        result->flops = 2 * step_macs(regime, graph, freeze) * result->images_per_second;
        result->plan_bytes = plan_bytes(step.plan);
    }
    bool good = step.plan != NULL;
    plan_destroy(step.plan);
    mem_free_floats(step.input);
    mem_free_floats(step.gradient);
    mem_free(step.label);
    freeze_destroy(freeze);
    return good;
}

/* --- telling --- */

static void tell_gemm(const struct settings *settings, const double rate[2], int threads)
{
    if (!settings->json)
        printf("%s\nmatrix products of %d: %.1f GFLOP/s on one thread, %.1f on %d\n", gemm_library(), GEMM_SIDE,
               rate[0] / 1e9, rate[1] / 1e9, threads);
    fflush(stdout);
}

static void tell_result(enum regime regime, const struct result *result, double rate)
{
    printf("%-8s  %9.1f images/s  %9.1f ms a step  %7.1f GFLOP/s (%.0f %%)  %8.1f MB\n", regime_names[regime],
           result->images_per_second, 1e3 * result->seconds, result->flops / 1e9, 100 * result->flops / rate,
           (double)result->plan_bytes / 1e6);
    fflush(stdout);
}

static json_t *result_object(enum regime regime, const struct result *result)
{
    return json_pack("{s:s, s:i, s:f, s:f, s:f, s:I}", "regime", regime_names[regime], "steps", result->steps,
                     "step_seconds", result->seconds, "images_per_second", result->images_per_second, "gflops",
                     result->flops / 1e9, "plan_bytes", (json_int_t)result->plan_bytes);
}

static bool measure_all(const struct graph *graph, const struct settings *settings, double rate, struct team *team,
                        json_t *regimes, struct error *error)
{
    for (enum regime regime = 0; regime < REGIMES; regime++) {
        struct result result = {0};
        if (!settings->measured[regime])
            continue;
        if (!measure(regime, graph, settings, team, &result, error))
            return false;
        if (settings->json)
            json_array_append_new(regimes, result_object(regime, &result));
        else
            tell_result(regime, &result, rate);
    }
    return true;
}

/* One image alone, as it is shown in the list of models; remembered where all cores took part. < 0: a fault. */
static double measure_image(const struct graph *graph, const struct settings *settings, struct team *team,
                            struct error *error)
{
    char input[REMEMBER_INPUT];
    remember_input(input, graph);
    double seconds = remember_measure(graph, team, settings->seconds / 2, error);
    if (seconds > 0 && !settings->threads)
        remember_time(graph->arch, input, seconds);
    if (seconds > 0 && !settings->json)
        printf("%-8s  %9.1f images/s  %9.1f ms\n", "1 image", 1 / seconds, 1e3 * seconds);
    return seconds;
}

static int run(const struct settings *settings)
{
    struct error error = {0};
    struct part_source source;
    if (!part_source_find(&source, settings->model, &error))
        return app_fail(&error);
    struct load_request request = {.arch = source.arch, .weights = source.weights, .size = settings->size, .seed = 1};
    struct graph *graph = load_graph(&request, NULL, &error);
    mem_free(source.weights);
    if (!graph)
        return app_fail(&error);
    struct team *team = team_create(settings->threads);
    int threads = team_threads(team);
    double rate[2] = {gemm_rate(1), gemm_rate(threads)};
    struct shape4 input = graph->node[0].shape;
    tell_gemm(settings, rate, threads);
    if (!settings->json)
        printf("%s, %dx%dx%d, batch %d, %d threads\n", graph->arch, input.h, input.w, input.c, settings->batch,
               threads);
    json_t *regimes = json_array();
    bool good = measure_all(graph, settings, rate[1], team, regimes, &error);
    double image = good && settings->measured[REGIME_FORWARD] ? measure_image(graph, settings, team, &error) : 0;
    good = good && image >= 0;
    if (good && settings->json)
        app_json(json_pack("{s:s, s:s, s:[i, i, i], s:i, s:i, s:f, s:f, s:o, s:O}", "gemm_library", gemm_library(),
                           "arch", graph->arch, "input", input.h, input.w, input.c, "batch", settings->batch, "threads",
                           threads, "gemm_gflops_one_thread", rate[0] / 1e9, "gemm_gflops", rate[1] / 1e9,
                           "image_seconds", image > 0 ? json_real(image) : json_null(), "regimes", regimes));
    json_decref(regimes);
    team_destroy(team);
    graph_destroy(graph);
    return good ? 0 : app_fail(&error);
}

static bool take_regime(struct settings *settings, const char *name)
{
    for (enum regime regime = 0; regime < REGIMES; regime++) {
        settings->measured[regime] = !name || !strcmp(name, regime_names[regime]);
        if (name && settings->measured[regime])
            return true;
    }
    return !name;
}

static int bench(int argc, char **argv)
{
    struct settings settings = {.model = "resnet18", .batch = BATCH, .seconds = 2};
    const char *batch = NULL, *size = NULL, *threads = NULL, *seconds = NULL, *regime = NULL;
    const struct option_row rows[] = {
        {.name = "--model", .value = &settings.model}, {.name = "--batch", .value = &batch},
        {.name = "--regime", .value = &regime},        {.name = "--size", .value = &size},
        {.name = "--threads", .value = &threads},      {.name = "--seconds", .value = &seconds},
        {.name = "--json", .flag = &settings.json},
    };
    argc = app_options(&verb_bench, argc, argv, rows, THAW_LENGTH(rows));
    if (argc < 0)
        return argc == -1 ? 0 : error_exit_code(ERROR_USAGE);
    if (argc > 1)
        return app_usage(&verb_bench, "only options are expected; a model is given with --model");
    if (!take_regime(&settings, regime))
        return app_usage(&verb_bench, "--regime takes forward, head or full");
    if (seconds && !app_number(seconds, 0, 3600, &settings.seconds))
        return app_usage(&verb_bench, "--seconds takes a number from 0 to 3600");
    if (!part_whole(&verb_bench, "--batch", batch, 1, 65536, &settings.batch) ||
        !part_whole(&verb_bench, "--size", size, 1, 4096, &settings.size) ||
        !part_whole(&verb_bench, "--threads", threads, 0, 1024, &settings.threads))
        return error_exit_code(ERROR_USAGE);
    return run(&settings);
}

const struct verb verb_bench = {
    .name = "bench",
    .synopsis = "[--model M] [--batch N] [--regime forward|head|full] [--size N] [--threads N] [--seconds S] [--json]",
    .help = "measures this machine: matrix products, then a network's images a second",
    .options =
        "  --model M      an architecture, a weights file or a run directory (resnet18)\n"
        "  --batch N      images a step (32)\n"
        "  --regime R     forward: no learning; head: the trunk is frozen; full: all learns; all three without\n"
        "  --size N       side of the input, pixels (the model's own)\n"
        "  --threads N    computing threads (0: all cores)\n"
        "  --seconds S    for each regime (2); three steps at the least\n"
        "  --json         one JSON object on stdout\n\n"
        "A step is the forward pass and, where something learns, loss and backward pass, on noise: no images are\n"
        "read and no weights are moved. Its time is the median. The share is of the matrix products' rate. The "
        "forward\n"
        "pass of one image alone is remembered for `thaw models`.\n",
    .run = bench,
};
