/* Images in memory. Filled by the layouts of files that hold many, read by dataset_load. */
#include "config.h"

#include "pixels.h"

#include <stdlib.h>
#include <string.h>

#include "thaw/base/mem.h"

bool dataset_pixels_check(const struct dataset_pixels *pixels, const char *path, struct error *error)
{
    if (pixels->width < 1 || pixels->height < 1 || pixels->width > IMAGE_SIDE_MAX || pixels->height > IMAGE_SIDE_MAX ||
        pixels->width * pixels->height > IMAGE_PIXELS_MAX)
        return error_set(error, ERROR_DATA, "%s: images of %zu x %zu pixels are larger than is read", path,
                         pixels->width, pixels->height);
    return true;
}

const struct dataset_pixels *dataset_pixels_add(struct dataset *dataset, const struct dataset_pixels *pixels)
{
    dataset->pixels = mem_grow(dataset->pixels, dataset->pixels_count + 1, sizeof *dataset->pixels);
    struct dataset_pixels *own = mem_alloc(sizeof *own);
    *own = *pixels;
    return dataset->pixels[dataset->pixels_count++] = own;
}

void dataset_pixels_finish(struct dataset_pixels *pixels)
{
    file_bytes_finish(&pixels->bytes);
    mem_free(pixels->block);
    *pixels = (struct dataset_pixels){0};
}

static int compare_items(const void *left, const void *right)
{
    const struct dataset_item *a = left, *b = right;
    if (a->label != b->label)
        return a->label < b->label ? -1 : 1;
    return a->number < b->number ? -1 : a->number > b->number;
}

void dataset_pixels_items(struct dataset *dataset, enum dataset_split split, const struct dataset_pixels *pixels,
                          const int *label, const char *path)
{
    struct dataset_images *images = &dataset->images[split];
    size_t before = images->items;
    images->item = mem_grow(images->item, before + pixels->images + 1, sizeof *images->item);
    for (size_t i = 0; i < pixels->images; i++)
        images->item[images->items++] = (struct dataset_item){
            .path = mem_format("%s#%zu", path, i),
            .label = label[i],
            .pixels = pixels,
            .number = i,
            .stamp = pixels->stamp,
        };
    qsort(images->item + before, pixels->images, sizeof *images->item, compare_items);
}

static const uint8_t *values_of(const struct dataset_item *item, size_t *count)
{
    const struct dataset_pixels *pixels = item->pixels;
    *count = pixels->width * pixels->height * pixels->channels;
    return pixels->first + item->number * pixels->stride;
}

void dataset_pixels_stored(const struct dataset_item *item, struct hash *hash)
{
    size_t count;
    const uint8_t *values = values_of(item, &count);
    *hash = hash_bytes(values, count, (struct hash){0, 0});
}

void dataset_pixels_load(const struct dataset_item *item, struct image *image)
{
    const struct dataset_pixels *pixels = item->pixels;
    size_t count, area = pixels->width * pixels->height, channels = pixels->channels;
    const uint8_t *values = values_of(item, &count);
    if (!image_create(image, (int)pixels->width, (int)pixels->height))
        return;
    for (size_t i = 0; i < area; i++)
        for (size_t c = 0; c < 3; c++) { /* one channel is spread, a fourth is dropped */
            size_t from = channels < 3 ? 0 : c;
            image->rgb[3 * i + c] = pixels->planar ? values[from * area + i] : values[channels * i + from];
        }
}
