/* What a run directory may come to: checkpoints with flipped bits, cut off, gone, of a newer program, with numbers that
 * cannot be. A run goes on from an older one to the same bits, or it is refused with a sentence and nothing is changed. */
#include "config.h"

#include <inttypes.h>
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

#include "src/train/checkpoint.h"
#include "src/weights/format.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/base/rng.h"
#include "thaw/run/rundir.h"
#include "thaw/shelf/load.h"
#include "world.h"

#define LAST "checkpoints/last.safetensors"
#define BEST "checkpoints/best.safetensors"

/* A run to its end, and the same stopped in its fourth epoch, with the checkpoints of all epochs. */
static struct {
    struct experiment experiment;
    char whole[512], stopped[512];
} runs;

static void run_shell(const char *format, const char *a, const char *b)
{
    char command[1200];
    snprintf(command, sizeof command, format, a, b);
    assert_int_equal(system(command), 0);
}

static void stop_at(struct world_log *log, const struct event *event)
{
    if (event->kind == EVENT_STEP && event->step == log->at)
        world_post(log, RUN_STOP, 0, NULL);
    if (event->kind == EVENT_STEP && event->step == 6)
        world_post(log, RUN_LR, 0.03, NULL); /* by hand: to be done again where it is gone on from before it */
}

static int set_up(void **state)
{
    struct world_log log = {.react = stop_at};
    int fault = world_set_up(state);
    if (fault)
        return fault;
    runs.experiment = world_experiment();
    world_set(&runs.experiment, "run.keep_every=1");
    world_run(&log, &runs.experiment, NULL);
    strcpy(runs.whole, log.path);
    log.at = 14;
    world_run(&log, &runs.experiment, NULL);
    strcpy(runs.stopped, log.path);
    return 0;
}

/* A copy of the stopped run. */
static void copy_run(char path[512])
{
    static int number;
    snprintf(path, 512, "%s/copy%d", world.folder, ++number);
    run_shell("cp -a '%s' '%s'", runs.stopped, path);
}

static void join(char path[600], const char *run, const char *name)
{
    snprintf(path, 600, "%s/%s", run, name);
}

static struct graph *graph_of_run(void)
{
    struct error error = {0};
    struct load_request request = {.arch = "resnet20", .classes = WORLD_CLASSES, .size = WORLD_SIDE, .seed = 1};
    struct graph *graph = load_graph(&request, NULL, &error);
    world_must(graph, &error);
    return graph;
}

/* --- files as they are --- */

static struct hash hash_of(const char *run, const char *name)
{
    struct error error = {0};
    struct hash hash = {0, 0};
    char path[600];
    join(path, run, name);
    if (file_exists(path))
        world_must(hash_file(&hash, path, &error), &error);
    return hash;
}

/* Of all that a run must not lose. */
static struct hash hash_run(const char *run)
{
    static const char *const names[] = {"events.jsonl",
                                        "experiment.ini",
                                        LAST,
                                        BEST,
                                        "checkpoints/epoch-0001.safetensors",
                                        "checkpoints/epoch-0002.safetensors",
                                        "checkpoints/epoch-0003.safetensors",
                                        "predictions.json",
                                        "model.safetensors"};
    struct hash all = {0, 0};
    for (size_t i = 0; i < THAW_LENGTH(names); i++) {
        struct hash one = hash_of(run, names[i]);
        all = hash_bytes(&one, sizeof one, all);
    }
    return all;
}

static off_t size_of(const char *run, const char *name)
{
    struct stat status;
    char path[600];
    join(path, run, name);
    assert_int_equal(stat(path, &status), 0);
    return status.st_size;
}

static void flip(const char *run, const char *name, off_t at)
{
    char path[600];
    join(path, run, name);
    world_flip(path, at);
}

