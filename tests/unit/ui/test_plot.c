/* Plots: scales and ticks as numbers, drawings as text dumps, and hostile data that must neither crash nor leave the area.
 * The dumps in plot_dumps.txt are looked at by eye; UPDATE=1 rewrites them. */
#include "config.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plot.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/base/rng.h"

static void test_ticks(void **state)
{
    (void)state;
    double ticks[16], step;
    assert_int_equal(plot_ticks(0, 10, 5, ticks, 16, &step), 6);
    assert_true(step == 2 && ticks[0] == 0 && ticks[5] == 10);
    assert_int_equal(plot_ticks(0.13, 0.87, 4, ticks, 16, &step), 4);
    assert_true(fabs(step - 0.2) < 1e-12 && fabs(ticks[0] - 0.2) < 1e-12 && fabs(ticks[3] - 0.8) < 1e-12);
    assert_int_equal(plot_ticks(-1, 1, 2, ticks, 16, &step), 3);
    assert_false(signbit(ticks[1])); /* no minus zero */
    assert_int_equal(plot_ticks(3, 3, 4, ticks, 16, &step), 0);
    assert_int_equal(plot_ticks(NAN, 3, 4, ticks, 16, &step), 0);
    assert_int_equal(plot_ticks(0, INFINITY, 4, ticks, 16, &step), 0);
    assert_int_equal(plot_ticks(0, 100, 100, ticks, 16, &step), 16); /* never more than there is room for */
    for (int n = -12; n <= 12; n++) {
        double high = 3.7 * pow(10, n);
        int count = plot_ticks(0, high, 6, ticks, 16, &step);
        double lead = step / pow(10, floor(log10(step) + 1e-9));
        assert_true(count >= 4 && count <= 8);
        assert_true(fabs(lead - 1) < 1e-6 || fabs(lead - 2) < 1e-6 || fabs(lead - 5) < 1e-6);
    }
}

static void test_values(void **state)
{
    (void)state;
    static const struct story_point points[] = {{0, 1}, {1, 3}, {2, NAN}, {3, 5}};
    struct plot_series series = {.points = points, .count = 4};
    double value;
    assert_false(plot_value_at(&series, -0.1, &value));
    assert_true(plot_value_at(&series, 0, &value) && value == 1);
    assert_true(plot_value_at(&series, 2.5, &value) && value == 3); /* the NaN is no value */
    assert_true(plot_value_at(&series, 99, &value) && value == 5);
    series.smooth = 0.5; /* (1/4 + 3/2) / (3/4), the weights of a half, corrected for the start */
    assert_true(plot_value_at(&series, 1, &value));
    assert_true(fabs(value - 7.0 / 3) < 1e-12);
    series.count = 0;
    assert_false(plot_value_at(&series, 1, &value));
}

static struct plot_view draw(struct canvas *canvas, const struct plot *plot)
{
    struct plot_view view;
    canvas_clear(canvas);
    plot_draw(canvas, (struct rect){0, 0, canvas->width, canvas->height}, plot, &view);
    return view;
}

static void test_columns(void **state)
{
    (void)state;
    static const struct story_point points[] = {{1, 1}, {100, 2}};
    struct plot_series series = {.points = points, .count = 2};
    struct plot plot = {.series = &series, .series_count = 1, .window = plot_window_all()};
    struct canvas *canvas = canvas_create(60, 12);
    for (int form = 0; form < 2; form++) {
        plot.log_x = form == 1;
        struct plot_view view = draw(canvas, &plot);
        assert_true(view.window.x0 == 1 && fabs(view.window.x1 - 100) < 1e-9);
        for (int column = view.area.x; column < view.area.x + view.area.w; column++)
            assert_int_equal(plot_column_of(&view, plot_x_at(&view, column)), column);
        assert_int_equal(plot_column_of(&view, -1e9), view.area.x);
        assert_int_equal(plot_column_of(&view, 1e9), view.area.x + view.area.w - 1);
        double middle = plot_x_at(&view, view.area.x + view.area.w / 2);
        assert_true(form == 0 ? fabs(middle - 50.5) < 2 : fabs(middle - 10) < 1);
    }
    canvas_destroy(canvas);
}

