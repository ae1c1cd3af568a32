/* The Results screen's confusion matrix: rows true, columns predicted, as much of it as there is room for, around its cursor.
 * Called by screen_results.c. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "screen_results.h"

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

enum theme_role results_rate_role(double rate, bool diagonal)
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
    enum theme_role role = here ? THEME_SELECTED : results_rate_role(rate, diagonal && images > 0);
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

void results_draw_matrix(struct results *results, const struct session_results *now, struct canvas *canvas,
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

static int clamp(int value, int count)
{
    return value < 0 ? 0 : value >= count ? count - 1 : value;
}

void results_move_in_matrix(struct results *results, const struct session_results *now, enum move move)
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
