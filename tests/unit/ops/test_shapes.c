/* The op table: rows complete, shape rules with their refusals, parameters, costs, and which kernel a shape gets. */
#include "config.h"

#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "src/ops/conv.h"
#include "thaw/ops/op.h"

static void every_row_is_complete(void **state)
{
    (void)state;
    static const char *const names[OP_KINDS] = {
        "input",        "conv",         "linear",
        "batch norm",   "relu",         "relu6",
        "max pool",     "average pool", "global average pool",
        "add",          "concat",       "flatten",
        "dropout",      "subsample",    "sigmoid",
        "hard sigmoid", "silu",         "hard swish",
        "leaky relu",   "gelu",         "tanh",
        "clip",         "mul",          "affine",
        "layer norm",   "slice",        "shuffle",
        "pad",          "quick gelu",   "attention",
        "tokens",       "position",     "window attention",
        "gelu tanh",
    };
    for (int kind = 0; kind < OP_KINDS; kind++) {
        const struct op_def *op = op_get((enum op_kind)kind);
        assert_non_null(op);
        assert_string_equal(op->name, names[kind]);
        assert_non_null(op->cost);
        if (kind == OP_INPUT)
            continue;
        assert_true(op->inputs_min >= 1 && (op->inputs_max >= op->inputs_min || op->inputs_max == -1));
        assert_true(op->shape && op->forward && op->backward && op->forward_reference && op->backward_reference);
    }
}

static struct op_attrs window(int kernel, int stride, int padding)
{
    struct op_attrs attrs = op_attrs_default();
    attrs.kernel_h = attrs.kernel_w = kernel;
    attrs.stride_h = attrs.stride_w = stride;
    attrs.pad_top = attrs.pad_left = attrs.pad_bottom = attrs.pad_right = padding;
    attrs.out_channels = 8;
    return attrs;
}

static void expect_shape(enum op_kind kind, struct op_attrs attrs, int inputs, const struct shape4 *in,
                         struct shape4 expected)
{
    struct shape4 out;
    struct error error;
    if (!op_get(kind)->shape(&attrs, inputs, in, &out, &error))
        fail_msg("%s", error.text);
    if (!shape4_equal(out, expected))
        fail_msg("%s: %dx%dx%dx%d", op_get(kind)->name, out.n, out.h, out.w, out.c);
}

/* Refused, with a sentence that holds `part`. */
static void expect_refusal(enum op_kind kind, struct op_attrs attrs, int inputs, const struct shape4 *in,
                           const char *part)
{
    struct shape4 out;
    struct error error = {0};
    assert_false(op_get(kind)->shape(&attrs, inputs, in, &out, &error));
    if (!strstr(error.text, part) || strncmp(error.text, op_get(kind)->name, strlen(op_get(kind)->name)) != 0)
        fail_msg("%s refuses with: %s", op_get(kind)->name, error.text);
}

static void windows_have_torchs_sizes(void **state)
{
    (void)state;
    const struct shape4 image = {2, 224, 224, 3}, odd = {1, 7, 5, 3}, small = {1, 4, 4, 3};
    expect_shape(OP_CONV, window(7, 2, 3), 1, &image, (struct shape4){2, 112, 112, 8});
    expect_shape(OP_CONV, window(3, 2, 0), 1, &odd, (struct shape4){1, 3, 2, 8});
    struct op_attrs same = window(3, 2, 0); /* TensorFlow's SAME on an even side pads below and right only */
    same.pad_bottom = same.pad_right = 1;
    expect_shape(OP_CONV, same, 1, &image, (struct shape4){2, 112, 112, 8});
    struct op_attrs dilated = window(3, 1, 2);
    dilated.dilation_h = dilated.dilation_w = 2;
    expect_shape(OP_CONV, dilated, 1, &odd, (struct shape4){1, 7, 5, 8});
    struct op_attrs ceil = window(2, 2, 0);
    ceil.ceil_mode = true;
    expect_shape(OP_MAX_POOL, ceil, 1, &odd, (struct shape4){1, 4, 3, 3});
    ceil = window(2, 3, 1); /* 4 + 2: the window that would start in the padding behind is dropped */
    ceil.ceil_mode = true;
    expect_shape(OP_AVG_POOL, ceil, 1, &small, (struct shape4){1, 2, 2, 3});
    expect_shape(OP_GLOBAL_AVG_POOL, op_attrs_default(), 1, &odd, (struct shape4){1, 1, 1, 3});
}

