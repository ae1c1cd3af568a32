/* The lists of runs on this machine, read behind the caller's back. A job reads for a moment and ends; what it has read is
 * taken in by a pump, and another one goes on, so that nothing is shared while it works. The first time a list fills as
 * it is read; later on the one before is shown until the new one is whole. */
#include "config.h"

#include "session_private.h"
#include "thaw/base/clock.h"
#include "thaw/base/mem.h"
#include "thaw/run/run_keep.h"
#include "thaw/run/run_state.h"
#include "thaw/session/query.h"
#include "thaw/session/run_columns.h"

/* A job reads so long, seconds, and who asks for a list waits for it so long: what the cache knows is there by then. */
static const double slice = 0.1, patience = 0.03;

/* A reading that goes on: the job's while that works, else the front end's. */
struct reading {
    char *folder;
    struct rundir_listing *listing; /* NULL: not begun */
    struct rundir_summary *fresh;   /* of the last job */
    size_t freshes, room, left;
    bool ended;
};
struct run_list {
    struct job *job;
    struct reading *reading;
    bool again; /* asked for while it was read: that may have come too late */
    bool known; /* it was read once */
    unsigned news;
    struct rundir_summary *come;    /* of the reading so far */
    size_t comes, left;             /* left: names that were not looked at, as far as known */
    struct rundir_summary *summary; /* of the reading before; what is shown, once it is known */
    size_t count;
    const struct rundir_summary *shown; /* [runs] one or the other */
    struct session_run *run;            /* [runs] the same for the front end, borrowing from them */
    size_t runs;
};

static void reading_destroy(void *context)
{
    struct reading *reading = context;
    rundir_listing_end(reading->listing);
    rundir_list_free(reading->fresh, reading->freshes);
    mem_free(reading->folder);
    mem_free(reading);
}

/* --- on the job's thread --- */

static bool read_some(struct job *job, void *context, struct error *error)
{
    struct reading *reading = context;
    double until = clock_monotonic() + slice;
    if (!reading->listing)
        reading->listing = rundir_listing_begin(reading->folder, error);
    reading->ended = !reading->listing;
    while (!reading->ended && clock_monotonic() < until && !job_cancelled(job)) {
        if (reading->freshes == reading->room) {
            reading->room = reading->room ? 2 * reading->room : 64;
            reading->fresh = mem_grow(reading->fresh, reading->room, sizeof *reading->fresh);
        }
        reading->ended = !rundir_listing_next(reading->listing, &reading->fresh[reading->freshes]);
        reading->freshes += !reading->ended;
    }
    reading->left = reading->listing ? rundir_listing_left(reading->listing) : 0;
    if (reading->ended) { /* what was read is kept here: that is written and synced */
        rundir_listing_end(reading->listing);
        reading->listing = NULL;
    }
    return true;
}

/* --- on the front end's --- */

static void show(struct run_list *list, const struct rundir_summary *summaries, size_t count)
{
    list->run = mem_grow(list->run, count + 1, sizeof *list->run);
    list->shown = summaries;
    list->runs = count;
    list->news++;
    for (size_t i = 0; i < count; i++) {
        const struct rundir_summary *summary = &summaries[i];
        list->run[i] = (struct session_run){
            .path = summary->path,
            .name = summary->name,
            .model = summary->model,
            .data = summary->data,
            .started = summary->started,
            .seconds = summary->seconds,
            .epochs_done = summary->epochs_done,
            .epochs = summary->epochs,
            .best_epoch = summary->best_epoch,
            .best_accuracy = summary->best_accuracy,
            .last_accuracy = summary->last_accuracy,
            .trainable = (double)summary->params_trainable,
            .frozen = (double)summary->params_frozen,
            .state = run_state_word(summary),
            .trains = summary->active,
            .tags = summary->labels.all ? summary->labels.all : "",
            .note = summary->labels.note ? summary->labels.note : "",
            .parent = summary->parent ? summary->parent : "",
            .damage = summary->damage,
        };
    }
}

