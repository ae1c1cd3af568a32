/* A run seen through several glasses at once: one that steers, one that may only look, one over a line to another machine
 * that is cut again and again. All come to the same events, one by one. And what a glass costs: one that reads no more
 * costs the run nothing, a line to another machine carries no more than its budget, and one that breaks takes nobody with it. */
#include "config.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../src/run/event_file.h"
#include "../../src/session/view_private.h"
#include "../resume/world.h"
#include "../screens/harness.h"
#include "engines.h"
#include "far.h"
#include "thaw/base/clock.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/base/rng.h"

enum { EPOCHS = 60, STEPS = 4 * EPOCHS };

static struct glass {
    struct reader reader;
    char **line; /* what it was told, as it stands in the file */
    size_t lines, room;
} control, looking, distant, *const glasses[] = {&control, &looking, &distant};

static char *alone; /* the run that only who steers looked at */
static struct rng rng;

static struct experiment make_experiment(void)
{
    struct experiment experiment = world_experiment();
    char epochs[40];
    snprintf(epochs, sizeof epochs, "train.epochs=%d", EPOCHS);
    world_set(&experiment, "train.optimizer=adamw");
    world_set(&experiment, "data.augment=light");
    world_set(&experiment, epochs);
    world_set(&experiment, "run.checkpoint_every=20");
    world_set(&experiment, "thaw.epoch 20 = layer2 @ lr*0.5");
    return experiment;
}

static int set_up(void **state)
{
    if (world_set_up(state) != 0)
        return -1;
    rng_init(&rng, 7, 3);
    far_begin(world.folder);
    return 0;
}

static int tear_down(void **state)
{
    far_end();
    mem_free(alone);
    return world_tear_down(state);
}

/* --- glasses --- */

static void take_down(struct reader *reader, const struct event *event)
{
    struct glass *glass = (struct glass *)reader;
    while (!event && glass->lines > 0)
        mem_free(glass->line[--glass->lines]);
    if (!event)
        return;
    if (glass->lines == glass->room) {
        glass->room = glass->room ? 2 * glass->room : 1024;
        glass->line = mem_grow(glass->line, glass->room, sizeof *glass->line);
    }
    glass->line[glass->lines++] = event_to_json(event);
}

static void open_glass(struct glass *glass, struct link *link, const struct error *error)
{
    *glass = (struct glass){0};
    reader_start(&glass->reader, link, error);
    glass->reader.told = take_down;
}

static void close_glass(struct glass *glass)
{
    reader_stop(&glass->reader);
    take_down(&glass->reader, NULL);
    mem_free(glass->line);
}

/* While one is waited for the others are read, too. */
static void read_all(void)
{
    for (size_t i = 0; i < THAW_LENGTH(glasses); i++)
        if (glasses[i]->reader.link)
            reader_read(&glasses[i]->reader);
}

static void wait_a_moment(void)
{
    nanosleep(&(struct timespec){0, 2 * 1000 * 1000}, NULL);
}

/* Until so many steps are made, as the one that steers knows it. */
static void wait_for_step(uint64_t step)
{
    double began = clock_monotonic();
    for (; control.reader.story.step < step; wait_a_moment()) {
        read_all();
        if (clock_monotonic() - began > 60)
            fail_msg("step %d does not come", (int)step);
    }
}

static bool is_told_again_or_ended(const struct reader *reader)
{
    return reader->resets > 0 || reader_has_ended(reader);
}

static size_t changes; /* of the distant link's state, before its line is cut */

static bool has_dropped(const struct reader *reader)
{
    return reader->changes > changes;
}

static void begin(struct glass *glass, const struct experiment *experiment)
{
    *glass = (struct glass){0};
    engine_begin(&glass->reader, &(struct engine_request){.experiment = experiment});
    glass->reader.told = take_down;
    reader_wait(&glass->reader, reader_is_live);
    assert_true(reader_tell(&glass->reader, "pause").done);
    reader_wait(&glass->reader, reader_is_paused);
}