static void windows_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    const struct shape4 in = {1, 5, 5, 6};
    struct op_attrs attrs = window(3, 1, 1);
    attrs.groups = 4;
    expect_refusal(OP_CONV, attrs, 1, &in, "6 input and 8 output channels do not divide into 4 groups");
    attrs = window(1 << 14, 1, 1 << 13);
    expect_refusal(OP_CONV, attrs, 1, &in, "kernels of 16384x16384 for 8 output channels are too large");
    attrs = window(3, 1, 1);
    attrs.groups = 0;
    expect_refusal(OP_CONV, attrs, 1, &in, "at least 1");
    attrs = window(3, 1, 1);
    attrs.out_channels = 0;
    expect_refusal(OP_CONV, attrs, 1, &in, "at least 1");
    expect_refusal(OP_CONV, window(7, 1, 0), 1, &in, "a window of 7 does not fit into an image height of 5");
    expect_refusal(OP_CONV, window(3, 0, 1), 1, &in, "at least 1");
    expect_refusal(OP_CONV, window(3, 1, -1), 1, &in, "at least 0");
    expect_refusal(OP_CONV, window(1 << 30, 1, 1 << 30), 1, &in, "absurdly large");
    attrs = window(3, 1, 1);
    attrs.dilation_w = 4;
    expect_refusal(OP_CONV, attrs, 1, &in, "a window of 9 does not fit into an image width of 5");
    expect_refusal(OP_MAX_POOL, window(2, 2, 2), 1, &in, "would see nothing");
    attrs = window(2, 1, 1);
    attrs.dilation_h = 6;
    expect_refusal(OP_MAX_POOL, attrs, 1, &in, "pools take none");
    expect_refusal(OP_AVG_POOL, attrs, 1, &in, "pools take none");
}

static void joins_and_vectors(void **state)
{
    (void)state;
    const struct shape4 two[] = {{2, 3, 3, 4}, {2, 3, 3, 5}}, apart[] = {{2, 3, 3, 4}, {2, 3, 4, 4}};
    const struct shape4 huge = {1, 1 << 20, 1 << 20, 64};
    struct op_attrs attrs = op_attrs_default();
    expect_shape(OP_CONCAT, attrs, 2, two, (struct shape4){2, 3, 3, 9});
    expect_shape(OP_ADD, attrs, 1, two, two[0]);
    expect_refusal(OP_ADD, attrs, 2, two, "3x3x4 and 3x3x5 differ");
    expect_refusal(OP_CONCAT, attrs, 2, apart, "3x3 and 3x4 pixels differ");
    expect_shape(OP_FLATTEN, attrs, 1, two, (struct shape4){2, 1, 1, 36});
    expect_refusal(OP_FLATTEN, attrs, 1, &huge, "too many");
    attrs.out_channels = 10;
    expect_shape(OP_LINEAR, attrs, 1, &(struct shape4){4, 1, 1, 36}, (struct shape4){4, 1, 1, 10});
    expect_refusal(OP_LINEAR, attrs, 1, two, "flatten");
    attrs.out_channels = 0;
    expect_refusal(OP_LINEAR, attrs, 1, &(struct shape4){4, 1, 1, 36}, "at least 1");
    attrs = window(0, 2, 0);
    attrs.pad_before = attrs.pad_after = 8;
    expect_shape(OP_SUBSAMPLE, attrs, 1, &(struct shape4){2, 32, 31, 16}, (struct shape4){2, 16, 16, 32});
    attrs.stride_h = 0;
    expect_refusal(OP_SUBSAMPLE, attrs, 1, two, "stride 0x2");
    attrs.rate = 1;
    expect_refusal(OP_DROPOUT, attrs, 1, two, "rate 1");
    attrs.rate = 0.5f;
    expect_shape(OP_DROPOUT, attrs, 1, two, two[0]);
}

