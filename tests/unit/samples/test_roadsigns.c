/* The drawn road signs: the same picture for the same arguments, another for others, and folders that are written once. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "../data/files_for_tests.h"
#include "thaw/data/dataset.h"
#include "thaw/samples/roadsigns.h"

static struct image draw(enum roadsigns_country country, int label, uint64_t seed, uint64_t index, int size)
{
    struct error error = {0};
    struct image image;
    assert_true(roadsigns_draw(country, label, seed, index, size, &image, &error));
    assert_int_equal(image.width, size);
    assert_int_equal(image.height, size);
    return image;
}

static bool same(struct image a, struct image b)
{
    bool equal = memcmp(a.rgb, b.rgb, (size_t)a.width * (size_t)a.height * 3) == 0;
    image_finish(&a);
    image_finish(&b);
    return equal;
}

static void test_pure(void **state)
{
    (void)state;
    for (int country = 0; country < ROADSIGNS_COUNTRIES; country++)
        for (int label = 0; label < roadsigns_classes((enum roadsigns_country)country); label++)
            assert_true(same(draw((enum roadsigns_country)country, label, 1, 2, 32),
                             draw((enum roadsigns_country)country, label, 1, 2, 32)));
    assert_false(same(draw(ROADSIGNS_AMERICAN, 0, 1, 2, 32), draw(ROADSIGNS_INDIAN, 0, 1, 2, 32)));
    assert_false(same(draw(ROADSIGNS_AMERICAN, 0, 1, 2, 32), draw(ROADSIGNS_AMERICAN, 1, 1, 2, 32)));
    assert_false(same(draw(ROADSIGNS_AMERICAN, 0, 1, 2, 32), draw(ROADSIGNS_AMERICAN, 0, 2, 2, 32)));
    assert_false(same(draw(ROADSIGNS_AMERICAN, 0, 1, 2, 32), draw(ROADSIGNS_AMERICAN, 0, 1, 3, 32)));
}

/* Another size shows the same photograph: its average barely moves. */
static void test_sizes(void **state)
{
    (void)state;
    double mean[3];
    const int sizes[] = {32, 64, 97};
    for (int i = 0; i < 3; i++) {
        struct image image = draw(ROADSIGNS_INDIAN, 3, 4, 5, sizes[i]);
        double sum = 0;
        for (int k = 0; k < sizes[i] * sizes[i] * 3; k++)
            sum += image.rgb[k];
        mean[i] = sum / (sizes[i] * sizes[i] * 3);
        image_finish(&image);
    }
    assert_true(mean[0] - mean[1] < 3 && mean[1] - mean[0] < 3);
    assert_true(mean[0] - mean[2] < 3 && mean[2] - mean[0] < 3);
}

/* A sign is there: pictures of a class, averaged, have a centre unlike their rim; and names are sorted. */
static void test_classes(void **state)
{
    (void)state;
    assert_int_equal(roadsigns_classes(ROADSIGNS_AMERICAN), 12);
    assert_int_equal(roadsigns_classes(ROADSIGNS_INDIAN), 10);
    for (int country = 0; country < ROADSIGNS_COUNTRIES; country++)
        for (int label = 1; label < roadsigns_classes((enum roadsigns_country)country); label++)
            assert_true(strcmp(roadsigns_class_name((enum roadsigns_country)country, label - 1),
                               roadsigns_class_name((enum roadsigns_country)country, label)) < 0);
    double centre = 0, corner = 0;
    for (uint64_t i = 0; i < 60; i++) { /* no_entry: red about the middle */
        struct image image = draw(ROADSIGNS_INDIAN, 1, 1, i, 32);
        const uint8_t *inner = image.rgb + (22 * 32 + 16) * 3, *outer = image.rgb + (1 * 32 + 1) * 3;
        centre += inner[0] - .5 * (inner[1] + inner[2]);
        corner += outer[0] - .5 * (outer[1] + outer[2]);
        image_finish(&image);
    }
    assert_true(centre / 60 > corner / 60 + 30);
}

static void test_refused(void **state)
{
    (void)state;
    struct error error = {0};
    struct image image;
    assert_false(roadsigns_draw(ROADSIGNS_INDIAN, 10, 1, 1, 32, &image, &error));
    assert_false(roadsigns_draw(ROADSIGNS_INDIAN, 0, 1, 1, 2, &image, &error));
    assert_int_equal(error.kind, ERROR_USAGE);
    assert_false(roadsigns_write(ROADSIGNS_INDIAN, "/dev/null/x", 1, 32, 1, 1, NULL, NULL, &error));
    assert_false(roadsigns_write(ROADSIGNS_INDIAN, "/tmp", 1, 32, 0, 0, NULL, NULL, &error));
}

static void note_progress(void *context, int done, int total)
{
    assert_true(done <= total);
    *(int *)context = done;
}

static void test_write(void **state)
{
    (void)state;
    struct error error = {0};
    struct stat before, after;
    int done = 0;
    char *folder = new_folder();
    assert_true(roadsigns_write(ROADSIGNS_INDIAN, folder, 7, 24, 3, 2, note_progress, &done, &error));
    assert_int_equal(done, 50);
    struct dataset *dataset = dataset_open(folder, NULL, 1, &error);
    assert_non_null(dataset);
    assert_int_equal(dataset->classes, 10);
    assert_string_equal(dataset->class_name[1], roadsigns_class_name(ROADSIGNS_INDIAN, 1));
    assert_int_equal(dataset->images[DATASET_TRAIN].items, 30);
    assert_int_equal(dataset->images[DATASET_VAL].items, 20);
    assert_int_equal(dataset->bad_count, 0);
    const char *path = dataset->images[DATASET_TRAIN].item[4].path; /* class 1, picture 1 */
    struct image loaded;
    assert_true(image_load(&loaded, path, &error));
    assert_true(same(loaded, draw(ROADSIGNS_INDIAN, 1, 7, 1, 24)));
    assert_int_equal(stat(path, &before), 0);
    assert_true(roadsigns_write(ROADSIGNS_INDIAN, folder, 7, 24, 3, 2, note_progress, &done, &error));
    assert_int_equal(stat(path, &after), 0);
    assert_true(before.st_ino == after.st_ino); /* left as it was */
    assert_true(roadsigns_write(ROADSIGNS_INDIAN, folder, 8, 24, 3, 2, NULL, NULL, &error));
    assert_int_equal(stat(path, &after), 0);
    assert_true(before.st_ino != after.st_ino || before.st_size != after.st_size);
    dataset_destroy(dataset);
    remove_folder(folder);
    mem_free(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pure),    cmocka_unit_test(test_sizes), cmocka_unit_test(test_classes),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
