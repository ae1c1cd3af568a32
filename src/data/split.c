/* The seeded stratified split: each class gives the same share of its images to validation, so that rare classes are
 * measured too. A class's share does not depend on which other classes there are. */
#include "config.h"

#include <math.h>
#include <string.h>

#include "scan.h"
#include "thaw/base/hash.h"
#include "thaw/base/mem.h"
#include "thaw/base/rng.h"

static size_t share_of(size_t items, double share)
{
    if (items < 2 || share <= 0)
        return 0;
    size_t taken = (size_t)rint((double)items * share);
    if (taken < 1)
        taken = 1;
    return taken < items ? taken : items - 1;
}

uint32_t *split_order(size_t count, uint64_t seed, const char *class_name)
{
    struct hash name = hash_bytes(class_name, strlen(class_name), (struct hash){0, 0});
    struct rng rng;
    rng_init(&rng, rng_at(seed, RNG_SPLIT, name.low), RNG_SPLIT);
    uint32_t *order = mem_array(count + 1, sizeof *order);
    for (size_t i = 0; i < count; i++)
        order[i] = (uint32_t)i;
    rng_shuffle(&rng, order, count);
    return order;
}

/* Marks `taken` of the `count` images of one class. */
static void draw(bool *chosen, size_t count, size_t taken, uint64_t seed, const char *class_name)
{
    uint32_t *order = split_order(count, seed, class_name);
    for (size_t i = 0; i < taken; i++)
        chosen[order[i]] = true;
    mem_free(order);
}

void split_move(struct dataset *dataset, const bool *chosen)
{
    struct dataset_images *train = &dataset->images[DATASET_TRAIN], *val = &dataset->images[DATASET_VAL];
    size_t kept = 0;
    dataset_images_finish(val);
    val->item = mem_array(train->items + 1, sizeof *val->item);
    for (size_t i = 0; i < train->items; i++) {
        if (chosen[i])
            val->item[val->items++] = train->item[i];
        else
            train->item[kept++] = train->item[i];
    }
    train->items = kept;
}

void split_stratified(struct dataset *dataset, double share, uint64_t seed)
{
    const struct dataset_images *train = &dataset->images[DATASET_TRAIN];
    bool *chosen = mem_array(train->items + 1, sizeof *chosen);
    for (size_t first = 0, end; first < train->items; first = end) {
        int label = train->item[first].label;
        for (end = first; end < train->items && train->item[end].label == label;)
            end++;
        draw(chosen + first, end - first, share_of(end - first, share), seed, dataset->class_name[label]);
    }
    split_move(dataset, chosen);
    mem_free(chosen);
}
