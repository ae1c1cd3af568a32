/* The serving end of the protocol, over a socketpair with the test as the viewer: what it is told and from where on,
 * what becomes of its commands, and what a rude one can do. What thinning
 * leaves out is test_viewer_thin.c. */
#include "config.h"

#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../../src/run/viewer_private.h"
#include "some_events.h"
#include "some_runs.h"
#include "thaw/base/clock.h"

enum { LINES = 100, TOLD_MOST = 4096 };

/* --- both ends --- */

static struct {
    struct viewer *viewer;
    int fd; /* the test's end */
    char got[1 << 20];
    size_t size;
    char *line[TOLD_MOST]; /* into a copy of `got` */
    size_t lines;
    struct run_command command[16]; /* that passed */
    int commands;
} end;

static void take_command(void *context, struct viewer *viewer, const struct run_command *command)
{
    (void)context, (void)viewer;
    assert_true(end.commands < 16);
    end.command[end.commands++] = run_command_copy(command);
}

static void begin_with(bool writes, double patience)
{
    int fds[2];
    struct error error = {0};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    fcntl(fds[1], F_SETFL, O_NONBLOCK);
    memset(&end, 0, sizeof end);
    end.fd = fds[1];
    end.viewer = viewer_create(&(struct viewer_options){.run = folder,
                                                        .in = fds[0],
                                                        .out = fds[0],
                                                        .writes = writes,
                                                        .by = "anna",
                                                        .patience = patience,
                                                        .command = take_command},
                               &error);
    if (!end.viewer)
        fail_msg("%s", error.text);
}

static void begin(bool writes)
{
    begin_with(writes, 0);
}

static void finish(void)
{
    viewer_destroy(end.viewer);
    close(end.fd);
    for (int i = 0; i < end.commands; i++)
        run_command_finish(&end.command[i]);
    mem_free(end.lines ? end.line[0] : NULL);
    end.lines = 0;
}

static void say(const char *line)
{
    assert_int_equal(write(end.fd, line, strlen(line)), strlen(line));
    assert_int_equal(write(end.fd, "\n", 1), 1);
}

static bool serve(void)
{
    return viewer_serve(end.viewer);
}

static bool read_some(void)
{
    ssize_t got = read(end.fd, end.got + end.size, sizeof end.got - 1 - end.size);
    end.size += got > 0 ? (size_t)got : 0;
    return got > 0;
}

/* Serves and reads until nothing more comes; then what came since the last call is in `line`. */
static bool hear(void)
{
    bool going = true;
    mem_free(end.lines ? end.line[0] : NULL);
    end.lines = 0;
    end.size = 0;
    for (int quiet = 0; quiet < 2;) {
        going = going && serve();
        quiet = read_some() ? 0 : quiet + 1;
    }
    end.got[end.size] = '\0';
    char *copy = mem_string(end.got);
    for (char *at = copy, *next; (next = strchr(at, '\n')); at = next + 1) {
        *next = '\0';
        assert_true(end.lines < TOLD_MOST);
        end.line[end.lines++] = at;
    }
    if (end.lines == 0)
        mem_free(copy);
    return going;
}

static void assert_lines(size_t at, uint64_t first, uint64_t count)
{
    assert_true(end.lines >= at + count);
    for (uint64_t i = 0; i < count; i++) {
        char *wanted = some_line(first + i);
        assert_string_equal(end.line[at + i], wanted);
        mem_free(wanted);
    }
}

static double time_of(uint64_t number)
{
    char *line = some_line(number);
    double time = event_line_time(line, strlen(line));
    mem_free(line);
    return time;
}

static void watch(uint64_t from, double time)
{
    char line[160];
    snprintf(line, sizeof line, "{\"id\":1,\"command\":\"watch\",\"value\":%d,\"text\":\"%.17g\"}", (int)from, time);
    say(line);
}

/* --- what is told --- */

static void greets(void **state)
{
    (void)state;
    some_lines(folder, 0, LINES, false);
    begin(true);
    hear();
    assert_int_equal(end.lines, 1); /* nothing before it asks */
    json_t *object = json_loads(end.line[0], 0, NULL);
    assert_int_equal(json_integer_value(json_object_get(object, "thaw")), 1);
    assert_string_equal(json_string_value(json_object_get(object, "run")), folder);
    assert_true(json_is_true(json_object_get(object, "writes")));
    assert_true(json_is_false(json_object_get(object, "alive")));
    json_decref(object);
    finish();
}

