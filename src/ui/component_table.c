/* Filtering and sorting tables: the list, its order and its header, for the screens that list things. */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "component_table.h"
#include "thaw/base/mem.h"

static bool goes_before(const struct component_table *table, size_t a, size_t b)
{
    if (table->sort < 0)
        return false;
    int order = table->compare(table->context, table->sort, a, b);
    return table->descending ? order > 0 : order < 0;
}

long component_table_selected(const struct component_table *table)
{
    bool there = table->list.selected >= 0 && table->list.selected < table->list.rows;
    return there ? (long)table->row[table->list.selected] : -1;
}

void component_table_select(struct component_table *table, long thing)
{
    int found = 0;
    for (int i = 0; i < table->list.rows; i++)
        if ((long)table->row[i] == thing)
            found = i;
    list_select(&table->list, found);
}

/* Insertion keeps equal things in their order. */
static size_t arrange_own(struct component_table *table)
{
    size_t shown = 0;
    for (size_t thing = 0; thing < table->count; thing++) {
        if (!table->passes(table->context, table->filter.text, thing))
            continue;
        size_t at = shown++;
        for (; at > 0 && goes_before(table, thing, table->row[at - 1]); at--)
            table->row[at] = table->row[at - 1];
        table->row[at] = thing;
    }
    return shown;
}

static size_t arrange_given(struct component_table *table)
{
    size_t shown;
    table->fault[0] = '\0';
    const size_t *row = table->shown(table->context, table, &shown);
    memcpy(table->row, row, shown * sizeof *row);
    return shown;
}

void component_table_arrange(struct component_table *table, size_t count)
{
    long selected = component_table_selected(table);
    table->row = mem_grow(table->row, count + 1, sizeof *table->row);
    table->count = count;
    list_set_rows(&table->list, (int)(table->shown != NULL ? arrange_given(table) : arrange_own(table)));
    for (int i = 0; selected >= 0 && i < table->list.rows; i++)
        if ((long)table->row[i] == selected && i != table->list.selected)
            list_select(&table->list, i);
}

void component_table_finish(struct component_table *table)
{
    mem_free(table->row);
    table->row = NULL;
}

void component_table_sort(struct component_table *table, struct ui *ui, int column, bool descending)
{
    table->sort = column;
    table->descending = descending;
    component_table_arrange(table, table->count);
    if (column < 0)
        ui_say(ui, UI_INFO, "In the order in which they were found");
    else
        ui_say(ui, UI_INFO, "Sorted by %s", table->column[column].sorted);
    ui_dirty(ui);
}

/* A second time in a row turns the order round. */
static void sort_by(struct component_table *table, struct ui *ui, int column)
{
    bool again = column == table->sort;
    component_table_sort(table, ui, column, again ? !table->descending : table->column[column].descends);
}

static void sort_next(struct component_table *table, struct ui *ui)
{
    int next = table->sort + 1;
    while (next < table->columns && table->column[next].sorted == NULL)
        next++;
    if (next < table->columns)
        sort_by(table, ui, next);
    else
        component_table_sort(table, ui, -1, false);
}

static void sort_named(struct component_table *table, struct ui *ui, const char *name)
{
    struct error error = {0};
    for (int i = 0; i < table->columns; i++) {
        bool named = strcasecmp(table->column[i].column.title, name) == 0;
        if (table->column[i].sorted != NULL && named) {
            sort_by(table, ui, i);
            return;
        }
    }
    error_set(&error, ERROR_USAGE, "no column is called \"%.60s\"", name);
    ui_fail(ui, &error);
}

/* The columns with an arrow at the one that sorts. */
static void head_columns(const struct component_table *table, struct column shown[COMPONENT_COLUMNS_MAX],
                         char title[32])
{
    for (int i = 0; i < table->columns; i++)
        shown[i] = table->column[i].column;
    if (table->sort < 0)
        return;
    snprintf(title, 32, "%s %s", shown[table->sort].title, table->descending ? "▼" : "▲");
    shown[table->sort].title = title;
}

void component_table_draw(struct component_table *table, struct canvas *canvas, struct rect area, table_fill fill,
                          void *context)
{
    struct column shown[COMPONENT_COLUMNS_MAX];
    char title[32];
    if (table->filter.text[0] != '\0') {
        struct rect line = layout_cut_bottom(&area, 1);
        int used = canvas_format(canvas, line.x, line.y, line.w, THEME_DIM, 0, "filter \"%s\": ", table->filter.text);
        if (table->fault[0] != '\0')
            canvas_text(canvas, line.x + used, line.y, line.w - used, THEME_WARNING, 0, table->fault);
        else
            canvas_format(canvas, line.x + used, line.y, line.w - used, THEME_DIM, 0, "%d of %zu", table->list.rows,
                          table->count);
    }
    head_columns(table, shown, title);
    table->area = area;
    table_draw(canvas, area, &table->list, shown, table->columns, fill, context, true);
    if (table->list.rows == 0)
        component_no_match(canvas, layout_inset(area, 2, 2));
}

void component_table_sort_on(struct component_table *table, struct ui *ui, const char *name)
{
    if (name[0] != '\0')
        sort_named(table, ui, name);
    else
        sort_next(table, ui);
}

enum list_hit component_table_mouse(struct component_table *table, struct ui *ui, const struct term_event *event)
{
    struct column shown[COMPONENT_COLUMNS_MAX];
    char title[32];
    head_columns(table, shown, title);
    if (event->mouse == TERM_PRESS && event->button == 1) {
        int column = table_column_at(table->area, &table->list, shown, table->columns, event->x, event->y);
        if (column >= 0 && table->column[column].sorted != NULL) {
            sort_by(table, ui, column);
            return LIST_SELECTED;
        }
    }
    return list_mouse(&table->list, event);
}
