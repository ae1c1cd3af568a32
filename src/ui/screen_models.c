/* Models: what can be transferred from. A table of architectures and weights files, filtered while typing, with the
 * selected one's details beside it (below it on narrow terminals). Reached through the table in screen.c. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "part.h"
#include "screens.h"
#include "thaw/base/mem.h"

enum {
    MODEL_MARK,
    MODEL_NAME,
    MODEL_FAMILY,
    MODEL_PARAMS,
    MODEL_MACS,
    MODEL_INPUT,
    MODEL_FORMAT,
    MODEL_SIZE,
    MODEL_COLUMNS
};
static const struct column columns[MODEL_COLUMNS] = {
    [MODEL_MARK] = {"", 1, 0, ALIGN_LEFT, 100},        [MODEL_NAME] = {"model", 22, 3, ALIGN_LEFT, 100},
    [MODEL_FAMILY] = {"family", 14, 1, ALIGN_LEFT, 3}, [MODEL_PARAMS] = {"params", 8, 0, ALIGN_RIGHT, 90},
    [MODEL_MACS] = {"MACs", 8, 0, ALIGN_RIGHT, 80},    [MODEL_INPUT] = {"input", 9, 0, ALIGN_LEFT, 50},
    [MODEL_FORMAT] = {"format", 11, 0, ALIGN_LEFT, 4}, [MODEL_SIZE] = {"file", 9, 0, ALIGN_RIGHT, 40},
};

struct models {
    struct list list;
    struct part_filter filter;
    size_t *row;       /* [list.rows] rows of the session that pass the filter, sorted */
    int sort;          /* MODEL_*; MODEL_MARK: in the order in which they were found */
    struct rect table; /* at the last draw, for clicks on the header */
};

static const struct session_model *selected_model(const struct models *models, const struct ui *ui)
{
    const struct session_model *all;
    size_t count = session_models(ui->session, &all);
    if (models->list.selected < 0 || models->row[models->list.selected] >= count)
        return NULL;
    return &all[models->row[models->list.selected]];
}

/* Whether a goes strictly before b: words from A, figures from the smallest. */
static bool is_before(int sort, const struct session_model *a, const struct session_model *b)
{
    switch (sort) {
    case MODEL_NAME:
        return strcmp(a->name, b->name) < 0;
    case MODEL_FAMILY:
        return strcmp(a->family, b->family) < 0;
    case MODEL_PARAMS:
        return a->params < b->params;
    case MODEL_MACS:
        return a->macs < b->macs;
    case MODEL_INPUT:
        return strcmp(a->input, b->input) < 0;
    case MODEL_FORMAT:
        return strcmp(a->format, b->format) < 0;
    case MODEL_SIZE:
        return a->file_bytes < b->file_bytes;
    default:
        return false;
    }
}

static void refresh(void *state, struct ui *ui)
{
    struct models *models = state;
    const struct session_model *all;
    size_t count = session_models(ui->session, &all), shown = 0;
    models->row = mem_grow(models->row, count + 1, sizeof(*models->row));
    for (size_t i = 0; i < count; i++) {
        char text[512];
        snprintf(text, sizeof(text), "%s %s %s %s %s %s", all[i].name, all[i].arch, all[i].family, all[i].title,
                 all[i].format, all[i].input);
        if (!filter_match(models->filter.text, text))
            continue;
        size_t at = shown++;
        for (; at > 0 && is_before(models->sort, &all[i], &all[models->row[at - 1]]); at--)
            models->row[at] = models->row[at - 1];
        models->row[at] = i;
    }
    list_set_rows(&models->list, (int)shown);
}

static void select_model(struct models *models, long row)
{
    list_select(&models->list, 0);
    for (int i = 0; i < models->list.rows; i++)
        if ((long)models->row[i] == row)
            list_select(&models->list, i);
}

static void *create(struct ui *ui)
{
    struct models *models = mem_alloc(sizeof(*models));
    models->filter.changed = refresh;
    models->filter.context = models;
    refresh(models, ui);
    select_model(models, session_chosen_model(ui->session));
    return models;
}

static void destroy(void *state)
{
    struct models *models = state;
    mem_free(models->row);
    mem_free(models);
}

