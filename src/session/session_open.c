/* Opening an experiment behind the front end's back: its model, its data and the list of models are made in a session of
 * the opening's own, on a thread of its own, whose draft takes the place of the front end's at the session_pump that finds
 * it ready. Until then the front end's session is an empty one. A call that needs what is being opened waits for it, for a
 * moment: what is typed ahead is done, and a slow disk stops nobody from leaving. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "session_private.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"

enum { PATIENCE = 1 }; /* seconds */

/* The session's, but once that is gone before the job has ended it is the job's. */
struct session_opening {
    char *path, *instead, *samples, *runs, *models;
    int threads;
    bool offline, may_lack;
    session_make_samples make_samples;
    struct session *opened; /* the job's until it has ended; NULL: its fault says why */
    struct job *job;        /* NULL: not begun, or there is no thread */
    bool begun;
    struct error fault, why_instead, why_none; /* the latter two of kind NONE: it was not necessary */
    char text[128];
    size_t told; /* drawings that the front end knows of */
};

static void destroy(void *context)
{
    struct session_opening *opening = context;
    session_destroy(opening->opened);
    mem_free(opening->path);
    mem_free(opening->instead);
    mem_free(opening->samples);
    mem_free(opening->runs);
    mem_free(opening->models);
    mem_free(opening);
}

bool opening_create(struct session *session, const struct session_options *options, struct error *error)
{
    /* The faults of a file that is there are told before anything is drawn. */
    struct error why = {0};
    bool is_to_be = !options->make_samples || options->instead || file_exists(options->experiment);
    if (is_to_be && !experiment_load(&session->draft->experiment, options->experiment, &why)) {
        if (!options->instead && !options->may_lack) {
            *error = why;
            return false;
        }
        experiment_init(&session->draft->experiment);
    }
    if (!session->draft->experiment.train.threads)
        session->draft->experiment.train.threads = options->threads;
    struct session_opening *opening = mem_alloc(sizeof *opening);
    opening->path = mem_string(options->experiment);
    opening->instead = options->instead ? mem_string(options->instead) : NULL;
    opening->samples = mem_string(session->samples);
    opening->runs = mem_string(session->runs_folder);
    opening->models = mem_string(session->models_folder);
    opening->threads = options->threads;
    opening->offline = options->offline;
    opening->may_lack = options->may_lack;
    opening->make_samples = options->make_samples;
    session->opening = opening;
    session_wake(session->wake[1]); /* the first pump begins it: a front end draws before */
    return true;
}

/* --- on its thread --- */

static void tell_drawn(void *job, int done, int all)
{
    job_tell(job, (size_t)done, (size_t)all);
}

static struct session *open_file(const struct session_options *options, const char *path, struct error *error)
{
    struct session *opened = session_create(options, error);
    if (opened && !session_load_experiment(opened, path, error)) {
        session_destroy(opened);
        opened = NULL;
    }
    return opened;
}

static bool run_opening(struct job *job, void *context, struct error *error)
{
    struct session_opening *opening = context;
    const struct session_options options = {
        .samples = opening->samples,
        .runs = opening->runs,
        .models = opening->models,
        .threads = opening->threads,
        .offline = opening->offline,
    };
    struct session *opened = opening->instead ? open_file(&options, opening->path, &opening->why_instead) : NULL;
    if (!opened) {
        bool drawn = !opening->make_samples || opening->make_samples(opening->samples, tell_drawn, job, error);
        opened = drawn ? open_file(&options, opening->instead ? opening->instead : opening->path, error) : NULL;
    }
    if (!opened && opening->may_lack && !job_cancelled(job)) {
        opening->why_none = *error;
        opened = session_create(&options, error); /* with the list of models */
    }
    opening->opened = opened;
    return opened != NULL;
}

/* --- on the front end's --- */

static void begin(struct session *session)
{
    struct session_opening *opening = session->opening;
    const struct job_request request = {
        .run = run_opening, .context = opening, .what = "open an experiment", .wake = session->wake[1]};
    opening->job = job_start(&request, &opening->fault);
    opening->begun = true;
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
static bool take(struct session *session, double seconds)
{
    struct session_opening *opening = session->opening;
    if (opening->job && !job_wait(opening->job, seconds))
        return false;
    if (opening->job && job_result(opening->job, &opening->fault))
        change_drafts(session, opening->opened);
    job_destroy(opening->job);
    session->opening_fault = opening->fault;
    session->why_instead = opening->why_instead;
    session->why_none = opening->why_none;
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
        begin(session);
    return take(session, PATIENCE) ||
           error_set(error, ERROR_USAGE, "%s is still being opened", path_base(session->opening->path));
}

size_t opening_pump(struct session *session)
{
    struct session_opening *opening = session->opening;
    if (opening && !opening->begun)
        begin(session);
    if (opening && !take(session, 0)) {
        struct job_progress drawn;
        job_progress(opening->job, &drawn);
        session->opening_news |= drawn.done != opening->told;
        opening->told = drawn.done;
    }
    bool news = session->opening_news;
    session->opening_news = false;
    return news;
}

/* It may take long, and nobody waits for it any more. */
void opening_finish(struct session *session)
{
    struct session_opening *opening = session->opening;
    session->opening = NULL;
    if (opening && opening->job)
        job_abandon(opening->job, destroy);
    else if (opening)
        destroy(opening);
}

const char *session_opening(const struct session *session)
{
    struct session_opening *opening = session->opening;
    struct job_progress drawn = {0};
    if (!opening)
        return NULL;
    if (opening->job)
        job_progress(opening->job, &drawn);
    if (drawn.done < drawn.all)
        snprintf(opening->text, sizeof opening->text, "drawing sample road signs: %zu of %zu", drawn.done, drawn.all);
    else
        snprintf(opening->text, sizeof opening->text, "opening %s", path_base(opening->path));
    return opening->text;
}

const struct error *session_opening_fault(const struct session *session)
{
    return session->opening_fault.kind ? &session->opening_fault : NULL;
}

const struct error *session_opened_instead(const struct session *session)
{
    return session->why_instead.kind ? &session->why_instead : NULL;
}

const struct error *session_opened_none(const struct session *session)
{
    return session->why_none.kind ? &session->why_none : NULL;
}
