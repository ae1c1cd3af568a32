/* The same image twice: in two parts, under two classes, and what is left out where there is too much to compare. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "files_for_tests.h"
#include "thaw/data/twins.h"

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

/* Grey pixels, all of one length; `tail` is the last byte. */
static void put_picture(const char *folder, const char *name, char grey, char tail)
{
    enum { SIDE = 100 };
    static char bytes[16 + SIDE * SIDE * 3];
    int used = snprintf(bytes, sizeof bytes, "P6\n%d %d\n255\n", SIDE, SIDE);
    memset(bytes + used, grey, SIDE * SIDE * 3);
    used += SIDE * SIDE * 3;
    bytes[used - 1] = tail;
    put_file(folder, name, bytes, (size_t)used);
}

static struct dataset *open_data(const char *folder)
{
    struct error error = {0};
    struct dataset *dataset = dataset_open(folder, NULL, 1, &error);
    if (!dataset)
        fail_msg("%s", error.text);
    return dataset;
}

static void twins_are_found(void **state)
{
    const char *folder = *state;
    struct twins twins;
    put_picture(folder, "train/a/1.ppm", 1, 1);
    put_picture(folder, "train/a/2.ppm", 2, 2);
    put_picture(folder, "train/a/again.ppm", 2, 2); /* in one class and part: does not spoil a figure */
    put_picture(folder, "train/b/3.ppm", 3, 3);
    put_picture(folder, "train/b/4.ppm", 1, 1);
    put_picture(folder, "val/a/5.ppm", 2, 2);
    put_picture(folder, "val/b/6.ppm", 3, 4); /* differs in its last byte alone */
    put_file(folder, "val/b/7.ppm", "P6\n1 1\n255\nabc", 14);
    struct dataset *dataset = open_data(folder);
    dataset_twins(dataset, TWINS_COMPARED, &twins);
    assert_int_equal(twins.files, 7);
    assert_int_equal(twins.compared, 7);
    assert_int_equal(twins.leaks, 1);
    assert_int_equal(twins.labels, 1);
    assert_string_equal(path_base(twins.leak.item[0]->path), "2.ppm");
    assert_string_equal(path_base(twins.leak.item[1]->path), "5.ppm");
    assert_true(twins.leak.split[0] == DATASET_TRAIN && twins.leak.split[1] == DATASET_VAL);
    assert_string_equal(path_base(twins.mislabelled.item[0]->path), "1.ppm");
    assert_string_equal(path_base(twins.mislabelled.item[1]->path), "4.ppm");
    dataset_twins(dataset, 3, &twins);
    assert_int_equal(twins.files, 7);
    assert_int_equal(twins.compared, 3);
    dataset_destroy(dataset);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(twins_are_found, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
