/* The trainer's door: making one, its thread, the command queue, and what other threads may look at (status,
 * predictions, update ratios: copies made under one mutex). The thread prepares (trainer_prepare.c), trains
 * (trainer_loop.c) and saves (trainer_save.c). Called by the session. */
#include "config.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "thaw/base/clock.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/shelf/load.h"
#include "trainer_private.h"

/* --- what the thread says --- */

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
        if (trainer->failure.kind == ERROR_NONE)
            trainer->failure = error;
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

static double remaining_seconds(const struct trainer *trainer)
{
    const struct checkpoint *at = &trainer->at;
    int epochs = trainer->experiment.train.epochs, batches = trainer->feed[DATASET_TRAIN].batches;
    if (trainer->rate <= 0 || !trainer->dataset)
        return -1;
    if (at->epoch > epochs)
        return 0;
    double images = (double)trainer->dataset->images[DATASET_TRAIN].items;
    double epochs_left = epochs - at->epoch + 1 - (double)at->batch / batches;
    const struct feature_cache *features = trainer->feed[DATASET_TRAIN].features;
    int views = features ? feature_cache_views(features) : 0, fills = (views < epochs ? views : epochs) - at->epoch;
    return epochs_left * images / trainer->rate + (epochs - at->epoch + 1) * trainer->val_seconds +
           (fills > 0 ? fills * trainer->fill_seconds : 0);
}

void trainer_publish(struct trainer *trainer, enum trainer_phase phase)
{
    const struct checkpoint *at = &trainer->at;
    double images = (double)at->sums.images;
    pthread_mutex_lock(&trainer->mutex);
    struct trainer_status *status = &trainer->status;
    status->phase = phase;
    status->epoch = trainer->event_epoch;
    status->epochs = trainer->experiment.train.epochs;
    status->batches = trainer->feed[DATASET_TRAIN].batches;
    status->batch = at->epoch > trainer->event_epoch ? status->batches : at->batch;
    status->step = at->step;
    status->lr = trainer->lr;
    if (images > 0) {
        status->loss = at->sums.loss / images;
        status->accuracy = (double)at->sums.correct / images;
    }
    status->val_loss = at->val_loss;
    status->val_accuracy = at->val_accuracy;
    status->best_accuracy = at->best_accuracy;
    status->best_epoch = at->best_epoch;
    status->images_per_second = trainer->rate;
    status->elapsed = at->elapsed;
    status->remaining = phase == TRAINER_DONE ? 0 : remaining_seconds(trainer);
    status->plan_bytes = trainer->plan ? plan_bytes(trainer->plan) : 0;
    for (int s = 0; s < DATASET_SPLITS; s++)
        if (trainer->feed[s].features)
            status->plan_bytes += feature_cache_bytes(trainer->feed[s].features);
    status->features_done = trainer->features_done;
    status->features_all = trainer->features_all;
    status->error = trainer->failure;
    pthread_mutex_unlock(&trainer->mutex);
}

/* --- pace --- */

bool trainer_is_due(const struct trainer_pace *pace)
{
    return clock_monotonic() - pace->began >= TRAINER_PACE * pace->took;
}

void trainer_pace_begin(struct trainer_pace *pace)
{
    pace->began = clock_monotonic();
}

void trainer_pace_end(struct trainer_pace *pace)
{
    pace->took = clock_monotonic() - pace->began;
    pace->owed = false;
}

/* --- the thread --- */

void trainer_collect(struct trainer *trainer, bool wait)
{
    for (;;) {
        struct trainer_command *command = wait ? queue_pop(trainer->commands) : queue_try_pop(trainer->commands);
        if (atomic_load(&trainer->abandoned))
            trainer->ending = true;
        if (!command)
            return;
        wait = false;
        if (command->kind == TRAINER_STOP || command->kind == TRAINER_INTERRUPT) {
            trainer->ending = true;
            trainer->how = command->kind == TRAINER_STOP ? EVENT_DONE_STOPPED : EVENT_DONE_INTERRUPTED;
        } else {
            trainer->pending = mem_grow(trainer->pending, trainer->pendings + 1, sizeof *trainer->pending);
            trainer->pending[trainer->pendings++] = *command;
        }
        mem_free(command);
    }
}

