/* Models: what can be transferred from. Weights files, the catalog and bare architectures in one table that filters while
 * typing and sorts, with the selected one's details beside it (below it on narrow terminals); a marked one is compared
 * with the selected one; weights are pulled while one goes on browsing. Reached through the table in screen.c. */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "screen_models.h"
#include "thaw/base/mem.h"
#include "undo.h"

enum {
    MODEL_MARK,
    MODEL_NAME,
    MODEL_FAMILY,
    MODEL_PARAMS,
    MODEL_MACS,
    MODEL_TOP1,
    MODEL_TOP5,
    MODEL_INPUT,
    MODEL_SECONDS,
    MODEL_SIZE,
    MODEL_LOCAL,
    MODEL_COLUMNS
};
static const struct component_column columns[MODEL_COLUMNS] = {
    [MODEL_MARK] = {{"", 1, 0, ALIGN_LEFT, 100}, NULL, false},
    [MODEL_NAME] = {{"model", 26, 6, ALIGN_LEFT, 100}, "name", false},
    [MODEL_FAMILY] = {{"family", 14, 1, ALIGN_LEFT, 2}, "family", false},
    [MODEL_PARAMS] = {{"params", 8, 0, ALIGN_RIGHT, 90}, "parameters", false},
    [MODEL_MACS] = {{"MACs", 8, 0, ALIGN_RIGHT, 60}, "multiply-adds", false},
    [MODEL_TOP1] = {{"top-1", 7, 0, ALIGN_RIGHT, 85}, "top-1 accuracy", true},
    [MODEL_TOP5] = {{"top-5", 7, 0, ALIGN_RIGHT, 4}, "top-5 accuracy", true},
    [MODEL_INPUT] = {{"input", 9, 0, ALIGN_LEFT, 30}, "input", false},
    [MODEL_SECONDS] = {{"ms/image", 9, 0, ALIGN_RIGHT, 70}, "time for an image", false},
    [MODEL_SIZE] = {{"file", 9, 0, ALIGN_RIGHT, 50}, "size of the file", false},
    [MODEL_LOCAL] = {{"on disk", 9, 0, ALIGN_LEFT, 80}, "what is on this disk", true},
};
static const enum session_model_column session_column[MODEL_COLUMNS] = {
    [MODEL_MARK] = SESSION_MODEL_COLUMNS,  [MODEL_NAME] = SESSION_MODEL_NAME,   [MODEL_FAMILY] = SESSION_MODEL_FAMILY,
    [MODEL_PARAMS] = SESSION_MODEL_PARAMS, [MODEL_MACS] = SESSION_MODEL_MACS,   [MODEL_TOP1] = SESSION_MODEL_TOP1,
    [MODEL_TOP5] = SESSION_MODEL_TOP5,     [MODEL_INPUT] = SESSION_MODEL_INPUT, [MODEL_SECONDS] = SESSION_MODEL_SECONDS,
    [MODEL_SIZE] = SESSION_MODEL_SIZE,     [MODEL_LOCAL] = SESSION_MODEL_LOCAL,
};

struct models {
    struct component_table table;
    struct ui *ui;
    const struct session_model *all; /* as the session has them; read anew before each use */
    size_t count;
    char marked[640]; /* identity of the marked row, see `identify`; "": none */
    bool all_details; /* they have the whole body */
    struct models_input input;
    long chosen; /* as last seen, to notice that another model was chosen */
};

/* What a row is, also when the list has changed around it. */
static const char *identify(const struct session_model *model, char text[640])
{
    snprintf(text, 640, "%s\n%s\n%s", model->name, model->arch, model->weights);
    return text;
}

static void read_models(struct models *models)
{
    models->count = session_models(models->ui->session, &models->all);
}

static const struct session_model *selected_model(struct models *models)
{
    read_models(models);
    long selected = component_table_selected(&models->table);
    return selected < 0 || (size_t)selected >= models->count ? NULL : &models->all[selected];
}

static long marked_row(struct models *models)
{
    char text[640];
    for (size_t i = 0; models->marked[0] != '\0' && i < models->count; i++)
        if (strcmp(identify(&models->all[i], text), models->marked) == 0)
            return (long)i;
    return -1;
}

static const size_t *shown(void *context, struct component_table *table, size_t *count)
{
    const struct models *models = context;
    struct error error = {0};
    const size_t *rows;
    if (!session_filter_models(models->ui->session, table->filter.text, &error))
        snprintf(table->fault, sizeof table->fault, "%.150s", error.text);
    session_sort_models(models->ui->session, table->sort < 0 ? SESSION_MODEL_COLUMNS : session_column[table->sort],
                        table->descending);
    *count = session_shown_models(models->ui->session, &rows);
    return rows;
}

