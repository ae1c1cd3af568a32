/* Resume equality: a run that was stopped or killed and went on is, to the bit, the run that was never interrupted:
 * losses, last and best checkpoint with the optimiser's state, exported model. At epoch ends, in the middle of one,
 * after a live thaw, with random views, for every optimiser; killed with SIGKILL at any moment. */
#include "config.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "thaw/base/file.h"
#include "thaw/base/ledger.h"
#include "thaw/base/mem.h"
#include "thaw/base/rng.h"
#include "thaw/train/feature_store.h"
#include "thaw/weights/weights.h"
#include "world.h"

/* Two experiments that differ in where their runs go. */
static void make_pair(struct experiment *a, struct experiment *b, const char *optimizer, const char *augment)
{
    char assignment[64];
    *a = world_experiment();
    snprintf(assignment, sizeof assignment, "train.optimizer=%s", optimizer);
    world_set(a, assignment);
    snprintf(assignment, sizeof assignment, "data.augment=%s", augment);
    world_set(a, assignment);
    *b = *a;
    struct experiment other = world_experiment();
    strcpy(b->run.dir, other.run.dir);
}

/* Small maps and a batch of odd size: here the kernels' rounding depends on which images share a batch, so that frozen
 * features kept from another batch than the uninterrupted run's would show. */
static void use_vgg(struct experiment *experiment)
{
    world_set(experiment, "model.weights=none");
    world_set(experiment, "model.name=vgg11_slim");
    world_set(experiment, "data.size=32");
    world_set(experiment, "freeze.upto=trunk");
    world_set(experiment, "train.batch=9");
}

static void stop_at(struct world_log *log, const struct event *event)
{
    if (event->kind == EVENT_STEP && event->step == log->at)
        world_post(log, RUN_STOP, 0, NULL);
}

static void stopped_and_resumed(void **state)
{
    (void)state;
    static const struct {
        const char *optimizer, *augment, *upto;
        uint64_t stop; /* 4 steps an epoch: 12 ends one (seen in the evaluation), 13 and 2 lie inside */
    } rows[] = {{"sgd", "none", "layer2", 12},
                {"sgd", "light", "layer2", 13},
                {"nesterov", "none", "layer2", 2},
                {"adamw", "light", "layer2", 14},
                {"adamw", "none", "vgg", 14}};
    for (size_t i = 0; i < THAW_LENGTH(rows); i++) {
        struct experiment whole, parts;
        struct world_log a = {0}, b = {.react = stop_at, .at = rows[i].stop}, c = {0};
        make_pair(&whole, &parts, rows[i].optimizer, rows[i].augment);
        if (strcmp(rows[i].upto, "vgg") == 0) {
            use_vgg(&whole);
            use_vgg(&parts);
        }
        world_run(&a, &whole, NULL);
        assert_int_equal(a.last_step, 24);
        assert_int_equal(a.last[EVENT_DONE].u.done.how, EVENT_DONE_FINISHED);
        world_run(&b, &parts, NULL);
        assert_int_equal(b.last_step, rows[i].stop);
        assert_int_equal(b.last[EVENT_DONE].u.done.how, EVENT_DONE_STOPPED);
        world_run(&c, &parts, b.path);
        assert_int_equal(c.kinds[EVENT_FORK], 1);
        assert_string_equal(b.path, c.path);
        world_assert_same(a.path, c.path);
    }
}

