/* Runs on kept features: they change no result, wherever the frozen part ends and however it moves; the next run has them
 * at once; what cannot be kept or read is said, and the run goes on. */
#include "config.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/train/trainer_private.h"
#include "tests/resume/world.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/train/feature_store.h"

static void clear_store(void)
{
    char *folder = feature_store_folder();
    feature_store_shrink(folder, 0, NULL);
    mem_free(folder);
}

/* What the events of a run say of its features. */
struct said {
    int events, computed[DATASET_SPLITS], continued, in_memory;
    struct plan *plan;
};

static void count(void *context, const struct event *event)
{
    struct said *said = context;
    if (event->kind != EVENT_FEATURES)
        return;
    said->events++;
    said->computed[event->u.features.validation ? DATASET_VAL : DATASET_TRAIN] += event->u.features.computed;
    said->continued += event->u.features.from[0] != '\0';
    said->in_memory += event->u.features.in_memory;
}

static struct said said_of(const char *run)
{
    struct said said = {0};
    struct error error = {0};
    if (!rundir_read(run, &(struct event_sink){.emit = count, .context = &said}, NULL, &error))
        fail_msg("%s", error.text);
    return said;
}

enum { TRAIN = WORLD_CLASSES * WORLD_TRAIN, VAL = WORLD_CLASSES * WORLD_VAL };

/* The same losses to rounding, at every step and of every evaluation; the same accuracies. */
static void assert_near(const struct world_log *a, const struct world_log *b, double tolerance)
{
    assert_int_equal(a->last_step, b->last_step);
    assert_int_equal(a->evals, b->evals);
    for (uint64_t step = 1; step <= a->last_step; step++)
        if (!(fabs(a->loss[step] - b->loss[step]) <= tolerance * (1 + fabs(b->loss[step]))))
            fail_msg("step %d: %.9g and %.9g", (int)step, a->loss[step], b->loss[step]);
    for (int epoch = 1; epoch <= a->evals; epoch++)
        if (!(fabs(a->val_loss[epoch] - b->val_loss[epoch]) <= tolerance * (1 + fabs(b->val_loss[epoch]))))
            fail_msg("epoch %d: validation loss %.9g and %.9g", epoch, a->val_loss[epoch], b->val_loss[epoch]);
    assert_true(metrics_get(&a->last[EVENT_EVAL].u.eval.metrics, "accuracy") ==
                metrics_get(&b->last[EVENT_EVAL].u.eval.metrics, "accuracy"));
    assert_int_equal(a->last[EVENT_DONE].u.done.best_epoch, b->last[EVENT_DONE].u.done.best_epoch);
}

static void cache_changes_nothing(void **state)
{
    (void)state;
    static const char *const cuts[] = {"layer2", "trunk", "conv1", "layer1.1.bn1", "layer2.0.bn2", "layer3.0.conv1"};
    for (size_t i = 0; i < THAW_LENGTH(cuts); i++) {
        struct experiment without = world_experiment(), with, half;
        struct world_log a = {0}, b = {0};
        without.train.lr = 0.005;
        snprintf(without.freeze.upto, sizeof without.freeze.upto, "%s", cuts[i]);
        with = half = without;
        world_set(&without, "data.cache=off");
        world_set(&half, "data.cache=f16");
        world_run(&a, &without, NULL);
        assert_int_equal(said_of(a.path).events, 0);
        world_run(&b, &with, NULL);
        assert_int_equal(said_of(b.path).events, 2);
        assert_int_equal(b.kinds[EVENT_WARNING], 0);
        assert_near(&a, &b, 1e-4);
        world_run(&b, &half, NULL);
        assert_near(&a, &b, 2e-2);
    }
}

static void no_images(struct world_log *log, const struct event *event)
{
    if (event->kind != EVENT_STEP)
        return;
    for (int s = 0; s < DATASET_SPLITS; s++)
        assert_null(log->trainer->feed[s].loader);
    assert_int_equal(log->trainer->plan != NULL, 1);
}

