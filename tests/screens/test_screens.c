/* The six screens over a scripted session, driven by keys and compared with golden text: each at 80x24 and 200x60, in UTF-8
 * and in ASCII, empty and full. What keys do is in test_screens_keys.c. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "stage.h"
#include "thaw/train/experiment.h"

static const struct {
    int width, height;
    bool ascii;
    const char *suffix;
} forms[] = {
    {80, 24, false, "80"},
    {80, 24, true, "80-ascii"},
    {200, 60, false, "200"},
    {200, 60, true, "200-ascii"},
};

/* Plays `keys`, lets `steps` steps of training happen, plays `then`, and compares under each form. */
static void check_forms(const char *name, bool empty, const char *keys, int steps, const char *then)
{
    for (size_t i = 0; i < THAW_LENGTH(forms); i++) {
        struct stage stage;
        char golden[64];
        stage_open(&stage, forms[i].width, forms[i].height, forms[i].ascii);
        if (empty)
            fake_session_empty(stage.session);
        stage_type(&stage, keys);
        if (steps > 0)
            stage_train(&stage, steps);
        stage_type(&stage, then);
        snprintf(golden, sizeof golden, "%s-%s", name, forms[i].suffix);
        stage_check(&stage, golden);
        stage_expect_whole(&stage);
        stage_close(&stage);
    }
}

static void test_models(void **state)
{
    (void)state;
    check_forms("models", false, "", 0, "j");
    check_forms("models-chosen", false, "Enter", 0, "1");
    check_forms("models-input", false, "Enter 3 Enter", 0, "1");
    check_forms("models-empty", true, "", 0, "");
    check_forms("models-pulling", false, "G k p", 4, "");
    check_forms("models-compared", false, "G m g j j j", 0, "");
    check_forms("models-filtered", false, "/ t o p 1 > 7 0 Enter s s s s s", 0, "");
}

static void test_layers(void **state)
{
    (void)state;
    check_forms("layers", false, "Enter", 0, "3 Enter 2 j j Enter j");
    check_forms("layers-empty", false, "", 0, "2");
    check_forms("layers-training", false, "Enter 3 Enter 4 r t", 30, "2 j j j Enter j j");
}

static void test_data(void **state)
{
    (void)state;
    check_forms("data", false, "Enter 3 Enter", 0, "j j n v");
    check_forms("data-bad", false, "Enter 3 Enter", 0, "b j");
    check_forms("data-none", false, "3", 0, "");
    check_forms("data-empty", true, "3", 0, "");
}

static void test_train(void **state)
{
    (void)state;
    check_forms("train-form", false, "Enter 3 Enter 4", 0, "j j j");
    check_forms("train-form-empty", false, "4", 0, "");
    check_forms("train-running", false, "Enter 3 Enter 4 r", 130, "");
    check_forms("train-done", false, "Enter 3 Enter 4 r", 400, "");
}

static void test_results(void **state)
{
    (void)state;
    check_forms("results", false, "Enter 3 Enter 4 r", 130, "5 j l");
    check_forms("results-empty", false, "5", 0, "");
}

static void test_runs(void **state)
{
    (void)state;
    check_forms("runs", false, "6", 0, "j m j");
    check_forms("runs-empty", true, "6", 0, "");
}

/* The first frames of a start: nothing is chosen yet, and nobody is told to choose. */
static void test_opening(void **state)
{
    (void)state;
    static const char *const names[] = {"models-opening", "layers-opening", "data-opening", "train-opening"};
    for (size_t i = 0; i < THAW_LENGTH(names); i++) {
        struct stage stage;
        char key[2] = {(char)('1' + i), '\0'};
        stage_open(&stage, 80, 24, false);
        fake_session_empty(stage.session);
        fake_session_opening(stage.session, "opening indian-transfer.ini");
        stage_type(&stage, key);
        stage_check(&stage, names[i]);
        stage_close(&stage);
    }
}

/* A large terminal has room for a page of images; keys and clicks go through them. */
static void test_gallery(void **state)
{
    (void)state;
    struct stage stage;
    int x, y;
    stage_open(&stage, 200, 60, false);
    stage_type(&stage, "3 Enter v");
    stage_expect(&stage, "1 of 50");
    stage_expect(&stage, "0000.png");
    stage_expect(&stage, "0008.png");
    stage_expect_not(&stage, "0009.png");
    stage_find(&stage, "0004.png", &x, &y);
    stage_click(&stage, TERM_PRESS, x, y - 3); /* the picture above it */
    stage_expect(&stage, "5 of 50");
    stage_type(&stage, "n n n n n");
    stage_expect(&stage, "0017.png");
    stage_expect(&stage, "val/stop/0009.png");
    ui_resize(stage.ui, 80, 24); /* one at a time */
    stage_expect(&stage, "val/stop/0009.png");
    stage_expect_not(&stage, "0017.png");
    stage_close(&stage);
}

