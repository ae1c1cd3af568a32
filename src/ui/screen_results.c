/* Results: how the last evaluation of the live or reopened run went, class by class. Three panes: the confusion matrix
 * (rows true, columns predicted), the classes from worst to best, the most confused pairs. Wide terminals show all three,
 * narrow ones one at a time. Reached through the table in screen.c. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "screen_results.h"
#include "thaw/base/mem.h"

static int compare_pairs(const void *a, const void *b)
{
    const struct pair_row *one = a, *two = b;
    if (one->count != two->count)
        return one->count < two->count ? 1 : -1;
    return one->truth != two->truth ? one->truth - two->truth : one->predicted - two->predicted;
}

static int compare_classes(const void *a, const void *b)
{
    const struct class_row *one = a, *two = b;
    if (one->key != two->key)
        return one->key < two->key ? -1 : 1;
    return one->label - two->label;
}

static int compare_names(const void *a, const void *b)
{
    const struct class_row *one = a, *two = b;
    int order = strcmp(one->name, two->name);
    return order ? order : one->label - two->label;
}

/* What is counted of each class; its rows are by label. */
static void count_classes(struct results *results, const struct session_results *now)
{
    struct class_row *all = results->class_row;
    for (int i = 0; i < now->classes; i++)
        all[i] = (struct class_row){.label = i, .name = now->class_name[i], .worst = -1};
    for (size_t i = 0; i < now->row[now->classes]; i++) {
        const struct session_confusion *cell = &now->confusion[i];
        struct class_row *row = &all[cell->truth];
        row->images += cell->count;
        all[cell->predicted].predicted += cell->count;
        if (cell->truth == cell->predicted)
            row->right = cell->count;
        else if (row->worst < 0 || cell->count > row->most) {
            row->most = cell->count;
            row->worst = cell->predicted;
        }
    }
    results->longest = 4;
    for (int i = 0; i < now->classes; i++) {
        struct class_row *row = &all[i];
        row->recall = row->images > 0 ? (double)row->right / row->images : -1;
        row->precision = row->predicted > 0 ? (double)row->right / row->predicted : -1;
        results->images[i] = row->images;
        int cells = text_width(row->name);
        results->longest = cells > results->longest ? cells : results->longest;
    }
}

static void sort_classes(struct results *results, const struct session_results *now)
{
    for (int i = 0; i < now->classes; i++) {
        struct class_row *row = &results->class_row[i];
        row->key = results->sort == CLASS_IMAGES      ? -(double)row->images
                   : results->sort == CLASS_PRECISION ? row->precision
                                                      : row->recall;
    }
    qsort(results->class_row, (size_t)now->classes, sizeof *results->class_row,
          results->sort == CLASS_NAME ? compare_names : compare_classes);
    results->sorted = results->sort;
}

static int count_pairs(struct results *results, const struct session_results *now)
{
    int pairs = 0;
    for (size_t i = 0; i < now->row[now->classes]; i++) {
        const struct session_confusion *cell = &now->confusion[i];
        if (cell->truth != cell->predicted)
            results->pair_row[pairs++] = (struct pair_row){cell->truth, cell->predicted, cell->count,
                                                           (double)cell->count / results->images[cell->truth]};
    }
    if (pairs > 1)
        qsort(results->pair_row, (size_t)pairs, sizeof *results->pair_row, compare_pairs);
    return pairs;
}

/* Only where they are others: of ten thousand classes it takes as long as a key may. */
static void refresh(void *state, struct ui *ui)
{
    struct results *results = state;
    const struct session_results *now = session_results(ui->session);
    unsigned version = now ? now->version : 0;
    int classes = now ? now->classes : 0, pairs = 0;
    if (version == results->version && (!now || results->sorted == results->sort))
        return;
    if (now && version != results->version) {
        size_t room = (size_t)classes + 1;
        results->class_row = mem_grow(results->class_row, room, sizeof *results->class_row);
        results->images = mem_grow(results->images, room, sizeof *results->images);
        results->pair_row = mem_grow(results->pair_row, now->row[classes] + 1, sizeof *results->pair_row);
        count_classes(results, now);
        pairs = count_pairs(results, now);
    }
    if (now)
        sort_classes(results, now);
    if (version != results->version) {
        list_set_rows(&results->classes, classes);
        list_set_rows(&results->pairs, pairs);
        if (results->row >= classes)
            results->row = results->column = 0;
    }
    results->version = version;
    result_images_refresh(&results->look, now);
}

