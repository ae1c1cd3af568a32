/* Sweeps: convolutions as packed products over images in place. Seen by op_conv_sweep*.c only. */
#ifndef THAW_OPS_CONV_SWEEP_H
#define THAW_OPS_CONV_SWEEP_H

#include "conv.h"

enum {
    SWEEP_FLOATS = 128 * 1024, /* source and target of a task: half of a core's second-level cache */
    SWEEP_ROWS = 256,          /* target pixels of a task: enough that the weights' way through the caches pays */
    SWEEP_FLAT = 512,          /* the same of a matrix */
    SWEEP_LEAST = 48,          /* no fewer for the sake of more tasks */
    SWEEP_TASKS = 16,          /* wanted of a team; a thread by itself wants none for their own sake */
    SWEEP_SEGMENTS = 128,      /* at most: kernel positions */
    SWEEP_SETS = 1024,         /* floats after which addresses share a set of the first-level cache */
};

/* One axis: target t of targets lies at to0 + t * to_step and reads source coordinates from0 + t * from_step + i *
 * distance, i < taps, with kernel coordinate tap0 + i * tap_step. */
struct sweep_axis {
    int targets, to0, to_step;
    int from0, from_step;
    int taps, tap0, tap_step, distance;
};

struct sweep {
    const struct conv *conv;
    bool backward;
    struct shape4 from, to;
    int fan_in, fan_out; /* channels of one group: read, written */
    struct sweep_axis y, x;
    int taps;          /* kernel positions that take part; 0: the targets are 0 */
    int run, segments; /* taps side by side in memory; how many such runs */
    bool inside;       /* no window leaves the image */
    bool flat;         /* 1x1: the whole batch is one matrix */
    /* Tasks: parts (of `images` images, or of a matrix' rows) x bands of target lines x blocks of panels. */
    int parts, images, bands, blocks;
    bool apart;     /* pixels are copied apart: where they lie, a tile's rows would share one set of the cache */
    bool picked;    /* then one kernel position reads only some pixels, and only they are copied */
    size_t pitch;   /* floats from one pixel that is read to its neighbour */
    int rows;       /* source lines of a task */
    size_t line;    /* floats of one, copied */
    size_t scratch; /* floats a worker copies them to; 0: read in place */
};

/* `tasks` are wanted at least: SWEEP_TASKS or 1. What a target sums up, and in which order, does not depend on how many
 * there are. */
struct sweep sweep_plan(const struct conv *conv, bool backward, int number, int tasks);
static inline int sweep_tasks(int threads)
{
    return threads > 1 ? SWEEP_TASKS : 1;
}

/* The source lines of target lines first..first+lines-1 of some images: where they lie, or a copy between zeros. */
const float *sweep_lines(const struct sweep *sweep, const float *source, int image, int images, int first, int lines,
                         float *scratch, size_t *image_step, size_t *line_step);
/* Where each run of taps begins, from the first; segment [segments]. */
static inline void sweep_segments(const struct sweep *s, size_t line_step, size_t *segment)
{
    int runs = s->x.taps / s->run;
    for (int i = 0; i < s->segments; i++)
        segment[i] =
            (size_t)(i / runs * s->y.distance) * line_step + (size_t)(i % runs * s->run * s->x.distance) * s->pitch;
}

#endif