/* --- nothing that matters is unreadable on 80 columns --- */

/* Walks down a list; what a row has no room for is told in full while it is selected. */
static void walk_rows(struct stage *stage, int rows)
{
    for (int i = 0; i < rows; i++) {
        stage_type(stage, "Down");
        stage_expect_whole(stage);
    }
}

static void test_rows_are_whole(void **state)
{
    (void)state;
    static const struct {
        const char *keys;
        int steps, rows;
    } walks[] = {{"", 0, 9},
                 {"Enter 2 +", 0, 30},
                 {"3 Enter", 0, 10},
                 {"3 Enter Tab", 0, 4},
                 {"3 Enter b", 0, 4},
                 {"4", 0, 14},
                 {"Enter 3 Enter r 5", 60, 9},
                 {"Enter 3 Enter r 5 Tab", 60, 9},
                 {"Enter 3 Enter r 5 Tab Tab", 60, 9},
                 {"6", 0, 4}};
    for (size_t i = 0; i < THAW_LENGTH(walks); i++) {
        struct stage stage;
        stage_open(&stage, 80, 24, false);
        stage_type(&stage, walks[i].keys);
        if (walks[i].steps > 0)
            stage_train(&stage, walks[i].steps);
        walk_rows(&stage, walks[i].rows);
        stage_close(&stage);
    }
}

/* Every row of the help of every screen, and what Tab offers. */
static void test_help_is_whole(void **state)
{
    (void)state;
    for (int screen = 0; screen < SCREENS; screen++) {
        struct stage stage;
        char key[2] = {(char)('1' + screen), '\0'};
        stage_open(&stage, 80, 24, false);
        stage_type(&stage, key);
        stage_type(&stage, "?");
        for (int number = 0; command_at(number, NULL) != NULL; number++) {
            stage_type(&stage, "Down");
            stage_expect_not(&stage, "…");
        }
        stage_type(&stage, "Esc : Tab");
        for (int number = 0; number < 20; number++) {
            stage_type(&stage, "Tab");
            stage_expect_whole(&stage);
        }
        stage_close(&stage);
    }
}

/* The real settings' help and what they allow have a line each. */
static void test_settings_help_fits(void **state)
{
    (void)state;
    size_t count;
    const struct experiment_key *keys = experiment_keys(&count);
    for (size_t i = 0; i < count; i++) {
        if (text_width(keys[i].help) > 80)
            fail_msg("%s.%s: its help takes %d cells", keys[i].section, keys[i].key, text_width(keys[i].help));
        assert_true(text_width("allowed: ") + text_width(keys[i].values) <= 80);
    }
}

/* No two columns of the confusion matrix have the same head, and what is beside the screen is pointed at. */
static void test_heads_differ(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage, 80, 24, false);
    stage_type(&stage, "Enter 3 Enter r");
    stage_train(&stage, 60);
    stage_type(&stage, "5");
    stage_expect(&stage, "   A    B    C    D    E    F    G    H    I    J");
    stage_expect(&stage, "\nE speed limit 50");
    ui_resize(stage.ui, 60, 24);
    stage_expect(&stage, "columns 1 to ");
    stage_expect(&stage, "▸");
    stage_type(&stage, "End");
    stage_expect(&stage, " to 10 of 10");
    stage_expect(&stage, "◂");
    stage_close(&stage);
}

/* Left and right bring columns into sight that had no room; a sign says that there are such. */
static void test_columns_beside_the_screen(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage, 80, 24, false);
    stage_expect(&stage, "▸");
    stage_expect_not(&stage, "family");
    stage_type(&stage, "l l l l l l l l");
    stage_expect(&stage, "family");
    stage_expect(&stage, "◂");
    stage_expect_not(&stage, "▸");
    stage_type(&stage, "h h h h h h h h");
    stage_expect(&stage, "▸");
    stage_type(&stage, "Enter");
    stage_expect_not(&stage, "memory W");
    stage_type(&stage, "Tab Tab");
    stage_expect(&stage, "memory W");
    stage_close(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_models),
        cmocka_unit_test(test_layers),
        cmocka_unit_test(test_data),
        cmocka_unit_test(test_train),
        cmocka_unit_test(test_results),
        cmocka_unit_test(test_runs),
        cmocka_unit_test(test_opening),
        cmocka_unit_test(test_gallery),
        cmocka_unit_test(test_rows_are_whole),
        cmocka_unit_test(test_help_is_whole),
        cmocka_unit_test(test_settings_help_fits),
        cmocka_unit_test(test_heads_differ),
        cmocka_unit_test(test_columns_beside_the_screen),
    };
    stage_prepare();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