/* In memory, into a file, and from that file: the same bits, and the last has nothing to compute or decode. */
static void the_next_run_has_them_at_once(void **state)
{
    (void)state;
    struct experiment memory = world_experiment(), first = world_experiment(), second = world_experiment();
    struct world_log a = {0}, b = {.react = no_images}, c = {.react = no_images};
    clear_store();
    world_set(&memory, "data.cache_disk=0");
    world_run(&a, &memory, NULL);
    world_run(&b, &first, NULL);
    world_set(&second, "train.threads=1");
    world_run(&c, &second, NULL);
    world_assert_same(a.path, b.path);
    world_assert_same(a.path, c.path);
    struct said in_memory = said_of(a.path), filled = said_of(b.path), found = said_of(c.path);
    assert_int_equal(in_memory.in_memory, 2);
    assert_int_equal(filled.computed[DATASET_TRAIN], TRAIN);
    assert_int_equal(filled.computed[DATASET_VAL], VAL);
    assert_int_equal(found.events, 2);
    assert_int_equal(found.computed[DATASET_TRAIN] + found.computed[DATASET_VAL] + found.in_memory, 0);
}

static void move_frontier(struct world_log *log, const struct event *event)
{
    static const struct {
        uint64_t step;
        enum run_command_kind kind;
        const char *layers;
    } moves[] = {{3, RUN_FREEZE, "layer3.0.*"},
                 {6, RUN_THAW, "layer2 layer3.0.*"},
                 {9, RUN_FREEZE, "layer2"},
                 {14, RUN_THAW, "*"},
                 {18, RUN_FREEZE, "conv1 bn1 layer1 layer2"}};
    for (size_t i = 0; i < THAW_LENGTH(moves); i++)
        if (event->kind == EVENT_STEP && event->step == moves[i].step)
            world_post(log, moves[i].kind, 1, moves[i].layers);
}

/* Frozen and thawed in the middle of epochs: what is kept follows, from what is at hand or from the images; and with the
 * values layers had come to by then. */
static void the_frontier_moves_in_a_run(void **state)
{
    (void)state;
    struct experiment memory = world_experiment(), kept = memory, off = memory;
    struct world_log a = {.react = move_frontier}, b = {.react = move_frontier}, c = {.react = move_frontier};
    clear_store();
    strcat(kept.run.dir, "k");
    strcat(off.run.dir, "o");
    world_set(&memory, "data.cache_disk=0");
    world_set(&off, "data.cache=off");
    world_run(&a, &memory, NULL);
    world_run(&b, &kept, NULL);
    assert_int_equal(a.kinds[EVENT_THAW], 5);
    world_assert_same(a.path, b.path);
    assert_int_equal(said_of(a.path).continued, 0);
    assert_true(said_of(b.path).continued >= 2);
    assert_true(said_of(b.path).events > 6);
    world_run(&c, &off, NULL);
    for (uint64_t step = 1; step <= c.last_step; step++)
        if (!(fabs(b.loss[step] - c.loss[step]) <= 5e-3 * (1 + fabs(c.loss[step]))))
            fail_msg("step %d: %.9g with, %.9g without", (int)step, b.loss[step], c.loss[step]);
    assert_true(b.last[EVENT_FREEZE_PROOF].u.proof.held);
}

static void views_come_in_turn(void **state)
{
    (void)state;
    struct experiment off = world_experiment(), kept, fresh, three;
    struct world_log a = {0}, b = {0}, c = {0};
    clear_store();
    off.train.lr = 0.005;
    world_set(&off, "data.augment=light");
    fresh = off;
    world_set(&off, "data.views=2");
    kept = three = off;
    world_set(&off, "data.cache=off");
    world_set(&three, "data.views=3");
    world_run(&a, &off, NULL);
    world_run(&b, &kept, NULL);
    assert_near(&a, &b, 1e-4);
    assert_int_equal(said_of(b.path).events, 3); /* two views, and the validation images */
    assert_int_equal(said_of(b.path).computed[DATASET_TRAIN], 2 * TRAIN);
    world_run(&c, &three, NULL); /* has two of its views already */
    assert_int_equal(said_of(c.path).computed[DATASET_TRAIN], TRAIN);
    for (uint64_t step = 1; step <= 8; step++)
        assert_true(c.loss[step] == b.loss[step]);
    assert_true(c.loss[9] != b.loss[9]);
    world_run(&c, &fresh, NULL);
    assert_int_equal(said_of(c.path).events, 1);
    for (uint64_t step = 1; step <= 8; step++) /* other batches make other roundings */
        assert_true(fabs(c.loss[step] - b.loss[step]) <= 1e-4 * (1 + fabs(b.loss[step])));
    assert_true(fabs(c.loss[9] - b.loss[9]) > 1e-4);
}

