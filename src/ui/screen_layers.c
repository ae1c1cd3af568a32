/* Layers: the heart of the workbench. A tree folded by stage with four freeze marks a layer, and above it what the present
 * plan costs: counts, work, memory and time follow each toggle at once. While a run trains, the last column shows how far
 * each layer moved in the last update. Reached through the table in screen.c. */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "component.h"
#include "thaw/base/mem.h"
#include "undo.h"

enum {
    LAYER_NAME,
    LAYER_KIND,
    LAYER_SHAPE,
    LAYER_PARAMS,
    LAYER_MACS,
    LAYER_MEMORY,
    LAYER_WEIGHTS,
    LAYER_AFFINE,
    LAYER_STATISTICS,
    LAYER_DROPOUT,
    LAYER_UPDATE,
    LAYER_COLUMNS
};
static const struct column columns[LAYER_COLUMNS] = {
    [LAYER_NAME] = {"layer", 22, 2, ALIGN_LEFT, 100},   [LAYER_KIND] = {"kind", 13, 1, ALIGN_LEFT, 20},
    [LAYER_SHAPE] = {"output", 11, 0, ALIGN_LEFT, 50},  [LAYER_PARAMS] = {"params", 7, 0, ALIGN_RIGHT, 90},
    [LAYER_MACS] = {"MACs", 7, 0, ALIGN_RIGHT, 80},     [LAYER_MEMORY] = {"memory", 9, 0, ALIGN_RIGHT, 10},
    [LAYER_WEIGHTS] = {"W", 1, 0, ALIGN_LEFT, 99},      [LAYER_AFFINE] = {"A", 1, 0, ALIGN_LEFT, 99},
    [LAYER_STATISTICS] = {"S", 1, 0, ALIGN_LEFT, 99},   [LAYER_DROPOUT] = {"D", 1, 0, ALIGN_LEFT, 99},
    [LAYER_UPDATE] = {"update", 14, 0, ALIGN_LEFT, 95},
};
enum { STAGES_MAX = 128 };

struct layers {
    struct list list;
    struct component_filter filter;
    size_t *row;  /* [list.rows] rows of the session that are shown */
    long model;   /* whose fold states these are */
    size_t count; /* rows it had */
    bool unfolded[STAGES_MAX];
};

static bool is_unfolded(const struct layers *layers, const struct session_layer *row)
{
    return layers->filter.text[0] != '\0' || (row->stage < STAGES_MAX && layers->unfolded[row->stage]);
}

/* With a filter: the layers that pass and the stages around them. */
static bool is_shown(const struct layers *layers, const struct session_layer *all, size_t count, size_t row)
{
    if (layers->filter.text[0] == '\0')
        return all[row].is_stage || is_unfolded(layers, &all[row]);
    char text[128];
    snprintf(text, sizeof text, "%s %s", all[row].name, all[row].kind);
    if (!all[row].is_stage)
        return filter_match(layers->filter.text, text);
    for (size_t i = row + 1; i < count && !all[i].is_stage; i++)
        if (is_shown(layers, all, count, i))
            return true;
    return false;
}

static void refresh(void *state, struct ui *ui)
{
    struct layers *layers = state;
    const struct session_layer *all;
    size_t count = session_layers(ui->session, &all), shown = 0;
    long model = session_chosen_model(ui->session);
    if (model != layers->model || count != layers->count) {
        memset(layers->unfolded, 0, sizeof layers->unfolded);
        layers->filter.text[0] = '\0';
        layers->model = model;
        layers->count = count;
        list_set_rows(&layers->list, 0);
    }
    size_t before = layers->list.selected >= 0 ? layers->row[layers->list.selected] : 0;
    layers->row = mem_grow(layers->row, count + 1, sizeof *layers->row);
    int select = 0;
    for (size_t i = 0; i < count; i++) {
        if (!is_shown(layers, all, count, i))
            continue;
        if (i <= before)
            select = (int)shown;
        layers->row[shown++] = i;
    }
    list_set_rows(&layers->list, (int)shown);
    if (shown > 0 && select != layers->list.selected)
        list_select(&layers->list, select);
}

