/* thaw eval: how good a model is on labelled images. Every image once, in the order of the data, in the evaluation view
 * of the weights' own preprocessing. A folder with a validation part is judged on that, any other on all it holds. */
#include "config.h"

#include <string.h>
#include <unistd.h>

#include "app.h"
#include "data_argument.h"
#include "print.h"
#include "say.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/base/nearest.h"
#include "thaw/base/text.h"
#include "thaw/data/dataset.h"
#include "thaw/data/labels.h"
#include "thaw/train/evaluate.h"

enum { BATCH = 64 };

struct settings {
    struct model_words model;
    const char *data, *labels, *part;
    struct option_list set;
    int batch, threads;
    bool json;
};

/* --- which output stands for which class --- */

/* The forms of the list in turn; where none has all class folders, the sentence is the first's. */
static bool relabel_by_file(struct dataset *dataset, const char *path, int outputs, struct error *error)
{
    struct labels labels;
    bool good = labels_read(&labels, path, error);
    if (good && labels.count != outputs)
        good = error_set(error, ERROR_USAGE,
                         "%s: %d names, and the model has %d outputs; one line an output is needed, or JSON: a list, "
                         "{\"0\": \"cat\", ...}, id2label",
                         path, labels.count, outputs);
    bool fits = false;
    for (int form = 0; good && form < labels.forms && !fits; form++) {
        struct error other = {0};
        fits = dataset_relabel(dataset, (const char *const *)labels.name[form], labels.count, form ? &other : error);
    }
    if (fits)
        *error = (struct error){.kind = ERROR_NONE};
    labels_finish(&labels);
    return fits;
}

/* Classes that are numbers are the outputs of these numbers. */
static bool relabel_by_number(struct dataset *dataset, int outputs, struct error *error)
{
    char **names = mem_array((size_t)outputs, sizeof(char *));
    for (int i = 0; i < outputs; i++)
        names[i] = mem_format("%d", i);
    bool good = dataset_relabel(dataset, (const char *const *)names, outputs, error);
    for (int i = 0; i < outputs; i++)
        mem_free(names[i]);
    mem_free(names);
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
    if (dataset->numbered)
        return relabel_by_number(dataset, outputs, error);
    if (dataset->classes > outputs)
        return error_set(error, ERROR_DATA,
                         "%s: %d classes, and the model has %d outputs; they cannot be what it was trained for",
                         dataset->path, dataset->classes, outputs);
    if (dataset->classes < outputs)
        say_on(stderr,
               "thaw: warning: the %d class folders are taken for the first of %d outputs; --labels tells more\n",
               dataset->classes, outputs);
    return true;
}

/* --- the pass --- */

static bool tell_progress(void *context, int done, int all)
{
    (void)context;
    say_bar("%d/%d", done, all);
    return true;
}

/* What --split asks for; the first without it: the validation part where the data have one, else all but the test part. */
static const char *const parts[] = {"usual", "train", "val", "test", "all", NULL};
enum { PART_USUAL, PART_TRAIN, PART_VAL, PART_TEST, PART_ALL };

static void choose_parts(const char *word, const struct dataset *dataset, bool split[DATASET_PARTS])
{
    int part = PART_USUAL;
    for (int i = 0; word && parts[i]; i++)
        part = strcmp(word, parts[i]) == 0 ? i : part;
    bool usual = part == PART_USUAL, all = part == PART_ALL;
    split[DATASET_TRAIN] = part == PART_TRAIN || all || (usual && !dataset->own_validation);
    split[DATASET_VAL] = part == PART_VAL || all || usual || (part == PART_TEST && dataset->test_validates);
    split[DATASET_TEST] = part == PART_TEST || all;
}

static bool judge(const struct dataset *dataset, const struct graph *graph, const struct settings *settings,
                  struct evaluation *evaluation, struct error *error)
{
    bool terminal = isatty(STDERR_FILENO);
    struct evaluation_request request = {
        .graph = graph,
        .dataset = dataset,
        .batch = settings->batch,
        .threads = settings->threads,
        .tell = terminal ? tell_progress : NULL,
    };
    choose_parts(settings->part, dataset, request.split);
    bool good = evaluate(&request, evaluation, error);
    if (terminal)
        say_bar_over();
    return good;
}

/* --- telling --- */

static void report(const struct settings *settings, const struct graph *graph, const struct evaluation *evaluation)
{
    double images = (double)evaluation->images, seconds = evaluation->seconds;
    double top1 = (double)evaluation->correct / images, top5 = (double)evaluation->correct5 / images;
    double rate = images / (seconds > 0 ? seconds : 1e-9);
    if (settings->json) {
        app_json(json_pack("{s:s, s:o, s:i, s:I, s:o, s:o, s:o, s:I, s:f, s:f}", "arch", graph->arch, "data",
                           text_to_json(settings->data), "classes", graph->classes, "images",
                           (json_int_t)evaluation->images, "top1", print_json_real(top1), "top5", print_json_real(top5),
                           "loss", print_json_real(evaluation->loss), "unreadable", (json_int_t)evaluation->unreadable,
                           "seconds", seconds, "images_per_second", rate));
        return;
    }
    say("%s on %s\n", graph->arch, settings->data);
    say("top-1       %.2f %%\ntop-5       %.2f %%\nloss        %.4f\n", 100 * top1, 100 * top5, evaluation->loss);
    say("images      %llu in %.1f s, %.0f images/s\nunreadable  %llu\n", (unsigned long long)evaluation->images,
        seconds, rate, (unsigned long long)evaluation->unreadable);
}

