/* The training loop, on the trainer's thread. Commands are taken between two batches; a stop is seen between two
 * batches of an evaluation too.
 *
 * What makes a resumed run go on to the same bits: the cursor trainer->at is moved only where everything before it is
 * done and everything behind it is a pure function of (values, optimiser state, cursor, seed). The events of an epoch's
 * end come after its evaluation, in one go, so a stop in the middle of one repeats all of it. */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "schedule.h"
#include "thaw/base/clock.h"
#include "thaw/base/mem.h"
#include "trainer_private.h"

/* --- one batch --- */

/* Logits of a batch; the frozen half is looked up where it is kept. */
static const float *forward(struct trainer *trainer, struct trainer_feed *feed, const struct batch *batch, bool train)
{
    if (feed->features)
        feature_cache_load(feed->features, feed->view, trainer->plan, batch);
    else
        exec_frozen(trainer->plan, batch->input, batch->n);
    return exec_thawed(trainer->plan, batch->input, batch->n, train, trainer->experiment.train.seed, trainer->at.step);
}

static bool reduce(struct trainer *trainer, struct task_sums *sums)
{
    double all[] = {sums->loss, (double)sums->images, (double)sums->correct, (double)sums->correct5};
    const struct reducer *reducer = trainer->reducer;
    if (!reducer->sum)
        return true;
    if (!reducer->sum(reducer->context, trainer->reduced, trainer->reduceds, all, THAW_LENGTH(all), &trainer->failure))
        return false;
    *sums = (struct task_sums){all[0], (uint64_t)all[1], (uint64_t)all[2], (uint64_t)all[3]};
    return true;
}

static void add_sums(struct task_sums *to, const struct task_sums *more)
{
    to->loss += more->loss;
    to->images += more->images;
    to->correct += more->correct;
    to->correct5 += more->correct5;
}

static void copy_ratios(struct trainer *trainer)
{
    pthread_mutex_lock(&trainer->mutex);
    if (!trainer->ratio)
        trainer->ratio = mem_array((size_t)trainer->graph->nodes, sizeof(*trainer->ratio));
    trainer->ratios = optim_ratios(trainer->optim, trainer->ratio, trainer->graph->nodes);
    pthread_mutex_unlock(&trainer->mutex);
}

static bool emit_step(struct trainer *trainer, const struct task_sums *sums, double seconds)
{
    double images = (double)sums->images, rate = seconds > 0 ? images / seconds : 0;
    trainer->rate = trainer->rate > 0 ? 0.9 * trainer->rate + 0.1 * rate : rate;
    struct event event = {.kind = EVENT_STEP};
    event.u.step_.loss = sums->loss / images;
    event.u.step_.lr = trainer->lr;
    event.u.step_.images_per_second = rate;
    event.u.step_.images = (int)sums->images;
    event.u.step_.correct = (int)sums->correct;
    return trainer_emit(trainer, &event);
}

static bool refuse_loss(struct trainer *trainer, double loss)
{
    return error_set(
        &trainer->failure, ERROR_FAILED,
        "the loss is %g at step %llu (learning rate %g): try a lower train.lr; the last checkpoint holds the "
        "state before",
        loss, (unsigned long long)trainer->at.step + 1, trainer->lr);
}

static bool train_batch(struct trainer *trainer, const struct batch *batch)
{
    struct trainer_feed *feed = &trainer->feed[DATASET_TRAIN];
    struct checkpoint *at = &trainer->at;
    struct task_sums sums = {0};
    double began = clock_monotonic();
    uint64_t position = (uint64_t)(at->epoch - 1) * (uint64_t)feed->batches + (uint64_t)at->batch;
    if (batch->n == 0)
        return true;
    const float *logits = forward(trainer, feed, batch, true);
    double loss = trainer->task->measure(trainer->task_state, logits, batch, trainer->logits_gradient, &sums);
    trainer->lr = schedule_lr(&trainer->experiment, at->base_lr, position, feed->batches);
    if (!isfinite(loss))
        return refuse_loss(trainer, loss);
    exec_backward(trainer->plan, trainer->logits_gradient, batch->n);
    if (!reduce(trainer, &sums))
        return false;
    optim_step(trainer->optim, trainer->gradient, trainer->lr);
    if (at->step++ % OPTIM_MEASURE == 0 || !trainer->ratio)
        copy_ratios(trainer);
    add_sums(&at->sums, &sums);
    trainer_tick(trainer, true);
    double seconds = clock_monotonic() - began;
    at->epoch_seconds += seconds;
    return emit_step(trainer, &sums, seconds);
}

