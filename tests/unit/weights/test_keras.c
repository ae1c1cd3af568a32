/* Keras files: the small ones of make_keras.py, whose tensors count from a base of their own (element i is base + i / 8),
 * the names of values, the child process that reads HDF5, and the real files. */
#include "config.h"

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "src/weights/format.h"
#include "src/weights/h5file.h"
#include "src/weights/keras_names.h"
#include "thaw/base/clock.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"

#ifdef HAVE_HDF5
static const bool has_hdf5 = true;
#else
static const bool has_hdf5 = false;
#endif

static void need_hdf5(void)
{
    if (has_hdf5)
        return;
    print_message("this build has no HDF5: skipped\n");
    skip();
}

static char *fixture(const char *name)
{
    const char *source = getenv("THAW_SRCDIR");
    return mem_format("%s/tests/unit/weights/fixtures/keras/%s", source ? source : ".", name);
}

static struct weights *open_fixture(const char *name)
{
    struct error error = {0};
    char *path = fixture(name);
    struct weights *weights = weights_open(path, &error);
    if (!weights)
        fail_msg("%s", error.text);
    mem_free(path);
    return weights;
}

/* What a file lists, in its order. step: between elements, 1/8 but where a type cannot hold that. */
struct expected {
    const char *name;
    enum tensor_type type;
    const char *shape;
    float base, step;
};

static void check_list(const char *name, const char *format, const struct expected *expected, size_t count)
{
    struct weights *weights = open_fixture(name);
    struct error error = {0};
    assert_string_equal(weights_format(weights), format);
    assert_int_equal(weights_layout(weights), WEIGHTS_KERAS);
    for (size_t i = 0; i < weights_count(weights) && i < count; i++) {
        char text[SHAPE_TEXT];
        float values[256];
        const struct weights_tensor *tensor = weights_get(weights, i);
        assert_string_equal(tensor->name, expected[i].name);
        assert_int_equal(tensor->type, expected[i].type);
        assert_string_equal(shape_text(text, &tensor->shape), expected[i].shape);
        int64_t elements = shape_count(&tensor->shape);
        assert_true(elements <= 256);
        if (!weights_read(weights, i, values, &error))
            fail_msg("%s", error.text);
        for (int64_t e = 0; e < elements; e++) {
            float want = expected[i].base + expected[i].step * (float)e;
            if (values[e] != (tensor_type_is_float(tensor->type) ? want : floorf(want)))
                fail_msg("%s: %s[%d] is %g, not %g", name, tensor->name, (int)e, (double)values[e], (double)want);
        }
    }
    assert_int_equal(weights_count(weights), count);
    weights_close(weights);
}
#define CHECK_LIST(name, format, expected) check_list(name, format, expected, THAW_LENGTH(expected))

#define EIGHTH 0.125f
static const char h5[] = "Keras (HDF5)", keras[] = "Keras (.keras)";

static void test_weights_only(void **state)
{
    (void)state;
    need_hdf5();
    static const struct expected expected[] = {
        {"conv1/kernel", TENSOR_F32, "3x3x1x2", 1, EIGHTH},
        {"conv1/bias", TENSOR_F32, "2", 2, EIGHTH},
        {"bn/gamma", TENSOR_F32, "2", 3, EIGHTH},
        {"bn/beta", TENSOR_F32, "2", 4, EIGHTH},
        {"bn/moving_mean", TENSOR_F32, "2", 5, EIGHTH},
        {"bn/moving_variance", TENSOR_F32, "2", 6, EIGHTH},
        {"dw/depthwise_kernel", TENSOR_F32, "3x3x2x1", 7, EIGHTH},
        {"sep/depthwise_kernel", TENSOR_F32, "3x3x2x1", 8, EIGHTH},
        {"sep/pointwise_kernel", TENSOR_F32, "1x1x2x3", 9, EIGHTH},
        {"sep/bias", TENSOR_F32, "3", 10, EIGHTH},
        {"fc/kernel", TENSOR_F32, "3x2", 11, EIGHTH},
        {"fc/bias", TENSOR_F32, "2", 12, EIGHTH},
    };
    CHECK_LIST("weights.h5", h5, expected);
    struct weights *weights = open_fixture("weights.h5");
    assert_string_equal(weights_metadata(weights, WEIGHTS_KERAS_VERSION), "2.4.0");
    assert_string_equal(weights_metadata(weights, WEIGHTS_KERAS_BACKEND), "tensorflow");
    assert_null(weights_metadata(weights, WEIGHTS_KERAS_CONFIG));
    assert_null(weights_metadata(weights, WEIGHTS_NOTE));
    weights_close(weights);
}

