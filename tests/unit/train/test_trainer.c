/* The trainer as its callers see it: what is frozen does not move and a proof fails where it does; commands, early stop,
 * exports, and what it does about full disks and missing parts. */
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

static void post(struct world_log *log, enum trainer_command_kind kind, double value, const char *layers)
{
    struct trainer_command command = {.kind = kind, .value = value};
    snprintf(command.layers, sizeof command.layers, "%s", layers);
    trainer_post(log->trainer, &command);
}

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
        post(log, TRAINER_SET_LR, 0.003, "");
        post(log, TRAINER_THAW, 1, "nosuchlayer");
        post(log, TRAINER_SET_LR, -1, "");
        post(log, TRAINER_FREEZE, 1, "*");
        post(log, TRAINER_SAVE, 0, "");
        post(log, TRAINER_PAUSE, 0, "");
        post(log, TRAINER_CONTINUE, 0, "");
    }
    if (event->kind == EVENT_STEP && event->step == 2)
        post(log, TRAINER_PAUSE, 0, "");
    if (event->kind == EVENT_STEP && event->step == 6)
        post(log, TRAINER_INTERRUPT, 0, "");
}

static void commands_take_effect(void **state)
{
    (void)state;
    struct experiment experiment = world_experiment();
    struct world_log log = {.react = command_everything};
    world_set(&experiment, "train.schedule=constant");
    world_run(&log, &experiment, NULL);
    assert_int_equal(log.last_step, 6);
    assert_int_equal(log.kinds[EVENT_PAUSE], 2);
    assert_int_equal(log.kinds[EVENT_WARNING], 3);
    assert_int_equal(log.kinds[EVENT_LR], 1);
    assert_true(log.last[EVENT_LR].u.lr.from == 0.02 && log.last[EVENT_LR].u.lr.to == 0.003);
    assert_true(log.last[EVENT_STEP].u.step_.lr == 0.003);
    assert_int_equal(log.kinds[EVENT_THAW], 0);
    assert_int_equal(log.last[EVENT_DONE].u.done.how, EVENT_DONE_INTERRUPTED);
    assert_file(log.path, "model.safetensors");
}

static void pause_early(void *context, const struct event *event)
{
    struct trainer **trainer = context;
    if (event->kind == EVENT_STEP)
        trainer_post(*trainer, &(struct trainer_command){.kind = TRAINER_PAUSE});
}

static void destroy_ends_a_pause(void **state)
{
    (void)state;
    struct experiment experiment = world_experiment();
    struct world_log read;
    struct error error = {0};
    struct trainer_status status = {0};
    struct trainer *trainer = NULL;
    struct event_sink sink = {pause_early, &trainer};
    trainer = trainer_create(&experiment, NULL, &sink, &error);
    assert_non_null(trainer);
    assert_true(trainer_start(trainer, &error));
    while (status.phase != TRAINER_PAUSED) {
        nanosleep(&(struct timespec){0, 1000000}, NULL);
        trainer_status(trainer, &status);
        assert_true(status.phase != TRAINER_FAILED);
    }
    trainer_destroy(trainer);
    world_read(status.run_path, &read);
    assert_int_equal(read.last_step, 1);
    assert_int_equal(read.last[EVENT_DONE].u.done.how, EVENT_DONE_STOPPED);

    /* One that was never started leaves nothing behind. */
    trainer = trainer_create(&experiment, NULL, &sink, &error);
    assert_non_null(trainer);
    trainer_status(trainer, &status);
    assert_true(file_is_directory(status.run_path));
    trainer_destroy(trainer);
    assert_false(file_is_directory(status.run_path));
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

/* A folder where the checkpoint should go stands for a disk that refuses it. */
static void block_checkpoint(struct world_log *log, const struct event *event)
{
    struct error error = {0};
    char *path = rundir_file(log->trainer->rundir, "checkpoints/last.safetensors/x");
    if (event->kind == EVENT_RUN)
        assert_true(file_make_directories(path, &error));
    mem_free(path);
}

static void goes_on_without_checkpoints(void **state)
{
    (void)state;
    struct experiment experiment = world_experiment();
    struct world_log log = {.react = block_checkpoint};
    world_set(&experiment, "train.epochs=2");
    world_run(&log, &experiment, NULL);
    assert_int_equal(log.last[EVENT_DONE].u.done.how, EVENT_DONE_FINISHED);
    assert_true(log.kinds[EVENT_WARNING] >= 2);
    assert_non_null(strstr(log.last[EVENT_WARNING].u.warning.text, "last.safetensors"));
}

/* A limit on file sizes stands for a full disk. */
static void fill_disk(struct world_log *log, const struct event *event)
{
    world_limit_files(event->kind == EVENT_STEP && event->step >= 3 ? rundir_mark(log->trainer->rundir) + 20 : 0);
}

static void fails_where_events_cannot_be_kept(void **state)
{
    (void)state;
    struct experiment experiment = world_experiment();
    struct world_log log = {.react = fill_disk}, read;
    struct trainer_status status;
    char path[512];
    world_run_failing(&log, &experiment, &status);
    world_limit_files(0);
    assert_int_equal(status.phase, TRAINER_FAILED);
    assert_non_null(strstr(status.error.text, "cannot append"));
    world_find_run(&experiment, path);
    world_read(path, &read);
    assert_int_equal(read.last_step, 3); /* whole lines only */
    log = (struct world_log){0};
    world_run(&log, &experiment, path);
    assert_int_equal(log.last[EVENT_DONE].u.done.how, EVENT_DONE_FINISHED);
}

static void assert_refused(const char *assignment, enum error_kind kind, const char *part)
{
    struct experiment experiment = world_experiment();
    struct world_log log = {0};
    struct trainer_status status;
    world_set(&experiment, assignment);
    world_run_failing(&log, &experiment, &status);
    assert_int_equal(status.phase, TRAINER_FAILED);
    if (status.error.kind != kind || !strstr(status.error.text, part))
        fail_msg("\"%s\" does not say \"%s\", or is of kind %d", status.error.text, part, status.error.kind);
    assert_false(file_is_directory(status.run_path)); /* no litter among the runs */
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
        cmocka_unit_test(destroy_ends_a_pause),
        cmocka_unit_test(ends_early),
        cmocka_unit_test(a_loss_that_is_no_number),
        cmocka_unit_test(goes_on_without_checkpoints),
        cmocka_unit_test(fails_where_events_cannot_be_kept),
        cmocka_unit_test(what_cannot_begin),
        cmocka_unit_test(scratch_trains_everything),
    };
    return cmocka_run_group_tests(tests, world_set_up, world_tear_down);
}
