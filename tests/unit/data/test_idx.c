/* Datasets in IDX files: which files are taken, what the items are, and that everything that reads images reads them. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "files_for_tests.h"
#include "thaw/data/dataset.h"
#include "thaw/data/doctor.h"
#include "thaw/data/loader.h"

enum { HEIGHT = 2, WIDTH = 3, PIXELS = HEIGHT * WIDTH };

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

/* Writes `size` bytes; compressed where the name ends in .gz. */
static void put(const char *folder, const char *name, const uint8_t *bytes, size_t size)
{
    if (!strstr(name, ".gz")) {
        put_file(folder, name, bytes, size);
        return;
    }
    put_file(folder, name, "", 0); /* makes the folders */
    char *path = path_join(folder, name);
    gzFile file = gzopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(gzwrite(file, bytes, (unsigned)size), size);
    assert_int_equal(gzclose(file), Z_OK);
    mem_free(path);
}

/* `count` images of grey `level`, level + 1, ...; image i has the label labels[i]. */
static void put_pair(const char *folder, const char *images, const char *labels, const uint8_t *label, uint8_t count,
                     uint8_t level)
{
    uint8_t bytes[16 + 255 * PIXELS] = {0, 0, 8, 3, 0, 0, 0, count, 0, 0, 0, HEIGHT, 0, 0, 0, WIDTH};
    for (int i = 0; i < count * PIXELS; i++)
        bytes[16 + i] = (uint8_t)(level + i / PIXELS);
    put(folder, images, bytes, 16 + (size_t)count * PIXELS);
    uint8_t list[8 + 255] = {0, 0, 8, 1, 0, 0, 0, count};
    memcpy(list + 8, label, count);
    put(folder, labels, list, 8 + (size_t)count);
}

static struct dataset *open_or_fail(const char *path, const char *val)
{
    struct error error = {0};
    struct dataset *dataset = dataset_open(path, val, 1, &error);
    if (!dataset)
        fail_msg("%s", error.text);
    return dataset;
}

static void check_item(const struct dataset_item *item, const char *name, int label, uint8_t level)
{
    struct error error = {0};
    struct image image;
    assert_string_equal(path_base(item->path), name);
    assert_int_equal(item->label, label);
    assert_true(dataset_load(item, &image, &error));
    assert_int_equal(image.width, WIDTH);
    assert_int_equal(image.height, HEIGHT);
    for (int i = 0; i < 3 * PIXELS; i++)
        assert_int_equal(image.rgb[i], level);
    image_finish(&image);
}

static void test_both_parts(void **state)
{
    const char *folder = *state;
    put_pair(folder, "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte", (uint8_t[]){7, 0, 7, 3}, 4, 10);
    put_pair(folder, "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte.gz", (uint8_t[]){9, 1}, 2, 50);
    struct dataset *dataset = open_or_fail(folder, NULL);
    assert_int_equal(dataset->classes, 10);
    assert_string_equal(dataset->class_name[0], "0");
    assert_string_equal(dataset->class_name[9], "9");
    assert_true(dataset->own_validation);
    const struct dataset_images *train = &dataset->images[DATASET_TRAIN], *val = &dataset->images[DATASET_VAL];
    assert_int_equal(train->items, 4);
    check_item(&train->item[0], "train-images-idx3-ubyte.gz#1", 0, 11);
    check_item(&train->item[1], "train-images-idx3-ubyte.gz#3", 3, 13);
    check_item(&train->item[2], "train-images-idx3-ubyte.gz#0", 7, 10);
    check_item(&train->item[3], "train-images-idx3-ubyte.gz#2", 7, 12);
    assert_int_equal(val->items, 2);
    check_item(&val->item[0], "t10k-images-idx3-ubyte#1", 1, 51);
    assert_true(dataset->test_validates);
    dataset_destroy(dataset);
    dataset = open_or_fail(folder, "0.5"); /* what is tested with is kept apart */
    assert_int_equal(dataset_class_count(dataset, DATASET_TRAIN, 7), 1);
    assert_int_equal(dataset_class_count(dataset, DATASET_VAL, 7), 1);
    assert_int_equal(dataset->images[DATASET_TEST].items, 2);
    check_item(&dataset->images[DATASET_TEST].item[0], "t10k-images-idx3-ubyte#1", 1, 51);
    dataset_destroy(dataset);
}

