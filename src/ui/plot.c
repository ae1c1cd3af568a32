/* Plots: series into a grid of dots, dots into cells. A cell holds 2 x 4 braille dots, in ASCII one mark. Dot
 * coordinates run right and down from the upper left of the plot's inner area. Order of drawing: grid lines of marks,
 * series in turn (each wins the colour of the cells it touches, dots add up), labels where they cover nothing, the
 * cursor. Ranges and ticks are in plot_scale.c. Called by screens. */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "layout.h"
#include "plot_scale.h"
#include "thaw/base/mem.h"

enum { MAX_TICKS = 24, MIN_WIDTH = 12, MIN_HEIGHT = 3 };

struct ink {
    uint8_t dots;
    uint8_t attrs;
    uint16_t role;
    char mark; /* ASCII */
};

struct grid {
    struct rect area;
    bool ascii;
    int dots_x, dots_y; /* size in dots */
    struct ink *ink;    /* [area.h][area.w] */
};

/* Marks in place of braille. */
static bool is_ascii(const struct canvas *canvas)
{
    return canvas->ascii || canvas->console;
}

static void set_dot(struct grid *grid, int x, int y, const struct ink *pen)
{
    static const uint8_t bit[4][2] = {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};
    if (x < 0 || y < 0 || x >= grid->dots_x || y >= grid->dots_y)
        return;
    struct ink *ink = grid->ascii ? grid->ink + y * grid->area.w + x : grid->ink + (y / 4) * grid->area.w + x / 2;
    ink->dots |= grid->ascii ? 1 : bit[y & 3][x & 1];
    ink->role = pen->role;
    ink->attrs = pen->attrs;
    ink->mark = pen->mark;
}

/* The part of a line from (x0, y0) to (x1, y1) that lies inside; false: none. Liang and Barsky. */
static bool clip_line(const struct grid *grid, double *x0, double *y0, double *x1, double *y1)
{
    double dx = *x1 - *x0, dy = *y1 - *y0, from = 0, to = 1;
    double step[4] = {-dx, dx, -dy, dy};
    double room[4] = {*x0 + 0.5, grid->dots_x - 0.5 - *x0, *y0 + 0.5, grid->dots_y - 0.5 - *y0};
    for (int i = 0; i < 4; i++) {
        if (step[i] == 0) {
            if (room[i] < 0)
                return false;
            continue;
        }
        double at = room[i] / step[i];
        if (step[i] < 0 && at > from)
            from = at;
        if (step[i] > 0 && at < to)
            to = at;
    }
    if (from > to)
        return false;
    double x = *x0, y = *y0;
    *x0 = x + from * dx;
    *y0 = y + from * dy;
    *x1 = x + to * dx;
    *y1 = y + to * dy;
    return true;
}

static void draw_line(struct grid *grid, double x0, double y0, double x1, double y1, const struct ink *pen)
{
    if (!clip_line(grid, &x0, &y0, &x1, &y1))
        return;
    double length = fmax(fabs(x1 - x0), fabs(y1 - y0));
    int steps = (int)ceil(length);
    for (int i = 0; i <= steps; i++) {
        double t = steps ? (double)i / steps : 0;
        set_dot(grid, (int)lround(x0 + t * (x1 - x0)), (int)lround(y0 + t * (y1 - y0)), pen);
    }
}

/* A run of points that fall into one column of dots: only its ends and extremes matter. */
struct column_run {
    bool open;
    double x, first, last, low, high;
};

static void close_run(struct grid *grid, struct column_run *run, const struct ink *pen)
{
    if (run->open && run->high > run->low)
        draw_line(grid, run->x, run->low, run->x, run->high, pen);
    else if (run->open)
        draw_line(grid, run->x, run->last, run->x, run->last, pen);
}

