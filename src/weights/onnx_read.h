/* The ONNX reader behind format_onnx.c; only where the build has protobuf-c. */
#ifndef THAW_SRC_WEIGHTS_ONNX_READ_H
#define THAW_SRC_WEIGHTS_ONNX_READ_H

#include "format.h"

bool onnx_read(struct weights *weights, struct error *error) THAW_NONNULL THAW_MUST_CHECK;

#endif
