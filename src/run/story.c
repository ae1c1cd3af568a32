/* The fold: a function an event kind, in one table. Nothing here may depend on when an event arrives, only on what it
 * says, so that a recorded run gives the live story. */
#include "config.h"

#include "thaw/run/story.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "story_private.h"
#include "thaw/base/mem.h"
#include "thaw/run/command.h"

void story_init(struct story *story)
{
    *story = (struct story){.val_loss = NAN, .best = NAN, .best_loss = NAN, .val_seconds = 0};
    struct event *none[] = {&story->run,      &story->done,       &story->proof,
                            &story->features, &story->checkpoint, &story->command};
    for (size_t i = 0; i < THAW_LENGTH(none); i++)
        none[i]->kind = EVENT_KINDS;
}

static void free_curves(struct story *story)
{
    struct story_curve *alone[] = {&story->train_loss, &story->val_loss_curve, &story->lr_curve};
    for (size_t i = 0; i < THAW_LENGTH(alone); i++)
        mem_free(alone[i]->point);
    for (int i = 0; i < METRICS_MAX; i++) {
        mem_free(story->train_figure[i].point);
        mem_free(story->val_figure[i].point);
    }
}

void story_finish(struct story *story)
{
    struct event *kept[] = {&story->run,      &story->done,       &story->proof,
                            &story->features, &story->checkpoint, &story->command};
    for (size_t i = 0; i < THAW_LENGTH(kept); i++)
        event_finish(kept[i]);
    free_curves(story);
    for (size_t i = 0; i < story->notes; i++)
        mem_free(story->note[i].text);
    for (size_t i = 0; i < story->thaws; i++)
        mem_free(story->thaw[i].text);
    mem_free(story->note);
    mem_free(story->thaw);
    mem_free(story->layer);
    mem_free(story->fixed);
    mem_free(story->fixed_first);
    mem_free(story->update);
    story_init(story);
}

static void keep(struct event *last, const struct event *event)
{
    event_finish(last);
    *last = event_copy(event);
}

/* --- a function a kind --- */

static void take_run(struct story *story, const struct event *event, double x)
{
    (void)x;
    /* A run that was killed before its first checkpoint begins again: nothing from before holds. */
    uint64_t events = story->events;
    story_finish(story);
    story->events = events;
    keep(&story->run, event);
    story->epochs = event->u.run.epochs;
    story->trainable = event->u.run.params_trainable;
    story->frozen = event->u.run.params_frozen;
    story->phase = EVENT_PHASE_TRAINING;
    story_take_thaws(story, event->u.run.thaws);
    if (event->u.run.parent[0]) {
        int batches = event->u.run.steps_per_epoch;
        bool within = batches > 0 && event->step % (uint64_t)batches != 0; /* an epoch that is not over */
        story->epochs_done = event->epoch > 0 ? event->epoch - within : 0;
        char *text = mem_format("forked from %s", event->u.run.parent);
        story_note_add(story, 0, event, text, NULL);
        mem_free(text);
    }
}

static bool fits(const struct story *story, const char *fixed)
{
    return fixed && story->layers > 0 && strlen(fixed) == (size_t)story->layers &&
           strspn(fixed, "0123456789abcdef") == (size_t)story->layers;
}

static void take_layers(struct story *story, const struct event *event, double x)
{
    (void)x;
    struct event copy = event_copy(event);
    mem_free(story->layer);
    mem_free(story->fixed);
    mem_free(story->fixed_first);
    mem_free(story->update);
    story->layer = copy.u.layers.layer;
    story->layers = copy.u.layers.count;
    story->fixed = fits(story, copy.u.layers.fixed) ? mem_string(copy.u.layers.fixed) : NULL;
    story->fixed_first = story->fixed ? mem_string(story->fixed) : NULL;
    story->update = mem_array((size_t)story->layers + 1, sizeof *story->update);
    for (int i = 0; i < story->layers; i++)
        story->update[i] = -1;
    mem_free(copy.u.layers.fixed);
}

/* The means of the running epoch, weighed by images. */
static void add_step(struct story *story, const struct event *event)
{
    int images = event->u.step_.images;
    if (images <= 0)
        return;
    if (story->sum_epoch != event->epoch) {
        story->sum_epoch = event->epoch;
        story->images = 0;
        story->loss_sum = 0;
        memset(story->figure_sum, 0, sizeof story->figure_sum);
    }
    story->images += (uint64_t)images;
    story->loss_sum += images * event->u.step_.loss;
    story->loss = story->loss_sum / (double)story->images;
    story->figures.count = event->u.step_.metrics.count;
    for (int i = 0; i < story->figures.count; i++) {
        story->figure_sum[i] += images * event->u.step_.metrics.of[i].value;
        story->figures.of[i] = event->u.step_.metrics.of[i];
        story->figures.of[i].value = story->figure_sum[i] / (double)story->images;
    }
}

