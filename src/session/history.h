/* A run's history as the plots need it: curves and marks, gathered from events as they come, live or recorded. */
#ifndef THAW_SESSION_HISTORY_H
#define THAW_SESSION_HISTORY_H

#include "thaw/run/event.h"
#include "thaw/session/session.h"

struct history_curve {
    struct session_point *point;
    size_t points, room;
};

struct history {
    struct history_curve curve[SESSION_CURVES];
    struct session_note *note;
    size_t notes, notes_room;
    struct event run, last_epoch, last_eval, last_proof, done; /* kind EVENT_KINDS: none yet */
    struct event last_step, last_thaw;
    double best_accuracy, elapsed;
    int best_epoch;
    bool paused;
};

void history_init(struct history *history) THAW_NONNULL;
void history_finish(struct history *history) THAW_NONNULL;
void history_add(struct history *history, const struct event *event) THAW_NONNULL;

#endif
