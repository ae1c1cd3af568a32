/* Runs: what was trained before. A table that sorts and filters; Enter reopens a run's curves in Train and its confusions
 * in Results; a marked run is the one that others are compared with. Reached through the table in screen.c. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "part.h"
#include "screens.h"
#include "thaw/base/clock.h"
#include "thaw/base/mem.h"

enum { RUN_MARK, RUN_WHEN, RUN_NAME, RUN_MODEL, RUN_DATA, RUN_EPOCHS, RUN_BEST, RUN_TRAINABLE, RUN_STATE, RUN_COLUMNS };

/* The session reads its runs anew on each call, so the screen keeps a copy for as long as it is looked at. */
struct run {
    char path[512], name[64], model[64], data[256], state[32];
    double started, seconds, best, last, trainable, frozen;
    int done, epochs;
};

struct runs {
    struct list list;
    struct part_filter filter;
    struct run *run;
    size_t count;
    double read_at; /* clock_monotonic; 0: never */
    size_t *row;    /* [list.rows] what passes the filter, sorted */
    int sort;       /* RUN_* */
    bool ascending;
    char marked[512];  /* path; "": none */
    struct rect table; /* at the last draw, for clicks on the header */
};

static void read_runs(struct runs *runs, struct ui *ui)
{
    const struct session_run *all;
    runs->count = session_runs(ui->session, &all);
    runs->run = mem_grow(runs->run, runs->count + 1, sizeof(*runs->run));
    for (size_t i = 0; i < runs->count; i++) {
        struct run *run = &runs->run[i];
        *run = (struct run){.started = all[i].started,
                            .seconds = all[i].seconds,
                            .best = all[i].best_accuracy,
                            .last = all[i].last_accuracy,
                            .trainable = all[i].trainable,
                            .frozen = all[i].frozen,
                            .done = all[i].epochs_done,
                            .epochs = all[i].epochs};
        snprintf(run->path, sizeof(run->path), "%s", all[i].path);
        snprintf(run->name, sizeof(run->name), "%s", all[i].name);
        snprintf(run->model, sizeof(run->model), "%s", all[i].model);
        snprintf(run->data, sizeof(run->data), "%s", all[i].data);
        snprintf(run->state, sizeof(run->state), "%s", all[i].state);
    }
    runs->read_at = clock_monotonic();
}

static int compare_numbers(double a, double b)
{
    return a < b ? -1 : a > b;
}

static int compare_runs(const struct runs *runs, const struct run *a, const struct run *b)
{
    int order = 0;
    switch (runs->sort) {
    case RUN_NAME:
        order = strcmp(a->name, b->name);
        break;
    case RUN_MODEL:
        order = strcmp(a->model, b->model);
        break;
    case RUN_DATA:
        order = strcmp(part_leaf(a->data), part_leaf(b->data));
        break;
    case RUN_EPOCHS:
        order = compare_numbers(a->done, b->done);
        break;
    case RUN_BEST:
        order = compare_numbers(a->best, b->best);
        break;
    case RUN_TRAINABLE:
        order = compare_numbers(a->trainable, b->trainable);
        break;
    case RUN_STATE:
        order = strcmp(a->state, b->state);
        break;
    }
    if (order == 0)
        order = compare_numbers(a->started, b->started);
    return runs->ascending ? order : -order;
}

/* Filters and sorts what was read; insertion keeps equal rows in their order and needs no context for the comparison. */
static void arrange(void *state, struct ui *ui)
{
    struct runs *runs = state;
    (void)ui;
    size_t shown = 0, selected = runs->list.selected >= 0 ? runs->row[runs->list.selected] : 0;
    runs->row = mem_grow(runs->row, runs->count + 1, sizeof(*runs->row));
    for (size_t i = 0; i < runs->count; i++) {
        const struct run *run = &runs->run[i];
        char text[512];
        snprintf(text, sizeof(text), "%s %s %s %s", run->name, run->model, run->data, run->state);
        if (!filter_match(runs->filter.text, text))
            continue;
        size_t at = shown++;
        while (at > 0 && compare_runs(runs, run, &runs->run[runs->row[at - 1]]) < 0) {
            runs->row[at] = runs->row[at - 1];
            at--;
        }
        runs->row[at] = i;
    }
    list_set_rows(&runs->list, (int)shown);
    for (size_t i = 0; i < shown; i++)
        if (runs->row[i] == selected)
            list_select(&runs->list, (int)i);
}

