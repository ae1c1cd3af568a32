/* thaw data check: what a folder of images holds, and what the doctor finds in it. */
#include "config.h"

#include <string.h>
#include <unistd.h>

#include "app.h"
#include "data_argument.h"
#include "print.h"
#include "say.h"
#include "thaw/base/mem.h"
#include "thaw/base/text.h"
#include "thaw/data/doctor.h"
#include "thaw/train/experiment.h"
#include "thaw/train/mislabels.h"

/* What `data check` is asked for. */
struct settings {
    const char *path;
    struct option_list set;
    struct model_words model;
    const char *fix; /* the table to be written; NULL: none */
    int threads;
    bool json;
};

/* What came of it. */
struct checked {
    const struct dataset *dataset;
    struct doctor_report report;
    bool judged; /* labels were */
    struct mislabels labels;
};

static void progress(void *context, int done, int total)
{
    (void)context;
    say_bar("%d/%d images", done, total);
}

/* --- labels --- */

static bool progress_labels(void *context, size_t done, size_t all)
{
    (void)context;
    say_bar("%zu/%zu images through the model", done, all);
    return true;
}

static bool judge_labels(struct checked *checked, const struct settings *settings, struct error *error)
{
    const struct dataset *dataset = checked->dataset;
    struct experiment usual;
    struct model_argument model;
    experiment_init(&usual);
    bool terminal = isatty(STDERR_FILENO);
    bool good = model_argument_open(&model, &settings->model, error);
    const struct dataset_images *images =
        &dataset->images[dataset->images[DATASET_TRAIN].items ? DATASET_TRAIN : DATASET_VAL];
    good = good && model_argument_look(&model, images, 0, error);
    const struct mislabels_request request = {.graph = model.graph,
                                              .dataset = dataset,
                                              .cache = (size_t)usual.data.cache_disk << 20,
                                              .threads = settings->threads,
                                              .tell = terminal ? progress_labels : NULL};
    good = good && mislabels_find(&request, &checked->labels, error);
    if (terminal)
        say_bar_over();
    model_argument_finish(&model);
    checked->judged = good;
    return good;
}

/* --- plain --- */

/* Weights where they are worth a column. */
static void tell_classes(const struct dataset *dataset, const struct doctor_report *report)
{
    int width = 5;
    for (int c = 0; c < dataset->classes; c++) {
        int length = (int)strlen(dataset->class_name[c]);
        width = length > width ? length : width;
    }
    width = width > 48 ? 48 : width;
    bool tests = dataset->images[DATASET_TEST].items > 0;
    bool weights = report->count[DOCTOR_IMBALANCE] > 0;
    say("%-*s  %8s  %10s%s%s\n", width, "class", "training", "validation", tests ? "      test" : "",
        weights ? "  weight" : "");
    for (int c = 0; c < dataset->classes; c++) {
        say("%-*s  %8zu  %10zu", width, dataset->class_name[c], dataset_class_count(dataset, DATASET_TRAIN, c),
            dataset_class_count(dataset, DATASET_VAL, c));
        if (tests)
            say("  %8zu", dataset_class_count(dataset, DATASET_TEST, c));
        if (weights)
            say("  %6.3g", (double)report->weight[c]);
        say("\n");
    }
}

static void tell_findings(const struct dataset *dataset, const struct doctor_report *report)
{
    size_t at = 0;
    if (dataset->notes)
        say("\nnotes: %zu\n", dataset->notes);
    for (size_t i = 0; i < dataset->notes; i++)
        say("  %s\n", dataset->note[i]);
    if (!report->findings && !dataset->notes)
        say("\nnothing to complain of\n");
    for (enum doctor_kind kind = 0; kind < DOCTOR_KINDS; kind++) {
        if (!report->count[kind])
            continue;
        say("\n%s: %zu\n", doctor_kind_name(kind), report->count[kind]);
        for (; at < report->findings && report->finding[at].kind == kind; at++) {
            say("  %s\n", report->finding[at].text);
        }
    }
}