static void test_only_t10k_is_validation(void **state)
{
    char *file = path_join(*state, "t10k-images-idx3-ubyte.gz");
    put_pair(*state, "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz", (uint8_t[]){1, 1, 1, 1, 2, 2}, 6, 0);
    put_file(*state, "train-labels-idx1-ubyte.gz", "labels without images do not count", 34);
    for (int alone = 0; alone < 2; alone++) {
        struct dataset *dataset = open_or_fail(alone ? file : *state, NULL);
        assert_true(dataset->own_validation);
        assert_int_equal(dataset->images[DATASET_TRAIN].items, 0);
        assert_int_equal(dataset->images[DATASET_VAL].items, 6);
        dataset_destroy(dataset);
    }
    struct dataset *dataset = open_or_fail(*state, "0.5");
    assert_false(dataset->own_validation);
    assert_int_equal(dataset_class_count(dataset, DATASET_TRAIN, 1), 2);
    assert_int_equal(dataset_class_count(dataset, DATASET_VAL, 1), 2);
    assert_int_equal(dataset_class_count(dataset, DATASET_VAL, 2), 1);
    dataset_destroy(dataset);
    mem_free(file);
}

static void test_a_file_for_each_part(void **state)
{
    char *train = path_join(*state, "letters-train-images-idx3-ubyte"), *val = path_join(*state, "other-images.idx3");
    put_pair(*state, "letters-train-images-idx3-ubyte", "letters-train-labels-idx1-ubyte", (uint8_t[]){0, 1, 1}, 3, 0);
    put_pair(*state, "other-images.idx3", "other-labels.idx1", (uint8_t[]){1}, 1, 99);
    struct dataset *dataset = open_or_fail(train, val);
    assert_int_equal(dataset->images[DATASET_TRAIN].items, 3);
    assert_int_equal(dataset->images[DATASET_VAL].items, 1);
    assert_true(dataset->own_validation);
    check_item(&dataset->images[DATASET_VAL].item[0], "other-images.idx3#0", 1, 99);
    dataset_destroy(dataset);
    dataset = open_or_fail(train, NULL);
    assert_false(dataset->own_validation);
    assert_int_equal(dataset->images[DATASET_VAL].items, 0);
    dataset_destroy(dataset);
    mem_free(train);
    mem_free(val);
}

/* As torchvision leaves MNIST: both forms of a file, in a folder "raw". */
static void test_torchvisions_folder(void **state)
{
    put_pair(*state, "raw/train-images-idx3-ubyte", "raw/train-labels-idx1-ubyte", (uint8_t[]){5, 4}, 2, 0);
    put_pair(*state, "raw/train-images-idx3-ubyte.gz", "raw/train-labels-idx1-ubyte.gz", (uint8_t[]){5, 4}, 2, 0);
    struct dataset *dataset = open_or_fail(*state, NULL);
    assert_int_equal(dataset->images[DATASET_TRAIN].items, 2);
    check_item(&dataset->images[DATASET_TRAIN].item[0], "train-images-idx3-ubyte#1", 4, 1);
    dataset_destroy(dataset);
}

static void test_more_classes_and_other_names(void **state)
{
    uint8_t label[26];
    for (int i = 0; i < 26; i++)
        label[i] = (uint8_t)(26 - i); /* EMNIST counts letters from 1 */
    put_pair(*state, "train-images-idx3-ubyte", "train-labels-idx1-ubyte", label, 26, 0);
    struct dataset *dataset = open_or_fail(*state, NULL);
    struct error error = {0};
    assert_int_equal(dataset->classes, 27);
    const char *names[27];
    for (int i = 0; i < 27; i++)
        names[i] = dataset->class_name[26 - i];
    char *turned[27];
    for (int i = 0; i < 27; i++)
        turned[i] = mem_string(names[i]);
    assert_true(dataset_relabel(dataset, (const char *const *)turned, 27, &error));
    check_item(&dataset->images[DATASET_TRAIN].item[0], "train-images-idx3-ubyte#0", 0, 0); /* the letter 26 */
    for (int i = 0; i < 27; i++)
        mem_free(turned[i]);
    dataset_destroy(dataset);
}

