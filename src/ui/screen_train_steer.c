/* Steering the run that trains: pause, stop, checkpoints, learning rate, thawing. These commands of Train work by name
 * from every screen. Called through the table in screen_train.c. */
#include "config.h"

#include <stdio.h>

#include "overlay.h"
#include "screen_train.h"
#include "undo.h"

static bool is_off(struct ui *ui)
{
    return !ui_training(ui);
}

/* Says so when no run is on. */
static bool is_on(struct ui *ui)
{
    if (!ui_training(ui))
        ui_say_while(ui, is_off, UI_WARNING, "No run is training");
    return ui_training(ui);
}

/* What comes of a command comes as a notice. */
static void tell(struct ui *ui, const char *words)
{
    struct error error;
    if (is_on(ui) && !session_tell(ui->session, words, &error))
        ui_fail(ui, &error);
}

void screen_train_pause(const struct command_call *call)
{
    struct session_status status;
    session_status(call->ui->session, &status);
    if (status.replay)
        session_replay_speed(call->ui->session, status.speed > 0 ? 0 : SCREEN_TRAIN_SPEED);
    else
        tell(call->ui, status.phase == SESSION_PAUSED ? "continue" : "pause");
}

static void stop_now(void *context, struct ui *ui)
{
    (void)context;
    tell(ui, "stop now");
}

void screen_train_stop(const struct command_call *call)
{
    if (is_on(call->ui))
        ui_confirm(call->ui, "Stop the run? Its last state is saved and can be resumed.", stop_now, NULL);
}

void screen_train_save(const struct command_call *call)
{
    tell(call->ui, "save");
}

void screen_train_lr(const struct command_call *call)
{
    char words[96];
    if (!is_on(call->ui))
        return;
    if (!*call->argument) {
        ui_ask_command(call->ui, "lr ");
        return;
    }
    snprintf(words, sizeof words, "lr %.80s", call->argument);
    tell(call->ui, words);
}

void screen_train_scale_lr(const struct command_call *call)
{
    struct session_status status;
    char words[48];
    session_status(call->ui->session, &status);
    snprintf(words, sizeof words, "lr %.3g", status.lr * call->command->value / 100);
    tell(call->ui, words);
}

/* The deepest stage with something frozen in it: what gradual thawing takes next. */
void screen_train_thaw_next(const struct command_call *call)
{
    struct ui *ui = call->ui;
    const struct session_layer *all;
    struct error error = {0};
    for (size_t i = session_layers(ui->session, &all); i-- > 0;) {
        if (!all[i].is_stage || (all[i].all != SESSION_MARK_FROZEN && all[i].all != SESSION_MARK_PARTLY))
            continue;
        char name[sizeof all[i].name];
        snprintf(name, sizeof name, "%s", all[i].name);
        if (!session_freeze_match(ui->session, name, false, &error)) {
            ui_fail(ui, &error);
            return;
        }
        if (session_subject(ui->session) == SESSION_SHOWN_RUN)
            return;
        undo_froze(ui->undo);
        ui_say(ui, UI_GOOD, "%s thaws", name);
        return;
    }
    ui_say(ui, UI_WARNING, "Nothing is frozen any more");
}
