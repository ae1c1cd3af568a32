/* What plot.c needs of plot_scale.c: ranges, positions, ticks and numbers. Nobody else includes this. */
#ifndef THAW_UI_PLOT_SCALE_H
#define THAW_UI_PLOT_SCALE_H

#include "plot.h"

/* The plot's window with every open end taken from the data and padded; never empty, positive on log axes. *any: there
 * is at least one point to show. */
struct plot_window plot_fit(const struct plot *plot, bool *any);
/* Where a value lies between low (0) and high (1); NaN when it cannot be shown. */
double plot_share(double value, double low, double high, bool log);
double plot_unshare(double share, double low, double high, bool log);
/* Ticks of a log axis: powers of ten, with 2 and 5 between where there is room. */
int plot_log_ticks(double low, double high, int wanted, double *ticks, int room);
/* A tick's label: as many decimals as the step needs; step 0: a reading, four figures. */
void plot_number(char text[24], double value, double step, bool percent);
/* The exponential mean, corrected for its start. Zero-initialise. */
struct plot_mean {
    double sum, weight;
};
double plot_mean_add(struct plot_mean *mean, double smooth, double value);

#endif
