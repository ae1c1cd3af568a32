/* The workbench: what `thaw` without a verb does. On a first start the sample world is drawn, and the sample experiment
 * is ready: one key starts it. */
#include "config.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app.h"
#include "say.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/base/nearest.h"
#include "thaw/base/quote.h"
#include "thaw/run/link.h"
#include "thaw/session/session.h"
#include "ui.h"

struct choices {
    const char *theme, *threads, *samples, *runs, *models, *speed;
    bool ascii, no_colour, no_mouse, slow, offline, read_only;
    bool on_run, replay; /* on a run that is there, which it begins with */
    const char *run;     /* NULL: the last */
};

static bool make_samples(const char *folder, void (*tell)(void *context, int done, int all), void *context,
                         struct error *error)
{
    return app_make_samples(folder, APP_AMERICAN_IMAGES, 1, tell, context, error);
}

/* Files that a start knows of; each the caller's. */
struct places {
    char *samples, *sample, *last; /* last: NULL: it is not to be gone on from */
};

static void find_places(struct places *places, const struct choices *choices)
{
    struct error unused;
    places->samples = choices->samples ? path_expand(choices->samples) : app_samples();
    places->sample = path_join(places->samples, "indian-transfer.ini");
    char *home = path_home(PATH_STATE);
    /* whoever names a sample world wants to see that one */
    if (!choices->samples && !choices->on_run && file_make_directories(home, &unused))
        places->last = path_join(home, "last.ini");
    mem_free(home);
}

static void free_places(struct places *places)
{
    mem_free(places->samples);
    mem_free(places->sample);
    mem_free(places->last);
}

/* How many times as fast as it was a recorded run is played, unless told otherwise. */
static const double usual_speed = 10;

static bool open_run(struct session *session, const struct choices *choices, struct error *error)
{
    double speed = usual_speed;
    const char *run = choices->run ? choices->run : "last";
    if (choices->speed && (!app_number(choices->speed, 0, 1e6, &speed) || speed <= 0))
        return error_set(error, ERROR_USAGE, "--speed takes a number above 0, not %s", choices->speed);
    return choices->replay ? session_replay(session, run, speed, error)
                           : session_open_run(session, run, choices->read_only, error);
}

/* How to come back to what goes on; said once the terminal is as it was. */
static void tell_what_goes_on(struct session *session)
{
    for (size_t i = 0, count = session_views(session); i < count; i++) {
        struct session_view view;
        session_view(session, i, &view);
        if (view.here || view.replay || !session_phase_is_live(view.phase))
            continue;
        char *word = quote_word(view.attach);
        if (view.name[0])
            say("%s goes on training; to come back:\n  thaw attach %s\n", view.name, word);
        else
            say("The run that was being started goes on; to come back:\n  thaw attach\n");
        mem_free(word);
    }
}

static int show(struct session *session, const struct choices *choices, const struct places *places,
                const char *greeting)
{
    struct error error = {0};
    char *themes = path_installed("themes");
    const char *no_colour = getenv("NO_COLOR");
    struct ui_options options = {
        .theme = choices->theme,
        .themes_folder = themes,
        .ascii = choices->ascii,
        .no_colour = choices->no_colour || (no_colour && no_colour[0]),
        .no_mouse = choices->no_mouse,
        .slow = choices->slow,
        .start = SCREEN_TRAIN,
        .greeting = greeting,
        .sample = places->sample,
        .keep = places->last,
    };
    bool done = (!choices->on_run || open_run(session, choices, &error)) && ui_run(&options, session, &error);
    mem_free(themes);
    tell_what_goes_on(session);
    return done ? 0 : app_fail(&error);
}

/* What was asked for, else what was open last, else the sample. */
static int run(const struct choices *choices, int threads, const char *experiment)
{
    struct error error = {0};
    struct places places = {0};
    signal(SIGPIPE, SIG_IGN); /* an engine or a host that goes while something is said to it is told by its link */
    find_places(&places, choices);
    bool goes_on = !experiment && places.last && file_exists(places.last);
    const char *greeting = choices->on_run ? NULL
                           : goes_on       ? "As you left it: r starts the experiment, E opens the sample, ? helps"
                                           : "Press r to start the experiment, ? for help";
    struct session_options options = {.samples = places.samples,
                                      .runs = choices->runs,
                                      .models = choices->models,
                                      .threads = threads,
                                      .offline = choices->offline,
                                      .engine = "/proc/self/exe",
                                      .measures = true,
                                      .experiment = choices->on_run ? NULL
                                                    : experiment    ? experiment
                                                    : goes_on       ? places.last
                                                                    : places.sample,
                                      .instead = goes_on ? places.sample : NULL,
                                      .may_lack = !experiment,
                                      /* the experiments come last: without them it was never finished */
                                      .make_samples = file_exists(places.sample) ? NULL : make_samples};
    struct session *session = session_create(&options, &error);
    if (session && experiment && !choices->on_run)
        session_remember_experiment(experiment);
    int code = session ? show(session, choices, &places, greeting) : app_fail(&error);
    session_destroy(session);
    free_places(&places);
    return code;
}