static void start_job(struct session *session, struct run_list *list)
{
    struct error unused;
    const struct job_request request = {
        .run = read_some, .context = list->reading, .what = "list the runs", .wake = session->wake[1]};
    list->job = job_start(&request, &unused);
    if (list->job)
        return;
    reading_destroy(list->reading); /* without a thread the list stays as it is */
    list->reading = NULL;
}

static void begin(struct session *session, struct run_list *list, bool trash)
{
    list->again = false;
    list->reading = mem_alloc(sizeof *list->reading);
    list->reading->folder = trash ? run_trash(session->runs_folder) : mem_string(session->runs_folder);
    start_job(session, list);
}

/* What the last job read, behind what came before it. */
static void take_fresh(struct run_list *list)
{
    struct reading *reading = list->reading;
    list->come = mem_grow(list->come, list->comes + reading->freshes + 1, sizeof *list->come);
    for (size_t i = 0; i < reading->freshes; i++)
        list->come[list->comes++] = reading->fresh[i];
    mem_free(reading->fresh);
    reading->fresh = NULL;
    reading->freshes = reading->room = 0;
    rundir_list_sort(list->come, list->comes);
}

static void take_whole(struct run_list *list)
{
    rundir_list_free(list->summary, list->count);
    list->summary = list->come;
    list->count = list->comes;
    list->come = NULL;
    list->comes = 0;
    list->known = true;
    reading_destroy(list->reading);
    list->reading = NULL;
    show(list, list->summary, list->count);
}

static size_t pump(struct session *session, struct run_list *list, bool trash)
{
    if (!list || !list->job || !job_ended(list->job))
        return 0;
    job_destroy(list->job);
    list->job = NULL;
    list->left = list->reading->left;
    take_fresh(list);
    if (list->reading->ended) {
        take_whole(list);
        if (list->again)
            begin(session, list, trash);
        return 1;
    }
    if (!list->known)
        show(list, list->come, list->comes);
    start_job(session, list);
    return !list->known;
}

size_t runs_pump(struct session *session)
{
    return pump(session, session->run_list[false], false) + pump(session, session->run_list[true], true);
}

static struct run_list *list_of(struct session *session, bool trash)
{
    if (!session->run_list[trash])
        session->run_list[trash] = mem_alloc(sizeof *session->run_list[trash]);
    return session->run_list[trash];
}

void session_read_runs(struct session *session, bool trash)
{
    struct run_list *list = list_of(session, trash);
    list->again = list->job != NULL;
    if (list->job)
        return;
    begin(session, list, trash);
    if (list->job && job_wait(list->job, patience))
        pump(session, list, trash);
}

size_t session_runs(struct session *session, bool trash, const struct session_run **runs)
{
    const struct run_list *list = list_of(session, trash);
    *runs = list->run;
    return list->runs;
}

bool session_match_runs(const struct session *session, bool trash, const char *filter, bool *matches, size_t count,
                        struct error *error)
{
    const struct run_list *list = session->run_list[trash];
    struct query *query = query_create(filter, run_columns, error);
    if (!query)
        return false;
    for (size_t i = 0; i < count; i++)
        matches[i] = list && i < list->runs && query_match(query, &list->shown[i]);
    query_destroy(query);
    return true;
}

bool session_runs_left(const struct session *session, bool trash, size_t *left)
{
    const struct run_list *list = session->run_list[trash];
    *left = list ? list->left : 0;
    return list && list->job && !list->known;
}

unsigned session_runs_news(const struct session *session, bool trash)
{
    return session->run_list[trash] ? session->run_list[trash]->news : 0;
}

void runs_finish(struct session *session)
{
    for (int trash = 0; trash < 2; trash++) {
        struct run_list *list = session->run_list[trash];
        session->run_list[trash] = NULL;
        if (!list)
            continue;
        if (list->job)
            job_abandon(list->job, reading_destroy);
        else if (list->reading)
            reading_destroy(list->reading);
        rundir_list_free(list->come, list->comes);
        rundir_list_free(list->summary, list->count);
        mem_free(list->run);
        mem_free(list);
    }
}
