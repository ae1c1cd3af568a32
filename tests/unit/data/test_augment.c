/* Augmented views: pure in (seed, epoch, index), within the picture, flipped half of the time. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "../../../src/data/geometry.h"
#include "thaw/data/augment.h"

static const struct preprocess preprocess = {.width = 16, .height = 12, .channels = 3, .resize = 16, .std = {1, 1, 1}};

/* Red grows to the right, green downwards. */
static struct image slope(int width, int height)
{
    struct image image;
    assert_true(image_create(&image, width, height));
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            uint8_t *pixel = image.rgb + (y * width + x) * 3;
            pixel[0] = (uint8_t)(10 + 200 * x / width);
            pixel[1] = (uint8_t)(10 + 200 * y / height);
            pixel[2] = 77;
        }
    return image;
}

static struct image view_of(const struct image *image, enum augment augment, uint64_t seed, uint32_t epoch,
                            uint32_t index)
{
    struct image view;
    augment_view(image, &preprocess, augment, (struct augment_key){seed, epoch, index}, &view);
    assert_int_equal(view.width, 16);
    assert_int_equal(view.height, 12);
    return view;
}

static bool same(const struct image *image, enum augment augment, uint64_t seed, uint32_t epoch, uint32_t index)
{
    struct image a = view_of(image, augment, 1, 1, 1), b = view_of(image, augment, seed, epoch, index);
    bool equal = memcmp(a.rgb, b.rgb, 16 * 12 * 3) == 0;
    image_finish(&a);
    image_finish(&b);
    return equal;
}

static void test_pure(void **state)
{
    (void)state;
    struct image image = slope(60, 40);
    for (int augment = AUGMENT_LIGHT; augment < AUGMENTS; augment++) {
        assert_true(same(&image, (enum augment)augment, 1, 1, 1));
        assert_false(same(&image, (enum augment)augment, 2, 1, 1));
        assert_false(same(&image, (enum augment)augment, 1, 2, 1));
        assert_false(same(&image, (enum augment)augment, 1, 1, 2));
    }
    assert_true(same(&image, AUGMENT_NONE, 5, 6, 7)); /* the evaluation view, whatever the key */
    image_finish(&image);
}

static void test_crop_and_flip(void **state)
{
    (void)state;
    struct image image = slope(60, 40);
    int flipped = 0;
    double least = 1e9, most = 0;
    for (uint32_t i = 0; i < 400; i++) {
        struct image view = view_of(&image, AUGMENT_LIGHT, 3, 1, i);
        const uint8_t *first = view.rgb, *right = view.rgb + 15 * 3, *below = view.rgb + 11 * 16 * 3;
        flipped += first[0] > right[0];
        assert_true(below[1] > first[1]);
        assert_int_equal(first[2], 77);
        double width = (first[0] > right[0] ? first[0] - right[0] : right[0] - first[0]) / 200.0;
        double area = width * (below[1] - first[1]) / 200.0;
        least = area < least ? area : least;
        most = area > most ? area : most;
        image_finish(&view);
    }
    assert_in_range(flipped, 160, 240);
    assert_true(least > .2 && least < .4); /* corners of the view lie half a pixel inside, so a little under */
    assert_true(most > .6 && most < .8);   /* 4:3 of 3:2 at the most */
    image_finish(&image);
}

/* No crop of 3:4 to 4:3 with enough area fits: the centre is taken. */
static void test_ribbons(void **state)
{
    (void)state;
    const int sides[][2] = {{400, 3}, {3, 400}, {1, 1}, {2, 1}};
    for (size_t i = 0; i < THAW_LENGTH(sides); i++) {
        struct image image = slope(sides[i][0], sides[i][1]);
        struct image view = view_of(&image, AUGMENT_STANDARD, 1, 1, (uint32_t)i);
        image_finish(&view);
        image_finish(&image);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pure),
        cmocka_unit_test(test_crop_and_flip),
        cmocka_unit_test(test_ribbons),

    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
