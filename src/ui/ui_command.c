/* Commands that the screen in front did not take: those of the session, the same from every screen, and the `:` line.
 * Each says what it did, or why not. Called by ui_do. */
#include "config.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "overlay.h"
#include "thaw/base/mem.h"
#include "thaw/base/nearest.h"

static void report(struct ui *ui, bool done, const struct error *error, const char *text)
{
    if (!done)
        ui_fail(ui, error);
    else if (text)
        ui_say(ui, UI_GOOD, "%s", text);
}

/* A command that needs an argument and was given none asks for it on the `:` line. */
static bool wants(struct ui *ui, enum command command, const char *argument)
{
    if (*argument)
        return false;
    char line[48];
    snprintf(line, sizeof(line), "%s ", command_row(command)->name);
    ui_ask_command(ui, line);
    return true;
}

static void do_model(struct ui *ui, const char *argument)
{
    struct error error;
    bool done = session_choose_model_file(ui->session, argument, &error);
    report(ui, done, &error, NULL);
    if (done) {
        ui_say(ui, UI_GOOD, "%s is chosen", argument);
        ui_go(ui, SCREEN_LAYERS);
    }
}

static void do_data(struct ui *ui, const char *argument)
{
    struct error error;
    bool done = session_choose_data(ui->session, argument, &error);
    report(ui, done, &error, NULL);
    if (!done)
        return;
    const struct session_data *data = session_data(ui->session);
    if (data && data->bad_count > 0)
        ui_say(ui, UI_WARNING, "%d classes, %zu training and %zu validation images; %zu files set aside", data->classes,
               data->train, data->val, data->bad_count);
    else if (data)
        ui_say(ui, UI_GOOD, "%d classes, %zu training and %zu validation images", data->classes, data->train,
               data->val);
    ui_go(ui, SCREEN_DATA);
}

static void do_load(struct ui *ui, const char *argument)
{
    struct error error;
    bool done = session_load_experiment(ui->session, argument, &error);
    report(ui, done, &error, NULL);
    if (done) {
        ui_say(ui, UI_GOOD, "%s is loaded", argument);
        ui_go(ui, SCREEN_TRAIN);
    }
}

static void do_set(struct ui *ui, const char *argument)
{
    struct error error;
    bool done = session_set(ui->session, argument, &error);
    report(ui, done, &error, NULL);
    if (done)
        ui_say(ui, UI_GOOD, "%s%s", argument, ui_training(ui) ? " for the next run" : "");
}

static void do_freeze(struct ui *ui, const char *argument, bool frozen)
{
    struct error error;
    bool done = session_freeze_match(ui->session, argument, frozen, &error);
    report(ui, done, &error, NULL);
    if (!done)
        return;
    struct session_freeze_counts counts;
    char trainable[WORDS_MAX], still[WORDS_MAX];
    session_freeze_counts(ui->session, &counts);
    ui_say(ui, UI_GOOD, "%s %s%s: %s values learn, %s are frozen", argument, frozen ? "frozen" : "thawed",
           ui_training(ui) ? " from the next batch" : "", words_count(trainable, counts.trainable),
           words_count(still, counts.frozen));
}

static void start_now(void *context, struct ui *ui)
{
    (void)context;
    struct error error;
    bool done = session_start(ui->session, &error);
    report(ui, done, &error, "Training starts");
    if (done)
        ui_go(ui, SCREEN_TRAIN);
}

static void stop_now(void *context, struct ui *ui)
{
    (void)context;
    session_stop(ui->session);
    ui_say(ui, UI_INFO, "Stopping after this batch");
}

static void do_lr(struct ui *ui, const char *argument)
{
    char *end;
    double lr = strtod(argument, &end);
    while (isspace((unsigned char)*end))
        end++;
    if (end == argument || *end || !isfinite(lr) || lr <= 0)
        ui_say(ui, UI_ERROR, "\"%s\" is not a learning rate: a number above 0", argument);
    else {
        session_set_lr(ui->session, lr);
        ui_say(ui, UI_INFO, "Learning rate %.4g from the next batch", lr);
    }
}

static void scale_lr(struct ui *ui, double factor)
{
    struct session_status status;
    char text[32];
    session_status(ui->session, &status);
    snprintf(text, sizeof(text), "%.3g", status.lr * factor);
    do_lr(ui, text);
}