static void test_keras1(void **state)
{
    (void)state;
    need_hdf5();
    static const struct expected expected[] = {
        {"block1_conv1/kernel", TENSOR_F32, "1x1x1x2", 1, EIGHTH},
        {"block1_conv1/bias", TENSOR_F32, "2", 2, EIGHTH},
        {"bn_conv1/gamma", TENSOR_F32, "2", 3, EIGHTH},
        {"bn_conv1/beta", TENSOR_F32, "2", 4, EIGHTH},
        {"bn_conv1/moving_mean", TENSOR_F32, "2", 5, EIGHTH},
        {"bn_conv1/moving_variance", TENSOR_F32, "2", 6, EIGHTH},
        {"fc1/kernel", TENSOR_F32, "2x2", 7, EIGHTH},
        {"fc1/bias", TENSOR_F32, "2", 8, EIGHTH},
    };
    CHECK_LIST("keras1.h5", h5, expected);
}

static void test_kinds(void **state)
{
    (void)state;
    need_hdf5();
    static const struct expected expected[] = {
        {"dense/chunked", TENSOR_F32, "4x3", 1, EIGHTH}, {"dense/gzip", TENSOR_F32, "4x3", 2, EIGHTH},
        {"dense/f16", TENSOR_F16, "4x3", 3, EIGHTH},     {"dense/f16_big", TENSOR_F16, "4x3", 4, EIGHTH},
        {"dense/f32_big", TENSOR_F32, "4x3", 5, EIGHTH}, {"dense/f64", TENSOR_F64, "4x3", 6, EIGHTH},
        {"dense/i32", TENSOR_I32, "4x3", 7, EIGHTH},     {"dense/u16", TENSOR_I32, "4x3", 8, EIGHTH},
        {"dense/u8", TENSOR_U8, "4x3", 9, EIGHTH},       {"dense/i64_big", TENSOR_I64, "4x3", 10, EIGHTH},
        {"dense/scalar", TENSOR_F32, "scalar", 11, 0},   {"dense/compact", TENSOR_F32, "3", 12, EIGHTH},
        {"dense/unwritten", TENSOR_F32, "2", 0.5f, 0},
    };
    CHECK_LIST("kinds.h5", h5, expected);
}

static void test_texts(void **state)
{
    (void)state;
    need_hdf5();
    static const struct expected expected[] = {
        {"a/kernel", TENSOR_F32, "1x2", 1, EIGHTH},
        {"a/bias", TENSOR_F32, "2", 2, EIGHTH},
        {"b/kernel", TENSOR_F32, "2x1", 3, EIGHTH},
    };
    CHECK_LIST("texts.h5", h5, expected);
}

