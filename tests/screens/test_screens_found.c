/* What people who used the screens for the first time tripped over, each as they met it. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "stage_keys.h"

/* --- prompts --- */

static const char *setting_now(size_t row)
{
    const struct session_setting *settings;
    session_settings(stage.session, &settings);
    return settings[row].value;
}

static void test_typing_replaces_what_was_offered(void **state)
{
    (void)state;
    type("Enter 3 Enter 4 j Enter 4 0 Enter");
    assert_string_equal(setting_now(0), "40");
    type("Enter End 0 Enter"); /* moving keeps it */
    assert_string_equal(setting_now(0), "400");
    type("Enter Home Del 9 Enter");
    assert_string_equal(setting_now(0), "900");
    type("Enter Backspace 7 Enter");
    assert_string_equal(setting_now(0), "7");
    type("Enter Enter"); /* and untouched it is what it was */
    assert_string_equal(setting_now(0), "7");
}

static void test_a_command_s_beginning_is_typed_on(void **state)
{
    (void)state;
    type("6 N");
    see("note:");
    type("o l d Enter N n e w Enter");
    see("new");
    miss("oldnew");
    type("4 a x");
    see(":attach x");
}

/* --- runs beside --- */

static void test_a_paused_run_is_called_paused(void **state)
{
    (void)state;
    type("4");
    fake_session_runs_pause(stage.session);
    fake_session_runs_train(stage.session, 1);
    ui_pump(stage.ui);
    see("A run is paused: vgg-american, epoch 3 of 30. Press a to attach");
    type("1 Enter 3 Enter 4 r");
    see("vgg-american is paused: it keeps its memory");
    miss("is training");
    type("n");
    fake_session_runs_train(stage.session, 2); /* the other one trains: that comes first */
    type("r");
    see("ants-bees is training. Another run");
}

static void test_a_run_that_has_ended_is_not_told_of(void **state)
{
    (void)state;
    type("4");
    fake_session_runs_train(stage.session, 1);
    ui_pump(stage.ui);
    see("A run is training");
    fake_session_runs_train(stage.session, 0);
    type("1 4");
    miss("A run is training");
}

static void test_the_shown_run_paused_is_called_paused(void **state)
{
    (void)state;
    begin_run();
    type("p r");
    see("is paused: it keeps its");
}

/* --- a run that begins --- */

/* What is asked before the run has told its layers is asked again when it has, and is not denied meanwhile. */
static void test_a_thaw_waits_for_the_layers(void **state)
{
    (void)state;
    type("Enter 3 Enter 4");
    fake_session_hide_layers(stage.session, true);
    type("r t");
    miss("Nothing is frozen any more");
    see("has not told its layers yet");
    stage_train(&stage, 1);
    miss("thaw layer3");
    fake_session_hide_layers(stage.session, false);
    stage_train(&stage, 1);
    stage_train(&stage, 1);
    see("thaw layer3");
    miss("has not told its layers yet");
}

/* --- a replay --- */

static void test_a_replay_goes_back_from_its_end(void **state)
{
    (void)state;
    struct error error;
    assert_true(session_replay(stage.session, "20261120-091200-indian-head", 10, &error));
    type("4 : s e e k Space 2 0 Enter .");
    see("replay, finished");
    type(".");
    see("It is at its end");
    type(",");
    miss("replay, finished");
    see("epoch 20 of 20");
    assert_true(status_now().speed == 0);
    type(", ,");
    see("epoch 18 of 20");
}

/* --- results --- */

static void test_the_wrong_images_are_seen(void **state)
{
    (void)state;
    begin_run();
    type("5 l Enter"); /* stop taken for give way */
    see("\"stop\" are taken for \"give way\", the surest first");
    see("val/stop/");
    see("give way, not stop:");
    type("Enter"); /* larger */
    miss("taken for \"give way\"   ");
    see("give way, not stop:");
    type("Esc Esc");
    see("confusion: rows true");
    type("w");
    see("wrong images, the surest first");
    see("94.8%");
    type("Esc Tab Enter");
    see("are wrong: these first");
    type("G");
    see("sure");
    type("Esc m");
    see("confusion: rows true");
    assert_int_equal(stage.ui->current, SCREEN_RESULTS);
}

static void test_results_say_where_the_model_is(void **state)
{
    (void)state;
    type("6 / s c r a t c h Enter Enter 5");
    see("exported: /data/runs/20261120-093000-indian-scratch/model.safetensors");
    type("b");
    miss("exported:");
}

/* --- without validation images --- */

static void test_no_validation_is_told_before_it_trains(void **state)
{
    (void)state;
    type("Enter 3 Enter");
    fake_session_no_validation(stage.session);
    type("4");
    see("93 images, none for validation: data.val = 0.2 keeps some");
    type("r");
    see("The data has no validation images");
    type("n r y");
    see("Training starts");
    fake_session_no_validation(stage.session);
    stage_train(&stage, 5);
    see("no images");
    miss("none yet");
}

/* --- small things --- */

static void test_what_was_typed_keeps_its_letters(void **state)
{
    (void)state;
    type(": s e t Space t r a i n x Enter");
    see("trainx: ");
    miss("Trainx");
}

static void test_too_small_says_what_it_needs(void **state)
{
    (void)state;
    ui_resize(stage.ui, 15, 4);
    see("needs 60 x 15");
    ui_resize(stage.ui, 40, 12);
    see("40 x 12: thaw needs 60 x 15");
}

static void test_a_warning_gives_way_to_what_follows(void **state)
{
    (void)state;
    type("Enter 3 Enter r");
    stage_train(&stage, 1);
    fake_session_warns(stage.session, "2 files set aside");
    type("4");
    see("! epoch   0.1  2 files set aside");
    stage_train(&stage, 30);
    miss("! epoch");
    see("epoch   1.0  validation accuracy ");
}

/* --- filters --- */

static void test_epoch_is_rather_train_epochs(void **state)
{
    (void)state;
    type("Enter 3 Enter 4 / e p o c h Enter Enter 1 5 0 Enter");
    assert_string_equal(setting_now(0), "150");
}

static void test_runs_are_filtered_as_the_shell_does(void **state)
{
    (void)state;
    type("6 / b e s t > 9 0 Enter");
    see("2 of 4");
    see("ants-bees");
    miss("indian-scratch");
    type("Esc / e p o c h s > 1 0 Space - h e a d Enter");
    see("1 of 4");
    type("Esc / b e s t >");
    see("a number is to stand behind");
    type("Esc / s c r a t c h Enter");
    see("1 of 4");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STAGE(test_typing_replaces_what_was_offered),       WITH_STAGE(test_a_command_s_beginning_is_typed_on),
        WITH_STAGE(test_a_paused_run_is_called_paused),          WITH_STAGE(test_a_run_that_has_ended_is_not_told_of),
        WITH_STAGE(test_the_shown_run_paused_is_called_paused),  WITH_STAGE(test_a_thaw_waits_for_the_layers),
        WITH_STAGE(test_a_replay_goes_back_from_its_end),        WITH_STAGE(test_the_wrong_images_are_seen),
        WITH_STAGE(test_results_say_where_the_model_is),         WITH_STAGE(test_runs_are_filtered_as_the_shell_does),
        WITH_STAGE(test_no_validation_is_told_before_it_trains), WITH_STAGE(test_what_was_typed_keeps_its_letters),
        WITH_STAGE(test_too_small_says_what_it_needs),           WITH_STAGE(test_epoch_is_rather_train_epochs),
        WITH_STAGE(test_a_warning_gives_way_to_what_follows),
    };
    stage_prepare();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
