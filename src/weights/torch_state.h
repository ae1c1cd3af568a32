/* From an unpickled torch.save object to tensors: shared by the torch containers. Private to src/weights. */
#ifndef THAW_SRC_WEIGHTS_TORCH_STATE_H
#define THAW_SRC_WEIGHTS_TORCH_STATE_H

#include "format.h"
#include "unpickle.h"

/* Finds the state dict in `object` (itself, or under state_dict, model_state_dict, model or net) and adds its tensors.
 * The storages' data must have been found; a tensor whose storage has none is an error. Values that are no tensors
 * (counters, settings) are passed over. */
bool torch_state_add(struct weights *weights, const struct pickle_value *object,
                     struct error *error) THAW_NONNULL THAW_MUST_CHECK;

#endif