static void emit_done(struct trainer *trainer)
{
    const struct checkpoint *at = &trainer->at;
    bool failed = trainer->failure.kind != ERROR_NONE;
    struct event event = {.kind = EVENT_DONE};
    event.u.done.how = failed ? EVENT_DONE_FAILED : trainer->how;
    event.u.done.best_accuracy = at->best_accuracy;
    event.u.done.best_epoch = at->best_epoch;
    event.u.done.val_loss = at->val_loss;
    event.u.done.seconds = at->elapsed;
    snprintf(event.u.done.text, sizeof event.u.done.text, "%.*s", EVENT_TEXT_MAX - 1, trainer->failure.text);
    trainer_emit(trainer, &event);
}

/* The run directory is let go before the phase says so: who waits for the end may open it at once. */
static void *run_thread(void *context)
{
    struct trainer *trainer = context;
    if (trainer_prepare(trainer, &trainer->failure)) {
        trainer_loop(trainer);
        if (trainer->failure.kind == ERROR_NONE)
            trainer_export(trainer);
    }
    if (trainer->began)
        emit_done(trainer);
    if (trainer->failure.kind != ERROR_NONE)
        log_write(trainer->log, LOG_ERROR, "train", "%s", trainer->failure.text);
    log_close(trainer->log);
    trainer->log = NULL;
    if (trainer->began || trainer->resuming)
        rundir_close(trainer->rundir);
    else
        rundir_discard(trainer->rundir);
    trainer->rundir = NULL;
    trainer_publish(trainer, trainer->failure.kind == ERROR_NONE ? TRAINER_DONE : TRAINER_FAILED);
    return NULL;
}

/* --- creating and destroying --- */

static char *runs_folder(const struct experiment *experiment)
{
    if (experiment->run.dir[0])
        return path_expand(experiment->run.dir);
    char *home = path_home(PATH_DATA), *runs = path_join(home, "runs");
    mem_free(home);
    return runs;
}

/* "mobilenet-signs": the architecture, or the weights file without what follows its last dot; and the data's folder. */
static char *run_name(const struct experiment *experiment)
{
    if (experiment->run.name[0])
        return mem_string(experiment->run.name);
    const char *file = path_base(experiment->model.weights), *dot = strrchr(file, '.');
    const char *data = path_base(experiment->data.path);
    if (experiment->model.name[0])
        return mem_format("%s-%s", experiment->model.name, data);
    return mem_format("%.*s-%s", (int)(dot ? (size_t)(dot - file) : strlen(file)), file, data);
}

static struct rundir *open_rundir(const struct experiment *experiment, const char *resume_path, struct error *error)
{
    if (resume_path)
        return rundir_open(resume_path, error);
    char *runs = runs_folder(experiment), *name = run_name(experiment);
    struct rundir *rundir = rundir_create(runs, name, error);
    mem_free(runs);
    mem_free(name);
    return rundir;
}

static bool write_experiment(const struct trainer *trainer, struct error *error)
{
    char *file = rundir_file(trainer->rundir, "experiment.ini"), *text = experiment_text(&trainer->experiment);
    bool good = file_write_atomic(file, text, strlen(text), error);
    mem_free(file);
    mem_free(text);
    return good;
}

static bool open_log(struct trainer *trainer, struct error *error)
{
    char *file = rundir_file(trainer->rundir, "thaw.log");
    trainer->log = log_open(file, LOG_INFO, error);
    mem_free(file);
    return trainer->log != NULL;
}

/* Weights of the catalog by name become the file on this disk; the run then names that. */
static bool find_weights(struct experiment *experiment, struct error *error)
{
    char *weights = experiment->model.weights;
    if (!weights[0] || !strcmp(weights, "none") || strchr(weights, '/') || file_exists(weights))
        return true;
    char *path = load_weights_path(weights, error);
    bool fits = path && strlen(path) < sizeof experiment->model.weights;
    if (fits)
        strcpy(weights, path);
    else if (path)
        error_set(error, ERROR_USAGE, "%s: path too long", path);
    mem_free(path);
    return fits;
}