static void *create(struct ui *ui)
{
    struct layers *layers = mem_alloc(sizeof *layers);
    layers->model = -1;
    layers->filter.changed = refresh;
    layers->filter.context = layers;
    list_set_rows(&layers->list, 0);
    refresh(layers, ui);
    return layers;
}

static void destroy(void *state)
{
    struct layers *layers = state;
    mem_free(layers->row);
    mem_free(layers);
}

/* --- drawing --- */

struct fill {
    const struct layers *layers;
    const struct session_layer *all;
};

static void fill_mark(struct table_cell *cell, enum session_mark mark)
{
    cell->role = component_mark_role(mark);
    cell->attrs = mark == SESSION_MARK_THAWED ? CELL_BOLD : 0;
    snprintf(cell->text, sizeof cell->text, "%s", component_mark_sign(mark));
}

/* Ratios from 1e-6 to 1e-1 on a bar of six cells, the figure behind it. */
static void fill_update(struct table_cell *cell, float ratio)
{
    if (ratio < 0)
        return;
    int steps = ratio > 0 ? (int)lround((log10((double)ratio) + 6) * 6 / 5) : 0;
    steps = steps < 0 ? 0 : steps > 6 ? 6 : steps;
    char bar[32] = "";
    for (int i = 0; i < 6; i++)
        strcat(bar, i < steps ? "■" : "·");
    cell->role = THEME_THAWED;
    snprintf(cell->text, sizeof cell->text, "%s %.0e", bar, (double)ratio);
}

static void fill_cell(void *context, int index, int column, struct table_cell *cell)
{
    const struct fill *fill = context;
    const struct session_layer *row = &fill->all[fill->layers->row[index]];
    char words[WORDS_MAX];
    cell->attrs = row->is_stage ? CELL_BOLD : 0;
    switch (column) {
    case LAYER_NAME:
        cell->fold = !row->is_stage ? 3 : is_unfolded(fill->layers, row) ? 2 : 1;
        cell->indent = row->is_stage ? 0 : 2;
        cell->role = row->all == SESSION_MARK_NONE ? THEME_DIM : component_mark_role(row->all);
        snprintf(cell->text, sizeof cell->text, "%s", row->name);
        break;
    case LAYER_KIND:
        cell->role = THEME_DIM;
        cell->attrs = 0;
        snprintf(cell->text, sizeof cell->text, "%s", row->kind);
        break;
    case LAYER_SHAPE:
        snprintf(cell->text, sizeof cell->text, "%s", row->shape);
        break;
    case LAYER_PARAMS:
        if (row->params > 0)
            snprintf(cell->text, sizeof cell->text, "%s", words_count(words, row->params));
        break;
    case LAYER_MACS:
        if (row->macs > 0)
            snprintf(cell->text, sizeof cell->text, "%s", words_count(words, row->macs));
        break;
    case LAYER_MEMORY:
        cell->role = THEME_DIM;
        snprintf(cell->text, sizeof cell->text, "%s", words_bytes(words, row->activation_bytes));
        break;
    case LAYER_WEIGHTS:
        fill_mark(cell, row->weights);
        break;
    case LAYER_AFFINE:
        fill_mark(cell, row->affine);
        break;
    case LAYER_STATISTICS:
        fill_mark(cell, row->statistics);
        break;
    case LAYER_DROPOUT:
        fill_mark(cell, row->dropout);
        break;
    case LAYER_UPDATE:
        fill_update(cell, row->update_ratio);
        break;
    }
}

