/* thaw stream: the server's end of a pipe. What `thaw attach HOST:RUN` starts on the host: the protocol on descriptors 0
 * and 1. Where an engine serves the run, its door speaks and bytes are handed on both ways; else what is in the file is
 * told from here, and commands are refused. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app.h"
#include "thaw/base/clock.h"
#include "thaw/base/mem.h"
#include "thaw/run/link.h"
#include "thaw/run/rundir.h"
#include "thaw/run/viewer.h"

enum { BLOCK = 1 << 12, NEAR = 4096, TICK_MS = 250, GREETING_MS = 5000 };

/* --- bytes both ways --- */

struct flow {
    int from, to;
    char *block; /* [BLOCK], what waits at `at`.. `have` */
    size_t have, at;
    bool ended; /* nothing more comes */
};

static bool would_block(ssize_t count)
{
    return count < 0 && (errno == EAGAIN || errno == EINTR);
}

/* Moves what can be moved; false: the other end takes no more. */
static bool move_on(struct flow *flow)
{
    if (flow->at == flow->have && !flow->ended) {
        ssize_t got = read(flow->from, flow->block, BLOCK);
        flow->at = 0;
        flow->have = got > 0 ? (size_t)got : 0;
        flow->ended = got <= 0 && !would_block(got);
    }
    if (flow->at == flow->have)
        return true;
    ssize_t wrote = write(flow->to, flow->block + flow->at, flow->have - flow->at);
    flow->at += wrote > 0 ? (size_t)wrote : 0;
    return wrote >= 0 || would_block(wrote);
}

static struct pollfd wanted(const struct flow *flow)
{
    bool full = flow->at < flow->have;
    return (struct pollfd){.fd = full ? flow->to : flow->ended ? -1 : flow->from, .events = full ? POLLOUT : POLLIN};
}

/* Until either end is gone. What the engine said last is handed on, for as long as somebody takes it. */
static void hand_on(struct flow *out, struct flow *in)
{
    double over = 0;
    while (!(out->ended && out->at == out->have) && !in->ended) {
        struct pollfd fds[2] = {wanted(out), wanted(in)};
        over = out->ended && over == 0 ? clock_monotonic() : over;
        if (over > 0 && clock_monotonic() - over > VIEWER_PATIENCE)
            return;
        poll(fds, 2, over > 0 ? TICK_MS : -1);
        if (!move_on(out) || !move_on(in))
            return;
    }
}

/* The engine's first words are in the block; false: it has no place, or says nothing. */
static bool is_let_in(struct flow *out)
{
    static const char bye[] = "{\"bye\":";
    struct pollfd fd = {.fd = out->from, .events = POLLIN};
    if (poll(&fd, 1, GREETING_MS) != 1)
        return false;
    ssize_t got = read(out->from, out->block, BLOCK);
    out->have = got > 0 ? (size_t)got : 0;
    return out->have >= sizeof bye && memcmp(out->block, bye, sizeof bye - 1) != 0;
}

static bool serve_engine(const char *run)
{
    bool writes;
    int door = link_connect(run, &writes);
    struct flow out = {.from = door, .to = STDOUT_FILENO, .block = mem_alloc(BLOCK)};
    struct flow in = {.from = STDIN_FILENO, .to = door, .block = mem_alloc(BLOCK)};
    bool good = door >= 0 && is_let_in(&out);
    if (good) {
        fcntl(STDIN_FILENO, F_SETFL, fcntl(STDIN_FILENO, F_GETFL) | O_NONBLOCK);
        fcntl(STDOUT_FILENO, F_SETFL, fcntl(STDOUT_FILENO, F_GETFL) | O_NONBLOCK);
        fcntl(STDOUT_FILENO, F_SETPIPE_SZ, NEAR); /* what waits for a slow line waits in the engine, see run/viewer.c */
        hand_on(&out, &in);
    }
    if (door >= 0)
        close(door);
    mem_free(in.block);
    mem_free(out.block);
    return good;
}

/* --- from the file --- */

static void refuse(void *context, struct viewer *viewer, const struct run_command *command)
{
    struct run_answer answer = {.id = command->id, .sentence = "nobody trains in it, so nothing can be told to it"};
    (void)context;
    viewer_answer(viewer, &answer);
}

static int serve_file(const char *run)
{
    struct error error = {0};
    struct viewer_options options = {
        .run = run, .in = dup(STDIN_FILENO), .out = dup(STDOUT_FILENO), .by = "", .command = refuse};
    struct viewer *viewer = viewer_create(&options, &error);
    if (!viewer)
        return app_fail(&error);
    while (viewer_serve(viewer)) {
        struct pollfd fds[VIEWER_FDS];
        bool alive = rundir_is_active(run); /* without a door that can be reached from here */
        if (!alive)
            viewer_end(viewer);
        viewer_poll(viewer, fds);
        poll(fds, VIEWER_FDS, alive || fds[1].fd >= 0 ? TICK_MS : 0);
    }
    viewer_destroy(viewer);
    return 0;
}

static int stream(int argc, char **argv)
{
    const char *runs = NULL;
    const struct option_row options[] = {{.name = "--runs", .value = &runs}};
    argc = app_options(&verb_stream, argc, argv, options, THAW_LENGTH(options));
    if (argc < 0)
        return argc == -1 ? 0 : error_exit_code(ERROR_USAGE);
    if (argc != 2)
        return app_usage(&verb_stream, "one run is needed");
    struct error error = {0};
    signal(SIGPIPE, SIG_IGN);
    char *run = app_run(runs, argv[1], &error);
    if (!run) { /* the other end shows it */
        app_json(json_pack("{s:s}", "bye", error.text));
        return app_fail(&error);
    }
    int code = serve_engine(run) ? 0 : serve_file(run);
    mem_free(run);
    return code;
}

const struct verb verb_stream = {
    .name = "stream",
    .synopsis = "RUN [--runs DIR]",
    .help = "the server's end of thaw attach HOST:RUN",
    .options = "  RUN          its name, an unambiguous part of it, last, or a directory\n"
               "  --runs DIR   the folder of runs that RUN is looked for in\n\n"
               "Speaks the protocol of thaw-run(5) on standard input and output.\n",
    .run = stream,
};
