/* The link to another machine: a pipe through a script in place of ssh, which drops, is silent, says why not, and reads
 * late. */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "reader.h"
#include "some_events.h"
#include "some_runs.h"
#include "thaw/base/clock.h"
#include "thaw/run/link.h"

enum { LINES = 60 };

static struct reader reader;

static uint64_t post(enum run_command_kind kind, char *text)
{
    struct error error = {0};
    struct run_command command = {.kind = kind, .value = 0.5, .text = text};
    uint64_t id = link_post(reader.link, &command, &error);
    if (!id)
        fail_msg("%s", error.text);
    return id;
}

static char *script; /* in place of ssh */

/* Its lines; "calls" in the folder gets what it was called with, and "asked" what it was asked first. */
static void write_script(const char *body)
{
    struct error error = {0};
    char *text = mem_format("#!/bin/sh\necho \"$1 $2\" >>'%s'/calls\nread asked\necho \"$asked\" >>'%s'/asked\n"
                            "cd '%s'\n%s\n",
                            folder, folder, folder, body);
    script = in_folder("ssh");
    if (!file_write_atomic(script, text, strlen(text), &error))
        fail_msg("%s", error.text);
    assert_int_equal(chmod(script, 0700), 0);
    setenv("THAW_SSH", script, 1);
    mem_free(text);
}

static void forget_script(void)
{
    static const char *const names[] = {"calls", "asked", "ssh"};
    for (size_t i = 0; i < THAW_LENGTH(names); i++) {
        char *path = in_folder(names[i]);
        unlink(path);
        mem_free(path);
    }
    mem_free(script);
}

static void call(double rate)
{
    struct error error = {0};
    reader_start(&reader, link_call("far", "la'st", 0, rate, &error), &error);
}

#define GREETING "echo '{\"thaw\":1,\"run\":\"/runs/x y\",\"writes\":true,\"alive\":true}'\n"

static bool waits_for_two(const struct reader *wanted)
{
    return strstr(link_sentence(wanted->link), "trying again in 2 s");
}

/* The line drops three times, once between a skip and its event; it goes on behind the last event that came, and is
 * called again soon unless a call has brought nothing. */
static void a_line_that_drops(void **state)
{
    (void)state;
    some_lines(folder, 0, LINES, false);
    write_script(GREETING "case $(wc -l <calls) in\n"
                          "1) head -n 20 events.jsonl; echo '{\"skip\":5}'; exit 255 ;;\n"
                          "2) tail -n +21 events.jsonl | head -n 10; exit 255 ;;\n"
                          "3) exit 255 ;;\n"
                          "*) tail -n +31 events.jsonl; echo '{\"bye\":\"ended\"}' ;;\n"
                          "esac");
    call(0);
    reader_wait(&reader, reader_is_waiting);
    assert_non_null(strstr(link_sentence(reader.link), "the line to far is gone"));
    assert_int_equal(reader.events, 20);
    reader_wait(&reader, waits_for_two);
    assert_int_equal(reader.events, 30);
    reader_wait(&reader, reader_has_ended);
    assert_int_equal(reader.events, LINES);
    assert_int_equal(reader.resets, 0);
    reader_assert_file(&reader, folder);
    assert_string_equal(link_run(reader.link), "/runs/x y");
    char *calls = read_text("calls"), *asked = read_text("asked");
    assert_string_equal(calls,
                        "far thaw stream 'la'\\''st'\n" /* "last" may be another by now */
                        "far thaw stream '/runs/x y'\nfar thaw stream '/runs/x y'\nfar thaw stream '/runs/x y'\n");
    assert_non_null(strstr(asked, "\"value\":20.0"));
    assert_non_null(strstr(asked, "\"value\":30.0"));
    mem_free(calls);
    mem_free(asked);
    reader_stop(&reader);
    forget_script();
}

/* What was left out while it trained is told in the end. */
static void gaps_are_filled(void **state)
{
    (void)state;
    some_lines(folder, 0, LINES, false);
    write_script(GREETING "case $(wc -l <calls) in\n"
                          "1) head -n 20 events.jsonl; echo '{\"skip\":30}'; tail -n +51 events.jsonl ;;\n"
                          "*) cat events.jsonl ;;\n"
                          "esac\necho '{\"bye\":\"ended\"}'");
    call(900);
    reader.gaps = true;
    reader_wait(&reader, reader_has_ended);
    assert_int_equal(reader.resets, 1);
    assert_int_equal(reader.events, LINES - 30 + LINES);
    reader_assert_file(&reader, folder);
    char *asked = read_text("asked");
    assert_non_null(strstr(asked, "\"rate\":900"));
    assert_null(strstr(strchr(asked, '\n'), "\"rate\""));
    mem_free(asked);
    reader_stop(&reader);
    forget_script();
}