/* Memory decides what is computed again and changes no bit, so a run may go on with more of it, or less. */
static void resumed_with_another_memory(void **state)
{
    (void)state;
    static const char *const budgets[2][2] = {{"train.memory=9", "train.memory=auto"},
                                              {"train.memory=auto", "train.memory=8"}};
    for (size_t i = 0; i < THAW_LENGTH(budgets); i++) {
        struct experiment whole, parts;
        struct world_log a = {0}, b = {.react = stop_at, .at = 6}, c = {0};
        make_pair(&whole, &parts, "sgd", "light");
        for (int k = 0; k < 2; k++) {
            world_set(k == 0 ? &whole : &parts, "freeze.upto=none");
            world_set(k == 0 ? &whole : &parts, "data.size=32");
            world_set(k == 0 ? &whole : &parts, "train.epochs=2");
        }
        world_run(&a, &whole, NULL);
        assert_int_equal(a.last[EVENT_RUN].u.run.recomputed, 0);
        world_set(&parts, budgets[i][0]);
        world_run(&b, &parts, NULL);
        assert_int_equal(b.last_step, 6);
        assert_true((b.last[EVENT_RUN].u.run.recomputed > 0) == (i == 0));
        assert_true((b.last[EVENT_RUN].u.run.memory < a.last[EVENT_RUN].u.run.memory) == (i == 0));
        world_set(&parts, budgets[i][1]);
        world_run(&c, &parts, b.path);
        assert_int_equal(c.last[EVENT_DONE].u.done.how, EVENT_DONE_FINISHED);
        world_assert_same(a.path, c.path);
    }
}

/* A line "..., WAY 1.234 ms, OTHER 2.345 ms" of remembered times, with the slowest way by far the fastest now; NULL: it
 * is no such line. The caller frees. */
static char *with_the_slowest_fastest(const char *line)
{
    const char *number = NULL, *end = NULL;
    double most = -1;
    for (const char *at = line; (at = strstr(at, " ms")); at++) {
        const char *from = at;
        while (from > line && from[-1] != ' ')
            from--;
        bool is_way = from - line < 8 || strncmp(from - 8, "of many ", 8) != 0;
        if (is_way && strtod(from, NULL) > most) {
            most = strtod(from, NULL);
            number = from;
            end = at;
        }
    }
    return number ? mem_format("%.*s0.000001%s", (int)(number - line), line, end) : NULL;
}

/* From now on the machine remembers that the way of every job that was slowest is by far the fastest. */
static void prefer_the_slowest_ways(const char *path)
{
    struct error error = {0};
    struct ledger ledger;
    ledger_read(&ledger, path);
    assert_true(ledger.lines > 3);
    for (size_t i = 0; i < ledger.lines; i++) {
        char *value = with_the_slowest_fastest(ledger.line[i].value);
        assert_non_null(value);
        assert_true(ledger_put(path, ledger.line[i].key, value, &error));
        mem_free(value);
    }
    ledger_free(&ledger);
}

/* What is fastest decides how convolutions are computed, and so their last bits: a run keeps to what was measured when
 * it began, whatever the machine remembers later. */
static void resumed_where_other_kernels_are_faster(void **state)
{
    (void)state;
    struct experiment whole, parts, other;
    struct world_log a = {0}, b = {.react = stop_at, .at = 6}, c = {0}, d = {0};
    make_pair(&whole, &parts, "sgd", "light");
    world_set(&whole, "train.kernels=measured");
    world_set(&parts, "train.kernels=measured");
    other = parts;
    strcpy(other.run.dir, world_experiment().run.dir);
    world_run(&a, &whole, NULL);
    world_run(&b, &parts, NULL);
    char *home = path_home(PATH_CACHE), *path = path_join(home, "kernels");
    prefer_the_slowest_ways(path);
    world_run(&c, &parts, b.path);
    world_assert_same(a.path, c.path);
    world_run(&d, &other, NULL); /* a new run does as the machine says now */
    assert_true(a.loss[24] != d.loss[24]);
    unlink(path);
    mem_free(path);
    mem_free(home);
}