static void parameters_and_costs(void **state)
{
    (void)state;
    const struct shape4 in = {2, 14, 14, 12};
    struct op_param param[OP_PARAMS_MAX];
    struct op_attrs attrs = window(3, 1, 1);
    struct op_cost cost;
    char text[SHAPE_TEXT];
    attrs.groups = 4;
    assert_int_equal(op_get(OP_CONV)->params(&attrs, &in, param), 1);
    assert_string_equal(shape_text(text, &param[0].shape), "3x3x3x8");
    assert_string_equal(param[0].name, "weight");
    attrs.bias = true;
    assert_int_equal(op_get(OP_CONV)->params(&attrs, &in, param), 2);
    assert_int_equal(param[1].role, OP_ROLE_BIAS);
    op_get(OP_CONV)->cost(&attrs, &in, (struct shape4){2, 14, 14, 8}, &cost);
    assert_true(cost.macs == 2.0 * 14 * 14 * 8 * 27);
    assert_true(cost.out_bytes == 2.0 * 14 * 14 * 8 * 4);
    assert_true(cost.param_bytes == (27 * 8 + 8) * 4.0);
    assert_int_equal(op_get(OP_BATCH_NORM)->params(&attrs, &in, param), 4);
    assert_string_equal(param[2].name, "running_mean");
    assert_string_equal(param[3].name, "running_var");
    assert_int_equal(param[3].role, OP_ROLE_STATISTICS);
    assert_int_equal(param[3].init, OP_INIT_ONE);
    assert_int_equal(op_get(OP_LINEAR)->params(&attrs, &(struct shape4){2, 1, 1, 30}, param), 2);
    assert_string_equal(shape_text(text, &param[0].shape), "30x8");
    op_get(OP_LINEAR)->cost(&attrs, &(struct shape4){2, 1, 1, 30}, (struct shape4){2, 1, 1, 8}, &cost);
    assert_true(cost.macs == 480);
}

static void pieces_and_products(void **state)
{
    (void)state;
    const struct shape4 image = {2, 7, 5, 12}, pair[] = {image, {2, 1, 1, 12}}, uneven[] = {image, {2, 7, 5, 6}};
    struct op_attrs attrs = op_attrs_default();
    expect_shape(OP_MUL, attrs, 2, pair, image);
    expect_shape(OP_MUL, attrs, 2, (struct shape4[]){image, image}, image);
    expect_refusal(OP_MUL, attrs, 2, uneven, "7x5x12 and 7x5x6: neither equal nor one factor a channel");
    attrs.begin = 4;
    attrs.end = 12;
    expect_shape(OP_SLICE, attrs, 1, &image, (struct shape4){2, 7, 5, 8});
    attrs.end = 13;
    expect_refusal(OP_SLICE, attrs, 1, &image, "channels 4 to 13 of 12");
    attrs.end = 4;
    expect_refusal(OP_SLICE, attrs, 1, &image, "channels 4 to 4 of 12");
    attrs.groups = 3;
    expect_shape(OP_SHUFFLE, attrs, 1, &image, image);
    attrs.groups = 5;
    expect_refusal(OP_SHUFFLE, attrs, 1, &image, "12 channels in 5 groups");
    attrs.groups = 0;
    expect_refusal(OP_SHUFFLE, attrs, 1, &image, "in 0 groups");
    attrs = op_attrs_default();
    attrs.pad_top = -2;
    attrs.pad_right = 3;
    expect_shape(OP_PAD, attrs, 1, &image, (struct shape4){2, 5, 8, 12});
    attrs.pad_bottom = -5;
    expect_refusal(OP_PAD, attrs, 1, &image, "leaves no image");
    attrs.pad_bottom = INT_MAX;
    expect_refusal(OP_PAD, attrs, 1, &image, "leaves no image");
    attrs = op_attrs_default();
    attrs.alpha = -0.1f;
    expect_refusal(OP_LEAKY_RELU, attrs, 1, &image, "a slope of -0.1");
    attrs.low = 1;
    expect_refusal(OP_CLIP, attrs, 1, &image, "from 1 to 0 holds nothing");
    attrs.low = NAN;
    expect_refusal(OP_CLIP, attrs, 1, &image, "holds nothing");
}

