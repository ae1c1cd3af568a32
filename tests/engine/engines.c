/* See the header. */
#include "config.h"

#include "engines.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "../resume/world.h"
#include "thaw/base/clock.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/run/rundir.h"
#include "thaw/weights/weights.h"

int engine_rounds(int otherwise)
{
    const char *set = getenv("THAW_TEST_ROUNDS");
    int rounds = set ? atoi(set) : 0;
#ifdef THAW_SANITIZED /* ten times as slow, and each round goes the same ways */
    otherwise = (otherwise + 1) / 2;
#endif
    return rounds > 0 ? rounds : otherwise;
}

void engine_begin(struct reader *reader, const struct engine_request *request)
{
    struct error error = {0};
    char *program = mem_format("%s/thaw", getenv("THAW_BUILDDIR"));
    reader_start(reader, engine_start(program, request, &error), &error);
    mem_free(program);
}

static void wait_a_moment(void)
{
    nanosleep(&(struct timespec){0, 2 * 1000 * 1000}, NULL);
}

int engine_count_runs(const struct experiment *experiment)
{
    struct error error = {0};
    struct file_list list;
    if (!file_is_directory(experiment->run.dir))
        return 0;
    world_must(file_list_read(&list, experiment->run.dir, &error), &error);
    int count = (int)list.count;
    file_list_free(&list);
    return count;
}

void engine_find(const struct experiment *experiment, char path[512])
{
    struct error error;
    double began = clock_monotonic();
    for (bool found = false; !found; wait_a_moment()) {
        size_t count;
        struct rundir_summary *list = rundir_list(experiment->run.dir, &count, &error);
        found = list && count == 1;
        if (found)
            snprintf(path, 512, "%s", list[0].path);
        rundir_list_free(list, list ? count : 0);
        if (clock_monotonic() - began > 60)
            fail_msg("no run began in %s", experiment->run.dir);
    }
}

pid_t engine_process(const char *run)
{
    struct error error;
    char *lock = path_join(run, "lock"), *text = file_exists(lock) ? file_read_text(lock, 100, &error) : NULL;
    pid_t process = text ? (pid_t)atoi(text) : 0;
    mem_free(text);
    mem_free(lock);
    return process;
}

void engine_kill(const char *run, int number)
{
    pid_t process = engine_process(run);
    assert_true(process > 1);
    assert_int_equal(kill(process, number), 0);
    engine_wait_gone(run);
}

void engine_wait_gone(const char *run)
{
    for (double began = clock_monotonic(); rundir_is_active(run); wait_a_moment())
        if (clock_monotonic() - began > 120)
            fail_msg("%s does not end", run);
}

void engine_stop(struct reader *reader)
{
    struct run_answer answer = reader_tell(reader, "stop");
    if (!answer.done)
        fail_msg("%s", answer.sentence);
    reader_wait(reader, reader_has_ended);
}

/* Looks at each name in the run and in its checkpoints, until one does not please. */
static bool each_file(const char *run, bool (*pleases)(const char *path))
{
    static const char *const folders[] = {"", "checkpoints"};
    bool good = true;
    for (size_t i = 0; i < THAW_LENGTH(folders); i++) {
        struct error error = {0};
        struct file_list list;
        char *folder = i ? path_join(run, folders[i]) : mem_string(run);
        world_must(file_list_read(&list, folder, &error), &error);
        for (size_t k = 0; good && k < list.count; k++) {
            char *path = path_join(folder, list.name[k]);
            good = pleases(path);
            mem_free(path);
        }
        file_list_free(&list);
        mem_free(folder);
    }
    return good;
}

static bool ends_in(const char *path, const char *end)
{
    size_t length = strlen(path), size = strlen(end);
    return length >= size && strcmp(path + length - size, end) == 0;
}

static bool is_no_litter(const char *path)
{
    return !ends_in(path, ".sock") && !ends_in(path, ".tmp");
}

/* The sockets go a moment after the lock is free. */
void engine_assert_tidy(const char *run)
{
    for (double began = clock_monotonic(); !each_file(run, is_no_litter); wait_a_moment())
        if (clock_monotonic() - began > 20)
            fail_msg("%s is not tidy", run);
}

static bool can_be_read(const char *path)
{
    struct error error = {0};
    if (!ends_in(path, ".safetensors"))
        return true;
    struct weights *weights = weights_open(path, &error);
    if (!weights)
        fail_msg("%s", error.text);
    weights_close(weights);
    return true;
}

void engine_assert_readable(const char *run)
{
    struct world_log log;
    world_read(run, &log); /* fails on a line that is none */
    each_file(run, can_be_read);
}
