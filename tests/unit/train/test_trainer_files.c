/* How a run ends tells what is on disk: full disks at every point, files that cannot be written, names that no file can
 * hold. */
#include "config.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "src/train/trainer_private.h"
#include "src/train/trainer_room.h"
#include "tests/resume/world.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"

/* --- a file that cannot be written --- */

static const char *blocked;

/* A folder where a file should go stands for a disk that refuses it. */
static void block(struct world_log *log, const struct event *event)
{
    struct error error = {0};
    char *path = rundir_file(log->trainer->rundir, blocked), *inside = path_join(path, "x");
    if (event->kind == EVENT_RUN)
        assert_true(file_make_directories(inside, &error));
    mem_free(inside);
    mem_free(path);
}

/* Files are written at every epoch, however long the last time took. */
static void unblock_later(struct world_log *log, const struct event *event)
{
    block(log, event);
    log->trainer->telling.took = log->trainer->saving.took = 0;
    if (event->kind == EVENT_WARNING && event->epoch < 3 && log->kinds[EVENT_WARNING] == 1) {
        char *path = rundir_file(log->trainer->rundir, blocked), *inside = path_join(path, "x");
        assert_int_equal(rmdir(inside) | rmdir(path), 0);
        mem_free(inside);
        mem_free(path);
    }
}

/* It trains to its end, with a warning; then it has failed, and a resume that can write comes to the end. */
static void what_is_missing_is_no_success(void **state)
{
    (void)state;
    static const char *const files[] = {TRAINER_LAST, TRAINER_BEST, "predictions.json", "predictions-best.json",
                                        TRAINER_MODEL};
    for (size_t i = 0; i < THAW_LENGTH(files); i++) {
        struct experiment experiment = world_experiment();
        struct world_log log = {.react = block};
        struct trainer_status status;
        blocked = files[i];
        world_set(&experiment, "train.epochs=2");
        world_run_failing(&log, &experiment, &status);
        assert_int_equal(status.state, TRAINER_FAILED);
        assert_int_equal(log.evals, 2);
        assert_int_equal(log.last[EVENT_DONE].u.done.how, EVENT_DONE_FAILED);
        assert_true(log.kinds[EVENT_WARNING] >= 1);
        if (!strstr(status.error.text, "not all of the run is on disk") || !strstr(status.error.text, files[i]) ||
            !strstr(log.last[EVENT_DONE].u.done.text, "not all of the run"))
            fail_msg("%s: %s", files[i], status.error.text);
        char *path = path_join(log.path, files[i]), *inside = path_join(path, "x");
        assert_int_equal(rmdir(inside) | rmdir(path), 0);
        if (i != 1) { /* the best model of then is gone for good */
            char *run = mem_string(log.path);
            log.react = NULL;
            world_run(&log, &experiment, run);
            assert_int_equal(log.last[EVENT_DONE].u.done.how, EVENT_DONE_FINISHED);
            mem_free(run);
        }
        mem_free(inside);
        mem_free(path);
    }
}

static void what_fails_once_is_tried_again(void **state)
{
    (void)state;
    static const char *const files[] = {TRAINER_LAST, TRAINER_BEST, "predictions.json", "predictions-best.json"};
    struct experiment plain = world_experiment();
    struct world_log undisturbed = {0};
    world_set(&plain, "train.epochs=3");
    world_run(&undisturbed, &plain, NULL);
    for (size_t i = 0; i < THAW_LENGTH(files); i++) {
        struct experiment experiment = world_experiment();
        struct world_log log = {.react = unblock_later};
        blocked = files[i];
        world_set(&experiment, "train.epochs=3");
        world_run(&log, &experiment, NULL);
        assert_true(log.kinds[EVENT_WARNING] >= 1);
        if (log.last[EVENT_DONE].u.done.how != EVENT_DONE_FINISHED)
            fail_msg("%s: %s", files[i], log.last[EVENT_DONE].u.done.text);
        world_assert_same(undisturbed.path, log.path);
        char *path = path_join(log.path, files[i]);
        assert_true(file_exists(path) && !file_is_directory(path));
        mem_free(path);
    }
}

/* --- an event that cannot be kept --- */

static enum event_kind kind_before;
static uint64_t step_before;

