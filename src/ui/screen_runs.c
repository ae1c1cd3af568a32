/* Runs: what was trained before. A table that sorts and filters; Enter reopens a run's curves in Train and its confusions
 * in Results; a marked run is the one that others are compared with. Reached through the table in screen.c. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "screen_runs.h"
#include "thaw/base/clock.h"
#include "thaw/base/mem.h"

enum { RUN_MARK, RUN_WHEN, RUN_NAME, RUN_MODEL, RUN_DATA, RUN_EPOCHS, RUN_BEST, RUN_TRAINABLE, RUN_STATE, RUN_COLUMNS };
static const struct component_column columns[RUN_COLUMNS] = {
    [RUN_MARK] = {{"", 1, 0, ALIGN_LEFT, 100}, NULL, false},
    [RUN_WHEN] = {{"when", 11, 0, ALIGN_LEFT, 80}, "when they began", true},
    [RUN_NAME] = {{"run", 12, 2, ALIGN_LEFT, 90}, "name", false},
    [RUN_MODEL] = {{"model", 14, 2, ALIGN_LEFT, 20}, "model", false},
    [RUN_DATA] = {{"data", 10, 1, ALIGN_LEFT, 40}, "data", false},
    [RUN_EPOCHS] = {{"epochs", 8, 0, ALIGN_RIGHT, 50}, "epochs", true},
    [RUN_BEST] = {{"best", 6, 0, ALIGN_RIGHT, 95}, "best accuracy", true},
    [RUN_TRAINABLE] = {{"trains", 8, 0, ALIGN_RIGHT, 60}, "trainable values", true},
    [RUN_STATE] = {{"state", 10, 0, ALIGN_LEFT, 70}, "state", false},
};

/* What the session knows by now; false: that is here already. */
static bool take_runs(struct runs *runs, struct ui *ui)
{
    const struct session_run *all;
    if (runs->news == session_runs_news(ui->session, runs->trash))
        return false;
    runs->news = session_runs_news(ui->session, runs->trash);
    runs->count = session_runs(ui->session, runs->trash, &all);
    runs->run = mem_grow(runs->run, runs->count + 1, sizeof *runs->run);
    for (size_t i = 0; i < runs->count; i++) {
        struct run *run = &runs->run[i];
        *run = (struct run){.started = all[i].started,
                            .seconds = all[i].seconds,
                            .best = all[i].best_accuracy,
                            .last = all[i].last_accuracy,
                            .trainable = all[i].trainable,
                            .frozen = all[i].frozen,
                            .done = all[i].epochs_done,
                            .trains = all[i].trains,
                            .passes = true,
                            .epochs = all[i].epochs};
        snprintf(run->path, sizeof run->path, "%s", all[i].path);
        snprintf(run->name, sizeof run->name, "%s", all[i].name);
        snprintf(run->model, sizeof run->model, "%s", all[i].model);
        snprintf(run->data, sizeof run->data, "%s", all[i].data);
        snprintf(run->state, sizeof run->state, "%s", all[i].state);
        snprintf(run->tags, sizeof run->tags, "%s", all[i].tags);
        snprintf(run->note, sizeof run->note, "%s", all[i].note);
        snprintf(run->parent, sizeof run->parent, "%s", all[i].parent);
        snprintf(run->damage, sizeof run->damage, "%s", all[i].damage);
    }
    return true;
}

static int compare_numbers(double a, double b)
{
    return a < b ? -1 : a > b;
}

