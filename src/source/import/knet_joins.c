/* Layers of Keras without weights or windows: sums and products, shapes, borders, constants. Called by keras.c. */
#include "config.h"

#include <math.h>
#include <string.h>

#include "knet.h"
#include "thaw/base/macros.h"
#include "thaw/base/mem.h"

/* --- arithmetic --- */

/* The nodes of all operands, which must be values. */
static bool read_values(struct knet *net, const struct knet_call *call, int node[KNET_OPERANDS_MAX], bool *flat)
{
    for (int i = 0; i < call->operands; i++) {
        struct knet_value *value = call->operand[i].value;
        if (!value)
            return knet_refuse(net, call, "it is called with values and numbers mixed");
        if (!knet_settle(net, call, value))
            return false;
        node[i] = value->node;
        *flat = value->flat;
    }
    return call->operands > 0 || knet_refuse(net, call, "it is called with nothing");
}

/* A value and a number, in either order; false where the operands are others. */
static bool is_constant(const struct knet_call *call, int *value, int *number)
{
    if (call->operands != 2 || !call->operand[0].value == !call->operand[1].value)
        return false;
    *value = call->operand[0].value ? 0 : 1;
    *number = 1 - *value;
    return true;
}

enum arithmetic { ADD, SUBTRACT, MULTIPLY, DIVIDE };

/* value OP number (turned: number OP value) as scale * value + shift. */
static bool make_affine(struct knet *net, const struct knet_call *call, enum arithmetic arithmetic, bool turned,
                        int channels, float *scale, float *shift)
{
    for (int c = 0; c < channels; c++) {
        float number = shift[c];
        scale[c] = 1;
        switch (arithmetic) {
        case ADD:
            break;
        case SUBTRACT:
            scale[c] = turned ? -1 : 1;
            shift[c] = turned ? number : -number;
            break;
        case MULTIPLY:
        case DIVIDE:
            if (arithmetic == DIVIDE && (turned || number == 0))
                return knet_refuse(net, call, "dividing a number by a value, or by zero, is not known");
            scale[c] = arithmetic == DIVIDE ? 1 / number : number;
            shift[c] = 0;
            break;
        }
    }
    return true;
}

static bool combine_constant(struct knet *net, const struct knet_call *call, enum arithmetic arithmetic, int value,
                             int number, struct knet_value *out)
{
    struct knet_value *in = call->operand[value].value;
    if (!knet_settle(net, call, in))
        return false;
    int channels = knet_shape(net, in).c;
    float *scale = mem_array((size_t)channels, sizeof *scale), *shift = mem_array((size_t)channels, sizeof *shift);
    *out = *in;
    bool good = knet_channels(net, call, "number", call->operand[number].number, channels, shift) &&
                make_affine(net, call, arithmetic, number == 0, channels, scale, shift) &&
                knet_add_constant(net, call, in->node, scale, shift, out);
    mem_free(scale);
    mem_free(shift);
    return good;
}

bool knet_add_values(struct knet *net, const struct knet_call *call, struct knet_value *out)
{
    int node[KNET_OPERANDS_MAX], value, number;
    struct op_attrs attrs = op_attrs_default();
    if (is_constant(call, &value, &number))
        return combine_constant(net, call, ADD, value, number, out);
    return read_values(net, call, node, &out->flat) &&
           knet_add(net, call, NULL, OP_ADD, &attrs, call->operands, node, out);
}

bool knet_subtract(struct knet *net, const struct knet_call *call, struct knet_value *out)
{
    int value, number;
    if (is_constant(call, &value, &number))
        return combine_constant(net, call, SUBTRACT, value, number, out);
    return knet_refuse(net, call, "the difference of two values is not known");
}

bool knet_divide(struct knet *net, const struct knet_call *call, struct knet_value *out)
{
    int value, number;
    if (is_constant(call, &value, &number))
        return combine_constant(net, call, DIVIDE, value, number, out);
    return knet_refuse(net, call, "the quotient of two values is not known");
}

/* Two equal shapes, or one of single pixels, which ours takes second. */
bool knet_multiply(struct knet *net, const struct knet_call *call, struct knet_value *out)
{
    int node[KNET_OPERANDS_MAX], value, number;
    struct op_attrs attrs = op_attrs_default();
    if (is_constant(call, &value, &number))
        return combine_constant(net, call, MULTIPLY, value, number, out);
    if (!read_values(net, call, node, &out->flat))
        return false;
    if (call->operands != 2)
        return knet_refuse(net, call, "the product of %d values is not known", call->operands);
    struct shape4 a = knet_shape(net, call->operand[0].value), b = knet_shape(net, call->operand[1].value);
    bool turned = a.h == 1 && a.w == 1 && (b.h > 1 || b.w > 1);
    return knet_add(net, call, NULL, OP_MUL, &attrs, 2, turned ? (int[]){node[1], node[0]} : node, out);
}

