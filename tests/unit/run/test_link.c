/* Links to runs here: a file that grows, ends, breaks off or is cut; a socket whose engine the test plays, that goes and
 * comes back. The thread's, the pipe's and the replay's have tests of their own. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../../src/run/event_file.h"
#include "../../../src/run/rundir_private.h"
#include "reader.h"
#include "some_events.h"
#include "some_runs.h"
#include "thaw/base/clock.h"
#include "thaw/run/link.h"
#include "thaw/run/viewer.h"

enum { LINES = 60 };

static struct reader reader;

/* The engine that the test plays. */
static struct {
    int listener; /* -1: none */
    struct viewer *viewer;
    struct rundir *rundir;
    uint64_t commands[16];
    int command_count, accepted;
    bool turns_away;
} engine = {.listener = -1};
static void engine_serves(void);

static void open_here(unsigned how)
{
    struct error error = {0};
    struct link *link = link_open(folder, how, &error);
    reader_start(&reader, link, &error);
    reader.beside = engine.listener >= 0 ? engine_serves : NULL;
}

static uint64_t post(enum run_command_kind kind, char *text)
{
    struct error error = {0};
    struct run_command command = {.kind = kind, .value = 0.5, .text = text};
    uint64_t id = link_post(reader.link, &command, &error);
    if (!id)
        fail_msg("%s", error.text);
    return id;
}

/* --- a file --- */

static void a_finished_run(void **state)
{
    (void)state;
    some_lines(folder, 0, LINES, false);
    open_here(0);
    reader_wait(&reader, reader_has_ended);
    assert_int_equal(reader.events, LINES);
    reader_assert_file(&reader, folder);
    assert_true(reader_sleeps(&reader)); /* nothing ticks any more */
    assert_false(link_writes(reader.link));
    assert_non_null(strstr(reader_is_refused(&reader, "save"), "nobody trains in it"));
    reader_stop(&reader);
}

static void a_live_one_that_breaks_off(void **state)
{
    (void)state;
    struct error error = {0};
    some_lines(folder, 0, LINES, false);
    struct rundir *rundir = rundir_open(folder, &error);
    assert_non_null(rundir);
    open_here(0);
    reader_wait_for_events(&reader, LINES);
    assert_true(reader_is_live(&reader));
    assert_non_null(strstr(reader_is_refused(&reader, "save"), "serves nobody here"));
    some_lines(folder, LINES, 5, true);
    reader_wait_for_events(&reader, LINES + 5);
    assert_true(reader_is_live(&reader));
    rundir_close(rundir); /* without a last event */
    some_lines(folder, LINES + 5, 1, true);
    reader_wait(&reader, reader_has_ended);
    assert_int_equal(reader.events, LINES + 6);
    assert_int_equal(story_state(&reader.story, false), STORY_BROKEN_OFF);
    reader_assert_file(&reader, folder);
    reader_stop(&reader);
}

static void a_file_that_is_cut(void **state)
{
    (void)state;
    struct error error = {0};
    some_lines(folder, 0, LINES, false);
    struct rundir *rundir = rundir_open(folder, &error);
    open_here(LINK_READ_ONLY);
    reader_wait_for_events(&reader, LINES);
    some_lines(folder, 0, 20, false);
    some_lines(folder, 300, LINES, true);
    reader.next = 0;
    reader_wait_for_events(&reader, 20 + LINES);
    assert_int_equal(reader.resets, 1);
    reader_assert_file(&reader, folder);
    rundir_close(rundir);
    reader_wait(&reader, reader_has_ended);
    reader_stop(&reader);
}