/* Whether the run that is to be shown is there: a wrong name is told before what else may be wrong. That of another
 * machine's is told by that. */
static bool find_run(const struct choices *choices, struct error *error)
{
    char host[LINK_HOST];
    const char *rest, *name = choices->run ? choices->run : "last";
    if (!choices->replay && link_split(name, host, &rest))
        return true;
    char *run = app_run(choices->runs, name, error);
    bool found = run != NULL;
    mem_free(run);
    return found;
}

/* Neither a verb nor a file. */
static int refuse_word(const char *word)
{
    char hint[96] = "";
    struct nearest nearest = {.wanted = word};
    if (app_late_verb(2, (char *[]){NULL, (char *)word}))
        return app_usage(NULL, "%s stands behind options; the verb comes first: thaw %s, then its options", word, word);
    if (strchr(word, '/') || path_has_ending(word, ".ini"))
        return app_usage(NULL, "%s: there is no such file", word);
    for (size_t i = 0; i < verbs_count; i++)
        nearest_offer(&nearest, verbs[i]->name);
    nearest_offer(&nearest, "--help");
    nearest_tell(&nearest, 1, NULL, hint, sizeof hint);
    return app_usage(NULL, "%s is neither a verb nor an experiment file%s", word, hint);
}

static int begin(const struct verb *verb, int argc, char **argv, struct choices *chosen)
{
    struct choices choices = *chosen;
    const struct option_row rows[] = {
        {.name = "--theme", .value = &choices.theme},
        {.name = "--threads", .value = &choices.threads},
        {.name = "--samples", .value = &choices.samples},
        {.name = "--runs", .value = &choices.runs},
        {.name = "--models", .value = &choices.models},
        {.name = "--ascii", .flag = &choices.ascii},
        {.name = "--no-color", .flag = &choices.no_colour},
        {.name = "--no-mouse", .flag = &choices.no_mouse},
        {.name = "--slow", .flag = &choices.slow},
        {.name = "--offline", .flag = &choices.offline},
        {.name = choices.replay ? "--speed" : "--read-only",
         .value = choices.replay ? &choices.speed : NULL,
         .flag = choices.replay ? NULL : &choices.read_only},
    };
    argc = app_options(verb, argc, argv, rows, THAW_LENGTH(rows) - !choices.on_run);
    if (argc < 0)
        return argc == -1 ? 0 : error_exit_code(ERROR_USAGE);
    if (!choices.on_run && argc > 1 && !file_exists(argv[1]))
        return refuse_word(argv[1]);
    if (argc > 2)
        return app_usage(verb, "one %s at most: %s is not expected", choices.on_run ? "run" : "experiment file",
                         argv[2]);
    choices.run = choices.on_run && argc == 2 ? argv[1] : NULL;
    double threads = 0;
    if (choices.threads && !app_number(choices.threads, 0, 1024, &threads))
        return app_usage(verb, "--threads takes a number from 0 (all cores) to 1024, not %s", choices.threads);
    struct error error = {0};
    if (choices.on_run && !find_run(&choices, &error))
        return app_fail(&error);
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        return app_usage(verb, choices.on_run
                                   ? "the screens need a terminal; without one use thaw follow RUN"
                                   : "the workbench needs a terminal; without one use thaw train EXPERIMENT.ini");
    return run(&choices, (int)threads, argc == 2 ? argv[1] : NULL);
}

int workbench(int argc, char **argv)
{
    return begin(NULL, argc, argv, &(struct choices){0});
}

int workbench_on_run(const struct verb *verb, int argc, char **argv)
{
    return begin(verb, argc, argv, &(struct choices){.on_run = true, .replay = verb == &verb_replay});
}
