/* Shapes and element types. */
#include "config.h"

#include "thaw/tensor/tensor.h"

#include <stdio.h>
#include <string.h>

size_t shape4_count(struct shape4 shape)
{
    return (size_t)shape.n * (size_t)shape.h * (size_t)shape.w * (size_t)shape.c;
}

bool shape4_equal(struct shape4 a, struct shape4 b)
{
    return a.n == b.n && a.h == b.h && a.w == b.w && a.c == b.c;
}

struct shape shape_make(int rank, const int64_t *dim)
{
    struct shape shape = {.rank = rank};
    for (int i = 0; i < rank && i < SHAPE_RANK_MAX; i++)
        shape.dim[i] = dim[i];
    return shape;
}

bool shape_equal(const struct shape *a, const struct shape *b)
{
    return a->rank == b->rank && (a->rank == 0 || !memcmp(a->dim, b->dim, (size_t)a->rank * sizeof a->dim[0]));
}

int64_t shape_count(const struct shape *shape)
{
    const int64_t limit = (int64_t)1 << 62;
    int64_t count = 1;
    for (int i = 0; i < shape->rank; i++) {
        int64_t dim = shape->dim[i];
        if (dim < 0 || (dim > 0 && count > limit / dim))
            return -1;
        count *= dim;
    }
    return count;
}

const char *shape_text(char text[SHAPE_TEXT], const struct shape *shape)
{
    if (shape->rank == 0)
        return strcpy(text, "scalar");
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < shape->rank && used < SHAPE_TEXT; i++)
        used += (size_t)snprintf(text + used, SHAPE_TEXT - used, i ? "x%lld" : "%lld", (long long)shape->dim[i]);
    return text;
}

static const struct {
    const char *name;
    size_t size;
    bool is_float;
} types[] = {
    [TENSOR_F32] = {"f32", 4, true},    [TENSOR_F16] = {"f16", 2, true},  [TENSOR_BF16] = {"bf16", 2, true},
    [TENSOR_F64] = {"f64", 8, true},    [TENSOR_I64] = {"i64", 8, false}, [TENSOR_I32] = {"i32", 4, false},
    [TENSOR_I16] = {"i16", 2, false},   [TENSOR_I8] = {"i8", 1, false},   [TENSOR_U8] = {"u8", 1, false},
    [TENSOR_BOOL] = {"bool", 1, false},
};
_Static_assert(THAW_LENGTH(types) == TENSOR_TYPES, "one row a type");

size_t tensor_type_size(enum tensor_type type)
{
    return types[type].size;
}

const char *tensor_type_name(enum tensor_type type)
{
    return types[type].name;
}

bool tensor_type_is_float(enum tensor_type type)
{
    return types[type].is_float;
}
