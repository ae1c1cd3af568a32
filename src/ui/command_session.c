/* The commands that change the next run from any screen: its model, data, settings and freezing, and its start. Each says
 * what it did, or why not. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "component.h"
#include "undo.h"

static void choose_model(const struct command_call *call)
{
    struct ui *ui = call->ui;
    struct error error;
    if (!session_choose_model_file(ui->session, call->argument, &error)) {
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
    if (!undo_set(ui->undo, ui->session, call->argument, &error))
        ui_fail(ui, &error);
    else
        ui_say(ui, UI_GOOD, "%s%s", call->argument, ui_training(ui) ? " for the next run" : "");
}

/* value: whether it freezes */
static void freeze(const struct command_call *call)
{
    struct ui *ui = call->ui;
    struct error error;
    if (!session_freeze_match(ui->session, call->argument, call->command->value != 0, &error)) {
        ui_fail(ui, &error);
        return;
    }
    if (session_subject(ui->session) == SESSION_SHOWN_RUN)
        return; /* what comes of it comes as a notice */
    undo_froze(ui->undo);
    struct session_freeze_counts counts;
    char trainable[WORDS_MAX], still[WORDS_MAX];
    session_freeze_counts(ui->session, &counts);
    ui_say(ui, UI_GOOD, "%s %s: %s values learn, %s are frozen", call->argument,
           call->command->value ? "frozen" : "thawed", words_count(trainable, counts.trainable),
           words_count(still, counts.frozen));
}

static void undo(const struct command_call *call)
{
    struct ui *ui = call->ui;
    struct error error;
    char what[160];
    if (session_subject(ui->session) == SESSION_SHOWN_RUN) { /* its plan alone; it answers by a notice */
        if (!session_undo_freeze(ui->session, &error))
            ui_fail(ui, &error);
        return;
    }
    switch (undo_last(ui->undo, ui->session, what, sizeof what, &error)) {
    case UNDO_NOTHING:
        ui_say(ui, UI_WARNING, "Nothing to undo");
        break;
    case UNDO_FAILED:
        ui_fail(ui, &error);
        break;
    case UNDO_FROZE:
    case UNDO_SET:
        ui_say(ui, UI_INFO, "Undone: %s", what);
        break;
    }
}

static bool is_opening(struct ui *ui)
{
    return session_opening(ui->session) != NULL;
}

static void start(const struct command_call *call)
{
    struct ui *ui = call->ui;
    struct error error;
    if (session_opening(ui->session)) {
        ui->starts = true;
        ui_say_while(ui, is_opening, UI_INFO, "Training starts as soon as all is open");
    } else if (ui_training(ui)) {
        ui_say_while(ui, ui_training, UI_WARNING, "A run is already training");
    } else if (!session_start(ui->session, &error)) {
        ui_fail(ui, &error);
    } else {
        ui_keep(ui);
        ui_say(ui, UI_GOOD, "Training starts");
        ui_go(ui, SCREEN_TRAIN);
    }
}

static void open_run(const struct command_call *call)
{
    struct error error;
    if (session_open_run(call->ui->session, call->argument, false, &error))
        ui_go(call->ui, SCREEN_TRAIN);
    else
        ui_fail(call->ui, &error);
}

static const struct command rows[] = {
    {"model", "", "model", "choose weights or an architecture", .run = choose_model, .argument = ARGUMENT_MODEL},
    {"data", "", "data", "choose a dataset by its path", .run = choose_data, .argument = ARGUMENT_DATA},
    {"load", "", "load", "load an experiment file", .run = load, .argument = ARGUMENT_EXPERIMENT},
    {"sample", "E", "sample", "open the sample experiment", .run = sample},
    {"write", "", "write", "write the settings into an experiment file", .run = write_file, .argument = ARGUMENT_PATH},
    {"set", "", "set", "change a setting: set train.lr=0.01", .run = set, .argument = ARGUMENT_SETTING},
    {"freeze", "", "freeze", "freeze layers: freeze conv1 layer1.*", .run = freeze, .argument = ARGUMENT_LAYERS,
     .value = 1},
    {"thaw", "", "thaw", "thaw layers: thaw layer4.*", .run = freeze, .argument = ARGUMENT_LAYERS},
    {"undo", "u", "undo", "take back the last freezing or setting", .run = undo},
    {"start", "r", "run", "start training with the settings as they are", .run = start},
    {"open-run", "", "open run", "reopen a run by its folder", .run = open_run, .argument = ARGUMENT_PATH},
};
const struct command_table command_session = COMMAND_TABLE(rows);
