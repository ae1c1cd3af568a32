/* Which runs the session says train beside: those that do when it is asked, as they stand when it looked. */
#include "config.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../run/some_runs.h"
#include "thaw/session/session.h"

static struct session *session;

static int open_world(void **state)
{
    struct error error = {0};
    if (make_folder(state) != 0)
        return -1;
    struct session_options options = {
        .samples = folder, .runs = folder, .models = folder, .threads = 1, .engine = "/nonexistent/engine"};
    session = session_create(&options, &error);
    return session ? 0 : -1;
}

static int close_world(void **state)
{
    session_destroy(session);
    return remove_folder(state);
}

/* As whoever trains in it does; closing the descriptor lets go. */
static int hold_lock(const char *name)
{
    char *path = mem_format("%s/%s/lock", folder, name);
    int lock = open(path, O_RDWR | O_CREAT, 0600);
    mem_free(path);
    assert_true(lock >= 0 && flock(lock, LOCK_EX) == 0);
    assert_true(dprintf(lock, "%ld\n", (long)getpid()) > 0);
    return lock;
}

static void add_event(const char *name, const char *line)
{
    char *file = mem_format("%s/%s/events.jsonl", folder, name);
    FILE *events = fopen(file, "a");
    assert_non_null(events);
    fprintf(events, "%s\n", line);
    fclose(events);
    mem_free(file);
}

/* Until so many are known; the search has a thread of its own. */
static const struct session_running *wait_for(size_t count)
{
    const struct session_running *running = NULL;
    size_t now = 0;
    for (int i = 0; i < 500; i++) {
        session_pump(session);
        if ((now = session_running(session, &running)) == count)
            return running;
        poll(NULL, 0, 10);
    }
    fail_msg("%zu runs train, not %zu", now, count);
    return running;
}

static void one_that_has_ended_is_not_told(void **state)
{
    (void)state;
    const struct session_running *running;
    make_run("20261101-100000-a", 1000, 0.5);
    int lock = hold_lock("20261101-100000-a");
    wait_for(1);
    close(lock);
    assert_int_equal(session_running(session, &running), 0);
}

static void one_that_began_since_is_found(void **state)
{
    (void)state;
    const struct session_running *running;
    make_run("20261101-100000-a", 1000, 0.5);
    int first = hold_lock("20261101-100000-a");
    running = wait_for(1);
    assert_false(running[0].paused);
    make_run("20261101-100001-b", 2000, 0.5);
    int second = hold_lock("20261101-100001-b");
    add_event("20261101-100000-a", "{\"kind\":\"pause\",\"time\":1003,\"paused\":true}");
    session_look_for_running(session);
    running = wait_for(2);
    assert_string_equal(running[0].name, "20261101-100001-b");
    assert_false(running[0].paused);
    assert_true(running[1].paused);
    close(first);
    close(second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_that_has_ended_is_not_told, open_world, close_world),
        cmocka_unit_test_setup_teardown(one_that_began_since_is_found, open_world, close_world),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
