/* Views: starting runs, opening those that are there, feeding their stories from their links, and telling them things. */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "session_private.h"
#include "thaw/base/clock.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/engine/engine.h"
#include "thaw/run/run_find.h"

/* A pump takes in no longer than this, so that keys are answered while a long run is read. */
static const double pump_most = 0.02;

struct view *view_shown(const struct session *session)
{
    return session->shown_view >= 0 ? session->view[session->shown_view] : NULL;
}

/* --- notices --- */

void view_notice(struct session *session, bool good, const char *format, ...)
{
    if (session->notices == VIEW_NOTICES) {
        memmove(session->notice, session->notice + 1, (VIEW_NOTICES - 1) * sizeof session->notice[0]);
        session->notices--;
    }
    struct session_notice *notice = &session->notice[session->notices++];
    va_list args;
    va_start(args, format);
    vsnprintf(notice->text, sizeof notice->text, format, args);
    va_end(args);
    notice->good = good;
}

bool session_take_notice(struct session *session, struct session_notice *notice)
{
    if (session->notices == 0)
        return false;
    *notice = session->notice[0];
    memmove(session->notice, session->notice + 1, (size_t)--session->notices * sizeof session->notice[0]);
    return true;
}

/* --- making and dropping --- */

static void view_destroy(struct session *session, struct view *view)
{
    epoll_ctl(session->waits, EPOLL_CTL_DEL, link_fd(view->link), NULL);
    link_destroy(view->link);
    story_finish(&view->story);
    results_forget(view);
    run_layers_finish(view);
    for (int i = 0; i < view->askeds; i++)
        mem_free(view->asked[i].words);
    mem_free(view);
}

static void drop_view(struct session *session, size_t at)
{
    view_destroy(session, session->view[at]);
    memmove(session->view + at, session->view + at + 1, (session->views - at - 1) * sizeof session->view[0]);
    session->views--;
    if (session->shown_view >= (long)at)
        session->shown_view--;
    if (session->shown_view < 0 && session->views > 0)
        session->shown_view = 0;
}

/* Room for one more: what has ended goes first, the shown one last. */
static void make_room(struct session *session)
{
    for (size_t i = 0; i < session->views;) {
        bool live = session_phase_is_live(view_phase(session->view[i]));
        if (!live)
            drop_view(session, i);
        else
            i++;
    }
    while (session->views >= VIEWS_MAX)
        drop_view(session, session->shown_view == 0 ? 1 : 0);
}

static struct view *add_view(struct session *session, struct link *link)
{
    struct epoll_event event = {.events = EPOLLIN};
    make_room(session);
    struct view *view = mem_alloc(sizeof *view);
    view->link = link;
    story_init(&view->story);
    epoll_ctl(session->waits, EPOLL_CTL_ADD, link_fd(link), &event);
    session->view[session->views++] = view;
    session_show_view(session, session->views - 1);
    return view;
}

size_t session_views(struct session *session)
{
    return session->views;
}

long session_shown_view(const struct session *session)
{
    return session->shown_view;
}

void session_show_view(struct session *session, size_t view)
{
    if (view >= session->views)
        return;
    session->shown_view = (long)view;
    views_follow(session);
    session_wake(session->wake[1]);
}

void session_close_view(struct session *session, size_t view)
{
    if (view < session->views)
        drop_view(session, view);
    views_follow(session);
}

/* Its name where the verb looks for names, else its directory. */
static void fill_attach(const struct view *view, struct session_view *found)
{
    const char *host = link_host(view->link), *run = link_run(view->link), *name = path_base(run);
    char *folder = run_folder(NULL);
    size_t length = strlen(folder);
    bool known = strncmp(run, folder, length) == 0 && run[length] == '/' && name == run + length + 1;
    snprintf(found->attach, sizeof found->attach, "%s%s%s", host, host[0] ? ":" : "", known ? name : run);
    mem_free(folder);
}

