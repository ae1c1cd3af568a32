/* What story.c and story_curves.c share. */
#ifndef THAW_RUN_STORY_PRIVATE_H
#define THAW_RUN_STORY_PRIVATE_H

#include "thaw/run/story.h"

/* Appends a point. A resumed run tells the steps behind its checkpoint again: the later telling holds. */
void story_curve_add(struct story_curve *curve, double x, double y) THAW_NONNULL;
/* A mark there; text is copied, by may be NULL. */
void story_note_add(struct story *story, double x, const struct event *event, const char *text, const char *by)
    THAW_NONNULL_ARGS(1, 3, 4);
/* Where an event stands on the x axis, epochs. */
double story_x(const struct story *story, const struct event *event) THAW_NONNULL;
/* The schedule's lines as rows. */
void story_take_thaws(struct story *story, const char *lines) THAW_NONNULL_ARGS(1);

#endif
