/* Pulling weights of the catalog, and measuring an image's time: work behind the caller's back. Its threads write a byte
 * to the session's pipe; session_pump then takes in how far they are. */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "session_private.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/fetch/fetch.h"
#include "thaw/source/zoo.h"

_Static_assert((int)SESSION_PULL_PHASES == (int)FETCH_PHASES && (int)SESSION_PULL_DONE == (int)FETCH_DONE,
               "the phases of a fetch, for those who may not see it");

static const double timing_seconds = 1;

static void wake(void *context)
{
    struct session *session = context;
    session_wake(session->wake[1]);
}

/* --- pulls --- */

bool session_pull_ended(enum session_pull_phase phase)
{
    return phase >= SESSION_PULL_DONE;
}

size_t session_pulls(const struct session *session, const struct session_pull **pulls)
{
    *pulls = session->pull;
    return session->pulls;
}

static long find_pull(const struct session *session, const char *name)
{
    for (size_t i = 0; i < session->pulls; i++)
        if (!strcmp(session->pull[i].name, name))
            return (long)i;
    return -1;
}

static struct session_pull *add_pull(struct session *session, const char *name)
{
    long old = find_pull(session, name);
    if (old >= 0) {
        fetch_destroy(session->fetch[old]);
    } else {
        old = (long)session->pulls++;
        session->pull = mem_grow(session->pull, session->pulls, sizeof *session->pull);
        session->fetch = mem_grow(session->fetch, session->pulls, sizeof *session->fetch);
    }
    session->fetch[old] = NULL;
    session->pull[old] = (struct session_pull){.remaining = -1};
    snprintf(session->pull[old].name, sizeof session->pull[old].name, "%s", name);
    return &session->pull[old];
}

static const struct catalog_row *find_row(const struct session *session, const char *name, struct error *error)
{
    if (!session->draft->catalog) {
        *error = session->draft->catalog_fault;
        return NULL;
    }
    const struct catalog_row *row = catalog_find(session->draft->catalog, name);
    if (!row) {
        error_set(error, ERROR_USAGE, "%s: the catalog has no weights of that name", name);
        catalog_tell_nearest(session->draft->catalog, name, error);
    } else if (!row->url[0])
        error_set(error, ERROR_USAGE, "%s has no address to pull it from; put %s into %s", row->name, row->file,
                  session->models_folder);
    return row && row->url[0] ? row : NULL;
}

bool session_pull(struct session *session, const char *name, struct error *error)
{
    const struct catalog_row *row = opening_settle(session, error) ? find_row(session, name, error) : NULL;
    if (!row)
        return false;
    long going = find_pull(session, row->name);
    if (going >= 0 && !session_pull_ended(session->pull[going].phase))
        return true;
    char *path = path_join(session->models_folder, row->file);
    struct fetch_request request = {
        .url = row->url,
        .path = path,
        .hash = row->hash,
        .size = row->size,
        .offline = session->offline,
        .changed = wake,
        .context = session,
    };
    struct fetch *fetch = fetch_create(&request, error);
    if (fetch) {
        struct session_pull *pull = add_pull(session, row->name);
        session->fetch[pull - session->pull] = fetch;
        pull->phase = SESSION_PULL_CONNECTING;
        snprintf(pull->path, sizeof pull->path, "%s", path);
        char *address = fetch_address(row->url, NULL), *command = fetch_by_hand(address, path);
        snprintf(pull->by_hand, sizeof pull->by_hand, "%s", command);
        mem_free(address);
        mem_free(command);
    }
    mem_free(path);
    return fetch != NULL;
}

void session_cancel_pull(struct session *session, const char *name)
{
    const struct catalog_row *row = session->draft->catalog ? catalog_find(session->draft->catalog, name) : NULL;
    long at = find_pull(session, row ? row->name : name);
    if (at >= 0 && session->fetch[at])
        fetch_cancel(session->fetch[at]);
}