static void what_the_host_says(void **state)
{
    (void)state;
    write_script("echo 'a warning' >&2; echo 'Permission denied\033[0m (publickey).' >&2; exit 255");
    call(0);
    reader_wait(&reader, reader_is_waiting);
    assert_non_null(strstr(link_sentence(reader.link), "Permission denied?[0m (publickey)."));
    assert_non_null(strstr(link_sentence(reader.link), "trying again in 1 s"));
    struct error error = {0};
    assert_non_null(strstr(reader_is_refused(&reader, "save"), "Permission denied"));
    reader_stop(&reader);
    forget_script();
    write_script("echo '{\"bye\":\"no run is called that\"}'");
    call(0);
    reader_wait(&reader, reader_has_failed);
    assert_string_equal(link_sentence(reader.link), "no run is called that");
    assert_true(reader_sleeps(&reader));
    reader_stop(&reader);
    forget_script();
    setenv("THAW_SSH", "/nonexistent/ssh -x", 1);
    call(0);
    reader_wait(&reader, reader_is_waiting);
    assert_non_null(strstr(link_sentence(reader.link), "cannot start /nonexistent/ssh"));
    reader_stop(&reader);
    assert_null(link_call("-oProxyCommand=x", "run", 0, 0, &error));
    assert_int_equal(error.kind, ERROR_USAGE);
}

/* It closes what it has to say and stays: nobody spins. And when the link is let go, so is it, with its children. */
static void a_host_that_is_silent(void **state)
{
    (void)state;
    write_script("exec 2>&-\n" GREETING "echo $$ >pid\nsleep 1000 & echo $! >child\nwait");
    call(0);
    reader_wait(&reader, reader_is_live);
    assert_true(reader_sleeps(&reader));
    post(RUN_NOTE, (char *)"x");
    char *child = read_text("child");
    pid_t pid = (pid_t)atoi(child);
    mem_free(child);
    assert_int_equal(kill(pid, 0), 0);
    reader_stop(&reader);
    for (int i = 0; i < 200 && kill(pid, 0) == 0; i++) {
        char path[40], status[200] = "";
        snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
        FILE *file = fopen(path, "r");
        if (file && fgets(status, sizeof status, file) && strstr(status, ") Z"))
            i = 200; /* dead, and nobody's */
        if (file)
            fclose(file);
        nanosleep(&(struct timespec){0, 10000000}, NULL);
    }
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left behind */
    assert_int_equal(errno, ECHILD);
    forget_script();
}

/* The answer of a command that was under way when the line dropped. */
static void an_answer_that_is_lost(void **state)
{
    (void)state;
    write_script(GREETING "read more; exit 255");
    call(0);
    reader_wait(&reader, reader_is_live);
    uint64_t id = post(RUN_SAVE, NULL);
    reader_wait(&reader, reader_is_answered);
    assert_int_equal(reader.answer.id, id);
    assert_false(reader.answer.done);
    assert_non_null(strstr(reader.answer.sentence, "the line was lost"));
    assert_true(reader_is_waiting(&reader));
    reader_stop(&reader);
    forget_script();
}

/* More is to be said than a pipe takes while the host does not read: nobody waits, and it arrives. */
static void a_host_that_reads_late(void **state)
{
    (void)state;
    write_script(GREETING "sleep 1; wc -c >told; echo '{\"bye\":\"ended\"}'");
    call(0);
    reader_wait(&reader, reader_is_live);
    char *text = mem_format("%0200000d", 1);
    double began = clock_monotonic();
    post(RUN_NOTE, text);
    assert_true(clock_monotonic() - began < 0.5);
    for (double until = clock_monotonic() + 1.5; clock_monotonic() < until;) {
        struct pollfd fd = {.fd = link_fd(reader.link), .events = POLLIN};
        poll(&fd, 1, 100);
        reader_read(&reader);
    }
    /* Its whole line is on the way; it is read to the end once the pipe is closed. */
    reader_stop(&reader);
    mem_free(text);
    forget_script();
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_that_drops),      cmocka_unit_test(gaps_are_filled),
        cmocka_unit_test(what_the_host_says),     cmocka_unit_test(a_host_that_is_silent),
        cmocka_unit_test(an_answer_that_is_lost), cmocka_unit_test(a_host_that_reads_late),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
