/* Binary PGM and PPM. Read here and not through stb_image, which takes a truncated file for a whole one and ignores the
 * maximum value.
 *
 * "P5" (grey) or "P6" (RGB), then width, height and maximum in decimal, separated by blanks and #-comments, one blank,
 * then rows of samples: one byte each, or two (high first) where the maximum is over 255. */
#include "config.h"

#include "decode.h"

struct pnm {
    int width, height, maximum, channels;
    size_t start; /* of the samples */
};

static bool read_number(const uint8_t *bytes, size_t size, size_t *at, int *value)
{
    while (*at < size) {
        uint8_t c = bytes[*at];
        if (c == '#') {
            while (*at < size && bytes[*at] != '\n')
                ++*at;
        } else if (c != ' ' && c != '\t' && c != '\n' && c != '\r') {
            break;
        } else {
            ++*at;
        }
    }
    int digits = 0;
    *value = 0;
    for (; *at < size && bytes[*at] >= '0' && bytes[*at] <= '9' && digits < 9; ++*at, digits++)
        *value = *value * 10 + (bytes[*at] - '0');
    return digits > 0;
}

static bool read_header(struct pnm *pnm, const uint8_t *bytes, size_t size, struct error *error)
{
    size_t at = 2;
    *pnm = (struct pnm){.channels = bytes[1] == '6' ? 3 : 1};
    if (!read_number(bytes, size, &at, &pnm->width) || !read_number(bytes, size, &at, &pnm->height) ||
        !read_number(bytes, size, &at, &pnm->maximum))
        return error_set(error, ERROR_DATA, "damaged: no whole PGM or PPM header");
    if (pnm->maximum < 1 || pnm->maximum > 65535)
        return error_set(error, ERROR_DATA, "damaged: its header says a maximum of %d", pnm->maximum);
    pnm->start = at + 1;
    return true;
}

bool decode_pnm_header(const uint8_t *bytes, size_t size, int *width, int *height, struct error *error)
{
    struct pnm pnm;
    if (!read_header(&pnm, bytes, size, error) || !decode_size_ok(pnm.width, pnm.height, error))
        return false;
    *width = pnm.width;
    *height = pnm.height;
    uint64_t need = (uint64_t)pnm.width * (uint64_t)pnm.height * (uint64_t)pnm.channels * (pnm.maximum > 255 ? 2 : 1);
    if (pnm.start > size || need > size - pnm.start)
        return error_set(error, ERROR_DATA, "truncated: %llu bytes of pixels announced, %llu there",
                         (unsigned long long)need, (unsigned long long)(pnm.start > size ? 0 : size - pnm.start));
    return true;
}

static uint8_t sample(const struct pnm *pnm, const uint8_t *samples, size_t i)
{
    if (pnm->maximum == 255)
        return samples[i];
    if (pnm->maximum == 65535)
        return samples[2 * i];
    int value = pnm->maximum > 255 ? samples[2 * i] << 8 | samples[2 * i + 1] : samples[i];
    if (value > pnm->maximum)
        value = pnm->maximum;
    return (uint8_t)((value * 255 + pnm->maximum / 2) / pnm->maximum);
}

bool decode_pnm(struct image *image, const uint8_t *bytes, size_t size, struct error *error)
{
    struct pnm pnm;
    if (!read_header(&pnm, bytes, size, error) || !decode_pnm_header(bytes, size, &pnm.width, &pnm.height, error))
        return false;
    if (!image_create(image, pnm.width, pnm.height))
        return error_set(error, ERROR_FAILED, "not enough memory for %d x %d pixels", pnm.width, pnm.height);
    const uint8_t *samples = bytes + pnm.start;
    size_t pixels = (size_t)pnm.width * (size_t)pnm.height;
    for (size_t i = 0; i < pixels; i++)
        for (size_t c = 0; c < 3; c++)
            image->rgb[3 * i + c] = sample(&pnm, samples, pnm.channels == 3 ? 3 * i + c : i);
    return true;
}
