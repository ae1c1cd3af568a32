/* Random views of training images, drawn from the counter-based generator: nothing is remembered between calls. Called by
 * the loader's threads and by the Data screen's preview. */
#include "config.h"

#include <math.h>
#include <string.h>

#include "geometry.h"
#include "thaw/base/mem.h"

static const double area_least = 0.35, area_most = 1.0, aspect_least = 3.0 / 4, aspect_most = 4.0 / 3;
static const double jitter = 0.25;
enum { CROP_TRIES = 10 };

const char *const augment_names[] = {"none", "light", "standard", NULL};
_Static_assert(THAW_LENGTH(augment_names) == AUGMENTS + 1, "a name for each");

struct crop {
    int x, y, width, height;
};

/* The largest centred part within the allowed aspects, for pictures too long for any random one. */
static struct crop crop_fallback(int width, int height)
{
    struct crop crop = {.width = width, .height = height};
    double aspect = (double)width / height;
    if (aspect < aspect_least)
        crop.height = (int)rint(width / aspect_least);
    else if (aspect > aspect_most)
        crop.width = (int)rint(height * aspect_most);
    crop.x = (width - crop.width) / 2;
    crop.y = (height - crop.height) / 2;
    return crop;
}

static struct crop crop_draw(struct rng *rng, int width, int height)
{
    double area = (double)width * height;
    for (int i = 0; i < CROP_TRIES; i++) {
        double target = area * rng_range(rng, area_least, area_most);
        double aspect = exp(rng_range(rng, log(aspect_least), log(aspect_most)));
        double w = rint(sqrt(target * aspect)), h = rint(sqrt(target / aspect));
        if (w < 1 || h < 1 || w > width || h > height)
            continue;
        struct crop crop = {.width = (int)w, .height = (int)h};
        crop.y = (int)rng_below(rng, (uint32_t)(height - crop.height + 1));
        crop.x = (int)rng_below(rng, (uint32_t)(width - crop.width + 1));
        return crop;
    }
    return crop_fallback(width, height);
}

static float grey(const float *rgb)
{
    return 0.299f * rgb[0] + 0.587f * rgb[1] + 0.114f * rgb[2];
}

static float clamp(float v)
{
    return v < 0 ? 0 : v > 255 ? 255 : v;
}

/* Sums of doubles over floats of eight bits and less before the point are exact for any view in use, so that their order
 * is free. */
THAW_SIMD static double sum_grey(const uint8_t *rgb, size_t pixels)
{
    enum { LANES = 8 };
    double sum[LANES] = {0}, all = 0;
    size_t i = 0;
    for (; i + LANES <= pixels; i += LANES, rgb += 3 * LANES)
        for (int l = 0; l < LANES; l++)
            sum[l] += (double)grey((float[]){rgb[3 * l], rgb[3 * l + 1], rgb[3 * l + 2]});
    for (int l = 0; l < LANES; l++)
        all += sum[l];
    for (; i < pixels; i++, rgb += 3)
        all += (double)grey((float[]){rgb[0], rgb[1], rgb[2]});
    return all;
}

enum { STRETCH = 256 }; /* pixels that are worked on in planes */

/* Pulls each pixel's colours away from its own grey, or towards it. */
THAW_SIMD static void saturate(float plane[3][STRETCH], float saturation)
{
    for (int i = 0; i < STRETCH; i++) {
        float own = grey((float[]){plane[0][i], plane[1][i], plane[2][i]});
        for (int c = 0; c < 3; c++)
            plane[c][i] = clamp(own + saturation * (plane[c][i] - own)) + 0.5f;
    }
}

/* Brightness scales, contrast pulls towards the picture's mean grey, saturation towards each pixel's own grey. */
static void shift_colours(struct rng *rng, struct image *image)
{
    float brightness = (float)rng_range(rng, 1 - jitter, 1 + jitter);
    float contrast = (float)rng_range(rng, 1 - jitter, 1 + jitter);
    float saturation = (float)rng_range(rng, 1 - jitter, 1 + jitter);
    size_t pixels = (size_t)image->width * (size_t)image->height;
    float mean = brightness * (float)(sum_grey(image->rgb, pixels) / (double)pixels);
    float shifted[256], plane[3][STRETCH] = {{0}};
    for (int v = 0; v < 256; v++)
        shifted[v] = clamp(mean + contrast * (brightness * (float)v - mean));
    for (size_t at = 0; at < pixels; at += STRETCH) {
        size_t count = pixels - at < STRETCH ? pixels - at : STRETCH;
        uint8_t *rgb = image->rgb + 3 * at;
        for (size_t i = 0; i < count; i++)
            for (size_t c = 0; c < 3; c++)
                plane[c][i] = shifted[rgb[3 * i + c]];
        saturate(plane, saturation);
        for (size_t i = 0; i < count; i++)
            for (size_t c = 0; c < 3; c++)
                rgb[3 * i + c] = (uint8_t)plane[c][i];
    }
}

void augment_start(struct rng *rng, struct augment_key key)
{
    rng_init(rng, rng_at(key.seed, RNG_AUGMENT, (uint64_t)key.epoch << 32 | key.index), RNG_AUGMENT);
}

struct view_geometry augment_geometry(struct rng *rng, const struct preprocess *preprocess, int width, int height)
{
    struct crop crop = crop_draw(rng, width, height);
    bool mirrored = rng_below(rng, 2) == 1;
    return (struct view_geometry){
        .task = {.interpolation = preprocess->interpolation,
                 .width = width,
                 .height = height,
                 .box = {crop.x, crop.y, crop.width, crop.height},
                 .full_width = preprocess->width,
                 .full_height = preprocess->height,
                 .mirrored = mirrored,
                 .window = {.width = preprocess->width, .height = preprocess->height}},
    };
}

void augment_end(struct rng *rng, enum augment augment, struct image *view)
{
    if (augment == AUGMENT_STANDARD)
        shift_colours(rng, view);
}

int augment_least_side(int width, int height)
{
    double least = sqrt((double)width * height * area_least * aspect_least);
    struct crop fallback = crop_fallback(width, height);
    if (fallback.width < least)
        least = fallback.width;
    if (fallback.height < least)
        least = fallback.height;
    return (int)least;
}

void augment_view(const struct image *image, const struct preprocess *preprocess, enum augment augment,
                  struct augment_key key, struct image *view)
{
    if (augment == AUGMENT_NONE) {
        image_eval_view(image, preprocess, view);
        return;
    }
    struct rng rng;
    augment_start(&rng, key);
    struct view_geometry geometry = augment_geometry(&rng, preprocess, image->width, image->height);
    int width = preprocess->width, height = preprocess->height;
    *view = (struct image){.width = width, .height = height, .rgb = mem_array((size_t)width * (size_t)height, 3)};
    struct resizer *resizer = resizer_create();
    geometry_view(resizer, image, &geometry, view);
    resizer_destroy(resizer);
    augment_end(&rng, augment, view);
}
