/* The doors of a run: their modes, who comes through them and who does not, a crowd, and people with bad manners. Nothing
 * of it may end the engine, slow it, or make it write anything outside its run. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "../resume/world.h"
#include "engines.h"
#include "thaw/base/clock.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/base/rng.h"
#include "thaw/run/rundir.h"

static struct reader reader;
static struct experiment experiment;
static char *run;

/* A run that waits for a word: paused in its first epochs. */
static void begin(bool share)
{
    experiment = world_experiment();
    world_set(&experiment, "train.epochs=100000");
    engine_begin(&reader, &(struct engine_request){.experiment = &experiment, .share = share});
    reader_wait(&reader, reader_is_live);
    assert_true(reader_tell(&reader, "pause").done);
    run = mem_string(link_run(reader.link));
}

static void finish(void)
{
    engine_stop(&reader);
    reader_assert_file(&reader, run);
    reader_stop(&reader);
    engine_wait_gone(run);
    engine_assert_tidy(run);
    engine_assert_readable(run);
    mem_free(run);
}

static int mode_of(const char *name)
{
    struct stat status;
    char *path = path_join(run, name);
    if (lstat(path, &status) != 0)
        fail_msg("%s: %s", path, strerror(errno));
    mem_free(path);
    return (int)(status.st_mode & 07777);
}

static bool is_there(const char *name)
{
    struct stat status;
    char *path = path_join(run, name);
    bool there = lstat(path, &status) == 0;
    mem_free(path);
    return there;
}

/* A bare connection; -1: there is none to be had. */
static int connect_to(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%.60s/%.40s", run, name);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    close(fd);
    return -1;
}

/* A short path for it. */
static void begin_short(bool share)
{
    begin(share);
    assert_true(strlen(run) < 60);
}

/* Reads lines until one holds the text; fails the test after 10 s. */
static bool hears(int fd, const char *text)
{
    char got[1 << 16];
    size_t size = 0;
    double began = clock_monotonic();
    while (clock_monotonic() - began < 10 && size < sizeof got - 1) {
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        if (poll(&poll_fd, 1, 200) != 1)
            continue;
        ssize_t count = read(fd, got + size, sizeof got - 1 - size);
        if (count <= 0)
            break;
        size += (size_t)count;
        got[size] = '\0';
        if (strstr(got, text))
            return true;
        if (size > sizeof got / 2)
            size = 0;
    }
    return false;
}

/* --- modes --- */

static void alone(void **state)
{
    (void)state;
    begin(false);
    assert_int_equal(mode_of("."), 0700);
    assert_int_equal(mode_of(RUNDIR_CONTROL), 0600);
    assert_int_equal(mode_of("checkpoints"), 0700);
    assert_false(is_there(RUNDIR_VIEW));
    finish();
}

/* Everything in it is its user's alone, but for the way to view.sock. */
static void shared(void **state)
{
    (void)state;
    static const char *const names[] = {"events.jsonl", "experiment.ini", "thaw.log", "engine.log", "lock"};
    mode_t before = umask(0022);
    begin_short(true);
    assert_int_equal(mode_of("."), 0710);
    assert_int_equal(mode_of(RUNDIR_CONTROL), 0600);
    assert_int_equal(mode_of(RUNDIR_VIEW), 0660);
    for (size_t i = 0; i < THAW_LENGTH(names); i++)
        assert_int_equal(mode_of(names[i]) & 077, 0);
    assert_true(reader_tell(&reader, "save").done);
    assert_int_equal(mode_of("checkpoints/last.safetensors") & 077, 0);
    while (reader_read_for(&reader, 0.2) > 0) /* what that leaves among the events */
        continue;
    int fd = connect_to(RUNDIR_VIEW);
    assert_true(fd >= 0);
    assert_true(hears(fd, "\"writes\":false"));
    for (int kind = 0; kind < RUN_COMMANDS; kind++) { /* none that writes passes */
        if (kind == RUN_WATCH)
            continue;
        struct run_command command = run_command_make((enum run_command_kind)kind, 1, "x");
        char *line = run_command_to_json(&command);
        dprintf(fd, "%s\n", line);
        assert_true(hears(fd, "may only be looked at"));
        mem_free(line);
        run_command_finish(&command);
    }
    dprintf(fd, "{\"command\":\"watch\"}\n");
    assert_true(hears(fd, "{\"kind\":\"run\""));
    close(fd);
    assert_int_equal(reader_read_for(&reader, 0.1), 0);
    umask(before);
    finish();
    begin(true);
    char *shared_run = mem_string(run);
    finish();
    run = shared_run;
    assert_int_equal(mode_of("."), 0700); /* it was let in to watch */
    assert_true(is_there("model.safetensors") && (mode_of("model.safetensors") & 077) == 0);
    mem_free(run);
}

