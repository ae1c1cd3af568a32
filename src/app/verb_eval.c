/* thaw eval: how good a model is on labelled images. Every image once, in the order of the data, in the evaluation view
 * of the weights' own preprocessing. A folder with a validation part is judged on that, any other on all it holds. */
#include "config.h"

#include <string.h>
#include <unistd.h>

#include "app.h"
#include "print.h"
#include "thaw/base/clock.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/compile/exec.h"
#include "thaw/data/dataset.h"
#include "thaw/data/loader.h"
#include "thaw/ops/loss.h"

enum { LABELS_BYTES_MAX = 16 << 20, BATCH = 64 };

struct settings {
    const char *model, *weights, *data, *labels, *preprocess;
    int batch, threads;
    bool json;
};

struct sums {
    double loss, seconds;
    uint64_t images, correct, correct5, unreadable;
    int done, of; /* batches, for the progress line */
    bool terminal;
};

/* --- which output stands for which class --- */

/* The lines of a file, cut in place; the array is the caller's. Empty lines at the end do not count. */
static const char **split_lines(char *text, int *count)
{
    const char **line = NULL;
    size_t lines = 0, named = 0;
    for (char *at = text; *at;) {
        char *end = at + strcspn(at, "\n");
        bool last = !*end;
        *end = '\0';
        if (end > at && end[-1] == '\r')
            end[-1] = '\0';
        line = mem_grow(line, lines + 1, sizeof *line);
        line[lines++] = at;
        if (*at)
            named = lines;
        at = last ? end : end + 1;
    }
    *count = (int)named;
    return line;
}

static bool relabel_by_file(struct dataset *dataset, const char *path, int outputs, struct error *error)
{
    char *text = file_read_text(path, LABELS_BYTES_MAX, error);
    if (!text) {
        error->kind = ERROR_USAGE;
        return false;
    }
    int count;
    const char **names = split_lines(text, &count);
    bool good = count == outputs;
    if (!good)
        error_set(error, ERROR_USAGE, "%s: %d names, and the model has %d outputs; one line an output is needed", path,
                  count, outputs);
    good = good && dataset_relabel(dataset, names, count, error);
    mem_free(names);
    mem_free(text);
    return good;
}

/* A list that is given counts more than the one in the weights. */
static bool relabel(struct dataset *dataset, const struct model_argument *model, const char *labels,
                    struct error *error)
{
    int outputs = model->graph->classes;
    if (labels)
        return relabel_by_file(dataset, labels, outputs, error);
    if (model->own_names && model->classes == outputs)
        return dataset_relabel(dataset, (const char *const *)model->class_name, outputs, error);
    if (dataset->classes > outputs)
        return error_set(error, ERROR_DATA,
                         "%s: %d classes, and the model has %d outputs; they cannot be what it was trained for",
                         dataset->path, dataset->classes, outputs);
    if (dataset->classes < outputs)
        fprintf(stderr,
                "thaw: warning: the %d class folders are taken for the first of %d outputs; --labels tells more\n",
                dataset->classes, outputs);
    return true;
}

/* --- the pass --- */

static void tell_progress(const struct sums *sums)
{
    if (sums->terminal)
        fprintf(stderr, "\r\033[K%d/%d", sums->done, sums->of);
}

static void measure(struct plan *plan, const struct batch *batch, int classes, struct sums *sums)
{
    static const struct loss_options options = {0};
    const float *logits = exec_forward(plan, batch->input, batch->n, false, 0, 0);
    struct loss_result result = loss_cross_entropy(logits, batch->label, batch->n, classes, &options, NULL, NULL, NULL);
    sums->loss += result.loss * batch->n;
    sums->images += (uint64_t)batch->n;
    sums->correct += (uint64_t)result.correct;
    sums->correct5 += (uint64_t)result.correct5;
}

static bool evaluate_images(const struct dataset_images *images, const struct graph *graph, struct plan *plan,
                            int threads, struct sums *sums, struct error *error)
{
    struct loader_options options = {
        .preprocess = graph->preprocess, .batch = plan_batch(plan), .augment = AUGMENT_NONE, .threads = threads};
    struct loader *loader = loader_create(images, &options, error);
    if (!loader)
        return false;
    sums->of = loader_batches(loader);
    sums->done = 0;
    loader_begin(loader, 1, 0);
    for (struct batch *batch; (batch = loader_next(loader)); loader_release(loader, batch)) {
        if (batch->n)
            measure(plan, batch, graph->classes, sums);
        sums->done++;
        tell_progress(sums);
    }
    const struct loader_bad *bad;
    sums->unreadable += loader_take_bad(loader, &bad);
    loader_destroy(loader);
    return true;
}

/* Files set aside on opening, of the parts that are judged. */
static uint64_t set_aside(const struct dataset *dataset)
{
    uint64_t count = 0;
    char *train = path_join(dataset->path, "train/");
    for (size_t i = 0; i < dataset->bad_count; i++)
        count += !dataset->own_validation || strncmp(dataset->bad[i].path, train, strlen(train)) != 0;
    mem_free(train);
    return count;
}