/* Commands that only mean something while a run is on. */
static void run_command(struct ui *ui, enum command command, const char *argument)
{
    struct session_status status;
    session_status(ui->session, &status);
    if (!ui_training(ui)) {
        ui_say(ui, UI_WARNING, "No run is training");
        return;
    }
    switch (command) {
    case COMMAND_PAUSE:
        session_pause(ui->session, status.phase != SESSION_PAUSED);
        ui_say(ui, UI_INFO, status.phase == SESSION_PAUSED ? "Going on" : "Pausing after this batch");
        break;
    case COMMAND_STOP:
        ui_confirm(ui, "Stop the run? Its last state is saved and can be resumed.", stop_now, NULL);
        break;
    case COMMAND_SAVE:
        session_save(ui->session);
        ui_say(ui, UI_INFO, "A checkpoint is written after this batch");
        break;
    case COMMAND_LR:
        if (!wants(ui, command, argument))
            do_lr(ui, argument);
        break;
    default:
        scale_lr(ui, command == COMMAND_LR_UP ? 1.25 : 0.8);
        break;
    }
}

/* Those with an argument. */
static void argument_command(struct ui *ui, enum command command, const char *argument)
{
    struct error error;
    if (wants(ui, command, argument))
        return;
    switch (command) {
    case COMMAND_MODEL:
        do_model(ui, argument);
        break;
    case COMMAND_DATA:
        do_data(ui, argument);
        break;
    case COMMAND_LOAD:
        do_load(ui, argument);
        break;
    case COMMAND_SET:
        do_set(ui, argument);
        break;
    case COMMAND_FREEZE:
    case COMMAND_THAW:
        do_freeze(ui, argument, command == COMMAND_FREEZE);
        break;
    default:
        if (session_open_run(ui->session, argument, &error))
            ui_go(ui, SCREEN_TRAIN);
        else
            ui_fail(ui, &error);
        break;
    }
}

bool ui_command(struct ui *ui, enum command command, const char *argument)
{
    switch (command) {
    case COMMAND_MODEL:
    case COMMAND_DATA:
    case COMMAND_LOAD:
    case COMMAND_SET:
    case COMMAND_FREEZE:
    case COMMAND_THAW:
    case COMMAND_OPEN_RUN:
        argument_command(ui, command, argument);
        break;
    case COMMAND_UNDO:
        if (session_undo_freeze(ui->session))
            ui_say(ui, UI_INFO, "Undone");
        else
            ui_say(ui, UI_WARNING, "Nothing to undo");
        break;
    case COMMAND_START:
        if (ui_training(ui))
            ui_say(ui, UI_WARNING, "A run is already training");
        else
            start_now(NULL, ui);
        break;
    case COMMAND_PAUSE:
    case COMMAND_STOP:
    case COMMAND_SAVE:
    case COMMAND_LR:
    case COMMAND_LR_UP:
    case COMMAND_LR_DOWN:
        run_command(ui, command, argument);
        break;
    case COMMAND_RESCAN:
        session_rescan_models(ui->session);
        ui_say(ui, UI_INFO, "Looked for weights files again");
        break;
    default:
        return false;
    }
    ui_dirty(ui);
    return true;
}

/* --- the `:` line --- */

static void say_unknown(struct ui *ui, const char *name)
{
    char sentence[160];
    struct nearest nearest = {.wanted = name};
    for (int i = 1; i < COMMANDS; i++)
        nearest_offer(&nearest, command_row((enum command)i)->name);
    snprintf(sentence, sizeof(sentence), "There is no command \"%s\"", name);
    nearest_tell(&nearest, 1, "? lists them", sentence, sizeof(sentence));
    ui_say(ui, UI_ERROR, "%s", sentence);
}

void ui_do_line(struct ui *ui, const char *line)
{
    char name[48];
    line += strspn(line, " ");
    size_t length = strcspn(line, " ");
    if (length == 0)
        return;
    snprintf(name, sizeof(name), "%.*s", (int)length, line);
    char *argument = mem_string(line + length + strspn(line + length, " "));
    for (size_t end = strlen(argument); end > 0 && argument[end - 1] == ' ';)
        argument[--end] = 0;
    bool ambiguous;
    enum command command = command_find(name, &ambiguous);
    const struct command_row *row = command_row(command);
    if (command == COMMAND_NONE && ambiguous)
        ui_say(ui, UI_ERROR, "\"%s\" may be several commands; Tab shows them", name);
    else if (command == COMMAND_NONE)
        say_unknown(ui, name);
    else if (row->argument == ARGUMENT_NONE && *argument)
        ui_say(ui, UI_ERROR, "%s takes no argument", row->name);
    else
        ui_do(ui, command, argument);
    mem_free(argument);
}

static void line_done(void *context, struct ui *ui, const char *text, bool accepted)
{
    (void)context;
    if (accepted)
        ui_do_line(ui, text);
}

void ui_ask_command(struct ui *ui, const char *beginning)
{
    ui_ask(
        ui,
        &(struct ui_ask){
            .label = ":", .initial = beginning, .history = "command", .complete = ARGUMENT_COMMAND, .done = line_done});
}