/* What it costs, in a line; what is first is seen on any terminal. */
static void draw_cost(struct ui *ui, struct canvas *canvas, struct rect line,
                      const struct session_freeze_counts *counts)
{
    struct session_cost cost;
    char forward[WORDS_MAX], backward[WORDS_MAX], bytes[WORDS_MAX], epochs[COMPONENT_TEXT];
    int x = line.x, y = line.y, end = line.x + line.w;
    session_cost(ui->session, &cost);
    if (cost.bytes <= 0 && cost.refused[0] != '\0')
        x += canvas_format(canvas, x, y, end - x, THEME_WARNING, 0, "%s   ", cost.refused);
    if (cost.bytes > 0) {
        bool refused = cost.refused[0] != '\0';
        x += canvas_format(canvas, x, y, end - x, THEME_DIM, 0, "memory ");
        x += canvas_format(canvas, x, y, end - x, refused ? THEME_WARNING : THEME_TEXT, 0, "%s%s   ",
                           words_bytes(bytes, cost.bytes), refused ? ", too much" : "");
    }
    if (component_epochs(epochs, &cost)[0] != '\0') {
        x += canvas_format(canvas, x, y, end - x, THEME_DIM, 0, "epoch ");
        x += canvas_format(canvas, x, y, end - x, THEME_TEXT, 0, "%s   ", epochs);
    }
    words_count(forward, counts->macs_forward);
    words_count(backward, counts->macs_backward);
    bool wide = (size_t)(end - x) >= strlen("MACs  forward,  backward") + strlen(forward) + strlen(backward);
    x += canvas_format(canvas, x, y, end - x, THEME_DIM, 0, "MACs ");
    canvas_format(canvas, x, y, end - x, THEME_TEXT, 0, wide ? "%s forward, %s backward" : "%s + %s", forward,
                  backward);
}

/* Two lines: what moves, with a bar; what it costs. */
static void draw_totals(struct ui *ui, struct canvas *canvas, struct rect area)
{
    struct session_freeze_counts counts;
    char trainable[WORDS_MAX], frozen[WORDS_MAX];
    session_freeze_counts(ui->session, &counts);
    double total = counts.trainable + counts.frozen, share = total > 0 ? counts.trainable / total : 0;
    int x = area.x, y = area.y, end = area.x + area.w;
    x += canvas_format(canvas, x, y, end - x, THEME_THAWED, CELL_BOLD, "≈ %s trainable",
                       words_count(trainable, counts.trainable));
    x += canvas_format(canvas, x, y, end - x, THEME_TEXT, 0, " in %d layer%s ", counts.layers_trainable,
                       counts.layers_trainable == 1 ? "" : "s");
    int bar = area.w / 5 < 12 ? 12 : area.w / 5;
    if (end - x > bar + 32) { /* what is frozen still fits behind it */
        /* something that trains is never drawn as nothing */
        bar_draw(canvas, x, y, bar, share > 0 && share < 0.125 / bar ? 0.125 / bar : share, THEME_THAWED);
        x += bar;
        char percent[WORDS_MAX];
        if (share > 0 && share < 0.0005)
            snprintf(percent, sizeof percent, "< 0.1%%");
        else
            component_percent(percent, share);
        x += canvas_format(canvas, x, y, end - x, THEME_TEXT, 0, " %s  ", percent);
    }
    canvas_format(canvas, x, y, end - x, THEME_FROZEN, 0, "✻ %s frozen in %d", words_count(frozen, counts.frozen),
                  counts.layers_frozen);
    draw_cost(ui, canvas, (struct rect){area.x, area.y + 1, area.w, 1}, &counts);
}

static void draw_legend(struct canvas *canvas, struct rect line)
{
    int x = line.x, end = line.x + line.w;
    for (enum session_mark mark = SESSION_MARK_FROZEN; mark <= SESSION_MARK_PARTLY; mark++) {
        canvas_text(canvas, x, line.y, 1, component_mark_role(mark), CELL_BOLD, component_mark_sign(mark));
        x += 2;
        x += canvas_text(canvas, x, line.y, end - x, THEME_DIM, 0, component_mark_name(mark)) + 2;
    }
    canvas_text(canvas, x, line.y, end - x, THEME_DIM, 0, "W weights  A affine  S statistics  D dropout");
}

