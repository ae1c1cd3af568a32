/* What keys and clicks do on the screens, over a scripted session: freezing and its counts, undo, filters, starting,
 * steering and stopping a run, settings, sorting, help, resizing in the middle. Expectations are texts on the screen, so that
 * they hold at any layout; test_screens.c compares whole screens. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "stage_keys.h"

/* --- models --- */

static void test_filter_follows_typing(void **state)
{
    (void)state;
    type("/ v g g");
    see("vgg16_bn");
    miss("resnet18");
    see("2 of 9");
    type("Enter");
    miss("resnet18");
    type("Esc");
    see("resnet18");
    type("/ v g g Esc"); /* giving up puts back what was there */
    see("resnet18");
}

static void test_choosing_a_filtered_model(void **state)
{
    (void)state;
    type("/ m o b i l e Enter Enter");
    assert_int_equal(session_chosen_model(stage.session), 6);
    see("block13");
}

static void test_bad_weights_are_said(void **state)
{
    (void)state;
    type("j j j Enter");
    see("layer1.0.conv1.weight");
    assert_int_equal(session_chosen_model(stage.session), -1);
}

static void test_filter_says_what_is_wrong(void **state)
{
    (void)state;
    type("/ t o p 1 >");
    see("a number is to stand behind");
    type("7 5 Enter");
    see("1 of 9");
    miss("vgg16_bn");
}

static void test_weights_are_pulled(void **state)
{
    (void)state;
    type("G k Enter"); /* choosing what is not here asks */
    see("are not on");
    type("y");
    stage_train(&stage, 3);
    see("30%");
    see("29.3 MiB of 97.8 MiB");
    type("j Enter"); /* and one goes on meanwhile */
    assert_int_equal(session_chosen_model(stage.session), 8);
    type("1 k p");
    see("cancelled");
}

static void test_a_failed_pull_tells_the_way_by_hand(void **state)
{
    (void)state;
    fake_session_fail_pull(stage.session);
    type("G k p");
    stage_train(&stage, 9);
    see("11ad3fa6 was expected");
    see("curl -L");
}

static void test_models_are_compared(void **state)
{
    (void)state;
    type("G m k k k k k");
    see("the better one");
    see("4089 M");
    type("Esc");
    miss("the better one");
}

static void test_a_fault_of_the_catalog_is_said(void **state)
{
    (void)state;
    fake_session_catalog_fault(stage.session);
    type("2 1");
    see("mine.ini:3");
}

static void test_sort_keeps_the_selection(void **state)
{
    (void)state;
    type("G s s s"); /* by name, family, params */
    see("params ▲");
    type("Enter");
    assert_int_equal(session_chosen_model(stage.session), 8);
}

static void test_open_by_path(void **state)
{
    (void)state;
    type("o n o w h e r e Enter");
    see("no such file");
    type("o v g g 1 6 _ b n Enter");
    assert_int_equal(session_chosen_model(stage.session), 4);
}

/* --- layers --- */

static void test_freezing_changes_the_counts(void **state)
{
    (void)state;
    type("Enter");
    assert_true(trainable_now() == 780);
    see("780 trainable");
    type("j j j Space"); /* layer3 */
    assert_true(trainable_now() > 200000);
    miss("780 trainable");
    see("layer3 is thawed");
    type("u");
    assert_true(trainable_now() == 780);
    see("780 trainable");
    type("u");
    see("Nothing to undo");
}

static void test_cut_here(void **state)
{
    (void)state;
    type("Enter j c"); /* up to layer1 */
    see("All up to layer1");
    const struct session_layer *all;
    size_t count = session_layers(stage.session, &all);
    for (size_t i = 0; i < count; i++)
        if (all[i].all != SESSION_MARK_NONE)
            assert_int_equal(all[i].all, all[i].stage <= 1 ? SESSION_MARK_FROZEN : SESSION_MARK_THAWED);
}

