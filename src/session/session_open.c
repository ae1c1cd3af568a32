/* Opening an experiment behind the front end's back: its model, its data and the list of models are made in a session of
 * the opening's own, on a thread of its own, whose draft takes the place of the front end's at the session_pump that finds
 * it ready. Until then the front end's session is an empty one. A call that needs what is being opened waits for it, for a
 * moment: what is typed ahead is done, and a slow disk stops nobody from leaving. */
#include "config.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "session_private.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"

enum { PATIENCE = 1 }; /* seconds */

/* The session's, but once that is gone before the thread has ended it is the thread's. */
struct session_opening {
    char *path, *samples, *runs, *models;
    int threads;
    bool offline;
    session_make_samples make_samples;
    pthread_t thread;
    bool begun;
    char text[128];
    int told; /* drawings that the front end knows of */

    pthread_mutex_t lock; /* of what is below */
    pthread_cond_t change;
    int wake; /* a descriptor of its own: the session's may be closed */
    bool ended, abandoned;
    int drawn, drawings;
    struct session *opened; /* NULL: the fault says why */
    struct error fault;
};

static void destroy(struct session_opening *opening)
{
    session_destroy(opening->opened);
    pthread_cond_destroy(&opening->change);
    pthread_mutex_destroy(&opening->lock);
    close(opening->wake);
    mem_free(opening->path);
    mem_free(opening->samples);
    mem_free(opening->runs);
    mem_free(opening->models);
    mem_free(opening);
}

bool opening_create(struct session *session, const struct session_options *options, struct error *error)
{
    /* The faults of a file that is there are told before anything is drawn. */
    if ((!options->make_samples || file_exists(options->experiment)) &&
        !experiment_load(&session->draft->experiment, options->experiment, error))
        return false;
    if (!session->draft->experiment.train.threads)
        session->draft->experiment.train.threads = options->threads;
    struct session_opening *opening = mem_alloc(sizeof *opening);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&opening->change, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&opening->lock, NULL);
    opening->wake = fcntl(session->wake[1], F_DUPFD_CLOEXEC, 0);
    opening->path = mem_string(options->experiment);
    opening->samples = mem_string(session->samples);
    opening->runs = mem_string(session->runs_folder);
    opening->models = mem_string(session->models_folder);
    opening->threads = options->threads;
    opening->offline = options->offline;
    opening->make_samples = options->make_samples;
    session->opening = opening;
    session_wake(opening->wake); /* the first pump begins it: a front end draws before */
    return true;
}

/* --- on its thread --- */

static void take_drawn(void *context, int done, int all)
{
    struct session_opening *opening = context;
    pthread_mutex_lock(&opening->lock);
    opening->drawn = done;
    opening->drawings = all;
    pthread_mutex_unlock(&opening->lock);
    session_wake(opening->wake);
}

static struct session *open_all(struct session_opening *opening, struct error *error)
{
    const struct session_options options = {
        .samples = opening->samples,
        .runs = opening->runs,
        .models = opening->models,
        .threads = opening->threads,
        .offline = opening->offline,
    };
    if (opening->make_samples && !opening->make_samples(opening->samples, take_drawn, opening, error))
        return NULL;
    struct session *opened = session_create(&options, error);
    if (!opened || session_load_experiment(opened, opening->path, error))
        return opened;
    session_destroy(opened);
    return NULL;
}

static void *run_opening(void *context)
{
    struct session_opening *opening = context;
    struct error fault = {0};
    struct session *opened = open_all(opening, &fault);
    pthread_mutex_lock(&opening->lock);
    opening->opened = opened;
    opening->fault = fault;
    opening->ended = true;
    bool abandoned = opening->abandoned;
    pthread_cond_signal(&opening->change);
    session_wake(opening->wake);
    pthread_mutex_unlock(&opening->lock);
    if (abandoned)
        destroy(opening);
    return NULL;
}

/* --- on the front end's --- */

static void begin(struct session_opening *opening)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int fault = pthread_create(&opening->thread, NULL, run_opening, opening);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    opening->begun = !fault;
    opening->ended = fault;
    if (fault)
        error_set_errno(&opening->fault, ERROR_FAILED, fault, "cannot start a thread to open %s", opening->path);
}

/* What was there before goes with the opened session. */
static void change_drafts(struct session *session, struct session *opened)
{
    struct draft *before = session->draft;
    session->draft = opened->draft;
    opened->draft = before;
    session->shown_known = false;
}

/* Takes in what has been opened; false: it has not ended, though `seconds` were waited for that. */
static bool take(struct session *session, int seconds)
{
    struct session_opening *opening = session->opening;
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += seconds;
    pthread_mutex_lock(&opening->lock);
    while (!opening->ended && seconds && !pthread_cond_timedwait(&opening->change, &opening->lock, &until))
        ;
    bool ended = opening->ended;
    pthread_mutex_unlock(&opening->lock);
    if (!ended)
        return false;
    if (opening->begun)
        pthread_join(opening->thread, NULL);
    if (opening->opened)
        change_drafts(session, opening->opened);
    session->opening_fault = opening->fault;
    session->opening = NULL;
    session->opening_news = true;
    destroy(opening);
    return true;
}

bool opening_settle(struct session *session, struct error *error)
{
    if (!session->opening)
        return true;
    if (!session->opening->begun)
        begin(session->opening);
    return take(session, PATIENCE) ||
           error_set(error, ERROR_USAGE, "%s is still being opened", path_base(session->opening->path));
}

size_t opening_pump(struct session *session)
{
    struct session_opening *opening = session->opening;
    if (opening && !opening->begun)
        begin(opening);
    if (opening && !take(session, 0)) {
        pthread_mutex_lock(&opening->lock);
        session->opening_news |= opening->drawn != opening->told;
        opening->told = opening->drawn;
        pthread_mutex_unlock(&opening->lock);
    }
    bool news = session->opening_news;
    session->opening_news = false;
    return news;
}

void opening_finish(struct session *session)
{
    struct session_opening *opening = session->opening;
    session->opening = NULL;
    if (!opening)
        return;
    pthread_mutex_lock(&opening->lock);
    bool goes_on = opening->begun && !opening->ended;
    opening->abandoned = goes_on;
    pthread_mutex_unlock(&opening->lock);
    if (goes_on) { /* it may take long, and nobody waits for it any more */
        pthread_detach(opening->thread);
        return;
    }
    if (opening->begun)
        pthread_join(opening->thread, NULL);
    destroy(opening);
}

const char *session_opening(const struct session *session)
{
    struct session_opening *opening = session->opening;
    if (!opening)
        return NULL;
    pthread_mutex_lock(&opening->lock);
    if (opening->drawn < opening->drawings)
        snprintf(opening->text, sizeof opening->text, "drawing sample road signs: %d of %d", opening->drawn,
                 opening->drawings);
    else
        snprintf(opening->text, sizeof opening->text, "opening %s", path_base(opening->path));
    pthread_mutex_unlock(&opening->lock);
    return opening->text;
}

const struct error *session_opening_fault(const struct session *session)
{
    return session->opening_fault.kind ? &session->opening_fault : NULL;
}
