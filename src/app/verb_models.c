/* thaw models: which networks there are, through the session as the Models screen lists them; filtered, sorted, two of
 * them side by side, timed. What fills a file of its own is in verb_models_*.c. */
#include "config.h"

#include <limits.h>
#include <math.h>
#include <poll.h>
#include <string.h>

#include "app.h"
#include "print.h"
#include "say.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/base/nearest.h"
#include "thaw/base/text.h"
#include "thaw/session/session.h"
#include "verb_models.h"

/* --- the list --- */

/* "-" where it is not known. */
static const char *figure(char text[PRINT_COUNT], const char *format, double value)
{
    if (isfinite(value))
        snprintf(text, PRINT_COUNT, format, value);
    else
        snprintf(text, PRINT_COUNT, "-");
    return text;
}

static const char *count_of(char text[PRINT_COUNT], double value)
{
    return isfinite(value) ? print_count(text, value) : figure(text, "%f", value);
}

static void list_head(void)
{
    say("%-40s %8s %8s %6s %6s %9s %6s %-5s %8s  %s\n", "model", "params", "MACs", "top-1", "top-5", "size", "input",
        "disk", "ms/image", "format");
}

static void list_line(const struct session_model *model)
{
    char params[PRINT_COUNT], macs[PRINT_COUNT], top1[PRINT_COUNT], top5[PRINT_COUNT], size[PRINT_COUNT],
        ms[PRINT_COUNT];
    say("%-40s %8s %8s %6s %6s %9s %6d %-5s %8s  %s\n", model->name, count_of(params, model->params),
        count_of(macs, model->macs), figure(top1, "%.2f", model->top1), figure(top5, "%.2f", model->top5),
        figure(size, "%.1f MB", model->file_bytes / 1e6), model->side, model->local ? "yes" : "-",
        figure(ms, "%.1f", 1e3 * model->seconds), model->scratch ? "no weights" : model->format);
}

static json_t *list_object(const struct session_model *model)
{
    json_t *object = json_pack("{s:o, s:s, s:s, s:s, s:o, s:o, s:s, s:i, s:o, s:o, s:o, s:s}", "name",
                               text_to_json(model->name), "arch", model->arch, "family", model->family, "title",
                               model->title, "weights", print_json_told(model->weights), "format",
                               print_json_told(model->format), "input", model->input, "classes", model->classes,
                               "params", print_json_real(model->params), "macs", print_json_real(model->macs),
                               "file_bytes", print_json_real(model->file_bytes), "preprocess", model->preprocess);
    json_t *more = json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:b, s:b, s:o, s:o}", "catalog",
                             print_json_told(model->catalog), "source", print_json_told(model->source), "licence",
                             print_json_told(model->licence), "url", print_json_told(model->url), "notes",
                             print_json_told(model->notes), "top1", print_json_real(model->top1), "top5",
                             print_json_real(model->top5), "local", model->local, "scratch", model->scratch, "default",
                             model->is_default, "seconds", print_json_real(model->seconds), "used",
                             model->used > 0 ? json_real(model->used) : json_null());
    json_object_update(object, more);
    json_decref(more);
    return object;
}

static size_t list_rows(struct session *session, bool json)
{
    const struct session_model *models;
    const size_t *row;
    size_t count = session_models(session, &models), shown = session_shown_models(session, &row);
    json_t *rows = json_array();
    if (!json)
        list_head();
    for (size_t i = 0; i < shown; i++) {
        if (json)
            json_array_append_new(rows, list_object(&models[row[i]]));
        else
            list_line(&models[row[i]]);
    }
    if (json)
        app_json(json_pack("{s:O}", "models", rows));
    else
        say("%zu of %zu models\n", shown, count);
    json_decref(rows);
    return shown;
}

static bool take_sort(struct session *session, const char *sort, struct error *error)
{
    enum session_model_column column;
    bool reverse = sort && sort[0] == '-';
    if (!sort)
        return true;
    if (!session_model_column_find(sort + reverse, &column)) {
        struct nearest nearest = {.wanted = sort + reverse};
        error_set(error, ERROR_USAGE, "there is no column \"%s\" to sort by; it can be", sort + reverse);
        for (column = 0; column < SESSION_MODEL_COLUMNS; column++) {
            size_t length = strlen(error->text);
            snprintf(error->text + length, sizeof error->text - length, "%s %s", column ? "," : "",
                     session_model_column_name(column));
            nearest_offer(&nearest, session_model_column_name(column));
        }
        nearest_tell(&nearest, 1, NULL, error->text, sizeof error->text);
        return false;
    }
    session_sort_models(session, column, reverse);
    return true;
}

