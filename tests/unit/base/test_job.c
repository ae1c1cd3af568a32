/* Background jobs: what they return and tell, when they end, and that nobody is hurt when an owner leaves early. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "thaw/base/clock.h"
#include "thaw/base/job.h"
#include "thaw/base/mem.h"

enum { STEPS = 100 };

/* What a job works on here. */
struct work {
    bool fails;
    atomic_bool go; /* until then it waits, or until it is cancelled */
    atomic_int steps, released;
    bool blocked; /* every signal that can be */
};

static void doze(void)
{
    (void)poll(NULL, 0, 1);
}

static bool run(struct job *job, void *context, struct error *error)
{
    struct work *work = context;
    sigset_t set;
    pthread_sigmask(SIG_BLOCK, NULL, &set);
    work->blocked = sigismember(&set, SIGINT) && sigismember(&set, SIGWINCH) && sigismember(&set, SIGUSR1);
    for (int step = 1; step <= STEPS; step++) {
        if (job_cancelled(job))
            return error_set(error, ERROR_STOPPED, "cancelled");
        job_tell(job, (size_t)step, STEPS);
        atomic_store(&work->steps, step);
    }
    while (!atomic_load(&work->go) && !job_cancelled(job))
        doze();
    return !work->fails || error_set(error, ERROR_DATA, "cards: no image in there");
}

static void release(void *context)
{
    struct work *work = context;
    atomic_fetch_add(&work->released, 1);
}

static struct job *start(struct work *work, int wake)
{
    struct error error = {0};
    const struct job_request request = {.run = run, .context = work, .what = "work", .wake = wake};
    struct job *job = job_start(&request, &error);
    if (!job)
        fail_msg("%s", error.text);
    return job;
}

static int drain(int descriptor)
{
    char bytes[4 * STEPS];
    ssize_t got = read(descriptor, bytes, sizeof bytes);
    return got < 0 ? 0 : (int)got;
}

static void results_and_progress(void **state)
{
    (void)state;
    for (int fails = 0; fails < 2; fails++) {
        struct work work = {.fails = fails, .go = true};
        struct error error = {0};
        struct job_progress progress;
        struct job *job = start(&work, -1);
        for (int again = 0; again < 2; again++)
            assert_int_equal(job_result(job, &error), !fails);
        assert_string_equal(error.text, fails ? "cards: no image in there" : "");
        assert_int_equal(error.kind, fails ? ERROR_DATA : ERROR_NONE);
        assert_true(job_ended(job) && job_wait(job, 0));
        job_progress(job, &progress);
        assert_true(progress.ended);
        assert_int_equal(progress.done, STEPS);
        assert_int_equal(progress.all, STEPS);
        job_destroy(job);
    }
    job_destroy(NULL);
}

/* A byte at each progress, another at the end. */
static void wakes(void **state)
{
    (void)state;
    int pipes[2];
    struct work work = {0};
    struct error error = {0};
    assert_int_equal(pipe2(pipes, O_NONBLOCK | O_CLOEXEC), 0);
    struct job *job = start(&work, pipes[1]);
    int bytes = 0;
    while (bytes < STEPS) {
        doze();
        bytes += drain(pipes[0]);
    }
    assert_int_equal(bytes, STEPS);
    atomic_store(&work.go, true);
    assert_true(job_result(job, &error));
    assert_int_equal(drain(pipes[0]), 1);
    job_destroy(job);
    close(pipes[0]);
    close(pipes[1]);
}

/* Where nobody reads, the work goes on. */
static void full_pipe(void **state)
{
    (void)state;
    int pipes[2];
    struct work work = {.go = true};
    struct error error = {0};
    assert_int_equal(pipe2(pipes, O_NONBLOCK | O_CLOEXEC), 0);
    while (write(pipes[1], "", 1) == 1)
        ;
    struct job *job = start(&work, pipes[1]);
    assert_true(job_result(job, &error));
    job_destroy(job);
    close(pipes[0]);
    close(pipes[1]);
}