/* --- commands --- */

static void emit_lr(struct trainer *trainer, double from, double to)
{
    struct event event = {.kind = EVENT_LR, .u.lr = {.from = from, .to = to}};
    trainer_emit(trainer, &event);
}

/* A change that cannot be made is a warning; the run goes on as it was. */
static void change_freeze(struct trainer *trainer, const char *layers, bool frozen, double factor, bool by_hand)
{
    struct error error = {0};
    struct freeze *changed = freeze_copy(trainer->freeze);
    if (trainer->proving.owed)
        trainer_prove(trainer); /* of what is frozen until now */
    bool good = freeze_match(changed, trainer->graph, layers, frozen, &error);
    if (good && trainer->statistics_fixed && !strchr(layers, ':')) /* a list of single marks is meant as it stands */
        freeze_statistics(changed, trainer->graph, true);
    if (!good || !trainer_replan(trainer, changed, &error)) {
        trainer_warn(trainer, "cannot %s \"%.60s\": %s", frozen ? "freeze" : "thaw", layers, error.text);
        freeze_destroy(changed);
        return;
    }
    trainer->rate = 0; /* another half runs from here on */
    struct freeze_counts counts = freeze_counts(changed, trainer->graph);
    struct event event = {.kind = EVENT_THAW};
    snprintf(event.u.thaw.layers, sizeof(event.u.thaw.layers), "%s", layers);
    event.u.thaw.frozen = frozen;
    event.u.thaw.by_hand = by_hand;
    event.u.thaw.params_trainable = counts.trainable;
    event.u.thaw.params_frozen = counts.frozen;
    trainer_emit(trainer, &event);
    if (factor > 0 && factor != 1) {
        double from = trainer->at.base_lr;
        trainer->at.base_lr *= factor;
        emit_lr(trainer, from, trainer->at.base_lr);
    }
}

static void change_lr(struct trainer *trainer, double lr)
{
    if (!(lr > 0) || !isfinite(lr)) {
        trainer_warn(trainer, "a learning rate of %g cannot be set: it must be a number over 0", lr);
        return;
    }
    double from = trainer->at.base_lr;
    trainer->at.base_lr = lr;
    emit_lr(trainer, from, lr);
}

static void change_pause(struct trainer *trainer, bool paused)
{
    if (trainer->paused == paused)
        return;
    struct event event = {.kind = EVENT_PAUSE, .u.pause.paused = paused};
    trainer_tick(trainer, paused);
    trainer->paused = paused;
    trainer_emit(trainer, &event);
}

static void apply(struct trainer *trainer, const struct trainer_command *command)
{
    switch (command->kind) {
    case TRAINER_PAUSE:
    case TRAINER_CONTINUE:
        change_pause(trainer, command->kind == TRAINER_PAUSE);
        break;
    case TRAINER_SAVE:
        trainer_save(trainer);
        break;
    case TRAINER_SET_LR:
        change_lr(trainer, command->value);
        break;
    case TRAINER_FREEZE:
    case TRAINER_THAW:
        change_freeze(trainer, command->layers, command->kind == TRAINER_FREEZE, command->value, true);
        break;
    case TRAINER_STOP:
    case TRAINER_INTERRUPT:
        break; /* trainer_collect has seen to them */
    }
}

