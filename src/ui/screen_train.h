/* Train in three files: screen_train.c holds the state and looks at the run, screen_train_form.c shows the settings of the next run, screen_train_run.c the live or reopened run. This header is
 * theirs alone. */
#ifndef THAW_UI_SCREEN_TRAIN_H
#define THAW_UI_SCREEN_TRAIN_H

#include "component.h"
#include "plot.h"

enum train_plot { TRAIN_PLOT_AUTO, TRAIN_PLOT_BOTH, TRAIN_PLOT_LOSS, TRAIN_PLOT_ACCURACY, TRAIN_PLOTS };

enum { TRAIN_PLACES = 16 };

struct screen_train {
    bool form;            /* the settings, though there is a run to look at */
    struct list settings; /* row 0 starts, the others are settings that pass the filter */
    struct component_filter filter;
    int *row;         /* [settings.rows - 1] the session's settings by number */
    char editing[48]; /* key of the setting that is being asked for */

    enum train_plot plot, drawn; /* as wished, as there was room for */
    bool log_x, log_y;
    double smooth;
    struct plot_window window; /* x only; shared by both plots */
    bool has_cursor;
    double cursor;
    struct plot_view view[2]; /* loss, accuracy, as last drawn */
    char run[512];            /* whose curves the view is of */
    struct train_place {      /* of runs that were looked at before, the last first */
        char run[512];
        struct plot_window window;
        bool has_cursor;
        double cursor;
    } place[TRAIN_PLACES];
};

/* Whether the settings are what shows: no run yet, or asked for. */
bool screen_train_in_form(const struct screen_train *train, struct ui *ui);

/* screen_train_form.c */
void screen_train_draw_form(struct screen_train *train, struct ui *ui, struct canvas *canvas, struct rect area);
void screen_train_filter(void *train, struct ui *ui);              /* the filter is another one */
void screen_train_edit(struct screen_train *train, struct ui *ui); /* starts, or asks for the selected value */

/* screen_train_run.c */
void screen_train_draw_run(struct screen_train *train, struct ui *ui, struct canvas *canvas, struct rect area);
double screen_train_last_x(struct ui *ui); /* epochs done by the curves; 0: no points */

#endif
