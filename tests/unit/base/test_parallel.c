/* The worker team: every task once, whatever the number of threads; many small jobs in a row. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "thaw/base/parallel.h"

struct tally {
    atomic_int count[257];
    atomic_int bad_worker;
    int threads;
};

static void count_task(void *context, int task, int worker)
{
    struct tally *tally = context;
    atomic_fetch_add(&tally->count[task], 1);
    if (worker < 0 || worker >= tally->threads)
        atomic_store(&tally->bad_worker, 1);
}

static void every_task_runs_once(void **state)
{
    (void)state;
    static const int tasks[] = {0, 1, 2, 7, 256};
    for (int threads = 1; threads <= 5; threads++) {
        struct team *team = team_create(threads);
        assert_int_equal(team_threads(team), threads);
        for (size_t i = 0; i < THAW_LENGTH(tasks); i++) {
            struct tally tally = {.threads = threads};
            for (int round = 0; round < 200; round++)
                team_run(team, tasks[i], count_task, &tally);
            for (int task = 0; task < 257; task++)
                assert_int_equal(tally.count[task], task < tasks[i] ? 200 : 0);
            assert_int_equal(tally.bad_worker, 0);
        }
        team_destroy(team);
    }
    team_destroy(NULL);
}

static void zero_threads_means_all_cores(void **state)
{
    (void)state;
    struct team *team = team_create(0);
    assert_true(team_threads(team) >= 1);
    team_destroy(team);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_task_runs_once),
                                       cmocka_unit_test(zero_threads_means_all_cores)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
