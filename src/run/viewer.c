/* See the header; the protocol is in thaw-run(5). */
#include "config.h"

#include "thaw/run/viewer.h"

#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rundir_private.h"
#include "thaw/base/clock.h"
#include "thaw/base/mem.h"
#include "thaw/base/text.h"
#include "viewer_private.h"

enum { PENDING_MOST = 256 << 10, LINE_MOST = RUN_COMMAND_TEXT_MAX + (64 << 10), LINES_AT_ONCE = 4096 };

struct viewer {
    char *run, *by;
    struct link_lines lines;
    struct event_file file;
    struct viewer_thin thin;
    bool writes, watching, ending, said_bye;
    uint64_t from;    /* the first event that it wants */
    uint64_t sent;    /* number of the next one that it has */
    bool trusts;      /* that the events before `from` are those that it has */
    double from_time; /* of the last of them, as it knows it */
    double moved;     /* clock_monotonic, when it last took something */
    double patience;
    void (*command)(void *context, struct viewer *viewer, const struct run_command *command);
    void *context;
};

static void put(struct viewer *viewer, const char *line)
{
    link_lines_put(&viewer->lines, line, strlen(line));
}

static void greet(struct viewer *viewer)
{
    const char *run = text_is_utf8(viewer->run) ? viewer->run : "?"; /* a path, or none */
    json_t *object = json_pack("{s:i, s:s, s:s, s:b, s:b}", "thaw", 1, "program", PACKAGE_STRING, "run", run, "writes",
                               viewer->writes, "alive", rundir_is_active(viewer->run));
    char *line = json_dumps(object, JSON_COMPACT);
    if (line)
        link_lines_put_first(&viewer->lines, line, strlen(line));
    free(line);
    json_decref(object);
}

struct viewer *viewer_create(const struct viewer_options *options, struct error *error)
{
    struct viewer *viewer = mem_alloc(sizeof *viewer);
    link_lines_init(&viewer->lines, options->in, options->out);
    if (!event_file_open(&viewer->file, options->run, error)) {
        link_lines_finish(&viewer->lines);
        mem_free(viewer);
        return NULL;
    }
    fcntl(options->in, F_SETFL, fcntl(options->in, F_GETFL) | O_NONBLOCK);
    fcntl(options->out, F_SETFL, fcntl(options->out, F_GETFL) | O_NONBLOCK);
    viewer->run = mem_string(options->run);
    viewer->by = mem_string(options->by);
    viewer->writes = options->writes;
    viewer->command = options->command;
    viewer->context = options->context;
    viewer->moved = clock_monotonic();
    viewer->patience = options->patience > 0 ? options->patience : VIEWER_PATIENCE;
    greet(viewer);
    return viewer;
}

void viewer_destroy(struct viewer *viewer)
{
    if (!viewer)
        return;
    viewer_thin_finish(&viewer->thin);
    event_file_close(&viewer->file);
    link_lines_finish(&viewer->lines);
    mem_free(viewer->run);
    mem_free(viewer->by);
    mem_free(viewer);
}

/* It does not take what is sent: nothing more is read from it, so that its answers cannot pile up. */
static bool is_full(const struct viewer *viewer)
{
    return link_lines_pending(&viewer->lines) >= PENDING_MOST;
}

void viewer_poll(const struct viewer *viewer, struct pollfd *fds)
{
    bool pending = link_lines_pending(&viewer->lines) > 0;
    fds[0] = (struct pollfd){.fd = viewer->lines.in, .events = is_full(viewer) ? 0 : POLLIN};
    fds[1] = (struct pollfd){.fd = pending ? viewer->lines.out : -1, .events = POLLOUT};
}

/* --- events --- */

static size_t send_line(void *context, uint64_t number, const char *line, size_t length)
{
    struct viewer *viewer = context;
    size_t before = link_lines_pending(&viewer->lines);
    char skip[48];
    if (number > viewer->sent) {
        snprintf(skip, sizeof skip, "{\"skip\":%" PRIu64 "}", number - viewer->sent);
        put(viewer, skip);
    }
    link_lines_put(&viewer->lines, line, length);
    viewer->sent = number + 1;
    return link_lines_pending(&viewer->lines) - before;
}

static void begin_again(struct viewer *viewer)
{
    put(viewer, "{\"reset\":true}");
    viewer->from = viewer->sent = 0;
    event_file_rewind(&viewer->file);
    if (viewer->thin.rate > 0) {
        viewer_thin_start(&viewer->thin, viewer->thin.rate);
        viewer_thin_survey(&viewer->thin, &viewer->file, 0);
    }
}

/* What else stands in a file that came from somewhere, a "bye" or an answer, must not pass for words of ours. */
static bool is_event(const char *line, size_t length)
{
    static const char start[] = "{\"kind\":";
    return length >= sizeof start && memcmp(line, start, sizeof start - 1) == 0 && !memchr(line, '\0', length);
}

/* It counts as left out, so that numbers stay right. */
static void tell_damaged(struct viewer *viewer, uint64_t number)
{
    char line[48];
    snprintf(line, sizeof line, "{\"damaged\":%" PRIu64 "}", number + 1);
    put(viewer, line);
}

