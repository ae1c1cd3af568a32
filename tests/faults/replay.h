/* What a power cut may leave: a log of what a program did to a folder (see preload.h), and folders made of it in which
 * everything before some point happened, as far as it was synced, and of the rest any part. */
#ifndef THAW_TESTS_FAULTS_REPLAY_H
#define THAW_TESTS_FAULTS_REPLAY_H

#include <stdbool.h>
#include <stddef.h>

#include "thaw/base/hash.h"
#include "thaw/base/rng.h"

/* What becomes of what was not synced. */
enum replay_choice {
    REPLAY_ALL,     /* it happened: a kill, not a power cut */
    REPLAY_NOTHING, /* none of it */
    REPLAY_NAMES,   /* names are there, bytes are not: files are empty, or as long as they were */
    REPLAY_ZEROS,   /* names and lengths are there, bytes are zeros */
    REPLAY_BYTES,   /* bytes are there, names are not */
    REPLAY_ANY,     /* of each thing anything: there, missing, zeros, torn in the middle */
    REPLAY_CHOICES
};

struct replay;
/* Looks at the folder as it is before the program begins, */
struct replay *replay_open(const char *root);
/* and reads the log once it has ended. */
void replay_read(struct replay *replay, const char *log);
void replay_close(struct replay *replay);
size_t replay_steps(const struct replay *replay);
/* What the step was, for people. */
const char *replay_step_text(const struct replay *replay, size_t step);
/* The first of so many steps that gave this name to something, took it away, or wrote to what has it, and is not there for
 * good once they were made; `steps`: all are. */
size_t replay_unsafe(const struct replay *replay, size_t steps, const char *name);
/* Makes the folder `to` (which is replaced) as it may be once so many steps were made. rng: for REPLAY_ANY. Its digest;
 * where that is `unlike`, nothing is written. */
struct hash replay_make(struct replay *replay, size_t steps, enum replay_choice choice, struct rng *rng, const char *to,
                        struct hash unlike);

#endif
