/* A background job: work on a thread of its own, whose progress another thread asks for, which it may cancel, and whose
 * end it is told through a descriptor. Its thread takes no signals: they go to the threads that have handlers for them. */
#ifndef THAW_BASE_JOB_H
#define THAW_BASE_JOB_H

#include <stdbool.h>
#include <stddef.h>

#include "thaw/base/error.h"

struct job;

struct job_request {
    /* On the job's thread. Work that takes long tells its progress and asks now and then whether it is cancelled. false:
     * *error says why, ERROR_STOPPED where it was cancelled. */
    bool (*run)(struct job *job, void *context, struct error *error);
    void *context;    /* the job's thread's own until the job has ended */
    const char *what; /* of the sentence where there is no thread: "cannot start a thread to <what>" */
    int wake;         /* gets a byte at each progress and at the end; a job writes to a duplicate. -1: none */
};

struct job_progress {
    size_t done, all; /* 0 until the work has told */
    bool ended;
};

/* NULL: there is no thread. job_destroy it. */
struct job *job_start(const struct job_request *request, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* Cancels, waits for the end, frees; takes NULL. */
void job_destroy(struct job *job);
/* Cancels and lets go without waiting: the job is gone for the caller, and `release` gets the context once the work has
 * ended, on the job's thread or, where it had ended before, at once. */
void job_abandon(struct job *job, void (*release)(void *context)) THAW_NONNULL;

/* --- for who started it --- */
void job_cancel(struct job *job) THAW_NONNULL; /* asks only */
void job_progress(struct job *job, struct job_progress *progress) THAW_NONNULL;
bool job_ended(struct job *job) THAW_NONNULL;
/* Waits for the end, `seconds` at the most; false: it goes on. */
bool job_wait(struct job *job, double seconds) THAW_NONNULL;
/* Waits for the end; what run returned, with its error. May be asked again. */
bool job_result(struct job *job, struct error *error) THAW_NONNULL;

/* --- for the work --- */
bool job_cancelled(struct job *job) THAW_NONNULL;
void job_tell(struct job *job, size_t done, size_t all) THAW_NONNULL;

#endif
