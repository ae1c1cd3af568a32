/* PNG, BMP and GIF through stb_image, and JPEG where libjpeg-turbo is missing; PNG out through stb_image_write. The one
 * file that holds both implementations.
 *
 * stb_image reads zeros behind the end of a file, so a truncated BMP, GIF or JPEG would decode to a half-black picture
 * without a word. The *_complete functions find that out beforehand. Memory is capped, since compressed data may expand
 * far beyond what the header promises. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decode.h"

/* Four bytes a pixel of the largest image, and as much again for the decompressed rows. */
#define STB_BLOCK_MAX ((size_t)IMAGE_PIXELS_MAX * 8 + 65536)

/* The library says "out of memory" of both, or nothing; errno tells which it was. */
static void *too_large(void)
{
    errno = EFBIG;
    return NULL;
}

static void *block_alloc(size_t size)
{
    return size > STB_BLOCK_MAX ? too_large() : malloc(size);
}

static void *block_resize(void *block, size_t size)
{
    return size > STB_BLOCK_MAX ? too_large() : realloc(block, size);
}

/* Told of at the end of the file, so it stays ignored to there. */
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wunused-but-set-variable"
#pragma GCC diagnostic ignored "-Wsign-compare"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#pragma GCC diagnostic ignored "-Wimplicit-fallthrough"
#define STB_IMAGE_STATIC
#define STB_IMAGE_WRITE_STATIC
#define STB_IMAGE_IMPLEMENTATION
#define STBI_MAX_DIMENSIONS       IMAGE_SIDE_MAX
#define STBI_MALLOC(size)         block_alloc(size)
#define STBI_REALLOC(block, size) block_resize(block, size)
#define STBI_FREE(block)          free(block)
#define STBI_NO_STDIO
#define STBI_NO_HDR
#define STBI_NO_LINEAR
#define STBI_ONLY_PNG
#define STBI_ONLY_BMP
#define STBI_ONLY_GIF
#ifndef HAVE_JPEG
#define STBI_ONLY_JPEG
#endif
#include <stb_image.h>
#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STBI_WRITE_NO_STDIO
#include <stb_image_write.h>
#pragma GCC diagnostic pop

static bool truncated(const char *what, struct error *error)
{
    return error_set(error, ERROR_DATA, "truncated: the %s data ends before the picture is complete", what);
}

static uint32_t little(const uint8_t *bytes, int count)
{
    uint32_t value = 0;
    for (int i = count - 1; i >= 0; i--)
        value = value << 8 | bytes[i];
    return value;
}

