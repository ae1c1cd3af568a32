/* The trainer as its callers see it: what is frozen does not move and a proof fails where it does; commands, early stop,
 * exports, and what it does about missing parts. */
#include "config.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "src/train/trainer_private.h"
#include "tests/resume/world.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/shelf/load.h"

static void assert_file(const char *run, const char *name)
{
    char *path = path_join(run, name);
    if (!file_exists(path))
        fail_msg("no %s", path);
    mem_free(path);
}

static void frozen_does_not_move(void **state)
{
    (void)state;
    struct experiment experiment = world_experiment();
    struct world_log log = {0};
    world_set(&experiment, "train.epochs=2");
    world_run(&log, &experiment, NULL);
    assert_true(log.last[EVENT_FREEZE_PROOF].u.proof.held);
    assert_in_range(log.kinds[EVENT_FREEZE_PROOF], 2,
                    3); /* at the start and at the end; between, where it holds up nothing */
    assert_int_equal(log.kinds[EVENT_WARNING], 0);
    const char *match = log.last[EVENT_RUN].u.run.weights;
    assert_non_null(strstr(match, "97 tensors loaded; 19 ignored; the class layer starts fresh: it learned other"));
    assert_file(log.path, "experiment.ini");
    assert_file(log.path, "predictions.json");
    assert_file(log.path, "predictions-best.json");
    assert_file(log.path, "thaw.log");

    struct error error = {0};
    char *model = path_join(log.path, "model.safetensors");
    struct load_request request = {.arch = "resnet20", .weights = model};
    struct bind_report report;
    struct graph *graph = load_graph(&request, &report, &error);
    assert_non_null(graph);
    assert_int_equal(graph->classes, WORLD_CLASSES);
    int moved = 0, frozen = 0;
    for (int p = 0; p < graph->params; p++) {
        bool fixed = strncmp(graph->param[p].name, "layer3", 6) != 0 && graph->param[p].node <= graph->trunk;
        world_assert_tensor(model, world.base, graph->param[p].name, fixed);
        *(fixed ? &frozen : &moved) += 1;
    }
    assert_true(frozen > 60 && moved > 30);
    assert_int_equal(log.last[EVENT_FREEZE_PROOF].u.proof.tensors, frozen);
    bind_report_finish(&report);
    graph_destroy(graph);
    mem_free(model);
}

/* A running mean of the frozen half is moved by one bit, behind the trainer's back. */
static void move_frozen(struct world_log *log, const struct event *event)
{
    struct graph *graph = log->trainer->graph;
    if (event->kind == EVENT_EPOCH && event->epoch == 2)
        graph_param_values(graph, graph_find_param(graph, "layer1.0.bn1.running_mean"))[3] += 1e-6f;
}

static void proof_fails_where_something_moved(void **state)
{
    (void)state;
    struct experiment experiment = world_experiment();
    struct world_log log = {.react = move_frozen};
    world_set(&experiment, "train.epochs=2");
    world_run(&log, &experiment, NULL);
    const struct event *proof = &log.last[EVENT_FREEZE_PROOF];
    assert_false(proof->u.proof.held);
    assert_string_equal(proof->u.proof.moved, "layer1.0.bn1.running_mean");
    assert_int_equal(log.kinds[EVENT_WARNING], 1);
    assert_non_null(strstr(log.last[EVENT_WARNING].u.warning.text, "layer1.0.bn1.running_mean"));
}

static void command_everything(struct world_log *log, const struct event *event)
{
    if (event->kind == EVENT_PAUSE && event->u.pause.paused) {
        world_post(log, RUN_LR, 0.003, NULL);
        world_post(log, RUN_THAW, 1, "nosuchlayer");
        world_post(log, RUN_LR, -1, NULL);
        world_post(log, RUN_FREEZE, 0, "*");
        world_post(log, RUN_SAVE, 0, NULL);
        world_post(log, RUN_WATCH, 3, NULL);
        world_post(log, RUN_NOTE, 0, "looks good");
        world_post(log, RUN_PAUSE, 0, NULL);
        world_post(log, RUN_CONTINUE, 0, NULL);
    }
    if (event->kind == EVENT_STEP && event->step == 2)
        world_post(log, RUN_PAUSE, 0, NULL);
    if (event->kind == EVENT_STEP && event->step == 6)
        world_post(log, RUN_INTERRUPT, 0, NULL);
}

