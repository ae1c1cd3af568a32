/* Data: what to transfer to. Places to start from, the classes of the chosen data with their counts, the files that were
 * set aside, and a look at the images as the network sees them. Panes: places, classes, bad files. Reached through the
 * table in screen.c. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "screen_data.h"
#include "thaw/base/mem.h"

enum { SMALL = 14 }; /* lines */

enum pane { PANE_PLACES, PANE_CLASSES, PANE_BAD, PANES };

struct data {
    enum pane pane;
    struct list list[PANES];
    struct component_filter filter; /* of the classes */
    int *row;                       /* [list[PANE_CLASSES].rows] classes that pass the filter */
    bool val;                       /* the preview's images */
    size_t number;
    bool all_bad; /* the bad files have the whole body */
    struct gallery gallery;
    const struct session_data *seen; /* to notice that other data was chosen */
    char seen_path[512];
};

static void refresh(void *state, struct ui *ui)
{
    struct data *data = state;
    const char *const *places;
    const struct session_data *now = session_data(ui->session);
    list_set_rows(&data->list[PANE_PLACES], (int)session_data_places(ui->session, &places));
    list_set_rows(&data->list[PANE_BAD], now == NULL ? 0 : (int)now->bad_count);
    if (now != NULL && (data->seen == NULL || strcmp(now->path, data->seen_path) != 0)) {
        snprintf(data->seen_path, sizeof data->seen_path, "%s", now->path);
        data->filter.text[0] = '\0';
        data->number = 0;
        data->val = false;
        gallery_forget(&data->gallery);
        data->pane = PANE_CLASSES;
    }
    data->seen = now;
    if (now == NULL)
        data->pane = PANE_PLACES;
    int classes = now == NULL ? 0 : now->classes, shown = 0;
    data->row = mem_grow(data->row, (size_t)classes + 1, sizeof *data->row);
    for (int i = 0; i < classes; i++)
        if (filter_match(data->filter.text, now->class_row[i].name))
            data->row[shown++] = i;
    list_set_rows(&data->list[PANE_CLASSES], shown);
}

static void *create(struct ui *ui)
{
    struct data *data = mem_alloc(sizeof *data);
    data->filter.changed = refresh;
    data->filter.context = data;
    refresh(data, ui);
    return data;
}

static void destroy(void *state)
{
    struct data *data = state;
    gallery_forget(&data->gallery);
    mem_free(data->row);
    mem_free(data);
}

static int selected_class(const struct data *data)
{
    int selected = data->list[PANE_CLASSES].selected;
    return selected < 0 ? -1 : data->row[selected];
}

static size_t image_count(const struct data *data, const struct session_data *now)
{
    int label = selected_class(data);
    if (now == NULL || label < 0)
        return 0;
    return data->val ? now->class_row[label].val : now->class_row[label].train;
}

/* --- drawing --- */

static const struct column place_columns[] = {{"folder", 12, 1, ALIGN_LEFT, 2}, {"in", 14, 2, ALIGN_LEFT, 1}};

static void fill_place(void *context, int row, int column, struct table_cell *cell)
{
    const char *path = ((const char *const *)context)[row];
    const char *leaf = component_leaf(path);
    if (column == 0) {
        snprintf(cell->text, sizeof cell->text, "%s", leaf);
    } else {
        cell->role = THEME_DIM;
        snprintf(cell->text, sizeof cell->text, "%.*s", (int)(leaf - path), path);
    }
}

enum { CLASS_NAME, CLASS_TRAIN, CLASS_BALANCE, CLASS_VAL, CLASS_VAL_BAR };
static const struct column class_columns[] = {
    [CLASS_NAME] = {"class", 22, 2, ALIGN_LEFT, 4},     [CLASS_TRAIN] = {"train", 5, 0, ALIGN_RIGHT, 3},
    [CLASS_BALANCE] = {"balance", 7, 1, ALIGN_LEFT, 1}, [CLASS_VAL] = {"val", 5, 0, ALIGN_RIGHT, 2},
    [CLASS_VAL_BAR] = {"", 12, 1, ALIGN_LEFT, 0},
};