static void test_whole_model(void **state)
{
    (void)state;
    need_hdf5();
    static const struct expected expected[] = {
        {"base/c1/kernel", TENSOR_F32, "1x1x1x2", 1, EIGHTH},
        {"base/c1/bias", TENSOR_F32, "2", 2, EIGHTH},
        {"base/b1/beta", TENSOR_F32, "2", 3, EIGHTH},
        {"base/b1/moving_mean", TENSOR_F32, "2", 4, EIGHTH},
        {"base/b1/moving_variance", TENSOR_F32, "2", 5, EIGHTH},
        {"top/kernel", TENSOR_F32, "2x2", 6, EIGHTH},
        {"top/bias", TENSOR_F32, "2", 7, EIGHTH},
    };
    CHECK_LIST("model.h5", h5, expected);
    struct weights *weights = open_fixture("model.h5");
    assert_non_null(strstr(weights_metadata(weights, WEIGHTS_KERAS_CONFIG), "\"Sequential\""));
    assert_non_null(strstr(weights_metadata(weights, WEIGHTS_NOTE), "2 values of the optimizer"));
    weights_close(weights);
    static const struct expected nested[] = {
        {"base/c1/kernel", TENSOR_F32, "1x1x1x2", 1, EIGHTH},
        {"base/c2/kernel", TENSOR_F32, "1x1x2x2", 2, EIGHTH},
    };
    CHECK_LIST("nested.h5", h5, nested);
}

/* Keras 3: with the names in the file, with none, and with those of the configuration beside it. */
static void test_numbered(void **state)
{
    (void)state;
    need_hdf5();
    static const struct expected named[] = {
        {"bn/beta", TENSOR_F32, "2", 4, EIGHTH},
        {"bn/moving_mean", TENSOR_F32, "2", 5, EIGHTH},
        {"bn/moving_variance", TENSOR_F32, "2", 6, EIGHTH},
        {"stem/kernel", TENSOR_F32, "3x3x1x2", 1, EIGHTH},
        {"stem/bias", TENSOR_F32, "2", 2, EIGHTH},
        {"second/kernel", TENSOR_F32, "1x1x2x2", 3, EIGHTH},
        {"base/inside/kernel", TENSOR_F32, "2x12", 10, EIGHTH},
        {"base/inside/bias", TENSOR_F32, "12", 11, EIGHTH},
        {"norm/mean", TENSOR_F32, "1", 12, EIGHTH},
        {"norm/variance", TENSOR_F32, "1", 13, EIGHTH},
        {"norm/count", TENSOR_F32, "scalar", 14, EIGHTH},
        {"sep/depthwise_kernel", TENSOR_F32, "3x3x2x1", 7, EIGHTH},
        {"sep/pointwise_kernel", TENSOR_F32, "1x1x2x2", 8, EIGHTH},
        {"sep/bias", TENSOR_F32, "2", 9, EIGHTH},
    };
    static const char *const groups[] = {"batch_normalization", "conv2d",        "conv2d_1",
                                         "functional/dense",    "normalization", "separable_conv2d"};
    CHECK_LIST("named.weights.h5", h5, named);
    struct weights *weights = open_fixture("numbered.weights.h5");
    assert_int_equal(weights_count(weights), THAW_LENGTH(named));
    for (size_t i = 0, group = 0; i < THAW_LENGTH(named); i++) {
        const char *name = weights_get(weights, i)->name, *leaf = strrchr(name, '/');
        if (i && strncmp(name, groups[group], strlen(groups[group])) != 0)
            group++;
        if (group < 2 && strncmp(name, "conv2d_1/", 9) == 0)
            group = 2;
        assert_string_equal(leaf, strrchr(named[i].name, '/'));
        assert_int_equal(leaf - name, strlen(groups[group]));
        assert_memory_equal(name, groups[group], strlen(groups[group]));
    }
    weights_close(weights);
    static const struct expected windows[] = {
        {"conv2d/kernel", TENSOR_F32, "1x1x1x2", 1, EIGHTH},
        {"conv2d/bias", TENSOR_F32, "2", 2, EIGHTH},
        {"dense/kernel", TENSOR_F32, "2x2", 3, EIGHTH},
        {"dense/bias", TENSOR_F32, "2", 4, EIGHTH},
    };
    CHECK_LIST("windows.weights.h5", h5, windows);
}

