/* Photographs of road signs that never stood anywhere: a face (roadsigns_american.c, roadsigns_indian.c) on a pole before
 * a cluttered background, seen at an angle, in some light, partly hidden, out of focus, through a noisy camera.
 *
 * Everything random comes from one generator seeded with (country, label, seed, index), in a fixed order, and nothing of
 * it depends on the size. Picture coordinates reach from 0 to 1; x to the right, y down. Colours are linear floats, 0 to
 * 1, until the last step. */
#include "config.h"

#include <math.h>
#include <string.h>

#include "roadsigns_faces.h"
#include "thaw/base/mem.h"
#include "thaw/base/rng.h"
#include "thaw/samples/roadsigns.h"

enum { SIDE_LEAST = 8, SIDE_MOST = 1024 };

static const char *const country_name[] = {"american", "indian"};
_Static_assert(THAW_LENGTH(country_name) == ROADSIGNS_COUNTRIES, "every country has a name");

const char *roadsigns_country_name(enum roadsigns_country country)
{
    return country_name[country];
}

int roadsigns_classes(enum roadsigns_country country)
{
    return country == ROADSIGNS_AMERICAN ? ROADSIGNS_AMERICAN_CLASSES : ROADSIGNS_INDIAN_CLASSES;
}

static const struct roadsigns_face *face_of(enum roadsigns_country country, int label)
{
    return country == ROADSIGNS_AMERICAN ? &roadsigns_american[label] : &roadsigns_indian[label];
}

const char *roadsigns_class_name(enum roadsigns_country country, int label)
{
    return face_of(country, label)->name;
}

/* What the camera saw, drawn before any pixel is. */
struct photo {
    struct scene behind, face, before;
    float to_face[9];          /* picture to face, homogeneous: a 3x3 matrix by rows */
    struct colour sky, ground; /* the background's two ends */
    float horizon, softness;
    uint64_t texture; /* seeds the background's mottling */
    float texture_scale, texture_depth;
    float fade, dirt;                                  /* of the face: towards grey; stains */
    float light, slope_x, slope_y;                     /* on the face */
    float shadow_x, shadow_y, shadow_at, shadow_depth; /* a half-plane in shadow, over all */
    struct colour cast;
    float gain, gamma, blur, motion_x, motion_y, noise;
    struct rng camera; /* for the noise of each pixel */
};

static float between(struct rng *rng, double low, double high)
{
    return (float)rng_range(rng, low, high);
}

static bool chance(struct rng *rng, double probability)
{
    return rng_uniform(rng) < probability;
}

static struct colour any_colour(struct rng *rng, double low, double high)
{
    float grey = between(rng, low, high), spread = between(rng, 0, .25);
    struct colour c;
    c.r = grey + between(rng, -spread, spread);
    c.g = grey + between(rng, -spread, spread);
    c.b = grey + between(rng, -spread, spread);
    return c;
}

/* A colour that signs are made of, so that colour alone tells little. */
static struct colour loud_colour(struct rng *rng)
{
    const struct colour inks[] = {ink_red, ink_white, ink_yellow, ink_blue, ink_black, {.1f, .45f, .15f}};
    return inks[rng_below(rng, THAW_LENGTH(inks))];
}

static void draw_clutter(struct scene *scene, struct rng *rng)
{
    int marks = 3 + (int)rng_below(rng, 6);
    for (int i = 0; i < marks; i++) {
        struct colour colour = chance(rng, .3) ? loud_colour(rng) : any_colour(rng, .1, .85);
        float x = between(rng, 0, 1), y = between(rng, 0, 1), a = between(rng, .05, .3), b = between(rng, .05, .3);
        switch (rng_below(rng, 4)) {
        case 0:
            scene_box(scene, colour, x, y, a, b);
            break;
        case 1:
            scene_disc(scene, colour, x, y, .6f * a);
            break;
        case 2:
            scene_stroke(scene, colour, .2f * b, 2,
                         (float[]){x, y, x + between(rng, -.8, .8), y + between(rng, -.8, .8)});
            break;
        default:
            scene_polygon(scene, colour, 3, (float[]){x, y - a, x + b, y + a, x - b, y + .5f * a});
        }
    }
}

static void multiply(float out[9], const float a[9], const float b[9])
{
    float m[9];
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            m[3 * i + j] = a[3 * i] * b[j] + a[3 * i + 1] * b[3 + j] + a[3 * i + 2] * b[6 + j];
    memcpy(out, m, sizeof m);
}

