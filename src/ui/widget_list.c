/* Lists and tables: a selection that scrolls, columns that share the width, fold marks for trees, a scroll bar. The
 * caller owns the rows and fills a cell at a time, only for the rows that show. Called by screens, the help and dialogs. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "layout.h"
#include "widget.h"

enum { MAX_COLUMNS = 16, GAP = 1, SIGNS = 2 };

void list_select(struct list *list, int row)
{
    if (row >= list->rows)
        row = list->rows - 1;
    if (row < 0)
        row = list->rows > 0 ? 0 : -1;
    list->selected = row;
    int visible = list->visible > 0 ? list->visible : 1;
    if (row >= 0 && row < list->top)
        list->top = row;
    if (row >= list->top + visible)
        list->top = row - visible + 1;
    if (list->top > list->rows - visible)
        list->top = list->rows - visible;
    if (list->top < 0)
        list->top = 0;
}

void list_set_rows(struct list *list, int rows)
{
    list->rows = rows;
    list_select(list, list->selected);
}

bool move_of_key(const struct term_event *event, enum move *move)
{
    static const struct {
        uint32_t key;
        enum move move;
    } keys[] = {
        {TERM_KEY_UP, MOVE_UP},       {TERM_KEY_DOWN, MOVE_DOWN},       {TERM_KEY_LEFT, MOVE_LEFT},
        {TERM_KEY_RIGHT, MOVE_RIGHT}, {TERM_KEY_PAGE_UP, MOVE_PAGE_UP}, {TERM_KEY_PAGE_DOWN, MOVE_PAGE_DOWN},
        {TERM_KEY_HOME, MOVE_FIRST},  {TERM_KEY_END, MOVE_LAST},
    };
    for (size_t i = 0; i < THAW_LENGTH(keys); i++)
        if (event->kind == TERM_KEY && event->key == keys[i].key) {
            *move = keys[i].move;
            return true;
        }
    return false;
}

bool list_move(struct list *list, enum move move)
{
    list_select(list, list->selected); /* rows may have gone */
    int page = list->visible > 1 ? list->visible - 1 : 1, before = list->selected, shift = list->shift;
    switch (move) {
    case MOVE_UP:
        list_select(list, before - 1);
        break;
    case MOVE_DOWN:
        list_select(list, before + 1);
        break;
    case MOVE_PAGE_UP:
        list_select(list, before - page);
        break;
    case MOVE_PAGE_DOWN:
        list_select(list, before + page);
        break;
    case MOVE_FIRST:
        list_select(list, 0);
        break;
    case MOVE_LAST:
        list_select(list, list->rows - 1);
        break;
    case MOVE_LEFT:
        list->shift -= shift > 0;
        break;
    case MOVE_RIGHT:
        list->shift += shift < list->most_shift;
        break;
    }
    return list->selected != before || list->shift != shift;
}

static void scroll(struct list *list, int by)
{
    int most = list->rows - list->visible;
    list->top += by;
    if (list->top > most)
        list->top = most;
    if (list->top < 0)
        list->top = 0;
    /* The selection stays in view, so that keys go on from what one sees. */
    if (list->selected >= 0 && list->selected < list->top)
        list->selected = list->top;
    if (list->visible > 0 && list->selected >= list->top + list->visible)
        list->selected = list->top + list->visible - 1;
}

enum list_hit list_mouse(struct list *list, const struct term_event *event)
{
    if (event->kind != TERM_MOUSE || !rect_holds(list->area, event->x, event->y))
        return LIST_MISS;
    if (event->mouse == TERM_WHEEL_UP || event->mouse == TERM_WHEEL_DOWN) {
        scroll(list, event->mouse == TERM_WHEEL_UP ? -3 : 3);
        return LIST_SCROLLED;
    }
    int row = list->top + event->y - list->area.y;
    if (row >= list->rows || event->button != 1 || (event->mouse != TERM_PRESS && event->mouse != TERM_DOUBLE))
        return LIST_MISS;
    bool again = row == list->selected || event->mouse == TERM_DOUBLE;
    list_select(list, row);
    return again ? LIST_OPENED : LIST_SELECTED;
}

