/* The link to a run on another machine: a child process, `ssh HOST thaw stream RUN`, whose input and output speak the
 * protocol. It leads a session of its own, and is killed with its group when it is hung up on. When the line drops it is
 * called again after a second; after 2, 4 .. 60 where that call brought nothing new. When the run has ended, what was left
 * out for want of room is asked for, so that both ends know the same story. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "link_private.h"
#include "thaw/base/clock.h"
#include "thaw/base/mem.h"
#include "thaw/base/quote.h"

extern char **environ;

enum { PAUSE_MOST = 60, STEADY = 30, TALK = 512 };

struct pipe_link {
    struct link link;
    struct link_protocol protocol;
    unsigned how;
    double rate;
    pid_t child; /* 0: none */
    int errors, timer;
    char talk[TALK]; /* the last that the child said on its standard error */
    int pause;       /* seconds, before it is called again */
    double called;   /* clock_monotonic */
    uint64_t before; /* events that were known when it was called */
    bool filling;    /* what was left out is being told again */
};

/* $THAW_SSH is a program with its options, parted by blanks. */
static size_t ssh_words(char *words, char **argv, size_t room)
{
    size_t count = 0;
    for (char *save, *word = strtok_r(words, " ", &save); word && count < room; word = strtok_r(NULL, " ", &save))
        argv[count++] = word;
    return count;
}

static bool spawn(struct pipe_link *own, int in, int out, int errors)
{
    enum { WORDS = 24 };
    const char *set = getenv("THAW_SSH");
    char *words = mem_string(set && set[0] ? set : "ssh -C -o ServerAliveInterval=15 -o BatchMode=yes");
    char *argv[WORDS + 5], *run = quote_word(own->link.run), *command = mem_format("thaw stream %s", run);
    size_t count = ssh_words(words, argv, WORDS);
    argv[count++] = own->link.host;
    argv[count++] = command;
    argv[count] = NULL;
    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
    sigset_t none, defaults;
    sigemptyset(&none);
    sigfillset(&defaults);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, in, 0);
    posix_spawn_file_actions_adddup2(&files, out, 1);
    posix_spawn_file_actions_adddup2(&files, errors, 2);
    posix_spawn_file_actions_addclosefrom_np(&files, 3);
    posix_spawnattr_init(&how);
    posix_spawnattr_setsigmask(&how, &none);
    posix_spawnattr_setsigdefault(&how, &defaults);
    posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
    int fault = posix_spawnp(&own->child, argv[0], &files, &how, argv, environ);
    if (fault) {
        own->child = 0;
        snprintf(own->talk, sizeof own->talk, "cannot start %.100s: %s", argv[0], strerror(fault));
    }
    posix_spawnattr_destroy(&how);
    posix_spawn_file_actions_destroy(&files);
    mem_free(command);
    mem_free(run);
    mem_free(words);
    return !fault;
}

static void close_both(int ends[2])
{
    for (int i = 0; i < 2; i++)
        if (ends[i] >= 0)
            close(ends[i]);
}

/* The parent's ends stay, and do not block. */
static bool call(struct pipe_link *own)
{
    int to[2] = {-1, -1}, from[2] = {-1, -1}, errors[2] = {-1, -1};
    own->talk[0] = '\0';
    own->called = clock_monotonic();
    own->before = own->link.events;
    bool good = pipe2(to, O_CLOEXEC) == 0 && pipe2(from, O_CLOEXEC) == 0 && pipe2(errors, O_CLOEXEC) == 0;
    if (!good)
        snprintf(own->talk, sizeof own->talk, "no descriptor is left");
    good = good && spawn(own, to[0], from[1], errors[1]);
    if (!good) {
        close_both(to);
        close_both(from);
        close_both(errors);
        return false;
    }
    close(to[0]);
    close(from[1]);
    close(errors[1]);
    fcntl(to[1], F_SETFL, O_NONBLOCK);
    fcntl(from[0], F_SETFL, O_NONBLOCK);
    fcntl(errors[0], F_SETFL, O_NONBLOCK);
    link_protocol_begin(&own->protocol, from[0], to[1]);
    own->errors = errors[0];
    link_watch(&own->link, from[0], EPOLLIN);
    link_watch(&own->link, errors[0], EPOLLIN);
    if (!(own->how & LINK_ANSWERS_ONLY))
        link_protocol_watch(&own->link, &own->protocol, own->filling ? 0 : own->rate);
    link_lines_flush(&own->protocol.lines); /* where the child is gone already, reading says so */
    return true;
}

/* Waits for room in the pipe only while something is to be sent. */
static void watch_out(struct pipe_link *own)
{
    struct link_lines *lines = &own->protocol.lines;
    if (link_lines_pending(lines))
        link_watch(&own->link, lines->out, EPOLLOUT);
    else
        link_unwatch(&own->link, lines->out);
}

static void close_errors(struct pipe_link *own)
{
    link_unwatch(&own->link, own->errors);
    if (own->errors >= 0)
        close(own->errors);
    own->errors = -1;
}

static void hang_up(struct pipe_link *own)
{
    link_unwatch(&own->link, own->protocol.lines.in);
    link_unwatch(&own->link, own->protocol.lines.out);
    link_protocol_end(&own->protocol);
    close_errors(own);
    if (own->child > 0) {
        kill(-own->child, SIGKILL); /* its group; the other end sees the line close */
        while (waitpid(own->child, NULL, 0) < 0 && errno == EINTR)
            continue;
        own->child = 0;
    }
}

