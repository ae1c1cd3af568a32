/* How the program itself starts, on a pseudo-terminal over the engine: a first frame while the samples are drawn, keys that
 * are typed ahead, and experiments that cannot be opened, with their exit codes. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/samples/roadsigns.h"

static char folder[] = "/tmp/thaw-test-start-XXXXXX";

static char *inside(const char *name)
{
    return path_join(folder, name);
}

static int make_folder(void **state)
{
    (void)state;
    struct error error = {0};
    if (!mkdtemp(folder))
        return -1;
    char *indian = inside("indian");
    bool done = roadsigns_write(ROADSIGNS_INDIAN, indian, 1, 16, 4, 2, NULL, NULL, &error);
    mem_free(indian);
    return done ? 0 : -1;
}

static int drop_folder(void **state)
{
    (void)state;
    char command[160];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static void write_experiment(const char *path, const char *model, const char *data)
{
    struct error error = {0};
    char *text =
        mem_format("[model]\n%s\n[data]\npath = %s\nsize = 16\n[train]\nepochs = 2\nbatch = 10\n", model, data);
    if (!file_write_atomic(path, text, strlen(text), &error))
        fail_msg("%s", error.text);
    mem_free(text);
}

/* `experiment` may be NULL; `samples` is a folder's name. */
static struct harness *start(const char *samples, const char *experiment)
{
    char *program = mem_format("%s/thaw", getenv("THAW_BUILDDIR")), *world = inside(samples), *runs = inside("runs");
    const char *argv[] = {program, "--threads", "2", "--samples", world, "--runs", runs, "--offline", experiment, NULL};
    struct harness *harness = harness_start(&(struct harness_options){.argv = argv, .width = 80, .height = 24});
    mem_free(program);
    mem_free(world);
    mem_free(runs);
    return harness;
}

/* Twice: a world that was left half drawn is drawn again. */
static void first_frame_comes_before_the_samples(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct harness *harness = start("fresh", NULL);
        harness_wait(harness, "drawing sample road signs: ");
        harness_type(harness, "1");
        harness_wait(harness, "Drawing sample road signs: ");
        harness_type(harness, "q");
        harness_leave(harness, 0);
    }
}

static void keys_typed_ahead_are_done(void **state)
{
    (void)state;
    char *data = inside("indian"), *experiment = inside("good.ini");
    write_experiment(experiment, "name = resnet20", data);
    /* the samples are there: an experiment is what says so */
    char *world = inside("world"), *mark = path_join(world, "indian-transfer.ini");
    struct error error = {0};
    assert_true(file_make_directories(world, &error));
    write_experiment(mark, "name = resnet20", data);
    struct harness *harness = start("world", experiment);
    harness_type(harness, "r");
    harness_wait(harness, "resnet20 on indian");
    harness_type(harness, "3");
    harness_wait(harness, "40 training and 20 validation images");
    harness_type(harness, "q y"); /* whether it still trains or not */
    harness_leave(harness, 0);
    mem_free(world);
    mem_free(mark);
    mem_free(data);
    mem_free(experiment);
}

static void what_cannot_be_opened_has_its_exit_code(void **state)
{
    (void)state;
    static const struct {
        const char *model, *data, *says;
        int code;
    } cases[] = {{"name = resnet20", "nowhere", "nowhere", 3},
                 {"weights = nothing.safetensors", "indian", "nothing.safetensors", 4},
                 {"nonsense = 1", "indian", "nonsense", 2}};
    char *experiment = inside("bad.ini");
    for (size_t i = 0; i < THAW_LENGTH(cases); i++) {
        char *data = inside(cases[i].data);
        write_experiment(experiment, cases[i].model, data);
        struct harness *harness = start("world", experiment);
        harness_wait(harness, cases[i].says);
        harness_leave(harness, cases[i].code);
        mem_free(data);
    }
    mem_free(experiment);
}