static void draw_details(const struct session_layer *row, struct ui *ui, struct canvas *canvas, struct rect area)
{
    enum { LABEL = 13 };
    char words[WORDS_MAX], value[96], name[COMPONENT_KEY];
    component_heading(canvas, &area, row->name, row->in_head ? "head" : "trunk", true);
    struct rect line = layout_cut_top(&area, 1);
    field_draw(canvas, line.x, line.y, line.w, LABEL, "kind", row->kind);
    line = layout_cut_top(&area, 1);
    snprintf(value, sizeof value, "%s, %s", row->shape, words_bytes(words, row->activation_bytes));
    field_draw(canvas, line.x, line.y, line.w, LABEL, "output", value);
    line = layout_cut_top(&area, 1);
    field_draw(canvas, line.x, line.y, line.w, LABEL, "parameters", words_count(words, row->params));
    line = layout_cut_top(&area, 1);
    field_draw(canvas, line.x, line.y, line.w, LABEL, "MACs", words_count(words, row->macs));
    if (row->update_ratio >= 0) {
        line = layout_cut_top(&area, 1);
        snprintf(value, sizeof value, "%.1e of the weights, last step", (double)row->update_ratio);
        field_draw(canvas, line.x, line.y, line.w, LABEL, "update", value);
    }
    layout_cut_top(&area, 1);
    const struct {
        const char *label;
        enum session_mark mark;
        const char *command;
    } marks[] = {
        {"weights", row->weights, "toggle-weights"},
        {"affine", row->affine, "toggle-affine"},
        {"statistics", row->statistics, "toggle-statistics"},
        {"dropout", row->dropout, "toggle-dropout"},
    };
    for (size_t i = 0; i < THAW_LENGTH(marks) && area.h > 0; i++) {
        line = layout_cut_top(&area, 1);
        bool none = marks[i].mark == SESSION_MARK_NONE;
        canvas_text(canvas, line.x, line.y, 3, none ? THEME_DIM : THEME_KEY, 0,
                    component_key(ui, marks[i].command, name));
        canvas_text(canvas, line.x + 3, line.y, 12, THEME_DIM, 0, marks[i].label);
        canvas_text(canvas, line.x + 15, line.y, 1, component_mark_role(marks[i].mark), CELL_BOLD,
                    component_mark_sign(marks[i].mark));
        canvas_text(canvas, line.x + 17, line.y, line.w - 17, component_mark_role(marks[i].mark), 0,
                    none ? "has none" : component_mark_name(marks[i].mark));
    }
}

static void draw_empty(struct ui *ui, struct canvas *canvas, struct rect area)
{
    char text[200], models[COMPONENT_KEY];
    snprintf(text, sizeof text, "Press %s to choose one. Its layers come here, to freeze and thaw.",
             component_key(ui, "models", models));
    if (!component_opening(ui, canvas, area))
        component_empty(canvas, area, "No model chosen", text);
}

/* Whose layers these are, and whether they can be changed. */
static void draw_heading(const struct layers *layers, struct ui *ui, struct canvas *canvas, struct rect *area)
{
    const struct session_model *models;
    struct session_status status;
    char title[160];
    session_status(ui->session, &status);
    if (session_subject(ui->session) == SESSION_SHOWN_RUN) {
        snprintf(title, sizeof title, "run %.140s", component_leaf(status.run));
        component_heading(canvas, area, title,
                          status.writes ? "changes act at the next batch" : ui_no_steering(&status), true);
    } else if (layers->model >= 0 && (size_t)layers->model < session_models(ui->session, &models)) {
        snprintf(title, sizeof title, "next run: %.140s", models[layers->model].name);
        component_heading(canvas, area, title, ui_training(ui) ? "the run that trains is another" : "", true);
    }
}