static void tell_labels(const struct dataset *dataset, const struct mislabels *labels)
{
    say("\nlikely mislabelled: %zu of %zu\n", labels->count, labels->images);
    for (size_t i = 0; i < labels->count; i++) {
        const struct mislabel *row = &labels->mislabel[i];
        say("  %s is labelled %s (%.3f), looks like %s (%.3f)\n", row->item->path,
            dataset->class_name[row->item->label], (double)row->own, dataset->class_name[row->guess],
            (double)row->guessed);
    }
}

static void tell(const struct checked *checked)
{
    const struct dataset *dataset = checked->dataset;
    const struct doctor_report *report = &checked->report;
    const struct dataset_images *images = dataset->images;
    say("%s: %d classes, %zu training and %zu validation images%s\n%s\n\n", dataset->path, dataset->classes,
        images[DATASET_TRAIN].items, images[DATASET_VAL].items,
        images[DATASET_VAL].items ? "" : " (no validation part)", dataset->layout);
    tell_classes(dataset, report);
    say("\n%zu images read in full, %dx%d to %dx%d pixels\n", report->images, report->width[0], report->height[0],
        report->width[1], report->height[1]);
    tell_findings(dataset, report);
    if (checked->judged)
        tell_labels(dataset, &checked->labels);
}

/* --- JSON --- */

/* null where labels were not judged. */
static json_t *labels_json(const struct checked *checked)
{
    if (!checked->judged)
        return json_null();
    const struct dataset *dataset = checked->dataset;
    json_t *rows = json_array();
    for (size_t i = 0; i < checked->labels.count; i++) {
        const struct mislabel *row = &checked->labels.mislabel[i];
        json_array_append_new(rows, json_pack("{s:o, s:o, s:o, s:f, s:f}", "path", text_to_json(row->item->path),
                                              "label", text_to_json(dataset->class_name[row->item->label]),
                                              "looks_like", text_to_json(dataset->class_name[row->guess]), "own",
                                              (double)row->own, "guessed", (double)row->guessed));
    }
    return rows;
}

static json_t *classes_json(const struct dataset *dataset, const struct doctor_report *report)
{
    json_t *classes = json_array();
    for (int c = 0; c < dataset->classes; c++)
        json_array_append_new(classes,
                              json_pack("{s:o, s:I, s:I, s:I, s:f}", "name", text_to_json(dataset->class_name[c]),
                                        "train", (json_int_t)dataset_class_count(dataset, DATASET_TRAIN, c), "val",
                                        (json_int_t)dataset_class_count(dataset, DATASET_VAL, c), "test",
                                        (json_int_t)dataset_class_count(dataset, DATASET_TEST, c), "weight",
                                        (double)report->weight[c]));
    return classes;
}

static void tell_json(const struct checked *checked)
{
    const struct dataset *dataset = checked->dataset;
    const struct doctor_report *report = &checked->report;
    json_t *findings = json_array(), *counts = json_object(), *notes = json_array();
    for (size_t i = 0; i < dataset->notes; i++)
        json_array_append_new(notes, text_to_json(dataset->note[i]));
    for (size_t i = 0; i < report->findings; i++)
        json_array_append_new(findings, json_pack("{s:s, s:o}", "kind", doctor_kind_name(report->finding[i].kind),
                                                  "text", text_to_json(report->finding[i].text)));
    for (enum doctor_kind kind = 0; kind < DOCTOR_KINDS; kind++)
        json_object_set_new(counts, doctor_kind_name(kind), json_integer((json_int_t)report->count[kind]));
    app_json(json_pack("{s:o, s:o, s:I, s:I, s:I, s:b, s:I, s:[i, i], s:[i, i], s:o, s:o, s:o, s:o, s:o}", "path",
                       text_to_json(dataset->path), "layout", text_to_json(dataset->layout), "train",
                       (json_int_t)dataset->images[DATASET_TRAIN].items, "val",
                       (json_int_t)dataset->images[DATASET_VAL].items, "test",
                       (json_int_t)dataset->images[DATASET_TEST].items, "own_validation", dataset->own_validation,
                       "images_read", (json_int_t)report->images, "width", report->width[0], report->width[1], "height",
                       report->height[0], report->height[1], "classes", classes_json(dataset, report), "counts", counts,
                       "notes", notes, "findings", findings, "mislabels", labels_json(checked)));
}