/* Event by event, as the file has them. */
static void assert_told(const struct glass *glass, const char *name, const char *run)
{
    struct error error = {0};
    struct event_file file;
    const char *line;
    size_t length;
    world_must(event_file_open(&file, run, &error), &error);
    while (event_file_next(&file, &line, &length) == EVENT_FILE_LINE) {
        const char *told = file.number <= glass->lines ? glass->line[file.number - 1] : "not there";
        if (length == 0 || strlen(told) != length || memcmp(line, told, length) != 0)
            fail_msg("%s: event %d is %.200s, and not %.*s", name, (int)file.number - 1, told, (int)length, line);
    }
    assert_int_equal(file.number, glass->lines);
    event_file_close(&file);
    reader_assert_file(&glass->reader, run);
}

/* --- one that reads no more --- */

/* From the first step behind the pause to the last one. */
static double steps_per_second(const struct glass *glass)
{
    double first = 0, last = 0;
    int steps = 0;
    for (size_t i = 0; i < glass->lines; i++) {
        struct error error = {0};
        struct event event;
        bool known;
        world_must(event_from_json(&event, &known, glass->line[i], strlen(glass->line[i]), &error), &error);
        if (event.kind == EVENT_PAUSE) /* counted from behind the last one */
            steps = 0;
        if (event.kind == EVENT_STEP) {
            first = steps++ == 0 ? event.time : first;
            last = event.time;
        }
        event_finish(&event);
    }
    return last > first ? (steps - 1) / (last - first) : 0;
}

/* Bytes that lie there for who does not read. */
static int lying(int fd)
{
    int size = 0;
    assert_int_equal(ioctl(fd, FIONREAD, &size), 0);
    return size;
}

/* Asks for all, and lets it lie. */
static int open_and_forget(const char *run)
{
    enum { MUCH = 32 << 10 };
    static const char watch[] = "{\"command\":\"watch\"}\n";
    bool writes;
    int fd = link_connect(run, &writes);
    assert_true(fd >= 0);
    assert_int_equal(send(fd, watch, sizeof watch - 1, MSG_NOSIGNAL), sizeof watch - 1);
    for (double began = clock_monotonic(); lying(fd) < MUCH; wait_a_moment())
        assert_true(clock_monotonic() - began < 20);
    return fd;
}

/* A run to its end, with such a viewer or without; its speed. A note that no socket holds fills the way to the viewer
 * before the steps come. */
static double run_beside(bool viewer, char **run)
{
    enum { NOTE = 900 << 10 };
    struct experiment experiment = make_experiment();
    char *note = mem_format("note %0*d", NOTE, 7);
    begin(&control, &experiment);
    *run = mem_string(link_run(control.reader.link));
    assert_true(reader_tell(&control.reader, note).done);
    int fd = viewer ? open_and_forget(*run) : -1;
    assert_true(reader_tell(&control.reader, "continue").done);
    reader_wait(&control.reader, reader_has_ended);
    if (viewer) {
        assert_true(lying(fd) < NOTE); /* not even the note has come through */
        close(fd);
    }
    engine_wait_gone(*run);
    assert_told(&control, "control", *run);
    double speed = steps_per_second(&control);
    close_glass(&control);
    mem_free(note);
    return speed;
}

static void who_reads_no_more(void **state)
{
    (void)state;
    int pairs = engine_rounds(1);
    double without = 0, with = 0;
    for (int i = 0; i < pairs; i++) {
        char *left_alone, *watched;
        without += run_beside(false, &left_alone) / pairs;
        with += run_beside(true, &watched) / pairs;
        world_assert_same(left_alone, watched);
        mem_free(alone);
        mem_free(watched);
        alone = left_alone;
    }
    print_message("%.0f steps/s alone, %.0f beside a viewer that reads nothing\n", without, with);
}

/* --- three on one run --- */

