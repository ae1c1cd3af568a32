/* Thinning of what is told over a slow line, on a clock that the test sets. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../../src/run/viewer_private.h"
#include "some_events.h"
#include "some_runs.h"
#include "thaw/base/clock.h"

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
    viewer_thin_start(&thin, RATE);
    size_t last_bytes = 0;
    double began = clock_monotonic(), ten = began, most = 0; /* what the test itself takes counts */
    for (int tick = 0; tick < SECONDS * 10; tick++) {
        thin.filled -= 0.1; /* so much time has gone */
        for (int i = 0; i < EACH; i++, number++) {
            char *line = some_line(number);
            thin_take(&thin, number, line, (double)number * 300, &sent);
            mem_free(line);
        }
        viewer_thin_flush(&thin, false, note_sent, &sent);
        if (tick % 100 == 99) { /* of ten seconds */
            double now = clock_monotonic(), rate = (double)(sent.bytes - last_bytes) / (10 + now - ten);
            most = rate > most ? rate : most;
            last_bytes = sent.bytes;
            ten = now;
        }
    }
    double rate = (double)sent.bytes / (SECONDS + clock_monotonic() - began);
    int kinds[EVENT_KINDS] = {0};
    for (size_t i = 0; i < sent.count; i++)
        kinds[sent.kind[i]]++;
    print_message("%zu of %d events, %.0f bytes/s, at most %.0f over ten seconds\n", sent.count, (int)number, rate,
                  most);
    assert_true((double)sent.bytes <= (SECONDS + 2 + clock_monotonic() - began) * RATE); /* two seconds are saved */
    assert_true(most < 1.3 * RATE);
    assert_true(rate > 0.8 * RATE);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rate_holds),
        cmocka_unit_test(what_counts_passes),
        cmocka_unit_test_setup_teardown(a_long_past_is_thinned_evenly, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
