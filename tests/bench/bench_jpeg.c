/* bench_jpeg DIR: images a second from a file to a network's input of 224x224 floats on one thread: read, decoded, the
 * shorter side to 256, cropped, normalised. The loader's own way. Prints one JSON line, the median of PASSES. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "thaw/base/clock.h"
#include "thaw/data/loader.h"

enum { PASSES = 3 };

static int fail(const struct error *error)
{
    fprintf(stderr, "%s\n", error->text);
    return 1;
}

static double time_pass(struct loader *loader, int epoch, int *images)
{
    struct batch *batch;
    double began = clock_monotonic();
    *images = 0;
    loader_begin(loader, epoch, 0);
    while ((batch = loader_next(loader)) != NULL) {
        *images += batch->n;
        loader_release(loader, batch);
    }
    return clock_monotonic() - began;
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

int main(int argc, char **argv)
{
    struct error error = {0};
    struct loader_options options = {
        .preprocess = {.height = 224, .width = 224, .channels = 3, .resize = 256},
        .batch = 32,
        .threads = 1,
    };
    if (argc != 2 || !preprocess_parse(&options.preprocess, "torch", &error))
        return argc != 2 ? 2 : fail(&error);
    struct dataset *dataset = dataset_open(argv[1], NULL, 1, &error);
    struct loader *loader = dataset ? loader_create(&dataset->part[DATASET_TRAIN], &options, &error) : NULL;
    if (!loader)
        return fail(&error);
    double took[PASSES];
    int images;
    (void)time_pass(loader, 1, &images);
    for (int i = 0; i < PASSES; i++)
        took[i] = time_pass(loader, i + 2, &images);
    qsort(took, PASSES, sizeof *took, compare);
    printf("{\"images\": %d, \"images_per_second\": %.1f}\n", images, images / took[PASSES / 2]);
    loader_destroy(loader);
    dataset_destroy(dataset);
    return 0;
}
