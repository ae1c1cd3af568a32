/* The doctor beyond files that are the same (test_dataset.c): images that look the same, found as comparing each with each
 * finds them; tiny classes, weights, names, sizes. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "files_for_tests.h"
#include "src/data/near.h"
#include "src/data/resize.h"
#include "thaw/base/clock.h"
#include "thaw/base/rng.h"
#include "thaw/data/doctor.h"

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

static uint64_t next(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 33;
}

/* A picture of few large patches, another for each seed; lighter by `more`. */
static void draw(struct image *image, uint64_t seed, int width, int height, int more)
{
    struct image patches;
    uint64_t state = seed * 977 + 5;
    assert_true(image_create(&patches, 6, 6));
    for (int i = 0; i < 6 * 6 * 3; i++)
        patches.rgb[i] = (uint8_t)(30 + next(&state) % 180 + (unsigned)more);
    assert_true(image_create(image, width, height));
    image_resize(&patches, INTERPOLATION_BICUBIC, 0, 0, 6, 6, image);
    image_finish(&patches);
}

static void put_drawn(const char *folder, const char *name, uint64_t seed, int width, int height, int more)
{
    struct image image;
    struct error error = {0};
    char *path = path_join(folder, name), *above = mem_format("%.*s", (int)(strrchr(path, '/') - path), path);
    assert_true(file_make_directories(above, &error));
    draw(&image, seed, width, height, more);
    assert_true(image_save_png(&image, path, &error));
    image_finish(&image);
    mem_free(above);
    mem_free(path);
}

static void examine(const char *folder, struct dataset **dataset, struct doctor_report *report)
{
    struct error error = {0};
    *dataset = dataset_open(folder, NULL, 1, &error);
    if (!*dataset)
        fail_msg("%s", error.text);
    doctor_examine(*dataset, 2, NULL, NULL, report);
}

static const char *text_of(const struct doctor_report *report, enum doctor_kind kind, const char *name)
{
    for (size_t i = 0; i < report->findings; i++)
        if (report->finding[i].kind == kind && strstr(report->finding[i].text, name))
            return report->finding[i].text;
    fail_msg("no finding of the kind %s names %s", doctor_kind_name(kind), name);
    return "";
}

static void test_near_findings(void **state)
{
    const char *folder = *state;
    struct dataset *dataset;
    struct doctor_report report;
    for (int i = 0; i < 24; i++) {
        char *name = mem_format("train/%s/%02d.png", i % 2 ? "cats" : "dogs", i);
        put_drawn(folder, name, (uint64_t)i, 60, 50, 0);
        mem_free(name);
    }
    put_drawn(folder, "val/cats/far.png", 100, 60, 50, 0);
    put_drawn(folder, "val/dogs/far.png", 101, 60, 50, 0);
    put_drawn(folder, "val/cats/half.png", 1, 30, 25, 0);
    put_drawn(folder, "train/dogs/lighter.png", 4, 60, 50, 9);
    put_drawn(folder, "train/dogs/other.png", 3, 120, 100, 4); /* of a cat */
    examine(folder, &dataset, &report);
    assert_int_equal(report.count[DOCTOR_NEAR_LEAK], 1);
    assert_int_equal(report.count[DOCTOR_NEAR_LABELS], 1);
    assert_int_equal(report.count[DOCTOR_NEAR_DUPLICATE], 1);
    assert_int_equal(report.count[DOCTOR_LEAK] + report.count[DOCTOR_LABELS] + report.count[DOCTOR_DUPLICATE], 0);
    assert_non_null(strstr(text_of(&report, DOCTOR_NEAR_LEAK, "half.png"), "01.png (training, cats)"));
    assert_non_null(strstr(text_of(&report, DOCTOR_NEAR_DUPLICATE, "lighter.png"), "04.png"));
    text_of(&report, DOCTOR_NEAR_LABELS, "03.png (training, cats)");
    doctor_finish(&report);
    dataset_destroy(dataset);
}

static const struct dataset_item *item_called(const struct dataset *dataset, enum dataset_split split, const char *name)
{
    for (size_t i = 0; i < dataset->images[split].items; i++)
        if (!strcmp(path_base(dataset->images[split].item[i].path), name))
            return &dataset->images[split].item[i];
    return NULL;
}