static void refresh(void *state, struct ui *ui)
{
    struct models *models = state;
    (void)ui;
    read_models(models);
    component_table_arrange(&models->table, models->count);
}

/* One that was chosen by its name or path is to be seen here. */
static void come(void *state, struct ui *ui)
{
    struct models *models = state;
    long chosen = session_chosen_model(ui->session);
    if (chosen >= 0 && chosen != models->chosen && chosen != component_table_selected(&models->table)) {
        component_filter_clear(&models->table.filter, ui);
        refresh(models, ui);
        component_table_select(&models->table, chosen);
    }
    models->chosen = chosen;
    refresh(models, ui);
}

static void *create(struct ui *ui)
{
    struct models *models = mem_alloc(sizeof *models);
    models->ui = ui;
    models->table = (struct component_table){.filter = {.changed = refresh, .context = models},
                                             .column = columns,
                                             .columns = MODEL_COLUMNS,
                                             .sort = -1,
                                             .shown = shown,
                                             .context = models};
    refresh(models, ui);
    component_table_select(&models->table, session_chosen_model(ui->session));
    return models;
}

static void destroy(void *state)
{
    struct models *models = state;
    component_table_finish(&models->table);
    models_input_forget(&models->input);
    mem_free(models);
}

/* --- drawing --- */

static void fill_local(const struct models *models, const struct session_model *model, struct table_cell *cell)
{
    const struct session_pull *pull = models_pull_of(models->ui, model->catalog);
    const char *text = model->scratch ? "-" : model->local ? "here" : model->url[0] != '\0' ? "to pull" : "-";
    cell->role = model->local ? THEME_GOOD : THEME_DIM;
    if (pull != NULL && !session_pull_ended(pull->phase)) {
        cell->role = THEME_EVENT;
        if (pull->total > 0)
            snprintf(cell->text, sizeof cell->text, "%.0f%%", 100 * pull->received / pull->total);
        else
            snprintf(cell->text, sizeof cell->text, "pulling");
        return;
    }
    if (pull != NULL && pull->phase == SESSION_PULL_FAILED && !model->local) {
        cell->role = THEME_ERROR;
        text = "failed";
    }
    snprintf(cell->text, sizeof cell->text, "%s", text);
}

static void fill_mark(const struct models *models, size_t row, struct table_cell *cell)
{
    char text[640];
    bool chosen = session_chosen_model(models->ui->session) == (long)row;
    bool marked = strcmp(identify(&models->all[row], text), models->marked) == 0;
    cell->role = chosen ? THEME_GOOD : THEME_EVENT;
    snprintf(cell->text, sizeof cell->text, "%s", chosen ? "●" : marked ? "◆" : " ");
}

static void fill_figure(struct table_cell *cell, double value, double scale, const char *format)
{
    if (isfinite(value))
        snprintf(cell->text, sizeof cell->text, format, scale * value);
}

static void fill_cell(void *context, int row, int column, struct table_cell *cell)
{
    const struct models *models = context;
    size_t index = models->table.row[row];
    const struct session_model *model = &models->all[index];
    char words[WORDS_MAX];
    if (session_chosen_model(models->ui->session) == (long)index)
        cell->attrs = CELL_BOLD;
    switch (column) {
    case MODEL_MARK:
        fill_mark(models, index, cell);
        break;
    case MODEL_NAME:
        cell->role = model->local || model->scratch ? THEME_TEXT : THEME_DIM;
        snprintf(cell->text, sizeof cell->text, "%s", model->name);
        break;
    case MODEL_FAMILY:
        cell->role = THEME_DIM;
        snprintf(cell->text, sizeof cell->text, "%s", model->family);
        break;
    case MODEL_PARAMS:
        if (isfinite(model->params))
            snprintf(cell->text, sizeof cell->text, "%s", words_count(words, model->params));
        break;
    case MODEL_MACS:
        if (isfinite(model->macs))
            snprintf(cell->text, sizeof cell->text, "%s", words_count(words, model->macs));
        break;
    case MODEL_TOP1:
        fill_figure(cell, model->top1, 1, "%.2f");
        break;
    case MODEL_TOP5:
        fill_figure(cell, model->top5, 1, "%.2f");
        break;
    case MODEL_INPUT:
        snprintf(cell->text, sizeof cell->text, "%s", model->input);
        break;
    case MODEL_SECONDS:
        fill_figure(cell, model->seconds, 1e3, model->seconds < 0.01 ? "%.2f" : "%.1f");
        break;
    case MODEL_SIZE:
        if (isfinite(model->file_bytes) && model->file_bytes > 0)
            snprintf(cell->text, sizeof cell->text, "%s", words_bytes(words, model->file_bytes));
        break;
    case MODEL_LOCAL:
        fill_local(models, model, cell);
        break;
    }
}

