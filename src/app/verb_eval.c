/* thaw eval: how good a model is on labelled images. Every image once, in the order of the data, in the evaluation view
 * of the weights' own preprocessing. Data with a validation part, their own or as a run or setting splits it off, are judged
 * on that, any other on all but the test part; which it was is always said. */
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
#include "thaw/shelf/load.h"
#include "thaw/train/evaluate.h"

enum { BATCH = 64 };

struct settings {
    struct model_words model;
    const char *data, *labels, *part;
    struct option_list set;
    int batch, threads;
    bool json, first_outputs;
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

/* Classes of which no name is known can stand for the first outputs only where somebody says so: a figure of labels that
 * mean other things would be a wrong one. Of outputs that never learned none is right or wrong. */
static bool check_foreign(const struct dataset *dataset, const struct model_argument *model, bool first,
                          struct error *error)
{
    int outputs = model->graph->classes;
    if (dataset->classes > outputs)
        return error_set(error, ERROR_DATA,
                         "%s: %d classes, and the model has %d outputs; they cannot be what it was trained for",
                         dataset->path, dataset->classes, outputs);
    if (dataset->classes == outputs)
        return true;
    if (!first && model->file && !load_is_scratch(model->file))
        return error_set(error, ERROR_DATA,
                         "%s: which of the model's %d outputs stand for its %d classes (%.40s, ...) is not known: give "
                         "the outputs' names with --labels FILE, train the model on these classes first (thaw train), "
                         "or say --first-outputs where they are its first %d",
                         dataset->path, outputs, dataset->classes, dataset->class_name[0], dataset->classes);
    say_on(stderr, "thaw: warning: the %d classes are taken for the first of %d outputs\n", dataset->classes, outputs);
    return true;
}

/* A list that is given counts more than the one in the weights; ImageNet's, of a head that is only taken to be of it, counts
 * where it has all of the classes. */
static bool relabel(struct dataset *dataset, const struct model_argument *model, const struct settings *settings,
                    struct error *error)
{
    struct error unused;
    int outputs = model->graph->classes;
    const char *const *name = (const char *const *)model->class_name;
    if (settings->labels)
        return relabel_by_file(dataset, settings->labels, outputs, error);
    bool named = name && model->classes == outputs && !settings->first_outputs;
    if (named && model->own_names)
        return dataset_relabel(dataset, name, outputs, error);
    if (named && dataset->classes < outputs && dataset_relabel(dataset, name, outputs, &unused))
        return true;
    if (dataset->numbered)
        return relabel_by_number(dataset, outputs, error);
    return check_foreign(dataset, model, settings->first_outputs, error);
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
enum part { PART_USUAL, PART_TRAIN, PART_VAL, PART_TEST, PART_ALL };

static enum part choose_part(const char *word, const struct dataset *dataset)
{
    enum part part = PART_USUAL;
    for (int i = 0; word && parts[i]; i++)
        part = strcmp(word, parts[i]) == 0 ? (enum part)i : part;
    if (part != PART_USUAL)
        return part;
    if (dataset->images[DATASET_VAL].items || dataset->own_validation || dataset->split_off)
        return PART_VAL;
    return dataset->images[DATASET_TEST].items ? PART_TRAIN : PART_ALL;
}

static void choose_splits(enum part part, const struct dataset *dataset, bool split[DATASET_PARTS])
{
    bool all = part == PART_ALL;
    split[DATASET_TRAIN] = part == PART_TRAIN || all;
    split[DATASET_VAL] = part == PART_VAL || all || (part == PART_TEST && dataset->test_validates);
    split[DATASET_TEST] = part == PART_TEST || all;
}

/* "validation part, split off" */
static const char *part_words(enum part part, const struct dataset *dataset)
{
    switch (part) {
    case PART_TRAIN:
        return "the training part";
    case PART_VAL:
        return dataset->test_validates ? "the test part, which serves as validation part"
               : dataset->split_off    ? "the validation part, split off the training images"
                                       : "the validation part";
    case PART_TEST:
        return "the test part";
    case PART_USUAL:
    case PART_ALL:
        break;
    }
    return "all parts together";
}

static bool judge(const struct dataset *dataset, const struct graph *graph, const struct settings *settings,
                  enum part part, struct evaluation *evaluation, struct error *error)
{
    bool terminal = isatty(STDERR_FILENO);
    struct evaluation_request request = {
        .graph = graph,
        .dataset = dataset,
        .batch = settings->batch,
        .threads = settings->threads,
        .tell = terminal ? tell_progress : NULL,
    };
    choose_splits(part, dataset, request.split);
    bool good = evaluate(&request, evaluation, error);
    if (terminal)
        say_bar_over();
    return good;
}

/* --- telling --- */

static size_t all_images(const struct dataset *dataset)
{
    size_t images = 0;
    for (int p = 0; p < DATASET_PARTS; p++)
        images += dataset->images[p].items;
    return images;
}

static void report(const struct settings *settings, const struct graph *graph, const struct dataset *dataset,
                   enum part part, const struct evaluation *evaluation)
{
    double images = (double)evaluation->images, seconds = evaluation->seconds;
    double top1 = (double)evaluation->correct / images, top5 = (double)evaluation->correct5 / images;
    double rate = images / (seconds > 0 ? seconds : 1e-9);
    const char *data = settings->data ? settings->data : dataset->path;
    size_t all = all_images(dataset);
    if (settings->json) {
        app_json(json_pack("{s:s, s:o, s:s, s:i, s:I, s:I, s:o, s:o, s:o, s:I, s:f, s:f}", "arch", graph->arch, "data",
                           text_to_json(data), "part", parts[part], "classes", graph->classes, "images",
                           (json_int_t)evaluation->images, "data_images", (json_int_t)all, "top1",
                           print_json_real(top1), "top5", print_json_real(top5), "loss",
                           print_json_real(evaluation->loss), "unreadable", (json_int_t)evaluation->unreadable,
                           "seconds", seconds, "images_per_second", rate));
        return;
    }
    say("%s on %s\n", graph->arch, data);
    say("judged      %s: %llu of %zu images\n", part_words(part, dataset), (unsigned long long)evaluation->images, all);
    say("top-1       %.2f %%\ntop-5       %.2f %%\nloss        %.4f\n", 100 * top1, 100 * top5, evaluation->loss);
    say("images      %llu in %.1f s, %.0f images/s\nunreadable  %llu\n", (unsigned long long)evaluation->images,
        seconds, rate, (unsigned long long)evaluation->unreadable);
}

static bool look(struct model_argument *model, const struct dataset *dataset, struct error *error)
{
    const struct dataset_images *judged = &dataset->images[dataset->own_validation ? DATASET_VAL : DATASET_TRAIN];
    return model_argument_look(model, judged, dataset->classes, error);
}

/* Of a run and its own data, where it had no validation images. */
static void warn_of_learned(const char *run, const struct settings *settings, enum part part)
{
    if (run && !settings->data && part != PART_VAL && part != PART_TEST)
        say_on(stderr,
               "thaw: warning: %s learned from the images that are judged; data.val = 0.2 keeps some of them "
               "apart in a run\n",
               path_base(run));
}

static int run(const struct settings *settings)
{
    struct error error = {0};
    struct model_argument model;
    struct evaluation evaluation;
    struct dataset *dataset = NULL;
    bool good = model_argument_open(&model, &settings->model, &error);
    char *run = good ? data_argument_run(model.file) : NULL;
    if (good && !settings->data && !run)
        good = error_set(&error, ERROR_USAGE, "labelled images are needed, --data PATH: only a run knows its own");
    if (good)
        dataset = data_argument_open(settings->data, &settings->set, run, &error);
    enum part part = dataset ? choose_part(settings->part, dataset) : PART_USUAL;
    good = dataset && look(&model, dataset, &error) && relabel(dataset, &model, settings, &error) &&
           judge(dataset, model.graph, settings, part, &evaluation, &error);
    if (good) {
        warn_of_learned(run, settings, part);
        report(settings, model.graph, dataset, part, &evaluation);
    }
    dataset_destroy(dataset);
    model_argument_finish(&model);
    mem_free(run);
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
        {.name = "--first-outputs", .flag = &settings.first_outputs},
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
    if (settings.part && strcmp(nearest_of(settings.part, parts + 1), settings.part) != 0)
        return app_usage(&verb_eval, "--split takes train, val, test or all, not %s", settings.part);
    if (!app_whole(&verb_eval, "--batch", batch, 1, 65536, &settings.batch) ||
        !app_whole(&verb_eval, "--threads", threads, 0, 1024, &settings.threads))
        return error_exit_code(ERROR_USAGE);
    return run(&settings);
}

const struct verb verb_eval = {
    .name = "eval",
    .synopsis =
        "--model NAME|RUN --weights FILE [--data PATH] [--split PART] [--set data.KEY=VALUE]... [--labels FILE] "
        "[--first-outputs] [--preprocess TEXT] [--fresh-head] [--batch N] [--threads N] [--runs DIR] [--json]",
    .help = "measures a model on labelled images",
    .options =
        "  --model NAME|RUN   an architecture, a weights file or a run; may be left out with --weights\n" APP_RUNS_HELP
        "  --weights FILE     trained weights; without them an architecture is judged as freshly initialised\n"
        "  --data PATH        labelled images, such as a folder of class folders; a run's own without it\n"
        "  --split PART       what of it is judged: train, val, test or all. Without it the validation part: the\n"
        "                     data's own, that of --set data.val, or of a run's own data as the run split them;\n"
        "                     where there is none, all but the test part\n" DATA_SET_HELP
        "  --labels FILE      the class folder of each output: one name a line, also with its number before it\n"
        "                     (\"0 cat\") or ImageNet's (\"n01440764 tench\"), or JSON: a list, {\"0\": \"cat\"},\n"
        "                     {\"cat\": 0}, id2label; without it the names in the weights, else the sorted names\n"
        "                     of the class folders, where there are as many as outputs\n"
        "  --first-outputs    the sorted class folders are the first of more outputs\n" MODEL_PREPROCESS_HELP
            MODEL_FRESH_HELP "  --batch N          images a pass (64)\n"
        "  --threads N        computing threads (0: all cores)\n"
        "  --json             one JSON object on stdout\n\n" APP_RUN_HELP,
    .run = eval,
};