static void tells_all_and_what_is_added(void **state)
{
    (void)state;
    some_lines(folder, 0, LINES, false);
    begin(false);
    say("{\"command\":\"watch\"}");
    hear();
    assert_int_equal(end.lines, 1 + LINES);
    assert_lines(1, 0, LINES);
    some_lines(folder, LINES, 7, true);
    hear();
    assert_int_equal(end.lines, 7);
    assert_lines(0, LINES, 7);
    char *path = in_folder("events.jsonl");
    FILE *file = fopen(path, "a");
    fputs("{\"kind\":\"note\",", file); /* half a line is none */
    fflush(file);
    hear();
    assert_int_equal(end.lines, 0);
    fputs("\"text\":\"x\"}\n", file);
    fclose(file);
    mem_free(path);
    hear();
    assert_int_equal(end.lines, 1);
    assert_string_equal(end.line[0], "{\"kind\":\"note\",\"text\":\"x\"}");
    finish();
}

/* Sums are the file's; a line that is not as it was written does not go out. */
static void lines_go_without_their_sums(void **state)
{
    (void)state;
    enum { FEW = 20, BAD = 5 };
    uint32_t before = 0;
    char *path = in_folder("events.jsonl");
    FILE *file = fopen(path, "w");
    for (uint64_t i = 0; i < FEW; i++) {
        char *json = some_line(i), *line = event_sum_line(json, before);
        assert_true(event_sum_read(line, strlen(line) - 1, &before));
        line[30] ^= i == BAD;
        fputs(line, file);
        mem_free(json);
        mem_free(line);
    }
    fclose(file);
    mem_free(path);
    begin(false);
    say("{\"command\":\"watch\"}");
    hear();
    assert_int_equal(end.lines, 1 + FEW + 1);
    assert_lines(1, 0, BAD);
    assert_string_equal(end.line[1 + BAD], "{\"damaged\":6}");
    assert_string_equal(end.line[1 + BAD + 1], "{\"skip\":1}");
    assert_lines(1 + BAD + 2, BAD + 1, FEW - BAD - 1);
    finish();
}

static void goes_on_from_where_it_was(void **state)
{
    (void)state;
    some_lines(folder, 0, LINES, false);
    begin(false);
    watch(60, time_of(59));
    hear();
    assert_int_equal(end.lines, 1 + LINES - 60);
    assert_lines(1, 60, LINES - 60);
    finish();
    begin(false);
    watch(LINES, time_of(LINES - 1)); /* it has all */
    hear();
    assert_int_equal(end.lines, 1);
    some_lines(folder, LINES, 1, true);
    hear();
    assert_lines(0, LINES, 1);
    finish();
    begin(false);
    say("{\"command\":\"watch\",\"value\":98}"); /* that says nothing of what it has */
    hear();
    assert_int_equal(end.lines, 1 + LINES + 1 - 98);
    assert_lines(1, 98, LINES + 1 - 98);
    finish();
}

static void begins_again_where_it_knows_another(void **state)
{
    (void)state;
    const struct {
        uint64_t from;
        double time;
    } rows[] = {{60, time_of(59) + 1}, {60, NAN}, {LINES + 1, time_of(LINES)}, {1000000, 1}};
    for (size_t i = 0; i < THAW_LENGTH(rows); i++) {
        some_lines(folder, 0, LINES, false);
        begin(false);
        watch(rows[i].from, rows[i].time);
        hear();
        assert_int_equal(end.lines, 2 + LINES);
        assert_string_equal(end.line[1], "{\"reset\":true}");
        assert_lines(2, 0, LINES);
        finish();
    }
}

static void cut_back_and_grown_again(void **state)
{
    (void)state;
    for (int grown = 0; grown < 2; grown++) {
        some_lines(folder, 0, LINES, false);
        begin(false);
        say("{\"command\":\"watch\"}");
        hear();
        some_lines(folder, 0, 40, false); /* a run that is gone on with from a checkpoint */
        if (grown)
            some_lines(folder, 200, 90, true); /* longer than it was */
        hear();
        assert_string_equal(end.line[0], "{\"reset\":true}");
        assert_int_equal(end.lines, 1 + 40 + (grown ? 90 : 0));
        assert_lines(1, 0, 40);
        if (grown)
            assert_lines(41, 200, 90);
        finish();
    }
}

