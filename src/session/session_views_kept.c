/* Which views there are: room for them, one a run, and what their links bring: events, answers, and how their lines are.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>

#include "session_private.h"
#include "thaw/base/clock.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"

/* A pump takes in no longer than this, so that keys are answered while a long run is read. */
static const double pump_most = 0.01;

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
    mem_free(view->resumes);
    mem_free(view);
}

void views_drop(struct session *session, size_t at)
{
    view_destroy(session, session->view[at]);
    memmove(session->view + at, session->view + at + 1, (session->views - at - 1) * sizeof session->view[0]);
    session->views--;
    if (session->shown_view >= (long)at)
        session->shown_view--;
    if (session->shown_view < 0 && session->views > 0)
        session->shown_view = 0;
}

/* Of two views the one to be dropped first: one that has ended, the one that was not shown for longer. */
static bool goes_first(const struct view *a, const struct view *b)
{
    bool a_live = session_phase_is_live(view_phase(a)), b_live = session_phase_is_live(view_phase(b));
    bool a_stops = a_live && a->here, b_stops = b_live && b->here;
    if (a_stops != b_stops)
        return b_stops;
    return a_live != b_live ? b_live : a->shown < b->shown;
}

/* Room for one more. A run that has ended in this process holds its network still, so that it goes in any case. */
static void make_room(struct session *session)
{
    for (size_t i = session->views; i-- > 0;)
        if (session->view[i]->here && !session_phase_is_live(view_phase(session->view[i])))
            views_drop(session, i);
    while (session->views >= VIEWS_MAX) {
        size_t first = 0;
        for (size_t i = 1; i < session->views; i++)
            if (goes_first(session->view[i], session->view[first]))
                first = i;
        views_drop(session, first);
    }
}

struct view *views_place(struct session *session, struct link *link, long at)
{
    struct epoll_event event = {.events = EPOLLIN};
    struct view *view = mem_alloc(sizeof *view);
    view->link = link;
    view->line.state = link_state(link);
    story_init(&view->story);
    if (at < 0) {
        make_room(session);
        at = (long)session->views++;
    } else {
        view_destroy(session, session->view[at]);
    }
    epoll_ctl(session->waits, EPOLL_CTL_ADD, link_fd(link), &event);
    session->view[at] = view;
    session_show_view(session, (size_t)at);
    return view;
}

/* --- one a run --- */

static bool is_of(const struct view *view, const char *host, const char *run)
{
    const struct link *link = view->link;
    if (link_is_replay(link) || !run[0] || strcmp(link_host(link), host) != 0)
        return false;
    return host[0] ? strcmp(link_run(link), run) == 0 : path_is_same(link_run(link), run);
}

long views_find(const struct session *session, const char *host, const char *run)
{
    for (size_t i = 0; i < session->views; i++)
        if (is_of(session->view[i], host, run))
            return (long)i;
    return -1;
}

struct view *view_of(const struct session *session, const char *run)
{
    long at = views_find(session, "", run);
    return at < 0 ? NULL : session->view[at];
}

/* How the file of its events is: another process may go on with a run that has ended. */
static struct view_stamp events_stamp(const struct view *view)
{
    struct stat status;
    char *path = path_join(link_run(view->link), "events.jsonl");
    bool there = !link_host(view->link)[0] && stat(path, &status) == 0;
    mem_free(path);
    return there ? (struct view_stamp){status.st_size, status.st_mtim} : (struct view_stamp){0};
}

bool view_is_fresh(const struct view *view)
{
    enum link_state state = link_state(view->link);
    if (state != LINK_ENDED)
        return state != LINK_FAILED;
    struct view_stamp now = events_stamp(view);
    return now.size == view->stamp.size && now.time.tv_sec == view->stamp.time.tv_sec &&
           now.time.tv_nsec == view->stamp.time.tv_nsec &&
           (view->here || link_host(view->link)[0] || !rundir_is_active(link_run(view->link)));
}

/* A name ("last") may come to mean a run that is looked at already: the view that was there stays, unless it is behind. */
static bool views_merge(struct session *session)
{
    for (size_t i = 1; i < session->views; i++) {
        struct view *view = session->view[i];
        const struct link *link = view->link;
        if (link_state(link) == LINK_STARTING || link_state(link) == LINK_FAILED || link_is_replay(link))
            continue;
        long at = views_find(session, link_host(link), link_run(link));
        if (at < 0 || (size_t)at == i)
            continue;
        bool shown = session->shown_view == (long)i || session->shown_view == at;
        if (link_state(link) == LINK_LIVE && link_state(session->view[at]->link) != LINK_LIVE) {
            session->view[i] = session->view[at];
            session->view[at] = view;
        }
        views_drop(session, i);
        if (shown)
            session_show_view(session, (size_t)at);
        return true;
    }
    return false;
}

/* --- how a line is --- */

static bool is_stepping(const struct view *view)
{
    enum session_phase phase = view_phase(view);
    return phase == SESSION_RUNNING || phase == SESSION_VALIDATING;
}

/* An event has come: how much later than the quickest one did. Clocks of two machines differ, so only that can be told. */
static void line_took(struct view *view, double time)
{
    struct view_line *line = &view->line;
    bool steps = line->told > 0 && is_stepping(view); /* else nothing was to be told */
    double now = clock_wall(), gap = steps ? time - line->told : 0;
    line->gap = gap > 0.9 * line->gap ? gap : 0.9 * line->gap;
    line->offset = now - time;
    if (line->told == 0 || line->offset < line->least)
        line->least = line->offset;
    line->told = time;
    line->came = clock_monotonic();
}

