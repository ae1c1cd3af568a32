/* How a decoded image becomes a network's input. A property of the weights, not of the program: feeding ImageNet
 * weights with another normalisation loses accuracy silently. The model side states it, the data side does it. */
#ifndef THAW_TENSOR_PREPROCESS_H
#define THAW_TENSOR_PREPROCESS_H

#include <stdbool.h>

/* 1. 8-bit RGB pixels are resized so that the shorter side is `resize` (bilinear, antialiased as PIL does it), then
 *    centre-cropped to height x width. resize 0: stretched straight to width x height.
 * 2. v = x, or x / 255 unless `raw`; channels in RGB order, or BGR where `bgr`; ITU-R 601 luma where channels is 1.
 * 3. input = (v - mean[c]) / std[c], c in the fed order. */
struct preprocess {
    int height, width; /* of the network's input, pixels */
    int channels;      /* 3 or 1 */
    int resize;        /* shorter side before the crop, pixels, or 0 */
    bool raw, bgr;
    float mean[3], std[3];
};

#endif
