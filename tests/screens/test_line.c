/* What the program sends to an 80x24 terminal while it trains a real network with live curves: few enough bytes for a slow
 * line, fewer with --slow, and none at all where nothing changes. */
#include "config.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../engine/engines.h"
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

/* A ResNet-20 from scratch on drawn signs of 8 pixels: a few dozen steps a second, an epoch every second or so, in the
 * quarter of the time in which it runs. */
static int make_folder(void **state)
{
    (void)state;
    struct error error = {0};
    if (!mkdtemp(folder))
        return -1;
    char *data = inside("indian"), *path = inside("indian-transfer.ini");
    bool done = roadsigns_write(ROADSIGNS_INDIAN, data, 1, 8, 8, 2, NULL, NULL, &error);
    char *text = mem_format("[model]\nname = resnet20\nweights = none\n[data]\npath = %s\nsize = 8\n"
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

/* Two terminals at a time, as most of this test is waiting. */
enum { USUAL, SLOW, LINES };

/* The engines of the runs, where there are any: what goes to a terminal hangs on the clock, so that others may have the
 * processors for most of the time. */
static void engines_signal(int number)
{
    struct error error = {0};
    struct file_list list = {0};
    char *runs = inside("runs");
    if (file_is_directory(runs) && !file_list_read(&list, runs, &error))
        fail_msg("%s", error.text);
    for (size_t i = 0; i < list.count; i++) {
        char *run = path_join(runs, list.name[i]);
        pid_t process = engine_process(run);
        if (process > 1)
            kill(process, number);
        mem_free(run);
    }
    file_list_free(&list);
    mem_free(runs);
}

/* Bytes a second to each over so many seconds. */
static void rates_over(struct harness *harness[LINES], double seconds, double rate[LINES])
{
    size_t before[LINES];
    double begin = clock_monotonic();
    for (int i = 0; i < LINES; i++)
        before[i] = harness_bytes(harness[i]);
    while (clock_monotonic() - begin < seconds) {
        for (int i = 0; i < LINES; i++)
            harness_sees(harness[i], "\001", 0.025);
        engines_signal(SIGSTOP);
        for (int i = 0; i < LINES; i++)
            harness_sees(harness[i], "\001", 0.075);
        engines_signal(SIGCONT);
    }
    for (int i = 0; i < LINES; i++)
        rate[i] = (double)(harness_bytes(harness[i]) - before[i]) / (clock_monotonic() - begin);
}

/* Nothing to either for so many seconds, longer than from one tick of a clock to the next; soon. */
static bool fall_silent(struct harness *harness[LINES], double seconds)
{
    double rate[LINES];
    for (int i = 0; i < 3; i++) {
        rates_over(harness, seconds, rate);
        if (rate[USUAL] == 0 && rate[SLOW] == 0)
            return true;
    }
    return false;
}

static void type_both(struct harness *harness[LINES], const char *keys, const char *awaited)
{
    for (int i = 0; i < LINES; i++)
        harness_type(harness[i], keys);
    for (int i = 0; i < LINES; i++)
        harness_wait(harness[i], awaited);
}

static void lines_carry_it(void **state)
{
    (void)state;
    struct harness *harness[LINES] = {[USUAL] = start(NULL), [SLOW] = start("--slow")};
    double rate[LINES];
    harness_wait(harness[USUAL], "start the experiment");
    type_both(harness, "Esc", "start training"); /* the message goes */
    harness_settle(harness[USUAL]);
    harness_settle(harness[SLOW]);
    assert_true(fall_silent(harness, 2));
    type_both(harness, "r", "\u25b6 training");
    rates_over(harness, 16, rate);
    print_message("as usual %.0f bytes a second to the terminal, %.0f with --slow\n", rate[USUAL], rate[SLOW]);
    type_both(harness, "p", "paused");
    bool silent = fall_silent(harness, 6);
    type_both(harness, ":stop Space now Enter", "stopped"); /* they would train on without a terminal */
    for (int i = 0; i < LINES; i++) {
        harness_type(harness[i], "q");
        harness_leave(harness[i], 0);
    }
    assert_true(rate[USUAL] > 20 && rate[SLOW] > 20); /* the curves are live */
    assert_true(rate[USUAL] <= 2000 && rate[SLOW] <= 300);
    assert_true(silent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(lines_carry_it)};
    return cmocka_run_group_tests_name("line", tests, make_folder, drop_folder);
}