/* The tensors of a model and nothing else, as other programs save them. */
static void strip_metadata(const char *from, const char *to)
{
    struct error error = {0};
    struct weights *weights = weights_open(from, &error);
    world_must(weights, &error);
    size_t count = weights_count(weights);
    struct weights_output *tensor = mem_array(count, sizeof *tensor);
    for (size_t i = 0; i < count; i++) {
        const struct weights_tensor *of = weights_get(weights, i);
        float *values = mem_array((size_t)shape_count(&of->shape) + 1, sizeof *values);
        world_must(weights_read(weights, i, values, &error), &error);
        tensor[i] = (struct weights_output){.name = of->name, .type = TENSOR_F32, .shape = of->shape, .values = values};
    }
    world_must(safetensors_write(to, tensor, count, NULL, &error), &error);
    for (size_t i = 0; i < count; i++)
        mem_free((void *)(uintptr_t)tensor[i].values);
    mem_free(tensor);
    weights_close(weights);
}

/* Weights that learned from pixels of 0 to 255 and do not say so: that is found when the run begins, and stands in its
 * experiment from then on, also where the images that told it are gone. */
static void preprocessing_that_was_found(void **state)
{
    (void)state;
    struct experiment first, whole, parts, found;
    struct world_log a = {0}, b = {.react = stop_at, .at = 6}, c = {0};
    struct error error = {0};
    char weights[128];
    make_pair(&first, &whole, "sgd", "light");
    world_set(&first, "model.weights=none");
    world_set(&first, "model.name=resnet20");
    world_set(&first, "model.preprocess=raw");
    world_set(&first, "freeze.upto=none");
    world_run(&a, &first, NULL);
    char *model = path_join(a.path, "model.safetensors");
    snprintf(weights, sizeof weights, "%s/raw.safetensors", world.folder);
    strip_metadata(model, weights);
    make_pair(&whole, &parts, "sgd", "light");
    strcpy(whole.model.weights, weights);
    strcpy(parts.model.weights, weights);
    a = (struct world_log){0};
    world_run(&a, &whole, NULL);
    assert_non_null(strstr(a.last[EVENT_RUN].u.run.weights, "input: raw, by its batch norms on 30 images (sure"));
    world_run(&b, &parts, NULL);
    char *settings = path_join(b.path, "experiment.ini");
    experiment_init(&found);
    world_must(experiment_load(&found, settings, &error), &error);
    assert_string_equal(found.model.preprocess, "raw");
    world_run(&c, &found, b.path);
    world_assert_same(a.path, c.path);
    mem_free(settings);
    mem_free(model);
}

/* What was kept of the frozen part is gone, or another's, when the run goes on. */
static void resumed_without_what_was_kept(void **state)
{
    (void)state;
    for (int views = 0; views < 2; views++) {
        struct experiment whole, parts;
        struct world_log a = {0}, b = {.react = stop_at, .at = 14}, c = {0};
        make_pair(&whole, &parts, "adamw", views ? "light" : "none");
        if (views) {
            world_set(&whole, "data.views=2");
            world_set(&parts, "data.views=2");
        }
        use_vgg(&whole);
        use_vgg(&parts);
        char *folder = feature_store_folder();
        size_t gone;
        feature_store_shrink(folder, 0, NULL);
        world_run(&a, &whole, NULL);
        feature_store_shrink(folder, 0, &gone);
        assert_int_equal(gone, views ? 3 : 2);
        world_run(&b, &parts, NULL);
        feature_store_shrink(folder, 0, &gone);
        assert_int_equal(gone, views ? 3 : 2);
        world_set(&parts, "data.cache_disk=0");
        world_run(&c, &parts, b.path);
        mem_free(folder);
        world_assert_same(a.path, c.path);
    }
}

static void stop_or_thaw(struct world_log *log, const struct event *event)
{
    if (event->kind == EVENT_STEP && event->step == 6)
        world_post(log, RUN_THAW, 1, "layer2");
    stop_at(log, event);
}

/* Where the weights that a run began with are gone, its own model stands in for them, to the same bits; where that is gone,
 * too, or has other values than a checkpoint began with, it says so. */