/* Every command has one answer, and every one that writes an event, done or refused. */
static void commands_take_effect(void **state)
{
    (void)state;
    static const struct {
        bool done;
        const char *part;
    } wanted[] = {{true, ""},
                  {true, ""},
                  {false, "no layer \"nosuchlayer\"; the nearest names are"},
                  {false, "a learning rate of -1 cannot be set"},
                  {false, "every layer would be frozen"},
                  {true, ""},
                  {false, "a viewer's own"},
                  {true, ""},
                  {true, "paused already"},
                  {true, ""},
                  {true, ""}};
    struct experiment experiment = world_experiment();
    struct world_log log = {.react = command_everything}, read;
    world_set(&experiment, "train.schedule=constant");
    world_run(&log, &experiment, NULL);
    assert_int_equal(log.last_step, 6);
    assert_int_equal(log.kinds[EVENT_PAUSE], 2);
    assert_int_equal(log.kinds[EVENT_WARNING], 0);
    assert_int_equal(log.kinds[EVENT_LR], 1);
    assert_true(log.last[EVENT_LR].u.lr.from == 0.02 && log.last[EVENT_LR].u.lr.to == 0.003);
    assert_true(log.last[EVENT_STEP].u.step_.lr == 0.003);
    assert_int_equal(log.kinds[EVENT_THAW], 0);
    assert_int_equal(log.kinds[EVENT_NOTE], 1);
    assert_string_equal(log.last[EVENT_NOTE].u.note.by, "test");
    assert_int_equal(log.last[EVENT_DONE].u.done.how, EVENT_DONE_INTERRUPTED);
    assert_file(log.path, "model.safetensors");
    assert_int_equal(log.answers, THAW_LENGTH(wanted));
    for (int i = 0; i < log.answers; i++) {
        if (log.answer[i].done != wanted[i].done || !strstr(log.answer[i].sentence, wanted[i].part))
            fail_msg("answer %d: %d \"%s\"", i, log.answer[i].done, log.answer[i].sentence);
        assert_true(i == 0 || log.answer[i].id == log.answer[i - 1].id + 1);
    }
    world_read(log.path, &read);
    assert_int_equal(read.kinds[EVENT_COMMAND], THAW_LENGTH(wanted) - 1); /* watching writes nothing */
    assert_non_null(strstr(log.command, "\"interrupt\""));
    assert_string_equal(log.last[EVENT_COMMAND].u.command.by, "test");
}

/* More than there is room for, to a run that does not take them yet, and to one that has ended. */
static void no_command_goes_unanswered(void **state)
{
    (void)state;
    struct experiment experiment = world_experiment();
    struct world_log log = {0};
    struct error error = {0};
    struct event_sink sink;
    world_set(&experiment, "train.epochs=1");
    world_sink(&sink, &log);
    struct trainer_options options = {.experiment = &experiment, .sink = &sink};
    log.trainer = trainer_create(&options, &error);
    assert_non_null(log.trainer);
    for (int i = 0; i < TRAINER_COMMANDS; i++)
        world_post(&log, RUN_STEP, 0.5, NULL);
    assert_int_equal(log.answers, 0);
    world_post(&log, RUN_SAVE, 0, NULL);
    assert_int_equal(log.answers, 1);
    assert_non_null(strstr(log.answer[0].sentence, "waiting already"));
    assert_true(trainer_start(log.trainer, &error));
    trainer_join(log.trainer);
    assert_int_equal(log.answers, 1 + TRAINER_COMMANDS);
    assert_non_null(strstr(log.answer[3].sentence, "0.5 steps cannot be made"));
    assert_int_equal(log.kinds[EVENT_COMMAND], TRAINER_COMMANDS);
    world_post(&log, RUN_SAVE, 0, NULL);
    assert_int_equal(log.answers, 2 + TRAINER_COMMANDS);
    assert_false(log.last_answer.done);
    assert_string_equal(log.last_answer.sentence, "the run has ended");
    trainer_destroy(log.trainer);
    /* Of one that never began. */
    log = (struct world_log){0};
    log.trainer = trainer_create(&options, &error);
    world_post(&log, RUN_PAUSE, 0, NULL);
    trainer_destroy(log.trainer);
    assert_int_equal(log.answers, 1);
    assert_false(log.answer[0].done);
}