static void add_figures(const struct story *story, struct story_curve *curve, const struct metrics *figures, double x)
{
    for (int i = 0; i < story->run.u.run.metrics.count; i++) {
        double value = metrics_get(figures, story->run.u.run.metrics.of[i].name);
        if (!isnan(value))
            story_curve_add(&curve[i], x, value);
    }
}

static void take_step(struct story *story, const struct event *event, double x)
{
    double rate = event->u.step_.images_per_second;
    story->lr = event->u.step_.lr;
    story->phase = EVENT_PHASE_TRAINING;
    if (isfinite(rate) && rate > 0)
        story->rate = story->rate > 0 ? 0.9 * story->rate + 0.1 * rate : rate;
    add_step(story, event);
    story_curve_add(&story->train_loss, x, event->u.step_.loss);
    story_curve_add(&story->lr_curve, x, event->u.step_.lr);
    if (story->run.kind == EVENT_RUN)
        add_figures(story, story->train_figure, &event->u.step_.metrics, x);
}

static void take_epoch(struct story *story, const struct event *event, double x)
{
    (void)x;
    story->epochs_done = event->epoch;
    story->loss = event->u.epoch_.loss;
    story->figures = event->u.epoch_.metrics;
    story->phase = EVENT_PHASE_TRAINING;
}

static void take_eval(struct story *story, const struct event *event, double x)
{
    const struct metric_definition *first = story_metric(story);
    double figure = first ? metrics_get(&event->u.eval.metrics, first->name) : NAN;
    story->val_loss = event->u.eval.loss;
    story->val_figures = event->u.eval.metrics;
    story->val_seconds = event->u.eval.seconds;
    story->val_images = event->u.eval.images;
    if (story->val_images > story->val_images_most)
        story->val_images_most = story->val_images;
    story->phase = EVENT_PHASE_TRAINING;
    story_curve_add(&story->val_loss_curve, x, event->u.eval.loss);
    if (story->run.kind == EVENT_RUN)
        add_figures(story, story->val_figure, &event->u.eval.metrics, x);
    if (first && metric_is_better(first, figure, story->best)) {
        story->best = figure;
        story->best_epoch = event->epoch;
        story->best_loss = event->u.eval.loss;
        story->best_figures = event->u.eval.metrics;
    }
}

static void take_lr(struct story *story, const struct event *event, double x)
{
    char text[64];
    /* a schedule ends at 0, which no step had: recorded by older programs where a run was given more epochs */
    double from = event->u.lr.from > 0 ? event->u.lr.from : story->lr;
    snprintf(text, sizeof text, "lr %.3g -> %.3g", from, event->u.lr.to);
    story->lr = event->u.lr.to;
    story_note_add(story, x, event, text, NULL);
}

/* A thaw of the schedule that is made is no longer to come: the first one that is due and names these layers. */
static void mark_made(struct story *story, int epoch, const char *layers)
{
    size_t length = strlen(layers);
    for (size_t i = 0; i < story->thaws; i++) {
        struct story_thaw *thaw = &story->thaw[i];
        bool same = strncmp(thaw->text, layers, length) == 0 && (!thaw->text[length] || thaw->text[length] == ' ');
        if (!thaw->made && thaw->epoch <= epoch && same) {
            thaw->made = true;
            return;
        }
    }
}

/* In how many rows the plan becomes another one; 0: not known. */
static int count_changed(const struct story *story, const char *fixed)
{
    int count = 0;
    for (int i = 0; story->fixed && fits(story, fixed) && i < story->layers; i++)
        count += story->fixed[i] != fixed[i];
    return count;
}

static void take_thaw(struct story *story, const struct event *event, double x)
{
    enum { LAYERS_TOLD = 40 }; /* characters; a change without words of its own (undo) names every layer */
    const char *layers = event->u.thaw.layers ? event->u.thaw.layers : "";
    const char *verb = event->u.thaw.frozen ? "freeze" : "thaw";
    int changed = strlen(layers) > LAYERS_TOLD ? count_changed(story, event->u.thaw.fixed) : 0;
    char *text = changed > 1 ? mem_format("%s %d layers", verb, changed) : mem_format("%s %s", verb, layers);
    story_note_add(story, x, event, text, NULL);
    mem_free(text);
    story->trainable = event->u.thaw.params_trainable;
    story->frozen = event->u.thaw.params_frozen;
    story->rate = 0;                                    /* another half runs from here on */
    story->proof = (struct event){.kind = EVENT_KINDS}; /* it was of the plan before */
    story->keeps_features = false;                      /* told again where another part is kept */
    if (!event->u.thaw.by_hand)
        mark_made(story, event->epoch, layers);
    if (fits(story, event->u.thaw.fixed)) {
        mem_free(story->fixed);
        story->fixed = mem_string(event->u.thaw.fixed);
    }
}

