/* Frozen features: what crosses the frontier, kept per image, so that the frozen half of the network runs once for each
 * image instead of once an epoch. Sound only where an image's input is the same in every epoch (no augmentation). What is
 * kept of an image is rounded as the batch was that it came in; the trainer sees to it that this is always the same. */
#ifndef THAW_TRAIN_FEATURES_H
#define THAW_TRAIN_FEATURES_H

#include "thaw/data/loader.h"
#include "thaw/model/plan.h"

struct features;

/* Room for `items` images of this plan's crossings, in memory. NULL where there is nothing to keep (no frozen half) or
 * it would take more than `budget` bytes. Goes with its plan: another freeze plan needs another one. */
struct features *features_create(struct plan *plan, size_t items, size_t budget) THAW_NONNULL;
void features_destroy(struct features *features);
size_t features_bytes(const struct features *features) THAW_NONNULL;
/* Puts a batch's values where exec_thawed reads them. false: not all of its images are kept yet, nothing was done. */
bool features_lookup(const struct features *features, struct plan *plan, const struct batch *batch) THAW_NONNULL;
/* Keeps a batch's values, right behind exec_frozen. */
void features_store(struct features *features, struct plan *plan, const struct batch *batch) THAW_NONNULL;

#endif
