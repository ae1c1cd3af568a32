/* Depthwise convolution along one row of pixels, where the whole window lies inside the image. Seen by
 * op_conv_depthwise.c only. */
#ifndef THAW_OPS_DEPTHWISE_ROWS_H
#define THAW_OPS_DEPTHWISE_ROWS_H

#include <stdbool.h>
#include <stddef.h>

#include "window.h"

/* Neighbouring pixels of a row: target t reads the source columns column + t * stride .. + kernel - 1 of each of the
 * rows that `y` lists. */
struct depthwise_span {
    int kernel, stride; /* along the row */
    int pixels;         /* targets */
    size_t channels;
    int ys; /* taps of the row */
    const struct window_tap *y;
    const float *image; /* at row 0 and the first target's first column */
    size_t line;        /* floats from row to row */
    const float *weight;
    bool flip;         /* the window's columns meet the weights in reverse: a data gradient */
    const float *bias; /* or NULL */
    bool add;
};

/* Whether there are loops for windows of this width and stride. */
bool depthwise_has(int kernel, int stride);
/* to (pixels, channels) = or += bias + taps, summed in the order of the taps. */
void depthwise_sums(float *to, const struct depthwise_span *span);
/* Adds the span's share of the weights' gradient: to (kernel_h, kernel, channels) += image * g (pixels, channels). */
void depthwise_weights(float *to, const struct depthwise_span *span, const float *g);

#endif