static void refuse_all(void)
{
    static const char *const words[] = {"lr 0.1",   "pause",    "continue",   "step",      "stop", "save",
                                        "freeze *", "thaw fc*", "epochs 999", "note mine", "undo"};
    for (size_t i = 0; i < THAW_LENGTH(words); i++)
        assert_non_null(strstr(reader_is_refused(&looking.reader, words[i]), "it is only looked at (read-only)"));
}

/* Some steps, and at one of them the line is cut; the others are made while it is gone, or when it has come back. */
static void cut_once(int round, int steps)
{
    char words[40];
    reader_wait(&distant.reader, reader_is_live);
    snprintf(words, sizeof words, "note from afar %d", round);
    assert_true(reader_tell(&distant.reader, words).done);
    refuse_all();
    uint64_t from = control.reader.story.step;
    snprintf(words, sizeof words, "step %d", steps);
    assert_true(reader_tell(&control.reader, words).done);
    wait_for_step(from + rng_below(&rng, (uint64_t)steps + 1));
    changes = distant.reader.changes;
    assert_true(far_cut(round % 2 == 1));
    reader_wait(&distant.reader, has_dropped);
    if (reader_is_waiting(&distant.reader)) /* not come back yet */
        assert_non_null(strstr(link_sentence(distant.reader.link), "the line to there is gone"));
    wait_for_step(from + (uint64_t)steps);
}

static void three_glasses(void **state)
{
    (void)state;
    struct error error = {0};
    struct experiment experiment = make_experiment();
    int cuts = engine_rounds(4), steps = STEPS / (cuts + 4);
    begin(&control, &experiment);
    char *run = mem_string(link_run(control.reader.link));
    open_glass(&looking, link_open(run, LINK_READ_ONLY, &error), &error);
    open_glass(&distant, link_call("there", run, 0, VIEW_RATE, &error), &error);
    distant.reader.gaps = true;
    control.reader.beside = looking.reader.beside = distant.reader.beside = read_all;
    for (int round = 0; round < cuts; round++)
        cut_once(round, steps > 0 ? steps : 1);
    reader_wait(&distant.reader, reader_is_live);
    print_message("cut %d times, %zu of %zu events told over the line\n", cuts, distant.lines, control.lines);
    assert_int_equal(distant.reader.resets, 0);
    assert_true(reader_tell(&control.reader, "continue").done);
    reader_wait(&distant.reader, is_told_again_or_ended); /* the run has ended: what was left out comes */
    far_cut(false);
    for (size_t i = 0; i < THAW_LENGTH(glasses); i++)
        reader_wait(&glasses[i]->reader, reader_has_ended);
    assert_int_equal(control.reader.resets + looking.reader.resets, 0);
    assert_in_range(distant.reader.resets, 0, 1);
    assert_told(&control, "control", run);
    assert_told(&looking, "read-only", run);
    assert_told(&distant, "over the line", run);
    for (size_t i = 0; i < THAW_LENGTH(glasses); i++)
        close_glass(glasses[i]);
    engine_wait_gone(run);
    world_assert_same(alone, run);
    engine_assert_tidy(run);
    mem_free(run);
}

/* --- the line's budget --- */

static size_t size_of(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 ? (size_t)status.st_size : 0;
}

static uint64_t wanted;

static bool knows_enough(const struct reader *reader)
{
    return reader->next >= wanted;
}

/* What was told is counted: it goes to the file a moment after it came. */
static size_t wait_for_count(const char *file)
{
    double began = clock_monotonic();
    for (bool there = false; !there; wait_a_moment()) {
        struct error error = {0};
        char *text = file_exists(file) ? file_read_text(file, 1 << 24, &error) : NULL;
        const char *last = distant.line[distant.lines - 1];
        size_t size = text ? strlen(text) : 0, length = strlen(last) + 1;
        there = size >= length && text[size - 1] == '\n' && strncmp(text + size - length, last, length - 1) == 0;
        mem_free(text);
        if (clock_monotonic() - began > 20)
            fail_msg("%s does not hold what came", file);
    }
    return size_of(file);
}

