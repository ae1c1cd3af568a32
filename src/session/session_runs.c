/* The list of runs on this machine. */
#include "config.h"

#include "session_private.h"
#include "thaw/base/mem.h"
#include "thaw/run/run_keep.h"
#include "thaw/run/run_state.h"

void runs_finish(struct session *session)
{
    rundir_list_free(session->summary, session->runs);
    mem_free(session->run);
    session->summary = NULL;
    session->run = NULL;
    session->runs = 0;
}

/* Those of a folder. */
static size_t list_runs(struct session *session, const char *folder, const struct session_run **runs)
{
    struct error unused;
    runs_finish(session);
    session->summary = rundir_list(folder, &session->runs, &unused);
    session->run = mem_array(session->runs, sizeof *session->run);
    for (size_t i = 0; i < session->runs; i++) {
        const struct rundir_summary *summary = &session->summary[i];
        session->run[i] = (struct session_run){
            .path = summary->path,
            .name = summary->name,
            .model = summary->model,
            .data = summary->data,
            .started = summary->started,
            .seconds = summary->seconds,
            .epochs_done = summary->epochs_done,
            .epochs = summary->epochs,
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
    *runs = session->run;
    return session->runs;
}

size_t session_runs(struct session *session, const struct session_run **runs)
{
    return list_runs(session, session->runs_folder, runs);
}

size_t session_trash(struct session *session, const struct session_run **runs)
{
    char *trash = run_trash(session->runs_folder);
    size_t count = list_runs(session, trash, runs);
    mem_free(trash);
    return count;
}
