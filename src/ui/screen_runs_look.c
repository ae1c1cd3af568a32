/* The Runs screen's right part on large terminals: the selected run's settings and curves, with those of the marked run
 * over them. Called by screen_runs.c. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "plot.h"
#include "screen_runs.h"

/* What is not as usual, in as many columns as fit. */
static void draw_settings(const struct session_look *look, struct canvas *canvas, struct rect *area)
{
    enum { WIDTH = 40, MOST = 8 };
    component_heading(canvas, area, "settings beside the usual", "", false);
    if (look->settings[0] == '\0') {
        struct rect line = layout_cut_top(area, 1);
        canvas_text(canvas, line.x, line.y, line.w, THEME_DIM, 0, "none: all are as usual");
        return;
    }
    int count = 1, columns = area->w / WIDTH > 0 ? area->w / WIDTH : 1;
    for (const char *at = look->settings; *at; at++)
        count += *at == '\n';
    int rows = (count + columns - 1) / columns;
    rows = rows > MOST ? MOST : rows;
    struct rect lines = layout_cut_top(area, rows);
    const char *at = look->settings;
    for (int i = 0; i < rows * columns && *at; i++) {
        int length = (int)strcspn(at, "\n"), x = lines.x + i / rows * WIDTH;
        char text[160], cut[160];
        snprintf(text, sizeof text, "%.*s", length < 159 ? length : 159, at);
        canvas_text(canvas, x, lines.y + i % rows, WIDTH - 2, THEME_TEXT, 0,
                    text_middle(cut, sizeof cut, text, WIDTH - 2));
        at += length + (at[length] == '\n');
    }
}

static struct plot_series series(const char *name, const struct story_curve *curve, enum theme_role role, char marker,
                                 bool markers)
{
    return (struct plot_series){.name = name,
                                .points = curve->point,
                                .count = curve->points,
                                .role = role,
                                .marker = marker,
                                .markers = markers,
                                .smooth = markers ? 0 : 0.6};
}

/* The marked run's evaluations only: two noisy lines over each other tell nothing. */
static void draw_plot(const struct session_look *look, const struct session_look *marked, struct canvas *canvas,
                      struct rect area, bool loss)
{
    struct plot_series all[3];
    struct plot_view view;
    const struct story *story = look->story;
    size_t count = 0;
    if (marked != NULL)
        all[count++] = series("marked", loss ? &marked->story->val_loss_curve : &marked->story->val_figure[0],
                              THEME_EVENT, '+', true);
    all[count++] = series("train", loss ? &story->train_loss : &story->train_figure[0], THEME_TRAIN, '.', false);
    all[count++] = series("val", loss ? &story->val_loss_curve : &story->val_figure[0], THEME_VAL, 'o', true);
    const struct metric_definition *metric = story_metric(story);
    const struct plot plot = {.title = loss             ? "loss"
                                       : metric != NULL ? metric->name
                                                        : "accuracy",
                              .x_label = "epochs",
                              .series = all,
                              .series_count = count,
                              .window = plot_window_all(),
                              .percent = !loss,
                              .legend = true};
    plot_draw(canvas, area, &plot, &view);
}

void runs_draw_look(struct ui *ui, struct canvas *canvas, struct rect area, const char *path, const char *marked)
{
    const struct session_look *look = session_look(ui->session, path), *other = NULL;
    if (look == NULL) {
        component_empty(canvas, area, "", "Reading its events ...");
        return;
    }
    if (marked != NULL)
        other = session_look(ui->session, marked);
    draw_settings(look, canvas, &area);
    layout_cut_top(&area, 1);
    struct rect loss, accuracy;
    layout_rows(area, 0.5, 8, 8, 1, &loss, &accuracy);
    draw_plot(look, other, canvas, loss, true);
    if (!rect_empty(accuracy))
        draw_plot(look, other, canvas, accuracy, false);
}