static void draw(void *state, struct ui *ui, struct canvas *canvas, struct rect area)
{
    struct layers *layers = state;
    const struct session_layer *all;
    refresh(layers, ui);
    if (session_layers(ui->session, &all) == 0) {
        draw_empty(ui, canvas, area);
        return;
    }
    draw_heading(layers, ui, canvas, &area);
    draw_totals(ui, canvas, layout_cut_top(&area, 2));
    layout_cut_top(&area, area.h > 20 ? 1 : 0);
    draw_legend(canvas, layout_cut_bottom(&area, 1));
    if (layers->filter.text[0] != '\0') {
        struct rect line = layout_cut_bottom(&area, 1);
        canvas_format(canvas, line.x, line.y, line.w, THEME_DIM, 0, "filter \"%s\"", layers->filter.text);
    }
    struct rect table = area, details = {0, 0, 0, 0};
    if (area.w >= 130)
        layout_columns(area, 0.72, 80, 38, 2, &table, &details);
    struct fill fill = {layers, all};
    int count =
        session_subject(ui->session) == SESSION_SHOWN_RUN && ui_training(ui) ? LAYER_COLUMNS : LAYER_COLUMNS - 1;
    table_draw(canvas, table, &layers->list, columns, count, fill_cell, &fill, true);
    if (layers->list.rows == 0)
        component_no_match(canvas, layout_inset(table, 2, 2));
    if (!rect_empty(details) && layers->list.selected >= 0)
        draw_details(&all[layers->row[layers->list.selected]], ui, canvas, details);
}

/* --- doing --- */

static const struct session_layer *selected_layer(const struct layers *layers, struct ui *ui, size_t *row)
{
    const struct session_layer *all;
    size_t count = session_layers(ui->session, &all);
    if (layers->list.selected < 0 || layers->list.selected >= layers->list.rows)
        return NULL;
    *row = layers->row[layers->list.selected];
    return *row < count ? &all[*row] : NULL;
}

static void say_now(struct ui *ui, const char *what, const char *name)
{
    if (session_subject(ui->session) == SESSION_NEXT_RUN) /* a run answers by a notice */
        ui_say(ui, UI_INFO, "%s %s", name, what);
}

/* The next run's always; the run's where it takes commands. */
static bool may_change(struct ui *ui)
{
    return session_subject(ui->session) == SESSION_NEXT_RUN || ui_may_steer(ui);
}

/* What a command may mark, with the words for it. */
static const struct kind {
    unsigned marks;
    const char *of;
    size_t mark; /* in struct session_layer */
} kinds[] = {
    {SESSION_ALL, "", offsetof(struct session_layer, all)},
    {SESSION_WEIGHTS, " (weights)", offsetof(struct session_layer, weights)},
    {SESSION_AFFINE, " (affine)", offsetof(struct session_layer, affine)},
    {SESSION_STATISTICS, " (statistics)", offsetof(struct session_layer, statistics)},
    {SESSION_DROPOUT, " (dropout)", offsetof(struct session_layer, dropout)},
};

/* value: which of the kinds */
static void toggle(const struct command_call *call)
{
    const struct kind *kind = &kinds[call->command->value];
    size_t row;
    struct error error = {0};
    const struct session_layer *layer = selected_layer(call->state, call->ui, &row);
    if (layer == NULL || !may_change(call->ui))
        return;
    if (!session_toggle_freeze(call->ui->session, row, kind->marks, &error)) {
        ui_fail(call->ui, &error);
        return;
    }
    if (session_subject(call->ui->session) == SESSION_NEXT_RUN)
        undo_froze(call->ui->undo);
    layer = selected_layer(call->state, call->ui, &row);
    if (layer == NULL)
        return;
    enum session_mark mark;
    memcpy(&mark, (const char *)layer + kind->mark, sizeof mark);
    char name[96];
    snprintf(name, sizeof name, "%s%s", layer->name, kind->of);
    say_now(call->ui, mark == SESSION_MARK_FROZEN ? "is frozen" : "is thawed", name);
}

