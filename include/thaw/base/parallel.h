/* The worker team: a fixed set of threads that run a numbered list of tasks.
 *
 * Rule of determinism: what a task computes depends on its number and on the shapes, never on which worker runs it or
 * on how many there are; sums over tasks are made afterwards, in task order. Then any team size gives the same bits. */
#ifndef THAW_BASE_PARALLEL_H
#define THAW_BASE_PARALLEL_H

#include "thaw/base/macros.h"

struct team;

/* threads >= 1 counts the caller, which works too; 0 means one for each core this process may use. */
struct team *team_create(int threads);
void team_destroy(struct team *team);
/* The threads that a team made so has, where the system gives them: without one. */
int team_cores(int threads);
int team_threads(const struct team *team) THAW_NONNULL;

typedef void (*team_task)(void *context, int task, int worker); /* 0 <= worker < team_threads */

/* Runs tasks 0..tasks-1, each once, in any order; returns when all are done. Not reentrant: a task must not call it.
 * One caller at a time for each team. */
void team_run(struct team *team, int tasks, team_task run, void *context) THAW_NONNULL_ARGS(1, 3);

#endif
