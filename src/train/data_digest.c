/* Digests of datasets; see the header. Called by the trainer when it opens its data and when it goes on with a run. */
#include "config.h"

#include "data_digest.h"

#include <string.h>

#include "thaw/base/file.h"

enum { SAMPLE = 256, SAMPLE_BYTES = 1 << 20 };

static struct hash hash_names(const struct dataset *dataset)
{
    struct hash_stream *hash = hash_begin();
    for (int s = 0; s < DATASET_SPLITS; s++) {
        const struct dataset_images *images = &dataset->images[s];
        uint64_t count = images->items;
        hash_add(hash, &count, sizeof count);
        for (size_t i = 0; i < images->items; i++) {
            const char *name = path_base(images->item[i].path);
            int32_t label = images->item[i].label;
            hash_add(hash, name, strlen(name) + 1);
            hash_add(hash, &label, sizeof label);
            if (dataset->weighted)
                hash_add(hash, &images->item[i].weight, sizeof images->item[i].weight);
        }
    }
    return hash_end(hash);
}

static struct hash hash_sizes(const struct dataset *dataset)
{
    struct hash_stream *hash = hash_begin();
    for (int s = 0; s < DATASET_SPLITS; s++)
        for (size_t i = 0; i < dataset->images[s].items; i++) {
            const struct dataset_item *item = &dataset->images[s].item[i];
            int64_t size = (int64_t)dataset_item_size(item);
            hash_add(hash, &size, sizeof size);
        }
    return hash_end(hash);
}

static struct hash hash_stored(const struct dataset *dataset, bool all)
{
    struct hash_stream *hash = hash_begin();
    for (int s = 0; s < DATASET_SPLITS; s++) {
        const struct dataset_images *images = &dataset->images[s];
        bool whole = all || images->items <= SAMPLE || images->item[0].pixels;
        size_t count = whole ? images->items : SAMPLE;
        for (size_t i = 0; i < count; i++) {
            struct hash one = {0, 0};
            dataset_stored(&images->item[i * images->items / count], all ? SIZE_MAX : SAMPLE_BYTES, &one);
            hash_add(hash, &one, sizeof one);
        }
    }
    return hash_end(hash);
}

void data_digest_take(struct data_digest *digest, const struct dataset *dataset, enum digest_extent extent)
{
    *digest = (struct data_digest){.extent = (int)extent, .names = hash_names(dataset)};
    if (extent == DIGEST_NAMES)
        return;
    digest->sizes = hash_sizes(dataset);
    digest->stored = hash_stored(dataset, extent == DIGEST_ALL);
}

bool data_digest_check(const struct data_digest *was, const struct data_digest *is, const struct dataset *dataset,
                       struct error *error)
{
    struct data_digest other;
    const char *what = NULL;
    if (hash_equal(was->names, (struct hash){0, 0}))
        return true;
    if (was->extent != is->extent) {
        data_digest_take(&other, dataset, (enum digest_extent)was->extent);
        is = &other;
    }
    if (!hash_equal(was->names, is->names))
        what = "its images, their names or their labels are others";
    else if (!hash_equal(was->sizes, is->sizes))
        what = "files of the same names have other numbers of bytes";
    else if (!hash_equal(was->stored, is->stored))
        what = "files of the same names hold other images";
    return !what ||
           error_set(error, ERROR_DATA,
                     "%s: not the data that the run was trained with: %s; put it back, or fork the run from the "
                     "end of an epoch",
                     dataset->path, what);
}
