/* Images from files: what a file is (by its first bytes), which decoder reads it, and how a fault is told. The decoders
 * are beside this file (decode.h); the loader, the dataset reader and the previews call this one.
 *
 * Rows run top to bottom, pixels are R, G, B bytes without padding. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "decode.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"

bool image_create(struct image *image, int width, int height)
{
    *image = (struct image){0};
    if (width < 1 || height < 1)
        return false;
    uint8_t *rgb = mem_try((size_t)width * (size_t)height * 3);
    if (!rgb)
        return false;
    *image = (struct image){.width = width, .height = height, .rgb = rgb};
    return true;
}

void image_finish(struct image *image)
{
    mem_free(image->rgb);
    *image = (struct image){0};
}

/* The first bytes of every format, those that are only recognised in order to name them included. */
struct signature {
    const char *bytes;
    size_t size, at;
    enum image_format format;
    const char *refused; /* why it cannot be read */
};
static const struct signature signatures[] = {
    {"\xff\xd8\xff", 3, 0, IMAGE_JPEG, NULL},
    {"\x89PNG\r\n\x1a\n", 8, 0, IMAGE_PNG, NULL},
    {"BM", 2, 0, IMAGE_BMP, NULL},
    {"GIF87a", 6, 0, IMAGE_GIF, NULL},
    {"GIF89a", 6, 0, IMAGE_GIF, NULL},
    {"P5", 2, 0, IMAGE_PNM, NULL},
    {"P6", 2, 0, IMAGE_PNM, NULL},
    {"WEBP", 4, 8, IMAGE_UNKNOWN, "a WebP image, which this program does not read: convert it to PNG or JPEG"},
    {"II*\0", 4, 0, IMAGE_UNKNOWN, "a TIFF image, which this program does not read: convert it to PNG or JPEG"},
    {"MM\0*", 4, 0, IMAGE_UNKNOWN, "a TIFF image, which this program does not read: convert it to PNG or JPEG"},
    {"ftyp", 4, 4, IMAGE_UNKNOWN, "a HEIF, AVIF or video file, which this program does not read"},
    {"version https://git-lfs", 23, 0, IMAGE_UNKNOWN,
     "a Git LFS pointer in the image's place, which `git lfs pull` fetches"},
    {"<", 1, 0, IMAGE_UNKNOWN, "not an image but text, perhaps a web page saved in its place"},
};

static enum image_format identify(const uint8_t *bytes, size_t size, struct error *error)
{
    if (size == 0) {
        error_set(error, ERROR_DATA, "the file is empty (zero bytes)");
        return IMAGE_UNKNOWN;
    }
    for (size_t i = 0; i < THAW_LENGTH(signatures); i++) {
        const struct signature *s = &signatures[i];
        if (size < s->at + s->size || memcmp(bytes + s->at, s->bytes, s->size) != 0)
            continue;
        if (s->refused)
            error_set(error, ERROR_DATA, "%s", s->refused);
        return s->format;
    }
    error_set(error, ERROR_DATA, "not an image this program knows (JPEG, PNG, BMP, GIF, PGM, PPM)");
    return IMAGE_UNKNOWN;
}

bool decode_is_jpeg(const uint8_t *bytes, size_t size)
{
    return size >= signatures[0].size && memcmp(bytes, signatures[0].bytes, signatures[0].size) == 0;
}

bool decode_size_ok(int64_t width, int64_t height, struct error *error)
{
    if (width < 1 || height < 1)
        return error_set(error, ERROR_DATA, "damaged: its header says %lld x %lld pixels", (long long)width,
                         (long long)height);
    if (width > IMAGE_SIDE_MAX || height > IMAGE_SIDE_MAX || width * height > IMAGE_PIXELS_MAX)
        return error_set(
            error, ERROR_DATA,
            "too large: its header says %lld x %lld pixels, at most %d a side and %d million in all are read",
            (long long)width, (long long)height, IMAGE_SIDE_MAX, IMAGE_PIXELS_MAX / 1000000);
    return true;
}

bool decode_bytes_ok(size_t size, struct error *error)
{
    return size <= IMAGE_FILE_MAX ||
           error_set(error, ERROR_DATA, "too large: files up to %d MiB are read", IMAGE_FILE_MAX >> 20);
}

bool decode_read_file(struct file_bytes *bytes, const char *path, struct error *error)
{
    return file_read(bytes, path, (size_t)IMAGE_FILE_MAX + 1, error);
}

static bool probe(struct image_header *header, const uint8_t *bytes, size_t size, struct error *error)
{
    *header = (struct image_header){0};
    bool read = false;
    if (!decode_bytes_ok(size, error))
        return false;
    header->format = identify(bytes, size, error);
    switch (header->format) {
    case IMAGE_JPEG:
        read = decode_jpeg_header(bytes, size, &header->width, &header->height, error);
        break;
    case IMAGE_PNM:
        read = decode_pnm_header(bytes, size, &header->width, &header->height, error);
        break;
    case IMAGE_PNG:
    case IMAGE_BMP:
    case IMAGE_GIF:
        read = decode_stb_header(bytes, size, &header->width, &header->height, error);
        break;
    case IMAGE_UNKNOWN:
        break;
    }
    return read && decode_size_ok(header->width, header->height, error);
}

bool image_probe(struct image_header *header, const uint8_t *bytes, size_t size, const char *name, struct error *error)
{
    return probe(header, bytes, size, error) || error_wrap(error, "%s", name);
}

static bool decode(struct image *image, const uint8_t *bytes, size_t size, struct error *error)
{
    struct image_header header;
    if (!probe(&header, bytes, size, error))
        return false;
    if (header.format == IMAGE_PNM)
        return decode_pnm(image, bytes, size, error);
    if (header.format != IMAGE_JPEG)
        return decode_stb(image, bytes, size, error);
    if (!decode_jpeg(image, bytes, size, error))
        return false;
    if (!decode_turn(image, decode_orientation(bytes, size)))
        return error_set(error, ERROR_FAILED, "not enough memory to turn it as its EXIF data says");
    return true;
}

bool image_decode(struct image *image, const uint8_t *bytes, size_t size, const char *name, struct error *error)
{
    *image = (struct image){0};
    if (decode(image, bytes, size, error))
        return true;
    image_finish(image);
    return error_wrap(error, "%s", name);
}

bool image_load(struct image *image, const char *path, struct error *error)
{
    struct file_bytes bytes = {0};
    *image = (struct image){0};
    bool done = decode_read_file(&bytes, path, error);
    if (done)
        done = image_decode(image, bytes.data, bytes.size, path, error);
    else
        error->kind = ERROR_DATA;
    file_bytes_finish(&bytes);
    return done;
}

bool image_save_png(const struct image *image, const char *path, struct error *error)
{
    size_t size = 0;
    uint8_t *png = encode_png(image, &size);
    if (!png)
        return error_set(error, ERROR_FAILED, "%s: not enough memory to write a PNG", path);
    bool done = file_write_unsynced(path, png, size, error);
    free(png);
    return done;
}