static void lines_that_nobody_knows(void **state)
{
    (void)state;
    some_lines(folder, 0, 10, false);
    char *path = in_folder("events.jsonl"), *line = mem_alloc(EVENT_LINE_MAX + 100);
    FILE *file = fopen(path, "a");
    memset(line, 'x', EVENT_LINE_MAX + 50);
    fprintf(file, "{\"kind\":\"teleport\",\"time\":5}\n\nnonsense\n%s\n{\"kind\":\"note\",\"text\":\"last\"}\nhalf a",
            line);
    fclose(file);
    mem_free(line);
    mem_free(path);
    open_here(0);
    reader.gaps = true; /* they are counted */
    reader_wait(&reader, reader_has_ended);
    assert_int_equal(reader.events, 11);
    assert_int_equal(reader.next, 15);
    assert_string_equal(reader.story.note[0].text, "last");
    struct run_damage damage = link_damage(reader.link);
    char words[RUN_DAMAGE_TEXT];
    assert_true(run_damage_words(words, &damage)); /* a kind that is new, and half a line, are none */
    assert_string_equal(words, "3 of 15 lines are not as they were written, the first of them line 12");
    reader_stop(&reader);
}

/* Nothing of it is told, and the link says why. */
static void a_newer_run(void **state)
{
    (void)state;
    write_text("events.jsonl", "{\"kind\":\"run\",\"time\":100,\"version\":99}\n{\"kind\":\"note\",\"text\":\"a\"}\n");
    open_here(0);
    reader_wait(&reader, reader_has_failed);
    assert_int_equal(reader.events, 0);
    assert_non_null(strstr(link_sentence(reader.link), "format version 99, this program reads up to 2"));
    assert_true(reader_sleeps(&reader));
    assert_true(reader_has_failed(&reader));
    reader_stop(&reader);
}

static void nothing_to_link_to(void **state)
{
    (void)state;
    struct error error = {0};
    char *path = in_folder("events.jsonl");
    unlink(path);
    mem_free(path);
    assert_null(link_open(folder, 0, &error));
    assert_non_null(strstr(error.text, "events.jsonl"));
    assert_null(link_open("/nonexistent/run", 0, &error));
}

/* --- a socket --- */

static void hear_command(void *context, struct viewer *viewer, const struct run_command *command)
{
    (void)context, (void)viewer;
    engine.commands[engine.command_count++ % 16] = command->id;
}

static void listen_in(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", folder, name);
    unlink(address.sun_path);
    engine.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(engine.listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(engine.listener, 4), 0);
}

static void engine_begins(void)
{
    struct error error = {0};
    engine.rundir = rundir_open(folder, &error);
    if (!engine.rundir)
        fail_msg("%s", error.text);
    engine.command_count = engine.accepted = 0;
    engine.turns_away = false;
    listen_in(RUNDIR_CONTROL);
}

static void let_go(void)
{
    viewer_destroy(engine.viewer);
    engine.viewer = NULL;
}

/* As a kill does it: the socket stays, and nobody is behind it. */
static void engine_dies(void)
{
    let_go();
    close(engine.listener);
    engine.listener = -1;
    rundir_close(engine.rundir);
    engine.rundir = NULL;
}

static void engine_serves(void)
{
    static const char sorry[] = "{\"bye\":\"as many watch it already as can\"}\n";
    struct error error;
    int fd = engine.listener >= 0 ? accept4(engine.listener, NULL, NULL, SOCK_CLOEXEC) : -1;
    engine.accepted += fd >= 0;
    if (fd >= 0 && engine.turns_away) {
        assert_int_equal(write(fd, sorry, sizeof sorry - 1), sizeof sorry - 1);
        close(fd);
    } else if (fd >= 0) {
        let_go();
        engine.viewer = viewer_create(
            &(struct viewer_options){
                .run = folder, .in = fd, .out = fd, .writes = true, .by = "", .command = hear_command},
            &error);
    }
    if (engine.viewer && !viewer_serve(engine.viewer))
        let_go();
}

static bool is_commanded(const struct reader *unused)
{
    (void)unused;
    return engine.command_count > 0;
}

static bool is_accepted_again(const struct reader *unused)
{
    (void)unused;
    return engine.accepted > 1;
}

