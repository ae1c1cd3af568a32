/* See the header. Called by the trainer before a run begins. Files that are alone with their length, most of them, are never
 * opened. */
#include "config.h"

#include "thaw/data/twins.h"

#include <stdlib.h>
#include <string.h>

#include "thaw/base/mem.h"

enum { ENDS = 1 << 14 };

struct file {
    const struct dataset_item *item;
    enum dataset_split split;
    size_t order;
    uint64_t size;
    struct hash hash;
};

static int by_content(const void *left, const void *right)
{
    const struct file *a = left, *b = right;
    if (a->size != b->size)
        return a->size < b->size ? -1 : 1;
    if (a->hash.high != b->hash.high)
        return a->hash.high < b->hash.high ? -1 : 1;
    if (a->hash.low != b->hash.low)
        return a->hash.low < b->hash.low ? -1 : 1;
    return a->order < b->order ? -1 : 1;
}

static bool alike(const struct file *a, const struct file *b)
{
    return a->size == b->size && hash_equal(a->hash, b->hash);
}

/* Leaves what is like another so far, sorted. */
static size_t keep_alike(struct file *file, size_t count)
{
    size_t kept = 0;
    if (count)
        qsort(file, count, sizeof *file, by_content);
    for (size_t i = 0, end; i < count; i = end) {
        for (end = i + 1; end < count && alike(&file[i], &file[end]);)
            end++;
        for (size_t k = i; end - i > 1 && k < end; k++)
            file[kept++] = file[k];
    }
    return kept;
}

/* What cannot be read has no twin. */
static size_t digest(struct file *file, size_t count, size_t most)
{
    size_t read = 0;
    for (size_t i = 0; i < count; i++)
        if (dataset_stored(file[i].item, most, &file[i].hash))
            file[read++] = file[i];
    return keep_alike(file, read);
}

static void take_pair(struct twin_pair *first, const struct file *a, const struct file *b)
{
    if (!first->item[0])
        *first = (struct twin_pair){{a->item, b->item}, {a->split, b->split}};
}

static int by_order(const void *left, const void *right)
{
    const struct file *a = left, *b = right;
    return a->order < b->order ? -1 : 1;
}

/* Of files that are the same, `count` of them in the data's order: each against the first. */
static void take_group(struct twins *twins, struct file *file, size_t count)
{
    qsort(file, count, sizeof *file, by_order);
    for (size_t i = 1; i < count; i++) {
        if (file[i].item->label != file[0].item->label) {
            twins->labels++;
            take_pair(&twins->mislabelled, &file[0], &file[i]);
        } else if (file[i].split != file[0].split) {
            twins->leaks++;
            take_pair(&twins->leak, &file[0], &file[i]);
        }
    }
}

void dataset_twins(const struct dataset *dataset, size_t most, struct twins *twins)
{
    size_t total = 0, count = 0;
    *twins = (struct twins){0};
    for (int s = 0; s < DATASET_SPLITS; s++)
        total += dataset->images[s].items;
    struct file *file = mem_array(total + 1, sizeof *file);
    for (int s = 0; s < DATASET_SPLITS; s++)
        for (size_t i = 0; i < dataset->images[s].items; i++) {
            const struct dataset_item *item = &dataset->images[s].item[i];
            if (!item->pixels)
                file[count++] = (struct file){.item = item,
                                              .split = (enum dataset_split)s,
                                              .order = (size_t)s * total + i,
                                              .size = dataset_item_size(item)};
        }
    count = keep_alike(file, count);
    twins->files = count;
    twins->compared = count < most ? count : most;
    count = digest(file, digest(file, twins->compared, ENDS), SIZE_MAX);
    for (size_t i = 0, end; i < count; i = end) {
        for (end = i + 1; end < count && alike(&file[i], &file[end]);)
            end++;
        take_group(twins, file + i, end - i);
    }
    mem_free(file);
}