/* Takes commands, and stays here while paused. false: the run ends. */
static bool take_commands(struct trainer *trainer)
{
    trainer_collect(trainer, false);
    for (;;) {
        for (size_t i = 0; i < trainer->pendings && trainer->failure.kind == ERROR_NONE; i++)
            apply(trainer, &trainer->pending[i]);
        trainer->pendings = 0;
        trainer_publish(trainer, trainer->paused ? TRAINER_PAUSED : TRAINER_RUNNING);
        if (trainer->ending || trainer->failure.kind != ERROR_NONE)
            return false;
        if (!trainer->paused)
            return true;
        trainer_collect(trainer, true);
    }
}

/* --- evaluation --- */

static void publish_predictions(struct trainer *trainer, struct trainer_predictions *predictions)
{
    pthread_mutex_lock(&trainer->mutex);
    trainer_predictions_finish(&trainer->predictions);
    trainer->predictions = *predictions;
    pthread_mutex_unlock(&trainer->mutex);
    trainer->predicted_epoch = trainer->at.epoch;
    trainer->telling.owed = true;
    if (trainer_is_due(&trainer->telling))
        trainer_save_predictions(trainer);
}

static struct trainer_predictions predictions_room(const struct trainer *trainer)
{
    size_t images = trainer->dataset->images[DATASET_VAL].items;
    return (struct trainer_predictions){
        .classes = trainer->dataset->classes,
        .label = mem_array(images, sizeof(int)),
        .predicted = mem_array(images, sizeof(int)),
        .probability = mem_array(images, sizeof(float)),
        .index = mem_array(images, sizeof(uint32_t)),
    };
}

/* The whole validation part. false: a stop came in between, nothing is known. */
static bool evaluate(struct trainer *trainer, struct task_sums *sums)
{
    struct trainer_feed *feed = &trainer->feed[DATASET_VAL];
    struct trainer_predictions predictions = predictions_room(trainer);
    struct batch *batch;
    double began = clock_monotonic();
    trainer_publish(trainer, TRAINER_VALIDATING);
    bool good = trainer_begin(trainer, DATASET_VAL, 1, 0);
    while (good && !trainer->ending && (batch = trainer_next(trainer, DATASET_VAL))) {
        if (batch->n > 0) {
            const float *logits = forward(trainer, feed, batch, false);
            trainer->task->measure(trainer->task_state, logits, batch, NULL, sums);
            trainer->task->predict(trainer->task_state, logits, batch, &predictions);
        }
        trainer_release(trainer, DATASET_VAL, batch);
        trainer_collect(trainer, false);
    }
    trainer_report_bad(trainer, DATASET_VAL);
    trainer->val_seconds = clock_monotonic() - began;
    trainer_tick(trainer, true);
    good = good && !trainer->ending;
    if (good)
        publish_predictions(trainer, &predictions);
    else
        trainer_predictions_finish(&predictions);
    return good;
}

/* --- the end of an epoch --- */

static bool emit_epoch(struct trainer *trainer)
{
    const struct checkpoint *at = &trainer->at;
    double images = at->sums.images ? (double)at->sums.images : 1;
    struct event event = {.kind = EVENT_EPOCH};
    event.u.epoch_.loss = at->sums.loss / images;
    event.u.epoch_.accuracy = (double)at->sums.correct / images;
    event.u.epoch_.seconds = at->epoch_seconds;
    return trainer_emit(trainer, &event);
}

/* Takes the figures in; true: the best so far. */
static bool judge(struct trainer *trainer, const struct task_sums *sums)
{
    struct checkpoint *at = &trainer->at;
    double images = (double)sums->images;
    if (sums->images == 0)
        return false;
    struct event event = {.kind = EVENT_EVAL};
    event.u.eval.loss = at->val_loss = sums->loss / images;
    event.u.eval.accuracy = at->val_accuracy = (double)sums->correct / images;
    event.u.eval.top5 = (double)sums->correct5 / images;
    event.u.eval.seconds = trainer->val_seconds;
    event.u.eval.best = at->val_accuracy > at->best_accuracy;
    at->stale = event.u.eval.best ? 0 : at->stale + 1;
    if (event.u.eval.best) {
        at->best_accuracy = at->val_accuracy;
        at->best_epoch = at->epoch;
    }
    return trainer_emit(trainer, &event) && event.u.eval.best;
}

