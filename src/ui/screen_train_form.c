/* The settings of the next run: a form with a button on top. Enter opens the list of a choice; everything else is asked
 * for. Called by screen_train.c. */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "screen_train.h"
#include "thaw/base/mem.h"
#include "undo.h"

enum { FORM_KEY, FORM_VALUE, FORM_VALUES, FORM_HELP, FORM_COLUMNS };

struct fill {
    const struct session_setting *setting;
    const int *row;
    bool ready;
};

/* How well a setting's name answers the filter: it is the word, begins with it, has it; 3: only what is said of it has. Of
 * several words the worst. A thaw has no name of its own: "epoch" is rather meant to be train.epochs. */
static int rank(const char *filter, const char *key)
{
    const char *dot = strchr(key, '.'), *name[2] = {key, dot ? dot + 1 : key};
    int worst = 0;
    for (size_t length; *(filter += strspn(filter, " \t")); filter += length) {
        length = strcspn(filter, " \t");
        int best = 3;
        char word[128];
        snprintf(word, sizeof word, "%.*s", (int)length, filter);
        for (int i = 0; i < 2; i++) {
            bool own = i == 0 || strncmp(key, "thaw.", 5) != 0;
            int now = own && strcasecmp(name[i], word) == 0     ? 0
                      : strncasecmp(name[i], word, length) == 0 ? 1
                      : filter_match(word, name[i])             ? 2
                                                                : 3;
            best = now < best ? now : best;
        }
        worst = best > worst ? best : worst;
    }
    return worst;
}

/* Behind those that answer the filter as well. */
static void put_row(struct screen_train *train, const struct session_setting *settings, int at, int setting)
{
    int mine = rank(train->filter.text, settings[setting].key);
    for (; at > 0 && rank(train->filter.text, settings[train->row[at - 1]].key) > mine; at--)
        train->row[at] = train->row[at - 1];
    train->row[at] = setting;
}

/* Which settings show; returns how many there are. */
static size_t arrange(struct screen_train *train, struct ui *ui, const struct session_setting **settings)
{
    size_t count = session_settings(ui->session, settings);
    int shown = 0;
    train->row = mem_grow(train->row, count + 1, sizeof *train->row);
    for (size_t i = 0; i < count; i++) {
        const struct session_setting *setting = &(*settings)[i];
        char *text = mem_format("%s %s %s %s", setting->key, setting->value, setting->values ? setting->values : "",
                                setting->help ? setting->help : "");
        if (filter_match(train->filter.text, text))
            put_row(train, *settings, shown++, (int)i);
        mem_free(text);
    }
    list_set_rows(&train->settings, shown + 1);
    return count;
}

void screen_train_filter(void *state, struct ui *ui)
{
    struct screen_train *train = state;
    const struct session_setting *setting;
    arrange(train, ui, &setting);
    list_select(&train->settings, train->filter.text[0] && train->settings.rows > 1 ? 1 : 0);
}

/* What a cell has room for: of a path the end. */
static void fill_value(struct table_cell *cell, const char *value)
{
    size_t length = strlen(value), room = sizeof cell->text - 1;
    if (cell->tail && length > room)
        value += length - room;
    snprintf(cell->text, sizeof cell->text, "%.*s", (int)room, value);
}

/* The row that takes another line of the schedule. */
static bool adds(const struct session_setting *setting)
{
    return strcmp(setting->key, "thaw.epoch") == 0;
}

static void fill_cell(void *context, int row, int column, struct table_cell *cell)
{
    const struct fill *fill = context;
    if (row == 0) {
        cell->role = fill->ready ? THEME_GOOD : THEME_DIM;
        cell->attrs = fill->ready ? CELL_BOLD : 0;
        if (column == FORM_KEY)
            snprintf(cell->text, sizeof cell->text, "▶ start training");
        return;
    }
    const struct session_setting *setting = &fill->setting[fill->row[row - 1]];
    switch (column) {
    case FORM_KEY:
        snprintf(cell->text, sizeof cell->text, "%s%s", setting->key, adds(setting) ? " +" : "");
        break;
    case FORM_VALUE:
        if (adds(setting)) {
            cell->role = THEME_DIM;
            snprintf(cell->text, sizeof cell->text, "Enter adds a thaw");
            break;
        }
        cell->role = THEME_TITLE;
        cell->tail = strchr(setting->value, '/') != NULL;
        fill_value(cell, setting->value[0] == '\0' ? "-" : setting->value);
        break;
    case FORM_VALUES:
        cell->role = THEME_DIM;
        snprintf(cell->text, sizeof cell->text, "%s", setting->values == NULL ? "" : setting->values);
        break;
    case FORM_HELP:
        cell->role = THEME_DIM;
        snprintf(cell->text, sizeof cell->text, "%s", setting->help == NULL ? "" : setting->help);
        break;
    }
}

static const char *value_of(struct ui *ui, const char *key)
{
    const struct session_setting *setting;
    size_t count = session_settings(ui->session, &setting);
    for (size_t i = 0; i < count; i++)
        if (strcmp(setting[i].key, key) == 0)
            return setting[i].value;
    return "";
}

