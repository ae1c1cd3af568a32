/* What a test can do to the scripted session beyond session.h. The session itself is fake_session*.c: all of session.h
 * with fixed, plausible data, so that screens can be drawn and driven in process, the same every time. */
#ifndef THAW_TESTS_SCREENS_FAKE_SESSION_H
#define THAW_TESTS_SCREENS_FAKE_SESSION_H

#include "thaw/session/session.h"

enum { FAKE_STEPS_EPOCH = 20, FAKE_LAYERS_MAX = 160 };

/* How many optimiser steps the next calls of session_pump make while a run is running (default 1). */
void fake_session_steps(struct session *session, int steps);
/* Models, data places and runs all gone: the very first start on a bare machine. */
void fake_session_empty(struct session *session);
/* Runs train in this process, not in one of their own: leaving stops them. */
void fake_session_here(struct session *session);
/* So many runs train that are not looked at. */
void fake_session_runs_train(struct session *session, size_t count);
void fake_session_runs_pause(struct session *session); /* the first of these */
/* The run has thawed layer3 at epoch 2 and will thaw layer2 at epoch 9. */
void fake_session_schedule(struct session *session, bool scheduled);
/* The run has not told its layers yet. */
void fake_session_hide_layers(struct session *session, bool hide);
/* Steps begin behind the frozen part. */
void fake_session_keep_features(struct session *session);
/* A warning among the run's notes, at the step it is at. */
void fake_session_warns(struct session *session, const char *text);
/* The run has no validation images. */
void fake_session_no_validation(struct session *session);
/* What is wrong with the line to the run; "": it is good again. */
void fake_session_line(struct session *session, const char *sentence);
/* The run takes no commands from here. */
void fake_session_read_only(struct session *session);
/* What session_opening says; NULL: nothing. */
void fake_session_opening(struct session *session, const char *what);
/* A run that fails, moves a frozen tensor, or ends, at the next pump. */
void fake_session_fail(struct session *session, const char *sentence);
void fake_session_break_proof(struct session *session);
void fake_session_finish_run(struct session *session);

/* The results are still being read, or they are there. */
void fake_session_read_results(struct session *session, bool reading);
/* The run of that name is removed by somebody else. */
void fake_session_lose_run(struct session *session, const char *name);
/* The next download ends with a wrong digest; the user's catalog has a fault. */
void fake_session_fail_pull(struct session *session);
void fake_session_catalog_fault(struct session *session);
/* Reading the runs takes long: so many of them, the newest first, are there with the next pump. */
void fake_session_slow_runs(struct session *session, size_t come);

/* fake_layers.c: fills rows and present marks for an architecture; returns the count. */
size_t fake_layers_make(const char *arch, int classes, struct session_layer *row, unsigned *present);

#endif