static void draw_curve(struct grid *grid, const struct plot_view *view, const struct plot_series *series, double smooth,
                       const struct ink *pen)
{
    struct column_run run = {.open = false};
    struct plot_mean mean = {0, 0};
    const struct plot_window *w = &view->window;
    for (size_t i = 0; i < series->count; i++) {
        double value = series->points[i].y;
        if (isfinite(value) && smooth > 0)
            value = plot_mean_add(&mean, smooth, value);
        double x = plot_share(series->points[i].x, w->x0, w->x1, view->log_x) * (grid->dots_x - 1);
        double y = (1 - plot_share(value, w->y0, w->y1, view->log_y)) * (grid->dots_y - 1);
        if (!isfinite(x) || !isfinite(y)) { /* a gap, not a bridge */
            close_run(grid, &run, pen);
            run.open = false;
            continue;
        }
        if (run.open && floor(run.x + 0.5) == floor(x + 0.5)) {
            run.low = fmin(run.low, y);
            run.high = fmax(run.high, y);
            run.last = y;
            continue;
        }
        close_run(grid, &run, pen);
        if (run.open)
            draw_line(grid, run.x, run.last, x, y, pen);
        run = (struct column_run){true, x, y, y, y, y};
    }
    close_run(grid, &run, pen);
}

static void draw_markers(struct grid *grid, const struct plot_view *view, const struct plot_series *series,
                         const struct ink *pen)
{
    static const int around[5][2] = {{0, 0}, {-1, 0}, {1, 0}, {0, -1}, {0, 1}};
    struct plot_mean mean = {0, 0};
    const struct plot_window *w = &view->window;
    for (size_t i = 0; i < series->count; i++) {
        double value = series->points[i].y;
        if (isfinite(value) && series->smooth > 0)
            value = plot_mean_add(&mean, series->smooth, value);
        double x = plot_share(series->points[i].x, w->x0, w->x1, view->log_x) * (grid->dots_x - 1);
        double y = (1 - plot_share(value, w->y0, w->y1, view->log_y)) * (grid->dots_y - 1);
        /* A point just outside would leave half a marker on the edge. */
        if (!(x >= -0.5 && x <= grid->dots_x - 0.5 && y >= -0.5 && y <= grid->dots_y - 0.5))
            continue;
        for (int k = 0; k < (grid->ascii ? 1 : 5); k++)
            set_dot(grid, (int)lround(x) + around[k][0], (int)lround(y) + around[k][1], pen);
    }
}

static void draw_series(struct grid *grid, const struct plot_view *view, const struct plot_series *series)
{
    struct ink pen = {.role = (uint16_t)series->role, .mark = series->marker ? series->marker : '*'};
    if (series->smooth > 0) {
        struct ink faint = {.role = (uint16_t)series->role, .attrs = CELL_DIM, .mark = '.'};
        draw_curve(grid, view, series, 0, &faint);
    }
    draw_curve(grid, view, series, series->smooth, &pen);
    if (series->markers) {
        pen.mark = series->marker == 'o' ? 'O' : 'o';
        draw_markers(grid, view, series, &pen);
    }
}

static const struct ink *ink_at(const struct grid *grid, int x, int y)
{
    return grid->ink + (y - grid->area.y) * grid->area.w + (x - grid->area.x);
}

static void draw_ink(struct canvas *canvas, const struct grid *grid)
{
    for (int y = grid->area.y; y < grid->area.y + grid->area.h; y++)
        for (int x = grid->area.x; x < grid->area.x + grid->area.w; x++) {
            const struct ink *ink = ink_at(grid, x, y);
            if (ink->dots)
                canvas_put(canvas, x, y, grid->ascii ? (uint32_t)ink->mark : 0x2800u + ink->dots,
                           (enum theme_role)ink->role, ink->attrs);
        }
}

static void draw_upright(struct canvas *canvas, const struct grid *grid, int x, uint32_t code, enum theme_role role)
{
    for (int y = grid->area.y; y < grid->area.y + grid->area.h; y++)
        if (!ink_at(grid, x, y)->dots)
            canvas_put(canvas, x, y, code, role, 0);
}

/* Nothing of the curves under it, and no label of another mark. */
static bool is_free(const struct canvas *canvas, const struct grid *grid, int x, int y, int width)
{
    if (x < grid->area.x || x + width > grid->area.x + grid->area.w)
        return false;
    for (int i = 0; i < width; i++) {
        uint32_t code = canvas->cell[(size_t)y * (size_t)canvas->width + (size_t)(x + i)].code;
        if (ink_at(grid, x + i, y)->dots || (code != ' ' && code != 0x250a && code != '|' && code != '+'))
            return false;
    }
    return true;
}