enum { LABEL = 9 };

/* What moves, and what that takes on this machine. */
static void draw_counts(struct ui *ui, struct canvas *canvas, struct rect line)
{
    struct session_freeze_counts counts;
    struct session_cost cost;
    char a[WORDS_MAX], b[WORDS_MAX], epochs[COMPONENT_TEXT];
    int x = line.x + LABEL, end = line.x + line.w;
    const char *checkpoint;
    if (session_forks(ui->session, &checkpoint)[0]) {
        field_draw(canvas, line.x, line.y, line.w, LABEL, "trains",
                   "what it trained at the checkpoint, unless changed here");
        return;
    }
    session_freeze_counts(ui->session, &counts);
    session_cost(ui->session, &cost);
    canvas_text(canvas, line.x, line.y, line.w, THEME_DIM, 0, "trains");
    x += canvas_format(canvas, x, line.y, end - x, THEME_TEXT, 0, "%s values, %s frozen",
                       words_count(a, counts.trainable), words_count(b, counts.frozen));
    if (component_epochs(epochs, &cost)[0] != '\0')
        x += canvas_format(canvas, x, line.y, end - x, THEME_TEXT, 0, "; epoch %s", epochs);
    if (cost.refused[0] != '\0' && cost.bytes > 0)
        canvas_format(canvas, x, line.y, end - x, THEME_WARNING, 0, "; %s of memory: more than it may have",
                      words_bytes(a, cost.bytes));
    else if (cost.refused[0] != '\0')
        canvas_format(canvas, x, line.y, end - x, THEME_WARNING, 0, "; %s", cost.refused);
    else if (cost.bytes > 0)
        canvas_format(canvas, x, line.y, end - x, THEME_TEXT, 0, "; memory %s", words_bytes(a, cost.bytes));
}

/* The settings that decide most, whoever set them. */
static void draw_recipe(struct ui *ui, struct canvas *canvas, struct rect line)
{
    int x = line.x, end = line.x + line.w;
    x += canvas_format(canvas, x, line.y, end - x, THEME_TEXT, 0, "%s epochs", value_of(ui, "train.epochs"));
    x += canvas_format(canvas, x, line.y, end - x, THEME_TEXT, 0, " of batches of %s", value_of(ui, "train.batch"));
    x += canvas_format(canvas, x, line.y, end - x, THEME_TEXT, 0, ", %s", value_of(ui, "train.optimizer"));
    x += canvas_format(canvas, x, line.y, end - x, THEME_TEXT, 0, " at rate %s", value_of(ui, "train.lr"));
    canvas_format(canvas, x, line.y, end - x, THEME_TEXT, 0, ", %s", value_of(ui, "train.schedule"));
}

/* Four lines: which model, which data, what moves. What is missing says where to get it. */
static bool draw_ready(struct ui *ui, struct canvas *canvas, struct rect area)
{
    char key[COMPONENT_KEY];
    long row = session_chosen_model(ui->session);
    const struct session_layer *layers;
    const char *model = session_layers(ui->session, &layers) == 0 ? NULL : value_of(ui, "model.name");
    const struct session_data *data = session_data(ui->session);
    const struct session_model *models;
    size_t count = session_models(ui->session, &models);
    int x = area.x, w = area.w, y = area.y;
    const char *opening = session_opening(ui->session);
    canvas_text(canvas, x, y, w, THEME_DIM, 0, "model");
    if (opening != NULL) {
        canvas_format(canvas, x + LABEL, y, w - LABEL, THEME_TITLE, 0, "%s ...", opening);
        return false;
    }
    if (row >= 0 && (size_t)row < count)
        model = models[row].name;
    if (model != NULL)
        canvas_text(canvas, x + LABEL, y, w - LABEL, THEME_TEXT, 0, model);
    else
        canvas_format(canvas, x + LABEL, y, w - LABEL, THEME_WARNING, 0, "none chosen: press %s",
                      component_key(ui, "models", key));
    canvas_text(canvas, x, ++y, w, THEME_DIM, 0, "data");
    if (data != NULL && data->val == 0)
        canvas_format(canvas, x + LABEL, y, w - LABEL, THEME_WARNING, 0,
                      "%s: %zu images, none for validation: data.val = 0.2 keeps some", component_leaf(data->path),
                      data->train);
    else if (data != NULL)
        canvas_format(canvas, x + LABEL, y, w - LABEL, THEME_TEXT, 0,
                      "%s: %d classes, %zu training and %zu validation images", component_leaf(data->path),
                      data->classes, data->train, data->val);
    else
        canvas_format(canvas, x + LABEL, y, w - LABEL, THEME_WARNING, 0, "none chosen: press %s",
                      component_key(ui, "data-screen", key));
    if (model != NULL)
        draw_counts(ui, canvas, (struct rect){x, y + 1, w, 1});
    canvas_text(canvas, x, y + 2, w, THEME_DIM, 0, "for");
    draw_recipe(ui, canvas, (struct rect){x + LABEL, y + 2, w - LABEL, 1});
    return model != NULL && data != NULL;
}