static void test_archive(void **state)
{
    (void)state;
    need_hdf5();
    static const struct expected expected[] = {
        {"norm/mean", TENSOR_F32, "1", 12, EIGHTH},
        {"norm/variance", TENSOR_F32, "1", 13, EIGHTH},
        {"norm/count", TENSOR_F32, "scalar", 14, EIGHTH},
        {"stem/kernel", TENSOR_F32, "3x3x1x2", 1, EIGHTH},
        {"stem/bias", TENSOR_F32, "2", 2, EIGHTH},
        {"second/kernel", TENSOR_F32, "1x1x2x2", 3, EIGHTH},
        {"bn/gamma", TENSOR_F32, "2", 4, EIGHTH}, /* the configuration says that the shift is missing */
        {"bn/moving_mean", TENSOR_F32, "2", 5, EIGHTH},
        {"bn/moving_variance", TENSOR_F32, "2", 6, EIGHTH},
        {"sep/depthwise_kernel", TENSOR_F32, "3x3x2x1", 7, EIGHTH},
        {"sep/pointwise_kernel", TENSOR_F32, "1x1x2x2", 8, EIGHTH},
        {"sep/bias", TENSOR_F32, "2", 9, EIGHTH},
        {"base/inside/kernel", TENSOR_F32, "2x12", 10, EIGHTH},
        {"base/inside/bias", TENSOR_F32, "12", 11, EIGHTH},
    };
    CHECK_LIST("stored.keras", keras, expected);
    CHECK_LIST("deflated.keras", keras, expected);
    struct weights *stored = open_fixture("stored.keras"), *deflated = open_fixture("deflated.keras");
    assert_string_equal(weights_metadata(stored, WEIGHTS_KERAS_VERSION), "3.10.0");
    assert_null(weights_metadata(deflated, WEIGHTS_KERAS_VERSION));
    assert_non_null(weights_metadata(deflated, WEIGHTS_KERAS_CONFIG));
    weights_close(stored);
    weights_close(deflated);
}

static void test_memory(void **state)
{
    (void)state;
    need_hdf5();
    static const char *const names[] = {"kinds.h5", "deflated.keras"};
    for (size_t i = 0; i < THAW_LENGTH(names); i++) {
        struct error error = {0};
        struct file_map map;
        char *path = fixture(names[i]);
        assert_true(file_map_open(&map, path, &error));
        uint8_t *copy = malloc(map.size);
        memcpy(copy, map.data, map.size);
        struct weights *weights = weights_open_memory(copy, map.size, names[i], &error), *same = open_fixture(names[i]);
        assert_non_null(weights);
        assert_int_equal(weights_count(weights), weights_count(same));
        weights_close(weights);
        weights_close(same);
        free(copy);
        file_map_close(&map);
        mem_free(path);
    }
}

/* --- names --- */

static void test_leaves(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"conv1/kernel:0", "kernel"},
        {"conv1/kernel", "kernel"},
        {"a/b/depthwise_kernel:0", "depthwise_kernel"},
        {"convolution2d_1_W:0", "kernel"},
        {"convolution2d_1_b_3:0", "bias"},
        {"separableconvolution2d_1_pointwise_kernel:0", "pointwise_kernel"},
        {"bn_conv1_running_std_1:0", "moving_variance"},
        {"bn_conv1_running_mean_1:0", "moving_mean"},
        {"batch_normalization/moving_variance:0", "moving_variance"},
        {"normalization/mean:0", "mean"},
    };
    static const char *const unknown[] = {"embedding/embeddings:0", "verb", "club:0", "W_1x",
                                          "layers/conv2d/vars/0",   ""};
    for (size_t i = 0; i < THAW_LENGTH(cases); i++) {
        assert_non_null(keras_leaf(cases[i][0]));
        assert_string_equal(keras_leaf(cases[i][0]), cases[i][1]);
    }
    for (size_t i = 0; i < THAW_LENGTH(unknown); i++)
        assert_null(keras_leaf(unknown[i]));
    assert_string_equal(keras_leaf_at("BatchNormalization", NULL, 4, 0), "gamma");
    assert_string_equal(keras_leaf_at("BatchNormalization", NULL, 3, 0), "beta");
    assert_string_equal(keras_leaf_at("BatchNormalization", NULL, 2, 0), "moving_mean");
    assert_string_equal(keras_leaf_at("Dense", NULL, 1, 0), "kernel");
    assert_null(keras_leaf_at("Dense", NULL, 1, 1));
    assert_null(keras_leaf_at("Lambda", NULL, 1, 0));
    assert_string_equal(keras_class_of_group("depthwise_conv2d_12"), "DepthwiseConv2D");
    assert_string_equal(keras_class_of_group("conv2d"), "Conv2D");
    assert_null(keras_class_of_group("conv2d_x"));
}

