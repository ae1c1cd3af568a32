/* The loader: `threads` workers fill batches ahead of the consumer.
 *
 * An epoch is a numbered list of places: place p holds item order[p] and belongs to batch p / batch. Workers take places
 * in order, one at a time, as long as the place's batch is at most `ahead` batches before the one the consumer waits
 * for; so the number of filled batches is bounded. Where an image lands depends on its place only, never on who decoded
 * it. The consumer takes batches strictly in order, and closes the gaps of unreadable images when it does.
 *
 * One mutex guards everything in struct loader that changes, and is never held while an image is decoded. */
#include "config.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "thaw/base/mem.h"
#include "thaw/base/rng.h"
#include "thaw/data/image.h"
#include "thaw/data/loader.h"

struct slot {
    struct batch batch; /* first, so that a batch finds its slot */
    struct slot *next;  /* in the free list */
    int places, done;
    bool *filled; /* [places] */
};

struct loader {
    const struct dataset_part *part;
    struct loader_options options;
    size_t item_floats; /* of one input */
    int batches, ahead;

    pthread_t *thread;
    pthread_mutex_t mutex;
    pthread_cond_t work, ready; /* work: places may be taken; ready: a place was finished */

    uint32_t *order; /* [items] of the current epoch */
    uint32_t view;   /* the epoch whose augmented views these are */
    size_t place;    /* the next to be taken */
    int next;        /* batch number the consumer gets next */
    int busy;        /* workers decoding now */
    bool stopping;   /* workers leave */
    bool pausing;    /* no new places are taken */

    struct slot **filling; /* [ahead] batch b is in filling[b % ahead], NULL before its first place is taken */
    struct slot *unused;

    struct image *cache; /* [items]; rgb NULL: not kept */
    size_t cached;       /* bytes */
    bool *unreadable;    /* [items] */
    struct loader_bad *bad, *taken;
    size_t bad_count;
};

static struct slot *slot_create(const struct loader *loader)
{
    struct slot *slot = mem_alloc(sizeof(*slot));
    size_t n = (size_t)loader->options.batch;
    slot->batch.input = mem_floats(n * loader->item_floats);
    slot->batch.label = mem_array(n, sizeof(*slot->batch.label));
    slot->batch.index = mem_array(n, sizeof(*slot->batch.index));
    slot->filled = mem_array(n, sizeof(*slot->filled));
    return slot;
}

static void slot_destroy(struct slot *slot)
{
    mem_free_floats(slot->batch.input);
    mem_free(slot->batch.label);
    mem_free(slot->batch.index);
    mem_free(slot->filled);
    mem_free(slot);
}

/* Called with the mutex held: the slot of a batch, begun if it is new. */
static struct slot *slot_of(struct loader *loader, int number)
{
    struct slot **at = &loader->filling[number % loader->ahead];
    if (*at)
        return *at;
    struct slot *slot = loader->unused;
    if (slot)
        loader->unused = slot->next;
    else
        slot = slot_create(loader);
    size_t left = loader->part->items - (size_t)number * (size_t)loader->options.batch;
    slot->places = left < (size_t)loader->options.batch ? (int)left : loader->options.batch;
    slot->done = 0;
    memset(slot->filled, 0, (size_t)slot->places * sizeof(*slot->filled));
    return *at = slot;
}

static void give_back(struct loader *loader, struct slot *slot)
{
    slot->next = loader->unused;
    loader->unused = slot;
}

/* Without augmentation the view itself is worth keeping: it is small and final. */
static void keep(struct loader *loader, uint32_t index, struct image *image)
{
    size_t bytes = (size_t)image->width * (size_t)image->height * 3;
    pthread_mutex_lock(&loader->mutex);
    bool room = !loader->cache[index].rgb && loader->cached + bytes <= loader->options.cache_bytes;
    if (room) {
        loader->cache[index] = *image;
        loader->cached += bytes;
    }
    pthread_mutex_unlock(&loader->mutex);
    if (!room)
        image_finish(image);
}

static void report_bad(struct loader *loader, uint32_t index, const char *reason)
{
    pthread_mutex_lock(&loader->mutex);
    loader->unreadable[index] = true;
    loader->bad = mem_grow(loader->bad, loader->bad_count + 1, sizeof(*loader->bad));
    loader->bad[loader->bad_count].index = index;
    snprintf(loader->bad[loader->bad_count++].reason, sizeof(loader->bad->reason), "%.*s",
             (int)sizeof(loader->bad->reason) - 1, reason);
    pthread_mutex_unlock(&loader->mutex);
}

