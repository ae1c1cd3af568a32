/* What keys do to runs, over a scripted session: the commands of a run and of a replay, whose run a screen shows, and
 * leaving. As test_screens_keys.c. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fake_state.h"
#include "src/ui/screen_train.h"
#include "stage_keys.h"
#include "thaw/run/command.h"

/* --- commands of a run, and of a replay --- */

/* Each that a person may give is there by its name, with the help and the words of the run's own table. */
static void test_a_runs_commands_are_all_there(void **state)
{
    (void)state;
    for (int kind = 0; kind < RUN_COMMANDS; kind++) {
        const struct run_command_row *row = run_command_row((enum run_command_kind)kind);
        const struct command *command = command_named(row->name, SCREEN_TRAIN);
        if (!row->typed) {
            assert_null(command);
            continue;
        }
        assert_non_null(command);
        assert_string_equal(command->help, row->help);
        assert_string_equal(command->takes ? command->takes : "", row->synopsis);
    }
}

static void test_a_run_is_told_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *typed, *said;
    } told[] = {{": p a u s e Enter", "pause"},
                {": p a u s e Enter", "continue"}, /* what is paused it lets go on, as its key does */
                {"4 p", "pause"},
                {": c o n t i n u e Enter", "continue"},
                {": s t e p Space 3 Enter", "step 3"},
                {": l r Space 0 . 0 1 Enter", "lr 0.01"},
                {": e p o c h s Space 3 0 Enter", "epochs 30"},
                {": n o t e Space l o u d Enter", "note loud"},
                {": t h a w Space l a y e r 3 Space @ Space l r * 0 . 1 Enter", "thaw layer3 @ lr*0.1"},
                {": u n d o Enter", "undo"},
                {": s a v e Enter", "save"},
                {": s t o p Space e p o c h Enter", "stop epoch"}};
    begin_run();
    for (size_t i = 0; i < THAW_LENGTH(told); i++) {
        type("6"); /* whatever is in front */
        type(told[i].typed);
        stage_train(&stage, 1);
        see(told[i].said);
    }
    assert_int_equal(status_now().epochs, 30);
    type("4 : l r Space");
    see("RATE | *F: the learning rate of the next step");
    type("Esc : l r Space m u c h Enter");
    see("Lr takes RATE");
    type(": s t o p Space Tab Tab");
    see("now  epoch");
}

/* A figure over other images than before is not to be compared, and says so. */
static void test_fewer_images_are_said(void **state)
{
    (void)state;
    struct session_status *status = &stage.session->status;
    begin_run();
    stage_train(&stage, 40);
    type("4");
    status->val_judged = status->val_judged_most = 498;
    stage_train(&stage, 1);
    miss("(on ");
    status->val_judged = 490;
    stage_train(&stage, 1);
    see("(on 490 of 498)");
}

static void test_replay(void **state)
{
    (void)state;
    struct error error;
    assert_true(session_replay(stage.session, "20261120-091200-indian-head", 10, &error));
    type("4");
    see("replay 10x");
    see("│ replay 4 Train");
    type("p");
    see("replay, paused");
    type(": p a u s e Enter");
    see("replay 10x");
    type("p");
    see("replay, paused");
    type("p >");
    see("replay 20x");
    type("< <");
    see("replay 5x");
    type(": s p e e d Space 3 Enter");
    see("replay 3x");
    type(": s e e k Space 7 Enter");
    assert_int_equal(status_now().epoch, 7);
    type(".");
    assert_int_equal(status_now().epoch, 8);
    type(", ,");
    assert_int_equal(status_now().epoch, 6);
    type("X");
    see("takes no commands: a replay");
    type(": s e e k Space x Enter");
    see("seek takes an epoch");
}

/* --- whose a screen is --- */

static void test_tabs_tell_whose_a_screen_is(void **state)
{
    (void)state;
    see(" next run 1 Models  2 Layers  3 Data  4 Train │ no run 5 Results │ 6 Runs");
    begin_run();
    see(" next run 1 Models  3 Data │ run 2 Layers  4 Train  5 Results │ 6 Runs");
    type("e"); /* the form is the next run's */
    see(" next run 1 Models  3 Data  4 Train │ run 2 Layers  5 Results │ 6 Runs");
    type("e 2");
    see("run 20261123-1000-indian");
    type("x");
    see(" next run 1 Models  2 Layers  3 Data │ run 4 Train  5 Results │ 6 Runs");
    see("next run: resnet20");
    type("x");
    see("run 20261123-1000-indian");
    fake_session_finish_run(stage.session);
    stage_train(&stage, 1);
    see("next run: resnet20");
    see(" next run 1 Models  2 Layers  3 Data │ run 4 Train  5 Results │ 6 Runs");
    type("x Space");
    see("takes no commands: it has ended");
}

