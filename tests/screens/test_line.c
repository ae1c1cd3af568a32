/* What the program sends to an 80x24 terminal while it trains a real network with live curves: few enough bytes for a slow
 * line, fewer with --slow, and none at all where nothing changes. */
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
#include "thaw/base/clock.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/samples/roadsigns.h"

static char folder[] = "/tmp/thaw-test-line-XXXXXX";

static char *inside(const char *name)
{
    return path_join(folder, name);
}

/* A ResNet-20 from scratch on drawn signs of 16 pixels: a few dozen steps a second, an epoch every second or so. */
static int make_folder(void **state)
{
    (void)state;
    struct error error = {0};
    if (!mkdtemp(folder))
        return -1;
    char *data = inside("indian"), *path = inside("indian-transfer.ini");
    bool done = roadsigns_write(ROADSIGNS_INDIAN, data, 1, 16, 8, 2, NULL, NULL, &error);
    char *text = mem_format("[model]\nname = resnet20\nweights = none\n[data]\npath = %s\nsize = 16\n"
                            "[train]\nepochs = 1000\nbatch = 10\n[run]\nname = line\n",
                            data);
    done = done && file_write_atomic(path, text, strlen(text), &error);
    mem_free(text);
    mem_free(path);
    mem_free(data);
    return done ? 0 : -1;
}

static int drop_folder(void **state)
{
    (void)state;
    char command[160];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static struct harness *start(const char *option)
{
    char *program = mem_format("%s/thaw", getenv("THAW_BUILDDIR")), *runs = inside("runs");
    char *state = mem_format("XDG_STATE_HOME=%s", folder);
    const char *argv[] = {program, "--threads", "1", "--samples", folder, "--runs", runs, "--offline", option, NULL};
    const char *env[] = {state, NULL};
    struct harness *harness =
        harness_start(&(struct harness_options){.argv = argv, .env = env, .width = 80, .height = 24});
    mem_free(program);
    mem_free(runs);
    mem_free(state);
    harness_wait(harness, "resnet20");
    return harness;
}

/* Bytes a second over so many seconds. */
static double rate_over(struct harness *harness, double seconds)
{
    size_t before = harness_bytes(harness);
    double begin = clock_monotonic();
    harness_sees(harness, "\001", seconds);
    return (double)(harness_bytes(harness) - before) / (clock_monotonic() - begin);
}

/* Nothing for so many seconds, longer than from one tick of a clock to the next; soon. */
static bool falls_silent(struct harness *harness, double seconds)
{
    for (int i = 0; i < 3; i++)
        if (rate_over(harness, seconds) == 0)
            return true;
    return false;
}

static void train_and_measure(const char *option, double seconds, double most, double silence)
{
    struct harness *harness = start(option);
    harness_type(harness, "r");
    harness_wait(harness, "training");
    double rate = rate_over(harness, seconds);
    print_message("%s: %.0f bytes a second to the terminal\n", option ? option : "as usual", rate);
    harness_type(harness, "p");
    harness_wait(harness, "paused");
    bool silent = falls_silent(harness, silence);
    harness_type(harness, ":stop Space now Enter"); /* it would train on without a terminal */
    harness_wait(harness, "stopped");
    harness_type(harness, "q");
    harness_leave(harness, 0);
    assert_true(rate > 20); /* the curves are live */
    assert_true(rate <= most);
    assert_true(silent);
}

static void usual_line(void **state)
{
    (void)state;
    train_and_measure(NULL, 12, 2000, 2);
}

static void slow_line(void **state)
{
    (void)state;
#ifdef THAW_SANITIZED /* a figure alone: it goes the ways of the usual line */
    skip();
#endif
    train_and_measure("--slow", 20, 300, 6);
}

static void nothing_changes(void **state)
{
    (void)state;
    struct harness *harness = start(NULL);
    harness_wait(harness, "start the experiment");
    harness_type(harness, "Esc"); /* the message goes */
    harness_settle(harness);
    assert_true(falls_silent(harness, 2));
    harness_type(harness, "q");
    harness_leave(harness, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(usual_line),
        cmocka_unit_test(slow_line),
        cmocka_unit_test(nothing_changes),
    };
    return cmocka_run_group_tests_name("line", tests, make_folder, drop_folder);
}