/* What comes in `seconds` is no more than their budget, what was saved for two seconds, and what had to pass. */
static void the_line_is_thin(void **state)
{
    (void)state;
    enum { PASSING = 2 << 10 };
    struct error error = {0};
    struct experiment experiment = world_experiment();
    bool long_one = engine_rounds(1) > 1;
    double seconds = long_one ? 40 : 4;
    char *file = path_join(world.folder, "line");
    world_set(&experiment, "train.epochs=100000");
    begin(&control, &experiment);
    char *run = mem_string(link_run(control.reader.link));
    while (reader_read_for(&control.reader, 0.2) > 0) /* what the pause leaves */
        continue;
    far_count(file);
    open_glass(&distant, link_call("there", run, 0, VIEW_RATE, &error), &error);
    distant.reader.gaps = true;
    wanted = control.reader.next;
    reader_wait(&distant.reader, knows_enough);
    size_t before = wait_for_count(file);
    double from = clock_monotonic();
    uint64_t step = control.reader.story.step;
    assert_true(reader_tell(&control.reader, "continue").done);
    while (clock_monotonic() - from < seconds) {
        read_all();
        wait_a_moment();
    }
    double came = (double)(size_of(file) - before), took = clock_monotonic() - from;
    print_message("%.0f bytes/s over %.1f s of %.0f steps/s\n", came / took, took,
                  (double)(control.reader.story.step - step) / took);
    assert_true(came > 0);
    assert_true(came <= VIEW_RATE * (took + 2) + PASSING);
    if (long_one)
        assert_true(came / took <= 1024);
    engine_stop(&control.reader);
    reader_wait(&distant.reader, reader_has_ended);
    assert_told(&distant, "over the line", run);
    close_glass(&distant);
    close_glass(&control);
    engine_wait_gone(run);
    far_count(NULL);
    mem_free(run);
    mem_free(file);
}

/* --- a host that listens no more --- */

/* It tells, and has shut what commands come by: they are lost, and the workbench is not. */
static void the_workbench_outlives_its_line(void **state)
{
    (void)state;
    static const char script[] = "#!/bin/sh\nexec 0<&-\n"
                                 "echo '{\"thaw\":1,\"run\":\"/r\",\"writes\":true,\"alive\":true}'\n"
                                 "echo '{\"kind\":\"run\",\"version\":2,\"model\":\"deafnet\",\"epochs\":3}'\n"
                                 "exec sleep 1000\n";
    struct error error = {0};
    char *path = path_join(world.folder, "deaf"), *program = mem_format("%s/thaw", getenv("THAW_BUILDDIR"));
    char *call = mem_format("THAW_SSH=%s", path);
    world_must(file_write_atomic(path, script, sizeof script - 1, &error), &error);
    assert_int_equal(chmod(path, 0700), 0);
    const char *argv[] = {program, "attach", "far:run", "--samples", world.folder, "--offline", NULL};
    const char *env[] = {call, NULL};
    signal(SIGPIPE, SIG_DFL); /* as a shell leaves it */
    struct harness *harness =
        harness_start(&(struct harness_options){.argv = argv, .env = env, .width = 80, .height = 24});
    signal(SIGPIPE, SIG_IGN);
    harness_wait(harness, "deafnet");
    harness_type(harness, ": n o t e Space x Enter");
    /* Of the two sentences the later one stands there. */
    for (double began = clock_monotonic(); !harness_sees(harness, "the line was lost before the answer", 0.2) &&
                                           !harness_sees(harness, "The line to far is gone", 0.2);)
        assert_true(clock_monotonic() - began < 20);
    harness_type(harness, ": q u i t Enter");
    harness_leave(harness, 0);
    mem_free(call);
    mem_free(program);
    mem_free(path);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_reads_no_more),
        cmocka_unit_test(three_glasses),
        cmocka_unit_test(the_line_is_thin),
        cmocka_unit_test(the_workbench_outlives_its_line),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
