/* Random views of training images, drawn from the counter-based generator: nothing is remembered between calls. Called by
 * the loader's threads and by the Data screen's preview. */
#include "config.h"

#include <math.h>
#include <string.h>

#include "thaw/base/mem.h"
#include "thaw/base/rng.h"
#include "thaw/data/augment.h"

static const double area_least = 0.35, area_most = 1.0, aspect_least = 3.0 / 4, aspect_most = 4.0 / 3;
static const double jitter = 0.25;
enum { CROP_TRIES = 10 };

static const char *const names[] = {"none", "light", "standard"};
_Static_assert(THAW_LENGTH(names) == AUGMENTS, "every augmentation has a name");

const char *augment_name(enum augment augment)
{
    return names[augment];
}

bool augment_find(const char *name, enum augment *augment)
{
    for (size_t i = 0; i < AUGMENTS; i++)
        if (strcmp(name, names[i]) == 0) {
            *augment = (enum augment)i;
            return true;
        }
    return false;
}

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

static void flip(struct image *image)
{
    for (int y = 0; y < image->height; y++) {
        uint8_t *left = image->rgb + (size_t)y * (size_t)image->width * 3;
        uint8_t *right = left + (size_t)(image->width - 1) * 3;
        for (; left < right; left += 3, right -= 3)
            for (int c = 0; c < 3; c++) {
                uint8_t kept = left[c];
                left[c] = right[c];
                right[c] = kept;
            }
    }
}

static float grey(const float *rgb)
{
    return 0.299f * rgb[0] + 0.587f * rgb[1] + 0.114f * rgb[2];
}

static float clamp(float v)
{
    return v < 0 ? 0 : v > 255 ? 255 : v;
}

/* Brightness scales, contrast pulls towards the picture's mean grey, saturation towards each pixel's own grey. */
static void shift_colours(struct rng *rng, struct image *image)
{
    float brightness = (float)rng_range(rng, 1 - jitter, 1 + jitter);
    float contrast = (float)rng_range(rng, 1 - jitter, 1 + jitter);
    float saturation = (float)rng_range(rng, 1 - jitter, 1 + jitter);
    size_t pixels = (size_t)image->width * (size_t)image->height;
    double sum = 0;
    for (size_t i = 0; i < pixels; i++) {
        const uint8_t *from = image->rgb + 3 * i;
        sum += grey((float[]){from[0], from[1], from[2]});
    }
    float mean = brightness * (float)(sum / (double)pixels);
    for (size_t i = 0; i < pixels; i++) {
        uint8_t *pixel = image->rgb + 3 * i;
        float v[3];
        for (int c = 0; c < 3; c++)
            v[c] = clamp(mean + contrast * (brightness * (float)pixel[c] - mean));
        float own = grey(v);
        for (int c = 0; c < 3; c++)
            pixel[c] = (uint8_t)(clamp(own + saturation * (v[c] - own)) + 0.5f);
    }
}

void augment_view(const struct image *image, const struct preprocess *preprocess, enum augment augment,
                  struct augment_key key, struct image *view)
{
    if (augment == AUGMENT_NONE) {
        image_eval_view(image, preprocess, view);
        return;
    }
    struct rng rng;
    rng_init(&rng, rng_at(key.seed, RNG_AUGMENT, (uint64_t)key.epoch << 32 | key.index), RNG_AUGMENT);
    struct crop crop = crop_draw(&rng, image->width, image->height);
    int width = preprocess->width, height = preprocess->height;
    *view = (struct image){.width = width, .height = height, .rgb = mem_array((size_t)width * (size_t)height, 3)};
    image_resize(image, preprocess->interpolation, crop.x, crop.y, crop.width, crop.height, view);
    if (rng_below(&rng, 2) == 1)
        flip(view);
    if (augment == AUGMENT_STANDARD)
        shift_colours(&rng, view);
}
