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
        stage_close(&stage);
    }
}

static void test_models(void **state)
{
    (void)state;
    check_forms("models", false, "", 0, "j");
    check_forms("models-chosen", false, "Enter", 0, "1");
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_models),  cmocka_unit_test(test_layers),  cmocka_unit_test(test_data),
        cmocka_unit_test(test_train),   cmocka_unit_test(test_results), cmocka_unit_test(test_runs),
        cmocka_unit_test(test_opening),
    };
    stage_prepare();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