/* --- drawing --- */

struct fill {
    const struct models *models;
    const struct session_model *all;
    long chosen;
};

static void fill_cell(void *context, int row, int column, struct table_cell *cell)
{
    const struct fill *fill = context;
    size_t index = fill->models->row[row];
    const struct session_model *model = &fill->all[index];
    char words[WORDS_MAX];
    bool chosen = fill->chosen == (long)index;
    if (chosen)
        cell->attrs = CELL_BOLD;
    switch (column) {
    case MODEL_MARK:
        cell->role = THEME_GOOD;
        snprintf(cell->text, sizeof(cell->text), "%s", chosen ? "●" : " ");
        break;
    case MODEL_NAME:
        snprintf(cell->text, sizeof(cell->text), "%s", model->name);
        break;
    case MODEL_FAMILY:
        cell->role = THEME_DIM;
        snprintf(cell->text, sizeof(cell->text), "%s", model->family);
        break;
    case MODEL_PARAMS:
        snprintf(cell->text, sizeof(cell->text), "%s", words_count(words, model->params));
        break;
    case MODEL_MACS:
        snprintf(cell->text, sizeof(cell->text), "%s", words_count(words, model->macs));
        break;
    case MODEL_INPUT:
        snprintf(cell->text, sizeof(cell->text), "%s", model->input);
        break;
    case MODEL_FORMAT:
        cell->role = model->format[0] == '\0' ? THEME_DIM : THEME_TEXT;
        snprintf(cell->text, sizeof(cell->text), "%s", model->format[0] == '\0' ? "no weights" : model->format);
        break;
    case MODEL_SIZE:
        if (model->file_bytes > 0)
            snprintf(cell->text, sizeof(cell->text), "%s", words_bytes(words, model->file_bytes));
        break;
    }
}

/* The columns with an arrow at the one that sorts. */
static void make_columns(const struct models *models, struct column shown[MODEL_COLUMNS], char title[32])
{
    memcpy(shown, columns, sizeof(columns));
    if (models->sort == MODEL_MARK)
        return;
    snprintf(title, 32, "%s ▲", columns[models->sort].title);
    shown[models->sort].title = title;
}

static void summarise_matches(const struct session_match *match, size_t count, char *text, size_t room)
{
    /* outcomes in the order in which they come, each with its count */
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        size_t before = 0, same = 0;
        for (size_t k = 0; k < count; k++)
            if (strcmp(match[k].outcome, match[i].outcome) == 0) {
                same++;
                before += k < i;
            }
        if (before > 0 || used >= room)
            continue;
        used += (size_t)snprintf(text + used, room - used, "%s%zu %s", used > 0 ? ", " : "", same, match[i].outcome);
    }
}

/* What the report says beyond "loaded", while there is room. */
static void draw_matches(struct canvas *canvas, struct rect area, const struct session_match *match, size_t count)
{
    char right[WORDS_MAX];
    size_t odd = 0, shown = 0;
    for (size_t i = 0; i < count; i++)
        odd += strcmp(match[i].outcome, "loaded") != 0;
    if (odd == 0 || area.h < 3)
        return;
    layout_cut_top(&area, 1);
    snprintf(right, sizeof(right), "%zu", odd);
    part_heading(canvas, &area, "not loaded as they are", right, false);
    for (size_t i = 0; i < count && area.h > 0; i++) {
        if (strcmp(match[i].outcome, "loaded") == 0)
            continue;
        struct rect line = layout_cut_top(&area, 1);
        if (area.h == 0 && odd - shown > 1) {
            canvas_format(canvas, line.x, line.y, line.w, THEME_DIM, 0, "and %zu more", odd - shown);
            return;
        }
        bool bad = strcmp(match[i].outcome, "missing") == 0 || strcmp(match[i].outcome, "reshaped") == 0;
        canvas_text(canvas, line.x, line.y, 10, bad ? THEME_WARNING : THEME_DIM, 0, match[i].outcome);
        int name = canvas_text(canvas, line.x + 11, line.y, line.w - 11, THEME_TEXT, 0, match[i].name);
        if (line.w - 13 - name > 4)
            canvas_text(canvas, line.x + 13 + name, line.y, line.w - 13 - name, THEME_DIM, 0, match[i].detail);
        shown++;
    }
}

