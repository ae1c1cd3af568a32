/* See the header. Called by the data verb. */
#include "config.h"

#include "thaw/train/mislabels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "feature_cache.h"
#include "thaw/base/mem.h"
#include "thaw/base/parallel.h"
#include "thaw/base/rng.h"
#include "thaw/network/freeze.h"

/* Of the layer; features have a length of about 1. */
enum { EPOCHS = 40, BATCH = 32 };
static const float rate = 1, momentum = 0.9f, decay = 1e-3f;

struct sample {
    const struct dataset_item *item;
    enum dataset_split split;
    int fold;
};

struct study {
    const struct mislabels_request *request;
    struct team *team;
    struct freeze *freeze;
    struct sample *sample; /* those with features */
    size_t samples;
    float *feature; /* (samples, width) */
    size_t width;
    float *probability; /* (samples, classes), out of fold */
    int classes;
};

/* --- features --- */

static bool go_on(void *context, size_t done, size_t all)
{
    const struct mislabels_request *request = context;
    return !request->tell || request->tell(request->context, done, all);
}

static bool pass_unreadable(void *context, const struct loader_bad *bad)
{
    (void)context;
    return bad->fault == LOADER_UNREADABLE;
}

static void pass_warning(void *context, const char *sentence)
{
    (void)context;
    (void)sentence; /* memory takes the file's place */
}

static size_t crossing_width(const struct plan *plan)
{
    size_t width = 0;
    for (int c = 0; c < plan_crossings(plan); c++)
        width += (size_t)plan_crossing_shape(plan, c).c;
    return width;
}

/* The means over the pixels of what crosses the frontier, image i of the plan's batch. */
static void pool(struct plan *plan, int i, float *to)
{
    for (int c = 0; c < plan_crossings(plan); c++) {
        struct shape4 shape = plan_crossing_shape(plan, c);
        size_t pixels = (size_t)shape.h * (size_t)shape.w, channels = (size_t)shape.c;
        const float *from = plan_crossing_values(plan, c) + (size_t)i * pixels * channels;
        for (size_t k = 0; k < channels; k++) {
            double sum = 0;
            for (size_t p = 0; p < pixels; p++)
                sum += (double)from[p * channels + k];
            *to++ = (float)(sum / (double)pixels);
        }
    }
}

static bool take_features(struct study *study, const struct feature_cache *features, struct plan *plan,
                          enum dataset_split split)
{
    const struct dataset_images *images = &study->request->dataset->images[split];
    for (uint32_t first = 0; first < images->items;) {
        uint32_t index[BATCH];
        struct batch batch = {.index = index};
        for (; first < images->items && batch.n < BATCH; first++)
            if (feature_cache_has(features, 1, first))
                index[batch.n++] = first;
        if (batch.n == 0)
            continue;
        if (!feature_cache_load(features, 1, plan, &batch))
            return false;
        for (int i = 0; i < batch.n; i++, study->samples++) {
            study->sample[study->samples] = (struct sample){.item = &images->item[index[i]], .split = split};
            pool(plan, i, study->feature + study->samples * study->width);
        }
    }
    return true;
}

static bool read_part(struct study *study, enum dataset_split split, struct plan **frozen, struct plan *thawed,
                      struct error *error)
{
    const struct mislabels_request *request = study->request;
    struct feature_cache_options options = {
        .graph = request->graph,
        .freeze = study->freeze,
        .images = &request->dataset->images[split],
        .loader = {.preprocess = request->graph->preprocess,
                   .batch = BATCH,
                   .augment = AUGMENT_NONE,
                   .threads = team_threads(study->team)},
        .type = TENSOR_F32,
        .disk = request->cache,
        .memory = SIZE_MAX >> 1,
        .team = study->team,
    };
    struct feature_cache_watch watch = {(void *)(uintptr_t)request, go_on, pass_unreadable, pass_warning};
    struct feature_cache_fill fill;
    struct feature_cache *features = feature_cache_create(&options, error);
    if (!features)
        return error->kind != ERROR_NONE ||
               error_set(error, ERROR_DATA, "%s: the model has nothing before its head", request->dataset->path);
    bool good = feature_cache_fill(features, 1, &watch, frozen, &fill, error);
    if (!good && error->kind == ERROR_NONE)
        error_set(error, ERROR_STOPPED, "stopped before all images were looked at");
    if (good && !take_features(study, features, thawed, split))
        good = error_set(error, ERROR_FAILED, "kept features were lost while they were read");
    feature_cache_destroy(features);
    return good;
}

