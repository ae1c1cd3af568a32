/* Scales of a plot: from values to shares of an axis and back, ranges from data, ticks, zoom. Pure functions over
 * doubles; an axis runs from low (share 0) to high (share 1), on a log axis in powers of ten. Called by plot.c and, for
 * cursors and zoom, by screens. */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "plot_scale.h"

double plot_share(double value, double low, double high, bool log)
{
    if (log)
        return value > 0 && isfinite(value) ? (log10(value) - log10(low)) / (log10(high) - log10(low)) : NAN;
    return isfinite(value) ? (value - low) / (high - low) : NAN;
}

double plot_unshare(double share, double low, double high, bool log)
{
    if (log)
        return pow(10, log10(low) + share * (log10(high) - log10(low)));
    return low + share * (high - low);
}

double plot_mean_add(struct plot_mean *mean, double smooth, double value)
{
    mean->sum = smooth * mean->sum + (1 - smooth) * value;
    mean->weight = smooth * mean->weight + (1 - smooth);
    return mean->sum / mean->weight;
}

struct plot_window plot_window_all(void)
{
    return (struct plot_window){NAN, NAN, NAN, NAN};
}

struct range {
    double low, high;
};

static void widen(struct range *range, double value)
{
    if (!(range->low <= value))
        range->low = value;
    if (!(range->high >= value))
        range->high = value;
}

/* Far from where doubles end, so that no difference and no ratio overflows. */
static double tame(double value, bool log)
{
    return log ? fmin(fmax(value, 1e-140), 1e140) : fmin(fmax(value, -1e300), 1e300);
}

/* Both ends known and apart; open ends come from the data. */
static struct range settle(struct range data, double low, double high, bool log, double pad)
{
    bool open_low = !isfinite(low) || (log && low <= 0), open_high = !isfinite(high) || (log && high <= 0);
    if (!isfinite(data.low)) /* no data: something to draw axes for */
        data = log ? (struct range){0.1, 1} : (struct range){0, 1};
    struct range out = {tame(open_low ? data.low : low, log), tame(open_high ? data.high : high, log)};
    if (log) {
        double by = pow(out.high / out.low, pad);
        if (!(out.high > out.low * (1 + 1e-9)))
            return (struct range){out.low / 2, out.low * 2};
        return (struct range){open_low ? out.low / by : out.low, open_high ? out.high * by : out.high};
    }
    double span = out.high - out.low;
    if (!(span > fmax(fabs(out.high), fabs(out.low)) * 1e-9) || !(span > 1e-300)) {
        double half = fabs(out.low) > 1e-290 ? fabs(out.low) * 0.1 : 0.5;
        return (struct range){out.low - half, out.low + half};
    }
    return (struct range){open_low ? out.low - span * pad : out.low, open_high ? out.high + span * pad : out.high};
}

/* The next of five steps a decade: an axis that grows by them is drawn anew five times while the data grow tenfold. */
static double step_up(double value)
{
    static const double steps[] = {1, 1.6, 2.5, 4, 6.4, 10};
    double power = pow(10, floor(log10(value)));
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        if (value <= steps[i] * power * (1 + 1e-9))
            return steps[i] * power;
    return value;
}

/* Open ends moved out to where they stay for a while. */
static void steady_ends(const struct plot *plot, struct range *x)
{
    if (plot->steady_x <= 0 || !isfinite(x->high) || x->high <= 0)
        return;
    x->high = fmax(plot->reach_x, fmax(x->high, fmin(plot->steady_x, step_up(x->high))));
    if (!plot->log_x && x->low < 1.5) /* else it begins in the middle, as forks do */
        x->low = fmin(x->low, 0);
}

/* To ticks around the data. */
static void steady_y(const struct plot *plot, struct range data, struct range *y)
{
    double ticks[2], step;
    if (plot->steady_x <= 0 || plot->log_y || !(data.high > data.low) ||
        plot_ticks(data.low, data.high, 3, ticks, 2, &step) == 0)
        return;
    if (!isfinite(plot->window.y0))
        y->low = floor(data.low / step + 1e-9) * step;
    if (!isfinite(plot->window.y1))
        y->high = ceil(data.high / step - 1e-9) * step;
}

static bool shows(double value, bool log)
{
    return isfinite(value) && (!log || value > 0);
}

struct plot_window plot_fit(const struct plot *plot, bool *any)
{
    struct range x = {NAN, NAN}, y = {NAN, NAN};
    for (size_t i = 0; i < plot->series_count; i++)
        for (size_t j = 0; j < plot->series[i].count; j++) {
            struct story_point p = plot->series[i].points[j];
            if (shows(p.x, plot->log_x) && shows(p.y, plot->log_y))
                widen(&x, p.x);
        }
    *any = isfinite(x.low);
    steady_ends(plot, &x);
    x = settle(x, plot->window.x0, plot->window.x1, plot->log_x, 0);
    for (size_t i = 0; i < plot->series_count; i++)
        for (size_t j = 0; j < plot->series[i].count; j++) {
            struct story_point p = plot->series[i].points[j];
            if (p.x >= x.low && p.x <= x.high && shows(p.y, plot->log_y))
                widen(&y, p.y);
        }
    struct range data = y;
    y = settle(y, plot->window.y0, plot->window.y1, plot->log_y, 0.04);
    steady_y(plot, data, &y);
    if (plot->percent && !plot->log_y) {
        y.low = y.low < 0 ? 0 : y.low;
        y.high = y.high > 1 ? 1 : y.high;
        if (!(y.high > y.low))
            y = (struct range){0, 1};
    }
    return (struct plot_window){x.low, x.high, y.low, y.high};
}

