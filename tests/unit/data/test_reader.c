/* Readers: what is decoded in part equals what is decoded whole, to the bit, for every way a JPEG can be put together;
 * what is shrunk while it is decoded stays close; what is damaged is refused in the same words. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#ifdef HAVE_JPEG
#include <jpeglib.h>
#endif

#include "../../../src/data/decode.h"
#include "../../../src/data/geometry.h"
#include "../../../src/data/reader_private.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/base/rng.h"
#include "thaw/data/reader.h"

static const struct preprocess views[] = {
    {.width = 32, .height = 32, .channels = 3, .resize = 36, .std = {1, 1, 1}},
    {.width = 24, .height = 40, .channels = 3, .resize = 24, .std = {1, 1, 1}, .interpolation = INTERPOLATION_BICUBIC},
    {.width = 20, .height = 9, .channels = 3, .resize = 0, .std = {1, 1, 1}},
};

/* The view as it is made from the whole picture. */
static bool whole_view(const uint8_t *bytes, size_t size, const struct view_request *request, struct image *view,
                       struct error *error)
{
    struct image image;
    bool done = image_decode(&image, bytes, size, "file", error);
    if (done)
        augment_view(&image, request->preprocess, request->augment, request->key, view);
    image_finish(&image);
    return done;
}

static bool same(const struct image *a, const struct image *b)
{
    return a->width == b->width && a->height == b->height &&
           memcmp(a->rgb, b->rgb, (size_t)a->width * (size_t)a->height * 3) == 0;
}

/* The reader gives the same view as the whole picture, or the same refusal. */
static void check_same(struct reader *reader, const uint8_t *bytes, size_t size, const struct view_request *request)
{
    struct error expected_error = {0}, error = {0};
    struct image expected = {0}, view;
    bool readable = whole_view(bytes, size, request, &expected, &expected_error);
    if (reader_view_bytes(reader, bytes, size, "file", request, &view, &error) != readable)
        fail_msg("%s, whole: %s", error.text, expected_error.text);
    if (readable && !same(&view, &expected))
        fail_msg("the view differs from the whole picture's");
    if (!readable)
        assert_string_equal(error.text, expected_error.text);
    image_finish(&expected);
}

static void check_all_views(struct reader *reader, const uint8_t *bytes, size_t size, uint32_t crops)
{
    for (size_t v = 0; v < THAW_LENGTH(views); v++) {
        struct view_request request = {.preprocess = &views[v]};
        check_same(reader, bytes, size, &request);
        for (request.key.index = 0; request.key.index < crops; request.key.index++) {
            request.augment = request.key.index % 2 ? AUGMENT_LIGHT : AUGMENT_STANDARD;
            check_same(reader, bytes, size, &request);
        }
    }
}

static void test_fixtures(void **state)
{
    (void)state;
    static const char *const names[] = {"bmp.bmp",
                                        "gif.gif",
                                        "jpeg.jpg",
                                        "jpeg_444.jpg",
                                        "jpeg_cmyk.jpg",
                                        "jpeg_grey.jpg",
                                        "jpeg_progressive.jpg",
                                        "jpeg_turn_1.jpg",
                                        "jpeg_turn_2.jpg",
                                        "jpeg_turn_3.jpg",
                                        "jpeg_turn_4.jpg",
                                        "jpeg_turn_5.jpg",
                                        "jpeg_turn_6.jpg",
                                        "jpeg_turn_7.jpg",
                                        "jpeg_turn_8.jpg",
                                        "pgm.pgm",
                                        "png.png",
                                        "ppm.ppm"};
    const char *source = getenv("THAW_SRCDIR");
    struct reader *reader = reader_create();
    struct rng rng;
    rng_init(&rng, 1, 1);
    for (size_t i = 0; i < THAW_LENGTH(names); i++) {
        struct error error = {0};
        struct file_map map;
        char *path = mem_format("%s/tests/unit/data/fixtures/%s", source ? source : ".", names[i]);
        assert_true(file_map_open(&map, path, &error));
        check_all_views(reader, map.data, map.size, 20);
        struct view_request request = {.preprocess = &views[0], .augment = AUGMENT_LIGHT};
        for (size_t size = 0; size < map.size; size++) {
            uint8_t *part = malloc(size ? size : 1); /* of exact size, so that the address sanitizer sees overruns */
            memcpy(part, map.data, size);
            request.key.index = (uint32_t)size;
            check_same(reader, part, size, &request);
            free(part);
        }
        for (int round = 0; round < 100; round++) {
            uint8_t *copy = malloc(map.size);
            memcpy(copy, map.data, map.size);
            for (uint32_t changes = 1 + rng_below(&rng, 4); changes > 0; changes--)
                copy[rng_below(&rng, (uint32_t)map.size)] = (uint8_t)rng_below(&rng, 256);
            request.key.index = (uint32_t)round;
            check_same(reader, copy, map.size, &request);
            free(copy);
        }
        file_map_close(&map);
        mem_free(path);
    }
    reader_destroy(reader);
}