/* A kill left half a line, which a viewer has seen; whoever goes on with the run takes it away and writes others. */
static void half_a_line_becomes_another(void **state)
{
    (void)state;
    some_lines(folder, 0, LINES, false);
    char *path = in_folder("events.jsonl");
    FILE *file = fopen(path, "a");
    long whole = ftell(file);
    fputs("{\"kind\":\"note\",\"text\":\"that nobody will", file);
    fflush(file);
    begin(false);
    say("{\"command\":\"watch\"}");
    hear();
    assert_int_equal(end.lines, 1 + LINES);
    assert_int_equal(ftruncate(fileno(file), whole), 0);
    fclose(file);
    some_lines(folder, LINES, 3, true);
    hear();
    assert_int_equal(end.lines, 3);
    assert_lines(0, LINES, 3);
    mem_free(path);
    finish();
}

static void ends(void **state)
{
    (void)state;
    some_lines(folder, 0, LINES, false);
    begin(true);
    say("{\"command\":\"watch\"}");
    hear();
    some_lines(folder, LINES, 2, true);
    viewer_end(end.viewer);
    assert_false(hear());
    assert_int_equal(end.lines, 3);
    assert_lines(0, LINES, 2);
    assert_string_equal(end.line[2], "{\"bye\":\"ended\"}");
    finish();
    begin(true); /* one that only asks */
    hear();
    viewer_end(end.viewer);
    assert_false(hear());
    assert_string_equal(end.line[0], "{\"bye\":\"ended\"}");
    finish();
}

static void a_file_that_is_none(void **state)
{
    (void)state;
    struct error error = {0};
    int fds[2];
    char *path = in_folder("events.jsonl"), *other = in_folder("other");
    for (int i = 0; i < 3; i++) {
        unlink(path);
        if (i == 1)
            assert_int_equal(symlink(other, path), 0);
        if (i == 2)
            assert_int_equal(mkfifo(path, 0600), 0);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
        struct viewer_options options = {.run = folder, .in = fds[0], .out = fds[0], .by = ""};
        assert_null(viewer_create(&options, &error));
        assert_non_null(strstr(error.text, "events.jsonl"));
        char byte;
        assert_int_equal(read(fds[1], &byte, 1), 0); /* it hung up */
        close(fds[1]);
    }
    unlink(path);
    mem_free(path);
    mem_free(other);
}

/* --- commands --- */

static struct run_answer answer_in(size_t line)
{
    struct run_answer answer;
    struct error error = {0};
    assert_true(line < end.lines);
    if (!run_answer_from_json(&answer, end.line[line], strlen(end.line[line]), &error))
        fail_msg("%s: %s", end.line[line], error.text);
    return answer;
}

static void commands_pass_and_are_answered(void **state)
{
    (void)state;
    some_lines(folder, 0, 2, false);
    begin(true);
    say("{\"id\":7,\"command\":\"lr\",\"value\":0.5}");
    say("{\"id\":8,\"command\":\"note\",\"text\":\"x\",\"by\":\"ben\"}");
    hear();
    assert_int_equal(end.commands, 2);
    assert_int_equal(end.command[0].id, 7);
    assert_true(end.command[0].value == 0.5);
    assert_string_equal(end.command[0].by, "anna");
    assert_string_equal(end.command[1].by, "ben");
    assert_int_equal(end.lines, 1);
    viewer_answer(end.viewer, &(struct run_answer){.id = 8, .done = true});
    viewer_answer(end.viewer, &(struct run_answer){.id = 7, .sentence = "no"});
    hear();
    assert_int_equal(answer_in(0).id, 8);
    assert_true(answer_in(0).done);
    assert_int_equal(answer_in(1).id, 7);
    assert_string_equal(answer_in(1).sentence, "no");
    finish();
}