static void refresh(void *state, struct ui *ui)
{
    read_runs(state, ui);
    arrange(state, ui);
}

/* While a run trains, events come many times a second; its row may lag a little. */
static void changed(void *state, struct ui *ui)
{
    struct runs *runs = state;
    if (ui->current == SCREEN_RUNS && clock_monotonic() - runs->read_at > 2)
        refresh(state, ui);
}

static void *create(struct ui *ui)
{
    struct runs *runs = mem_alloc(sizeof(*runs));
    runs->filter.changed = arrange;
    runs->filter.context = runs;
    runs->sort = RUN_WHEN;
    runs->list.selected = -1;
    read_runs(runs, ui);
    arrange(runs, ui);
    list_select(&runs->list, 0);
    return runs;
}

static void destroy(void *state)
{
    struct runs *runs = state;
    mem_free(runs->row);
    mem_free(runs->run);
    mem_free(runs);
}

/* --- drawing --- */

static const char *when(char text[32], double started)
{
    time_t seconds = (time_t)started;
    struct tm local;
    if (localtime_r(&seconds, &local) == NULL || strftime(text, 32, "%Y-%m-%d %H:%M", &local) == 0)
        snprintf(text, 32, "-");
    return text;
}

static enum theme_role state_role(const char *state)
{
    if (strcmp(state, "finished") == 0)
        return THEME_GOOD;
    return strcmp(state, "running") == 0 ? THEME_THAWED : THEME_WARNING;
}

static void fill_cell(void *context, int row, int column, struct table_cell *cell)
{
    const struct runs *runs = context;
    const struct run *run = &runs->run[runs->row[row]];
    char words[WORDS_MAX], date[32];
    switch (column) {
    case RUN_MARK:
        cell->role = THEME_EVENT;
        snprintf(cell->text, sizeof(cell->text), "%s", strcmp(run->path, runs->marked) == 0 ? "●" : " ");
        break;
    case RUN_WHEN:
        snprintf(cell->text, sizeof(cell->text), "%s", when(date, run->started));
        break;
    case RUN_NAME:
        snprintf(cell->text, sizeof(cell->text), "%s", run->name);
        break;
    case RUN_MODEL:
        snprintf(cell->text, sizeof(cell->text), "%s", run->model);
        break;
    case RUN_DATA:
        snprintf(cell->text, sizeof(cell->text), "%s", part_leaf(run->data));
        break;
    case RUN_EPOCHS:
        snprintf(cell->text, sizeof(cell->text), "%d/%d", run->done, run->epochs);
        break;
    case RUN_BEST:
        snprintf(cell->text, sizeof(cell->text), "%s", part_percent(words, run->best));
        break;
    case RUN_TRAINABLE:
        snprintf(cell->text, sizeof(cell->text), "%s", words_count(words, run->trainable));
        break;
    case RUN_STATE:
        cell->role = state_role(run->state);
        snprintf(cell->text, sizeof(cell->text), "%s", run->state);
        break;
    }
}

/* The columns with an arrow at the one that sorts. */
static void make_columns(const struct runs *runs, struct column columns[RUN_COLUMNS], char title[32])
{
    static const struct column plain[RUN_COLUMNS] = {
        [RUN_MARK] = {"", 1, 0, ALIGN_LEFT, 100},       [RUN_WHEN] = {"when", 16, 0, ALIGN_LEFT, 30},
        [RUN_NAME] = {"run", 12, 2, ALIGN_LEFT, 90},    [RUN_MODEL] = {"model", 14, 2, ALIGN_LEFT, 20},
        [RUN_DATA] = {"data", 10, 1, ALIGN_LEFT, 40},   [RUN_EPOCHS] = {"epochs", 8, 0, ALIGN_RIGHT, 50},
        [RUN_BEST] = {"best", 6, 0, ALIGN_RIGHT, 95},   [RUN_TRAINABLE] = {"trains", 8, 0, ALIGN_RIGHT, 60},
        [RUN_STATE] = {"state", 10, 0, ALIGN_LEFT, 70},
    };
    memcpy(columns, plain, sizeof(plain));
    snprintf(title, 32, "%s %s", plain[runs->sort].title, runs->ascending ? "▲" : "▼");
    columns[runs->sort].title = title;
}

