/* Beginning from what a run directory holds: trainer_resume.c, and of trainer.c what writes its settings. */
#ifndef THAW_TRAIN_TRAINER_RESUME_H
#define THAW_TRAIN_TRAINER_RESUME_H

#include "trainer_private.h"

/* Takes over what the run directory has, or the checkpoint that is forked from. *data_changed: other training images than
 * when it was written. A failure leaves the run directory as it was. */
bool trainer_take_over(struct trainer *trainer, bool *data_changed, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* Behind the first plan: makes settings and events agree with what was taken over, after whatever would be lost with them
 * has been saved. */
bool trainer_settle_events(struct trainer *trainer, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* experiment.ini. */
bool trainer_write_experiment(const struct trainer *trainer, struct error *error) THAW_NONNULL THAW_MUST_CHECK;

#endif
