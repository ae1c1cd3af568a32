/* What the readers of Keras' two containers share. Private to src/weights. */
#ifndef THAW_SRC_WEIGHTS_FORMAT_KERAS_H
#define THAW_SRC_WEIGHTS_FORMAT_KERAS_H

#include "format.h"

/* Adds the tensors of an HDF5 file that Keras wrote, which lies at `file` for as long as the handle lives, as
 * "LAYER/LEAF" (keras_names.h). config (may be NULL): the model's configuration where the container holds it apart. The
 * configuration and the version become metadata KERAS_CONFIG and KERAS_VERSION. */
bool keras_h5_read(struct weights *weights, const uint8_t *file, size_t size, const char *config, struct error *error)
    THAW_NONNULL_ARGS(1, 2, 5) THAW_MUST_CHECK;

#endif
