/* Classification: one label an image, softmax cross-entropy, top-1 and top-5. Targets are the class folders; class
 * weights "balanced" are images / (classes * images of the class), so that each class weighs the same in the loss.
 * Called by the trainer, once a batch. */
#include "config.h"

#include <math.h>
#include <string.h>

#include "task.h"
#include "thaw/base/mem.h"
#include "thaw/ops/loss.h"

enum { CORRECT, CORRECT5 }; /* what the sums are of: images */

struct classify {
    int classes;
    struct loss_options options;
    float *weights; /* [classes], or NULL */
    float *factor;  /* [training images], or NULL: what the data say that each weighs, of 1 on the mean */
    float *factors; /* [batch], of the batch that is measured */
};

static float *balanced_weights(const struct dataset *dataset)
{
    float *weights = mem_array((size_t)dataset->classes, sizeof *weights);
    double images = (double)dataset->images[DATASET_TRAIN].items;
    for (int c = 0; c < dataset->classes; c++) {
        size_t of_class = dataset_class_count(dataset, DATASET_TRAIN, c);
        weights[c] = of_class ? (float)(images / ((double)dataset->classes * (double)of_class)) : 0;
    }
    return weights;
}

static float *image_factors(const struct dataset *dataset)
{
    const struct dataset_images *images = &dataset->images[DATASET_TRAIN];
    float *factor = mem_array(images->items + 1, sizeof *factor);
    double sum = 0;
    for (size_t i = 0; i < images->items; i++)
        sum += (double)images->item[i].weight;
    for (size_t i = 0; i < images->items; i++)
        factor[i] = sum > 0 ? (float)((double)images->item[i].weight * (double)images->items / sum) : 1;
    return factor;
}

static void *create(const struct experiment *experiment, const struct dataset *dataset)
{
    struct classify *state = mem_alloc(sizeof *state);
    state->classes = dataset->classes;
    if (experiment->train.class_weights == CLASS_WEIGHTS_BALANCED)
        state->weights = balanced_weights(dataset);
    if (dataset->weighted) {
        state->factor = image_factors(dataset);
        state->factors = mem_array((size_t)experiment->train.batch, sizeof *state->factors);
    }
    state->options.label_smoothing = (float)experiment->train.label_smoothing;
    state->options.class_weights = state->weights;
    return state;
}

static void destroy(void *context)
{
    struct classify *state = context;
    if (!state)
        return;
    mem_free(state->weights);
    mem_free(state->factor);
    mem_free(state->factors);
    mem_free(state);
}

static double measure(void *context, const float *output, const struct batch *batch, float *gradient,
                      struct task_sums *sums)
{
    struct classify *state = context;
    struct loss_options options = state->options;
    if (state->factor && gradient) { /* figures of an evaluation are of images, however much they weigh */
        for (int i = 0; i < batch->n; i++)
            state->factors[i] = state->factor[batch->index[i]];
        options.image_weights = state->factors;
    }
    struct loss_result result =
        loss_cross_entropy(output, batch->label, batch->n, state->classes, &options, NULL, gradient, NULL);
    sums->loss += result.loss * batch->n;
    sums->images += (uint64_t)batch->n;
    sums->of[CORRECT] += result.correct;
    sums->of[CORRECT5] += result.correct5;
    return result.loss;
}

static void figures(const struct task_sums *sums, struct metrics *metrics)
{
    double images = (double)sums->images;
    metrics_set(metrics, "accuracy", sums->of[CORRECT] / images);
    metrics_set(metrics, "top5", sums->of[CORRECT5] / images);
}

/* The likeliest class and its softmax probability. */
static int likeliest(const float *logits, int classes, float *probability)
{
    int best = 0;
    for (int c = 1; c < classes; c++)
        if (logits[c] > logits[best])
            best = c;
    double sum = 0;
    for (int c = 0; c < classes; c++)
        sum += exp((double)logits[c] - logits[best]);
    *probability = (float)(1 / sum);
    return best;
}

static void predict(void *context, const float *output, const struct batch *batch, struct task_predictions *rows)
{
    struct classify *state = context;
    for (int i = 0; i < batch->n; i++) {
        size_t at = rows->images++;
        const float *logits = output + (size_t)i * (size_t)state->classes;
        rows->label[at] = batch->label[i];
        rows->index[at] = batch->index[i];
        rows->predicted[at] = likeliest(logits, state->classes, &rows->probability[at]);
    }
}

const struct task task_classify = {
    .name = "classify",
    .metrics = {2, {{"accuracy", "share", true}, {"top5", "share", true}}},
    .create = create,
    .destroy = destroy,
    .measure = measure,
    .figures = figures,
    .predict = predict,
};
