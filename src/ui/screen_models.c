/* Models: what can be transferred from. A table of architectures and weights files, filtered while typing, with the
 * selected one's details beside it (below it on narrow terminals). Reached through the table in screen.c. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "part_table.h"
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
static const struct part_column columns[MODEL_COLUMNS] = {
    [MODEL_MARK] = {{"", 1, 0, ALIGN_LEFT, 100}, NULL, false},
    [MODEL_NAME] = {{"model", 22, 3, ALIGN_LEFT, 100}, "name", false},
    [MODEL_FAMILY] = {{"family", 14, 1, ALIGN_LEFT, 3}, "family", false},
    [MODEL_PARAMS] = {{"params", 8, 0, ALIGN_RIGHT, 90}, "parameters", false},
    [MODEL_MACS] = {{"MACs", 8, 0, ALIGN_RIGHT, 80}, "multiply-adds", false},
    [MODEL_INPUT] = {{"input", 9, 0, ALIGN_LEFT, 50}, "input", false},
    [MODEL_FORMAT] = {{"format", 11, 0, ALIGN_LEFT, 4}, "format", false},
    [MODEL_SIZE] = {{"file", 9, 0, ALIGN_RIGHT, 40}, "size of the file", false},
};

struct models {
    struct part_table table;
    const struct session_model *all; /* as the session has them; read anew before each use */
    size_t count;
};

static void read_models(struct models *models, struct ui *ui)
{
    models->count = session_models(ui->session, &models->all);
}

static const struct session_model *selected_model(struct models *models, struct ui *ui)
{
    read_models(models, ui);
    long selected = part_table_selected(&models->table);
    return selected < 0 || (size_t)selected >= models->count ? NULL : &models->all[selected];
}

static int compare_numbers(double a, double b)
{
    return a < b ? -1 : a > b;
}

static int compare(void *context, int column, size_t first, size_t second)
{
    const struct models *models = context;
    const struct session_model *a = &models->all[first], *b = &models->all[second];
    switch (column) {
    case MODEL_NAME:
        return strcmp(a->name, b->name);
    case MODEL_FAMILY:
        return strcmp(a->family, b->family);
    case MODEL_PARAMS:
        return compare_numbers(a->params, b->params);
    case MODEL_MACS:
        return compare_numbers(a->macs, b->macs);
    case MODEL_INPUT:
        return strcmp(a->input, b->input);
    case MODEL_FORMAT:
        return strcmp(a->format, b->format);
    case MODEL_SIZE:
        return compare_numbers(a->file_bytes, b->file_bytes);
    default:
        return 0;
    }
}

static bool passes(void *context, const char *filter, size_t thing)
{
    const struct models *models = context;
    const struct session_model *model = &models->all[thing];
    char text[512];
    snprintf(text, sizeof(text), "%s %s %s %s %s %s", model->name, model->arch, model->family, model->title,
             model->format, model->input);
    return filter_match(filter, text);
}

static void refresh(void *state, struct ui *ui)
{
    struct models *models = state;
    read_models(models, ui);
    part_table_arrange(&models->table, models->count);
}

static void *create(struct ui *ui)
{
    struct models *models = mem_alloc(sizeof(*models));
    models->table = (struct part_table){.filter = {.changed = refresh, .context = models},
                                        .column = columns,
                                        .columns = MODEL_COLUMNS,
                                        .sort = -1,
                                        .passes = passes,
                                        .compare = compare,
                                        .context = models};
    refresh(models, ui);
    part_table_select(&models->table, session_chosen_model(ui->session));
    return models;
}

static void destroy(void *state)
{
    struct models *models = state;
    part_table_finish(&models->table);
    mem_free(models);
}

/* --- drawing --- */

struct fill {
    const struct models *models;
    long chosen;
};

static void fill_cell(void *context, int row, int column, struct table_cell *cell)
{
    const struct fill *fill = context;
    size_t index = fill->models->table.row[row];
    const struct session_model *model = &fill->models->all[index];
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

static void draw_details(struct models *models, struct ui *ui, struct canvas *canvas, struct rect area)
{
    const struct session_model *model = selected_model(models, ui);
    if (model == NULL || area.h < 2)
        return;
    char text[600], path[512], words[WORDS_MAX];
    bool chosen = session_chosen_model(ui->session) == part_table_selected(&models->table);
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

static void draw(void *state, struct ui *ui, struct canvas *canvas, struct rect area)
{
    struct models *models = state;
    refresh(models, ui);
    if (models->count == 0) {
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
    struct fill fill = {models, session_chosen_model(ui->session)};
    part_table_draw(&models->table, canvas, table, fill_cell, &fill);
    draw_details(models, ui, canvas, details);
}

/* --- doing --- */

static void choose(struct models *models, struct ui *ui)
{
    struct error error = {0};
    long selected = part_table_selected(&models->table);
    if (selected < 0)
        return;
    if (!session_choose_model(ui->session, (size_t)selected, &error)) {
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
    part_filter_clear(&models->table.filter, ui);
    refresh(models, ui);
    part_table_select(&models->table, session_chosen_model(ui->session));
    ui_say(ui, UI_GOOD, "%s is chosen", argument);
    ui_go(ui, SCREEN_LAYERS);
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
    default:
        return part_table_command(&models->table, ui, which, argument);
    }
}

static bool mouse(void *state, struct ui *ui, const struct term_event *event)
{
    struct models *models = state;
    enum list_hit hit = part_table_mouse(&models->table, ui, event);
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
