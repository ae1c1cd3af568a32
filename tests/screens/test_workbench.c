/* The whole workbench on a pseudo-terminal, over the scripted session: keys, mouse, prompt, help, resizing while it trains,
 * how fast a key is answered while every core computes, and what signals leave behind. */
#include "config.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness.h"
#include "thaw/base/clock.h"
#include "thaw/base/mem.h"

static struct harness *start(const char *option, const char *value, int width, int height)
{
    char *program = mem_format("%s/tests/screens/workbench", getenv("THAW_BUILDDIR"));
    char *themes = mem_format("THAW_THEMES=%s/themes", getenv("THAW_SRCDIR"));
    const char *argv[] = {program, "--here", option, value, NULL},
               *env[] = {themes, "XDG_CONFIG_HOME=/nonexistent", NULL};
    struct harness *harness =
        harness_start(&(struct harness_options){.argv = argv, .env = env, .width = width, .height = height});
    mem_free(program);
    mem_free(themes);
    harness_wait(harness, "1 Models");
    return harness;
}

/* Where a tab stands, "5 Results". */
static int tab_x(struct harness *harness, const char *tab)
{
    char *text = harness_text(harness), *found = strstr(text, tab);
    int x = 0;
    assert_non_null(found);
    for (char *at = text; at < found; at++)
        x += ((unsigned char)*at & 0xc0) != 0x80;
    mem_free(text);
    return x;
}

/* From nothing to curves by keys alone; leaving asks while it trains. */
static void test_keys_alone(void **state)
{
    (void)state;
    struct harness *harness = start("--every", "80", 80, 24);
    harness_type(harness, "Enter");
    harness_wait(harness, "is chosen");
    harness_type(harness, "3 Enter");
    harness_wait(harness, "classes");
    harness_type(harness, "r");
    harness_wait(harness, "epoch 2 of");
    harness_type(harness, "q");
    harness_wait(harness, "[y] yes");
    harness_type(harness, "n 5");
    harness_type(harness, "4");
    harness_wait(harness, "epoch 3 of");
    harness_type(harness, "q");
    harness_wait(harness, "[y] yes");
    harness_type(harness, "Left Enter");
    harness_leave(harness, 0);
}

static void test_command_line(void **state)
{
    (void)state;
    struct harness *harness = start(NULL, NULL, 80, 24);
    harness_type(harness, ":");
    harness_type(harness, "the Tab");
    harness_wait(harness, ":theme");
    harness_type(harness, "li Tab");
    harness_wait(harness, ":theme light");
    harness_type(harness, "Enter");
    harness_wait(harness, "Theme light");
    assert_int_equal(harness_cell(harness, tab_x(harness, "1 Models"), 0).bg, 25); /* the tab in front */
    harness_type(harness, ": t Tab");
    harness_wait(harness, ":train");
    harness_type(harness, "Tab");
    harness_wait(harness, ":theme");
    harness_type(harness, "Esc Esc : Up");
    harness_wait(harness, ":theme light");
    harness_type(harness, "Esc :xyzzyx Enter");
    harness_wait(harness, "There is no command \"xyzzyx\"; ? lists them");
    harness_type(harness, ":themes Enter");
    harness_wait(harness, "There is no command \"themes\"; the nearest is theme");
    harness_type(harness, ":zoom Enter");
    harness_wait(harness, "may be several commands");
    harness_type(harness, ":fold Enter");
    harness_wait(harness, "may be several");
    harness_type(harness, ":log-y Enter");
    harness_wait(harness, "log-y works on Train (4)");
    harness_type(harness, ":quit Enter");
    harness_leave(harness, 0);
}

static void test_help_runs(void **state)
{
    (void)state;
    struct harness *harness = start(NULL, NULL, 100, 30);
    harness_type(harness, "?");
    harness_wait(harness, "Help: Models");
    harness_type(harness, "results");
    harness_wait(harness, ":results");
    harness_type(harness, "Enter");
    harness_settle(harness);
    assert_true(harness_cell(harness, tab_x(harness, "5 Results"), 0).reverse);
    harness_type(harness, "? F1");
    harness_settle(harness);
    assert_false(harness_sees(harness, "Help:", 0.05));
    harness_type(harness, "? t h e m e Enter"); /* wants an argument: the line asks */
    harness_wait(harness, ":theme");
    harness_type(harness, "mono Enter");
    harness_wait(harness, "Theme mono");
    harness_type(harness, "q");
    harness_leave(harness, 0);
}

static void test_mouse(void **state)
{
    (void)state;
    struct harness *harness = start(NULL, NULL, 80, 24);
    harness_click(harness, 1, tab_x(harness, "2 Layers"), 0);
    harness_settle(harness);
    assert_true(harness_cell(harness, tab_x(harness, "2 Layers"), 0).reverse);
    char *text = harness_text(harness), *line = text;
    for (int i = 0; i < 23; i++)
        line = strchr(line, '\n') + 1;
    char *quit = strstr(line, "q quit");
    assert_non_null(quit);
    int x = 0;
    for (char *at = line; at < quit; at++)
        x += ((unsigned char)*at & 0xc0) != 0x80;
    mem_free(text);
    harness_click(harness, 1, x + 3, 23);
    harness_leave(harness, 0);
}

