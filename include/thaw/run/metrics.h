/* Figures of a run by name: what a task measures, and how it is read. Events, curves, tables and the choice of the best
 * model know them by these definitions alone. */
#ifndef THAW_RUN_METRICS_H
#define THAW_RUN_METRICS_H

#include <stdbool.h>

#include "thaw/base/macros.h"

enum { METRICS_MAX = 6, METRIC_NAME = 24 };

/* Figures by name, in the order of the run's definitions. */
struct metrics {
    int count;
    struct metric {
        char name[METRIC_NAME];
        double value;
    } of[METRICS_MAX];
};
/* What the figures of a run are; the first one decides which model is the best. */
struct metric_definitions {
    int count;
    struct metric_definition {
        char name[METRIC_NAME], unit[16]; /* "accuracy", "share" */
        bool up;                          /* more is better */
    } of[METRICS_MAX];
};

/* A value; NAN: there is none of that name. */
double metrics_get(const struct metrics *metrics, const char *name) THAW_NONNULL;
void metrics_set(struct metrics *metrics, const char *name, double value) THAW_NONNULL;

/* Index of a definition; -1: none of that name. */
int metrics_find(const struct metric_definitions *definitions, const char *name) THAW_NONNULL;
/* Whether a is better than b; nothing known (NAN) is worse than anything. */
bool metric_is_better(const struct metric_definition *definition, double a, double b) THAW_NONNULL;

#endif
