/* The loader: `threads` workers fill batches ahead of the consumer.
 *
 * An epoch is a numbered list of places: place p holds item order[p] and belongs to batch p / batch. Workers take places
 * in order, one at a time, as long as the place's batch is at most BATCHES_AHEAD batches ahead of the one the consumer
 * waits for; so the number of filled batches is bounded. Where an image lands depends on its place only, never on who
 * decoded it. The consumer takes batches strictly in order, and closes the gaps of unreadable images when it does.
 *
 * One mutex guards everything in struct loader that changes, and is never held while an image is decoded. */
#include "config.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "gate.h"
#include "loader_private.h"
#include "reader_private.h"
#include "thaw/base/mem.h"
#include "thaw/base/rng.h"
#include "thaw/data/image.h"
#include "thaw/data/loader.h"
#include "thaw/data/reader.h"

struct slot {
    struct batch batch; /* first, so that a batch finds its slot */
    struct slot *next;  /* in the free list */
    int places, done;
    bool *filled; /* [places] */
};

/* Batches that are filled before they are asked for: so many that one slow image holds nothing up, and no more, since
 * each takes a batch of inputs in memory. */
enum { BATCHES_AHEAD = 3 };

/* What is known of an item. Nothing that is kept is given up, so what found no room will find none later. */
enum keeping { KEEP_UNSEEN, KEEP_KEPT, KEEP_NO_ROOM, KEEP_UNREADABLE };

struct loader {
    const struct dataset_images *images;
    struct loader_options options;
    size_t item_floats; /* of one input */
    int batches;

    struct gate *gate; /* the readers' */
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

    struct slot *filling[BATCHES_AHEAD]; /* batch b is in filling[b % BATCHES_AHEAD], NULL before its first place */
    struct slot *unused;

    struct picture *cache; /* [items]; of the kept: the view without augmentation, else the whole picture */
    enum keeping *keeping; /* [items] */
    bool *changed;         /* [items], and said so */
    size_t cached;         /* bytes */
    struct loader_bad *bad, *taken;
    size_t bad_count;
};

static size_t item_floats(const struct loader_options *options)
{
    const struct preprocess *p = &options->preprocess;
    return (size_t)p->height * (size_t)p->width * (size_t)p->channels;
}

/* Those being filled, and the one that the consumer has. */
size_t loader_batch_bytes(const struct loader_options *options)
{
    return (BATCHES_AHEAD + 1) * (size_t)options->batch * item_floats(options) * sizeof(float);
}

static struct slot *slot_create(const struct loader *loader)
{
    struct slot *slot = mem_alloc(sizeof *slot);
    size_t n = (size_t)loader->options.batch;
    slot->batch.input = mem_floats(n * loader->item_floats);
    slot->batch.label = mem_array(n, sizeof *slot->batch.label);
    slot->batch.index = mem_array(n, sizeof *slot->batch.index);
    slot->filled = mem_array(n, sizeof *slot->filled);
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
    struct slot **at = &loader->filling[number % BATCHES_AHEAD];
    if (*at)
        return *at;
    struct slot *slot = loader->unused;
    if (slot)
        loader->unused = slot->next;
    else
        slot = slot_create(loader);
    size_t left = loader->images->items - (size_t)number * (size_t)loader->options.batch;
    slot->places = left < (size_t)loader->options.batch ? (int)left : loader->options.batch;
    slot->done = 0;
    memset(slot->filled, 0, (size_t)slot->places * sizeof *slot->filled);
    return *at = slot;
}

static void give_back(struct loader *loader, struct slot *slot)
{
    slot->next = loader->unused;
    loader->unused = slot;
}

/* Takes the picture over if there is room for it; else the caller still has it. */
static bool keep(struct loader *loader, uint32_t index, const struct picture *picture)
{
    size_t bytes = (size_t)picture->image.width * (size_t)picture->image.height * 3;
    pthread_mutex_lock(&loader->mutex);
    bool room = loader->cached + bytes <= loader->options.cache_bytes;
    loader->keeping[index] = room ? KEEP_KEPT : KEEP_NO_ROOM;
    if (room) {
        loader->cache[index] = *picture;
        loader->cached += bytes;
    }
    pthread_mutex_unlock(&loader->mutex);
    return room;
}