/* Files of a run that was not shared at first are closed when it is. */
static void shared_later(void **state)
{
    (void)state;
    mode_t before = umask(0022);
    begin(false);
    char *path = mem_string(run);
    assert_true(reader_tell(&reader, "save").done);
    finish();
    run = mem_string(path);
    assert_int_equal(mode_of("model.safetensors"), 0644);
    engine_begin(&reader, &(struct engine_request){.experiment = &experiment, .resume = path, .share = true});
    reader_wait(&reader, reader_is_live);
    assert_int_equal(mode_of("."), 0710);
    assert_int_equal(mode_of("model.safetensors"), 0600);
    assert_int_equal(mode_of("experiment.ini") & 077, 0);
    engine_kill(run, SIGKILL); /* which leaves the way in */
    reader_stop(&reader);
    assert_int_equal(mode_of("."), 0710);
    engine_begin(&reader, &(struct engine_request){.experiment = &experiment, .resume = path});
    reader_wait(&reader, reader_is_live);
    assert_int_equal(mode_of("."), 0700);
    assert_false(is_there(RUNDIR_VIEW));
    umask(before);
    finish();
    mem_free(path);
}

/* --- another user --- */

enum { STRANGER = 54321, GROUP = 54322 };

/* What a child of another user and group can reach, as bits. */
enum { REACHES_CONTROL = 1, REACHES_VIEW = 2, READS_FILES = 4, LISTS = 8, WRITES = 16 };

static bool opens(const char *name, int flags)
{
    char *path = path_join(run, name);
    int fd = open(path, flags, 0600);
    mem_free(path);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static int look_around(void)
{
    static const char *const names[] = {"events.jsonl",     "experiment.ini", "thaw.log",
                                        "engine.log",       "lock",           "kernels",
                                        "predictions.json", "checkpoints",    "checkpoints/last.safetensors"};
    int reached = 0, fd = connect_to(RUNDIR_CONTROL);
    reached |= fd >= 0 ? REACHES_CONTROL : 0;
    fd = connect_to(RUNDIR_VIEW);
    reached |= fd >= 0 && hears(fd, "\"writes\":false") ? REACHES_VIEW : 0;
    for (size_t i = 0; i < THAW_LENGTH(names); i++)
        reached |= opens(names[i], O_RDONLY) ? READS_FILES : 0;
    reached |= opens(".", O_RDONLY | O_DIRECTORY) ? LISTS : 0;
    reached |= opens("new", O_WRONLY | O_CREAT) || opens("events.jsonl", O_WRONLY) ? WRITES : 0;
    char *from = path_join(run, RUNDIR_VIEW), *to = path_join(run, "moved");
    reached |= unlink(to) == 0 || rename(from, to) == 0 ? WRITES : 0;
    mem_free(from);
    mem_free(to);
    return reached;
}

static int as_another(uid_t user, gid_t group)
{
    int status;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        if (setgroups(0, NULL) != 0 || setresgid(group, group, group) != 0 || setresuid(user, user, user) != 0)
            _exit(128);
        _exit(look_around());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 128);
    return WEXITSTATUS(status);
}

static void another_user(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        print_message("SKIPPED: a second user can be played by root only\n");
        skip();
    }
    mode_t before = umask(0022);
    chmod(world.folder, 0711); /* as a home may be */
    begin_short(false);
    assert_true(reader_tell(&reader, "save").done);
    assert_int_equal(as_another(STRANGER, GROUP), 0);
    assert_int_equal(as_another(STRANGER, getegid()), 0);
    finish();
    begin_short(true);
    assert_true(reader_tell(&reader, "save").done);
    assert_int_equal(as_another(STRANGER, GROUP), 0);
    assert_int_equal(as_another(STRANGER, getegid()), REACHES_VIEW);
    assert_int_equal(mode_of(RUNDIR_VIEW), 0660);
    umask(before);
    finish();
}

