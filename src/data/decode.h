/* The decoders behind image_decode, one a container family. Private to src/data.
 *
 * Each takes the whole file in memory and makes upright-or-not 8-bit RGB; `error` gets the bare fault ("truncated"),
 * image_decode puts the file's name before it. */
#ifndef THAW_DATA_DECODE_H
#define THAW_DATA_DECODE_H

#include "resize.h"
#include "thaw/base/file.h"
#include "thaw/data/image.h"

/* Sets "W x H pixels is more than this program takes" unless the size is within IMAGE_SIDE_MAX and IMAGE_PIXELS_MAX. */
bool decode_size_ok(int64_t width, int64_t height, struct error *error) THAW_NONNULL;

/* Reads an image file; its size in bytes is checked by whoever decodes. Errors are ERROR_FAILED and name the file. */
bool decode_read_file(struct file_bytes *bytes, const char *path, struct error *error) THAW_NONNULL;
bool decode_bytes_ok(size_t size, struct error *error) THAW_NONNULL; /* no more than IMAGE_FILE_MAX */
bool decode_is_jpeg(const uint8_t *bytes, size_t size);              /* by its first bytes; NULL where size is 0 */
/* JPEG: libjpeg-turbo, or stb_image where the program was built without it. Orientation is not applied. */
bool decode_jpeg(struct image *image, const uint8_t *bytes, size_t size, struct error *error) THAW_NONNULL;
bool decode_jpeg_header(const uint8_t *bytes, size_t size, int *width, int *height, struct error *error) THAW_NONNULL;

/* JPEG in two steps, so that what is decoded can depend on the size in the header. A decoder keeps its memory from file to
 * file. NULL: built without libjpeg-turbo. */
struct jpeg_decoder;
struct jpeg_decoder *jpeg_decoder_create(void);
void jpeg_decoder_destroy(struct jpeg_decoder *decoder);
/* Reads the header of a file, whose bytes stay where they are until it is read. */
bool jpeg_decoder_open(struct jpeg_decoder *decoder, const uint8_t *bytes, size_t size, int *width, int *height,
                       struct error *error) THAW_NONNULL;
/* What libjpeg holds of an open file: 0 where rows go by as they are decoded. */
size_t jpeg_decoder_bytes(const struct jpeg_decoder *decoder) THAW_NONNULL;
/* Takes the next rows of a region, at most DECODE_ROWS, and fewer only at its end; they hold until it returns. */
enum { DECODE_ROWS = 4 };
typedef void decode_sink(void *context, const uint8_t *const row[], int rows);
/* Once after jpeg_decoder_open: the pixels of a region of the stored picture, to the bit those of the whole. All of the
 * file is gone through: what is truncated or damaged elsewhere is an error as well, after rows were taken.
 * shrink: 1, 2, 4 or 8: of the picture shrunk so by leaving out high frequencies, sides rounded up. */
bool jpeg_decoder_read(struct jpeg_decoder *decoder, int shrink, const struct region *region, decode_sink *sink,
                       void *context, struct error *error) THAW_NONNULL_ARGS(1, 3, 6);
/* The same into an image of the region's size, which the caller finishes, also after a failure. */
bool jpeg_decoder_read_image(struct jpeg_decoder *decoder, int shrink, const struct region *region, struct image *image,
                             struct error *error) THAW_NONNULL;

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
/* Where the region of the upright picture lies in the stored one of this size. */
struct region decode_unturn(const struct region *upright, int orientation, int width, int height) THAW_NONNULL;
/* Turns the image as the orientation says. False: out of memory, image unchanged. */
bool decode_turn(struct image *image, int orientation) THAW_NONNULL;

#endif
