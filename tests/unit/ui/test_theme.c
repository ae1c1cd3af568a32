/* Themes: the files that ship, what is read, and the sentence for each fault, with the built-in look behind it. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "src/ui/canvas.h"
#include "src/ui/theme.h"
#include "thaw/base/mem.h"

static char *themes(void)
{
    return mem_format("%s/themes", getenv("THAW_SRCDIR"));
}

static void test_shipped(void **state)
{
    (void)state;
    char *folder = themes();
    struct error error;
    static const char *const names[] = {"default", "light", "mono"};
    for (size_t i = 0; i < THAW_LENGTH(names); i++) {
        struct theme theme;
        if (!theme_load(&theme, names[i], folder, &error))
            fail_msg("%s", error.text);
        assert_string_equal(theme.name, names[i]);
        for (int role = 0; role < THEME_ROLES; role++)
            assert_true(i < 2 || (theme.style[role].fg == -1 && theme.style[role].bg == -1));
        /* Training and validation must be told apart. */
        assert_memory_not_equal(&theme.style[THEME_TRAIN], &theme.style[THEME_VAL], sizeof(struct theme_style));
    }
    mem_free(folder);
}

/* The built-in looks are those of the files: a program that is not installed looks the same. */
static void test_built_in(void **state)
{
    (void)state;
    char *folder = themes();
    struct error error;
    struct theme loaded, built_in;
    assert_true(theme_load(&loaded, "default", folder, &error));
    theme_init_default(&built_in);
    for (int role = 0; role < THEME_ROLES; role++)
        if (memcmp(&loaded.style[role], &built_in.style[role], sizeof(struct theme_style)) != 0)
            fail_msg("default.ini and theme.c differ in %s", theme_role_name((enum theme_role)role));
    assert_true(theme_load(&loaded, "mono", folder, &error));
    theme_init_mono(&built_in);
    for (int role = 0; role < THEME_ROLES; role++)
        if (memcmp(&loaded.style[role], &built_in.style[role], sizeof(struct theme_style)) != 0)
            fail_msg("mono.ini and theme.c differ in %s", theme_role_name((enum theme_role)role));
    mem_free(folder);
    assert_true(theme_load(&loaded, "default", "/nonexistent", &error));
    assert_true(theme_load(&loaded, "mono", "/nonexistent", &error));
    assert_false(theme_load(&loaded, "purple", "/nonexistent", &error));
    assert_string_equal(error.text, "/nonexistent/purple.ini: the theme cannot be read");
    assert_int_equal(loaded.style[THEME_TAB_ACTIVE].attrs, CELL_REVERSE | CELL_BOLD);
}

static bool load_text(struct theme *theme, const char *text, char *path, struct error *error)
{
    strcpy(path, "/tmp/thaw-theme-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    bool done = theme_load(theme, path, NULL, error);
    unlink(path);
    return done;
}

static void test_faults(void **state)
{
    (void)state;
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {"[theme]\ntext = default\ntraim = blue\n", ":3: unknown role \"traim\""},
        {"[theme]\ntext = default\n\ntrain = blu bold\n", ":4: cannot read the style word \"blu\""},
        {"[theme]\ntrain = 256\n", ":2: cannot read the style word \"256\""},
        {"[theme]\ntrain = #12345\n", ":2: cannot read the style word \"#12345\""},
        {"[theme]\ntrain = red blue\n", ":2: cannot read the style word \"blue\""},
        {"[theme]\ntrain = red on\n", ":2: cannot read the style word \"on\""},
        {"[colors]\ntrain = red\n", ":2: unknown section \"colors\""},
        {"[theme]\nnonsense\n", ":2: not a \"role = style\" line"},
        {"[theme]\ntext = default\n", ":2: the role \"dim\" is missing"},
    };
    for (size_t i = 0; i < THAW_LENGTH(cases); i++) {
        struct theme theme, built_in;
        struct error error;
        char path[32], *wanted;
        assert_false(load_text(&theme, cases[i].text, path, &error));
        wanted = mem_format("%s%s", path, cases[i].sentence);
        if (strncmp(error.text, wanted, strlen(wanted)) != 0)
            fail_msg("wanted \"%s\", got \"%s\"", wanted, error.text);
        mem_free(wanted);
        theme_init_default(&built_in);
        assert_memory_equal(&theme.style[THEME_VAL], &built_in.style[THEME_VAL], sizeof(struct theme_style));
    }
}

static void test_styles(void **state)
{
    (void)state;
    struct theme theme;
    struct error error;
    char path[32];
    load_text(&theme, "[theme]\ntrain = bright-red on 17 bold underline\nval = #0a0B0c on default dim\nbar = reverse\n",
              path, &error);
    assert_int_equal(theme.style[THEME_TRAIN].fg, 9);
    assert_int_equal(theme.style[THEME_TRAIN].bg, 17);
    assert_int_equal(theme.style[THEME_TRAIN].attrs, CELL_BOLD | CELL_UNDERLINE);
    assert_int_equal(theme.style[THEME_VAL].fg, 0x1000000 | 0x0a0b0c);
    assert_int_equal(theme.style[THEME_VAL].bg, -1);
    assert_int_equal(theme.style[THEME_BAR].fg, -1);
    assert_int_equal(theme.style[THEME_BAR].attrs, CELL_REVERSE);
}

int main(void)
{
    setenv("XDG_CONFIG_HOME", "/nonexistent", 1);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_shipped), cmocka_unit_test(test_built_in),
                                       cmocka_unit_test(test_faults), cmocka_unit_test(test_styles)};
    return cmocka_run_group_tests_name("theme", tests, NULL, NULL);
}