static void cut(const struct command_call *call)
{
    size_t row;
    struct error error = {0};
    const struct session_layer *layer = selected_layer(call->state, call->ui, &row);
    if (layer == NULL || !may_change(call->ui))
        return;
    char name[96];
    snprintf(name, sizeof name, "All up to %s", layer->name);
    if (!session_freeze_upto(call->ui->session, row, &error)) {
        ui_fail(call->ui, &error);
        return;
    }
    if (session_subject(call->ui->session) == SESSION_NEXT_RUN)
        undo_froze(call->ui->undo);
    say_now(call->ui, "is frozen, the rest thawed", name);
}

/* Selects a row of the session if it is shown. */
static void select_row(struct layers *layers, size_t row)
{
    for (int i = 0; i < layers->list.rows; i++)
        if (layers->row[i] == row)
            list_select(&layers->list, i);
}

enum fold { FOLD, UNFOLD, FLIP };
static void fold(struct layers *layers, struct ui *ui, enum fold how)
{
    const struct session_layer *all;
    size_t row, count = session_layers(ui->session, &all);
    const struct session_layer *layer = selected_layer(layers, ui, &row);
    if (layer == NULL || layer->stage >= STAGES_MAX || layers->filter.text[0] != '\0')
        return;
    if (!layer->is_stage) {
        /* a layer: left goes to its stage, Enter folds the stage around it */
        if (how == UNFOLD)
            return;
        while (row > 0 && !all[row].is_stage)
            row--;
        select_row(layers, row);
        if (how == FOLD)
            return;
    }
    bool *unfolded = &layers->unfolded[layer->stage];
    if (how == UNFOLD && *unfolded && row + 1 < count && !all[row + 1].is_stage)
        list_select(&layers->list, layers->list.selected + 1);
    *unfolded = how == FLIP ? !*unfolded : how == UNFOLD;
    refresh(layers, ui);
}

/* value: whether it unfolds */
static void fold_all(const struct command_call *call)
{
    struct layers *layers = call->state;
    struct ui *ui = call->ui;
    bool unfolded = call->command->value != 0;
    const struct session_layer *all;
    size_t row, count = session_layers(ui->session, &all);
    if (!unfolded && selected_layer(layers, ui, &row) != NULL) {
        while (row > 0 && !all[row].is_stage)
            row--;
        select_row(layers, row);
    }
    for (size_t i = 0; i < count; i++)
        if (all[i].stage < STAGES_MAX)
            layers->unfolded[all[i].stage] = unfolded;
    refresh(layers, ui);
}

static void flip(const struct command_call *call)
{
    fold(call->state, call->ui, FLIP);
}

/* Left and right fold here. */
static void columns_beside(const struct command_call *call)
{
    struct list *list = &((struct layers *)call->state)->list;
    list->shift = list->shift < list->most_shift ? list->shift + 1 : 0;
}

static void filter(const struct command_call *call)
{
    component_filter_ask(&((struct layers *)call->state)->filter, call->ui, call->argument);
}

static void back(const struct command_call *call)
{
    component_filter_clear(&((struct layers *)call->state)->filter, call->ui);
}

/* The run that is shown, or the next one. */
static void whose(const struct command_call *call)
{
    struct session *session = call->ui->session;
    bool next = session_subject(session) == SESSION_NEXT_RUN;
    if (next && session_shown_view(session) < 0) {
        ui_say(call->ui, UI_WARNING, "No run is shown: these are the next run's layers");
        return;
    }
    session_set_subject(session, next ? SESSION_SHOWN_RUN : SESSION_NEXT_RUN);
    refresh(call->state, call->ui);
}