static void test_outline(void **state)
{
    (void)state;
    static const char text[] = "{\"class_name\":\"Functional\",\"config\":{\"name\":\"m\",\"layers\":["
                               "{\"class_name\":\"Conv2D\",\"config\":{\"name\":\"stem\"}},"
                               "{\"class_name\":\"Sequential\",\"config\":{\"name\":\"base\",\"layers\":["
                               "{\"class_name\":\"LeakyReLU\",\"config\":{\"name\":\"z\"}},{\"class_name\":\"Conv2D\","
                               "\"config\":{\"name\":\"c\"}}]}},"
                               "{\"class_name\":\"Conv2D\",\"config\":{\"name\":\"based\"}}]}}";
    struct keras_outline outline;
    size_t first;
    assert_true(keras_outline_read(&outline, text));
    assert_int_equal(outline.layers, 4);
    assert_string_equal(keras_outline_find(&outline, "base/z")->group, "sequential/leaky_re_lu");
    assert_string_equal(keras_outline_find_group(&outline, "conv2d_1")->path, "based");
    assert_int_equal(keras_outline_find(&outline, "based")->order, 3);
    assert_int_equal(keras_outline_inside(&outline, "base", &first), 2);
    assert_string_equal(outline.layer[first].path, "base/c");
    assert_int_equal(keras_outline_inside(&outline, "stem", &first), 0);
    assert_null(keras_outline_find(&outline, "c"));
    keras_outline_finish(&outline);
    assert_false(keras_outline_read(&outline, "{}"));
    assert_false(keras_outline_read(&outline, "nonsense"));
}

/* --- the child --- */

static bool work_well(void *context, struct isolate_out *out)
{
    size_t count = *(size_t *)context;
    for (uint32_t i = 0; i < count; i++)
        isolate_write(out, &i, sizeof i);
    return true;
}

static bool work_not(void *context, struct isolate_out *out)
{
    isolate_write(out, context, 1);
    return false;
}

static bool crash(void *context, struct isolate_out *out)
{
    isolate_write(out, context, 1);
    kill(getpid(), SIGSEGV);
    return true;
}

static bool spin(void *context, struct isolate_out *out)
{
    volatile size_t *turns = context;
    for (;;)
        ++*turns;
    isolate_write(out, "", 1);
    return true;
}

static bool devour(void *context, struct isolate_out *out)
{
    (void)context;
    char *block = malloc((size_t)1 << 33); /* over the limit: NULL */
    isolate_write(out, block ? "y" : "n", 1);
    free(block);
    return true;
}

static bool open_file(void *context, struct isolate_out *out)
{
    FILE *file = fopen(context, "r");
    isolate_write(out, file ? "y" : "n", 1);
    return true;
}

static enum isolate_end run(bool (*work)(void *, struct isolate_out *), void *context, uint8_t **result, size_t *size)
{
    struct isolate_limits limits = {.seconds = 0.2, .memory = 64 << 20, .result = 1 << 20};
    return isolate_run(work, context, &limits, result, size);
}