static bool read_parts(struct study *study, struct error *error)
{
    const struct mislabels_request *request = study->request;
    struct plan_options options = {
        .batch = BATCH, .half = PLAN_THAWED, .training = true, .fold = true, .team = study->team};
    study->freeze = freeze_create(request->graph);
    bool good = freeze_upto(study->freeze, request->graph, "trunk", error);
    struct plan *frozen = NULL, *thawed = good ? plan_create(request->graph, study->freeze, &options, error) : NULL;
    size_t items = 0;
    for (int s = 0; s < DATASET_PARTS; s++)
        items += request->dataset->images[s].items;
    good = thawed != NULL;
    if (good) {
        study->width = crossing_width(thawed);
        study->sample = mem_array(items + 1, sizeof *study->sample);
        study->feature = mem_array(items * study->width + 1, sizeof *study->feature);
    }
    for (enum dataset_split s = 0; good && s < DATASET_PARTS; s++)
        if (request->dataset->images[s].items)
            good = read_part(study, s, &frozen, thawed, error);
    plan_destroy(frozen);
    plan_destroy(thawed);
    return good;
}

/* Each feature has mean 0 and deviation 1, all of an image together about the length 1. */
static void standardise(struct study *study)
{
    size_t width = study->width, count = study->samples;
    for (size_t k = 0; k < width; k++) {
        double sum = 0, squares = 0;
        for (size_t i = 0; i < count; i++)
            sum += (double)study->feature[i * width + k];
        double mean = sum / (double)count;
        for (size_t i = 0; i < count; i++) {
            double away = (double)study->feature[i * width + k] - mean;
            squares += away * away;
        }
        double deviation = sqrt(squares / (double)count);
        double scale = deviation > 1e-6 ? 1 / (deviation * sqrt((double)width)) : 0;
        for (size_t i = 0; i < count; i++)
            study->feature[i * width + k] = (float)(((double)study->feature[i * width + k] - mean) * scale);
    }
}

/* --- folds --- */

/* Images of a class, in an order of chance, go to the folds in turn. */
static bool deal(struct study *study, struct error *error)
{
    uint32_t *order = mem_array(study->samples + 1, sizeof *order);
    int *next = mem_array((size_t)study->classes + 1, sizeof *next);
    struct rng rng;
    rng_init(&rng, 1, RNG_SPLIT);
    for (uint32_t i = 0; i < study->samples; i++)
        order[i] = i;
    rng_shuffle(&rng, order, study->samples);
    for (size_t i = 0; i < study->samples; i++) {
        struct sample *sample = &study->sample[order[i]];
        sample->fold = next[sample->item->label]++ % MISLABEL_FOLDS;
    }
    bool good = true;
    for (int c = 0; c < study->classes && good; c++)
        if (next[c] == 1)
            good = error_set(error, ERROR_DATA,
                             "%s: the class %s has one image: of a class's label others can tell only where it has two",
                             study->request->dataset->path, study->request->dataset->class_name[c]);
    mem_free(order);
    mem_free(next);
    return good;
}

/* What the layer makes of an image: weight (classes, width + 1), the last column is the bias. */
static void answer(const struct study *study, const float *weight, const float *feature, float *probability)
{
    size_t width = study->width;
    float most = -INFINITY, sum = 0;
    for (int c = 0; c < study->classes; c++) {
        const float *row = weight + (size_t)c * (width + 1);
        float value = row[width];
        for (size_t k = 0; k < width; k++)
            value += row[k] * feature[k];
        probability[c] = value;
        most = value > most ? value : most;
    }
    for (int c = 0; c < study->classes; c++)
        sum += probability[c] = expf(probability[c] - most);
    for (int c = 0; c < study->classes; c++)
        probability[c] /= sum;
}

/* One step on a batch: stochastic gradient with momentum; probability: room for one image's. */
static void step(const struct study *study, const uint32_t *index, int n, float speed, float *weight, float *change,
                 float *gradient, float *probability)
{
    size_t width = study->width, all = (size_t)study->classes * (width + 1);
    memset(gradient, 0, all * sizeof *gradient);
    for (int i = 0; i < n; i++) {
        const float *feature = study->feature + index[i] * width;
        answer(study, weight, feature, probability);
        probability[study->sample[index[i]].item->label] -= 1;
        for (int c = 0; c < study->classes; c++) {
            float *row = gradient + (size_t)c * (width + 1), share = probability[c] / (float)n;
            for (size_t k = 0; k < width; k++)
                row[k] += share * feature[k];
            row[width] += share;
        }
    }
    for (size_t k = 0; k < all; k++) {
        change[k] = momentum * change[k] - speed * (gradient[k] + decay * weight[k]);
        weight[k] += change[k];
    }
}

