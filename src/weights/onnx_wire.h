/* The protobuf wire format of an ONNX file (https://protobuf.dev/programming-guides/encoding), as far as it must be
 * read before protobuf-c may: its unpacking copies every tensor and follows any nesting. */
#ifndef THAW_SRC_WEIGHTS_ONNX_WIRE_H
#define THAW_SRC_WEIGHTS_ONNX_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "thaw/base/error.h"

/* Bytes that may still be allocated for this file. */
struct onnx_budget {
    size_t left;
};
/* Takes `size` bytes off; false, and nothing taken, where they are not left. */
bool onnx_spend(struct onnx_budget *budget, size_t size) THAW_NONNULL THAW_MUST_CHECK;

/* One field of a message. */
enum onnx_wire { ONNX_VARINT = 0, ONNX_FIXED64 = 1, ONNX_BYTES = 2, ONNX_FIXED32 = 5 };
struct onnx_field {
    uint64_t number;
    enum onnx_wire wire;
    uint64_t integer;    /* of a varint */
    const uint8_t *data; /* the value's bytes: of ONNX_BYTES, ONNX_FIXED32 and ONNX_FIXED64 */
    size_t size;
};
bool onnx_read_varint(const uint8_t **at, const uint8_t *end, uint64_t *value) THAW_NONNULL THAW_MUST_CHECK;
/* The field at *at, which moves behind it. False: it is damaged, or reaches behind `end`. */
bool onnx_read_field(const uint8_t **at, const uint8_t *end, struct onnx_field *field) THAW_NONNULL THAW_MUST_CHECK;

/* A TensorProto as it lies in the file. */
struct onnx_body {
    const uint8_t *data;
    size_t size;
};

/* The messages that are unpacked one by one. */
enum onnx_piece { ONNX_PIECE_OPSET, ONNX_PIECE_NODE, ONNX_PIECE_TENSOR, ONNX_PIECE_VALUE };

/* A message without its bulk: fields that thaw has no use for are left out (doc strings, subgraphs), and the data of a
 * TensorProto is replaced by a raw_data of four bytes, the number of its body in `tensor`, little endian. Nothing in it is
 * nested deeper than an input's shape. */
struct onnx_skeleton {
    uint8_t *data;
    size_t size, room;
    struct onnx_body *tensor;
    size_t tensors, tensors_room;
    struct onnx_budget *budget;
    const uint8_t *start; /* of the file, for sentences */
};
/* Fills *skeleton (its budget and start given, the rest as it was left or zero). ERROR_WEIGHTS: the byte, and what is
 * wrong. */
bool onnx_skeleton_make(struct onnx_skeleton *skeleton, enum onnx_piece piece, const uint8_t *data, size_t size,
                        struct error *error) THAW_NONNULL THAW_MUST_CHECK;
void onnx_skeleton_finish(struct onnx_skeleton *skeleton) THAW_NONNULL; /* gives its bytes back to the budget */

/* "its ONNX message is damaged: the field at byte N ..."; returns false. */
bool onnx_refuse_field(const uint8_t *start, const uint8_t *at, struct error *error) THAW_NONNULL;
/* "its ONNX graph describes far more ..."; returns false. */
bool onnx_refuse_size(struct error *error) THAW_NONNULL;

#endif