static void draw_details(const struct models *models, struct ui *ui, struct canvas *canvas, struct rect area)
{
    const struct session_model *model = selected_model(models, ui);
    if (model == NULL || area.h < 2)
        return;
    char text[600], path[512], words[WORDS_MAX];
    bool chosen = session_chosen_model(ui->session) == (long)models->row[models->list.selected];
    enum { LABEL = 13 };
    part_heading(canvas, &area, model->name, chosen ? "chosen" : "", true);
    struct rect title = layout_cut_top(&area, 1);
    canvas_text(canvas, title.x, title.y, title.w, THEME_TEXT, 0, model->title);
    const char *labels[6] = {"architecture", "weights", "head", "input", "preprocess", "match"};
    char value[6][600] = {{0}};
    snprintf(value[0], sizeof(value[0]), "%s, %s parameters", model->arch, words_count(words, model->params));
    snprintf(value[1], sizeof(value[1]), "%s",
             model->weights[0] == '\0' ? "none: starts from random numbers"
                                       : part_path(path, sizeof(path), model->weights, area.w - LABEL));
    if (model->classes > 0)
        snprintf(value[2], sizeof(value[2]), "trained on %d classes; replaced to fit your data", model->classes);
    else
        snprintf(value[2], sizeof(value[2]), "made to fit your data");
    snprintf(value[3], sizeof(value[3]), "%s, %s multiply-adds an image", model->input,
             words_count(words, model->macs));
    snprintf(value[4], sizeof(value[4]), "%s", model->preprocess);
    const struct session_match *match = NULL;
    size_t matches = chosen ? session_matches(ui->session, &match) : 0;
    summarise_matches(match, matches, text, sizeof(text));
    snprintf(value[5], sizeof(value[5]), "%s", text);
    for (int i = 0; i < 6 && area.h > 0; i++) {
        if (value[i][0] == '\0')
            continue;
        struct rect line = layout_cut_top(&area, 1);
        field_draw(canvas, line.x, line.y, line.w, LABEL, labels[i], value[i]);
    }
    draw_matches(canvas, area, match, matches);
}

static void draw_filter_line(const struct models *models, size_t all, struct canvas *canvas, struct rect *area)
{
    if (models->filter.text[0] == '\0')
        return;
    struct rect line = layout_cut_bottom(area, 1);
    canvas_format(canvas, line.x, line.y, line.w, THEME_DIM, 0, "filter \"%s\": %d of %zu", models->filter.text,
                  models->list.rows, all);
}

static void draw(void *state, struct ui *ui, struct canvas *canvas, struct rect area)
{
    struct models *models = state;
    const struct session_model *all;
    size_t count = session_models(ui->session, &all);
    refresh(models, ui);
    if (count == 0) {
        char text[400], open[PART_KEY], rescan[PART_KEY];
        snprintf(
            text, sizeof(text),
            "Put weights files (safetensors, .pth) where thaw looks and press %s to look again, or press %s to open "
            "one by its path. `thaw samples` makes small sample models.",
            part_key(ui, COMMAND_RESCAN, rescan), part_key(ui, COMMAND_BROWSE, open));
        part_empty(canvas, area, "No models found", text);
        return;
    }
    struct rect table = area, details;
    if (area.w >= 120)
        layout_columns(area, 0.58, 60, 44, 2, &table, &details);
    else
        layout_rows(area, 0.6, 6, 7, 0, &table, &details);
    draw_filter_line(models, count, canvas, &table);
    struct fill fill = {models, all, session_chosen_model(ui->session)};
    struct column shown[MODEL_COLUMNS];
    char title[32];
    make_columns(models, shown, title);
    models->table = table;
    table_draw(canvas, table, &models->list, shown, MODEL_COLUMNS, fill_cell, &fill, true);
    if (models->list.rows == 0) {
        table.y += 2;
        canvas_text(canvas, table.x + 2, table.y, table.w - 2, THEME_DIM, 0, "Nothing matches. Esc clears the filter.");
    }
    draw_details(models, ui, canvas, details);
}

/* --- doing --- */

