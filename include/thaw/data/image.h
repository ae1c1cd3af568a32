/* 8-bit RGB images: decoding whatever people have, and the resize rule that reference figures depend on. */
#ifndef THAW_DATA_IMAGE_H
#define THAW_DATA_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "thaw/base/error.h"
#include "thaw/tensor/preprocess.h"

struct image {
    int width, height;
    uint8_t *rgb; /* height x width x 3 */
};

enum { IMAGE_SIDE_MAX = 32768 };
enum { IMAGE_PIXELS_MAX = 100 * 1000 * 1000 };

/* Decodes JPEG, PNG, BMP, GIF (first frame), PNM, TGA by content. Grey is spread, alpha put on black as PIL's
 * convert("RGB") drops it, CMYK converted, 16 bit reduced, EXIF orientation applied. Errors are ERROR_DATA: zero bytes,
 * truncated, not an image, larger than the limits above. */
bool image_load(struct image *image, const char *path, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
bool image_decode(struct image *image, const uint8_t *bytes, size_t size, const char *name,
                  struct error *error) THAW_NONNULL THAW_MUST_CHECK;
void image_finish(struct image *image) THAW_NONNULL;
bool image_create(struct image *image, int width, int height) THAW_NONNULL THAW_MUST_CHECK; /* black */
bool image_save_png(const struct image *image, const char *path, struct error *error) THAW_NONNULL THAW_MUST_CHECK;

/* The part (x, y, w, h) of `from`, in fractional source pixels, resized to to->width x to->height: bilinear
 * (triangle) filter, widened when shrinking, in two 8-bit passes with 22-bit coefficients. Equal to Pillow's
 * Image.resize(BILINEAR, box=...) to the bit. `to` is already created. */
void image_resize(const struct image *from, double x, double y, double w, double h, struct image *to) THAW_NONNULL;

/* Steps 1 to 3 of struct preprocess: the evaluation view. out: (height, width, channels) floats. */
void image_to_input(const struct image *image, const struct preprocess *preprocess, float *out) THAW_NONNULL;
/* Step 1 only, 8 bit (what a preview shows); the caller finishes *view. */
void image_eval_view(const struct image *image, const struct preprocess *preprocess, struct image *view) THAW_NONNULL;
/* Steps 2 and 3 only; `view` has the input's size. */
void image_normalise(const struct image *view, const struct preprocess *preprocess, float *out) THAW_NONNULL;

#endif