static void *create(struct ui *ui)
{
    struct results *results = mem_alloc(sizeof *results);
    results->sort = CLASS_RECALL;
    refresh(results, ui);
    return results;
}

static void destroy(void *state)
{
    struct results *results = state;
    mem_free(results->class_row);
    mem_free(results->pair_row);
    mem_free(results->images);
    result_images_finish(&results->look);
    mem_free(results);
}

/* --- classes and pairs --- */

struct fill {
    const struct results *results;
    const struct session_results *now;
};

static void fill_class(void *context, int index, int column, struct table_cell *cell)
{
    const struct fill *fill = context;
    const struct class_row *row = &fill->results->class_row[index];
    char words[WORDS_MAX];
    switch (column) {
    case CLASS_NAME:
        snprintf(cell->text, sizeof cell->text, "%s", fill->now->class_name[row->label]);
        break;
    case CLASS_IMAGES:
        snprintf(cell->text, sizeof cell->text, "%u", row->images);
        break;
    case CLASS_RECALL:
        cell->role = row->recall < 0 ? THEME_DIM : results_rate_role(row->recall, true);
        snprintf(cell->text, sizeof cell->text, "%s", component_percent(words, row->recall));
        break;
    case CLASS_BAR:
        cell->role = results_rate_role(row->recall, true);
        cell->bar = row->recall < 0 ? 0 : row->recall;
        break;
    case CLASS_PRECISION:
        snprintf(cell->text, sizeof cell->text, "%s", component_percent(words, row->precision));
        break;
    case CLASS_WORST:
        cell->role = THEME_DIM;
        if (row->worst >= 0)
            snprintf(cell->text, sizeof cell->text, "%s", fill->now->class_name[row->worst]);
        break;
    }
}

static void draw_classes(struct results *results, const struct session_results *now, struct canvas *canvas,
                         struct rect area)
{
    static const struct column columns[CLASS_COLUMNS] = {
        [CLASS_NAME] = {"class", 14, 2, ALIGN_LEFT, 9},          [CLASS_IMAGES] = {"images", 6, 0, ALIGN_RIGHT, 3},
        [CLASS_RECALL] = {"accuracy", 8, 0, ALIGN_RIGHT, 8},     [CLASS_BAR] = {"", 10, 1, ALIGN_LEFT, 2},
        [CLASS_PRECISION] = {"precision", 9, 0, ALIGN_RIGHT, 7}, [CLASS_WORST] = {"taken for", 14, 2, ALIGN_LEFT, 5},
    };
    static const char *const names[CLASS_COLUMNS] = {[CLASS_NAME] = "by name",
                                                     [CLASS_IMAGES] = "most images first",
                                                     [CLASS_RECALL] = "least accurate first",
                                                     [CLASS_PRECISION] = "least precise first"};
    struct fill fill = {results, now};
    component_heading(canvas, &area, "classes", names[results->sort], results->pane == PANE_CLASSES);
    table_draw(canvas, area, &results->classes, columns, CLASS_COLUMNS, fill_class, &fill,
               results->pane == PANE_CLASSES);
}

static void fill_pair(void *context, int index, int column, struct table_cell *cell)
{
    const struct fill *fill = context;
    const struct pair_row *row = &fill->results->pair_row[index];
    char words[WORDS_MAX];
    if (column == 0)
        snprintf(cell->text, sizeof cell->text, "%s", fill->now->class_name[row->truth]);
    else if (column == 1)
        snprintf(cell->text, sizeof cell->text, "%s", fill->now->class_name[row->predicted]);
    else if (column == 2)
        snprintf(cell->text, sizeof cell->text, "%u", row->count);
    else
        snprintf(cell->text, sizeof cell->text, "%s", component_percent(words, row->share));
    if (column >= 2)
        cell->role = results_rate_role(row->share, false);
}

static void draw_pairs(struct results *results, const struct session_results *now, struct canvas *canvas,
                       struct rect area)
{
    static const struct column columns[] = {
        {"true", 14, 1, ALIGN_LEFT, 4},
        {"taken for", 14, 1, ALIGN_LEFT, 3},
        {"times", 6, 0, ALIGN_RIGHT, 2},
        {"share", 8, 0, ALIGN_RIGHT, 1},
    };
    struct fill fill = {results, now};
    component_heading(canvas, &area, "most confused", "", results->pane == PANE_PAIRS);
    if (results->pairs.rows == 0) {
        canvas_text(canvas, area.x, area.y, area.w, THEME_GOOD, 0, "none: every image is right");
        return;
    }
    table_draw(canvas, area, &results->pairs, columns, (int)THAW_LENGTH(columns), fill_pair, &fill,
               results->pane == PANE_PAIRS);
}

