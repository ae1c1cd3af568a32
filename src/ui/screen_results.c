/* Results: how the last evaluation of the live or reopened run went, class by class. Three panes: the confusion matrix
 * (rows true, columns predicted), the classes from worst to best, the most confused pairs. Wide terminals show all three,
 * narrow ones one at a time. Reached through the table in screen.c. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "component.h"
#include "thaw/base/mem.h"

enum pane { PANE_MATRIX, PANE_CLASSES, PANE_PAIRS, PANES };
enum { CLASS_NAME, CLASS_IMAGES, CLASS_RECALL, CLASS_BAR, CLASS_PRECISION, CLASS_WORST, CLASS_COLUMNS };

struct class_row {
    int label;
    const char *name;
    double key; /* by which it is sorted, the smallest first; equal ones by name or label */
    unsigned images, predicted, right, most;
    int worst;                /* the class it is most often taken for; -1: never wrong */
    double recall, precision; /* -1: no images, never predicted */
};

struct pair_row {
    int truth, predicted;
    unsigned count;
    double share; /* of the true class */
};

struct results {
    enum pane pane;
    bool shares;
    int row, column;   /* the matrix's cursor */
    int top, left;     /* first row and column shown */
    struct rect cells; /* of the matrix, at the last draw */
    int cell_width;
    int rows_shown, columns_shown;
    struct list classes, pairs;
    int sort;                    /* CLASS_* */
    struct class_row *class_row; /* [classes], as sorted */
    struct pair_row *pair_row;
    unsigned *images; /* [classes], of each label */
    int longest;      /* cells of the longest name, at least 4 */
    unsigned version; /* of the results that all this is of; 0: of none */
    int sorted;       /* how, CLASS_* */
    struct rect tabs[PANES];
};

static int compare_cells(const void *a, const void *b)
{
    return ((const struct session_confusion *)a)->predicted - ((const struct session_confusion *)b)->predicted;
}

static unsigned cell_at(const struct session_results *now, int truth, int predicted)
{
    const struct session_confusion wanted = {truth, predicted, 0};
    size_t first = now->row[truth], count = now->row[truth + 1] - first;
    const struct session_confusion *cell =
        count ? bsearch(&wanted, now->confusion + first, count, sizeof wanted, compare_cells) : NULL;
    return cell ? cell->count : 0;
}

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
    mem_free(results);
}

/* --- the matrix --- */

static enum theme_role rate_role(double rate, bool diagonal)
{
    if (diagonal)
        return rate >= 0.9 ? THEME_GOOD : rate >= 0.6 ? THEME_WARNING : THEME_ERROR;
    return rate == 0 ? THEME_DIM : rate < 0.05 ? THEME_TEXT : rate < 0.15 ? THEME_WARNING : THEME_ERROR;
}

/* Keeps [*first, *first + shown) around `at`. */
static void scroll_to(int *first, int at, int shown, int count)
{
    if (at < *first)
        *first = at;
    if (at >= *first + shown)
        *first = at - shown + 1;
    if (*first > count - shown)
        *first = count - shown;
    if (*first < 0)
        *first = 0;
}

/* What stands for a class at the head of its column and before its name: a letter, where there are few. */
static const char *sign_of(const struct session_results *now, int label, char text[12])
{
    if (now->classes <= 26)
        snprintf(text, 12, "%c", 'A' + label);
    else
        snprintf(text, 12, "%d", label + 1);
    return text;
}

static void draw_cell(const struct results *results, const struct session_results *now, struct canvas *canvas,
                      int truth, int predicted, int x, int y)
{
    unsigned count = cell_at(now, truth, predicted), images = results->images[truth];
    double rate = images > 0 ? (double)count / images : 0;
    bool here = results->pane == PANE_MATRIX && truth == results->row && predicted == results->column;
    bool diagonal = truth == predicted;
    char text[24];
    if (count == 0)
        snprintf(text, sizeof text, "·");
    else if (results->shares)
        snprintf(text, sizeof text, "%.0f%%", 100 * rate);
    else
        snprintf(text, sizeof text, "%u", count);
    int width = results->cell_width, cells = text_width(text);
    enum theme_role role = here ? THEME_SELECTED : rate_role(rate, diagonal && images > 0);
    if (here)
        canvas_fill(canvas, (struct rect){x, y, width, 1}, ' ', role, 0);
    canvas_text(canvas, x + (cells < width ? width - cells : 0), y, width, role, diagonal ? CELL_BOLD : 0, text);
}

