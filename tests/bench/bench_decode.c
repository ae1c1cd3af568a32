/* How long image files take to become inputs of 224 x 224, on one thread: every pass makes the inputs of all files by each
 * way in turn, out of memory but for the last way, which opens them. One JSON line a way, with the median of the passes. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "../../src/data/reader_private.h"
#include "thaw/base/clock.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/data/reader.h"

enum { PASSES_MAX = 99, SIDE = 224, SHORTER = 256 };

static const struct preprocess imagenet = {
    .width = SIDE,
    .height = SIDE,
    .channels = 3,
    .resize = SHORTER,
    .mean = {0.485f, 0.456f, 0.406f},
    .std = {0.229f, 0.224f, 0.225f},
};

static const struct way {
    const char *name;
    enum augment augment;
    bool fast, cached, from_file;
} ways[] = {
    {.name = "eval"},
    {.name = "eval, fast", .fast = true},
    {.name = "train", .augment = AUGMENT_LIGHT},
    {.name = "train, fast", .augment = AUGMENT_LIGHT, .fast = true},
    {.name = "train, decoded", .augment = AUGMENT_LIGHT, .cached = true},
    {.name = "train with colours, decoded", .augment = AUGMENT_STANDARD, .cached = true},
    {.name = "eval, from files", .from_file = true},
};
enum { WAYS = THAW_LENGTH(ways) };

struct file {
    const struct dataset_item *item;
    struct file_map map;
    struct picture picture;
};

static int fail(const struct error *error)
{
    fprintf(stderr, "%s\n", error->text);
    return 1;
}

/* One pass over all files; *taken: seconds. */
static bool pass(const struct way *way, struct reader *reader, struct file *file, int files, uint32_t epoch,
                 float *input, double *taken, struct error *error)
{
    struct view_request request = {.preprocess = &imagenet, .augment = way->augment, .fast = way->fast};
    double began = clock_monotonic();
    for (int i = 0; i < files; i++) {
        struct image view;
        request.key = (struct augment_key){.seed = 1, .epoch = epoch, .index = (uint32_t)i};
        bool good = true;
        if (way->cached)
            reader_view_picture(reader, &file[i].picture, &request, &view);
        else if (way->from_file)
            good = reader_view(reader, file[i].item, &request, &view, error);
        else
            good = reader_view_bytes(reader, file[i].map.data, file[i].map.size, file[i].item->path, &request, &view,
                                     error);
        if (!good)
            return false;
        image_normalise(&view, &imagenet, input);
    }
    *taken = clock_monotonic() - began;
    return true;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static bool measure(struct file *file, int files, int passes, struct error *error)
{
    static double seconds[WAYS][PASSES_MAX + 1];
    struct reader *reader = reader_create();
    float *input = mem_floats((size_t)SIDE * SIDE * 3);
    bool good = true;
    for (int p = 0; p <= passes && good; p++) /* the first pass counts for nothing */
        for (int w = 0; w < WAYS && good; w++)
            good = pass(&ways[w], reader, file, files, (uint32_t)p, input, &seconds[w][p], error);
    for (int w = 0; w < WAYS && good; w++) {
        qsort(seconds[w] + 1, (size_t)passes, sizeof(double), ascending);
        double median = seconds[w][1 + passes / 2], best = seconds[w][1];
        printf("{\"way\": \"%s\", \"files\": %d, \"images_per_second\": %.1f, \"at_best\": %.1f}\n", ways[w].name,
               files, files / median, files / best);
    }
    mem_free_floats(input);
    reader_destroy(reader);
    return good;
}

static bool open_file(struct file *file, const struct dataset_item *item, struct error *error)
{
    static const struct view_request whole = {.preprocess = &imagenet, .augment = AUGMENT_LIGHT};
    struct reader *reader = reader_create();
    file->item = item;
    bool good =
        file_map_open(&file->map, item->path, error) && reader_picture(reader, item, &whole, &file->picture, error);
    reader_destroy(reader);
    return good;
}

int main(int argc, char **argv)
{
    struct error error = {0};
    int passes = argc > 2 ? atoi(argv[2]) : 5;
    if (argc < 2 || passes < 1 || passes > PASSES_MAX) {
        fprintf(stderr, "usage: bench_decode DIR [PASSES]; DIR: a folder of images for each class\n");
        return 2;
    }
    struct dataset *dataset = dataset_open(argv[1], NULL, 1, &error);
    if (!dataset)
        return fail(&error);
    const struct dataset_images *images = &dataset->images[DATASET_TRAIN];
    struct file *file = mem_array(images->items, sizeof *file);
    bool good = true;
    size_t opened = 0;
    while (good && opened < images->items) {
        good = open_file(&file[opened], &images->item[opened], &error);
        opened++;
    }
    good = good && measure(file, (int)images->items, passes, &error);
    for (size_t i = 0; i < opened; i++) {
        file_map_close(&file[i].map);
        image_finish(&file[i].picture.image);
    }
    mem_free(file);
    dataset_destroy(dataset);
    return good ? 0 : fail(&error);
}
