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

/* The weights along one axis, for a window of the output positions: output i is the sum over k < count[i] of
 * weight[i * width + k] * in[first[i] + k]; first counts from the region's edge. */
struct axis {
    int *first, *count, *weight;
    double *scratch;
    int width, taps;           /* taps: the largest count; weights behind an output's own are zero */
    size_t room, scratch_room; /* weights, and doubles, there is memory for */
    int count_room;
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

/* One output position: its weights, normalised and rounded. */
static void weigh(struct axis *axis, int i, int in, double centre, const struct filter *filter, double shrink)
{
    double support = filter->reach * shrink, stretch = 1.0 / shrink, *weight = axis->scratch;
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
    for (int k = last - first; k < axis->width; k++)
        rounded[k] = 0;
    axis->first[i] = first;
    axis->count[i] = last - first;
    axis->taps = axis->taps < last - first ? last - first : axis->taps;
}

static void axis_reserve(struct axis *axis, int count)
{
    size_t weights = (size_t)count * (size_t)axis->width;
    if (count > axis->count_room) {
        axis->count_room = count;
        axis->first = mem_grow(axis->first, (size_t)count, sizeof(int));
        axis->count = mem_grow(axis->count, (size_t)count, sizeof(int));
    }
    if (weights > axis->room) {
        axis->room = weights;
        axis->weight = mem_grow(axis->weight, weights, sizeof(int));
    }
    if ((size_t)axis->width > axis->scratch_room) {
        axis->scratch_room = (size_t)axis->width;
        axis->scratch = mem_grow(axis->scratch, axis->scratch_room, sizeof(double));
    }
}

/* `out` positions cover from..to of the source's `in` pixels; `count` of them from `start` on are looked at, the last
 * first where mirrored. *begin and
 * *length: the pixels that these look at. */
static void axis_prepare(struct axis *axis, const struct filter *filter, int in, float from, float to, int out,
                         int start, int count, bool mirrored, int *begin, int *length)
{
    double scale = (double)(to - from) / out;
    double shrink = scale < 1.0 ? 1.0 : scale;
    axis->width = (int)ceil(filter->reach * shrink) * 2 + 1;
    axis->taps = 0;
    axis_reserve(axis, count);
    for (int i = 0; i < count; i++)
        weigh(axis, mirrored ? count - 1 - i : i, in, from + (i + start + 0.5) * scale, filter, shrink);
    int least = mirrored ? count - 1 : 0, most = count - 1 - least; /* the outputs at the ends of what is looked at */
    *begin = axis->first[least];
    *length = axis->first[most] + axis->count[most] - *begin;
    for (int i = 0; i < count; i++)
        axis->first[i] -= *begin;
}

static void axis_finish(struct axis *axis)
{
    mem_free(axis->first);
    mem_free(axis->count);
    mem_free(axis->weight);
    mem_free(axis->scratch);
}

/* --- the kernels --- */

enum { COLUMN = 4 * RESIZE_ROWS }; /* values of one pixel of as many rows as are pushed at once, four apiece */
enum { BLOCK = 64 };               /* bytes of a row that go through the second pass at once */
enum { SLACK = BLOCK }; /* bytes behind a narrow row that a whole block, or the fourth byte of a pixel, may touch */

typedef uint8_t bytes16 __attribute__((vector_size(16)));
typedef uint16_t shorts16 __attribute__((vector_size(32)));
typedef int ints16 __attribute__((vector_size(64)));

struct resizer {
    struct axis across, down;
    struct region region, window;
    uint8_t *column, *narrow; /* [columns][COLUMN], [rows][stride] */
    int *wide;                /* [columns][COLUMN] */
    size_t column_room, wide_room, narrow_room;
    int pushed; /* rows */
};

/* In two steps, for each of which there is an instruction. */
static inline void widen(const uint8_t *from, ints16 *to)
{
    bytes16 bytes;
    memcpy(&bytes, from, sizeof bytes);
    *to = __builtin_convertvector(__builtin_convertvector(bytes, shorts16), ints16);
}

static inline bytes16 clip(const ints16 *sum)
{
    ints16 value = *sum >> FRACTION_BITS;
    value &= value > 0;
    ints16 over = value > 255;
    return __builtin_convertvector((value & ~over) | (over & 255), bytes16);
}

/* Four rows side by side: the pixels R, G, B of each and a byte that counts for nothing. The fourth byte of a pixel is
 * the next one's first, so that a pixel is one load; the last pixel of a row has no next. */
static void interleave(const uint8_t *const row[RESIZE_ROWS], int width, uint8_t *column)
{
    for (int x = 0; x < width - 1; x++, column += COLUMN)
        for (int r = 0; r < RESIZE_ROWS; r++)
            memcpy(column + 4 * r, row[r] + 3 * (size_t)x, 4);
    for (int r = 0; r < RESIZE_ROWS; r++)
        memcpy(column + 4 * r, row[r] + 3 * (size_t)(width - 1), 3);
}

THAW_SIMD static void spread_bytes(const uint8_t *restrict from, int *restrict to, size_t count)
{
    for (size_t i = 0; i < count; i++)
        to[i] = from[i];
}

/* Each output pixel of four rows at once: a tap is one multiply-add of 16 lanes. Output rows are packed R, G, B: the
 * fourth byte goes where the next pixel follows. */
THAW_SIMD static void resize_rows(const int *wide, const struct axis *axis, int out_width, uint8_t *out, size_t stride)
{
    const int *weight = axis->weight, *first = axis->first;
    int taps = axis->taps, width = axis->width;
    for (int i = 0; i < out_width; i++, weight += width, out += 3) {
        const int *column = wide + (size_t)first[i] * COLUMN;
        ints16 sum = {0};
        sum += 1 << (FRACTION_BITS - 1);
        for (int k = 0; k < taps; k++, column += COLUMN) {
            ints16 pixel;
            memcpy(&pixel, column, sizeof pixel);
            sum += pixel * weight[k];
        }
        bytes16 done = clip(&sum);
        for (int r = 0; r < RESIZE_ROWS; r++)
            memcpy(out + (size_t)r * stride, (const uint8_t *)&done + 4 * r, 4);
    }
}

/* A block of an output row from `count` input rows. */
static inline void blend_block(const uint8_t *from, size_t stride, const int *weight, int count, uint8_t *out)
{
    ints16 sum[BLOCK / 16];
    for (int v = 0; v < BLOCK / 16; v++)
        sum[v] = (ints16){0} + (1 << (FRACTION_BITS - 1));
    for (int k = 0; k < count; k++, from += stride)
        for (int v = 0; v < BLOCK / 16; v++) {
            ints16 pixels;
            widen(from + 16 * v, &pixels);
            sum[v] += pixels * weight[k];
        }
    for (int v = 0; v < BLOCK / 16; v++) {
        bytes16 clipped = clip(&sum[v]);
        memcpy(out + 16 * v, &clipped, sizeof clipped);
    }
}

THAW_SIMD static void blend_rows(const uint8_t *in, size_t stride, const int *weight, int count, uint8_t *out,
                                 size_t bytes)
{
    size_t at = 0;
    for (; at + BLOCK <= bytes; at += BLOCK)
        blend_block(in + at, stride, weight, count, out + at);
    if (at < bytes) {
        uint8_t last[BLOCK];
        blend_block(in + at, stride, weight, count, last);
        memcpy(out + at, last, bytes - at);
    }
}

/* --- the resizer --- */

struct resizer *resizer_create(void)
{
    return mem_alloc(sizeof(struct resizer));
}

void resizer_destroy(struct resizer *resizer)
{
    if (!resizer)
        return;
    axis_finish(&resizer->across);
    axis_finish(&resizer->down);
    mem_free(resizer->column);
    mem_free(resizer->wide);
    mem_free(resizer->narrow);
    mem_free(resizer);
}

/* Nothing in the block is worth copying. */
static void *reserve(void *block, size_t *room, size_t count, size_t item)
{
    if (count <= *room)
        return block;
    mem_free(block);
    *room = count;
    return mem_array(count, item);
}

static size_t narrow_stride(const struct resizer *resizer)
{
    return (size_t)resizer->window.width * 3 + SLACK;
}

struct region resizer_prepare(struct resizer *resizer, const struct resize_task *task)
{
    const struct filter *filter = &filters[task->interpolation];
    const double *box = task->box;
    struct region *region = &resizer->region;
    resizer->window = task->window;
    resizer->pushed = 0;
    axis_prepare(&resizer->across, filter, task->width, (float)box[0], (float)(box[0] + box[2]), task->full_width,
                 task->window.left, task->window.width, task->mirrored, &region->left, &region->width);
    axis_prepare(&resizer->down, filter, task->height, (float)box[1], (float)(box[1] + box[3]), task->full_height,
                 task->window.top, task->window.height, false, &region->top, &region->height);
    size_t values = (size_t)region->width * COLUMN, padding = (size_t)resizer->across.taps * COLUMN;
    size_t rows = (size_t)region->height + RESIZE_ROWS - 1;
    resizer->column = reserve(resizer->column, &resizer->column_room, values, 1);
    resizer->wide = reserve(resizer->wide, &resizer->wide_room, values + padding, sizeof(int));
    resizer->narrow = reserve(resizer->narrow, &resizer->narrow_room, rows * narrow_stride(resizer), 1);
    return *region;
}

void resizer_push(struct resizer *resizer, const uint8_t *const row[], int rows)
{
    const uint8_t *four[RESIZE_ROWS];
    size_t stride = narrow_stride(resizer);
    for (int r = 0; r < RESIZE_ROWS; r++) /* behind the last row, the last again */
        four[r] = row[r < rows ? r : rows - 1];
    interleave(four, resizer->region.width, resizer->column);
    spread_bytes(resizer->column, resizer->wide, (size_t)resizer->region.width * COLUMN);
    resize_rows(resizer->wide, &resizer->across, resizer->window.width,
                resizer->narrow + (size_t)resizer->pushed * stride, stride);
    resizer->pushed += rows;
}

void resizer_finish(struct resizer *resizer, uint8_t *to, size_t stride)
{
    const struct axis *down = &resizer->down;
    size_t narrow = narrow_stride(resizer), bytes = (size_t)resizer->window.width * 3;
    for (int r = 0; r < resizer->window.height; r++, to += stride)
        blend_rows(resizer->narrow + (size_t)down->first[r] * narrow, narrow,
                   down->weight + (size_t)r * (size_t)down->width, down->count[r], to, bytes);
}

void resizer_push_image(struct resizer *resizer, const struct image *from)
{
    const struct region *region = &resizer->region;
    size_t stride = (size_t)from->width * 3;
    const uint8_t *first = from->rgb + (size_t)region->top * stride + (size_t)region->left * 3;
    for (int r = 0; r < region->height; r += RESIZE_ROWS) {
        const uint8_t *row[RESIZE_ROWS];
        int rows = region->height - r < RESIZE_ROWS ? region->height - r : RESIZE_ROWS;
        for (int k = 0; k < rows; k++, first += stride)
            row[k] = first;
        resizer_push(resizer, row, rows);
    }
}

void image_resize(const struct image *from, enum interpolation interpolation, double x, double y, double w, double h,
                  struct image *to)
{
    struct resizer *resizer = resizer_create();
    struct resize_task task = {.interpolation = interpolation,
                               .width = from->width,
                               .height = from->height,
                               .box = {x, y, w, h},
                               .full_width = to->width,
                               .full_height = to->height,
                               .window = {.width = to->width, .height = to->height}};
    resizer_prepare(resizer, &task);
    resizer_push_image(resizer, from);
    resizer_finish(resizer, to->rgb, (size_t)to->width * 3);
    resizer_destroy(resizer);
}