/* --- the screen --- */

static void draw_summary(const struct session_results *now, struct ui *ui, struct canvas *canvas, struct rect line)
{
    struct session_status status;
    char words[WORDS_MAX], text[800];
    session_status(ui->session, &status);
    int x = line.x;
    double share = now->images > 0 ? (double)now->correct / (double)now->images : -1;
    x += canvas_format(canvas, x, line.y, line.x + line.w - x, THEME_TITLE, CELL_BOLD, "%s right",
                       component_percent(words, share));
    x += canvas_format(canvas, x, line.y, line.x + line.w - x, now->best ? THEME_GOOD : THEME_WARNING, 0,
                       !now->best        ? "  last, epoch %d"
                       : ui_training(ui) ? "  best so far, epoch %d"
                                         : "  best, epoch %d (exported)",
                       now->epoch);
    x += canvas_format(canvas, x, line.y, line.x + line.w - x, THEME_TEXT, 0, "  %zu of %zu   ", now->correct,
                       now->images);
    snprintf(text, sizeof text, "%s on %s", status.model, component_leaf(status.data));
    if (text_width(text) > line.x + line.w - x)
        snprintf(text, sizeof text, "%s", component_leaf(status.data));
    if (text_width(text) <= line.x + line.w - x)
        canvas_text(canvas, x, line.y, line.x + line.w - x, THEME_DIM, 0, text);
}

/* Where the model is that was judged, for whoever is to use it: of a run that has ended, on this machine. */
static void draw_exported(const struct session_results *now, struct ui *ui, struct canvas *canvas, struct rect *area)
{
    static const char label[] = "exported: ";
    enum { SMALL = 10 };
    struct session_status status;
    char file[600], cut[600];
    session_status(ui->session, &status);
    bool ended = status.phase >= SESSION_FINISHED && status.phase != SESSION_BROKEN_OFF;
    if (!now->best || !ended || status.host[0] || status.replay || area->h < SMALL)
        return;
    struct rect line = layout_cut_top(area, 1);
    snprintf(file, sizeof file, "%s/model.safetensors", status.run);
    int used = canvas_text(canvas, line.x, line.y, line.w, THEME_DIM, 0, label);
    canvas_text(canvas, line.x + used, line.y, line.w - used, THEME_GOOD, 0,
                text_tail(cut, sizeof cut, file, line.w - used));
}

static void draw_one(struct results *results, const struct session_results *now, struct canvas *canvas,
                     struct rect area)
{
    static const char *const names[PANES] = {"matrix", "classes", "confused"};
    struct rect line = layout_cut_top(&area, 1);
    int x = line.x;
    for (enum pane pane = 0; pane < PANES; pane++) {
        bool on = pane == results->pane;
        int used = canvas_format(canvas, x, line.y, line.x + line.w - x, on ? THEME_TAB_ACTIVE : THEME_TAB, 0, " %s ",
                                 names[pane]);
        results->tabs[pane] = (struct rect){x, line.y, used, 1};
        x += used + 1;
    }
    if (results->pane == PANE_MATRIX)
        results_draw_matrix(results, now, canvas, area);
    else if (results->pane == PANE_CLASSES)
        draw_classes(results, now, canvas, area);
    else
        draw_pairs(results, now, canvas, area);
}

/* Why there are none. */
static void draw_none(struct ui *ui, struct canvas *canvas, struct rect area)
{
    struct session_status status;
    char text[300], train[COMPONENT_KEY], runs[COMPONENT_KEY];
    if (session_results_pending(ui->session)) {
        component_empty(canvas, area, "", "Reading its predictions ...");
        return;
    }
    session_status(ui->session, &status);
    component_key(ui, "train", train);
    component_key(ui, "runs", runs);
    if (status.phase == SESSION_IDLE)
        snprintf(text, sizeof text, "Press %s to train, or %s to reopen a run.", train, runs);
    else if (status.host[0])
        snprintf(text, sizeof text, "They are where the run is: on %.100s.", status.host);
    else if (status.model[0] && status.val_images == 0)
        snprintf(text, sizeof text,
                 "This run has no validation images, so nothing was judged. data.val of the next run names a folder of "
                 "them, or a share of the training images such as 0.2.");
    else if (session_phase_is_live(status.phase))
        snprintf(text, sizeof text, "The first epoch is not over. Its evaluation comes here; press %s for the curves.",
                 train);
    else
        snprintf(text, sizeof text, "The run ended before its first evaluation. Press %s for what it said.", train);
    component_empty(canvas, area, "No results yet", text);
}