void session_view(struct session *session, size_t at, struct session_view *found)
{
    *found = (struct session_view){.phase = SESSION_IDLE, .words = ""};
    if (at >= session->views)
        return;
    const struct view *view = session->view[at];
    const char *host = link_host(view->link), *name = path_base(link_run(view->link));
    snprintf(found->name, sizeof found->name, "%s%s%s", host, host[0] ? ":" : "", name);
    fill_attach(view, found);
    found->phase = view_phase(view);
    found->words = view_words(view);
    found->epoch = view->story.epoch;
    found->epochs = view->story.epochs;
    found->here = view->here;
    found->replay = link_is_replay(view->link);
}

bool session_leaving_stops(struct session *session)
{
    for (size_t i = 0; i < session->views; i++)
        if (session->view[i]->here && session_phase_is_live(view_phase(session->view[i])))
            return true;
    return false;
}

/* --- the subject of Layers --- */

enum session_subject session_subject(const struct session *session)
{
    return view_shown(session) ? session->subject : SESSION_NEXT_RUN;
}

void session_set_subject(struct session *session, enum session_subject subject)
{
    session->subject = subject;
}

void views_follow(struct session *session)
{
    const struct view *view = view_shown(session);
    bool live = view && session_phase_is_live(view_phase(view)) && !link_is_replay(view->link);
    if (live != session->was_live || view != session->was_shown)
        session->subject = live ? SESSION_SHOWN_RUN : SESSION_NEXT_RUN;
    session->was_live = live;
    session->was_shown = view;
}

/* --- feeding --- */

static void take_answer(struct session *session, struct view *view, const struct run_answer *answer)
{
    for (int i = 0; i < view->askeds; i++) {
        if (view->asked[i].id != answer->id)
            continue;
        char *words = view->asked[i].words;
        if (!answer->done)
            view_notice(session, false, "%s: %s", words, answer->sentence);
        else
            view_notice(session, true, "%s%s%s", words, answer->sentence[0] ? ": " : "", answer->sentence);
        mem_free(words);
        view->asked[i] = view->asked[--view->askeds];
        return;
    }
}

static void take_event(struct view *view, const struct event *event)
{
    story_add(&view->story, event);
    if (event->kind == EVENT_EVAL || event->kind == EVENT_DONE)
        view->results_known = false;
    if (event->kind == EVENT_LAYERS || event->kind == EVENT_RUN)
        run_layers_finish(view);
}

static size_t pump_view(struct session *session, struct view *view, double until)
{
    struct link_message message;
    enum link_got got;
    size_t count = 0;
    while ((got = link_next(view->link, &message)) != LINK_NOTHING) {
        count++;
        if (got == LINK_EVENT) {
            take_event(view, &message.event);
            event_finish(&message.event);
        } else if (got == LINK_ANSWER) {
            take_answer(session, view, &message.answer);
        } else if (got == LINK_RESET) {
            story_finish(&view->story);
            run_layers_finish(view);
            view->results_known = false;
        }
        if ((count & 63) == 0 && clock_monotonic() > until) {
            session_wake(session->wake[1]); /* the rest with the next pump */
            break;
        }
    }
    return count;
}

size_t views_pump(struct session *session)
{
    double until = clock_monotonic() + pump_most;
    size_t count = 0;
    for (size_t i = 0; i < session->views; i++)
        count += pump_view(session, session->view[i], until);
    if (count)
        views_follow(session);
    return count;
}

void views_finish(struct session *session)
{
    while (session->views > 0)
        drop_view(session, session->views - 1);
}

/* --- starting and opening --- */

/* What the next run is, checked. */
static bool make_experiment(struct session *session, struct experiment *experiment, struct error *error)
{
    if (!session->draft->graph)
        return error_set(error, ERROR_USAGE, "no model is chosen");
    if (!session->draft->dataset)
        return error_set(error, ERROR_USAGE, "no data is chosen");
    if (!layers_to_experiment(session, error))
        return false;
    *experiment = session->draft->experiment;
    if (!experiment->run.dir[0])
        snprintf(experiment->run.dir, sizeof experiment->run.dir, "%s", session->runs_folder);
    return experiment_check(experiment, error) &&
           experiment_check_thaws(experiment, session->draft->graph, session->draft->freeze, error);
}

