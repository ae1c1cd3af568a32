/* What viewer.c and viewer_thin.c share. */
#ifndef THAW_RUN_VIEWER_PRIVATE_H
#define THAW_RUN_VIEWER_PRIVATE_H

#include "link_private.h"
#include "thaw/run/event.h"
#include "thaw/run/viewer.h"

/* The kinds of lines that thinning tells apart: those of events, and evaluations that came to the best so far. */
enum { VIEWER_BEST = EVENT_KINDS, VIEWER_KINDS };

/* How many bytes a second of events may take. Of the kinds that come again and again the latest is held until there is
 * room; all others pass. What was there when the viewer came is thinned evenly over the run before that. */
struct viewer_thin {
    double rate;   /* 0: all pass */
    double room;   /* bytes that may be sent now */
    double filled; /* clock_monotonic, when room was filled */
    struct viewer_held {
        char *line; /* NULL: none */
        size_t length;
        uint64_t number;
    } held[VIEWER_KINDS];

    /* the lines that were there, by their ends in the file: from .. to */
    double from, to; /* to 0: none */
    struct viewer_past {
        double bytes, last; /* of all, and the end of the last one */
        double share, sent; /* bytes that may be sent, and are */
    } past[VIEWER_KINDS];
};
void viewer_thin_start(struct viewer_thin *thin, double rate) THAW_NONNULL;
void viewer_thin_finish(struct viewer_thin *thin) THAW_NONNULL;
/* Looks through what the file holds from line `first` on; the file is then at its beginning. */
void viewer_thin_survey(struct viewer_thin *thin, struct event_file *file, uint64_t first) THAW_NONNULL;
/* Sends an event's line, and before it how many were left out; how many bytes that took. */
typedef size_t viewer_send(void *context, uint64_t number, const char *line, size_t length);
/* A line of the file, which ends at `end` there: sent by `send`, held, or left out. */
struct viewer_line {
    const char *text;
    size_t length;
    uint64_t number;
    double end;
};
void viewer_thin_take(struct viewer_thin *thin, const struct viewer_line *line, viewer_send *send, void *context)
    THAW_NONNULL_ARGS(1, 2, 3);
/* Sends what is held where there is room for all of it, or (all) in any case. */
void viewer_thin_flush(struct viewer_thin *thin, bool all, viewer_send *send, void *context) THAW_NONNULL_ARGS(1, 3);

#endif
