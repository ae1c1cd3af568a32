/* The schedules, a row each. Called by the trainer before every step. */
#include "config.h"

#include "schedule.h"

#include <math.h>

static const double pi = 3.14159265358979323846;

/* What multiplies the base learning rate: `done` of `all` batches behind the warm-up, `epoch` counts from 0. */
static double constant(const struct experiment *experiment, double done, double all, uint64_t epoch)
{
    (void)experiment, (void)done, (void)all, (void)epoch;
    return 1;
}

static double step(const struct experiment *experiment, double done, double all, uint64_t epoch)
{
    (void)done, (void)all;
    return pow(experiment->train.step_gamma, (double)(epoch / (uint64_t)experiment->train.step_epochs));
}

static double cosine(const struct experiment *experiment, double done, double all, uint64_t epoch)
{
    (void)experiment, (void)epoch;
    return done < all ? 0.5 * (1 + cos(pi * done / all)) : 0;
}

static double (*const factors[])(const struct experiment *, double, double, uint64_t) = {
    [SCHEDULE_CONSTANT] = constant,
    [SCHEDULE_STEP] = step,
    [SCHEDULE_COSINE] = cosine,
};
_Static_assert(THAW_LENGTH(factors) == SCHEDULES, "a row for each schedule");

static double scheduled(const struct experiment *experiment, double base, uint64_t position, int batches)
{
    double warm = floor(experiment->train.warmup * batches + 0.5), at = (double)position;
    if (at < warm)
        return base * (at + 1) / warm;
    double all = (double)experiment->train.epochs * batches - warm;
    return base * factors[experiment->train.schedule](experiment, at - warm, all, position / (uint64_t)batches);
}

double schedule_lr(const struct experiment *experiment, struct schedule_base base, uint64_t position, int batches)
{
    if (base.anchor == SCHEDULE_NO_ANCHOR)
        return scheduled(experiment, base.base, position, batches);
    double then = scheduled(experiment, 1, base.anchor, batches);
    return then > 0 ? base.base * (scheduled(experiment, 1, position, batches) / then) : base.base;
}
