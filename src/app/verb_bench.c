/* thaw bench: what this machine computes, what the layers of a network make of it, and whole networks in several regimes.
 * The input is noise; no image is read. The parts are in bench_*.c. */
#include "config.h"

#include <string.h>

#include "app.h"
#include "bench.h"
#include "print.h"
#include "say.h"
#include "thaw/base/mem.h"
#include "thaw/base/nearest.h"
#include "thaw/base/text.h"
#include "thaw/shelf/load.h"
#include "thaw/shelf/remember.h"
#include "thaw/tensor/gemm.h"

enum { BATCH = 32 };

struct settings {
    struct bench_settings bench;
    const char *model, *runs, *compare;
    int size, threads; /* threads as asked for: 0 is all cores */
    bool measured[BENCH_REGIMES], layers, no_limits;
};

/* What a run holds while it measures. */
struct subject {
    struct graph *graph;
    struct team *team;
    struct bench_peers *peers;
    struct bench_limits limits;
};

/* --- regimes --- */

static void tell_result(enum bench_regime regime, const struct bench_result *result, const struct settings *settings,
                        const struct subject *subject)
{
    static bool headed; /* the one table of the one run of the process */
    const char *name = NULL;
    if (!headed)
        say("\n%-12s %9s %9s %8s %6s %8s %8s%s\n", "regime", "images/s", "ms/step", "GFLOP/s", "% peak", "plan MB",
            "peak MB", subject->peers ? "  x peer" : "");
    headed = true;
    say("%-12s %9.1f %9.2f %8.1f ", bench_regime_name(regime), result->images_per_second, 1e3 * result->seconds,
        result->flops / 1e9);
    if (settings->no_limits)
        say("%6s", "");
    else
        say("%6.0f", 100 * result->flops / subject->limits.peak[1]);
    say(" %8.1f %8.1f", (double)result->plan_bytes / 1e6, (double)result->rss_bytes / 1e6);
    double peer = bench_peer_rate(subject->peers, subject->graph->arch, bench_regime_name(regime),
                                  settings->bench.batch, settings->bench.threads, &name);
    if (peer > 0)
        say("  %.2f", result->images_per_second / peer);
    say("\n");
    if (result->recomputed > 0)
        say("%-12s %d layers computed again, %.1f %% of the forward pass's multiply-adds\n", "", result->recomputed,
            100 * result->recomputed_share);
    fflush(stdout);
}

static json_t *result_object(enum bench_regime regime, const struct bench_result *result,
                             const struct settings *settings, const struct subject *subject)
{
    json_t *object = json_pack("{s:s, s:i, s:f, s:f, s:f, s:I, s:I, s:i, s:f}", "regime", bench_regime_name(regime),
                               "steps", result->steps, "step_seconds", result->seconds, "images_per_second",
                               result->images_per_second, "gflops", result->flops / 1e9, "plan_bytes",
                               (json_int_t)result->plan_bytes, "rss_bytes", (json_int_t)result->rss_bytes, "recomputed",
                               result->recomputed, "recomputed_share", result->recomputed_share);
    const char *name = NULL;
    double peer = bench_peer_rate(subject->peers, subject->graph->arch, bench_regime_name(regime),
                                  settings->bench.batch, settings->bench.threads, &name);
    if (peer > 0) {
        json_object_set_new(object, "peer", text_to_json(name));
        json_object_set_new(object, "times_peer", print_json_real(result->images_per_second / peer));
    }
    return object;
}

static bool measure_regimes(const struct settings *settings, const struct subject *subject, json_t *regimes,
                            struct error *error)
{
    for (enum bench_regime regime = 0; regime < BENCH_REGIMES; regime++) {
        struct bench_result result = {0};
        if (!settings->measured[regime])
            continue;
        if (!bench_regime_measure(regime, subject->graph, &settings->bench, subject->team, &result, error))
            return false;
        if (settings->bench.json)
            json_array_append_new(regimes, result_object(regime, &result, settings, subject));
        else
            tell_result(regime, &result, settings, subject);
    }
    return true;
}

/* One image alone, as it is shown in the list of models; remembered where all cores took part. < 0: a fault. */
static double measure_image(const struct settings *settings, const struct subject *subject, struct error *error)
{
    char input[REMEMBER_INPUT];
    remember_input(input, subject->graph);
    double seconds = remember_measure(subject->graph, subject->team, settings->bench.seconds / 2, error);
    if (seconds > 0 && !settings->threads)
        remember_time(subject->graph->arch, input, seconds);
    if (seconds > 0 && !settings->bench.json)
        say("%-12s %9.1f %9.2f\n", "1 image", 1 / seconds, 1e3 * seconds);
    return seconds;
}

