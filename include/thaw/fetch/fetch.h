/* Downloads that go on behind the caller's back: created with an address and a path, polled for progress, cancelled or
 * waited for. What has come stays in "PATH.part" and is gone on with the next time, by another process as well, where a
 * digest can tell that it is right; PATH itself appears whole, and only once its digest is the published one. */
#ifndef THAW_FETCH_FETCH_H
#define THAW_FETCH_FETCH_H

#include "thaw/base/digest.h"
#include "thaw/base/error.h"

enum fetch_phase {
    FETCH_WAITING,    /* another process is fetching the same file */
    FETCH_CONNECTING, /* asked, no answer yet */
    FETCH_RECEIVING,
    FETCH_RETRYING, /* broken off; waiting before the next try */
    FETCH_CHECKING, /* the digest is taken */
    FETCH_DONE,     /* the file is there: this and the two below are the end */
    FETCH_FAILED,
    FETCH_CANCELLED,
    FETCH_PHASES
};

/* Text is copied. Zeros stand for the usual values. */
struct fetch_request {
    const char *url;                /* http: or https: */
    const char *path;               /* of the file to be; its folder is made */
    struct digest hash;             /* published for it; DIGEST_NONE: any content will do */
    double size;                    /* bytes, about; 0: not known. Far more than that is refused */
    const char *mirror;             /* stands in for the address up to its last slash, http:, https: or file:; "": none;
                          * NULL: as the variable THAW_MIRROR says */
    bool offline;                   /* touches no network: only what is there already, or a file: mirror */
    double stall_seconds;           /* without 100 bytes a second a try is given up after this (30) */
    double retry_seconds;           /* before the second try (1), twice that before the third, and so on */
    int tries;                      /* in a row without any new byte (4) */
    void (*changed)(void *context); /* called on the fetch's thread when progress changed, ten times a second at most */
    void *context;
};

struct fetch_progress {
    enum fetch_phase phase;
    double received, total; /* bytes, with those of earlier tries; total 0: not known */
    double rate;            /* bytes a second of late */
    double remaining;       /* seconds; -1: not known */
    char note[256];         /* what was remarkable last: gone on with, from the beginning again, tried again; "" */
    struct error error;     /* FAILED: ERROR_FAILED and a sentence; ERROR_WEIGHTS where the digest is another */
};

/* Whether this build has downloads (libcurl). Without them every fetch that is not there already fails, and says so. */
bool fetch_available(void);

struct fetch;
/* Starts at once. NULL: no thread was to be had, or the address is none. One thread calls these four. */
struct fetch *fetch_create(const struct fetch_request *request, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
void fetch_destroy(struct fetch *fetch); /* cancels and waits; what has come stays. Takes NULL */
void fetch_cancel(struct fetch *fetch) THAW_NONNULL;
void fetch_progress(struct fetch *fetch, struct fetch_progress *progress) THAW_NONNULL;

bool fetch_ended(enum fetch_phase phase);
/* The address that is asked: the mirror's in the place of the published one, which it may be. Caller frees. */
char *fetch_address(const char *url, const char *mirror) THAW_NONNULL_ARGS(1);
/* The command that fetches the file by hand: "curl -L --fail -o PATH URL", quoted for a shell. Caller frees. */
char *fetch_by_hand(const char *url, const char *path) THAW_NONNULL;

#endif
