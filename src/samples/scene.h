/* A tiny drawing kit for the road signs: a scene is a list of flat marks, later ones over earlier ones, asked for the
 * colour at a point. Private to src/data.
 *
 * Coordinates are whatever the caller draws in: a sign's face reaches from -1 to 1, x to the right, y down. */
#ifndef THAW_SAMPLES_SCENE_H
#define THAW_SAMPLES_SCENE_H

#include <stdbool.h>

#include "thaw/base/macros.h"

struct colour {
    float r, g, b; /* 0 to 1 */
};

enum { SCENE_MARKS = 96, SCENE_CORNERS = 12 };

enum mark_kind { MARK_POLYGON, MARK_STROKE, MARK_DISC, MARK_ARC };

struct mark {
    enum mark_kind kind;
    struct colour colour;
    int corners; /* polygon, stroke */
    float x[SCENE_CORNERS], y[SCENE_CORNERS];
    float radius, half;             /* disc and arc about (x[0], y[0]); half the width of a stroke or arc */
    float from, to;                 /* arc, radians clockwise from the right */
    float left, top, right, bottom; /* outside of this there is nothing */
};

struct scene {
    int marks;
    struct mark mark[SCENE_MARKS];
};

/* Points are x, y, x, y, ... */
void scene_polygon(struct scene *scene, struct colour colour, int corners, const float *points) THAW_NONNULL;
void scene_stroke(struct scene *scene, struct colour colour, float width, int corners,
                  const float *points) THAW_NONNULL; /* round ends and corners */
void scene_disc(struct scene *scene, struct colour colour, float x, float y, float radius) THAW_NONNULL;
void scene_arc(struct scene *scene, struct colour colour, float width, float x, float y, float radius, float from,
               float to) THAW_NONNULL; /* degrees; round ends */
void scene_box(struct scene *scene, struct colour colour, float x, float y, float half_width,
               float half_height) THAW_NONNULL;
/* n corners on a circle, the first at `turn` degrees. */
void scene_regular(struct scene *scene, struct colour colour, int corners, float radius, float turn) THAW_NONNULL;
/* Digits and the capitals that the signs need, centred at (x, y). */
void scene_text(struct scene *scene, struct colour colour, const char *text, float x, float y, float height,
                float letter_width, float stroke) THAW_NONNULL;

/* The topmost mark's colour at a point; false where there is none. */
bool scene_at(const struct scene *scene, float x, float y, struct colour *colour) THAW_NONNULL;

#endif
