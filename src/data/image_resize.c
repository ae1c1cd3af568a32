/* Pillow's Image.resize(BILINEAR) and (BICUBIC) to the bit: accuracy figures quoted for pretrained weights were measured on images
 * resized by it, and another filter moves them.
 *
 * Each output pixel is a weighted sum of the source pixels below a triangle (or a cubic of twice its reach) as wide as
 * the scale, but at least one pixel each way. Weights are computed in double, normalised, rounded to 22 fractional bits; rows are resized first,
 * into 8 bits, then columns. Positions are held in float, as Pillow holds them. */
#include "config.h"

#include <math.h>
#include <string.h>

#include "resize.h"
#include "thaw/base/mem.h"

enum { FRACTION_BITS = 22 };

/* The weights along one axis, for a window of the output positions: output i is the sum over k < count[i] of weight[i * width + k] * in[first[i] + k]. */
struct axis {
    int *first, *count, *weight;
    int width;
};

static double triangle(double x)
{
    x = fabs(x);
    return x < 1.0 ? 1.0 - x : 0.0;
}

/* Keys 1981, a = -1/2; the order of operations is Pillow's. */
static double cubic(double x)
{
    const double a = -0.5;
    x = fabs(x);
    if (x < 1.0)
        return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
    return x < 2.0 ? (((x - 5) * x + 8) * x - 4) * a : 0.0;
}

static const struct filter {
    double (*weight)(double x);
    double reach; /* pixels each way where nothing shrinks */
} filters[] = {{triangle, 1}, {cubic, 2}};
_Static_assert(THAW_LENGTH(filters) == INTERPOLATIONS, "one filter an interpolation");

/* One output position: its weights, normalised and rounded. `weight` is scratch of axis->width doubles. */
static void weigh(struct axis *axis, int i, int in, double centre, const struct filter *filter, double shrink,
                  double *weight)
{
    double support = filter->reach * shrink, stretch = 1.0 / shrink;
    int first = (int)(centre - support + 0.5), last = (int)(centre + support + 0.5);
    if (first < 0)
        first = 0;
    if (last > in)
        last = in;
    double sum = 0;
    for (int k = 0; k < last - first; k++) {
        weight[k] = filter->weight((k + first - centre + 0.5) * stretch);
        sum += weight[k];
    }
    int *rounded = axis->weight + (size_t)i * (size_t)axis->width;
    for (int k = 0; k < last - first; k++) {
        double w = sum != 0.0 ? weight[k] / sum : weight[k];
        rounded[k] = (int)((w < 0 ? -0.5 : 0.5) + w * (1 << FRACTION_BITS));
    }
    axis->first[i] = first;
    axis->count[i] = last - first;
}

/* `out` positions cover from..to of the source's `in` pixels; `count` of them from `start` on are looked at. */
static void axis_init(struct axis *axis, const struct filter *filter, int in, float from, float to, int out, int start,
                      int count)
{
    double scale = (double)(to - from) / out;
    double shrink = scale < 1.0 ? 1.0 : scale;
    axis->width = (int)ceil(filter->reach * shrink) * 2 + 1;
    axis->first = mem_array((size_t)count, sizeof(int));
    axis->count = mem_array((size_t)count, sizeof(int));
    axis->weight = mem_array((size_t)count * (size_t)axis->width, sizeof(int));
    double *weight = mem_array((size_t)axis->width, sizeof(double));
    for (int i = 0; i < count; i++)
        weigh(axis, i, in, from + (i + start + 0.5) * scale, filter, shrink, weight);
    mem_free(weight);
}

static void axis_finish(struct axis *axis)
{
    mem_free(axis->first);
    mem_free(axis->count);
    mem_free(axis->weight);
}

static inline uint8_t clip(int sum)
{
    int value = sum >> FRACTION_BITS;
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

typedef int lanes __attribute__((vector_size(16))); /* R, G, B, unused */

/* One row. `wide` is scratch of in_width lanes: spreading the pixels first makes each tap one multiply-add. */
THAW_SIMD static void resize_row(const uint8_t *in, int in_width, lanes *wide, const struct axis *axis, uint8_t *out,
                                 int out_width)
{
    for (int x = 0; x < in_width; x++, in += 3)
        wide[x] = (lanes){in[0], in[1], in[2], 0};
    for (int i = 0; i < out_width; i++, out += 3) {
        const int *weight = axis->weight + (size_t)i * (size_t)axis->width;
        const lanes *pixel = wide + axis->first[i];
        int half = 1 << (FRACTION_BITS - 1);
        lanes sum = {half, half, half, 0};
        for (int k = 0; k < axis->count[i]; k++)
            sum += pixel[k] * weight[k];
        for (int c = 0; c < 3; c++)
            out[c] = clip(sum[c]);
    }
}

/* One output row from `count` input rows, `stride` bytes apart; sum is scratch of `bytes` ints. */
THAW_SIMD static void blend_rows(const uint8_t *in, size_t stride, const int *weight, int count, int *restrict sum,
                                 uint8_t *restrict out, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        sum[i] = 1 << (FRACTION_BITS - 1);
    for (int k = 0; k < count; k++, in += stride) {
        int w = weight[k];
        for (size_t i = 0; i < bytes; i++)
            sum[i] += in[i] * w;
    }
    for (size_t i = 0; i < bytes; i++)
        out[i] = clip(sum[i]);
}

static void resize_window(const struct image *from, const struct axis *across, const struct axis *down,
                          const struct resize_window *window)
{
    int last = window->height - 1;
    int top = down->first[0], rows = down->first[last] + down->count[last] - top; /* the only rows looked at */
    size_t in_stride = (size_t)from->width * 3, stride = (size_t)window->width * 3;
    lanes *wide = (lanes *)mem_floats((size_t)from->width * 4);
    int *sum = mem_array(stride, sizeof(int));
    uint8_t *narrow = mem_array((size_t)rows, stride);
    for (int r = 0; r < rows; r++)
        resize_row(from->rgb + (size_t)(top + r) * in_stride, from->width, wide, across, narrow + (size_t)r * stride,
                   window->width);
    for (int r = 0; r < window->height; r++)
        blend_rows(narrow + (size_t)(down->first[r] - top) * stride, stride,
                   down->weight + (size_t)r * (size_t)down->width, down->count[r], sum,
                   window->rgb + (size_t)r * window->stride, stride);
    mem_free(narrow);
    mem_free(sum);
    mem_free_floats((float *)wide);
}

void image_resize_window(const struct image *from, enum interpolation interpolation, const double box[4],
                         int full_width, int full_height, const struct resize_window *window)
{
    struct axis across, down;
    const struct filter *filter = &filters[interpolation];
    axis_init(&across, filter, from->width, (float)box[0], (float)(box[0] + box[2]), full_width, window->left,
              window->width);
    axis_init(&down, filter, from->height, (float)box[1], (float)(box[1] + box[3]), full_height, window->top,
              window->height);
    resize_window(from, &across, &down, window);
    axis_finish(&across);
    axis_finish(&down);
}

void image_resize(const struct image *from, enum interpolation interpolation, double x, double y, double w, double h,
                  struct image *to)
{
    const double box[4] = {x, y, w, h};
    struct resize_window all = {
        .width = to->width, .height = to->height, .rgb = to->rgb, .stride = (size_t)to->width * 3};
    image_resize_window(from, interpolation, box, to->width, to->height, &all);
}
