/* Lists and tables: a selection that scrolls, columns that share the width, fold marks for trees, a scroll bar. The
 * caller owns the rows and fills a cell at a time, only for the rows that show. Called by screens, the help and dialogs. */
#include "config.h"

#include <string.h>

#include "layout.h"
#include "widget.h"

enum { MAX_COLUMNS = 16, GAP = 1 };

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

bool list_move(struct list *list, enum move move)
{
    list_select(list, list->selected); /* rows may have gone */
    int page = list->visible > 1 ? list->visible - 1 : 1, before = list->selected;
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
    default:
        return false;
    }
    return list->selected != before;
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

/* Widths of the columns in `width` cells; 0 for one that is left out. */
static void share_width(int *widths, const struct column *columns, int count, int width)
{
    int total = 0, stretch = 0;
    for (int i = 0; i < count; i++) {
        widths[i] = columns[i].width;
        total += widths[i] + (i ? GAP : 0);
    }
    while (total > width) {
        int worst = -1, shown = 0;
        for (int i = 0; i < count; i++) {
            shown += widths[i] > 0;
            if (widths[i] > 0 && (worst < 0 || columns[i].keep <= columns[worst].keep))
                worst = i;
        }
        if (shown <= 1) {
            if (worst >= 0)
                widths[worst] = width;
            return;
        }
        total -= widths[worst] + GAP;
        widths[worst] = 0;
    }
    for (int i = 0; i < count; i++)
        stretch += widths[i] > 0 ? columns[i].stretch : 0;
    int left = width - total;
    for (int i = 0; i < count && stretch > 0; i++)
        if (widths[i] > 0 && columns[i].stretch > 0) {
            int more = left * columns[i].stretch / stretch;
            widths[i] += more;
            left -= more;
            stretch -= columns[i].stretch;
        }
}

static void draw_aligned(struct canvas *canvas, int x, int y, int width, enum column_align align, enum theme_role role,
                         unsigned attrs, const char *text)
{
    int cells = text_width(text);
    int space = cells < width ? width - cells : 0;
    int offset = align == ALIGN_RIGHT ? space : align == ALIGN_CENTRE ? space / 2 : 0;
    canvas_text(canvas, x + offset, y, width - offset, role, attrs, text);
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
    count = count < MAX_COLUMNS ? count : MAX_COLUMNS;
    share_width(widths, columns, count, area.w - (bar ? 2 : 0));
    for (int line = -1; line < body.h && list->top + line < list->rows; line++) {
        int row = list->top + line, x = area.x;
        bool selected = line >= 0 && row == list->selected;
        unsigned attrs = selected && !focused ? CELL_DIM : 0;
        if (selected)
            canvas_fill(canvas, (struct rect){area.x, body.y + line, area.w - bar, 1}, ' ', THEME_SELECTED, attrs);
        for (int i = 0; i < count; i++) {
            if (widths[i] <= 0)
                continue;
            struct table_cell cell = {.role = THEME_TEXT, .bar = -1};
            if (line < 0) {
                draw_aligned(canvas, x, area.y, widths[i], columns[i].align, THEME_DIM, 0, columns[i].title);
            } else {
                fill(context, row, i, &cell);
                draw_cell(canvas, x, body.y + line, widths[i], &columns[i], &cell, selected, attrs);
            }
            x += widths[i] + GAP;
        }
    }
    if (bar)
        scrollbar_draw(canvas, (struct rect){area.x + area.w - 1, body.y, 1, body.h}, list->rows, list->top, body.h);
    canvas_clip(canvas, before);
}

int table_column_at(struct rect area, const struct list *list, const struct column *columns, int count, int x, int y)
{
    int widths[MAX_COLUMNS], left = area.x;
    count = count < MAX_COLUMNS ? count : MAX_COLUMNS;
    share_width(widths, columns, count, area.w - (list->rows > rows_area(area).h ? 2 : 0));
    for (int i = 0; i < count && y == area.y; i++) {
        if (widths[i] <= 0)
            continue;
        if (x >= left && x < left + widths[i])
            return i;
        left += widths[i] + GAP;
    }
    return -1;
}
