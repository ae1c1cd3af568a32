/* Keys and commands: no key means two things on one screen, names go there and back, users' keys and their refusals. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "src/ui/key.h"
#include "src/ui/keymap.h"
#include "src/ui/ui.h"
#include "thaw/base/macros.h"

static int screen_of(int number)
{
    int screen;
    command_at(number, &screen);
    return screen;
}

/* Every row is whole, and no table has a name twice. */
static void test_table(void **state)
{
    (void)state;
    const struct command *row, *other;
    for (int i = 0; (row = command_at(i, NULL)) != NULL; i++) {
        assert_int_equal(command_number(row), i);
        assert_true(*row->name && *row->label && row->run != NULL);
        if (strlen(row->help) == 0 || strlen(row->help) > COMMAND_HELP_MAX)
            fail_msg("the help of %s has %zu characters", row->name, strlen(row->help));
        for (int j = 0; j < i; j++) {
            other = command_at(j, NULL);
            if (strcmp(row->name, other->name) == 0)
                assert_int_not_equal(screen_of(i), screen_of(j));
        }
    }
}

/* A screen is shown by its number and by its name. */
static void test_screens(void **state)
{
    (void)state;
    struct keymap *keymap = keymap_create();
    for (int screen = 0; screen < SCREENS; screen++) {
        struct term_event event = {.kind = TERM_KEY, .key = (uint32_t)('1' + screen)};
        assert_ptr_equal(keymap_find(keymap, 0, &event), &screen_table[screen]->go);
        assert_ptr_equal(screen_table[screen]->go.run, ui_show);
    }
    keymap_destroy(keymap);
}

/* Every key of every command, on every screen where it works, finds that command or the screen's own of the same name: so
 * no two claim one key. */
static void test_no_conflicts(void **state)
{
    (void)state;
    struct keymap *keymap = keymap_create();
    const struct command *row;
    for (int i = 0, of; (row = command_at(i, &of)) != NULL; i++) {
        char word[32];
        int used;
        for (const char *keys = row->keys; sscanf(keys, " %31s%n", word, &used) == 1; keys += used)
            for (int screen = 0; screen < SCREENS; screen++) {
                struct term_event event = {.kind = TERM_KEY};
                assert_true(key_parse(word, &event.key, &event.modifiers));
                const struct command *found = keymap_find(keymap, screen, &event);
                if ((of < 0 || of == screen) && strcmp(found->name, row->name) != 0)
                    fail_msg("%s on screen %d is %s and %s", word, screen + 1, row->name, found->name);
            }
    }
    keymap_destroy(keymap);
}

static void test_names(void **state)
{
    (void)state;
    static const char *const names[] = {"k",     "K",        " ",  "-",   "C-l",  "M-x",
                                        "S-Tab", "C-M-S-Up", "F1", "F12", "PgDn", "ü"};
    for (size_t i = 0; i < THAW_LENGTH(names); i++) {
        uint32_t key;
        unsigned modifiers;
        char back[16];
        assert_true(key_parse(names[i], &key, &modifiers));
        key_name(back, key, modifiers);
        assert_string_equal(back, strcmp(names[i], " ") == 0 ? "Space" : names[i]);
    }
    static const char *const bad[] = {"", "kk", "F0", "F13", "C-", "Entr", "C-Entr"};
    for (size_t i = 0; i < THAW_LENGTH(bad); i++) {
        uint32_t key;
        unsigned modifiers;
        if (key_parse(bad[i], &key, &modifiers))
            fail_msg("\"%s\" is a key", bad[i]);
    }
}

static const char *find(const char *name, int screen, bool *ambiguous)
{
    const struct command *found = command_find(name, screen, ambiguous);
    return found ? found->name : "";
}

static void test_find(void **state)
{
    (void)state;
    bool ambiguous;
    assert_string_equal(find("quit", 0, &ambiguous), "quit");
    assert_string_equal(find("qu", 0, &ambiguous), "quit");
    assert_string_equal(find("lr", 0, &ambiguous), "lr"); /* whole, though lr-up begins so too */
    assert_string_equal(find("thaw", 0, &ambiguous), "thaw");
    assert_string_equal(find("zoom", 0, &ambiguous), "");
    assert_true(ambiguous);
    assert_string_equal(find("nonsense", 0, &ambiguous), "");
    assert_false(ambiguous);
    assert_string_equal(find("", 0, NULL), "");
    /* the screen's own before everybody's before another's */
    static const int screens[] = {SCREEN_MODELS, SCREEN_RUNS};
    for (size_t i = 0; i < THAW_LENGTH(screens); i++) {
        assert_int_equal(screen_of(command_number(command_find("sort", screens[i], NULL))), screens[i]);
        assert_int_equal(screen_of(command_number(command_find("back", screens[i], NULL))), screens[i]);
    }
    assert_int_equal(screen_of(command_number(command_find("back", SCREENS, NULL))), -1);
    assert_int_equal(screen_of(command_number(command_find("log-y", SCREEN_MODELS, NULL))), SCREEN_TRAIN);
}

static void test_bind(void **state)
{
    (void)state;
    struct keymap *keymap = keymap_create();
    struct error error;
    char keys[64];
    assert_true(keymap_bind(keymap, "stop", "F9 C-x", &error));
    keymap_all_keys(keymap, command_named("stop", -1), keys, sizeof keys);
    assert_string_equal(keys, "F9 C-x");
    struct term_event event = {.kind = TERM_KEY, .key = 'X'};
    assert_null(keymap_find(keymap, SCREEN_TRAIN, &event)); /* the default is gone */
    event.key = 'x';
    event.modifiers = TERM_CTRL;
    assert_ptr_equal(keymap_find(keymap, SCREEN_TRAIN, &event), command_named("stop", -1));
    assert_null(keymap_find(keymap, SCREEN_DATA, &event));
    assert_false(keymap_bind(keymap, "stop", "p", &error));
    assert_string_equal(error.text, "the key p is wanted by stop but belongs to pause");
    assert_false(keymap_bind(keymap, "halt", "F9", &error));
    assert_string_equal(error.text, "there is no command \"halt\" to give keys to");
    assert_false(keymap_bind(keymap, "stop", "Hyper", &error));
    assert_non_null(strstr(error.text, "\"Hyper\" is not a key (for stop)"));
    assert_false(keymap_bind(keymap, "quit", "", &error));
    keymap_first_key(keymap, command_named("stop", -1), keys);
    assert_string_equal(keys, "F9");                        /* refusals change nothing */
    assert_true(keymap_bind(keymap, "sort", "F3", &error)); /* on every screen that sorts */
    keymap_first_key(keymap, command_named("sort", SCREEN_MODELS), keys);
    assert_string_equal(keys, "F3");
    keymap_first_key(keymap, command_named("sort", SCREEN_RUNS), keys);
    assert_string_equal(keys, "F3");
    assert_true(keymap_bind(keymap, "save", "", &error));
    keymap_first_key(keymap, command_named("save", -1), keys);
    assert_string_equal(keys, "");
    keymap_destroy(keymap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_table),        cmocka_unit_test(test_screens),
                                       cmocka_unit_test(test_no_conflicts), cmocka_unit_test(test_names),
                                       cmocka_unit_test(test_find),         cmocka_unit_test(test_bind)};
    return cmocka_run_group_tests_name("keymap", tests, NULL, NULL);
}
