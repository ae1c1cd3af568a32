/* Datasets from folders: what is found, what is set aside and why, the split, relabelling, and the doctor. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "files_for_tests.h"
#include "src/data/decode.h"
#include "thaw/data/dataset.h"
#include "thaw/data/doctor.h"

static void fill(const char *folder, const char *class_folder, int images, int level)
{
    for (int i = 0; i < images; i++) {
        char *name = mem_format("%s/%03d.ppm", class_folder, i);
        put_image(folder, name, 4 + i, 3, (uint8_t)(level + i));
        mem_free(name);
    }
}

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

static void test_folders(void **state)
{
    const char *folder = *state;
    struct error error = {0};
    fill(folder, "train/b", 3, 0);
    fill(folder, "train/a", 2, 50);
    fill(folder, "train/a/more", 1, 99);
    fill(folder, "valid/a", 1, 100);
    fill(folder, "valid/c", 1, 150);
    put_file(folder, "train/b/empty.png", "", 0);
    put_file(folder, "train/b/drawing.gif", "GIF89a\1\0\1\0\0\0\0\x2c\0\0\0\0\1\0\1\0\0\2\0\x3b", 24);
    put_file(folder, "train/a/notes.txt", "notes", 5);
    struct dataset *dataset = dataset_open(folder, "0.5", 1, &error);
    assert_non_null(dataset);
    assert_int_equal(dataset->classes, 3);
    assert_string_equal(dataset->class_name[0], "a");
    assert_string_equal(dataset->class_name[2], "c");
    assert_true(dataset->own_validation);
    assert_int_equal(dataset->images[DATASET_TRAIN].items, 6);
    assert_int_equal(dataset->images[DATASET_VAL].items, 2);
    assert_int_equal(dataset_class_count(dataset, DATASET_TRAIN, 0), 3);
    assert_int_equal(dataset_class_count(dataset, DATASET_TRAIN, 2), 0);
    assert_string_equal(path_base(dataset->images[DATASET_TRAIN].item[3].path), "000.ppm");
    assert_int_equal(dataset->images[DATASET_TRAIN].item[3].label, 1);
    assert_int_equal(dataset->bad_count, 3);
    assert_string_equal(path_base(dataset->bad[0].path), "notes.txt");
    assert_non_null(strstr(dataset->bad[0].reason, "not an image"));
    assert_non_null(strstr(dataset->bad[1].reason, "GIF"));
    assert_string_equal(dataset->bad[2].reason, "the file is empty (zero bytes)");
    dataset_destroy(dataset);
}

/* Which files went to validation, as one line. */
static char *split_of(const char *folder, const char *share, uint64_t seed)
{
    struct error error = {0};
    struct dataset *dataset = dataset_open(folder, share, seed, &error);
    assert_non_null(dataset);
    char *text = mem_string("");
    for (size_t i = 0; i < dataset->images[DATASET_VAL].items; i++) {
        const char *path = dataset->images[DATASET_VAL].item[i].path + strlen(folder);
        char *longer = mem_format("%s %s", text, path);
        mem_free(text);
        text = longer;
    }
    dataset_destroy(dataset);
    return text;
}

static void test_split(void **state)
{
    const char *folder = *state;
    struct error error = {0};
    fill(folder, "many", 20, 0);
    fill(folder, "two", 2, 50);
    fill(folder, "one", 1, 100);
    struct dataset *dataset = dataset_open(folder, "0.25", 7, &error);
    assert_non_null(dataset);
    assert_false(dataset->own_validation);
    assert_int_equal(dataset_class_count(dataset, DATASET_VAL, 0), 5);
    assert_int_equal(dataset_class_count(dataset, DATASET_TRAIN, 0), 15);
    assert_int_equal(dataset_class_count(dataset, DATASET_VAL, 1), 0); /* one image: it stays in training */
    assert_int_equal(dataset_class_count(dataset, DATASET_VAL, 2), 1);
    dataset_destroy(dataset);
    char *first = split_of(folder, "0.25", 7), *again = split_of(folder, "0.25", 7),
         *other = split_of(folder, "0.25", 8);
    assert_string_equal(first, again);
    assert_string_not_equal(first, other);
    mem_free(first);
    mem_free(again);
    mem_free(other);
    dataset = dataset_open(folder, NULL, 7, &error);
    assert_int_equal(dataset->images[DATASET_TRAIN].items, 23);
    assert_int_equal(dataset->images[DATASET_VAL].items, 0);
    dataset_destroy(dataset);
}

