/* thaw train and thaw resume: a run without a screen. The trainer works on its thread; this one waits for signals. A
 * progress bar on a terminal, a plain line an epoch elsewhere; with --json one object on stdout at the end. */
#include "config.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "app.h"
#include "print.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/run/run_find.h"
#include "thaw/run/run_state.h"
#include "thaw/run/rundir.h"
#include "thaw/shelf/load.h"
#include "thaw/shelf/remember.h"
#include "thaw/train/trainer.h"

/* What is told of a run; written on the trainer's thread only, read after it ended. */
struct report {
    bool terminal; /* stderr is one: a progress bar */
    FILE *out;     /* plain lines: stdout, or stderr under --json */
    const struct experiment *experiment;
    const char *resumed; /* the run's directory where one goes on, else NULL */
    struct event run, eval, epoch, done, proof;
    double bar_at;
};

static void erase_bar(const struct report *report)
{
    if (report->terminal)
        fprintf(stderr, "\r\033[K");
}

static void tell_bar(struct report *report, const struct event *event)
{
    enum { WIDTH = 30 };
    int steps = report->run.u.run.steps_per_epoch;
    if (!report->terminal || event->elapsed - report->bar_at < 0.1 || steps < 1)
        return;
    report->bar_at = event->elapsed;
    int batch = (int)((event->step + (uint64_t)steps - 1) % (uint64_t)steps) + 1;
    int filled = WIDTH * batch / steps;
    fprintf(stderr, "\r\033[Kepoch %d/%d [%.*s%.*s] %d/%d  loss %.4f  %.0f images/s", event->epoch,
            report->experiment->train.epochs, filled, "##############################", WIDTH - filled,
            "..............................", batch, steps, event->u.step_.loss, event->u.step_.images_per_second);
    fflush(stderr);
}

static void tell_run(struct report *report)
{
    const struct event *run = &report->run;
    fprintf(report->out, "%s on %s: %d classes, %d training and %d validation images\n", run->u.run.model,
            run->u.run.data, run->u.run.classes, run->u.run.train_images, run->u.run.val_images);
    if (run->u.run.weights[0])
        fprintf(report->out, "weights: %s\n", run->u.run.weights);
    fprintf(report->out, "%llu parameters learn, %llu are frozen; %d epochs of %d steps, seed %llu\n",
            (unsigned long long)run->u.run.params_trainable, (unsigned long long)run->u.run.params_frozen,
            report->experiment->train.epochs, run->u.run.steps_per_epoch, (unsigned long long)run->u.run.seed);
    if (run->u.run.memory > 0) /* runs of older versions do not say */
        fprintf(report->out, "a step takes %.0f MB of memory", (double)run->u.run.memory / 1e6);
    if (run->u.run.recomputed > 0)
        fprintf(report->out,
                ", and to keep to that computes %d layers again: %.1f %% of the forward pass's multiply-adds",
                run->u.run.recomputed, 100 * run->u.run.recomputed_share);
    if (run->u.run.memory > 0)
        fputc('\n', report->out);
}

/* What the frozen part gives is known: from the cache, or computed now. */
static void tell_features(const struct report *report, const struct event *event)
{
    const char *part = event->u.features.validation ? "validation" : "training", *from = event->u.features.from;
    fprintf(report->out, "frozen part of %d %s images: ", event->u.features.images, part);
    if (event->u.features.computed == 0)
        fprintf(report->out, "all kept from before");
    else
        fprintf(report->out, "%d computed%s%s in %.1f s", event->u.features.computed, from[0] ? " from " : "", from,
                event->u.features.seconds);
    fprintf(report->out, ", %.1f MB%s\n", (double)event->u.features.bytes / 1e6,
            event->u.features.in_memory ? " in memory" : "");
}