static void draw_none(struct ui *ui, struct canvas *canvas, struct rect area)
{
    char text[400], open[COMPONENT_KEY], rescan[COMPONENT_KEY];
    snprintf(
        text, sizeof text,
        "Put weights files (safetensors, .pth, .h5, .keras, .onnx) where thaw looks and press %s to look again, or "
        "press %s to open one by its path. `thaw samples` makes small sample models.",
        component_key(ui, "rescan", rescan), component_key(ui, "browse", open));
    if (!component_opening(ui, canvas, area))
        component_empty(canvas, area, "No models found", text);
}

static void draw(void *state, struct ui *ui, struct canvas *canvas, struct rect area)
{
    struct models *models = state;
    refresh(models, ui);
    if (models->count == 0) {
        draw_none(ui, canvas, area);
        return;
    }
    const char *fault = session_catalog_fault(ui->session);
    if (fault != NULL) {
        struct rect line = layout_cut_top(&area, 1);
        canvas_text(canvas, line.x, line.y, line.w, THEME_WARNING, 0, fault);
    }
    struct rect table = area, details;
    long selected = component_table_selected(&models->table), marked = marked_row(models);
    if (models->all_details && selected >= 0) {
        models_draw_details(ui, &models->input, canvas, area, (size_t)selected);
        return;
    }
    if (area.w >= 140)
        layout_columns(area, 0.64, 90, 48, 2, &table, &details);
    else
        layout_rows(area, 0.55, 6, 9, 0, &table, &details);
    component_table_draw(&models->table, canvas, table, fill_cell, models);
    selected = component_table_selected(&models->table);
    if (selected < 0)
        return;
    if (marked >= 0 && marked != selected)
        models_draw_comparison(ui, canvas, details, (size_t)selected, (size_t)marked);
    else
        models_draw_details(ui, &models->input, canvas, details, (size_t)selected);
}

/* --- doing --- */

static void pull_confirmed(void *context, struct ui *ui)
{
    struct models *models = context;
    struct error error = {0};
    const struct session_model *model = selected_model(models);
    if (model == NULL)
        return;
    if (!session_pull(ui->session, model->catalog, &error))
        ui_fail(ui, &error);
    else
        ui_say(ui, UI_INFO, "%s is being pulled; go on meanwhile", model->name);
}

static void pull(const struct command_call *call)
{
    struct models *models = call->state;
    struct ui *ui = call->ui;
    const struct session_model *model = selected_model(models);
    struct error error = {0};
    if (model == NULL)
        return;
    const struct session_pull *going = models_pull_of(ui, model->catalog);
    if (going != NULL && !session_pull_ended(going->phase)) {
        session_cancel_pull(ui->session, model->catalog);
        ui_say(ui, UI_INFO, "%s: stopped; what has come is kept", model->name);
        return;
    }
    if (model->local) {
        ui_say(ui, UI_INFO, "%s is on this disk already", model->name);
        return;
    }
    if (model->url[0] == '\0') {
        error_set(&error, ERROR_USAGE, "%s: there is nothing to pull it from", model->name);
        ui_fail(ui, &error);
        return;
    }
    pull_confirmed(models, ui);
}

static void pull_question(struct models *models, struct ui *ui, const struct session_model *model)
{
    char text[900], words[WORDS_MAX];
    bool sized = isfinite(model->file_bytes) && model->file_bytes > 0;
    snprintf(text, sizeof text, "The weights of %s are not on this disk.\nPull %s%sfrom %s?", model->name,
             sized ? words_bytes(words, model->file_bytes) : "", sized ? " " : "", model->url);
    ui_confirm(ui, text, pull_confirmed, models);
}

static void choose(struct models *models, struct ui *ui)
{
    struct error error = {0};
    const struct session_model *model = selected_model(models);
    if (model == NULL)
        return;
    if (!model->local && !model->scratch && model->url[0] != '\0') {
        const struct session_pull *going = models_pull_of(ui, model->catalog);
        if (going != NULL && !session_pull_ended(going->phase))
            ui_say(ui, UI_INFO, "%s is still being pulled", model->name);
        else
            pull_question(models, ui, model);
        return;
    }
    struct session_kept_model *before = undo_before_model(ui->session);
    bool chosen = session_choose_model(ui->session, (size_t)component_table_selected(&models->table), &error);
    undo_chose(ui->undo, before, chosen);
    if (!chosen) {
        ui_fail(ui, &error);
        return;
    }
    model = selected_model(models);
    ui_say(ui, UI_GOOD, "%s is chosen", model == NULL ? "The model" : model->name);
    ui_go(ui, SCREEN_LAYERS);
}

static void open_done(void *context, struct ui *ui, const char *text, bool accepted)
{
    (void)context;
    if (accepted && text[0] != '\0')
        ui_do(ui, "model", text);
}