bool knet_concatenate(struct knet *net, const struct knet_call *call, struct knet_value *out)
{
    int node[KNET_OPERANDS_MAX], axis = -1;
    struct op_attrs attrs = op_attrs_default();
    if (!read_values(net, call, node, &out->flat) ||
        !knet_int(net, call, "axis", "concat_axis", -KNET_OPERANDS_MAX, KNET_OPERANDS_MAX, &axis))
        return false;
    if (axis != -1 && axis != (out->flat ? 1 : 3))
        return knet_refuse(net, call, "it joins along axis %d, which is not the channels'", axis);
    return knet_add(net, call, NULL, OP_CONCAT, &attrs, call->operands, node, out);
}

/* --- shapes --- */

bool knet_flatten(struct knet *net, const struct knet_call *call, struct knet_value *out)
{
    struct knet_value *in = knet_input(net, call);
    if (!in || !knet_check_format(net, call))
        return false;
    struct shape4 shape = knet_shape(net, in);
    *out = *in;
    out->flat = true;
    return (shape.h == 1 && shape.w == 1) || knet_add_unary(net, call, NULL, OP_FLATTEN, in->node, out);
}

/* To a row, to a single pixel, or to what it is already. */
bool knet_reshape(struct knet *net, const struct knet_call *call, struct knet_value *out)
{
    struct knet_value *in = knet_input(net, call);
    const json_t *target = json_object_get(call->config, "target_shape");
    if (!in)
        return false;
    struct shape4 shape = knet_shape(net, in);
    json_int_t all = (json_int_t)shape.h * shape.w * shape.c, known = 1, dim[3] = {0};
    size_t rank = json_array_size(target), free = 0;
    bool good = rank >= 1 && rank <= 3;
    for (size_t i = 0; good && i < rank; i++) {
        dim[i] = json_integer_value(json_array_get(target, i));
        good = dim[i] == -1 || (dim[i] > 0 && dim[i] <= all && known <= all / dim[i]);
        known *= dim[i] > 0 ? dim[i] : 1;
        free += dim[i] == -1;
    }
    for (size_t i = 0; good && i < rank; i++)
        dim[i] = dim[i] == -1 ? all / known : dim[i];
    good = good && free <= 1 && (free == 1 ? all % known == 0 : known == all);
    *out = *in;
    out->flat = rank == 1;
    if (good && rank == 3 && dim[0] == shape.h && dim[1] == shape.w)
        return true;
    if (good && (rank == 1 || (rank == 3 && dim[0] == 1 && dim[1] == 1)))
        return (shape.h == 1 && shape.w == 1) || knet_add_unary(net, call, NULL, OP_FLATTEN, in->node, out);
    return knet_refuse(net, call, "a map of %dx%dx%d can only become a row or a single pixel", shape.h, shape.w,
                       shape.c);
}

/* Only where it changes nothing. */
bool knet_permute(struct knet *net, const struct knet_call *call, struct knet_value *out)
{
    struct knet_value *in = knet_input(net, call);
    const json_t *dims = json_object_get(call->config, "dims");
    bool same = json_array_size(dims) == (in && in->flat ? 1 : 3);
    for (size_t i = 0; same && i < json_array_size(dims); i++)
        same = json_integer_value(json_array_get(dims, i)) == (json_int_t)i + 1;
    if (!in || !same)
        return in && knet_refuse(net, call, "exchanging axes is not known");
    *out = *in;
    return true;
}

bool knet_nothing(struct knet *net, const struct knet_call *call, struct knet_value *out)
{
    struct knet_value *in = knet_input(net, call);
    if (in)
        *out = *in;
    return in != NULL;
}

/* --- borders --- */

/* One number, one each for rows and columns, or two each: top, bottom, left, right. */
static bool read_borders(struct knet *net, const struct knet_call *call, const char *key, int border[4])
{
    const json_t *json = json_object_get(call->config, key);
    const json_t *rows = json_is_array(json) ? json_array_get(json, 0) : json;
    const json_t *columns = json_is_array(json) ? json_array_get(json, 1) : json;
    bool good = json_is_array(json) ? json_array_size(json) == 2 : json_is_integer(json);
    for (int i = 0; good && i < 4; i++) {
        const json_t *side = i < 2 ? rows : columns;
        if (json_is_array(side))
            side = json_array_size(side) == 2 ? json_array_get(side, (size_t)i % 2) : NULL;
        json_int_t number = json_integer_value(side);
        good = json_is_integer(side) && number >= 0 && number < 1 << 16;
        border[i] = (int)number;
    }
    return good || knet_refuse(net, call, "its %s is not one, two or two times two numbers of pixels", key);
}

static bool add_borders(struct knet *net, const struct knet_call *call, const char *key, int sign,
                        struct knet_value *out)
{
    struct knet_value *in = knet_input(net, call);
    struct op_attrs attrs = op_attrs_default();
    int border[4];
    if (!in || !knet_check_format(net, call) || !read_borders(net, call, key, border))
        return false;
    *out = *in;
    attrs.pad_top = sign * border[0];
    attrs.pad_bottom = sign * border[1];
    attrs.pad_left = sign * border[2];
    attrs.pad_right = sign * border[3];
    return knet_add(net, call, NULL, OP_PAD, &attrs, 1, &in->node, out);
}

