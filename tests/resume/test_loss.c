/* Images that go away, are cut or rewritten while a run trains on them: what was not there from the beginning on is set
 * aside; a loss ends the run, and once the images are back it goes on to the same bits. */
#include "config.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "src/train/trainer_private.h"
#include "tests/resume/world.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/train/feature_store.h"

enum loss { FOLDER_GONE, FILE_GONE, FILE_CUT, FILE_EMPTIED, VALIDATION_GONE, LOSSES };

/* What happens to the data, of one file or all of them. */
static const char *const victim[LOSSES] = {
    [FOLDER_GONE] = "",
    [FILE_GONE] = "/train/class1/004.png",
    [FILE_CUT] = "/train/class1/004.png",
    [FILE_EMPTIED] = "/train/class2/000.png",
    [VALIDATION_GONE] = "/val/class0/001.png",
};
static enum loss loss;
static enum event_kind when;
static struct file_bytes kept;

static char *victim_path(void)
{
    return mem_format("%s%s", world.data, victim[loss]);
}

static void lose(struct world_log *log, const struct event *event)
{
    struct error error = {0};
    if (event->kind != when || (uint64_t)event->step != log->at)
        return;
    char *path = victim_path(), *away = mem_format("%s/away", world.folder);
    if (loss == FILE_CUT || loss == FILE_EMPTIED) {
        world_must(file_read(&kept, path, SIZE_MAX, &error), &error);
        assert_int_equal(truncate(path, loss == FILE_CUT ? 60 : 0), 0); /* behind the header */
    } else {
        assert_int_equal(rename(path, away), 0);
    }
    mem_free(path);
    mem_free(away);
}

static void bring_back(void)
{
    struct error error = {0};
    char *path = victim_path(), *away = mem_format("%s/away", world.folder);
    if (loss == FILE_CUT || loss == FILE_EMPTIED)
        world_must(file_write_atomic(path, kept.data, kept.size, &error), &error);
    else
        assert_int_equal(rename(away, path), 0);
    mem_free(path);
    mem_free(away);
}

static struct experiment without_cache(const char *augment)
{
    struct experiment experiment = world_experiment();
    world_set(&experiment, "data.cache=off");
    world_set(&experiment, "data.image_memory=0");
    world_set(&experiment, augment);
    return experiment;
}

/* The run fails and says why; with the images back it is the run that never lost any. */
static void check(const struct world_log *whole, const struct experiment *experiment, uint64_t at)
{
    struct world_log log = {.react = lose, .at = at}, resumed = {0};
    struct trainer_status status;
    world_run_failing(&log, experiment, &status);
    const char *said = log.last[EVENT_DONE].u.done.text;
    char *path = victim_path();
    assert_int_equal(status.error.kind, ERROR_DATA);
    assert_int_equal(log.last[EVENT_DONE].u.done.how, EVENT_DONE_FAILED);
    assert_int_equal(strncmp(said, path, strlen(path)), 0);
    assert_non_null(strstr(said, "`thaw resume "));
    assert_int_equal(log.kinds[EVENT_WARNING], 0); /* nothing is set aside for it */
    assert_true(log.last_step >= at && log.last_step < whole->last_step);
    bring_back();
    world_run(&resumed, experiment, log.path);
    assert_int_equal(resumed.kinds[EVENT_WARNING], 0);
    world_assert_same(whole->path, log.path);
    mem_free(path);
}

static void a_loss_ends_the_run(void **state)
{
    (void)state;
    static const struct {
        enum loss loss;
        enum event_kind when;
        uint64_t at; /* 4 steps an epoch; the last ones of one are prefetched before its end */
    } rows[] = {{FOLDER_GONE, EVENT_STEP, 6},     {FOLDER_GONE, EVENT_EVAL, 8},  {FILE_GONE, EVENT_STEP, 1},
                {FILE_CUT, EVENT_STEP, 9},        {FILE_EMPTIED, EVENT_STEP, 9}, {VALIDATION_GONE, EVENT_STEP, 10},
                {VALIDATION_GONE, EVENT_EVAL, 12}};
    struct experiment whole = without_cache("data.augment=light");
    struct world_log log = {0};
    world_run(&log, &whole, NULL);
    for (size_t i = 0; i < THAW_LENGTH(rows); i++) {
        struct experiment experiment = without_cache("data.augment=light");
        loss = rows[i].loss;
        when = rows[i].when;
        check(&log, &experiment, rows[i].at);
    }
}

/* The first event comes before the frozen part is computed: nothing is kept of images that are not there. */
static void a_loss_while_features_are_computed(void **state)
{
    (void)state;
    struct experiment whole = world_experiment();
    struct world_log log = {0};
    world_set(&whole, "data.cache_disk=0");
    world_run(&log, &whole, NULL);
    for (loss = FOLDER_GONE; loss <= VALIDATION_GONE; loss++) {
        struct experiment experiment = world_experiment();
        char *store = feature_store_folder();
        feature_store_shrink(store, 0, NULL);
        mem_free(store);
        when = EVENT_LAYERS;
        check(&log, &experiment, 0);
    }
}

