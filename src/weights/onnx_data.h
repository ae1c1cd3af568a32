/* Where the values of one ONNX tensor lie, in the file or beside it. */
#ifndef THAW_SRC_WEIGHTS_ONNX_DATA_H
#define THAW_SRC_WEIGHTS_ONNX_DATA_H

#include "format.h"
#include "onnx_wire.h"

/* What a TensorProto says of itself, checked: the shape is countable, the type one that is read. */
struct onnx_wanted {
    const char *quote; /* for sentences: tensor "conv1.weight" */
    enum tensor_type type;
    uint64_t count;        /* elements */
    struct onnx_body body; /* of the whole TensorProto */
};
/* The values, dense, little endian: in the map where they lie as they are (raw_data, packed floats), else decoded into
 * a block that the handle keeps. ERROR_WEIGHTS: another number of them than the shape has. */
bool onnx_data_inside(struct weights *weights, struct onnx_budget *budget, const struct onnx_wanted *wanted,
                      const uint8_t **values, struct error *error) THAW_NONNULL THAW_MUST_CHECK;

/* The entries of external_data; NULL: not given. */
struct onnx_external {
    const char *location, *offset, *length;
};
/* Other files are mapped once and kept with the handle. */
struct onnx_files {
    struct onnx_mapped *mapped;
    size_t count;
};
/* The values in another file of the same folder or below it. ERROR_WEIGHTS: a location elsewhere, no such file, numbers
 * that are none or reach behind its end. */
bool onnx_data_outside(struct weights *weights, struct onnx_files *files, const struct onnx_wanted *wanted,
                       const struct onnx_external *external, const uint8_t **values,
                       struct error *error) THAW_NONNULL THAW_MUST_CHECK;
size_t onnx_files_bytes(const struct onnx_files *files) THAW_NONNULL; /* of all of them */
void onnx_files_finish(struct onnx_files *files) THAW_NONNULL;

#endif
