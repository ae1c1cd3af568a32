/* Keys and commands: no key means two things on one screen, names go there and back, users' keys and their refusals. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "keymap.h"
#include "thaw/base/macros.h"

static void test_table(void **state)
{
    (void)state;
    for (int i = 1; i < COMMANDS; i++) {
        const struct command_row *row = command_row((enum command)i);
        assert_int_equal(row->command, i);
        assert_true(row->where != 0 && (row->where & ~(unsigned)IN_ALL) == 0);
        assert_true(*row->name && *row->label && *row->help);
        assert_true(strlen(row->help) <= 72);
        for (int j = 1; j < i; j++)
            assert_string_not_equal(row->name, command_row((enum command)j)->name);
    }
}

/* Every key of every command, on every screen, finds that command: so no two claim one key. */
static void test_no_conflicts(void **state)
{
    (void)state;
    struct keymap *keymap = keymap_create();
    for (int i = 1; i < COMMANDS; i++) {
        const struct command_row *row = command_row((enum command)i);
        char word[32];
        int used;
        for (const char *keys = row->keys; sscanf(keys, " %31s%n", word, &used) == 1; keys += used)
            for (int screen = 0; screen < SCREENS; screen++) {
                struct term_event event = {.kind = TERM_KEY};
                assert_true(key_parse(word, &event.key, &event.modifiers));
                enum command found = keymap_find(keymap, (enum screen_id)screen, &event);
                if (row->where >> screen & 1 && found != row->command)
                    fail_msg("%s on screen %d is %s and %s", word, screen + 1, row->name, command_row(found)->name);
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

static void test_find(void **state)
{
    (void)state;
    bool ambiguous;
    assert_int_equal(command_find("quit", &ambiguous), COMMAND_QUIT);
    assert_int_equal(command_find("qu", &ambiguous), COMMAND_QUIT);
    assert_int_equal(command_find("lr", &ambiguous), COMMAND_LR); /* whole, though lr-up begins so too */
    assert_int_equal(command_find("thaw", &ambiguous), COMMAND_THAW);
    assert_int_equal(command_find("zoom", &ambiguous), COMMAND_NONE);
    assert_true(ambiguous);
    assert_int_equal(command_find("nonsense", &ambiguous), COMMAND_NONE);
    assert_false(ambiguous);
    assert_int_equal(command_find("", NULL), COMMAND_NONE);
}

static void test_bind(void **state)
{
    (void)state;
    struct keymap *keymap = keymap_create();
    struct error error;
    char keys[64];
    assert_true(keymap_bind(keymap, "stop", "F9 C-x", &error));
    keymap_all_keys(keymap, COMMAND_STOP, keys, sizeof(keys));
    assert_string_equal(keys, "F9 C-x");
    struct term_event event = {.kind = TERM_KEY, .key = 'X'};
    assert_int_equal(keymap_find(keymap, SCREEN_TRAIN, &event), COMMAND_NONE); /* the default is gone */
    event.key = 'x';
    event.modifiers = TERM_CTRL;
    assert_int_equal(keymap_find(keymap, SCREEN_TRAIN, &event), COMMAND_STOP);
    assert_int_equal(keymap_find(keymap, SCREEN_DATA, &event), COMMAND_NONE);
    assert_false(keymap_bind(keymap, "stop", "p", &error));
    assert_string_equal(error.text, "the key p is wanted by stop but belongs to pause");
    assert_false(keymap_bind(keymap, "halt", "F9", &error));
    assert_string_equal(error.text, "there is no command \"halt\" to give keys to");
    assert_false(keymap_bind(keymap, "stop", "Hyper", &error));
    assert_non_null(strstr(error.text, "\"Hyper\" is not a key (for stop)"));
    assert_false(keymap_bind(keymap, "quit", "", &error));
    keymap_first_key(keymap, COMMAND_STOP, keys);
    assert_string_equal(keys, "F9"); /* refusals change nothing */
    assert_true(keymap_bind(keymap, "save", "", &error));
    keymap_first_key(keymap, COMMAND_SAVE, keys);
    assert_string_equal(keys, "");
    keymap_destroy(keymap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_table), cmocka_unit_test(test_no_conflicts),
                                       cmocka_unit_test(test_names), cmocka_unit_test(test_find),
                                       cmocka_unit_test(test_bind)};
    return cmocka_run_group_tests_name("keymap", tests, NULL, NULL);
}