static void test_single_marks(void **state)
{
    (void)state;
    type("Enter Enter j j s"); /* stem, conv1, bn1: its statistics */
    const struct session_layer *all;
    session_layers(stage.session, &all);
    assert_int_equal(all[2].statistics, SESSION_MARK_THAWED);
    assert_int_equal(all[2].affine, SESSION_MARK_FROZEN);
    see("bn1 (statistics) is thawed");
    see("◐");
    type("k D"); /* a convolution has no dropout */
    see("has nothing of that kind");
}

/* With what was frozen of it, and behind later changes. */
static void test_a_chosen_model_is_taken_back(void **state)
{
    (void)state;
    type("Enter c"); /* the first model, cut at its first row */
    double trainable = trainable_now();
    type("1 j Enter");
    assert_int_equal(session_chosen_model(stage.session), 1);
    type("c u u"); /* the cut of that one, then the choice */
    assert_int_equal(session_chosen_model(stage.session), 0);
    assert_true(trainable_now() == trainable);
    see("resnet20 american signs is chosen again");
    type(": m o d e l Space r e s n e t 1 8 Enter u");
    assert_int_equal(session_chosen_model(stage.session), 0);
}

static void test_folding(void **state)
{
    (void)state;
    type("Enter");
    miss("layer1.0.conv1");
    type("j Right");
    see("layer1.0.conv1");
    type("Right Right Left"); /* into the stage, and back to its row */
    type("Left");
    miss("layer1.0.conv1");
    type("+");
    see("layer1.0.conv1");
    type("-");
    miss("layer1.0.conv1");
    type("/ l i n e a r Enter");
    see("fc");
    miss("conv1");
}

static void test_patterns_by_command(void **state)
{
    (void)state;
    type("Enter : t h a w Space l a y e r 2 . * Enter");
    assert_true(trainable_now() > 50000);
    type(": f r e e z e Space n o n s e n s e Enter");
    see("No layer matches \"nonsense\"");
}

/* --- data --- */

static void test_choosing_data(void **state)
{
    (void)state;
    type("3 Enter");
    assert_non_null(session_data(stage.session));
    see("4 bad files are set aside");
    see("train/stop/0000.png");
    type("n n");
    see("train/stop/0002.png");
    type("N v");
    see("val/stop/0001.png");
    type("j");
    see("val/give way/0001.png");
    type("b");
    see("truncated: ends in the middle of a chunk");
    type("Esc");
    see("balance");
    type("o / n o / s u c h Enter");
    see("no such folder");
    assert_non_null(session_data(stage.session));
}

/* --- train --- */

static void test_starting_needs_model_and_data(void **state)
{
    (void)state;
    type("4 Enter");
    see("press 1");
    see("press 3");
    assert_int_equal(status_now().phase, SESSION_IDLE);
}

/* By key and by the form's button. */
static void test_a_start_waits_for_what_is_being_opened(void **state)
{
    (void)state;
    type("Enter 3 Enter 4");
    for (int i = 0; i < 2; i++) {
        fake_session_opening(stage.session, "opening indian-transfer.ini");
        type(i == 0 ? "r" : "g Enter");
        see("as soon as all is open");
        assert_int_equal(status_now().phase, i == 0 ? SESSION_IDLE : SESSION_FINISHED);
        fake_session_opening(stage.session, NULL);
        stage_train(&stage, 1);
        assert_int_equal(status_now().phase, SESSION_PREPARING);
        fake_session_finish_run(stage.session);
        stage_train(&stage, 1);
        type("e");
    }
}