static void take_updates(struct story *story, const struct event *event, double x)
{
    (void)x;
    int count = event->u.updates.count < story->layers ? event->u.updates.count : story->layers;
    if (count > 0)
        memcpy(story->update, event->u.updates.ratio, (size_t)count * sizeof *story->update);
}

static void take_phase(struct story *story, const struct event *event, double x)
{
    (void)x;
    story->phase = event->u.phase.phase;
    story->phase_done = event->u.phase.done;
    story->phase_all = event->u.phase.all;
}

static void take_features(struct story *story, const struct event *event, double x)
{
    (void)x;
    keep(&story->features, event);
    story->phase = EVENT_PHASE_TRAINING;
    story->keeps_features = story->keeps_features || !event->u.features.validation;
    if (!event->u.features.validation && event->u.features.computed > 0)
        story->fill_seconds = event->u.features.seconds;
}

static void take_proof(struct story *story, const struct event *event, double x)
{
    keep(&story->proof, event);
    if (event->u.proof.held)
        return;
    char *text = mem_format("frozen, but moved: %s", event->u.proof.moved);
    story_note_add(story, x, event, text, NULL);
    mem_free(text);
}

static void take_checkpoint(struct story *story, const struct event *event, double x)
{
    (void)x;
    keep(&story->checkpoint, event);
}

static void take_warning(struct story *story, const struct event *event, double x)
{
    story_note_add(story, x, event, event->u.warning.text, NULL);
}

static void take_pause(struct story *story, const struct event *event, double x)
{
    story->paused = event->u.pause.paused;
    story_note_add(story, x, event, story->paused ? "paused" : "continued", NULL);
}

static void take_epochs(struct story *story, const struct event *event, double x)
{
    char text[64];
    if (event->u.epochs.to > 0)
        story->epochs = event->u.epochs.to;
    snprintf(text, sizeof text, "epochs %d -> %d", event->u.epochs.from, event->u.epochs.to);
    story_note_add(story, x, event, text, NULL);
}

static void take_note(struct story *story, const struct event *event, double x)
{
    story_note_add(story, x, event, event->u.note.text ? event->u.note.text : "", event->u.note.by);
}

/* What was done shows by its effects; a refusal shows here alone. */
static void take_command(struct story *story, const struct event *event, double x)
{
    struct run_command command;
    struct error unused;
    const char *json = event->u.command.command;
    keep(&story->command, event);
    if (event->u.command.done || !json || !run_command_from_json(&command, json, strlen(json), &unused))
        return;
    char *words = run_command_words(&command), *text = mem_format("%s: refused: %s", words, event->u.command.sentence);
    story_note_add(story, x, event, text, event->u.command.by);
    mem_free(text);
    mem_free(words);
    run_command_finish(&command);
}

static void take_fork(struct story *story, const struct event *event, double x)
{
    story->resumed++;
    story->paused = false;
    story->phase = EVENT_PHASE_TRAINING;
    event_finish(&story->done);
    story->done.kind = EVENT_KINDS;
    story_note_add(story, x, event, "resumed", NULL);
}

static void take_done(struct story *story, const struct event *event, double x)
{
    (void)x;
    keep(&story->done, event);
    story->paused = false;
    story->phase = EVENT_PHASE_TRAINING;
}

static void (*const takers[])(struct story *, const struct event *, double x) = {
    [EVENT_RUN] = take_run,           [EVENT_LAYERS] = take_layers,      [EVENT_STEP] = take_step,
    [EVENT_EPOCH] = take_epoch,       [EVENT_EVAL] = take_eval,          [EVENT_LR] = take_lr,
    [EVENT_THAW] = take_thaw,         [EVENT_UPDATES] = take_updates,    [EVENT_PHASE] = take_phase,
    [EVENT_FEATURES] = take_features, [EVENT_FREEZE_PROOF] = take_proof, [EVENT_CHECKPOINT] = take_checkpoint,
    [EVENT_WARNING] = take_warning,   [EVENT_PAUSE] = take_pause,        [EVENT_EPOCHS] = take_epochs,
    [EVENT_NOTE] = take_note,         [EVENT_COMMAND] = take_command,    [EVENT_FORK] = take_fork,
    [EVENT_DONE] = take_done,
};
_Static_assert(THAW_LENGTH(takers) == EVENT_KINDS, "a function for each kind");

void story_add(struct story *story, const struct event *event)
{
    double x = story_x(story, event);
    if (event->kind >= EVENT_KINDS)
        return;
    takers[event->kind](story, event, x);
    story->events++;
    story->time = event->time;
    if (event->elapsed > story->elapsed)
        story->elapsed = event->elapsed;
    if (event->epoch > 0)
        story->epoch = event->epoch;
    story->step = event->step;
}