/* On the form of the next run a setting is taken back, not what the run thawed. */
static void test_undo_is_of_what_the_screen_shows(void **state)
{
    (void)state;
    const struct session_setting *settings;
    begin_run();
    type("t");
    stage_train(&stage, 1);
    double thawed = trainable_now();
    type("e : s e t Space t r a i n . l r = 0 . 5 Enter u");
    session_settings(stage.session, &settings);
    assert_string_equal(settings[3].value, "0.05");
    assert_true(trainable_now() == thawed);
    type("e u");
    stage_train(&stage, 1);
    assert_true(trainable_now() < thawed);
}

/* Who only looks is told so where a key would change something. */
static void test_read_only_says_so(void **state)
{
    (void)state;
    static const char *const keys[] = {"p", "X", "w", ">", "t", "=", "2 Space", "c", ": t h a w Space f c Enter"};
    begin_run();
    fake_session_read_only(stage.session);
    for (size_t i = 0; i < THAW_LENGTH(keys); i++) {
        double before = trainable_now();
        type(keys[i]);
        see("takes no commands: read-only");
        assert_true(trainable_now() == before);
        assert_int_equal(status_now().phase, SESSION_RUNNING);
    }
}

static void test_a_lost_line_is_seen_everywhere(void **state)
{
    (void)state;
    begin_run();
    fake_session_line(stage.session, "the line to lab7 is gone; trying again in 4 s");
    for (int screen = 0; screen < SCREENS; screen++) {
        char key[2] = {(char)('1' + screen), '\0'};
        type(key);
        see("The line to lab7 is gone; trying again in 4 s");
        see("○");
    }
    fake_session_line(stage.session, "");
    miss("lab7");
    miss("○");
}

/* --- what is said of a run is so --- */

static void test_counts_are_not_told_before_they_are_known(void **state)
{
    (void)state;
    type("Enter 3 Enter 4 r");
    miss("0 of 0");
    see("what is frozen is not told yet");
    miss("nothing is frozen");
    miss("0 trainable");
    stage_train(&stage, 1);
    see("62 tensors frozen, proven");
    see("650 trainable");
}

static void test_losses_and_rates_say_of_what(void **state)
{
    (void)state;
    begin_run();
    see("this epoch loss ");
    see("val loss ");
    see("best 35.4% (epoch 1)");
    see("⠒⠒ steps, smoothed ");
    miss("features kept");
    fake_session_keep_features(stage.session);
    see(", features kept");
    type("X j Enter");
    stage_train(&stage, 1);
    see("stopped");
    see("1 of 20 epochs"); /* the second was not finished */
    see("last epoch loss ");
}

static void test_thaws_to_come_are_drawn(void **state)
{
    (void)state;
    begin_run();
    miss("to thaw");
    fake_session_schedule(stage.session, true);
    see("to thaw layer2 @ lr*0.1");
    miss("to thaw layer3"); /* that one is made */
}

static void test_results_say_of_which_epoch(void **state)
{
    (void)state;
    begin_run();
    type("5");
    see("best so far, epoch 1");
    stage_train(&stage, 400);
    see("best, epoch 18 (exported)");
    type("b");
    see("last, epoch 20");
    type("b");
    see("best, epoch 18 (exported)");
}

static void test_results_are_read_behind_ones_back(void **state)
{
    (void)state;
    begin_run();
    fake_session_read_results(stage.session, true);
    type("5");
    see("Reading its predictions ...");
    miss("No results yet");
    fake_session_read_results(stage.session, false);
    see("best so far, epoch 1");
}

static void test_no_results_say_why(void **state)
{
    (void)state;
    type("5");
    see("Press 4 to train");
    type("1");
    begin_run();
    fake_session_no_validation(stage.session);
    type("5");
    see("This run has no validation images, so nothing was judged");
    miss("to train");
    type("b"); /* harms nothing */
}

