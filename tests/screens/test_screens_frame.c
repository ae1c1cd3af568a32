/* What holds on every screen, over a scripted session: Esc, Space, filters, messages, undo, completion, and what a click
 * elsewhere closes. What each screen does is in test_screens_keys.c. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "src/ui/component.h"
#include "stage_keys.h"
#include "thaw/base/mem.h"

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
    type("X j Enter");
    stage_train(&stage, 1); /* the run answers */
    see("stop now");
    type("p");
    see("takes no commands: it has ended");
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
    click_tab("4 Train"); /* what is clicked is done, too */
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
    static const char *const before[] = {"4 G k k Enter C-u", ": s e t Space d a t a . p a t h ="};
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

/* The settings are many: a filter finds them, Esc clears it before it leaves them. */
static void test_settings_are_filtered(void **state)
{
    (void)state;
    begin_run();
    type("e / r a t e Enter");
    see("train.lr");
    see("train.warmup"); /* by its help: "the learning rate climbs" */
    miss("train.batch");
    see("filter \"rate\": 3 of");
    type("Enter"); /* the first of them is selected */
    see("train.lr (number) = ");
    type("Esc / C-u r u Enter Enter"); /* what has it in its name stands before what is said of one */
    see("run.name (text) = ");
    type("Esc / C-u s Enter Enter");
    see("train.schedule"); /* begins with it */
    type("Esc / C-u q q q");
    see("Nothing matches. Esc clears");
    type("Enter Esc");
    see("train.batch");
    see("next run"); /* still the form */
    type("Esc");
    miss("train.batch");
}

/* While something lies over the screen, the bottom line has its keys, not those that it keeps from the screen. */
static void test_the_bottom_line_is_of_what_is_open(void **state)
{
    (void)state;
    begin_run();
    see("p pause");
    type(":");
    see("Enter done  Esc cancel  Tab complete");
    miss("p pause");
    type("l r Enter Esc : ");
    see("Up earlier ones");
    type("Esc X");
    see("Enter choose  Esc close");
    miss("p pause");
    type("Esc r");
    see("y yes  n no");
    type("n ?");
    see("Enter run  Esc close");
    type("Esc");
    see("p pause");
}

/* Of the keys on the bottom line each is told whole or not at all; help and quit are always there. */
static void test_hints_are_whole(void **state)
{
    (void)state;
    static const int widths[] = {80, 72, 66, LAYOUT_MIN_WIDTH};
    begin_run();
    for (size_t i = 0; i < THAW_LENGTH(widths); i++)
        for (int screen = 0; screen < SCREENS; screen++) {
            const struct canvas *canvas = stage.ui->canvas;
            ui_resize(stage.ui, widths[i], 24);
            ui_go(stage.ui, (enum screen_id)screen);
            see("? help  q quit");
            for (int k = 0; k < stage.ui->hints; k++) {
                struct rect hit = stage.ui->hint_hit[k];
                assert_true(hit.x + hit.w <= widths[i]);
                if (k > 0)
                    assert_true(hit.x >= stage.ui->hint_hit[k - 1].x + stage.ui->hint_hit[k - 1].w + 2);
                const struct cell *last = &canvas->cell[hit.y * canvas->width + hit.x + hit.w - 1];
                assert_true(last->code != ' ' && last->code != 0x2026 && last->role == THEME_KEY_TEXT);
            }
        }
}

/* On the smallest terminal the lists are there all the same, one at a time. */
static void test_lists_of_a_small_terminal(void **state)
{
    (void)state;
    const char *const *places;
    size_t count = session_data_places(stage.session, &places);
    assert_true(count > 1);
    ui_resize(stage.ui, LAYOUT_MIN_WIDTH, LAYOUT_MIN_HEIGHT);
    type("3");
    see("No data chosen");
    for (size_t i = 0; i < count; i++)
        see(component_leaf(places[i]));
    type("j Enter"); /* the second one */
    for (int i = 0; i < 6; i++)
        see(session_data(stage.session)->class_row[i].name);
    type("Tab");
    see("bad files ─");
    type("Tab");
    see("places ─");
    for (size_t i = 0; i < count; i++)
        see(component_leaf(places[i]));
}

/* A setting that is typed as if it were a command. */
static void test_settings_are_no_commands(void **state)
{
    (void)state;
    type(": t r a i n . e p o c h s Space 2 0 0 0 Enter");
    see("\"train.epochs\" is a setting, which :set train.epochs=2000 changes");
    type(": b a t c h = 6 4 Enter");
    see("\"batch\" is a setting, which :set train.batch=64 changes");
    type(": t r a i n . e p o c Enter");
    see("which :set train.epochs=VALUE changes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STAGE(test_undo_of_both),
        WITH_STAGE(test_paths_are_completed),
        WITH_STAGE(test_esc_stays),
        WITH_STAGE(test_space_marks),
        WITH_STAGE(test_filters_without_hits_say_so),
        WITH_STAGE(test_messages_go),
        WITH_STAGE(test_recent_files_are_offered),
        WITH_STAGE(test_clicks_close_prompts),
        WITH_STAGE(test_settings_are_filtered),
        WITH_STAGE(test_settings_are_no_commands),
        WITH_STAGE(test_the_bottom_line_is_of_what_is_open),
        WITH_STAGE(test_hints_are_whole),
        WITH_STAGE(test_lists_of_a_small_terminal),
        WITH_STAGE(test_completions_are_clicked),
    };
    stage_prepare();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
