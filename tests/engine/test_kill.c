/* What may happen to a run and must not matter: its terminal closed, the workbench killed, the engine killed at any moment,
 * stopped for a while, its directory moved or removed, no sockets to be had. Whatever goes on comes to the bits of a run
 * that was left alone. Few rounds, or as many as THAW_TEST_ROUNDS says. */
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
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "../resume/world.h"
#include "../screens/harness.h"
#include "engines.h"
#include "thaw/base/clock.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/base/rng.h"
#include "thaw/run/rundir.h"

static struct reader reader;
static struct world_log alone; /* the run that was left alone */
static struct rng rng;

/* 240 steps in 60 epochs. */
static struct experiment make_experiment(void)
{
    struct experiment experiment = world_experiment();
    world_set(&experiment, "train.optimizer=adamw");
    world_set(&experiment, "data.augment=light");
    world_set(&experiment, "train.epochs=60");
    world_set(&experiment, "run.checkpoint_every=3");
    world_set(&experiment, "thaw.epoch 20 = layer2 @ lr*0.5");
    return experiment;
}

static int set_up(void **state)
{
    if (world_set_up(state) != 0)
        return -1;
    struct experiment experiment = make_experiment();
    world_run(&alone, &experiment, NULL);
    rng_init(&rng, 12, 5);
    /* Where it is there already no workbench draws the sample world. */
    struct error error = {0};
    char *sample = path_join(world.folder, "indian-transfer.ini");
    bool good = file_write_atomic(sample, "", 0, &error);
    mem_free(sample);
    return good ? 0 : -1;
}

static void wait_seconds(double seconds)
{
    nanosleep(&(struct timespec){(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)}, NULL);
}

static double any_moment(double most)
{
    return most * (double)rng_below(&rng, 1000000) / 1e6;
}

