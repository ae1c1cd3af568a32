/* What the parts of a dataset are called. Private to src/data. */
#ifndef THAW_SRC_DATA_PARTS_H
#define THAW_SRC_DATA_PARTS_H

#include "thaw/data/dataset.h"

/* The part that a folder, a file or a value in a table is of by its name alone, in any case: "Training", "test_set", "dev",
 * "Valid Images". DATASET_PARTS: none. */
enum dataset_split part_named(const char *name) THAW_NONNULL;
/* The same where the word stands first or last among others: "seg_train", "val_annotations.txt". */
enum dataset_split part_worded(const char *name) THAW_NONNULL;
const char *part_word(enum dataset_split split); /* "training" */

#endif