static bool begin(struct session *session, const struct engine_request *request, struct error *error)
{
    cost_rest(session);
    struct link *link =
        session->engine ? engine_start(session->engine, request, error) : engine_run_here(request, error);
    if (link)
        add_view(session, link)->here = !session->engine;
    return link != NULL;
}

bool session_start(struct session *session, struct error *error)
{
    struct experiment experiment;
    if (session_leaving_stops(session)) /* this process has room for one */
        return error_set(error, ERROR_USAGE, "a run is training already: stop it first");
    if (!opening_settle(session, error) || !make_experiment(session, &experiment, error))
        return false;
    return begin(session, &(struct engine_request){.experiment = &experiment}, error);
}

bool session_resume(struct session *session, const char *run, int epochs, struct error *error)
{
    struct experiment experiment;
    char *path = run_find(session->runs_folder, run, error), *file = path ? path_join(path, "experiment.ini") : NULL;
    bool good = path && experiment_load(&experiment, file, error);
    struct engine_request request = {.experiment = &experiment, .resume = path, .epochs = epochs};
    good = good && begin(session, &request, error);
    mem_free(file);
    mem_free(path);
    return good;
}

/* Looked at already? */
static long find_view(const struct session *session, const char *host, const char *run)
{
    for (size_t i = 0; i < session->views; i++) {
        const struct link *link = session->view[i]->link;
        if (!link_is_replay(link) && strcmp(link_host(link), host) == 0 && strcmp(link_run(link), run) == 0)
            return (long)i;
    }
    return -1;
}

struct view *view_of(const struct session *session, const char *run)
{
    long at = find_view(session, "", run);
    return at < 0 ? NULL : session->view[at];
}

bool session_open_run(struct session *session, const char *run, bool read_only, struct error *error)
{
    char host[LINK_HOST];
    const char *rest;
    bool remote = link_split(run, host, &rest);
    char *path = remote ? mem_string(rest) : run_find(session->runs_folder, rest, error);
    if (!path)
        return false;
    long known = find_view(session, host, path);
    unsigned how = read_only ? LINK_READ_ONLY : 0;
    struct link *link = NULL;
    if (known >= 0)
        session_show_view(session, (size_t)known);
    else
        link = remote ? link_call(host, path, how, VIEW_RATE, error) : link_open(path, how, error);
    if (link) {
        add_view(session, link);
        views_pump(session);
    }
    mem_free(path);
    return known >= 0 || link;
}

bool session_replay(struct session *session, const char *run, double speed, struct error *error)
{
    char *path = run_find(session->runs_folder, run, error);
    struct link *link = path ? link_replay(path, speed, error) : NULL;
    mem_free(path);
    if (link)
        add_view(session, link);
    return link != NULL;
}

void session_replay_speed(struct session *session, double speed)
{
    struct view *view = view_shown(session);
    if (view)
        link_set_speed(view->link, speed);
}

void session_replay_seek(struct session *session, int epoch)
{
    struct view *view = view_shown(session);
    if (view)
        link_seek_epoch(view->link, epoch);
}

/* --- telling --- */

bool view_post(struct session *session, const struct run_command *command, const char *words, struct error *error)
{
    struct view *view = view_shown(session);
    if (!view)
        return error_set(error, ERROR_FAILED, "no run is shown");
    if (view->askeds == VIEW_ASKED)
        return error_set(error, ERROR_FAILED, "%d commands wait for their answers", VIEW_ASKED);
    uint64_t id = link_post(view->link, command, error);
    if (!id)
        return false;
    view->asked[view->askeds++] = (struct view_asked){id, words ? mem_string(words) : run_command_words(command)};
    session_wake(session->wake[1]);
    return true;
}

bool session_tell(struct session *session, const char *words, struct error *error)
{
    struct run_command command;
    if (!run_command_parse(&command, words, error))
        return false;
    bool good = view_post(session, &command, NULL, error);
    run_command_finish(&command);
    return good;
}