/* Gives up columns until the others fit, the least worth keeping first; widths are 0 for those left out. */
static void drop_columns(int *widths, const struct column *columns, int count, int width)
{
    int total = -GAP, shown = 0;
    for (int i = 0; i < count; i++) {
        total += widths[i] > 0 ? widths[i] + GAP : 0;
        shown += widths[i] > 0;
    }
    for (; total > width && shown > 1; shown--) {
        int worst = -1;
        for (int i = 0; i < count; i++)
            if (widths[i] > 0 && (worst < 0 || columns[i].keep <= columns[worst].keep))
                worst = i;
        total -= widths[worst] + GAP;
        widths[worst] = 0;
    }
    for (int i = 0; i < count && shown == 1; i++)
        widths[i] = widths[i] > width ? width : widths[i];
}

static void stretch_columns(int *widths, const struct column *columns, int count, int width)
{
    int stretch = 0, left = width + GAP;
    for (int i = 0; i < count; i++) {
        stretch += widths[i] > 0 ? columns[i].stretch : 0;
        left -= widths[i] > 0 ? widths[i] + GAP : 0;
    }
    for (int i = 0; i < count && stretch > 0 && left > 0; i++)
        if (widths[i] > 0 && columns[i].stretch > 0) {
            int more = left * columns[i].stretch / stretch;
            widths[i] += more;
            left -= more;
            stretch -= columns[i].stretch;
        }
}

/* Widths of the columns in `width` cells, 0 for one that is left out; returns how many columns can be shifted away, 0
 * where all are seen. Those most worth keeping stay where they are. */
static int share_width(int *widths, const struct column *columns, int count, int width, int shift)
{
    int most = 0, hidden = 0, shifts = 0;
    for (int i = 0; i < count; i++) {
        widths[i] = columns[i].width;
        most = columns[i].keep > most ? columns[i].keep : most;
    }
    drop_columns(widths, columns, count, width);
    for (int i = 0; i < count; i++) {
        hidden += widths[i] == 0;
        shifts += widths[i] > 0 && columns[i].keep < most;
    }
    if (hidden == 0)
        shifts = 0;
    if (shifts > 0) { /* once more, with room for the signs, and without what is shifted away */
        int again[MAX_COLUMNS];
        for (int i = 0, gone = 0; i < count; i++) {
            bool away = widths[i] > 0 && columns[i].keep < most && gone++ < shift;
            again[i] = away ? 0 : columns[i].width;
        }
        width -= SIGNS;
        drop_columns(again, columns, count, width);
        memcpy(widths, again, sizeof *widths * (size_t)count);
    }
    stretch_columns(widths, columns, count, width);
    return shifts;
}

static void draw_aligned(struct canvas *canvas, int x, int y, int width, enum column_align align, enum theme_role role,
                         unsigned attrs, const char *text)
{
    int cells = text_width(text);
    int space = cells < width ? width - cells : 0;
    int offset = align == ALIGN_RIGHT ? space : align == ALIGN_CENTRE ? space / 2 : 0;
    int cuts = canvas->cuts;
    canvas_text(canvas, x + offset, y, width - offset, role, attrs, text);
    canvas->cuts = cuts; /* it is read in full where its row is selected */
}

/* Keeps a text that did not fit. */
static void keep_whole(struct canvas *canvas, const char *text)
{
    size_t used = strlen(canvas->whole);
    snprintf(canvas->whole + used, sizeof canvas->whole - used, "%s%s", used > 0 ? "   " : "", text);
}

static void draw_cell(struct canvas *canvas, int x, int y, int width, const struct column *column,
                      const struct table_cell *cell, bool selected, unsigned attrs)
{
    enum theme_role role = selected ? THEME_SELECTED : cell->role;
    attrs |= cell->attrs;
    if (cell->bar >= 0) {
        if (selected)
            canvas_fill(canvas, (struct rect){x, y, width, 1}, ' ', THEME_SELECTED, attrs);
        bar_draw(canvas, x, y, width, cell->bar, cell->role == THEME_TEXT ? THEME_BAR : cell->role);
        return;
    }
    int indent = cell->indent < width ? cell->indent : width;
    x += indent;
    width -= indent;
    if (cell->fold && width >= 2) {
        static const uint32_t mark[] = {' ', 0x25b8, 0x25be, ' '};
        canvas_put(canvas, x, y, mark[cell->fold & 3], selected ? role : THEME_DIM, attrs);
        x += 2;
        width -= 2;
    }
    if (selected && text_width(cell->text) > width)
        keep_whole(canvas, cell->text);
    char tail[sizeof cell->text + 4];
    draw_aligned(canvas, x, y, width, column->align, role, attrs,
                 cell->tail ? text_tail(tail, sizeof tail, cell->text, width) : cell->text);
}

