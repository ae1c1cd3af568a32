/* Single images of the chosen data, as the network sees them, and as it gets them. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "session_private.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/data/image.h"

/* The pixels of an image, which is finished; the caller frees them. */
static uint8_t *take_pixels(struct image *image)
{
    size_t size = (size_t)image->width * (size_t)image->height * 3;
    uint8_t *rgb = mem_alloc(size);
    memcpy(rgb, image->rgb, size);
    image_finish(image);
    return rgb;
}

bool session_preview(struct session *session, bool val, int label, size_t number, int *width, int *height,
                     uint8_t **rgb, char *path, size_t path_room, struct error *error)
{
    if (!session->draft->dataset)
        return error_set(error, ERROR_USAGE, "no data is chosen");
    const struct dataset_images *images = &session->draft->dataset->images[val ? DATASET_VAL : DATASET_TRAIN];
    const struct dataset_item *item = NULL;
    for (size_t i = 0; i < images->items && !item; i++)
        if (images->item[i].label == label && number-- == 0)
            item = &images->item[i];
    if (!item)
        return error_set(error, ERROR_USAGE, "no such image in this class");
    snprintf(path, path_room, "%s", item->path);
    struct preprocess preprocess = {.height = 224, .width = 224, .channels = 3, .resize = 256};
    if (session->draft->graph)
        preprocess = session->draft->graph->preprocess;
    struct image image, view;
    if (!dataset_load(item, &image, error))
        return false;
    image_eval_view(&image, &preprocess, &view);
    image_finish(&image);
    *width = view.width;
    *height = view.height;
    *rgb = take_pixels(&view);
    return true;
}

/* The item of the chosen data with this path, which begins with where the program stood or where it stands. */
static const struct dataset_item *find_item(const struct dataset *dataset, const char *path)
{
    size_t length = strlen(path);
    for (int part = 0; part < DATASET_PARTS; part++)
        for (size_t i = 0; i < dataset->images[part].items; i++) {
            const struct dataset_item *item = &dataset->images[part].item[i];
            size_t inner = strlen(item->path);
            if (inner <= length && !strcmp(path + length - inner, item->path) &&
                (inner == length || path[length - inner - 1] == '/'))
                return item;
        }
    return NULL;
}

bool session_picture(struct session *session, const char *path, int *width, int *height, uint8_t **rgb,
                     struct error *error)
{
    enum { SIDE = 512 };
    const struct dataset *dataset = session->draft->dataset;
    const struct dataset_item *item = dataset ? find_item(dataset, path) : NULL;
    struct image image = {0}, small;
    bool there = item || file_exists(path);
    if (!there)
        error_set(error, ERROR_FAILED, "%s: it is not there; where it lies in an archive, choose that data (3)", path);
    if (!there || !(item ? dataset_load(item, &image, error) : image_load(&image, path, error))) {
        image_finish(&image);
        return false;
    }
    int side = image.width > image.height ? image.width : image.height;
    if (side > SIDE) {
        struct preprocess shrink = {
            .channels = 3, .width = image.width * SIDE / side, .height = image.height * SIDE / side};
        shrink.width = shrink.width > 0 ? shrink.width : 1;
        shrink.height = shrink.height > 0 ? shrink.height : 1;
        image_eval_view(&image, &shrink, &small);
        image_finish(&image);
        image = small;
    }
    *width = image.width;
    *height = image.height;
    *rgb = take_pixels(&image);
    return true;
}

/* The range of values that pixels of 0 to 255 become. */
static void find_range(const struct preprocess *p, float *least, float *most)
{
    float top = p->raw ? 255 : 1;
    *least = *most = 0;
    for (int c = 0; c < p->channels; c++) {
        float low = -p->mean[c] / p->std[c], high = (top - p->mean[c]) / p->std[c];
        *least = c == 0 || low < *least ? low : *least;
        *most = c == 0 || high > *most ? high : *most;
    }
}

/* The view's pixels as the channels are fed: grey, or blue first. */
static void feed_order(uint8_t *rgb, size_t pixels, const struct preprocess *p)
{
    for (size_t i = 0; i < pixels; i++) {
        uint8_t *at = rgb + 3 * i, red = at[0];
        if (p->channels == 1) {
            at[0] = at[1] = at[2] = (uint8_t)((299 * at[0] + 587 * at[1] + 114 * at[2] + 500) / 1000);
        } else if (p->bgr) {
            at[0] = at[2];
            at[2] = red;
        }
    }
}

bool session_input(const struct session *session, struct session_input *input, struct error *error)
{
    const struct draft *draft = session->draft;
    struct image image = {0}, view = {0};
    *input = (struct session_input){0};
    if (!draft->dataset || !draft->graph)
        return error_set(error, ERROR_USAGE, "a model and data are to be chosen first");
    const struct preprocess *preprocess = &draft->graph->preprocess;
    const struct dataset_images *parts = draft->dataset->images;
    const struct dataset_images *images = &parts[parts[DATASET_TRAIN].items ? DATASET_TRAIN : DATASET_VAL];
    if (images->items == 0)
        return error_set(error, ERROR_USAGE, "%s: no images in it", draft->dataset->path);
    snprintf(input->path, sizeof input->path, "%s", images->item[0].path);
    if (!dataset_load(&images->item[0], &image, error)) {
        image_finish(&image);
        return false;
    }
    image_eval_view(&image, preprocess, &view);
    feed_order(view.rgb, (size_t)view.width * (size_t)view.height, preprocess);
    find_range(preprocess, &input->least, &input->most);
    preprocess_words(preprocess, 3, input->words);
    input->width = image.width;
    input->height = image.height;
    input->picture = take_pixels(&image);
    input->input_width = view.width;
    input->input_height = view.height;
    input->input = take_pixels(&view);
    return true;
}

void session_input_finish(struct session_input *input)
{
    mem_free(input->picture);
    mem_free(input->input);
    *input = (struct session_input){0};
}