/* --- the whole --- */

static json_t *head_object(const struct settings *settings, const struct subject *subject)
{
    struct shape4 input = subject->graph->node[0].shape;
    json_t *object = json_pack("{s:s, s:s, s:[i, i, i], s:i, s:i}", "gemm_library", gemm_library(), "arch",
                               subject->graph->arch, "input", input.h, input.w, input.c, "batch", settings->bench.batch,
                               "threads", settings->bench.threads);
    if (!settings->no_limits)
        json_object_set_new(object, "limits", bench_limits_object(&subject->limits));
    return object;
}

static void tell_head(const struct settings *settings, const struct subject *subject)
{
    struct shape4 input = subject->graph->node[0].shape;
    if (!settings->no_limits)
        bench_limits_tell(&subject->limits, settings->bench.threads);
    say("\n%s, %dx%dx%d, batch %d, %d thread%s\n", subject->graph->arch, input.h, input.w, input.c,
        settings->bench.batch, settings->bench.threads, settings->bench.threads == 1 ? "" : "s");
    fflush(stdout);
}

static bool wants_regimes(const struct settings *settings)
{
    bool any = false;
    for (int i = 0; i < BENCH_REGIMES; i++)
        any |= settings->measured[i];
    return any;
}

static int measure(const struct settings *settings, struct subject *subject)
{
    struct error error = {0};
    if (!settings->no_limits)
        subject->limits = bench_limits_measure(subject->team);
    json_t *object = settings->bench.json ? head_object(settings, subject) : NULL;
    if (!settings->bench.json)
        tell_head(settings, subject);
    if (settings->layers) {
        json_t *layers = bench_layers(subject->graph, &settings->bench, settings->no_limits ? NULL : &subject->limits,
                                      subject->peers, subject->team);
        if (object)
            json_object_set_new(object, "layers", layers);
    }
    json_t *regimes = json_array();
    bool good = measure_regimes(settings, subject, regimes, &error);
    double image = good && settings->measured[BENCH_FORWARD] ? measure_image(settings, subject, &error) : 0;
    good = good && image >= 0;
    if (object && wants_regimes(settings)) {
        json_object_set(object, "regimes", regimes);
        json_object_set_new(object, "image_seconds", image > 0 ? json_real(image) : json_null());
    }
    json_decref(regimes);
    if (good && object)
        return app_json(object);
    json_decref(object);
    return good ? 0 : app_fail(&error);
}

static bool prepare(struct settings *settings, struct subject *subject, struct error *error)
{
    struct model_source source;
    if (!bench_peers_open(&subject->peers, settings->compare, error) ||
        !model_source_find(&source, settings->model, settings->runs, error))
        return false;
    struct load_request request = {.arch = source.arch, .weights = source.weights, .size = settings->size, .seed = 1};
    subject->graph = load_graph(&request, NULL, error);
    mem_free(source.weights);
    if (!subject->graph)
        return false;
    subject->team = team_create(settings->threads);
    settings->bench.threads = team_threads(subject->team);
    settings->bench.kernels = kernel_table_open(NULL);
    return true;
}

static int run(struct settings *settings)
{
    struct error error = {0};
    struct subject subject = {0};
    int status = prepare(settings, &subject, &error) ? measure(settings, &subject) : app_fail(&error);
    team_destroy(subject.team);
    kernel_table_close(settings->bench.kernels);
    graph_destroy(subject.graph);
    bench_peers_close(subject.peers);
    return status;
}

/* Without a name all regimes, but none where only layers are asked for. */
static bool take_regime(struct settings *settings, const char *name)
{
    bool known = !name;
    for (enum bench_regime regime = 0; regime < BENCH_REGIMES; regime++) {
        bool named = name && !strcmp(name, bench_regime_name(regime));
        settings->measured[regime] = named || (!name && !settings->layers);
        known |= named;
    }
    return known;
}

static int refuse_regime(const char *name)
{
    char hint[64] = "";
    struct nearest nearest = {.wanted = name};
    for (enum bench_regime regime = 0; regime < BENCH_REGIMES; regime++)
        nearest_offer(&nearest, bench_regime_name(regime));
    nearest_tell(&nearest, 1, NULL, hint, sizeof hint);
    return app_usage(&verb_bench, "--regime takes forward, head, head-cached, block, block-cached or full%s", hint);
}