/* Fills `out` with the input of an item. `kept` is its cache entry as seen under the mutex; once set it stays. */
static bool fill_input(struct loader *loader, uint32_t index, uint32_t number, struct image kept, float *out)
{
    const struct preprocess *preprocess = &loader->options.preprocess;
    bool plain = loader->options.augment == AUGMENT_NONE;
    struct image decoded = kept, view;
    struct error error = {0};
    if (plain && kept.rgb) {
        image_normalise(&kept, preprocess, out);
        return true;
    }
    const char *path = loader->part->item[index].path;
    if (!kept.rgb && !dataset_load(&loader->part->item[index], &decoded, NULL, &error)) {
        size_t name = strlen(path);
        report_bad(loader, index, strncmp(error.text, path, name) == 0 ? error.text + name + 2 : error.text);
        return false;
    }
    struct augment_key key = {.seed = loader->options.seed, .epoch = number, .index = index};
    augment_view(&decoded, preprocess, loader->options.augment, key, &view);
    image_normalise(&view, preprocess, out);
    if (plain) {
        image_finish(&decoded);
        keep(loader, index, &view);
        return true;
    }
    image_finish(&view);
    if (!kept.rgb)
        keep(loader, index, &decoded);
    return true;
}

/* Called with the mutex held. */
static bool may_take(const struct loader *loader)
{
    return !loader->pausing && loader->place < loader->part->items &&
           loader->place / (size_t)loader->options.batch < (size_t)loader->next + (size_t)loader->ahead;
}

/* Called with the mutex held; gives it up while decoding. */
static void fill_place(struct loader *loader)
{
    size_t place = loader->place++, batch = (size_t)loader->options.batch;
    struct slot *slot = slot_of(loader, (int)(place / batch));
    int at = (int)(place % batch);
    uint32_t index = loader->order[place], view = loader->view;
    struct image kept = loader->cache[index];
    bool readable = !loader->unreadable[index];
    slot->batch.index[at] = index;
    slot->batch.label[at] = loader->part->item[index].label;
    loader->busy++;
    pthread_mutex_unlock(&loader->mutex);
    bool filled =
        readable && fill_input(loader, index, view, kept, slot->batch.input + (size_t)at * loader->item_floats);
    pthread_mutex_lock(&loader->mutex);
    loader->busy--;
    slot->filled[at] = filled;
    slot->done++;
    if (slot->done == slot->places || loader->busy == 0)
        pthread_cond_broadcast(&loader->ready);
}

static void *work(void *context)
{
    struct loader *loader = context;
    pthread_mutex_lock(&loader->mutex);
    while (!loader->stopping) {
        if (may_take(loader))
            fill_place(loader);
        else
            pthread_cond_wait(&loader->work, &loader->mutex);
    }
    pthread_mutex_unlock(&loader->mutex);
    return NULL;
}

static bool start_threads(struct loader *loader, struct error *error)
{
    int wanted = loader->options.threads;
    loader->thread = mem_array((size_t)wanted, sizeof(*loader->thread));
    for (loader->options.threads = 0; loader->options.threads < wanted; loader->options.threads++) {
        int fault = pthread_create(&loader->thread[loader->options.threads], NULL, work, loader);
        if (fault != 0 && loader->options.threads == 0)
            return error_set_errno(error, ERROR_FAILED, fault, "no thread to read images with");
        if (fault != 0)
            break; /* fewer do as well, only slower */
    }
    return true;
}

struct loader *loader_create(const struct dataset_part *part, const struct loader_options *options, struct error *error)
{
    if (part->items == 0) {
        error_set(error, ERROR_DATA, "no images to read");
        return NULL;
    }
    struct loader *loader = mem_alloc(sizeof(*loader));
    loader->part = part;
    loader->options = *options;
    if (loader->options.threads < 1)
        loader->options.threads = 1;
    const struct preprocess *p = &options->preprocess;
    loader->item_floats = (size_t)p->height * (size_t)p->width * (size_t)p->channels;
    loader->batches = (int)((part->items + (size_t)options->batch - 1) / (size_t)options->batch);
    loader->ahead = loader->options.threads + 2;
    loader->filling = mem_array((size_t)loader->ahead, sizeof(struct slot *));
    loader->order = mem_array(part->items, sizeof(*loader->order));
    loader->cache = mem_array(part->items, sizeof(*loader->cache));
    loader->unreadable = mem_array(part->items, sizeof(*loader->unreadable));
    loader->place = part->items; /* nothing to do before loader_begin */
    loader->next = loader->batches;
    pthread_mutex_init(&loader->mutex, NULL);
    pthread_cond_init(&loader->work, NULL);
    pthread_cond_init(&loader->ready, NULL);
    if (start_threads(loader, error))
        return loader;
    loader_destroy(loader);
    return NULL;
}

