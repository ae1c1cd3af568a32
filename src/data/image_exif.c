/* EXIF orientation: cameras store the sensor's rows and say in APP1 how to turn them.
 *
 * JPEG segments: FF, marker, 16-bit length (itself included), payload. APP1 begins with "Exif\0\0", then a TIFF header:
 * "II" or "MM" (byte order), 42, offset of the first directory; a directory is a 16-bit count and 12-byte entries (tag,
 * type, count, value). Tag 0x0112 is the orientation. Anything odd means "upright". */
#include "config.h"

#include <string.h>

#include "decode.h"
#include "thaw/base/mem.h"

struct tiff {
    const uint8_t *bytes;
    size_t size;
    bool big;
};

static uint32_t number(const struct tiff *tiff, size_t at, int count)
{
    uint32_t value = 0;
    for (int i = 0; i < count; i++)
        value = value << 8 | tiff->bytes[at + (size_t)(tiff->big ? i : count - 1 - i)];
    return value;
}

static int directory_orientation(const struct tiff *tiff)
{
    if (tiff->size < 8 || (memcmp(tiff->bytes, "II", 2) != 0 && memcmp(tiff->bytes, "MM", 2) != 0))
        return 1;
    size_t at = number(tiff, 4, 4);
    if (at > tiff->size - 2)
        return 1;
    size_t entries = number(tiff, at, 2);
    at += 2;
    for (size_t i = 0; i < entries && at + 12 <= tiff->size; i++, at += 12) {
        if (number(tiff, at, 2) != 0x0112)
            continue;
        uint32_t value = number(tiff, at + 8, 2);
        return value >= 1 && value <= 8 ? (int)value : 1;
    }
    return 1;
}

int decode_orientation(const uint8_t *bytes, size_t size)
{
    size_t at = 2;
    while (at + 4 <= size && bytes[at] == 0xff) {
        uint8_t marker = bytes[at + 1];
        size_t length = (size_t)(bytes[at + 2] << 8 | bytes[at + 3]);
        if (marker == 0xff) { /* fill byte */
            at++;
            continue;
        }
        if (marker == 0xda || marker == 0xd9 || length < 2 || length > size - at - 2)
            return 1;
        if (marker == 0xe1 && length >= 8 && memcmp(bytes + at + 4, "Exif\0\0", 6) == 0) {
            struct tiff tiff = {.bytes = bytes + at + 10, .size = length - 8};
            tiff.big = tiff.size > 0 && tiff.bytes[0] == 'M';
            return directory_orientation(&tiff);
        }
        at += 2 + length;
    }
    return 1;
}

/* What an orientation does to the stored picture: first columns and rows change places, then they run backwards. */
struct turn {
    bool transposed, mirror_x, mirror_y; /* mirror: of the stored columns, rows */
};

static struct turn turn_of(int orientation)
{
    return (struct turn){
        .transposed = orientation >= 5,
        .mirror_x = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8,
        .mirror_y = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7,
    };
}

struct region decode_unturn(const struct region *upright, int orientation, int width, int height)
{
    struct turn turn = turn_of(orientation);
    struct region stored = *upright;
    if (turn.transposed)
        stored = (struct region){upright->top, upright->left, upright->height, upright->width};
    if (turn.mirror_x)
        stored.left = width - stored.left - stored.width;
    if (turn.mirror_y)
        stored.top = height - stored.top - stored.height;
    return stored;
}

bool decode_turn(struct image *image, int orientation)
{
    if (orientation <= 1)
        return true;
    struct turn turn = turn_of(orientation);
    struct image turned;
    if (!image_create(&turned, turn.transposed ? image->height : image->width,
                      turn.transposed ? image->width : image->height))
        return false;
    for (int y = 0; y < turned.height; y++)
        for (int x = 0; x < turned.width; x++) {
            int from_x = turn.transposed ? y : x, from_y = turn.transposed ? x : y;
            if (turn.mirror_x)
                from_x = image->width - 1 - from_x;
            if (turn.mirror_y)
                from_y = image->height - 1 - from_y;
            memcpy(turned.rgb + ((size_t)y * (size_t)turned.width + (size_t)x) * 3,
                   image->rgb + ((size_t)from_y * (size_t)image->width + (size_t)from_x) * 3, 3);
        }
    image_finish(image);
    *image = turned;
    return true;
}