struct class_fill {
    const struct data *data;
    const struct session_data *now;
    size_t most, least, most_val;
};

static void fill_class(void *context, int index, int column, struct table_cell *cell)
{
    const struct class_fill *fill = context;
    const struct session_class *row = &fill->now->class_row[fill->data->row[index]];
    switch (column) {
    case CLASS_NAME:
        snprintf(cell->text, sizeof cell->text, "%s", row->name);
        break;
    case CLASS_TRAIN:
        cell->role = row->train == 0 ? THEME_ERROR : 2 * row->train < fill->most ? THEME_WARNING : THEME_TEXT;
        snprintf(cell->text, sizeof cell->text, "%zu", row->train);
        break;
    case CLASS_BALANCE:
        cell->role = 2 * row->train < fill->most ? THEME_WARNING : THEME_TRAIN;
        cell->bar = fill->most > 0 ? (double)row->train / (double)fill->most : 0;
        break;
    case CLASS_VAL:
        cell->role = row->val == 0 ? THEME_WARNING : THEME_TEXT;
        snprintf(cell->text, sizeof cell->text, "%zu", row->val);
        break;
    case CLASS_VAL_BAR:
        cell->role = THEME_VAL;
        cell->bar = fill->most_val > 0 ? (double)row->val / (double)fill->most_val : 0;
        break;
    }
}

struct bad_fill {
    const struct session_data *now;
    bool wide; /* room for the path, not only for the file's name */
};

static void fill_bad(void *context, int row, int column, struct table_cell *cell)
{
    const struct bad_fill *fill = context;
    const struct session_bad *bad = &fill->now->bad[row];
    if (column == 0) {
        snprintf(cell->text, sizeof cell->text, "%s",
                 fill->wide ? gallery_inner_path(fill->now->path, bad->path) : component_leaf(bad->path));
        return;
    }
    cell->role = THEME_WARNING;
    snprintf(cell->text, sizeof cell->text, "%s", bad->reason);
}

static void draw_places(struct data *data, struct ui *ui, struct canvas *canvas, struct rect area)
{
    const char *const *places;
    size_t count = session_data_places(ui->session, &places);
    component_heading(canvas, &area, "places", "", data->pane == PANE_PLACES);
    if (count == 0) {
        char text[160], open[COMPONENT_KEY];
        snprintf(text, sizeof text, "None yet. Press %s and type the path of a folder with a folder of images a class.",
                 component_key(ui, "browse", open));
        paragraph_draw(canvas, area, THEME_TEXT, 0, text);
        return;
    }
    table_draw(canvas, area, &data->list[PANE_PLACES], place_columns, 2, fill_place, (void *)(uintptr_t)places,
               data->pane == PANE_PLACES);
}

static struct class_fill count_classes(const struct data *data, const struct session_data *now)
{
    struct class_fill fill = {.data = data, .now = now, .least = now->classes > 0 ? now->class_row[0].train : 0};
    for (int i = 0; i < now->classes; i++) {
        const struct session_class *row = &now->class_row[i];
        fill.most = row->train > fill.most ? row->train : fill.most;
        fill.least = row->train < fill.least ? row->train : fill.least;
        fill.most_val = row->val > fill.most_val ? row->val : fill.most_val;
    }
    return fill;
}

static void draw_classes(struct data *data, const struct session_data *now, struct canvas *canvas, struct rect area)
{
    char right[160];
    struct class_fill fill = count_classes(data, now);
    if (data->filter.text[0] != '\0')
        snprintf(right, sizeof right, "filter \"%s\": %d of %d", data->filter.text, data->list[PANE_CLASSES].rows,
                 now->classes);
    else if (area.w > 60 && fill.least > 0 && fill.most > fill.least)
        snprintf(right, sizeof right, "%d, the largest %.1f times the smallest", now->classes,
                 (double)fill.most / (double)fill.least);
    else
        snprintf(right, sizeof right, "%d", now->classes);
    component_heading(canvas, &area, "classes", right, data->pane == PANE_CLASSES);
    int columns = area.w > 60 ? CLASS_VAL_BAR + 1 : CLASS_VAL + 1;
    table_draw(canvas, area, &data->list[PANE_CLASSES], class_columns, columns, fill_class, &fill,
               data->pane == PANE_CLASSES);
    if (data->list[PANE_CLASSES].rows == 0)
        component_no_match(canvas, layout_inset(area, 2, 2));
}