/* How much of a picture's size is left, and why. */
static void test_shrink(void **state)
{
    (void)state;
    const struct preprocess imagenet = {.width = 224, .height = 224, .channels = 3, .resize = 256, .std = {1, 1, 1}};
    struct view_request eval = {.preprocess = &imagenet}, train = {.preprocess = &imagenet, .augment = AUGMENT_LIGHT};
    struct view_request stretch = {.preprocess = &views[2]};
    assert_int_equal(reader_shrink(&eval, 500, 375), 1);
    assert_int_equal(reader_shrink(&eval, 800, 511), 1);
    assert_int_equal(reader_shrink(&eval, 512, 800), 2);
    assert_int_equal(reader_shrink(&eval, 2592, 1944), 4);
    assert_int_equal(reader_shrink(&eval, 4000, 3000), 8);
    assert_int_equal(reader_shrink(&eval, 30000, 3000), 8);
    assert_int_equal(reader_shrink(&train, 800, 600), 1);
    assert_int_equal(reader_shrink(&train, 1024, 768), 2); /* the least crop: 454 pixels a side */
    assert_int_equal(reader_shrink(&train, 4000, 3000), 4);
    assert_int_equal(reader_shrink(&train, 8000, 400), 1); /* a ribbon: the fallback is 400 high */
    assert_int_equal(reader_shrink(&stretch, 40, 39), 1);
    assert_int_equal(reader_shrink(&stretch, 40, 40), 2);
}

#ifdef HAVE_JPEG

/* A picture with edges, slopes and some grain, as photographs have. */
static struct image drawing(int width, int height, uint32_t state)
{
    struct image image;
    assert_true(image_create(&image, width, height));
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            for (int c = 0; c < 3; c++) {
                int disc = (x - width / 2) * (x - width / 2) + (y - height / 3) * (y - height / 3) < width * height / 9;
                state = state * 1103515245u + 12345u;
                image.rgb[((size_t)y * (size_t)width + (size_t)x) * 3 + (size_t)c] =
                    (uint8_t)(40 + (x * (c + 1) * 60 / width) + y * 50 / height + disc * (c == 1 ? 70 : 25) +
                              (int)(state >> 29));
            }
    return image;
}

struct form {
    const char *name;
    int components, across, down; /* across, down: chroma samples are this many pixels wide and high */
    bool progressive;
    int restart; /* rows of blocks between restart markers; 0: none */
};
static const struct form forms[] = {
    {"4:4:4", 3, 1, 1, false, 0},   {"4:2:2", 3, 2, 1, false, 0},   {"4:2:0", 3, 2, 2, false, 0},
    {"4:4:0", 3, 1, 2, false, 0},   {"4:1:1", 3, 4, 1, false, 0},   {"4:1:0", 3, 4, 2, false, 0},
    {"grey", 1, 1, 1, false, 0},    {"4:2:0 p", 3, 2, 2, true, 0},  {"4:4:4 p", 3, 1, 1, true, 0},
    {"4:2:0 r", 3, 2, 2, false, 1}, {"4:4:4 r", 3, 1, 1, false, 2}, {"CMYK", 4, 1, 1, false, 0},
};

/* JPEG bytes of an image, from malloc; of CMYK the samples are R, G, B and 255. */
static uint8_t *encode(const struct image *image, const struct form *form, size_t *size)
{
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr manager;
    unsigned char *bytes = NULL;
    unsigned long length = 0;
    size_t width = (size_t)image->width, components = (size_t)form->components;
    uint8_t *row = mem_array(width, components);
    jpeg.err = jpeg_std_error(&manager);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &bytes, &length);
    jpeg.image_width = (JDIMENSION)image->width;
    jpeg.image_height = (JDIMENSION)image->height;
    jpeg.input_components = form->components;
    jpeg.in_color_space = form->components == 1 ? JCS_GRAYSCALE : form->components == 3 ? JCS_RGB : JCS_CMYK;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, 85, TRUE);
    jpeg.comp_info[0].h_samp_factor = form->across;
    jpeg.comp_info[0].v_samp_factor = form->down;
    jpeg.restart_in_rows = form->restart;
    if (form->progressive)
        jpeg_simple_progression(&jpeg);
    jpeg_start_compress(&jpeg, TRUE);
    for (int y = 0; y < image->height; y++) {
        const uint8_t *rgb = image->rgb + (size_t)y * width * 3;
        for (size_t x = 0; x < width; x++)
            for (size_t c = 0; c < components; c++)
                row[x * components + c] = c < 3 ? rgb[x * 3 + c] : 255;
        jpeg_write_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    mem_free(row);
    *size = length;
    return bytes;
}