static void test_isolate(void **state)
{
    (void)state;
    uint8_t *result;
    size_t size, count = 100000, before;
    char path[] = "/etc/passwd";
    assert_int_equal(run(work_well, &count, &result, &size), ISOLATE_DONE);
    assert_int_equal(size, 4 * count);
    assert_int_equal(((uint32_t *)(void *)result)[count - 1], count - 1);
    mem_free(result);
    count = 0;
    assert_int_equal(run(work_well, &count, &result, &size), ISOLATE_DONE);
    assert_int_equal(size, 0);
    mem_free(result);
    count = 1 << 19; /* twice the limit */
    assert_int_equal(run(work_well, &count, &result, &size), ISOLATE_LARGE);
    assert_null(result);
    assert_int_equal(run(work_not, path, &result, &size), ISOLATE_DIED);
    assert_int_equal(run(crash, path, &result, &size), ISOLATE_DIED);
    before = count;
    double began = clock_monotonic();
    assert_int_equal(run(spin, &count, &result, &size), ISOLATE_SLOW);
    assert_true(clock_monotonic() - began < 20);
    assert_int_equal(count, before); /* the child has a memory of its own */
    assert_int_equal(run(open_file, path, &result, &size), ISOLATE_DONE);
    assert_int_equal(result[0], 'n');
    mem_free(result);
#ifndef THAW_SANITIZED
    assert_int_equal(run(devour, path, &result, &size), ISOLATE_DONE);
    assert_int_equal(result[0], 'n');
    mem_free(result);
#else
    (void)devour;
#endif
}

/* --- what the child says is checked as a file is --- */

struct records {
    uint8_t bytes[512];
    size_t size;
};

static void put(struct records *records, const void *bytes, size_t size)
{
    memcpy(records->bytes + records->size, bytes, size);
    records->size += size;
}

static void put_text(struct records *records, const char *text)
{
    uint32_t length = (uint32_t)strlen(text) + 1;
    put(records, &length, sizeof length);
    put(records, text, length);
}

static void put_dataset(struct records *records, const char *path, int type, int where, int rank, int64_t dim,
                        uint64_t offset)
{
    put(records, "D", 1);
    put_text(records, path);
    put(records, (uint8_t[]){(uint8_t)type, (uint8_t)where, (uint8_t)rank}, 3);
    for (int d = 0; d < rank; d++)
        put(records, &dim, sizeof dim);
    put(records, &offset, sizeof offset);
}

/* The sentence for records of a file of 1000 bytes, or "" where they are good. */
static const char *parse(const struct records *records, struct error *error)
{
    struct h5_list list;
    uint8_t *copy = mem_alloc(records->size + 1);
    memcpy(copy, records->bytes, records->size);
    *error = (struct error){0};
    if (h5_list_parse(&list, copy, records->size, 1000, error)) {
        h5_list_finish(&list);
        return "";
    }
    assert_int_equal(error->kind, ERROR_WEIGHTS);
    assert_null(list.records);
    return error->text;
}

