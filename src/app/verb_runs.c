/* thaw runs: the runs there are, newest first. */
#include "config.h"

#include <string.h>
#include <time.h>

#include "app.h"
#include "print.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/run/run_state.h"
#include "thaw/run/rundir.h"

static const char *state(const struct rundir_summary *run)
{
    return run_state_word(run->active, run->done, run->how);
}

static json_t *accuracy_json(double accuracy)
{
    return accuracy >= 0 ? json_real(accuracy) : json_null();
}

static json_t *run_object(const struct rundir_summary *run)
{
    return json_pack("{s:o, s:o, s:s, s:o, s:o, s:f, s:f, s:i, s:i, s:o, s:o, s:I, s:I}", "path",
                     print_json_text(run->path), "name", print_json_text(run->name), "state", state(run), "model",
                     print_json_text(run->model), "data", print_json_text(run->data), "started", run->started,
                     "seconds", run->seconds, "epochs_done", run->epochs_done, "epochs", run->epochs, "best_accuracy",
                     accuracy_json(run->best_accuracy), "last_accuracy", accuracy_json(run->last_accuracy),
                     "params_trainable", (json_int_t)run->params_trainable, "params_frozen",
                     (json_int_t)run->params_frozen);
}

static void accuracy_text(char *text, size_t room, double accuracy)
{
    if (accuracy >= 0)
        snprintf(text, room, "%.2f %%", 100 * accuracy);
    else
        snprintf(text, room, "-");
}

static void tell_run(const struct rundir_summary *run)
{
    char epochs[24], best[16], last[16], learns[PRINT_COUNT], *name = print_plain(run->name);
    snprintf(epochs, sizeof epochs, "%d/%d", run->epochs_done, run->epochs);
    accuracy_text(best, sizeof best, run->best_accuracy);
    accuracy_text(last, sizeof last, run->last_accuracy);
    printf("%-44s  %-11s  %9s  %9s  %9s  %9s  %8.0f s\n", name, state(run), epochs, best, last,
           print_count(learns, (double)run->params_trainable), run->seconds);
    mem_free(name);
}

static bool matches(const struct rundir_summary *run, const char *filter)
{
    return !filter || strcasestr(run->name, filter) || strcasestr(run->model, filter) ||
           strcasestr(run->data, filter) || strcasestr(state(run), filter);
}

static void tell_all(const struct rundir_summary *list, size_t count, const char *folder, const char *filter, bool json)
{
    json_t *rows = json_array();
    size_t shown = 0;
    if (!json && count)
        printf("%-44s  %-11s  %9s  %9s  %9s  %9s  %10s\n", "run", "state", "epochs", "best", "last", "learning",
               "time");
    for (size_t i = 0; i < count; i++) {
        if (!matches(&list[i], filter))
            continue;
        shown++;
        if (json)
            json_array_append_new(rows, run_object(&list[i]));
        else
            tell_run(&list[i]);
    }
    char *plain = print_plain(folder);
    if (json)
        app_json(json_pack("{s:o, s:O}", "folder", print_json_text(folder), "runs", rows));
    else
        printf("%zu of %zu runs in %s\n", shown, count, plain);
    mem_free(plain);
    json_decref(rows);
}

static int runs(int argc, char **argv)
{
    bool json = false;
    const char *given = NULL;
    const struct option_row rows[] = {{.name = "--json", .flag = &json}, {.name = "--runs", .value = &given}};
    argc = app_options(&verb_runs, argc, argv, rows, THAW_LENGTH(rows));
    if (argc < 0)
        return argc == -1 ? 0 : error_exit_code(ERROR_USAGE);
    if (argc > 2)
        return app_usage(&verb_runs, "one filter at most");
    struct error error = {0};
    char *home = path_home(PATH_DATA);
    char *folder = given ? path_expand(given) : path_join(home, "runs");
    size_t count = 0;
    struct rundir_summary *list = NULL;
    if (given && !file_is_directory(folder))
        error_set(&error, ERROR_USAGE, "%s: no such folder", given);
    else
        list = rundir_list(folder, &count, &error);
    if (list)
        tell_all(list, count, folder, argc > 1 ? argv[1] : NULL, json);
    int code = list ? 0 : app_fail(&error);
    rundir_list_free(list, count);
    mem_free(folder);
    mem_free(home);
    return code;
}

const struct verb verb_runs = {
    .name = "runs",
    .synopsis = "[FILTER] [--runs DIR] [--json]",
    .help = "lists the runs, newest first",
    .options = "  FILTER       only runs with this in their name, model, data or state\n"
               "  --runs DIR   the folder of runs (runs in the data home)\n"
               "  --json       one JSON object on stdout\n",
    .run = runs,
};