static void test_settings(void **state)
{
    (void)state;
    const struct session_setting *settings;
    type("Enter 3 Enter 4 j Enter C-u 5 Enter");
    session_settings(stage.session, &settings);
    assert_string_equal(settings[0].value, "5");
    type("j j Enter"); /* optimizer: a choice */
    see("● nesterov");
    assert_string_equal(settings[2].value, "nesterov"); /* nothing has changed yet */
    type("j Esc");
    assert_string_equal(settings[2].value, "nesterov");
    type("Enter j Enter");
    assert_string_equal(settings[2].value, "adamw");
    type("Enter");
    see("● adamw");
    type("k k Enter");
    assert_string_equal(settings[2].value, "sgd");
    type("j Enter C-u f a s t Enter");
    see("is not a number");
    type("j j Enter Esc g Enter"); /* asked for the warm-up, gave up, went up, started */
    assert_int_equal(status_now().phase, SESSION_PREPARING);
    assert_int_equal(status_now().epochs, 5);
}

/* A click chooses from the list of a choice, one outside leaves it. */
static void test_choices_by_mouse(void **state)
{
    (void)state;
    const struct session_setting *settings;
    type("4 j j j Enter");
    see("Enter chooses");
    stage_click(&stage, TERM_PRESS, 2, 20);
    miss("Enter chooses");
    type("Enter");
    int x, y;
    stage_find(&stage, "  adamw", &x, &y); /* in the list; the line below has one blank before it */
    stage_click(&stage, TERM_PRESS, x + 3, y);
    session_settings(stage.session, &settings);
    assert_string_equal(settings[2].value, "adamw");
}

static void test_pause_and_rate(void **state)
{
    (void)state;
    begin_run();
    see("▶ training");
    type("p");
    assert_int_equal(status_now().phase, SESSION_PAUSED);
    see("paused");
    type("p >");
    assert_int_equal(status_now().phase, SESSION_RUNNING);
    assert_true(status_now().lr > 0.05);
    type("= 0 . 0 1 Enter");
    assert_true(status_now().lr == 0.01);
}

static void test_stop_asks(void **state)
{
    (void)state;
    begin_run();
    type("X Esc X Enter");
    stage_train(&stage, 1);
    assert_int_equal(status_now().phase, SESSION_RUNNING);
    type("X");
    see("at the epoch's end");
    type("j Enter");
    stage_train(&stage, 1);
    assert_int_equal(status_now().phase, SESSION_STOPPED);
    see("stopped");
}

static void test_thawing_while_it_trains(void **state)
{
    (void)state;
    begin_run();
    type("t");
    stage_train(&stage, 1); /* the run answers */
    see("thaw layer3");
    type("t 2");
    const struct session_layer *all;
    size_t count = session_layers(stage.session, &all);
    for (size_t i = 0; i < count; i++)
        if (all[i].is_stage)
            assert_int_equal(all[i].all, all[i].stage >= 2 ? SESSION_MARK_THAWED : SESSION_MARK_FROZEN);
    see("changes act at the next batch");
}

static void test_cursor_and_zoom(void **state)
{
    (void)state;
    begin_run();
    stage_train(&stage, 100);
    type("Left Left Left z z s y Tab");
    see("accuracy");
    type("0 Esc Esc");
    assert_int_equal(stage.ui->current, SCREEN_TRAIN); /* nothing was left to take back */
}

static void test_failure_and_moved_tensor_are_loud(void **state)
{
    (void)state;
    begin_run();
    fake_session_break_proof(stage.session);
    stage_train(&stage, 1);
    see("a frozen tensor moved");
    fake_session_fail(stage.session, "the disk is full: free some room, then resume");
    stage_train(&stage, 1);
    see("failed");
    see("the disk is full");
}

/* --- results, runs --- */

static void test_results(void **state)
{
    (void)state;
    begin_run();
    type("5");
    see("\"stop\" are right");
    type("l");
    see("\"stop\" are taken for \"give way\"");
    type("v");
    see("%");
    type("Tab");
    see("least accurate first");
    type("s");
    see("least precise first");
    type("Tab j m");
    see("are taken for");
}

