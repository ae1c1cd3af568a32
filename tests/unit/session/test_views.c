/* Which runs are looked at: one view a run, kept until there is no room; and how a line to another machine is. A script
 * takes the place of ssh. */
#include "config.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "../../../src/session/session_private.h"
#include "../run/some_runs.h"
#include "thaw/base/clock.h"

static struct session *session;

static void must(bool done, const struct error *error)
{
    if (!done)
        fail_msg("%s", error->text);
}

static int open_world(void **state)
{
    struct error error = {0};
    if (make_folder(state) != 0)
        return -1;
    struct session_options options = {.samples = folder, .runs = folder, .models = folder, .threads = 1};
    session = session_create(&options, &error);
    return session ? 0 : -1;
}

static int close_world(void **state)
{
    session_destroy(session);
    unsetenv("THAW_SSH");
    return remove_folder(state);
}

/* Until the shown run has come there and nothing more comes; a pump may take in less than all. */
static void wait_for(enum session_phase phase)
{
    struct session_status status;
    for (int i = 0; i < 3000; i++) {
        struct pollfd ready = {.fd = session_wake_fd(session), .events = POLLIN};
        poll(&ready, 1, 20);
        session_pump(session);
        session_status(session, &status);
        if (status.phase == phase)
            return;
    }
    fail_msg("it is %s", status.words);
}

static void look_at(const char *name)
{
    struct error error = {0};
    must(session_open_run(session, name, false, &error), &error);
}

static const struct link *shown_link(void)
{
    return session->view[session->shown_view]->link;
}

/* --- kept, and one a run --- */

static void what_has_ended_is_kept(void **state)
{
    (void)state;
    make_run("20261101-100000-a", 1000, 0.5);
    make_run("20261101-100001-b", 2000, 0.25);
    look_at("20261101-100000-a");
    wait_for(SESSION_BROKEN_OFF);
    const struct link *first = shown_link();
    session_results_of(session, false);
    look_at("20261101-100001-b");
    wait_for(SESSION_BROKEN_OFF);
    assert_int_equal(session_views(session), 2);
    char *again = mem_format("%s/20261101-100000-a/", folder); /* by another name of the same folder */
    look_at(again);
    mem_free(again);
    assert_int_equal(session_views(session), 2);
    assert_int_equal(session_shown_view(session), 0);
    assert_ptr_equal(shown_link(), first); /* nothing was read again */
    assert_true(session->view[0]->last_results);
}

/* --- results --- */