/* The digits of a plan with those of some rows from `first` on set to `digit`. */
static void post_plan(struct world_log *log, int first, int rows, char digit)
{
    char plan[1024];
    strcpy(plan, log->fixed);
    for (int i = first; i < first + rows; i++)
        plan[i] = digit;
    world_post(log, RUN_PLAN, 0, plan);
}

static void change_plans(struct world_log *log, const struct event *event)
{
    if (event->kind != EVENT_STEP)
        return;
    if (event->step == 2)
        world_post(log, RUN_THAW, 0.5, "layer2.2.* layer2.1.conv2");
    if (event->step == 3)
        world_post(log, RUN_UNDO, 0, NULL);
    if (event->step == 4)
        world_post(log, RUN_UNDO, 0, NULL);
    if (event->step == 5)
        post_plan(log, 0, 3, '0'); /* the stage of conv1 and bn1, layer1.0.conv1 */
    if (event->step == 6)
        post_plan(log, (int)strlen(log->fixed) - 1, 2, '1');
    if (event->step == 7)
        world_post(log, RUN_THAW, 1, "conv1");
    if (event->step == 8)
        world_post(log, RUN_STOP, 0, NULL);
    snprintf(log->seen[event->step], sizeof log->seen[0], "%.1000s", log->layers);
    snprintf(log->plan_seen[event->step], sizeof log->plan_seen[0], "%.1000s", log->fixed);
}

static void plans_change_whole_and_come_back(void **state)
{
    (void)state;
    struct experiment experiment = world_experiment();
    static struct world_log log;
    log = (struct world_log){.react = change_plans};
    world_set(&experiment, "train.schedule=constant");
    world_run(&log, &experiment, NULL);
    assert_int_equal(log.kinds[EVENT_THAW], 3);
    assert_int_equal(log.kinds[EVENT_LR], 2);
    assert_string_equal(log.seen[3], "layer2.2.* layer2.1.conv2");
    assert_string_not_equal(log.plan_seen[3], log.plan_seen[2]);
    assert_string_equal(log.plan_seen[4], log.plan_seen[2]);
    assert_true(log.last[EVENT_LR].u.lr.from == 0.01 && log.last[EVENT_LR].u.lr.to == 0.02);
    assert_false(log.answer[2].done);
    assert_non_null(strstr(log.answer[2].sentence, "nothing was frozen or thawed"));
    assert_true(log.answer[3].done);
    assert_string_equal(log.seen[6], "conv1 layer1.0.conv1");
    assert_int_equal(strspn(log.plan_seen[6], "0"), 3);
    assert_false(log.answer[4].done);
    assert_non_null(strstr(log.answer[4].sentence, "a freeze plan of"));
    assert_true(log.answer[5].done);
    assert_string_equal(log.answer[5].sentence, "it is so already");
    assert_true(log.last[EVENT_THAW].u.thaw.by_hand);
    assert_false(log.last[EVENT_THAW].u.thaw.frozen);
}

static void set_rates(struct world_log *log, const struct event *event)
{
    if (event->kind != EVENT_STEP)
        return;
    if (event->step == 15)
        world_post(log, RUN_LR, 0.0032, NULL);
    if (event->step == 18)
        world_post(log, RUN_THAW, 0.5, "layer2.2.*");
    if (event->step == 20)
        world_post(log, RUN_EPOCHS, 9, NULL);
}

/* What is said of a rate is what the next step uses, and the schedule goes on in proportion; with more epochs, too. */
static void rates_are_those_of_the_next_step(void **state)
{
    (void)state;
    struct experiment experiment = world_experiment();
    static struct world_log plain, log;
    plain = (struct world_log){0};
    log = (struct world_log){.react = set_rates};
    world_run(&plain, &experiment, NULL);
    world_run(&log, &experiment, NULL);
    assert_true(plain.lr[1] == 0.02 && log.lr[15] == plain.lr[15]);
    assert_true(log.lr[16] == 0.0032);
    assert_true(fabs(log.lr[18] / log.lr[16] - plain.lr[18] / plain.lr[16]) < 1e-12);
    assert_true(fabs(log.lr[19] / log.lr[18] - 0.5 * plain.lr[19] / plain.lr[18]) < 1e-12);
    assert_int_equal(log.kinds[EVENT_LR], 3);
    assert_int_equal(log.kinds[EVENT_EPOCHS], 1);
    assert_true(log.last[EVENT_EPOCHS].u.epochs.from == 6 && log.last[EVENT_EPOCHS].u.epochs.to == 9);
    assert_int_equal(log.last_step, 36);
    assert_true(log.lr[21] == log.last[EVENT_LR].u.lr.to);
    double cosine = (1 + cos(M_PI * 20 / 36)) / (1 + cos(M_PI * 15 / 36));
    assert_true(fabs(log.lr[21] - 0.0016 * cosine) < 1e-12);
}

