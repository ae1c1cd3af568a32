/* Files that hold many images: CIFAR's binary batches and NumPy's arrays, with the right answer for made ones. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "archives_for_tests.h"
#include "files_for_tests.h"
#include "layouts_for_tests.h"
#include "src/data/cifar.h"

static int set_up(void **state)
{
    *state = new_folder();
    return 0;
}

static int tear_down(void **state)
{
    remove_folder(*state);
    mem_free(*state);
    return 0;
}

/* Every pixel of an item. */
static void expect_colour(const struct dataset_item *item, uint8_t red, uint8_t green, uint8_t blue)
{
    struct error error = {0};
    struct image image;
    if (!dataset_load(item, &image, &error))
        fail_msg("%s", error.text);
    for (int i = 0; i < image.width * image.height; i++) {
        assert_int_equal(image.rgb[3 * i], red);
        assert_int_equal(image.rgb[3 * i + 1], green);
        assert_int_equal(image.rgb[3 * i + 2], blue);
    }
    image_finish(&image);
}

/* --- CIFAR --- */

/* Image i of a batch has the label labels[i], a coarse one before it where there are two, and a colour that says which. */
static void put_batch(const char *folder, const char *name, int coarse, const char *labels, uint8_t level)
{
    size_t count = strlen(labels), stride = (size_t)(coarse + 1 + CIFAR_PIXELS);
    uint8_t *bytes = mem_alloc(count * stride);
    for (size_t i = 0; i < count; i++) {
        uint8_t *record = bytes + i * stride + coarse;
        *record++ = (uint8_t)(labels[i] - '0');
        memset(record, level + (int)i, 1024);
        memset(record + 1024, 100 + (int)i, 1024);
        memset(record + 2048, 200 + (int)i, 1024);
    }
    put_file(folder, name, bytes, count * stride);
    mem_free(bytes);
}

static void test_cifar_10(void **state)
{
    const char *folder = *state;
    static const char names[] = "airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n";
    put_batch(folder, "cifar-10-batches-bin/data_batch_1.bin", 0, "301", 0);
    put_batch(folder, "cifar-10-batches-bin/data_batch_2.bin", 0, "33", 50);
    put_batch(folder, "cifar-10-batches-bin/test_batch.bin", 0, "90", 80);
    put_file(folder, "cifar-10-batches-bin/batches.meta.txt", names, sizeof names - 1);
    struct dataset *dataset = open_or_fail(&(struct dataset_request){.path = folder});
    assert_int_equal(dataset->classes, 10);
    assert_string_equal(dataset->class_name[3], "cat");
    const struct dataset_images *train = &dataset->images[DATASET_TRAIN], *val = &dataset->images[DATASET_VAL];
    assert_int_equal(train->items, 5);
    assert_int_equal(val->items, 2);
    assert_true(dataset->test_validates);
    assert_string_equal(path_base(train->item[0].path), "data_batch_1.bin#1");
    assert_int_equal(train->item[2].label, 3);
    expect_colour(&train->item[2], 0, 100, 200);
    expect_colour(&train->item[4], 51, 101, 201);
    expect_colour(&val->item[1], 80, 100, 200);
    expect_note(dataset, "data_batch_3.bin is not there");
    dataset_destroy(dataset);
}

static void test_cifar_100(void **state)
{
    const char *folder = *state;
    put_batch(folder, "train.bin", 1, "0120", 0);
    put_batch(folder, "test.bin", 1, "11", 9);
    put_file(folder, "fine_label_names.txt", "apple\n", 6);
    struct dataset *dataset = open_or_fail(&(struct dataset_request){.path = folder});
    assert_int_equal(dataset->classes, 100); /* the names are not whole: numbers */
    assert_string_equal(dataset->class_name[10], "10");
    assert_int_equal(dataset_class_count(dataset, DATASET_TRAIN, 0), 2);
    assert_int_equal(dataset_class_count(dataset, DATASET_VAL, 1), 2);
    expect_colour(&dataset->images[DATASET_TRAIN].item[3], 2, 102, 202);
    dataset_destroy(dataset);
    struct dataset_request request = {.path = folder, .trains = true};
    expect_counts(&request, "for a training", "0 2/0/0 1 1/2/0 2 1/0/0", "CIFAR-100");
}

/* --- NumPy --- */

/* An array's bytes into `to`; returns how many. */
static size_t make_npy(uint8_t *to, const char *type, const char *shape, const void *values, size_t size)
{
    char header[128];
    int length =
        snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }\n", type, shape);
    memcpy(to, "\x93NUMPY\1\0", 8);
    to[8] = (uint8_t)length;
    to[9] = 0;
    memcpy(to + 10, header, (size_t)length);
    memcpy(to + 10 + length, values, size);
    return 10 + (size_t)length + size;
}

static void put_array(struct test_zip *zip, const char *name, const char *type, const char *shape, const void *values,
                      size_t size, bool packed)
{
    uint8_t bytes[4096];
    size_t whole = make_npy(bytes, type, shape, values, size);
    zip_put(zip, name, bytes, whole, packed);
}

static const uint8_t levels[48] = {1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12,
                                   13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24};