static void draw_versus(const struct run *run, const struct run *other, struct canvas *canvas, struct rect line)
{
    char a[WORDS_MAX], b[WORDS_MAX];
    int x = line.x, y = line.y, end = line.x + line.w;
    if (line.h < 1)
        return;
    x += canvas_format(canvas, x, y, end - x, THEME_EVENT, 0, "against %s: ", other->name);
    if (run->best >= 0 && other->best >= 0) {
        double points = 100 * (run->best - other->best);
        x += canvas_format(canvas, x, y, end - x, points >= 0 ? THEME_GOOD : THEME_WARNING, CELL_BOLD, "%+.1f points",
                           points);
        x += canvas_text(canvas, x, y, end - x, THEME_TEXT, 0, ", ");
    }
    x += canvas_format(canvas, x, y, end - x, THEME_TEXT, 0, "%s values trained (%s), ", words_count(a, run->trainable),
                       words_count(b, other->trainable));
    canvas_format(canvas, x, y, end - x, THEME_TEXT, 0, "%s (%s)", words_seconds(a, run->seconds),
                  words_seconds(b, other->seconds));
}

static void draw_details(const struct runs *runs, struct canvas *canvas, struct rect area)
{
    enum { LABEL = 12 };
    if (runs->list.selected < 0 || area.h < 2)
        return;
    const struct run *run = &runs->run[runs->row[runs->list.selected]];
    char words[WORDS_MAX], more[WORDS_MAX], value[5][600];
    const char *labels[5] = {"model", "data", "trained", "accuracy", "folder"};
    part_heading(canvas, &area, run->name, run->state, true);
    snprintf(value[0], sizeof(value[0]), "%s, %s trainable and %s frozen", run->model,
             words_count(words, run->trainable), words_count(more, run->frozen));
    snprintf(value[1], sizeof(value[1]), "%s", run->data);
    snprintf(value[2], sizeof(value[2]), "%d of %d epochs in %s", run->done, run->epochs,
             words_seconds(words, run->seconds));
    snprintf(value[3], sizeof(value[3]), "best %s, last %s", part_percent(words, run->best),
             part_percent(more, run->last));
    part_path(value[4], sizeof(value[4]), run->path, area.w - LABEL);
    for (int i = 0; i < 5 && area.h > 0; i++) {
        struct rect line = layout_cut_top(&area, 1);
        field_draw(canvas, line.x, line.y, line.w, LABEL, labels[i], value[i]);
    }
    for (size_t i = 0; i < runs->count; i++)
        if (strcmp(runs->run[i].path, runs->marked) == 0 && &runs->run[i] != run)
            draw_versus(run, &runs->run[i], canvas, area);
}

static void draw(void *state, struct ui *ui, struct canvas *canvas, struct rect area)
{
    struct runs *runs = state;
    if (runs->count == 0) {
        char text[160], train[PART_KEY];
        snprintf(text, sizeof(text),
                 "Press %s to go to Train and start one. Each run keeps its curves, checkpoints and "
                 "settings, and is listed here.",
                 part_key(ui, COMMAND_GO_TRAIN, train));
        part_empty(canvas, area, "No runs yet", text);
        return;
    }
    struct rect details = layout_cut_bottom(&area, area.h >= 16 ? 8 : 0);
    if (runs->filter.text[0] != '\0') {
        struct rect line = layout_cut_bottom(&area, 1);
        canvas_format(canvas, line.x, line.y, line.w, THEME_DIM, 0, "filter \"%s\": %d of %zu", runs->filter.text,
                      runs->list.rows, runs->count);
    }
    struct column columns[RUN_COLUMNS];
    char title[32];
    make_columns(runs, columns, title);
    runs->table = area;
    table_draw(canvas, area, &runs->list, columns, RUN_COLUMNS, fill_cell, runs, true);
    if (runs->list.rows == 0)
        canvas_text(canvas, area.x + 2, area.y + 2, area.w - 2, THEME_DIM, 0,
                    "Nothing matches. Esc clears the filter.");
    draw_details(runs, canvas, details);
}