static void tokens_that_are_none_are_refused(void **state)
{
    (void)state;
    const struct shape4 image = {1, 3, 4, 6}, vast = {1, 1 << 16, 1 << 16, 6}; /* of 2^32 pixels */
    struct op_attrs attrs = op_attrs_default();
    expect_refusal(OP_ATTENTION, attrs, 1, &image, "6 channels are not query, key and value of 0 heads");
    attrs.heads = 4;
    expect_refusal(OP_ATTENTION, attrs, 1, &image, "of 4 heads");
    attrs.heads = 2;
    expect_refusal(OP_ATTENTION, attrs, 1, &vast, "65536x65536 are too many tokens");
    expect_refusal(OP_TOKENS, attrs, 1, &image, "0 before number 0 of 3x4");
    attrs.tokens = 1;
    expect_refusal(OP_TOKENS, attrs, 1, &vast, "1 before number 0 of 65536x65536");
    attrs.begin = 13;
    expect_refusal(OP_TOKENS, attrs, 1, &image, "1 before number 13 of 3x4");
    attrs.grid_h = 3;
    attrs.grid_w = 4;
    expect_refusal(OP_POSITION, attrs, 1, &image, "3x4 tokens are not 1 and a grid of 3x4");
    attrs.grid_h = attrs.grid_w = 1 << 16;
    attrs.tokens = 0;
    expect_refusal(OP_POSITION, attrs, 1, &vast, "a grid of 65536x65536");
}

static void new_parameters_have_their_roles(void **state)
{
    (void)state;
    const struct shape4 image = {1, 3, 3, 6};
    struct op_attrs attrs = op_attrs_default();
    struct op_param param[OP_PARAMS_MAX];
    assert_int_equal(op_get(OP_AFFINE)->params(&attrs, &image, param), 1);
    assert_int_equal(param[0].role, OP_ROLE_WEIGHT);
    attrs.bias = attrs.constant = true;
    assert_int_equal(op_get(OP_AFFINE)->params(&attrs, &image, param), 2);
    assert_true(param[0].role == OP_ROLE_CONSTANT && param[1].role == OP_ROLE_CONSTANT);
    assert_int_equal(op_get(OP_LAYER_NORM)->params(&attrs, &image, param), 2);
    assert_true(param[0].role == OP_ROLE_AFFINE && param[1].role == OP_ROLE_AFFINE);
    attrs.no_scale = true;
    assert_int_equal(op_get(OP_BATCH_NORM)->params(&attrs, &image, param), 4);
    assert_true(param[0].role == OP_ROLE_CONSTANT && param[1].role == OP_ROLE_AFFINE);
    attrs.no_shift = true;
    op_get(OP_BATCH_NORM)->params(&attrs, &image, param);
    assert_true(param[1].role == OP_ROLE_CONSTANT && param[1].init == OP_INIT_ZERO);
}

static const char *chosen(struct shape4 in, int out_channels, int kernel, int stride, int groups, enum op_job job)
{
    struct op_attrs attrs = window(kernel, stride, kernel / 2);
    struct shape4 out;
    struct error error;
    attrs.groups = groups;
    attrs.out_channels = out_channels;
    assert_true(op_get(OP_CONV)->shape(&attrs, 1, &in, &out, &error));
    struct conv conv = conv_geometry(&attrs, in, out);
    return conv_kernel_choose(&conv, job)->name;
}

static void shapes_choose_their_kernels(void **state)
{
    (void)state;
    const struct shape4 in = {1, 14, 14, 64};
    for (int job = OP_JOB_FORWARD; job <= OP_JOB_WEIGHT_GRADIENT; job++) {
        assert_string_equal(chosen(in, 64, 3, 1, 64, (enum op_job)job), "depthwise");
        assert_string_equal(chosen(in, 128, 3, 1, 64, (enum op_job)job), "narrow");
        assert_string_equal(chosen(in, 64, 3, 1, 16, (enum op_job)job), "narrow");
        assert_string_equal(chosen(in, 64, 3, 1, 4, (enum op_job)job), "sweep");
        assert_string_equal(chosen(in, 64, 1, 2, 1, (enum op_job)job), "sweep");
    }
    assert_string_equal(chosen(in, 64, 1, 1, 1, OP_JOB_DATA_GRADIENT), "sweep");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_complete),
        cmocka_unit_test(windows_have_torchs_sizes),
        cmocka_unit_test(windows_that_do_not_fit_are_refused),
        cmocka_unit_test(joins_and_vectors),
        cmocka_unit_test(parameters_and_costs),
        cmocka_unit_test(pieces_and_products),
        cmocka_unit_test(tokens_that_are_none_are_refused),
        cmocka_unit_test(new_parameters_have_their_roles),
        cmocka_unit_test(shapes_choose_their_kernels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