/* Without augmentation the view itself is worth keeping: it is small and final. */
static void keep_view(struct loader *loader, uint32_t index, const struct image *view)
{
    struct picture copy = {.width = view->width, .height = view->height, .shrink = 1};
    if (!image_create(&copy.image, view->width, view->height))
        return;
    memcpy(copy.image.rgb, view->rgb, (size_t)view->width * (size_t)view->height * 3);
    if (!keep(loader, index, &copy))
        image_finish(&copy.image);
}

/* Called with the mutex held. */
static void add_bad(struct loader *loader, uint32_t index, enum loader_fault fault, const char *reason)
{
    loader->bad = mem_grow(loader->bad, loader->bad_count + 1, sizeof *loader->bad);
    struct loader_bad *bad = &loader->bad[loader->bad_count++];
    bad->index = index;
    bad->fault = fault;
    snprintf(bad->reason, sizeof bad->reason, "%.*s", (int)sizeof bad->reason - 1, reason);
}

static void report_bad(struct loader *loader, uint32_t index, bool changed, const struct error *error)
{
    const char *path = loader->images->item[index].path, *reason = error->text;
    size_t name = strlen(path);
    bool lost = error->kind != ERROR_DATA || changed;
    if (strncmp(reason, path, name) == 0)
        reason += name + 2;
    pthread_mutex_lock(&loader->mutex);
    loader->keeping[index] = KEEP_UNREADABLE;
    add_bad(loader, index, lost ? LOADER_LOST : LOADER_UNREADABLE, reason);
    pthread_mutex_unlock(&loader->mutex);
}

static void report_changed(struct loader *loader, uint32_t index)
{
    pthread_mutex_lock(&loader->mutex);
    if (!loader->changed[index])
        add_bad(loader, index, LOADER_CHANGED, "it was changed since the data was opened");
    loader->changed[index] = true;
    pthread_mutex_unlock(&loader->mutex);
}

/* The view by way of the whole picture, which is kept if there is room. */
static bool view_and_keep(struct loader *loader, struct reader *reader, uint32_t index,
                          const struct view_request *request, struct image *view, struct error *error)
{
    struct picture picture;
    if (!reader_picture(reader, &loader->images->item[index], request, &picture, error))
        return false;
    reader_view_picture(reader, &picture, request, view);
    if (!keep(loader, index, &picture))
        image_finish(&picture.image);
    return true;
}

/* Fills `out` with the input of an item. `keeping` and `kept` are as seen under the mutex; what is kept stays. */
static bool fill_input(struct loader *loader, struct reader *reader, uint32_t index, uint32_t number,
                       enum keeping keeping, const struct picture *kept, float *out)
{
    const struct loader_options *options = &loader->options;
    const struct dataset_item *item = &loader->images->item[index];
    struct view_request request = {.preprocess = &options->preprocess,
                                   .augment = options->augment,
                                   .key = {.seed = options->seed, .epoch = number, .index = index},
                                   .fast = options->fast};
    struct image view;
    struct error error = {0};
    bool plain = options->augment == AUGMENT_NONE, keepable = keeping == KEEP_UNSEEN && options->cache_bytes > 0;
    bool done = true, read = keeping != KEEP_KEPT;
    if (keeping == KEEP_KEPT && plain)
        view = kept->image;
    else if (keeping == KEEP_KEPT)
        reader_view_picture(reader, kept, &request, &view);
    else if (keepable && !plain)
        done = view_and_keep(loader, reader, index, &request, &view, &error);
    else
        done = reader_view(reader, item, &request, &view, &error);
    bool changed = read && (done || error.kind == ERROR_DATA) && reader_found_changed(reader, item);
    if (!done) {
        report_bad(loader, index, changed, &error);
        return false;
    }
    if (changed)
        report_changed(loader, index);
    if (keepable && plain)
        keep_view(loader, index, &view);
    image_normalise(&view, &options->preprocess, out);
    return true;
}