/* The schedule is rows of the form: added, changed, removed, and taken back. */
static void test_the_schedule_is_rows(void **state)
{
    (void)state;
    type("Enter 3 Enter 4 G");
    see("thaw.epoch +");
    type("Enter 8 Space l a y e r 2 Enter");
    see("thaw.epoch 8                       layer2");
    type("G");
    see("thaw.epoch +");
    type("Enter 1 2 Space l a y e r 1 Enter u");
    miss("layer1");
    type("G k Enter End Space @ Space l r * 0 . 1 Enter");
    see("thaw.epoch 8                       layer2 @ lr*0.1");
    type("u");
    miss("lr*0.1");
    type("G k Enter C-u Enter");
    see("thaw.epoch 8 is empty");
    miss("                 layer2");
    type("u");
    see("thaw.epoch 8                       layer2");
    see("Undone: thaw.epoch 8 is layer2 again");
}

/* The form is the next run's, whatever trains. */
static void test_the_form_counts_the_next_run(void **state)
{
    (void)state;
    begin_run();
    type("e");
    see("650 values, 269 k frozen");
    see("start training");
}

/* --- the list of runs --- */

static void test_runs_go_on(void **state)
{
    (void)state;
    type("6 c"); /* the newest was broken off */
    see("vgg-american is to go on");
    assert_int_equal(stage.ui->current, SCREEN_TRAIN);
    assert_int_equal(status_now().phase, SESSION_RUNNING);
    type("6 G c"); /* finished: how many epochs in all? */
    see("epochs in all: 30");
    type("C-u m a n y Enter");
    see("Epochs are a number");
    type("c C-u 2 5 Enter");
    assert_int_equal(status_now().epochs, 25);
}

static void test_runs_are_named_and_labelled(void **state)
{
    (void)state;
    type("6 j R C-u a n t s Enter");
    see("20261121-140500-ants ");
    see("It is ants now");
    type("R / Enter");
    see("is no name for a directory");
    type("R Esc T g o o d Enter");
    see("tags good");
    type("N l o u d Space o n e Enter");
    see("note loud one");
    type("/ l o u d Enter");
    see("1 of 4");
}

static void test_runs_are_deleted_and_brought_back(void **state)
{
    (void)state;
    type("6 j j D");
    see("Delete indian-scratch?");
    see("cannot go on without it");
    type("n D y");
    see("indian-scratch is in the trash: t shows it");
    miss("scratch 2");
    type("t");
    see("trash ");
    see("20261120-093000-indian-scratch");
    miss("ants-bees");
    type("D");
    see("U brings it back");
    type("U");
    see("indian-scratch is back");
    see("The trash is empty");
    type("t");
    see("20261121-141100-vgg-american");
    type("U");
    see("It is not in the trash");
}

/* The list fills as it is read, and the bar stays on its run. */
static void test_runs_come_one_after_the_other(void **state)
{
    (void)state;
    fake_session_slow_runs(stage.session, 0);
    type("6");
    see("Reading the runs ...");
    fake_session_slow_runs(stage.session, 2);
    stage_train(&stage, 1);
    see("vgg-american");
    see("reading 2 more ...");
    miss("indian-scratch");
    type("j"); /* to the older one */
    see("20261121-140500-ants-bees");
    fake_session_slow_runs(stage.session, 4);
    stage_train(&stage, 1);
    see("indian-scratch");
    miss("reading ");
    see("20261121-140500-ants-bees"); /* in full, below the list */
}

static void test_runs_are_forked_and_replayed(void **state)
{
    (void)state;
    type("6 f");
    see("vgg-american has no checkpoint");
    type("j f");
    see("● last");
    see("epoch-0005");
    type("j Enter");
    see("begins from epoch-0005 of ants-bees");
    assert_int_equal(stage.ui->current, SCREEN_TRAIN);
    see("setting ");
    see("F no fork");
    type("F");
    see("begins from the weights");
    miss("epoch-0005");
    miss("F no fork");
    type("6 p");
    see("replay 10x");
}

/* --- what cannot wait for a slow line --- */

static void test_answers_and_ends_are_drawn_at_once(void **state)
{
    (void)state;
    struct error error;
    begin_run();
    fake_session_steps(stage.session, 1);
    ui_pump(stage.ui);
    assert_true(stage.ui->dirty && !stage.ui->again); /* a step */
    ui_draw(stage.ui);
    assert_true(session_tell(stage.session, "save", &error));
    ui_pump(stage.ui);
    assert_true(stage.ui->again); /* the answer */
    ui_draw(stage.ui);
    ui_pump(stage.ui);
    assert_false(stage.ui->again);
    fake_session_finish_run(stage.session);
    ui_pump(stage.ui);
    assert_true(stage.ui->again);
    ui_draw(stage.ui);
    assert_false(stage.ui->again);
}