/* Writes a checkpoint again with other text in its header, with a digest that holds. */
static void edit(const char *run, const char *name, const char *old, const char *new)
{
    struct error error = {0};
    struct file_map map;
    char path[600], digits[HASH_TEXT];
    join(path, run, name);
    world_must(file_map_open(&map, path, &error), &error);
    uint64_t size;
    memcpy(&size, map.data, sizeof size);
    char *header = mem_format("%.*s", (int)size, (const char *)map.data + sizeof size), *at = strstr(header, old);
    if (!at)
        fail_msg("%s: no %s in it", path, old);
    char *changed = mem_format("%.*s%s%s", (int)(at - header), header, new, at + strlen(old));
    size_t values = map.size - sizeof size - size;
    uint64_t length = strlen(changed);
    size_t all = sizeof length + length + values;
    uint8_t *bytes = mem_alloc(all);
    memcpy(bytes, &length, sizeof length);
    memcpy(bytes + sizeof length, changed, length);
    memcpy(bytes + sizeof length + length, map.data + sizeof size + size, values);
    file_map_close(&map);
    size_t place = safetensors_digest(digits, bytes, all);
    if (place > 0)
        memcpy(bytes + place, digits, HASH_TEXT - 1);
    world_must(file_write_atomic(path, bytes, all, &error), &error);
    mem_free(bytes);
    mem_free(changed);
    mem_free(header);
}

/* --- going on --- */

static void assert_goes_on(const char *run, const char *from)
{
    struct world_log log = {.react = stop_at};
    world_run(&log, &runs.experiment, run);
    assert_string_equal(log.last[EVENT_FORK].u.fork.from, from);
    assert_int_equal(log.kinds[EVENT_WARNING], strcmp(from, LAST) != 0);
    if (strcmp(from, LAST) != 0) {
        assert_non_null(strstr(log.last[EVENT_WARNING].u.warning.text, "last.safetensors"));
        assert_non_null(strstr(log.last[EVENT_WARNING].u.warning.text, from));
    }
    world_assert_same(runs.whole, run);
}

static void assert_refused_with(const char *run, const struct experiment *experiment, enum error_kind kind,
                                const char *part)
{
    struct world_log log = {0};
    struct trainer_status status;
    struct hash before = hash_run(run);
    struct trainer_options options = {.experiment = experiment, .resume = run};
    world_run_failing_options(&log, &options, &status);
    assert_int_equal(status.state, TRAINER_FAILED);
    if (status.error.kind != kind || !strstr(status.error.text, part))
        fail_msg("%d: \"%s\" does not say \"%s\"", status.error.kind, status.error.text, part);
    assert_true(hash_equal(before, hash_run(run)));
}

static void assert_refused_as(const char *run, enum error_kind kind, const char *part)
{
    assert_refused_with(run, &runs.experiment, kind, part);
}

/* Every bit counts: of the file's length, its header, its values. What is not seen would be another result. */
static void a_flipped_bit_is_seen(void **state)
{
    (void)state;
    struct checkpoint saved;
    struct error error = {0};
    struct rng rng;
    char run[512], path[600];
    copy_run(run);
    join(path, run, LAST);
    struct graph *graph = graph_of_run();
    struct checkpoint_file *file = checkpoint_open(path, graph, &saved, &error);
    world_must(file, &error);
    checkpoint_close(file);
    off_t size = size_of(run, LAST);
    uint32_t header = 8000;
    rng_init(&rng, 7, 7);
    for (int i = 0; i < 400; i++) {
        off_t at = rng_below(&rng, i % 2 ? header : (uint32_t)size);
        world_flip(path, at);
        error = (struct error){0};
        file = checkpoint_open(path, graph, &saved, &error);
        if (file)
            fail_msg("byte %ld", (long)at);
        if (error.kind != ERROR_DATA || !strstr(error.text, "last.safetensors"))
            fail_msg("byte %ld: %s", (long)at, error.text);
        world_flip(path, at);
    }
    graph_destroy(graph);
    assert_goes_on(run, LAST);
}

static void goes_on_from_an_older_one(void **state)
{
    (void)state;
    char run[512], path[600];
    copy_run(run); /* a value */
    flip(run, LAST, size_of(run, LAST) - 100);
    assert_goes_on(run, "checkpoints/epoch-0003.safetensors");
    copy_run(run); /* the header; the newest other one, too */
    flip(run, LAST, 300);
    flip(run, "checkpoints/epoch-0003.safetensors", 9000);
    assert_goes_on(run, "checkpoints/epoch-0002.safetensors");
    copy_run(run); /* cut off */
    join(path, run, LAST);
    assert_int_equal(truncate(path, size_of(run, LAST) / 2), 0);
    assert_goes_on(run, "checkpoints/epoch-0003.safetensors");
    copy_run(run); /* gone, and those of epochs with it */
    run_shell("rm '%s'/checkpoints/[el]*%s", run, "");
    assert_goes_on(run, BEST);
}