/* An image with a good header and nothing behind it: set aside once a run, in every way of running; the others train. */
static void unreadable_images_are_left_out(void **state)
{
    (void)state;
    struct error error = {0};
    struct world_log with = {0}, again = {0}, without = {0};
    char *path = path_join(world.data, "train/class1/004.png");
    struct file_map map;
    if (!file_map_open(&map, path, &error))
        fail_msg("%s", error.text);
    uint8_t *whole = mem_alloc(map.size);
    size_t size = map.size;
    memcpy(whole, map.data, size);
    file_map_close(&map);
    assert_true(file_write_atomic(path, whole, 60, &error));
    struct experiment kept = world_experiment(), next = world_experiment(), off = world_experiment();
    world_set(&off, "data.cache=off");
    world_run(&with, &kept, NULL);
    world_run(&again, &next, NULL);
    world_run(&without, &off, NULL);
    assert_true(file_write_atomic(path, whole, size, &error));
    world_assert_same(with.path, again.path);
    const struct world_log *logs[] = {&with, &again, &without};
    for (size_t i = 0; i < THAW_LENGTH(logs); i++) {
        assert_int_equal(logs[i]->kinds[EVENT_WARNING], 1);
        assert_non_null(strstr(logs[i]->last[EVENT_WARNING].u.warning.text, "class1/004.png: set aside: "));
        assert_int_equal(logs[i]->last_step, 24);
    }
    for (uint64_t step = 1; step <= 24; step++)
        assert_true(fabs(with.loss[step] - without.loss[step]) <= 1e-4 * (1 + fabs(without.loss[step])));
    mem_free(whole);
    mem_free(path);
}

/* No file and too little memory: a warning, and the frozen part in every epoch, as with the cache off. */
static void what_cannot_be_kept_is_computed(void **state)
{
    (void)state;
    struct experiment small = world_experiment(), off = world_experiment(), late = world_experiment();
    struct world_log a = {0}, b = {0}, c = {0};
    world_set(&small, "data.cache_disk=0");
    world_set(&small, "data.cache_memory=0");
    world_set(&off, "data.cache=off");
    world_run(&a, &small, NULL);
    world_run(&b, &off, NULL);
    world_assert_same(a.path, b.path);
    assert_int_equal(a.kinds[EVENT_WARNING], 2);
    assert_non_null(strstr(a.last[EVENT_WARNING].u.warning.text, "data.cache_memory"));
    /* Known only once the file is wanted. */
    char *cache = mem_string(getenv("XDG_CACHE_HOME"));
    world_set(&late, "data.cache_memory=0");
    setenv("XDG_CACHE_HOME", "/proc/nothing", 1);
    world_run(&c, &late, NULL);
    setenv("XDG_CACHE_HOME", cache, 1);
    mem_free(cache);
    world_assert_same(c.path, b.path);
    assert_in_range(c.kinds[EVENT_WARNING], 2, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cache_changes_nothing),          cmocka_unit_test(the_next_run_has_them_at_once),
        cmocka_unit_test(the_frontier_moves_in_a_run),    cmocka_unit_test(views_come_in_turn),
        cmocka_unit_test(unreadable_images_are_left_out), cmocka_unit_test(what_cannot_be_kept_is_computed),
    };
    return cmocka_run_group_tests(tests, world_set_up, world_tear_down);
}