static void test_validation_folder(void **state)
{
    const char *folder = *state;
    struct error error = {0};
    fill(folder, "a", 2, 0);
    fill(folder, "b", 2, 50);
    fill(folder, "held/a", 1, 100);
    fill(folder, "held/b", 3, 150);
    struct dataset *dataset = dataset_open(folder, "held", 1, &error);
    assert_non_null(dataset);
    assert_int_equal(dataset->classes, 2); /* the validation folder is no class */
    assert_int_equal(dataset->images[DATASET_TRAIN].items, 4);
    assert_int_equal(dataset->images[DATASET_VAL].items, 4);
    dataset_destroy(dataset);
    assert_null(dataset_open(folder, "1.5", 1, &error));
    assert_int_equal(error.kind, ERROR_USAGE);
    assert_null(dataset_open(folder, "nowhere", 1, &error));
    assert_int_equal(error.kind, ERROR_DATA);
}

static void refuse(const char *path, const char *expected)
{
    struct error error = {0};
    assert_null(dataset_open(path, NULL, 1, &error));
    assert_int_equal(error.kind, ERROR_DATA);
    if (!strstr(error.text, expected))
        fail_msg("\"%s\" does not say \"%s\"", error.text, expected);
}

static void test_refused(void **state)
{
    const char *folder = *state;
    refuse("/nowhere/at/all", "no such folder");
    refuse(folder, "no class folders");
    put_file(folder, "a/x.txt", "x", 1);
    refuse(folder, "only one class (a)");
    put_file(folder, "b/y.png", "", 0);
    refuse(folder, "none of the 2 files is an image");
    char *file = path_join(folder, "a/x.txt");
    refuse(file, "neither a folder of images");
    mem_free(file);
}

static void test_relabel(void **state)
{
    const char *folder = *state;
    struct error error = {0};
    fill(folder, "a", 2, 0);
    fill(folder, "b", 1, 50);
    struct dataset *dataset = dataset_open(folder, NULL, 1, &error);
    assert_non_null(dataset);
    const char *short_list[] = {"a", "c"}, *names[] = {"b", "c", "a"};
    assert_false(dataset_relabel(dataset, short_list, 2, &error));
    assert_non_null(strstr(error.text, "the class b is not among"));
    assert_int_equal(dataset->classes, 2);
    assert_true(dataset_relabel(dataset, names, 3, &error));
    assert_int_equal(dataset->classes, 3);
    assert_string_equal(dataset->class_name[2], "a");
    assert_int_equal(dataset->images[DATASET_TRAIN].item[0].label, 0);
    assert_non_null(strstr(dataset->images[DATASET_TRAIN].item[0].path, "/b/"));
    assert_int_equal(dataset_class_count(dataset, DATASET_TRAIN, 2), 2);
    dataset_destroy(dataset);
}

static void count_progress(void *context, int done, int total)
{
    assert_true(done >= 1 && done <= total);
    ++*(int *)context;
}

