/* Train: the settings of the next run, and the run itself, live or reopened. This file holds the state and its commands;
 * those that steer the run (pause, stop, rate) work from every screen and are in command_run.c. Reached through
 * the table in screen.c. */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "screen_train.h"
#include "thaw/base/mem.h"

static void *create(struct ui *ui)
{
    (void)ui;
    struct screen_train *train = mem_alloc(sizeof *train);
    train->smooth = 0.6;
    train->window = plot_window_all();
    train->filter.changed = screen_train_filter;
    train->filter.context = train;
    return train;
}

static void destroy(void *state)
{
    mem_free(((struct screen_train *)state)->row);
    mem_free(state);
}

static enum session_phase phase_now(struct ui *ui)
{
    struct session_status status;
    session_status(ui->session, &status);
    return status.phase;
}

bool screen_train_in_form(const struct screen_train *train, struct ui *ui)
{
    return train->form || phase_now(ui) == SESSION_IDLE;
}

/* Where one was in the curves of the run that was shown so far. */
static void keep_place(struct screen_train *train)
{
    if (!train->run[0])
        return;
    memmove(train->place + 1, train->place, sizeof train->place - sizeof train->place[0]);
    train->place[0] =
        (struct train_place){.window = train->window, .has_cursor = train->has_cursor, .cursor = train->cursor};
    memcpy(train->place[0].run, train->run, sizeof train->run);
}

/* A view belongs to the curves it was made for: one comes back to it as it was left. */
static void notice_run(struct screen_train *train, struct ui *ui)
{
    struct session_status status;
    session_status(ui->session, &status);
    bool begins = status.phase == SESSION_PREPARING;
    if (strcmp(status.run, train->run) == 0 && !begins)
        return;
    if (strcmp(status.run, train->run) != 0)
        keep_place(train);
    snprintf(train->run, sizeof train->run, "%s", status.run);
    train->has_cursor = false;
    train->window = plot_window_all();
    for (int i = 0; i < TRAIN_PLACES && !begins && status.run[0]; i++)
        if (strcmp(train->place[i].run, status.run) == 0) {
            train->window = train->place[i].window;
            train->has_cursor = train->place[i].has_cursor;
            train->cursor = train->place[i].cursor;
            return;
        }
}

static void draw(void *state, struct ui *ui, struct canvas *canvas, struct rect area)
{
    struct screen_train *train = state;
    notice_run(train, ui);
    if (screen_train_in_form(train, ui)) {
        screen_train_draw_form(train, ui, canvas, area);
        return;
    }
    train->settings.area = (struct rect){0, 0, 0, 0};
    screen_train_draw_run(train, ui, canvas, area);
}

/* --- the plot's view --- */

static struct plot_view *shown_view(struct screen_train *train)
{
    return rect_empty(train->view[0].area) ? &train->view[1] : &train->view[0];
}

static void move_cursor(struct screen_train *train, struct ui *ui, int by)
{
    struct plot_view *view = shown_view(train);
    double last = screen_train_last_x(ui);
    if (rect_empty(view->area) || last <= 0)
        return;
    if (!train->has_cursor) {
        train->has_cursor = true;
        train->cursor = fmin(last, view->window.x1);
        return;
    }
    int column = plot_column_of(view, train->cursor) + by;
    if (column < view->area.x || column >= view->area.x + view->area.w) {
        plot_pan_x(&train->window, view, by < 0 ? -0.25 : 0.25, 0, last);
        return;
    }
    train->cursor = fmax(0, fmin(last, plot_x_at(view, column)));
}

static void zoom(struct screen_train *train, struct ui *ui, double factor)
{
    struct plot_view *view = shown_view(train);
    double last = screen_train_last_x(ui);
    if (rect_empty(view->area) || last <= 0)
        return;
    plot_zoom_x(&train->window, view, train->has_cursor ? train->cursor : last, factor, 0, last);
}