static void test_records(void **state)
{
    (void)state;
    static const struct {
        int type, where, rank;
        int64_t dim;
        uint64_t offset;
        const char *sentence;
    } cases[] = {
        {TENSOR_F32, H5_IN_PLACE, 1, 10, 960, ""},
        {TENSOR_F32, H5_IN_PLACE, 1, 10, 961, "lie at bytes 961 to 1001 of 1000"},
        {TENSOR_F32, H5_IN_PLACE, 1, 10, UINT64_MAX - 39, "lie at bytes"},
        {TENSOR_F32, H5_IN_PLACE, 1, 251, 0, "claims more values than a file of 1000 bytes"},
        {TENSOR_F32, H5_IN_PLACE, 1, -1, 0, "claims more values"},
        {TENSOR_F32, H5_IN_PLACE, 2, INT64_MAX, 0, "claims more values"},
        {TENSOR_F32, H5_DECODED, 1, 1000, UINT64_MAX, ""},
        {TENSOR_F32, H5_DECODED, 1, 1001, 0, "claims more values"},
        {TENSOR_F32, H5_IN_PLACE, 9, 1, 0, "has 9 dimensions, at most 8 are read"},
        {TENSOR_TYPES, H5_NO_NUMBER, 30, 1, 0, ""},
        {TENSOR_TYPES, H5_IN_PLACE, 1, 1, 0, "cannot be read"},
        {TENSOR_TYPES + 1, H5_NO_NUMBER, 1, 1, 0, "cannot be read"},
        {TENSOR_F32, H5_WHERES, 1, 1, 0, "cannot be read"},
    };
    struct error error;
    for (size_t i = 0; i < THAW_LENGTH(cases); i++) {
        struct records records = {.size = 0};
        put_dataset(&records, "a/w", cases[i].type, cases[i].where, cases[i].rank, cases[i].dim, cases[i].offset);
        const char *said = parse(&records, &error);
        if (cases[i].sentence[0] ? !strstr(said, cases[i].sentence) : said[0])
            fail_msg("case %zu: \"%s\"", i, said);
        for (records.size--; records.size > 0; records.size--) /* cut anywhere */
            assert_string_not_equal(parse(&records, &error), "");
    }
    struct records attribute = {.size = 0};
    uint32_t count = 2;
    put(&attribute, "A", 1);
    put_text(&attribute, "a");
    put_text(&attribute, "weight_names");
    put(&attribute, &count, sizeof count);
    put_text(&attribute, "x");
    put_text(&attribute, "yz");
    uint8_t *copy = mem_alloc(attribute.size);
    memcpy(copy, attribute.bytes, attribute.size);
    struct h5_list list;
    assert_true(h5_list_parse(&list, copy, attribute.size, 1000, &error));
    const struct h5_attribute *found = h5_find_attribute(&list, "a", "weight_names");
    assert_int_equal(found->count, 2);
    assert_memory_equal(found->value, "x\0yz", 5);
    assert_null(h5_find_attribute(&list, "", "weight_names"));
    h5_list_finish(&list);
    for (attribute.size--; attribute.size > 0; attribute.size--)
        assert_string_not_equal(parse(&attribute, &error), "");
    struct records fault = {.size = 0};
    put(&fault, "E", 1);
    put_text(&fault, "bad object header");
    assert_string_equal(parse(&fault, &error), "damaged HDF5: bad object header");
}

/* --- the real files --- */

static struct weights *open_real(const char *name)
{
    const char *folder = getenv("THAW_REAL_DATA");
    struct error error = {0};
    need_hdf5();
    if (!folder) {
        print_message("THAW_REAL_DATA is not set: real weights are skipped\n");
        skip();
    }
    char *path = mem_format("%s/models/%s", folder, name);
    struct weights *weights = weights_open(path, &error);
    if (!weights)
        fail_msg("%s", error.text);
    mem_free(path);
    return weights;
}

static float *read_by_name(const struct weights *weights, const char *name, size_t *count)
{
    struct error error = {0};
    long index = weights_find(weights, name);
    if (index < 0)
        fail_msg("no tensor %s in %s", name, weights_path(weights));
    *count = (size_t)shape_count(&weights_get(weights, (size_t)index)->shape);
    float *values = mem_array(*count, sizeof *values);
    if (!weights_read(weights, (size_t)index, values, &error))
        fail_msg("%s", error.text);
    return values;
}

/* One tensor of MobileNetV1 in Keras' file and in the same network's safetensors; kernels (kh, kw, in, out) against
 * (out, in, kh, kw), of depthwise ones in and out are swapped in Keras' file. */