/* Where the sign stands and from where it is seen. Each step undoes one of the camera's, so that the product leads from
 * the picture to the face. */
static void pose(struct photo *photo, struct rng *rng, float *x, float *y, float *reach)
{
    float turn = between(rng, -12, 12) * .017453293f, scale = between(rng, .33, .45);
    float stretch = between(rng, .78, 1.1), shear = between(rng, -.12, .12);
    *x = .5f + between(rng, -.07, .07);
    *y = .5f + between(rng, -.07, .07);
    *reach = scale;
    const float shift[9] = {1, 0, -*x, 0, 1, -*y, 0, 0, 1};
    const float rotate[9] = {cosf(turn), sinf(turn), 0, -sinf(turn), cosf(turn), 0, 0, 0, 1};
    const float size[9] = {1 / (scale * stretch), shear / scale, 0, 0, 1 / scale, 0, 0, 0, 1};
    const float tilt[9] = {1, 0, 0, 0, 1, 0, between(rng, -.15, .15), between(rng, -.15, .15), 1};
    multiply(photo->to_face, rotate, shift);
    multiply(photo->to_face, size, photo->to_face);
    multiply(photo->to_face, tilt, photo->to_face);
}

/* Leaves, a wire or a sticker over part of the sign. */
static void draw_obstacle(struct scene *scene, struct rng *rng, float x, float y, float reach)
{
    float angle = between(rng, 0, 6.2832), distance = between(rng, .45, 1.0) * reach;
    float at_x = x + distance * cosf(angle), at_y = y + distance * sinf(angle);
    struct colour leaf = {between(rng, .05, .25), between(rng, .2, .45), between(rng, .02, .15)};
    switch (rng_below(rng, 3)) {
    case 0:
        for (int i = 0; i < 6; i++)
            scene_disc(scene, leaf, at_x + between(rng, -.12, .12), at_y + between(rng, -.12, .12),
                       between(rng, .03, .08));
        break;
    case 1:
        scene_stroke(scene, any_colour(rng, .1, .5), between(rng, .02, .06), 2,
                     (float[]){at_x, -.1f, at_x + between(rng, -.3, .3), 1.1f});
        break;
    default:
        scene_box(scene, any_colour(rng, .2, .9), at_x, at_y, between(rng, .04, .1), between(rng, .04, .1));
    }
}

static void draw_light(struct photo *photo, struct rng *rng)
{
    photo->fade = chance(rng, .3) ? between(rng, 0, .3) : 0;
    photo->dirt = chance(rng, .3) ? between(rng, .1, .35) : 0;
    photo->light = between(rng, .7, 1.1);
    photo->slope_x = between(rng, -.35, .35);
    photo->slope_y = between(rng, -.35, .35);
    float angle = between(rng, 0, 6.2832);
    photo->shadow_x = cosf(angle);
    photo->shadow_y = sinf(angle);
    photo->shadow_at = between(rng, -.25, .35);
    photo->shadow_depth = chance(rng, .35) ? between(rng, .15, .45) : 0;
    photo->cast = (struct colour){between(rng, .8, 1.12), between(rng, .88, 1.08), between(rng, .75, 1.15)};
    photo->gain = between(rng, .8, 1.15);
    photo->gamma = between(rng, .8, 1.25);
    photo->blur = chance(rng, .5) ? between(rng, .006, .02) : 0;
    bool moving = chance(rng, .1);
    photo->motion_x = moving ? between(rng, -.05, .05) : 0;
    photo->motion_y = moving ? between(rng, -.03, .03) : 0;
    photo->noise = between(rng, .005, .035);
}

static void compose(struct photo *photo, enum roadsigns_country country, int label, uint64_t seed, uint64_t index)
{
    struct rng rng;
    uint64_t place = rng_at((uint64_t)country << 32 | (uint64_t)label, RNG_SAMPLES, index);
    rng_init(&rng, rng_at(seed, RNG_SAMPLES, place), RNG_SAMPLES);
    memset(photo, 0, sizeof *photo);
    photo->sky = any_colour(&rng, .35, .95);
    photo->ground = any_colour(&rng, .1, .6);
    photo->horizon = between(&rng, .3, 1);
    photo->softness = between(&rng, .02, .6);
    photo->texture = rng_next(&rng);
    photo->texture_scale = between(&rng, 3, 14);
    photo->texture_depth = between(&rng, .05, .45);
    draw_clutter(&photo->behind, &rng);
    float x, y, reach;
    pose(photo, &rng, &x, &y, &reach);
    if (chance(&rng, .75)) /* its pole */
        scene_stroke(&photo->behind, any_colour(&rng, .25, .7), between(&rng, .03, .07), 2,
                     (float[]){x, y, x + between(&rng, -.06, .06), 1.2f});
    face_of(country, label)->draw(&photo->face);
    if (chance(&rng, .2))
        draw_obstacle(&photo->before, &rng, x, y, reach);
    draw_light(photo, &rng);
    photo->camera = rng;
}

