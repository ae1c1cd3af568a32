/* The run: starting and steering the trainer, its status, curves and results; reopening a recorded run through the same
 * calls. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "results.h"
#include "session_private.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/run/run_state.h"

/* On the trainer's thread. When memory or the pipe is full the event still waits in the inbox. */
static void take_event(void *context, const struct event *event)
{
    struct session *session = context;
    pthread_mutex_lock(&session->lock);
    if (session->inbox_count == session->inbox_room) {
        session->inbox_room = session->inbox_room ? 2 * session->inbox_room : 64;
        session->inbox = mem_grow(session->inbox, session->inbox_room, sizeof *session->inbox);
    }
    session->inbox[session->inbox_count++] = *event;
    pthread_mutex_unlock(&session->lock);
    session_wake(session->wake[1]);
}

static void forget_results(struct session *session)
{
    mem_free(session->confusion);
    for (int i = 0; i < session->result_classes; i++)
        mem_free(session->result_class[i]);
    mem_free(session->result_class);
    session->confusion = NULL;
    session->result_class = NULL;
    session->result_classes = 0;
    session->results = (struct session_results){0};
    session->results_known = false;
}

void run_forget(struct session *session)
{
    trainer_destroy(session->trainer);
    session->trainer = NULL;
    session->recorded = false;
    session->run_path[0] = '\0';
    session_pump(session); /* what is left of the old run */
    history_finish(&session->history);
    forget_results(session);
}

static void forget_runs(struct session *session)
{
    rundir_list_free(session->summary, session->runs);
    mem_free(session->run);
    session->summary = NULL;
    session->run = NULL;
    session->runs = 0;
}

void run_finish(struct session *session)
{
    run_forget(session);
    forget_runs(session);
}

bool session_start(struct session *session, struct error *error)
{
    if (layers_training(session))
        return error_set(error, ERROR_USAGE, "a run is training already: stop it first");
    if (!opening_settle(session, error))
        return false;
    layers_run_ended(session); /* where one failed and could not say so */
    if (!session->draft->graph)
        return error_set(error, ERROR_USAGE, "no model is chosen");
    if (!session->draft->dataset)
        return error_set(error, ERROR_USAGE, "no data is chosen");
    if (!layers_to_experiment(session, error))
        return false;
    struct experiment experiment = session->draft->experiment;
    if (!experiment.run.dir[0])
        snprintf(experiment.run.dir, sizeof experiment.run.dir, "%s", session->runs_folder);
    if (!experiment_check(&experiment, error))
        return false;
    run_forget(session);
    struct event_sink sink = {take_event, session};
    session->trainer = trainer_create(&experiment, NULL, &sink, error);
    if (!session->trainer)
        return false;
    if (trainer_start(session->trainer, error))
        return true;
    trainer_destroy(session->trainer);
    session->trainer = NULL;
    return false;
}

static void post(struct session *session, enum trainer_command_kind kind, double value)
{
    if (!session->trainer || session->recorded)
        return;
    struct trainer_command command = {.kind = kind, .value = value};
    trainer_post(session->trainer, &command);
}

void session_pause(struct session *session, bool paused)
{
    post(session, paused ? TRAINER_PAUSE : TRAINER_CONTINUE, 0);
}

void session_stop(struct session *session)
{
    post(session, TRAINER_STOP, 0);
}

void session_save(struct session *session)
{
    post(session, TRAINER_SAVE, 0);
}

void session_set_lr(struct session *session, double lr)
{
    post(session, TRAINER_SET_LR, lr);
}

/* --- status --- */

static void status_of_history(const struct history *history, struct session_status *status)
{
    const struct event *run = &history->run;
    status->val_loss = status->val_accuracy = status->best_accuracy = status->accuracy = -1;
    status->remaining = -1;
    if (run->kind == EVENT_RUN) {
        snprintf(status->model, sizeof status->model, "%s", run->u.run.model);
        snprintf(status->data, sizeof status->data, "%s", run->u.run.data);
        status->epochs = run->u.run.epochs;
        status->batches = run->u.run.steps_per_epoch;
        status->trainable = (double)run->u.run.params_trainable;
        status->frozen = (double)run->u.run.params_frozen;
    }
    if (history->last_thaw.kind == EVENT_THAW) {
        status->trainable = (double)history->last_thaw.u.thaw.params_trainable;
        status->frozen = (double)history->last_thaw.u.thaw.params_frozen;
    }
    if (history->last_step.kind == EVENT_STEP) {
        const struct event *step = &history->last_step;
        status->epoch = step->epoch;
        status->step = step->step;
        status->lr = step->u.step_.lr;
        status->loss = step->u.step_.loss;
        status->images_per_second = step->u.step_.images_per_second;
        if (status->batches > 0)
            status->batch = (int)((step->step + (uint64_t)status->batches - 1) % (uint64_t)status->batches) + 1;
    }
    if (history->last_epoch.kind == EVENT_EPOCH) {
        status->loss = history->last_epoch.u.epoch_.loss;
        status->accuracy = history->last_epoch.u.epoch_.accuracy;
    }
    if (history->last_eval.kind == EVENT_EVAL) {
        status->val_loss = history->last_eval.u.eval.loss;
        status->val_accuracy = history->last_eval.u.eval.accuracy;
    }
    status->best_accuracy = history->best_accuracy;
    status->best_epoch = history->best_epoch;
    status->elapsed = history->elapsed;
    if (history->last_proof.kind == EVENT_FREEZE_PROOF) {
        status->proof_held = history->last_proof.u.proof.held;
        status->proof_tensors = history->last_proof.u.proof.tensors;
    }
}