static void check_pair(const struct weights *h5_file, const struct weights *safe, const char *keras_name,
                       const char *torch_name, bool depthwise)
{
    size_t count, other;
    float *a = read_by_name(h5_file, keras_name, &count), *b = read_by_name(safe, torch_name, &other);
    const struct shape *shape = &weights_get(h5_file, (size_t)weights_find(h5_file, keras_name))->shape;
    assert_int_equal(count, other);
    size_t spots = 1, in = 1, out = count;
    if (shape->rank == 4) {
        spots = (size_t)(shape->dim[0] * shape->dim[1]);
        in = (size_t)shape->dim[depthwise ? 3 : 2];
        out = (size_t)shape->dim[depthwise ? 2 : 3];
    }
    for (size_t s = 0; s < spots; s++)
        for (size_t i = 0; i < in; i++)
            for (size_t o = 0; o < out; o++)
                if (a[(s * in + i) * out + o] != b[(o * in + i) * spots + s])
                    fail_msg("%s differs from %s", keras_name, torch_name);
    mem_free(a);
    mem_free(b);
}

static void check_layer(const struct weights *h5_file, const struct weights *safe, const char *keras_layer,
                        const char *torch_layer, bool depthwise)
{
    static const char *const norms[][2] = {
        {"gamma", "weight"}, {"beta", "bias"}, {"moving_mean", "running_mean"}, {"moving_variance", "running_var"}};
    char *a = mem_format("%s/%s", keras_layer, depthwise ? "depthwise_kernel" : "kernel");
    char *b = mem_format("%sconv.weight", torch_layer);
    check_pair(h5_file, safe, a, b, depthwise);
    mem_free(a);
    mem_free(b);
    for (size_t i = 0; i < THAW_LENGTH(norms); i++) {
        a = mem_format("%s_bn/%s", keras_layer, norms[i][0]);
        b = mem_format("%sbn.%s", torch_layer, norms[i][1]);
        check_pair(h5_file, safe, a, b, false);
        mem_free(a);
        mem_free(b);
    }
}

static void test_real_mobilenet(void **state)
{
    (void)state;
    struct weights *h5_file = open_real("keras_h5/mobilenet_2_5_224_tf_no_top.h5");
    struct weights *safe = open_real("safetensors/mobilenet_v1_0.25_224.safetensors");
    assert_int_equal(weights_count(h5_file), 135);
    check_layer(h5_file, safe, "conv1", "stem.", false);
    for (int i = 0; i < 13; i++) {
        char from[32], to[32];
        snprintf(from, sizeof from, "conv_dw_%d", i + 1);
        snprintf(to, sizeof to, "dw.%d.", i);
        check_layer(h5_file, safe, from, to, true);
        snprintf(from, sizeof from, "conv_pw_%d", i + 1);
        snprintf(to, sizeof to, "pw.%d.", i);
        check_layer(h5_file, safe, from, to, false);
    }
    weights_close(h5_file);
    weights_close(safe);
}

static void test_real_models(void **state)
{
    (void)state;
    struct weights *resnet = open_real("keras_h5/pretrainedResnet.h5");
    assert_int_equal(weights_count(resnet), 48);
    assert_non_null(weights_metadata(resnet, WEIGHTS_KERAS_CONFIG));
    assert_non_null(strstr(weights_metadata(resnet, WEIGHTS_NOTE), "69 values of the optimizer"));
    weights_close(resnet);
    struct weights *cnn = open_real("keras_v3/cifar10_model.keras");
    assert_int_equal(weights_count(cnn), 8);
    assert_string_equal(weights_metadata(cnn, WEIGHTS_KERAS_VERSION), "3.10.0");
    assert_true(weights_find(cnn, "conv2d_1/kernel") >= 0);
    weights_close(cnn);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weights_only),   cmocka_unit_test(test_keras1),      cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_texts),          cmocka_unit_test(test_whole_model), cmocka_unit_test(test_numbered),
        cmocka_unit_test(test_archive),        cmocka_unit_test(test_memory),      cmocka_unit_test(test_leaves),
        cmocka_unit_test(test_outline),        cmocka_unit_test(test_isolate),     cmocka_unit_test(test_records),
        cmocka_unit_test(test_real_mobilenet), cmocka_unit_test(test_real_models),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
