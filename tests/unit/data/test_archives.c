/* Datasets in archives: the same data, to the digest, as in folders; what tar's headers may say; gzip data read at any place;
 * many threads; archives that are cut, or claim what they do not hold. */
#include "config.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "archives_for_tests.h"
#include "files_for_tests.h"
#include "layouts_for_tests.h"
#include "src/data/archive.h"
#include "src/data/gunzip.h"
#include "src/data/untar.h"
#include "thaw/data/loader.h"

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

/* --- the same data --- */

static const char *const names[] = {"set/train/a/0.ppm", "set/train/a/1.ppm", "set/train/b/0.ppm",
                                    "set/val/a/0.ppm",   "set/val/b/0.ppm",   "__MACOSX/train/a/0.ppm",
                                    "set/.DS_Store",     "set/train/b/x.txt"};

static size_t make_image(uint8_t *to, int number)
{
    int start = sprintf((char *)to, "P6\n%d 3\n255\n", 4 + number);
    size_t size = (size_t)(4 + number) * 9;
    memset(to + start, 10 * number + 5, size);
    return (size_t)start + size;
}

/* The files in a folder, and in an archive of each kind. */
static void put_all(const char *folder)
{
    struct test_zip zip = {.size = 0};
    struct test_tar tar[2] = {{.size = 0}};
    for (int i = 0; i < (int)THAW_LENGTH(names); i++) {
        uint8_t bytes[256];
        size_t size = make_image(bytes, i);
        put_file(folder, names[i], bytes, size);
        zip_put(&zip, names[i], bytes, size, i % 2);
        for (int t = 0; t < 2; t++)
            tar_put(&tar[t], names[i], '0', bytes, size);
    }
    zip_write(&zip, folder, "in.zip");
    tar_write(&tar[0], folder, "in.tar");
    tar_write(&tar[1], folder, "in.tar.gz");
}

static const char *const archives[] = {"in.zip", "in.tar", "in.tar.gz"};

static void test_same(void **state)
{
    const char *folder = *state;
    put_all(folder);
    char *plain = path_join(folder, "set");
    struct dataset *wanted = open_or_fail(&(struct dataset_request){.path = plain});
    for (size_t a = 0; a < THAW_LENGTH(archives); a++) {
        char *path = path_join(folder, archives[a]);
        struct dataset *dataset = open_or_fail(&(struct dataset_request){.path = path});
        char *counts = counts_of(dataset);
        assert_string_equal(counts, "a 2/1/0 b 2/1/0"); /* x.txt is an image, whatever it is called */
        for (int s = 0; s < DATASET_SPLITS; s++)
            for (size_t i = 0; i < wanted->images[s].items; i++) {
                const struct dataset_item *one = &wanted->images[s].item[i], *other = &dataset->images[s].item[i];
                struct hash left = {0}, right = {0}, ends[2];
                struct image image[2];
                struct error error = {0};
                assert_true(dataset_load(one, &image[0], &error));
                assert_true(dataset_load(other, &image[1], &error));
                assert_true(dataset_stored(one, SIZE_MAX, &left) && dataset_stored(other, SIZE_MAX, &right));
                assert_true(hash_equal(left, right));
                assert_int_equal(image[0].width, image[1].width);
                assert_memory_equal(image[0].rgb, image[1].rgb, (size_t)image[0].width * 9);
                assert_int_equal(dataset_item_size(one), dataset_item_size(other));
                assert_true(dataset_stored(one, 16, &ends[0]) && dataset_stored(other, 16, &ends[1]));
                assert_true(hash_equal(ends[0], ends[1]));
                assert_string_equal(path_base(one->path), path_base(other->path));
                image_finish(&image[0]);
                image_finish(&image[1]);
            }
        mem_free(counts);
        mem_free(path);
        dataset_destroy(dataset);
    }
    dataset_destroy(wanted);
    mem_free(plain);
}

/* One part of an archive, and another of another. */
static void test_within(void **state)
{
    const char *folder = *state;
    put_all(folder);
    char *train = path_join(folder, "in.tar.gz/set/train"), *val = path_join(folder, "in.zip/set/val"),
         *nowhere = path_join(folder, "in.zip/set/other"), *file = path_join(folder, "in.zip/set/train/a/0.ppm");
    struct dataset_request request = {.path = train, .val = val};
    expect_counts(&request, "two archives", "a 2/1/0 b 2/1/0", "in in.tar.gz; validation from ");
    request = (struct dataset_request){.path = nowhere};
    expect_refusal(&request, "nowhere", ERROR_DATA, "in.zip/set/other: there is no such file");
    request.path = file;
    expect_refusal(&request, "an image", ERROR_DATA, "neither a folder of images");
    mem_free(train);
    mem_free(val);
    mem_free(nowhere);
    mem_free(file);
}