static struct session *open_session(struct error *error)
{
    struct session_options options = {0};
    struct session *session = session_create(&options, error);
    const char *fault = session ? session_catalog_fault(session) : NULL;
    if (!fault)
        return session;
    error_set(error, ERROR_USAGE, "%s", fault);
    session_destroy(session);
    return NULL;
}

/* --- rows by name --- */

static long find_row(struct session *session, const char *name, struct error *error)
{
    const struct session_model *models;
    size_t count = session_models(session, &models);
    for (size_t i = 0; i < count; i++)
        if (!strcmp(models[i].name, name) || !strcmp(models[i].weights, name))
            return (long)i;
    struct nearest nearest = {.wanted = name};
    for (size_t i = 0; i < count; i++)
        nearest_offer(&nearest, models[i].name);
    if (strchr(name, '/') && !file_exists(name)) {
        error_set(error, ERROR_WEIGHTS, "%s: there is no such file", name);
        return -1;
    }
    error_set(error, ERROR_USAGE, "%s: not in the list that `thaw models` shows", name);
    nearest_tell(&nearest, 1, NULL, error->text, sizeof error->text);
    return -1;
}

/* Two models of the list side by side. */
static int models_compare(const char *a, const char *b, bool json)
{
    struct error error = {0};
    const struct session_difference *row;
    struct session *session = open_session(&error);
    long left = session ? find_row(session, a, &error) : -1, right = left >= 0 ? find_row(session, b, &error) : -1;
    if (right < 0) {
        session_destroy(session);
        return app_fail(&error);
    }
    size_t rows = session_compare_models(session, (size_t)left, (size_t)right, &row);
    json_t *list = json_array();
    if (!json)
        say("%-14s   %-40s   %s\n", "", a, b);
    for (size_t i = 0; i < rows; i++) {
        if (json)
            json_array_append_new(list, json_pack("{s:s, s:o, s:o, s:b, s:i}", "label", row[i].label, "a",
                                                  text_to_json(row[i].a), "b", text_to_json(row[i].b), "differs",
                                                  row[i].differs, "better", row[i].better));
        else
            say("%-14s %c %-40s %c %s\n", row[i].label, row[i].better < 0 ? '+' : ' ', row[i].a,
                row[i].better > 0 ? '+'
                : row[i].differs  ? ' '
                                  : '=',
                row[i].b);
    }
    if (json)
        app_json(json_pack("{s:O}", "rows", list));
    json_decref(list);
    session_destroy(session);
    return 0;
}

static bool time_one(struct session *session, const char *name, bool json, json_t *list, struct error *error)
{
    const struct session_model *models;
    struct pollfd wake = {.fd = session_wake_fd(session), .events = POLLIN};
    long row = find_row(session, name, error);
    if (row < 0 || !session_time_model(session, (size_t)row, error))
        return false;
    while (session_timing(session) >= 0) {
        poll(&wake, 1, 100);
        session_pump(session);
    }
    session_models(session, &models);
    if (!isfinite(models[row].seconds))
        return error_set(error, ERROR_FAILED, "%s: it could not be measured", name);
    if (json)
        json_array_append_new(list,
                              json_pack("{s:o, s:s, s:s, s:f}", "name", text_to_json(name), "arch", models[row].arch,
                                        "input", models[row].input, "seconds", models[row].seconds));
    else
        say("%-40s %8.2f ms an image\n", name, 1e3 * models[row].seconds);
    fflush(stdout);
    return true;
}

/* Measures an image's time of models that can be built, and remembers it. */
static int models_time(char **name, int count, bool json)
{
    struct error error = {0};
    struct session *session = open_session(&error);
    bool good = session != NULL;
    json_t *list = json_array();
    for (int i = 0; good && i < count; i++)
        good = time_one(session, name[i], json, list, &error);
    if (good && json)
        app_json(json_pack("{s:O}", "models", list));
    json_decref(list);
    session_destroy(session);
    return good ? 0 : app_fail(&error);
}

/* --- the verb --- */

static int show(const struct verb_call *call)
{
    return models_show(call->word[0], call->runs, call->json);
}

static int verify(const struct verb_call *call)
{
    return models_verify(call->word[0], call->runs, call->json);
}

static int compare(const struct verb_call *call)
{
    return models_compare(call->word[0], call->word[1], call->json);
}

static int pull(const struct verb_call *call)
{
    return models_pull(call->word, call->words, call->offline, call->json);
}

static int measure(const struct verb_call *call)
{
    return models_time(call->word, call->words, call->json);
}

