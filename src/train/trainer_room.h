/* Whether what a run is to leave has room where it is to be left. */
#ifndef THAW_TRAIN_TRAINER_ROOM_H
#define THAW_TRAIN_TRAINER_ROOM_H

#include <stdint.h>

#include "thaw/base/error.h"

/* Bytes. Names and marks in the files are small beside their values and not counted. */
struct trainer_room {
    uint64_t checkpoint, model; /* of one file */
    int checkpoints;            /* that are there at the end: the last, and with validation images the best */
    uint64_t there;             /* what the run has already, to be replaced */
    uint64_t free, file_most;   /* of the file system; of one file, UINT64_MAX: no limit */
};
/* false: a sentence with the figures. path: the run's directory. */
bool trainer_room_check(const struct trainer_room *room, const char *path, struct error *error) THAW_NONNULL;

struct trainer;
/* The same of a run that has its first plan. What the system does not tell is taken for enough. */
bool trainer_has_room(const struct trainer *trainer, struct error *error) THAW_NONNULL THAW_MUST_CHECK;

#endif