static bool is_stale(const struct trainer *trainer)
{
    int patience = trainer->experiment.train.early_stop;
    return patience > 0 && trainer->at.stale >= patience;
}

/* What is put off at the end of short epochs is due at the end of the run. */
static void settle(struct trainer *trainer)
{
    if (trainer->proving.owed)
        trainer_prove(trainer);
    if (trainer->telling.owed)
        trainer_save_predictions(trainer);
    if (trainer->saving.owed || trainer->best_held)
        trainer_save(trainer);
}

static bool end_epoch(struct trainer *trainer)
{
    struct checkpoint *at = &trainer->at;
    struct task_sums sums = {0};
    if (trainer->dataset->images[DATASET_VAL].items > 0 && !evaluate(trainer, &sums))
        return false;
    if (!emit_epoch(trainer))
        return false;
    bool best = judge(trainer, &sums);
    trainer->proving.owed = true;
    if (trainer_is_due(&trainer->proving))
        trainer_prove(trainer);
    trainer_publish(trainer, TRAINER_RUNNING);
    int done = at->epoch++;
    at->batch = 0;
    at->sums = (struct task_sums){0};
    at->epoch_seconds = 0;
    bool last = done == trainer->experiment.train.epochs || is_stale(trainer);
    trainer->saving.owed = trainer->saving.owed || best || last || done % trainer->experiment.run.checkpoint_every == 0;
    bool now = trainer->saving.owed && (last || trainer_is_due(&trainer->saving));
    if (best)
        trainer_keep_best(trainer, now);
    if (now)
        trainer_save(trainer);
    if (last)
        settle(trainer);
    return trainer->failure.kind == ERROR_NONE;
}

/* --- epochs --- */

static void scheduled_thaws(struct trainer *trainer)
{
    struct checkpoint *at = &trainer->at;
    const struct experiment *experiment = &trainer->experiment;
    while (at->thaws_done < experiment->thaws && experiment->thaw[at->thaws_done].epoch <= at->epoch) {
        const struct experiment_thaw *thaw = &experiment->thaw[at->thaws_done++];
        change_freeze(trainer, thaw->layers, false, thaw->lr_factor, false);
    }
}

static bool run_epoch(struct trainer *trainer)
{
    struct trainer_feed *feed = &trainer->feed[DATASET_TRAIN];
    struct checkpoint *at = &trainer->at;
    trainer->event_epoch = at->epoch;
    scheduled_thaws(trainer);
    trainer->replanned = true;
    while (at->batch < feed->batches) {
        if (!take_commands(trainer))
            return false;
        if (trainer->replanned && !trainer_begin(trainer, DATASET_TRAIN, at->epoch, at->batch))
            return false;
        trainer->replanned = false;
        struct batch *batch = trainer_next(trainer, DATASET_TRAIN);
        if (!batch)
            break;
        bool good = train_batch(trainer, batch);
        trainer_release(trainer, DATASET_TRAIN, batch);
        trainer_report_bad(trainer, DATASET_TRAIN);
        if (!good || trainer->failure.kind != ERROR_NONE)
            return false;
        at->batch++;
    }
    trainer_publish(trainer, TRAINER_RUNNING);
    return end_epoch(trainer);
}

void trainer_loop(struct trainer *trainer)
{
    bool going = true;
    while (going && trainer->at.epoch <= trainer->experiment.train.epochs) {
        if (is_stale(trainer)) {
            trainer->how = EVENT_DONE_EARLY;
            return;
        }
        going = run_epoch(trainer);
    }
    if (trainer->ending && trainer->failure.kind == ERROR_NONE) {
        trainer->saving.owed = true;
        if (trainer->how == EVENT_DONE_FINISHED)
            trainer->how = EVENT_DONE_STOPPED;
    }
    if (trainer->failure.kind == ERROR_NONE)
        settle(trainer);
}
