/* Steering the run that trains: pause, stop, checkpoints, learning rate, thawing. These commands of Train work by name
 * from every screen. Called through the table in screen_train.c. */
#include "config.h"

#include <stdio.h>

#include "overlay.h"
#include "screen_train.h"

void screen_train_pause(const struct command_call *call)
{
    struct session_status status;
    session_status(call->ui->session, &status);
    if (status.replay)
        session_replay_speed(call->ui->session, status.speed > 0 ? 0 : SCREEN_TRAIN_SPEED);
    else
        ui_tell(call->ui, status.phase == SESSION_PAUSED ? "continue" : "pause", "");
}

static void stop_now(void *context, struct ui *ui)
{
    (void)context;
    ui_tell(ui, "stop", "now");
}

void screen_train_stop(const struct command_call *call)
{
    if (ui_may_steer(call->ui))
        ui_confirm(call->ui, "Stop the run? Its last state is saved and can be resumed.", stop_now, NULL);
}

void screen_train_save(const struct command_call *call)
{
    ui_tell(call->ui, "save", "");
}

void screen_train_lr(const struct command_call *call)
{
    if (!ui_may_steer(call->ui))
        return;
    if (!*call->argument) {
        ui_ask_command(call->ui, "lr ");
        return;
    }
    ui_tell(call->ui, "lr", call->argument);
}

void screen_train_scale_lr(const struct command_call *call)
{
    struct session_status status;
    char rate[32];
    session_status(call->ui->session, &status);
    snprintf(rate, sizeof rate, "%.3g", status.lr * call->command->value / 100);
    ui_tell(call->ui, "lr", rate);
}

/* The deepest stage with something frozen in it: what gradual thawing takes next. */
void screen_train_thaw_next(const struct command_call *call)
{
    struct ui *ui = call->ui;
    const struct session_layer *all;
    enum session_subject before = session_subject(ui->session);
    session_set_subject(ui->session, ui_subject(ui));
    for (size_t i = session_layers(ui->session, &all); i-- > 0;) {
        if (!all[i].is_stage || (all[i].all != SESSION_MARK_FROZEN && all[i].all != SESSION_MARK_PARTLY))
            continue;
        char name[sizeof all[i].name];
        snprintf(name, sizeof name, "%s", all[i].name);
        session_set_subject(ui->session, before);
        ui_do(ui, "thaw", name);
        return;
    }
    session_set_subject(ui->session, before);
    ui_say(ui, UI_WARNING, "Nothing is frozen any more");
}