/* A copy of an item reads on when its dataset is gone. */
static void test_copies(void **state)
{
    const char *folder = *state;
    put_all(folder);
    char *path = path_join(folder, "in.tar.gz");
    struct dataset *dataset = open_or_fail(&(struct dataset_request){.path = path});
    struct dataset_item copy = dataset_item_copy(&dataset->images[DATASET_VAL].item[0]);
    struct image image;
    struct error error = {0};
    dataset_destroy(dataset);
    assert_true(dataset_load(&copy, &image, &error));
    assert_int_equal(image.rgb[0], 35);
    image_finish(&image);
    dataset_item_finish(&copy);
    mem_free(path);
}

/* --- tar --- */

static void test_headers(void **state)
{
    const char *folder = *state;
    struct test_tar tar = {.size = 0};
    char *long_name = mem_format("a/%0150d/%0120d.ppm", 1, 2);
    uint8_t bytes[256];
    size_t size = make_image(bytes, 0);
    char pax[400], unused[] = "18 comment=abcdef\n";
    int length = snprintf(pax, sizeof pax, "30 mtime=1700000000.123456789\n%zu path=b/\xc3\xa9.ppm\n",
                          strlen("18 path=b/\xc3\xa9.ppm\n"));
    tar_put(&tar, "pax_global_header", 'g', unused, strlen(unused));
    tar_put(&tar, "a/", '5', NULL, 0);
    tar_put(&tar, "././@LongLink", 'L', long_name, strlen(long_name) + 1);
    tar_put(&tar, "a/cut", '0', bytes, size);
    tar_put(&tar, "x", 'x', pax, (size_t)length);
    tar_put(&tar, "b/cut", '0', bytes, size);
    tar_put(&tar, "a/link", '2', NULL, 0);
    tar_put(&tar, "./a//./old.ppm", '\0', bytes, size);
    tar_put(&tar, "../out.ppm", '0', bytes, size);
    tar_put(&tar, "/b/absolute.ppm", '0', bytes, size);
    tar_write(&tar, folder, "in.tar");
    char *path = path_join(folder, "in.tar");
    struct dataset *dataset = open_or_fail(&(struct dataset_request){.path = path});
    const struct dataset_images *images = &dataset->images[DATASET_TRAIN];
    assert_int_equal(images->items, 4);
    assert_non_null(strstr(images->item[0].path, "in.tar/a/old.ppm"));
    assert_non_null(strstr(images->item[1].path, long_name));
    assert_non_null(strstr(images->item[2].path, "b/absolute.ppm"));
    assert_non_null(strstr(images->item[3].path, "b/\xc3\xa9.ppm"));
    dataset_destroy(dataset);
    mem_free(long_name);
    mem_free(path);
}

static void test_cut(void **state)
{
    const char *folder = *state;
    put_all(folder);
    char *path = path_join(folder, "in.tar"), *packed = path_join(folder, "in.tar.gz");
    assert_int_equal(truncate(path, 512 + 10), 0);
    expect_refusal(&(struct dataset_request){.path = path}, "cut", ERROR_DATA,
                   "in.tar: it ends within a file: it is truncated");
    assert_int_equal(truncate(packed, 300), 0);
    expect_refusal(&(struct dataset_request){.path = packed}, "cut gz", ERROR_DATA, "gzip data ends after");
    mem_free(path);
    mem_free(packed);
}

/* An archive that is cut while it is used is missed, and says so. */
static void test_cut_later(void **state)
{
    const char *folder = *state;
    put_all(folder);
    for (size_t a = 0; a < THAW_LENGTH(archives); a++) {
        char *path = path_join(folder, archives[a]);
        struct dataset *dataset = open_or_fail(&(struct dataset_request){.path = path});
        struct file_bytes bytes = {0};
        struct error error = {0};
        file_guard();
        assert_int_equal(truncate(path, 0), 0);
        assert_false(dataset_item_read(&dataset->images[DATASET_TRAIN].item[0], &bytes, &error));
        assert_non_null(strstr(error.text, "0.ppm"));
        file_bytes_finish(&bytes);
        dataset_destroy(dataset);
        mem_free(path);
    }
}