static int begin_socket(void **state)
{
    (void)state;
    some_lines(folder, 0, LINES, false);
    engine_begins();
    return 0;
}

static int end_socket(void **state)
{
    (void)state;
    if (engine.rundir)
        engine_dies();
    char *path = in_folder(RUNDIR_CONTROL);
    unlink(path);
    mem_free(path);
    return 0;
}

static void commands_through_a_socket(void **state)
{
    (void)state;
    open_here(0);
    assert_true(reader_is_live(&reader) && link_writes(reader.link));
    uint64_t id = post(RUN_LR, NULL);
    reader_wait(&reader, is_commanded);
    assert_int_equal(engine.commands[0], id);
    viewer_answer(engine.viewer, &(struct run_answer){.id = id + 77, .done = true}); /* nobody asked for that */
    viewer_answer(engine.viewer, &(struct run_answer){.id = id, .done = true, .sentence = "so be it"});
    reader_wait(&reader, reader_is_answered);
    assert_int_equal(reader.answers, 1);
    assert_int_equal(reader.answer.id, id);
    assert_string_equal(reader.answer.sentence, "so be it");
    reader_wait_for_events(&reader, LINES);
    reader_assert_file(&reader, folder);
    reader_stop(&reader);
}

/* It is told as it is from the file, and a line that would pass for the engine's own words does not. */
static void damage_through_a_socket(void **state)
{
    (void)state;
    char words[RUN_DAMAGE_TEXT], *path = in_folder("events.jsonl");
    FILE *file = fopen(path, "a");
    fputs("{\"bye\":\"ended\"}\n", file);
    fclose(file);
    mem_free(path);
    some_lines(folder, LINES, 5, true);
    open_here(0);
    reader.gaps = true;
    reader_wait_for_events(&reader, LINES + 6);
    assert_true(reader_is_live(&reader));
    assert_int_equal(reader.events, LINES + 5);
    struct run_damage damage = link_damage(reader.link);
    assert_true(run_damage_words(words, &damage));
    assert_string_equal(words, "line 61 of 66 is not as it was written");
    reader_stop(&reader);
}

static void who_only_looks(void **state)
{
    (void)state;
    open_here(LINK_READ_ONLY);
    assert_non_null(strstr(reader_is_refused(&reader, "save"), "read-only"));
    reader_wait_for_events(&reader, LINES);
    reader_stop(&reader);
}

static void who_only_asks(void **state)
{
    (void)state;
    open_here(LINK_ANSWERS_ONLY);
    uint64_t id = post(RUN_SAVE, NULL);
    reader_wait(&reader, is_commanded);
    engine_dies();
    reader_wait(&reader, reader_is_answered);
    assert_int_equal(reader.events, 0);
    assert_int_equal(reader.answer.id, id);
    assert_false(reader.answer.done);
    assert_non_null(strstr(reader.answer.sentence, "ended before it answered"));
    assert_true(reader_has_ended(&reader));
    reader_stop(&reader);
    open_here(LINK_ANSWERS_ONLY); /* nobody is there */
    assert_true(reader_has_ended(&reader));
    reader_is_refused(&reader, "save");
    assert_int_equal(reader_read(&reader), 0);
    reader_stop(&reader);
}

