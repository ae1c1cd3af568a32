/* An engine as a front end sees it: a run in this process behind its link, and one in a process of its own, from the
 * request to its end; what it refuses, and with which kind of error. */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "../resume/world.h"
#include "../unit/run/reader.h"
#include "engines.h"
#include "thaw/base/clock.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/run/rundir.h"

static struct reader reader;

/* --- in this process --- */

static void run_here(const struct experiment *experiment)
{
    struct error error = {0};
    reader_start(&reader, engine_run_here(&(struct engine_request){.experiment = experiment}, &error), &error);
}

static void here_to_the_end(void **state)
{
    (void)state;
    struct experiment experiment = world_experiment(), other = world_experiment();
    struct world_log log = {0};
    run_here(&experiment);
    assert_true(reader_is_live(&reader) && link_writes(reader.link));
    char *run = mem_string(link_run(reader.link));
    assert_non_null(strstr(run, experiment.run.dir));
    reader_wait(&reader, reader_has_ended);
    assert_int_equal(story_state(&reader.story, false), STORY_FINISHED);
    reader_assert_file(&reader, run); /* the live story is the file's */
    assert_true(reader_sleeps(&reader));
    assert_non_null(strstr(reader_is_refused(&reader, "pause"), "nobody trains in it"));
    reader_stop(&reader);
    world_run(&log, &other, NULL);
    world_assert_same(log.path, run);
    mem_free(run);
}

static void here_commanded(void **state)
{
    (void)state;
    struct experiment experiment = world_experiment();
    world_set(&experiment, "train.epochs=100000");
    run_here(&experiment);
    reader_wait(&reader, reader_has_begun);
    assert_true(reader_tell(&reader, "pause").done);
    reader_wait(&reader, reader_is_paused);
    uint64_t step = reader.story.step;
    assert_int_equal(reader_read_for(&reader, 0.2), 0);
    assert_true(reader_tell(&reader, "step 3").done);
    assert_true(reader_read_for(&reader, 0.3) >= 3);
    assert_int_equal(reader.story.step, step + 3);
    assert_true(reader.story.paused);
    assert_true(reader_tell(&reader, "step 900000").done);
    struct run_answer answer = reader_tell(&reader, "continue");
    assert_true(answer.done);
    assert_non_null(strstr(answer.sentence, "it goes on behind step")); /* it had not paused yet, but would have */
    answer = reader_tell(&reader, "freeze nothing-is-called-so");
    assert_false(answer.done);
    assert_non_null(strstr(answer.sentence, "nothing-is-called-so"));
    assert_true(reader_tell(&reader, "epochs 5000").done);
    assert_true(reader_tell(&reader, "note a word").done);
    assert_true(reader_tell(&reader, "stop").done);
    char *run = mem_string(link_run(reader.link));
    reader_wait(&reader, reader_has_ended);
    assert_int_equal(story_state(&reader.story, false), STORY_STOPPED);
    reader_assert_file(&reader, run);
    reader_stop(&reader);
    mem_free(run);
}

/* Who drops the link stops and saves the run. */
static void here_dropped(void **state)
{
    (void)state;
    struct error error = {0};
    struct experiment experiment = world_experiment();
    world_set(&experiment, "train.epochs=100000");
    run_here(&experiment);
    reader_wait_for_events(&reader, 20);
    char *run = mem_string(link_run(reader.link));
    reader_stop(&reader);
    struct rundir_summary summary;
    assert_true(rundir_summarise(run, &summary, &error));
    assert_true(summary.done && !summary.active);
    assert_int_equal(summary.how, EVENT_DONE_STOPPED);
    rundir_summary_finish(&summary);
    char *last = path_join(run, "checkpoints/last.safetensors");
    assert_true(file_exists(last));
    mem_free(last);
    mem_free(run);
}

static void here_failing(void **state)
{
    (void)state;
    struct experiment experiment = world_experiment();
    world_set(&experiment, "train.lr=1e6");
    run_here(&experiment);
    reader_wait(&reader, reader_has_failed);
    assert_non_null(strstr(link_sentence(reader.link), "the loss is"));
    assert_int_equal(story_state(&reader.story, false), STORY_FAILED);
    reader_stop(&reader);
}

/* --- in a process of its own --- */

/* The process ends, and is no zombie, while its link is read on. */
static void assert_no_child(void)
{
    siginfo_t info;
    double began = clock_monotonic();
    while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0) {
        reader_read_for(&reader, 0.02);
        assert_true(clock_monotonic() - began < 20);
    }
    assert_int_equal(errno, ECHILD);
}

static void started_to_the_end(void **state)
{
    (void)state;
    struct experiment experiment = world_experiment(), other = world_experiment();
    struct world_log log = {0};
    engine_begin(&reader, &(struct engine_request){.experiment = &experiment});
    assert_int_equal(link_state(reader.link), LINK_STARTING);
    reader_wait(&reader, reader_is_live);
    char *run = mem_string(link_run(reader.link));
    reader_wait(&reader, reader_has_ended);
    assert_int_equal(story_state(&reader.story, false), STORY_FINISHED);
    reader_assert_file(&reader, run);
    assert_no_child();
    assert_true(reader_sleeps(&reader));
    reader_stop(&reader);
    world_run(&log, &other, NULL);
    world_assert_same(log.path, run);
    engine_assert_tidy(run);
    mem_free(run);
}

