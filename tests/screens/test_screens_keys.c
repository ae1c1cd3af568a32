/* What keys and clicks do on the screens, over a scripted session: freezing and its counts, undo, filters, starting,
 * steering and stopping a run, settings, sorting, help, resizing in the middle. Expectations are texts on the screen, so that
 * they hold at any layout; test_screens.c compares whole screens. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "stage.h"
#include "thaw/base/mem.h"

static struct stage stage;

static int open_stage(void **state)
{
    (void)state;
    stage_open(&stage, 80, 24, false);
    return 0;
}

static int close_stage(void **state)
{
    (void)state;
    stage_close(&stage);
    return 0;
}

static void type(const char *keys)
{
    stage_type(&stage, keys);
}

static void see(const char *text)
{
    stage_expect(&stage, text);
}

static void miss(const char *text)
{
    stage_expect_not(&stage, text);
}

static struct session_status status_now(void)
{
    struct session_status status;
    session_status(stage.session, &status);
    return status;
}

static double trainable_now(void)
{
    struct session_freeze_counts counts;
    session_freeze_counts(stage.session, &counts);
    return counts.trainable;
}

static void begin_run(void)
{
    type("Enter 3 Enter 4 r");
    assert_int_equal(status_now().phase, SESSION_PREPARING);
    stage_train(&stage, 30);
    assert_int_equal(status_now().phase, SESSION_RUNNING);
}

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
    type("k d"); /* a convolution has no dropout */
    see("has nothing of that kind");
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

/* Settings and freezing are taken back in the order in which they were changed. */
static void test_undo_of_both(void **state)
{
    (void)state;
    const struct session_setting *settings;
    type("Enter j j j Space 4");
    double thawed = trainable_now();
    type(": s e t Space t r a i n . l r = 0 . 5 Enter 2 k Space 1");
    session_settings(stage.session, &settings);
    double more = trainable_now();
    assert_true(more > thawed);
    type("u");
    assert_true(trainable_now() == thawed);
    assert_string_equal(settings[3].value, "0.5");
    type("u");
    session_settings(stage.session, &settings);
    assert_string_equal(settings[3].value, "0.05");
    see("Undone: train.lr is 0.05 again");
    type("u");
    assert_true(trainable_now() == 780);
    type("u");
    see("Nothing to undo");
}

