/* Shapes, element types and their conversions, GEMM against plain loops. */
#include "config.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "thaw/base/mem.h"
#include "thaw/base/rng.h"
#include "thaw/tensor/gemm.h"
#include "thaw/tensor/preprocess.h"
#include "thaw/tensor/tensor.h"

static void shapes_count_and_print(void **state)
{
    (void)state;
    char text[SHAPE_TEXT];
    struct shape shape = shape_make(4, (const int64_t[]){64, 3, 7, 7});
    assert_int_equal(shape_count(&shape), 9408);
    assert_string_equal(shape_text(text, &shape), "64x3x7x7");
    struct shape scalar = {0};
    assert_int_equal(shape_count(&scalar), 1);
    assert_string_equal(shape_text(text, &scalar), "scalar");
    struct shape huge = shape_make(3, (const int64_t[]){1LL << 40, 1LL << 40, 2});
    assert_int_equal(shape_count(&huge), -1);
    struct shape negative = shape_make(1, (const int64_t[]){-1});
    assert_int_equal(shape_count(&negative), -1);
    assert_false(shape_equal(&shape, &scalar));
    assert_true(shape_equal(&shape, &shape));
}

/* Every half there is: to float by the formula of IEEE 754, and back to the same bits. */
static void halves_round_trip(void **state)
{
    (void)state;
    for (uint32_t bits = 0; bits < 65536; bits++) {
        uint16_t half = (uint16_t)bits, back;
        float value;
        tensor_to_f32(&value, &half, TENSOR_F16, 1);
        int exponent = half >> 10 & 31, fraction = half & 1023;
        double expected = exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24);
        if (exponent == 31)
            expected = fraction ? NAN : INFINITY;
        if (half & 0x8000)
            expected = -expected;
        if (isnan(expected)) {
            assert_true(isnan(value));
            continue;
        }
        assert_true((double)value == expected);
        tensor_from_f32(&back, &value, TENSOR_F16, 1);
        assert_int_equal(back, half);
    }
}

static uint16_t to_half(float value)
{
    uint16_t half;
    tensor_from_f32(&half, &value, TENSOR_F16, 1);
    return half;
}

static void rounding_is_to_nearest_even(void **state)
{
    (void)state;
    assert_int_equal(to_half(1 + 0x1p-11f), 0x3c00);            /* tie: down to even */
    assert_int_equal(to_half(1 + 3 * 0x1p-11f), 0x3c02);        /* tie: up to even */
    assert_int_equal(to_half(1 + 0x1p-11f + 0x1p-20f), 0x3c01); /* above the tie */
    assert_int_equal(to_half(65504), 0x7bff);
    assert_int_equal(to_half(65519.996f), 0x7bff);
    assert_int_equal(to_half(65520), 0x7c00);
    assert_int_equal(to_half(0x1p-25f), 0); /* tie with zero */
    assert_int_equal(to_half(0x1.8p-25f), 1);
    assert_int_equal(to_half(-0x1p-24f), 0x8001);
    float value = 1 + 0x1p-8f; /* tie in bfloat16: 1 + 1/256 is half a step of 1/128 */
    uint16_t bfloat;
    tensor_from_f32(&bfloat, &value, TENSOR_BF16, 1);
    assert_int_equal(bfloat, 0x3f80);
    float back;
    tensor_to_f32(&back, &bfloat, TENSOR_BF16, 1);
    assert_true(back == 1);
}

static void integers_convert_unaligned(void **state)
{
    (void)state;
    char bytes[17];
    int64_t values[2] = {-5, 1000000};
    memcpy(bytes + 1, values, sizeof values);
    float out[2];
    tensor_to_f32(out, bytes + 1, TENSOR_I64, 2);
    assert_true(out[0] == -5 && out[1] == 1000000);
}

