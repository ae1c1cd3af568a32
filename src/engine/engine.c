/* A run in this process: alone with its link, or served. */
#include "config.h"

#include "thaw/engine/engine.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "engine_private.h"
#include "thaw/base/mem.h"

enum { TICK_MS = 100, LOOK_MS = 5000 /* whether its directory is still there */ };

/* The trainer with its link, not started yet. */
static struct link *make(const struct engine_request *request, struct error *error)
{
    struct link *link = thread_link_create(error);
    if (!link)
        return NULL;
    struct event_sink sink = thread_link_sink(link);
    const struct trainer_options options = {
        .experiment = request->experiment,
        .resume = request->resume,
        .fork = request->fork,
        .checkpoint = request->checkpoint,
        .epochs = request->epochs,
        .sink = &sink,
    };
    struct trainer *trainer = trainer_create(&options, error);
    if (trainer) {
        thread_link_adopt(link, trainer);
        return link;
    }
    link_destroy(link);
    return NULL;
}

struct link *engine_run_here(const struct engine_request *request, struct error *error)
{
    struct link *link = make(request, error);
    if (!link || trainer_start(thread_link_trainer(link), error))
        return link;
    link_destroy(link);
    return NULL;
}

/* --- signals --- */

struct serving {
    struct link *link;
    struct door *door;
    const struct engine_host *host;
    int signals;             /* a signalfd */
    int asked;               /* INT and TERM so far */
    bool began, ended, gone; /* gone: its directory */
};

static int block_signals(void)
{
    static const int handled[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1};
    sigset_t signals;
    sigemptyset(&signals);
    for (size_t i = 0; i < THAW_LENGTH(handled); i++)
        sigaddset(&signals, handled[i]);
    pthread_sigmask(SIG_BLOCK, &signals, NULL); /* every thread started from here on inherits it */
    signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void post(struct serving *serving, enum run_command_kind kind)
{
    struct error unused;
    struct run_command command = {.kind = kind};
    link_post(serving->link, &command, &unused);
}

static void handle_end(void (*handler)(int number))
{
    signal(SIGINT, handler);
    signal(SIGTERM, handler);
}

/* What comes first behind the run may still be let pass: it ends anyway. */
static void end_next_time(int number)
{
    (void)number;
    handle_end(SIG_DFL);
}

/* Nobody reads the descriptor any more. */
static void let_signals_end(const struct serving *serving)
{
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    handle_end(serving->asked > 0 ? SIG_DFL : end_next_time);
    pthread_sigmask(SIG_UNBLOCK, &ends, NULL);
}

static void take_signals(struct serving *serving)
{
    struct signalfd_siginfo info;
    while (read(serving->signals, &info, sizeof info) == sizeof info) {
        bool ends = info.ssi_signo == SIGINT || info.ssi_signo == SIGTERM;
        if (ends && ++serving->asked > 1) { /* the first could not be followed */
            signal((int)info.ssi_signo, SIG_DFL);
            sigset_t one;
            sigemptyset(&one);
            sigaddset(&one, (int)info.ssi_signo);
            pthread_sigmask(SIG_UNBLOCK, &one, NULL);
            raise((int)info.ssi_signo);
        }
        post(serving, info.ssi_signo == SIGINT ? RUN_INTERRUPT : info.ssi_signo == SIGTERM ? RUN_STOP : RUN_SAVE);
    }
}

/* --- serving --- */

static void tell(struct serving *serving, const struct event *event)
{
    if (event && !serving->began && serving->host->ready)
        serving->host->ready(serving->host->context, link_run(serving->link));
    serving->began = serving->began || event;
    if (serving->host->tell)
        serving->host->tell(serving->host->context, event);
}

/* What the trainer said since the last look. */
static void take_messages(struct serving *serving)
{
    struct link_message message;
    enum link_got got;
    while ((got = link_next(serving->link, &message)) != LINK_NOTHING) {
        if (got == LINK_EVENT) {
            tell(serving, &message.event);
            event_finish(&message.event);
        } else if (got == LINK_ANSWER) {
            door_answer(serving->door, &message.answer);
        }
    }
    enum link_state state = link_state(serving->link);
    serving->ended = state == LINK_ENDED || state == LINK_FAILED;
}

/* One that trains finds out by its next event; one that is paused would stay for ever. */
static void stop_where_gone(struct serving *serving)
{
    if (serving->gone || !door_is_gone(serving->door))
        return;
    serving->gone = true;
    post(serving, RUN_STOP);
}

static void serve(struct serving *serving)
{
    while (!serving->ended) {
        struct pollfd fds[DOOR_FDS + 2] = {{.fd = serving->signals, .events = POLLIN},
                                           {.fd = link_fd(serving->link), .events = POLLIN}};
        int count = 2 + door_poll(serving->door, fds + 2);
        bool ticks = serving->host->tell || door_viewers(serving->door) > 0;
        poll(fds, (nfds_t)count, ticks ? TICK_MS : LOOK_MS);
        take_signals(serving);
        stop_where_gone(serving);
        take_messages(serving);
        door_serve(serving->door);
        tell(serving, NULL);
    }
}

/* And where: it may have been moved. */
static bool how_it_ended(const struct serving *serving, char **run, struct error *error)
{
    struct trainer_status status;
    trainer_status(thread_link_trainer(serving->link), &status);
    mem_free(*run);
    *run = mem_string(status.run_path);
    if (status.state != TRAINER_FAILED)
        return true;
    *error = status.error;
    return false;
}

/* The doors are open before the run begins: who finds it can come in, and where it cannot be prepared it is removed with
 * them. Without doors it trains all the same, unless somebody counts on them. */
static bool begin(struct serving *serving, const struct engine_request *request, struct error *error)
{
    struct error shut = {0};
    serving->link = make(request, error);
    if (!serving->link)
        return false;
    serving->door = door_open(link_run(serving->link), request->share, serving->link, &shut);
    if (!serving->door && request->share)
        return error_set(error, shut.kind, "%s", shut.text);
    return trainer_start(thread_link_trainer(serving->link), error);
}

bool engine_serve(const struct engine_request *request, const struct engine_host *host, char **run, struct error *error)
{
    struct serving serving = {.host = host, .signals = block_signals()};
    *run = NULL;
    if (serving.signals < 0)
        return error_set_errno(error, ERROR_FAILED, errno, "cannot take signals");
    bool good = begin(&serving, request, error);
    if (good) {
        *run = mem_string(link_run(serving.link));
        serve(&serving);
        good = how_it_ended(&serving, run, error);
    }
    let_signals_end(&serving);
    door_close(serving.door);
    link_destroy(serving.link);
    close(serving.signals);
    return good;
}