static void label_mark(struct canvas *canvas, const struct grid *grid, int x, const struct plot_mark *mark)
{
    int width = mark->label ? text_width(mark->label) : 0;
    for (int i = 0; i < grid->area.h && width > 0; i++) {
        int y = grid->area.y + i;
        int left = is_free(canvas, grid, x + 1, y, width + 1)           ? x + 1
                   : is_free(canvas, grid, x - width - 1, y, width + 1) ? x - width
                                                                        : -1;
        if (left < 0)
            continue;
        canvas_text(canvas, left, y, width, mark->role, 0, mark->label);
        return;
    }
}

static void draw_marks(struct canvas *canvas, const struct grid *grid, const struct plot *plot,
                       const struct plot_view *view)
{
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < plot->mark_count; i++) {
            const struct plot_mark *mark = &plot->marks[i];
            if (!(mark->x >= view->window.x0 && mark->x <= view->window.x1))
                continue;
            int x = plot_column_of(view, mark->x);
            if (pass == 0)
                draw_upright(canvas, grid, x, 0x250a, mark->role);
            else
                label_mark(canvas, grid, x, mark);
        }
}

/* --- axes --- */
struct axis {
    double tick[MAX_TICKS];
    char label[MAX_TICKS][24];
    int count, width; /* of the longest label */
};

static void make_axis(struct axis *axis, double low, double high, int wanted, bool log, bool percent)
{
    double step = 0;
    wanted = wanted < 1 ? 1 : wanted > MAX_TICKS - 4 ? MAX_TICKS - 4 : wanted;
    axis->width = 0;
    axis->count = log ? plot_log_ticks(low, high, wanted, axis->tick, MAX_TICKS)
                      : plot_ticks(low, high, wanted, axis->tick, MAX_TICKS, &step);
    for (int i = 0; i < axis->count; i++) {
        if (log) /* each as exact as it needs to be */
            snprintf(axis->label[i], 24, percent ? "%.3g%%" : "%.3g", axis->tick[i] * (percent ? 100 : 1));
        else
            plot_number(axis->label[i], axis->tick[i], step, percent);
        int width = text_width(axis->label[i]);
        axis->width = width > axis->width ? width : axis->width;
    }
}

static void draw_y_axis(struct canvas *canvas, struct rect area, const struct axis *axis, const struct plot_view *view)
{
    int x = area.x - 1, last = -2;
    for (int y = area.y; y < area.y + area.h; y++)
        canvas_put(canvas, x, y, 0x2502, THEME_AXIS, 0);
    for (int i = axis->count - 1; i >= 0; i--) {
        double share = plot_share(axis->tick[i], view->window.y0, view->window.y1, view->log_y);
        int dot = (int)lround((1 - share) * (area.h * 4 - 1)), y = area.y + dot / 4;
        if (dot < 0 || y >= area.y + area.h || y <= last)
            continue;
        int width = text_width(axis->label[i]);
        canvas_put(canvas, x, y, 0x2524, THEME_AXIS, 0);
        canvas_text(canvas, x - width, y, width, THEME_AXIS, 0, axis->label[i]);
        last = y;
    }
}

static void draw_x_axis(struct canvas *canvas, struct rect area, const struct axis *axis, const struct plot_view *view,
                        const char *label, bool line)
{
    int y = area.y + area.h, right = area.x + area.w, used = 0;
    if (line) {
        canvas_put(canvas, area.x - 1, y, 0x2514, THEME_AXIS, 0);
        for (int x = area.x; x < right; x++)
            canvas_put(canvas, x, y, 0x2500, THEME_AXIS, 0);
        y++;
    }
    if (label && text_width(label) + 12 < area.w) {
        used = text_width(label);
        canvas_text(canvas, right - used, y, used, THEME_AXIS, 0, label);
    }
    int from = area.x - 1;
    for (int i = 0; i < axis->count; i++) {
        int column = plot_column_of(view, axis->tick[i]), width = text_width(axis->label[i]);
        int x = column - width / 2;
        x = x < area.x - 1 ? area.x - 1 : x;
        if (x + width > right)
            x = right - width;
        if (x < from || x + width > right - (used ? used + 1 : 0))
            continue;
        canvas_text(canvas, x, y, width, THEME_AXIS, 0, axis->label[i]);
        if (line)
            canvas_put(canvas, column, y - 1, 0x252c, THEME_AXIS, 0);
        from = x + width + 2;
    }
}

