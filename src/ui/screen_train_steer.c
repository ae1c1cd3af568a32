/* Steering the run that trains: pause, stop, checkpoints, learning rate, thawing. These commands of Train work by name
 * from every screen. Called through the table in screen_train.c. */
#include "config.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "overlay.h"
#include "screen_train.h"

/* Says so when no run is on. */
static bool is_on(struct ui *ui)
{
    if (!ui_training(ui))
        ui_say(ui, UI_WARNING, "No run is training");
    return ui_training(ui);
}

void screen_train_pause(const struct command_call *call)
{
    struct ui *ui = call->ui;
    struct session_status status;
    if (!is_on(ui))
        return;
    session_status(ui->session, &status);
    session_pause(ui->session, status.phase != SESSION_PAUSED);
    ui_say(ui, UI_INFO, status.phase == SESSION_PAUSED ? "Going on" : "Pausing after this batch");
}

static void stop_now(void *context, struct ui *ui)
{
    (void)context;
    session_stop(ui->session);
    ui_say(ui, UI_INFO, "Stopping after this batch");
}

void screen_train_stop(const struct command_call *call)
{
    if (is_on(call->ui))
        ui_confirm(call->ui, "Stop the run? Its last state is saved and can be resumed.", stop_now, NULL);
}

void screen_train_save(const struct command_call *call)
{
    if (!is_on(call->ui))
        return;
    session_save(call->ui->session);
    ui_say(call->ui, UI_INFO, "A checkpoint is written after this batch");
}

static void set_lr(struct ui *ui, double lr)
{
    session_set_lr(ui->session, lr);
    ui_say(ui, UI_INFO, "Learning rate %.4g from the next batch", lr);
}

void screen_train_lr(const struct command_call *call)
{
    if (!is_on(call->ui))
        return;
    if (!*call->argument) {
        ui_ask_command(call->ui, "lr ");
        return;
    }
    char *end;
    double lr = strtod(call->argument, &end);
    while (isspace((unsigned char)*end))
        end++;
    if (end == call->argument || *end || !isfinite(lr) || lr <= 0)
        ui_say(call->ui, UI_ERROR, "\"%s\" is not a learning rate: a number above 0", call->argument);
    else
        set_lr(call->ui, lr);
}

void screen_train_scale_lr(const struct command_call *call)
{
    struct session_status status;
    char text[32];
    if (!is_on(call->ui))
        return;
    session_status(call->ui->session, &status);
    snprintf(text, sizeof(text), "%.3g", status.lr * call->command->value / 100);
    set_lr(call->ui, strtod(text, NULL));
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
        char name[sizeof(all[i].name)];
        snprintf(name, sizeof(name), "%s", all[i].name);
        if (!session_freeze_match(ui->session, name, false, &error))
            ui_fail(ui, &error);
        else
            ui_say(ui, UI_GOOD, "%s thaws%s", name, ui_training(ui) ? " from the next batch" : "");
        return;
    }
    ui_say(ui, UI_WARNING, "Nothing is frozen any more");
}
