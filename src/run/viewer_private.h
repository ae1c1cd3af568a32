/* What viewer.c and viewer_thin.c share. */
#ifndef THAW_RUN_VIEWER_PRIVATE_H
#define THAW_RUN_VIEWER_PRIVATE_H

#include "link_private.h"
#include "thaw/run/event.h"
#include "thaw/run/viewer.h"

/* An event that waits for room: the latest of its kind. */
struct viewer_held {
    char *line; /* NULL: none */
    size_t length;
    uint64_t number;
};

/* How many bytes a second of events may take. Of the kinds that come again and again the latest is kept until there is
 * room; all others pass. */
struct viewer_thin {
    double rate;   /* 0: all pass */
    double room;   /* bytes that may be sent now */
    double filled; /* clock_monotonic, when room was filled */
    struct viewer_held held[EVENT_KINDS];
};
void viewer_thin_start(struct viewer_thin *thin, double rate, double bytes) THAW_NONNULL;
void viewer_thin_finish(struct viewer_thin *thin) THAW_NONNULL;
/* A line of the file: sent by `send`, or held. */
typedef void viewer_send(void *context, uint64_t number, const char *line, size_t length);
void viewer_thin_take(struct viewer_thin *thin, uint64_t number, const char *line, size_t length, viewer_send *send,
                      void *context) THAW_NONNULL_ARGS(1, 3, 5);
/* Sends what is held where there is room for it, or (all) in any case. */
void viewer_thin_flush(struct viewer_thin *thin, bool all, viewer_send *send, void *context) THAW_NONNULL_ARGS(1, 3);

#endif
