/* The live or reopened run: how far it is, the numbers, loss and accuracy as they come, what happened, and which layers
 * learn. Reads the session each time it draws and keeps nothing but the view. Called by screen_train.c. */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "screen_train.h"

enum { MARKS_MAX = 64 };
struct marks {
    struct plot_mark mark[MARKS_MAX];
    size_t count;
    char best[32], coming[MARKS_MAX][96];
    double next; /* x of the next thaw to come; 0: none */
};

double screen_train_last_x(struct ui *ui)
{
    double last = 0;
    for (enum session_curve curve = 0; curve < SESSION_CURVES; curve++) {
        const struct story_point *points;
        size_t count = session_curve(ui->session, curve, &points);
        if (count > 0 && points[count - 1].x > last)
            last = points[count - 1].x;
    }
    return last;
}

static enum theme_role phase_role(enum session_phase phase)
{
    static const enum theme_role roles[SESSION_PHASES] = {
        [SESSION_IDLE] = THEME_DIM,         [SESSION_STARTING] = THEME_WARNING,    [SESSION_PREPARING] = THEME_WARNING,
        [SESSION_FEATURES] = THEME_WARNING, [SESSION_RUNNING] = THEME_GOOD,        [SESSION_PAUSED] = THEME_WARNING,
        [SESSION_VALIDATING] = THEME_VAL,   [SESSION_FINISHED] = THEME_GOOD,       [SESSION_STOPPED] = THEME_WARNING,
        [SESSION_EARLY] = THEME_GOOD,       [SESSION_INTERRUPTED] = THEME_WARNING, [SESSION_FAILED] = THEME_ERROR,
        [SESSION_BROKEN_OFF] = THEME_ERROR,
    };
    return roles[phase];
}

static const char *phase_sign(const struct session_status *status)
{
    return status->phase == SESSION_RUNNING    ? "▶ "
           : status->phase == SESSION_FINISHED ? "✓ "
           : status->phase == SESSION_FAILED   ? "✗ "
                                               : "";
}

static void draw_title(const struct session_status *status, struct canvas *canvas, struct rect line)
{
    char text[400];
    int x = line.x, end = line.x + line.w;
    bool live = session_phase_is_live(status->phase);
    if (status->replay && live && status->speed > 0)
        snprintf(text, sizeof text, "▶ replay %gx", status->speed);
    else if (status->replay)
        snprintf(text, sizeof text, "replay, %s", live ? "paused" : status->words);
    else
        snprintf(text, sizeof text, "%s%s%s", phase_sign(status), status->words,
                 live && !status->writes ? ", read-only" : "");
    x += canvas_text(canvas, x, line.y, end - x, phase_role(status->phase), CELL_BOLD, text) + 2;
    if (status->model[0]) {
        snprintf(text, sizeof text, "%s on %s", status->model, component_leaf(status->data));
        x += canvas_text(canvas, x, line.y, end - x, THEME_TITLE, CELL_BOLD, text) + 2;
    }
    char run[300];
    snprintf(run, sizeof run, "%s%s%.150s", status->host, status->host[0] ? ":" : "", component_leaf(status->run));
    int width = text_width(run);
    if (end - x > width)
        canvas_text(canvas, end - width, line.y, width, THEME_DIM, 0, run);
}

static void draw_progress(const struct session_status *status, struct canvas *canvas, struct rect line)
{
    struct rect epochs, batches;
    char text[64];
    layout_columns(line, 0.5, 20, 20, 2, &epochs, &batches);
    bool live = session_phase_is_live(status->phase);
    double batch = status->batches > 0 ? (double)status->batch / status->batches : 0;
    double done = live && status->epoch > 0 ? status->epoch - 1 + batch : status->epochs_done;
    if (live)
        snprintf(text, sizeof text, "epoch %d of %d", status->epoch, status->epochs);
    else
        snprintf(text, sizeof text, "%d of %d epochs", status->epochs_done, status->epochs);
    if (status->epochs == 0) /* not told yet */
        snprintf(text, sizeof text, "%s", status->words);
    gauge_draw(canvas, epochs, status->epochs > 0 && done > 0 ? done / status->epochs : 0, THEME_BAR, text);
    if (status->phase == SESSION_VALIDATING)
        snprintf(text, sizeof text, "validating");
    else if (status->features_all > 0)
        snprintf(text, sizeof text, "frozen part, image %zu of %zu", status->features_done, status->features_all);
    else if (status->phase == SESSION_PREPARING || status->phase == SESSION_STARTING)
        snprintf(text, sizeof text, "%s", status->words);
    else
        snprintf(text, sizeof text, "batch %d of %d", status->batch, status->batches);
    if (status->features_all > 0)
        batch = (double)status->features_done / (double)status->features_all;
    if (live && status->epochs > 0)
        gauge_draw(canvas, batches, batch, THEME_BAR, text);
}

