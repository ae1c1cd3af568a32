/* Where the trainer's batches come from: the loader, or, where the features of every image are kept, the list of images
 * alone; and seeing to it that they are kept. Both ways give the same images in the same order. Called by
 * trainer_loop.c at the start of an epoch, and again where the freeze plan has changed in the middle of one. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "thaw/base/clock.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "trainer_private.h"

/* --- what cannot be read --- */

/* Said once of each image. */
static void set_aside(struct trainer *trainer, enum dataset_split split, size_t index, const char *reason)
{
    struct trainer_feed *feed = &trainer->feed[split];
    const struct dataset_images *images = &trainer->dataset->images[split];
    if (!feed->told)
        feed->told = mem_array(images->items, sizeof *feed->told);
    if (!feed->told[index])
        trainer_warn(trainer, "%s: set aside: %s", images->item[index].path, reason);
    feed->told[index] = true;
}

/* An image that was there when the run began, and is not any more: what would be learnt without it depends on when it
 * went. */
static void lose(struct trainer *trainer, struct trainer_feed *feed, const char *path, const char *reason)
{
    const char *folder = trainer->dataset->path, *run = path_base(rundir_path(trainer->rundir));
    if (trainer->failure.kind != ERROR_NONE)
        return;
    feed->lost = true;
    if (file_exists(folder))
        error_set(&trainer->failure, ERROR_DATA,
                  "%s: %s; it could be used when the run began. Once it is back, `thaw resume %s` goes on", path,
                  reason, run);
    else
        error_set(
            &trainer->failure, ERROR_DATA,
            "%s: the folder is gone, the first image that was wanted: %s. Once it is back, `thaw resume %s` goes on",
            folder, path, run);
}

/* Some are enough to be said: whoever rewrites one rewrites many. */
static void warn_of_change(struct trainer *trainer, struct trainer_feed *feed, const char *path, const char *reason)
{
    if (!feed->changes_told)
        trainer_warn(trainer, "%s: %s, and is used as it is now: the same run again will not come to the same bits",
                     path, reason);
    feed->changes_told = true;
}

/* false: the run cannot go on. */
static bool take_bad(struct trainer *trainer, enum dataset_split split, const struct loader_bad *bad)
{
    const char *path = trainer->dataset->images[split].item[bad->index].path;
    switch (bad->fault) {
    case LOADER_UNREADABLE:
        set_aside(trainer, split, bad->index, bad->reason);
        return true;
    case LOADER_CHANGED:
        warn_of_change(trainer, &trainer->feed[split], path, bad->reason);
        return true;
    case LOADER_LOST:
        break;
    }
    lose(trainer, &trainer->feed[split], path, bad->reason);
    return false;
}

bool trainer_report_bad(struct trainer *trainer, enum dataset_split split)
{
    const struct loader_bad *bad;
    struct loader *loader = trainer->feed[split].loader;
    size_t count = loader ? loader_take_bad(loader, &bad) : 0;
    bool good = true;
    for (size_t i = 0; i < count; i++)
        good = take_bad(trainer, split, &bad[i]) && good;
    return good;
}

bool trainer_check_read(struct trainer *trainer)
{
    const struct dataset_images *images = &trainer->dataset->images[DATASET_TRAIN];
    if (trainer->at.sums.images > 0)
        return true;
    return error_set(&trainer->failure, ERROR_DATA, "%s: none of the %zu training images can be read, such as %s",
                     trainer->dataset->path, images->items, images->item[0].path);
}

/* --- filling --- */

struct watch {
    struct trainer *trainer;
    enum dataset_split split;
};

static bool go_on(void *context, size_t done, size_t all)
{
    struct watch *watch = context;
    struct trainer *trainer = watch->trainer;
    trainer_tick(trainer, true);
    trainer_linger(trainer, done, all);
    trainer_collect(trainer, false);
    return !trainer->ending;
}

/* What is kept is of the images as they were listed: one that was changed since has no place in it. */
static bool unreadable(void *context, const struct loader_bad *bad)
{
    struct watch *watch = context;
    struct loader_bad of = *bad;
    if (of.fault == LOADER_CHANGED)
        of.fault = LOADER_LOST;
    return take_bad(watch->trainer, watch->split, &of);
}

static void warn(void *context, const char *sentence)
{
    struct watch *watch = context;
    trainer_warn(watch->trainer, "%s", sentence);
}

static bool emit_features(struct trainer *trainer, enum dataset_split split, const struct feature_cache_fill *fill,
                          double seconds)
{
    struct event event = {.kind = EVENT_FEATURES};
    event.u.features.validation = split == DATASET_VAL;
    event.u.features.images = (int)fill->images;
    event.u.features.computed = (int)fill->computed;
    event.u.features.bytes = fill->bytes;
    event.u.features.seconds = seconds;
    event.u.features.in_memory = fill->in_memory;
    snprintf(event.u.features.from, sizeof event.u.features.from, "%s", fill->from ? fill->from : "");
    return trainer_emit(trainer, &event);
}

