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
enum { IMAGE_FILE_MAX = 1 << 30 }; /* bytes */

enum image_format { IMAGE_UNKNOWN, IMAGE_JPEG, IMAGE_PNG, IMAGE_BMP, IMAGE_GIF, IMAGE_PNM };

/* Decodes JPEG, PNG, BMP, GIF (first frame) and binary PGM/PPM by content; the file's name counts for nothing. Grey is
 * spread, alpha dropped as PIL's convert("RGB") drops it (colours stay, transparency is ignored), CMYK converted as PIL
 * converts it, 16 bit reduced to its high byte, EXIF orientation applied. The caller finishes *image, also after a
 * failure. Errors are ERROR_DATA: zero bytes, truncated, damaged, not an image this program knows, larger than the
 * limits above (refused by the header, before memory is taken). */
bool image_load(struct image *image, const char *path, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* The same from memory; `name` begins the error sentence. bytes may be NULL where size is 0. */
bool image_decode(struct image *image, const uint8_t *bytes, size_t size, const char *name, struct error *error)
    THAW_NONNULL_ARGS(1, 4, 5) THAW_MUST_CHECK;
/* What the header says, without decoding: the format and the stored size (before any EXIF turn). The errors are those
 * of image_decode as far as a header shows them. */
struct image_header {
    enum image_format format;
    int width, height;
};
bool image_probe(struct image_header *header, const uint8_t *bytes, size_t size, const char *name, struct error *error)
    THAW_NONNULL_ARGS(1, 4, 5) THAW_MUST_CHECK;

void image_finish(struct image *image) THAW_NONNULL; /* takes a zeroed one, too */
/* A black image; false: no memory. */
bool image_create(struct image *image, int width, int height) THAW_NONNULL THAW_MUST_CHECK;
/* Written atomically, but not synced; RGB, 8 bit. */
bool image_save_png(const struct image *image, const char *path, struct error *error) THAW_NONNULL THAW_MUST_CHECK;

/* Steps 1 to 3 of struct preprocess: the evaluation view. out: (height, width, channels) floats. */
void image_to_input(const struct image *image, const struct preprocess *preprocess, float *out) THAW_NONNULL;
/* Step 1 only, 8 bit (what a preview shows); the caller finishes *view. */
void image_eval_view(const struct image *image, const struct preprocess *preprocess, struct image *view) THAW_NONNULL;
/* Steps 2 and 3 only; `view` has the input's size. */
void image_normalise(const struct image *view, const struct preprocess *preprocess, float *out) THAW_NONNULL;

#endif
