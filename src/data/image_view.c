/* From a decoded image to a network's input: torchvision's Resize and CenterCrop, then the normalisation that belongs to
 * the weights (struct preprocess). Called by the loader, by previews and by predictions on single images. */
#include "config.h"

#include "resize.h"
#include "thaw/base/mem.h"
#include <math.h>

/* Where the crop begins in an axis of `have` pixels; negative where the image is smaller and is padded with black.
 * Halves round to even, as Python's round does. */
static int crop_start(int have, int want)
{
    return want > have ? -((want - have) / 2) : (int)rint((have - want) / 2.0);
}

void image_eval_view(const struct image *image, const struct preprocess *preprocess, struct image *view)
{
    int width = preprocess->width, height = preprocess->height;
    *view = (struct image){.width = width, .height = height, .rgb = mem_array((size_t)width * (size_t)height, 3)};
    if (preprocess->resize == 0) {
        image_resize(image, preprocess->interpolation, 0, 0, image->width, image->height, view);
        return;
    }
    int64_t shorter = image->width < image->height ? image->width : image->height;
    int full_width = (int)(preprocess->resize * (int64_t)image->width / shorter);
    int full_height = (int)(preprocess->resize * (int64_t)image->height / shorter);
    int left = crop_start(full_width, width), top = crop_start(full_height, height);
    size_t stride = (size_t)width * 3;
    struct resize_window window = {
        .left = left < 0 ? 0 : left,
        .top = top < 0 ? 0 : top,
        .width = full_width < width ? full_width : width,
        .height = full_height < height ? full_height : height,
        .rgb = view->rgb + (top < 0 ? (size_t)-top * stride : 0) + (left < 0 ? (size_t)-left * 3 : 0),
        .stride = stride,
    };
    const double all[4] = {0, 0, image->width, image->height};
    image_resize_window(image, preprocess->interpolation, all, full_width, full_height, &window);
}

/* PIL's convert("L"): ITU-R 601 luma in 16 fractional bits. */
static uint8_t luma(const uint8_t *rgb)
{
    return (uint8_t)((rgb[0] * 19595 + rgb[1] * 38470 + rgb[2] * 7471 + 0x8000) >> 16);
}

void image_normalise(const struct image *view, const struct preprocess *preprocess, float *out)
{
    /* 256 values a channel: a table keeps the divisions out of the loop and the results equal to PyTorch's. */
    float table[3][256];
    int channels = preprocess->channels;
    for (int c = 0; c < channels; c++)
        for (int v = 0; v < 256; v++) {
            float x = preprocess->raw ? (float)v : (float)v / 255.0f;
            table[c][v] = (x - preprocess->mean[c]) / preprocess->std[c];
        }
    size_t pixels = (size_t)view->width * (size_t)view->height;
    const uint8_t *rgb = view->rgb;
    if (channels == 1) {
        for (size_t i = 0; i < pixels; i++)
            out[i] = table[0][luma(rgb + 3 * i)];
        return;
    }
    size_t first = preprocess->bgr ? 2 : 0, third = 2 - first;
    for (size_t i = 0; i < pixels; i++, rgb += 3, out += 3) {
        out[0] = table[0][rgb[first]];
        out[1] = table[1][rgb[1]];
        out[2] = table[2][rgb[third]];
    }
}

void image_to_input(const struct image *image, const struct preprocess *preprocess, float *out)
{
    struct image view;
    image_eval_view(image, preprocess, &view);
    image_normalise(&view, preprocess, out);
    image_finish(&view);
}
