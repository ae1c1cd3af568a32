/* Leaving and coming back, by the program itself on a pseudo-terminal: a run that it started trains on, whether it was
 * left by a key, by a signal or by a kill, and is found again. */
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

#include "harness.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/samples/roadsigns.h"

static char folder[] = "/tmp/thaw-test-leave-XXXXXX";
static char *experiment, *runs, *samples;

static int make_world(void **state)
{
    (void)state;
    struct error error = {0};
    if (!mkdtemp(folder))
        return -1;
    char *indian = path_join(folder, "indian");
    bool done = roadsigns_write(ROADSIGNS_INDIAN, indian, 1, 16, 4, 2, NULL, NULL, &error);
    experiment = path_join(folder, "long.ini");
    runs = path_join(folder, "runs");
    samples = path_join(folder, "samples");
    char *sample = path_join(samples, "indian-transfer.ini"); /* says that the world is drawn */
    char *text =
        mem_format("[model]\nname = resnet20\n[data]\npath = %s\nsize = 16\n[train]\nepochs = 100000\nbatch = 10\n"
                   "[run]\nname = long\n",
                   indian);
    done = done && file_make_directories(samples, &error) && file_write_atomic(sample, text, strlen(text), &error) &&
           file_write_atomic(experiment, text, strlen(text), &error);
    mem_free(text);
    mem_free(sample);
    mem_free(indian);
    return done ? 0 : -1;
}

static int drop_world(void **state)
{
    (void)state;
    char command[160];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    mem_free(experiment);
    mem_free(runs);
    mem_free(samples);
    return system(command);
}

/* word: behind the options; NULL: none. */
static struct harness *start(const char *first, const char *word)
{
    char *program = mem_format("%s/thaw", getenv("THAW_BUILDDIR"));
    const char *argv[] = {program,  first, "--threads", "1",  "--samples", samples,
                          "--runs", runs,  "--offline", word, NULL};
    struct harness *harness = harness_start(&(struct harness_options){.argv = argv, .width = 80, .height = 24});
    mem_free(program);
    return harness;
}

static void stop_by_attaching(void)
{
    struct harness *harness = start("attach", "last");
    harness_wait(harness, "training");
    harness_type(harness, "X j Enter");
    harness_wait(harness, "stopped");
    harness_type(harness, "q");
    harness_leave(harness, 0);
}

static void keys_leave_it_training(void **state)
{
    (void)state;
    static const char *const keys[] = {"q", "d"};
    for (size_t i = 0; i < THAW_LENGTH(keys); i++) {
        struct harness *harness = start(experiment, NULL);
        harness_type(harness, "r");
        harness_wait(harness, "\u25b6 training");
        harness_type(harness, keys[i]);
        harness_wait(harness, "goes on training; to come back:");
        harness_wait(harness, "  thaw attach ");
        harness_leave(harness, 0);
        stop_by_attaching();
    }
}

static void signals_leave_it_training(void **state)
{
    (void)state;
    static const int numbers[] = {SIGHUP, SIGTERM, SIGINT, SIGKILL};
    for (size_t i = 0; i < THAW_LENGTH(numbers); i++) {
        struct harness *harness = start(experiment, NULL);
        harness_type(harness, "r");
        harness_wait(harness, "\u25b6 training");
        harness_signal(harness, numbers[i]);
        if (numbers[i] != SIGKILL) {
            harness_leave(harness, 0);
        } else {
            harness_end(harness);
            harness_stop(harness);
        }
        stop_by_attaching();
    }
}

static void a_closed_terminal_leaves_it_training(void **state)
{
    (void)state;
    struct harness *harness = start(experiment, NULL);
    harness_type(harness, "r");
    harness_wait(harness, "\u25b6 training");
    harness_hang_up(harness);
    stop_by_attaching();
}

/* The next start says what trains, and a key attaches. */
static void the_next_start_offers_it(void **state)
{
    (void)state;
    struct harness *harness = start(experiment, NULL);
    harness_type(harness, "r");
    harness_wait(harness, "\u25b6 training");
    harness_type(harness, "d");
    harness_leave(harness, 0);
    harness = start(experiment, NULL);
    harness_wait(harness, "A run is training: long"); /* or long-2, begun in the same second as one before */
    harness_wait(harness, ", epoch ");
    harness_wait(harness, "Press a to attach");
    harness_type(harness, "a");
    harness_wait(harness, "\u25b6 training");
    harness_type(harness, "X j Enter");
    harness_wait(harness, "stopped");
    harness_type(harness, "q");
    harness_leave(harness, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_leave_it_training),
        cmocka_unit_test(signals_leave_it_training),
        cmocka_unit_test(a_closed_terminal_leaves_it_training),
        cmocka_unit_test(the_next_start_offers_it),
    };
    return cmocka_run_group_tests_name("leave", tests, make_world, drop_world);
}