/* A line of the file; where the viewer knows another one in its place all begins again. */
static void take_line(struct viewer *viewer, const char *text, size_t length)
{
    struct viewer_line line = {text, length, viewer->file.number - 1, (double)event_file_offset(&viewer->file)};
    bool last_known = line.number + 1 == viewer->from && !viewer->trusts;
    if (last_known && !event_same_time(event_line_time(text, length), viewer->from_time))
        begin_again(viewer);
    else if (line.number >= viewer->from && !is_event(text, length))
        tell_damaged(viewer, line.number);
    else if (line.number >= viewer->from)
        viewer_thin_take(&viewer->thin, &line, send_line, viewer);
}

/* The file ends before the first event that is wanted: it was cut back. */
static bool is_behind(const struct viewer *viewer)
{
    return viewer->file.number < viewer->from;
}

static void say_bye(struct viewer *viewer)
{
    if (!viewer->said_bye)
        put(viewer, "{\"bye\":\"ended\"}");
    viewer->said_bye = true;
}

static void send_events(struct viewer *viewer)
{
    const char *line;
    size_t length;
    for (int i = 0; i < LINES_AT_ONCE && !is_full(viewer); i++) {
        switch (event_file_next(&viewer->file, &line, &length)) {
        case EVENT_FILE_LINE:
            take_line(viewer, line, length);
            continue;
        case EVENT_FILE_CUT:
            begin_again(viewer);
            continue;
        case EVENT_FILE_NOTHING:
            if (is_behind(viewer)) {
                begin_again(viewer);
                continue;
            }
            viewer_thin_flush(&viewer->thin, viewer->ending, send_line, viewer);
            if (viewer->ending)
                say_bye(viewer);
            return;
        }
    }
}

/* --- commands --- */

static void refuse(struct viewer *viewer, uint64_t id, const char *sentence)
{
    struct run_answer answer = {.id = id};
    snprintf(answer.sentence, sizeof answer.sentence, "%.*s", (int)sizeof answer.sentence - 1, sentence);
    viewer_answer(viewer, &answer);
}

/* What waits for a slow line is to wait here, where answers pass it, and not in the system's buffers. */
static void keep_near(const struct viewer *viewer)
{
    enum { NEAR = 4096 };
    if (setsockopt(viewer->lines.out, SOL_SOCKET, SO_SNDBUF, &(int){NEAR}, sizeof(int)) != 0)
        fcntl(viewer->lines.out, F_SETPIPE_SZ, NEAR);
}

/* Once: looking through the file costs time, which is the engine's. */
static void take_watch(struct viewer *viewer, const struct run_command *command)
{
    double from = command->value > 0 && command->value < 1e15 ? floor(command->value) : 0;
    if (viewer->watching) {
        refuse(viewer, command->id, "it is watched already");
        return;
    }
    viewer->watching = true;
    viewer->from = viewer->sent = (uint64_t)from;
    viewer->trusts = !command->text;
    viewer->from_time = command->text ? strtod(command->text, NULL) : NAN;
    viewer_thin_start(&viewer->thin, command->rate);
    if (command->rate > 0) {
        viewer_thin_survey(&viewer->thin, &viewer->file, viewer->from);
        keep_near(viewer);
    }
}

static void take_command(struct viewer *viewer, const char *line, size_t length)
{
    struct error error = {0};
    struct run_command command;
    if (!run_command_from_json(&command, line, length, &error)) {
        refuse(viewer, command.id, error.text);
        return;
    }
    if (!command.by[0])
        snprintf(command.by, sizeof command.by, "%s", viewer->by);
    if (command.kind == RUN_WATCH)
        take_watch(viewer, &command);
    else if (run_command_row(command.kind)->writes && !viewer->writes)
        refuse(viewer, command.id, "this run may only be looked at from here (read-only)");
    else if (viewer->ending)
        refuse(viewer, command.id, "the run has ended");
    else
        viewer->command(viewer->context, viewer, &command);
    run_command_finish(&command);
}

void viewer_answer(struct viewer *viewer, const struct run_answer *answer)
{
    char *line = run_answer_to_json(answer);
    link_lines_put_first(&viewer->lines, line, strlen(line)); /* somebody waits for it */
    mem_free(line);
}

void viewer_end(struct viewer *viewer)
{
    viewer->ending = true;
}

/* false: the other end is gone, or sends a line without end. */
static bool hear(struct viewer *viewer)
{
    const char *line;
    size_t length;
    bool going = viewer->lines.in >= 0 && (is_full(viewer) || link_lines_read(&viewer->lines));
    while (!is_full(viewer) && link_lines_next(&viewer->lines, &line, &length))
        take_command(viewer, line, length);
    return going && viewer->lines.got_size - viewer->lines.got_at <= LINE_MOST;
}

bool viewer_serve(struct viewer *viewer)
{
    size_t before = link_lines_pending(&viewer->lines);
    if (!hear(viewer))
        return false;
    if (viewer->watching)
        send_events(viewer);
    else if (viewer->ending)
        say_bye(viewer);
    size_t wanted = link_lines_pending(&viewer->lines);
    if (!link_lines_flush(&viewer->lines))
        return false;
    double now = clock_monotonic();
    if (link_lines_pending(&viewer->lines) < wanted || (before == 0 && wanted == 0))
        viewer->moved = now;
    if (viewer->said_bye && link_lines_pending(&viewer->lines) == 0)
        return false;
    return now - viewer->moved < viewer->patience;
}