static void move(void *state, struct ui *ui, enum move move)
{
    static const int steps[] = {[MOVE_LEFT] = -1, [MOVE_RIGHT] = 1, [MOVE_PAGE_UP] = -10, [MOVE_PAGE_DOWN] = 10};
    if (screen_train_in_form(state, ui))
        list_move(&((struct screen_train *)state)->settings, move);
    else if (move < (int)THAW_LENGTH(steps) && steps[move] != 0)
        move_cursor(state, ui, steps[move]);
}

/* --- doing --- */

static void open_setting(const struct command_call *call)
{
    if (screen_train_in_form(call->state, call->ui))
        screen_train_edit(call->state, call->ui);
}

static void settings(const struct command_call *call)
{
    struct screen_train *train = call->state;
    train->form = !train->form;
}

static void next_plot(const struct command_call *call)
{
    static const char *const names[] = {"", "Loss and accuracy", "Loss", "Accuracy"};
    struct screen_train *train = call->state;
    train->plot = train->drawn == TRAIN_PLOT_BOTH   ? TRAIN_PLOT_LOSS
                  : train->drawn == TRAIN_PLOT_LOSS ? TRAIN_PLOT_ACCURACY
                                                    : TRAIN_PLOT_BOTH;
    ui_say(call->ui, UI_INFO, "%s", names[train->plot]);
}

static void log_y(const struct command_call *call)
{
    struct screen_train *train = call->state;
    train->log_y = !train->log_y;
}

static void log_x(const struct command_call *call)
{
    struct screen_train *train = call->state;
    train->log_x = !train->log_x;
}

/* value: by how many hundredths */
static void smooth(const struct command_call *call)
{
    struct screen_train *train = call->state;
    train->smooth = fmax(0, fmin(0.95, round((train->smooth + call->command->value / 100.0) * 20) / 20));
    if (train->smooth > 0)
        ui_say(call->ui, UI_INFO, "Smoothing %.2f", train->smooth);
    else
        ui_say(call->ui, UI_INFO, "Curves as they are");
}

/* value: how many times as much is shown, in per cent */
static void zoom_by(const struct command_call *call)
{
    zoom(call->state, call->ui, call->command->value / 100.0);
}

static void zoom_reset(const struct command_call *call)
{
    struct screen_train *train = call->state;
    train->window = plot_window_all();
    train->has_cursor = false;
}

static void back(const struct command_call *call)
{
    struct screen_train *train = call->state;
    if (screen_train_in_form(train, call->ui) && component_filter_clear(&train->filter, call->ui))
        return;
    if (train->form && phase_now(call->ui) != SESSION_IDLE)
        train->form = false;
    else
        train->has_cursor = false;
}

/* Of the settings, which it shows. */
static void filter(const struct command_call *call)
{
    struct screen_train *train = call->state;
    if (!screen_train_in_form(train, call->ui))
        train->form = true;
    component_filter_ask(&train->filter, call->ui, call->argument);
}

static const struct command commands[] = {
    {"open", "Enter", "edit", "edit the setting, or start training", .run = open_setting},
    {"settings", "e", "settings", "the settings of the next run, or the curves", .run = settings},
    {"next-pane", "Tab", "plot", "show the other plot", .run = next_plot},
    {"log-y", "y", "log y", "logarithmic y axis, or back", .run = log_y},
    {"log-x", "x", "log x", "logarithmic x axis, or back", .run = log_x},
    {"smooth-more", "s", "smoother", "smooth the curves more", .run = smooth, .value = 10},
    {"smooth-less", "S", "rougher", "smooth the curves less", .run = smooth, .value = -10},
    {"zoom-in", "z +", "zoom in", "zoom into the plot at its cursor", .run = zoom_by, .value = 50},
    {"zoom-out", "Z -", "zoom out", "zoom out of the plot", .run = zoom_by, .value = 200},
    {"zoom-reset", "0", "zoom reset", "show the whole plot", .run = zoom_reset},
    {"filter", "/", "filter", "settings with these words; -word: without", .run = filter, .argument = ARGUMENT_TEXT},
    {"back", "Esc", "back", "clear the filter; leave settings or cursor", .run = back},
};