/* The number of those that changed. */
static size_t take_pulls(struct session *session)
{
    size_t changed = 0;
    bool arrived = false;
    for (size_t i = 0; i < session->pulls; i++) {
        struct fetch_progress now;
        struct session_pull *pull = &session->pull[i];
        if (!session->fetch[i])
            continue;
        fetch_progress(session->fetch[i], &now);
        changed += (int)pull->phase != (int)now.phase || pull->received != now.received || pull->rate != now.rate;
        pull->phase = (enum session_pull_phase)now.phase;
        pull->received = now.received;
        pull->total = now.total;
        pull->rate = now.rate;
        pull->remaining = now.remaining;
        pull->error = now.error;
        memcpy(pull->note, now.note, sizeof pull->note);
        if (fetch_ended(now.phase)) {
            fetch_destroy(session->fetch[i]);
            session->fetch[i] = NULL;
            arrived = arrived || now.phase == FETCH_DONE;
        }
    }
    if (arrived)
        session_rescan_models(session);
    return changed;
}

/* --- an image's time --- */

/* A network of the same make with fresh weights takes the same time. */
static bool run_timing(struct job *job, void *context, struct error *error)
{
    (void)job;
    struct session_timing *timing = context;
    struct zoo_options options = {.height = timing->side, .width = timing->side};
    struct graph *graph = timing->weights[0]
                              ? load_graph(&(struct load_request){.weights = timing->weights}, NULL, error)
                              : zoo_build(timing->arch, &options, error);
    if (!graph)
        return false;
    struct team *team = team_create(timing->threads);
    if (!timing->weights[0])
        graph_initialise(graph, 1);
    timing->seconds = remember_measure(graph, team, timing_seconds, error);
    remember_input(timing->input, graph);
    snprintf(timing->arch, sizeof timing->arch, "%s", graph->arch);
    team_destroy(team);
    graph_destroy(graph);
    return timing->seconds >= 0;
}

bool session_time_model(struct session *session, size_t row, struct error *error)
{
    struct session_timing *timing = &session->timing;
    struct zoo_arch room;
    if (!opening_settle(session, error))
        return false;
    if (row >= session->draft->models)
        return error_set(error, ERROR_USAGE, "there is no model %zu", row + 1);
    const struct session_model *model = &session->draft->model[row];
    if (timing->job)
        return error_set(error, ERROR_USAGE, "%s is being measured; one at a time", timing->name);
    if (view_shown(session) && session_phase_is_live(view_phase(view_shown(session))))
        return error_set(error, ERROR_USAGE, "a run is training: nothing else would be measured rightly");
    bool known = zoo_find(model->arch, &room) != NULL;
    if (!known && !model->local)
        return error_set(error, ERROR_USAGE, "%s cannot be built without its weights; pull it first", model->name);
    snprintf(timing->name, sizeof timing->name, "%s", model->name);
    snprintf(timing->arch, sizeof timing->arch, "%s", model->arch);
    snprintf(timing->weights, sizeof timing->weights, "%s", known ? "" : model->weights);
    timing->side = model->side;
    timing->threads = session->threads;
    const struct job_request request = {
        .run = run_timing, .context = timing, .what = "measure", .wake = session->wake[1]};
    timing->job = job_start(&request, error);
    return timing->job != NULL;
}

long session_timing(const struct session *session)
{
    for (size_t i = 0; session->timing.job && i < session->draft->models; i++)
        if (!strcmp(session->draft->model[i].name, session->timing.name))
            return (long)i;
    return -1;
}

static size_t take_timing(struct session *session)
{
    struct session_timing *timing = &session->timing;
    struct error unused;
    if (!timing->job || !job_ended(timing->job))
        return 0;
    bool good = job_result(timing->job, &unused);
    job_destroy(timing->job);
    timing->job = NULL;
    if (good)
        remember_time(timing->arch, timing->input, timing->seconds);
    for (size_t i = 0; good && i < session->draft->models; i++)
        if (!strcmp(session->draft->model[i].arch, timing->arch) &&
            !strcmp(session->draft->model[i].input, timing->input))
            session->draft->model[i].seconds = timing->seconds;
    session->shown_known = false;
    return 1;
}

size_t pull_pump(struct session *session)
{
    return take_pulls(session) + take_timing(session);
}

void pull_finish(struct session *session)
{
    for (size_t i = 0; i < session->pulls; i++)
        fetch_destroy(session->fetch[i]);
    mem_free(session->fetch);
    mem_free(session->pull);
    job_destroy(session->timing.job);
}