static bool look(struct model_argument *model, const struct dataset *dataset, struct error *error)
{
    const struct dataset_images *judged = &dataset->images[dataset->own_validation ? DATASET_VAL : DATASET_TRAIN];
    return model_argument_look(model, judged, dataset->classes, error);
}

static int run(const struct settings *settings)
{
    struct error error = {0};
    struct model_argument model;
    struct evaluation evaluation;
    struct dataset *dataset = NULL;
    bool good = model_argument_open(&model, &settings->model, &error);
    if (good)
        dataset = data_argument_open(settings->data, &settings->set, &error);
    good = dataset && look(&model, dataset, &error) && relabel(dataset, &model, settings->labels, &error) &&
           judge(dataset, model.graph, settings, &evaluation, &error);
    if (good)
        report(settings, model.graph, &evaluation);
    dataset_destroy(dataset);
    model_argument_finish(&model);
    return good ? 0 : app_fail(&error);
}

static int eval(int argc, char **argv)
{
    struct settings settings = {.batch = BATCH};
    const char *batch = NULL, *threads = NULL;
    const struct option_row rows[] = {
        {.name = "--model", .value = &settings.model.model},
        {.name = "--weights", .value = &settings.model.weights},
        {.name = "--runs", .value = &settings.model.runs},
        {.name = "--data", .value = &settings.data},
        {.name = "--set", .list = &settings.set},
        {.name = "--split", .value = &settings.part},
        {.name = "--labels", .value = &settings.labels},
        {.name = "--preprocess", .value = &settings.model.preprocess},
        {.name = "--fresh-head", .flag = &settings.model.fresh_head},
        {.name = "--batch", .value = &batch},
        {.name = "--threads", .value = &threads},
        {.name = "--json", .flag = &settings.json},
    };
    argc = app_options(&verb_eval, argc, argv, rows, THAW_LENGTH(rows));
    if (argc < 0)
        return argc == -1 ? 0 : error_exit_code(ERROR_USAGE);
    if (argc > 1)
        return app_usage(&verb_eval, "%s is not expected; data is given with --data", argv[1]);
    if (!settings.model.model && !settings.model.weights)
        return app_usage(&verb_eval, "a model is needed: --model, --weights or both");
    if (!settings.data)
        return app_usage(&verb_eval, "a folder of labelled images is needed: --data");
    if (settings.part && strcmp(nearest_of(settings.part, parts + 1), settings.part) != 0)
        return app_usage(&verb_eval, "--split takes train, val, test or all, not %s", settings.part);
    if (!app_whole(&verb_eval, "--batch", batch, 1, 65536, &settings.batch) ||
        !app_whole(&verb_eval, "--threads", threads, 0, 1024, &settings.threads))
        return error_exit_code(ERROR_USAGE);
    return run(&settings);
}

const struct verb verb_eval = {
    .name = "eval",
    .synopsis = "--model NAME|RUN --weights FILE --data PATH [--split PART] [--set data.KEY=VALUE]... [--labels FILE] "
                "[--preprocess TEXT] [--fresh-head] [--batch N] [--threads N] [--runs DIR] [--json]",
    .help = "measures a model on labelled images",
    .options =
        "  --model NAME|RUN   an architecture, a weights file or a run; may be left out with --weights\n" APP_RUNS_HELP
        "  --weights FILE     trained weights; without them an architecture is judged as freshly initialised\n"
        "  --data PATH        a folder of class folders; its val folder where it has one, else all of it.\n"
        "                     Or MNIST's IDX files (.gz as they are): their folder, or a file of images\n"
        "  --split PART       what of it is judged: train, val, test or all\n" DATA_SET_HELP
        "  --labels FILE      the class folder of each output: one name a line, also with its number before it\n"
        "                     (\"0 cat\") or ImageNet's (\"n01440764 tench\"), or JSON: a list, {\"0\": \"cat\"},\n"
        "                     {\"cat\": 0}, id2label; without it the names in the weights, else the sorted names\n"
        "                     of the class folders\n" MODEL_PREPROCESS_HELP MODEL_FRESH_HELP
        "  --batch N          images a pass (64)\n"
        "  --threads N        computing threads (0: all cores)\n"
        "  --json             one JSON object on stdout\n\n" APP_RUN_HELP,
    .run = eval,
};
