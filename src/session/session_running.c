/* Which runs train on this machine that nobody looks at here: looked for on a thread, when the front end has drawn its
 * first frame and whenever it asks. Whether one of them still trains is looked up each time that they are told. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "session_private.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"

enum { RUNNING_MAX = 32 };
/* Who asks waits so long, seconds; what takes longer comes with a later pump. */
static const double patience = 0.04;

/* The session's, but once that is gone before the job has ended it is the job's. */
struct session_search {
    char *runs;
    struct job *job;
    struct session_running found[RUNNING_MAX]; /* the job's while it works */
    size_t count;
    struct session_running known[RUNNING_MAX]; /* of the search before */
    size_t known_count;
    struct session_running shown[RUNNING_MAX]; /* those of the known that train and are not looked at */
};

static void destroy(void *context)
{
    struct session_search *search = context;
    mem_free(search->runs);
    mem_free(search);
}

/* On its thread. */
static void take(struct session_search *search, const char *path)
{
    struct rundir_summary summary;
    struct error unused;
    if (search->count == RUNNING_MAX || !rundir_is_active(path) || !rundir_summarise(path, &summary, &unused))
        return;
    struct session_running *found = &search->found[search->count++];
    snprintf(found->run, sizeof found->run, "%s", path);
    snprintf(found->name, sizeof found->name, "%s", summary.name);
    found->epoch = summary.epochs_done < summary.epochs ? summary.epochs_done + 1 : summary.epochs;
    found->epochs = summary.epochs;
    found->paused = summary.paused;
    rundir_summary_finish(&summary);
}

static bool look(struct job *job, void *context, struct error *error)
{
    struct session_search *search = context;
    struct file_list list;
    if (!file_is_directory(search->runs) || !file_list_read(&list, search->runs, error))
        return true;                                               /* no runs yet */
    for (size_t i = list.count; i-- > 0 && !job_cancelled(job);) { /* the newest first */
        char *path = path_join(search->runs, list.name[i]);
        take(search, path);
        mem_free(path);
    }
    file_list_free(&list);
    return true;
}

/* Without a thread what is known stays. */
static void begin(struct session *session)
{
    struct error unused;
    struct session_search *search = session->search;
    if (!search) {
        search = session->search = mem_alloc(sizeof *search);
        search->runs = mem_string(session->runs_folder);
    }
    if (search->job)
        return;
    search->count = 0;
    const struct job_request request = {
        .run = look, .context = search, .what = "look for running runs", .wake = session->wake[1]};
    search->job = job_start(&request, &unused);
}

static size_t take_found(struct session_search *search)
{
    if (!search || !search->job || !job_ended(search->job))
        return 0;
    job_destroy(search->job);
    search->job = NULL;
    memcpy(search->known, search->found, sizeof search->known);
    search->known_count = search->count;
    return search->count;
}

size_t running_pump(struct session *session)
{
    if (!session->search && session->engine) /* runs of other processes are the workbench's concern alone */
        begin(session);
    return take_found(session->search);
}

void session_look_for_running(struct session *session)
{
    if (!session->engine)
        return;
    begin(session);
    if (session->search->job && job_wait(session->search->job, patience))
        take_found(session->search);
}

void running_finish(struct session *session)
{
    struct session_search *search = session->search;
    session->search = NULL;
    if (search && search->job)
        job_abandon(search->job, destroy);
    else if (search)
        destroy(search);
}

size_t session_running(struct session *session, const struct session_running **running)
{
    struct session_search *search = session->search;
    size_t count = 0;
    *running = search ? search->shown : NULL;
    for (size_t i = 0; search && i < search->known_count; i++)
        if (!view_of(session, search->known[i].run) && rundir_is_active(search->known[i].run))
            search->shown[count++] = search->known[i];
    return count;
}
