/* The commands that change the next run from any screen: its model, data, settings and freezing, and its start. Each says
 * what it did, or why not. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "component.h"
#include "overlay.h"
#include "thaw/base/mem.h"
#include "undo.h"

static void choose_model(const struct command_call *call)
{
    struct ui *ui = call->ui;
    struct error error;
    struct session_kept_model *before = undo_before_model(ui->session);
    bool chosen = session_choose_model_file(ui->session, call->argument, &error);
    undo_chose(ui->undo, before, chosen);
    if (!chosen) {
        ui_fail(ui, &error);
        return;
    }
    ui_say(ui, UI_GOOD, "%s is chosen", call->argument);
    ui_go(ui, SCREEN_LAYERS);
}

static void choose_data(const struct command_call *call)
{
    struct ui *ui = call->ui;
    struct error error;
    if (!session_choose_data(ui->session, call->argument, &error)) {
        ui_fail(ui, &error);
        return;
    }
    ui_go(ui, SCREEN_DATA);
    const struct session_data *data = session_data(ui->session);
    if (!data)
        return;
    if (data->bad_count > 0)
        ui_say(ui, UI_WARNING, "%s: %d classes; %zu bad file%s set aside", component_leaf(data->path), data->classes,
               data->bad_count, data->bad_count > 1 ? "s are" : " is");
    else
        ui_say(ui, UI_GOOD, "%s: %d classes, %zu images", component_leaf(data->path), data->classes,
               data->train + data->val);
}

static void load(const struct command_call *call)
{
    struct ui *ui = call->ui;
    struct error error;
    if (!session_load_experiment(ui->session, call->argument, &error)) {
        ui_fail(ui, &error);
        return;
    }
    undo_forget(ui->undo);
    session_remember_experiment(call->argument);
    ui_say(ui, UI_GOOD, "%s is loaded", call->argument);
    ui_go(ui, SCREEN_TRAIN);
}

static void sample(const struct command_call *call)
{
    struct ui *ui = call->ui;
    struct error error;
    if (!ui->sample || !session_load_experiment(ui->session, ui->sample, &error)) {
        if (ui->sample)
            ui_fail(ui, &error);
        return;
    }
    undo_forget(ui->undo);
    ui_say(ui, UI_GOOD, "The sample is open");
    ui_go(ui, SCREEN_TRAIN);
}

static void write_file(const struct command_call *call)
{
    struct ui *ui = call->ui;
    struct error error;
    if (!session_save_experiment(ui->session, call->argument, &error)) {
        ui_fail(ui, &error);
        return;
    }
    session_remember_experiment(call->argument);
    ui_say(ui, UI_GOOD, "%s is written; thaw train runs it", call->argument);
}

static void set(const struct command_call *call)
{
    struct ui *ui = call->ui;
    struct error error;
    bool good = undo_set(ui->undo, ui->session, call->argument, &error);
    if (!good && strncmp(error.text, call->argument, strlen(call->argument)) == 0)
        ui_say(ui, UI_ERROR, "%s", error.text); /* what was typed keeps its letters */
    else if (!good)
        ui_fail(ui, &error);
    else
        ui_say(ui, UI_GOOD, "%s%s", call->argument, ui_training(ui) ? " for the next run" : "");
}

static void no_fork(const struct command_call *call)
{
    const char *checkpoint;
    bool was = session_forks(call->ui->session, &checkpoint)[0] != '\0';
    session_no_fork(call->ui->session);
    if (was)
        ui_say(call->ui, UI_GOOD, "The next run begins from the weights");
    else
        ui_say(call->ui, UI_WARNING, "The next run is no fork");
}

static bool is_opening(struct ui *ui)
{
    return session_opening(ui->session) != NULL;
}

static void start_now(void *context, struct ui *ui)
{
    struct error error;
    (void)context;
    if (!session_start(ui->session, &error)) {
        ui_fail(ui, &error);
        return;
    }
    ui_keep(ui);
    ui_say(ui, UI_GOOD, "Training starts");
    ui_go(ui, SCREEN_TRAIN);
}

/* A run that is on this machine already: what it is called, and whether it waits. One that trains comes before those that
 * are paused. */
struct beside {
    char name[128];
    bool paused;
};