/* Where the sample cannot be drawn, or its file is broken, everything else is there all the same. */
static void a_sample_is_no_condition(void **state)
{
    (void)state;
    struct error error = {0};
    char *file = inside("no-folder"), *broken = inside("broken"), *mark = path_join(broken, "indian-transfer.ini");
    assert_true(file_write_atomic(file, "", 0, &error));
    assert_true(file_make_directories(broken, &error));
    write_experiment(mark, "nonsense = 1", "/nowhere");
    for (int i = 0; i < 2; i++) {
        struct harness *harness = start(i == 0 ? "no-folder" : "broken", NULL);
        harness_wait(harness, "The sample could not be opened:");
        harness_wait(harness, "none chosen: press 1");
        harness_type(harness, "1");
        harness_wait(harness, "resnet18");
        harness_type(harness, "q");
        harness_leave(harness, 0);
    }
    mem_free(mark);
    mem_free(broken);
    mem_free(file);
}

/* The program with homes of its own and no word of where anything is. */
static struct harness *start_at_home(const char *experiment)
{
    char *program = mem_format("%s/thaw", getenv("THAW_BUILDDIR"));
    char *data = mem_format("XDG_DATA_HOME=%s/home", folder), *state = mem_format("XDG_STATE_HOME=%s/state", folder);
    const char *argv[] = {program, "--threads", "2", "--offline", experiment, NULL}, *env[] = {data, state, NULL};
    struct harness *harness =
        harness_start(&(struct harness_options){.argv = argv, .env = env, .width = 100, .height = 30});
    mem_free(program);
    mem_free(data);
    mem_free(state);
    return harness;
}

static void leave(struct harness *harness)
{
    harness_type(harness, "q");
    harness_leave(harness, 0);
}

/* The first start is the sample, the next goes on where the last was left, and says so; what was left and is gone is no
 * reason not to start. */
static void the_next_start_goes_on(void **state)
{
    (void)state;
    struct error error = {0};
    char *world = inside("home/thaw/samples"), *sample = path_join(world, "indian-transfer.ini");
    char *data = inside("indian"), *other = inside("other"), *last = inside("state/thaw/last.ini");
    assert_true(file_make_directories(world, &error));
    assert_true(roadsigns_write(ROADSIGNS_INDIAN, other, 1, 16, 3, 2, NULL, NULL, &error));
    write_experiment(sample, "name = resnet20", data);
    struct harness *harness = start_at_home(NULL);
    harness_wait(harness, "Press r to start");
    harness_type(harness, ": s e t Space t r a i n . l r = 0 . 5 Enter");
    char *choose = mem_format(": d a t a Space %s Enter", other);
    harness_type(harness, choose);
    harness_wait(harness, "30 training");
    mem_free(choose);
    leave(harness);
    harness = start_at_home(NULL);
    harness_wait(harness, "As you left it");
    harness_wait(harness, "30 training");
    harness_type(harness, ": s e t Space t r a i n . l r = Tab");
    harness_wait(harness, "train.lr=0.5");
    harness_type(harness, "Esc Esc E");
    harness_wait(harness, "The sample is open");
    harness_wait(harness, "40 training");
    harness_type(harness, "3"); /* the other folder is offered */
    harness_wait(harness, "other");
    leave(harness);
    write_experiment(last, "name = resnet20", "/nonexistent/images");
    harness = start_at_home(NULL);
    harness_wait(harness, "could not be opened");
    harness_wait(harness, "40 training");
    leave(harness);
    mem_free(world);
    mem_free(sample);
    mem_free(data);
    mem_free(other);
    mem_free(last);
}

/* Where an experiment is asked for, those that were opened before are offered at once. */
static void experiments_are_offered_again(void **state)
{
    (void)state;
    char *data = inside("indian"), *experiment = inside("flowers.ini");
    write_experiment(experiment, "name = resnet20", data);
    struct harness *harness = start_at_home(experiment);
    harness_wait(harness, "40 training");
    leave(harness);
    harness = start_at_home(NULL);
    harness_wait(harness, "As you left it");
    harness_type(harness, ": l o a d Enter");
    harness_wait(harness, "flowers.ini");
    harness_type(harness, "Tab Enter");
    harness_wait(harness, "is loaded");
    leave(harness);
    mem_free(data);
    mem_free(experiment);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_frame_comes_before_the_samples),    cmocka_unit_test(keys_typed_ahead_are_done),
        cmocka_unit_test(what_cannot_be_opened_has_its_exit_code), cmocka_unit_test(the_next_start_goes_on),
        cmocka_unit_test(experiments_are_offered_again),           cmocka_unit_test(a_sample_is_no_condition),
    };
    return cmocka_run_group_tests_name("start", tests, make_folder, drop_folder);
}
