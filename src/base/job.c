/* Background jobs: one thread, one lock over what both sides see. Called by the session for opening and timing, by
 * fetch for downloads. */
#include "config.h"

#include "thaw/base/job.h"

#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "thaw/base/mem.h"

struct job {
    struct job_request request;
    pthread_t thread;
    int wake; /* a duplicate: whoever asked may be gone */
    atomic_bool cancelled;

    pthread_mutex_t lock; /* of what is below */
    pthread_cond_t end;
    struct job_progress progress;
    bool good;
    struct error error;
    void (*release)(void *context); /* of an abandoned job; NULL: it has an owner */
};

static void destroy(struct job *job)
{
    pthread_cond_destroy(&job->end);
    pthread_mutex_destroy(&job->lock);
    if (job->wake >= 0)
        close(job->wake);
    mem_free(job);
}

static void wake(const struct job *job)
{
    ssize_t put = job->wake < 0 ? 0 : write(job->wake, "", 1); /* full: it is readable anyway */
    (void)put;
}

/* The lock is held until all is told: an owner that sees the end may not free the job before. */
static void *run_thread(void *context)
{
    struct job *job = context;
    struct error error = {.kind = ERROR_NONE};
    bool good = job->request.run(job, job->request.context, &error);
    mem_give_back(); /* a thread's heap stays when it ends, and the next job may be an hour away */
    pthread_mutex_lock(&job->lock);
    job->good = good;
    if (!good)
        job->error = error;
    job->progress.ended = true;
    void (*release)(void *) = job->release;
    pthread_cond_broadcast(&job->end);
    wake(job);
    pthread_mutex_unlock(&job->lock);
    if (release) {
        release(job->request.context);
        destroy(job);
    }
    return NULL;
}

static void init(struct job *job, const struct job_request *request)
{
    pthread_condattr_t attributes;
    job->request = *request;
    job->wake = request->wake < 0 ? -1 : fcntl(request->wake, F_DUPFD_CLOEXEC, 0);
    atomic_init(&job->cancelled, false);
    pthread_mutex_init(&job->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&job->end, &attributes);
    pthread_condattr_destroy(&attributes);
}

struct job *job_start(const struct job_request *request, struct error *error)
{
    struct job *job = mem_alloc(sizeof *job);
    sigset_t all, old;
    init(job, request);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int fault = pthread_create(&job->thread, NULL, run_thread, job);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (!fault)
        return job;
    error_set_errno(error, ERROR_FAILED, fault, "cannot start a thread to %s", request->what);
    destroy(job);
    return NULL;
}

void job_destroy(struct job *job)
{
    if (!job)
        return;
    job_cancel(job);
    pthread_join(job->thread, NULL);
    destroy(job);
}

void job_abandon(struct job *job, void (*release)(void *context))
{
    void *context = job->request.context;
    job_cancel(job);
    pthread_mutex_lock(&job->lock);
    bool ended = job->progress.ended;
    pthread_t thread = job->thread;
    if (!ended)
        job->release = release;
    pthread_mutex_unlock(&job->lock);
    if (!ended) { /* the job may be gone by now */
        pthread_detach(thread);
        return;
    }
    job_destroy(job);
    release(context);
}

void job_cancel(struct job *job)
{
    atomic_store(&job->cancelled, true);
}

bool job_cancelled(struct job *job)
{
    return atomic_load(&job->cancelled);
}

void job_progress(struct job *job, struct job_progress *progress)
{
    pthread_mutex_lock(&job->lock);
    *progress = job->progress;
    pthread_mutex_unlock(&job->lock);
}

bool job_ended(struct job *job)
{
    struct job_progress progress;
    job_progress(job, &progress);
    return progress.ended;
}

bool job_wait(struct job *job, double seconds)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    double whole = floor(seconds), nano = (double)until.tv_nsec + 1e9 * (seconds - whole);
    until.tv_sec += (time_t)whole + (nano >= 1e9);
    until.tv_nsec = (long)(nano >= 1e9 ? nano - 1e9 : nano);
    pthread_mutex_lock(&job->lock);
    while (!job->progress.ended && seconds > 0 && !pthread_cond_timedwait(&job->end, &job->lock, &until))
        ;
    bool ended = job->progress.ended;
    pthread_mutex_unlock(&job->lock);
    return ended;
}

bool job_result(struct job *job, struct error *error)
{
    pthread_mutex_lock(&job->lock);
    while (!job->progress.ended)
        pthread_cond_wait(&job->end, &job->lock);
    bool good = job->good;
    if (!good)
        *error = job->error;
    pthread_mutex_unlock(&job->lock);
    return good;
}

void job_tell(struct job *job, size_t done, size_t all)
{
    pthread_mutex_lock(&job->lock);
    job->progress.done = done;
    job->progress.all = all;
    pthread_mutex_unlock(&job->lock);
    wake(job);
}