/* Ids of commands that were refused before the run was there shift nothing. */
static void commanded_before_it_is_there(void **state)
{
    (void)state;
    struct experiment experiment = world_experiment();
    world_set(&experiment, "train.epochs=100000");
    engine_begin(&reader, &(struct engine_request){.experiment = &experiment});
    assert_non_null(strstr(reader_is_refused(&reader, "pause"), "still being started"));
    reader_is_refused(&reader, "save");
    reader_wait(&reader, reader_is_live);
    assert_true(reader_tell(&reader, "pause").done);
    assert_false(reader_tell(&reader, "freeze nothing-is-called-so").done);
    assert_true(reader_tell(&reader, "stop").done);
    reader_wait(&reader, reader_has_ended);
    reader_stop(&reader);
}

/* The link is let go before the run was there, and after: it trains on. */
static void let_go(void **state)
{
    (void)state;
    for (int early = 0; early < 2; early++) {
        struct error error = {0};
        struct experiment experiment = world_experiment();
        char path[512];
        world_set(&experiment, "train.epochs=100000");
        engine_begin(&reader, &(struct engine_request){.experiment = &experiment});
        if (!early)
            reader_wait(&reader, reader_has_begun);
        reader_stop(&reader);
        engine_find(&experiment, path);
        reader_start(&reader, link_open(path, 0, &error), &error);
        reader_wait_for_events(&reader, 30);
        engine_stop(&reader);
        reader_stop(&reader);
    }
}

/* Waiting for the start takes no event from who reads the link afterwards, however much has happened by then. */
static void all_events_after_the_start(void **state)
{
    (void)state;
    char run[512];
    struct error error = {0};
    struct experiment experiment = world_experiment();
    engine_begin(&reader, &(struct engine_request){.experiment = &experiment});
    engine_find(&experiment, run);
    engine_wait_gone(run);
    engine_assert_tidy(run); /* nobody serves any more: all of it waits in the file */
    char *same = engine_wait_started(reader.link, 60, &error);
    assert_string_equal(same, run);
    mem_free(same);
    reader_wait(&reader, reader_has_ended);
    reader_assert_file(&reader, run);
    reader_stop(&reader);
}

static void refused(void **state)
{
    (void)state;
    static const struct {
        const char *set, *sentence;
        enum error_kind kind;
    } rows[] = {
        {"data.path=/nonexistent/pictures", "/nonexistent/pictures", ERROR_DATA},
        {"model.weights=/nonexistent/base.safetensors", "/nonexistent/base.safetensors", ERROR_WEIGHTS},
        {"run.dir=/proc/nowhere", "/proc/nowhere", ERROR_FAILED},
        {"freeze.upto=nothing-is-called-so", "nothing-is-called-so", ERROR_USAGE},
    };
    for (size_t i = 0; i < THAW_LENGTH(rows); i++) {
        struct error error = {0};
        struct experiment experiment = world_experiment();
        world_set(&experiment, rows[i].set);
        engine_begin(&reader, &(struct engine_request){.experiment = &experiment});
        assert_null(engine_wait_started(reader.link, 60, &error));
        if (error.kind != rows[i].kind || !strstr(error.text, rows[i].sentence))
            fail_msg("%s: kind %d, %s", rows[i].set, (int)error.kind, error.text);
        assert_true(reader_has_failed(&reader));
        reader_is_refused(&reader, "pause");
        reader_stop(&reader);
        if (strcmp(rows[i].set, "run.dir=/proc/nowhere") != 0)
            assert_int_equal(engine_count_runs(&experiment), 0); /* nothing is left of it */
    }
}

static void two_in_one_run(void **state)
{
    (void)state;
    struct error error = {0};
    struct experiment experiment = world_experiment();
    struct reader second;
    world_set(&experiment, "train.epochs=100000");
    engine_begin(&reader, &(struct engine_request){.experiment = &experiment});
    reader_wait(&reader, reader_has_begun);
    const char *run = link_run(reader.link);
    engine_begin(&second, &(struct engine_request){.experiment = &experiment, .resume = run});
    assert_null(engine_wait_started(second.link, 60, &error));
    assert_int_equal(error.kind, ERROR_FAILED);
    assert_non_null(strstr(error.text, "run directory in use by process"));
    reader_stop(&second);
    assert_true(reader_tell(&reader, "note unharmed").done); /* its door, too */
    reader_start(&second, link_open(run, 0, &error), &error);
    assert_true(reader_tell(&second, "note through another").done);
    engine_stop(&reader);
    reader_wait(&second, reader_has_ended);
    reader_assert_file(&second, run);
    reader_stop(&second);
    reader_stop(&reader);
}