/* What is left opens as data of the same parts and classes, and has none of the faults. */
static void test_fix(void **state)
{
    const char *folder = *state;
    struct dataset *dataset;
    struct doctor_report report;
    struct error error = {0};
    size_t left_out;
    for (int i = 0; i < 12; i++) {
        char *name = mem_format("train/%s/%02d.png", i % 2 ? "cats" : "dogs", i);
        put_drawn(folder, name, (uint64_t)i, 60, 50, 0);
        mem_free(name);
    }
    put_drawn(folder, "val/cats/far, \"and\".png", 100, 60, 50, 0);
    put_drawn(folder, "val/dogs/far.png", 101, 60, 50, 0);
    put_drawn(folder, "val/cats/leak.png", 1, 60, 50, 0);
    put_drawn(folder, "val/cats/leak2.png", 1, 60, 50, 0);
    put_drawn(folder, "val/cats/half.png", 3, 30, 25, 0);
    put_drawn(folder, "train/dogs/cat05.png", 5, 60, 50, 0);
    put_drawn(folder, "train/dogs/twice.png", 4, 60, 50, 0);
    put_drawn(folder, "train/dogs/lighter.png", 6, 60, 50, 9); /* alike in one part: both stay */
    put_file(folder, "train/dogs/none.png", "none", 4);
    examine(folder, &dataset, &report);
    char *table = path_join(folder, "fixed.csv");
    if (!doctor_fix(dataset, &report, table, &left_out, &error))
        fail_msg("%s", error.text);
    assert_int_equal(left_out, 7); /* 01, leak2, 03, 05, cat05, twice, none */
    assert_false(doctor_fix(dataset, &report, table, &left_out, &error));
    assert_int_equal(error.kind, ERROR_USAGE);
    doctor_finish(&report);
    dataset_destroy(dataset);
    examine(table, &dataset, &report);
    assert_int_equal(dataset->classes, 2);
    assert_int_equal(dataset->images[DATASET_TRAIN].items, 10);
    assert_int_equal(dataset->images[DATASET_VAL].items, 4);
    for (enum doctor_kind kind = 0; kind <= DOCTOR_NEAR_LABELS; kind++)
        assert_int_equal(report.count[kind], 0);
    assert_int_equal(report.count[DOCTOR_NEAR_DUPLICATE], 1);
    const struct dataset_item *far = item_called(dataset, DATASET_VAL, "far, \"and\".png");
    assert_true(far && !strcmp(dataset->class_name[far->label], "cats"));
    assert_true(item_called(dataset, DATASET_VAL, "leak.png") && item_called(dataset, DATASET_VAL, "half.png"));
    assert_false(item_called(dataset, DATASET_TRAIN, "01.png") || item_called(dataset, DATASET_TRAIN, "cat05.png"));
    doctor_finish(&report);
    dataset_destroy(dataset);
    mem_free(table);
}

static void test_classes_and_sizes(void **state)
{
    const char *folder = *state;
    struct dataset *dataset;
    struct doctor_report report;
    static const struct {
        const char *name;
        int images;
    } classes[] = {{"sparrow", 44},   {"Sparow", 12}, {"road_sign", 3},
                   {"Road sign", 12}, {"class1", 12}, {"class2", 12}};
    for (size_t c = 0; c < THAW_LENGTH(classes); c++)
        for (int i = 0; i < classes[c].images; i++) {
            char *name = mem_format("%s/%02d.png", classes[c].name, i);
            put_drawn(folder, name, c * 100 + (uint64_t)i, 40, 40, 0);
            mem_free(name);
        }
    put_drawn(folder, "class1/long.png", 1000, 90, 20, 0);
    put_drawn(folder, "class1/small.png", 1001, 9, 9, 0);
    put_drawn(folder, "class1/usual.png", 1002, 60, 20, 0);
    struct error error = {0};
    dataset = dataset_open(folder, NULL, 1, &error);
    if (!dataset) /* names that only blanks tell apart are refused, or told */
        fail_msg("%s", error.text);
    doctor_examine(dataset, 1, NULL, NULL, &report);
    assert_int_equal(report.count[DOCTOR_TINY], 1);
    text_of(&report, DOCTOR_TINY, "road_sign has 3 training images");
    assert_int_equal(report.count[DOCTOR_NAMES], 2);
    text_of(&report, DOCTOR_NAMES, "Sparow and sparrow one");
    text_of(&report, DOCTOR_NAMES, "Road sign and road_sign one");
    assert_int_equal(report.count[DOCTOR_SIZE], 2);
    text_of(&report, DOCTOR_SIZE, "long.png has 90x20 pixels");
    text_of(&report, DOCTOR_SIZE, "small.png has 9x9 pixels, the median image 1600");
    text_of(&report, DOCTOR_IMBALANCE, "train.class_weights = balanced");
    for (int c = 0; c < dataset->classes; c++) /* scikit-learn's compute_class_weight("balanced") of 98 images */
        if (strcmp(dataset->class_name[c], "sparrow") == 0)
            assert_float_equal(report.weight[c], 98.0 / (6 * 44), 1e-6);
    doctor_finish(&report);
    dataset_destroy(dataset);
}

