/* thaw train and thaw resume: a run without a screen. It serves whoever attaches, as every run does; --detach starts it in
 * a process of its own. A progress bar on a terminal, a plain line an epoch elsewhere; with --json one object on stdout at
 * the end. */
#include "config.h"

#include <string.h>

#include "app.h"
#include "print.h"
#include "run_lines.h"
#include "say.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/base/text.h"
#include "thaw/engine/engine.h"
#include "thaw/run/run_find.h"
#include "thaw/run/rundir.h"
#include "thaw/shelf/load.h"
#include "thaw/shelf/remember.h"

enum { START_SECONDS = 600 }; /* a large data set on a slow disk is looked through before a run begins */

/* For the list of models. */
static void remember_model(const struct experiment *experiment)
{
    struct error unused;
    char *path = experiment_is_scratch(experiment) ? mem_string(experiment->model.name)
                                                   : load_weights_path(experiment->model.weights, &unused);
    if (path)
        remember_use(path);
    mem_free(path);
}

static void tell(void *context, const struct event *event)
{
    run_lines_tell(context, event);
}

static int run_here(const struct engine_request *request, bool json)
{
    struct error error = {0};
    struct run_lines lines;
    char *run = NULL;
    run_lines_init(&lines, json ? stderr : stdout, false);
    struct engine_host host = {.tell = tell, .context = &lines};
    if (request->resume && !run_lines_catch_up(&lines, request->resume, &error)) {
        run_lines_finish(&lines);
        return app_fail(&error);
    }
    remember_model(request->experiment);
    bool good = engine_serve(request, &host, &run, &error);
    int code = run && (json || good) ? run_lines_end(&lines, run, json) : 0;
    if (!good)
        code = app_fail(&error);
    run_lines_finish(&lines);
    mem_free(run);
    return code;
}

static int run_detached(const struct engine_request *request, bool json)
{
    struct error error = {0};
    struct link *link = engine_start("/proc/self/exe", request, &error);
    char *run = link ? engine_wait_started(link, START_SECONDS, &error) : NULL;
    int code = run ? 0 : app_fail(&error);
    remember_model(request->experiment);
    if (run && json) {
        app_json(json_pack("{s:o}", "run", text_to_json(run)));
    } else if (run) {
        say("%s\n", run);
    }
    mem_free(run);
    link_destroy(link);
    return code;
}

/* What --set changes. */
static bool set_all(struct experiment *experiment, const struct option_list *set, struct error *error)
{
    bool good = true;
    for (size_t i = 0; good && i < set->count; i++)
        good = experiment_set(experiment, set->item[i], error);
    return good;
}

/* Of the file with what --set changed in it. */
static bool check(const struct experiment *experiment, const struct option_list *set, const char *file,
                  struct error *error)
{
    return experiment_check(experiment, error) || error_wrap(error, "%s%s", file, set->count ? " with --set" : "");
}

static int train(int argc, char **argv)
{
    bool json = false, detach = false, share = false;
    struct option_list set = {0};
    const char *runs = NULL, *threads = NULL;
    const struct option_row options[] = {{.name = "--threads", .value = &threads}, {.name = "--json", .flag = &json},
                                         {.name = "--set", .list = &set},          {.name = "--runs", .value = &runs},
                                         {.name = "--run", .value = &runs}, /* as it was called at first */
                                         {.name = "--detach", .flag = &detach},    {.name = "--share", .flag = &share}};
    argc = app_options(&verb_train, argc, argv, options, THAW_LENGTH(options));
    if (argc < 0)
        return argc == -1 ? 0 : error_exit_code(ERROR_USAGE);
    if (argc != 2)
        return app_usage(&verb_train, "one experiment file is needed");
    struct experiment experiment;
    int wanted = -1;
    if (!app_whole(&verb_train, "--threads", threads, 0, 1024, &wanted))
        return error_exit_code(ERROR_USAGE);
    struct error error = {0};
    bool good = experiment_load(&experiment, argv[1], &error) && set_all(&experiment, &set, &error);
    if (good && wanted >= 0)
        experiment.train.threads = wanted;
    if (good && runs && strlen(runs) >= sizeof experiment.run.dir)
        return app_usage(&verb_train, "--runs takes a folder of at most %zu bytes", sizeof experiment.run.dir - 1);
    if (good && runs)
        snprintf(experiment.run.dir, sizeof experiment.run.dir, "%s", runs);
    if (!good || !check(&experiment, &set, argv[1], &error))
        return app_fail(&error);
    struct engine_request request = {.experiment = &experiment, .share = share};
    return detach ? run_detached(&request, json) : run_here(&request, json);
}

static int resume(int argc, char **argv)
{
    bool json = false, detach = false, share = false;
    const char *runs = NULL, *epochs = NULL, *threads = NULL;
    int wanted = 0, team = -1;
    const struct option_row options[] = {
        {.name = "--json", .flag = &json},      {.name = "--runs", .value = &runs},
        {.name = "--epochs", .value = &epochs}, {.name = "--threads", .value = &threads},
        {.name = "--detach", .flag = &detach},  {.name = "--share", .flag = &share}};
    argc = app_options(&verb_resume, argc, argv, options, THAW_LENGTH(options));
    if (argc < 0)
        return argc == -1 ? 0 : error_exit_code(ERROR_USAGE);
    if (argc != 2)
        return app_usage(&verb_resume, "one run is needed, by its name or as a directory");
    if (!app_whole(&verb_resume, "--epochs", epochs, 1, EXPERIMENT_EPOCHS_MAX, &wanted) ||
        !app_whole(&verb_resume, "--threads", threads, 0, 1024, &team))
        return error_exit_code(ERROR_USAGE);
    struct experiment experiment;
    struct error error = {0};
    char *run = app_run(runs, argv[1], &error), *path = run ? path_join(run, "experiment.ini") : NULL;
    int code = 0;
    if (run && rundir_check(run, &error) && experiment_load(&experiment, path, &error)) {
        if (team >= 0)
            experiment.train.threads = team;
        struct engine_request request = {.experiment = &experiment, .resume = run, .epochs = wanted, .share = share};
        code = detach ? run_detached(&request, json) : run_here(&request, json);
    } else {
        code = app_fail(&error);
    }
    mem_free(path);
    mem_free(run);
    return code;
}