static void change_epochs(struct world_log *log, const struct event *event)
{
    if (event->kind != EVENT_STEP || event->step != 9)
        return;
    world_post(log, RUN_EPOCHS, 2, NULL);
    world_post(log, RUN_EPOCHS, 3.5, NULL);
    world_post(log, RUN_EPOCHS, 3, NULL);
    world_post(log, RUN_EPOCHS, 3, NULL);
}

static void epochs_become_fewer_and_more(void **state)
{
    (void)state;
    struct experiment experiment = world_experiment();
    static struct world_log log, more;
    struct trainer_options options = {.experiment = &experiment, .resume = log.path, .epochs = 5};
    log = (struct world_log){.react = change_epochs};
    world_run(&log, &experiment, NULL);
    assert_int_equal(log.last_step, 12);
    assert_int_equal(log.last[EVENT_DONE].u.done.how, EVENT_DONE_FINISHED);
    assert_non_null(strstr(log.answer[0].sentence, "cannot end behind epoch 2: epoch 3 is running"));
    assert_non_null(strstr(log.answer[1].sentence, "3.5 epochs"));
    assert_true(log.answer[2].done && log.answer[3].done && !log.answer[1].done);
    assert_int_equal(log.kinds[EVENT_EPOCHS], 1);

    /* Resumed as it was, nothing is left to do; extended, two more epochs; and for fewer it is refused. */
    world_run(&more, &experiment, log.path);
    assert_int_equal(more.kinds[EVENT_STEP], 0);
    world_run_options(&more, &options);
    assert_int_equal(more.last_step, 20);
    assert_true(more.last[EVENT_EPOCHS].u.epochs.from == 3 && more.last[EVENT_EPOCHS].u.epochs.to == 5);
    assert_true(more.lr[13] > 0.004);
    assert_true(more.last[EVENT_LR].u.lr.from == log.lr[12] && log.lr[12] > 0);
    options.epochs = 4;
    struct trainer_status status;
    world_run_failing_options(&more, &options, &status);
    assert_non_null(strstr(status.error.text, "cannot end behind epoch 4"));
}

static void an_early_end_is_extended(void **state)
{
    (void)state;
    struct experiment experiment = world_experiment();
    static struct world_log log, more;
    world_set(&experiment, "train.lr=1e-12");
    world_set(&experiment, "freeze.bn_stats=fixed");
    world_set(&experiment, "train.early_stop=2");
    world_run(&log, &experiment, NULL);
    assert_int_equal(log.last[EVENT_DONE].u.done.how, EVENT_DONE_EARLY);
    struct trainer_options options = {.experiment = &experiment, .resume = log.path, .epochs = 6};
    world_run_options(&more, &options);
    assert_int_equal(more.evals, 2);
    assert_int_equal(more.last[EVENT_DONE].u.done.how, EVENT_DONE_EARLY);
}

static void step_and_stop(struct world_log *log, const struct event *event)
{
    if (event->kind == EVENT_STEP && event->step == 2)
        world_post(log, RUN_PAUSE, 0, NULL);
    if (event->kind == EVENT_PAUSE && event->u.pause.paused && event->step == 2)
        world_post(log, RUN_STEP, 2, NULL);
    if (event->kind == EVENT_PAUSE && event->u.pause.paused && event->step == 4) {
        log->at = (uint64_t)log->kinds[EVENT_EPOCH];
        world_post(log, RUN_STEP, 0, NULL); /* one */
    }
    if (event->kind == EVENT_PAUSE && event->u.pause.paused && event->step == 5) {
        world_post_stop(log, RUN_STOP_EPOCH, 0);
        world_post(log, RUN_CONTINUE, 0, NULL);
    }
}

