/* Which pixels of a picture a view looks at and where they go, known from the picture's size alone: so a reader decodes
 * only those. Private to src/data. */
#ifndef THAW_DATA_GEOMETRY_H
#define THAW_DATA_GEOMETRY_H

#include "resize.h"
#include "thaw/base/rng.h"
#include "thaw/data/augment.h"

struct view_geometry {
    struct resize_task task;
    int at_x, at_y; /* where the task's window goes in the view; what it leaves is black */
};

/* The evaluation view of a width x height picture. */
struct view_geometry geometry_eval(const struct preprocess *preprocess, int width, int height) THAW_NONNULL;
/* A random view, augment not AUGMENT_NONE: draws from *rng, which augment_start has set up and augment_end goes on
 * drawing from. */
void augment_start(struct rng *rng, struct augment_key key) THAW_NONNULL;
struct view_geometry augment_geometry(struct rng *rng, const struct preprocess *preprocess, int width,
                                      int height) THAW_NONNULL;
/* What is done to the pixels of the resized view: the colours. */
void augment_end(struct rng *rng, enum augment augment, struct image *view) THAW_NONNULL;
/* The least sides that a random crop of a width x height picture can have; least: of both. */
int augment_least_side(int width, int height);

/* The geometry for a picture shrunk by `shrink`, whose sides are rounded up. */
void geometry_shrink(struct view_geometry *geometry, int shrink) THAW_NONNULL;
/* Puts what was pushed for geometry's task into the view, which has its final size. */
void geometry_finish(struct resizer *resizer, const struct view_geometry *geometry, struct image *view) THAW_NONNULL;
/* The view of a whole picture. */
void geometry_view(struct resizer *resizer, const struct image *image, const struct view_geometry *geometry,
                   struct image *view) THAW_NONNULL;

/* Both in one: the view of the network's input size; the caller finishes *view. */
void augment_view(const struct image *image, const struct preprocess *preprocess, enum augment augment,
                  struct augment_key key, struct image *view) THAW_NONNULL;

#endif