/* "label value" with the label dim; returns the x behind it. */
static int put_field(struct canvas *canvas, int x, int y, int end, const char *label, enum theme_role role,
                     const char *value)
{
    if (x + text_width(label) + 1 + text_width(value) > end)
        return x;
    x += canvas_text(canvas, x, y, end - x, THEME_DIM, 0, label) + 1;
    return x + canvas_text(canvas, x, y, end - x, role, CELL_BOLD, value) + 3;
}

/* In as many words as there is room for. */
static void put_best(const struct session_status *status, struct canvas *canvas, struct rect room, const char *label)
{
    static const char *const forms[] = {"%s (epoch %d)", "%s, epoch %d", "%s (%d)", "%s"};
    char percent[WORDS_MAX], text[64];
    component_percent(percent, status->best_accuracy);
    for (size_t i = 0; i < THAW_LENGTH(forms); i++) {
        snprintf(text, sizeof text, forms[i], percent, status->best_epoch);
        if (put_field(canvas, room.x, room.y, room.x + room.w, label, THEME_GOOD, text) > room.x)
            return;
    }
}

/* What the figures are of: losses of one name differ where one is of the training images of the epoch that runs, seen
 * while the weights changed, and the other of the validation images behind an epoch. */
static void draw_scores(const struct session_status *status, struct canvas *canvas, struct rect line)
{
    char words[WORDS_MAX], text[64];
    int x = line.x, y = line.y, end = line.x + line.w;
    bool live = session_phase_is_live(status->phase), wide = line.w >= 110;
    if (status->step > 0) {
        snprintf(text, sizeof text, "loss %.4f  %s", status->loss, component_percent(words, status->accuracy));
        x = put_field(canvas, x, y, end, live ? "this epoch" : "last epoch", THEME_TRAIN, text);
    }
    if (status->val_accuracy >= 0) {
        int length = snprintf(text, sizeof text, "loss %.4f  %s", status->val_loss,
                              component_percent(words, status->val_accuracy));
        if (status->val_judged > 0 && status->val_judged < status->val_judged_most)
            snprintf(text + length, sizeof text - (size_t)length, " (on %d of %d)", status->val_judged,
                     status->val_judged_most);
        x = put_field(canvas, x, y, end, wide ? "validation" : "val", THEME_VAL, text);
    } else if (status->step > 0) {
        x = put_field(canvas, x, y, end, wide ? "validation" : "val", THEME_DIM,
                      status->val_images > 0 && live ? "none yet"
                      : status->val_images > 0       ? "none"
                                                     : "no images");
    }
    if (status->best_accuracy >= 0)
        put_best(status, canvas, (struct rect){x, y, end - x, 1}, wide ? "best validation" : "best");
}

static void draw_pace(const struct session_status *status, struct canvas *canvas, struct rect line)
{
    char words[WORDS_MAX], text[64];
    int x = line.x, y = line.y, end = line.x + line.w;
    snprintf(text, sizeof text, "%.4g", status->lr);
    x = put_field(canvas, x, y, end, "lr", THEME_TITLE, status->step > 0 ? text : "-");
    if (status->images_per_second > 0) {
        snprintf(text, sizeof text, "%s%s", words_count(words, status->images_per_second),
                 status->features_kept ? ", features kept" : "");
        x = put_field(canvas, x, y, end, "images/s", THEME_TITLE, text);
    }
    x = put_field(canvas, x, y, end, "elapsed", THEME_TITLE, words_seconds(words, status->elapsed));
    if (status->remaining > 0) {
        snprintf(text, sizeof text, "%s%s", status->remaining_least ? "> " : "",
                 words_seconds(words, status->remaining));
        x = put_field(canvas, x, y, end, "left", THEME_TITLE, text);
    }
    snprintf(text, sizeof text, "%llu", (unsigned long long)status->step);
    put_field(canvas, x, y, end, "steps", THEME_TITLE, text);
}

