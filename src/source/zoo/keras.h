/* What the architectures of keras.applications have in common. Private to src/source/zoo.
 *
 * Their nodes have the names of Keras's layers, so that tensors of its files bind by name. Where a network is also built
 * in another form, Keras's weights want Keras's: the padding of a convolution with stride, the place of a stride, biases
 * before a batch norm, its eps and the order of a flattened image all differ between libraries, and weights fed through
 * the wrong one lose accuracy silently. Each file says which hold for its family.
 *
 * Layers that Keras numbers by the session ("conv2d_7") are numbered here from 1, as in the published files; activations,
 * pools and sums without a name of their own are named after the layer before them. Keras ends in a softmax; graphs end
 * in logits. The class head is what include_top=False leaves out. */
#ifndef THAW_SRC_SOURCE_ZOO_KERAS_H
#define THAW_SRC_SOURCE_ZOO_KERAS_H

#include "family.h"

/* clang-format off */
/* Fields of a row, as in family.h. Raw pixels in BGR order less the mean of ImageNet, as Caffe's networks took them: */
#define KERAS_CAFFE(crop, resize) \
    1000, crop, crop, 3, {crop, crop, 3, resize, true, true, {103.939f, 116.779f, 123.68f}, {1, 1, 1}, INTERPOLATION_BILINEAR}
/* Raw pixels: the network's first layers rescale them. */
#define KERAS_IN_MODEL(crop, resize) \
    1000, crop, crop, 3, {crop, crop, 3, resize, true, false, {0, 0, 0}, {1, 1, 1}, INTERPOLATION_BILINEAR}
/* clang-format on */

/* Square pooling padded as TensorFlow's SAME does; the padding is no pixel: it is never the largest nor averaged. */
int keras_pool_same(struct graph *graph, const char *name, enum op_kind kind, int input, int kernel,
                    int stride) THAW_NONNULL;
/* Zeros around the image (ZeroPadding2D): `before` rows at the top and columns at the left, `after` at the bottom and
 * right; they are pixels to a pool that follows. A negative count crops (Cropping2D). */
int keras_pad(struct graph *graph, const char *name, int input, int before, int after) THAW_NONNULL;
/* The same, as a window of `kernel` with stride needs it for SAME. */
int keras_pad_same(struct graph *graph, const char *name, int input, int kernel, int stride) THAW_NONNULL;
/* y = x * scale[c] + shift[c], which never learns (Rescaling, Normalization). Of one channel: the mean of three. */
int keras_rescale(struct graph *graph, const char *name, int input, const float scale[3],
                  const float shift[3]) THAW_NONNULL;
/* A separable convolution (SeparableConv2D) without bias, padded as SAME: `name`.depthwise, one kernel x kernel filter a
 * channel, then `name`.pointwise, 1x1 to `channels`. */
int keras_separable(struct graph *graph, const char *name, int input, int channels, int kernel,
                    int stride) THAW_NONNULL;
/* The usual end: global pooling `pool`, which ends the trunk, then in a stage "top" the linear layer "predictions". */
void keras_top(struct graph *graph, const char *pool, int input, int classes) THAW_NONNULL;

#endif