static void test_resize_while_training(void **state)
{
    (void)state;
    static const int sizes[][2] = {{200, 60}, {61, 15}, {40, 10}, {7, 2}, {132, 43}, {80, 24}};
    struct harness *harness = start("--start", "4", 80, 24);
    harness_type(harness, "1 Enter 3 Enter r");
    harness_wait(harness, "epoch 1 of");
    for (size_t i = 0; i < THAW_LENGTH(sizes); i++) {
        harness_resize(harness, sizes[i][0], sizes[i][1]);
        if (sizes[i][0] == 40)
            harness_wait(harness, "40 x 10: thaw needs 60 x 15");
        else if (sizes[i][0] >= 60)
            harness_wait(harness, "1 Models");
        harness_type(harness, "s");
    }
    harness_wait(harness, "? help");
    harness_type(harness, "q y");
    harness_leave(harness, 0);
}

/* The median over 20 keys while more threads compute than there are cores, and events come 30 times a second. */
static void test_answers_at_once(void **state)
{
    (void)state;
    struct harness *harness = start("--busy", "4", 80, 24);
    harness_type(harness, "Enter 3 Enter r");
    harness_wait(harness, "epoch 1 of");
    enum { KEYS = 20 };
    double taken[KEYS];
    int train = tab_x(harness, "4 Train"), results = tab_x(harness, "5 Results");
    for (int i = 0; i < KEYS; i++) {
        double begin = clock_monotonic();
        harness_type(harness, i % 2 ? "4" : "5");
        int x = i % 2 ? train : results;
        while (!harness_cell(harness, x, 0).reverse && clock_monotonic() - begin < 2)
            harness_sees(harness, "\001", 0.001);
        taken[i] = clock_monotonic() - begin;
        for (int j = i; j > 0 && taken[j] < taken[j - 1]; j--) {
            double swap = taken[j];
            taken[j] = taken[j - 1];
            taken[j - 1] = swap;
        }
    }
    print_message("a key is answered in %.1f ms (median), %.1f ms (worst)\n", taken[KEYS / 2] * 1e3,
                  taken[KEYS - 1] * 1e3);
    assert_true(taken[KEYS / 2] < 0.05);
    harness_type(harness, "q y");
    harness_leave(harness, 0);
}

/* Events alone must not draw more often than 15 times a second. */
static void test_frame_cap(void **state)
{
    (void)state;
    struct harness *harness = start("--every", "1", 80, 24);
    harness_type(harness, "Enter 3 Enter r");
    harness_wait(harness, "epoch 1 of");
    size_t before = harness_bytes(harness);
    double begin = clock_monotonic();
    harness_sees(harness, "\001", 2);
    double rate = (double)(harness_bytes(harness) - before) / (clock_monotonic() - begin);
    print_message("%.1f kB/s to the terminal while it trains\n", rate / 1e3);
    assert_true(rate > 100 && rate < 15 * 4000);
    harness_type(harness, "q y");
    harness_leave(harness, 0);
}

static void test_signals(void **state)
{
    (void)state;
    static const int numbers[] = {SIGTERM, SIGHUP, SIGINT};
    for (size_t i = 0; i < THAW_LENGTH(numbers); i++) {
        struct harness *harness = start(NULL, NULL, 80, 24);
        harness_signal(harness, numbers[i]);
        harness_leave(harness, 0);
    }
    struct harness *harness = start(NULL, NULL, 80, 24);
    harness_type(harness, "Enter 3 Enter r");
    harness_wait(harness, "epoch 1 of");
    harness_signal(harness, SIGINT); /* asks while it trains; a second one does not */
    harness_wait(harness, "[y] yes");
    harness_signal(harness, SIGINT);
    harness_leave(harness, 0);
    harness = start(NULL, NULL, 80, 24);
    harness_signal(harness, SIGSEGV);
    harness_end(harness);
    assert_true(harness_is_sane(harness));
    harness_stop(harness);
}

/* Ctrl-Z and fg: all of the screen again, though nothing on it has changed, and the modes. */
static void test_goes_on_after_a_stop(void **state)
{
    (void)state;
    struct harness *harness = start(NULL, NULL, 80, 24);
    harness_settle(harness);
    char *before = harness_text(harness);
    for (int stop = 0; stop < 2; stop++) {
        harness_signal(harness, stop == 0 ? SIGTSTP : SIGSTOP);
        harness_settle(harness);
        harness_wipe(harness);
        harness_signal(harness, SIGCONT);
        harness_settle(harness);
        char *after = harness_text(harness);
        assert_string_equal(after, before);
        free(after);
    }
    free(before);
    harness_type(harness, "3");
    harness_wait(harness, "Data");
    harness_stop(harness);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys_alone),
        cmocka_unit_test(test_command_line),
        cmocka_unit_test(test_help_runs),
        cmocka_unit_test(test_mouse),
        cmocka_unit_test(test_resize_while_training),
        cmocka_unit_test(test_answers_at_once),
        cmocka_unit_test(test_frame_cap),
        cmocka_unit_test(test_signals),
        cmocka_unit_test(test_goes_on_after_a_stop),
    };
    return cmocka_run_group_tests_name("workbench", tests, NULL, NULL);
}