static void examine(struct checked *checked, const struct settings *settings)
{
    bool terminal = isatty(STDERR_FILENO);
    doctor_examine(checked->dataset, settings->threads, terminal ? progress : NULL, NULL, &checked->report);
    if (terminal)
        say_bar_over();
}

static int check(const struct settings *settings)
{
    struct error error = {0};
    struct dataset *dataset = data_argument_open(settings->path, &settings->set, NULL, &error);
    if (!dataset)
        return app_fail(&error);
    struct checked checked = {.dataset = dataset};
    examine(&checked, settings);
    size_t left_out = 0;
    bool asked = settings->model.model || settings->model.weights;
    bool good = checked.report.images > 0 ||
                error_set(&error, ERROR_DATA, "%s: none of its images can be read", settings->path);
    good = good && (!asked || judge_labels(&checked, settings, &error));
    good = good && (!settings->fix || doctor_fix(dataset, &checked.report, settings->fix, &left_out, &error));
    if (settings->json)
        tell_json(&checked);
    else
        tell(&checked);
    if (good && settings->fix && !settings->json)
        say("\n%s: a table without %zu of the images, to be opened in the folder's place\n", settings->fix, left_out);
    mislabels_finish(&checked.labels);
    doctor_finish(&checked.report);
    dataset_destroy(dataset);
    return good ? 0 : app_fail(&error);
}

static int data(int argc, char **argv)
{
    const char *threads = NULL;
    struct settings settings = {.model.fresh_head = true}; /* the head is not looked at */
    const struct option_row rows[] = {{.name = "--json", .flag = &settings.json},
                                      {.name = "--threads", .value = &threads},
                                      {.name = "--fix", .value = &settings.fix},
                                      {.name = "--model", .value = &settings.model.model},
                                      {.name = "--weights", .value = &settings.model.weights},
                                      {.name = "--preprocess", .value = &settings.model.preprocess},
                                      {.name = "--runs", .value = &settings.model.runs},
                                      {.name = "--set", .list = &settings.set}};
    argc = app_options(&verb_data, argc, argv, rows, THAW_LENGTH(rows));
    if (argc < 0)
        return argc == -1 ? 0 : error_exit_code(ERROR_USAGE);
    if (argc != 3 || strcmp(argv[1], "check"))
        return app_usage(&verb_data, "`check` and one folder are needed");
    if (!app_whole(&verb_data, "--threads", threads, 0, 1024, &settings.threads))
        return error_exit_code(ERROR_USAGE);
    settings.path = argv[2];
    return check(&settings);
}

const struct verb verb_data = {
    .name = "data",
    .synopsis = "check PATH [--model NAME|RUN] [--weights FILE] [--preprocess TEXT] [--fix FILE] "
                "[--set data.KEY=VALUE]... [--threads N] [--runs DIR] [--json]",
    .help = "reads every image of a folder and lists what would spoil a training",
    .options =
        "  --model, --weights also judge the labels by what this model sees, as for eval: images that are likely\n"
        "                     mislabelled, the most suspicious first\n"
        "  --preprocess TEXT  how its pixels are scaled, as model.preprocess of an experiment\n"
        "  --runs DIR         where runs have names\n"
        "  --fix FILE         writes a table of the images without unreadable ones, without doubles and without those\n"
        "                     of the training part that validation or test have, too; the images stay as they "
        "are\n" DATA_SET_HELP "  --threads N        decoding threads (0: all cores)\n"
        "  --json             one JSON object on stdout\n\n"
        "Told: how the data lie, what of it is not used, unreadable files, the same file in two parts, under two\n"
        "classes or twice, images that look the same, empty and tiny classes, imbalance with weights against it,\n"
        "names of classes that may be one, odd sizes. Exit 3 where a training could not begin.\n",
    .run = data,
};