static void waiting(void **state)
{
    (void)state;
    struct work work = {0};
    struct error error = {0};
    struct job *job = start(&work, -1);
    double began = clock_monotonic();
    assert_false(job_wait(job, 0.05));
    double took = clock_monotonic() - began;
    assert_true(took >= 0.05 && took < 5);
    assert_false(job_wait(job, 0));
    assert_false(job_ended(job));
    atomic_store(&work.go, true);
    assert_true(job_wait(job, 60));
    assert_true(job_result(job, &error));
    job_destroy(job);
}

static void cancelling(void **state)
{
    (void)state;
    struct work work = {.fails = true}; /* never told to go on */
    struct error error = {0};
    struct job *job = start(&work, -1);
    while (atomic_load(&work.steps) < STEPS)
        doze();
    assert_false(job_ended(job));
    job_cancel(job);
    assert_false(job_result(job, &error));
    job_destroy(job);
    job_destroy(start(&work, -1)); /* cancels by itself */
}

static void signals_go_elsewhere(void **state)
{
    (void)state;
    struct work work = {.go = true};
    struct error error = {0};
    sigset_t before, after;
    pthread_sigmask(SIG_BLOCK, NULL, &before);
    struct job *job = start(&work, -1);
    pthread_sigmask(SIG_BLOCK, NULL, &after);
    assert_true(job_result(job, &error));
    assert_true(work.blocked);
    assert_false(sigismember(&after, SIGUSR1));
    for (int signal = 1; signal < SIGRTMAX; signal++)
        assert_int_equal(sigismember(&before, signal), sigismember(&after, signal));
    job_destroy(job);
}

/* In the midst of its work, or behind the end; its pipe is closed at once, too. */
static void abandoning(void **state)
{
    (void)state;
    for (int ended = 0; ended < 2; ended++)
        for (int round = 0; round < 50; round++) {
            int pipes[2];
            struct work work = {.go = ended};
            assert_int_equal(pipe2(pipes, O_NONBLOCK | O_CLOEXEC), 0);
            struct job *job = start(&work, pipes[1]);
            if (ended)
                assert_true(job_wait(job, 60));
            close(pipes[1]);
            job_abandon(job, release);
            assert_true(!ended || atomic_load(&work.released) == 1);
            while (!atomic_load(&work.released))
                doze();
            assert_int_equal(atomic_load(&work.released), 1);
            close(pipes[0]);
        }
}

/* --- what it held --- */

enum { BLOCKS = 1 << 15, BLOCK = 1 << 11 };

static bool hold_much(struct job *job, void *context, struct error *error)
{
    void **block = mem_array(BLOCKS, sizeof *block);
    (void)job;
    (void)error;
    for (int i = 0; i < BLOCKS; i++)
        block[i] = mem_alloc(BLOCK);
    *(void **)context = mem_alloc(BLOCK); /* on top of them all */
    for (int i = 0; i < BLOCKS; i++)
        mem_free(block[i]);
    mem_free(block);
    return true;
}

static size_t resident(void)
{
    size_t all = 0, pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%zu %zu", &all, &pages), 2);
    fclose(file);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* What a job took for itself is not the process's for ever. */
static void what_was_held_goes_back(void **state)
{
    (void)state;
#ifdef THAW_SANITIZED /* whose memory is none of libc's */
    skip();
#endif
    struct error error;
    void *kept = NULL;
    size_t before = resident();
    const struct job_request request = {.run = hold_much, .context = &kept, .what = "test", .wake = -1};
    struct job *job = job_start(&request, &error);
    assert_non_null(job);
    assert_true(job_result(job, &error));
    job_destroy(job);
    assert_true(resident() < before + (size_t)BLOCKS * BLOCK / 8);
    mem_free(kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_and_progress),
        cmocka_unit_test(wakes),
        cmocka_unit_test(full_pipe),
        cmocka_unit_test(waiting),
        cmocka_unit_test(cancelling),
        cmocka_unit_test(signals_go_elsewhere),
        cmocka_unit_test(abandoning),
        cmocka_unit_test(what_was_held_goes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
