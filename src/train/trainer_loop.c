/* The training loop, on the trainer's thread. Commands are taken between two batches and before an evaluation; a stop is
 * seen between two batches of an evaluation too.
 *
 * What makes a resumed run go on to the same bits: the cursor trainer->at is moved only where everything before it is
 * done and everything behind it is a pure function of (values, optimiser state, cursor, seed). The events of an epoch's
 * end come after its evaluation, in one go, so a stop in the middle of one repeats all of it. */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "thaw/base/clock.h"
#include "thaw/base/mem.h"
#include "trainer_private.h"

/* --- one batch --- */

/* Logits of a batch behind trainer_load. */
static const float *forward(struct trainer *trainer, struct trainer_feed *feed, const struct batch *batch, bool train)
{
    if (!feed->features)
        exec_frozen(trainer->plan, batch->input, batch->n);
    return exec_thawed(trainer->plan, batch->input, batch->n, train, trainer->experiment.train.seed, trainer->at.step);
}

static bool reduce(struct trainer *trainer, struct task_sums *sums)
{
    enum { BEFORE = 2 };
    double all[BEFORE + TASK_SUMS] = {sums->loss, (double)sums->images};
    const struct reducer *reducer = trainer->reducer;
    if (!reducer->sum)
        return true;
    memcpy(all + BEFORE, sums->of, sizeof sums->of);
    if (!reducer->sum(reducer->context, trainer->reduced, trainer->reduceds, all, THAW_LENGTH(all), &trainer->failure))
        return false;
    *sums = (struct task_sums){.loss = all[0], .images = (uint64_t)all[1]};
    memcpy(sums->of, all + BEFORE, sizeof sums->of);
    return true;
}

static void add_sums(struct task_sums *to, const struct task_sums *more)
{
    to->loss += more->loss;
    to->images += more->images;
    for (int i = 0; i < TASK_SUMS; i++)
        to->of[i] += more->of[i];
}

static bool emit_step(struct trainer *trainer, const struct task_sums *sums, double lr, double seconds)
{
    double images = (double)sums->images;
    struct event event = {.kind = EVENT_STEP};
    event.u.step_.loss = sums->loss / images;
    event.u.step_.lr = lr;
    event.u.step_.images_per_second = seconds > 0 ? images / seconds : 0;
    event.u.step_.images = (int)sums->images;
    trainer->task->figures(sums, &event.u.step_.metrics);
    return trainer_emit(trainer, &event);
}

static bool refuse_loss(struct trainer *trainer, double loss, double lr)
{
    return error_set(
        &trainer->failure, ERROR_FAILED,
        "the loss is %g at step %llu (learning rate %g): try a lower train.lr; the last checkpoint holds the "
        "state before",
        loss, (unsigned long long)trainer->at.step + 1, lr);
}

/* Moves the cursor before anything is said: what can be told no longer can still be saved. */
static bool train_batch(struct trainer *trainer, const struct batch *batch)
{
    struct trainer_feed *feed = &trainer->feed[DATASET_TRAIN];
    struct checkpoint *at = &trainer->at;
    struct task_sums sums = {0};
    double began = clock_monotonic(), lr = trainer_lr(trainer);
    if (batch->n == 0) {
        at->batch++;
        return true;
    }
    const float *logits = forward(trainer, feed, batch, true);
    double loss = trainer->task->measure(trainer->task_state, logits, batch, trainer->logits_gradient, &sums);
    if (!isfinite(loss))
        return refuse_loss(trainer, loss, lr);
    exec_backward(trainer->plan, trainer->logits_gradient, batch->n);
    if (!reduce(trainer, &sums))
        return false;
    optim_step(trainer->optim, trainer->gradient, lr);
    at->step++;
    at->batch++;
    add_sums(&at->sums, &sums);
    trainer_tick(trainer, true);
    double seconds = clock_monotonic() - began;
    at->epoch_seconds += seconds;
    if (!emit_step(trainer, &sums, lr, seconds))
        return false;
    if (at->step % OPTIM_MEASURE == 1) /* measured by now */
        trainer_tell_updates(trainer);
    return true;
}

/* --- evaluation --- */

static void keep_predictions(struct trainer *trainer, struct task_predictions *predictions)
{
    int best = trainer->at.best_epoch;
    if (trainer->predictions.epoch == best && trainer->best_told != best) { /* they wait to be written */
        trainer_predictions_finish(&trainer->best_predictions);
        trainer->best_predictions = trainer->predictions;
    } else {
        trainer_predictions_finish(&trainer->predictions);
    }
    trainer->predictions = *predictions;
    trainer->predictions.epoch = trainer->at.epoch;
    trainer->telling.owed = true;
    if (trainer_is_due(&trainer->telling))
        trainer_save_predictions(trainer);
}

