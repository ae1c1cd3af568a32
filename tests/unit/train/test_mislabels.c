/* Likely mislabelled images: planted ones are found and hardly others, the same ones each time and for any thread count, and
 * the data are what they were. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/data/files_for_tests.h"
#include "thaw/base/rng.h"
#include "thaw/source/zoo.h"
#include "thaw/train/mislabels.h"

enum { SIDE = 16, CLASSES = 3, EACH = 20, PLANTED = 4 };

/* Which of all images lie in the folder of the class behind theirs. */
static const int planted[PLANTED] = {3, 17, 28, 51};

static char *folder;
static struct graph *graph;

static bool is_planted(int number)
{
    for (int i = 0; i < PLANTED; i++)
        if (planted[i] == number)
            return true;
    return false;
}

/* Noise of a class's own colour; the name tells its number. */
static void put_picture(int number)
{
    struct rng rng;
    char name[64], bytes[16 + SIDE * SIDE * 3];
    int label = number / EACH, at = (label + is_planted(number)) % CLASSES;
    int used = snprintf(bytes, sizeof bytes, "P6\n%d %d\n255\n", SIDE, SIDE);
    rng_init(&rng, (uint64_t)number, 1);
    for (int i = 0; i < SIDE * SIDE * 3; i++)
        bytes[used++] = (char)(int)rng_range(&rng, i % 3 == label ? 150 : 30, i % 3 == label ? 220 : 100);
    snprintf(name, sizeof name, "%s/class%d/%d.ppm", number % 5 ? "train" : "val", at, number);
    put_file(folder, name, bytes, (size_t)used);
}

static int make_world(void **state)
{
    (void)state;
    struct error error = {0};
    folder = new_folder();
    for (int number = 0; number < CLASSES * EACH; number++)
        put_picture(number);
    graph = zoo_build("resnet20", &(struct zoo_options){.classes = CLASSES, .height = SIDE, .width = SIDE}, &error);
    if (!graph)
        fail_msg("%s", error.text);
    graph_initialise(graph, 1);
    return 0;
}

static int drop_world(void **state)
{
    (void)state;
    graph_destroy(graph);
    remove_folder(folder);
    mem_free(folder);
    return 0;
}

static struct dataset *open_data(void)
{
    struct error error = {0};
    struct dataset *dataset = dataset_open(folder, NULL, 0, &error);
    if (!dataset)
        fail_msg("%s", error.text);
    return dataset;
}

static void find(const struct dataset *dataset, int threads, struct mislabels *found)
{
    struct error error = {0};
    const struct mislabels_request request = {
        .graph = graph, .dataset = dataset, .cache = (size_t)1 << 20, .threads = threads};
    if (!mislabels_find(&request, found, &error))
        fail_msg("%s", error.text);
}

static void the_planted_are_found(void **state)
{
    (void)state;
    struct dataset *dataset = open_data();
    struct mislabels found;
    find(dataset, 1, &found);
    assert_int_equal(found.images, CLASSES * EACH);
    assert_in_range(found.count, PLANTED, PLANTED + 1);
    for (int i = 0; i < PLANTED; i++) { /* before any other */
        const struct mislabel *row = &found.mislabel[i];
        int number = atoi(strrchr(row->item->path, '/') + 1);
        assert_true(is_planted(number));
        assert_int_equal(row->guess, number / EACH);
        assert_int_equal(row->split, number % 5 ? DATASET_TRAIN : DATASET_VAL);
        assert_true(row->guessed > row->own && row->guessed <= 1 && row->own >= 0);
    }
    mislabels_finish(&found);
    dataset_destroy(dataset);
}

static void the_same_for_any_threads(void **state)
{
    (void)state;
    struct dataset *dataset = open_data();
    struct mislabels one, two;
    find(dataset, 1, &one);
    find(dataset, 2, &two);
    assert_int_equal(one.count, two.count);
    for (size_t i = 0; i < one.count; i++) {
        assert_ptr_equal(one.mislabel[i].item, two.mislabel[i].item);
        assert_true(one.mislabel[i].guessed == two.mislabel[i].guessed);
    }
    mislabels_finish(&one);
    mislabels_finish(&two);
    dataset_destroy(dataset);
}

static bool stop(void *context, size_t done, size_t all)
{
    (void)context;
    (void)done;
    (void)all;
    return false;
}

static void what_cannot_be_judged_is_refused(void **state)
{
    (void)state;
    struct error error = {0};
    struct mislabels found;
    put_file(folder, "train/lonely/1.ppm", "P6\n1 1\n255\nabc", 14);
    struct dataset *dataset = open_data();
    struct mislabels_request request = {.graph = graph, .dataset = dataset, .cache = (size_t)1 << 20, .threads = 1};
    assert_false(mislabels_find(&request, &found, &error));
    assert_int_equal(error.kind, ERROR_DATA);
    assert_non_null(strstr(error.text, "the class lonely has one image"));
    mislabels_finish(&found);
    request.tell = stop;
    request.cache = 0; /* nothing is kept: all is to be computed again */
    error = (struct error){0};
    assert_false(mislabels_find(&request, &found, &error));
    assert_int_equal(error.kind, ERROR_STOPPED);
    mislabels_finish(&found);
    dataset_destroy(dataset);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_planted_are_found),
        cmocka_unit_test(the_same_for_any_threads),
        cmocka_unit_test(what_cannot_be_judged_is_refused),
    };
    return cmocka_run_group_tests(tests, make_world, drop_world);
}