/* --- the first line --- */
static int legend_entry(char *text, size_t room, const struct plot *plot, const struct plot_series *series, bool values)
{
    double value;
    double at = plot->has_cursor ? plot->cursor : INFINITY;
    char number[24] = "";
    if (values && plot_value_at(series, at, &value))
        plot_number(number, value, 0, plot->percent);
    snprintf(text, room, "%s%s%s", series->name ? series->name : "", *number ? " " : "", number);
    return text_width(text);
}

static void draw_legend(struct canvas *canvas, struct rect line, const struct plot *plot)
{
    int x = line.x, right = line.x + line.w;
    if (plot->title && *plot->title)
        x += canvas_text(canvas, x, line.y, line.w, THEME_TITLE, 0, plot->title) + 2;
    if (!plot->legend)
        return;
    char text[96];
    int full = 0;
    for (size_t i = 0; i < plot->series_count; i++)
        full += legend_entry(text, sizeof text, plot, &plot->series[i], true) + 5;
    if (plot->has_cursor) {
        char number[24];
        plot_number(number, plot->cursor, 0, false);
        snprintf(text, sizeof text, "%s %s", plot->x_label ? plot->x_label : "x", number);
        if (x + text_width(text) < right)
            x += canvas_text(canvas, x, line.y, right - x, THEME_CURSOR, 0, text) + 2;
    }
    bool values = x + full <= right + 2;
    for (size_t i = 0; i < plot->series_count; i++) {
        const struct plot_series *series = &plot->series[i];
        int width = legend_entry(text, sizeof text, plot, series, values);
        if (x + width + 3 > right)
            return;
        for (int k = 0; k < 2; k++)
            canvas_put(canvas, x + k, line.y,
                       is_ascii(canvas)  ? (uint32_t)(series->marker ? series->marker : '*')
                       : series->markers ? 0x2836
                                         : 0x2812,
                       series->role, 0);
        canvas_text(canvas, x + 3, line.y, width, series->role, 0, text);
        x += width + 5;
    }
}

static void draw_inside(struct canvas *canvas, const struct plot *plot, const struct plot_view *view, bool any)
{
    struct grid grid = {.area = view->area, .ascii = is_ascii(canvas)};
    grid.dots_x = view->area.w * (grid.ascii ? 1 : 2);
    grid.dots_y = view->area.h * (grid.ascii ? 1 : 4);
    grid.ink = mem_array((size_t)view->area.w * (size_t)view->area.h, sizeof *grid.ink);
    for (size_t i = 0; i < plot->series_count; i++)
        draw_series(&grid, view, &plot->series[i]);
    draw_marks(canvas, &grid, plot, view);
    if (plot->has_cursor && plot->cursor >= view->window.x0 && plot->cursor <= view->window.x1)
        draw_upright(canvas, &grid, plot_column_of(view, plot->cursor), 0x2502, THEME_CURSOR);
    draw_ink(canvas, &grid);
    if (!any) {
        static const char text[] = "nothing to show yet";
        struct rect spot = layout_centre(view->area, (int)sizeof text - 1, 1);
        canvas_text(canvas, spot.x, spot.y, spot.w, THEME_DIM, 0, text);
    }
    mem_free(grid.ink);
}

void plot_draw(struct canvas *canvas, struct rect area, const struct plot *plot, struct plot_view *view)
{
    bool any;
    *view = (struct plot_view){.log_x = plot->log_x, .log_y = plot->log_y, .window = plot_fit(plot, &any)};
    if (area.w < MIN_WIDTH || area.h < MIN_HEIGHT)
        return;
    struct rect before = canvas_clip(canvas, rect_intersect(area, canvas->clip));
    if (plot->legend || (plot->title && *plot->title))
        draw_legend(canvas, layout_cut_top(&area, 1), plot);
    bool line = area.h >= 8;
    layout_cut_bottom(&area, line ? 2 : 1);
    struct axis x_axis, y_axis;
    const struct plot_window *w = &view->window;
    make_axis(&y_axis, w->y0, w->y1, area.h / 3 + 1, plot->log_y, plot->percent);
    layout_cut_left(&area, y_axis.width + 1);
    if (!rect_empty(area)) {
        view->area = area;
        make_axis(&x_axis, w->x0, w->x1, area.w / 10, plot->log_x, false);
        draw_y_axis(canvas, area, &y_axis, view);
        draw_x_axis(canvas, area, &x_axis, view, plot->x_label, line);
        draw_inside(canvas, plot, view, any);
    }
    canvas_clip(canvas, before);
}
