/* A table that filters and sorts: what the screens that list things share. The screen says how many things there are,
 * which of them pass the filter, and how two compare; the part keeps the selection on its thing, draws the header's
 * arrow and the line that tells the filter, and takes the keys and clicks that are the same everywhere. */
#ifndef THAW_UI_COMPONENT_TABLE_H
#define THAW_UI_COMPONENT_TABLE_H

#include "component.h"

enum { COMPONENT_COLUMNS_MAX = 16 };

/* One column: how it looks, and how it sorts. */
struct component_column {
    struct column column;
    const char *sorted; /* "Sorted by ...", NULL: does not sort */
    bool descends;      /* the first click puts the largest first */
};

struct component_table {
    struct list list;
    struct component_filter filter;
    const struct component_column *column;
    int columns;
    size_t *row;     /* [list.rows] the things that pass the filter, sorted */
    size_t count;    /* things at the last component_table_arrange */
    int sort;        /* a column, or -1: as they come */
    bool descending; /* the arrow points down */
    struct rect area;
    /* Whether a thing passes the filter; how a stands to b (below 0: before) in a column, ascending. */
    bool (*passes)(void *context, const char *filter, size_t thing);
    int (*compare)(void *context, int column, size_t a, size_t b);
    /* Instead of both: the things to show in their order, for the filter, the column and the direction as they are. What
     * is wrong with the filter goes into table->fault. Borrowed until the next call. */
    const size_t *(*shown)(void *context, struct component_table *table, size_t *count);
    void *context;
    char fault[160]; /* shown in the filter's line */
};

/* Fills the row list anew from `count` things. Equal things keep their order. */
void component_table_arrange(struct component_table *table, size_t count);
void component_table_finish(struct component_table *table); /* frees the row list */
/* The thing under the bar, or -1. */
long component_table_selected(const struct component_table *table);
void component_table_select(struct component_table *table, long thing); /* not listed: the first */
void component_table_sort(struct component_table *table, struct ui *ui, int column, bool descending);

/* Table, filter line, or "Nothing matches". */
void component_table_draw(struct component_table *table, struct canvas *canvas, struct rect area, table_fill fill,
                          void *context);
/* By the next column, or by the one named. */
void component_table_sort_on(struct component_table *table, struct ui *ui, const char *name);
/* Clicks on the header sort, the rest is the list's. */
enum list_hit component_table_mouse(struct component_table *table, struct ui *ui, const struct term_event *event);

#endif
