/* The session: creation, wake-ups, events. The trainer's thread pushes events into the inbox and writes a byte to the
 * pipe; everything else runs on the front end's one thread. */
#include "config.h"

#include "thaw/session/session.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "session_private.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"

static char *home_folder(const char *given, enum path_home home, const char *name)
{
    if (given)
        return path_expand(given);
    char *root = path_home(home), *folder = path_join(root, name);
    mem_free(root);
    return folder;
}

struct draft *draft_create(void)
{
    struct draft *draft = mem_alloc(sizeof *draft);
    draft->chosen = -1;
    experiment_init(&draft->experiment);
    return draft;
}

void draft_destroy(struct draft *draft)
{
    if (!draft)
        return;
    experiment_rows_finish(draft);
    recent_finish(draft);
    data_finish(draft);
    layers_finish(draft);
    models_finish(draft);
    listing_finish(draft);
    mem_free(draft);
}

struct session *session_create(const struct session_options *options, struct error *error)
{
    int wake[2];
    if (pipe(wake) != 0) {
        error_set_errno(error, ERROR_FAILED, errno, "cannot make a pipe");
        return NULL;
    }
    for (int i = 0; i < 2; i++) {
        fcntl(wake[i], F_SETFL, O_NONBLOCK);
        fcntl(wake[i], F_SETFD, FD_CLOEXEC);
    }
    struct session *session = mem_alloc(sizeof *session);
    memcpy(session->wake, wake, sizeof wake);
    pthread_mutex_init(&session->lock, NULL);
    session->samples = home_folder(options->samples, PATH_DATA, "samples");
    session->runs_folder = home_folder(options->runs, PATH_DATA, "runs");
    session->models_folder = home_folder(options->models, PATH_DATA, "models");
    session->threads = options->threads;
    session->offline = options->offline;
    session->sort = SESSION_MODEL_COLUMNS;
    session->draft = draft_create();
    session->draft->experiment.train.threads = options->threads;
    history_init(&session->history);
    if (!options->experiment)
        session_rescan_models(session);
    else if (!opening_create(session, options, error)) {
        session_destroy(session);
        return NULL;
    }
    return session;
}

void session_destroy(struct session *session)
{
    if (!session)
        return;
    opening_finish(session);
    run_finish(session);
    draft_destroy(session->draft);
    pull_finish(session);
    view_finish(session);
    mem_free(session->inbox);
    mem_free(session->samples);
    mem_free(session->runs_folder);
    mem_free(session->models_folder);
    pthread_mutex_destroy(&session->lock);
    close(session->wake[0]);
    close(session->wake[1]);
    mem_free(session);
}

int session_wake_fd(const struct session *session)
{
    return session->wake[0];
}

void session_wake(int descriptor)
{
    ssize_t put = write(descriptor, "", 1); /* full: it is readable anyway */
    (void)put;
}

size_t session_pump(struct session *session)
{
    char drained[64];
    while (read(session->wake[0], drained, sizeof drained) > 0)
        ;
    pthread_mutex_lock(&session->lock);
    struct event *events = session->inbox;
    size_t count = session->inbox_count;
    session->inbox = NULL;
    session->inbox_count = session->inbox_room = 0;
    pthread_mutex_unlock(&session->lock);
    if (!session->recorded) {
        for (size_t i = 0; i < count; i++) {
            history_add(&session->history, &events[i]);
            if (events[i].kind == EVENT_THAW && !events[i].u.thaw.by_hand)
                layers_apply(session, events[i].u.thaw.layers, events[i].u.thaw.frozen);
            if (events[i].kind == EVENT_DONE)
                layers_run_ended(session);
            if (events[i].kind == EVENT_EVAL || events[i].kind == EVENT_DONE)
                session->results_known = false;
        }
    }
    mem_free(events);
    return count + pull_pump(session) + opening_pump(session);
}
