/* The terminal door (term.c) on a real pseudo-terminal, through the demo program: what is drawn, what keys and mouse
 * become, and that the terminal is whole again however the program ends. */
#include "config.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "harness.h"
#include "thaw/base/mem.h"

static struct harness *start(const char *const *env, int width, int height)
{
    char *demo = mem_format("%s/tests/screens/demo", getenv("THAW_BUILDDIR"));
    const char *argv[] = {demo, NULL};
    struct harness *harness =
        harness_start(&(struct harness_options){.argv = argv, .env = env, .width = width, .height = height});
    mem_free(demo);
    return harness;
}

static void leave(struct harness *harness)
{
    harness_type(harness, "q");
    harness_leave(harness, 0);
}

static void test_draws(void **state)
{
    (void)state;
    struct harness *harness = start(NULL, 80, 24);
    harness_wait(harness, "$");
    harness_settle(harness);
    assert_false(harness_is_sane(harness)); /* or the check would prove nothing */
    harness_check(harness, "demo-80");
    struct harness_cell frozen = harness_cell(harness, 4, 5), tab = harness_cell(harness, 1, 0);
    assert_int_equal(frozen.fg, 33);
    assert_true(tab.reverse);
    leave(harness);
}

static void test_ascii(void **state)
{
    (void)state;
    const char *const env[] = {"LC_ALL=C", NULL};
    struct harness *harness = start(env, 80, 24);
    harness_wait(harness, "$");
    harness_settle(harness);
    harness_check(harness, "demo-80-ascii");
    char *text = harness_text(harness);
    for (const char *at = text; *at; at++)
        assert_true((unsigned char)*at < 0x80);
    mem_free(text);
    leave(harness);
}

/* The Linux console has lines and blocks, and none of the other signs: no braille, no marks of ice. */
static void test_console(void **state)
{
    (void)state;
    const char *const env[] = {"TERM=linux", "ASAN_OPTIONS=detect_leaks=0",
                               NULL}; /* ncurses loads libgpm, which leaks */
    struct harness *harness = start(env, 80, 24);
    harness_wait(harness, "$");
    harness_settle(harness);
    int lines = 0, marks = 0;
    for (int y = 0; y < 24; y++)
        for (int x = 0; x < 80; x++) {
            uint32_t code = harness_cell(harness, x, y).code;
            bool known = code < 0x250 || (code >= 0x2500 && code <= 0x253c) || code == 0x2580 || code == 0x2588 ||
                         code == 0x258c || code >= 0x4e00; /* the demo's Chinese */
            if (!known)
                fail_msg("U+%04x at %d,%d", (unsigned)code, x, y);
            lines += code == 0x2500;
            marks += code == '*' || code == 'o';
        }
    assert_true(lines > 20 && marks > 5);
    leave(harness);
}

static int coloured_cells(struct harness *harness, int limit)
{
    int count = 0;
    for (int y = 0; y < 24; y++)
        for (int x = 0; x < 80; x++) {
            struct harness_cell cell = harness_cell(harness, x, y);
            assert_true(cell.fg < limit && cell.bg < limit);
            count += cell.fg >= 0 || cell.bg >= 0;
        }
    return count;
}

static void test_colours(void **state)
{
    (void)state;
    static const struct {
        const char *env[3];
        int limit;
    } forms[] = {{{NULL}, 256}, {{"TERM=xterm-16color", NULL}, 16}, {{"TERM=xterm", NULL}, 8}};
    for (size_t i = 0; i < THAW_LENGTH(forms); i++) {
        struct harness *harness = start(forms[i].env, 80, 24);
        if (harness_sees(harness, "not a terminal", 0.3)) { /* this machine has few terminals described */
            harness_stop(harness);
            continue;
        }
        harness_wait(harness, "$");
        harness_settle(harness);
        assert_true(coloured_cells(harness, forms[i].limit) > 100);
        leave(harness);
    }
    const char *const none[] = {"NO_COLOR=1", NULL};
    struct harness *harness = start(none, 80, 24);
    harness_wait(harness, "$");
    harness_settle(harness);
    assert_int_equal(coloured_cells(harness, 256), 0);
    leave(harness);
}

/* A picture has its own colours where the terminal says that it takes them, whatever terminfo knows. */
static void test_true_colours(void **state)
{
    (void)state;
    static const struct {
        const char *env[4];
        bool wanted;
    } forms[] = {{{"COLORTERM=truecolor", NULL}, true},
                 {{"COLORTERM=24bit", NULL}, true},
                 {{NULL}, false},
                 {{"COLORTERM=truecolor", "STY=1.x", "TERM=screen", NULL}, false}}; /* inherited through GNU screen */
    for (size_t i = 0; i < THAW_LENGTH(forms); i++) {
        struct harness *harness = start(forms[i].env, 80, 24);
        harness_wait(harness, "$");
        harness_settle(harness);
        int count = 0;
        for (int y = 0; y < 24; y++)
            for (int x = 0; x < 80; x++)
                count += harness_cell(harness, x, y).fg >= 0x1000000;
        if (forms[i].wanted ? count < 50 : count > 0)
            fail_msg("form %zu: %d cells in true colours", i, count);
        leave(harness);
    }
}