static bool mouse(void *state, struct ui *ui, const struct term_event *event)
{
    struct screen_train *train = state;
    if (screen_train_in_form(train, ui)) {
        enum list_hit hit = list_mouse(&train->settings, event);
        if (hit == LIST_OPENED)
            screen_train_edit(train, ui);
        return hit != LIST_MISS;
    }
    for (int i = 0; i < 2; i++) {
        if (!rect_holds(train->view[i].area, event->x, event->y))
            continue;
        double last = screen_train_last_x(ui);
        if (event->mouse == TERM_RELEASE || last <= 0)
            return true;
        train->cursor = fmax(0, fmin(last, plot_x_at(&train->view[i], event->x)));
        train->has_cursor = true;
        if (event->mouse == TERM_WHEEL_UP || event->mouse == TERM_WHEEL_DOWN)
            zoom(train, ui, event->mouse == TERM_WHEEL_UP ? 0.5 : 2);
        return true;
    }
    return false;
}

static int keys(void *state, struct ui *ui, struct screen_hint hints[SCREEN_HINTS])
{
    struct screen_train *train = state;
    const char *checkpoint;
    int count = 0;
    if (screen_train_in_form(train, ui)) {
        hints[count++] = (struct screen_hint){"start", "start"};
        hints[count++] = (struct screen_hint){"open", NULL};
        hints[count++] = (struct screen_hint){"filter", NULL};
        if (session_forks(ui->session, &checkpoint)[0])
            hints[count++] = (struct screen_hint){"no-fork", NULL};
        const struct session_running *running;
        if (session_running(ui->session, &running) > 0)
            hints[count++] = (struct screen_hint){"attach", NULL};
        hints[count++] = (struct screen_hint){"layers", NULL};
        if (phase_now(ui) != SESSION_IDLE)
            hints[count++] = (struct screen_hint){"settings", "curves"};
        return count;
    }
    struct session_status status;
    session_status(ui->session, &status);
    if (status.replay) {
        bool plays = status.speed > 0 && session_phase_is_live(status.phase);
        hints[count++] = (struct screen_hint){"pause", plays ? NULL : "go on"};
        hints[count++] = (struct screen_hint){"lr-down", "slower"};
        hints[count++] = (struct screen_hint){"lr-up", "faster"};
        hints[count++] = (struct screen_hint){"epoch-back", NULL};
        hints[count++] = (struct screen_hint){"step", "epoch on"};
    } else if (ui_training(ui) && status.writes) {
        hints[count++] = (struct screen_hint){"pause", phase_now(ui) == SESSION_PAUSED ? "go on" : NULL};
        hints[count++] = (struct screen_hint){"stop", NULL};
        hints[count++] = (struct screen_hint){"lr", NULL};
        hints[count++] = (struct screen_hint){"thaw-next", NULL};
        if (!session_leaving_stops(ui->session))
            hints[count++] = (struct screen_hint){"detach", NULL};
    } else {
        hints[count++] = (struct screen_hint){"results", NULL};
        hints[count++] = (struct screen_hint){"settings", "next run"};
        hints[count++] = (struct screen_hint){"zoom-in", NULL};
        hints[count++] = (struct screen_hint){"log-y", NULL};
    }
    hints[count++] = (struct screen_hint){"next-pane", NULL};
    return count;
}

static void shown(void *state, struct ui *ui)
{
    (void)ui;
    ((struct screen_train *)state)->form = false;
}

static enum screen_subject subject_now(void *state, struct ui *ui)
{
    const struct screen_train *train = state;
    bool form = phase_now(ui) == SESSION_IDLE || (train && train->form);
    return form ? SUBJECT_NEXT_RUN : SUBJECT_RUN;
}

const struct screen screen_train = {
    .title = "Train",
    .subject_now = subject_now,
    .go = {"train", "4", "train", "Train: settings, live curves", .run = ui_show},
    .create = create,
    .destroy = destroy,
    .draw = draw,
    .commands = COMMAND_TABLE(commands),
    .move = move,
    .mouse = mouse,
    .keys = keys,
    .shown = shown,
};