/* Smooth noise, -1 to 1: random values on a grid, blended between. */
static float mottle(uint64_t seed, float x, float y)
{
    float cell_x = floorf(x), cell_y = floorf(y), fx = x - cell_x, fy = y - cell_y;
    float value[4];
    for (int i = 0; i < 4; i++) {
        uint64_t cell =
            (uint64_t)((int64_t)cell_x + 4096 + (i & 1)) << 32 | (uint64_t)((int64_t)cell_y + 4096 + (i >> 1));
        value[i] = (float)(2 * rng_uniform_at(seed, RNG_SAMPLES, cell) - 1);
    }
    fx = fx * fx * (3 - 2 * fx);
    fy = fy * fy * (3 - 2 * fy);
    float top = value[0] + fx * (value[1] - value[0]), bottom = value[2] + fx * (value[3] - value[2]);
    return top + fy * (bottom - top);
}

static struct colour scaled(struct colour c, float by)
{
    return (struct colour){c.r * by, c.g * by, c.b * by};
}

static struct colour mixed(struct colour a, struct colour b, float share)
{
    return (struct colour){a.r + share * (b.r - a.r), a.g + share * (b.g - a.g), a.b + share * (b.b - a.b)};
}

static float ramp(float t)
{
    return t < 0 ? 0 : t > 1 ? 1 : t;
}

/* The background but for its mottling: what lies behind the sign at a point. */
static struct colour background_at(const struct photo *photo, float x, float y)
{
    struct colour colour;
    if (scene_at(&photo->behind, x, y, &colour))
        return colour;
    return mixed(photo->sky, photo->ground, ramp((y - photo->horizon) / photo->softness + .5f));
}

/* What is at a point of the picture. `rough` is the mottling there. */
static struct colour seen_at(const struct photo *photo, float x, float y, float rough)
{
    struct colour colour;
    if (scene_at(&photo->before, x, y, &colour))
        return scaled(colour, 1 + .3f * rough);
    const float *m = photo->to_face;
    float w = m[6] * x + m[7] * y + m[8];
    float u = (m[0] * x + m[1] * y + m[2]) / w, v = (m[3] * x + m[4] * y + m[5]) / w;
    if (w <= 0 || !scene_at(&photo->face, u, v, &colour))
        return scaled(background_at(photo, x, y), 1 + photo->texture_depth * rough);
    float grey = .3f * colour.r + .59f * colour.g + .11f * colour.b;
    colour = mixed(colour, (struct colour){.3f + .5f * grey, .3f + .5f * grey, .3f + .5f * grey}, photo->fade);
    colour = mixed(colour, (struct colour){.35f, .3f, .22f}, ramp(photo->dirt * rough));
    return scaled(colour, photo->light * (1 + photo->slope_x * u + photo->slope_y * v));
}

/* One pixel as the lens sees it: samples x samples points of it averaged. */
static struct colour expose(const struct photo *photo, int column, int row, int size, int samples)
{
    float pixel = 1.0f / (float)size, step = pixel / (float)samples;
    float x = (float)column * pixel, y = (float)row * pixel;
    float rough = .65f * mottle(photo->texture, x * photo->texture_scale, y * photo->texture_scale) +
                  .35f * mottle(photo->texture + 1, 2.7f * x * photo->texture_scale, 2.7f * y * photo->texture_scale);
    struct colour sum = {0};
    for (int i = 0; i < samples * samples; i++) {
        float at_x = x + ((float)(i % samples) + .5f) * step, at_y = y + ((float)(i / samples) + .5f) * step;
        struct colour seen = seen_at(photo, at_x, at_y, rough);
        sum = (struct colour){sum.r + seen.r, sum.g + seen.g, sum.b + seen.b};
    }
    float side = (x - .5f) * photo->shadow_x + (y - .5f) * photo->shadow_y;
    float shade = 1 - photo->shadow_depth * ramp((side - photo->shadow_at) * 12 + .5f);
    return scaled(sum, shade / (float)(samples * samples));
}