static void refused_where_nothing_is_left(void **state)
{
    (void)state;
    char run[512], path[600];
    copy_run(run);
    run_shell("rm '%s'/checkpoints/[be]*%s", run, "");
    flip(run, LAST, 5000);
    assert_refused_as(run, ERROR_DATA, "no other checkpoint of the run can be read either");
    join(path, run, LAST);
    assert_int_equal(unlink(path), 0);
    assert_refused_as(run, ERROR_DATA, "no other checkpoint of the run can be read either");
    assert_true(size_of(run, "events.jsonl") > 1000);
}

/* A fork elsewhere would be another run: which places are left is told. */
static void a_fork_from_damage_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *remove, *at, *part;
    } rows[] = {
        {"true", NULL, "fork at epoch-0003, the newest checkpoint of that run that is whole"},
        {"rm epoch-0003*", NULL, "fork at epoch-0002, the newest"},
        {"rm [be]*", NULL, "no other checkpoint of that run can be read either"},
        {"cp epoch-0003.safetensors last.safetensors; printf x >> epoch-0003.safetensors", "epoch-0003",
         "fork at last, the newest"},
    };
    for (size_t i = 0; i < THAW_LENGTH(rows); i++) {
        struct world_log log = {0};
        struct trainer_status status;
        struct experiment experiment = world_experiment();
        char run[512];
        copy_run(run);
        flip(run, LAST, 5000);
        run_shell("cd '%s'/checkpoints && { %s; }", run, rows[i].remove);
        struct trainer_options options = {.experiment = &experiment, .fork = run, .checkpoint = rows[i].at};
        world_run_failing_options(&log, &options, &status);
        if (status.error.kind != ERROR_DATA || !strstr(status.error.text, rows[i].part))
            fail_msg("%d: %s", status.error.kind, status.error.text);
    }
}

/* A fork has a checkpoint before its first event; without it it does not begin at its parent's once more. */
static void a_fork_without_its_own_is_refused(void **state)
{
    (void)state;
    struct world_log log = {.react = stop_at, .at = 15};
    struct experiment experiment = world_experiment();
    char path[600];
    struct trainer_options options = {.experiment = &experiment, .fork = runs.stopped};
    world_run_options(&log, &options);
    run_shell("rm '%s'/checkpoints/*%s", log.path, "");
    join(path, log.path, "parent");
    assert_true(file_exists(path));
    assert_refused_as(log.path, ERROR_DATA, "no other checkpoint of the run can be read either");
}

static void newer_runs_are_not_written_to(void **state)
{
    (void)state;
    struct error error = {0};
    struct event_sink sink = {0};
    struct world_log log = {0};
    char run[512], path[600];
    world_sink(&sink, &log);
    for (int i = 0; i < 2; i++) {
        copy_run(run);
        join(path, run, "events.jsonl");
        if (i == 0)
            edit(run, LAST, "\\\"version\\\":3", "\\\"version\\\":4");
        else
            run_shell("sed -i '1s/\"version\":[0-9]*/\"version\":99/; 1s/,\"sum\".*/}/' '%s'%s", path, "");
        join(path, run, "thaw.log");
        struct hash before = hash_run(run), log_before = hash_of(run, "thaw.log");
        struct trainer_options options = {.experiment = &runs.experiment, .resume = run, .sink = &sink};
        assert_null(trainer_create(&options, &error));
        assert_int_equal(error.kind, ERROR_FAILED);
        assert_non_null(strstr(error.text, "by a newer program"));
        assert_true(hash_equal(before, hash_run(run)));
        assert_true(hash_equal(log_before, hash_of(run, "thaw.log")));
    }
}