/* Proof and counts are of the freeze plan as it is. */
static void draw_proof(const struct session_status *status, struct canvas *canvas, struct rect line)
{
    char a[WORDS_MAX], b[WORDS_MAX];
    int x = line.x, y = line.y, end = line.x + line.w;
    bool live = session_phase_is_live(status->phase);
    if (status->trainable + status->frozen <= 0) {
        canvas_text(canvas, x, y, end - x, THEME_DIM, 0, live ? "✻ what is frozen is not told yet" : "");
        return;
    }
    if (status->proof_tensors > 0 && status->proof_held)
        x += canvas_format(canvas, x, y, end - x, THEME_FROZEN, CELL_BOLD, "✻ %d tensors frozen, proven",
                           status->proof_tensors);
    else if (status->proof_tensors > 0)
        x += canvas_text(canvas, x, y, end - x, THEME_ERROR, CELL_BOLD, "✗ a frozen tensor moved: see the events");
    else if (status->frozen <= 0)
        x += canvas_text(canvas, x, y, end - x, THEME_DIM, 0, "✻ nothing is frozen");
    else
        x += canvas_text(canvas, x, y, end - x, THEME_DIM, 0,
                         live ? "✻ frozen; proof at an epoch's end" : "✻ frozen; it ended before a proof");
    canvas_format(canvas, x + 3, y, end - x - 3, THEME_THAWED, 0, "≈ %s trainable, %s frozen",
                  words_count(a, status->trainable), words_count(b, status->frozen));
}

/* --- plots --- */

static const char *note_sign(enum event_kind kind, enum theme_role *role)
{
    *role = kind == EVENT_WARNING ? THEME_WARNING : THEME_EVENT;
    switch (kind) {
    case EVENT_THAW:
        *role = THEME_THAWED;
        return "≈";
    case EVENT_LR:
        return "↓";
    case EVENT_WARNING:
        return "!";
    default:
        return "·";
    }
}

static void add_mark(struct marks *marks, double x, const char *label, enum theme_role role)
{
    if (marks->count < MARKS_MAX)
        marks->mark[marks->count++] = (struct plot_mark){.x = x, .label = label, .role = role};
}

/* The best epoch, thaws, rates and warnings as they came; and the thaws that the schedule has still to make. */
static void collect_marks(struct ui *ui, struct marks *marks)
{
    struct session_status status;
    const struct story_note *notes;
    const struct story_thaw *thaws;
    enum theme_role role;
    char percent[WORDS_MAX];
    session_status(ui->session, &status);
    marks->count = 0;
    marks->next = 0;
    snprintf(marks->best, sizeof marks->best, "best %s", component_percent(percent, status.best_accuracy));
    if (status.best_accuracy >= 0)
        add_mark(marks, status.best_epoch, marks->best, THEME_GOOD);
    for (size_t i = 0, count = session_notes(ui->session, &notes); i < count; i++) {
        enum event_kind kind = notes[i].kind;
        note_sign(kind, &role);
        if (kind == EVENT_THAW || kind == EVENT_LR || kind == EVENT_WARNING)
            add_mark(marks, notes[i].x, notes[i].text, role);
    }
    if (!session_phase_is_live(status.phase))
        return;
    for (size_t i = 0, count = session_thaws(ui->session, &thaws); i < count; i++) {
        if (thaws[i].made || thaws[i].epoch <= status.epoch || marks->count == MARKS_MAX)
            continue; /* one that is past was made before the run was forked, or could not be */
        snprintf(marks->coming[i % MARKS_MAX], sizeof marks->coming[0], "to thaw %s", thaws[i].text);
        add_mark(marks, thaws[i].epoch - 1, marks->coming[i % MARKS_MAX], THEME_DIM);
        marks->next = marks->next > 0 && marks->next < thaws[i].epoch ? marks->next : thaws[i].epoch;
    }
}

