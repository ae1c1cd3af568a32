/* thaw follow: a run's lines, or its events, from the beginning until it ends; from a live run, or a directory that grows
 * or was copied here. */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "run_lines.h"
#include "thaw/base/mem.h"
#include "thaw/run/link.h"

struct following {
    struct run_lines lines;
    uint64_t from;
    bool json, failed;
};

static void take_event(struct following *following, const struct link_message *message)
{
    bool told = message->number >= following->from;
    if (following->json && told) {
        char *line = event_to_json(&message->event);
        following->failed = puts(line) < 0 || fflush(stdout) != 0;
        mem_free(line);
    }
    following->lines.quiet = following->json || !told;
    run_lines_tell(&following->lines, &message->event);
    following->failed = following->failed || ferror(stdout);
}

/* All that is there; false: the run has ended. */
static bool take_all(struct following *following, struct link *link)
{
    struct link_message message;
    enum link_got got;
    while (!following->failed && (got = link_next(link, &message)) != LINK_NOTHING) {
        if (got == LINK_EVENT) {
            take_event(following, &message);
            event_finish(&message.event);
        } else if (got == LINK_RESET) {
            run_lines_finish(&following->lines);
            run_lines_init(&following->lines, stdout, following->json);
        }
    }
    return !following->failed && link_state(link) != LINK_ENDED && link_state(link) != LINK_FAILED;
}

static int follow_link(struct link *link, uint64_t from, bool json)
{
    struct following following = {.from = from, .json = json};
    struct pollfd fd = {.fd = link_fd(link), .events = POLLIN};
    run_lines_init(&following.lines, stdout, json);
    while (take_all(&following, link)) {
        poll(&fd, 1, following.lines.terminal ? 100 : -1);
        if (following.lines.terminal)
            run_lines_tell(&following.lines, NULL);
    }
    int code = error_exit_code(ERROR_FAILED);
    struct error error = {.kind = ERROR_FAILED};
    following.lines.quiet = false;
    if (link_state(link) == LINK_FAILED) {
        snprintf(error.text, sizeof error.text, "%s", link_sentence(link));
        code = app_fail(&error);
    } else if (!following.failed && json) {
        code = following.lines.story.done.kind == EVENT_DONE ? 0 : code;
    } else if (!following.failed) {
        code = run_lines_end(&following.lines, link_run(link), false);
        if (following.lines.story.done.kind != EVENT_DONE)
            fprintf(stderr, "thaw: the run was broken off: thaw resume goes on with it\n");
    }
    run_lines_finish(&following.lines);
    return code;
}

static int follow(int argc, char **argv)
{
    bool json = false;
    const char *runs = NULL, *from = NULL;
    double first = 0;
    const struct option_row options[] = {
        {.name = "--json", .flag = &json}, {.name = "--runs", .value = &runs}, {.name = "--from", .value = &from}};
    argc = app_options(&verb_follow, argc, argv, options, THAW_LENGTH(options));
    if (argc < 0)
        return argc == -1 ? 0 : error_exit_code(ERROR_USAGE);
    if (argc != 2)
        return app_usage(&verb_follow, "one run is needed");
    if (from && !app_number(from, 0, 1e15, &first))
        return app_usage(&verb_follow, "--from takes the number of an event, not %s", from);
    struct error error = {0};
    signal(SIGPIPE, SIG_IGN);
    struct link *link = app_link(runs, argv[1], true, 0, &error);
    int code = link ? follow_link(link, (uint64_t)first, json) : app_fail(&error);
    link_destroy(link);
    return code;
}

const struct verb verb_follow = {
    .name = "follow",
    .synopsis = "RUN [--from N] [--runs DIR] [--json]",
    .help = "prints what a run says, until it ends",
    .options = "  RUN          its name, an unambiguous part of it, last, a directory, or HOST:RUN\n"
               "  --from N     from event N on; the first is 0\n"
               "  --runs DIR   the folder of runs that RUN is looked for in\n"
               "  --json       the events themselves, a JSON object a line (thaw-run(5))\n",
    .run = follow,
};