void scrollbar_draw(struct canvas *canvas, struct rect area, int rows, int top, int visible)
{
    if (rows <= visible || area.h < 1)
        return;
    int size = (int)((long)area.h * visible / rows);
    size = size < 1 ? 1 : size;
    int most = rows - visible, at = (int)(((long)(area.h - size) * top + most / 2) / most);
    for (int i = 0; i < area.h; i++) {
        bool on = i >= at && i < at + size;
        canvas_put(canvas, area.x, area.y + i, on ? 0x2588 : 0x2502, on ? THEME_DIM : THEME_BORDER, 0);
    }
}

static struct rect rows_area(struct rect area)
{
    return (struct rect){area.x, area.y + 1, area.w, area.h > 1 ? area.h - 1 : 0};
}

static void draw_signs(struct canvas *canvas, struct rect area, const struct list *list)
{
    if (list->most_shift == 0)
        return;
    int x = area.x + area.w - SIGNS;
    if (list->shift > 0)
        canvas_put(canvas, x, area.y, 0x25c2, THEME_KEY, 0);
    if (list->shift < list->most_shift)
        canvas_put(canvas, x + 1, area.y, 0x25b8, THEME_KEY, 0);
}

/* -1: the header */
static void draw_row(struct canvas *canvas, struct rect line, int row, bool selected, unsigned attrs,
                     const struct column *columns, const int *widths, int count, table_fill fill, void *context)
{
    int x = line.x;
    for (int i = 0; i < count; i++) {
        if (widths[i] <= 0)
            continue;
        struct table_cell cell = {.role = THEME_TEXT, .bar = -1};
        if (row < 0) {
            draw_aligned(canvas, x, line.y, widths[i], columns[i].align, THEME_DIM, 0, columns[i].title);
        } else {
            fill(context, row, i, &cell);
            draw_cell(canvas, x, line.y, widths[i], &columns[i], &cell, selected, attrs);
        }
        x += widths[i] + GAP;
    }
}

void table_draw(struct canvas *canvas, struct rect area, struct list *list, const struct column *columns, int count,
                table_fill fill, void *context, bool focused)
{
    struct rect before = canvas_clip(canvas, rect_intersect(area, canvas->clip));
    struct rect body = rows_area(area);
    list->area = body;
    list->visible = body.h;
    list_select(list, list->selected);
    bool bar = list->rows > body.h;
    int widths[MAX_COLUMNS];
    char whole[sizeof canvas->whole];
    memcpy(whole, canvas->whole, sizeof whole);
    count = count < MAX_COLUMNS ? count : MAX_COLUMNS;
    list->most_shift = share_width(widths, columns, count, area.w - (bar ? 2 : 0), list->shift);
    list->shift = list->shift < list->most_shift ? list->shift : list->most_shift;
    for (int line = -1; line < body.h && list->top + line < list->rows; line++) {
        int row = line < 0 ? -1 : list->top + line;
        struct rect place = {area.x, body.y + line, area.w - bar, 1};
        bool selected = line >= 0 && row == list->selected;
        unsigned attrs = selected && !focused ? CELL_DIM : 0;
        if (selected)
            canvas_fill(canvas, place, ' ', THEME_SELECTED, attrs);
        draw_row(canvas, place, row, selected, attrs, columns, widths, count, fill, context);
    }
    draw_signs(canvas, area, list);
    if (!focused)
        memcpy(canvas->whole, whole, sizeof whole);
    if (bar)
        scrollbar_draw(canvas, (struct rect){area.x + area.w - 1, body.y, 1, body.h}, list->rows, list->top, body.h);
    canvas_clip(canvas, before);
}

int table_column_at(struct rect area, const struct list *list, const struct column *columns, int count, int x, int y)
{
    int widths[MAX_COLUMNS], left = area.x;
    count = count < MAX_COLUMNS ? count : MAX_COLUMNS;
    share_width(widths, columns, count, area.w - (list->rows > rows_area(area).h ? 2 : 0), list->shift);
    for (int i = 0; i < count && y == area.y; i++) {
        if (widths[i] <= 0)
            continue;
        if (x >= left && x < left + widths[i])
            return i;
        left += widths[i] + GAP;
    }
    return -1;
}
