/* The trainer: one background thread that runs an experiment. Commands go in, take effect between two batches and are
 * answered; events and answers come out through a sink. Its only upward calls are the sink's. */
#ifndef THAW_TRAIN_TRAINER_H
#define THAW_TRAIN_TRAINER_H

#include "thaw/run/command.h"
#include "thaw/run/event.h"
#include "thaw/train/experiment.h"

struct trainer_options {
    const struct experiment *experiment;
    const char *resume;     /* a run directory, to go on there from its last checkpoint; NULL: a new run */
    const char *fork;       /* a run directory, from whose checkpoint a new run begins; NULL: from the weights */
    const char *checkpoint; /* of `fork`, as "checkpoint" events name it, or "last", "best", "epoch-0005"; NULL: last */
    int epochs;             /* of a run that goes on: so many in all; 0: as it was */
    const struct event_sink *sink; /* called on the trainer's thread; events are in events.jsonl by then */
};

/* In the run directory, once it has ended or saved: the best weights, for other programs and to go on from. */
#define TRAINER_MODEL "model.safetensors"
/* There, too: where the validation part was split off, its images with their classes (dataset_validation_list). */
#define TRAINER_SPLIT "validation.tsv"

struct trainer;

/* Copies what the options hold and opens the run directory. Heavy work happens on the thread. */
struct trainer *trainer_create(const struct trainer_options *options, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
bool trainer_start(struct trainer *trainer, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
void trainer_join(struct trainer *trainer) THAW_NONNULL;
void trainer_destroy(struct trainer *trainer); /* stops and joins first */

/* Never blocks on training; from any thread. A copy is taken. The sink's `answer` is called once for each command: on the
 * trainer's thread, or, where the run has ended or too many wait already, from here. */
void trainer_post(struct trainer *trainer, const struct run_command *command) THAW_NONNULL;

/* What no event tells. */
enum trainer_state { TRAINER_RUNNING, TRAINER_DONE, TRAINER_FAILED };
struct trainer_status {
    enum trainer_state state;
    char run_path[4096]; /* as it is by now: it may have been moved */
    struct error error;  /* of FAILED */
};
void trainer_status(struct trainer *trainer, struct trainer_status *status) THAW_NONNULL;

#endif