static void resumed_without_its_weights(void **state)
{
    (void)state;
    struct experiment whole, parts;
    struct world_log a = {.react = stop_or_thaw}, b = {.react = stop_or_thaw, .at = 9}, c = {0}, d = {0};
    struct trainer_status status;
    make_pair(&whole, &parts, "adamw", "none");
    world_set(&parts, "run.keep_every=1");
    world_set(&whole, "run.keep_every=1");
    world_run(&a, &whole, NULL);
    world_run(&b, &parts, NULL);
    char *away = mem_format("%s.away", world.base), *model = path_join(b.path, "model.safetensors");
    assert_int_equal(rename(world.base, away), 0);
    struct trainer_options fork = {.experiment = &parts, .fork = b.path, .checkpoint = "epoch-0001"};
    world_run_failing_options(&d, &fork, &status);
    if (status.state != TRAINER_FAILED || !strstr(status.error.text, "since this checkpoint it thawed"))
        fail_msg("%s", status.error.text);
    world_run(&c, &parts, b.path);
    world_assert_same(a.path, c.path);
    assert_int_equal(unlink(model), 0);
    struct trainer_options again = {.experiment = &parts, .resume = b.path, .epochs = 8};
    world_run_failing_options(&d, &again, &status);
    if (status.state != TRAINER_FAILED || !strstr(status.error.text, "the weights that the run began with are gone"))
        fail_msg("%s", status.error.text);
    assert_int_equal(rename(away, world.base), 0);
    mem_free(away);
    mem_free(model);
}

static void save_and_thaw(struct world_log *log, const struct event *event)
{
    if (event->kind == EVENT_STEP && event->step == log->at)
        world_post(log, RUN_SAVE, 0, NULL);
    if (event->kind == EVENT_STEP && event->step == log->at + 1)
        world_post(log, RUN_THAW, 1, "layer2"); /* by hand behind the checkpoint: done again behind a kill */
}

static void save_then_die(struct world_log *log, const struct event *event)
{
    save_and_thaw(log, event);
    if (event->kind == EVENT_STEP && event->step == log->at + 3)
        kill(getpid(), SIGKILL);
}

static void saved_mid_epoch_then_killed(void **state)
{
    (void)state;
    struct experiment whole, parts;
    struct world_log a = {0}, b = {.react = save_then_die, .at = 9}, c = {0};
    char path[512];
    make_pair(&whole, &parts, "adamw", "none");
    assert_true(world_run_in_child(&b, &parts, NULL));
    a = (struct world_log){.react = save_and_thaw, .at = 9};
    world_run(&a, &whole, NULL);
    world_find_run(&parts, path);
    world_read(path, &c);
    assert_int_equal(c.last_step, 12);
    assert_int_equal(c.kinds[EVENT_THAW], 1);
    world_run(&c, &parts, path);
    assert_true(c.loss[9] == 0 && c.loss[10] != 0); /* goes on right behind the save */
    world_assert_same(a.path, path);
}

static void save_thaw_then_die(struct world_log *log, const struct event *event)
{
    if (event->kind == EVENT_STEP && event->step == 9)
        world_post(log, RUN_SAVE, 0, NULL);
    if (event->kind == EVENT_STEP && event->step == 10)
        world_post(log, RUN_THAW, 0.5, "layer2");
    if (event->kind == EVENT_STEP && event->step == log->at)
        kill(getpid(), SIGKILL);
}

static void die_at_twelve(struct world_log *log, const struct event *event)
{
    (void)log;
    if (event->kind == EVENT_STEP && event->step == 12)
        kill(getpid(), SIGKILL);
}

/* What was done again is not done once more, where the run dies again before its next checkpoint. */
static void killed_twice_behind_a_command(void **state)
{
    (void)state;
    struct experiment whole, parts;
    struct world_log a = {.react = save_thaw_then_die}, b = {.react = save_thaw_then_die, .at = 12},
                     c = {.react = die_at_twelve};
    char path[512];
    make_pair(&whole, &parts, "sgd", "none");
    world_set(&whole, "run.checkpoint_every=6");
    world_set(&parts, "run.checkpoint_every=6");
    world_run(&a, &whole, NULL);
    assert_true(world_run_in_child(&b, &parts, NULL));
    world_find_run(&parts, path);
    assert_true(world_run_in_child(&c, &parts, path));
    assert_true(world_run_in_child(&c, &parts, path));
    c = (struct world_log){0};
    world_run(&c, &parts, path);
    assert_true(c.loss[9] == 0 && c.loss[10] != 0);
    assert_int_equal(c.last[EVENT_COMMAND].u.command.number, a.last[EVENT_COMMAND].u.command.number);
    world_assert_same(a.path, path);
}