static void who_only_looks_is_refused(void **state)
{
    (void)state;
    some_lines(folder, 0, 2, false);
    begin(false);
    hear();
    for (int kind = 0; kind < RUN_COMMANDS; kind++) {
        struct run_command command = run_command_make((enum run_command_kind)kind, 1, "x");
        command.id = (uint64_t)kind + 100;
        char *line = run_command_to_json(&command);
        if (kind != RUN_WATCH)
            say(line);
        mem_free(line);
        run_command_finish(&command);
    }
    hear();
    assert_int_equal(end.commands, 0);
    assert_int_equal(end.lines, RUN_COMMANDS - 1);
    for (size_t i = 0; i < end.lines; i++) {
        assert_int_equal(answer_in(i).id, i + 100);
        assert_false(answer_in(i).done);
        assert_non_null(strstr(answer_in(i).sentence, "read-only"));
    }
    finish();
}

static void what_is_no_command(void **state)
{
    (void)state;
    static const char *const lines[] = {"",
                                        "x",
                                        "[1]",
                                        "{\"command\":\"dance\",\"id\":5}",
                                        "{\"kind\":\"step\"}",
                                        "{\"answer\":1,\"done\":true}",
                                        "\xff\xfe",
                                        "{\"command\":\"note\",\"text\":[]}"};
    some_lines(folder, 0, 2, false);
    begin(true);
    hear();
    for (size_t i = 0; i < THAW_LENGTH(lines); i++)
        say(lines[i]);
    assert_true(hear());
    assert_int_equal(end.commands, 0);
    assert_int_equal(end.lines, THAW_LENGTH(lines));
    assert_int_equal(answer_in(3).id, 5);
    say("{\"id\":3,\"command\":\"watch\"}");
    say("{\"id\":4,\"command\":\"watch\",\"value\":1}");
    hear();
    assert_int_equal(end.lines, 3); /* both events, but once */
    struct run_answer again = answer_in(0);
    assert_int_equal(again.id, 4);
    viewer_end(end.viewer);
    say("{\"id\":9,\"command\":\"pause\"}");
    hear();
    assert_string_equal(answer_in(0).sentence, "the run has ended");
    finish();
}

/* --- the rude --- */

static void a_line_without_end(void **state)
{
    (void)state;
    static char block[65536];
    memset(block, 'x', sizeof block);
    some_lines(folder, 0, 2, false);
    begin(true);
    bool going = true;
    size_t sent = 0;
    while (going && sent < 8u << 20) {
        ssize_t wrote = write(end.fd, block, sizeof block);
        sent += wrote > 0 ? (size_t)wrote : 0;
        going = serve();
    }
    assert_false(going);
    assert_true(sent < (RUN_COMMAND_TEXT_MAX + (256u << 10)));
    finish();
}

/* As much as a text may have. */
static void a_long_text_passes(void **state)
{
    (void)state;
    char *line = mem_format("{\"command\":\"note\",\"text\":\"%0*d\"}\n", RUN_COMMAND_TEXT_MAX, 1);
    some_lines(folder, 0, 2, false);
    begin(true);
    for (size_t at = 0, length = strlen(line); at < length;) {
        ssize_t wrote = write(end.fd, line + at, length - at);
        at += wrote > 0 ? (size_t)wrote : 0;
        assert_true(serve());
    }
    hear();
    assert_int_equal(end.commands, 1);
    assert_int_equal(strlen(end.command[0].text), RUN_COMMAND_TEXT_MAX);
    mem_free(line);
    finish();
}

/* It is never waited for, costs no more memory than what may be pending, and is let go. */
static void who_does_not_read(void **state)
{
    (void)state;
    some_lines(folder, 0, 6000, false);
    begin_with(true, 0.3);
    say("{\"command\":\"watch\"}");
    double began = clock_monotonic(), longest = 0;
    bool going = true;
    while (going) {
        double before = clock_monotonic();
        going = serve();
        longest = fmax(longest, clock_monotonic() - before);
        nanosleep(&(struct timespec){0, 1000000}, NULL);
        assert_true(clock_monotonic() - began < 30);
    }
    assert_true(clock_monotonic() - began > 0.25);
    assert_true(longest < 0.25); /* of one look, most of it the file's first 256 kB */
    finish();
}

/* Reads now and then: it is served on. */
static void who_reads_slowly(void **state)
{
    (void)state;
    some_lines(folder, 0, 6000, false);
    begin_with(true, 0.3);
    say("{\"command\":\"watch\"}");
    size_t read_in_all = 0;
    for (int i = 0; i < 6; i++) {
        for (int k = 0; k < 15; k++) {
            assert_true(serve());
            nanosleep(&(struct timespec){0, 10000000}, NULL);
        }
        end.size = 0;
        read_some();
        read_in_all += end.size;
    }
    assert_true(read_in_all > 6 * 4096);
    end.lines = 0;
    finish();
}