/* Every file of kept features, to so much of it. */
static double left;

static void cut_features(struct world_log *log, const struct event *event)
{
    size_t count;
    if (event->kind != when || (uint64_t)event->step != log->at)
        return;
    char *store = feature_store_folder();
    struct feature_stored *list = feature_store_list(store, &count);
    assert_int_equal(count, 2);
    for (size_t i = 0; i < count; i++) {
        struct stat status;
        assert_int_equal(stat(list[i].path, &status), 0);
        assert_int_equal(truncate(list[i].path, (off_t)(left * (double)status.st_size)), 0);
    }
    feature_store_free(list, count);
    mem_free(store);
}

/* What was kept is lost, and nothing else: it is computed again. */
static void cut_features_are_computed_again(void **state)
{
    (void)state;
    static const struct {
        enum event_kind when;
        uint64_t at;
        double left;
    } rows[] = {{EVENT_STEP, 2, 0}, {EVENT_STEP, 12, 0.7}, {EVENT_EPOCH, 16, 0.5}};
    struct experiment whole = world_experiment();
    struct world_log a = {0};
    world_run(&a, &whole, NULL);
    for (size_t i = 0; i < THAW_LENGTH(rows); i++) {
        struct experiment experiment = world_experiment();
        struct world_log log = {.react = cut_features, .at = rows[i].at};
        when = rows[i].when;
        left = rows[i].left;
        world_run(&log, &experiment, NULL);
        assert_in_range(log.kinds[EVENT_WARNING], 1, 2); /* of each part */
        assert_non_null(strstr(log.last[EVENT_WARNING].u.warning.text, "they are computed again"));
        world_assert_same(a.path, log.path);
    }
}

/* What is no whole image from the beginning on is set aside: said, and no loss. */
static void what_was_never_whole_is_set_aside(void **state)
{
    (void)state;
    struct experiment experiment = without_cache("data.augment=none");
    struct world_log log = {0};
    struct error error = {0};
    loss = FILE_CUT;
    char *path = victim_path();
    world_must(file_read(&kept, path, SIZE_MAX, &error), &error);
    assert_int_equal(truncate(path, 60), 0);
    world_run(&log, &experiment, NULL);
    assert_int_equal(log.last[EVENT_DONE].u.done.how, EVENT_DONE_FINISHED);
    assert_int_equal(log.kinds[EVENT_WARNING], 1);
    assert_non_null(strstr(log.last[EVENT_WARNING].u.warning.text, "class1/004.png: set aside: "));
    bring_back();
    mem_free(path);
}

/* Rewritten and still an image: it is used, and that is said once. */
static void touch(struct world_log *log, const struct event *event)
{
    struct timespec times[2] = {{1, 0}, {7, 7}};
    if (event->kind != EVENT_STEP || (uint64_t)event->step != log->at)
        return;
    for (int i = 0; i < 3; i++) {
        char *path = mem_format("%s/train/class0/%03d.png", world.data, i);
        assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
        mem_free(path);
    }
}

static void what_was_rewritten_is_said(void **state)
{
    (void)state;
    struct experiment experiment = without_cache("data.augment=none");
    struct world_log log = {.react = touch, .at = 5};
    world_run(&log, &experiment, NULL);
    assert_int_equal(log.last[EVENT_DONE].u.done.how, EVENT_DONE_FINISHED);
    assert_int_equal(log.kinds[EVENT_WARNING], 1);
    assert_non_null(strstr(log.last[EVENT_WARNING].u.warning.text, "it was changed since"));
}

/* Headers that are good and nothing behind them: there is nothing to learn from. */
static void an_epoch_without_an_image_fails(void **state)
{
    (void)state;
    struct experiment experiment = without_cache("data.augment=none");
    struct world_log log = {0};
    struct trainer_status status;
    for (int i = 0; i < WORLD_CLASSES * WORLD_TRAIN; i++) {
        char *path = mem_format("%s/train/class%d/%03d.png", world.data, i / WORLD_TRAIN, i % WORLD_TRAIN);
        assert_int_equal(truncate(path, 60), 0);
        mem_free(path);
    }
    world_run_failing(&log, &experiment, &status);
    assert_int_equal(status.error.kind, ERROR_DATA);
    assert_non_null(strstr(status.error.text, ": none of the 30 training images can be read, such as "));
    assert_int_equal(log.last_step, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_loss_ends_the_run),
        cmocka_unit_test(a_loss_while_features_are_computed),
        cmocka_unit_test(cut_features_are_computed_again),
        cmocka_unit_test(what_was_never_whole_is_set_aside),
        cmocka_unit_test(what_was_rewritten_is_said),
        cmocka_unit_test(an_epoch_without_an_image_fails), /* last: spoils the world */
    };
    int failed = cmocka_run_group_tests(tests, world_set_up, world_tear_down);
    file_bytes_finish(&kept);
    return failed;
}