/* The checkpoint that --at names is there; else which there are. */
static bool has_checkpoint(const char *run, const char *at, struct error *error)
{
    struct error unused;
    struct file_list names = {0};
    char *folder = path_join(run, "checkpoints"), *file = mem_format("%s/%s.safetensors", folder, at ? at : "last");
    bool found = file_exists(file);
    if (!found && file_list_read(&names, folder, &unused)) {
        char list[400] = "";
        for (size_t i = 0; i < names.count && strlen(list) < sizeof list - 80; i++)
            snprintf(list + strlen(list), sizeof list - strlen(list), "%s%.*s", i ? ", " : "",
                     (int)strcspn(names.name[i], "."), names.name[i]);
        error_set(error, ERROR_USAGE, "%s: it has no checkpoint \"%s\"; there are: %s", path_base(run),
                  at ? at : "last", list[0] ? list : "none");
    } else if (!found) {
        error_set(error, ERROR_USAGE, "%s: it has no checkpoints", path_base(run));
    }
    file_list_free(&names);
    mem_free(folder);
    mem_free(file);
    return found;
}

static int fork_run(int argc, char **argv)
{
    bool json = false, detach = false, share = false;
    const char *runs = NULL, *at = NULL;
    struct option_list set = {0};
    const struct option_row options[] = {{.name = "--json", .flag = &json},     {.name = "--runs", .value = &runs},
                                         {.name = "--at", .value = &at},        {.name = "--set", .list = &set},
                                         {.name = "--detach", .flag = &detach}, {.name = "--share", .flag = &share}};
    argc = app_options(&verb_fork, argc, argv, options, THAW_LENGTH(options));
    if (argc < 0)
        return argc == -1 ? 0 : error_exit_code(ERROR_USAGE);
    if (argc != 2)
        return app_usage(&verb_fork, "one run is needed, by its name or as a directory");
    struct experiment experiment;
    struct error error = {0};
    char *run = app_run(runs, argv[1], &error);
    int code = 0;
    int added = 0;
    if (run && rundir_check(run, &error) && has_checkpoint(run, at, &error) &&
        experiment_load_fork(&experiment, run, at ? at : "last", &added, &error)) {
        int epochs = experiment.train.epochs;
        if (set_all(&experiment, &set, &error) && check(&experiment, &set, path_base(run), &error) && added &&
            experiment.train.epochs == epochs)
            say_on(stderr, "thaw: %s had come to its end: %d epochs more, train.epochs = %d\n", path_base(run), added,
                   epochs);
    }
    if (run && error.kind == ERROR_NONE) {
        struct engine_request request = {.experiment = &experiment, .fork = run, .checkpoint = at, .share = share};
        code = detach ? run_detached(&request, json) : run_here(&request, json);
    } else {
        code = app_fail(&error);
    }
    mem_free(run);
    return code;
}

const struct verb verb_train = {
    .name = "train",
    .synopsis = "EXPERIMENT.ini [--set section.key=value]... [--threads N] [--runs DIR] [--detach] [--share] [--json]",
    .help = "runs an experiment without a screen",
    .options = "  --set section.key=value   overrides a line of the experiment; may be repeated\n"
               "  --threads N               computing threads (0: all cores); the results are the same\n"
               "  --runs DIR                where the run directory is made\n"
               "  --detach                  in a process of its own: prints the run's directory and returns\n"
               "  --share                   your group may watch (thaw attach), not steer\n"
               "  --json                    one JSON object on stdout at the end\n\n"
               "Signals: INT and TERM finish the batch, save and stop, a second one ends at once;\n"
               "HUP and USR1 save and go on.\n",
    .run = train,
};

const struct verb verb_resume = {
    .name = "resume",
    .synopsis = "RUN [--epochs N] [--threads N] [--runs DIR] [--detach] [--share] [--json]",
    .help = "goes on with a run from its last checkpoint, to the same bits",
    .options = "  --epochs N   so many in all: also a run that had ended goes on\n"
               "  --threads N  computing threads (0: all cores); the results are the same\n"
               "  --runs DIR   where runs are looked for by name (runs in the data home)\n"
               "  --detach     in a process of its own: prints the run's directory and returns\n"
               "  --share      your group may watch (thaw attach), not steer\n"
               "  --json       one JSON object on stdout at the end\n\n" APP_RUN_HELP,
    .run = resume,
};

const struct verb verb_fork = {
    .name = "fork",
    .synopsis = "RUN [--at CHECKPOINT] [--set section.key=value]... [--runs DIR] [--detach] [--share] [--json]",
    .help = "begins a new run at a checkpoint of another, with other settings",
    .options = "  --at CHECKPOINT           last (without it), best, or epoch-NNNN of those that were kept\n"
               "  --set section.key=value   what is to be other than in RUN; may be repeated\n"
               "  --runs DIR                where runs are looked for by name (runs in the data home)\n"
               "  --detach                  in a process of its own: prints the run's directory and returns\n"
               "  --share                   your group may watch (thaw attach), not steer\n"
               "  --json                    one JSON object on stdout at the end\n\n" APP_RUN_HELP,
    .run = fork_run,
};
