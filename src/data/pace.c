/* The loader itself, over a sample of the images, with one thread, timed. Called in the background where an epoch's time
 * is to be told. */
#include "config.h"

#include "thaw/data/pace.h"

#include "loader_private.h"
#include "thaw/base/clock.h"

/* Seconds an image of one epoch; *n: images that it had. */
static double epoch_seconds(struct loader *loader, int epoch, int *n)
{
    double began = clock_monotonic();
    loader_begin(loader, epoch, 0);
    struct batch *batch = loader_next(loader);
    double took = clock_monotonic() - began;
    *n = batch ? batch->n : 0;
    if (batch)
        loader_release(loader, batch);
    return *n > 0 ? took / *n : 0;
}

/* Two epochs with so much room for what is decoded. */
static bool run(const struct dataset_images *sample, struct loader_options options, size_t room, double seconds[2],
                double *bytes, struct error *error)
{
    int n = 0;
    options.batch = (int)sample->items;
    options.threads = 1;
    options.cache_bytes = room;
    struct loader *loader = loader_create(sample, &options, error);
    if (!loader)
        return false;
    for (int epoch = 0; epoch < 2; epoch++)
        seconds[epoch] = epoch_seconds(loader, epoch + 1, &n);
    *bytes = n > 0 ? (double)loader_kept(loader) / n : 0;
    loader_destroy(loader);
    return n > 0 || error_set(error, ERROR_DATA, "%s: it cannot be read, and neither can others beside it",
                              sample->item[0].path);
}

/* So many images, evenly spread; the items are the caller's room. */
static struct dataset_images sample_of(const struct dataset_images *images, size_t count, struct dataset_item *item)
{
    struct dataset_images sample = {item, images->items < count ? images->items : count};
    for (size_t i = 0; i < sample.items; i++)
        item[i] = images->item[i * images->items / sample.items];
    return sample;
}

bool data_pace_measure(struct data_pace *pace, const struct dataset_images *images,
                       const struct loader_options *options, struct error *error)
{
    static const double wanted = 0.05; /* seconds of one epoch */
    struct dataset_item item[DATA_PACE_IMAGES];
    struct dataset_images sample = sample_of(images, 2, item);
    double keeping[2], anew[2], none;
    if (!run(&sample, *options, SIZE_MAX, keeping, &pace->bytes, error)) /* large images are sampled more thinly */
        return false;
    double count = keeping[0] > 0 ? wanted / keeping[0] : DATA_PACE_IMAGES;
    sample = sample_of(images, count < 2 ? 2 : count < DATA_PACE_IMAGES ? (size_t)count : DATA_PACE_IMAGES, item);
    if (!run(&sample, *options, SIZE_MAX, keeping, &pace->bytes, error) ||
        !run(&sample, *options, 0, anew, &none, error))
        return false;
    pace->first = keeping[0];
    pace->kept = keeping[1];
    pace->view = anew[0] < anew[1] ? anew[0] : anew[1];
    return true;
}