static void take_beside(struct beside *beside, bool *any, const char *name, bool paused)
{
    if (*any && (paused || !beside->paused))
        return;
    *any = true;
    beside->paused = paused;
    snprintf(beside->name, sizeof beside->name, "%s", name[0] ? component_run_title(name) : "A run");
}

static bool trains_beside(struct ui *ui, struct beside *beside)
{
    const struct session_running *running;
    bool any = false;
    for (size_t i = 0; i < session_views(ui->session); i++) {
        struct session_view view;
        session_view(ui->session, i, &view);
        if (session_phase_is_live(view.phase) && !view.replay && !strchr(view.name, ':'))
            take_beside(beside, &any, view.name, view.phase == SESSION_PAUSED);
    }
    size_t count = session_running(ui->session, &running);
    for (size_t i = 0; i < count; i++)
        take_beside(beside, &any, running[i].name, running[i].paused);
    return any;
}

static bool is_crowded(struct ui *ui)
{
    struct beside beside;
    return trains_beside(ui, &beside);
}

static void start_judged(void *context, struct ui *ui)
{
    struct beside beside;
    char question[320];
    (void)context;
    session_look_for_running(ui->session);
    if (!trains_beside(ui, &beside)) {
        start_now(NULL, ui);
        return;
    }
    snprintf(question, sizeof question,
             beside.paused ? "%s is paused: it keeps its memory, and would share this machine's cores with another run "
                             "once it goes on. Start one all the same?"
                           : "%s is training. Another run would share this machine's cores with it. Start it all the "
                             "same?",
             beside.name);
    ui_confirm_while(ui, is_crowded, "The other run has ended meanwhile: r starts this one", question, start_now, NULL);
}

static bool is_unjudged(struct ui *ui)
{
    const struct session_data *data = session_data(ui->session);
    return data != NULL && data->val == 0 && session_chosen_model(ui->session) >= 0;
}

static void start(const struct command_call *call)
{
    struct ui *ui = call->ui;
    if (session_opening(ui->session)) {
        ui->starts = true;
        ui_say_while(ui, is_opening, UI_INFO, "Training starts as soon as all is open");
    } else if (is_unjudged(ui)) {
        ui_confirm_while(ui, is_unjudged, "There are validation images now: r starts the run",
                         "The data has no validation images: nothing would be judged, and no epoch is the best. :set "
                         "data.val=0.2 keeps a fifth of the images for that. Start all the same?",
                         start_judged, NULL);
    } else {
        start_judged(NULL, ui);
    }
}

/* --- runs to look at --- */

static void look_at(struct ui *ui, const char *run)
{
    struct error error;
    if (!session_open_run(ui->session, run, false, &error)) {
        ui_fail(ui, &error);
        return;
    }
    ui_go(ui, SCREEN_TRAIN);
}

/* Without a name the run that trains already. */
static void attach(const struct command_call *call)
{
    const struct session_running *running;
    if (!*call->argument)
        session_look_for_running(call->ui->session);
    if (*call->argument)
        look_at(call->ui, call->argument);
    else if (session_running(call->ui->session, &running) > 0)
        look_at(call->ui, running[0].run);
    else
        ui_ask_command(call->ui, "attach ");
}

static void replay(const struct command_call *call)
{
    struct ui *ui = call->ui;
    struct error error;
    ui->replay_speed = UI_REPLAY_SPEED;
    if (session_replay(ui->session, call->argument, UI_REPLAY_SPEED, &error))
        ui_go(ui, SCREEN_TRAIN);
    else
        ui_fail(ui, &error);
}

static char *view_words(struct session *session, size_t at)
{
    struct session_view view;
    session_view(session, at, &view);
    const char *what = view.replay ? "replay, " : "", *name = view.name[0] ? view.name : "a new run";
    if (view.epochs > 0)
        return mem_format("%zu  %.80s: %s%s, epoch %d of %d", at + 1, name, what, view.words, view.epoch, view.epochs);
    return mem_format("%zu  %.80s: %s%s", at + 1, name, what, view.words);
}

static void show_view(void *context, struct ui *ui, const char *item)
{
    (void)context;
    session_show_view(ui->session, strtoul(item, NULL, 10) - 1);
    ui_go(ui, SCREEN_TRAIN);
}