/* In a row of the form, and behind a setting on the `:` line. */
static void test_paths_are_completed(void **state)
{
    (void)state;
    static const char *const before[] = {"4 G k Enter C-u", ": s e t Space d a t a . p a t h ="};
    char root[] = "/tmp/thaw-test-keys-XXXXXX", keys[160], wanted[64];
    assert_non_null(mkdtemp(root));
    char *folder = mem_format("%s/flowers", root);
    assert_int_equal(mkdir(folder, 0700), 0);
    for (size_t i = 0; i < THAW_LENGTH(before); i++) {
        snprintf(keys, sizeof keys, "%s %s/fl Tab", before[i], root);
        type(keys);
        snprintf(wanted, sizeof wanted, "%s/flowers/", root);
        see(wanted);
        type("Esc Esc");
    }
    rmdir(folder);
    rmdir(root);
    mem_free(folder);
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
    type("X n");
    stage_train(&stage, 1);
    assert_int_equal(status_now().phase, SESSION_RUNNING);
    type("X y");
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
    type("Tab j Enter");
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

/* --- what holds on every screen --- */

static void test_esc_stays(void **state)
{
    (void)state;
    begin_run();
    for (int screen = 0; screen < SCREENS; screen++) {
        char key[2] = {(char)('1' + screen), '\0'};
        type(key);
        type("Esc Esc Esc");
        assert_int_equal(stage.ui->current, screen);
    }
}

/* It marks what is selected, and nothing else: no run is paused by it. */
static void test_space_marks(void **state)
{
    (void)state;
    begin_run();
    type("Space");
    assert_int_equal(status_now().phase, SESSION_RUNNING);
    type("1 Space");
    see("is marked");
    type("6 Space");
    see("is marked");
}

static void test_filters_without_hits_say_so(void **state)
{
    (void)state;
    static const char *const screens[] = {"1", "2", "3", "6"};
    type("Enter 3 Enter");
    for (size_t i = 0; i < THAW_LENGTH(screens); i++) {
        type(screens[i]);
        miss("Nothing matches");
        type("/ z q z q Enter");
        see("Nothing matches. Esc clears");
        type("Esc");
        miss("Nothing matches");
    }
}

static void test_messages_go(void **state)
{
    (void)state;
    type(": n o n s e n s e Enter");
    see("There is no command");
    type("j");
    miss("There is no command");
    type(": n o n s e n s e Enter");
    stage_click(&stage, TERM_WHEEL_DOWN, 10, 8);
    see("There is no command");
    stage_click(&stage, TERM_PRESS, 10, 8);
    miss("There is no command");
    begin_run();
    type("X y");
    stage_train(&stage, 1); /* the run answers */
    see("stop now");
    type("p");
    see("No run is training");
    stage_click(&stage, TERM_PRESS, 70, 10);
    type("r");
    see("Training starts");
}

/* What was used before is offered where a file is asked for, before any key; Esc leaves it at once. */
static void test_recent_files_are_offered(void **state)
{
    (void)state;
    type("3 o");
    see("indian  american  hymenoptera");
    type("Esc");
    miss("folder of images:");
    type(": l o a d Enter");
    see("flowers.ini  signs.ini");
    type("Tab Tab");
    see(":load /home/user/flowers.ini");
}

static void test_clicks_close_prompts(void **state)
{
    (void)state;
    type(": q u i t");
    stage_click(&stage, TERM_PRESS, 30, 0); /* what is clicked is done, too */
    miss(":quit");
    assert_int_equal(stage.ui->current, SCREEN_TRAIN);
    type("1 / v g g");
    see("2 of 9");
    stage_click(&stage, TERM_PRESS, 10, 3); /* the second row of what is seen */
    see("2 of 9");
    type("Enter");
    assert_int_equal(session_chosen_model(stage.session), 5);
    type("? t h e");
    stage_click(&stage, TERM_PRESS, 2, 23);
    miss("type to filter");
}

static void test_completions_are_clicked(void **state)
{
    (void)state;
    int x, y;
    type(": t h Tab Tab");
    stage_find(&stage, "thaw-next", &x, &y);
    stage_click(&stage, TERM_PRESS, x, y);
    see(":thaw-next");
}

/* --- the frame around them --- */

static void test_mouse(void **state)
{
    (void)state;
    stage_click(&stage, TERM_PRESS, 10, 4); /* the third row: header is line 1 */
    stage_click(&stage, TERM_PRESS, 10, 4);
    assert_int_equal(session_chosen_model(stage.session), 2);
    stage_click(&stage, TERM_WHEEL_DOWN, 10, 8);
    stage_click(&stage, TERM_PRESS, 2, 0); /* the first tab */
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
    type("Esc Esc"); /* the filter, then the list */
    see("layer3");
}

#define WITH_STAGE(test) cmocka_unit_test_setup_teardown(test, open_stage, close_stage)

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
        WITH_STAGE(test_folding),
        WITH_STAGE(test_patterns_by_command),
        WITH_STAGE(test_choosing_data),
        WITH_STAGE(test_starting_needs_model_and_data),
        WITH_STAGE(test_a_start_waits_for_what_is_being_opened),
        WITH_STAGE(test_settings),
        WITH_STAGE(test_choices_by_mouse),
        WITH_STAGE(test_undo_of_both),
        WITH_STAGE(test_paths_are_completed),
        WITH_STAGE(test_pause_and_rate),
        WITH_STAGE(test_stop_asks),
        WITH_STAGE(test_thawing_while_it_trains),
        WITH_STAGE(test_cursor_and_zoom),
        WITH_STAGE(test_failure_and_moved_tensor_are_loud),
        WITH_STAGE(test_results),
        WITH_STAGE(test_reopening_a_run),
        WITH_STAGE(test_esc_stays),
        WITH_STAGE(test_space_marks),
        WITH_STAGE(test_filters_without_hits_say_so),
        WITH_STAGE(test_messages_go),
        WITH_STAGE(test_recent_files_are_offered),
        WITH_STAGE(test_clicks_close_prompts),
        WITH_STAGE(test_completions_are_clicked),
        WITH_STAGE(test_mouse),
        WITH_STAGE(test_resizing_in_the_middle),
        WITH_STAGE(test_help_filters_while_typing),
    };
    stage_prepare();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
