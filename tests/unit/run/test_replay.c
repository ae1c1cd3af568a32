/* The replay of a recorded run: its pace, a pause, there and back, gaps, and a file that is cut meanwhile. */
#include "config.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "reader.h"
#include "some_events.h"
#include "some_runs.h"
#include "thaw/base/clock.h"

static struct reader reader;

static void replay(double speed)
{
    struct error error = {0};
    reader_start(&reader, link_replay(folder, speed, &error), &error);
}

/* Its events are about 0.8 s apart. */
static void at_a_speed(void **state)
{
    (void)state;
    some_lines(folder, 0, 240, false);
    replay(100);
    assert_true(link_is_replay(reader.link));
    size_t came = reader_read_for(&reader, 0.5);
    assert_true(came > 30 && came < 90);
    link_set_speed(reader.link, 0);
    reader_read(&reader);
    assert_int_equal(reader_read_for(&reader, 0.3), 0);
    assert_true(reader_sleeps(&reader));
    link_set_speed(reader.link, 10);
    came = reader_read_for(&reader, 0.5);
    assert_true(came >= 2 && came < 12);
    link_set_speed(reader.link, 1e9);
    reader_wait(&reader, reader_has_ended);
    assert_int_equal(reader.events, 240);
    reader_assert_file(&reader, folder);
    reader_is_refused(&reader, "save");
    reader_stop(&reader);
}

static void all_at_once(void **state)
{
    (void)state;
    some_lines(folder, 0, 240, false);
    replay(0);
    reader_read(&reader);
    assert_true(reader_has_ended(&reader));
    assert_int_equal(reader.events, 240);
    reader_assert_file(&reader, folder);
    reader_stop(&reader);
}

/* What is damaged is told as far as it was played, and anew from the beginning. */
static void a_damaged_run(void **state)
{
    (void)state;
    char words[RUN_DAMAGE_TEXT], *path = in_folder("events.jsonl");
    some_lines(folder, 0, 100, false);
    FILE *file = fopen(path, "a");
    fwrite("\0\0\0\0\n", 5, 1, file);
    fclose(file);
    mem_free(path);
    some_lines(folder, 100, 20, true);
    replay(0);
    reader.gaps = true;
    reader_read(&reader);
    assert_true(reader_has_ended(&reader));
    assert_int_equal(reader.events, 120);
    struct run_damage damage = link_damage(reader.link);
    assert_true(run_damage_words(words, &damage));
    assert_string_equal(words, "line 101 of 121 is not as it was written");
    link_seek_event(reader.link, 50);
    reader_read(&reader);
    assert_int_equal(link_damage(reader.link).damaged, 0);
    reader_stop(&reader);
}

static void there_and_back(void **state)
{
    (void)state;
    some_lines(folder, 0, 240, false);
    replay(1);
    reader_read(&reader);
    link_seek_event(reader.link, 100);
    reader_read(&reader);
    assert_int_equal(reader.next, 100);
    assert_int_equal(reader.resets, 0);
    link_seek_event(reader.link, 100); /* there already */
    reader_read(&reader);
    assert_int_equal(reader.resets, 0);
    link_seek_event(reader.link, 40);
    reader_read(&reader);
    assert_int_equal(reader.resets, 1);
    assert_int_equal(reader.next, 40);
    link_seek_epoch(reader.link, 5);
    reader_read(&reader);
    assert_int_equal(reader.story.epochs_done, 4);
    assert_true(reader.story.epoch < 5);
    link_seek_epoch(reader.link, 1);
    reader_read(&reader);
    assert_true(reader.next <= 1);
    link_seek_epoch(reader.link, 1000);
    reader_read(&reader);
    assert_true(reader_has_ended(&reader));
    reader_assert_file(&reader, folder);
    link_seek_event(reader.link, 10); /* from the end, too */
    assert_true(reader_is_live(&reader));
    reader_read(&reader);
    assert_int_equal(reader.next, 10);
    link_set_speed(reader.link, NAN);
    assert_true(link_speed(reader.link) == 0);
    link_set_speed(reader.link, -1);
    link_set_speed(reader.link, 1e-300);
    assert_true(reader_read_for(&reader, 0.1) <= 1);
    reader_stop(&reader);
}

/* A night between two halves is no more than some seconds. */
static void a_long_gap(void **state)
{
    (void)state;
    write_text("events.jsonl", "{\"kind\":\"run\",\"time\":100,\"version\":2}\n"
                               "{\"kind\":\"note\",\"time\":40100,\"text\":\"a\"}\n"
                               "{\"kind\":\"note\",\"time\":99,\"text\":\"the clock was set back\"}\n"
                               "{\"kind\":\"note\",\"time\":\"nan\",\"text\":\"c\"}\n"
                               "{\"kind\":\"note\",\"time\":1e300,\"text\":\"d\"}\n");
    replay(20); /* 5 s are 0.25 s */
    reader.gaps = true;
    double began = clock_monotonic();
    reader_wait(&reader, reader_has_ended);
    assert_int_equal(reader.events, 3); /* the last two are at no time that there is */
    assert_int_equal(link_damage(reader.link).first, 4);
    assert_true(clock_monotonic() - began > 0.2 && clock_monotonic() - began < 5);
    reader_stop(&reader);
}

static void a_replay_whose_file_is_cut(void **state)
{
    (void)state;
    some_lines(folder, 0, 240, false);
    replay(0);
    reader_read(&reader);
    some_lines(folder, 0, 30, false);
    reader_read(&reader);
    assert_int_equal(reader.resets, 1);
    assert_true(reader.next <= 30);
    reader_stop(&reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_a_speed),     cmocka_unit_test(all_at_once), cmocka_unit_test(a_damaged_run),
        cmocka_unit_test(there_and_back), cmocka_unit_test(a_long_gap),  cmocka_unit_test(a_replay_whose_file_is_cut),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
