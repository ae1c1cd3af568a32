/* thaw stream: the server's end of a pipe. What `thaw attach HOST:RUN` starts on the host: speaks the protocol on
 * descriptors 0 and 1, from the run's file; commands go on to the run's engine. */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app.h"
#include "thaw/base/mem.h"
#include "thaw/run/link.h"
#include "thaw/run/rundir.h"
#include "thaw/run/viewer.h"

enum { ASKED_MAX = 256, TICK_MS = 100 };

struct stream {
    struct link *link; /* to the engine, for commands */
    struct viewer *viewer;
    struct asked {
        uint64_t link_id, id;
    } asked[ASKED_MAX];
    int askeds;
};

static void take_command(void *context, struct viewer *viewer, const struct run_command *command)
{
    struct stream *stream = context;
    struct error error = {0};
    struct run_answer refused = {.id = command->id};
    uint64_t id = 0;
    if (stream->askeds == ASKED_MAX)
        error_set(&error, ERROR_FAILED, "%d commands wait for their answers", ASKED_MAX);
    else
        id = link_post(stream->link, command, &error);
    if (id) {
        stream->asked[stream->askeds++] = (struct asked){id, command->id};
        return;
    }
    snprintf(refused.sentence, sizeof refused.sentence, "%.500s", error.text);
    viewer_answer(viewer, &refused);
}

static void take_answer(struct stream *stream, const struct run_answer *answer)
{
    for (int i = 0; i < stream->askeds; i++) {
        if (stream->asked[i].link_id != answer->id)
            continue;
        struct run_answer own = *answer;
        own.id = stream->asked[i].id;
        viewer_answer(stream->viewer, &own);
        stream->asked[i] = stream->asked[--stream->askeds];
        return;
    }
}

/* What the engine says is in the file, too: only answers and the end count. */
static void take_messages(struct stream *stream)
{
    struct link_message message;
    enum link_got got;
    while ((got = link_next(stream->link, &message)) != LINK_NOTHING) {
        if (got == LINK_EVENT)
            event_finish(&message.event);
        if (got == LINK_ANSWER)
            take_answer(stream, &message.answer);
    }
    if (link_state(stream->link) == LINK_ENDED || link_state(stream->link) == LINK_FAILED)
        viewer_end(stream->viewer);
}

static void serve(struct stream *stream)
{
    do {
        struct pollfd fds[3] = {{.fd = viewer_in(stream->viewer), .events = POLLIN},
                                {.fd = viewer_out(stream->viewer), .events = POLLOUT},
                                {.fd = link_fd(stream->link), .events = POLLIN}};
        poll(fds, 3, TICK_MS);
        take_messages(stream);
    } while (viewer_serve(stream->viewer));
}

static int stream_run(const char *run)
{
    struct error error = {0};
    struct stream stream = {.link = link_open(run, false, &error)};
    const char *user = getenv("USER");
    struct viewer_options options = {.run = run,
                                     .in = STDIN_FILENO,
                                     .out = STDOUT_FILENO,
                                     .writes = stream.link && link_writes(stream.link),
                                     .by = user ? user : "",
                                     .command = take_command,
                                     .context = &stream};
    stream.viewer = stream.link ? viewer_create(&options, &error) : NULL;
    if (stream.viewer)
        serve(&stream);
    viewer_destroy(stream.viewer);
    link_destroy(stream.link);
    return stream.viewer ? 0 : app_fail(&error);
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
    int code = stream_run(run);
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