/* A limit on file sizes stands for a full disk. Events come to be longer than a checkpoint, so that those have room. */
static void fill_disk(struct world_log *log, const struct event *event)
{
    if (event->kind == EVENT_RUN) {
        char *path = rundir_file(log->trainer->rundir, "events.jsonl");
        FILE *stream = fopen(path, "a");
        assert_non_null(stream);
        for (int i = 0; i < 4000; i++)
            fprintf(stream, "{\"kind\":\"padding\",\"text\":\"%0*d\"}\n", 1000, 0);
        assert_int_equal(fclose(stream), 0);
        mem_free(path);
    }
    bool full = event->kind == kind_before && event->step >= step_before;
    world_limit_files(full ? rundir_mark(log->trainer->rundir) + 20 : 0);
}

/* The rest of the epoch is not lost with the event: what was computed is in the checkpoint, and going on from there comes
 * to the same bits. */
static void an_event_that_is_lost_leaves_a_checkpoint(void **state)
{
    (void)state;
    static const struct {
        enum event_kind kind;
        uint64_t step; /* the first event that is lost comes behind that one */
    } before[] = {{EVENT_STEP, 2}, {EVENT_STEP, 4}, {EVENT_EPOCH, 4}, {EVENT_EVAL, 4}};
    struct experiment plain = world_experiment();
    struct world_log undisturbed = {0}, read;
    world_set(&plain, "train.epochs=3");
    world_set(&plain, "run.checkpoint_every=100");
    world_run(&undisturbed, &plain, NULL);
    for (size_t i = 0; i < THAW_LENGTH(before); i++) {
        struct experiment experiment = world_experiment();
        struct world_log log = {.react = fill_disk};
        struct trainer_status status;
        char path[512];
        kind_before = before[i].kind;
        step_before = before[i].step;
        world_set(&experiment, "train.epochs=3");
        world_set(&experiment, "run.checkpoint_every=100");
        world_run_failing(&log, &experiment, &status);
        world_limit_files(0);
        assert_int_equal(status.state, TRAINER_FAILED);
        assert_non_null(strstr(status.error.text, "cannot append"));
        world_find_run(&experiment, path);
        world_read(path, &read);
        assert_int_equal(read.last_step, before[i].step); /* whole lines only */
        log = (struct world_log){0};
        world_run(&log, &experiment, path);
        assert_int_equal(log.last[EVENT_DONE].u.done.how, EVENT_DONE_FINISHED);
        assert_int_equal(log.kinds[EVENT_STEP], before[i].step == 4 ? 8 : 9); /* none was lost but to the log */
        if (before[i].step == 4)
            world_assert_same(undisturbed.path, path);
        world_assert_same_file(undisturbed.path, path, TRAINER_LAST);
        world_assert_same_file(undisturbed.path, path, TRAINER_MODEL);
    }
}

/* Of a run whose directory was emptied under it. */
static void remove_events(struct world_log *log, const struct event *event)
{
    char *path = rundir_file(log->trainer->rundir, "events.jsonl");
    if (event->kind == EVENT_STEP && event->step == 3)
        assert_int_equal(unlink(path), 0);
    mem_free(path);
}

static void a_removed_log_leaves_a_checkpoint(void **state)
{
    (void)state;
    struct experiment experiment = world_experiment();
    struct world_log log = {.react = remove_events};
    struct trainer_status status;
    char path[512];
    world_run_failing(&log, &experiment, &status);
    assert_int_equal(status.state, TRAINER_FAILED);
    assert_non_null(strstr(status.error.text, "was removed"));
    world_find_run(&experiment, path);
    char *last = path_join(path, TRAINER_LAST);
    assert_true(file_exists(last));
    mem_free(last);
}

static void move_away(struct world_log *log, const struct event *event)
{
    if (event->kind == EVENT_STEP && event->step == 3) {
        char *from = rundir_file(log->trainer->rundir, ""), *to = mem_format("%s/moved", world.folder);
        from[strlen(from) - 1] = '\0';
        assert_int_equal(rename(from, to), 0);
        mem_free(from);
        mem_free(to);
    }
}

/* One that is moved under it takes its files along, and says where they are. */
static void a_moved_run_is_whole(void **state)
{
    (void)state;
    struct experiment experiment = world_experiment();
    struct world_log log = {.react = move_away};
    char *model = mem_format("%s/moved/%s", world.folder, TRAINER_MODEL),
         *last = mem_format("%s/moved/%s", world.folder, TRAINER_LAST);
    world_set(&experiment, "train.epochs=1");
    world_run(&log, &experiment, NULL);
    assert_int_equal(log.last[EVENT_DONE].u.done.how, EVENT_DONE_FINISHED);
    assert_string_equal(path_base(log.path), "moved");
    assert_true(file_exists(model) && file_exists(last));
    mem_free(model);
    mem_free(last);
}

/* --- what can be known before the first epoch --- */

