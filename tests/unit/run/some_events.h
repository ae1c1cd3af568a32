/* Events at random, as a run could say them, for the tests of whatever takes them in. */
#ifndef THAW_TESTS_UNIT_RUN_SOME_EVENTS_H
#define THAW_TESTS_UNIT_RUN_SOME_EVENTS_H

#include "thaw/base/rng.h"
#include "thaw/run/event.h"

enum { SOME_LAYERS = 3, SOME_STEPS = 10, SOME_EPOCHS = 6 };

/* The first two events of a run: with two metrics, a schedule, and SOME_LAYERS layers. */
void some_run(struct event *event) THAW_NONNULL;
void some_layers(struct event *event) THAW_NONNULL;
/* Any other kind, at this step (1..) of a run of SOME_STEPS steps an epoch. Finish all three. */
void some_event(struct event *event, struct rng *rng, enum event_kind kind, uint64_t step) THAW_NONNULL;
/* A run's worth of them, one a line, into <folder>/events.jsonl: `count` lines from line `first` on, always the same for
 * the same number. append: behind what is there. */
void some_lines(const char *folder, uint64_t first, uint64_t count, bool append) THAW_NONNULL;
/* Line `number` of those; caller frees. */
char *some_line(uint64_t number);

#endif
