/* The same image twice where that spoils figures: a quick look before a training. The doctor (thaw/data/doctor.h) reads and
 * lists everything. */
#ifndef THAW_DATA_TWINS_H
#define THAW_DATA_TWINS_H

#include "thaw/data/dataset.h"

/* Pairs of files with the same bytes; [0] stands for the first in the data's order, [1] for the one that is the same. */
struct twin_pair {
    const struct dataset_item *item[2]; /* borrowed */
    enum dataset_split split[2];
};
struct twins {
    size_t leaks, labels; /* files with a twin in the other part, under the same class; under another class */
    struct twin_pair leak, mislabelled; /* the first of each */
    size_t files, compared;             /* that share their length with another; of these were looked into */
};
/* Compares the training and the validation part: files of the same length by digests of their ends, and where these are the
 * same, of all their bytes; `most` files at most, the shortest first. Images that came together in one file are left out. */
enum { TWINS_COMPARED = 20000 };
void dataset_twins(const struct dataset *dataset, size_t most, struct twins *twins) THAW_NONNULL;

#endif
