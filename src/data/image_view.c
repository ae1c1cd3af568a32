/* From a decoded image to a network's input: torchvision's Resize and CenterCrop, then the normalisation that belongs to
 * the weights (struct preprocess). Called by the loader, by previews and by predictions on single images. */
#include "config.h"

#include <math.h>
#include <string.h>

#include "geometry.h"
#include "thaw/base/mem.h"

/* Where the crop begins in an axis of `have` pixels; negative where the image is smaller and is padded with black.
 * Halves round to even, as Python's round does. */
static int crop_start(int have, int want)
{
    return want > have ? -((want - have) / 2) : (int)rint((have - want) / 2.0);
}

struct view_geometry geometry_eval(const struct preprocess *preprocess, int width, int height)
{
    struct view_geometry geometry = {.task = {.interpolation = preprocess->interpolation,
                                              .width = width,
                                              .height = height,
                                              .box = {0, 0, width, height},
                                              .full_width = preprocess->width,
                                              .full_height = preprocess->height}};
    struct resize_task *task = &geometry.task;
    if (preprocess->resize > 0) {
        int64_t shorter = width < height ? width : height;
        task->full_width = (int)(preprocess->resize * (int64_t)width / shorter);
        task->full_height = (int)(preprocess->resize * (int64_t)height / shorter);
    }
    int left = crop_start(task->full_width, preprocess->width), top = crop_start(task->full_height, preprocess->height);
    task->window = (struct region){
        .left = left < 0 ? 0 : left,
        .top = top < 0 ? 0 : top,
        .width = task->full_width < preprocess->width ? task->full_width : preprocess->width,
        .height = task->full_height < preprocess->height ? task->full_height : preprocess->height,
    };
    geometry.at_x = left < 0 ? -left : 0;
    geometry.at_y = top < 0 ? -top : 0;
    return geometry;
}

void geometry_shrink(struct view_geometry *geometry, int shrink)
{
    struct resize_task *task = &geometry->task;
    task->width = (task->width + shrink - 1) / shrink;
    task->height = (task->height + shrink - 1) / shrink;
    for (int i = 0; i < 4; i++)
        task->box[i] /= shrink;
}

void geometry_finish(struct resizer *resizer, const struct view_geometry *geometry, struct image *view)
{
    const struct region *window = &geometry->task.window;
    size_t stride = (size_t)view->width * 3;
    if (window->width < view->width || window->height < view->height)
        memset(view->rgb, 0, (size_t)view->height * stride);
    resizer_finish(resizer, view->rgb + (size_t)geometry->at_y * stride + (size_t)geometry->at_x * 3, stride);
}

void geometry_view(struct resizer *resizer, const struct image *image, const struct view_geometry *geometry,
                   struct image *view)
{
    resizer_prepare(resizer, &geometry->task);
    resizer_push_image(resizer, image);
    geometry_finish(resizer, geometry, view);
}

void image_eval_view(const struct image *image, const struct preprocess *preprocess, struct image *view)
{
    struct resizer *resizer = resizer_create();
    struct view_geometry geometry = geometry_eval(preprocess, image->width, image->height);
    int width = preprocess->width, height = preprocess->height;
    *view = (struct image){.width = width, .height = height, .rgb = mem_array((size_t)width * (size_t)height, 3)};
    geometry_view(resizer, image, &geometry, view);
    resizer_destroy(resizer);
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