static void test_zoom(void **state)
{
    (void)state;
    static const struct story_point points[] = {{0, 1}, {10, 2}};
    struct plot_series series = {.points = points, .count = 2};
    struct plot plot = {.series = &series, .series_count = 1, .window = plot_window_all()};
    struct canvas *canvas = canvas_create(60, 12);
    struct plot_view view = draw(canvas, &plot);
    plot_zoom_x(&plot.window, &view, 8, 0.5, 0, 10);
    assert_true(fabs(plot.window.x0 - 4) < 1e-9 && fabs(plot.window.x1 - 9) < 1e-9); /* 8 stays where it was */
    view = draw(canvas, &plot);
    plot_pan_x(&plot.window, &view, 0.5, 0, 10); /* as far as the data goes */
    assert_true(fabs(plot.window.x0 - 5) < 1e-9 && fabs(plot.window.x1 - 10) < 1e-9);
    view = draw(canvas, &plot);
    plot_zoom_x(&plot.window, &view, 7, 4, 0, 10);
    assert_true(isnan(plot.window.x0) && isnan(plot.window.x1)); /* all of it: open again */
    view = draw(canvas, &plot);
    plot_pan_x(&plot.window, &view, 0.5, 0, 10);
    assert_true(isnan(plot.window.x0));
    for (int i = 0; i < 200; i++) { /* no limit is passed */
        plot_zoom_x(&plot.window, &view, 3, 0.5, 0, 10);
        view = draw(canvas, &plot);
    }
    assert_true(plot.window.x1 > plot.window.x0);
    canvas_destroy(canvas);
}

/* Two flat lines in one row of cells: the dots of both, the colour of the later. */
static void test_crossing(void **state)
{
    (void)state;
    static const struct story_point low[] = {{0, 0}, {1, 0}}, high[] = {{0, 1}, {1, 1}};
    struct plot_series series[2] = {{.points = low, .count = 2, .role = THEME_TRAIN},
                                    {.points = high, .count = 2, .role = THEME_VAL}};
    struct plot plot = {.series = series, .series_count = 2, .window = {0, 1, 0, 1.5}};
    struct canvas *canvas = canvas_create(30, 3);
    struct plot_view view = draw(canvas, &plot);
    assert_int_equal(view.area.h, 2);
    plot.window.y1 = 7; /* both in the lower cell: dots 6 and 7 of 0..7 */
    view = draw(canvas, &plot);
    struct cell cell = canvas->cell[(view.area.y + 1) * 30 + view.area.x + 5];
    assert_int_equal(cell.code, 0x2800 + 0x40 + 0x80 + 0x04 + 0x20);
    assert_int_equal(cell.role, THEME_VAL);
    canvas_destroy(canvas);
}

static uint64_t stir(uint64_t i)
{
    return rng_at(7, 1, i);
}