struct trainer *trainer_create(const struct experiment *named, const char *resume_path, const struct event_sink *sink,
                               struct error *error)
{
    struct experiment found = *named, *experiment = &found;
    if (!experiment_check(experiment, error) || !find_weights(experiment, error))
        return NULL;
    struct rundir *rundir = open_rundir(experiment, resume_path, error);
    if (!rundir)
        return NULL;
    struct trainer *trainer = mem_alloc(sizeof *trainer);
    trainer->experiment = *experiment;
    trainer->sink = *sink;
    trainer->rundir = rundir;
    trainer->resuming = resume_path != NULL;
    trainer->how = EVENT_DONE_FINISHED;
    trainer->reducer = &reducer_team;
    trainer->task = &task_classify;
    trainer->at = (struct checkpoint){.epoch = 1, .val_loss = -1, .val_accuracy = -1, .best_accuracy = -1};
    trainer->event_epoch = 1;
    trainer->commands = queue_create(TRAINER_COMMANDS);
    atomic_init(&trainer->abandoned, false);
    pthread_mutex_init(&trainer->mutex, NULL);
    snprintf(trainer->status.run_path, sizeof trainer->status.run_path, "%s", rundir_path(rundir));
    trainer_publish(trainer, TRAINER_PREPARING);
    if (write_experiment(trainer, error) && open_log(trainer, error))
        return trainer;
    trainer_destroy(trainer);
    return NULL;
}

/* Signals go to the threads that have handlers for them, never to the trainer's. */
bool trainer_start(struct trainer *trainer, struct error *error)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int fault = pthread_create(&trainer->thread, NULL, run_thread, trainer);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (fault)
        return error_set_errno(error, ERROR_FAILED, fault, "cannot start the training thread");
    trainer->started = true;
    return true;
}

void trainer_join(struct trainer *trainer)
{
    if (trainer->started && !trainer->joined)
        pthread_join(trainer->thread, NULL);
    trainer->joined = trainer->started;
}

static void free_engine(struct trainer *trainer)
{
    for (int s = 0; s < DATASET_SPLITS; s++)
        trainer_feed_finish(&trainer->feed[s]);
    if (trainer->task_state)
        trainer->task->destroy(trainer->task_state);
    optim_destroy(trainer->optim);
    freeze_proof_destroy(trainer->proof);
    plan_destroy(trainer->plan);
    freeze_destroy(trainer->freeze);
    graph_destroy(trainer->graph);
    team_destroy(trainer->team);
    kernel_table_close(trainer->kernels);
    dataset_destroy(trainer->dataset);
    mem_free_floats(trainer->logits_gradient);
    mem_free(trainer->gradient);
    mem_free(trainer->reduced);
    mem_free(trainer->touched);
}

void trainer_destroy(struct trainer *trainer)
{
    if (!trainer)
        return;
    atomic_store(&trainer->abandoned, true);
    trainer_post(trainer, &(struct trainer_command){.kind = TRAINER_STOP});
    queue_close(trainer->commands);
    trainer_join(trainer);
    free_engine(trainer);
    log_close(trainer->log);
    /* Still open only where it was never started: then nothing is in it that is worth keeping. */
    if (trainer->rundir && !trainer->resuming)
        rundir_discard(trainer->rundir);
    else
        rundir_close(trainer->rundir);
    for (struct trainer_command *left; (left = queue_try_pop(trainer->commands));)
        mem_free(left);
    queue_destroy(trainer->commands);
    mem_free(trainer->pending);
    mem_free(trainer->ratio);
    mem_free(trainer->best_held);
    trainer_predictions_finish(&trainer->predictions);
    pthread_mutex_destroy(&trainer->mutex);
    mem_free(trainer);
}

/* --- for other threads --- */

void trainer_post(struct trainer *trainer, const struct trainer_command *command)
{
    struct trainer_command *copy = mem_alloc(sizeof *copy);
    *copy = *command;
    if (!queue_try_push(trainer->commands, copy))
        mem_free(copy);
}

void trainer_status(struct trainer *trainer, struct trainer_status *status)
{
    pthread_mutex_lock(&trainer->mutex);
    *status = trainer->status;
    pthread_mutex_unlock(&trainer->mutex);
}

void trainer_predictions_finish(struct trainer_predictions *predictions)
{
    mem_free(predictions->label);
    mem_free(predictions->predicted);
    mem_free(predictions->probability);
    mem_free(predictions->index);
    *predictions = (struct trainer_predictions){0};
}

int trainer_layer_updates(struct trainer *trainer, float *ratio, int room)
{
    pthread_mutex_lock(&trainer->mutex);
    int count = trainer->ratios < room ? trainer->ratios : room;
    if (count)
        memcpy(ratio, trainer->ratio, (size_t)count * sizeof *ratio);
    pthread_mutex_unlock(&trainer->mutex);
    return count;
}