/* Called with the mutex held: waits until no worker decodes, and drops what was prefetched. */
static void drain(struct loader *loader)
{
    loader->pausing = true;
    while (loader->busy > 0)
        pthread_cond_wait(&loader->ready, &loader->mutex);
    for (int i = 0; i < loader->ahead; i++) {
        if (loader->filling[i])
            give_back(loader, loader->filling[i]);
        loader->filling[i] = NULL;
    }
    loader->pausing = false;
}

void loader_destroy(struct loader *loader)
{
    if (!loader)
        return;
    pthread_mutex_lock(&loader->mutex);
    drain(loader);
    loader->stopping = true;
    pthread_cond_broadcast(&loader->work);
    pthread_mutex_unlock(&loader->mutex);
    for (int i = 0; i < loader->options.threads; i++)
        pthread_join(loader->thread[i], NULL);
    while (loader->unused) {
        struct slot *slot = loader->unused;
        loader->unused = slot->next;
        slot_destroy(slot);
    }
    for (size_t i = 0; i < loader->part->items; i++)
        image_finish(&loader->cache[i]);
    pthread_cond_destroy(&loader->ready);
    pthread_cond_destroy(&loader->work);
    pthread_mutex_destroy(&loader->mutex);
    mem_free(loader->thread);
    mem_free(loader->filling);
    mem_free(loader->order);
    mem_free(loader->cache);
    mem_free(loader->unreadable);
    mem_free(loader->bad);
    mem_free(loader->taken);
    mem_free(loader);
}

int loader_batches(const struct loader *loader)
{
    return loader->batches;
}

void loader_order(const struct loader_options *options, int epoch, uint32_t *order, size_t items)
{
    struct rng rng;
    for (size_t i = 0; i < items; i++)
        order[i] = (uint32_t)i;
    rng_init(&rng, rng_at(options->seed, RNG_SHUFFLE, (uint64_t)epoch), RNG_SHUFFLE);
    if (options->shuffle)
        rng_shuffle(&rng, order, items);
}

int loader_view(const struct loader_options *options, int epoch)
{
    return options->views > 0 ? (epoch - 1) % options->views + 1 : epoch;
}

void loader_begin(struct loader *loader, int epoch, int first_batch)
{
    size_t items = loader->part->items;
    pthread_mutex_lock(&loader->mutex);
    drain(loader);
    loader_order(&loader->options, epoch, loader->order, items);
    loader->view = (uint32_t)loader_view(&loader->options, epoch);
    loader->next = first_batch < loader->batches ? first_batch : loader->batches;
    size_t place = (size_t)loader->next * (size_t)loader->options.batch;
    loader->place = place < items ? place : items;
    pthread_cond_broadcast(&loader->work);
    pthread_mutex_unlock(&loader->mutex);
}

/* Moves the readable images of a batch together. */
static void close_gaps(const struct loader *loader, struct slot *slot)
{
    struct batch *batch = &slot->batch;
    batch->n = 0;
    for (int i = 0; i < slot->places; i++) {
        if (!slot->filled[i])
            continue;
        if (i != batch->n) {
            memcpy(batch->input + (size_t)batch->n * loader->item_floats,
                   batch->input + (size_t)i * loader->item_floats, loader->item_floats * sizeof(float));
            batch->label[batch->n] = batch->label[i];
            batch->index[batch->n] = batch->index[i];
        }
        batch->n++;
    }
}

struct batch *loader_next(struct loader *loader)
{
    pthread_mutex_lock(&loader->mutex);
    struct slot *slot = NULL;
    if (loader->next < loader->batches) {
        struct slot **at = &loader->filling[loader->next % loader->ahead];
        while (!*at || (*at)->done < (*at)->places)
            pthread_cond_wait(&loader->ready, &loader->mutex);
        slot = *at;
        *at = NULL;
        loader->next++;
        pthread_cond_broadcast(&loader->work);
    }
    pthread_mutex_unlock(&loader->mutex);
    if (!slot)
        return NULL;
    close_gaps(loader, slot);
    return &slot->batch;
}

void loader_release(struct loader *loader, struct batch *batch)
{
    pthread_mutex_lock(&loader->mutex);
    give_back(loader, (struct slot *)batch);
    pthread_mutex_unlock(&loader->mutex);
}

size_t loader_take_bad(struct loader *loader, const struct loader_bad **bad)
{
    pthread_mutex_lock(&loader->mutex);
    mem_free(loader->taken);
    loader->taken = loader->bad;
    size_t count = loader->bad_count;
    loader->bad = NULL;
    loader->bad_count = 0;
    pthread_mutex_unlock(&loader->mutex);
    *bad = loader->taken;
    return count;
}