static void choose(struct models *models, struct ui *ui)
{
    struct error error = {0};
    if (models->list.selected < 0)
        return;
    if (!session_choose_model(ui->session, models->row[models->list.selected], &error)) {
        ui_fail(ui, &error);
        return;
    }
    const struct session_model *model = selected_model(models, ui);
    ui_say(ui, UI_GOOD, "%s is chosen", model == NULL ? "The model" : model->name);
    ui_go(ui, SCREEN_LAYERS);
}

static void open_done(void *context, struct ui *ui, const char *text, bool accepted)
{
    (void)context;
    if (accepted && text[0] != '\0')
        ui_do(ui, COMMAND_MODEL, text);
}

static void open_file(struct models *models, struct ui *ui, const char *argument)
{
    struct error error = {0};
    if (argument[0] == '\0') {
        ui_ask(ui, &(struct ui_ask){.label = "weights file or architecture: ",
                                    .initial = "",
                                    .history = "model",
                                    .complete = ARGUMENT_MODEL,
                                    .done = open_done,
                                    .context = models});
        return;
    }
    if (!session_choose_model_file(ui->session, argument, &error)) {
        ui_fail(ui, &error);
        return;
    }
    part_filter_clear(&models->filter, ui);
    refresh(models, ui);
    select_model(models, session_chosen_model(ui->session));
    ui_say(ui, UI_GOOD, "%s is chosen", argument);
    ui_go(ui, SCREEN_LAYERS);
}

static void sort_by(struct models *models, struct ui *ui, int column)
{
    const struct session_model *selected = selected_model(models, ui), *all;
    session_models(ui->session, &all);
    long row = selected == NULL ? -1 : (long)(selected - all);
    models->sort = column;
    refresh(models, ui);
    select_model(models, row);
    ui_say(ui, UI_INFO, "Sorted by %s", column == MODEL_MARK ? "where they were found" : columns[column].title);
}

static bool command(void *state, struct ui *ui, enum command which, const char *argument)
{
    struct models *models = state;
    switch (which) {
    case COMMAND_OPEN:
        choose(models, ui);
        return true;
    case COMMAND_BROWSE:
    case COMMAND_MODEL:
        open_file(models, ui, argument);
        return true;
    case COMMAND_SORT:
        sort_by(models, ui, (models->sort + 1) % MODEL_COLUMNS);
        return true;
    case COMMAND_FILTER:
        part_filter_ask(&models->filter, ui, argument);
        return true;
    case COMMAND_BACK:
        return part_filter_clear(&models->filter, ui);
    default:
        return list_command(&models->list, which);
    }
}

static bool mouse(void *state, struct ui *ui, const struct term_event *event)
{
    struct models *models = state;
    if (event->mouse == TERM_PRESS && event->button == 1) {
        int column = table_column_at(models->table, &models->list, columns, MODEL_COLUMNS, event->x, event->y);
        if (column > MODEL_MARK) {
            sort_by(models, ui, column);
            return true;
        }
    }
    enum list_hit hit = list_mouse(&models->list, event);
    if (hit == LIST_OPENED)
        choose(models, ui);
    return hit != LIST_MISS;
}

static int keys(void *state, struct ui *ui, struct screen_hint hints[SCREEN_HINTS])
{
    const struct session_model *all;
    (void)state;
    if (session_models(ui->session, &all) == 0) {
        hints[0] = (struct screen_hint){COMMAND_RESCAN, "look again"};
        hints[1] = (struct screen_hint){COMMAND_BROWSE, "open file"};
        return 2;
    }
    hints[0] = (struct screen_hint){COMMAND_OPEN, "choose"};
    hints[1] = (struct screen_hint){COMMAND_FILTER, NULL};
    hints[2] = (struct screen_hint){COMMAND_BROWSE, "open file"};
    hints[3] = (struct screen_hint){COMMAND_SORT, NULL};
    hints[4] = (struct screen_hint){COMMAND_RESCAN, NULL};
    return 5;
}

const struct screen screen_models = {
    .id = SCREEN_MODELS,
    .name = "models",
    .title = "Models",
    .create = create,
    .destroy = destroy,
    .draw = draw,
    .command = command,
    .mouse = mouse,
    .keys = keys,
    .changed = refresh,
    .shown = refresh,
};