static int bench(int argc, char **argv)
{
    struct settings settings = {.model = "resnet18", .bench = {.batch = BATCH, .seconds = 2}};
    const char *batch = NULL, *size = NULL, *threads = NULL, *seconds = NULL, *regime = NULL, *steps = NULL,
               *memory = NULL;
    const struct option_row rows[] = {
        {.name = "--model", .value = &settings.model},
        {.name = "--runs", .value = &settings.runs},
        {.name = "--batch", .value = &batch},
        {.name = "--regime", .value = &regime},
        {.name = "--layers", .flag = &settings.layers},
        {.name = "--every-kernel", .flag = &settings.bench.every_kernel},
        {.name = "--size", .value = &size},
        {.name = "--threads", .value = &threads},
        {.name = "--seconds", .value = &seconds},
        {.name = "--steps", .value = &steps},
        {.name = "--memory", .value = &memory},
        {.name = "--no-limits", .flag = &settings.no_limits},
        {.name = "--compare", .value = &settings.compare},
        {.name = "--json", .flag = &settings.bench.json},
    };
    argc = app_options(&verb_bench, argc, argv, rows, THAW_LENGTH(rows));
    if (argc < 0)
        return argc == -1 ? 0 : error_exit_code(ERROR_USAGE);
    if (argc > 1)
        return app_usage(&verb_bench, "only options are expected; a model is given with --model");
    if (!take_regime(&settings, regime))
        return refuse_regime(regime);
    if (seconds && !app_number(seconds, 0, 3600, &settings.bench.seconds))
        return app_usage(&verb_bench, "--seconds takes a number from 0 to 3600");
    if (!app_whole(&verb_bench, "--batch", batch, 1, 65536, &settings.bench.batch) ||
        !app_whole(&verb_bench, "--size", size, 1, 4096, &settings.size) ||
        !app_whole(&verb_bench, "--steps", steps, 1, BENCH_STEPS_MOST, &settings.bench.steps) ||
        !app_whole(&verb_bench, "--memory", memory, 1, 1000000000, &settings.bench.memory) ||
        !app_whole(&verb_bench, "--threads", threads, 0, 1024, &settings.threads))
        return error_exit_code(ERROR_USAGE);
    if (settings.bench.every_kernel && !settings.layers)
        return app_usage(&verb_bench, "--every-kernel tells of layers: give --layers, too");
    return run(&settings);
}

const struct verb verb_bench = {
    .name = "bench",
    .synopsis = "[--model M] [--batch N] [--regime R] [--layers [--every-kernel]] [--size N] [--threads N]\n"
                "                  [--seconds S] [--steps N] [--memory MB] [--no-limits] [--compare FILE] [--runs DIR] "
                "[--json]",
    .help = "measures this machine: its limits, a network's layers, its images a second",
    .options =
        "  --model M      an architecture, a weights file or a run by name or path (resnet18)\n"
        "  --runs DIR     where runs are looked for by name (runs in the data home)\n"
        "  --batch N      images a step (32)\n"
        "  --regime R     one of the following; all of them without\n"
        "      forward       no learning\n"
        "      head          the trunk is frozen, and computed anew in each step\n"
        "      head-cached   the same with what the trunk gave kept in memory\n"
        "      block         the last stage before the head learns, too\n"
        "      block-cached  the same with what crosses into that stage kept\n"
        "      full          all learns\n"
        "  --layers       each layer by itself, by pass, beside the roof over it; no regimes unless named\n"
        "  --every-kernel with --layers: each way to do a pass, the one that is taken first\n"
        "  --size N       side of the input, pixels (the model's own)\n"
        "  --threads N    computing threads (0: all cores)\n"
        "  --seconds S    for each regime (2); three steps at the least\n"
        "  --steps N      exactly so many steps of each, after one that does not count\n"
        "  --memory MB    a step takes no more (MB of 2^20 bytes), and computes layers again for that\n"
        "  --no-limits    leaves the limits of the machine out, and the shares of them\n"
        "  --compare F    tells how many times the best peer's speed each regime has; the file is made by\n"
        "                 tests/bench/compare.py. With --layers: each convolution's\n"
        "  --json         one JSON object on stdout\n\n"
        "A step is the forward pass and, where something learns, loss, backward pass and update, on noise: no\n"
        "images are read and the weights stay. Its time is the median. A multiply-add is two operations, and those\n"
        "of the plain algorithm count. \"op/B\" is how many there are to each byte that must come or go; \"roof\"\n"
        "says whether multiply-adds (peak) or memory (mem) limit a layer of that kind, and \"%\" is the share of that\n"
        "limit reached: over 100 where an algorithm saves operations. Peak MB is the most the process held. The\n"
        "forward pass of one image alone is remembered for `thaw models`.\n",
    .run = bench,
};
