/* thaw models pull: fetches weights of the catalog through the session, one after the other, with a bar on a terminal and
 * plain lines elsewhere. The first interrupt cancels; what has come stays and is gone on with the next time. */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "app.h"
#include "print.h"
#include "say.h"
#include "thaw/base/clock.h"
#include "thaw/base/mem.h"
#include "thaw/base/text.h"
#include "thaw/session/session.h"
#include "verb_models.h"

enum { BAR = 30, POLL_MILLISECONDS = 500 };
static const double line_seconds = 10;

static volatile sig_atomic_t interrupted;

static void interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

struct teller {
    bool json, terminal;
    enum session_pull_phase phase; /* as told last */
    char note[256];
    double told;
};

static void tell_bar(const struct session_pull *pull)
{
    char bar[BAR + 1], left[48] = "";
    double share = pull->total > 0 ? pull->received / pull->total : 0;
    for (int i = 0; i < BAR; i++)
        bar[i] = i < (int)(share * BAR) ? '#' : '-';
    bar[BAR] = '\0';
    if (pull->remaining >= 0)
        snprintf(left, sizeof left, ", %.0f s left", pull->remaining);
    say_bar("%s  [%s] %3.0f %%  %.1f of %.1f MB, %.1f MB/s%s", pull->name, bar, 100 * share, pull->received / 1e6,
            pull->total / 1e6, pull->rate / 1e6, left);
}

static void tell_state(const struct session_pull *pull)
{
    static const char *const words[] = {"waits: another process pulls it",
                                        "asks the server",
                                        "receives",
                                        "tries again",
                                        "checks the digest",
                                        "",
                                        "",
                                        ""};
    _Static_assert(THAW_LENGTH(words) == SESSION_PULL_PHASES, "words for every phase");
    say_on(stderr, "%s: %s", pull->name, words[pull->phase]);
    if (pull->phase == SESSION_PULL_RECEIVING && pull->total > 0)
        say_on(stderr, " %.1f of %.1f MB (%.0f %%)", pull->received / 1e6, pull->total / 1e6,
               100 * pull->received / pull->total);
    say_on(stderr, "\n");
}

/* What changed since it was told last. */
static void tell(struct teller *teller, const struct session_pull *pull)
{
    double now = clock_monotonic();
    bool turned = pull->phase != teller->phase, noted = strcmp(pull->note, teller->note) != 0;
    if (session_pull_ended(pull->phase) || teller->json)
        return;
    if (teller->terminal && (noted || turned))
        say_bar_over();
    if (noted && pull->note[0]) {
        say_on(stderr, "%s: %s\n", pull->name, pull->note);
    }
    if (teller->terminal && pull->phase == SESSION_PULL_RECEIVING)
        tell_bar(pull);
    else if (turned || (pull->phase == SESSION_PULL_RECEIVING && now - teller->told >= line_seconds))
        tell_state(pull);
    else
        now = teller->told;
    teller->told = now;
    teller->phase = pull->phase;
    memcpy(teller->note, pull->note, sizeof teller->note);
}

static const struct session_pull *find_last(const struct session *session)
{
    const struct session_pull *pulls;
    size_t count = session_pulls(session, &pulls);
    return &pulls[count - 1];
}

/* Follows the pull that was started last to its end. */
static const struct session_pull *follow(struct session *session, struct teller *teller)
{
    struct pollfd wake = {.fd = session_wake_fd(session), .events = POLLIN};
    const struct session_pull *pull = find_last(session);
    while (!session_pull_ended(pull->phase)) {
        if (poll(&wake, 1, POLL_MILLISECONDS) < 0 && errno != EINTR)
            break;
        if (interrupted)
            session_cancel_pull(session, pull->name);
        session_pump(session);
        pull = find_last(session);
        tell(teller, pull);
    }
    if (teller->terminal)
        say_bar_over();
    return pull;
}

static int report(const struct session_pull *pull, struct teller *teller, json_t *list)
{
    bool done = pull->phase == SESSION_PULL_DONE;
    int code = done ? 0
               : pull->phase == SESSION_PULL_CANCELLED
                   ? error_exit_code(ERROR_INTERRUPTED)
                   : error_exit_code(pull->error.kind == ERROR_NONE ? ERROR_FAILED : pull->error.kind);
    if (!done && pull->phase == SESSION_PULL_FAILED) {
        app_fail(&pull->error);
        say_on(stderr, "thaw: by hand: %s\n", pull->by_hand);
    } else if (!done) {
        say_on(stderr, "thaw: %s: interrupted after %.1f MB; the same command goes on from there\n", pull->name,
               pull->received / 1e6);
    }
    if (teller->json)
        json_array_append_new(
            list,
            json_pack("{s:s, s:b, s:o, s:o, s:o, s:s}", "name", pull->name, "done", done, "path",
                      done ? text_to_json(pull->path) : json_null(), "bytes", print_json_real(pull->received), "error",
                      done ? json_null() : text_to_json(pull->error.text[0] ? pull->error.text : "interrupted"),
                      "by_hand", pull->by_hand));
    else if (done)
        say("%s  %s\n", pull->name, pull->path);
    fflush(stdout);
    return code;
}

static int pull_one(struct session *session, const char *name, struct teller *teller, json_t *list)
{
    struct error error = {0};
    if (!session_pull(session, name, &error))
        return app_fail(&error);
    teller->phase = SESSION_PULL_PHASES;
    teller->note[0] = '\0';
    return report(follow(session, teller), teller, list);
}

int models_pull(char **name, int count, bool offline, bool json)
{
    struct error error = {0};
    struct session_options options = {.offline = offline};
    struct session *session = session_create(&options, &error);
    if (!session)
        return app_fail(&error);
    struct sigaction action = {.sa_handler = interrupt};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    struct teller teller = {.json = json, .terminal = !json && isatty(STDERR_FILENO)};
    json_t *list = json_array();
    int worst = 0;
    for (int i = 0; i < count && !interrupted; i++) {
        int code = pull_one(session, name[i], &teller, list);
        worst = code ? code : worst;
    }
    if (json)
        app_json(json_pack("{s:O}", "pulls", list));
    json_decref(list);
    session_destroy(session);
    return worst;
}
