/* Softmax cross-entropy. Rows are images; everything is summed in image order in double, so that the loss does not
 * depend on anything but its inputs. */
#include "config.h"

#include "thaw/ops/loss.h"

#include <math.h>
#include <stddef.h>

struct row {
    double log_sum, largest; /* log of the sum of exp(logit - largest) */
};

static struct row measure(const float *logits, int classes)
{
    struct row row = {.largest = logits[0]};
    for (int k = 1; k < classes; k++)
        row.largest = logits[k] > row.largest ? logits[k] : row.largest;
    double sum = 0;
    for (int k = 0; k < classes; k++)
        sum += exp(logits[k] - row.largest);
    row.log_sum = log(sum);
    return row;
}

static double weight_of(const struct loss_options *options, int k)
{
    return options->class_weights ? options->class_weights[k] : 1;
}

static double factor_of(const struct loss_options *options, int image)
{
    return options->image_weights ? options->image_weights[image] : 1;
}

/* How many logits beat the label's; equal ones beat it when they come first, as argmax would have it. All beat a NaN. */
static int rank(const float *logits, int label, int classes)
{
    int before = 0;
    if (isnan(logits[label]))
        return classes;
    for (int k = 0; k < classes; k++)
        before += logits[k] > logits[label] || (logits[k] == logits[label] && k < label);
    return before;
}

struct loss_result loss_cross_entropy(const float *logits, const int *labels, int n, int classes,
                                      const struct loss_options *options, float *probabilities, float *gradient,
                                      float *per_image)
{
    struct loss_result result = {0};
    double smoothing = options->label_smoothing, divisor = 0, spread = smoothing / classes, weight_sum = 0;
    for (int i = 0; i < n; i++)
        divisor += weight_of(options, labels[i]);
    for (int k = 0; k < classes; k++)
        weight_sum += weight_of(options, k);
    for (int i = 0; i < n; i++) {
        const float *logit = logits + (size_t)i * (size_t)classes;
        struct row row = measure(logit, classes);
        double own = weight_of(options, labels[i]) * (1 - smoothing), loss = 0, factor = factor_of(options, i);
        for (int k = 0; k < classes; k++) {
            double log_p = logit[k] - row.largest - row.log_sum, p = exp(log_p);
            double target = spread * weight_of(options, k) + (k == labels[i] ? own : 0);
            loss -= target * log_p;
            size_t at = (size_t)i * (size_t)classes + (size_t)k;
            if (probabilities)
                probabilities[at] = (float)p;
            if (gradient)
                gradient[at] = divisor > 0 ? (float)(factor * (p * (own + spread * weight_sum) - target) / divisor) : 0;
        }
        loss *= factor;
        if (per_image)
            per_image[i] = (float)loss;
        result.loss += loss;
        int before = rank(logit, labels[i], classes);
        result.correct += before < 1;
        result.correct5 += before < 5 && before < classes;
    }
    result.loss = divisor > 0 ? result.loss / divisor : 0;
    return result;
}

/* Cross-entropy of one distribution, straight from the definition: -sum over k of target_k * weight_k * log p_k. */
static double reference_loss(const float *logit, int label, int classes, const struct loss_options *options)
{
    double sum = 0, loss = 0, smoothing = options->label_smoothing;
    for (int k = 0; k < classes; k++)
        sum += exp((double)logit[k]);
    for (int k = 0; k < classes; k++) {
        double target = smoothing / classes + (k == label ? 1 - smoothing : 0);
        loss -= target * weight_of(options, k) * log(exp((double)logit[k]) / sum);
    }
    return loss;
}

struct loss_result loss_cross_entropy_reference(const float *logits, const int *labels, int n, int classes,
                                                const struct loss_options *options, float *probabilities,
                                                float *gradient, float *per_image)
{
    struct loss_result result = {0};
    double divisor = 0, smoothing = options->label_smoothing;
    for (int i = 0; i < n; i++)
        divisor += weight_of(options, labels[i]);
    for (int i = 0; i < n; i++) {
        const float *logit = logits + (size_t)i * (size_t)classes;
        double sum = 0, factor = factor_of(options, i);
        double loss = factor * reference_loss(logit, labels[i], classes, options);
        int best = 0, larger = 0;
        for (int k = 0; k < classes; k++) {
            sum += exp((double)logit[k]);
            best = logit[k] > logit[best] ? k : best;
            larger += logit[k] > logit[labels[i]] || (logit[k] == logit[labels[i]] && k < labels[i]);
        }
        for (int k = 0; k < classes; k++) {
            size_t at = (size_t)i * (size_t)classes + (size_t)k;
            double p = exp((double)logit[k]) / sum, g = 0;
            if (probabilities)
                probabilities[at] = (float)p;
            for (int j = 0; j < classes; j++) { /* d(-log p_j)/d logit_k = p_k - [j = k] */
                double target = smoothing / classes + (j == labels[i] ? 1 - smoothing : 0);
                g += target * weight_of(options, j) * (p - (j == k));
            }
            if (gradient)
                gradient[at] = divisor > 0 ? (float)(factor * g / divisor) : 0;
        }
        if (per_image)
            per_image[i] = (float)loss;
        result.loss += divisor > 0 ? loss / divisor : 0;
        result.correct += best == labels[i];
        result.correct5 += larger < 5;
    }
    return result;
}
