/* The decoders behind image_decode, one a container family. Private to src/data.
 *
 * Each takes the whole file in memory and makes upright-or-not 8-bit RGB; `error` gets the bare fault ("truncated"),
 * image_decode puts the file's name before it. */
#ifndef THAW_DATA_DECODE_H
#define THAW_DATA_DECODE_H

#include "thaw/data/image.h"

/* Sets "W x H pixels is more than this program takes" unless the size is within IMAGE_SIDE_MAX and IMAGE_PIXELS_MAX. */
bool decode_size_ok(int64_t width, int64_t height, struct error *error) THAW_NONNULL;

/* JPEG: libjpeg-turbo, or stb_image where the program was built without it. Orientation is not applied. */
bool decode_jpeg(struct image *image, const uint8_t *bytes, size_t size, struct error *error) THAW_NONNULL;
bool decode_jpeg_header(const uint8_t *bytes, size_t size, int *width, int *height, struct error *error) THAW_NONNULL;

/* PNG, BMP and GIF (first frame) through stb_image. */
bool decode_stb(struct image *image, const uint8_t *bytes, size_t size, struct error *error) THAW_NONNULL;
bool decode_stb_header(const uint8_t *bytes, size_t size, int *width, int *height, struct error *error) THAW_NONNULL;
/* PNG bytes of an image, from malloc; the caller frees. NULL: out of memory. */
uint8_t *encode_png(const struct image *image, size_t *size) THAW_NONNULL;

/* Binary PGM and PPM (P5, P6), 8 and 16 bit. */
bool decode_pnm(struct image *image, const uint8_t *bytes, size_t size, struct error *error) THAW_NONNULL;
bool decode_pnm_header(const uint8_t *bytes, size_t size, int *width, int *height, struct error *error) THAW_NONNULL;

/* EXIF orientation of a JPEG, 1 to 8; 1 where there is none. */
int decode_orientation(const uint8_t *bytes, size_t size) THAW_NONNULL;
/* Turns the image as the orientation says. False: out of memory, image unchanged. */
bool decode_turn(struct image *image, int orientation) THAW_NONNULL;

#endif
