/* Softmax cross-entropy over logits, with label smoothing and class weights, as torch.nn.CrossEntropyLoss (mean). */
#ifndef THAW_OPS_LOSS_H
#define THAW_OPS_LOSS_H

#include "thaw/base/macros.h"

struct loss_options {
    float label_smoothing;      /* 0..1 */
    const float *class_weights; /* [classes], or NULL */
    const float *image_weights; /* [n], or NULL: factors of each image's loss, of 1 on the mean over all of the data */
};

struct loss_result {
    double loss;  /* mean over the batch (weighted mean where class weights are given; 0 where they are all 0) */
    int correct;  /* images whose largest logit is their label */
    int correct5; /* label among the five largest (all, where there are fewer classes) */
};

/* logits (n, classes), labels[n] in 0..classes-1. Writes, where not NULL: probabilities (n, classes), gradient of the
 * mean loss with respect to the logits (n, classes), per-image loss (n). Sums run in image order, in double. */
struct loss_result loss_cross_entropy(const float *logits, const int *labels, int n, int classes,
                                      const struct loss_options *options, float *probabilities, float *gradient,
                                      float *per_image) THAW_NONNULL_ARGS(1, 2, 5);
/* The reference twin: straight from the definition, in double. */
struct loss_result loss_cross_entropy_reference(const float *logits, const int *labels, int n, int classes,
                                                const struct loss_options *options, float *probabilities,
                                                float *gradient, float *per_image) THAW_NONNULL_ARGS(1, 2, 5);

#endif
