/* Where the trainer's batches come from: the loader, or, where the features of every image are kept, the list of images
 * alone; and seeing to it that they are kept. Both ways give the same images in the same order. Called by
 * trainer_loop.c at the start of an epoch, and again where the freeze plan has changed in the middle of one. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "thaw/base/clock.h"
#include "thaw/base/mem.h"
#include "trainer_private.h"

/* --- what cannot be read --- */

/* Said once of each image. */
static void set_aside(struct trainer *trainer, enum dataset_split split, size_t index, const char *reason)
{
    struct trainer_part *part = &trainer->part[split];
    const struct dataset_part *images = &trainer->dataset->part[split];
    if (!part->told)
        part->told = mem_array(images->items, sizeof(*part->told));
    if (!part->told[index])
        trainer_warn(trainer, "%s: set aside: %s", images->item[index].path, reason);
    part->told[index] = true;
}

void trainer_report_bad(struct trainer *trainer, enum dataset_split split)
{
    const struct loader_bad *bad;
    struct loader *loader = trainer->part[split].loader;
    size_t count = loader ? loader_take_bad(loader, &bad) : 0;
    for (size_t i = 0; i < count; i++)
        set_aside(trainer, split, bad[i].index, bad[i].reason);
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

static void unreadable(void *context, const struct dataset_item *item, const char *reason)
{
    struct watch *watch = context;
    const struct dataset_part *images = &watch->trainer->dataset->part[watch->split];
    set_aside(watch->trainer, watch->split, (size_t)(item - images->item), reason);
}

static void warn(void *context, const char *sentence)
{
    struct watch *watch = context;
    trainer_warn(watch->trainer, "%s", sentence);
}

static bool emit_features(struct trainer *trainer, enum dataset_split split, const struct features_fill *fill,
                          double seconds)
{
    struct event event = {.kind = EVENT_FEATURES};
    event.u.features.validation = split == DATASET_VAL;
    event.u.features.images = (int)fill->images;
    event.u.features.computed = (int)fill->computed;
    event.u.features.bytes = fill->bytes;
    event.u.features.seconds = seconds;
    event.u.features.in_memory = fill->in_memory;
    snprintf(event.u.features.from, sizeof(event.u.features.from), "%s", fill->from ? fill->from : "");
    return trainer_emit(trainer, &event);
}

/* Without features of this part the frozen half runs in every epoch, so the plan must have it. */
static bool do_without(struct trainer *trainer, enum dataset_split split, const struct error *why)
{
    trainer_warn(trainer, "%s", why->text);
    trainer->part[split].uncached = true;
    return trainer_replan(trainer, trainer->freeze, &trainer->failure);
}

/* Makes a part's features complete, those of the view that an epoch takes. false: a stop came in between, or the run
 * fails. */
static bool fill(struct trainer *trainer, enum dataset_split split, struct plan **frozen)
{
    struct trainer_part *part = &trainer->part[split];
    struct watch context = {.trainer = trainer, .split = split};
    struct features_watch watch = {&context, go_on, unreadable, warn};
    struct features_fill came_to;
    struct error error = {0};
    double began = clock_monotonic();
    trainer_enter(trainer, EVENT_PHASE_FEATURES);
    bool good = features_fill(part->features, part->view, &watch, frozen, &came_to, &error);
    trainer_tick(trainer, true);
    if (good)
        return emit_features(trainer, split, &came_to, clock_monotonic() - began);
    return error.kind != ERROR_NONE && do_without(trainer, split, &error);
}

/* do_without makes the other part's features anew, hence the loop. */
static bool ready_parts(struct trainer *trainer, struct plan **frozen)
{
    for (int s = 0; s < DATASET_SPLITS; s++) {
        struct trainer_part *part = &trainer->part[s];
        if (part->why.kind != ERROR_NONE)
            trainer_warn(trainer, "%s", part->why.text);
        part->why = (struct error){0};
        if (!part->features)
            continue;
        part->view = (trainer->at.epoch - 1) % features_views(part->features) + 1;
        if (features_ready(part->features, part->view))
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
    struct trainer_part *part = &trainer->part[split];
    const struct dataset_part *images = &trainer->dataset->part[split];
    if (!ready_features(trainer))
        return false;
    part->next = first;
    if (part->features) {
        loader_destroy(part->loader);
        part->loader = NULL;
        if (!part->order) {
            part->order = mem_array(images->items, sizeof(*part->order));
            part->listed.label = mem_array((size_t)part->loading.batch, sizeof(*part->listed.label));
            part->listed.index = mem_array((size_t)part->loading.batch, sizeof(*part->listed.index));
        }
        loader_order(&part->loading, epoch, part->order, images->items);
        return true;
    }
    if (!part->loader)
        part->loader = loader_create(images, &part->loading, &trainer->failure);
    if (part->loader)
        loader_begin(part->loader, epoch, first);
    return part->loader != NULL;
}

struct batch *trainer_next(struct trainer *trainer, enum dataset_split split)
{
    struct trainer_part *part = &trainer->part[split];
    const struct dataset_part *images = &trainer->dataset->part[split];
    if (part->loader)
        return loader_next(part->loader);
    size_t size = (size_t)part->loading.batch, place = (size_t)part->next++ * size, end = place + size;
    if (place >= images->items)
        return NULL;
    struct batch *batch = &part->listed;
    batch->n = 0;
    for (; place < end && place < images->items; place++) {
        uint32_t index = part->order[place];
        if (!features_has(part->features, part->view, index))
            continue;
        batch->index[batch->n] = index;
        batch->label[batch->n++] = images->item[index].label;
    }
    return batch;
}

void trainer_release(struct trainer *trainer, enum dataset_split split, struct batch *batch)
{
    if (trainer->part[split].loader)
        loader_release(trainer->part[split].loader, batch);
}

void trainer_part_finish(struct trainer_part *part)
{
    loader_destroy(part->loader);
    features_destroy(part->features);
    mem_free(part->order);
    mem_free(part->told);
    mem_free(part->listed.label);
    mem_free(part->listed.index);
}
