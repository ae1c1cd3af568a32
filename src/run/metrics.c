/* Figures by name; see the header. */
#include "config.h"

#include "thaw/run/metrics.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

double metrics_get(const struct metrics *metrics, const char *name)
{
    for (int i = 0; i < metrics->count; i++)
        if (strcmp(metrics->of[i].name, name) == 0)
            return metrics->of[i].value;
    return NAN;
}

/* Names are cut and figures beyond the room are left out: only a newer program writes such lines. */
void metrics_set(struct metrics *metrics, const char *name, double value)
{
    int at = 0;
    while (at < metrics->count && strcmp(metrics->of[at].name, name) != 0)
        at++;
    if (at == METRICS_MAX)
        return;
    snprintf(metrics->of[at].name, METRIC_NAME, "%s", name);
    metrics->of[at].value = value;
    metrics->count = at == metrics->count ? at + 1 : metrics->count;
}

int metrics_find(const struct metric_definitions *definitions, const char *name)
{
    for (int i = 0; i < definitions->count; i++)
        if (strcmp(definitions->of[i].name, name) == 0)
            return i;
    return -1;
}

bool metric_is_better(const struct metric_definition *definition, double a, double b)
{
    if (isnan(a) || isnan(b))
        return !isnan(a);
    return definition->up ? a > b : a < b;
}