/* One line in words for the cell under the cursor. */
static void draw_reading(const struct results *results, const struct session_results *now, struct canvas *canvas,
                         struct rect line)
{
    unsigned count = cell_at(now, results->row, results->column), images = results->images[results->row];
    double share = images > 0 ? 100.0 * count / images : 0;
    const char *truth = now->class_name[results->row], *predicted = now->class_name[results->column];
    if (results->row == results->column)
        canvas_format(canvas, line.x, line.y, line.w, THEME_TEXT, 0, "%u of %u \"%s\" are right (%.1f%%)", count,
                      images, truth, share);
    else
        canvas_format(canvas, line.x, line.y, line.w, THEME_TEXT, 0, "%u of %u \"%s\" are taken for \"%s\" (%.1f%%)",
                      count, images, truth, predicted, share);
}

/* The widths: names at the left, cells, and how many of both there is room for. Heads are the names where every one fits
 * into a cell, otherwise signs that stand before the names, too; returns whether they are. */
static bool arrange_matrix(struct results *results, const struct session_results *now, struct rect area, int *names)
{
    char sign[12];
    int longest = results->longest, room = area.w - 2;
    int signs = text_width(sign_of(now, now->classes - 1, sign)) + 1;
    int spare = room - 5 * now->classes - signs, most = spare > area.w / 4 ? spare : area.w / 4;
    int width = (room - (longest < most ? longest : most)) / now->classes;
    bool plain = longest < width && longest <= 12;
    *names = plain ? longest : longest + signs < most + signs ? longest + signs : most + signs;
    room -= *names;
    width = room / now->classes;
    results->cell_width = plain ? longest + 1 : width < 5 ? 5 : width > 8 ? 8 : width;
    results->columns_shown = room / results->cell_width < now->classes ? room / results->cell_width : now->classes;
    results->rows_shown = area.h < now->classes ? area.h : now->classes;
    return plain;
}

static void draw_heads(const struct results *results, const struct session_results *now, struct canvas *canvas,
                       struct rect line, int names, bool plain)
{
    char sign[12];
    for (int c = 0; c < results->columns_shown; c++) {
        int label = results->left + c, wide = results->cell_width - 1;
        bool here = results->pane == PANE_MATRIX && label == results->column;
        const char *head = plain ? now->class_name[label] : sign_of(now, label, sign);
        int cells = text_width(head), shift = cells < wide ? wide - cells : 0;
        canvas_text(canvas, line.x + names + c * results->cell_width + 1 + shift, line.y, wide,
                    here ? THEME_TITLE : THEME_DIM, here ? CELL_BOLD : 0, head);
    }
    if (results->left > 0)
        canvas_put(canvas, line.x + names, line.y, 0x25c2, THEME_KEY, 0);
    if (results->left + results->columns_shown < now->classes)
        canvas_put(canvas, line.x + line.w - 1, line.y, 0x25b8, THEME_KEY, 0);
}

static void draw_name(const struct results *results, const struct session_results *now, struct canvas *canvas,
                      struct rect line, int truth, bool plain)
{
    char sign[12], cut[160];
    bool here = results->pane == PANE_MATRIX && truth == results->row;
    int signs = plain ? 0 : text_width(sign_of(now, now->classes - 1, sign)) + 1;
    if (!plain)
        canvas_text(canvas, line.x, line.y, signs - 1, THEME_DIM, 0, sign_of(now, truth, sign));
    /* the end tells long names apart as often as the beginning; the line below has the whole */
    const char *name = now->class_name[truth];
    canvas_text(canvas, line.x + signs, line.y, line.w - signs, here ? THEME_TITLE : THEME_TEXT, here ? CELL_BOLD : 0,
                text_middle(cut, sizeof cut, name, line.w - signs));
}