static void gemm_equals_plain_loops(void **state)
{
    (void)state;
    enum { M = 5, N = 7, K = 9 };
    float a[M * K], at[K * M], b[K * N], bt[N * K], c[M * N], expected[M * N];
    for (int i = 0; i < M * K; i++)
        a[i] = (float)rng_uniform_at(1, 1, (uint64_t)i) - 0.5f;
    for (int i = 0; i < K * N; i++)
        b[i] = (float)rng_uniform_at(1, 2, (uint64_t)i) - 0.5f;
    for (int i = 0; i < M; i++)
        for (int k = 0; k < K; k++)
            at[k * M + i] = a[i * K + k];
    for (int k = 0; k < K; k++)
        for (int j = 0; j < N; j++)
            bt[j * K + k] = b[k * N + j];
    for (int i = 0; i < M; i++)
        for (int j = 0; j < N; j++) {
            double sum = 0;
            for (int k = 0; k < K; k++)
                sum += (double)a[i * K + k] * b[k * N + j];
            expected[i * N + j] = (float)(2 * sum + 3);
        }
    for (int variant = 0; variant < 4; variant++) {
        bool ta = variant & 1, tb = variant & 2;
        for (int i = 0; i < M * N; i++)
            c[i] = 1;
        gemm(ta, tb, M, N, K, 2, ta ? at : a, ta ? M : K, tb ? bt : b, tb ? K : N, 3, c, N);
        for (int i = 0; i < M * N; i++)
            assert_true(fabsf(c[i] - expected[i]) < 1e-5f);
    }
    float y[M], x[K];
    for (int k = 0; k < K; k++)
        x[k] = b[k * N];
    gemv(false, M, K, 2, a, K, x, 0, y);
    for (int i = 0; i < M; i++)
        assert_true(fabsf(y[i] + 3 - expected[i * N]) < 1e-5f);
    assert_non_null(strstr(gemm_library(), "OpenBLAS"));
}

static void check_scheme(int channels, const char *text, bool raw, bool bgr, const float *mean, const float *std)
{
    struct error error = {0};
    struct preprocess made = {
        .height = 32, .width = 48, .channels = channels, .resize = 40, .interpolation = INTERPOLATION_BICUBIC};
    if (!preprocess_parse(&made, text, &error))
        fail_msg("%s", error.text);
    assert_true(made.raw == raw && made.bgr == bgr);
    for (int c = 0; c < channels; c++)
        if (fabsf(made.mean[c] - mean[c]) > 1e-6f || fabsf(made.std[c] - std[c]) > 1e-6f)
            fail_msg("%s: channel %d: mean %g, std %g", text, c, (double)made.mean[c], (double)made.std[c]);
    assert_true(made.height == 32 && made.width == 48 && made.channels == channels && made.resize == 40);
    assert_int_equal(made.interpolation, INTERPOLATION_BICUBIC);
}

static void preprocessing_is_parsed(void **state)
{
    (void)state;
    check_scheme(3, "torch", false, false, (float[]){0.485f, 0.456f, 0.406f}, (float[]){0.229f, 0.224f, 0.225f});
    check_scheme(3, "tf", true, false, (float[]){127.5f, 127.5f, 127.5f}, (float[]){127.5f, 127.5f, 127.5f});
    check_scheme(3, "caffe", true, true, (float[]){103.939f, 116.779f, 123.68f}, (float[]){1, 1, 1});
    check_scheme(3, "unit", false, false, (float[]){0, 0, 0}, (float[]){1, 1, 1});
    check_scheme(1, "raw", true, false, (float[]){0}, (float[]){1});
    check_scheme(1, "torch", false, false, (float[]){0.449f}, (float[]){0.226f});
    check_scheme(3, "mean .4914 .4822 .4465 std .2470 .2435 .2616", false, false, (float[]){0.4914f, 0.4822f, 0.4465f},
                 (float[]){0.2470f, 0.2435f, 0.2616f});
    check_scheme(3, " mean  0.5  std 0.25 ", false, false, (float[]){0.5f, 0.5f, 0.5f}, (float[]){0.25f, 0.25f, 0.25f});
    check_scheme(1, "mean 0.1307 std 0.3081", false, false, (float[]){0.1307f}, (float[]){0.3081f});
    check_scheme(3, "torch bgr", false, true, (float[]){0.406f, 0.456f, 0.485f}, (float[]){0.225f, 0.224f, 0.229f});
    check_scheme(3, "caffe rgb", true, false, (float[]){123.68f, 116.779f, 103.939f}, (float[]){1, 1, 1});
    check_scheme(3, "mean 1 2 3 std 4 5 6 bgr ", false, true, (float[]){3, 2, 1}, (float[]){6, 5, 4});
    check_scheme(1, "tf bgr", true, false, (float[]){127.5f}, (float[]){127.5f});
}