/* On narrow terminals the selected row's help and what it allows stand below. */
static void draw_row_help(const struct fill *fill, int row, struct canvas *canvas, struct rect area)
{
    const char *help = "trains with the settings below, in the background", *values = "";
    if (row > 0) {
        const struct session_setting *setting = &fill->setting[fill->row[row - 1]];
        help = setting->help == NULL ? "" : setting->help;
        values = setting->values == NULL ? "" : setting->values;
    }
    canvas_text(canvas, area.x, area.y, area.w, THEME_DIM, 0, help);
    if (values[0] != '\0' && area.h > 1)
        canvas_format(canvas, area.x, area.y + 1, area.w, THEME_DIM, 0, "allowed: %s", values);
}

static void draw_heading(const struct screen_train *train, size_t all, struct ui *ui, struct canvas *canvas,
                         struct rect *area)
{
    const char *checkpoint, *parent = session_forks(ui->session, &checkpoint);
    char right[160] = "";
    if (train->filter.text[0])
        snprintf(right, sizeof right, "filter \"%s\": %d of %zu", train->filter.text, train->settings.rows - 1, all);
    else if (parent[0])
        snprintf(right, sizeof right, "begins from %.40s of %.80s", checkpoint, component_run_title(parent));
    else if (ui_training(ui))
        snprintf(right, sizeof right, "another run is training");
    component_heading(canvas, area, "next run", right, true);
}

void screen_train_draw_form(struct screen_train *train, struct ui *ui, struct canvas *canvas, struct rect area)
{
    static const struct column columns[FORM_COLUMNS] = {
        [FORM_KEY] = {"setting", 22, 1, ALIGN_LEFT, 4},
        [FORM_VALUE] = {"value", 30, 1, ALIGN_LEFT, 3},
        [FORM_VALUES] = {"allowed", 26, 1, ALIGN_LEFT, 2},
        [FORM_HELP] = {"", 50, 2, ALIGN_LEFT, 1},
    };
    struct fill fill = {0};
    bool narrow = area.w < 140;
    size_t all = arrange(train, ui, &fill.setting);
    fill.row = train->row;
    draw_heading(train, all, ui, canvas, &area);
    enum session_subject before = ui_mean(ui, SESSION_NEXT_RUN);
    fill.ready = draw_ready(ui, canvas, layout_cut_top(&area, 4));
    ui_mean(ui, before);
    layout_cut_top(&area, area.h > 16 ? 1 : 0);
    struct rect help = layout_cut_bottom(&area, narrow ? 2 : 0);
    table_draw(canvas, area, &train->settings, columns, narrow ? FORM_VALUES : FORM_COLUMNS, fill_cell, &fill, true);
    if (train->settings.rows == 1)
        component_no_match(canvas, layout_inset(area, 2, 2));
    if (!rect_empty(help))
        draw_row_help(&fill, train->settings.selected, canvas, help);
}

static void set_value(struct ui *ui, const char *key, const char *value)
{
    struct error error = {0};
    char *assignment = mem_format("%s=%s", key, value);
    if (!undo_set(ui->undo, ui->session, assignment, &error))
        ui_fail(ui, &error);
    else
        ui_say(ui, UI_INFO, "%s is %s%s", key, value[0] ? value : "empty", ui_training(ui) ? " for the next run" : "");
    mem_free(assignment);
}

static void edit_done(void *context, struct ui *ui, const char *text, bool accepted)
{
    struct screen_train *train = context;
    if (accepted)
        set_value(ui, train->editing, text);
}

static void choice_done(void *context, struct ui *ui, const char *item)
{
    edit_done(context, ui, item, true);
}

void screen_train_edit(struct screen_train *train, struct ui *ui)
{
    const struct session_setting *setting;
    arrange(train, ui, &setting);
    int row = train->settings.selected;
    if (row <= 0) {
        ui_do(ui, "start", "");
        return;
    }
    setting += train->row[row - 1];
    snprintf(train->editing, sizeof train->editing, "%s", setting->key);
    if (setting->choice) {
        ui_choose(ui, &(struct ui_choice){.title = setting->key,
                                          .items = setting->values,
                                          .now = setting->value,
                                          .done = choice_done,
                                          .context = train});
        return;
    }
    if (strlen(setting->value) >= sizeof((struct input *)0)->text) {
        ui_say(ui, UI_WARNING, "%s is too long to edit here; its file has room", setting->key);
        return;
    }
    char label[48];
    int used =
        snprintf(label, sizeof label, "%s (%s) = ", setting->key, setting->values == NULL ? "" : setting->values);
    if (used >= (int)sizeof label || used > ui->layout.message.w / 2) /* the row says what is allowed, too */
        snprintf(label, sizeof label, "%.40s = ", setting->key);
    ui_ask(ui, &(struct ui_ask){.label = label,
                                .initial = setting->value,
                                .history = "setting",
                                .setting = setting->key,
                                .done = edit_done,
                                .context = train});
}