static void refused(const struct experiment *experiment, enum error_kind kind, const char *part)
{
    struct world_log log = {0};
    struct trainer_status status;
    world_run_failing(&log, experiment, &status);
    assert_int_equal(status.state, TRAINER_FAILED);
    if (status.error.kind != kind || !strstr(status.error.text, part))
        fail_msg("\"%s\" does not say \"%s\", or is of kind %d", status.error.text, part, status.error.kind);
    assert_int_equal(log.kinds[EVENT_RUN], 0);
    assert_false(file_is_directory(status.run_path));
}

static void classes_are_named_in_utf8(void **state)
{
    (void)state;
    struct error error = {0};
    struct experiment experiment = world_experiment();
    for (int c = 0; c < 2; c++) {
        char *folder = mem_format("%s/latin/%s", world.folder, c ? "tea" : "caf\xe9"), *to = path_join(folder, "0.png"),
             *from = mem_format("%s/train/class%d/000.png", world.data, c);
        assert_true(file_make_directories(folder, &error));
        assert_int_equal(link(from, to), 0);
        mem_free(folder);
        mem_free(from);
        mem_free(to);
    }
    snprintf(experiment.data.path, sizeof experiment.data.path, "%s/latin", world.folder);
    refused(&experiment, ERROR_DATA, "the class \"caf\\xe9\" is not UTF-8");
}

static void room_is_looked_for(void **state)
{
    (void)state;
    struct error error = {0};
    struct trainer_room room = {
        .checkpoint = 3000000, .model = 1000000, .checkpoints = 2, .free = 7000000, .file_most = 3000000};
    assert_true(trainer_room_check(&room, "/runs/a", &error));
    room.free--;
    assert_false(trainer_room_check(&room, "/runs/a", &error));
    assert_non_null(strstr(error.text, "7.0 MB for two checkpoints of 3.0 MB and a model of 1.0 MB"));
    room.there = 1; /* is replaced */
    assert_true(trainer_room_check(&room, "/runs/a", &error));
    struct experiment experiment = world_experiment();
    world_limit_files(500000);
    refused(&experiment, ERROR_FAILED, "files may grow to 0.5 MB here (ulimit -f)");
    world_limit_files(0);
}

/* A run that has ended and is refused to go on is as it was. */
static void refused_to_go_on_it_stays_ended(void **state)
{
    (void)state;
    struct experiment experiment = world_experiment();
    struct world_log log = {0}, again = {0};
    struct trainer_status status;
    struct error error = {0};
    world_set(&experiment, "train.epochs=1");
    world_run(&log, &experiment, NULL);
    char *events = path_join(log.path, "events.jsonl"), *before = file_read_text(events, 1 << 24, &error);
    world_limit_files(500000);
    world_run_failing_options(
        &again, &(struct trainer_options){.experiment = &experiment, .resume = log.path, .epochs = 2}, &status);
    world_limit_files(0);
    assert_int_equal(status.state, TRAINER_FAILED);
    char *after = file_read_text(events, 1 << 24, &error);
    assert_string_equal(after, before);
    mem_free(before);
    mem_free(after);
    mem_free(events);
}

/* Whoever looks at them stands elsewhere. */
static void predictions_name_images_whole(void **state)
{
    (void)state;
    char before[512], *whole = mem_format("\"path\":\"%s/data/val/class0/000.png\"", world.folder);
    struct error error = {0};
    struct experiment experiment = world_experiment();
    struct world_log log = {0};
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(world.folder), 0);
    strcpy(experiment.data.path, "data");
    world_set(&experiment, "train.epochs=1");
    world_run(&log, &experiment, NULL);
    assert_int_equal(chdir(before), 0);
    char *path = path_join(log.path, "predictions.json"), *text = file_read_text(path, 1 << 20, &error);
    assert_non_null(text);
    assert_non_null(strstr(text, whole));
    mem_free(text);
    mem_free(path);
    mem_free(whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_missing_is_no_success),
        cmocka_unit_test(what_fails_once_is_tried_again),
        cmocka_unit_test(an_event_that_is_lost_leaves_a_checkpoint),
        cmocka_unit_test(a_removed_log_leaves_a_checkpoint),
        cmocka_unit_test(a_moved_run_is_whole),
        cmocka_unit_test(classes_are_named_in_utf8),
        cmocka_unit_test(room_is_looked_for),
        cmocka_unit_test(refused_to_go_on_it_stays_ended),
        cmocka_unit_test(predictions_name_images_whole),
    };
    return cmocka_run_group_tests(tests, world_set_up, world_tear_down);
}