int plot_ticks(double low, double high, int wanted, double *ticks, int room, double *step)
{
    *step = 1;
    if (!(high > low) || !isfinite(high - low) || wanted < 1 || room < 1)
        return 0;
    double rough = (high - low) / wanted, power = pow(10, floor(log10(rough)));
    double nice = rough / power;
    *step = power * (nice <= 1.0000001 ? 1 : nice <= 2.0000001 ? 2 : nice <= 5.0000001 ? 5 : 10);
    int count = 0;
    for (double n = ceil(low / *step - 1e-9); n * *step <= high + *step * 1e-9 && count < room; n++)
        ticks[count++] = n == 0 ? 0 : n * *step; /* no minus zero */
    return count;
}

int plot_log_ticks(double low, double high, int wanted, double *ticks, int room)
{
    double decades = log10(high) - log10(low);
    if (!(decades > 0) || wanted < 1)
        return 0;
    if (decades < 0.7) {
        double step;
        return plot_ticks(low, high, wanted, ticks, room, &step);
    }
    int every = (int)ceil(decades / wanted), count = 0;
    bool between = decades * 3 <= wanted * 1.5;
    static const double factors[] = {1, 2, 5};
    for (int n = (int)floor(log10(low)); n <= (int)ceil(log10(high)); n++)
        for (int f = 0; f < (between ? 3 : 1); f++) {
            double value = factors[f] * pow(10, n);
            if (value >= low * 0.999999 && value <= high * 1.000001 && n % (every < 1 ? 1 : every) == 0 && count < room)
                ticks[count++] = value;
        }
    return count;
}

void plot_number(char text[24], double value, double step, bool percent)
{
    if (percent) {
        value *= 100;
        step *= 100;
    }
    double size = fabs(value);
    if (step <= 0)
        snprintf(text, 24, percent ? "%.1f%%" : "%.4g", value);
    else if (!percent && ((size >= 1e5) || (size > 0 && size < 1e-4)))
        snprintf(text, 24, "%.2g", value);
    else {
        int decimals = (int)ceil(-log10(step) - 1e-9);
        snprintf(text, 24, "%.*f%s", decimals < 0 ? 0 : decimals > 6 ? 6 : decimals, value, percent ? "%" : "");
    }
}

bool plot_value_at(const struct plot_series *series, double x, double *value)
{
    struct plot_mean mean = {0, 0};
    bool found = false;
    for (size_t i = 0; i < series->count && !(series->points[i].x > x); i++) {
        double y = series->points[i].y;
        if (!isfinite(series->points[i].x) || !isfinite(y))
            continue;
        *value = series->smooth > 0 ? plot_mean_add(&mean, series->smooth, y) : y;
        found = true;
    }
    return found;
}

/* In shares of the whole, so that log axes zoom and pan the same way. */
static void set_x(struct plot_window *window, const struct plot_view *view, double from, double to, double low,
                  double high)
{
    from = from < 0 ? 0 : from;
    to = to > 1 ? 1 : to;
    bool whole = from <= 1e-9 && to >= 1 - 1e-9;
    window->x0 = whole ? NAN : plot_unshare(from, low, high, view->log_x);
    window->x1 = whole ? NAN : plot_unshare(to, low, high, view->log_x);
}

static bool can_zoom(const struct plot_view *view, double low, double high)
{
    return high > low && isfinite(high - low) && (!view->log_x || low > 0);
}

void plot_zoom_x(struct plot_window *window, const struct plot_view *view, double centre, double factor, double low,
                 double high)
{
    if (!can_zoom(view, low, high))
        return;
    double from = plot_share(view->window.x0, low, high, view->log_x);
    double to = plot_share(view->window.x1, low, high, view->log_x);
    double at = plot_share(centre, low, high, view->log_x), span = (to - from) * factor;
    if (!isfinite(from) || !isfinite(to))
        return;
    if (!(at >= from && at <= to))
        at = (from + to) / 2;
    if (span < 1e-4)
        span = 1e-4;
    double left = at - (at - from) / (to - from) * span;
    if (left + span > 1)
        left = 1 - span;
    if (left < 0)
        left = 0;
    set_x(window, view, left, left + span, low, high);
}

void plot_pan_x(struct plot_window *window, const struct plot_view *view, double share, double low, double high)
{
    if (!can_zoom(view, low, high) || !isfinite(window->x0))
        return;
    double from = plot_share(view->window.x0, low, high, view->log_x);
    double to = plot_share(view->window.x1, low, high, view->log_x), by = (to - from) * share;
    if (from + by < 0)
        by = -from;
    if (to + by > 1)
        by = 1 - to;
    set_x(window, view, from + by, to + by, low, high);
}

/* Dots lie on whole numbers 0 .. 2 w - 1 over the share 0 .. 1. */
double plot_x_at(const struct plot_view *view, int column)
{
    int dots = view->area.w * 2 - 1;
    double share = dots > 0 ? (2.0 * (column - view->area.x) + 0.5) / dots : 0;
    share = share < 0 ? 0 : share > 1 ? 1 : share;
    return plot_unshare(share, view->window.x0, view->window.x1, view->log_x);
}

int plot_column_of(const struct plot_view *view, double x)
{
    double share = plot_share(x, view->window.x0, view->window.x1, view->log_x);
    share = share > 0 ? share < 1 ? share : 1 : 0; /* NaN: 0 */
    return view->area.x + (int)(share * (view->area.w * 2 - 1) + 0.5) / 2;
}