static const struct command commands[] = {
    {"toggle", "Space", "freeze/thaw", "freeze or thaw the row, all of it", .run = toggle, .value = 0},
    /* their columns' letters; lower case is everybody's attach and detach */
    {"toggle-weights", "W w", "weights", "freeze or thaw the row's weights", .run = toggle, .value = 1},
    {"toggle-affine", "A", "affine", "freeze or thaw its batch-norm scale and shift", .run = toggle, .value = 2},
    {"toggle-statistics", "S s", "statistics", "fix its batch-norm statistics, or not", .run = toggle, .value = 3},
    {"toggle-dropout", "D", "dropout", "switch the row's dropout off or on", .run = toggle, .value = 4},
    {"cut", "c", "cut here", "freeze all up to this row, thaw the rest", .run = cut},
    {"whose", "x", "whose", "layers of the next run, or of the shown run", .run = whose},
    {"open", "Enter", "fold", "fold or unfold the row's stage", .run = flip},
    {"fold", "z", "fold", "fold or unfold the row's stage", .run = flip},
    {"fold-all", "-", "fold all", "fold every stage", .run = fold_all, .value = 0},
    {"unfold-all", "+", "unfold all", "unfold every stage", .run = fold_all, .value = 1},
    {"columns", "Tab", "columns", "show the columns beside the screen", .run = columns_beside},
    {"filter", "/", "filter", "show layers with these words; -word: without", .run = filter, .argument = ARGUMENT_TEXT},
    {"back", "Esc", "back", "clear the filter", .run = back},
};

static void move(void *state, struct ui *ui, enum move move)
{
    struct layers *layers = state;
    if (move == MOVE_LEFT || move == MOVE_RIGHT)
        fold(layers, ui, move == MOVE_LEFT ? FOLD : UNFOLD);
    else
        list_move(&layers->list, move);
}

static bool mouse(void *state, struct ui *ui, const struct term_event *event)
{
    struct layers *layers = state;
    enum list_hit hit = list_mouse(&layers->list, event);
    if (hit == LIST_OPENED)
        fold(layers, ui, FLIP);
    return hit != LIST_MISS;
}

static int keys(void *state, struct ui *ui, struct screen_hint hints[SCREEN_HINTS])
{
    static const char *const names[] = {"toggle", "cut", "open", "undo"};
    (void)state;
    int count = 0;
    const struct session_layer *all;
    if (session_layers(ui->session, &all) == 0) {
        hints[count++] = (struct screen_hint){"models", NULL};
        return count;
    }
    struct session_status status;
    session_status(ui->session, &status);
    bool looked_at = session_subject(ui->session) == SESSION_SHOWN_RUN && !status.writes;
    for (size_t i = 0; i < THAW_LENGTH(names); i++)
        if (!looked_at || strcmp(names[i], "open") == 0)
            hints[count++] = (struct screen_hint){names[i], NULL};
    if (session_shown_view(ui->session) >= 0)
        hints[count++] = (struct screen_hint){"whose", session_subject(ui->session) == SESSION_NEXT_RUN ? "the run's"
                                                                                                        : "next run's"};
    hints[count++] = (struct screen_hint){session_data(ui->session) == NULL ? "data-screen" : "train", NULL};
    return count;
}

static enum screen_subject subject_now(void *state, struct ui *ui)
{
    (void)state;
    return session_subject(ui->session) == SESSION_SHOWN_RUN ? SUBJECT_RUN : SUBJECT_NEXT_RUN;
}

const struct screen screen_layers = {
    .title = "Layers",
    .subject_now = subject_now,
    .go = {"layers", "2", "layers", "Layers: what is frozen and what learns", .run = ui_show},
    .create = create,
    .destroy = destroy,
    .draw = draw,
    .commands = COMMAND_TABLE(commands),
    .move = move,
    .mouse = mouse,
    .keys = keys,
    .changed = refresh,
    .shown = refresh,
};
