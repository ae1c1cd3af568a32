/* Which runs train on this machine that nobody looks at here: looked for once, on a thread, when the front end has drawn
 * its first frame. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "session_private.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"

enum { RUNNING_MAX = 32 };

/* The session's, but once that is gone before the job has ended it is the job's. */
struct session_search {
    char *runs;
    struct job *job;
    struct session_running found[RUNNING_MAX];
    size_t count;
    struct session_running shown[RUNNING_MAX]; /* those of the found that are not looked at */
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

size_t running_pump(struct session *session)
{
    struct error unused;
    struct session_search *search = session->search;
    if (!search && session->engine) { /* runs of other processes are the workbench's concern alone */
        search = session->search = mem_alloc(sizeof *search);
        search->runs = mem_string(session->runs_folder);
        const struct job_request request = {
            .run = look, .context = search, .what = "look for running runs", .wake = session->wake[1]};
        search->job = job_start(&request, &unused);
    }
    if (!search || !search->job || !job_ended(search->job))
        return 0;
    job_destroy(search->job);
    search->job = NULL;
    return search->count;
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
    for (size_t i = 0; search && !search->job && i < search->count; i++)
        if (!view_of(session, search->found[i].run))
            search->shown[count++] = search->found[i];
    return count;
}
