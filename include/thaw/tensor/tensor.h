/* Shapes and element types.
 *
 * Activations are NHWC and float32, described by struct shape4. Tensors of weights files have any rank and one of the
 * element types below, described by struct shape. */
#ifndef THAW_TENSOR_TENSOR_H
#define THAW_TENSOR_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "thaw/base/macros.h"

enum tensor_type {
    TENSOR_F32,
    TENSOR_F16,
    TENSOR_BF16,
    TENSOR_F64,
    TENSOR_I64,
    TENSOR_I32,
    TENSOR_I16,
    TENSOR_I8,
    TENSOR_U8,
    TENSOR_BOOL,
    TENSOR_TYPES
};

/* An activation: images, rows, columns, channels; channels are contiguous. A vector is (n, 1, 1, c). */
struct shape4 {
    int n, h, w, c;
};
size_t shape4_count(struct shape4 shape);
bool shape4_equal(struct shape4 a, struct shape4 b);

enum { SHAPE_RANK_MAX = 8, SHAPE_TEXT = 96 };
struct shape {
    int rank;
    int64_t dim[SHAPE_RANK_MAX]; /* outermost first */
};
struct shape shape_make(int rank, const int64_t *dim);
bool shape_equal(const struct shape *a, const struct shape *b) THAW_NONNULL;
/* The number of elements, or -1 where a dimension is negative or the product passes 2^62. */
int64_t shape_count(const struct shape *shape) THAW_NONNULL;
/* "64x3x7x7"; rank 0 is "scalar". Returns text. */
const char *shape_text(char text[SHAPE_TEXT], const struct shape *shape) THAW_NONNULL;

size_t tensor_type_size(enum tensor_type type);      /* bytes an element */
const char *tensor_type_name(enum tensor_type type); /* "f32" */
bool tensor_type_is_float(enum tensor_type type);

/* Converts `count` elements, little endian and at any alignment, to float32. F16/BF16 exact; integers and F64 round
 * to nearest. */
void tensor_to_f32(float *to, const void *from, enum tensor_type type, size_t count) THAW_NONNULL;
/* Converts float32 to F32, F16 or BF16, round to nearest even (IEEE 754); other types are a caller's bug. */
void tensor_from_f32(void *to, const float *from, enum tensor_type type, size_t count) THAW_NONNULL;

#endif
