/* A tiny program for the terminal's own tests: it draws every kind of thing through a canvas, names the last event, and
 * moves a selection. q leaves, A aborts, S jumps to nowhere. */
#include "config.h"

#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "key.h"
#include "layout.h"
#include "plot.h"
#include "term.h"
#include "thaw/base/mem.h"
#include "widget.h"

struct demo {
    struct term *term;
    struct canvas *canvas;
    struct theme theme;
    struct list list;
    char event[64];
};

static void fill(void *context, int row, int column, struct table_cell *cell)
{
    static const char *const names[] = {"layer1", "layer1.0.conv1", "layer1.0.bn1", "Grüße 漢字"};
    (void)context;
    cell->role = row % 3 == 0 ? THEME_FROZEN : row % 3 == 1 ? THEME_THAWED : THEME_TEXT;
    if (column == 0) {
        cell->fold = row == 0 ? 2 : 3;
        cell->indent = row == 0 ? 0 : 2;
        snprintf(cell->text, sizeof cell->text, "%s", names[row % 4]);
    } else if (column == 1)
        snprintf(cell->text, sizeof cell->text, "%d", row * 1000);
    else
        cell->bar = row / 19.0;
}

static void draw_plot(struct canvas *canvas, struct rect area)
{
    static struct story_point train[400], val[9];
    for (int i = 0; i < 400; i++)
        train[i] = (struct story_point){i / 40.0, 2.0 * exp(-i / 120.0) + 0.2 * sin(i * 1.7) + 0.25};
    for (int i = 0; i < 9; i++)
        val[i] = (struct story_point){i + 1, 1.6 * exp(-(i + 1) / 4.0) + 0.4};
    const struct plot_series series[] = {{"train", train, 400, THEME_TRAIN, '.', false, 0.9},
                                         {"val", val, 9, THEME_VAL, '*', true, 0}};
    const struct plot_mark marks[] = {{4, "thaw layer4", THEME_EVENT}, {7.5, "lr 0.001", THEME_EVENT}};
    const struct plot plot = {.title = "loss",
                              .x_label = "epoch",
                              .series = series,
                              .series_count = 2,
                              .marks = marks,
                              .mark_count = 2,
                              .window = plot_window_all(),
                              .legend = true};
    struct plot_view view;
    plot_draw(canvas, area, &plot, &view);
}

static void draw_picture(struct canvas *canvas, struct rect area)
{
    enum { SIDE = 48 };
    static uint8_t rgb[SIDE][SIDE][3];
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            double far = hypot(x - SIDE / 2.0 + 0.5, y - SIDE / 2.0 + 0.5) / (SIDE / 2.0);
            uint8_t ring = far > 0.7 && far < 0.95;
            rgb[y][x][0] = ring ? 200 : (uint8_t)(x * 5);
            rgb[y][x][1] = ring ? 20 : (uint8_t)(y * 5);
            rgb[y][x][2] = ring ? 30 : 120;
        }
    canvas_image(canvas, area, &rgb[0][0][0], SIDE, SIDE);
}

static void draw(struct demo *demo)
{
    static const char *const tabs[] = {"Models", "Layers"};
    static const struct column columns[] = {
        {"layer", 16, 2, ALIGN_LEFT, 3}, {"parameters", 10, 0, ALIGN_RIGHT, 2}, {"share", 10, 1, ALIGN_LEFT, 1}};
    struct canvas *canvas = demo->canvas;
    struct rect hit[2], body, top, bottom, left, right;
    canvas_clear(canvas);
    struct layout layout = layout_frame(canvas->width, canvas->height);
    body = layout.body;
    if (layout.too_small) {
        canvas_text(canvas, 0, 0, canvas->width, THEME_WARNING, 0, "too small");
    } else {
        tabs_draw(canvas, layout.tabs, tabs, 2, 0, hit);
        layout_rows(body, 0.5, 6, 6, 0, &top, &bottom);
        layout_columns(top, 0.6, 30, 20, 1, &left, &right);
        list_set_rows(&demo->list, 20);
        table_draw(canvas, left, &demo->list, columns, 3, fill, NULL, true);
        canvas_box(canvas, right, THEME_BORDER, "picture");
        draw_picture(canvas, layout_inset(right, 1, 1));
        draw_plot(canvas, bottom);
        gauge_draw(canvas, layout.message, 0.4, THEME_BAR, "epoch 4 of 10");
        canvas_text(canvas, layout.keys.x, layout.keys.y, layout.keys.w - 1, THEME_TEXT, 0, demo->event);
        canvas_put(canvas, canvas->width - 1, canvas->height - 1, '$', THEME_TEXT, 0);
    }
    term_blit(demo->term, canvas, &demo->theme);
}

static bool take(struct demo *demo, const struct term_event *event)
{
    static const char *const mice[] = {"press", "release", "double", "drag", "wheel up", "wheel down"};
    char name[16];
    if (event->kind == TERM_RESIZE) {
        canvas_resize(demo->canvas, event->width, event->height);
        snprintf(demo->event, sizeof demo->event, "size %d x %d", event->width, event->height);
    } else if (event->kind == TERM_MOUSE) {
        if (event->mouse != TERM_RELEASE)
            snprintf(demo->event, sizeof demo->event, "%s %d at %d,%d", mice[event->mouse], event->button, event->x,
                     event->y);
        list_mouse(&demo->list, event);
    } else {
        key_name(name, event->key, event->modifiers);
        snprintf(demo->event, sizeof demo->event, "key %s", name);
        if (event->key == TERM_KEY_DOWN || event->key == TERM_KEY_UP)
            list_move(&demo->list, event->key == TERM_KEY_DOWN ? MOVE_DOWN : MOVE_UP);
        if (event->key == 'A')
            abort();
        if (event->key == 'S')
            raise(SIGSEGV);
    }
    return event->kind == TERM_KEY && event->key == 'q';
}

int main(int argc, char **argv)
{
    struct error error;
    struct term_options options = {.ascii = argc > 1 && strcmp(argv[1], "--ascii") == 0};
    struct demo demo = {.term = term_create(&options, &error)};
    if (!demo.term) {
        printf("%s\n", error.text);
        return 2;
    }
    int width, height;
    term_size(demo.term, &width, &height);
    demo.canvas = canvas_create(width, height);
    demo.canvas->ascii = term_is_ascii(demo.term);
    demo.canvas->console = term_is_console(demo.term);
    demo.canvas->mono = term_colours(demo.term) == 0;
    theme_init_default(&demo.theme);
    if (demo.canvas->mono)
        theme_init_mono(&demo.theme);
    bool done = false;
    int number = 0;
    while (!done && number == 0) {
        struct term_event event;
        draw(&demo);
        struct pollfd fds[2] = {{.fd = term_fd(demo.term), .events = POLLIN},
                                {.fd = term_wake_fd(demo.term), .events = POLLIN}};
        poll(fds, 2, -1);
        while (!done && term_read(demo.term, &event))
            done = take(&demo, &event);
        number = term_signal(demo.term);
    }
    term_destroy(demo.term);
    canvas_destroy(demo.canvas);
    printf("left %d\n", number);
    return 0;
}
