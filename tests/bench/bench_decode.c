/* How long image files take to become inputs of 224 x 224, on one thread: the files are read into memory first, then
 * every pass makes all of their inputs by each way in turn. One JSON line a way, with the median of the passes. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "thaw/base/clock.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/data/reader.h"

enum { FILES_MAX = 65536, PASSES_MAX = 99, SIDE = 224, SHORTER = 256 };

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
    bool fast, cached;
} ways[] = {
    {"eval", AUGMENT_NONE, false, false},           {"eval, fast", AUGMENT_NONE, true, false},
    {"train", AUGMENT_LIGHT, false, false},         {"train, fast", AUGMENT_LIGHT, true, false},
    {"train, decoded", AUGMENT_LIGHT, false, true}, {"train with colours, decoded", AUGMENT_STANDARD, false, true},
};
enum { WAYS = sizeof(ways) / sizeof(ways[0]) };

struct file {
    char *path;
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
        if (way->cached)
            reader_view_picture(reader, &file[i].picture, &request, &view);
        else if (!reader_view_bytes(reader, file[i].map.data, file[i].map.size, file[i].path, &request, &view, error))
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
        printf("{\"bench\":\"decode\",\"method\":\"%s\",\"files\":%d,\"img_s\":%.0f,\"img_s_best\":%.0f,\"seconds\":%."
               "9f}\n",
               ways[w].name, files, files / median, files / best, median / files);
    }
    mem_free_floats(input);
    reader_destroy(reader);
    return good;
}

static bool open_file(struct file *file, const char *path, struct error *error)
{
    static const struct view_request whole = {.preprocess = &imagenet, .augment = AUGMENT_LIGHT};
    struct dataset_item item = {.path = file->path = mem_string(path)};
    struct reader *reader = reader_create();
    bool good = file_map_open(&file->map, path, error) && reader_picture(reader, &item, &whole, &file->picture, error);
    reader_destroy(reader);
    return good;
}

int main(int argc, char **argv)
{
    static struct file file[FILES_MAX];
    struct error error = {0};
    char line[4096];
    int files = 0, passes = argc > 2 ? atoi(argv[2]) : 5;
    FILE *list = argc > 1 ? fopen(argv[1], "r") : NULL;
    if (!list || passes < 1 || passes > PASSES_MAX) {
        fprintf(stderr, "usage: bench_decode LIST [PASSES]; LIST: a file of paths of images, one a line\n");
        return 2;
    }
    while (files < FILES_MAX && fgets(line, sizeof(line), list)) {
        line[strcspn(line, "\n")] = '\0';
        if (!open_file(&file[files++], line, &error))
            return fail(&error);
    }
    fclose(list);
    bool good = measure(file, files, passes, &error);
    for (int i = 0; i < files; i++) {
        file_map_close(&file[i].map);
        image_finish(&file[i].picture.image);
        mem_free(file[i].path);
    }
    return good ? 0 : fail(&error);
}