/* Called with the mutex held. */
static bool may_take(const struct loader *loader)
{
    return !loader->pausing && loader->place < loader->images->items &&
           loader->place / (size_t)loader->options.batch < (size_t)loader->next + BATCHES_AHEAD;
}

/* Called with the mutex held; gives it up while decoding. */
static void fill_place(struct loader *loader, struct reader *reader)
{
    size_t place = loader->place++, batch = (size_t)loader->options.batch;
    struct slot *slot = slot_of(loader, (int)(place / batch));
    int at = (int)(place % batch);
    uint32_t index = loader->order[place], view = loader->view;
    struct picture kept = loader->cache[index];
    enum keeping keeping = loader->keeping[index];
    slot->batch.index[at] = index;
    slot->batch.label[at] = loader->images->item[index].label;
    loader->busy++;
    pthread_mutex_unlock(&loader->mutex);
    float *input = slot->batch.input + (size_t)at * loader->item_floats;
    bool filled = keeping != KEEP_UNREADABLE && fill_input(loader, reader, index, view, keeping, &kept, input);
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
    struct reader *reader = reader_create();
    reader_share(reader, loader->gate);
    pthread_mutex_lock(&loader->mutex);
    while (!loader->stopping) {
        if (may_take(loader))
            fill_place(loader, reader);
        else
            pthread_cond_wait(&loader->work, &loader->mutex);
    }
    pthread_mutex_unlock(&loader->mutex);
    reader_destroy(reader);
    return NULL;
}

static bool start_threads(struct loader *loader, struct error *error)
{
    int wanted = loader->options.threads;
    loader->thread = mem_array((size_t)wanted, sizeof *loader->thread);
    for (loader->options.threads = 0; loader->options.threads < wanted; loader->options.threads++) {
        int fault = pthread_create(&loader->thread[loader->options.threads], NULL, work, loader);
        if (fault != 0 && loader->options.threads == 0)
            return error_set_errno(error, ERROR_FAILED, fault, "no thread to read images with");
        if (fault != 0)
            break; /* fewer do as well, only slower */
    }
    return true;
}

struct loader *loader_create(const struct dataset_images *images, const struct loader_options *options,
                             struct error *error)
{
    if (images->items == 0) {
        error_set(error, ERROR_DATA, "no images to read");
        return NULL;
    }
    struct loader *loader = mem_alloc(sizeof *loader);
    loader->images = images;
    loader->options = *options;
    if (loader->options.threads < 1)
        loader->options.threads = 1;
    loader->item_floats = item_floats(options);
    loader->batches = (int)((images->items + (size_t)options->batch - 1) / (size_t)options->batch);
    loader->gate = gate_create(GATE_DECODING_MOST);
    loader->order = mem_array(images->items, sizeof *loader->order);
    loader->cache = mem_array(images->items, sizeof *loader->cache);
    loader->keeping = mem_array(images->items, sizeof *loader->keeping);
    loader->changed = mem_array(images->items, sizeof *loader->changed);
    loader->place = images->items; /* nothing to do before loader_begin */
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
    for (int i = 0; i < BATCHES_AHEAD; i++) {
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
    for (size_t i = 0; i < loader->images->items; i++)
        image_finish(&loader->cache[i].image);
    pthread_cond_destroy(&loader->ready);
    pthread_cond_destroy(&loader->work);
    pthread_mutex_destroy(&loader->mutex);
    gate_destroy(loader->gate);
    mem_free(loader->thread);
    mem_free(loader->order);
    mem_free(loader->cache);
    mem_free(loader->keeping);
    mem_free(loader->changed);
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

/* The epoch, from 1, whose augmented views are used in this one. */
static int loader_view(const struct loader_options *options, int epoch)
{
    return options->views > 0 ? (epoch - 1) % options->views + 1 : epoch;
}

void loader_begin(struct loader *loader, int epoch, int first_batch)
{
    size_t items = loader->images->items;
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
        struct slot **at = &loader->filling[loader->next % BATCHES_AHEAD];
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

size_t loader_kept(struct loader *loader)
{
    pthread_mutex_lock(&loader->mutex);
    size_t bytes = loader->cached;
    pthread_mutex_unlock(&loader->mutex);
    return bytes;
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
