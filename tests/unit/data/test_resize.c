/* Resizing against Pillow's Image.resize and torchvision's Resize and CenterCrop, to the bit; then normalisation. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "thaw/data/image.h"

struct figure {
    int width, height, to_width, to_height;
    double box[4];
    uint64_t digest[INTERPOLATIONS];
};
struct view_figure {
    int width, height, resize, to_width, to_height;
    uint64_t digest[INTERPOLATIONS];
};

#include "resize_figures.h"

/* The same noise as make_figures.py makes. */
static struct image pattern(int width, int height)
{
    struct image image;
    uint32_t state = (uint32_t)width * 65536u + (uint32_t)height;
    assert_true(image_create(&image, width, height));
    for (int i = 0; i < width * height * 3; i++) {
        state = state * 1103515245u + 12345u;
        image.rgb[i] = (uint8_t)(state >> 24);
    }
    return image;
}

static uint64_t digest(const struct image *image)
{
    uint64_t h = 0xcbf29ce484222325ULL;
    for (size_t i = 0; i < (size_t)image->width * (size_t)image->height * 3; i++)
        h = (h ^ image->rgb[i]) * 0x100000001b3ULL;
    return h;
}

static void test_pillow_equal(void **state)
{
    (void)state;
    for (size_t i = 0; i < THAW_LENGTH(figures); i++) {
        const struct figure *f = &figures[i];
        struct image from = pattern(f->width, f->height), to;
        assert_true(image_create(&to, f->to_width, f->to_height));
        for (enum interpolation kind = 0; kind < INTERPOLATIONS; kind++) {
            image_resize(&from, kind, f->box[0], f->box[1], f->box[2], f->box[3], &to);
            if (digest(&to) != f->digest[kind])
                fail_msg("%d x %d to %d x %d, %s, differs from Pillow", f->width, f->height, f->to_width, f->to_height,
                         interpolation_name(kind));
        }
        image_finish(&from);
        image_finish(&to);
    }
}

static void test_torchvision_equal(void **state)
{
    (void)state;
    for (size_t i = 0; i < THAW_LENGTH(view_figures); i++) {
        const struct view_figure *f = &view_figures[i];
        struct image from = pattern(f->width, f->height), view;
        for (enum interpolation kind = 0; kind < INTERPOLATIONS; kind++) {
            struct preprocess preprocess = {.width = f->to_width,
                                            .height = f->to_height,
                                            .channels = 3,
                                            .resize = f->resize,
                                            .std = {1, 1, 1},
                                            .interpolation = kind};
            image_eval_view(&from, &preprocess, &view);
            if (digest(&view) != f->digest[kind])
                fail_msg("%d x %d by %d to %d x %d, %s, differs from torchvision", f->width, f->height, f->resize,
                         f->to_width, f->to_height, interpolation_name(kind));
            image_finish(&view);
        }
        image_finish(&from);
    }
}

/* A ribbon of 32768 x 1 pixels must not be blown up whole before its centre is cut out. */
static void test_ribbon(void **state)
{
    (void)state;
    struct image from = pattern(IMAGE_SIDE_MAX, 1), view;
    struct preprocess preprocess = {.width = 224, .height = 224, .channels = 3, .resize = 256, .std = {1, 1, 1}};
    image_eval_view(&from, &preprocess, &view);
    const uint8_t *centre = view.rgb + (112 * 224 + 112) * 3, *source = from.rgb + (IMAGE_SIDE_MAX / 2) * 3;
    for (int c = 0; c < 3; c++) /* half-way between two source pixels */
        assert_in_range(centre[c], source[c] < source[c - 3] ? source[c] : source[c - 3],
                        source[c] < source[c - 3] ? source[c - 3] : source[c]);
    image_finish(&from);
    image_finish(&view);
}

static void test_normalise(void **state)
{
    (void)state;
    struct image image;
    assert_true(image_create(&image, 1, 1));
    image.rgb[0] = 255;
    image.rgb[1] = 51;
    image.rgb[2] = 0;
    struct preprocess preprocess = {
        .width = 1, .height = 1, .channels = 3, .mean = {.5f, .1f, .25f}, .std = {.5f, .1f, .5f}};
    float out[3];
    image_normalise(&image, &preprocess, out);
    assert_float_equal(out[0], 1, 1e-6);
    assert_float_equal(out[1], 1, 1e-6);
    assert_float_equal(out[2], -.5f, 1e-6);
    preprocess.bgr = true;
    image_normalise(&image, &preprocess, out);
    assert_float_equal(out[0], -1, 1e-6);
    assert_float_equal(out[2], 1.5f, 1e-6);
    preprocess = (struct preprocess){.width = 1, .height = 1, .channels = 1, .raw = true, .std = {1}};
    image_to_input(&image, &preprocess, out);
    assert_float_equal(out[0], 106, 0); /* Pillow: convert("L") */
    image_finish(&image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pillow_equal),
        cmocka_unit_test(test_torchvision_equal),
        cmocka_unit_test(test_ribbon),
        cmocka_unit_test(test_normalise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
