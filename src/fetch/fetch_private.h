/* The inside of a fetch, shared by the files of this folder only. */
#ifndef THAW_FETCH_PRIVATE_H
#define THAW_FETCH_PRIVATE_H

#include <pthread.h>
#include <stdint.h>

#include "thaw/base/job.h"
#include "thaw/fetch/fetch.h"

enum { VALIDATOR_MAX = 160 };

struct fetch {
    char *url, *path; /* what is asked, what it becomes */
    struct digest hash;
    double size, stall_seconds, retry_seconds;
    int tries;
    bool offline;
    void (*changed)(void *context);
    void *context;

    struct job *job;      /* its owner's */
    pthread_mutex_t lock; /* over progress */
    struct fetch_progress progress;

    /* of the fetch's thread alone */
    struct job *self;
    double told, rate_at, rate_from; /* seconds, seconds, bytes */
};

/* fetch.c: what the steps below tell. */
void fetch_tell(struct fetch *fetch, enum fetch_phase phase, double received, double total) THAW_NONNULL;
void fetch_note(struct fetch *fetch, const char *format, ...) THAW_NONNULL THAW_PRINTF(2, 3);
bool fetch_go_on(void *fetch) THAW_NONNULL; /* false once cancelled */
bool fetch_sleep(struct fetch *fetch, double seconds) THAW_NONNULL;

/* partial.c: the unfinished file and what is known of its origin, held by one process at a time. */
struct partial {
    char *path, *origin_path; /* X.part, X.part.from */
    int fd;
    uint64_t bytes;                /* that are there */
    char validator[VALIDATOR_MAX]; /* ETag or date under which they came; "" */
    double total;                  /* of the whole file, 0: not known */
    bool joined;                   /* of bytes that came in more than one try */
};
/* Waits until no other process has it. */
bool partial_open(struct partial *partial, struct fetch *fetch, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
void partial_close(struct partial *partial) THAW_NONNULL; /* what is there stays */
/* Forgets all bytes: what comes next is the beginning. */
bool partial_restart(struct partial *partial, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
bool partial_write(struct partial *partial, const void *data, size_t size,
                   struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* Keeps the origin beside the part, for a later try. */
void partial_keep_origin(const struct partial *partial, const char *url) THAW_NONNULL;
bool partial_has_room(const struct partial *partial, double bytes, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
bool partial_become(struct partial *partial, const char *path, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* Puts it aside as "X.bad". */
void partial_set_aside(struct partial *partial, char *bad) THAW_NONNULL;

/* transfer.c: one try. */
enum transfer_end {
    TRANSFER_WHOLE,
    TRANSFER_AGAIN, /* broken off: another try may do it */
    TRANSFER_FAILED,
};
/* The library's own state, counted; on the thread that creates and destroys. */
void transfer_begin(void);
void transfer_finish(void);
/* Asks for what the part lacks and appends it. *wait: seconds the server asks to wait before the next try, or 0. */
enum transfer_end transfer_run(struct fetch *fetch, struct partial *partial, double *wait,
                               struct error *error) THAW_NONNULL THAW_MUST_CHECK;

#endif