static void test_reopening_a_run(void **state)
{
    (void)state;
    type("6 s s"); /* by name, then by model */
    see("model");
    type("g / s c r a t c h Enter Enter");
    assert_int_equal(status_now().phase, SESSION_FINISHED);
    assert_int_equal(stage.ui->current, SCREEN_TRAIN);
    see("finished");
    type("5");
    see("right");
}

/* --- the frame around them --- */

static void test_mouse(void **state)
{
    (void)state;
    stage_click(&stage, TERM_PRESS, 10, 4); /* the third row: header is line 1 */
    stage_click(&stage, TERM_PRESS, 10, 4);
    assert_int_equal(session_chosen_model(stage.session), 2);
    stage_click(&stage, TERM_WHEEL_DOWN, 10, 8);
    click_tab("1 Models");
    assert_int_equal(stage.ui->current, SCREEN_MODELS);
}

static void test_resizing_in_the_middle(void **state)
{
    (void)state;
    begin_run();
    static const int sizes[][2] = {{200, 60}, {60, 15}, {30, 8}, {5, 2}, {120, 40}, {80, 24}};
    for (size_t i = 0; i < THAW_LENGTH(sizes); i++) {
        ui_resize(stage.ui, sizes[i][0], sizes[i][1]);
        for (enum screen_id screen = 0; screen < SCREENS; screen++) {
            ui_go(stage.ui, screen);
            ui_draw(stage.ui);
        }
        stage_train(&stage, 1);
    }
    assert_int_equal(status_now().phase, SESSION_RUNNING);
    ui_go(stage.ui, SCREEN_TRAIN);
    see("▶ training");
    stage_check(&stage, "resized-80");
    ui_resize(stage.ui, 40, 10);
    stage_check(&stage, "too-small");
}

static void test_help_filters_while_typing(void **state)
{
    (void)state;
    type("Enter ? c u t");
    see("freeze all up to this row");
    miss("write a checkpoint now");
    stage_check(&stage, "help-cut-80");
    see("Esc clears the filter, again closes");
    type("Esc");
    see("Help: Layers");
    see("toggle-weights"); /* which has no such word */
    type("Esc");
    miss("Help: Layers");
    see("layer3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STAGE(test_filter_follows_typing),
        WITH_STAGE(test_choosing_a_filtered_model),
        WITH_STAGE(test_bad_weights_are_said),
        WITH_STAGE(test_filter_says_what_is_wrong),
        WITH_STAGE(test_weights_are_pulled),
        WITH_STAGE(test_a_failed_pull_tells_the_way_by_hand),
        WITH_STAGE(test_models_are_compared),
        WITH_STAGE(test_a_fault_of_the_catalog_is_said),
        WITH_STAGE(test_sort_keeps_the_selection),
        WITH_STAGE(test_open_by_path),
        WITH_STAGE(test_freezing_changes_the_counts),
        WITH_STAGE(test_cut_here),
        WITH_STAGE(test_single_marks),
        WITH_STAGE(test_a_chosen_model_is_taken_back),
        WITH_STAGE(test_folding),
        WITH_STAGE(test_patterns_by_command),
        WITH_STAGE(test_choosing_data),
        WITH_STAGE(test_starting_needs_model_and_data),
        WITH_STAGE(test_a_start_waits_for_what_is_being_opened),
        WITH_STAGE(test_settings),
        WITH_STAGE(test_choices_by_mouse),
        WITH_STAGE(test_pause_and_rate),
        WITH_STAGE(test_stop_asks),
        WITH_STAGE(test_thawing_while_it_trains),
        WITH_STAGE(test_cursor_and_zoom),
        WITH_STAGE(test_failure_and_moved_tensor_are_loud),
        WITH_STAGE(test_results),
        WITH_STAGE(test_reopening_a_run),
        WITH_STAGE(test_mouse),
        WITH_STAGE(test_resizing_in_the_middle),
        WITH_STAGE(test_help_filters_while_typing),
    };
    stage_prepare();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