/* --- gzip at any place --- */

enum { MUCH = 3 << 20, READERS = 12, READS = 40, PIECE = 5000 };
struct reading {
    struct gunzip *gunzip;
    const uint8_t *wanted;
    unsigned number;
    bool good;
};

static void *read_pieces(void *context)
{
    struct reading *reading = context;
    uint8_t piece[PIECE];
    unsigned at = reading->number * 77777;
    reading->good = true;
    for (int i = 0; i < READS; i++, at = (at * 1103515245u + 12345u) % (MUCH - PIECE)) {
        struct error error = {0};
        at %= MUCH - PIECE;
        if (!gunzip_at(reading->gunzip, at, piece, sizeof piece, &error) ||
            memcmp(piece, reading->wanted + at, PIECE) != 0)
            reading->good = false;
    }
    return NULL;
}

static void test_any_place(void **state)
{
    const char *folder = *state;
    uint8_t *wanted = mem_alloc(MUCH), *seen = mem_alloc(MUCH);
    uint32_t noise = 1;
    for (size_t i = 0; i < MUCH; i++) {
        noise = noise * 1664525 + 1013904223;
        wanted[i] = i / 100000 % 2 ? (uint8_t)(noise >> 24) : (uint8_t)(i / 9); /* blocks of all kinds */
    }
    struct test_tar tar = {.size = 0};
    zip_append(&tar.bytes, &tar.size, wanted, MUCH);
    tar_write(&tar, folder, "much.gz");
    char *path = path_join(folder, "much.gz");
    struct file_bytes bytes = {0};
    struct error error = {0};
    assert_true(file_read(&bytes, path, SIZE_MAX, &error));
    struct gunzip *gunzip = gunzip_create(bytes.data, bytes.size);
    for (size_t at = 0; at < MUCH; at += 65536 * 3) { /* with gaps */
        size_t size = MUCH - at < 65536 ? MUCH - at : 65536;
        assert_true(gunzip_first(gunzip, at, seen, size, &error));
        assert_memory_equal(seen, wanted + at, size);
    }
    assert_false(gunzip_first(gunzip, MUCH + 1020, seen, 100, &error));
    assert_int_equal(error.kind, ERROR_NONE);
    struct reading reading[READERS];
    pthread_t thread[READERS];
    for (unsigned r = 0; r < READERS; r++) {
        reading[r] = (struct reading){gunzip, wanted, r, false};
        assert_int_equal(pthread_create(&thread[r], NULL, read_pieces, &reading[r]), 0);
    }
    for (int r = 0; r < READERS; r++) {
        pthread_join(thread[r], NULL);
        assert_true(reading[r].good);
    }
    gunzip_destroy(gunzip);
    file_bytes_finish(&bytes);
    mem_free(path);
    mem_free(wanted);
    mem_free(seen);
}

/* The loader takes batches from an archive as it does from files. */
static void test_loader(void **state)
{
    const char *folder = *state;
    put_all(folder);
    for (size_t a = 0; a < THAW_LENGTH(archives); a++) {
        char *path = path_join(folder, archives[a]);
        struct dataset *dataset = open_or_fail(&(struct dataset_request){.path = path});
        struct error error = {0};
        struct loader_options options = {
            .preprocess = {.height = 3, .width = 3, .channels = 3, .raw = true, .std = {1, 1, 1}},
            .batch = 4,
            .threads = 3};
        struct loader *loader = loader_create(&dataset->images[DATASET_TRAIN], &options, &error);
        assert_non_null(loader);
        const struct loader_bad *bad;
        loader_begin(loader, 1, 0);
        struct batch *batch = loader_next(loader);
        assert_int_equal(batch->n, 4);
        assert_true(batch->input[0] == 5 && batch->input[3 * 27] == 75);
        assert_int_equal(loader_take_bad(loader, &bad), 0);
        loader_release(loader, batch);
        loader_destroy(loader);
        dataset_destroy(dataset);
        mem_free(path);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_same), TEST(test_within),    TEST(test_copies),    TEST(test_headers),
        TEST(test_cut),  TEST(test_cut_later), TEST(test_any_place), TEST(test_loader),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