static const double late = 3, silent = 10; /* seconds that are told */

void view_line_words(const struct view *view, char *words, size_t room)
{
    const struct view_line *line = &view->line;
    const char *host = link_host(view->link);
    double behind = line->offset - line->least, silence = clock_monotonic() - line->came;
    struct run_damage damage = link_damage(view->link);
    char unread[RUN_DAMAGE_TEXT];
    words[0] = 0;
    if (!damage.version && run_damage_words(unread, &damage))
        snprintf(words, room, "damaged: %s", unread);
    if (link_state(view->link) == LINK_WAITING)
        snprintf(words, room, "%.250s", link_sentence(view->link));
    else if (!host[0] || line->told == 0 || !is_stepping(view))
        return;
    else if (silence > silent + 4 * line->gap)
        snprintf(words, room, "nothing has come from %.100s for %.0f s: what is shown is as old", host, silence);
    else if (behind > late)
        snprintf(words, room, "the line to %.100s is slow: what is shown is %.0f s old", host, behind);
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
    if (link_host(view->link)[0])
        line_took(view, event->time);
    story_add(&view->story, event);
    if (event->kind == EVENT_EVAL || event->kind == EVENT_DONE)
        view->results_known = false;
    if (event->kind == EVENT_LAYERS || event->kind == EVENT_RUN)
        run_layers_finish(view);
}

/* The other end of the line, or the end of the run. */
static void take_change(struct session *session, struct view *view)
{
    enum link_state before = view->line.state, now = link_state(view->link);
    view->line.state = now;
    if (before == LINK_WAITING && (now == LINK_LIVE || now == LINK_ENDED))
        view_notice(session, true, "The line to %s is back%s", link_host(view->link),
                    now == LINK_LIVE ? ": nothing of the run was missed" : "");
    if (now == LINK_ENDED)
        view->stamp = events_stamp(view);
}

/* Once all is read that there is. */
static void tell_damage(struct session *session, struct view *view)
{
    char words[RUN_DAMAGE_TEXT];
    struct run_damage damage = link_damage(view->link);
    if (view->damage_told || damage.version || !run_damage_words(words, &damage))
        return;
    view->damage_told = true;
    view_notice(session, false, "%.200s is damaged: %s; what is shown is the rest", path_base(link_run(view->link)),
                words);
}

/* Nothing of a run is told before it goes on. */
static void tell_going_on(struct session *session, struct view *view)
{
    if (!view->resumes)
        return;
    view_notice(session, true, "%.200s goes on", path_base(view->resumes));
    mem_free(view->resumes);
    view->resumes = NULL;
}

static size_t pump_view(struct session *session, struct view *view, double until)
{
    struct link_message message;
    enum link_got got;
    size_t count = 0;
    while ((got = link_next(view->link, &message)) != LINK_NOTHING) {
        count++;
        if (got == LINK_EVENT) {
            tell_going_on(session, view);
            take_event(view, &message.event);
            if (view->forks && message.event.kind == EVENT_RUN) {
                fork_began(session, message.event.u.run.parent);
                view->forks = false;
            }
            event_finish(&message.event);
        } else if (got == LINK_ANSWER) {
            take_answer(session, view, &message.answer);
        } else if (got == LINK_CHANGED) {
            take_change(session, view);
        } else if (got == LINK_RESET) {
            story_finish(&view->story);
            run_layers_finish(view);
            view->results_known = false;
        }
        if ((count & 63) == 0 && clock_monotonic() > until) {
            session_wake(session->wake[1]); /* the rest with the next pump */
            return count;
        }
    }
    tell_damage(session, view);
    return count;
}

/* A run that does not go on is looked at as it was. False: there is nothing of it to be seen, and the view is gone. */
static bool take_refusal(struct session *session, size_t at, double until)
{
    struct error unused;
    struct view *view = session->view[at];
    size_t shown = (size_t)session->shown_view;
    view_notice(session, false, "%.200s does not go on: %s", path_base(view->resumes), link_sentence(view->link));
    struct link *link = link_open(view->resumes, 0, &unused);
    if (link) {
        pump_view(session, views_place(session, link, (long)at), until);
        session_show_view(session, shown);
    } else {
        views_drop(session, at);
    }
    return link != NULL;
}

/* Of a new run that could not begin there is nothing to be seen, not even a name. */
static bool take_failed_start(struct session *session, size_t at)
{
    const struct view *view = session->view[at];
    bool nothing = view->begins && view->story.run.kind != EVENT_RUN;
    if (nothing) {
        view_notice(session, false, "The run does not begin: %s", link_sentence(view->link));
        views_drop(session, at);
    }
    return !nothing;
}

size_t views_pump(struct session *session)
{
    double until = clock_monotonic() + pump_most;
    size_t count = 0;
    for (size_t i = 0; i < session->views; i++) {
        const struct view *view = session->view[i];
        count += pump_view(session, session->view[i], until);
        bool failed = link_state(view->link) == LINK_FAILED;
        if (failed && !(view->resumes ? take_refusal(session, i, until) : take_failed_start(session, i)))
            i--;
    }
    if (count && views_merge(session))
        count++;
    if (count)
        views_follow(session);
    return count;
}

void views_finish(struct session *session)
{
    while (session->views > 0)
        views_drop(session, session->views - 1);
}