/* Another window, or a shell: the list says what is gone, and no longer has it. */
static void test_runs_that_are_gone_are_said_to_be(void **state)
{
    (void)state;
    static const char *const keys[] = {"Enter", "c", "f", "p", "T x Enter", "D y"};
    for (size_t i = 0; i < THAW_LENGTH(keys); i++) {
        close_stage(NULL);
        open_stage(NULL);
        type("6 j"); /* stopped, with checkpoints */
        see("ants-bees");
        fake_session_lose_run(stage.session, "ants-bees");
        type(keys[i]);
        assert_int_equal(stage.ui->message_kind, UI_ERROR);
        see("20261121-140500-ants-bees"); /* in the sentence */
        miss("mobilenet_v1_0.25");        /* no longer in the list */
    }
}

/* --- several runs --- */

static void test_what_trains_already_is_offered(void **state)
{
    (void)state;
    type("4");
    fake_session_runs_train(stage.session, 1);
    ui_pump(stage.ui);
    see("A run is training: vgg-american, epoch 3 of 30. Press a to attach");
    see("a attach");
    type("a");
    see("20261121-141100-vgg-american");
    assert_int_equal(stage.ui->current, SCREEN_TRAIN);
    miss("Press a to attach");
    close_stage(NULL);
    open_stage(NULL);
    type("1");
    fake_session_runs_train(stage.session, 2);
    ui_pump(stage.ui);
    see("2 runs are training. Press a to attach to vgg-american, epoch 3 of 30");
}

static void test_views_are_listed_and_changed(void **state)
{
    (void)state;
    type("4 V");
    see("No run is looked at");
    type(": a t t a c h Space 2 0 2 6 1 1 2 0 - 0 9 1 Tab");
    see(":attach 20261120-091200-indian-head");
    type("Enter Left Left z z");
    const struct screen_train *train = stage.ui->state[SCREEN_TRAIN];
    struct plot_window window = train->window;
    double cursor = train->cursor;
    type(": a t t a c h Space a n t s Enter");
    see("20261121-140500-ants-bees");
    assert_false(train->has_cursor || memcmp(&window, &train->window, sizeof window) == 0);
    type("V");
    see("  1  20261120-091200-indian-head: finished, epoch 20 of 20");
    see("● 2  20261121-140500-ants-bees: stopped, epoch 7 of 15");
    type("k Enter");
    see("✓ finished");
    assert_true(train->has_cursor && train->cursor == cursor); /* where one was */
    assert_memory_equal(&window, &train->window, sizeof window);
    type(": v i e w Space b e e s Enter");
    see("stopped  mobilenet");
    type(": v i e w Space n o n e Enter");
    see("No run that is looked at is called none");
    type(": c l o s e Enter");
    see("is closed");
    see("✓ finished");
    type(": c l o s e Enter");
    see("│ no run 5");
    type(": c l o s e Enter");
    see("No run is shown");
}

static void test_closing_lets_the_run_go_on(void **state)
{
    (void)state;
    begin_run();
    type(": c l o s e Enter");
    see("is closed; it trains on");
    assert_int_equal(session_views(stage.session), 0);
    type("1");
    fake_session_here(stage.session);
    begin_run();
    type(": c l o s e Enter");
    see("Stop it and close?");
    type("n");
    assert_int_equal(session_views(stage.session), 1);
}

/* Two runs share the cores: that is asked for, not forbidden. */
static void test_a_second_run_is_asked_about(void **state)
{
    (void)state;
    begin_run();
    type("r");
    see("is training. Another run");
    type("n");
    assert_int_equal(session_views(stage.session), 1);
    type("r y");
    assert_int_equal(session_views(stage.session), 2);
    assert_int_equal(status_now().phase, SESSION_PREPARING);
}

/* --- leaving --- */

/* Where the run trains in a process of its own nothing is asked, and nothing stops. */
static void test_leaving_lets_the_run_go_on(void **state)
{
    (void)state;
    static const char *const keys[] = {"q", "d", ": q u i t Enter", ": d e t a c h Enter"};
    begin_run();
    for (size_t i = 0; i < THAW_LENGTH(keys); i++) {
        stage.ui->quit = false;
        type(keys[i]);
        miss("[y] yes");
        assert_true(stage.ui->quit);
        stage_train(&stage, 1);
        assert_int_equal(status_now().phase, SESSION_RUNNING);
    }
    for (int screen = 0; screen < SCREENS; screen++) { /* the key works wherever one is */
        stage.ui->quit = false;
        ui_go(stage.ui, (enum screen_id)screen);
        type("d");
        assert_true(stage.ui->quit);
    }
    stage.ui->quit = false;
    ui_resize(stage.ui, 40, 10);
    type("q");
    assert_true(stage.ui->quit);
}