/* Events that were cut off are gone; what is computed is in the checkpoint. */
static void lost_events_are_told(void **state)
{
    (void)state;
    struct world_log log = {.react = stop_at};
    char run[512], path[600];
    copy_run(run);
    join(path, run, "events.jsonl");
    run_shell("sed -i 3q '%s'%s", path, "");
    world_run(&log, &runs.experiment, run);
    assert_int_equal(log.kinds[EVENT_WARNING], 1);
    assert_non_null(strstr(log.last[EVENT_WARNING].u.warning.text, "it ends before its checkpoint was written"));
    world_assert_same_file(runs.whole, run, LAST);
}

/* Flips a bit in the events of a run, behind the first `text` that follows the first `start`. */
static void flip_event(const char *run, const char *start, const char *text)
{
    struct error error = {0};
    char path[600];
    join(path, run, "events.jsonl");
    char *events = file_read_text(path, 1 << 20, &error), *at = events ? strstr(events, start) : NULL;
    at = at ? strstr(at, text) : NULL;
    assert_non_null(at);
    world_flip(path, at - events + (off_t)strlen(text));
    mem_free(events);
}

/* What is computed is in the checkpoint, and the damage stays where it is. */
static void damaged_events_are_told(void **state)
{
    (void)state;
    struct world_log log = {.react = stop_at};
    struct run_damage damage;
    struct error error = {0};
    struct event_sink sink;
    char run[512];
    copy_run(run);
    flip_event(run, "\"step\":3,", "\"loss\":0");
    world_run(&log, &runs.experiment, run);
    assert_int_equal(log.kinds[EVENT_WARNING], 1);
    assert_non_null(strstr(log.last[EVENT_WARNING].u.warning.text, "events.jsonl: line "));
    world_assert_same_file(runs.whole, run, LAST);
    world_sink(&sink, &log);
    world_must(rundir_read(run, &sink, &damage, &error), &error);
    assert_int_equal(damage.damaged, 1);
}

/* A rate that nobody asked for is not trained with. */
static void damaged_commands_are_not_done_again(void **state)
{
    (void)state;
    char run[512];
    for (int i = 0; i < 2; i++) {
        struct world_log log = {0};
        copy_run(run);
        run_shell("cd '%s'/checkpoints && rm [lb]* epoch-000[23]*%s", run, "");
        if (i == 1)
            flip_event(run, "{\"kind\":\"command\"", "value\\\":0.0");
        world_run(&log, &runs.experiment, run);
        assert_true(log.lr[5] <= 0.02 && (log.lr[8] > 0.02) == (i == 0));
        assert_int_equal(log.kinds[EVENT_WARNING], 1 + i);
        if (i == 1)
            assert_non_null(strstr(log.last[EVENT_WARNING].u.warning.text, "is not done again"));
    }
}

/* --- numbers --- */

/* "NAME":VALUE of the first such name, up to what ends it. */
static char *member_of(const char *run, const char *name)
{
    struct error error = {0};
    struct file_map map;
    char path[600], *key = mem_format("\\\"%s\\\":", name);
    join(path, run, LAST);
    world_must(file_map_open(&map, path, &error), &error);
    const char *at = memmem(map.data, map.size, key, strlen(key));
    if (!at)
        fail_msg("no %s", name);
    size_t length = strlen(key);
    length += at[length] == '[' ? strcspn(at + length, "]") + 1 : strcspn(at + length, ",}");
    char *member = mem_format("%.*s", (int)length, at);
    file_map_close(&map);
    mem_free(key);
    return member;
}