/* An epoch's line, once all is known of it: with validation images only after they were judged. */
static void tell_epoch(const struct report *report, const struct event *event)
{
    fprintf(report->out, "epoch %d/%d  loss %.4f  accuracy %.2f %%", event->epoch, report->experiment->train.epochs,
            report->epoch.u.epoch_.loss, 100 * report->epoch.u.epoch_.accuracy);
    if (event->kind == EVENT_EVAL)
        fprintf(report->out, "  validation loss %.4f  accuracy %.2f %%%s", event->u.eval.loss,
                100 * event->u.eval.accuracy, event->u.eval.best ? "  best" : "");
    fprintf(report->out, "  %.1f s\n", event->elapsed);
}

/* What later lines and the report at the end speak of, without a line of its own. */
static void note(void *context, const struct event *event)
{
    struct report *report = context;
    if (event->kind == EVENT_RUN)
        report->run = *event;
    else if (event->kind == EVENT_EPOCH)
        report->epoch = *event;
    else if (event->kind == EVENT_EVAL)
        report->eval = *event;
    else if (event->kind == EVENT_FREEZE_PROOF)
        report->proof = *event;
    else if (event->kind == EVENT_DONE)
        report->done = *event;
    else if (event->kind == EVENT_THAW) {
        report->run.u.run.params_trainable = event->u.thaw.params_trainable;
        report->run.u.run.params_frozen = event->u.thaw.params_frozen;
    }
}

/* A run goes on: its file has been cut back to the checkpoint, and tells what the lines from here on are about. */
static void tell_fork(struct report *report, const struct event *event)
{
    struct error unused;
    if (rundir_read(report->resumed, &(struct event_sink){note, report}, &unused))
        tell_run(report);
    report->done = (struct event){0};
    fprintf(report->out, "going on from %s\n", event->u.fork.from);
}

static void tell(void *context, const struct event *event)
{
    struct report *report = context;
    if (event->kind == EVENT_STEP) {
        tell_bar(report, event);
        return;
    }
    erase_bar(report);
    note(report, event);
    switch (event->kind) {
    case EVENT_RUN:
        tell_run(report);
        break;
    case EVENT_EPOCH:
        if (report->run.u.run.val_images == 0)
            tell_epoch(report, event);
        break;
    case EVENT_EVAL:
        tell_epoch(report, event);
        break;
    case EVENT_FEATURES:
        tell_features(report, event);
        break;
    case EVENT_LR:
        fprintf(report->out, "learning rate %g -> %g\n", event->u.lr.from, event->u.lr.to);
        break;
    case EVENT_THAW:
        fprintf(report->out, "%s %s: %llu parameters learn\n", event->u.thaw.frozen ? "froze" : "thawed",
                event->u.thaw.layers, (unsigned long long)event->u.thaw.params_trainable);
        break;
    case EVENT_FREEZE_PROOF:
        if (!event->u.proof.held)
            fprintf(stderr, "thaw: a frozen tensor moved: %s\n", event->u.proof.moved);
        break;
    case EVENT_WARNING:
        fprintf(stderr, "thaw: warning: %s\n", event->u.warning.text);
        break;
    case EVENT_FORK:
        tell_fork(report, event);
        break;
    default:
        break;
    }
    fflush(report->out);
}

/* Waits for the run's end and passes signals on: SIGINT and SIGTERM finish the batch, save and stop; a second SIGINT
 * leaves at once; SIGHUP and SIGUSR1 save and go on. What the frozen part computes ahead has no events of its own, so
 * how far it is is told here. */
static void wait_for_end(struct trainer *trainer, const sigset_t *signals, bool terminal)
{
    int interrupts = 0;
    struct trainer_status status;
    do {
        struct timespec tick = {.tv_nsec = 50 * 1000 * 1000};
        int number = sigtimedwait(signals, NULL, &tick);
        struct trainer_command command = {.kind = TRAINER_SAVE};
        if (number == SIGINT && ++interrupts > 1)
            _exit(130);
        if (number == SIGINT)
            command.kind = TRAINER_INTERRUPT;
        else if (number == SIGTERM)
            command.kind = TRAINER_STOP;
        if (number > 0)
            trainer_post(trainer, &command);
        trainer_status(trainer, &status);
        if (terminal && status.features_all > 0)
            fprintf(stderr, "\r\033[Kfrozen part: %zu of %zu images", status.features_done, status.features_all);
    } while (status.phase != TRAINER_DONE && status.phase != TRAINER_FAILED);
    trainer_join(trainer);
}

