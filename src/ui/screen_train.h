/* Train in four files: screen_train.c holds the state and looks at the run, screen_train_steer.c steers it,
 * screen_train_form.c shows the settings of the next run, screen_train_run.c the live or reopened run. This header is
 * theirs alone. */
#ifndef THAW_UI_SCREEN_TRAIN_H
#define THAW_UI_SCREEN_TRAIN_H

#include "component.h"
#include "plot.h"

enum train_plot { TRAIN_PLOT_AUTO, TRAIN_PLOT_BOTH, TRAIN_PLOT_LOSS, TRAIN_PLOT_ACCURACY, TRAIN_PLOTS };

enum { SCREEN_TRAIN_SPEED = 10 }; /* times, that a replay goes on with */

struct screen_train {
    bool form;            /* the settings, though there is a run to look at */
    struct list settings; /* row 0 starts, the others are the session's settings */
    char editing[48];     /* key of the setting that is being asked for */

    enum train_plot plot, drawn; /* as wished, as there was room for */
    bool log_x, log_y;
    double smooth;
    struct plot_window window; /* x only; shared by both plots */
    bool has_cursor;
    double cursor;
    struct plot_view view[2]; /* loss, accuracy, as last drawn */
    char run[512];            /* whose curves the view is of */
};

/* Whether the settings are what shows: no run yet, or asked for. */
bool screen_train_in_form(const struct screen_train *train, struct ui *ui);

/* screen_train_form.c */
void screen_train_draw_form(struct screen_train *train, struct ui *ui, struct canvas *canvas, struct rect area);
void screen_train_edit(struct screen_train *train, struct ui *ui); /* starts, or asks for the selected value */

/* screen_train_run.c */
void screen_train_draw_run(struct screen_train *train, struct ui *ui, struct canvas *canvas, struct rect area);
double screen_train_last_x(struct ui *ui); /* epochs done by the curves; 0: no points */

/* screen_train_steer.c: only while a run is on, from every screen */
void screen_train_pause(const struct command_call *call);
void screen_train_stop(const struct command_call *call);
void screen_train_save(const struct command_call *call);
void screen_train_lr(const struct command_call *call);
void screen_train_scale_lr(const struct command_call *call); /* value: by how many per cent */
void screen_train_thaw_next(const struct command_call *call);

#endif