static void choose_view(struct ui *ui)
{
    long shown = session_shown_view(ui->session);
    char *items = mem_string(""), *now = mem_string("");
    for (size_t i = 0; i < session_views(ui->session); i++) {
        char *words = view_words(ui->session, i), *longer = mem_format("%s%s%s", items, i > 0 ? " | " : "", words);
        mem_free(items);
        items = longer;
        if ((long)i == shown) {
            mem_free(now);
            now = mem_string(words);
        }
        mem_free(words);
    }
    ui_choose(ui, &(struct ui_choice){.title = "runs looked at", .items = items, .now = now, .done = show_view});
    mem_free(items);
    mem_free(now);
}

/* By its number or a part of its name. */
static void view(const struct command_call *call)
{
    struct ui *ui = call->ui;
    size_t count = session_views(ui->session);
    if (count == 0)
        ui_say(ui, UI_WARNING, "No run is looked at: r starts one, :attach looks at one that is there");
    else if (!*call->argument)
        choose_view(ui);
    else
        for (size_t i = 0; i <= count; i++) {
            char number[24];
            struct session_view one = {.name = ""};
            if (i < count)
                session_view(ui->session, i, &one);
            snprintf(number, sizeof number, "%zu", i + 1);
            if (i == count)
                ui_say(ui, UI_ERROR, "No run that is looked at is called %s: %zu are there", call->argument, count);
            else if (strcmp(number, call->argument) == 0 || strstr(one.name, call->argument)) {
                show_view(NULL, ui, number);
                return;
            }
        }
}

static void close_shown(void *context, struct ui *ui)
{
    (void)context;
    long shown = session_shown_view(ui->session);
    struct session_view view;
    session_view(ui->session, (size_t)shown, &view);
    session_close_view(ui->session, (size_t)shown);
    bool goes_on = !view.here && !view.replay && session_phase_is_live(view.phase);
    ui_say(ui, UI_INFO, "%s is closed%s", view.name[0] ? view.name : "The run", goes_on ? "; it trains on" : "");
}

static bool trains_here(struct ui *ui)
{
    return session_leaving_stops(ui->session);
}

static void close_view(const struct command_call *call)
{
    struct ui *ui = call->ui;
    struct session_view view;
    long shown = session_shown_view(ui->session);
    if (shown < 0) {
        ui_say(ui, UI_WARNING, "No run is shown");
        return;
    }
    session_view(ui->session, (size_t)shown, &view);
    if (view.here && session_phase_is_live(view.phase))
        ui_confirm_while(ui, trains_here, "The run has ended meanwhile: closing it stops nothing",
                         "The run trains in this process. Stop it and close? Its last state is saved.", close_shown,
                         NULL);
    else
        close_shown(NULL, ui);
}

static const struct command rows[] = {
    {"model", "", "model", "choose weights or an architecture", .run = choose_model, .argument = ARGUMENT_MODEL,
     .takes = "NAME | FILE"},
    {"data", "", "data", "choose a dataset by its path", .run = choose_data, .argument = ARGUMENT_DATA,
     .takes = "PATH [data.layout=...]"},
    {"load", "", "load", "load an experiment file", .run = load, .argument = ARGUMENT_EXPERIMENT, .takes = "FILE"},
    {"sample", "E", "sample", "open the sample experiment", .run = sample},
    {"write", "", "write", "write the settings into an experiment file", .run = write_file, .argument = ARGUMENT_PATH,
     .takes = "FILE"},
    {"set", "", "set", "change a setting: set train.lr=0.01", .run = set, .argument = ARGUMENT_SETTING,
     .takes = "SECTION.KEY=VALUE"},
    {"no-fork", "F", "no fork", "begin from the weights, not from a checkpoint", .run = no_fork},
    {"start", "r", "run", "start training with the settings as they are", .run = start},
    {"attach", "a", "attach", "look at a run, live or recorded", .run = attach, .argument = ARGUMENT_RUN,
     .takes = "[RUN | HOST:RUN]"},
    {"replay", "", "replay", "play a recorded run; nothing is computed", .run = replay, .argument = ARGUMENT_RUN,
     .takes = "RUN"},
    {"view", "V", "views", "the runs that are looked at, to show another", .run = view, .argument = ARGUMENT_TEXT,
     .takes = "[NUMBER | NAME]"},
    {"close", "", "close", "look away from the shown run; it trains on", .run = close_view},
};
const struct command_table command_session = COMMAND_TABLE(rows);