/* --- a crowd --- */

static void more_than_can_watch(void **state)
{
    (void)state;
    enum { CROWD = 33 };
    int fd[CROWD], guest[CROWD];
    begin_short(true);
    for (int i = 0; i < CROWD; i++)
        guest[i] = connect_to(RUNDIR_VIEW);
    assert_true(hears(guest[23], "\"thaw\":1"));
    assert_true(hears(guest[24], "{\"bye\":\"as many watch it already as can\"}"));
    assert_true(hears(guest[32], "\"bye\""));
    assert_true(reader_tell(&reader, "note guests leave room for the host").done);
    for (int i = 0; i < CROWD; i++)
        fd[i] = connect_to(RUNDIR_CONTROL);
    assert_true(hears(fd[6], "\"thaw\":1")); /* 24 guests, the reader, and these seven */
    assert_true(hears(fd[7], "\"bye\""));
    assert_true(hears(fd[CROWD - 1], "\"bye\""));
    assert_true(reader_tell(&reader, "note I am still here").done);
    /* The program falls back to the file, and says so. */
    struct error error = {0};
    struct reader late;
    reader_start(&late, link_open(run, 0, &error), &error);
    reader_wait_for_events(&late, reader.next);
    assert_non_null(strstr(reader_is_refused(&late, "pause"), "as many watch it already"));
    for (int i = 0; i < CROWD; i++) {
        close(fd[i]);
        close(guest[i]);
    }
    for (double began = clock_monotonic(); !link_writes(late.link) && clock_monotonic() - began < 10;)
        reader_read_for(&late, 0.1);
    assert_true(reader_tell(&late, "note there is room again").done);
    reader_stop(&late);
    finish();
}

/* --- bad manners --- */

static void say_much(int fd, const char *line, int times)
{
    size_t length = strlen(line);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    for (int i = 0; i < times; i++)
        for (size_t at = 0; at < length;) {
            ssize_t wrote = write(fd, line + at, length - at);
            if (wrote < 0 && errno != EAGAIN)
                return;
            if (wrote < 0) {
                struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};
                if (poll(&poll_fd, 1, 300) != 1)
                    return; /* it reads no more */
            }
            at += wrote > 0 ? (size_t)wrote : 0;
        }
}

static long memory_of(pid_t process) /* kB */
{
    char path[40], line[200];
    long memory = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)process);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file))
        sscanf(line, "VmRSS: %ld", &memory);
    if (file)
        fclose(file);
    return memory;
}

static void bad_manners(void **state)
{
    (void)state;
    begin_short(false);
    pid_t process = engine_process(run);
    long before = memory_of(process);
    char *text = mem_format("{\"id\":1,\"command\":\"note\",\"text\":\"%0*d\"}\n", RUN_COMMAND_TEXT_MAX - 10, 1);
    char *over = mem_format("{\"id\":2,\"command\":\"note\",\"text\":\"%0*d\"}\n", RUN_COMMAND_TEXT_MAX + 10, 1);
    char *endless = mem_format("%0*d", 4 << 20, 1), *nested = mem_alloc((1 << 20) + 2);
    memset(nested, '[', 1 << 20);
    nested[1 << 20] = '\n';
    int fd = connect_to(RUNDIR_CONTROL);
    say_much(fd, "{\"id\":3,\"command\":\"", 1); /* half a line */
    int second = connect_to(RUNDIR_CONTROL);
    say_much(second, text, 1);
    assert_true(hears(second, "\"answer\":1,\"done\":true"));
    say_much(second, over, 1);
    assert_true(hears(second, "more than 1048576 bytes"));
    say_much(second, nested, 1);
    assert_true(hears(second, "not a line of the protocol"));
    say_much(fd, "save\"}\n", 1); /* the other half */
    assert_true(hears(fd, "\"answer\":3,\"done\":true"));
    say_much(fd, endless, 1); /* it is hung up on */
    close(fd);
    fd = connect_to(RUNDIR_CONTROL);
    say_much(fd, "\n", 100000);
    say_much(second, "{\"command\":\"dance\"}\n", 200000); /* answers that nobody reads */
    int third = connect_to(RUNDIR_CONTROL);
    say_much(third, "{\"command\":\"save\"}\n", 20000); /* more than wait at once */
    struct run_answer answer = reader_tell(&reader, "note the engine is here");
    assert_true(answer.done);
    long after = memory_of(process);
    print_message("%ld kB before, %ld kB after\n", before, after);
#ifndef THAW_SANITIZED /* which keeps what was freed */
    assert_true(after - before < 64 << 10);
#endif
    close(fd);
    close(second);
    close(third);
    mem_free(text);
    mem_free(over);
    mem_free(endless);
    mem_free(nested);
    finish();
}