/* Runs the program's own verb; its exit code, and what it printed on both streams (caller frees). */
static int command(char **printed, const char *const *words)
{
    struct error error = {0};
    char *path = path_join(world.folder, "printed"), *program = mem_format("%s/thaw", getenv("THAW_BUILDDIR"));
    const char *argv[12] = {program};
    for (int i = 0; words[i]; i++)
        argv[i + 1] = words[i];
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        dup2(fd, 1);
        dup2(fd, 2);
        execv(program, (char *const *)argv);
        _exit(127);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    *printed = file_read_text(path, 1 << 24, &error);
    mem_free(program);
    mem_free(path);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* --- the workbench --- */

/* Its run, once it trains; which epoch it is in when the workbench goes. */
static void lose_workbench(void (*lose)(struct harness *harness))
{
    struct error error = {0};
    struct experiment experiment = make_experiment();
    char run[512], *text = experiment_text(&experiment), *file = path_join(world.folder, "kill.ini");
    char *program = mem_format("%s/thaw", getenv("THAW_BUILDDIR"));
    assert_true(file_write_atomic(file, text, strlen(text), &error));
    const char *argv[] = {program, "--samples", world.folder, "--offline", file, NULL};
    struct harness *harness = harness_start(&(struct harness_options){.argv = argv, .width = 80, .height = 24});
    harness_type(harness, "r");
    engine_find(&experiment, run);
    struct world_log then = {0};
    for (uint64_t step = 4 * rng_below(&rng, 20) + 1 + rng_below(&rng, 3); then.last_step < step;)
        world_read(run, &then);
    lose(harness);
    assert_true(rundir_is_active(run));
    engine_wait_gone(run);
    print_message("lost behind step %d of epoch %d\n", (int)(then.last_step % 4), (int)(then.last_step / 4) + 1);
    world_assert_same(alone.path, run);
    engine_assert_tidy(run);
    mem_free(program);
    mem_free(file);
    mem_free(text);
}

static void kill_it(struct harness *harness)
{
    harness_signal(harness, SIGKILL);
    harness_end(harness);
    harness_stop(harness);
}

static void the_terminal_is_closed(void **state)
{
    (void)state;
    for (int i = 0; i < engine_rounds(2); i++)
        lose_workbench(harness_hang_up);
}

static void the_workbench_is_killed(void **state)
{
    (void)state;
    for (int i = 0; i < engine_rounds(2); i++)
        lose_workbench(kill_it);
}

/* --- the engine --- */

static void keep_saved(void *context, const struct event *event)
{
    if (event->kind == EVENT_CHECKPOINT && !event->u.checkpoint.best)
        *(uint64_t *)context = event->step;
}

/* Step of the last checkpoint to go on from that its events know; 0: none. */
static uint64_t saved_step(const char *run)
{
    struct error error = {0};
    uint64_t step = 0;
    world_must(rundir_read(run, &(struct event_sink){.emit = keep_saved, .context = &step}, NULL, &error), &error);
    return step;
}

/* Nobody is behind the socket that it left. */
static void assert_broken_off(const char *run)
{
    struct error error = {0};
    reader_start(&reader, link_open(run, 0, &error), &error);
    reader_wait(&reader, reader_has_ended);
    if (reader.story.done.kind != EVENT_DONE)
        assert_int_equal(story_state(&reader.story, false), STORY_BROKEN_OFF);
    reader_is_refused(&reader, "pause");
    reader_stop(&reader);
}

/* One run, killed at random moments until it comes to its end. how often it was. */
static int kill_again_and_again(int most)
{
    struct experiment experiment = make_experiment();
    char run[512];
    int kills = 0;
    engine_begin(&reader, &(struct engine_request){.experiment = &experiment});
    engine_find(&experiment, run);
    for (bool over = false; !over;) {
        if (kills < most)
            wait_seconds(any_moment(0.12 + 0.02 * kills));
        pid_t process = engine_process(run);
        bool active = rundir_is_active(run) && process > 0 && kills < most;
        if (active && kill(process, SIGKILL) == 0) {
            engine_wait_gone(run);
            kills++;
        }
        if (!active)
            engine_wait_gone(run);
        reader_stop(&reader);
        engine_assert_readable(run);
        uint64_t saved = saved_step(run);
        assert_broken_off(run);
        struct world_log log;
        world_read(run, &log);
        over = log.kinds[EVENT_DONE] > 0 && !active;
        if (over || log.kinds[EVENT_DONE] > 0)
            break;
        engine_begin(&reader, &(struct engine_request){.experiment = &experiment, .resume = run});
        struct error error = {0};
        char *same = engine_wait_started(reader.link, 60, &error);
        if (!same)
            fail_msg("%s", error.text);
        mem_free(same);
        reader_wait(&reader, reader_has_begun);
        while (saved > 0 && reader.story.resumed == 0 && !reader_has_ended(&reader))
            reader_read_for(&reader, 0.005);
        world_read(run, &log);
        if (saved > 0) /* no more than the work since then is done again */
            assert_true(log.last[EVENT_FORK].step >= saved);
    }
    world_assert_same(alone.path, run);
    engine_assert_tidy(run);
    return kills;
}

static void the_engine_is_killed(void **state)
{
    (void)state;
    int kills = 0, runs = 0, wanted = engine_rounds(6);
    for (; kills < wanted; runs++)
        kills += kill_again_and_again(25 < wanted - kills ? 25 : wanted - kills);
    print_message("killed %d times in %d runs\n", kills, runs);
}

/* As a machine that sleeps: nobody is cut off, and it goes on by itself. */
static void the_engine_is_stopped(void **state)
{
    (void)state;
    struct error error = {0};
    struct experiment experiment = make_experiment();
    struct reader second;
    engine_begin(&reader, &(struct engine_request){.experiment = &experiment});
    reader_wait(&reader, reader_has_begun);
    char *run = mem_string(link_run(reader.link));
    reader_start(&second, link_open(run, LINK_READ_ONLY, &error), &error);
    reader_wait_for_events(&second, 10);
    pid_t process = engine_process(run);
    assert_int_equal(kill(process, SIGSTOP), 0);
    reader_read_for(&reader, 0.3);
    assert_int_equal(reader_read_for(&reader, 2), 0);
    assert_true(reader_is_live(&reader) && rundir_is_active(run));
    assert_int_equal(kill(process, SIGCONT), 0);
    reader_wait(&reader, reader_has_ended);
    reader_wait(&second, reader_has_ended);
    assert_int_equal(reader.resets + second.resets, 0);
    reader_assert_file(&reader, run);
    reader_assert_file(&second, run);
    reader_stop(&second);
    reader_stop(&reader);
    world_assert_same(alone.path, run);
    mem_free(run);
}

/* --- its directory --- */

static void the_directory_is_moved(void **state)
{
    (void)state;
    struct error error = {0};
    struct experiment experiment = make_experiment();
    struct reader second;
    engine_begin(&reader, &(struct engine_request){.experiment = &experiment});
    reader_wait(&reader, reader_has_begun);
    char *run = mem_string(link_run(reader.link)), *moved = mem_format("%s-moved", run);
    assert_int_equal(rename(run, moved), 0);
    reader_start(&second, link_open(moved, 0, &error), &error);
    assert_true(reader_tell(&second, "note it is here now").done);
    reader_wait(&second, reader_has_ended);
    reader_assert_file(&second, moved);
    assert_int_equal(second.story.done.u.done.how, EVENT_DONE_FINISHED);
    reader_stop(&second);
    reader_stop(&reader);
    engine_wait_gone(moved);
    assert_false(file_is_directory(run));
    world_assert_same(alone.path, moved);
    engine_assert_tidy(moved);
    mem_free(moved);
    mem_free(run);
}

static void remove_directory(bool paused)
{
    struct experiment experiment = make_experiment();
    world_set(&experiment, "train.epochs=100000");
    engine_begin(&reader, &(struct engine_request){.experiment = &experiment});
    reader_wait(&reader, reader_has_begun);
    if (paused)
        assert_true(reader_tell(&reader, "pause").done);
    pid_t process = engine_process(link_run(reader.link));
    /* Until nothing comes back: what it writes just now may appear behind rm's back. */
    char *remove = mem_format("until rm -rf '%s'; do :; done 2>/dev/null", link_run(reader.link));
    assert_int_equal(system(remove), 0);
    mem_free(remove);
    double began = clock_monotonic(); /* it does not train for nobody */
    while (kill(process, 0) == 0 && clock_monotonic() - began < 30)
        reader_read_for(&reader, 0.05);
    assert_int_equal(kill(process, 0), -1);
    reader_wait(&reader, reader_has_ended); /* its last lines may still be on their way */
    reader_stop(&reader);
}

static void the_directory_is_removed(void **state)
{
    (void)state;
    remove_directory(false);
    remove_directory(true);
}

/* A file system that takes no sockets: it trains all the same, and is followed by its file. */
static void no_sockets(void **state)
{
    (void)state;
    struct experiment experiment = make_experiment();
    char run[512];
    engine_begin(&reader, &(struct engine_request){.experiment = &experiment});
    engine_find(&experiment, run);
    engine_kill(run, SIGKILL);
    reader_stop(&reader);
    char *socket = path_join(run, RUNDIR_CONTROL);
    unlink(socket);
    assert_int_equal(mkdir(socket, 0700), 0); /* which is not to be removed */
    engine_begin(&reader, &(struct engine_request){.experiment = &experiment, .resume = run});
    reader_wait(&reader, reader_is_live);
    assert_non_null(strstr(reader_is_refused(&reader, "pause"), "serves nobody here"));
    reader_wait(&reader, reader_has_ended);
    reader_assert_file(&reader, run);
    reader_stop(&reader);
    assert_int_equal(rmdir(socket), 0);
    mem_free(socket);
    world_assert_same(alone.path, run);
}

/* --- who follows and tells --- */

static void killed_beside(const char *run, double seconds)
{
    fflush(NULL);
    if (fork() == 0) {
        wait_seconds(seconds);
        kill(engine_process(run), SIGKILL);
        _exit(0);
    }
}

static void follow_and_tell(void **state)
{
    (void)state;
    struct experiment experiment = make_experiment();
    char *printed;
    world_set(&experiment, "train.epochs=100000");
    for (int json = 0; json < 2; json++) {
        engine_begin(&reader, &(struct engine_request){.experiment = &experiment});
        reader_wait(&reader, reader_has_begun);
        char *run = mem_string(link_run(reader.link));
        reader_stop(&reader);
        killed_beside(run, 0.4);
        const char *follow[] = {"follow", run, json ? "--json" : NULL, NULL};
        assert_int_equal(command(&printed, follow), 1);
        assert_non_null(strstr(printed, "it was broken off: thaw resume goes on with it"));
        assert_non_null(strstr(printed, json ? "{\"kind\":\"step\"" : "parameters learn"));
        mem_free(printed);
        const char *tell[] = {"tell", run, "pause", NULL};
        assert_int_equal(command(&printed, tell), 1);
        assert_non_null(strstr(printed, "nobody trains in it"));
        mem_free(printed);

        engine_begin(&reader, &(struct engine_request){.experiment = &experiment, .resume = run});
        reader_wait(&reader, reader_is_live);
        assert_int_equal(kill(engine_process(run), SIGSTOP), 0); /* hears nothing, then is gone */
        killed_beside(run, 0.4);
        assert_int_equal(command(&printed, tell), 1);
        assert_non_null(strstr(printed, "the run ended before it answered"));
        mem_free(printed);
        reader_stop(&reader);
        mem_free(run);
        experiment = make_experiment();
        world_set(&experiment, "train.epochs=100000");
    }
    while (waitpid(-1, NULL, 0) > 0)
        continue;
}

/* A run that ends while it is followed, or told something. */
static void told_at_its_end(void **state)
{
    (void)state;
    struct experiment experiment = make_experiment();
    char *printed;
    engine_begin(&reader, &(struct engine_request){.experiment = &experiment});
    reader_wait(&reader, reader_has_begun);
    char *run = mem_string(link_run(reader.link));
    const char *tell[] = {"tell", run, "note", "more", NULL}, *follow[] = {"follow", run, NULL};
    int answered = 0, code = 0;
    for (; code == 0; mem_free(printed)) {
        code = command(&printed, tell);
        answered += code == 0;
        if (code == 0)
            assert_string_equal(printed, "done: note more\n");
        else
            assert_true(strstr(printed, "nobody trains in it") || strstr(printed, "the run has ended") ||
                        strstr(printed, "ended before it answered"));
    }
    assert_int_equal(code, 1);
    assert_true(answered > 0);
    assert_int_equal(command(&printed, follow), 0);
    assert_non_null(strstr(printed, "finished after"));
    mem_free(printed);
    reader_wait(&reader, reader_has_ended);
    reader_stop(&reader);
    mem_free(run);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_terminal_is_closed),
        cmocka_unit_test(the_workbench_is_killed),
        cmocka_unit_test(the_engine_is_killed),
        cmocka_unit_test(the_engine_is_stopped),
        cmocka_unit_test(the_directory_is_moved),
        cmocka_unit_test(the_directory_is_removed),
        cmocka_unit_test(no_sockets),
        cmocka_unit_test(follow_and_tell),
        cmocka_unit_test(told_at_its_end),
    };
    return cmocka_run_group_tests(tests, set_up, world_tear_down);
}