static void browse(const struct command_call *call)
{
    ui_ask(call->ui, &(struct ui_ask){.label = "weights file or architecture: ",
                                      .initial = "",
                                      .history = "model",
                                      .complete = ARGUMENT_MODEL,
                                      .done = open_done});
}

static void open_selected(const struct command_call *call)
{
    choose(call->state, call->ui);
}

static void mark(const struct command_call *call)
{
    struct models *models = call->state;
    char text[640];
    const struct session_model *model = selected_model(models);
    if (model == NULL)
        return;
    if (strcmp(identify(model, text), models->marked) == 0) {
        models->marked[0] = '\0';
        return;
    }
    snprintf(models->marked, sizeof models->marked, "%s", text);
    ui_say(call->ui, UI_INFO, "%s is marked: the selected model is compared with it", model->name);
}

static void measure(const struct command_call *call)
{
    struct models *models = call->state;
    struct error error = {0};
    long selected = component_table_selected(&models->table);
    if (selected >= 0 && !session_time_model(call->ui->session, (size_t)selected, &error))
        ui_fail(call->ui, &error);
}

static void details(const struct command_call *call)
{
    struct models *models = call->state;
    models->all_details = !models->all_details && component_table_selected(&models->table) >= 0;
}

static void rescan(const struct command_call *call)
{
    session_rescan_models(call->ui->session);
    ui_say(call->ui, UI_INFO, "Looked for weights files again");
}

static void filter(const struct command_call *call)
{
    component_filter_ask(&((struct models *)call->state)->table.filter, call->ui, call->argument);
}

static void sort(const struct command_call *call)
{
    component_table_sort_on(&((struct models *)call->state)->table, call->ui, call->argument);
}

static void back(const struct command_call *call)
{
    struct models *models = call->state;
    if (models->all_details)
        models->all_details = false;
    else if (!component_filter_clear(&models->table.filter, call->ui))
        models->marked[0] = '\0';
}

static const struct command commands[] = {
    {"open", "Enter", "choose", "choose the selected model", .run = open_selected},
    {"filter", "/", "filter", "show rows with words, -word, top1>75, macs<2", .run = filter, .argument = ARGUMENT_TEXT},
    {"sort", "s", "sort", "sort by the next column, or by one named", .run = sort, .argument = ARGUMENT_TEXT},
    {"mark", "Space m", "compare", "mark the model, to compare others with it", .run = mark},
    {"details", "i", "details", "show all that is known of the model", .run = details},
    {"browse", "o", "open file", "choose a weights file by its path", .run = browse},
    {"pull", "p", "pull", "pull the model's weights, or stop pulling", .run = pull},
    {"time", "t", "measure", "measure its time for an image here", .run = measure},
    {"rescan", "R", "rescan", "look for weights files again", .run = rescan, .anywhere = true},
    {"back", "Esc", "back", "leave the details, clear filter, then mark", .run = back},
};

static void move(void *state, struct ui *ui, enum move move)
{
    (void)ui;
    list_move(&((struct models *)state)->table.list, move);
}

static bool mouse(void *state, struct ui *ui, const struct term_event *event)
{
    struct models *models = state;
    if (models->all_details)
        return false;
    enum list_hit hit = component_table_mouse(&models->table, ui, event);
    if (hit == LIST_OPENED)
        choose(models, ui);
    return hit != LIST_MISS;
}

static int keys(void *state, struct ui *ui, struct screen_hint hints[SCREEN_HINTS])
{
    struct models *models = state;
    const struct session_model *model = selected_model(models);
    int used = 0;
    if (models->count == 0) {
        hints[0] = (struct screen_hint){"rescan", "look again"};
        hints[1] = (struct screen_hint){"browse", NULL};
        return 2;
    }
    bool away = model != NULL && !model->local && !model->scratch && model->url[0] != '\0';
    const struct session_pull *going = away ? models_pull_of(ui, model->catalog) : NULL;
    if (away)
        hints[used++] =
            (struct screen_hint){"pull", going != NULL && !session_pull_ended(going->phase) ? "stop pulling" : NULL};
    else
        hints[used++] = (struct screen_hint){"open", NULL};
    static const char *const others[] = {"filter", "sort", "mark", "browse", "time", "rescan"};
    for (size_t i = 0; i < THAW_LENGTH(others); i++)
        hints[used++] = (struct screen_hint){others[i], NULL};
    return used;
}

const struct screen screen_models = {
    .title = "Models",
    .go = {"models", "1", "models", "Models: choose a network and its weights", .run = ui_show},
    .create = create,
    .destroy = destroy,
    .draw = draw,
    .commands = COMMAND_TABLE(commands),
    .move = move,
    .mouse = mouse,
    .keys = keys,
    .changed = refresh,
    .shown = come,
};