static void thaw_at_five(struct world_log *log, const struct event *event)
{
    if (event->kind == EVENT_STEP && event->step == 5)
        world_post(log, RUN_THAW, 0.5, "layer2");
    if (event->kind == EVENT_STEP && event->step == 15)
        world_post(log, RUN_FREEZE, 1, "layer2.0.* layer3.0.conv1");
    if (log->at)
        stop_at(log, event);
}

static void after_a_live_thaw(void **state)
{
    (void)state;
    for (uint64_t stop = 10; stop <= 18; stop += 8) {
        struct experiment whole, parts;
        struct world_log a = {.react = thaw_at_five}, b = {.react = thaw_at_five, .at = stop},
                         c = {.react = thaw_at_five};
        make_pair(&whole, &parts, "sgd", "none");
        world_set(&whole, "thaw.epoch 4 = layer1 @ lr*0.1");
        world_set(&parts, "thaw.epoch 4 = layer1 @ lr*0.1");
        world_set(&whole, "train.thaw_warmup=2"); /* of the first thaw it goes on beyond the first stop */
        world_set(&parts, "train.thaw_warmup=2");
        world_run(&a, &whole, NULL);
        assert_int_equal(a.kinds[EVENT_THAW], 3);
        assert_int_equal(a.kinds[EVENT_LR], 2);
        world_run(&b, &parts, NULL);
        world_run(&c, &parts, b.path);
        world_assert_same(a.path, c.path);
    }
}

static void die_at(struct world_log *log, const struct event *event)
{
    (void)event;
    if (log->at-- == 0)
        kill(getpid(), SIGKILL);
}

/* Killed right behind some event, again and again: at each of them at most the work since the last checkpoint is lost. */
static void killed_behind_any_event(void **state)
{
    (void)state;
    struct experiment whole, parts;
    struct world_log a = {0}, log = {0};
    struct rng rng;
    char path[512], *resume = NULL;
    make_pair(&whole, &parts, "adamw", "light");
    world_set(&whole, "run.checkpoint_every=2");
    world_set(&parts, "run.checkpoint_every=2");
    rng_init(&rng, 5, 5);
    bool killed = true;
    for (int tries = 0; killed && tries < 40; tries++) {
        log = (struct world_log){.react = die_at, .at = 3 + rng_below(&rng, 28)};
        killed = world_run_in_child(&log, &parts, resume);
        world_find_run(&parts, path);
        resume = path;
    }
    assert_false(killed);
    world_run(&a, &whole, NULL);
    world_assert_same(a.path, path);
}