/* A disk may be slow: then they come by a pump. */
static void results_are_read_behind_ones_back(void **state)
{
    (void)state;
    static const char text[] =
        "{\"version\":1,\"epoch\":3,\"classes\":[\"a\",\"b\",\"c\"],\"images\":["
        "{\"label\":2,\"predicted\":0},{\"label\":0,\"predicted\":0},{\"label\":2,\"predicted\":2},"
        "{\"label\":0,\"predicted\":0},{\"label\":2,\"predicted\":0}]}";
    static const struct session_confusion counted[] = {{0, 0, 2}, {2, 0, 2}, {2, 2, 1}};
    make_run("20261101-100000-a", 1000, 0.5);
    char *path = mem_format("%s/20261101-100000-a/predictions.json", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    look_at("20261101-100000-a");
    wait_for(SESSION_BROKEN_OFF);
    const struct session_results *at_once = session_results(session);
    assert_true(session_results_pending(session) == (at_once == NULL));
    while (session_results_pending(session)) {
        struct pollfd ready = {.fd = session_wake_fd(session), .events = POLLIN};
        assert_true(poll(&ready, 1, 10000) > 0);
        session_pump(session);
    }
    const struct session_results *results = session_results(session);
    assert_non_null(results);
    assert_int_equal(results->images, 5);
    assert_int_equal(results->correct, 3);
    assert_int_equal(results->row[0], 0);
    assert_int_equal(results->row[1], 1);
    assert_int_equal(results->row[2], 1); /* nothing is a b */
    assert_int_equal(results->row[3], THAW_LENGTH(counted));
    for (size_t i = 0; i < THAW_LENGTH(counted); i++) {
        assert_int_equal(results->confusion[i].truth, counted[i].truth);
        assert_int_equal(results->confusion[i].predicted, counted[i].predicted);
        assert_int_equal(results->confusion[i].count, counted[i].count);
    }
    unsigned version = results->version;
    session_pump(session);
    assert_int_equal(session_results(session)->version, version);
    mem_free(path);
}

static void only_want_of_room_drops_one(void **state)
{
    (void)state;
    char name[40];
    for (int i = 0; i <= VIEWS_MAX; i++) {
        snprintf(name, sizeof name, "20261101-1000%02d-many", i);
        make_run(name, 1000 + i, 0.5);
    }
    for (int i = 0; i < VIEWS_MAX; i++) {
        snprintf(name, sizeof name, "20261101-1000%02d-many", i);
        look_at(name);
        wait_for(SESSION_BROKEN_OFF);
    }
    assert_int_equal(session_views(session), VIEWS_MAX);
    look_at("20261101-100000-many"); /* so that the second one is the longest unseen */
    snprintf(name, sizeof name, "20261101-1000%02d-many", VIEWS_MAX);
    look_at(name);
    assert_int_equal(session_views(session), VIEWS_MAX);
    struct session_view view;
    session_view(session, 0, &view);
    assert_string_equal(view.name, "20261101-100000-many");
    session_view(session, 1, &view);
    assert_string_equal(view.name, "20261101-100002-many");
    session_view(session, VIEWS_MAX - 1, &view);
    assert_string_equal(view.name, name);
}

static void one_that_went_on_elsewhere_is_read_again(void **state)
{
    (void)state;
    struct session_status status;
    make_run("20261101-100000-a", 1000, 0.5);
    look_at("20261101-100000-a");
    wait_for(SESSION_BROKEN_OFF);
    make_run("20261101-100000-a", 1000, 0.75); /* its file is another one */
    look_at("20261101-100000-a");
    wait_for(SESSION_BROKEN_OFF);
    assert_int_equal(session_views(session), 1);
    session_status(session, &status);
    assert_true(status.val_accuracy == 0.75);
}

/* --- going on --- */

/* A script that takes the place of the engine. */
static void be_engine(const char *text)
{
    char *path = in_folder("engine");
    write_text("engine", text);
    assert_int_equal(chmod(path, 0700), 0);
    mem_free(session->engine);
    session->engine = path;
}

static void take_only_notice(struct session_notice *notice)
{
    for (int i = 0; i < 3000 && !session_take_notice(session, notice); i++) {
        struct pollfd ready = {.fd = session_wake_fd(session), .events = POLLIN};
        poll(&ready, 1, 20);
        session_pump(session);
    }
    struct session_notice more;
    if (session_take_notice(session, &more))
        fail_msg("%s, and %s", notice->text, more.text);
}

static void a_refused_resume_is_said_once(void **state)
{
    (void)state;
    struct error error = {0};
    struct session_status status;
    struct session_notice notice = {.good = true};
    make_run("20261101-100000-a", 1000, 0.5);
    make_run("20261101-100001-b", 1000, 0.25);
    write_text("20261101-100000-a/experiment.ini", "[model]\nname = resnet20\n[data]\npath = signs\n");
    be_engine("#!/bin/sh\necho 'refused 3 signs: no such folder'\n");
    for (int looked_at = 0; looked_at < 2; looked_at++) {
        look_at(looked_at ? "20261101-100000-a" : "20261101-100001-b");
        wait_for(SESSION_BROKEN_OFF);
        must(session_resume(session, "20261101-100000-a", 0, &error), &error);
        take_only_notice(&notice);
        assert_string_equal(notice.text, "20261101-100000-a does not go on: signs: no such folder");
        assert_false(notice.good);
        wait_for(SESSION_BROKEN_OFF);
        session_status(session, &status);
        assert_non_null(strstr(status.run, "20261101-100000-a"));
        assert_true(status.val_accuracy == 0.5);
        assert_int_equal(session_views(session), 2);
    }
    char *says = mem_format("#!/bin/sh\necho 'ok %s/20261101-100000-a'\n", folder);
    be_engine(says);
    must(session_resume(session, "20261101-100000-a", 0, &error), &error);
    take_only_notice(&notice);
    assert_true(notice.good);
    assert_string_equal(notice.text, "20261101-100000-a goes on");
    mem_free(says);
}

/* --- another machine --- */

/* What stands in for ssh says its greeting and what `said` holds; then it stays on the line, but not the first time where
 * `drops` is there. */
static void write_host(void)
{
    char *text = mem_format("#!/bin/sh\ncd '%s'\n"
                            "echo '{\"thaw\":1,\"run\":\"/runs/far\",\"writes\":true,\"alive\":true}'\n"
                            "cat said\n"
                            "if [ -e drops ]; then rm drops; exit 255; fi\nexec sleep 600\n",
                            folder);
    char *path = in_folder("ssh");
    write_text("ssh", text);
    assert_int_equal(chmod(path, 0700), 0);
    setenv("THAW_SSH", path, 1);
    mem_free(path);
    mem_free(text);
}

static void say_events(double time, double late)
{
    char *text =
        mem_format("{\"kind\":\"run\",\"time\":%.3f,\"version\":1,\"model\":\"resnet20\",\"data\":\"signs\","
                   "\"classes\":4,\"epochs\":2,\"train_images\":8,\"steps_per_epoch\":2}\n"
                   "{\"kind\":\"pause\",\"time\":%.3f,\"epoch\":1,\"paused\":true}\n"
                   "{\"kind\":\"pause\",\"time\":%.3f,\"epoch\":1,\"paused\":false}\n"
                   "{\"kind\":\"step\",\"time\":%.3f,\"epoch\":1,\"step\":1,\"loss\":0.5,\"lr\":0.1,\"images\":4}\n",
                   time - 600, time - 600, time, time - late); /* pauses are no silence */
    write_text("said", text);
    mem_free(text);
}

static void one_run_of_a_host_by_two_names(void **state)
{
    (void)state;
    write_host();
    say_events(clock_wall(), 0);
    look_at("host:last");
    wait_for(SESSION_RUNNING);
    const struct link *first = shown_link();
    look_at("host:last");
    wait_for(SESSION_RUNNING);
    assert_int_equal(session_views(session), 1);
    assert_ptr_equal(shown_link(), first);
    make_run("20261101-100000-a", 1000, 0.5);
    look_at("20261101-100000-a");
    look_at("host:far");
    wait_for(SESSION_RUNNING);
    assert_int_equal(session_views(session), 2);
    assert_int_equal(session_shown_view(session), 0);
}

static void a_line_that_is_back_says_so(void **state)
{
    (void)state;
    struct session_notice notice = {.good = false};
    write_host();
    write_text("drops", "");
    say_events(clock_wall(), 0);
    look_at("host:last");
    bool was_gone = false;
    for (int i = 0; i < 1500 && !session_take_notice(session, &notice); i++) {
        struct pollfd ready = {.fd = session_wake_fd(session), .events = POLLIN};
        struct session_status status;
        poll(&ready, 1, 20);
        session_pump(session);
        session_status(session, &status);
        was_gone |= strstr(status.line, "the line to host is gone") != NULL;
    }
    assert_true(was_gone && notice.good);
    assert_non_null(strstr(notice.text, "The line to host is back"));
}

static void a_line_that_lags_says_so(void **state)
{
    (void)state;
    struct session_status status;
    write_host();
    say_events(clock_wall(), 0);
    look_at("host:last");
    wait_for(SESSION_RUNNING);
    session_status(session, &status);
    assert_string_equal(status.line, "");
    assert_true(session->view[0]->line.gap < 1);
    session->view[0]->line.came -= 60; /* as if a minute had gone by */
    session_status(session, &status);
    assert_non_null(strstr(status.line, "nothing has come from host for 6"));
    session_close_view(session, 0);
    say_events(clock_wall(), 20);
    look_at("host:last");
    wait_for(SESSION_RUNNING);
    session_status(session, &status);
    assert_non_null(strstr(status.line, "the line to host is slow: what is shown is 20 s old"));
}

/* What must wait for the end of what a run does is said to have been asked, at once. */
static void a_command_that_waits_says_so(void **state)
{
    (void)state;
    struct error error = {0};
    struct session_notice notice;
    write_host();
    say_events(clock_wall(), 0);
    char *said = read_text("said"),
         *more = mem_format("%s{\"kind\":\"phase\",\"time\":%.3f,\"phase\":\"features\",\"done\":20,\"all\":80}\n",
                            said, clock_wall());
    write_text("said", more);
    look_at("host:last");
    wait_for(SESSION_FEATURES);
    must(session_tell(session, "stop", &error), &error); /* this it looks for all the time */
    must(session_tell(session, "save", &error), &error);
    assert_true(session_take_notice(session, &notice) && notice.good);
    assert_string_equal(notice.text, "save: asked, and done once the features are computed (20 of 80 images are)");
    assert_false(session_take_notice(session, &notice));
    mem_free(said);
    mem_free(more);
}

/* Epochs behind a thaw to come take longer than those before it: what is left is reckoned with that, or is at least. */
static void what_is_left_knows_thaws_to_come(void **state)
{
    (void)state;
    struct session_status status;
    double now = clock_wall();
    char *text = mem_format("{\"kind\":\"run\",\"time\":%.3f,\"version\":1,\"model\":\"resnet20\",\"data\":\"signs\","
                            "\"classes\":4,\"epochs\":6,\"train_images\":8,\"steps_per_epoch\":2,"
                            "\"thaws\":\"3 layer3\\n5 layer2\"}\n"
                            "{\"kind\":\"step\",\"time\":%.3f,\"epoch\":1,\"step\":2,\"loss\":0.5,\"lr\":0.1,"
                            "\"images\":4,\"images_per_second\":8}\n",
                            now, now);
    write_host();
    write_text("said", text);
    look_at("host:last");
    wait_for(SESSION_RUNNING);
    session_status(session, &status);
    assert_true(status.remaining == 5 && status.remaining_least); /* a second an epoch, as now */
    struct view *view = session->view[0];
    view->stage[0] = (struct view_stage){3, 7, 3, 1, false};
    view->stage[1] = (struct view_stage){5, 9, 4, 0, false};
    view->stages_known = 1;
    session_status(session, &status);
    assert_true(status.remaining == 1 + 7 + 3 + 2 && status.remaining_least);
    view->stages_known = 2;
    session_status(session, &status);
    assert_true(status.remaining == 1 + 7 + 3 + 2 * 4 && !status.remaining_least);
    mem_free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_has_ended_is_kept, open_world, close_world),
        cmocka_unit_test_setup_teardown(results_are_read_behind_ones_back, open_world, close_world),
        cmocka_unit_test_setup_teardown(only_want_of_room_drops_one, open_world, close_world),
        cmocka_unit_test_setup_teardown(one_that_went_on_elsewhere_is_read_again, open_world, close_world),
        cmocka_unit_test_setup_teardown(a_refused_resume_is_said_once, open_world, close_world),
        cmocka_unit_test_setup_teardown(one_run_of_a_host_by_two_names, open_world, close_world),
        cmocka_unit_test_setup_teardown(a_line_that_is_back_says_so, open_world, close_world),
        cmocka_unit_test_setup_teardown(a_line_that_lags_says_so, open_world, close_world),
        cmocka_unit_test_setup_teardown(a_command_that_waits_says_so, open_world, close_world),
        cmocka_unit_test_setup_teardown(what_is_left_knows_thaws_to_come, open_world, close_world),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
