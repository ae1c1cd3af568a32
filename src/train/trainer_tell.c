/* What the trainer says: events with their time and place, the first and the last ones of a run, what it is busy with
 * where that lasts, and which layers learn. Nothing here changes what is computed. */
#include "config.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "thaw/base/clock.h"
#include "thaw/base/mem.h"
#include "thaw/train/layer_rows.h"
#include "trainer_private.h"

void trainer_tick(struct trainer *trainer, bool counting)
{
    double now = clock_monotonic();
    if (counting)
        trainer->at.elapsed += now - trainer->ticked;
    trainer->ticked = now;
}

bool trainer_emit(struct trainer *trainer, struct event *event)
{
    struct error error = {0};
    event->time = clock_wall();
    event->elapsed = trainer->at.elapsed;
    event->epoch = trainer->event_epoch;
    event->step = trainer->at.step;
    if (!rundir_append(trainer->rundir, event, &error)) {
        if (trainer->failure.kind == ERROR_NONE) {
            trainer->failure = error;
            trainer->unheard = true;
            trainer->untold = event->kind == EVENT_STEP ? *event : (struct event){.kind = EVENT_KINDS};
        }
        log_write(trainer->log, LOG_ERROR, "run", "%s", error.text);
        return false;
    }
    trainer->sink.emit(trainer->sink.context, event);
    return true;
}

void trainer_warn(struct trainer *trainer, const char *format, ...)
{
    struct event event = {.kind = EVENT_WARNING};
    va_list args;
    va_start(args, format);
    vsnprintf(event.u.warning.text, sizeof event.u.warning.text, format, args);
    va_end(args);
    log_write(trainer->log, LOG_WARNING, "train", "%s", event.u.warning.text);
    trainer_emit(trainer, &event);
}

/* --- the first events --- */

/* "5 layer4 @ lr*0.1", a line each; NULL: none. The caller frees it. */
static char *thaws_text(const struct experiment *experiment)
{
    char *text = NULL;
    for (int i = 0; i < experiment->thaws; i++) {
        char key[32], *before = text;
        snprintf(key, sizeof key, "thaw.epoch %d", experiment->thaw[i].epoch);
        char *value = experiment_get(experiment, key);
        text = mem_format("%s%s%d %s", before ? before : "", before ? "\n" : "", experiment->thaw[i].epoch, value);
        mem_free(value);
        mem_free(before);
    }
    return text;
}

static bool tell_layers(struct trainer *trainer)
{
    struct event event = {.kind = EVENT_LAYERS};
    event.u.layers.layer = layer_rows(trainer->graph, &event.u.layers.count);
    event.u.layers.fixed = layer_rows_plan(trainer->freeze, trainer->graph);
    bool good = trainer_emit(trainer, &event);
    event_finish(&event);
    return good;
}

static bool tell_run(struct trainer *trainer)
{
    const struct experiment *experiment = &trainer->experiment;
    struct event event = {.kind = EVENT_RUN};
    struct freeze_counts counts = freeze_counts(trainer->freeze, trainer->graph);
    event.u.run.version = EVENT_VERSION;
    snprintf(event.u.run.program, sizeof event.u.run.program, "%s", PACKAGE_STRING);
    snprintf(event.u.run.task, sizeof event.u.run.task, "%s", trainer->task->name);
    snprintf(event.u.run.model, sizeof event.u.run.model, "%s", trainer->graph->arch);
    snprintf(event.u.run.data, sizeof event.u.run.data, "%.*s", EVENT_TEXT_MAX - 1, experiment->data.path);
    event.u.run.layout = mem_string(trainer->dataset->layout);
    event.u.run.split = trainer->split;
    event.u.run.classes = trainer->dataset->classes;
    event.u.run.batch = experiment->train.batch;
    event.u.run.train_images = (int)trainer->dataset->images[DATASET_TRAIN].items;
    event.u.run.val_images = (int)trainer->dataset->images[DATASET_VAL].items;
    event.u.run.epochs = experiment->train.epochs;
    event.u.run.steps_per_epoch = trainer->feed[DATASET_TRAIN].batches;
    event.u.run.params_trainable = counts.trainable;
    event.u.run.params_frozen = counts.frozen;
    event.u.run.seed = experiment->train.seed;
    event.u.run.memory = trainer_memory(trainer);
    event.u.run.recomputed = plan_recomputed(trainer->plan, &event.u.run.recomputed_share);
    snprintf(event.u.run.weights, sizeof event.u.run.weights, "%s", trainer->match);
    event.u.run.metrics = trainer->task->metrics;
    event.u.run.thaws = thaws_text(experiment);
    snprintf(event.u.run.parent, sizeof event.u.run.parent, "%.*s", EVENT_TEXT_MAX - 1, trainer->at.parent);
    trainer->began = trainer->speaking = trainer_emit(trainer, &event);
    event_finish(&event);
    return trainer->began;
}