static void draw_bad(struct data *data, const struct session_data *now, struct canvas *canvas, struct rect area)
{
    static const struct column small[] = {{"file", 9, 1, ALIGN_LEFT, 2}, {"set aside: why", 16, 4, ALIGN_LEFT, 1}};
    static const struct column whole[] = {{"file", 20, 2, ALIGN_LEFT, 2}, {"set aside: why", 30, 3, ALIGN_LEFT, 1}};
    char right[32];
    snprintf(right, sizeof right, "%zu", now->bad_count);
    component_heading(canvas, &area, "bad files", right, data->pane == PANE_BAD);
    if (now->bad_count == 0) {
        canvas_text(canvas, area.x, area.y, area.w, THEME_GOOD, 0, "none: all can be read");
        return;
    }
    struct bad_fill fill = {now, area.w > 60};
    table_draw(canvas, area, &data->list[PANE_BAD], fill.wide ? whole : small, 2, fill_bad, &fill,
               data->pane == PANE_BAD);
}

static void draw_preview(struct data *data, struct ui *ui, const struct session_data *now, struct canvas *canvas,
                         struct rect area)
{
    char right[64] = "";
    int label = selected_class(data);
    size_t count = image_count(data, now);
    if (data->number >= count)
        data->number = count > 0 ? count - 1 : 0;
    if (count > 0)
        snprintf(right, sizeof right, "%zu of %zu", data->number + 1, count);
    component_heading(canvas, &area, data->val ? "validation image" : "training image", right, false);
    if (count == 0) {
        paragraph_draw(canvas, area, THEME_DIM, 0, "No such images in this class.");
        return;
    }
    gallery_draw(&data->gallery, ui, canvas, area, now->path, data->val, label, data->number, count);
}

static void count_images(const struct session_data *now, char *text, size_t room)
{
    if (now->val == 0)
        snprintf(text, room, "%zu training images, none for validation", now->train);
    else
        snprintf(text, room, "%zu training and %zu validation images%s", now->train, now->val,
                 now->own_validation ? "" : " (split off)");
}

static void draw_summary(const struct session_data *now, struct canvas *canvas, struct rect line)
{
    char path[512];
    char counts[128];
    count_images(now, counts, sizeof counts);
    int right = text_width(counts);
    canvas_text(canvas, line.x, line.y, line.w - right - 2, THEME_TITLE, CELL_BOLD,
                text_tail(path, sizeof path, now->path, line.w - right - 2));
    canvas_text(canvas, line.x + line.w - right, line.y, right, THEME_TEXT, 0, counts);
}

/* How the data lie, and what is odd in them: a line each, the latter only where there is something. */
static void draw_notes(const struct session_data *now, struct canvas *canvas, struct rect *area)
{
    char more[32] = "";
    if (now->layout != NULL && area->h >= SMALL) {
        struct rect line = layout_cut_top(area, 1);
        canvas_text(canvas, line.x, line.y, line.w, THEME_DIM, 0, now->layout);
    }
    if (now->notes == 0)
        return;
    if (now->notes > 1)
        snprintf(more, sizeof more, "  and %zu more", now->notes - 1);
    struct rect line = layout_cut_top(area, 1);
    int right = text_width(more);
    canvas_text(canvas, line.x, line.y, line.w - right, THEME_WARNING, 0, now->note[0]);
    canvas_text(canvas, line.x + line.w - right, line.y, right, THEME_WARNING, 0, more);
}