static void numbers_that_cannot_be_are_damage(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value;
    } rows[] = {
        {"batch", "-5"},
        {"batch", "5"},
        {"epoch", "-2147483648"},
        {"epoch", "4294967297"},
        {"epoch", "0"},
        {"epoch", "1.5"},
        {"thaws_done", "-1"},
        {"thaws_done", "17"},
        {"epochs", "1000001"},
        {"step", "\\\"-1\\\""},
        {"step", "\\\"18446744073709551616\\\""},
        {"step", "\\\" 3\\\""},
        {"mark", "\\\"9223372036854775808\\\""},
        {"base_lr", "\\\"nan\\\""},
        {"base_lr", "\\\"-0x1p-3\\\""},
        {"elapsed", "\\\"inf\\\""},
        {"elapsed", "\\\"\\\""},
        {"best_epoch", "5"},
        {"stale", "-1"},
        {"images_batch", "0"},
        {"lr_anchor", "\\\"9223372036854775808\\\""},
        {"seed", "\\\"x\\\""},
        {"base_hash", "\\\"00\\\""},
        {"arch", "7"},
        {"recorded_last", "4294967297"},
        {"fixed", "[1,2]"},
        {"updates", "[-1]"},
        {"warmups", "7"},
        {"changes", "{}"},
        {"version", "-1"},
        {"version", "2.0"},
    };
    char run[512];
    for (size_t i = 0; i < THAW_LENGTH(rows); i++) {
        copy_run(run);
        run_shell("rm '%s'/checkpoints/[be]*%s", run, "");
        char *old = member_of(run, rows[i].name), *new = mem_format("\\\"%s\\\":%s", rows[i].name, rows[i].value);
        edit(run, LAST, old, new);
        assert_refused_as(run, ERROR_DATA, "last.safetensors");
        mem_free(old);
        mem_free(new);
    }
}

/* Files of version 2 have no digest; one of version 3 that has lost it is damaged. */
static void version_2_goes_on(void **state)
{
    (void)state;
    char run[512];
    copy_run(run);
    edit(run, LAST, "\"thaw.digest\"", "\"thaw.notice\"");
    assert_goes_on(run, "checkpoints/epoch-0003.safetensors");
    copy_run(run);
    edit(run, LAST, "\"thaw.digest\"", "\"thaw.notice\"");
    edit(run, LAST, "\\\"version\\\":3", "\\\"version\\\":2");
    assert_goes_on(run, LAST);
}

/* --- settings and data --- */

static void other_settings_are_refused_by_name(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"data.size=32", "data.size was 0 and is 32: set it back, or fork the run"},
        {"data.augment=light", "data.augment was none and is light"},
        {"data.decode=fast", "data.decode was exact and is fast"},
        {"data.val=0.3", "data.val was empty and is 0.3"},
        {"data.cache=off", "data.cache was f32 and is off"},
        {"train.lr=0.05", "train.lr was 0.02 and is 0.05: set it back, and change the rate of the run by `thaw tell"},
        {"train.epochs=9", "train.epochs was 6 and is 9: set it back, and give `thaw resume --epochs`"},
        {"train.optimizer=adamw", "train.optimizer was sgd and is adamw"},
        {"train.label_smoothing=0.1", "train.label_smoothing was 0 and is 0.1"},
        {"train.seed=7", "train.seed was 1 and is 7"},
        {"train.early_stop=3", "train.early_stop was 0 and is 3"},
        {"train.kernels=measured", "train.kernels was built-in and is measured"},
        {"freeze.upto=layer1", "freeze.upto was layer2 and is layer1"},
        {"freeze.bn_stats=fixed", "freeze.bn_stats was moving and is fixed"},
        {"thaw.epoch 5=layer1", "thaw.epoch 5 was empty and is layer1"},
        {"model.name=resnet20", "model.name was empty and is resnet20"},
    };
    char run[512];
    copy_run(run);
    for (size_t i = 0; i < THAW_LENGTH(rows); i++) {
        struct experiment changed = runs.experiment;
        world_set(&changed, rows[i][0]);
        assert_refused_with(run, &changed, ERROR_USAGE, rows[i][1]);
    }
    assert_goes_on(run, LAST);
}

static void settings_without_results_may_change(void **state)
{
    (void)state;
    static const char *const rows[] = {"data.digest=all",     "data.image_memory=1", "data.cache_disk=0",
                                       "data.cache_memory=9", "train.threads=1",     "train.memory=900",
                                       "run.dir=/nowhere",    "run.name=other",      "run.checkpoint_every=3",
                                       "run.keep_last=1",     "run.keep_every=0"};
    struct world_log log = {.react = stop_at};
    struct experiment changed = runs.experiment;
    char run[512], path[600];
    copy_run(run);
    for (size_t i = 0; i < THAW_LENGTH(rows); i++)
        world_set(&changed, rows[i]);
    world_run(&log, &changed, run);
    world_assert_same(runs.whole, run);
    join(path, run, "experiment.ini"); /* it has become the run's */
    run_shell("grep -q '^keep_last = 1' '%s'%s", path, "");
}