static void check_region(struct jpeg_decoder *decoder, const uint8_t *bytes, size_t size, const struct image *whole,
                         int shrink, const struct region *region, const char *name)
{
    struct error error = {0};
    struct image part = {0};
    int width, height;
    assert_true(jpeg_decoder_open(decoder, bytes, size, &width, &height, &error));
    if (!jpeg_decoder_read_image(decoder, shrink, region, &part, &error))
        fail_msg("%s", error.text);
    for (int y = 0; y < region->height; y++)
        if (memcmp(part.rgb + (size_t)y * (size_t)region->width * 3,
                   whole->rgb + ((size_t)(region->top + y) * (size_t)whole->width + (size_t)region->left) * 3,
                   (size_t)region->width * 3) != 0)
            fail_msg("%s, %d x %d at 1/%d: %d x %d at %d, %d differs in row %d", name, width, height, shrink,
                     region->width, region->height, region->left, region->top, y);
    image_finish(&part);
}

/* Any region of any kind of JPEG, also of the shrunk one, is that of the whole. */
static void test_regions(void **state)
{
    (void)state;
    static const int sizes[][2] = {{1, 1}, {7, 3}, {8, 16}, {33, 17}, {64, 64}, {97, 61}, {131, 150}, {250, 47}};
    struct jpeg_decoder *decoder = jpeg_decoder_create();
    struct rng rng;
    rng_init(&rng, 2, 2);
    for (size_t f = 0; f < THAW_LENGTH(forms); f++)
        for (size_t s = 0; s < THAW_LENGTH(sizes); s++) {
            struct error error = {0};
            struct image image = drawing(sizes[s][0], sizes[s][1], (uint32_t)(f * 8 + s));
            size_t size;
            uint8_t *bytes = encode(&image, &forms[f], &size);
            for (int shrink = 1; shrink <= 8; shrink *= 2) {
                struct image whole = {0};
                int width, height;
                assert_true(jpeg_decoder_open(decoder, bytes, size, &width, &height, &error));
                struct region all = {0, 0, (width + shrink - 1) / shrink, (height + shrink - 1) / shrink};
                assert_true(jpeg_decoder_read_image(decoder, shrink, &all, &whole, &error));
                for (int round = 0; round < 40; round++) {
                    struct region region;
                    region.width = 1 + (int)rng_below(&rng, (uint32_t)all.width);
                    region.height = 1 + (int)rng_below(&rng, (uint32_t)all.height);
                    region.left = (int)rng_below(&rng, (uint32_t)(all.width - region.width + 1));
                    region.top = (int)rng_below(&rng, (uint32_t)(all.height - region.height + 1));
                    check_region(decoder, bytes, size, &whole, shrink, &region, forms[f].name);
                }
                image_finish(&whole);
            }
            image_finish(&image);
            free(bytes);
        }
    jpeg_decoder_destroy(decoder);
}

static void test_views(void **state)
{
    (void)state;
    static const int sizes[][2] = {{1, 1}, {40, 36}, {61, 97}, {200, 150}, {300, 20}};
    struct reader *reader = reader_create();
    for (size_t f = 0; f < THAW_LENGTH(forms); f++)
        for (size_t s = 0; s < THAW_LENGTH(sizes); s++) {
            struct image image = drawing(sizes[s][0], sizes[s][1], (uint32_t)s);
            size_t size;
            uint8_t *bytes = encode(&image, &forms[f], &size);
            check_all_views(reader, bytes, size, 10);
            image_finish(&image);
            free(bytes);
        }
    reader_destroy(reader);
}