/* How far ahead a thaw to come is drawn: not so far that what has been is pressed to the edge. */
static double reach_x(struct ui *ui, const struct marks *marks)
{
    double last = screen_train_last_x(ui), most = last > 2.5 ? 4 * last : 10;
    return marks->next <= most ? marks->next : 0;
}

/* Where a live run's axes end that they stand still: a line that draws all of the plot anew with each point is a slow one. */
static double steady_x(struct ui *ui)
{
    struct session_status status;
    session_status(ui->session, &status);
    return session_phase_is_live(status.phase) && status.epochs > 0 ? status.epochs : 0;
}

static void draw_plot(struct screen_train *train, struct ui *ui, struct canvas *canvas, struct rect area, bool loss)
{
    const struct story_point *points[2];
    struct marks marks;
    char steps[32];
    collect_marks(ui, &marks);
    snprintf(steps, sizeof steps, train->smooth > 0 ? "steps, smoothed" : "steps");
    size_t train_count = session_curve(ui->session, loss ? SESSION_TRAIN_LOSS : SESSION_TRAIN_ACCURACY, &points[0]);
    size_t val_count = session_curve(ui->session, loss ? SESSION_VAL_LOSS : SESSION_VAL_ACCURACY, &points[1]);
    const struct plot_series series[2] = {
        {.name = steps,
         .points = points[0],
         .count = train_count,
         .role = THEME_TRAIN,
         .marker = '.',
         .smooth = train->smooth},
        {.name = "validation",
         .points = points[1],
         .count = val_count,
         .role = THEME_VAL,
         .marker = 'o',
         .markers = true},
    };
    struct plot plot = {.title = loss ? "loss" : "accuracy",
                        .x_label = "epochs",
                        .series = series,
                        .series_count = 2,
                        .marks = marks.mark,
                        .mark_count = marks.count,
                        .window = train->window,
                        .steady_x = steady_x(ui),
                        .reach_x = reach_x(ui, &marks),
                        .log_x = train->log_x,
                        .log_y = loss && train->log_y,
                        .percent = !loss,
                        .legend = true,
                        .has_cursor = train->has_cursor,
                        .cursor = train->cursor};
    plot_draw(canvas, area, &plot, &train->view[loss ? 0 : 1]);
}

static void draw_plots(struct screen_train *train, struct ui *ui, struct canvas *canvas, struct rect area)
{
    struct rect first, second = {0, 0, 0, 0};
    bool side = area.w >= 120, room = side || area.h >= 20;
    train->drawn = train->plot == TRAIN_PLOT_AUTO ? (room ? TRAIN_PLOT_BOTH : TRAIN_PLOT_LOSS) : train->plot;
    train->view[0].area = train->view[1].area = (struct rect){0, 0, 0, 0};
    if (train->drawn != TRAIN_PLOT_BOTH) {
        draw_plot(train, ui, canvas, area, train->drawn == TRAIN_PLOT_LOSS);
        return;
    }
    if (side)
        layout_columns(area, 0.5, 30, 30, 2, &first, &second);
    else
        layout_rows(area, 0.5, 4, 4, 0, &first, &second);
    draw_plot(train, ui, canvas, first, true);
    if (!rect_empty(second))
        draw_plot(train, ui, canvas, second, false);
}

/* --- what happened, and who learns --- */

static void draw_note(struct canvas *canvas, struct rect line, const struct story_note *note)
{
    enum theme_role role;
    const char *sign = note_sign(note->kind, &role);
    canvas_text(canvas, line.x, line.y, 1, role, CELL_BOLD, sign);
    canvas_format(canvas, line.x + 2, line.y, 12, THEME_DIM, 0, "epoch %5.1f", note->x);
    canvas_text(canvas, line.x + 15, line.y, line.w - 15, THEME_TEXT, 0, note->text);
}

