/* The trainer's door: making one, its thread, and whether it has ended. The thread prepares (trainer_prepare.c), trains
 * (trainer_loop.c), obeys (trainer_command.c), saves (trainer_save.c) and says what it does (trainer_tell.c). */
#include "config.h"

#include <ctype.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "checkpoint_find.h"
#include "thaw/base/clock.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/run/run_find.h"
#include "thaw/shelf/load.h"
#include "trainer_private.h"
#include "trainer_resume.h"

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

static void set_state(struct trainer *trainer, enum trainer_state state)
{
    pthread_mutex_lock(&trainer->mutex);
    trainer->status.state = state;
    trainer->status.error = trainer->failure;
    pthread_mutex_unlock(&trainer->mutex);
}

/* Of a run that never began nothing stays. */
static void let_go(struct trainer *trainer, bool stays)
{
    static const char *const made[] = {TRAINER_PARENT, TRAINER_LAST, TRAINER_KERNELS, TRAINER_SPLIT};
    for (size_t i = 0; i < THAW_LENGTH(made) && !stays; i++) {
        char *path = rundir_file(trainer->rundir, made[i]);
        unlink(path);
        mem_free(path);
    }
    if (stays)
        rundir_close(trainer->rundir);
    else
        rundir_discard(trainer->rundir);
    trainer->rundir = NULL;
}

/* It may have been moved. */
static void note_place(struct trainer *trainer)
{
    mem_free(rundir_file(trainer->rundir, ""));
    pthread_mutex_lock(&trainer->mutex);
    snprintf(trainer->status.run_path, sizeof trainer->status.run_path, "%s", rundir_path(trainer->rundir));
    pthread_mutex_unlock(&trainer->mutex);
}

/* The run directory is let go before the state says so: who waits for the end may open it at once. */
static void *run_thread(void *context)
{
    struct trainer *trainer = context;
    if (trainer_prepare(trainer, &trainer->failure)) {
        trainer_loop(trainer);
        if (trainer->failure.kind == ERROR_NONE)
            trainer_export(trainer);
        trainer_account(trainer);
    }
    trainer_close_commands(trainer);
    if (trainer->speaking) /* a run that was refused to go on stays as it had ended */
        trainer_tell_done(trainer);
    if (trainer->failure.kind != ERROR_NONE)
        log_write(trainer->log, LOG_ERROR, "train", "%s", trainer->failure.text);
    log_close(trainer->log);
    trainer->log = NULL;
    note_place(trainer);
    let_go(trainer, trainer->began || trainer->resuming);
    set_state(trainer, trainer->failure.kind == ERROR_NONE ? TRAINER_DONE : TRAINER_FAILED);
    return NULL;
}

/* --- creating and destroying --- */

/* Nothing in a name that nobody chose needs quoting in a shell: one dash for whatever is no letter, digit, '_' or '.'.
 * Letters beyond ASCII stay. */
static void make_plain(char *name)
{
    char *to = name;
    for (const char *c = name; *c; c++) {
        bool plain = isalnum((unsigned char)*c) || (unsigned char)*c >= 0x80 || *c == '_' || *c == '.';
        if (plain || (to > name && to[-1] != '-'))
            *to++ = plain ? *c : '-';
    }
    while (to > name && to[-1] == '-')
        to--;
    *to = '\0';
}

/* "mobilenet-signs": the architecture, or the weights file without what follows its last dot; and the data's folder. */
static char *run_name(const struct experiment *experiment)
{
    if (experiment->run.name[0])
        return mem_string(experiment->run.name);
    const char *file = path_base(experiment->model.weights), *dot = strrchr(file, '.');
    char *model = experiment->model.name[0]
                      ? mem_string(experiment->model.name)
                      : mem_format("%.*s", (int)(dot ? (size_t)(dot - file) : strlen(file)), file);
    char *data = mem_string(path_base(experiment->data.path));
    make_plain(model);
    make_plain(data);
    char *name = mem_format("%s%s%s", model, model[0] && data[0] ? "-" : "", data);
    mem_free(model);
    mem_free(data);
    return name;
}

static struct rundir *open_rundir(const struct experiment *experiment, const char *resume_path, struct error *error)
{
    if (resume_path)
        return rundir_open(resume_path, error);
    char *runs = run_folder(experiment->run.dir[0] ? experiment->run.dir : NULL), *name = run_name(experiment);
    struct rundir *rundir = rundir_create(runs, name, error);
    mem_free(runs);
    mem_free(name);
    return rundir;
}

bool trainer_write_experiment(const struct trainer *trainer, struct error *error)
{
    char *file = rundir_file(trainer->rundir, "experiment.ini");
    bool good = file_write_atomic(file, trainer->settings, strlen(trainer->settings), error);
    mem_free(file);
    return good;
}

static bool open_log(struct trainer *trainer, struct error *error)
{
    char *file = rundir_file(trainer->rundir, "thaw.log");
    trainer->log = log_open(file, LOG_INFO, error);
    mem_free(file);
    return trainer->log != NULL;
}

