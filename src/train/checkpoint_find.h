/* Which checkpoints a run directory has beside its last one, and whether it has ever had one. */
#ifndef THAW_TRAIN_CHECKPOINT_FIND_H
#define THAW_TRAIN_CHECKPOINT_FIND_H

#include "thaw/base/file.h"
#include "thaw/network/graph.h"

/* Of "epoch-0005.safetensors"; 0: another file. */
int checkpoint_kept_epoch(const char *name) THAW_NONNULL;
/* The files that a run may go on from in place of its last one, newest first: those kept of epochs, and the best where it
 * comes in time, which is opened for that. Names count from the run directory; the caller frees the list. */
void checkpoint_others(struct file_list *list, const char *run, const struct graph *graph) THAW_NONNULL;
/* Whether its events tell of a checkpoint; or of anything, where it is a fork, which begins with one. */
bool checkpoint_was_written(const char *run) THAW_NONNULL;
/* false, ERROR_FAILED: a newer program wrote in this run directory, which is not to be written to. */
bool checkpoint_refuse_newer_run(const char *run, struct error *error) THAW_NONNULL THAW_MUST_CHECK;

#endif
