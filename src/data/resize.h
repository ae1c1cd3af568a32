/* The resize of pictures in two steps, so that only the part of a picture that is looked at need be decoded, and only the
 * part of the result that is shown is made: a crop of a long thin picture never makes the whole. A resizer keeps its
 * memory from one picture to the next; one thread uses it at a time. Private to src/data. */
#ifndef THAW_DATA_RESIZE_H
#define THAW_DATA_RESIZE_H

#include "thaw/data/image.h"

/* A rectangle of pixels. */
struct region {
    int left, top, width, height;
};

/* box: x, y, width, height of the part of a width x height picture that becomes full_width x full_height; of those only
 * the window is made. */
struct resize_task {
    enum interpolation interpolation;
    int width, height;
    double box[4];
    int full_width, full_height;
    bool mirrored; /* left and right of the window change places */
    struct region window;
};

struct resizer;
struct resizer *resizer_create(void);
void resizer_destroy(struct resizer *resizer);

/* Works out the weights of a task; returns the region of the source that it looks at. */
struct region resizer_prepare(struct resizer *resizer, const struct resize_task *task) THAW_NONNULL;
/* The next rows of that region, at most RESIZE_ROWS, and fewer only at its end: each row from the region's first column
 * on. */
enum { RESIZE_ROWS = 4 };
void resizer_push(struct resizer *resizer, const uint8_t *const row[], int rows) THAW_NONNULL;
/* Once all rows are pushed: the window, rows `stride` bytes apart. */
void resizer_finish(struct resizer *resizer, uint8_t *to, size_t stride) THAW_NONNULL;
/* Pushes all rows of the region out of the whole source. */
void resizer_push_image(struct resizer *resizer, const struct image *from) THAW_NONNULL;

/* The part (x, y, w, h) of `from`, in fractional source pixels, resized to to->width x to->height: a triangle
 * or a cubic (Keys 1981) filter, widened when shrinking, in two 8-bit passes with 22-bit coefficients. Equal to Pillow's
 * Image.resize(BILINEAR or BICUBIC, box=...) to the bit. `to` is already created; the part lies within `from` and is
 * not empty. */
void image_resize(const struct image *from, enum interpolation interpolation, double x, double y, double w, double h,
                  struct image *to) THAW_NONNULL;

#endif
