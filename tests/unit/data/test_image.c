/* Decoding: every kind of file against Pillow's pixels, then hostile ones. The files are in fixtures/, made with the
 * figures by make_figures.py. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "src/data/decode.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/base/rng.h"
#include "thaw/data/image.h"

struct figure {
    const char *name;
    int width, height;
    uint64_t digest; /* FNV-1a of the RGB bytes */
};

#include "image_figures.h"

static const struct figure photographs[] = {
    {"train/ants/0013035.jpg", 768, 512, 0x508026d6b1279880ULL},
    {"train/ants/1030023514_aad5c608f9.jpg", 500, 333, 0xaf5d85967db610c8ULL},
    {"train/ants/1095476100_3906d8afde.jpg", 500, 282, 0x4c2910a73b54eb3eULL},
    {"val/bees/1032546534_06907fe3b3.jpg", 366, 500, 0x05f18d888c627fb5ULL},
    {"val/bees/10870992_eebeeb3a12.jpg", 500, 464, 0xc30fb507b92b4d13ULL},
    {"val/bees/1181173278_23c36fac71.jpg", 500, 500, 0xb04037fc0ad7fb48ULL},
};

static uint64_t digest(const struct image *image)
{
    uint64_t h = 0xcbf29ce484222325ULL;
    for (size_t i = 0; i < (size_t)image->width * (size_t)image->height * 3; i++)
        h = (h ^ image->rgb[i]) * 0x100000001b3ULL;
    return h;
}

static char *fixture(const char *name)
{
    const char *source = getenv("THAW_SRCDIR");
    return mem_format("%s/tests/unit/data/fixtures/%s", source ? source : ".", name);
}

static void check_figure(const struct figure *figure, const char *path)
{
    struct error error = {0};
    struct image image;
    if (!image_load(&image, path, &error))
        fail_msg("%s", error.text);
    if (image.width != figure->width || image.height != figure->height || digest(&image) != figure->digest)
        fail_msg("%s: %d x %d pixels, digest %016llx differ from Pillow's", path, image.width, image.height,
                 (unsigned long long)digest(&image));
    image_finish(&image);
}

/* stb_image's own JPEG decoder rounds differently: only the size is compared there. */
static bool exact(const char *name)
{
#ifdef HAVE_JPEG
    (void)name;
    return true;
#else
    return !strstr(name, ".jp");
#endif
}

static void test_pillow_equal(void **state)
{
    (void)state;
    for (size_t i = 0; i < THAW_LENGTH(figures); i++) {
        char *path = fixture(figures[i].name);
        if (exact(figures[i].name))
            check_figure(&figures[i], path);
        mem_free(path);
    }
}

static void test_photographs(void **state)
{
    (void)state;
    const char *data = getenv("THAW_REAL_DATA");
    if (!data || !exact(".jpg")) {
        print_message("SKIPPED: THAW_REAL_DATA is not set (or the program is built without libjpeg-turbo)\n");
        skip();
    }
    for (size_t i = 0; data && i < THAW_LENGTH(photographs); i++) {
        char *path = mem_format("%s/datasets/hymenoptera/%s", data, photographs[i].name);
        check_figure(&photographs[i], path);
        mem_free(path);
    }
}

/* Every shorter file is refused or, where only trailing bytes are missing, gives the whole picture. */
static void truncate_everywhere(const struct figure *figure, const struct file_map *map)
{
    size_t accepted = 0;
    for (size_t size = 0; size < map->size; size++) {
        struct error error = {0};
        struct image image;
        uint8_t *part = malloc(size ? size : 1); /* of exact size, so that the address sanitizer sees overruns */
        memcpy(part, map->data, size);
        if (image_decode(&image, part, size, "part", &error)) {
            accepted++;
            assert_int_equal(image.width, figure->width);
            assert_true(!exact(figure->name) || digest(&image) == figure->digest);
        } else {
            assert_null(image.rgb);
            assert_int_equal(error.kind, ERROR_DATA);
            assert_memory_equal(error.text, "part: ", 6);
        }
        image_finish(&image);
        free(part);
    }
    if (accepted > 13) /* a trailer: PNG's last chunk and checksum, GIF's semicolon */
        fail_msg("%s: %zu truncated files were taken for whole ones", figure->name, accepted);
}

static void test_truncated(void **state)
{
    (void)state;
    for (size_t i = 0; i < THAW_LENGTH(figures); i++) {
        struct error error = {0};
        struct file_map map;
        char *path = fixture(figures[i].name);
        assert_true(file_map_open(&map, path, &error));
        truncate_everywhere(&figures[i], &map);
        file_map_close(&map);
        mem_free(path);
    }
}