bool trainer_tell_begin(struct trainer *trainer)
{
    if (!trainer->began)
        return tell_run(trainer) && tell_layers(trainer);
    struct event event = {.kind = EVENT_FORK};
    snprintf(event.u.fork.from, sizeof event.u.fork.from, "%s", trainer->from);
    bool untold = trainer->at.version == 1; /* whose events knew no layers */
    trainer->at.version = CHECKPOINT_VERSION;
    trainer->speaking = trainer_emit(trainer, &event);
    return trainer->speaking && (!untold || tell_layers(trainer));
}

/* --- what it is busy with --- */

static const double lasts = 0.25, between = 0.5; /* seconds */

static void tell_phase(struct trainer *trainer, size_t done, size_t all)
{
    struct event event = {.kind = EVENT_PHASE, .u.phase = {trainer->phase.now, (int)done, (int)all}};
    if (!trainer->speaking) /* nothing comes before the first line */
        return;
    trainer->phase.told = trainer->phase.now;
    trainer->phase.said = clock_monotonic();
    trainer_emit(trainer, &event);
}

void trainer_enter(struct trainer *trainer, enum event_phase phase)
{
    if (trainer->phase.now == phase)
        return;
    trainer->phase.now = phase;
    trainer->phase.began = clock_monotonic();
    if (phase == EVENT_PHASE_TRAINING && trainer->phase.told != phase)
        tell_phase(trainer, 0, 0);
}

void trainer_linger(struct trainer *trainer, size_t done, size_t all)
{
    const struct trainer_phase *phase = &trainer->phase;
    double now = clock_monotonic();
    bool due = phase->told != phase->now ? now - phase->began >= lasts : all > 0 && now - phase->said >= between;
    if (due)
        tell_phase(trainer, done, all);
}

/* --- which layers learn --- */

static const double updates_pace = 2; /* seconds from one of its events to the next */

/* To the three digits that a line has, so that who reads the file knows what who watches knows. */
static float rounded(float ratio)
{
    char text[32];
    if (!isfinite(ratio) || ratio < 0)
        return -1;
    snprintf(text, sizeof text, "%.3g", (double)ratio);
    return strtof(text, NULL);
}

void trainer_tell_updates(struct trainer *trainer)
{
    double now = clock_monotonic();
    if (now - trainer->updates_said < updates_pace)
        return;
    trainer->updates_said = now;
    int nodes = optim_ratios(trainer->optim, trainer->node_ratio, trainer->graph->nodes);
    for (int i = 0; i < trainer->rows; i++)
        trainer->row_ratio[i] = trainer->row_node[i] < nodes ? rounded(trainer->node_ratio[trainer->row_node[i]]) : -1;
    struct event event = {.kind = EVENT_UPDATES, .u.updates = {trainer->row_ratio, trainer->rows}};
    trainer_emit(trainer, &event);
}

/* --- the last event --- */

void trainer_tell_done(struct trainer *trainer)
{
    const struct checkpoint *at = &trainer->at;
    bool failed = trainer->failure.kind != ERROR_NONE;
    struct event event = {.kind = EVENT_DONE};
    event.u.done.how = failed ? EVENT_DONE_FAILED : trainer->how;
    event.u.done.best = at->best;
    event.u.done.best_epoch = at->best_epoch;
    event.u.done.val_loss = at->val_loss;
    event.u.done.seconds = at->elapsed;
    snprintf(event.u.done.text, sizeof event.u.done.text, "%.*s", EVENT_TEXT_MAX - 1, trainer->failure.text);
    trainer_emit(trainer, &event);
}