static void draw(void *state, struct ui *ui, struct canvas *canvas, struct rect area)
{
    struct results *results = state;
    const struct session_results *now = session_results(ui->session);
    refresh(results, ui);
    memset(results->tabs, 0, sizeof results->tabs);
    results->cells = results->classes.area = results->pairs.area = (struct rect){0, 0, 0, 0};
    if (now == NULL) {
        draw_none(ui, canvas, area);
        return;
    }
    draw_summary(now, ui, canvas, layout_cut_top(&area, 1));
    draw_exported(now, ui, canvas, &area);
    if (results->look.open) {
        result_images_draw(&results->look, ui, now, canvas, area);
        return;
    }
    struct rect left, right;
    layout_columns(area, 0.58, 76, 60, 2, &left, &right);
    if (rect_empty(right) || area.h < 24) {
        draw_one(results, now, canvas, area);
        return;
    }
    struct rect classes, pairs;
    layout_rows(right, 0.5, 8, 8, 0, &classes, &pairs);
    results_draw_matrix(results, now, canvas, left);
    draw_classes(results, now, canvas, classes);
    draw_pairs(results, now, canvas, pairs);
}

/* --- doing --- */

/* From a class or a pair to its cell in the matrix. */
static void look_up(struct results *results)
{
    if (results->pane == PANE_CLASSES && results->classes.selected >= 0) {
        const struct class_row *row = &results->class_row[results->classes.selected];
        results->row = row->label;
        results->column = row->worst >= 0 ? row->worst : row->label;
    } else if (results->pane == PANE_PAIRS && results->pairs.selected >= 0) {
        results->row = results->pair_row[results->pairs.selected].truth;
        results->column = results->pair_row[results->pairs.selected].predicted;
    }
    results->pane = PANE_MATRIX;
}

static void move(void *state, struct ui *ui, enum move move)
{
    struct results *results = state;
    const struct session_results *now = session_results(ui->session);
    if (now == NULL)
        return;
    if (results->look.open)
        list_move(&results->look.list, move);
    else if (results->pane == PANE_MATRIX)
        results_move_in_matrix(results, now, move);
    else
        list_move(results->pane == PANE_CLASSES ? &results->classes : &results->pairs, move);
}

static void next_pane(const struct command_call *call)
{
    struct results *results = call->state;
    if (!results->look.open)
        results->pane = (results->pane + 1) % PANES;
}

static void shares(const struct command_call *call)
{
    struct results *results = call->state;
    results->shares = !results->shares;
}

static void sort(const struct command_call *call)
{
    static const int sorts[] = {CLASS_RECALL, CLASS_PRECISION, CLASS_IMAGES, CLASS_NAME};
    struct results *results = call->state;
    size_t at = 0;
    while (at < THAW_LENGTH(sorts) && sorts[at] != results->sort)
        at++;
    results->sort = sorts[(at + 1) % THAW_LENGTH(sorts)];
    refresh(results, call->ui);
}

static void show_cell(const struct command_call *call)
{
    struct results *results = call->state;
    if (session_results(call->ui->session) != NULL && !results->look.open)
        look_up(results);
}

/* The images of what is selected; of these the selected one. */
static void open_images(struct results *results, struct ui *ui)
{
    const struct session_results *now = session_results(ui->session);
    refresh(results, ui);
    if (now == NULL)
        return;
    int pair = results->pairs.selected, class = results->classes.selected;
    if (results->look.open)
        results->look.large = !results->look.large;
    else if (results->pane == PANE_MATRIX)
        result_images_open(&results->look, now, results->row, results->column);
    else if (results->pane == PANE_CLASSES && class >= 0)
        result_images_open(&results->look, now, results->class_row[class].label, -1);
    else if (results->pane == PANE_PAIRS && pair >= 0)
        result_images_open(&results->look, now, results->pair_row[pair].truth, results->pair_row[pair].predicted);
}

