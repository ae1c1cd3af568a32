/* A digest of a run's data, training and validation, kept in its checkpoints, so that a run goes on with what it was
 * trained with. Paths and times are not in it: the data may be moved or copied. */
#ifndef THAW_TRAIN_DATA_DIGEST_H
#define THAW_TRAIN_DATA_DIGEST_H

#include "thaw/data/dataset.h"
#include "thaw/train/experiment.h"

struct data_digest {
    int extent;         /* enum digest_extent */
    struct hash names;  /* of the files, with their labels; {0,0}: nothing is known */
    struct hash sizes;  /* bytes of each; of names alone {0,0} */
    struct hash stored; /* what is in them, undecoded; of names alone {0,0} */
};

/* Reads of DIGEST_SAMPLE up to 256 files a part, evenly spread, and of each at most its two ends, a megabyte in all; of
 * images that lie in memory (IDX) all. What cannot be read any more counts as that. */
void data_digest_take(struct data_digest *digest, const struct dataset *dataset,
                      enum digest_extent extent) THAW_NONNULL;
/* Whether a dataset, of which there is a digest, is the one that another was taken of. Where their extents differ, another
 * is taken of it. ERROR_DATA names what is not the same. */
bool data_digest_check(const struct data_digest *was, const struct data_digest *is, const struct dataset *dataset,
                       struct error *error) THAW_NONNULL THAW_MUST_CHECK;

#endif