/* The differences of two views, in steps of 1/255. */
static void differences(const struct image *a, const struct image *b, double *mean, int *most)
{
    size_t count = (size_t)a->width * (size_t)a->height * 3;
    int64_t sum = 0;
    *most = 0;
    for (size_t i = 0; i < count; i++) {
        int difference = abs(a->rgb[i] - b->rgb[i]);
        sum += difference;
        *most = difference > *most ? difference : *most;
    }
    *mean = (double)sum / (double)count;
}

/* Shrunk while it is decoded, a picture is nearly the one that is shrunk by the filter alone: at sharp edges a pixel may
 * differ by some 20 of 255 steps, on the mean it is less than one and a half. */
static void check_fast(struct reader *reader, const uint8_t *bytes, size_t size, int turned)
{
    for (uint32_t index = 0; index < 6; index++) {
        struct view_request request = {.preprocess = &views[0],
                                       .augment = index ? AUGMENT_LIGHT : AUGMENT_NONE,
                                       .key = {.seed = 3, .index = index},
                                       .fast = true};
        struct error error = {0};
        struct image view, exact;
        double mean;
        int most;
        assert_true(whole_view(bytes, size, &request, &exact, &error));
        assert_true(reader_view_bytes(reader, bytes, size, "file", &request, &view, &error));
        differences(&view, &exact, &mean, &most);
        if (mean > 1.5 || most > 32)
            fail_msg("shrunk, turned %d, view %u: differs by %.2f on the mean, %d at most", turned, index, mean, most);
        assert_true(mean > 0); /* it was shrunk */
        image_finish(&exact);
    }
}

/* The same JPEG with an EXIF segment behind its first marker. */
static uint8_t *turned_bytes(const uint8_t *bytes, size_t size, int orientation)
{
    static const uint8_t segment[] = "\xff\xe1\x00\x22"
                                     "Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\0\0\0\0\0\0";
    enum { SEGMENT = 36 };
    uint8_t *turned = malloc(size + SEGMENT);
    memcpy(turned, bytes, 2);
    memcpy(turned + 2, segment, SEGMENT);
    turned[2 + 29] = (uint8_t)orientation;
    memcpy(turned + 2 + SEGMENT, bytes + 2, size - 2);
    return turned;
}

static void test_fast(void **state)
{
    (void)state;
    static const int sizes[][2] = {{640, 480}, {479, 643}, {333, 200}};
    struct reader *reader = reader_create();
    for (size_t s = 0; s < THAW_LENGTH(sizes); s++) {
        struct image image = drawing(sizes[s][0], sizes[s][1], 1);
        size_t size;
        uint8_t *bytes = encode(&image, &forms[2], &size);
        check_fast(reader, bytes, size, 1);
        for (int orientation = 2; orientation <= 8 && s == 0; orientation++) {
            uint8_t *turned = turned_bytes(bytes, size, orientation);
            assert_int_equal(decode_orientation(turned, size + 36), orientation);
            check_fast(reader, turned, size + 36, orientation);
            free(turned);
        }
        image_finish(&image);
        free(bytes);
    }
    reader_destroy(reader);
}

/* A view out of the kept picture is the one out of the file. */
static void test_pictures(void **state)
{
    (void)state;
    char path[] = "/tmp/thaw-test-reader-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    struct image image = drawing(400, 300, 1);
    size_t size;
    uint8_t *bytes = encode(&image, &forms[2], &size);
    FILE *file = fdopen(fd, "wb");
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    struct dataset_item item = {.path = path};
    struct reader *reader = reader_create(), *other = reader_create();
    for (int fast = 0; fast < 2; fast++) {
        struct error error = {0};
        struct view_request request = {.preprocess = &views[0], .augment = AUGMENT_LIGHT, .fast = fast != 0};
        struct picture picture;
        assert_true(reader_picture(reader, &item, &request, &picture, &error));
        assert_int_equal(picture.width, 400);
        assert_int_equal(picture.image.width, fast ? 100 : 400);
        for (request.key.index = 0; request.key.index < 30; request.key.index++) {
            struct image direct, kept;
            assert_true(reader_view(other, &item, &request, &direct, &error));
            reader_view_picture(reader, &picture, &request, &kept);
            assert_true(same(&direct, &kept));
        }
        image_finish(&picture.image);
    }
    reader_destroy(reader);
    reader_destroy(other);
    remove(path);
    image_finish(&image);
    free(bytes);
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fixtures), cmocka_unit_test(test_shrink),
#ifdef HAVE_JPEG
        cmocka_unit_test(test_regions),  cmocka_unit_test(test_views),
        cmocka_unit_test(test_fast),     cmocka_unit_test(test_pictures),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
