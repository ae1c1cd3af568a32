/* Commands that were done and whose effects a kill may have taken back: what events.jsonl has of them behind the mark of
 * the checkpoint that a run goes on from. They are done again at the same places, so that the run comes to the same bits
 * as if it had not been killed; until then they stand in its checkpoints. A command's number is its own in the run and
 * stays when it is done again, so that none is done twice. */
#ifndef THAW_TRAIN_RECORDED_H
#define THAW_TRAIN_RECORDED_H

#include "thaw/base/error.h"
#include "thaw/run/command.h"

struct recorded_command {
    int number;       /* 1.. */
    int epoch, batch; /* where it was done: in this epoch, before this batch */
    struct run_command command;
};
struct recorded_commands {
    struct recorded_command *of; /* by place, then by number */
    size_t count;
    int last; /* number given out last */
};

/* Whether a command of this kind changes what comes behind it, or what is told of the run, for good. */
bool recorded_lasts(enum run_command_kind kind);
/* Takes the command over; one whose number is there already goes, and false. */
bool recorded_add(struct recorded_commands *commands, const struct recorded_command *command) THAW_NONNULL;
/* Hands over the first one that is due at this place or was before it. false: none is. */
bool recorded_take(struct recorded_commands *commands, int epoch, int batch,
                   struct recorded_command *command) THAW_NONNULL;
void recorded_finish(struct recorded_commands *commands) THAW_NONNULL;

/* Adds what was done behind the mark, in bytes, of a file of events; *added: whether there was any. What is no event
 * ends it: a line that a kill cut short. */
bool recorded_read(struct recorded_commands *commands, const char *events, uint64_t mark, bool *added,
                   struct error *error) THAW_NONNULL THAW_MUST_CHECK;

#endif