static void draw_welcome(struct data *data, struct ui *ui, struct canvas *canvas, struct rect area)
{
    char text[240], open[COMPONENT_KEY];
    struct rect top;
    if (area.h < 15) /* what is to be chosen from comes first */
        top = layout_cut_top(&area, 6);
    else
        layout_rows(area, 0.45, 8, 6, 1, &top, &area);
    snprintf(
        text, sizeof text,
        "Choose a place with Enter, or press %s for another folder: one with a folder of images for each class, below "
        "train/ and val/ if you have both.",
        component_key(ui, "browse", open));
    if (!component_opening(ui, canvas, top))
        component_empty(canvas, top, "No data chosen", text);
    draw_places(data, ui, canvas, area);
}

static void draw_right(struct data *data, struct ui *ui, const struct session_data *now, struct canvas *canvas,
                       struct rect area)
{
    if (rect_empty(area))
        return;
    int wanted = now->bad_count > 0 ? (int)now->bad_count + 2 : 2;
    draw_bad(data, now, canvas, layout_cut_bottom(&area, wanted < area.h / 3 ? wanted : area.h / 3));
    draw_preview(data, ui, now, canvas, area);
}

/* The classes; the bad files, where they are moved in and have no room beside them. */
static void draw_main(struct data *data, const struct session_data *now, struct canvas *canvas, struct rect area,
                      bool alone)
{
    if (alone && data->pane == PANE_BAD)
        draw_bad(data, now, canvas, area);
    else
        draw_classes(data, now, canvas, area);
}

static void draw(void *state, struct ui *ui, struct canvas *canvas, struct rect area)
{
    struct data *data = state;
    refresh(data, ui);
    const struct session_data *now = session_data(ui->session);
    if (now == NULL) {
        draw_welcome(data, ui, canvas, area);
        return;
    }
    draw_summary(now, canvas, layout_cut_top(&area, 1));
    draw_notes(now, canvas, &area);
    if (data->all_bad) {
        draw_bad(data, now, canvas, area);
        return;
    }
    struct rect left, right, places;
    layout_columns(area, 0.56, 44, 32, 2, &left, &right);
    if (left.h < SMALL) { /* one list that can be moved in rather than two of a row or two */
        if (data->pane == PANE_PLACES)
            draw_places(data, ui, canvas, left);
        else
            draw_main(data, now, canvas, left, rect_empty(right));
        draw_right(data, ui, now, canvas, right);
        return;
    }
    const char *const *names;
    int wanted = (int)session_data_places(ui->session, &names) + 2;
    places = layout_cut_top(&left, wanted < left.h / 3 ? wanted : left.h / 3);
    draw_places(data, ui, canvas, places);
    draw_main(data, now, canvas, left, rect_empty(right));
    draw_right(data, ui, now, canvas, right);
}

/* --- doing --- */

static void path_done(void *context, struct ui *ui, const char *text, bool accepted)
{
    (void)context;
    if (accepted && text[0] != '\0')
        ui_do(ui, "data", text);
}

static void browse(const struct command_call *call)
{
    ui_ask(call->ui, &(struct ui_ask){.label = "folder of images: ",
                                      .initial = "",
                                      .history = "data",
                                      .complete = ARGUMENT_DATA,
                                      .done = path_done});
}

static void turn_image(struct data *data, struct ui *ui, int by)
{
    size_t count = image_count(data, session_data(ui->session));
    if (count > 0)
        data->number = by > 0 ? (data->number + 1) % count : (data->number + count - 1) % count;
}

static void toggle_bad(struct data *data, struct ui *ui)
{
    const struct session_data *now = session_data(ui->session);
    if (now == NULL)
        return;
    data->all_bad = !data->all_bad;
    data->pane = data->all_bad ? PANE_BAD : PANE_CLASSES;
}

static void open_selected(struct data *data, struct ui *ui)
{
    const char *const *places;
    size_t count = session_data_places(ui->session, &places);
    int row = data->list[PANE_PLACES].selected;
    if (data->pane == PANE_PLACES && row >= 0 && (size_t)row < count) {
        char *path = mem_string(places[row]); /* choosing makes the list anew */
        ui_do(ui, "data", path);
        mem_free(path);
    } else if (data->pane == PANE_CLASSES) {
        turn_image(data, ui, 1);
    } else if (data->pane == PANE_BAD) {
        toggle_bad(data, ui);
    }
}