static void open_selected(const struct command_call *call)
{
    open_images(call->state, call->ui);
}

static void wrong_images(const struct command_call *call)
{
    struct results *results = call->state;
    const struct session_results *now = session_results(call->ui->session);
    refresh(results, call->ui);
    if (now != NULL)
        result_images_open(&results->look, now, -1, -1);
}

static void back(const struct command_call *call)
{
    struct results *results = call->state;
    call->ui->message[0] = '\0';
    result_images_back(&results->look);
}

static void best_or_last(const struct command_call *call)
{
    const struct session_results *now = session_results(call->ui->session);
    if (now)
        session_results_of(call->ui->session, !now->best);
}

static const struct command commands[] = {
    {"next-pane", "Tab", "pane", "move to the next pane", .run = next_pane},
    {"best-last", "b", "best/last", "the best results, or the last", .run = best_or_last},
    {"shares", "v", "shares", "show counts, or shares of each class", .run = shares},
    {"sort", "s", "sort classes", "sort the classes by the next column", .run = sort},
    {"open", "Enter", "images", "list the images of the cell, class or pair", .run = open_selected},
    {"wrong-images", "w", "wrong images", "list the wrong images, the surest first", .run = wrong_images},
    {"show-cell", "m", "in matrix", "show the class or the pair in the matrix", .run = show_cell},
    {"back", "Esc", "back", "leave the image, then the list of images", .run = back},
};

static bool mouse(void *state, struct ui *ui, const struct term_event *event)
{
    struct results *results = state;
    const struct session_results *now = session_results(ui->session);
    if (now == NULL)
        return false;
    if (results->look.open) {
        enum list_hit hit = list_mouse(&results->look.list, event);
        if (hit == LIST_OPENED)
            open_images(results, ui);
        return hit != LIST_MISS;
    }
    for (enum pane pane = 0; pane < PANES; pane++) {
        if (event->mouse == TERM_PRESS && rect_holds(results->tabs[pane], event->x, event->y)) {
            results->pane = pane;
            return true;
        }
    }
    if (rect_holds(results->cells, event->x, event->y)) {
        results->pane = PANE_MATRIX;
        if (event->mouse == TERM_WHEEL_UP || event->mouse == TERM_WHEEL_DOWN) {
            results_move_in_matrix(results, now, event->mouse == TERM_WHEEL_UP ? MOVE_UP : MOVE_DOWN);
            return true;
        }
        results->row = results->top + event->y - results->cells.y;
        results->column = results->left + (event->x - results->cells.x) / results->cell_width;
        return true;
    }
    for (enum pane pane = PANE_CLASSES; pane <= PANE_PAIRS; pane++) {
        enum list_hit hit = list_mouse(pane == PANE_CLASSES ? &results->classes : &results->pairs, event);
        if (hit == LIST_MISS)
            continue;
        results->pane = pane;
        if (hit == LIST_OPENED)
            open_images(results, ui);
        return true;
    }
    return false;
}

static int keys(void *state, struct ui *ui, struct screen_hint hints[SCREEN_HINTS])
{
    struct results *results = state;
    int count = 0;
    if (session_results(ui->session) == NULL) {
        hints[count++] = (struct screen_hint){"train", NULL};
        hints[count++] = (struct screen_hint){"runs", NULL};
        return count;
    }
    if (results->look.open) {
        hints[count++] = (struct screen_hint){"open", results->look.large ? "list" : "larger"};
        hints[count++] = (struct screen_hint){"back", NULL};
        hints[count++] = (struct screen_hint){"best-last", NULL};
        return count;
    }
    hints[count++] = (struct screen_hint){"next-pane", NULL};
    hints[count++] = (struct screen_hint){"open", NULL};
    hints[count++] = (struct screen_hint){"wrong-images", NULL};
    hints[count++] = (struct screen_hint){"best-last", NULL};
    hints[count++] = (struct screen_hint){"shares", results->shares ? "counts" : NULL};
    hints[count++] = (struct screen_hint){"sort", "sort"};
    if (results->pane != PANE_MATRIX)
        hints[count++] = (struct screen_hint){"show-cell", NULL};
    return count;
}

const struct screen screen_results = {
    .title = "Results",
    .subject = SUBJECT_RUN,
    .go = {"results", "5", "results", "Results: confusions, accuracy by class", .run = ui_show},
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
