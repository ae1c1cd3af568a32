/* Views: starting runs, opening those that are there, feeding their stories from their links, and telling them things. */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "session_private.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/engine/engine.h"
#include "thaw/run/run_find.h"

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
    session_wake(session->wake[1]);
}

bool session_take_notice(struct session *session, struct session_notice *notice)
{
    if (session->notices == 0)
        return false;
    *notice = session->notice[0];
    memmove(session->notice, session->notice + 1, (size_t)--session->notices * sizeof session->notice[0]);
    return true;
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
    session->view[view]->shown = ++session->shows;
    views_follow(session);
    session_wake(session->wake[1]);
}

void session_close_view(struct session *session, size_t view)
{
    if (view < session->views)
        views_drop(session, view);
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
    struct view_stage stage[EXPERIMENT_THAWS];
    int stages = request->resume || request->fork ? 0 : cost_stages(session, stage);
    cost_rest(session);
    struct link *link =
        session->engine ? engine_start(session->engine, request, error) : engine_run_here(request, error);
    if (!link)
        return false;
    struct view *view = views_place(session, link, request->resume ? views_find(session, "", request->resume) : -1);
    view->here = !session->engine;
    view->resumes = request->resume ? mem_string(request->resume) : NULL;
    view->begins = !request->resume;
    view->forks = request->fork != NULL;
    view->stages_known = stages;
    memcpy(view->stage, stage, (size_t)stages * sizeof *stage);
    return true;
}

bool session_start(struct session *session, struct error *error)
{
    struct experiment experiment;
    if (session_leaving_stops(session)) /* this process has room for one */
        return error_set(error, ERROR_USAGE, "a run is training already: stop it first");
    if (!opening_settle(session, error) || !make_experiment(session, &experiment, error))
        return false;
    const struct engine_request request = {
        .experiment = &experiment, .fork = session->draft->fork, .checkpoint = session->draft->checkpoint};
    return begin(session, &request, error);
}

bool session_resume(struct session *session, const char *run, int epochs, struct error *error)
{
    struct experiment experiment;
    char *path = run_find(session->runs_folder, run, error), *file = path ? path_join(path, "experiment.ini") : NULL;
    bool good = path && rundir_check(path, error) && experiment_load(&experiment, file, error);
    struct engine_request request = {.experiment = &experiment, .resume = path, .epochs = epochs};
    good = good && begin(session, &request, error);
    mem_free(file);
    mem_free(path);
    return good;
}

bool session_open_run(struct session *session, const char *run, bool read_only, struct error *error)
{
    char host[LINK_HOST];
    const char *rest;
    bool remote = link_split(run, host, &rest);
    char *path = remote ? mem_string(rest) : run_find(session->runs_folder, rest, error);
    if (!path)
        return false;
    long known = views_find(session, host, path);
    bool fresh = known >= 0 && view_is_fresh(session->view[known]);
    unsigned how = read_only ? LINK_READ_ONLY : 0;
    struct link *link = NULL;
    if (fresh)
        session_show_view(session, (size_t)known);
    else
        link = remote ? link_call(host, path, how, VIEW_RATE, error) : link_open(path, how, error);
    if (link) {
        views_place(session, link, known);
        views_pump(session);
    }
    mem_free(path);
    return fresh || link;
}

bool session_replay(struct session *session, const char *run, double speed, struct error *error)
{
    char *path = run_find(session->runs_folder, run, error);
    struct link *link = path ? link_replay(path, speed, error) : NULL;
    mem_free(path);
    if (link)
        views_place(session, link, -1);
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

/* A run obeys between two batches: what must wait for long is said to have been asked. It looks for a stop in all it does. */
static void tell_wait(struct session *session, const struct view *view, const struct run_command *command,
                      const char *words)
{
    enum session_phase phase = view_phase(view);
    int done = view->story.phase_done, all = view->story.phase_all;
    if (command->kind == RUN_STOP || command->kind == RUN_INTERRUPT)
        return;
    if (phase == SESSION_FEATURES && all > 0)
        view_notice(session, true, "%s: asked, and done once the features are computed (%d of %d images are)", words,
                    done, all);
    else if (phase == SESSION_FEATURES)
        view_notice(session, true, "%s: asked, and done once the features are computed", words);
    else if (phase == SESSION_PREPARING)
        view_notice(session, true, "%s: asked, and done before the first step, once the run is prepared", words);
    else if (phase == SESSION_VALIDATING)
        view_notice(session, true, "%s: asked, and done behind this validation", words);
}

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
    char *told = words ? mem_string(words) : run_command_words(command);
    view->asked[view->askeds++] = (struct view_asked){id, told};
    tell_wait(session, view, command, told);
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