/* --- doing --- */

static void open_selected(struct runs *runs, struct ui *ui)
{
    struct error error = {0};
    if (runs->list.selected < 0)
        return;
    const struct run *run = &runs->run[runs->row[runs->list.selected]];
    if (!session_open_run(ui->session, run->path, &error)) {
        ui_fail(ui, &error);
        return;
    }
    ui_say(ui, UI_GOOD, "%s is open: curves here, confusions in Results", run->name);
    ui_go(ui, SCREEN_TRAIN);
}

static void sort_by(struct runs *runs, struct ui *ui, int column)
{
    static const char *const names[RUN_COLUMNS] = {
        [RUN_WHEN] = "when they began",
        [RUN_NAME] = "name",
        [RUN_MODEL] = "model",
        [RUN_DATA] = "data",
        [RUN_EPOCHS] = "epochs",
        [RUN_BEST] = "best accuracy",
        [RUN_TRAINABLE] = "trainable values",
        [RUN_STATE] = "state",
    };
    if (column <= RUN_MARK || column >= RUN_COLUMNS)
        return;
    bool text = column == RUN_NAME || column == RUN_MODEL || column == RUN_DATA || column == RUN_STATE;
    runs->ascending = column == runs->sort ? !runs->ascending : text;
    runs->sort = column;
    arrange(runs, ui);
    ui_say(ui, UI_INFO, "Sorted by %s", names[column]);
}

static void mark(struct runs *runs, struct ui *ui)
{
    if (runs->list.selected < 0)
        return;
    const struct run *run = &runs->run[runs->row[runs->list.selected]];
    if (strcmp(run->path, runs->marked) == 0) {
        runs->marked[0] = '\0';
        return;
    }
    snprintf(runs->marked, sizeof(runs->marked), "%s", run->path);
    ui_say(ui, UI_INFO, "%s is marked: the selected run is compared with it", run->name);
}

static bool command(void *state, struct ui *ui, enum command which, const char *argument)
{
    struct runs *runs = state;
    switch (which) {
    case COMMAND_OPEN:
        open_selected(runs, ui);
        return true;
    case COMMAND_SORT:
        sort_by(runs, ui, runs->sort + 1 < RUN_COLUMNS ? runs->sort + 1 : RUN_WHEN);
        return true;
    case COMMAND_MARK:
        mark(runs, ui);
        return true;
    case COMMAND_FILTER:
        part_filter_ask(&runs->filter, ui, argument);
        return true;
    case COMMAND_BACK:
        return part_filter_clear(&runs->filter, ui);
    default:
        return list_command(&runs->list, which);
    }
}

static bool mouse(void *state, struct ui *ui, const struct term_event *event)
{
    struct runs *runs = state;
    struct column columns[RUN_COLUMNS];
    char title[32];
    make_columns(runs, columns, title);
    if (event->mouse == TERM_PRESS && event->button == 1) {
        int column = table_column_at(runs->table, &runs->list, columns, RUN_COLUMNS, event->x, event->y);
        if (column >= 0) {
            sort_by(runs, ui, column);
            return true;
        }
    }
    enum list_hit hit = list_mouse(&runs->list, event);
    if (hit == LIST_OPENED)
        open_selected(runs, ui);
    return hit != LIST_MISS;
}

static int keys(void *state, struct ui *ui, struct screen_hint hints[SCREEN_HINTS])
{
    (void)ui;
    if (((struct runs *)state)->count == 0) {
        hints[0] = (struct screen_hint){COMMAND_GO_TRAIN, NULL};
        return 1;
    }
    hints[0] = (struct screen_hint){COMMAND_OPEN, "reopen"};
    hints[1] = (struct screen_hint){COMMAND_FILTER, NULL};
    hints[2] = (struct screen_hint){COMMAND_SORT, NULL};
    hints[3] = (struct screen_hint){COMMAND_MARK, "mark to compare"};
    return 4;
}

const struct screen screen_runs = {
    .id = SCREEN_RUNS,
    .name = "runs",
    .title = "Runs",
    .create = create,
    .destroy = destroy,
    .draw = draw,
    .command = command,
    .mouse = mouse,
    .keys = keys,
    .changed = changed,
    .shown = refresh,
};