static bool evaluate(const struct dataset *dataset, const struct graph *graph, const struct settings *settings,
                     struct sums *sums, struct error *error)
{
    struct team *team = team_create(settings->threads);
    struct plan_options options = {.batch = settings->batch, .training = false, .fold = true, .team = team};
    struct plan *plan = plan_create(graph, NULL, &options, error);
    bool good = plan != NULL;
    double began = clock_monotonic();
    sums->unreadable = set_aside(dataset);
    for (int s = 0; good && s < DATASET_SPLITS; s++) {
        bool judged = dataset->images[s].items && (s == DATASET_VAL || !dataset->own_validation);
        if (judged)
            good = evaluate_images(&dataset->images[s], graph, plan, team_threads(team), sums, error);
    }
    sums->seconds = clock_monotonic() - began;
    if (sums->terminal)
        fprintf(stderr, "\r\033[K");
    plan_destroy(plan);
    team_destroy(team);
    if (good && !sums->images)
        good = error_set(error, ERROR_DATA, "%s: no image of its %s could be read", dataset->path,
                         dataset->own_validation ? "validation part" : "classes");
    return good;
}

/* --- telling --- */

static void report(const struct settings *settings, const struct graph *graph, const struct sums *sums)
{
    double images = (double)sums->images, rate = images / (sums->seconds > 0 ? sums->seconds : 1e-9);
    if (settings->json) {
        app_json(json_pack("{s:s, s:o, s:i, s:I, s:o, s:o, s:o, s:I, s:f, s:f}", "arch", graph->arch, "data",
                           print_json_text(settings->data), "classes", graph->classes, "images",
                           (json_int_t)sums->images, "top1", print_json_real((double)sums->correct / images), "top5",
                           print_json_real((double)sums->correct5 / images), "loss",
                           print_json_real(sums->loss / images), "unreadable", (json_int_t)sums->unreadable, "seconds",
                           sums->seconds, "images_per_second", rate));
        return;
    }
    char *data = print_plain(settings->data);
    printf("%s on %s\n", graph->arch, data);
    mem_free(data);
    printf("top-1       %.2f %%\ntop-5       %.2f %%\nloss        %.4f\n", 100 * (double)sums->correct / images,
           100 * (double)sums->correct5 / images, sums->loss / images);
    printf("images      %llu in %.1f s, %.0f images/s\nunreadable  %llu\n", (unsigned long long)sums->images,
           sums->seconds, rate, (unsigned long long)sums->unreadable);
}

static int run(const struct settings *settings)
{
    struct error error = {0};
    struct model_argument model;
    struct sums sums = {.terminal = isatty(STDERR_FILENO)};
    struct dataset *dataset = NULL;
    bool good = model_argument_open(&model, settings->model, settings->weights, settings->preprocess, &error);
    if (good)
        dataset = dataset_open(settings->data, NULL, 0, &error);
    good = dataset && relabel(dataset, &model, settings->labels, &error) &&
           evaluate(dataset, model.graph, settings, &sums, &error);
    if (good)
        report(settings, model.graph, &sums);
    dataset_destroy(dataset);
    model_argument_finish(&model);
    return good ? 0 : app_fail(&error);
}

static int eval(int argc, char **argv)
{
    struct settings settings = {.batch = BATCH};
    const char *batch = NULL, *threads = NULL;
    const struct option_row rows[] = {
        {.name = "--model", .value = &settings.model},
        {.name = "--weights", .value = &settings.weights},
        {.name = "--data", .value = &settings.data},
        {.name = "--labels", .value = &settings.labels},
        {.name = "--preprocess", .value = &settings.preprocess},
        {.name = "--batch", .value = &batch},
        {.name = "--threads", .value = &threads},
        {.name = "--json", .flag = &settings.json},
    };
    argc = app_options(&verb_eval, argc, argv, rows, THAW_LENGTH(rows));
    if (argc < 0)
        return argc == -1 ? 0 : error_exit_code(ERROR_USAGE);
    if (argc > 1)
        return app_usage(&verb_eval, "%s is not expected; data is given with --data", argv[1]);
    if (!settings.model && !settings.weights)
        return app_usage(&verb_eval, "a model is needed: --model, --weights or both");
    if (!settings.data)
        return app_usage(&verb_eval, "a folder of labelled images is needed: --data");
    if (!app_whole(&verb_eval, "--batch", batch, 1, 65536, &settings.batch) ||
        !app_whole(&verb_eval, "--threads", threads, 0, 1024, &settings.threads))
        return error_exit_code(ERROR_USAGE);
    return run(&settings);
}

const struct verb verb_eval = {
    .name = "eval",
    .synopsis = "--model NAME|RUN --weights FILE --data PATH [--labels FILE] [--preprocess TEXT] [--batch N] "
                "[--threads N] [--json]",
    .help = "measures a model on labelled images",
    .options =
        "  --model NAME|RUN   an architecture, a run directory or a weights file; may be left out with --weights\n"
        "  --weights FILE     trained weights; without them an architecture is judged as freshly initialised\n"
        "  --data PATH        a folder of class folders; its val folder where it has one, else all of it.\n"
        "                     Or MNIST's IDX files (.gz as they are): their folder, or a file of images\n"
        "  --labels FILE      the class folder of each output, one name a line; without it the names in the\n"
        "                     weights, else the sorted names of the class folders\n" MODEL_PREPROCESS_HELP
        "  --batch N          images a pass (64)\n"
        "  --threads N        computing threads (0: all cores)\n"
        "  --json             one JSON object on stdout\n",
    .run = eval,
};
