/* See the header. */
#include "config.h"

#include "same_story.h"

#include <math.h>
#include <string.h>

#include "thaw/base/mem.h"

/* Whoever adds a member adds it below, too. */
_Static_assert(sizeof(void *) != 8 || sizeof(struct story) == 9000, "a member is new, or gone");

static bool same_number(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

/* By all their fields. */
static bool same_event(const struct event *a, const struct event *b)
{
    if (a->kind != b->kind || a->kind == EVENT_KINDS)
        return a->kind == b->kind;
    char *left = event_to_json(a), *right = event_to_json(b);
    bool same = strcmp(left, right) == 0;
    mem_free(left);
    mem_free(right);
    return same;
}

static bool same_layers(const struct story *a, const struct story *b)
{
    struct event left = {.kind = EVENT_LAYERS, .u.layers = {a->layer, a->layers, a->fixed}};
    struct event right = {.kind = EVENT_LAYERS, .u.layers = {b->layer, b->layers, b->fixed}};
    return a->layers == b->layers && same_event(&left, &right);
}

static bool same_updates(const struct story *a, const struct story *b)
{
    for (int i = 0; i < a->layers && i < b->layers; i++)
        if (a->update[i] != b->update[i])
            return false;
    return true;
}

static bool same_metrics(const struct metrics *a, const struct metrics *b)
{
    for (int i = 0; i < a->count && i < b->count; i++)
        if (strcmp(a->of[i].name, b->of[i].name) != 0 || !same_number(a->of[i].value, b->of[i].value))
            return false;
    return a->count == b->count;
}

static bool same_curve(const struct story_curve *a, const struct story_curve *b)
{
    for (size_t i = 0; i < a->points && i < b->points; i++)
        if (!same_number(a->point[i].x, b->point[i].x) || !same_number(a->point[i].y, b->point[i].y))
            return false;
    return a->points == b->points;
}

static bool same_notes(const struct story *a, const struct story *b)
{
    for (size_t i = 0; i < a->notes && i < b->notes; i++)
        if (a->note[i].x != b->note[i].x || a->note[i].epoch != b->note[i].epoch ||
            a->note[i].kind != b->note[i].kind || strcmp(a->note[i].text, b->note[i].text) != 0 ||
            strcmp(a->note[i].by, b->note[i].by) != 0)
            return false;
    return a->notes == b->notes;
}

static bool same_thaws(const struct story *a, const struct story *b)
{
    for (size_t i = 0; i < a->thaws && i < b->thaws; i++)
        if (a->thaw[i].epoch != b->thaw[i].epoch || a->thaw[i].made != b->thaw[i].made ||
            strcmp(a->thaw[i].text, b->thaw[i].text) != 0)
            return false;
    return a->thaws == b->thaws;
}

static const char *different_events(const struct story *a, const struct story *b)
{
    const struct {
        const char *name;
        const struct event *left, *right;
    } rows[] = {{"run", &a->run, &b->run},
                {"done", &a->done, &b->done},
                {"proof", &a->proof, &b->proof},
                {"features", &a->features, &b->features},
                {"checkpoint", &a->checkpoint, &b->checkpoint},
                {"command", &a->command, &b->command}};
    for (size_t i = 0; i < THAW_LENGTH(rows); i++)
        if (!same_event(rows[i].left, rows[i].right))
            return rows[i].name;
    return NULL;
}

#define NUMBER(member)                                                                                                 \
    {                                                                                                                  \
#member, (double)a->member, (double)b->member                                                                  \
    }
static const char *different_numbers(const struct story *a, const struct story *b)
{
    const struct {
        const char *name;
        double left, right;
    } rows[] = {
        NUMBER(events),      NUMBER(time),         NUMBER(trainable),
        NUMBER(frozen),      NUMBER(epoch),        NUMBER(epochs),
        NUMBER(epochs_done), NUMBER(step),         NUMBER(resumed),
        NUMBER(elapsed),     NUMBER(lr),           NUMBER(rate),
        NUMBER(phase),       NUMBER(phase_done),   NUMBER(phase_all),
        NUMBER(paused),      NUMBER(loss),         NUMBER(loss_sum),
        NUMBER(images),      NUMBER(sum_epoch),    NUMBER(val_loss),
        NUMBER(val_seconds), NUMBER(fill_seconds), NUMBER(best),
        NUMBER(best_loss),   NUMBER(val_images),   NUMBER(val_images_most),
        NUMBER(best_epoch),
    };
    for (size_t i = 0; i < THAW_LENGTH(rows); i++)
        if (!same_number(rows[i].left, rows[i].right))
            return rows[i].name;
    for (int i = 0; i < METRICS_MAX; i++)
        if (!same_number(a->figure_sum[i], b->figure_sum[i]))
            return "figure_sum";
    return NULL;
}

static const char *different_curves(const struct story *a, const struct story *b)
{
    const struct {
        const char *name;
        const struct story_curve *left, *right;
    } rows[] = {{"train_loss", &a->train_loss, &b->train_loss},
                {"val_loss_curve", &a->val_loss_curve, &b->val_loss_curve},
                {"lr_curve", &a->lr_curve, &b->lr_curve}};
    for (size_t i = 0; i < THAW_LENGTH(rows); i++)
        if (!same_curve(rows[i].left, rows[i].right))
            return rows[i].name;
    for (int i = 0; i < METRICS_MAX; i++)
        if (!same_curve(&a->train_figure[i], &b->train_figure[i]) || !same_curve(&a->val_figure[i], &b->val_figure[i]))
            return "train_figure or val_figure";
    return NULL;
}

const char *story_difference(const struct story *a, const struct story *b)
{
    const char *name = different_events(a, b);
    name = name ? name : different_numbers(a, b);
    name = name ? name : different_curves(a, b);
    if (name)
        return name;
    if (!same_layers(a, b))
        return "layer or fixed";
    if (!same_text(a->fixed_first, b->fixed_first))
        return "fixed_first";
    if (!same_updates(a, b))
        return "update";
    if (!same_metrics(&a->figures, &b->figures))
        return "figures";
    if (!same_metrics(&a->val_figures, &b->val_figures) || !same_metrics(&a->best_figures, &b->best_figures))
        return "val_figures or best_figures";
    if (!same_notes(a, b))
        return "note";
    return same_thaws(a, b) ? NULL : "thaw";
}
