/* Resizing against Pillow's Image.resize and torchvision's Resize and CenterCrop, to the bit; then normalisation. */
#include "config.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../../../src/data/resize.h"
#include "thaw/base/mem.h"
#include "thaw/base/rng.h"
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

/* --- the reference twin: one output pixel at a time --- */

static double triangle(double x)
{
    return fabs(x) < 1 ? 1 - fabs(x) : 0;
}

static double cubic(double x)
{
    x = fabs(x);
    if (x < 1)
        return ((-0.5 + 2.0) * x - (-0.5 + 3.0)) * x * x + 1;
    return x < 2 ? (((x - 5) * x + 8) * x - 4) * -0.5 : 0;
}

/* Output position i of `out` that cover from..to of `in` values, `stride` apart. */
static uint8_t sample(const uint8_t *values, size_t stride, int in, float from, float to, int out, int i,
                      enum interpolation kind)
{
    double scale = (double)(to - from) / out, shrink = scale < 1 ? 1 : scale, sum = 0, weight[4096];
    double reach = (kind == INTERPOLATION_BICUBIC ? 2 : 1) * shrink, centre = from + (i + 0.5) * scale;
    int first = (int)(centre - reach + 0.5), last = (int)(centre + reach + 0.5), total = 1 << 21;
    first = first < 0 ? 0 : first;
    last = last > in ? in : last;
    for (int k = first; k < last; k++) {
        double x = (k - centre + 0.5) * (1 / shrink);
        weight[k - first] = kind == INTERPOLATION_BICUBIC ? cubic(x) : triangle(x);
        sum += weight[k - first];
    }
    for (int k = first; k < last; k++) {
        double w = weight[k - first] / sum;
        total += values[(size_t)k * stride] * (int)((w < 0 ? -0.5 : 0.5) + w * (1 << 22));
    }
    total >>= 22;
    return (uint8_t)(total < 0 ? 0 : total > 255 ? 255 : total);
}

static void check_twin(const struct image *from, const float box[4], const struct image *to, enum interpolation kind)
{
    size_t across = (size_t)to->width * 3;
    uint8_t *narrow = mem_array((size_t)from->height, across);
    for (int y = 0; y < from->height; y++)
        for (int x = 0; x < to->width; x++)
            for (int c = 0; c < 3; c++)
                narrow[(size_t)y * across + (size_t)(x * 3 + c)] =
                    sample(from->rgb + (size_t)y * (size_t)from->width * 3 + c, 3, from->width, box[0], box[0] + box[2],
                           to->width, x, kind);
    for (int y = 0; y < to->height; y++)
        for (size_t x = 0; x < across; x++)
            if (to->rgb[(size_t)y * across + x] !=
                sample(narrow + x, across, from->height, box[1], box[1] + box[3], to->height, y, kind))
                fail_msg("%d x %d, box %g %g %g %g, to %d x %d, %s: row %d, byte %zu", from->width, from->height,
                         (double)box[0], (double)box[1], (double)box[2], (double)box[3], to->width, to->height,
                         interpolation_name(kind), y, x);
    mem_free(narrow);
}

/* Random sizes and boxes, one pixel wide ones and whole ones among them. */
static void test_twin(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 7, 7);
    for (int round = 0; round < 500; round++) {
        int most = round % 10 ? 60 : 300;
        struct image from = pattern(1 + (int)rng_below(&rng, (uint32_t)most), 1 + (int)rng_below(&rng, (uint32_t)most)),
                     to;
        assert_true(image_create(&to, 1 + (int)rng_below(&rng, 50), 1 + (int)rng_below(&rng, 50)));
        float box[4] = {0, 0, (float)from.width, (float)from.height};
        if (round % 3 == 0) { /* whole pixels */
            box[0] = (float)rng_below(&rng, (uint32_t)from.width);
            box[1] = (float)rng_below(&rng, (uint32_t)from.height);
            box[2] = 1 + (float)rng_below(&rng, (uint32_t)(from.width - (int)box[0]));
            box[3] = 1 + (float)rng_below(&rng, (uint32_t)(from.height - (int)box[1]));
        } else if (round % 3 == 1) {
            box[2] = (float)(from.width * (1 + (int)rng_below(&rng, 64))) / 64;
            box[3] = (float)(from.height * (1 + (int)rng_below(&rng, 64))) / 64;
        }
        for (enum interpolation kind = 0; kind < INTERPOLATIONS; kind++) {
            image_resize(&from, kind, (double)box[0], (double)box[1], (double)box[2], (double)box[3], &to);
            check_twin(&from, box, &to, kind);
        }
        image_finish(&from);
        image_finish(&to);
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
        cmocka_unit_test(test_pillow_equal), cmocka_unit_test(test_torchvision_equal), cmocka_unit_test(test_twin),
        cmocka_unit_test(test_ribbon),       cmocka_unit_test(test_normalise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
