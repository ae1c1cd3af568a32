/* The settings of the next run: a form with a button on top. Enter, left and right step through the words of a choice;
 * everything else is asked for. Called by screen_train.c. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "screen_train.h"
#include "thaw/base/mem.h"

enum { FORM_KEY, FORM_VALUE, FORM_VALUES, FORM_HELP, FORM_COLUMNS };
enum { CHOICES_MAX = 16 };

struct fill {
    const struct session_setting *setting;
    bool ready;
    bool live;
};

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
    const struct session_setting *setting = &fill->setting[row - 1];
    switch (column) {
    case FORM_KEY:
        snprintf(cell->text, sizeof cell->text, "%s", setting->key);
        break;
    case FORM_VALUE:
        cell->role = THEME_TITLE;
        cell->tail = strchr(setting->value, '/') != NULL;
        snprintf(cell->text, sizeof cell->text, "%s", setting->value[0] == '\0' ? "-" : setting->value);
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

/* Three lines: which model, which data, what moves. What is missing says where to get it. */
static bool draw_ready(struct ui *ui, struct canvas *canvas, struct rect area)
{
    enum { LABEL = 9 };
    char a[WORDS_MAX], b[WORDS_MAX], key[COMPONENT_KEY], text[700];
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
    if (data != NULL)
        canvas_format(canvas, x + LABEL, y, w - LABEL, THEME_TEXT, 0,
                      "%s: %d classes, %zu training and %zu validation images", component_leaf(data->path),
                      data->classes, data->train, data->val);
    else
        canvas_format(canvas, x + LABEL, y, w - LABEL, THEME_WARNING, 0, "none chosen: press %s",
                      component_key(ui, "data-screen", key));
    if (model != NULL) {
        struct session_freeze_counts counts;
        session_freeze_counts(ui->session, &counts);
        int used = snprintf(text, sizeof text, "%s values, %s frozen", words_count(a, counts.trainable),
                            words_count(b, counts.frozen));
        if (counts.seconds_epoch > 0)
            snprintf(text + used, sizeof text - (size_t)used, "; about %s an epoch, %s of memory",
                     words_seconds(a, counts.seconds_epoch), words_bytes(b, counts.train_bytes));
        field_draw(canvas, x, ++y, w, LABEL, "trains", text);
    }
    return model != NULL && data != NULL;
}

void screen_train_draw_form(struct screen_train *train, struct ui *ui, struct canvas *canvas, struct rect area)
{
    static const struct column columns[FORM_COLUMNS] = {
        [FORM_KEY] = {"setting", 22, 1, ALIGN_LEFT, 4},
        [FORM_VALUE] = {"value", 16, 1, ALIGN_LEFT, 3},
        [FORM_VALUES] = {"allowed", 26, 1, ALIGN_LEFT, 2},
        [FORM_HELP] = {"", 50, 2, ALIGN_LEFT, 1},
    };
    struct fill fill = {.live = ui_training(ui)};
    component_heading(canvas, &area, "next run", fill.live ? "another run is training" : "", true);
    fill.ready = draw_ready(ui, canvas, layout_cut_top(&area, 3)) && !fill.live;
    list_set_rows(&train->settings, (int)session_settings(ui->session, &fill.setting) + 1);
    layout_cut_top(&area, area.h > 16 ? 1 : 0);
    struct rect help = layout_cut_bottom(&area, area.w < 120 ? 1 : 0);
    table_draw(canvas, area, &train->settings, columns, FORM_COLUMNS, fill_cell, &fill, true);
    int row = train->settings.selected;
    if (rect_empty(help))
        return;
    const char *text = "trains with the settings below, in the background";
    if (row > 0)
        text = fill.setting[row - 1].help == NULL ? "" : fill.setting[row - 1].help;
    canvas_text(canvas, help.x, help.y, help.w, THEME_DIM, 0, text);
}

static void set_value(struct ui *ui, const char *key, const char *value)
{
    struct error error = {0};
    char *assignment = mem_format("%s=%s", key, value);
    if (!session_set(ui->session, assignment, &error))
        ui_fail(ui, &error);
    else
        ui_say(ui, UI_INFO, "%s is %s%s", key, value, ui_training(ui) ? " for the next run" : "");
    mem_free(assignment);
}

/* Steps through "a | b | c" from the present value. */
static void step_choice(struct ui *ui, const struct session_setting *setting, int by)
{
    char words[256], *word[CHOICES_MAX];
    int count = 0, now = 0;
    snprintf(words, sizeof words, "%s", setting->values);
    for (char *at = words; at != NULL && count < CHOICES_MAX;) {
        char *bar = strstr(at, " | ");
        if (bar != NULL)
            *bar = '\0';
        if (strcmp(at, setting->value) == 0)
            now = count;
        word[count++] = at;
        at = bar == NULL ? NULL : bar + 3;
    }
    char key[sizeof setting->key];
    snprintf(key, sizeof key, "%s", setting->key);
    set_value(ui, key, word[(now + by + count) % count]);
}

static void edit_done(void *context, struct ui *ui, const char *text, bool accepted)
{
    struct screen_train *train = context;
    if (accepted)
        set_value(ui, train->editing, text);
}

void screen_train_edit(struct screen_train *train, struct ui *ui)
{
    const struct session_setting *setting;
    size_t count = session_settings(ui->session, &setting);
    int row = train->settings.selected;
    if (row <= 0) {
        ui_do(ui, "start", "");
        return;
    }
    if ((size_t)row > count)
        return;
    setting += row - 1;
    if (setting->choice) {
        step_choice(ui, setting, 1);
        return;
    }
    char label[48];
    snprintf(train->editing, sizeof train->editing, "%s", setting->key);
    int used =
        snprintf(label, sizeof label, "%s (%s) = ", setting->key, setting->values == NULL ? "" : setting->values);
    if (used >= (int)sizeof label || used > ui->layout.message.w / 2) /* the row says what is allowed, too */
        snprintf(label, sizeof label, "%.40s = ", setting->key);
    ui_ask(ui, &(struct ui_ask){.label = label,
                                .initial = setting->value,
                                .history = "setting",
                                .complete = ARGUMENT_NONE,
                                .done = edit_done,
                                .context = train});
}

void screen_train_move_form(struct screen_train *train, struct ui *ui, enum move move)
{
    const struct session_setting *setting;
    size_t count = session_settings(ui->session, &setting);
    int row = train->settings.selected;
    if (move != MOVE_LEFT && move != MOVE_RIGHT)
        list_move(&train->settings, move);
    else if (row > 0 && (size_t)row <= count && setting[row - 1].choice)
        step_choice(ui, &setting[row - 1], move == MOVE_RIGHT ? 1 : -1);
}