bool knet_zero_padding(struct knet *net, const struct knet_call *call, struct knet_value *out)
{
    return add_borders(net, call, "padding", 1, out);
}

bool knet_cropping(struct knet *net, const struct knet_call *call, struct knet_value *out)
{
    return add_borders(net, call, "cropping", -1, out);
}

/* CenterCrop, and RandomCrop but while Keras trains: the middle of what is larger. What is smaller they resize. */
bool knet_centre_crop(struct knet *net, const struct knet_call *call, struct knet_value *out)
{
    enum { SIDE_MAX = 1 << 16 };
    struct knet_value *in = knet_input(net, call);
    struct op_attrs attrs = op_attrs_default();
    int height = 0, width = 0;
    if (!in || !knet_check_format(net, call) || !knet_int(net, call, "height", NULL, 1, SIDE_MAX, &height) ||
        !knet_int(net, call, "width", NULL, 1, SIDE_MAX, &width))
        return false;
    struct shape4 shape = knet_shape(net, in);
    if (height < 1 || width < 1 || height > shape.h || width > shape.w)
        return knet_refuse(net, call, "it makes %dx%d pixels of %dx%d, and only cropping is known", height, width,
                           shape.h, shape.w);
    *out = *in;
    if (height == shape.h && width == shape.w)
        return true;
    attrs.pad_top = -((shape.h - height) / 2);
    attrs.pad_left = -((shape.w - width) / 2);
    attrs.pad_bottom = height - shape.h - attrs.pad_top;
    attrs.pad_right = width - shape.w - attrs.pad_left;
    return knet_add(net, call, NULL, OP_PAD, &attrs, 1, &in->node, out);
}

/* --- constants --- */

/* scale and shift by `fill`, for as many channels as the value has. */
static bool add_affine(struct knet *net, const struct knet_call *call,
                       bool (*fill)(struct knet *net, const struct knet_call *call, int channels, float *scale,
                                    float *shift),
                       struct knet_value *out)
{
    struct knet_value *in = knet_input(net, call);
    if (!in)
        return false;
    int channels = knet_shape(net, in).c;
    float *scale = mem_array((size_t)channels, sizeof *scale), *shift = mem_array((size_t)channels, sizeof *shift);
    *out = *in;
    bool good = fill(net, call, channels, scale, shift) && knet_add_constant(net, call, in->node, scale, shift, out);
    mem_free(scale);
    mem_free(shift);
    return good;
}

static bool fill_rescaling(struct knet *net, const struct knet_call *call, int channels, float *scale, float *shift)
{
    const json_t *offset = json_object_get(call->config, "offset");
    return knet_channels(net, call, "scale", json_object_get(call->config, "scale"), channels, scale) &&
           (!offset || knet_channels(net, call, "offset", offset, channels, shift));
}

bool knet_rescaling(struct knet *net, const struct knet_call *call, struct knet_value *out)
{
    return add_affine(net, call, fill_rescaling, out);
}

/* One of the values that Keras has found in the data: in the configuration, else a tensor of the file. */
static bool read_adapted(struct knet *net, const struct knet_call *call, const char *which, int channels, float *values)
{
    const json_t *given = json_object_get(call->config, which);
    if (given && !json_is_null(given))
        return knet_channels(net, call, which, given, channels, values);
    char *name = mem_format("%s/%s", call->name, which);
    long index = weights_find(net->weights, name);
    mem_free(name);
    if (index < 0)
        return knet_refuse(net, call, "the file has no %s for it", which);
    int64_t count = shape_count(&weights_get(net->weights, (size_t)index)->shape);
    if (count != 1 && count != channels)
        return knet_refuse(net, call, "its %s has %lld values for %d channels", which, (long long)count, channels);
    if (!weights_read(net->weights, (size_t)index, values, net->error))
        return false;
    for (int c = (int)count; c < channels; c++)
        values[c] = values[0];
    return true;
}

static bool fill_normalization(struct knet *net, const struct knet_call *call, int channels, float *scale, float *shift)
{
    static const float least = 1e-7f; /* of a deviation: keras.backend.epsilon */
    bool invert = false;
    if (!knet_bool(net, call, "invert", NULL, &invert) || !read_adapted(net, call, "mean", channels, shift) ||
        !read_adapted(net, call, "variance", channels, scale))
        return false;
    for (int c = 0; c < channels; c++) {
        float deviation = fmaxf(sqrtf(scale[c]), least);
        scale[c] = invert ? deviation : 1 / deviation;
        shift[c] = invert ? shift[c] : -shift[c] / deviation;
    }
    return true;
}

bool knet_normalization(struct knet *net, const struct knet_call *call, struct knet_value *out)
{
    return add_affine(net, call, fill_normalization, out);
}