/* What is not known is null: -1 and NAN stand for it in events and status. */
static json_t *known_json(bool known, double value)
{
    return known && isfinite(value) ? json_real(value) : json_null();
}

static json_t *count_json(bool known, uint64_t value)
{
    return known ? json_integer((json_int_t)value) : json_null();
}

static void finish_json(const struct report *report, const struct trainer_status *status, const char *how)
{
    const struct event *run = &report->run, *epoch = &report->epoch, *eval = &report->eval, *proof = &report->proof;
    bool began = run->u.run.version > 0, passed = epoch->kind == EVENT_EPOCH, judged = eval->kind == EVENT_EVAL;
    json_t *object = json_pack(
        "{s:o, s:s, s:o, s:o, s:o, s:i, s:o, s:o, s:o, s:o, s:o}", "run", print_json_text(status->run_path), "how", how,
        "model", print_json_told(run->u.run.model), "weights", print_json_told(run->u.run.weights), "data",
        print_json_told(run->u.run.data), "epochs", passed ? epoch->epoch : 0, "classes",
        count_json(began, (uint64_t)run->u.run.classes), "best_accuracy", known_json(judged, status->best_accuracy),
        "best_epoch", count_json(judged, (uint64_t)status->best_epoch), "accuracy",
        known_json(judged, eval->u.eval.accuracy), "loss", known_json(judged, eval->u.eval.loss));
    json_t *more = json_pack(
        "{s:o, s:o, s:f, s:o, s:o, s:o}", "train_accuracy", known_json(passed, epoch->u.epoch_.accuracy), "train_loss",
        known_json(passed, epoch->u.epoch_.loss), "seconds", status->elapsed, "params_trainable",
        count_json(began, run->u.run.params_trainable), "params_frozen", count_json(began, run->u.run.params_frozen),
        "freeze_held", proof->kind == EVENT_FREEZE_PROOF ? json_boolean(proof->u.proof.held) : json_null());
    json_object_update(object, more);
    json_decref(more);
    app_json(object);
}

static void finish_plain(const struct report *report, const struct trainer_status *status, const char *how)
{
    if (report->eval.kind == EVENT_EVAL)
        printf("best validation accuracy %.2f %% at epoch %d; ", 100 * status->best_accuracy, status->best_epoch);
    printf("%s after %.1f s\nrun: %s\n", how, status->elapsed, status->run_path);
}

static int finish(const struct report *report, const struct trainer_status *status, bool json)
{
    enum event_done ended = report->done.kind == EVENT_DONE ? report->done.u.done.how : EVENT_DONE_FAILED;
    if (json)
        finish_json(report, status, run_done_word(ended));
    else if (report->done.kind == EVENT_DONE)
        finish_plain(report, status, run_done_word(ended));
    if (status->phase == TRAINER_FAILED)
        return app_fail(&status->error);
    if (ended == EVENT_DONE_STOPPED)
        return error_exit_code(ERROR_STOPPED);
    return ended == EVENT_DONE_INTERRUPTED ? error_exit_code(ERROR_INTERRUPTED) : 0;
}

/* For the list of models. */
static void remember_model(const struct experiment *experiment)
{
    struct error unused;
    const char *weights = experiment->model.weights;
    bool scratch = !weights[0] || !strcmp(weights, "none");
    char *path = scratch ? mem_string(experiment->model.name) : load_weights_path(weights, &unused);
    if (path)
        remember_use(path);
    mem_free(path);
}