/* Where a fork begins from is written down before anything else: it may be killed before it has a checkpoint. */
static bool name_parent(const struct trainer *trainer, const struct trainer_options *options, struct error *error)
{
    char *parent = realpath(options->fork, NULL), *file = rundir_file(trainer->rundir, TRAINER_PARENT);
    char *text =
        mem_format("%s\n%s\n", parent ? parent : options->fork, options->checkpoint ? options->checkpoint : "last");
    bool good = file_write_atomic(file, text, strlen(text), error);
    mem_free(text);
    mem_free(file);
    free(parent);
    return good;
}

/* A run that has no checkpoint of its own begins from its parent's, where it has one. A fork's own is there before its
 * first event. */
static bool find_parent(struct trainer *trainer, struct error *error)
{
    enum { MOST = 1 << 16 };
    char *last = rundir_file(trainer->rundir, TRAINER_LAST), *file = rundir_file(trainer->rundir, TRAINER_PARENT);
    bool wanted = file_exists(file) && !file_exists(last) && rundir_mark(trainer->rundir) == 0;
    char *text = wanted ? file_read_text_own(file, MOST, error) : NULL;
    bool good = text || !wanted;
    if (text) {
        size_t length = strcspn(text, "\n");
        const char *name = text + length + (text[length] == '\n');
        trainer->fork = mem_format("%.*s", (int)length, text);
        trainer->checkpoint = mem_format("%.*s", (int)strcspn(name, "\n"), name);
        good = rundir_check(trainer->fork, error);
    }
    mem_free(text);
    mem_free(file);
    mem_free(last);
    return good;
}

struct trainer *trainer_create(const struct trainer_options *options, struct error *error)
{
    struct experiment found = *options->experiment, *experiment = &found;
    char *weights = experiment->model.weights; /* the run names the file, not the name that it has in the catalog */
    if (!experiment_check(experiment, error) ||
        !load_find_weights(weights, sizeof experiment->model.weights, NULL, error) ||
        (options->resume && !checkpoint_refuse_newer_run(options->resume, error)))
        return NULL;
    struct rundir *rundir = open_rundir(experiment, options->resume, error);
    if (!rundir)
        return NULL;
    struct trainer *trainer = mem_alloc(sizeof *trainer);
    trainer->experiment = *experiment;
    trainer->settings = experiment_text(experiment);
    trainer->sink = *options->sink;
    trainer->rundir = rundir;
    trainer->resuming = options->resume != NULL;
    trainer->extended = options->epochs;
    trainer->how = EVENT_DONE_FINISHED;
    trainer->reducer = &reducer_team;
    trainer->task = &task_classify;
    trainer->at = (struct checkpoint){.version = CHECKPOINT_VERSION, .epoch = 1, .val_loss = -1, .best = NAN};
    trainer->at.lr.anchor = SCHEDULE_NO_ANCHOR;
    trainer->event_epoch = 1;
    trainer->commands = queue_create(TRAINER_COMMANDS);
    atomic_init(&trainer->abandoned, false);
    atomic_init(&trainer->closed, false);
    pthread_mutex_init(&trainer->mutex, NULL);
    snprintf(trainer->status.run_path, sizeof trainer->status.run_path, "%s", rundir_path(rundir));
    bool named = options->resume || !options->fork || name_parent(trainer, options, error);
    bool written = trainer->resuming || !named || trainer_write_experiment(trainer, error); /* else once it goes on */
    if (named && written && find_parent(trainer, error) && open_log(trainer, error))
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
    plan_changes_finish(&trainer->changes);
    graph_destroy(trainer->graph);
    team_destroy(trainer->team);
    kernel_table_close(trainer->kernels);
    dataset_destroy(trainer->dataset);
    mem_free_floats(trainer->logits_gradient);
    mem_free(trainer->gradient);
    mem_free(trainer->reduced);
    mem_free(trainer->touched);
    mem_free(trainer->row_node);
    mem_free(trainer->node_ratio);
    mem_free(trainer->row_ratio);
}

void trainer_destroy(struct trainer *trainer)
{
    if (!trainer)
        return;
    atomic_store(&trainer->abandoned, true);
    queue_close(trainer->commands);
    trainer_join(trainer);
    trainer_close_commands(trainer); /* of one that was never started */
    free_engine(trainer);
    log_close(trainer->log);
    if (trainer->rundir) /* it was never started */
        let_go(trainer, trainer->resuming);
    queue_destroy(trainer->commands);
    mem_free(trainer->pending);
    mem_free(trainer->best_held);
    mem_free(trainer->fork);
    mem_free(trainer->checkpoint);
    mem_free(trainer->settings);
    mem_free(trainer->passed_over);
    mem_free(trainer->stand_in);
    recorded_finish(&trainer->recorded);
    trainer_predictions_finish(&trainer->predictions);
    trainer_predictions_finish(&trainer->best_predictions);
    pthread_mutex_destroy(&trainer->mutex);
    mem_free(trainer);
}

void trainer_status(struct trainer *trainer, struct trainer_status *status)
{
    pthread_mutex_lock(&trainer->mutex);
    *status = trainer->status;
    pthread_mutex_unlock(&trainer->mutex);
}