/* The engine is killed, what it wrote last is in the file; then another goes on with the run, from a checkpoint. */
static void an_engine_goes_and_another_comes(void **state)
{
    (void)state;
    open_here(0);
    reader_wait_for_events(&reader, LINES);
    uint64_t id = post(RUN_SAVE, NULL);
    reader_wait(&reader, is_commanded);
    some_lines(folder, LINES, 4, true);
    let_go(); /* the line only: the engine trains on, and takes it again */
    reader_wait(&reader, reader_is_answered);
    assert_int_equal(reader.answer.id, id);
    assert_non_null(strstr(reader.answer.sentence, "the line was lost"));
    reader_wait_for_events(&reader, LINES + 4);
    assert_true(reader_is_live(&reader));
    reader_wait(&reader, is_accepted_again);
    reader.answers = 0;
    post(RUN_SAVE, NULL);
    engine.command_count = 0;
    reader_wait(&reader, is_commanded);
    assert_int_equal(reader.resets, 0);

    /* Dead, and another in its place before anybody looked. */
    engine_dies();
    some_lines(folder, 0, 30, false);
    some_lines(folder, 500, 9, true);
    engine_begins();
    reader.next = 0;
    reader_wait_for_events(&reader, 39);
    assert_int_equal(reader.resets, 1);
    reader_wait(&reader, reader_is_live);
    engine_dies();
    reader_wait(&reader, reader_has_ended);
    reader_assert_file(&reader, folder);
    reader_stop(&reader);
}

static void no_place_left(void **state)
{
    (void)state;
    engine.turns_away = true;
    open_here(0);
    reader_wait_for_events(&reader, LINES); /* from the file */
    assert_true(reader_is_live(&reader));
    assert_false(link_writes(reader.link));
    assert_non_null(strstr(reader_is_refused(&reader, "save"), "as many watch it"));
    engine.turns_away = false;
    int before = engine.accepted;
    for (double began = clock_monotonic(); !link_writes(reader.link) && clock_monotonic() - began < 10;) {
        engine_serves();
        reader_read(&reader);
        nanosleep(&(struct timespec){0, 5000000}, NULL);
    }
    assert_true(link_writes(reader.link)); /* there is one again */
    assert_true(engine.accepted - before < 20);
    some_lines(folder, LINES, 3, true);
    reader_wait_for_events(&reader, LINES + 3);
    assert_int_equal(reader.resets, 0);
    reader_assert_file(&reader, folder);
    reader_stop(&reader);
}

/* An engine that was stopped (a suspended machine) takes the line and says nothing: nobody spins, nothing is lost. */
static void an_engine_that_sleeps(void **state)
{
    (void)state;
    open_here(0);
    reader.beside = NULL;
    assert_true(reader_sleeps(&reader));
    assert_true(reader_is_live(&reader));
    reader.beside = engine_serves;
    reader_wait_for_events(&reader, LINES);
    reader_assert_file(&reader, folder);
    reader_stop(&reader);
}