/* Learns the other folds, answers this one. */
static void learn_fold(void *context, int fold, int worker)
{
    (void)worker;
    struct study *study = context;
    size_t all = (size_t)study->classes * (study->width + 1), count = 0;
    float *weight = mem_array(all, sizeof *weight), *change = mem_array(all, sizeof *change),
          *gradient = mem_array(all, sizeof *gradient), *room = mem_array((size_t)study->classes, sizeof *room);
    uint32_t *index = mem_array(study->samples + 1, sizeof *index);
    struct rng rng;
    rng_init(&rng, (uint64_t)fold, RNG_SHUFFLE);
    for (uint32_t i = 0; i < study->samples; i++)
        if (study->sample[i].fold != fold)
            index[count++] = i;
    for (int epoch = 0; epoch < EPOCHS; epoch++) {
        float speed = rate * 0.5f * (1 + cosf(3.14159265f * (float)epoch / EPOCHS));
        rng_shuffle(&rng, index, count);
        for (size_t first = 0; first < count; first += BATCH)
            step(study, index + first, count - first < BATCH ? (int)(count - first) : BATCH, speed, weight, change,
                 gradient, room);
    }
    for (size_t i = 0; i < study->samples; i++)
        if (study->sample[i].fold == fold)
            answer(study, weight, study->feature + i * study->width, study->probability + i * (size_t)study->classes);
    mem_free(weight);
    mem_free(change);
    mem_free(gradient);
    mem_free(room);
    mem_free(index);
}

/* --- the rule --- */

/* What a class's images give it on average; caller frees. */
static double *find_thresholds(const struct study *study)
{
    size_t classes = (size_t)study->classes;
    double *threshold = mem_array(classes, sizeof *threshold);
    size_t *count = mem_array(classes, sizeof *count);
    for (size_t i = 0; i < study->samples; i++) {
        int label = study->sample[i].item->label;
        threshold[label] += (double)study->probability[i * classes + (size_t)label];
        count[label]++;
    }
    for (size_t c = 0; c < classes; c++)
        threshold[c] = count[c] ? threshold[c] / (double)count[c] : 1;
    mem_free(count);
    return threshold;
}

static int by_suspicion(const void *left, const void *right)
{
    const struct mislabel *a = left, *b = right;
    float one = a->guessed - a->own, other = b->guessed - b->own;
    if (one != other)
        return one > other ? -1 : 1;
    return strcmp(a->item->path, b->item->path);
}

static void judge(const struct study *study, struct mislabels *found)
{
    double *threshold = find_thresholds(study);
    found->images = study->samples;
    found->mislabel = mem_array(study->samples + 1, sizeof *found->mislabel);
    for (size_t i = 0; i < study->samples; i++) {
        const float *probability = study->probability + i * (size_t)study->classes;
        int label = study->sample[i].item->label, guess = 0;
        for (int c = 1; c < study->classes; c++)
            guess = probability[c] > probability[guess] ? c : guess;
        if (guess != label && (double)probability[guess] >= threshold[guess] &&
            (double)probability[label] < threshold[label])
            found->mislabel[found->count++] = (struct mislabel){.item = study->sample[i].item,
                                                                .split = study->sample[i].split,
                                                                .guess = guess,
                                                                .own = probability[label],
                                                                .guessed = probability[guess]};
    }
    qsort(found->mislabel, found->count, sizeof *found->mislabel, by_suspicion);
    mem_free(threshold);
}

bool mislabels_find(const struct mislabels_request *request, struct mislabels *found, struct error *error)
{
    struct study study = {
        .request = request, .team = team_create(request->threads), .classes = request->dataset->classes};
    *found = (struct mislabels){0};
    bool good = read_parts(&study, error);
    if (good && study.samples == 0)
        good = error_set(error, ERROR_DATA, "%s: none of its images can be read", request->dataset->path);
    good = good && deal(&study, error);
    if (good) {
        standardise(&study);
        study.probability = mem_array(study.samples * (size_t)study.classes, sizeof *study.probability);
        team_run(study.team, MISLABEL_FOLDS, learn_fold, &study);
        judge(&study, found);
    }
    mem_free(study.sample);
    mem_free(study.feature);
    mem_free(study.probability);
    freeze_destroy(study.freeze);
    team_destroy(study.team);
    return good;
}

void mislabels_finish(struct mislabels *found)
{
    mem_free(found->mislabel);
    *found = (struct mislabels){0};
}