static void test_leaving_asks_where_it_stops_a_run(void **state)
{
    (void)state;
    type("4 d");
    see("No run is training: q leaves");
    assert_false(stage.ui->quit);
    type("1");
    fake_session_here(stage.session);
    begin_run();
    type("d");
    see("in this process and would stop");
    type("q");
    see("Stop it and leave?");
    assert_false(stage.ui->quit);
    type("y");
    assert_true(stage.ui->quit);
}

/* A question whose reason is gone closes, and says why; keys then mean what they always do. */
static void test_questions_close_with_their_reason(void **state)
{
    (void)state;
    fake_session_here(stage.session);
    begin_run();
    type("q");
    see("Stop it and leave?");
    fake_session_finish_run(stage.session);
    stage_train(&stage, 1);
    miss("Stop it and leave?");
    see("The run has ended meanwhile");
    type("y");
    assert_false(stage.ui->quit);
    type("r");
    stage_train(&stage, 1);
    type("X");
    see("Stop the run, saved");
    see("epoch 1 of 20");
    stage_train(&stage, FAKE_STEPS_EPOCH);
    see("epoch 2 of 20"); /* what is behind it goes on */
    see("Stop the run, saved");
    fake_session_finish_run(stage.session);
    stage_train(&stage, 1);
    miss("Stop the run, saved");
    see("there is nothing to stop");
}

/* The line of figures leaves words out before the best one. */
static void test_the_best_is_told_in_any_case(void **state)
{
    (void)state;
    static const struct {
        double loss;
        const char *seen;
    } rows[] = {{0.5, "best 100.0%, epoch 18"}, {1000.25, "best 100.0% (18)"}, {10000000.25, "best 100.0%\n"}};
    begin_run();
    struct session_status *status = &stage.session->status;
    status->phase = SESSION_FINISHED;
    status->words = "finished";
    status->accuracy = status->val_accuracy = status->best_accuracy = 1;
    status->best_epoch = 18;
    status->val_loss = 0.25;
    for (size_t i = 0; i < THAW_LENGTH(rows); i++) {
        status->loss = rows[i].loss;
        see(rows[i].seen);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STAGE(test_a_runs_commands_are_all_there),
        WITH_STAGE(test_a_run_is_told_by_name),
        WITH_STAGE(test_fewer_images_are_said),
        WITH_STAGE(test_replay),
        WITH_STAGE(test_tabs_tell_whose_a_screen_is),
        WITH_STAGE(test_undo_is_of_what_the_screen_shows),
        WITH_STAGE(test_read_only_says_so),
        WITH_STAGE(test_a_lost_line_is_seen_everywhere),
        WITH_STAGE(test_counts_are_not_told_before_they_are_known),
        WITH_STAGE(test_losses_and_rates_say_of_what),
        WITH_STAGE(test_thaws_to_come_are_drawn),
        WITH_STAGE(test_results_say_of_which_epoch),
        WITH_STAGE(test_results_are_read_behind_ones_back),
        WITH_STAGE(test_no_results_say_why),
        WITH_STAGE(test_the_schedule_is_rows),
        WITH_STAGE(test_the_form_counts_the_next_run),
        WITH_STAGE(test_runs_go_on),
        WITH_STAGE(test_runs_are_named_and_labelled),
        WITH_STAGE(test_runs_come_one_after_the_other),
        WITH_STAGE(test_runs_are_deleted_and_brought_back),
        WITH_STAGE(test_runs_are_forked_and_replayed),
        WITH_STAGE(test_runs_that_are_gone_are_said_to_be),
        WITH_STAGE(test_answers_and_ends_are_drawn_at_once),
        WITH_STAGE(test_what_trains_already_is_offered),
        WITH_STAGE(test_views_are_listed_and_changed),
        WITH_STAGE(test_closing_lets_the_run_go_on),
        WITH_STAGE(test_a_second_run_is_asked_about),
        WITH_STAGE(test_leaving_lets_the_run_go_on),
        WITH_STAGE(test_leaving_asks_where_it_stops_a_run),
        WITH_STAGE(test_questions_close_with_their_reason),
        WITH_STAGE(test_the_best_is_told_in_any_case),
    };
    stage_prepare();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
