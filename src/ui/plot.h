/* A plot drawn into cells from series: braille dots (2 x 4 a cell), or ASCII marks. Knows no terminal and keeps nothing;
 * NaN and infinite points are left out. x must not decrease along a series. */
#ifndef THAW_UI_PLOT_H
#define THAW_UI_PLOT_H

#include <stdbool.h>
#include <stddef.h>

#include "canvas.h"
#include "thaw/session/session.h"

struct plot_series {
    const char *name;
    const struct story_point *points;
    size_t count;
    enum theme_role role;
    char marker;   /* in ASCII: '.', 'o', '*', '+' */
    bool markers;  /* a mark at each point besides the line: few points, such as one an epoch */
    double smooth; /* 0: as is; 0..1: weight of the past in an exponential mean, the raw line dimmed behind */
};

struct plot_mark { /* a vertical line */
    double x;
    const char *label;
    enum theme_role role;
};

/* A window; ends that are NaN are taken from the data. */
struct plot_window {
    double x0, x1, y0, y1;
};

struct plot {
    const char *title, *x_label;
    const struct plot_series *series; /* the later wins the colour where two cross */
    size_t series_count;
    const struct plot_mark *marks;
    size_t mark_count;
    struct plot_window window;
    /* Open ends stand still while points come: they are round numbers beyond the data, x from 0 to steady_x at most.
     * steady_x 0: they are the data's. */
    double steady_x;
    double reach_x;    /* then x goes as far as this at least: there is something to come */
    bool log_x, log_y; /* values that are not positive are left out */
    bool percent;      /* y is a share: ticks as percent, window within 0..1 */
    bool legend;       /* names, and values at the cursor (or the last ones), on the first line */
    bool has_cursor;
    double cursor; /* x */
};

/* What was drawn, to turn clicks into values. */
struct plot_view {
    struct rect area;          /* of the dots; empty when there was no room */
    struct plot_window window; /* what it shows, all ends known */
    bool log_x, log_y;
};

struct plot_window plot_window_all(void); /* all ends NaN */
void plot_draw(struct canvas *canvas, struct rect area, const struct plot *plot, struct plot_view *view);
double plot_x_at(const struct plot_view *view, int column); /* x in the middle of a column of cells */
int plot_column_of(const struct plot_view *view, double x); /* clamped to the area */
/* The (smoothed) value at x: of the last point at or before it. false: none. */
bool plot_value_at(const struct plot_series *series, double x, double *value);
/* Makes the x range narrower (factor < 1) or wider around `centre`, inside [low, high]; reaching both ends frees it. */
void plot_zoom_x(struct plot_window *window, const struct plot_view *view, double centre, double factor, double low,
                 double high);
void plot_pan_x(struct plot_window *window, const struct plot_view *view, double share, double low, double high);

/* Nice ticks (1, 2, 5 x 10^n) inside [low, high]; returns how many, at most `room`. */
int plot_ticks(double low, double high, int wanted, double *ticks, int room, double *step);

#endif
