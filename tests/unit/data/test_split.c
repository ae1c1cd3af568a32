/* Splits of what came without validation images: shares, folds, groups that stay together, and the list of what was split
 * off. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "files_for_tests.h"
#include "layouts_for_tests.h"

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

/* "p3_07.ppm" in CLASS/: patients of 1 to 5 images, some with images of both classes. */
static void put_patients(const char *folder, int patients)
{
    int number = 0;
    for (int p = 0; p < patients; p++)
        for (int i = 0; i <= p % 5; i++, number++) {
            char *name = mem_format("%s/p%d_%02d.ppm", (p + (p % 7 == 0) * i) % 3 ? "well" : "ill", p, i);
            put_image(folder, name, 4 + number % 7, 3 + number / 256, (uint8_t)number);
            mem_free(name);
        }
}

/* Which part each patient is in; fails where one is in both. */
static void find_parts(const struct dataset *dataset, int patients, int *part)
{
    for (int p = 0; p < patients; p++)
        part[p] = -1;
    for (int s = 0; s < DATASET_SPLITS; s++)
        for (size_t i = 0; i < dataset->images[s].items; i++) {
            int p = atoi(path_base(dataset->images[s].item[i].path) + 1);
            assert_true(part[p] < 0 || part[p] == s);
            part[p] = s;
        }
}

static void test_groups_stay_together(void **state)
{
    enum { PATIENTS = 60 };
    const char *folder = *state;
    int part[PATIENTS], again[PATIENTS], other[PATIENTS];
    put_patients(folder, PATIENTS);
    struct dataset_request request = {.path = folder, .val = "0.25", .seed = 3, .group = "^(p\\d+)_"};
    struct dataset *dataset = open_or_fail(&request);
    find_parts(dataset, PATIENTS, part);
    assert_true(dataset->split_off);
    assert_non_null(strstr(dataset->layout, "25 % of each class split off for validation, groups together"));
    for (int c = 0; c < dataset->classes; c++) { /* a quarter of each, as near as groups allow */
        double val = (double)dataset_class_count(dataset, DATASET_VAL, c);
        double all = val + (double)dataset_class_count(dataset, DATASET_TRAIN, c);
        assert_true(val > 0.2 * all && val < 0.3 * all);
    }
    dataset_destroy(dataset);
    dataset = open_or_fail(&request);
    find_parts(dataset, PATIENTS, again);
    assert_memory_equal(part, again, sizeof part);
    dataset_destroy(dataset);
    request.seed = 4;
    dataset = open_or_fail(&request);
    find_parts(dataset, PATIENTS, other);
    assert_memory_not_equal(part, other, sizeof part);
    dataset_destroy(dataset);
}

/* Every image is in one fold's validation part, and folds are alike. */
static void expect_folds(const char *folder, const char *group, int folds, size_t images, double most)
{
    size_t seen = 0;
    char **path = mem_array(images + 1, sizeof(char *));
    for (int fold = 1; fold <= folds; fold++) {
        struct dataset_request request = {.path = folder, .seed = 1, .group = group, .folds = folds, .fold = fold};
        struct dataset *dataset = open_or_fail(&request);
        const struct dataset_images *val = &dataset->images[DATASET_VAL];
        assert_int_equal(val->items + dataset->images[DATASET_TRAIN].items, images);
        assert_true((double)val->items <= most && val->items > 0);
        for (size_t i = 0; i < val->items; i++) {
            for (size_t k = 0; k < seen; k++)
                assert_string_not_equal(path[k], val->item[i].path);
            path[seen++] = mem_string(val->item[i].path);
        }
        dataset_destroy(dataset);
    }
    assert_int_equal(seen, images);
    for (size_t i = 0; i < seen; i++)
        mem_free(path[i]);
    mem_free(path);
}

static void test_folds(void **state)
{
    const char *folder = *state;
    make_files(folder, "a*11 b*7 c*1");
    expect_folds(folder, NULL, 5, 19, 5);
    struct dataset_request request = {.path = folder, .folds = 3, .fold = 1, .seed = 1};
    struct dataset *dataset = open_or_fail(&request);
    assert_in_range(dataset_class_count(dataset, DATASET_VAL, 0), 3, 4);
    assert_in_range(dataset_class_count(dataset, DATASET_VAL, 1), 2, 3);
    assert_non_null(strstr(dataset->layout, "fold 1 of 3 for validation"));
    dataset_destroy(dataset);
}

static void test_folds_of_groups(void **state)
{
    const char *folder = *state;
    put_patients(folder, 40);
    expect_folds(folder, "^(p\\d+)_", 4, 120, 34);
}

static void test_refused(void **state)
{
    const char *folder = *state;
    make_files(folder, "a*3 b*3");
    struct dataset_request request = {.path = folder, .val = "0.5", .group = "\\.(ppm)$"};
    expect_refusal(&request, "one group", ERROR_DATA, "by data.group its images are of 1 group, of which 2 are needed");
    request = (struct dataset_request){.path = folder, .val = "0.5", .group = "("};
    expect_refusal(&request, "no pattern", ERROR_USAGE, "data.group: the pattern (");
    request = (struct dataset_request){.path = folder, .folds = 3, .fold = 4};
    expect_refusal(&request, "no fold", ERROR_USAGE, "data.fold = 4");
    request = (struct dataset_request){.path = folder, .val = "0.5", .folds = 3, .fold = 1};
    expect_refusal(&request, "both", ERROR_USAGE, "keep one of them");
}

/* Groups in both parts of data that bring their own are told. */
static void test_leaks(void **state)
{
    const char *folder = *state;
    static const char *const names[] = {"train/a/p1_0.ppm", "train/b/p2_0.ppm", "train/b/p3_0.ppm",
                                        "val/a/p1_1.ppm",   "val/a/p4_0.ppm",   "val/b/p3_1.ppm"};
    for (size_t i = 0; i < THAW_LENGTH(names); i++)
        put_image(folder, names[i], 4, 3, (uint8_t)i);
    struct dataset *dataset = open_or_fail(&(struct dataset_request){.path = folder, .group = "p\\d+"});
    expect_note(dataset, "2 groups, such as p1, have images in training and validation: the figures flatter");
    dataset_destroy(dataset);
}

static void test_list(void **state)
{
    const char *folder = *state;
    make_files(folder, "a*2 b*2");
    struct dataset *dataset = open_or_fail(&(struct dataset_request){.path = folder, .val = "0.5", .seed = 1});
    char *list = dataset_validation_list(dataset), *rest = NULL;
    char *first = strtok_r(list, "\n", &rest), *second = strtok_r(NULL, "\n", &rest);
    assert_int_equal(strncmp(first, "a/00", 4), 0);
    assert_string_equal(first + 9, "\ta");
    assert_string_equal(second + 9, "\tb");
    mem_free(list);
    dataset_destroy(dataset);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_groups_stay_together),
        TEST(test_folds),
        TEST(test_folds_of_groups),
        TEST(test_refused),
        TEST(test_leaks),
        TEST(test_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