static void steps_and_stops(void **state)
{
    (void)state;
    struct experiment experiment = world_experiment();
    struct world_log log = {.react = step_and_stop};
    world_run(&log, &experiment, NULL);
    assert_int_equal(log.at, 0); /* paused behind the step, before the evaluation */
    assert_int_equal(log.last_step, 8);
    assert_int_equal(log.kinds[EVENT_EPOCH], 2);
    assert_int_equal(log.kinds[EVENT_PAUSE], 6);
    assert_int_equal(log.last[EVENT_DONE].u.done.how, EVENT_DONE_STOPPED);
}

static void stop_soon(struct world_log *log, const struct event *event)
{
    if (event->kind == EVENT_STEP && event->step == 3) {
        world_post_stop(log, RUN_STOP_TIME, event->time - 10);
        world_post_stop(log, RUN_STOP_TIME, event->time + 0.4);
        world_post(log, RUN_PAUSE, 0, NULL);
    }
}

/* A stop's time comes in a pause, too. */
static void stops_at_a_time(void **state)
{
    (void)state;
    struct experiment experiment = world_experiment();
    struct world_log log = {.react = stop_soon};
    world_run(&log, &experiment, NULL);
    assert_int_equal(log.last_step, 3);
    assert_int_equal(log.answers, 3);
    assert_true(!log.answer[0].done && log.answer[1].done);
    assert_non_null(strstr(log.answer[0].sentence, "has passed"));
    assert_int_equal(log.last[EVENT_DONE].u.done.how, EVENT_DONE_STOPPED);
}

static void pause_early(struct world_log *log, const struct event *event)
{
    if (event->kind == EVENT_STEP)
        world_post(log, RUN_PAUSE, 0, NULL);
}

static void destroy_ends_a_pause(void **state)
{
    (void)state;
    struct experiment experiment = world_experiment();
    struct world_log log = {.react = pause_early}, read;
    struct error error = {0};
    struct trainer_status status = {0};
    struct event_sink sink;
    world_sink(&sink, &log);
    struct trainer_options options = {.experiment = &experiment, .sink = &sink};
    log.trainer = trainer_create(&options, &error);
    assert_non_null(log.trainer);
    assert_true(trainer_start(log.trainer, &error));
    while (!atomic_load(&log.paused))
        nanosleep(&(struct timespec){0, 1000000}, NULL);
    trainer_status(log.trainer, &status);
    assert_int_equal(status.state, TRAINER_RUNNING);
    trainer_destroy(log.trainer);
    world_read(status.run_path, &read);
    assert_int_equal(read.last_step, 1);
    assert_int_equal(read.last[EVENT_DONE].u.done.how, EVENT_DONE_STOPPED);

    /* One that was never started leaves nothing behind. */
    log.trainer = trainer_create(&options, &error);
    assert_non_null(log.trainer);
    trainer_status(log.trainer, &status);
    assert_true(file_is_directory(status.run_path));
    trainer_destroy(log.trainer);
    assert_false(file_is_directory(status.run_path));
}

static bool has_epoch(const char *run, int epoch)
{
    char name[64];
    snprintf(name, sizeof name, "checkpoints/epoch-%04d.safetensors", epoch);
    char *path = path_join(run, name);
    bool has = file_exists(path);
    mem_free(path);
    return has;
}

static void checkpoints_of_epochs_are_kept(void **state)
{
    (void)state;
    static const struct {
        const char *last, *every, *files; /* of epochs 1..6 */
    } rows[] = {{"run.keep_last=0", "run.keep_every=0", "000000"},
                {"run.keep_last=6", "run.keep_every=2", "?1?1?1"},
                {"run.keep_last=1", "run.keep_every=4", "000101"},
                {"run.keep_last=0", "run.keep_every=3", "001001"}};
    for (size_t i = 0; i < THAW_LENGTH(rows); i++) {
        struct experiment experiment = world_experiment();
        struct world_log log = {0};
        world_set(&experiment, rows[i].last);
        world_set(&experiment, rows[i].every);
        world_run(&log, &experiment, NULL);
        for (int epoch = 1; epoch <= 6; epoch++)
            if (rows[i].files[epoch - 1] != '?' && has_epoch(log.path, epoch) != (rows[i].files[epoch - 1] == '1'))
                fail_msg("row %zu, epoch %d", i, epoch);
    }
}