/* Adds `from` shifted by a fraction of pixels to `to`, times weight; the edge is repeated. One axis at a time. */
enum { TAPS_MAX = 129 };

static void blur_line(const struct colour *from, struct colour *to, int count, int stride, const float *tap, int reach)
{
    for (int i = 0; i < count; i++) {
        struct colour sum = {0};
        for (int k = -reach; k <= reach; k++) {
            int at = i + k < 0 ? 0 : i + k >= count ? count - 1 : i + k;
            const struct colour *c = &from[at * stride];
            float w = tap[k + reach];
            sum = (struct colour){sum.r + w * c->r, sum.g + w * c->g, sum.b + w * c->b};
        }
        to[i * stride] = sum;
    }
}

/* A Gaussian of `focus` pixels, and along each axis the smear of a motion (its variance, which is enough of it). */
static void blur(struct colour *pixels, struct colour *scratch, int size, float deviation_x, float deviation_y)
{
    for (int axis = 0; axis < 2; axis++) {
        float deviation = axis == 0 ? deviation_x : deviation_y, tap[TAPS_MAX], sum = 0;
        if (deviation < .05f)
            continue;
        int reach = (int)ceilf(2.5f * deviation);
        if (reach > TAPS_MAX / 2)
            reach = TAPS_MAX / 2;
        for (int k = -reach; k <= reach; k++)
            sum += tap[k + reach] = expf(-(float)(k * k) / (2 * deviation * deviation));
        for (int k = 0; k <= 2 * reach; k++)
            tap[k] /= sum;
        for (int line = 0; line < size; line++) {
            int first = axis == 0 ? line * size : line;
            blur_line(pixels + first, scratch + first, size, axis == 0 ? 1 : size, tap, reach);
        }
        memcpy(pixels, scratch, (size_t)size * (size_t)size * sizeof *pixels);
    }
}

static uint8_t to_byte(float value)
{
    return (uint8_t)(255 * ramp(value) + .5f);
}

/* Cast, exposure and noise of the camera. The noise is coarse in 8 values a pixel, which costs less than a Gaussian and
 * looks the same. */
static void develop(struct photo *photo, const struct colour *pixels, struct image *image)
{
    size_t count = (size_t)image->width * (size_t)image->height;
    for (size_t i = 0; i < count; i++) {
        const float channel[3] = {pixels[i].r * photo->cast.r, pixels[i].g * photo->cast.g,
                                  pixels[i].b * photo->cast.b};
        uint64_t bits = rng_next(&photo->camera);
        for (int c = 0; c < 3; c++) {
            float noise = 0;
            for (int k = 0; k < 2; k++, bits >>= 8)
                noise += (float)(bits & 0xff) / 127.5f - 1;
            float value = powf(ramp(channel[c] * photo->gain), photo->gamma);
            image->rgb[3 * i + (size_t)c] = to_byte(value + photo->noise * noise);
        }
    }
}

bool roadsigns_draw(enum roadsigns_country country, int label, uint64_t seed, uint64_t index, int size,
                    struct image *image, struct error *error)
{
    *image = (struct image){0};
    if (label < 0 || label >= roadsigns_classes(country))
        return error_set(error, ERROR_USAGE, "there is no %s road sign number %d", roadsigns_country_name(country),
                         label);
    if (size < SIDE_LEAST || size > SIDE_MOST)
        return error_set(error, ERROR_USAGE, "road signs are drawn at %d to %d pixels, not at %d", SIDE_LEAST,
                         SIDE_MOST, size);
    if (!image_create(image, size, size))
        return error_set(error, ERROR_FAILED, "not enough memory for %d x %d pixels", size, size);
    struct photo *photo = mem_alloc(sizeof *photo);
    struct colour *pixels = mem_array(2 * (size_t)size * (size_t)size, sizeof *pixels);
    compose(photo, country, label, seed, index);
    for (int i = 0; i < size * size; i++)
        pixels[i] = expose(photo, i % size, i / size, size, size < 64 ? 3 : 2);
    float focus = photo->blur * (float)size;
    float smear_x = photo->motion_x * (float)size * .6f, smear_y = photo->motion_y * (float)size * .6f;
    blur(pixels, pixels + size * size, size, sqrtf(focus * focus + smear_x * smear_x),
         sqrtf(focus * focus + smear_y * smear_y));
    develop(photo, pixels, image);
    mem_free(pixels);
    mem_free(photo);
    return true;
}