static void status_of_trainer(struct trainer *trainer, struct session_status *status)
{
    static const enum session_phase phases[] = {
        [TRAINER_PREPARING] = SESSION_PREPARING, [TRAINER_RUNNING] = SESSION_RUNNING,
        [TRAINER_PAUSED] = SESSION_PAUSED,       [TRAINER_VALIDATING] = SESSION_VALIDATING,
        [TRAINER_DONE] = SESSION_DONE,           [TRAINER_FAILED] = SESSION_FAILED,
    };
    _Static_assert(THAW_LENGTH(phases) == TRAINER_PHASES, "one a phase");
    struct trainer_status live;
    trainer_status(trainer, &live);
    status->phase = phases[live.phase];
    snprintf(status->run, sizeof status->run, "%s", live.run_path);
    status->epoch = live.epoch;
    status->epochs = live.epochs;
    status->batch = live.batch;
    status->batches = live.batches;
    status->step = live.step;
    status->lr = live.lr;
    status->loss = live.loss;
    status->accuracy = live.accuracy;
    status->val_loss = live.val_loss;
    status->val_accuracy = live.val_accuracy;
    status->best_accuracy = live.best_accuracy;
    status->best_epoch = live.best_epoch;
    status->images_per_second = live.images_per_second;
    status->elapsed = live.elapsed;
    status->remaining = live.remaining;
    status->features_done = live.features_done;
    status->features_all = live.features_all;
    status->error = live.error;
}

void session_status(struct session *session, struct session_status *status)
{
    *status = (struct session_status){.phase = SESSION_IDLE};
    status_of_history(&session->history, status);
    if (session->recorded) {
        status->phase = SESSION_RECORDED;
        snprintf(status->run, sizeof status->run, "%s", session->run_path);
    } else if (session->trainer) {
        status_of_trainer(session->trainer, status);
    }
}

size_t session_curve(const struct session *session, enum session_curve curve, const struct session_point **points)
{
    *points = session->history.curve[curve].point;
    return session->history.curve[curve].points;
}

size_t session_notes(const struct session *session, const struct session_note **notes)
{
    *notes = session->history.note;
    return session->history.notes;
}

/* --- results --- */

/* Both live and recorded runs have them in predictions.json, rewritten at every evaluation. */
const struct session_results *session_results(struct session *session)
{
    if (!session->results_known) {
        struct session_status status;
        session_status(session, &status);
        forget_results(session);
        session->results_known = true;
        struct results_read read;
        struct error unused;
        if (status.run[0] && results_read(&read, status.run, &unused)) {
            session->confusion = read.confusion;
            session->result_class = read.class_name;
            session->result_classes = read.classes;
            session->results = (struct session_results){
                .classes = read.classes,
                .class_name = (const char *const *)read.class_name,
                .confusion = read.confusion,
                .images = read.images,
                .correct = read.correct,
            };
        }
    }
    return session->results.classes ? &session->results : NULL;
}

/* --- runs --- */

size_t session_runs(struct session *session, const struct session_run **runs)
{
    struct error unused;
    forget_runs(session);
    session->summary = rundir_list(session->runs_folder, &session->runs, &unused);
    session->run = mem_array(session->runs, sizeof *session->run);
    for (size_t i = 0; i < session->runs; i++) {
        const struct rundir_summary *summary = &session->summary[i];
        session->run[i] = (struct session_run){
            .path = summary->path,
            .name = summary->name,
            .model = summary->model,
            .data = summary->data,
            .started = summary->started,
            .seconds = summary->seconds,
            .epochs_done = summary->epochs_done,
            .epochs = summary->epochs,
            .best_accuracy = summary->best_accuracy,
            .last_accuracy = summary->last_accuracy,
            .trainable = (double)summary->params_trainable,
            .frozen = (double)summary->params_frozen,
            .state = run_state_word(summary->active, summary->done, summary->how),
        };
    }
    *runs = session->run;
    return session->runs;
}

static void take_recorded(void *context, const struct event *event)
{
    history_add(context, event);
}

bool session_open_run(struct session *session, const char *path, struct error *error)
{
    char full[512];
    snprintf(full, sizeof full, "%s", path); /* may be one of session_runs' own strings */
    if (layers_training(session)) {
        struct trainer_status status;
        trainer_status(session->trainer, &status);
        if (!strcmp(path_base(status.run_path), path_base(full)))
            return true; /* it is the one on the screen */
        return error_set(error, ERROR_USAGE, "a run is training: stop it before another is opened");
    }
    struct history history;
    history_init(&history);
    struct event_sink sink = {take_recorded, &history};
    if (!rundir_read(full, &sink, error)) {
        history_finish(&history);
        return false;
    }
    run_forget(session);
    session->history = history;
    session->recorded = true;
    snprintf(session->run_path, sizeof session->run_path, "%s", full);
    return true;
}