static void test_npz(void **state)
{
    const char *folder = *state;
    struct test_zip zip = {.size = 0};
    /* 2 grey images of 2x3 for training, labels as 64-bit numbers of either order; floats; (n, 1) */
    put_array(&zip, "x_train.npy", "|u1", "2, 2, 3", levels, 12, true);
    put_array(&zip, "y_train.npy", "<i8", "2,", "\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16, false);
    put_array(&zip, "x_test.npy", "|u1", "1, 2, 3", levels + 12, 6, false);
    put_array(&zip, "y_test.npy", ">u2", "1, 1", "\0\2", 2, true);
    zip_write(&zip, folder, "mnist.npz");
    char *file = path_join(folder, "mnist.npz");
    struct dataset *dataset = open_or_fail(&(struct dataset_request){.path = file});
    char *counts = counts_of(dataset);
    assert_string_equal(counts, "0 1/0/0 1 1/0/0 2 0/1/0");
    struct image image;
    struct error error = {0};
    assert_true(dataset_load(&dataset->images[DATASET_TRAIN].item[0], &image, &error)); /* the second of the file */
    assert_int_equal(image.width, 3);
    assert_int_equal(image.height, 2);
    assert_int_equal(image.rgb[0], 7);
    assert_int_equal(image.rgb[3 * 5 + 2], 12);
    image_finish(&image);
    mem_free(counts);
    mem_free(file);
    dataset_destroy(dataset);
}

/* Channels behind and before the pixels, and a fourth that is none. */
static void test_channels(void **state)
{
    const char *folder = *state;
    static const uint8_t last[] = {1, 2, 3, 4, 1, 2, 3, 5, 1, 2, 3, 4, 1, 2, 3, 5, 9, 9, 9, 9, 9, 9, 9, 9};
    static const uint8_t first[] = {1, 1, 2, 2, 3, 3, 9, 9, 9, 9, 9, 9};
    static const struct {
        const char *shape;
        const uint8_t *values;
        size_t size;
    } forms[] = {{"2, 1, 2, 4", last, 16}, {"2, 3, 1, 2", first, 12}};
    for (size_t i = 0; i < THAW_LENGTH(forms); i++) {
        struct test_zip zip = {.size = 0};
        put_array(&zip, "images.npy", "|u1", forms[i].shape, forms[i].values, forms[i].size, false);
        put_array(&zip, "labels.npy", "<f4", "2,", "\0\0\0\0\0\0\x80\x3f", 8, false);
        zip_write(&zip, folder, "a.npz");
        struct dataset *dataset = open_or_fail(&(struct dataset_request){.path = folder});
        expect_colour(&dataset->images[DATASET_TRAIN].item[0], 1, 2, 3);
        dataset_destroy(dataset);
    }
}

/* Arrays in files of their own, whose names say what they are. */
static void test_npy_files(void **state)
{
    const char *folder = *state;
    uint8_t bytes[256];
    size_t size = make_npy(bytes, "|u1", "4, 1, 1", levels, 4);
    put_file(folder, "kmnist-train-imgs.npy", bytes, size);
    size = make_npy(bytes, "|u1", "4,", "\0\1\1\0", 4);
    put_file(folder, "kmnist-train-labels.npy", bytes, size);
    struct dataset_request request = {.path = folder};
    expect_counts(&request, "npy", "0 2/0/0 1 2/0/0", "NumPy's arrays");
    put_file(folder, "kmnist-train-labels.npy", bytes, size - 1);
    expect_refusal(&request, "cut", ERROR_DATA, "3 bytes of values, but its header claims 4: is it truncated?");
}

static void test_refused(void **state)
{
    const char *folder = *state;
    static const struct {
        const char *name[2], *type[2], *shape[2];
        size_t size[2];
        const char *sentence;
    } rows[] = {
        {{"x.npy", "y.npy"},
         {"<f4", "|u1"},
         {"2, 1, 1", "2,"},
         {8, 2},
         "images are not of bytes (uint8) but of the type f4"},
        {{"x.npy", "y.npy"}, {"|u1", "|u1"}, {"2, 2", "2,"}, {4, 2}, "2 dimensions that are no images'"},
        {{"x.npy", "y.npy"}, {"|u1", "|u1"}, {"2, 2, 2, 2, 2", "2,"}, {32, 2}, "5 dimensions that are no images'"},
        {{"x.npy", "y.npy"}, {"|u1", "|u1"}, {"2, 1, 1", "3,"}, {2, 3}, "3 labels in 1 dimensions for the 2 images"},
        {{"x.npy", "y.npy"}, {"|u1", "|i1"}, {"2, 1, 1", "2,"}, {2, 2}, "label 1 is no class's number"},
        {{"x.npy", "z.npy"}, {"|u1", "|u1"}, {"2, 1, 1", "2,"}, {2, 2}, "no array of labels for it"},
        {{"a.npy", "y.npy"}, {"|u1", "|u1"}, {"2, 1, 1", "2,"}, {2, 2}, "none of its 2 arrays is of images"},
        {{"x.npy", "x_train.npy"},
         {"|u1", "|u1"},
         {"2, 1, 1", "2, 1, 1"},
         {2, 2},
         "another array is the images of the training part"},
        {{"x.npy", "y.npy"}, {"|O", "|u1"}, {"2, 1, 1", "2,"}, {16, 2}, "pickled Python objects"},
    };
    static const uint8_t values[64] = {1, 0x80};
    for (size_t i = 0; i < THAW_LENGTH(rows); i++) {
        struct test_zip zip = {.size = 0};
        for (int a = 0; a < 2; a++)
            put_array(&zip, rows[i].name[a], rows[i].type[a], rows[i].shape[a], values, rows[i].size[a], a == 0);
        zip_write(&zip, folder, "a.npz");
        expect_refusal(&(struct dataset_request){.path = folder}, rows[i].sentence, ERROR_DATA, rows[i].sentence);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_cifar_10), TEST(test_cifar_100), TEST(test_npz),
        TEST(test_channels), TEST(test_npy_files), TEST(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