static int compare(void *context, int column, size_t first, size_t second)
{
    const struct runs *runs = context;
    const struct run *a = &runs->run[first], *b = &runs->run[second];
    int order = 0;
    switch (column) {
    case RUN_NAME:
        order = strcmp(a->name, b->name);
        break;
    case RUN_MODEL:
        order = strcmp(a->model, b->model);
        break;
    case RUN_DATA:
        order = strcmp(component_leaf(a->data), component_leaf(b->data));
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
    return order == 0 ? compare_numbers(a->started, b->started) : order;
}

static bool passes(void *context, const char *filter, size_t thing)
{
    (void)filter;
    return ((const struct runs *)context)->run[thing].passes;
}

/* A filter that is none, as one that is half typed, leaves what it passed before. */
static void arrange(void *state, struct ui *ui)
{
    struct runs *runs = state;
    struct error error;
    bool *matches = mem_array(runs->count + 1, sizeof *matches);
    runs->table.fault[0] = '\0';
    if (!session_match_runs(ui->session, runs->trash, runs->table.filter.text, matches, runs->count, &error))
        snprintf(runs->table.fault, sizeof runs->table.fault, "%.150s", error.text);
    for (size_t i = 0; i < runs->count && !runs->table.fault[0]; i++)
        runs->run[i].passes = matches[i];
    mem_free(matches);
    component_table_arrange(&runs->table, runs->count);
}

/* The bar stays on its run, but for one that nobody has moved: that is on the newest. */
static void arrange_anew(struct runs *runs, struct ui *ui)
{
    char kept[sizeof runs->run->path];
    int at = runs->table.list.selected > 0 ? runs->table.list.selected : 0;
    const struct run *run = at > 0 ? runs_selected(runs) : NULL;
    snprintf(kept, sizeof kept, "%s", run ? run->path : "");
    if (!take_runs(runs, ui))
        return;
    arrange(runs, ui);
    for (int i = 0; kept[0] && i < runs->table.list.rows; i++)
        if (!strcmp(runs->run[runs->table.row[i]].path, kept))
            at = i;
    list_select(&runs->table.list, at);
}

static void read_anew(struct runs *runs, struct ui *ui)
{
    session_read_runs(ui->session, runs->trash);
    arrange_anew(runs, ui);
    runs->read_at = clock_monotonic();
    runs->stale = false;
}

void runs_refresh(void *state, struct ui *ui)
{
    struct runs *runs = state;
    unsigned before = runs->news;
    read_anew(runs, ui);
    runs->awaited = runs->news == before;
}

void runs_fail(struct runs *runs, struct ui *ui, const struct error *error)
{
    ui_fail(ui, error);
    runs_refresh(runs, ui);
}

const struct run *runs_selected(const struct runs *runs)
{
    long selected = component_table_selected(&runs->table);
    return selected < 0 ? NULL : &runs->run[selected];
}

/* That a list has come is no reason to read it again. */
static void changed(void *state, struct ui *ui)
{
    struct runs *runs = state;
    bool came = runs->news != session_runs_news(ui->session, runs->trash), trains = ui_training(ui);
    if (came)
        arrange_anew(runs, ui);
    if (came && runs->awaited) { /* as a key is answered, not when it is time for news */
        ui_again(ui);
        runs->awaited = false;
    }
    runs->stale = runs->stale || !came || trains || runs->trained;
    runs->trained = trains;
}

static void *create(struct ui *ui)
{
    (void)ui;
    struct runs *runs = mem_alloc(sizeof *runs);
    runs->table = (struct component_table){.list = {.selected = -1},
                                           .filter = {.changed = arrange, .context = runs},
                                           .column = columns,
                                           .columns = RUN_COLUMNS,
                                           .sort = RUN_WHEN,
                                           .descending = true,
                                           .passes = passes,
                                           .compare = compare,
                                           .context = runs};
    list_select(&runs->table.list, 0);
    return runs;
}

static void destroy(void *state)
{
    struct runs *runs = state;
    component_table_finish(&runs->table);
    mem_free(runs->run);
    mem_free(runs);
}

/* --- drawing --- */

/* The year only where it is not that of the newest run: then the day is enough. */
static const char *when(const struct runs *runs, char text[32], double started)
{
    double newest = 0;
    for (size_t i = 0; i < runs->count; i++)
        newest = runs->run[i].started > newest ? runs->run[i].started : newest;
    time_t seconds = (time_t)started, last = (time_t)newest;
    struct tm local, local_last;
    if (started <= 0 || localtime_r(&seconds, &local) == NULL || localtime_r(&last, &local_last) == NULL ||
        strftime(text, 32, local.tm_year == local_last.tm_year ? "%m-%d %H:%M" : "%Y-%m-%d", &local) == 0)
        snprintf(text, 32, "-");
    return text;
}

static enum theme_role state_role(const struct run *run)
{
    if (run->trains)
        return THEME_THAWED;
    return strcmp(run->state, "finished") == 0 ? THEME_GOOD : THEME_WARNING;
}

static void fill_cell(void *context, int row, int column, struct table_cell *cell)
{
    const struct runs *runs = context;
    const struct run *run = &runs->run[runs->table.row[row]];
    char words[WORDS_MAX], date[32];
    switch (column) {
    case RUN_MARK:
        cell->role = THEME_EVENT;
        snprintf(cell->text, sizeof cell->text, "%s", strcmp(run->path, runs->marked) == 0 ? "●" : " ");
        break;
    case RUN_WHEN:
        snprintf(cell->text, sizeof cell->text, "%s", when(runs, date, run->started));
        break;
    case RUN_NAME:
        snprintf(cell->text, sizeof cell->text, "%s", component_run_title(run->name));
        break;
    case RUN_MODEL:
        snprintf(cell->text, sizeof cell->text, "%s", run->model);
        break;
    case RUN_DATA:
        snprintf(cell->text, sizeof cell->text, "%s", component_leaf(run->data));
        break;
    case RUN_EPOCHS:
        snprintf(cell->text, sizeof cell->text, "%d/%d", run->done, run->epochs);
        break;
    case RUN_BEST:
        snprintf(cell->text, sizeof cell->text, "%s", component_percent(words, run->best));
        break;
    case RUN_TRAINABLE:
        snprintf(cell->text, sizeof cell->text, "%s", words_count(words, run->trainable));
        break;
    case RUN_STATE:
        cell->role = state_role(run);
        snprintf(cell->text, sizeof cell->text, "%s", run->state);
        break;
    }
}

static void draw_versus(const struct run *run, const struct run *other, struct canvas *canvas, struct rect line)
{
    char a[WORDS_MAX], b[WORDS_MAX];
    int x = line.x, y = line.y, end = line.x + line.w;
    if (line.h < 1)
        return;
    x += canvas_format(canvas, x, y, end - x, THEME_EVENT, 0, "against %s: ", component_run_title(other->name));
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

/* What cannot be read of it, what people put on it, and where it comes from. */
static void draw_labels(const struct run *run, struct canvas *canvas, struct rect line)
{
    int x = line.x, end = line.x + line.w;
    const struct {
        const char *label, *text;
        enum theme_role role;
    } labels[] = {{"damaged:", run->damage, THEME_WARNING},
                  {"tags", run->tags, THEME_EVENT},
                  {"note", run->note, THEME_EVENT},
                  {"forked from", run->parent, THEME_EVENT}};
    for (size_t i = 0; i < THAW_LENGTH(labels) && line.h > 0; i++) {
        if (labels[i].text[0] == '\0' || x >= end)
            continue;
        x += canvas_format(canvas, x, line.y, end - x, THEME_DIM, 0, "%s ", labels[i].label);
        x += canvas_format(canvas, x, line.y, end - x, labels[i].role, 0, "%s  ", labels[i].text);
    }
}

static void draw_details(const struct runs *runs, struct canvas *canvas, struct rect area)
{
    enum { LABEL = 12 };
    const struct run *run = runs_selected(runs);
    if (!run || area.h < 2)
        return;
    char words[WORDS_MAX], more[WORDS_MAX], value[5][600];
    const char *labels[5] = {"model", "data", "trained", "accuracy", "folder"};
    component_heading(canvas, &area, run->name, run->state, true);
    snprintf(value[0], sizeof value[0], "%s, %s trainable and %s frozen", run->model,
             words_count(words, run->trainable), words_count(more, run->frozen));
    snprintf(value[1], sizeof value[1], "%s", run->data);
    time_t started = (time_t)run->started;
    struct tm local;
    char begun[40] = "";
    if (run->started > 0 && localtime_r(&started, &local) != NULL)
        strftime(begun, sizeof begun, ", begun %Y-%m-%d %H:%M", &local);
    snprintf(value[2], sizeof value[2], "%d of %d epochs in %s%s", run->done, run->epochs,
             words_seconds(words, run->seconds), begun);
    snprintf(value[3], sizeof value[3], "best %s, last %s", component_percent(words, run->best),
             component_percent(more, run->last));
    text_tail(value[4], sizeof value[4], run->path, area.w - LABEL);
    for (int i = 0; i < 5 && area.h > 0; i++) {
        struct rect line = layout_cut_top(&area, 1);
        field_draw(canvas, line.x, line.y, line.w, LABEL, labels[i], value[i]);
    }
    if (run->damage[0] || run->tags[0] || run->note[0] || run->parent[0])
        draw_labels(run, canvas, layout_cut_top(&area, 1));
    for (size_t i = 0; i < runs->count; i++)
        if (strcmp(runs->run[i].path, runs->marked) == 0 && &runs->run[i] != run)
            draw_versus(run, &runs->run[i], canvas, area);
}

static void draw_empty(const struct runs *runs, struct ui *ui, struct canvas *canvas, struct rect area)
{
    char text[160], train[COMPONENT_KEY];
    size_t left;
    if (session_runs_left(ui->session, runs->trash, &left)) {
        component_empty(canvas, area, "", "Reading the runs ...");
        return;
    }
    if (runs->trash) {
        component_empty(canvas, area, "The trash is empty", "Deleted runs are kept here until thaw runs empty-trash.");
        return;
    }
    snprintf(text, sizeof text,
             "Press %s to go to Train and start one. Each run keeps its curves, checkpoints and "
             "settings, and is listed here.",
             component_key(ui, "train", train));
    component_empty(canvas, area, "No runs yet", text);
}

/* Only the first time, while the list fills. */
static void draw_left(const struct runs *runs, struct ui *ui, struct canvas *canvas, struct rect *area)
{
    size_t left;
    if (!session_runs_left(ui->session, runs->trash, &left) || left == 0)
        return;
    struct rect line = layout_cut_bottom(area, 1);
    canvas_format(canvas, line.x, line.y, line.w, THEME_DIM, 0, "reading %zu more ...", left);
}

static void draw(void *state, struct ui *ui, struct canvas *canvas, struct rect area)
{
    struct runs *runs = state;
    /* While a run trains, events come many times a second; its row may lag a little. */
    if (runs->stale && clock_monotonic() - runs->read_at > 2)
        read_anew(runs, ui);
    if (runs->trash)
        component_heading(canvas, &area, "trash", "U brings back, t shows the runs", true);
    if (runs->count == 0) {
        draw_empty(runs, ui, canvas, area);
        return;
    }
    draw_left(runs, ui, canvas, &area);
    struct rect side = {0, 0, 0, 0};
    if (area.w >= 140 && area.h >= 36)
        layout_columns(area, 0.48, 84, 56, 2, &area, &side);
    struct rect details = layout_cut_bottom(&area, area.h >= 16 ? 8 : 0);
    component_table_draw(&runs->table, canvas, area, fill_cell, runs);
    draw_details(runs, canvas, details);
    long selected = component_table_selected(&runs->table);
    if (rect_empty(side) || selected < 0)
        return;
    const char *path = runs->run[selected].path, *marked = runs->marked;
    runs_draw_look(ui, canvas, side, path, marked[0] != '\0' && strcmp(marked, path) != 0 ? marked : NULL);
}

/* --- doing --- */

static void open_selected(struct runs *runs, struct ui *ui)
{
    struct error error = {0};
    const struct run *run = runs_selected(runs);
    if (!run)
        return;
    if (!session_open_run(ui->session, run->path, false, &error)) {
        runs_fail(runs, ui, &error);
        return;
    }
    if (ui_training(ui))
        ui_say(ui, UI_GOOD, "%s trains: leaving does not stop it", component_run_title(run->name));
    else
        ui_say(ui, UI_GOOD, "%s is open: curves here, confusions in Results", run->name);
    ui_go(ui, SCREEN_TRAIN);
}

static void reopen(const struct command_call *call)
{
    open_selected(call->state, call->ui);
}

static void mark(const struct command_call *call)
{
    struct runs *runs = call->state;
    long selected = component_table_selected(&runs->table);
    if (selected < 0)
        return;
    const struct run *run = &runs->run[selected];
    if (strcmp(run->path, runs->marked) == 0) {
        runs->marked[0] = '\0';
        return;
    }
    snprintf(runs->marked, sizeof runs->marked, "%s", run->path);
    ui_say(call->ui, UI_INFO, "%s is marked: the selected run is compared with it", component_run_title(run->name));
}

static void filter(const struct command_call *call)
{
    component_filter_ask(&((struct runs *)call->state)->table.filter, call->ui, call->argument);
}

static void sort(const struct command_call *call)
{
    component_table_sort_on(&((struct runs *)call->state)->table, call->ui, call->argument);
}

static void back(const struct command_call *call)
{
    struct runs *runs = call->state;
    if (!component_filter_clear(&runs->table.filter, call->ui))
        runs->marked[0] = '\0';
}

static const struct command commands[] = {
    {"open", "Enter", "reopen", "reopen the run, or attach where it trains", .run = reopen},
    {"filter", "/", "filter", "runs with words, -word, best>90, epochs<9", .run = filter, .argument = ARGUMENT_TEXT},
    {"sort", "s", "sort", "sort by the next column, or by one named", .run = sort, .argument = ARGUMENT_TEXT},
    {"resume", "c", "go on", "go on with a run that ended or broke off", .run = runs_resume},
    {"fork", "f", "fork", "begin a new run at one of its checkpoints", .run = runs_fork},
    {"play", "p", "replay", "replay the run; nothing is computed", .run = runs_replay},
    {"rename", "R", "rename", "give the run another name", .run = runs_rename, .argument = ARGUMENT_TEXT,
     .takes = "NAME"},
    {"tag", "T", "tag", "tag the run; -word takes a tag off", .run = runs_tag, .argument = ARGUMENT_TEXT,
     .takes = "WORD..."},
    {"run-note", "N", "note", "put a note on the whole run, for this list", .run = runs_note, .argument = ARGUMENT_TEXT,
     .takes = "TEXT"},
    {"delete", "D", "delete", "move the run to the trash", .run = runs_delete},
    {"trash", "t", "trash", "show what was deleted, or the runs", .run = runs_show_trash},
    {"restore", "U", "bring back", "bring the run back from the trash", .run = runs_restore},
    {"mark", "Space m", "mark to compare", "mark the run, to compare others with it", .run = mark},
    {"back", "Esc", "back", "clear the filter, then the mark", .run = back},
};

static void move(void *state, struct ui *ui, enum move move)
{
    (void)ui;
    list_move(&((struct runs *)state)->table.list, move);
}

static bool mouse(void *state, struct ui *ui, const struct term_event *event)
{
    struct runs *runs = state;
    enum list_hit hit = component_table_mouse(&runs->table, ui, event);
    if (hit == LIST_OPENED)
        open_selected(runs, ui);
    return hit != LIST_MISS;
}

static int keys(void *state, struct ui *ui, struct screen_hint hints[SCREEN_HINTS])
{
    static const char *const names[] = {"open", "resume", "fork", "mark", "filter", "sort", "delete"};
    const struct runs *runs = state;
    (void)ui;
    int count = 0;
    if (runs->trash) {
        hints[count++] = (struct screen_hint){"restore", NULL};
        hints[count++] = (struct screen_hint){"trash", "runs"};
        return count;
    }
    if (runs->count == 0) {
        hints[0] = (struct screen_hint){"train", NULL};
        return 1;
    }
    for (; count < (int)THAW_LENGTH(names); count++)
        hints[count] = (struct screen_hint){names[count], NULL};
    const struct run *run = runs_selected(runs);
    if (run && run->trains)
        hints[0].label = "attach";
    return count;
}

const struct screen screen_runs = {
    .title = "Runs",
    .subject = SUBJECT_NONE,
    .go = {"runs", "6", "runs", "Runs: reopen and compare", .run = ui_show},
    .create = create,
    .destroy = destroy,
    .draw = draw,
    .commands = COMMAND_TABLE(commands),
    .move = move,
    .mouse = mouse,
    .keys = keys,
    .changed = changed,
    .shown = runs_refresh,
};
