/* Whether a dataset has the classes that a run was trained with: a checkpoint has a digest of their names. */
#ifndef THAW_TRAIN_CLASSES_H
#define THAW_TRAIN_CLASSES_H

#include "thaw/base/hash.h"
#include "thaw/data/dataset.h"

struct hash classes_hash(char *const *name, size_t count);
/* was: of a checkpoint of the run, {0,0}: not known. false, with the first class that differs, as far as the run's
 * predictions name its own: "class0" was one of them; "" where they do not. */
enum { CLASSES_TEXT = 160 };
bool classes_are_same(const struct hash *was, const struct dataset *dataset, const char *run,
                      char first[CLASSES_TEXT]) THAW_NONNULL;

#endif