/* Which epoch predictions are of. */
static int predicted_epoch(const char *run, const char *name)
{
    struct error error = {0};
    char *path = path_join(run, name), *text = file_read_text(path, 1 << 20, &error);
    const char *epoch = text ? strstr(text, "\"epoch\":") : NULL;
    int found = epoch ? atoi(epoch + 8) : -1;
    mem_free(text);
    mem_free(path);
    return found;
}

static void ends_early(void **state)
{
    (void)state;
    struct experiment experiment = world_experiment();
    struct world_log log = {0};
    world_set(&experiment, "train.lr=1e-12"); /* nothing gets better than it was */
    world_set(&experiment, "freeze.bn_stats=fixed");
    world_set(&experiment, "train.early_stop=2");
    world_run(&log, &experiment, NULL);
    assert_int_equal(log.last[EVENT_DONE].u.done.how, EVENT_DONE_EARLY);
    assert_int_equal(log.evals, 3);
    assert_int_equal(log.last[EVENT_DONE].u.done.best_epoch, 1);
    assert_int_equal(predicted_epoch(log.path, "predictions.json"), 3);
    assert_int_equal(predicted_epoch(log.path, "predictions-best.json"), 1);
}

static void a_loss_that_is_no_number(void **state)
{
    (void)state;
    struct experiment experiment = world_experiment();
    struct world_log log = {0};
    world_set(&experiment, "train.lr=1e6");
    world_set(&experiment, "freeze.upto=none");
    world_set(&experiment, "freeze.bn_stats=fixed");
    world_set(&experiment, "train.schedule=constant");
    world_run(&log, &experiment, NULL);
    assert_int_equal(log.last[EVENT_DONE].u.done.how, EVENT_DONE_FAILED);
    assert_non_null(strstr(log.last[EVENT_DONE].u.done.text, "try a lower train.lr"));
}

static void assert_refused(const char *assignment, enum error_kind kind, const char *part)
{
    struct experiment experiment = world_experiment();
    struct world_log log = {0};
    struct trainer_status status;
    world_set(&experiment, assignment);
    world_run_failing(&log, &experiment, &status);
    assert_int_equal(status.state, TRAINER_FAILED);
    if (status.error.kind != kind || !strstr(status.error.text, part))
        fail_msg("\"%s\" does not say \"%s\", or is of kind %d", status.error.text, part, status.error.kind);
    assert_false(file_is_directory(status.run_path)); /* no litter among the runs */
}

/* What was split off is in the run directory, and its digest in the first event. */
static void a_split_is_written_down(void **state)
{
    (void)state;
    struct experiment experiment = world_experiment();
    struct world_log log = {0};
    struct error error = {0};
    char *path = mem_format("data.path=%s/train", world.data);
    world_set(&experiment, path);
    world_set(&experiment, "data.val=0.25");
    world_set(&experiment, "train.epochs=1");
    world_run(&log, &experiment, NULL);
    char *file = path_join(log.path, "validation.tsv"), *list = file_read_text(file, 1 << 20, &error);
    world_must(list, &error);
    struct hash hash = hash_bytes(list, strlen(list), (struct hash){0, 0});
    assert_int_equal(strncmp(list, "class0/", 7), 0);
    assert_non_null(strstr(list, "\tclass1\n"));
    char *events = path_join(log.path, "events.jsonl"), *text = file_read_text(events, 1 << 24, &error),
         digits[HASH_TEXT];
    hash_text(digits, hash);
    char *wanted = mem_format("\"split\":\"%s\"", digits);
    assert_non_null(strstr(text, wanted));
    mem_free(wanted);
    mem_free(text);
    mem_free(events);
    mem_free(list);
    mem_free(file);
    mem_free(path);
}