static void draw_notes(struct ui *ui, struct canvas *canvas, struct rect area)
{
    const struct story_note *notes;
    char right[24];
    size_t count = session_notes(ui->session, &notes);
    snprintf(right, sizeof right, "%zu", count);
    component_heading(canvas, &area, "events, newest first", right, false);
    for (size_t i = count; i-- > 0 && area.h > 0;)
        draw_note(canvas, layout_cut_top(&area, 1), &notes[i]);
}

/* Update over weights of each stage, 1e-6 to 1e-1 on a bar: which layers learn. */
static void draw_stages(struct ui *ui, struct canvas *canvas, struct rect area)
{
    const struct session_layer *all;
    size_t count = session_layers(ui->session, &all);
    component_heading(canvas, &area, "who learns: last update over weights", "1e-6 .. 1e-1", false);
    for (size_t i = 0; i < count && area.h > 0; i++) {
        if (!all[i].is_stage)
            continue;
        struct rect line = layout_cut_top(&area, 1);
        double ratio = (double)all[i].update_ratio;
        canvas_text(canvas, line.x, line.y, 1, component_mark_role(all[i].all), CELL_BOLD,
                    component_mark_sign(all[i].all));
        canvas_text(canvas, line.x + 2, line.y, 16, component_mark_role(all[i].all), 0, all[i].name);
        if (ratio < 0) {
            canvas_text(canvas, line.x + 20, line.y, line.w - 20, THEME_DIM, 0, "still");
            continue;
        }
        double share = ratio > 0 ? (log10(ratio) + 6) / 5 : 0;
        bar_draw(canvas, line.x + 20, line.y, line.w - 30, share, THEME_THAWED);
        canvas_format(canvas, line.x + line.w - 9, line.y, 9, THEME_TEXT, 0, "%.1e", ratio);
    }
}

/* The newest of what happened on one line. A warning gives way to the validations behind it: what was set aside before the
 * first step is not all there is to say of a run. */
static void draw_newest(struct ui *ui, struct canvas *canvas, struct rect line)
{
    const struct story_note *notes;
    const struct story_point *judged;
    char text[64], percent[WORDS_MAX];
    size_t count = session_notes(ui->session, &notes);
    size_t epochs = session_curve(ui->session, SESSION_VAL_ACCURACY, &judged);
    if (count == 0)
        return;
    struct story_note newest = notes[count - 1];
    if (newest.kind == EVENT_WARNING && epochs > 0 && judged[epochs - 1].x > newest.x) {
        snprintf(text, sizeof text, "validation accuracy %s", component_percent(percent, judged[epochs - 1].y));
        newest = (struct story_note){.x = judged[epochs - 1].x, .kind = EVENT_NOTE, .text = text};
    }
    draw_note(canvas, line, &newest);
}

static void draw_foot(struct ui *ui, struct canvas *canvas, struct rect area)
{
    if (area.h == 1) {
        draw_newest(ui, canvas, area);
        return;
    }
    struct rect left = area, right = {0, 0, 0, 0};
    if (ui_training(ui)) {
        layout_columns(area, 0.5, 50, 40, 2, &left, &right);
        draw_stages(ui, canvas, left);
        left = right;
    }
    if (!rect_empty(left))
        draw_notes(ui, canvas, left);
}

void screen_train_draw_run(struct screen_train *train, struct ui *ui, struct canvas *canvas, struct rect area)
{
    struct session_status status;
    session_status(ui->session, &status);
    draw_title(&status, canvas, layout_cut_top(&area, 1));
    if (status.phase == SESSION_FAILED) {
        struct rect lines = layout_cut_top(&area, 3);
        paragraph_draw(canvas, lines, THEME_ERROR, 0, status.error.text);
    } else {
        draw_progress(&status, canvas, layout_cut_top(&area, 1));
    }
    draw_scores(&status, canvas, layout_cut_top(&area, 1));
    draw_pace(&status, canvas, layout_cut_top(&area, 1));
    draw_proof(&status, canvas, layout_cut_top(&area, 1));
    int foot = area.h >= 30 ? area.h / 4 : area.h >= 10 ? 1 : 0;
    draw_foot(ui, canvas, layout_cut_bottom(&area, foot));
    draw_plots(train, ui, canvas, area);
}