/* Without features of this part the frozen half runs in every epoch, so the plan must have it. */
static bool do_without(struct trainer *trainer, enum dataset_split split, const struct error *why)
{
    trainer_warn(trainer, "%s", why->text);
    trainer->feed[split].uncached = true;
    return trainer_replan(trainer, trainer->freeze, &trainer->failure);
}

/* Makes a part's features complete, those of the view that an epoch takes. false: a stop came in between, or the run
 * fails. */
static bool fill(struct trainer *trainer, enum dataset_split split, struct plan **frozen)
{
    struct trainer_feed *feed = &trainer->feed[split];
    struct watch context = {.trainer = trainer, .split = split};
    struct feature_cache_watch watch = {&context, go_on, unreadable, warn};
    struct feature_cache_fill came_to;
    struct error error = {0};
    double began = clock_monotonic();
    trainer_enter(trainer, EVENT_PHASE_FEATURES);
    bool good = feature_cache_fill(feed->features, feed->view, &watch, frozen, &came_to, &error);
    trainer_tick(trainer, true);
    if (good)
        return emit_features(trainer, split, &came_to, clock_monotonic() - began);
    return error.kind != ERROR_NONE && do_without(trainer, split, &error);
}

/* do_without makes the other part's features anew, hence the loop. */
static bool ready_parts(struct trainer *trainer, struct plan **frozen)
{
    for (int s = 0; s < DATASET_SPLITS; s++) {
        struct trainer_feed *feed = &trainer->feed[s];
        if (feed->why.kind != ERROR_NONE)
            trainer_warn(trainer, "%s", feed->why.text);
        feed->why = (struct error){0};
        if (!feed->features)
            continue;
        feed->view = (trainer->at.epoch - 1) % feature_cache_views(feed->features) + 1;
        if (feature_cache_ready(feed->features, feed->view))
            continue;
        if (!fill(trainer, (enum dataset_split)s, frozen))
            return false;
        s = -1;
    }
    return true;
}

static bool ready_features(struct trainer *trainer)
{
    struct plan *frozen = NULL;
    bool good = ready_parts(trainer, &frozen);
    plan_destroy(frozen);
    return good;
}

/* --- batches --- */

bool trainer_begin(struct trainer *trainer, enum dataset_split split, int epoch, int first)
{
    struct trainer_feed *feed = &trainer->feed[split];
    const struct dataset_images *images = &trainer->dataset->images[split];
    if (!ready_features(trainer))
        return false;
    feed->next = first;
    if (feed->features) {
        loader_destroy(feed->loader);
        feed->loader = NULL;
        if (!feed->order) {
            feed->order = mem_array(images->items, sizeof *feed->order);
            feed->listed.label = mem_array((size_t)feed->loading.batch, sizeof *feed->listed.label);
            feed->listed.index = mem_array((size_t)feed->loading.batch, sizeof *feed->listed.index);
        }
        loader_order(&feed->loading, epoch, feed->order, images->items);
        return true;
    }
    if (!feed->loader)
        feed->loader = loader_create(images, &feed->loading, &trainer->failure);
    if (feed->loader)
        loader_begin(feed->loader, epoch, first);
    return feed->loader != NULL;
}

struct batch *trainer_next(struct trainer *trainer, enum dataset_split split)
{
    struct trainer_feed *feed = &trainer->feed[split];
    const struct dataset_images *images = &trainer->dataset->images[split];
    if (feed->loader)
        return loader_next(feed->loader);
    size_t size = (size_t)feed->loading.batch, place = (size_t)feed->next++ * size, end = place + size;
    if (place >= images->items)
        return NULL;
    struct batch *batch = &feed->listed;
    batch->n = 0;
    for (; place < end && place < images->items; place++) {
        uint32_t index = feed->order[place];
        if (!feature_cache_has(feed->features, feed->view, index))
            continue;
        batch->index[batch->n] = index;
        batch->label[batch->n++] = images->item[index].label;
    }
    return batch;
}

bool trainer_load(struct trainer *trainer, enum dataset_split split, const struct batch *batch)
{
    struct trainer_feed *feed = &trainer->feed[split];
    if (!feed->features || batch->n == 0 || feature_cache_load(feed->features, feed->view, trainer->plan, batch))
        return true;
    trainer_warn(trainer, "the file of kept features was cut or damaged while it was in use: they are computed again");
    feature_cache_drop(feed->features, feed->view);
    return false;
}

void trainer_release(struct trainer *trainer, enum dataset_split split, struct batch *batch)
{
    if (trainer->feed[split].loader)
        loader_release(trainer->feed[split].loader, batch);
}

void trainer_feed_finish(struct trainer_feed *feed)
{
    loader_destroy(feed->loader);
    feature_cache_destroy(feed->features);
    mem_free(feed->order);
    mem_free(feed->told);
    mem_free(feed->listed.label);
    mem_free(feed->listed.index);
}