/* Anything may come in: whatever it is, it is drawn inside the area, and all ends of the window are known. */
static void test_hostile(void **state)
{
    (void)state;
    static const double odd[] = {NAN,  INFINITY, -INFINITY, DBL_MAX, -DBL_MAX, DBL_MIN, 0,
                                 -0.0, 1,        -1,        1e-300,  1e300,    0.5,     1e-9,
                                 1e9,  2.5,      3,         -7,      4.9e-324, 1e15,    1e15 + 1};
    struct canvas *canvas = canvas_create(70, 30);
    for (uint64_t round = 0; round < 4000; round++) {
        struct story_point points[2][8];
        struct plot_series series[2];
        uint64_t bits = stir(round * 100);
        for (int s = 0; s < 2; s++) {
            for (int i = 0; i < 8; i++) {
                uint64_t pick = stir(round * 100 + 1 + (uint64_t)(s * 8 + i));
                points[s][i] = (struct story_point){bits & 1 ? i : odd[pick % THAW_LENGTH(odd)],
                                                    odd[(pick >> 20) % THAW_LENGTH(odd)]};
            }
            series[s] = (struct plot_series){"s", points[s],     (bits >> 8) % 9,   THEME_TRAIN,
                                             0,   bits >> 2 & 1, bits & 8 ? 0.9 : 0};
        }
        struct plot_mark mark = {odd[bits % THAW_LENGTH(odd)], "mark", THEME_EVENT};
        struct plot plot = {"t", "x", series, 2, &mark, 1, plot_window_all(), .legend = true, .has_cursor = true};
        plot.log_x = bits >> 4 & 1;
        plot.log_y = bits >> 5 & 1;
        plot.percent = bits >> 6 & 1;
        plot.cursor = odd[(bits >> 30) % THAW_LENGTH(odd)];
        if (bits >> 7 & 1)
            plot.window =
                (struct plot_window){odd[(bits >> 34) % THAW_LENGTH(odd)], odd[(bits >> 38) % THAW_LENGTH(odd)],
                                     odd[(bits >> 42) % THAW_LENGTH(odd)], odd[(bits >> 46) % THAW_LENGTH(odd)]};
        struct rect area = {5, 4, 1 + (int)(bits >> 50) % 60, 1 + (int)(bits >> 56) % 22};
        struct plot_view view;
        canvas->ascii = bits >> 12 & 1;
        canvas_clear(canvas);
        plot_draw(canvas, area, &plot, &view);
        assert_true(isfinite(view.window.x0) && isfinite(view.window.x1) && view.window.x1 > view.window.x0);
        assert_true(isfinite(view.window.y0) && isfinite(view.window.y1) && view.window.y1 > view.window.y0);
        for (int y = 0; y < 30; y++)
            for (int x = 0; x < 70; x++)
                if (x < area.x || y < area.y || x >= area.x + area.w || y >= area.y + area.h)
                    assert_int_equal(canvas->cell[y * 70 + x].code, ' ');
        plot_zoom_x(&plot.window, &view, plot.cursor, 0.5, points[0][0].x, points[0][7].x);
        plot_pan_x(&plot.window, &view, 0.5, points[0][0].x, points[0][7].x);
    }
    canvas_destroy(canvas);
}

/* --- dumps --- */
static struct story_point train[200], val[6];

static void make_data(void)
{
    for (int i = 0; i < 200; i++)
        train[i] = (struct story_point){i / 33.0, 2.2 * exp(-i / 50.0) + 0.15 * sin(i * 1.7) + 0.2};
    for (int i = 0; i < 6; i++)
        val[i] = (struct story_point){i + 1, 1.7 * exp(-(i + 1) / 2.0) + 0.35};
}

static void add(char **all, const char *name, struct canvas *canvas, const struct plot *plot)
{
    draw(canvas, plot);
    char *dump = canvas_dump(canvas), *more = mem_format("%s--- %s\n%s", *all ? *all : "", name, dump);
    mem_free(dump);
    mem_free(*all);
    *all = more;
}