/* Words that say what was parsed, the shortest there are. */
static void preprocessing_is_worded(void **state)
{
    (void)state;
    static const struct {
        int channels;
        const char *said, *words;
    } rows[] = {
        {3, "torch", "torch"},
        {3, "tf rgb", "tf"},
        {3, "caffe bgr", "caffe"},
        {3, "caffe rgb", "caffe rgb"},
        {3, "unit bgr", "unit bgr"},
        {1, "raw bgr", "raw"},
        {3, "mean 0 std 1", "unit"},
        {3, "mean 0.485 0.456 0.406 std 0.229 0.224 0.225", "torch"},
        {3, "mean 0.1 0.2 0.3 std 0.4 0.5 0.6 bgr", "mean 0.1 0.2 0.3 std 0.4 0.5 0.6 bgr"},
        {1, "mean 0.1307 std 0.3081", "mean 0.1307 std 0.3081"},
        {3, "mean 0.5 std 0.5", "mean 0.5 std 0.5"},
    };
    for (size_t i = 0; i < THAW_LENGTH(rows); i++) {
        struct error error = {0};
        char words[PREPROCESS_WORDS];
        struct preprocess made = {.channels = rows[i].channels}, again = made;
        assert_true(preprocess_parse(&made, rows[i].said, &error));
        assert_string_equal(preprocess_words(&made, 6, words), rows[i].words);
        assert_true(preprocess_parse(&again, words, &error));
        assert_memory_equal(&made, &again, sizeof made);
    }
    struct preprocess lite = {.channels = 3, .raw = true, .mean = {127, 127, 127}, .std = {128, 128, 128}};
    char words[PREPROCESS_WORDS];
    assert_string_equal(preprocess_words(&lite, 6, words), "mean 0.498039 std 0.501961");
}

static void preprocessing_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "Torch",
        "imagenet",
        "mean",
        "mean 1 std 0",
        "mean 1 2 std 1",
        "mean 1 2 3 std 1 2",
        "mean 1 2 3 4 std 1",
        "mean nan std 1",
        "mean 0 std inf",
        "mean 0 std -1",
        "std 1 mean 0",
        "mean 0 std 1 x",
        "meant 0 std 1",
        "bgr",
        "torch gbr",
        "torchbgr",
        "torch bgr rgb",
    };
    for (size_t i = 0; i < THAW_LENGTH(texts); i++) {
        struct error error = {0};
        struct preprocess made = {.channels = 3, .mean = {7}}, before = made;
        if (preprocess_parse(&made, texts[i], &error))
            fail_msg("%s: was taken", texts[i]);
        assert_int_equal(error.kind, ERROR_USAGE);
        assert_non_null(strstr(error.text, texts[i]));
        assert_memory_equal(&made, &before, sizeof made);
    }
    struct error error = {0};
    struct preprocess made = {.channels = 3, .mean = {7}}, before = made;
    assert_true(preprocess_parse(&made, "auto", &error) && preprocess_parse(&made, "", &error));
    assert_memory_equal(&made, &before, sizeof made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes_count_and_print),      cmocka_unit_test(halves_round_trip),
        cmocka_unit_test(rounding_is_to_nearest_even), cmocka_unit_test(integers_convert_unaligned),
        cmocka_unit_test(gemm_equals_plain_loops),     cmocka_unit_test(preprocessing_is_parsed),
        cmocka_unit_test(preprocessing_is_worded),     cmocka_unit_test(preprocessing_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