/* The last line of what ssh said: why it did not work. */
static void hear_errors(struct pipe_link *own)
{
    char block[TALK];
    ssize_t got = -1;
    while (own->errors >= 0 && (got = read(own->errors, block, sizeof block - 1)) > 0) {
        block[got] = '\0';
        while (got > 0 && (block[got - 1] == '\n' || block[got - 1] == '\r'))
            block[--got] = '\0';
        const char *line = strrchr(block, '\n');
        line = line ? line + 1 : block;
        if (*line)
            snprintf(own->talk, sizeof own->talk, "%.400s", line);
    }
    if (got == 0)
        close_errors(own);
    for (char *at = own->talk; *at; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            *at = '?';
}

/* The pauses grow while calls come to nothing. */
static void wait_to_call(struct pipe_link *own)
{
    if (own->link.events > own->before || clock_monotonic() - own->called > STEADY)
        own->pause = 0;
    own->pause = own->pause ? 2 * own->pause : 1;
    if (own->pause > PAUSE_MOST)
        own->pause = PAUSE_MOST;
    struct itimerspec once = {{0, 0}, {own->pause, 0}};
    timerfd_settime(own->timer, 0, &once, NULL);
    link_set_state(&own->link, LINK_WAITING, "the line to %.100s is gone%s%.300s; trying again in %d s", own->link.host,
                   own->talk[0] ? ": " : "", own->talk, own->pause);
}

/* The run has ended and all was told: either that is all, or it is told again without gaps, once. */
static enum link_got come_to_the_end(struct pipe_link *own)
{
    hang_up(own);
    own->link.writes = false;
    if (own->protocol.skipped_in_all == 0 || own->filling) {
        link_set_state(&own->link, LINK_ENDED, "%s", "");
        return LINK_NOTHING;
    }
    own->protocol.skipped_in_all = 0;
    own->filling = true;
    own->link.events = 0;
    if (!call(own))
        wait_to_call(own);
    return LINK_RESET;
}

static enum link_got after_the_line(struct pipe_link *own)
{
    hear_errors(own);
    hang_up(own);
    if (own->protocol.ended && own->protocol.greeted)
        return come_to_the_end(own);
    link_lose(&own->link);
    if (own->protocol.ended)
        link_set_state(&own->link, LINK_FAILED, "%s", own->protocol.why);
    else
        wait_to_call(own);
    return LINK_NOTHING;
}

static void call_again(struct pipe_link *own)
{
    uint64_t ticks;
    if (read(own->timer, &ticks, sizeof ticks) != sizeof ticks || own->link.state == LINK_FAILED)
        return;
    if (!call(own))
        wait_to_call(own);
}

static void take_greeting(struct pipe_link *own)
{
    struct link_protocol *protocol = &own->protocol;
    own->link.writes = protocol->writes && !(own->how & LINK_READ_ONLY) && !own->filling;
    if (protocol->run) { /* called by it from now on: "last" may come to be another */
        mem_free(own->link.run);
        own->link.run = protocol->run;
        protocol->run = NULL;
    }
    link_set_state(&own->link, LINK_LIVE, "%s", "");
}

static enum link_got next(struct link *link, struct link_message *message)
{
    struct pipe_link *own = (struct pipe_link *)link;
    struct link_protocol *protocol = &own->protocol;
    call_again(own);
    hear_errors(own);
    while (protocol->lines.in >= 0) {
        enum link_got got = link_protocol_next(link, protocol, message);
        if (protocol->greeted && !protocol->ended)
            take_greeting(own);
        if (got != LINK_NOTHING)
            return got;
        size_t before = protocol->lines.got_size - protocol->lines.got_at;
        bool going = link_protocol_serve(protocol);
        watch_out(own);
        if (protocol->lines.got_size - protocol->lines.got_at > before)
            continue;
        return going ? LINK_NOTHING : after_the_line(own);
    }
    return LINK_NOTHING;
}

static bool post(struct link *link, const struct run_command *command, struct error *error)
{
    struct pipe_link *own = (struct pipe_link *)link;
    if (own->protocol.lines.in < 0 || link->state != LINK_LIVE)
        return error_set(error, ERROR_FAILED, "%s",
                         link->sentence[0] ? link->sentence : "the host has not answered yet");
    link_protocol_post(&own->protocol, command);
    link_lines_flush(&own->protocol.lines);
    watch_out(own);
    return true;
}

static void destroy(struct link *link)
{
    struct pipe_link *own = (struct pipe_link *)link;
    hang_up(own);
    if (own->timer >= 0)
        close(own->timer);
}

static const struct link_row row = {next, post, destroy};

struct link *link_call(const char *host, const char *run, unsigned how, double rate, struct error *error)
{
    if (host[0] == '-' || !host[0]) {
        error_set(error, ERROR_USAGE, "\"%s\" is not the name of a host", host);
        return NULL;
    }
    struct pipe_link *own = mem_alloc(sizeof *own);
    link_protocol_begin(&own->protocol, -1, -1);
    own->errors = own->timer = -1;
    if (!link_init(&own->link, &row, run, host, error)) {
        mem_free(own);
        return NULL;
    }
    own->how = how;
    own->rate = rate;
    own->link.writes = !(how & LINK_READ_ONLY);
    own->link.state = LINK_STARTING;
    own->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (own->timer < 0 || !link_watch(&own->link, own->timer, EPOLLIN)) {
        error_set_errno(error, ERROR_FAILED, errno, "cannot call %s", host);
        link_destroy(&own->link);
        return NULL;
    }
    if (!call(own))
        wait_to_call(own);
    return &own->link;
}