static struct task_predictions predictions_room(const struct trainer *trainer)
{
    size_t images = trainer->dataset->images[DATASET_VAL].items;
    return (struct task_predictions){
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
    struct task_predictions predictions = predictions_room(trainer);
    struct batch *batch;
    double began = clock_monotonic();
    size_t done = 0;
    int number = 0;
    bool good = trainer_begin(trainer, DATASET_VAL, 1, number);
    trainer_enter(trainer, EVENT_PHASE_VALIDATING);
    while (good && !trainer->ending && (batch = trainer_next(trainer, DATASET_VAL))) {
        if (!trainer_load(trainer, DATASET_VAL, batch)) {
            trainer_release(trainer, DATASET_VAL, batch);
            good = trainer_begin(trainer, DATASET_VAL, 1, number);
            trainer_enter(trainer, EVENT_PHASE_VALIDATING);
            continue;
        }
        number++;
        if (batch->n > 0) {
            const float *logits = forward(trainer, feed, batch, false);
            trainer->task->measure(trainer->task_state, logits, batch, NULL, sums);
            trainer->task->predict(trainer->task_state, logits, batch, &predictions);
        }
        done += (size_t)batch->n;
        trainer_release(trainer, DATASET_VAL, batch);
        trainer_linger(trainer, done, trainer->dataset->images[DATASET_VAL].items);
        trainer_collect(trainer, false);
    }
    good = good && trainer_report_bad(trainer, DATASET_VAL);
    trainer->val_seconds = clock_monotonic() - began;
    trainer_tick(trainer, true);
    good = good && !trainer->ending;
    if (good)
        keep_predictions(trainer, &predictions);
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
    event.u.epoch_.seconds = at->epoch_seconds;
    if (at->sums.images)
        trainer->task->figures(&at->sums, &event.u.epoch_.metrics);
    return trainer_emit(trainer, &event);
}

/* Takes the figures in, once they are told; *best: so far. */
static bool judge(struct trainer *trainer, const struct task_sums *sums, bool *best)
{
    struct checkpoint *at = &trainer->at;
    double images = (double)sums->images;
    *best = false;
    if (sums->images == 0)
        return true;
    const struct metric_definition *first = &trainer->task->metrics.of[0];
    struct event event = {.kind = EVENT_EVAL};
    event.u.eval.loss = sums->loss / images;
    event.u.eval.seconds = trainer->val_seconds;
    event.u.eval.images = (int)sums->images;
    trainer->task->figures(sums, &event.u.eval.metrics);
    double figure = metrics_get(&event.u.eval.metrics, first->name);
    event.u.eval.best = metric_is_better(first, figure, at->best);
    if (!trainer_emit(trainer, &event))
        return false;
    *best = event.u.eval.best;
    at->val_loss = event.u.eval.loss;
    at->stale = *best ? 0 : at->stale + 1;
    if (*best) {
        at->best = figure;
        at->best_epoch = at->epoch;
        trainer->telling.owed = true; /* its predictions */
    }
    return true;
}

bool trainer_is_stale(const struct trainer *trainer)
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
    bool best = false;
    trainer->told_to = rundir_mark(trainer->rundir); /* who goes on from here evaluates again */
    if (!emit_epoch(trainer) || !judge(trainer, &sums, &best))
        return false;
    trainer->told_to = 0;
    trainer->proving.owed = true;
    if (trainer_is_due(&trainer->proving))
        trainer_prove(trainer);
    trainer_tell_updates(trainer);
    int done = at->epoch++;
    at->batch = 0;
    at->sums = (struct task_sums){0};
    at->epoch_seconds = 0;
    bool last = done >= trainer->experiment.train.epochs || trainer_is_stale(trainer);
    bool kept = trainer_keeps_epoch(trainer, done), every = done % trainer->experiment.run.checkpoint_every == 0;
    trainer->saving.owed = trainer->saving.owed || best || last || kept || every;
    bool now = trainer->saving.owed && (last || kept || trainer_is_due(&trainer->saving));
    if (best)
        trainer_keep_best(trainer, now);
    if (now && trainer_save(trainer))
        trainer_keep_epoch(trainer, done);
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
        trainer_scheduled_thaw(trainer, thaw);
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
        if (!trainer_obey(trainer))
            return false;
        if (trainer->replanned && !trainer_begin(trainer, DATASET_TRAIN, at->epoch, at->batch))
            return false;
        trainer->replanned = false;
        trainer_enter(trainer, EVENT_PHASE_TRAINING);
        struct batch *batch = trainer_next(trainer, DATASET_TRAIN);
        if (!batch)
            break;
        bool good = trainer_report_bad(trainer, DATASET_TRAIN), loaded = trainer_load(trainer, DATASET_TRAIN, batch);
        good = good && (!loaded || train_batch(trainer, batch));
        trainer_release(trainer, DATASET_TRAIN, batch);
        if (!good || trainer->failure.kind != ERROR_NONE)
            return false;
        trainer->replanned = trainer->replanned || !loaded;
    }
    return trainer_obey(trainer) && trainer_check_read(trainer) && end_epoch(trainer);
}

void trainer_loop(struct trainer *trainer)
{
    bool going = true;
    if (trainer->at.epoch > trainer->experiment.train.epochs)
        trainer_repeat(trainer); /* it may have been extended */
    while (going && trainer->at.epoch <= trainer->experiment.train.epochs) {
        if (trainer_is_stale(trainer)) {
            trainer->how = EVENT_DONE_EARLY;
            return;
        }
        going = run_epoch(trainer);
        if (going && trainer->stop_behind) {
            trainer->ending = true;
            trainer->how = EVENT_DONE_STOPPED;
            going = false;
        }
    }
    if (trainer->ending && !going && trainer->event_epoch == trainer->at.epoch)
        trainer_obey_pending(trainer);
    if (trainer->ending && trainer->failure.kind == ERROR_NONE) {
        trainer->saving.owed = true;
        if (trainer->how == EVENT_DONE_FINISHED)
            trainer->how = EVENT_DONE_STOPPED;
    }
    if (trainer->failure.kind == ERROR_NONE)
        settle(trainer);
    else if (trainer->unheard)
        trainer_rescue(trainer);
    else if (trainer->feed[DATASET_TRAIN].lost || trainer->feed[DATASET_VAL].lost)
        trainer_save(trainer);
}