static void open_row(const struct command_call *call)
{
    open_selected(call->state, call->ui);
}

static void next_pane(const struct command_call *call)
{
    struct data *data = call->state;
    if (session_data(call->ui->session) != NULL && !data->all_bad)
        data->pane = (data->pane + 1) % PANES;
}

static void step_image(const struct command_call *call)
{
    turn_image(call->state, call->ui, call->command->value);
}

static void switch_split(const struct command_call *call)
{
    struct data *data = call->state;
    data->val = !data->val;
}

static void bad_files(const struct command_call *call)
{
    toggle_bad(call->state, call->ui);
}

static void filter(const struct command_call *call)
{
    if (session_data(call->ui->session) != NULL)
        component_filter_ask(&((struct data *)call->state)->filter, call->ui, call->argument);
}

static void back(const struct command_call *call)
{
    struct data *data = call->state;
    if (data->all_bad)
        toggle_bad(data, call->ui);
    else
        component_filter_clear(&data->filter, call->ui);
}

static const struct command commands[] = {
    {"open", "Enter", "open", "choose the place, or show the next image", .run = open_row},
    {"browse", "o", "open folder", "choose a folder of images by its path", .run = browse},
    {"next-image", "n", "next image", "show the next image of the class", .run = step_image, .value = 1},
    {"previous-image", "N", "previous image", "show the previous image of the class", .run = step_image, .value = -1},
    {"validation", "v", "train/val", "show training or validation images", .run = switch_split},
    {"bad-files", "b", "bad files", "list the files that were set aside, and why", .run = bad_files},
    {"next-pane", "Tab", "pane", "move to the next pane", .run = next_pane},
    {"filter", "/", "filter", "show classes with these words; -word: without", .run = filter,
     .argument = ARGUMENT_TEXT},
    {"back", "Esc", "back", "leave the bad files, or clear the filter", .run = back},
};

static void move(void *state, struct ui *ui, enum move move)
{
    struct data *data = state;
    if (move == MOVE_LEFT || move == MOVE_RIGHT)
        turn_image(data, ui, move == MOVE_LEFT ? -1 : 1);
    else
        list_move(&data->list[data->pane], move);
}

static bool mouse(void *state, struct ui *ui, const struct term_event *event)
{
    struct data *data = state;
    long image = data->all_bad ? -1 : gallery_at(&data->gallery, event->x, event->y);
    if (image >= 0 && event->mouse == TERM_PRESS) {
        size_t count = image_count(data, session_data(ui->session));
        data->number = (size_t)image < count ? (size_t)image : data->number;
        return true;
    }
    if (image >= 0 && (event->mouse == TERM_WHEEL_UP || event->mouse == TERM_WHEEL_DOWN)) {
        turn_image(data, ui, event->mouse == TERM_WHEEL_UP ? -1 : 1);
        return true;
    }
    for (enum pane pane = 0; pane < PANES; pane++) {
        if (data->all_bad && pane != PANE_BAD)
            continue;
        enum list_hit hit = list_mouse(&data->list[pane], event);
        if (hit == LIST_MISS)
            continue;
        bool focused = data->pane == pane;
        if (hit != LIST_SCROLLED)
            data->pane = pane;
        if (hit == LIST_OPENED && focused)
            open_selected(data, ui);
        return true;
    }
    return false;
}

static int keys(void *state, struct ui *ui, struct screen_hint hints[SCREEN_HINTS])
{
    static const char *const names[] = {"next-image", "validation", "bad-files", "next-pane"};
    struct data *data = state;
    int count = 0;
    if (data->pane == PANE_PLACES)
        hints[count++] = (struct screen_hint){"open", "choose"};
    hints[count++] = (struct screen_hint){"browse", NULL};
    for (size_t i = 0; session_data(ui->session) != NULL && i < THAW_LENGTH(names); i++)
        hints[count++] = (struct screen_hint){names[i], NULL};
    return count;
}

const struct screen screen_data = {
    .title = "Data",
    .go = {"data-screen", "3", "data", "Data: choose images and look at them", .run = ui_show},
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
