/* What a trainer leaves on disk beside its events. */
#ifndef THAW_TRAIN_TRAINER_SAVE_H
#define THAW_TRAIN_TRAINER_SAVE_H

#include "task.h"
#include "thaw/run/command.h"

struct trainer;

enum trainer_file {
    TRAINER_FILE_LAST,
    TRAINER_FILE_BEST,
    TRAINER_FILE_PREDICTIONS,
    TRAINER_FILE_PREDICTIONS_BEST,
    TRAINER_FILE_MODEL,
    TRAINER_FILES
};

/* Writes the last checkpoint, and a best one that was held before it, with their events; a failure is a warning and
 * false, and it is tried again at the next occasion. */
bool trainer_save(struct trainer *trainer) THAW_NONNULL;
/* Whether the checkpoint of this epoch is to be kept for good. */
bool trainer_keeps_epoch(const struct trainer *trainer, int epoch) THAW_NONNULL;
/* Writes the last checkpoint alone, without a word. */
bool trainer_write_last(struct trainer *trainer, uint64_t mark, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* Keeps the last checkpoint, written at the end of that epoch, by its number, and lets older ones go. */
void trainer_keep_epoch(struct trainer *trainer, int epoch) THAW_NONNULL;
/* The same for somebody who asked: `command` leaves its event before those; a failure is his. */
bool trainer_save_asked(struct trainer *trainer, const struct run_command *command, struct error *error) THAW_NONNULL;
/* Takes the state as it is as the best: writes it `now`, right before a last one, or holds it until the next of them. */
void trainer_keep_best(struct trainer *trainer, bool now) THAW_NONNULL;
/* predictions.json: what Results shows of a reopened run; a failure is a warning. */
void trainer_save_predictions(struct trainer *trainer) THAW_NONNULL;
/* model.safetensors: the best model, or where there is none the last, for eval, predict and other programs. */
void trainer_export(struct trainer *trainer) THAW_NONNULL;
/* What a run that is to end well must have left and has not is why it fails: how it ended tells what is on disk. */
void trainer_account(struct trainer *trainer) THAW_NONNULL;
/* The last checkpoint of a run whose events can be kept no longer. */
void trainer_rescue(struct trainer *trainer) THAW_NONNULL;
void trainer_predictions_finish(struct task_predictions *predictions) THAW_NONNULL;

#endif