static int run(const struct experiment *experiment, const char *resume, bool json)
{
    struct error error = {0};
    struct report report = {
        .terminal = isatty(STDERR_FILENO), .out = json ? stderr : stdout, .experiment = experiment, .resumed = resume};
    struct event_sink sink = {tell, &report};
    static const int handled[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1};
    sigset_t signals;
    sigemptyset(&signals);
    for (size_t i = 0; i < THAW_LENGTH(handled); i++)
        sigaddset(&signals, handled[i]);
    signal(SIGPIPE, SIG_IGN);                   /* whoever read the lines may go away */
    pthread_sigmask(SIG_BLOCK, &signals, NULL); /* every thread started from here on inherits it */
    struct trainer *trainer = trainer_create(experiment, resume, &sink, &error);
    if (!trainer || !trainer_start(trainer, &error)) {
        trainer_destroy(trainer);
        return app_fail(&error);
    }
    remember_model(experiment);
    wait_for_end(trainer, &signals, report.terminal);
    struct trainer_status status;
    trainer_status(trainer, &status);
    trainer_destroy(trainer);
    erase_bar(&report);
    return finish(&report, &status, json);
}

static int train(int argc, char **argv)
{
    bool json = false;
    struct option_list set = {0};
    const char *runs = NULL;
    const struct option_row options[] = {
        {.name = "--json", .flag = &json},
        {.name = "--set", .list = &set},
        {.name = "--runs", .value = &runs},
        {.name = "--run", .value = &runs}, /* as it was called at first */
    };
    argc = app_options(&verb_train, argc, argv, options, THAW_LENGTH(options));
    if (argc < 0)
        return argc == -1 ? 0 : error_exit_code(ERROR_USAGE);
    if (argc != 2)
        return app_usage(&verb_train, "one experiment file is needed");
    struct experiment experiment;
    struct error error = {0};
    bool good = experiment_load(&experiment, argv[1], &error);
    for (size_t i = 0; good && i < set.count; i++)
        good = experiment_set(&experiment, set.item[i], &error);
    if (good && runs)
        snprintf(experiment.run.dir, sizeof experiment.run.dir, "%s", runs);
    if (!good || !experiment_check(&experiment, &error))
        return app_fail(&error);
    return run(&experiment, NULL, json);
}

static int resume(int argc, char **argv)
{
    bool json = false;
    const char *runs = NULL;
    const struct option_row options[] = {{.name = "--json", .flag = &json}, {.name = "--runs", .value = &runs}};
    argc = app_options(&verb_resume, argc, argv, options, THAW_LENGTH(options));
    if (argc < 0)
        return argc == -1 ? 0 : error_exit_code(ERROR_USAGE);
    if (argc != 2)
        return app_usage(&verb_resume, "one run is needed, by its name or as a directory");
    struct experiment experiment;
    struct error error = {0};
    char *folder = run_folder(runs), *found = run_find(folder, argv[1], &error);
    char *path = found ? path_join(found, "experiment.ini") : NULL;
    bool good = path && experiment_load(&experiment, path, &error);
    int code = good ? run(&experiment, found, json) : app_fail(&error);
    mem_free(path);
    mem_free(found);
    mem_free(folder);
    return code;
}

const struct verb verb_train = {
    .name = "train",
    .synopsis = "EXPERIMENT.ini [--set section.key=value]... [--runs DIR] [--json]",
    .help = "runs an experiment without a screen",
    .options = "  --set section.key=value   overrides a line of the experiment; may be repeated\n"
               "  --runs DIR                where the run directory is made\n"
               "  --json                    one JSON object on stdout at the end\n\n"
               "Signals: INT and TERM finish the batch, save and stop; HUP and USR1 save and go on.\n",
    .run = train,
};

const struct verb verb_resume = {
    .name = "resume",
    .synopsis = "RUN [--runs DIR] [--json]",
    .help = "goes on with a run from its last checkpoint, to the same bits",
    .options = "  --runs DIR   where runs are looked for by name (runs in the data home)\n"
               "  --json       one JSON object on stdout at the end\n\n" APP_RUN_HELP,
    .run = resume,
};