/* Bytes changed at random: any answer will do but a crash. */
static void test_damaged(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 1, 1);
    for (size_t i = 0; i < THAW_LENGTH(figures); i++) {
        struct error error = {0};
        struct file_map map;
        char *path = fixture(figures[i].name);
        assert_true(file_map_open(&map, path, &error));
        for (int round = 0; round < 150; round++) {
            uint8_t *copy = malloc(map.size);
            memcpy(copy, map.data, map.size);
            for (int k = 0; k < 1 + round % 8; k++)
                copy[8 + rng_below(&rng, (uint32_t)map.size - 8)] = (uint8_t)rng_next(&rng);
            struct image image;
            if (image_decode(&image, copy, map.size, "damaged", &error))
                image_finish(&image);
            free(copy);
        }
        file_map_close(&map);
        mem_free(path);
    }
}

static void refuse(const void *bytes, size_t size, const char *expected)
{
    struct error error = {0};
    struct image image;
    assert_false(image_decode(&image, bytes, size, "x.img", &error));
    if (!strstr(error.text, expected))
        fail_msg("\"%s\" does not say \"%s\"", error.text, expected);
    assert_int_equal(error.kind, ERROR_DATA);
}

static void test_refused(void **state)
{
    (void)state;
    refuse(NULL, 0, "zero bytes");
    refuse("hello, this is text", 19, "not an image this program knows");
    refuse("<!DOCTYPE html>", 15, "web page");
    refuse("RIFF\x10\0\0\0WEBPVP8 ", 16, "WebP");
    refuse("P6\n60000 60000\n255\n", 19, "too large");
    refuse("P6\n20000 20000\n255\n", 19, "too large");
    refuse("P6\n0 5\n255\n", 11, "header says 0 x 5");
    refuse("P6\n2 2\n255\nabc", 14, "12 bytes of pixels announced, 3 there");
    refuse("P6\n2 2\n0\nabc", 12, "maximum of 0");
    refuse("\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\1\0\0\0\1\0\0\x08\2\0\0\0", 29, "too large: its header says 65536 x 65536");
    refuse("\x89PNG\r\n\x1a\n\0\0\0\rIHDR\xff\xff\xff\xff\xff\xff\xff\xff\x08\2\0\0\0", 29, "too large");
    refuse("BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\0\x40\0\0\0\x40\0\0\1\0\x18\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
           "\0\0\0\0",
           54, "too large");
    refuse("GIF89a\xff\xff\xff\xff\0\0\0\x2c\0\0\0\0\xff\xff\xff\xff\0\2\0", 25, "too large");
    refuse("\xff\xd8\xff\xd9", 4, "truncated");
}

static void test_missing(void **state)
{
    (void)state;
    struct error error = {0};
    struct image image;
    assert_false(image_load(&image, "/nowhere/at/all.png", &error));
    assert_int_equal(error.kind, ERROR_DATA);
    image_finish(&image);
}

static void test_save(void **state)
{
    (void)state;
    struct error error = {0};
    struct image image, again;
    const char *folder = getenv("TMPDIR");
    char *path = mem_format("%s/thaw-test-save-%d.png", folder ? folder : "/tmp", rand());
    assert_true(image_create(&image, 17, 9));
    for (int i = 0; i < 17 * 9 * 3; i++)
        image.rgb[i] = (uint8_t)(i * 37);
    assert_true(image_save_png(&image, path, &error));
    assert_true(image_load(&again, path, &error));
    assert_int_equal(again.width, 17);
    assert_memory_equal(image.rgb, again.rgb, 17 * 9 * 3);
    assert_false(image_save_png(&image, "/dev/null/x.png", &error));
    remove(path);
    mem_free(path);
    image_finish(&image);
    image_finish(&again);
}

static size_t address_space(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_true(file && fscanf(file, "%lu", &pages) == 1);
    fclose(file);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* That there is no memory says nothing of the file: it is no reason to leave it out. */
static void test_no_memory(void **state)
{
    (void)state;
    enum { SIDE = 4000 };
    struct error error = {0};
    struct rlimit before, low;
    struct image image, back;
    size_t size;
#ifdef THAW_SANITIZED /* which takes all of the address space */
    skip();
#endif
    assert_true(image_create(&image, SIDE, SIDE));
    memset(image.rgb, 99, (size_t)SIDE * SIDE * 3);
    uint8_t *png = encode_png(&image, &size);
    image_finish(&image);
    assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
    low = before;
    low.rlim_cur = address_space() + (16 << 20);
    assert_int_equal(setrlimit(RLIMIT_AS, &low), 0);
    bool done = image_decode(&back, png, size, "large.png", &error);
    assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
    assert_false(done);
    assert_string_equal(error.text, "large.png: not enough memory to decode it");
    assert_int_equal(error.kind, ERROR_FAILED);
    assert_true(image_decode(&back, png, size, "large.png", &error));
    image_finish(&back);
    free(png);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pillow_equal), cmocka_unit_test(test_photographs), cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_damaged),      cmocka_unit_test(test_refused),     cmocka_unit_test(test_missing),
        cmocka_unit_test(test_save),         cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
