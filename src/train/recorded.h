/* Commands that were done and whose effects a kill may have taken back: what events.jsonl has of them behind the mark of
 * the checkpoint that a run goes on from. They are done again at the same places, so that the run comes to the same bits
 * as if it had not been killed; until then they stand in its checkpoints. A command's number is its own in the run and
 * stays when it is done again, so that none is done twice. */
#ifndef THAW_TRAIN_RECORDED_H
#define THAW_TRAIN_RECORDED_H

#include "thaw/base/error.h"
#include "thaw/run/command.h"
#include "thaw/run/run_damage.h"

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

/* Adds what was done behind the mark of a run; *added: whether there was any. Of lines that are damaged nothing is taken;
 * they are told, and those before the mark, too. */
bool recorded_read(struct recorded_commands *commands, const char *run, uint64_t mark, struct run_damage *damage,
                   bool *added, struct error *error) THAW_NONNULL THAW_MUST_CHECK;

#endif