static void test_dumps(void **state)
{
    (void)state;
    make_data();
    static const struct story_point flat[] = {{0, 0.5}, {1, 0.5}}, one[] = {{3, 7}};
    static const struct story_point gap[] = {{0, 0}, {1, 1}, {2, NAN}, {3, 1}, {4, INFINITY}, {5, 0}, {6, 1}};
    struct plot_series both[] = {{"train", train, 200, THEME_TRAIN, '.', false, 0.9},
                                 {"val", val, 6, THEME_VAL, '*', true, 0}};
    struct plot_mark marks[] = {
        {2.5, "thaw layer4", THEME_EVENT}, {2.7, "lr 0.001", THEME_EVENT}, {5.8, "best", THEME_GOOD}};
    struct plot loss = {"loss", "epoch", both, 2, marks, 3, plot_window_all(), .legend = true};
    struct canvas *canvas = canvas_create(72, 14);
    char *all = NULL;
    add(&all, "loss", canvas, &loss);
    loss.log_y = true;
    loss.has_cursor = true;
    loss.cursor = 4;
    add(&all, "loss, log y, cursor at 4", canvas, &loss);
    canvas->ascii = true;
    add(&all, "the same in ASCII", canvas, &loss);
    canvas->ascii = false;
    loss.log_x = true;
    add(&all, "log x too", canvas, &loss);
    loss.log_x = loss.log_y = loss.has_cursor = false;
    loss.window = (struct plot_window){2, 3, NAN, NAN};
    add(&all, "zoomed to 2..3", canvas, &loss);
    struct plot_series simple = {"accuracy", flat, 2, THEME_VAL, '*', false, 0};
    struct plot share = {"accuracy", "epoch", &simple, 1, NULL, 0, plot_window_all(), .percent = true, .legend = true};
    add(&all, "flat share", canvas, &share);
    simple = (struct plot_series){"one", one, 1, THEME_VAL, '*', true, 0};
    share.percent = false;
    add(&all, "one point", canvas, &share);
    simple = (struct plot_series){"gaps", gap, 7, THEME_VAL, '*', false, 0};
    add(&all, "gaps where values are missing", canvas, &share);
    simple.count = 0;
    add(&all, "nothing", canvas, &share);
    canvas_resize(canvas, 24, 4);
    add(&all, "small", canvas, &loss);
    canvas_destroy(canvas);

    char *path = mem_format("%s/tests/unit/ui/plot_dumps.txt", getenv("THAW_SRCDIR"));
    struct error error;
    if (getenv("UPDATE") && !file_write_atomic(path, all, strlen(all), &error))
        fail_msg("%s", error.text);
    char *wanted = file_read_text(path, 1 << 20, &error);
    if (!wanted)
        fail_msg("%s (UPDATE=1 writes it)", error.text);
    if (strcmp(wanted, all) != 0)
        fail_msg("plots differ from %s. Shown:\n%s", path, all);
    mem_free(wanted);
    mem_free(path);
    mem_free(all);
}

/* While points come, the ends move in a few large steps, hold the data, and pass neither 0 nor the last x. */
static void test_steady(void **state)
{
    (void)state;
    enum { POINTS = 360 };
    static struct story_point points[POINTS];
    struct canvas *canvas = canvas_create(80, 20);
    struct plot_window before = {0};
    int moved = 0;
    for (size_t count = 1; count <= POINTS; count++) {
        points[count - 1] = (struct story_point){0.05 * (double)count, 3 * exp(-0.01 * (double)count)};
        const struct plot_series series = {.name = "a", .points = points, .count = count};
        const struct plot plot = {
            .series = &series, .series_count = 1, .window = plot_window_all(), .steady_x = 18, .legend = true};
        struct plot_view view;
        plot_draw(canvas, (struct rect){0, 0, 80, 20}, &plot, &view);
        const struct plot_window *now = &view.window;
        assert_true(now->x0 == 0 && now->x1 >= points[count - 1].x && now->x1 <= 18);
        assert_true(now->y0 >= 0 && now->y0 <= points[count - 1].y && now->y1 >= points[0].y);
        moved += now->x1 != before.x1 || now->y0 != before.y0 || now->y1 != before.y1;
        before = *now;
    }
    assert_in_range(moved, 5, 30);
    canvas_destroy(canvas);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ticks),  cmocka_unit_test(test_values),   cmocka_unit_test(test_columns),
        cmocka_unit_test(test_zoom),   cmocka_unit_test(test_crossing), cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_steady), cmocka_unit_test(test_dumps),
    };
    return cmocka_run_group_tests_name("plot", tests, NULL, NULL);
}