static void programs_that_are_none(void **state)
{
    (void)state;
    struct error error = {0};
    struct experiment experiment = world_experiment();
    struct engine_request request = {.experiment = &experiment};
    assert_null(engine_start("/nonexistent/thaw", &request, &error));
    assert_non_null(strstr(error.text, "/nonexistent/thaw: cannot be started"));
    static const struct {
        const char *body, *sentence;
    } rows[] = {{"exit 3", "ended (with code 3) before the run began"},
                {"kill -9 $$", "ended (by signal 9: Killed) before the run began"},
                {"echo ok", "before the run began"},
                {"echo 'refused 4 x.pth: it is no weights file'", "x.pth: it is no weights file"},
                {"echo 'ok /nonexistent/run'", "/nonexistent/run"},
                {"head -c 100000 /dev/zero | tr '\\0' x", "before the run began"}};
    for (size_t i = 0; i < THAW_LENGTH(rows); i++) {
        char *program = path_join(world.folder, "engine"), *text = mem_format("#!/bin/sh\n%s\n", rows[i].body);
        assert_true(file_write_atomic(program, text, strlen(text), &error));
        chmod(program, 0700);
        reader_start(&reader, engine_start(program, &request, &error), &error);
        /* A child is known to be gone a moment after its words have ended. */
        nanosleep(&(struct timespec){0, 200 * 1000 * 1000}, NULL);
        assert_null(engine_wait_started(reader.link, 20, &error));
        if (!strstr(error.text, rows[i].sentence))
            fail_msg("%s: %s", rows[i].body, error.text);
        assert_int_equal(error.kind, i == 3 ? ERROR_WEIGHTS : ERROR_FAILED);
        reader_stop(&reader);
        mem_free(program);
        mem_free(text);
    }
    char *program = path_join(world.folder, "engine"), text[] = "#!/bin/sh\nsleep 5\n";
    assert_true(file_write_atomic(program, text, strlen(text), &error));
    chmod(program, 0700);
    reader_start(&reader, engine_start(program, &request, &error), &error);
    double began = clock_monotonic();
    assert_null(engine_wait_started(reader.link, 0.2, &error));
    assert_true(clock_monotonic() - began < 3);
    assert_non_null(strstr(error.text, "did not say within"));
    reader_stop(&reader);
    mem_free(program);
}

/* --- signals to who serves --- */

/* With the first event of this kind; EVENT_KINDS: with none. */
struct raising {
    enum event_kind kind;
    bool raised;
};

static void raise_once(void *context, const struct event *event)
{
    struct raising *raising = context;
    if (raising->raised || !event || event->kind != raising->kind)
        return;
    raising->raised = true;
    raise(SIGTERM);
}

/* In a child, so many signals after the run's end until one ends it; it tells of those that did not. */
static void serve_and_raise(enum event_kind kind, int told)
{
    struct experiment experiment = world_experiment();
    struct raising raising = {.kind = kind};
    struct engine_host host = {.tell = raise_once, .context = &raising};
    struct error error = {0};
    char *run;
    bool good = engine_serve(&(struct engine_request){.experiment = &experiment}, &host, &run, &error);
    if (!good || write(told, "+", 1) != 1)
        _exit(1);
    for (int i = 0; i < 3; i++) {
        raise(SIGTERM);
        if (write(told, ".", 1) != 1)
            _exit(1);
    }
    _exit(0);
}

/* Whatever is still written then, who asks a second time is not kept waiting; and the first that comes with the run's own
 * end does not make it one that was killed. */
static void a_second_signal_behind_the_end(void **state)
{
    (void)state;
    static const struct {
        enum event_kind first;
        const char *told;
    } rows[] = {{EVENT_STEP, "+"}, {EVENT_DONE, "+"}, {EVENT_KINDS, "+."}};
    for (size_t i = 0; i < THAW_LENGTH(rows); i++) {
        char told[8] = "";
        int status = 0, ends[2];
        assert_int_equal(pipe(ends), 0);
        fflush(NULL);
        pid_t child = fork();
        if (child == 0)
            serve_and_raise(rows[i].first, ends[1]);
        close(ends[1]);
        assert_int_equal(waitpid(child, &status, 0), child);
        ssize_t got = read(ends[0], told, sizeof told - 1);
        close(ends[0]);
        if (got < 0 || strcmp(told, rows[i].told) != 0 || !WIFSIGNALED(status) || WTERMSIG(status) != SIGTERM)
            fail_msg("row %zu: \"%s\", status %x", i, told, (unsigned)status);
    }
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(here_to_the_end),
        cmocka_unit_test(here_commanded),
        cmocka_unit_test(here_dropped),
        cmocka_unit_test(here_failing),
        cmocka_unit_test(started_to_the_end),
        cmocka_unit_test(commanded_before_it_is_there),
        cmocka_unit_test(let_go),
        cmocka_unit_test(all_events_after_the_start),
        cmocka_unit_test(refused),
        cmocka_unit_test(two_in_one_run),
        cmocka_unit_test(programs_that_are_none),
        cmocka_unit_test(a_second_signal_behind_the_end),
    };
    return cmocka_run_group_tests(tests, world_set_up, world_tear_down);
}