static void draw_matrix(struct results *results, const struct session_results *now, struct canvas *canvas,
                        struct rect area)
{
    char right[64];
    struct rect head = layout_cut_top(&area, 1), line;
    draw_reading(results, now, canvas, layout_cut_bottom(&area, 1));
    line = layout_cut_top(&area, 1);
    int names = 0;
    bool plain = now->classes > 0 && arrange_matrix(results, now, area, &names);
    int used = snprintf(right, sizeof right, "%s", results->shares ? "shares" : "counts");
    if (results->rows_shown < 1 || results->columns_shown < 1)
        return;
    scroll_to(&results->top, results->row, results->rows_shown, now->classes);
    scroll_to(&results->left, results->column, results->columns_shown, now->classes);
    if (results->columns_shown < now->classes)
        snprintf(right + used, sizeof right - (size_t)used, ", columns %d to %d of %d", results->left + 1,
                 results->left + results->columns_shown, now->classes);
    const char *title = head.w < 78 ? "rows true, columns taken" : "confusion: rows true, columns taken for";
    component_heading(canvas, &head, title, right, results->pane == PANE_MATRIX);
    results->cells =
        (struct rect){area.x + names, area.y, results->columns_shown * results->cell_width, results->rows_shown};
    draw_heads(results, now, canvas, line, names, plain);
    for (int r = 0; r < results->rows_shown; r++) {
        int truth = results->top + r;
        draw_name(results, now, canvas, (struct rect){area.x, area.y + r, names, 1}, truth, plain);
        for (int c = 0; c < results->columns_shown; c++)
            draw_cell(results, now, canvas, truth, results->left + c, area.x + names + c * results->cell_width,
                      area.y + r);
    }
    if (results->rows_shown < now->classes)
        scrollbar_draw(canvas, (struct rect){area.x + area.w - 1, area.y, 1, results->rows_shown}, now->classes,
                       results->top, results->rows_shown);
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
        cell->role = row->recall < 0 ? THEME_DIM : rate_role(row->recall, true);
        snprintf(cell->text, sizeof cell->text, "%s", component_percent(words, row->recall));
        break;
    case CLASS_BAR:
        cell->role = rate_role(row->recall, true);
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
        cell->role = rate_role(row->share, false);
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
        draw_matrix(results, now, canvas, area);
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
    struct rect left, right;
    layout_columns(area, 0.58, 76, 60, 2, &left, &right);
    if (rect_empty(right) || area.h < 24) {
        draw_one(results, now, canvas, area);
        return;
    }
    struct rect classes, pairs;
    layout_rows(right, 0.5, 8, 8, 0, &classes, &pairs);
    draw_matrix(results, now, canvas, left);
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

static int clamp(int value, int count)
{
    return value < 0 ? 0 : value >= count ? count - 1 : value;
}

static void move_in_matrix(struct results *results, const struct session_results *now, enum move move)
{
    int page = results->rows_shown > 1 ? results->rows_shown - 1 : 1, last = now->classes - 1;
    const struct {
        int rows, columns;
    } by[] = {
        [MOVE_UP] = {-1, 0},           [MOVE_DOWN] = {1, 0},        [MOVE_LEFT] = {0, -1},
        [MOVE_RIGHT] = {0, 1},         [MOVE_PAGE_UP] = {-page, 0}, [MOVE_PAGE_DOWN] = {page, 0},
        [MOVE_FIRST] = {-last, -last}, [MOVE_LAST] = {last, last},
    };
    results->row = clamp(results->row + by[move].rows, now->classes);
    results->column = clamp(results->column + by[move].columns, now->classes);
}

static void move(void *state, struct ui *ui, enum move move)
{
    struct results *results = state;
    const struct session_results *now = session_results(ui->session);
    if (now == NULL)
        return;
    if (results->pane == PANE_MATRIX)
        move_in_matrix(results, now, move);
    else
        list_move(results->pane == PANE_CLASSES ? &results->classes : &results->pairs, move);
}

static void next_pane(const struct command_call *call)
{
    struct results *results = call->state;
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
    if (session_results(call->ui->session) != NULL)
        look_up(call->state);
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
    {"open", "Enter", "show in matrix", "show the class or the pair in the matrix", .run = show_cell},
};

static bool mouse(void *state, struct ui *ui, const struct term_event *event)
{
    struct results *results = state;
    const struct session_results *now = session_results(ui->session);
    if (now == NULL)
        return false;
    for (enum pane pane = 0; pane < PANES; pane++) {
        if (event->mouse == TERM_PRESS && rect_holds(results->tabs[pane], event->x, event->y)) {
            results->pane = pane;
            return true;
        }
    }
    if (rect_holds(results->cells, event->x, event->y)) {
        results->pane = PANE_MATRIX;
        if (event->mouse == TERM_WHEEL_UP || event->mouse == TERM_WHEEL_DOWN) {
            move_in_matrix(results, now, event->mouse == TERM_WHEEL_UP ? MOVE_UP : MOVE_DOWN);
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
            look_up(results);
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
    hints[count++] = (struct screen_hint){"next-pane", NULL};
    hints[count++] = (struct screen_hint){"best-last", NULL};
    hints[count++] = (struct screen_hint){"shares", results->shares ? "counts" : NULL};
    hints[count++] = (struct screen_hint){"sort", NULL};
    if (results->pane != PANE_MATRIX)
        hints[count++] = (struct screen_hint){"open", NULL};
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
