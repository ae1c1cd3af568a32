/* Train: the settings of the next run, and the run itself, live or reopened. This file holds the state and does the
 * commands; what steers the trainer (pause, stop, rate) is the same on every screen and is done in ui_command.c. Reached
 * through the table in screen.c. */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "screen_train.h"
#include "screens.h"
#include "thaw/base/mem.h"

static void *create(struct ui *ui)
{
    (void)ui;
    struct screen_train *train = mem_alloc(sizeof(*train));
    train->smooth = 0.6;
    train->window = plot_window_all();
    return train;
}

static void destroy(void *state)
{
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

void screen_train_start(struct screen_train *train, struct ui *ui)
{
    struct error error = {0};
    if (!session_start(ui->session, &error)) {
        ui_fail(ui, &error);
        return;
    }
    train->form = train->has_cursor = false;
    train->window = plot_window_all();
    ui_say(ui, UI_GOOD, "Training starts");
    ui_go(ui, SCREEN_TRAIN);
}

static void draw(void *state, struct ui *ui, struct canvas *canvas, struct rect area)
{
    struct screen_train *train = state;
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

static void next_plot(struct screen_train *train, struct ui *ui)
{
    static const char *const names[] = {"", "Loss and accuracy", "Loss", "Accuracy"};
    train->plot = train->drawn == TRAIN_PLOT_BOTH   ? TRAIN_PLOT_LOSS
                  : train->drawn == TRAIN_PLOT_LOSS ? TRAIN_PLOT_ACCURACY
                                                    : TRAIN_PLOT_BOTH;
    ui_say(ui, UI_INFO, "%s", names[train->plot]);
}

static void smooth(struct screen_train *train, struct ui *ui, double by)
{
    train->smooth = fmax(0, fmin(0.95, round((train->smooth + by) * 20) / 20));
    if (train->smooth > 0)
        ui_say(ui, UI_INFO, "Smoothing %.2f", train->smooth);
    else
        ui_say(ui, UI_INFO, "Curves as they are");
}

/* --- doing --- */

/* The deepest stage with something frozen in it: what gradual thawing takes next. */
static void thaw_next(struct ui *ui)
{
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

static bool go_back(struct screen_train *train, struct ui *ui)
{
    if (train->form && phase_now(ui) != SESSION_IDLE) {
        train->form = false;
        return true;
    }
    if (train->has_cursor) {
        train->has_cursor = false;
        return true;
    }
    return false;
}

static bool command_view(struct screen_train *train, struct ui *ui, enum command which)
{
    switch (which) {
    case COMMAND_LEFT:
    case COMMAND_RIGHT:
        move_cursor(train, ui, which == COMMAND_LEFT ? -1 : 1);
        return true;
    case COMMAND_PAGE_UP:
    case COMMAND_PAGE_DOWN:
        move_cursor(train, ui, which == COMMAND_PAGE_UP ? -10 : 10);
        return true;
    case COMMAND_NEXT_PANE:
        next_plot(train, ui);
        return true;
    case COMMAND_LOG_Y:
        train->log_y = !train->log_y;
        return true;
    case COMMAND_LOG_X:
        train->log_x = !train->log_x;
        return true;
    case COMMAND_SMOOTH_MORE:
    case COMMAND_SMOOTH_LESS:
        smooth(train, ui, which == COMMAND_SMOOTH_MORE ? 0.1 : -0.1);
        return true;
    case COMMAND_ZOOM_IN:
    case COMMAND_ZOOM_OUT:
        zoom(train, ui, which == COMMAND_ZOOM_IN ? 0.5 : 2);
        return true;
    case COMMAND_ZOOM_RESET:
        train->window = plot_window_all();
        train->has_cursor = false;
        return true;
    default:
        return false;
    }
}

static bool command(void *state, struct ui *ui, enum command which, const char *argument)
{
    struct screen_train *train = state;
    (void)argument;
    switch (which) {
    case COMMAND_START:
        screen_train_start(train, ui);
        return true;
    case COMMAND_SETTINGS:
        train->form = !train->form;
        return true;
    case COMMAND_THAW_NEXT:
        thaw_next(ui);
        return true;
    case COMMAND_BACK:
        return go_back(train, ui);
    default:
        return screen_train_in_form(train, ui) ? screen_train_command_form(train, ui, which)
                                               : command_view(train, ui, which);
    }
}

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
    int count = 0;
    if (screen_train_in_form(train, ui)) {
        hints[count++] = (struct screen_hint){COMMAND_START, "start"};
        hints[count++] = (struct screen_hint){COMMAND_OPEN, "edit"};
        hints[count++] = (struct screen_hint){COMMAND_GO_LAYERS, NULL};
        if (phase_now(ui) != SESSION_IDLE)
            hints[count++] = (struct screen_hint){COMMAND_SETTINGS, "curves"};
        return count;
    }
    if (ui_training(ui)) {
        hints[count++] = (struct screen_hint){COMMAND_PAUSE, phase_now(ui) == SESSION_PAUSED ? "go on" : "pause"};
        hints[count++] = (struct screen_hint){COMMAND_STOP, NULL};
        hints[count++] = (struct screen_hint){COMMAND_LR, NULL};
        hints[count++] = (struct screen_hint){COMMAND_THAW_NEXT, NULL};
    } else {
        hints[count++] = (struct screen_hint){COMMAND_GO_RESULTS, NULL};
        hints[count++] = (struct screen_hint){COMMAND_SETTINGS, "next run"};
        hints[count++] = (struct screen_hint){COMMAND_ZOOM_IN, NULL};
        hints[count++] = (struct screen_hint){COMMAND_LOG_Y, NULL};
    }
    hints[count++] = (struct screen_hint){COMMAND_NEXT_PANE, "plot"};
    return count;
}

static void shown(void *state, struct ui *ui)
{
    (void)ui;
    ((struct screen_train *)state)->form = false;
}

const struct screen screen_train = {
    .id = SCREEN_TRAIN,
    .name = "train",
    .title = "Train",
    .create = create,
    .destroy = destroy,
    .draw = draw,
    .command = command,
    .mouse = mouse,
    .keys = keys,
    .shown = shown,
};
