/* The shown run's results: its predictions, rewritten at evaluations, are read on a thread, for those of ten thousand classes
 * are megabytes. What was read before is told until then. */
#include "config.h"

#include <string.h>

#include "results.h"
#include "session_private.h"
#include "thaw/base/mem.h"

/* A front end may wait so long, seconds: what is small is there at once. */
static const double patience = 0.03;

/* The view's, but once that is gone before the job has ended it is the job's. */
struct view_reading {
    struct job *job;
    char *run;
    bool last; /* rather than the best ones */
    struct results_read read;
    bool best, good;
};

static void destroy(void *context)
{
    struct view_reading *reading = context;
    results_drop(&reading->read);
    mem_free(reading->run);
    mem_free(reading);
}

/* --- on its thread --- */

static bool read_results(struct job *job, void *context, struct error *error)
{
    struct view_reading *reading = context;
    (void)job;
    reading->best = !reading->last && results_read(&reading->read, reading->run, true, error);
    reading->good = reading->best || results_read(&reading->read, reading->run, false, error);
    return reading->good;
}

/* --- on the front end's --- */

static void drop(struct view *view)
{
    results_drop(&view->read);
    view->results = (struct session_results){0};
}

void results_forget(struct view *view)
{
    drop(view);
    if (view->reading)
        job_abandon(view->reading->job, destroy);
    view->reading = NULL;
    view->results_known = false;
}

static void take(struct session *session, struct view *view)
{
    struct view_reading *reading = view->reading;
    struct results_read *read = &view->read;
    view->reading = NULL;
    job_destroy(reading->job);
    drop(view);
    view->read = reading->read;
    reading->read = (struct results_read){0};
    if (reading->good)
        view->results = (struct session_results){.classes = read->classes,
                                                 .class_name = (const char *const *)read->class_name,
                                                 .confusion = read->confusion,
                                                 .row = read->row,
                                                 .images = read->images,
                                                 .correct = read->correct,
                                                 .judged = read->judged,
                                                 .epoch = read->epoch,
                                                 .best = reading->best,
                                                 .version = ++session->results};
    destroy(reading);
}

static void begin(struct session *session, struct view *view)
{
    struct error unused;
    struct view_reading *reading = mem_alloc(sizeof *reading);
    reading->run = mem_string(link_run(view->link));
    reading->last = view->last_results;
    const struct job_request request = {
        .run = read_results, .context = reading, .what = "read a run's results", .wake = session->wake[1]};
    reading->job = job_start(&request, &unused);
    view->results_known = true;
    view->reading = reading;
    if (!reading->job) { /* no thread is to be had: without them, until there are others */
        view->reading = NULL;
        drop(view);
        destroy(reading);
    }
}

size_t results_pump(struct session *session)
{
    size_t count = 0;
    for (size_t i = 0; i < session->views; i++)
        if (session->view[i]->reading && job_ended(session->view[i]->reading->job)) {
            take(session, session->view[i]);
            count++;
        }
    return count;
}

void session_results_of(struct session *session, bool best)
{
    struct view *view = view_shown(session);
    if (!view || view->last_results == !best)
        return;
    view->last_results = !best;
    view->results_known = false;
}

const struct session_results *session_results(struct session *session)
{
    struct view *view = view_shown(session);
    bool here = view && !link_host(view->link)[0] && link_run(view->link)[0];
    if (here && !view->results_known && !view->reading) {
        begin(session, view);
        if (view->reading && job_wait(view->reading->job, patience))
            take(session, view);
    }
    return view && view->results.classes ? &view->results : NULL;
}

bool session_results_pending(const struct session *session)
{
    const struct view *view = view_shown(session);
    return view && view->reading;
}