struct pairs {
    int count;
    bool *found; /* [images] as the second of a pair */
};

static void note(void *context, int a, int b)
{
    struct pairs *pairs = context;
    assert_true(a < b);
    pairs->count++;
    pairs->found[b] = true;
}

/* Prints at random, each 50th like the one before it in all but up to NEAR_BITS bits. */
static struct near_print *make_prints(int count, bool skewed)
{
    struct near_print *print = mem_array((size_t)count, sizeof *print);
    uint64_t seed = 7;
    for (int i = 0; i < count; i++) {
        print[i].contrast = 1 << 30;
        for (int w = 0; w < 2; w++)
            print[i].bits[w] = next(&seed) << 40 ^ next(&seed) << 20 ^ next(&seed);
        if (skewed) /* plain but for a corner */
            print[i].bits[0] &= 0xff00ff, print[i].bits[1] &= 0xf;
        if (i % 50 == 49) {
            memcpy(print[i].bits, print[i - 1].bits, sizeof print[i].bits);
            for (int b = 0; b < i / 50 % (NEAR_BITS + 1); b++) {
                int bit = (int)(next(&seed) % 128);
                print[i].bits[bit / 64] ^= (uint64_t)1 << (bit % 64);
            }
        }
        for (size_t v = 0; v < sizeof print[i].rgb; v++)
            print[i].rgb[v] = (uint8_t)(i / 50 * (v % 7 + 1));
    }
    return print;
}

/* All that comparing each with each finds. */
static void test_search(void **state)
{
    (void)state;
    enum { COUNT = 4000 };
    struct near_print *print = make_prints(COUNT, false);
    const struct near_print *list[COUNT];
    bool found[COUNT] = {false}, wanted[COUNT] = {false};
    int wanted_count = 0, found_count = 0;
    for (int i = 0; i < COUNT; i++)
        list[i] = &print[i];
    for (int a = 0; a < COUNT; a++)
        for (int b = a + 1; b < COUNT; b++)
            wanted[b] = wanted[b] || near_alike(&print[a], &print[b]);
    struct pairs pairs = {.found = found};
    near_search(list, COUNT, note, &pairs);
    for (int i = 0; i < COUNT; i++) {
        wanted_count += wanted[i];
        found_count += found[i];
        assert_int_equal(found[i], wanted[i]);
    }
    assert_true(wanted_count >= COUNT / 50);
    print_message("%d pairs of %d images\n", found_count, COUNT);
    mem_free(print);
}

/* A hundred thousand; and twenty thousand of which most bits are the same. */
static void test_many(void **state)
{
    (void)state;
    enum { COUNT = 100000 };
    const struct near_print **list = mem_array(COUNT, sizeof(struct near_print *));
    for (int skewed = 0; skewed < 2; skewed++) {
        int count = skewed ? COUNT / 5 : COUNT;
        struct near_print *print = make_prints(count, skewed);
        struct pairs pairs = {.found = mem_array(COUNT, sizeof(bool))};
        for (int i = 0; i < count; i++)
            list[i] = &print[i];
        double start = clock_monotonic();
        near_search(list, count, note, &pairs);
        print_message("%d images%s: %.2f s\n", count, skewed ? ", much alike" : "", clock_monotonic() - start);
        assert_true(pairs.count >= count / 50);
        mem_free(pairs.found);
        mem_free(print);
    }
    mem_free(list);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_near_findings),    TEST(test_fix), TEST(test_classes_and_sizes), cmocka_unit_test(test_search),
        cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