static int preprocess(const struct verb_call *call)
{
    return models_preprocess(call->word[0], &(struct model_images){call->data, call->runs}, call->json);
}

static const struct verb_action models_actions[] = {
    {"show", 1, 1, "one model's name, weights file or run", show},
    {"verify", 1, 1, "one model's name, weights file or run", verify},
    {"compare", 2, 2, "two models' names", compare},
    {"pull", 1, INT_MAX, "a model's name", pull},
    {"preprocess", 1, 1, "one model's name, weights file or run", preprocess},
    {"time", 1, INT_MAX, "a model's name", measure},
    {NULL, 0, 0, NULL, NULL},
};

static int list(const struct verb_call *call, const char *sort)
{
    struct error error = {0};
    char *filter = app_words(call->word, call->words);
    struct session *session = open_session(&error);
    bool good = session && session_filter_models(session, filter, &error) && take_sort(session, sort, &error);
    if (good && !list_rows(session, call->json) && call->words)
        app_action_suggest(models_actions, (const char *const[]){"pulled", NULL}, call->word[0]);
    session_destroy(session);
    mem_free(filter);
    return good ? 0 : app_fail(&error);
}

static int models(int argc, char **argv)
{
    struct verb_call call = {0};
    const char *sort = NULL;
    const struct option_row rows[] = {
        {.name = "--json", .flag = &call.json},       {.name = "--runs", .value = &call.runs},
        {.name = "--offline", .flag = &call.offline}, {.name = "--data", .value = &call.data},
        {.name = "--sort", .value = &sort},           {.name = "-"},
    };
    argc = app_options(&verb_models, argc, argv, rows, THAW_LENGTH(rows));
    if (argc < 0)
        return argc == -1 ? 0 : error_exit_code(ERROR_USAGE);
    const struct verb_action *action = argc > 1 ? app_action(models_actions, argv[1]) : NULL;
    if (action && sort)
        return app_usage(&verb_models, "--sort is for the list");
    if (call.offline && (!action || action->run != pull))
        return app_usage(&verb_models, "--offline is for pull");
    if (call.runs && (!action || (action->run != show && action->run != verify && action->run != preprocess)))
        return app_usage(&verb_models, "--runs is for show, verify and preprocess");
    if (call.data ? !action || action->run != preprocess : action && action->run == preprocess)
        return app_usage(&verb_models, call.data ? "--data is for preprocess" : "preprocess needs images: --data");
    call.word = argv + 1;
    call.words = argc - 1;
    return action ? app_action_run(&verb_models, action, &call) : list(&call, sort);
}

const struct verb verb_models = {
    .name = "models",
    .synopsis = "[FILTER] [--sort [-]COLUMN] | show NAME|FILE|RUN [--runs DIR] | pull NAME... [--offline] |\n"
                "                   verify NAME|FILE|RUN [--runs DIR] | compare A B | time NAME... |\n"
                "                   preprocess NAME|FILE|RUN --data PATH [--runs DIR]  [--json]",
    .help = "lists the networks and weights there are; shows, pulls, compares, times them",
    .options =
        "  FILTER           words that must all hold, such as 'top1>75 macs<2 params<10M family:resnet local -vgg';\n"
        "                   figures: top1 top5 params (M) macs (G) size (MB) input classes ms; words: local pulled\n"
        "                   used catalog scratch; texts: name: arch: family: title: source: format: licence:\n"
        "  --sort COLUMN    model family params macs top1 top5 size input disk ms used; -COLUMN from the largest\n"
        "  show NAME|FILE   a model of the list, a weights file or a run: its layers, its preprocessing and how its\n"
        "                   weights matched\n"
        "  pull NAME...     fetches weights of the catalog into the models folder; an architecture's name stands for\n"
        "                   its usual weights. Goes on where an earlier pull ended, and checks the published digest\n"
        "  --offline        with pull: touches no network\n"
        "  verify NAME|FILE holds the file against the published digest, and the logits of three built-in images "
        "against\n"
        "                   PyTorch's figures where the catalog has them; exit 4 where either speaks against it\n"
        "  compare A B      two models of the list side by side; + marks the better figure\n"
        "  time NAME...     measures one image's forward pass on this machine, for the list\n"
        "  preprocess FILE  tries ways in which pixels may become the input on some images of --data, and tells which "
        "of\n"
        "                   them the network was trained with: by its batch norms, by its answers\n"
        "  --data PATH      with preprocess: images, as train takes them\n"
        "  --runs DIR       with show, verify and preprocess: where runs are looked for by name (runs in the data "
        "home)\n"
        "  --json           one JSON object on stdout\n\n" APP_RUN_HELP,
    .run = models,
};