static void test_keys(void **state)
{
    (void)state;
    struct harness *harness = start(NULL, 80, 24);
    harness_wait(harness, "$");
    static const char *const keys[] = {"x",    "X",       "ü",      "漢",     "Up",   "Down", "Left",      "Right",
                                       "Home", "End",     "PgUp",   "PgDn",   "Ins",  "Del",  "Backspace", "Enter",
                                       "Tab",  "S-Tab",   "Esc",    "F1",     "F5",   "F12",  "C-l",       "C-a",
                                       "M-x",  "C-Right", "S-Left", "C-M-Up", "Space"};
    for (size_t i = 0; i < THAW_LENGTH(keys); i++) {
        char *wanted = mem_format("key %s", keys[i]);
        harness_type(harness, keys[i]);
        harness_wait(harness, wanted);
        mem_free(wanted);
    }
    leave(harness);
}

static void test_mouse(void **state)
{
    (void)state;
    struct harness *harness = start(NULL, 80, 24);
    harness_wait(harness, "$");
    harness_settle(harness);
    harness_click(harness, 1, 5, 4);
    harness_wait(harness, "press 1 at 5,4");
    assert_true(harness_cell(harness, 5, 4).reverse); /* the row is selected */
    harness_click(harness, 1, 5, 4);
    harness_wait(harness, "double 1 at 5,4");
    harness_click(harness, 3, 70, 20);
    harness_wait(harness, "press 3 at 70,20");
    harness_wheel(harness, false, 5, 4);
    harness_wait(harness, "wheel down 0 at 5,4");
    harness_wheel(harness, true, 6, 4);
    harness_wait(harness, "wheel up 0 at 6,4");
    harness_drag(harness, 30, 15, 40, 16);
    harness_wait(harness, "drag 1 at 40,16");
    leave(harness);
}

static void test_resize(void **state)
{
    (void)state;
    static const int sizes[][2] = {{100, 30}, {61, 16}, {200, 60}, {80, 24}};
    struct harness *harness = start(NULL, 80, 24);
    harness_wait(harness, "$");
    for (size_t i = 0; i < THAW_LENGTH(sizes); i++) {
        char *wanted = mem_format("size %d x %d", sizes[i][0], sizes[i][1]);
        harness_resize(harness, sizes[i][0], sizes[i][1]);
        harness_wait(harness, wanted);
        harness_settle(harness);
        assert_int_equal(harness_cell(harness, sizes[i][0] - 1, sizes[i][1] - 1).code, '$');
        mem_free(wanted);
    }
    harness_resize(harness, 40, 10);
    harness_wait(harness, "too small");
    harness_resize(harness, 80, 24);
    harness_wait(harness, "size 80 x 24");
    leave(harness);
}

/* Only what changed is sent: a moved selection must not cost a screen. */
static void test_economy(void **state)
{
    (void)state;
    struct harness *harness = start(NULL, 200, 60);
    harness_wait(harness, "$");
    harness_settle(harness);
    size_t first = harness_bytes(harness);
    assert_true(first > 5000);
    harness_type(harness, "x");
    harness_wait(harness, "key x");
    harness_settle(harness);
    size_t one = harness_bytes(harness) - first;
    if (one >= 200)
        fail_msg("%zu bytes for one changed word", one);
    leave(harness);
}

static void test_ends(void **state)
{
    (void)state;
    static const int fatal[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE};
    static const int polite[] = {SIGTERM, SIGHUP, SIGINT};
    for (size_t i = 0; i < THAW_LENGTH(fatal); i++) {
        struct harness *harness = start(NULL, 80, 24);
        harness_wait(harness, "$");
        if (i < 2)
            harness_type(harness, i == 0 ? "A" : "S");
        else
            harness_signal(harness, fatal[i]);
        int status = harness_end(harness);
        assert_true(harness_is_sane(harness));
#ifndef THAW_SANITIZED /* whose own handler ends the program with a code */
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == fatal[i]);
#else
        (void)status;
#endif
        harness_stop(harness);
    }
    for (size_t i = 0; i < THAW_LENGTH(polite); i++) {
        struct harness *harness = start(NULL, 80, 24);
        char *wanted = mem_format("left %d", polite[i]);
        harness_wait(harness, "$");
        harness_signal(harness, polite[i]);
        int status = harness_end(harness);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        harness_wait(harness, wanted);
        assert_true(harness_is_sane(harness));
        mem_free(wanted);
        harness_stop(harness);
    }
}

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *env[3], *sentence; /* ncurses itself leaks what it cannot use */
    } cases[] = {
        {{"TERM=nonsense", "ASAN_OPTIONS=detect_leaks=0", NULL}, "TERM=nonsense is not a terminal thaw can draw on"},
        {{"TERM=dumb", "ASAN_OPTIONS=detect_leaks=0", NULL}, "TERM=dumb is not a terminal thaw can draw on"},
        {{"TERM", NULL}, "TERM is not set"}};
    for (size_t i = 0; i < THAW_LENGTH(cases); i++) {
        struct harness *harness = start(cases[i].env, 80, 24);
        int status = harness_end(harness);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 2);
        harness_wait(harness, cases[i].sentence);
        assert_true(harness_is_sane(harness));
        harness_stop(harness);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_draws),   cmocka_unit_test(test_ascii),        cmocka_unit_test(test_console),
        cmocka_unit_test(test_colours), cmocka_unit_test(test_true_colours), cmocka_unit_test(test_keys),
        cmocka_unit_test(test_mouse),   cmocka_unit_test(test_resize),       cmocka_unit_test(test_economy),
        cmocka_unit_test(test_ends),    cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests_name("harness", tests, NULL, NULL);
}
