/* thaw tell: one command to a run, and its answer. */
#include "config.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "print.h"
#include "say.h"
#include "thaw/base/clock.h"
#include "thaw/base/mem.h"
#include "thaw/base/text.h"
#include "thaw/run/link.h"

/* A command waits for the batch that runs, an evaluation, or for features to be computed; a line that is gone does not
 * come back for it. */
enum { ANSWER_SECONDS = 3600 };

static char *join_words(int count, char **word)
{
    char *words = mem_string(count ? word[0] : "");
    for (int i = 1; i < count; i++) {
        char *longer = mem_format("%s %s", words, word[i]);
        mem_free(words);
        words = longer;
    }
    return words;
}

static bool wait_for_answer(struct link *link, uint64_t id, struct run_answer *answer, struct error *error)
{
    struct pollfd fd = {.fd = link_fd(link), .events = POLLIN};
    double began = clock_monotonic();
    bool told = false;
    while (clock_monotonic() < began + ANSWER_SECONDS) {
        struct link_message message;
        enum link_got got;
        while ((got = link_next(link, &message)) != LINK_NOTHING) {
            if (got == LINK_ANSWER && message.answer.id == id) {
                *answer = message.answer;
                return true;
            }
        }
        poll(&fd, 1, 1000);
        if (!told && clock_monotonic() - began > 1) {
            say_on(stderr,
                   "asked; it is done behind the batch, the validation or the features that the run computes now\n");
            told = true;
        }
    }
    return error_set(error, ERROR_FAILED, "%s: no answer for %d seconds", link_run(link), ANSWER_SECONDS);
}

/* A called host greets first. */
static void wait_for_line(struct link *link)
{
    struct pollfd fd = {.fd = link_fd(link), .events = POLLIN};
    struct link_message message;
    while (link_state(link) == LINK_STARTING)
        if (link_next(link, &message) == LINK_NOTHING)
            poll(&fd, 1, 1000);
}

static int tell_link(struct link *link, const struct run_command *command, bool json)
{
    struct error error = {0};
    struct run_answer answer = {0};
    wait_for_line(link);
    bool failed = link_state(link) == LINK_FAILED || link_state(link) == LINK_WAITING;
    if (failed)
        error_set(&error, ERROR_FAILED, "%s", link_sentence(link));
    uint64_t id = failed ? 0 : link_post(link, command, &error);
    if (!id || !wait_for_answer(link, id, &answer, &error))
        return app_fail(&error);
    char *words = run_command_words(command);
    if (json)
        app_json(json_pack("{s:b, s:o}", "done", answer.done, "sentence", text_to_json(answer.sentence)));
    else if (answer.done)
        say("done: %s%s%s\n", words, answer.sentence[0] ? ": " : "", answer.sentence);
    else
        say_on(stderr, "thaw: refused: %s: %s\n", words, answer.sentence);
    mem_free(words);
    return answer.done ? 0 : error_exit_code(ERROR_FAILED);
}

static int tell(int argc, char **argv)
{
    bool json = false;
    const char *runs = NULL;
    const struct option_row options[] = {
        {.name = "--json", .flag = &json}, {.name = "--runs", .value = &runs}, {.name = "-", .flag = NULL}};
    argc = app_options(&verb_tell, argc, argv, options, THAW_LENGTH(options));
    if (argc < 0)
        return argc == -1 ? 0 : error_exit_code(ERROR_USAGE);
    if (argc < 3)
        return app_usage(&verb_tell, "a run and a command are needed");
    struct error error = {0};
    struct run_command command;
    char *words = join_words(argc - 2, argv + 2);
    bool good = run_command_parse(&command, words, &error);
    mem_free(words);
    if (!good)
        return app_usage(&verb_tell, "%s", error.text);
    signal(SIGPIPE, SIG_IGN);
    struct link *link = app_link(runs, argv[1], LINK_ANSWERS_ONLY, &error);
    int code = link ? tell_link(link, &command, json) : app_fail(&error);
    link_destroy(link);
    run_command_finish(&command);
    return code;
}

#define WORD(words) "type it without dashes: thaw tell RUN " words
static const struct verb_word words[] = {
    {"now", WORD("stop now")},
    {"epoch", WORD("stop epoch")},
    {"lr", WORD("lr RATE")},
    {"pause", WORD("pause")},
    {"continue", WORD("continue")},
    {"step", WORD("step N")},
    {"stop", WORD("stop")},
    {"save", WORD("save")},
    {"freeze", WORD("freeze PATTERNS")},
    {"thaw", WORD("thaw PATTERNS")},
    {"undo", WORD("undo")},
    {"epochs", WORD("epochs N")},
    {"note", WORD("note TEXT")},
    {NULL, NULL},
};

const struct verb verb_tell = {
    .name = "tell",
    .synopsis = "RUN COMMAND... [--runs DIR] [--json]",
    .help = "gives a run that trains a command, and prints its answer",
    .options = "  RUN            its name, an unambiguous part of it, last, a directory, or HOST:RUN\n"
               "  lr RATE        the learning rate of the next step; the schedule goes on in proportion\n"
               "  pause          waits behind this batch; continue goes on; step [N] makes so many steps\n"
               "  stop [WHEN]    saves and ends: now, epoch (at its end), HH:MM, or +MINUTES\n"
               "  save           writes a checkpoint\n"
               "  freeze PATTERNS, thaw PATTERNS [@ lr*F], undo\n"
               "  epochs N       ends behind epoch N\n"
               "  note TEXT      words among its events, at this moment; runs note is of the whole run\n"
               "  --runs DIR     the folder of runs that RUN is looked for in\n"
               "  --json         the answer as one JSON object\n\n"
               "Exit code 1 where it is refused.\n",
    .run = tell,
    .words = words,
};