static uint32_t big(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* Skips GIF sub-blocks from `at` to behind their terminator; 0 where the file ends first. */
static size_t gif_skip_blocks(const uint8_t *bytes, size_t size, size_t at)
{
    while (at < size && bytes[at] != 0)
        at += (size_t)bytes[at] + 1;
    return at < size ? at + 1 : 0;
}

static size_t gif_table_size(uint8_t flags)
{
    return flags & 0x80 ? (size_t)3 << ((flags & 7) + 1) : 0;
}

/* Walks to the end of the first frame. */
static bool gif_complete(const uint8_t *bytes, size_t size)
{
    if (size < 13)
        return false;
    size_t at = 13 + gif_table_size(bytes[10]);
    while (at + 1 < size) {
        if (bytes[at] == 0x2c && at + 10 < size)
            return gif_skip_blocks(bytes, size, at + 10 + gif_table_size(bytes[at + 9]) + 1) != 0;
        if (bytes[at] != 0x21)
            return bytes[at] != 0x2c; /* not a block: the decoder says so */
        at = gif_skip_blocks(bytes, size, at + 2);
        if (at == 0)
            return false;
    }
    return false;
}

/* The pixel rows of an uncompressed bitmap lie within the file. */
static bool bmp_complete(const uint8_t *bytes, size_t size, int width, int height)
{
    if (size < 30)
        return false;
    uint64_t start = little(bytes + 10, 4);
    uint64_t bits = little(bytes + 14, 4) == 12 ? little(bytes + 24, 2) : little(bytes + 28, 2);
    uint64_t stride = ((uint64_t)width * bits + 31) / 32 * 4;
    return start + stride * (uint64_t)height <= size;
}

/* An end marker behind the last start of scan. */
static bool jpeg_complete(const uint8_t *bytes, size_t size)
{
    for (size_t at = size; at-- > 2;)
        if (bytes[at - 1] == 0xff && (bytes[at] == 0xd9 || bytes[at] == 0xda))
            return bytes[at] == 0xd9;
    return false;
}

static bool complete(const uint8_t *bytes, size_t size, int width, int height, struct error *error)
{
    switch (bytes[0]) {
    case 'G':
        return gif_complete(bytes, size) || truncated("GIF", error);
    case 'B':
        return bmp_complete(bytes, size, width, height) || truncated("BMP", error);
    case 0xff:
        return jpeg_complete(bytes, size) || truncated("JPEG", error);
    default:
        return true;
    }
}

static bool tell(struct error *error, int fault)
{
    if (fault == ENOMEM) /* which says nothing of the file */
        return error_set(error, ERROR_FAILED, "not enough memory to decode it");
    if (fault == EFBIG)
        return error_set(error, ERROR_DATA, "it unpacks to more than an image can have");
    const char *reason = stbi_failure_reason();
    if (!reason)
        reason = "no reason given";
    if (strstr(reason, "outofdata") || strstr(reason, "unexpected end") || strstr(reason, "no IDAT"))
        return error_set(error, ERROR_DATA, "truncated: the data ends before the picture is complete");
    return error_set(error, ERROR_DATA, "damaged or of an unusual kind (%s)", reason);
}

/* The size as the header says it, since stb_image keeps it to itself when it refuses. 0 x 0 where there is no saying. */
static void announced_size(const uint8_t *bytes, size_t size, int64_t *width, int64_t *height)
{
    *width = *height = 0;
    if (bytes[0] == 'G' && size >= 10) {
        *width = little(bytes + 6, 2);
        *height = little(bytes + 8, 2);
    } else if (bytes[0] == 'B' && size >= 26 && little(bytes + 14, 4) >= 40) {
        *width = (int32_t)little(bytes + 18, 4);
        *height = (int32_t)little(bytes + 22, 4);
        *height = *height < 0 ? -*height : *height; /* rows from the top */
    } else if (bytes[0] == 0x89 && size >= 24) {
        *width = big(bytes + 16);
        *height = big(bytes + 20);
    }
}

bool decode_stb_header(const uint8_t *bytes, size_t size, int *width, int *height, struct error *error)
{
    int channels;
    int64_t announced_width, announced_height;
    if (!decode_bytes_ok(size, error)) /* stb_image counts in int */
        return false;
    announced_size(bytes, size, &announced_width, &announced_height);
    if ((announced_width || announced_height) && !decode_size_ok(announced_width, announced_height, error))
        return false;
    return stbi_info_from_memory(bytes, (int)size, width, height, &channels) ||
           error_set(error, ERROR_DATA, "damaged or truncated: its header cannot be read");
}

bool decode_stb(struct image *image, const uint8_t *bytes, size_t size, struct error *error)
{
    int width, height, channels;
    if (!decode_stb_header(bytes, size, &width, &height, error) || !complete(bytes, size, width, height, error))
        return false;
    errno = 0;
    stbi__g_failure_reason = NULL; /* not always told: else it is an older file's */
    uint8_t *rgb = stbi_load_from_memory(bytes, (int)size, &width, &height, &channels, 3);
    if (!rgb)
        return tell(error, errno);
    bool done = image_create(image, width, height);
    if (done)
        memcpy(image->rgb, rgb, (size_t)width * (size_t)height * 3);
    else
        error_set(error, ERROR_FAILED, "not enough memory for %d x %d pixels", width, height);
    stbi_image_free(rgb);
    return done;
}

uint8_t *encode_png(const struct image *image, size_t *size)
{
    int length = 0;
    uint8_t *png = stbi_write_png_to_mem(image->rgb, 0, image->width, image->height, 3, &length);
    *size = (size_t)length;
    return png;
}

#ifndef HAVE_JPEG

bool decode_jpeg(struct image *image, const uint8_t *bytes, size_t size, struct error *error)
{
    return decode_stb(image, bytes, size, error);
}

bool decode_jpeg_header(const uint8_t *bytes, size_t size, int *width, int *height, struct error *error)
{
    return decode_stb_header(bytes, size, width, height, error);
}

#endif