static void test_loader_and_doctor(void **state)
{
    put_pair(*state, "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz", (uint8_t[]){0, 1, 2}, 3, 100);
    put_pair(*state, "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte", (uint8_t[]){0, 2}, 2, 101); /* twins of 1, 2 */
    struct dataset *dataset = open_or_fail(*state, NULL);
    struct error error = {0};
    struct loader_options options = {
        .preprocess = {.height = HEIGHT, .width = WIDTH, .channels = 1, .raw = true, .std = {1}},
        .batch = 3,
        .threads = 2};
    struct loader *loader = loader_create(&dataset->images[DATASET_TRAIN], &options, &error);
    assert_non_null(loader);
    for (int epoch = 1; epoch <= 2; epoch++) {
        loader_begin(loader, epoch, 0);
        struct batch *batch = loader_next(loader);
        assert_int_equal(batch->n, 3);
        for (int i = 0; i < 3 * PIXELS; i++)
            assert_true(batch->input[i] == (float)(100 + i / PIXELS));
        assert_int_equal(batch->label[2], 2);
        loader_release(loader, batch);
    }
    loader_destroy(loader);
    struct doctor_report report;
    doctor_examine(dataset, 2, NULL, NULL, &report);
    assert_int_equal(report.images, 5);
    assert_int_equal(report.width[0], WIDTH);
    assert_int_equal(report.count[DOCTOR_LEAK] + report.count[DOCTOR_LABELS], 2);
    assert_int_equal(report.count[DOCTOR_UNREADABLE], 0);
    doctor_finish(&report);
    dataset_destroy(dataset);
}

static void check_refused(const char *path, const char *val, const char *sentence)
{
    struct error error = {0};
    struct dataset *dataset = dataset_open(path, val, 1, &error);
    dataset_destroy(dataset);
    assert_null(dataset);
    assert_int_equal(error.kind, ERROR_DATA);
    if (!strstr(error.text, sentence))
        fail_msg("\"%s\" does not say \"%s\"", error.text, sentence);
}

static void test_refused(void **state)
{
    const char *folder = *state;
    char *labels = path_join(folder, "train-labels-idx1-ubyte"), *images = path_join(folder, "train-images-idx3-ubyte");
    put_pair(folder, "train-images-idx3-ubyte", "train-labels-idx1-ubyte", (uint8_t[]){1, 2}, 2, 0);
    check_refused(labels, NULL, "train-labels-idx1-ubyte: an IDX file with 1 dimensions; images have three");
    check_refused(images, folder + 1, "no such validation folder");
    put_pair(folder, "lost-images-idx3-ubyte", "x", (uint8_t[]){1, 2}, 2, 0);
    check_refused(folder, NULL, "has several sets of images, such as lost-images-idx3-ubyte; open one of the files");
    char *lost = path_join(folder, "lost-images-idx3-ubyte"), *nameless = path_join(folder, "nameless");
    check_refused(lost, NULL, "its labels, lost-labels-idx1-ubyte, are not beside it");
    check_refused(images, lost, "its labels, lost-labels-idx1-ubyte, are not beside it");
    assert_int_equal(rename(lost, nameless), 0);
    check_refused(nameless, NULL, "\"images\" is not in its name");
    check_refused(images, labels, "an IDX file with 1 dimensions; images have three");
    put_file(folder, "train-labels-idx1-ubyte", "\0\0\10\1\0\0\0\3\1\2\3", 11);
    check_refused(folder, NULL, "train-labels-idx1-ubyte: 3 labels in 1 dimensions for the 2 images of train-images");
    put_file(folder, "train-labels-idx1-ubyte", "\0\0\10\2\0\0\0\2\0\0\0\1\1\2", 14);
    check_refused(folder, NULL, "train-labels-idx1-ubyte: 2 labels in 2 dimensions for the 2 images");
    put_file(folder, "train-labels-idx1-ubyte", "\0\0\10\1\0\0\0\2\1\310", 10);
    check_refused(folder, NULL, "train-images-idx3-ubyte#1: the label 200 is out of range: nothing is labelled 2");
    put_file(folder, "train-labels-idx1-ubyte", "\0\0\10\1\0\0\0\2\1", 9);
    check_refused(folder, NULL, "train-labels-idx1-ubyte: holds 9 bytes, but its IDX header claims 10");
    mem_free(nameless);
    mem_free(lost);
    mem_free(images);
    mem_free(labels);
}

static void test_real_mnist(void **state)
{
    (void)state;
    static const size_t counts[10] = {980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009};
    const char *data = getenv("THAW_REAL_DATA");
    if (!data || !*data) {
        print_message("SKIPPED: THAW_REAL_DATA is not set\n");
        skip();
    }
    char *path = mem_format("%s/datasets/mnist", data);
    struct dataset *dataset = open_or_fail(path, NULL);
    assert_int_equal(dataset->classes, 10);
    for (int c = 0; c < 10; c++)
        assert_int_equal(dataset_class_count(dataset, DATASET_VAL, c), counts[c]);
    dataset_destroy(dataset);
    mem_free(path);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_both_parts),
        TEST(test_only_t10k_is_validation),
        TEST(test_a_file_for_each_part),
        TEST(test_torchvisions_folder),
        TEST(test_more_classes_and_other_names),
        TEST(test_loader_and_doctor),
        TEST(test_refused),
        TEST(test_real_mnist),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
