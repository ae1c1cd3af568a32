/* Class names beside a model in an unpickled torch.save object. Private to src/weights. */
#ifndef THAW_SRC_WEIGHTS_TORCH_NAMES_H
#define THAW_SRC_WEIGHTS_TORCH_NAMES_H

#include "format.h"
#include "unpickle.h"

/* Where there are any, they become WEIGHTS_TORCH_NAMES of the file's metadata: "names" of the model (Ultralytics), else what
 * lies nearest to the object's top as "vocab" (fastai), "classes", "class_names", "names", "class_to_idx" or "idx_to_class".
 * A list, a dict by number or to numbers, or an object around one; anything else is passed over, as are more names than
 * `memory` bytes will do for. model: a module, or NULL. */
void torch_names_add(struct weights *weights, const struct pickle_value *object, const struct pickle_value *model,
                     size_t memory) THAW_NONNULL_ARGS(1, 2);

#endif
