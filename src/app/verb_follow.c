/* thaw follow: a run's lines, or its events, from the beginning until it ends; from a live run, or a directory that grows
 * or was copied here. */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "print.h"
#include "run_lines.h"
#include "say.h"
#include "thaw/base/mem.h"
#include "thaw/run/link.h"
#include "thaw/run/run_find.h"
#include "thaw/run/rundir.h"

struct following {
    struct run_lines lines;
    uint64_t from;
    bool json, failed;
    bool lived; /* the run was reached */
};

static void take_event(struct following *following, const struct link_message *message)
{
    bool told = message->number >= following->from;
    if (following->json && told) {
        char *line = event_to_json(&message->event);
        following->failed = !print_json_line(line) || fflush(stdout) != 0;
        mem_free(line);
    }
    following->lines.quiet = following->json || !told;
    run_lines_tell(&following->lines, &message->event);
    following->failed = following->failed || ferror(stdout);
}

/* It was cut back to a checkpoint, to go on from there: told again from its first event on. */
static void begin_again(struct following *following)
{
    run_lines_finish(&following->lines);
    run_lines_init(&following->lines, stdout, following->json);
    if (following->json)
        print_json_line("{\"reset\":true}");
    else
        say("gone on with from a checkpoint; from the beginning:\n");
}

/* A line that drops later on is tried again. */
static void tell_state(struct following *following, const struct link *link)
{
    following->lived = following->lived || link_state(link) == LINK_LIVE;
    if (link_state(link) == LINK_WAITING && following->lived)
        say_on(stderr, "thaw: %s\n", link_sentence(link));
}

static bool is_over(const struct following *following, const struct link *link)
{
    enum link_state state = link_state(link);
    return state == LINK_ENDED || state == LINK_FAILED || (state == LINK_WAITING && !following->lived);
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
            begin_again(following);
        } else if (got == LINK_CHANGED) {
            tell_state(following, link);
        }
    }
    return !following->failed && !is_over(following, link);
}

/* What is printed is not all that the run has said. */
static bool tell_damage(const struct link *link, bool json)
{
    char words[RUN_DAMAGE_TEXT];
    struct run_damage damage = link_damage(link);
    if (!run_damage_words(words, &damage))
        return false;
    if (json)
        app_json(json_pack("{s:I, s:I, s:I}", "damaged", (json_int_t)damage.first, "count", (json_int_t)damage.damaged,
                           "lines", (json_int_t)damage.lines));
    say_on(stderr, "thaw: %s is damaged: %s; what is printed is the rest\n", link_run(link), words);
    return true;
}

static int follow_link(struct link *link, uint64_t from, bool json)
{
    struct following following = {.from = from, .json = json, .lived = link_state(link) == LINK_LIVE};
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
    if (link_state(link) != LINK_ENDED && !following.failed) {
        snprintf(error.text, sizeof error.text, "%s", link_sentence(link));
        code = app_fail(&error);
    } else if (!following.failed) {
        if (!json)
            run_lines_end(&following.lines, link_run(link), false);
        const struct event *done = &following.lines.story.done;
        if (link_damage(link).lines == 0)
            error_set(&error, ERROR_FAILED, "%s: there is no whole event in it", link_run(link));
        else if (done->kind != EVENT_DONE)
            error_set(&error, ERROR_FAILED, "%s: it was broken off: thaw resume goes on with it", link_run(link));
        else if (done->u.done.how == EVENT_DONE_FAILED)
            error_set(&error, ERROR_FAILED, "%s", done->u.done.text);
        code = error.text[0] ? app_fail(&error) : run_lines_code(&following.lines);
        if (tell_damage(link, json) && code == 0)
            code = error_exit_code(ERROR_FAILED);
    }
    run_lines_finish(&following.lines);
    return code;
}

/* The newest run that trains, or where none does the newest; caller frees. */
static char *find_current(const char *runs, struct error *error)
{
    size_t count, at = 0;
    char *folder = run_folder(runs), *path = NULL;
    struct rundir_summary *list = rundir_list(folder, &count, error);
    while (at < count && !list[at].active)
        at++;
    if (list && count)
        path = mem_string(list[at < count ? at : 0].path);
    else if (list)
        error_set(error, ERROR_USAGE, "%s: there are no runs in it", folder);
    rundir_list_free(list, count);
    mem_free(folder);
    return path;
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
    if (argc > 2)
        return app_usage(&verb_follow, "one run at most is followed");
    if (from && !app_number(from, 0, 1e15, &first))
        return app_usage(&verb_follow, "--from takes the number of an event, not %s", from);
    struct error error = {0};
    signal(SIGPIPE, SIG_IGN);
    char *run = argc == 2 ? mem_string(argv[1]) : find_current(runs, &error);
    struct link *link = run ? app_link(runs, run, LINK_READ_ONLY, &error) : NULL;
    int code = link ? follow_link(link, (uint64_t)first, json) : app_fail(&error);
    link_destroy(link);
    mem_free(run);
    return code;
}

const struct verb verb_follow = {
    .name = "follow",
    .synopsis = "[RUN] [--from N] [--runs DIR] [--json]",
    .help = "prints what a run says, until it ends",
    .options = "  RUN          its name, an unambiguous part of it, last, a directory, or HOST:RUN; without one\n"
               "               the run that trains, or else the last\n"
               "  --from N     from event N on; the first is 0\n"
               "  --runs DIR   the folder of runs that RUN is looked for in\n"
               "  --json       the events themselves, a JSON object a line (thaw-run(5))\n",
    .run = follow,
};
