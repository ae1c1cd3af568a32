/* The session: creation and wake-ups. Threads behind it write a byte to the pipe, links have descriptors of their own;
 * everything else runs on the front end's one thread. */
#include "config.h"

#include "thaw/session/session.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "session_private.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/run/run_find.h"

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
    fork_finish(draft);
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
    session->waits = epoll_create1(EPOLL_CLOEXEC);
    epoll_ctl(session->waits, EPOLL_CTL_ADD, wake[0], &(struct epoll_event){.events = EPOLLIN});
    session->shown_view = -1;
    session->engine = options->engine ? mem_string(options->engine) : NULL;
    session->samples = home_folder(options->samples, PATH_DATA, "samples");
    session->runs_folder = run_folder(options->runs);
    session->models_folder = home_folder(options->models, PATH_DATA, "models");
    session->threads = options->threads;
    session->offline = options->offline;
    session->measures = options->measures;
    session->sort = SESSION_MODEL_COLUMNS;
    session->draft = draft_create();
    session->draft->experiment.train.threads = options->threads;
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
    views_finish(session);
    running_finish(session);
    runs_finish(session);
    look_finish(session);
    cost_finish(session);
    draft_destroy(session->draft);
    pull_finish(session);
    view_finish(session);
    mem_free(session->engine);
    mem_free(session->samples);
    mem_free(session->runs_folder);
    mem_free(session->models_folder);
    close(session->waits);
    close(session->wake[0]);
    close(session->wake[1]);
    mem_free(session);
}

int session_wake_fd(const struct session *session)
{
    return session->waits;
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
    return views_pump(session) + pull_pump(session) + cost_pump(session) + look_pump(session) + results_pump(session) +
           opening_pump(session) + running_pump(session) + runs_pump(session) + (size_t)session->notices;
}