static void binary_garbage(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 4, 2);
    begin_short(true);
    for (int round = 0; round < 40; round++) {
        static char block[30000];
        int fd = connect_to(round % 2 ? RUNDIR_VIEW : RUNDIR_CONTROL);
        for (size_t i = 0; i < sizeof block - 1; i++)
            block[i] = rng_below(&rng, 40) ? (char)(1 + rng_below(&rng, 255)) : '\n';
        say_much(fd, block, 1);
        if (round % 3)
            close(fd); /* and gone */
        else
            shutdown(fd, SHUT_WR);
        if (round % 3 == 0 && round % 2)
            hears(fd, "nothing");
        if (round % 3 == 0)
            close(fd);
    }
    assert_true(reader_tell(&reader, "note unharmed").done);
    assert_int_equal(engine_count_runs(&experiment), 1);
    finish();
}

/* Names that a command could be taken to write to. */
static void texts_name_no_files(void **state)
{
    (void)state;
    static const char *const names[] = {"../../escaped", "/tmp/thaw-escaped", "checkpoints/../../escaped",
                                        "$(touch /tmp/thaw-escaped)", "a\\nb"};
    begin_short(false);
    int fd = connect_to(RUNDIR_CONTROL);
    for (int kind = 0; kind < RUN_COMMANDS; kind++)
        for (size_t i = 0; i < THAW_LENGTH(names); i++)
            if (kind != RUN_STOP && kind != RUN_INTERRUPT && kind != RUN_CONTINUE && kind != RUN_STEP)
                dprintf(fd, "{\"id\":%d,\"command\":\"%s\",\"value\":1,\"text\":\"%s\",\"by\":\"%s\"}\n", kind,
                        run_command_row((enum run_command_kind)kind)->name, names[i], names[i]);
    dprintf(fd, "{\"id\":1000,\"command\":\"save\"}\n");
    assert_true(hears(fd, "\"answer\":1000"));
    close(fd);
    char *folder = path_join(experiment.run.dir, "escaped");
    assert_false(file_exists(folder) || file_exists("/tmp/thaw-escaped"));
    mem_free(folder);
    assert_int_equal(engine_count_runs(&experiment), 1);
    finish();
}

/* It trains on beside one that does not read. */
static void who_does_not_read(void **state)
{
    (void)state;
    begin_short(false);
    int fd = connect_to(RUNDIR_CONTROL);
    dprintf(fd, "{\"command\":\"watch\"}\n");
    assert_true(reader_tell(&reader, "continue").done);
    uint64_t step = reader.story.step;
    reader_wait_for_events(&reader, reader.next + 600);
    assert_true(reader.story.step > step + 300);
    assert_true(reader_tell(&reader, "pause").done);
    close(fd);
    finish();
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alone),
        cmocka_unit_test(shared),
        cmocka_unit_test(shared_later),
        cmocka_unit_test(another_user),
        cmocka_unit_test(more_than_can_watch),
        cmocka_unit_test(bad_manners),
        cmocka_unit_test(binary_garbage),
        cmocka_unit_test(texts_name_no_files),
        cmocka_unit_test(who_does_not_read),
    };
    return cmocka_run_group_tests(tests, world_set_up, world_tear_down);
}