/* Killed by the clock, in the middle of whatever it does. */
static void killed_at_any_moment(void **state)
{
    (void)state;
    struct experiment whole, parts;
    struct world_log a = {0}, log = {0};
    struct rng rng;
    char path[1024], *resume = NULL;
    int status, kills = 0;
    bool done = false;
    make_pair(&whole, &parts, "sgd", "none");
    rng_init(&rng, 6, 6);
    world_run_in_child(&a, &whole, NULL);
    for (int tries = 0; !done && tries < 60; tries++) {
        fflush(NULL);
        pid_t child = fork();
        if (child == 0) {
            world_run(&log, &parts, resume);
            _exit(0);
        }
        /* Longer each time, so that it ends on a slow machine too. */
        nanosleep(&(struct timespec){0, (long)rng_below(&rng, 150000000) + tries * 10000000L}, NULL);
        kill(child, SIGKILL);
        waitpid(child, &status, 0);
        done = WIFEXITED(status) && WEXITSTATUS(status) == 0;
        kills += WIFSIGNALED(status);
        if (!file_is_directory(parts.run.dir))
            continue;
        struct error error = {0};
        struct file_list list;
        char *events = NULL;
        if (!file_list_read(&list, parts.run.dir, &error))
            fail_msg("%s", error.text);
        if (list.count) {
            snprintf(path, sizeof path, "%s/%s", parts.run.dir, list.name[0]);
            events = path_join(path, "events.jsonl");
        }
        resume = events && file_exists(events) ? path : NULL;
        if (events && !resume) { /* killed while it was made: there is no run yet */
            char command[1100];
            snprintf(command, sizeof command, "rm -rf '%s'", path);
            assert_int_equal(system(command), 0);
        }
        mem_free(events);
        file_list_free(&list);
    }
    if (!done) { /* nothing but the last stretch is left to do */
        log = (struct world_log){0};
        world_run_in_child(&log, &parts, resume);
    }
    print_message("killed %d times\n", kills);
    char whole_path[512], parts_path[512];
    world_find_run(&whole, whole_path);
    world_find_run(&parts, parts_path);
    world_assert_same(whole_path, parts_path);
}

static void same_seed_same_bits_for_any_threads(void **state)
{
    (void)state;
    struct world_log first = {0}, other = {0};
    for (int threads = 1; threads <= 3; threads++) {
        struct experiment experiment = world_experiment();
        world_set(&experiment, "data.augment=light");
        world_set(&experiment, "train.epochs=3");
        world_set(&experiment, "thaw.epoch 2=layer1 layer2");
        experiment.train.threads = threads;
        world_run(threads == 1 ? &first : &other, &experiment, NULL);
        if (threads > 1)
            world_assert_same(first.path, other.path);
    }
    struct experiment experiment = world_experiment();
    world_set(&experiment, "train.seed=2");
    world_run(&other, &experiment, NULL);
    assert_true(other.loss[1] != first.loss[1]);
}

static void ignore(void *context, const struct event *event)
{
    (void)context, (void)event;
}

static void another_seed_or_batch_is_refused(void **state)
{
    (void)state;
    struct error error = {0};
    struct trainer_status status;
    struct experiment experiment = world_experiment();
    struct world_log log = {.react = stop_at, .at = 3};
    world_run(&log, &experiment, NULL);
    for (int i = 0; i < 2; i++) {
        struct experiment changed = experiment;
        world_set(&changed, i == 0 ? "train.seed=7" : "train.batch=4");
        struct event_sink sink = {.emit = ignore};
        struct trainer_options options = {.experiment = &changed, .resume = log.path, .sink = &sink};
        struct trainer *trainer = trainer_create(&options, &error);
        assert_non_null(trainer);
        assert_true(trainer_start(trainer, &error));
        trainer_join(trainer);
        trainer_status(trainer, &status);
        assert_int_equal(status.state, TRAINER_FAILED);
        assert_non_null(strstr(status.error.text, i == 0 ? "train.seed was 1 and is 7" : "train.batch was 8 and is 4"));
        trainer_destroy(trainer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(saved_mid_epoch_then_killed),
        cmocka_unit_test(killed_twice_behind_a_command),
        cmocka_unit_test(killed_behind_any_event),
        cmocka_unit_test(killed_at_any_moment),
        cmocka_unit_test(stopped_and_resumed),
        cmocka_unit_test(resumed_with_another_memory),
        cmocka_unit_test(resumed_where_other_kernels_are_faster),
        cmocka_unit_test(preprocessing_that_was_found),
        cmocka_unit_test(resumed_without_what_was_kept),
        cmocka_unit_test(resumed_without_its_weights),
        cmocka_unit_test(after_a_live_thaw),
        cmocka_unit_test(same_seed_same_bits_for_any_threads),
        cmocka_unit_test(another_seed_or_batch_is_refused),
    };
    return cmocka_run_group_tests(tests, world_set_up, world_tear_down);
}