static void what_cannot_begin(void **state)
{
    (void)state;
    assert_refused("model.weights=/nowhere/w.safetensors", ERROR_WEIGHTS, "/nowhere/w.safetensors");
    assert_refused("data.path=/nowhere/data", ERROR_DATA, "/nowhere/data");
    char *images = path_join(world.folder, "t10k-images-idx3-ubyte"),
         *labels = path_join(world.folder, "t10k-labels-idx1-ubyte");
    struct error error = {0};
    assert_true(file_write_atomic(images, "\0\0\10\3\0\0\0\1\0\0\0\1\0\0\0\1x", 17, &error));
    assert_true(file_write_atomic(labels, "\0\0\10\1\0\0\0\1\0", 9, &error));
    char *assignment = mem_format("data.path=%s", images);
    assert_refused(assignment, ERROR_DATA, "no training images, only 1 for validation");
    mem_free(assignment);
    mem_free(labels);
    mem_free(images);
    assert_refused("freeze.upto=linear", ERROR_USAGE, "nothing is left to train");
    assert_refused("freeze.upto=layer9", ERROR_USAGE, "layer9");
    assert_refused("thaw.epoch 2=layer9", ERROR_USAGE, "[thaw] epoch 2");
}

static void thaw_and_take_back(struct world_log *log, const struct event *event)
{
    if (event->kind == EVENT_STEP && event->step == 1)
        world_post(log, RUN_THAW, 1, "layer2.2.*");
    if (event->kind == EVENT_STEP && event->step == 2 && log->at)
        world_post(log, RUN_UNDO, 0, NULL);
}

static void take_back(struct world_log *log, const struct event *event)
{
    if (event->kind == EVENT_STEP && event->step == 6)
        world_post(log, RUN_UNDO, 0, NULL);
}

/* Who undoes is told what came of it; and what a parent thawed is not its fork's to take back. */
static void undo_says_what_and_knows_its_own(void **state)
{
    (void)state;
    struct experiment experiment = world_experiment();
    struct world_log log = {.react = thaw_and_take_back, .at = 1};
    world_set(&experiment, "train.epochs=1");
    world_run(&log, &experiment, NULL);
    if (!log.last_answer.done || strncmp(log.last_answer.sentence, "froze layer2.2", 14) != 0)
        fail_msg("%s", log.last_answer.sentence);
    log.at = 0;
    world_run(&log, &experiment, NULL);
    char *parent = mem_string(log.path);
    world_set(&experiment, "train.epochs=2");
    struct trainer_options options = {.experiment = &experiment, .fork = parent};
    log.react = take_back;
    world_run_options(&log, &options);
    assert_int_equal(log.answers, 1);
    assert_false(log.last_answer.done);
    assert_non_null(strstr(log.last_answer.sentence, "nothing was frozen or thawed in this run"));
    mem_free(parent);
}

static void scratch_trains_everything(void **state)
{
    (void)state;
    struct experiment experiment = world_experiment();
    struct world_log log = {0};
    world_set(&experiment, "model.weights=none");
    world_set(&experiment, "model.name=resnet20");
    world_set(&experiment, "data.size=16");
    world_set(&experiment, "freeze.upto=");
    world_set(&experiment, "train.lr=0.05");
    world_set(&experiment, "train.class_weights=balanced");
    world_set(&experiment, "train.label_smoothing=0.1");
    world_run(&log, &experiment, NULL);
    assert_int_equal(log.last[EVENT_RUN].u.run.params_frozen, 0);
    assert_string_equal(log.last[EVENT_RUN].u.run.weights, "");
    assert_int_equal(log.kinds[EVENT_FREEZE_PROOF], 0);
    assert_true(log.loss[log.last_step] < log.loss[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frozen_does_not_move),
        cmocka_unit_test(proof_fails_where_something_moved),
        cmocka_unit_test(commands_take_effect),
        cmocka_unit_test(no_command_goes_unanswered),
        cmocka_unit_test(plans_change_whole_and_come_back),
        cmocka_unit_test(rates_are_those_of_the_next_step),
        cmocka_unit_test(epochs_become_fewer_and_more),
        cmocka_unit_test(an_early_end_is_extended),
        cmocka_unit_test(steps_and_stops),
        cmocka_unit_test(stops_at_a_time),
        cmocka_unit_test(destroy_ends_a_pause),
        cmocka_unit_test(checkpoints_of_epochs_are_kept),
        cmocka_unit_test(ends_early),
        cmocka_unit_test(a_loss_that_is_no_number),
        cmocka_unit_test(a_split_is_written_down),
        cmocka_unit_test(what_cannot_begin),
        cmocka_unit_test(undo_says_what_and_knows_its_own),
        cmocka_unit_test(scratch_trains_everything),
    };
    return cmocka_run_group_tests(tests, world_set_up, world_tear_down);
}