/* The world's pictures somewhere else. */
static void copy_data(struct experiment *experiment, char path[600])
{
    static int number;
    char assignment[640];
    snprintf(path, 600, "%s/data%d", world.folder, ++number);
    run_shell("cp -r '%s' '%s'", world.data, path);
    snprintf(assignment, sizeof assignment, "data.path=%s", path);
    *experiment = runs.experiment;
    world_set(experiment, assignment);
}

static void other_data_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *change, *part;
    } rows[] = {
        {"mv class0 zebra", "was trained with; \"class0\" was one of them: a label would stand for another class"},
        {"mkdir aardvark && cp class0/000.png aardvark", "; \"aardvark\" was none of them"},
        {"cp class1/000.png class1/099.png", "their names or their labels are others"},
        {"mv class1/000.png class2/020.png", "their names or their labels are others"},
        {"rm ../val/class2/001.png", "their names or their labels are others"},
        {"printf x >> class1/003.png", "files of the same names have other numbers of bytes"},
        {"printf x | dd of=class1/003.png bs=1 seek=200 conv=notrunc 2>/dev/null", "hold other images"},
        {"printf x | dd of=../val/class1/002.png bs=1 seek=200 conv=notrunc 2>/dev/null", "hold other images"},
    };
    struct experiment experiment;
    char run[512], data[600];
    copy_run(run);
    for (size_t i = 0; i < THAW_LENGTH(rows); i++) {
        copy_data(&experiment, data);
        run_shell("cd '%s/train' && %s", data, rows[i].change);
        if (i < 2)
            run_shell("cd '%s/val' && %s", data, rows[i].change);
        assert_refused_with(run, &experiment, ERROR_DATA, rows[i].part);
    }
}

/* Where the data lie and when they were copied does not matter. */
static void moved_data_are_the_same(void **state)
{
    (void)state;
    struct world_log log = {.react = stop_at};
    struct experiment experiment;
    char run[512], data[600];
    copy_run(run);
    copy_data(&experiment, data);
    world_run(&log, &experiment, run);
    world_assert_same(runs.whole, run);
}

/* Of names alone nothing else is known; of all files every one is. */
static void extents_of_the_digest(void **state)
{
    (void)state;
    static const char *const rows[] = {"data.digest=names", "data.digest=all"};
    for (int i = 0; i < 2; i++) {
        struct world_log log = {.react = stop_at, .at = 3};
        struct experiment experiment;
        char data[600], run[512];
        copy_data(&experiment, data);
        world_set(&experiment, rows[i]);
        strcpy(experiment.run.dir, world_experiment().run.dir);
        world_run(&log, &experiment, NULL);
        strcpy(run, log.path);
        run_shell("printf x >> '%s'/train/class1/003.png%s", data, "");
        if (i == 1) {
            assert_refused_with(run, &experiment, ERROR_DATA, "other numbers of bytes");
            continue;
        }
        log.at = 5;
        world_run(&log, &experiment, run);
        assert_int_equal(log.last_step, 5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flipped_bit_is_seen),
        cmocka_unit_test(goes_on_from_an_older_one),
        cmocka_unit_test(refused_where_nothing_is_left),
        cmocka_unit_test(a_fork_from_damage_is_refused),
        cmocka_unit_test(a_fork_without_its_own_is_refused),
        cmocka_unit_test(newer_runs_are_not_written_to),
        cmocka_unit_test(lost_events_are_told),
        cmocka_unit_test(damaged_events_are_told),
        cmocka_unit_test(damaged_commands_are_not_done_again),
        cmocka_unit_test(numbers_that_cannot_be_are_damage),
        cmocka_unit_test(version_2_goes_on),
        cmocka_unit_test(other_settings_are_refused_by_name),
        cmocka_unit_test(settings_without_results_may_change),
        cmocka_unit_test(other_data_are_refused),
        cmocka_unit_test(moved_data_are_the_same),
        cmocka_unit_test(extents_of_the_digest),
    };
    return cmocka_run_group_tests(tests, set_up, world_tear_down);
}
