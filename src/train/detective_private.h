/* What the detective's witnesses share. */
#ifndef THAW_TRAIN_DETECTIVE_PRIVATE_H
#define THAW_TRAIN_DETECTIVE_PRIVATE_H

#include "thaw/train/detective.h"

enum { DETECTIVE_IMAGES_LEAST = 4 }; /* where there are more, a witness who can afford fewer is not asked */

struct look {
    const struct detective_request *request;
    struct detective_finding *finding;
    struct team *team;
    struct image *view; /* [views], of the input's size */
    int *label;         /* [views] */
    int views;
    float *input; /* (DETECTIVE_IMAGES, h, w, channels) */
};

/* The first n views as a candidate makes them inputs, in look->input. */
void look_fill(struct look *look, int candidate, int n) THAW_NONNULL;
/* How many images can be afforded for one candidate by a witness that spends so many multiply-adds, and passes over so
 * many floats, an image. */
int look_affords(const struct look *look, double macs, double floats) THAW_NONNULL;

/* The witnesses: figures of the candidates from `first` on. What cannot be asked leaves NAN. */
void detective_ask_norms(struct look *look, int first) THAW_NONNULL;
void detective_ask_answers(struct look *look, int first) THAW_NONNULL;

#endif
