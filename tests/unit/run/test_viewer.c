/* The serving end of the protocol, over a socketpair with the test as the viewer: what it is told and from where on,
 * what becomes of its commands, and what a rude one can do. And thinning, on a clock that the test sets. */
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

struct sent {
    uint64_t number[20000];
    int kind[20000];
    size_t count, bytes;
};

/* As the viewer counts: with its newline, and with the words about those that were left out. */
static size_t note_sent(void *context, uint64_t number, const char *line, size_t length)
{
    struct sent *sent = context;
    uint64_t left_out = number - (sent->count ? sent->number[sent->count - 1] + 1 : 0);
    size_t took = length + 1 + (left_out ? (size_t)snprintf(NULL, 0, "{\"skip\":%d}\n", (int)left_out) : 0);
    assert_true(sent->count == 0 || number > sent->number[sent->count - 1]); /* in the order of the file */
    assert_true(sent->count < THAW_LENGTH(sent->number));
    sent->kind[sent->count] = number % 12 == 0 ? EVENT_EPOCH : number % 12 == 1 ? EVENT_EVAL : EVENT_STEP;
    sent->number[sent->count++] = number;
    sent->bytes += took;
    (void)line;
    return took;
}

static void thin_take(struct viewer_thin *thin, uint64_t number, const char *text, double end_at, struct sent *sent)
{
    struct viewer_line line = {text, strlen(text), number, end_at};
    viewer_thin_take(thin, &line, note_sent, sent);
}

/* A thousand steps a second for a minute. */
static void the_rate_holds(void **state)
{
    (void)state;
    enum { RATE = 900, SECONDS = 60, EACH = 100 };
    static struct sent sent;
    struct viewer_thin thin = {0};
    uint64_t number = 2;
    sent = (struct sent){.count = 0};
    double began = clock_monotonic();
    viewer_thin_start(&thin, RATE);
    size_t last_bytes = 0, most = 0;
    for (int tick = 0; tick < SECONDS * 10; tick++) {
        thin.filled -= 0.1; /* so much time has gone */
        for (int i = 0; i < EACH; i++, number++) {
            char *line = some_line(number);
            thin_take(&thin, number, line, (double)number * 300, &sent);
            mem_free(line);
        }
        viewer_thin_flush(&thin, false, note_sent, &sent);
        if (tick % 100 == 99) { /* of ten seconds */
            most = sent.bytes - last_bytes > most ? sent.bytes - last_bytes : most;
            last_bytes = sent.bytes;
        }
    }
    int kinds[EVENT_KINDS] = {0};
    for (size_t i = 0; i < sent.count; i++)
        kinds[sent.kind[i]]++;
    print_message("%zu of %d events, %.0f bytes/s, at most %.0f over ten seconds\n", sent.count, (int)number,
                  (double)sent.bytes / SECONDS, (double)most / 10);
    assert_true((double)sent.bytes <= (SECONDS + 2 + clock_monotonic() - began) * RATE); /* two seconds are saved */
    assert_true((double)most / 10 < 1.3 * RATE);
    assert_true((double)sent.bytes / SECONDS > 0.8 * RATE);
    assert_true(kinds[EVENT_STEP] > 30 && kinds[EVENT_EVAL] > 30 && kinds[EVENT_EPOCH] > 30);
    viewer_thin_flush(&thin, true, note_sent, &sent);
    assert_int_equal(sent.number[sent.count - 1], number - 1); /* the last of them is never left out */
    viewer_thin_finish(&thin);
}

/* What no later one makes good for passes whatever it takes, behind what came before it. */
static void what_counts_passes(void **state)
{
    (void)state;
    static struct sent sent;
    struct viewer_thin thin = {0};
    sent = (struct sent){.count = 0};
    viewer_thin_start(&thin, 1);
    thin.room = -1000;
    thin_take(&thin, 10, "{\"kind\":\"step\",\"x\":1}", 1, &sent);
    thin_take(&thin, 11, "{\"kind\":\"eval\",\"x\":1}", 2, &sent);
    thin_take(&thin, 12, "{\"kind\":\"step\",\"x\":1}", 3, &sent);
    assert_int_equal(sent.count, 0);
    thin_take(&thin, 13, "{\"kind\":\"lr\",\"from\":1}", 4, &sent);
    assert_int_equal(sent.count, 3);
    assert_int_equal(sent.number[0], 11);
    assert_int_equal(sent.number[1], 12);
    assert_int_equal(sent.number[2], 13);
    thin_take(&thin, 14, "{\"kind\":\"teleport\"}", 5, &sent); /* of a newer program */
    thin_take(&thin, 15, "not even an event", 6, &sent);
    assert_int_equal(sent.count, 5);
    viewer_thin_finish(&thin);
}

/* A long run that is joined late: the whole picture at once, in no more than its room. */
static void a_long_past_is_thinned_evenly(void **state)
{
    (void)state;
    enum { MANY = 15000, HALF = MANY / 2 };
    static struct sent sent;
    struct viewer_thin thin = {0};
    struct event_file file;
    struct error error = {0};
    some_lines(folder, 0, MANY, false);
    assert_true(event_file_open(&file, folder, &error));
    viewer_thin_start(&thin, 900);
    thin.room = -1e9; /* nothing but the past is sent */
    viewer_thin_survey(&thin, &file, 0);
    sent = (struct sent){.count = 0};
    const char *text;
    size_t length;
    while (event_file_next(&file, &text, &length) == EVENT_FILE_LINE) {
        struct viewer_line line = {text, length, file.number - 1, (double)event_file_offset(&file)};
        viewer_thin_take(&thin, &line, note_sent, &sent);
    }
    int halves[2][EVENT_KINDS] = {{0}};
    bool last_step = false, last_epoch = false;
    for (size_t i = 0; i < sent.count; i++) {
        halves[sent.number[i] >= HALF][sent.kind[i]]++;
        last_step = last_step || sent.number[i] == MANY - 1;
        last_epoch = last_epoch || sent.number[i] == MANY - MANY % 12 - (MANY % 12 == 0 ? 12 : 0);
    }
    print_message("%zu of %d lines, %zu bytes: steps %d and %d, evaluations %d and %d\n", sent.count, MANY, sent.bytes,
                  halves[0][EVENT_STEP], halves[1][EVENT_STEP], halves[0][EVENT_EVAL], halves[1][EVENT_EVAL]);
    assert_int_equal(sent.number[0], 0);
    assert_int_equal(sent.number[1], 1);
    assert_true(sent.bytes < 53 << 10);
    assert_true(sent.bytes > 30 << 10);
    for (int kind = 0; kind < EVENT_KINDS; kind++) {
        int total = halves[0][kind] + halves[1][kind];
        assert_true(total == 0 || kind == EVENT_RUN || kind == EVENT_LAYERS ||
                    abs(halves[0][kind] - halves[1][kind]) <= 3 + total / 10);
    }
    assert_true(halves[0][EVENT_EVAL] > 10 && halves[0][EVENT_STEP] > 30);
    assert_true(last_step && last_epoch);
    event_file_close(&file);
    viewer_thin_finish(&thin);
}

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
        cmocka_unit_test(the_rate_holds),
        cmocka_unit_test(what_counts_passes),
        cmocka_unit_test(a_long_past_is_thinned_evenly),
        cmocka_unit_test(skips_are_counted),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
