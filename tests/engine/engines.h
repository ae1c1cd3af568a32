/* Engines of the program itself, for tests: begun, found, stopped, killed. Over the world of tests/resume. */
#ifndef THAW_TESTS_ENGINE_ENGINES_H
#define THAW_TESTS_ENGINE_ENGINES_H

#include <sys/types.h>

#include "../unit/run/reader.h"
#include "thaw/engine/engine.h"

/* How often to do what is done again and again: THAW_TEST_ROUNDS, where that is set, else few times. */
int engine_rounds(int otherwise);

/* Starts the program as an engine, and reads it from its beginning on. */
void engine_begin(struct reader *reader, const struct engine_request *request) THAW_NONNULL;
/* The only run of an experiment, once its first event is written; fails the test after 60 s. */
void engine_find(const struct experiment *experiment, char path[512]) THAW_NONNULL;
/* Directories where its runs go. */
int engine_count_runs(const struct experiment *experiment) THAW_NONNULL;
/* The process that trains in a run; 0: none. */
pid_t engine_process(const char *run) THAW_NONNULL;
/* Ends it by a signal and waits until the lock is free. */
void engine_kill(const char *run, int number) THAW_NONNULL;
/* Tells it to stop and reads to the end. */
void engine_stop(struct reader *reader) THAW_NONNULL;
/* Waits until nobody trains in it; fails the test after 120 s. */
void engine_wait_gone(const char *run) THAW_NONNULL;
/* Fails the test where sockets or half-written files are left in a run that has ended. */
void engine_assert_tidy(const char *run) THAW_NONNULL;
/* Fails the test unless every line of its events, and every file of weights in it, can be read. */
void engine_assert_readable(const char *run) THAW_NONNULL;

#endif