/* What the line has not taken yet is passed by answers, in their order and between lines. */
static void answers_pass_events(void **state)
{
    (void)state;
    some_lines(folder, 0, 2000, false);
    begin(true);
    say("{\"command\":\"watch\",\"rate\":900}");
    assert_true(serve() && serve()); /* the line is full, of some kilobytes */
    say("{\"id\":5,\"command\":\"nonsense\"}");
    say("{\"id\":6,\"command\":\"nonsense\"}");
    assert_true(serve());
    hear();
    size_t at = 0;
    while (at < end.lines && !strstr(end.line[at], "\"answer\":5"))
        at++;
    assert_non_null(strstr(end.line[at + 1], "\"answer\":6"));
    assert_true(end.size > 40000 && end.lines > 200); /* what the past may take */
    assert_true(at > 2 && at < end.lines / 2);
    for (size_t i = 1; i < end.lines; i++) /* each is whole */
        assert_true(end.line[i][0] == '{' && end.line[i][strlen(end.line[i]) - 1] == '}');
    assert_non_null(strstr(end.line[0], "\"thaw\":1"));
    finish();
}

/* Commands without end, and no answer read: they wait where they are. */
static void who_reads_no_answers(void **state)
{
    (void)state;
    static char block[60000];
    struct pollfd fds[VIEWER_FDS];
    memset(block, '\n', sizeof block);
    some_lines(folder, 0, 2, false);
    begin_with(true, 0.3);
    bool going = true, stopped = false;
    size_t sent = 0;
    while (going) {
        ssize_t wrote = write(end.fd, block, sizeof block);
        sent += wrote > 0 ? (size_t)wrote : 0;
        going = serve();
        viewer_poll(end.viewer, fds);
        stopped = stopped || (fds[0].events == 0 && fds[1].events == POLLOUT && fds[1].fd >= 0);
        nanosleep(&(struct timespec){0, 1000000}, NULL);
    }
    assert_true(stopped);
    assert_true(sent < 1u << 20);
    finish();
}

/* --- thinning --- */

/* Numbers add up through what is skipped; the refill without a rate tells all. */
static void skips_are_counted(void **state)
{
    (void)state;
    enum { MANY = 3000 };
    some_lines(folder, 0, MANY, false);
    begin(false);
    say("{\"command\":\"watch\",\"rate\":500}");
    hear();
    viewer_end(end.viewer);
    size_t told = 0, skipped = 0;
    for (int i = 0; i < 2; i++) {
        for (size_t k = i == 0 ? 1 : 0; k < end.lines; k++) {
            long skip;
            if (sscanf(end.line[k], "{\"skip\":%ld}", &skip) == 1)
                skipped += (size_t)skip;
            else if (strncmp(end.line[k], "{\"kind\"", 7) == 0)
                assert_lines(k, told++ + skipped, 1);
        }
        hear();
    }
    assert_int_equal(told + skipped, MANY); /* up to the very last */
    assert_true(skipped > told);
    finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(greets),
        cmocka_unit_test(tells_all_and_what_is_added),
        cmocka_unit_test(lines_go_without_their_sums),
        cmocka_unit_test(goes_on_from_where_it_was),
        cmocka_unit_test(begins_again_where_it_knows_another),
        cmocka_unit_test(cut_back_and_grown_again),
        cmocka_unit_test(half_a_line_becomes_another),
        cmocka_unit_test(ends),
        cmocka_unit_test(a_file_that_is_none),
        cmocka_unit_test(commands_pass_and_are_answered),
        cmocka_unit_test(who_only_looks_is_refused),
        cmocka_unit_test(what_is_no_command),
        cmocka_unit_test(a_line_without_end),
        cmocka_unit_test(a_long_text_passes),
        cmocka_unit_test(who_does_not_read),
        cmocka_unit_test(who_reads_slowly),
        cmocka_unit_test(who_reads_no_answers),
        cmocka_unit_test(answers_pass_events),
        cmocka_unit_test(skips_are_counted),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