static void a_long_path(void **state)
{
    (void)state;
    char *kept = mem_string(folder), *name = mem_format("%0150d", 7), *deep = path_join(folder, name);
    int folder_fd = open(folder, O_PATH | O_DIRECTORY);
    assert_int_equal(mkdir(deep, 0700), 0);
    for (int i = 0; i < 3; i++) {
        static const char *const names[] = {"events.jsonl", "lock", RUNDIR_CONTROL};
        char *from = path_join(folder, names[i]), *to = path_join(deep, names[i]);
        assert_int_equal(rename(from, to), 0);
        mem_free(from);
        mem_free(to);
    }
    struct error error = {0};
    reader_start(&reader, link_open(deep, 0, &error), &error);
    reader.beside = engine_serves;
    /* The engine's viewer reads from there, too. */
    int fd = accept4(engine.listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(fd >= 0);
    engine.viewer = viewer_create(
        &(struct viewer_options){.run = deep, .in = fd, .out = fd, .writes = true, .by = "", .command = hear_command},
        &error);
    reader_wait_for_events(&reader, LINES);
    assert_string_equal(link_run(reader.link), deep);
    reader_stop(&reader);
    char command[600];
    snprintf(command, sizeof command, "mv '%s'/* '%s'/ && rmdir '%s'", deep, kept, deep);
    assert_int_equal(system(command), 0);
    close(folder_fd);
    mem_free(deep);
    mem_free(name);
    mem_free(kept);
}

/* Bytes from a server that is none. */
static void a_hostile_server(void **state)
{
    (void)state;
    static const char *const lines[] = {"{\"skip\":9223372036854775807}",
                                        "{\"skip\":-5}",
                                        "{\"skip\":\"x\"}",
                                        "nonsense",
                                        "[]",
                                        "{}",
                                        "",
                                        "{\"answer\":1,\"done\":true}",
                                        "{\"kind\":\"step\",\"loss\":[]}",
                                        "{\"kind\":7}",
                                        "{\"thaw\":9}",
                                        "{\"thaw\":1,\"run\":\"/elsewhere\",\"writes\":true}",
                                        "{\"reset\":true}",
                                        "\xff\xff",
                                        "{\"kind\":\"run\",\"metrics\":[{\"name\":7}]}"};
    open_here(0);
    reader.beside = NULL;
    reader.gaps = true;
    int fd = accept4(engine.listener, NULL, NULL, SOCK_CLOEXEC);
    for (size_t i = 0; i < THAW_LENGTH(lines); i++)
        dprintf(fd, "%s\n", lines[i]);
    reader_read(&reader);
    assert_int_equal(reader.events, 0);
    assert_int_equal(reader.answers, 0);
    assert_string_equal(link_run(reader.link), folder); /* whatever it says of where it is */
    static char block[1 << 16];
    memset(block, 'x', sizeof block);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    size_t sent = 0;
    for (ssize_t wrote; sent < 64u << 20 && ((wrote = write(fd, block, sizeof block)) > 0 || errno == EAGAIN);) {
        sent += wrote > 0 ? (size_t)wrote : 0;
        reader_read(&reader);
    }
    assert_true(sent < EVENT_LINE_MAX + (1u << 20)); /* a line without end is hung up on */
    close(fd);
    reader.beside = engine_serves;
    reader_wait_for_events(&reader, LINES);
    reader_assert_file(&reader, folder);
    reader_stop(&reader);
}

/* --- names --- */

static void hosts_and_runs(void **state)
{
    (void)state;
    static const struct {
        const char *name, *host, *run; /* host NULL: none */
    } rows[] = {{"far:last", "far", "last"}, {"a@far:x/y:z", "a@far", "x/y:z"},
                {"last", NULL, "last"},      {"./a:b", NULL, "./a:b"},
                {":x", NULL, ":x"},          {"far:", "far", ""}};
    char host[LINK_HOST];
    const char *run;
    for (size_t i = 0; i < THAW_LENGTH(rows); i++) {
        assert_int_equal(link_split(rows[i].name, host, &run), rows[i].host != NULL);
        assert_string_equal(run, rows[i].run);
        assert_string_equal(host, rows[i].host ? rows[i].host : "");
    }
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_finished_run),
        cmocka_unit_test(a_live_one_that_breaks_off),
        cmocka_unit_test(a_file_that_is_cut),
        cmocka_unit_test(lines_that_nobody_knows),
        cmocka_unit_test(a_newer_run),
        cmocka_unit_test(nothing_to_link_to),
        cmocka_unit_test_setup_teardown(commands_through_a_socket, begin_socket, end_socket),
        cmocka_unit_test_setup_teardown(damage_through_a_socket, begin_socket, end_socket),
        cmocka_unit_test_setup_teardown(who_only_looks, begin_socket, end_socket),
        cmocka_unit_test_setup_teardown(who_only_asks, begin_socket, end_socket),
        cmocka_unit_test_setup_teardown(an_engine_goes_and_another_comes, begin_socket, end_socket),
        cmocka_unit_test_setup_teardown(no_place_left, begin_socket, end_socket),
        cmocka_unit_test_setup_teardown(an_engine_that_sleeps, begin_socket, end_socket),
        cmocka_unit_test_setup_teardown(a_long_path, begin_socket, end_socket),
        cmocka_unit_test_setup_teardown(a_hostile_server, begin_socket, end_socket),
        cmocka_unit_test(hosts_and_runs),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