static void test_doctor(void **state)
{
    const char *folder = *state;
    struct error error = {0};
    struct doctor_report report;
    int calls = 0;
    fill(folder, "train/a", 30, 0);
    fill(folder, "train/b", 2, 100);
    fill(folder, "val/a", 2, 200);
    put_image(folder, "val/a/leak.ppm", 4, 3, 0);       /* train/a/000 */
    put_image(folder, "train/b/label.ppm", 5, 3, 1);    /* train/a/001 */
    put_image(folder, "train/a/z_double.ppm", 6, 3, 2); /* train/a/002 */
    put_file(folder, "train/b/empty.ppm", "", 0);
    put_file(folder, "val/a/cut.png", "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\4\0\0\0\4\x08\2\0\0\0\0\0\0\0", 33);
    struct dataset *dataset = dataset_open(folder, NULL, 1, &error);
    assert_non_null(dataset);
    doctor_examine(dataset, 2, count_progress, &calls, &report);
    assert_int_equal(report.count[DOCTOR_UNREADABLE], 2);
    assert_int_equal(report.count[DOCTOR_LEAK], 1);
    assert_int_equal(report.count[DOCTOR_LABELS], 1);
    assert_int_equal(report.count[DOCTOR_DUPLICATE], 1);
    assert_int_equal(report.count[DOCTOR_EMPTY], 1); /* b in validation */
    assert_int_equal(report.count[DOCTOR_IMBALANCE], 1);
    assert_int_equal(report.images, 37);
    assert_int_equal(report.width[0], 4);
    assert_int_equal(report.width[1], 33);
    assert_int_equal(report.class_least, 3);
    assert_int_equal(report.class_most, 31);
    assert_non_null(strstr(report.finding[2].text, "leak.ppm (validation, a) is the same file as"));
    assert_true(calls > 0);
    doctor_finish(&report);
    dataset_destroy(dataset);
}

static long peak_of(const char *folder, int threads)
{
    struct rusage usage;
    int status;
    pid_t child = fork();
    if (child == 0) {
        struct error error;
        struct doctor_report report;
        struct dataset *dataset = dataset_open(folder, NULL, 1, &error);
        doctor_examine(dataset, threads, NULL, NULL, &report);
        _exit(report.images == 2 ? 0 : 1);
    }
    assert_int_equal(wait4(child, &status, 0, &usage), child);
    assert_int_equal(status, 0);
    return usage.ru_maxrss;
}

/* Two images of which each may take more than half of what decoders may hold together: two threads hold one at a time. */
static void test_doctor_of_large_images(void **state)
{
    const char *folder = *state;
    enum { SIDE = 5300 };
    struct image image;
    size_t size;
#ifdef THAW_SANITIZED /* what was freed is held for a while */
    skip();
#endif
    assert_true(image_create(&image, SIDE, SIDE));
    memset(image.rgb, 99, (size_t)SIDE * SIDE * 3);
    uint8_t *png = encode_png(&image, &size);
    image_finish(&image);
    put_file(folder, "train/a/a.png", png, size);
    put_file(folder, "train/b/b.png", png, size);
    free(png);
    long one = peak_of(folder, 1), two = peak_of(folder, 2);
    print_message("%ld kB on one thread, %ld on two\n", one, two);
    assert_true(two < one + one / 4);
}

static void test_real(void **state)
{
    (void)state;
    const char *data = getenv("THAW_REAL_DATA");
    if (!data) {
        print_message("SKIPPED: THAW_REAL_DATA is not set\n");
        skip();
        return;
    }
    struct error error = {0};
    char *path = path_join(data, "datasets/hymenoptera");
    struct dataset *dataset = dataset_open(path, NULL, 1, &error);
    assert_non_null(dataset);
    assert_int_equal(dataset->images[DATASET_TRAIN].items, 244); /* as the tutorial counts */
    assert_int_equal(dataset->images[DATASET_VAL].items, 153);
    assert_int_equal(dataset->bad_count, 1);
    assert_string_equal(path_base(dataset->bad[0].path), "imageNotFound.gif");
    dataset_destroy(dataset);
    mem_free(path);
    path = path_join(data, "datasets/gtsrb_subset");
    dataset = dataset_open(path, NULL, 1, &error);
    assert_non_null(dataset);
    assert_int_equal(dataset->classes, 43);
    assert_int_equal(dataset->bad_count, 1);
    assert_string_equal(path_base(dataset->bad[0].path), "00015_00004.ppm");
    dataset_destroy(dataset);
    mem_free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_folders, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_split, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_validation_folder, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_relabel, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_doctor, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_doctor_of_large_images, set_up, tear_down),
        cmocka_unit_test(test_real),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
