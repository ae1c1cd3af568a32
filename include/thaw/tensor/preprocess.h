/* How a decoded image becomes a network's input. A property of the weights, not of the program: feeding ImageNet
 * weights with another normalisation loses accuracy silently. The model side states it, the data side does it. */
#ifndef THAW_TENSOR_PREPROCESS_H
#define THAW_TENSOR_PREPROCESS_H

#include <stdbool.h>

#include "thaw/base/error.h"

/* How a resized pixel is weighed from those around it, both antialiased as PIL does them. */
enum interpolation { INTERPOLATION_BILINEAR, INTERPOLATION_BICUBIC, INTERPOLATIONS };
const char *interpolation_name(enum interpolation interpolation); /* "bilinear" */

/* 1. 8-bit RGB pixels are resized so that the shorter side is `resize`, then centre-cropped to height x width.
 *    resize 0: stretched straight to width x height.
 * 2. v = x, or x / 255 unless `raw`; channels in RGB order, or BGR where `bgr`; ITU-R 601 luma where channels is 1.
 * 3. input = (v - mean[c]) / std[c], c in the fed order. */
struct preprocess {
    int height, width; /* of the network's input, pixels */
    int channels;      /* 3 or 1 */
    int resize;        /* shorter side before the crop, pixels, or 0 */
    bool raw, bgr;
    float mean[3], std[3];
    enum interpolation interpolation;
};

/* How much is known of it. STATED: by the file, the catalog or the user. USUAL: nobody said, it is what the architecture's
 * weights usually have. GUESSED: neither. */
enum preprocess_basis { PREPROCESS_STATED, PREPROCESS_USUAL, PREPROCESS_GUESSED };

/* Puts what `text` says in the place of steps 2 and 3; the size, the crop and the interpolation stay:
 *   auto                      as it is ("" means the same)
 *   torch                     x / 255, less the mean of ImageNet's colours, over their deviation
 *   tf                        x / 127.5 - 1
 *   caffe                     BGR, x from 0 to 255, less ImageNet's mean
 *   unit                      x / 255
 *   raw                       x from 0 to 255
 *   mean A B C std D E F      of x / 255, red, green and blue; one number each where all share it
 * and behind any of them, "bgr" or "rgb": which comes first. Grey takes the mean of what is said of three colours. Anything else is ERROR_USAGE and changes nothing. */
bool preprocess_parse(struct preprocess *preprocess, const char *text,
                      struct error *error) THAW_NONNULL THAW_MUST_CHECK;

/* Takes all that another says but the input's size and channels: at another size the same share of the image is cropped
 * away, and grey takes the mean of the colours' figures. */
void preprocess_take(struct preprocess *to, const struct preprocess *from) THAW_NONNULL;

/* The shortest such words for steps 2 and 3, numbers of so many digits. Returns text. */
enum { PREPROCESS_WORDS = 96 };
const char *preprocess_words(const struct preprocess *preprocess, int digits, char text[PREPROCESS_WORDS]) THAW_NONNULL;

/* All of it as one line, with every number to the bit, as files of ours carry it; and back, false where the text is no
 * such line. */
enum { PREPROCESS_TEXT = 256 };
void preprocess_to_text(char text[PREPROCESS_TEXT], const struct preprocess *preprocess) THAW_NONNULL;
bool preprocess_from_text(const char *text, struct preprocess *preprocess) THAW_NONNULL;

#endif
